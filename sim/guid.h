// Ids of the form xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx from a number. Pure.
#pragma once

#include "core/arena.h"

struct str guid_make(struct arena *arena, uint64_t n);
