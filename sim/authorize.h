// From a call's token to who makes it. One thread: the call's.
#pragma once

#include "sim/call.h"

// Fills c->caller; answers 401 and returns false when the token is none, or none that is good.
bool authorize(struct call *c) MUST_CHECK;
