// Civil time and ISO 8601, in UTC, proleptic Gregorian, years 0001 to 9999. Pure; any thread.
#pragma once

#include "core/str.h"

enum { TIMESTAMP_TEXT_MAX = 32 };

// Days since 1970-01-01.
int64_t days_from_civil(int64_t year, int month, int day);
void civil_from_days(int64_t days, int64_t *ret_year, int *ret_month, int *ret_day);

// "YYYY-MM-DDTHH:MM:SS.mmmZ" for ms since the epoch, NUL-terminated; false outside years 1..9999.
bool timestamp_format(int64_t ms, char out[TIMESTAMP_TEXT_MAX]);
// "YYYY-MM-DD"
bool date_format(int64_t days, char out[TIMESTAMP_TEXT_MAX]);
// ISO 8601 with 'T' or ' ', optional seconds and fraction (cut to ms), 'Z' or +hh:mm or nothing
// (UTC); also a date alone (midnight). The whole slice must match.
bool timestamp_parse(struct str s, int64_t *ret_ms);
// "YYYY-MM-DD", whole slice.
bool date_parse(struct str s, int64_t *ret_days);
