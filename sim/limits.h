// The rate limits of an account: general burst window, searches per second, calls per day.
//
// A call that is refused does not fill a window: what HubSpot does is not documented, and otherwise
// a client that hammers would never get out. The day ends at midnight in the account's time zone.
// Thread-safe.
#pragma once

#include "core/clock.h"
#include "sim/call.h"

#include <pthread.h>

enum rate_class { RATE_GENERAL, RATE_SEARCH };

struct limits_options {
    uint64_t general; // calls per window; 0: no limit
    int64_t general_ms;
    uint64_t search; // 0: no limit
    int64_t search_ms;
    uint64_t daily; // 0: no limit
    int64_t utc_offset_ms;
};

struct limits;

struct limits *limits_create(const struct limits_options *options, const struct clock *clock);
void limits_destroy(struct limits *l);
void limits_clear(struct limits *l);
// Counts the call. When it is refused, fills the response with the 429 and returns false. Sets the
// rate-limit headers (searches have none).
bool limits_admit(struct limits *l, struct call *call, enum rate_class rate);
// Calls that came, refused ones included: highest count in any window, and refusals.
struct limits_report {
    uint64_t peak_general; // in any 10 s
    uint64_t peak_search;  // in any 1 s
    uint64_t refused_general;
    uint64_t refused_search;
    uint64_t refused_daily;
    uint64_t today;
    int64_t day_ends_ms;
};
struct limits_report limits_report(struct limits *l);
