// Five-field cron expressions in a time zone.
//
// Fields: minute 0-59, hour 0-23, day of month 1-31, month 1-12 or JAN-DEC, day of week 0-7 or
// SUN-SAT (0 and 7 are Sunday); each `*`, numbers, ranges a-b, lists a,b, steps */n, a-b/n and a/n
// (a to the end). When day of month and day of week are both restricted, either matches; one that
// begins with `*` does not restrict, so then both must match (as in Vixie cron). Also @hourly
// @daily @midnight @weekly @monthly @yearly @annually.
//
// Where clocks change. Set forward: times that do not exist fire at the instant of the change, all
// of them once; but not when every hour matches, for then the next hour has its own. Set back:
// times that come twice fire the first time only, unless minute or hour begins with `*`, which
// goes on by elapsed time (every hour stays every hour). Pure; any thread.
#pragma once

#include "core/error.h"
#include "core/str.h"

enum { CRON_TEXT_MAX = 256 };

struct cron {
    uint64_t minutes; // bit per value
    uint32_t hours, days, months, weekdays;
    bool any_day, any_weekday;   // the field began with `*`
    bool free_minute, free_hour; // the field began with `*`: goes on through changes of clocks
};
// Errors: CONFIG, which names the field, what was found and what may stand there; also for dates
// that never come (30 February).
bool cron_parse(struct str text, struct cron *ret, struct error *err) MUST_CHECK;
// The first tick after `after_ms` in the zone (IANA name; empty: UTC). False when there is none
// before the year 9999 or the zone is unknown.
bool cron_next(const struct cron *c, struct str zone, int64_t after_ms, int64_t *ret_ms) MUST_CHECK;
