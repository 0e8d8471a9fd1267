// Bodies of type application/x-www-form-urlencoded. One thread: the call's.
#pragma once

#include "sim/call.h"

// Is the body of that type?
bool form_given(const struct call *c);
// The first field of that name, decoded, in the call's arena; ptr NULL when absent.
struct str form_field(const struct call *c, const char *name);
// All fields of that name, separated by spaces.
struct str form_fields(const struct call *c, const char *name);
