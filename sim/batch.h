// What the endpoints that take {"inputs":[...]} share.
#pragma once

#include "sim/call.h"

// The inputs array; false after a 400 when it is missing, empty or longer than `most`.
bool batch_inputs(struct call *c, size_t most, struct json *ret) MUST_CHECK;
// Writes {"status":"COMPLETE", startedAt, completedAt and opens "results":[ .
void batch_begin(struct call *c);
// The names in an array of strings as one comma list, in the arena.
struct str batch_names(struct call *c, struct json array);
