// The fields of a body of the admin API, read by a table of settings. One thread: the call's.
#pragma once

#include "core/settings.h"
#include "sim/call.h"

// Sets the fields of *target that the body has, and leaves the others; a list of texts becomes one
// text with spaces between. Rows have no defaults. The error names the field.
bool admin_fields_read(struct call *c, const struct setting *rows, size_t n, void *target,
                       struct settings *ret, struct error *err) MUST_CHECK;
// Answers with the error; returns false.
bool admin_fail(struct call *c, const struct error *err);
