// The limits among the options. Used by options.c only.
#pragma once

#include "sim/options.h"

// From texts and tier to o->limits and o->foreign.
bool options_fill_limits(struct options *o, struct error *err) MUST_CHECK;
