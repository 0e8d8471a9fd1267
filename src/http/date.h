// Dates as HTTP headers write them (RFC 9110, 5.6.7). Pure; any thread.
#pragma once

#include "core/str.h"

// "Sun, 06 Nov 1994 08:49:37 GMT" and the two obsolete forms "Sunday, 06-Nov-94 08:49:37 GMT" and
// "Sun Nov  6 08:49:37 1994", whole slice; milliseconds since the epoch. The day of the week is not
// checked. A year of two digits lies between 1970 and 2069.
bool http_date_parse(struct str s, int64_t *ret_ms);
