// The rate limits of an account: a burst window of each app, searches per second, associations,
// calls per day, and the token endpoint.
//
// A call that is refused does not fill a window: what HubSpot does is not documented, and otherwise
// a client that hammers would never get out. The day ends at midnight in the account's time zone.
// All may be changed at any time. Thread-safe. Further accounts (struct app's `account`) have
// windows of their own, with the same limits.
#pragma once

#include "core/clock.h"
#include "sim/apps.h"
#include "sim/call.h"
#include "sim/foreign.h"
#include "sim/rate_class.h"

struct rate {
    uint64_t calls; // 0: no limit
    int64_t ms;
};

struct limits_options {
    struct rate general;      // of each private app
    struct rate oauth;        // of each OAuth app
    struct rate search;       // of the account
    struct rate associations; // of the account
    struct rate token;        // of each app at the token endpoint
    uint64_t daily;           // of all private apps; 0: no limit
    uint64_t associations_daily;
    bool marketplace;      // private apps are treated like OAuth apps: no day, fewer headers
    bool retry_after;      // say in a 429 when to come back
    bool category_body;    // 429 bodies with a category instead of errorType and policyName
    struct str time_zone;  // IANA; lives longer than the limits
    int64_t utc_offset_ms; // where the time zone is not known to this machine
};

struct limits;

struct limits *limits_create(const struct limits_options *options, const struct clock *clock);
void limits_destroy(struct limits *l);
void limits_clear(struct limits *l); // counts and windows, not the limits
struct limits_options limits_options(struct limits *l);
void limits_set_options(struct limits *l, const struct limits_options *options);
// A limit of one app's own instead of what holds for its kind.
void limits_set_app(struct limits *l, const struct app *app, const struct rate *burst);
// Somebody else who uses the private app's token.
void limits_set_foreign(struct limits *l, const struct foreign *f);
// Counts the call. When it is refused, fills the response with the 429 and returns false. Sets the
// rate-limit headers (searches have none).
bool limits_admit(struct limits *l, struct call *call, enum rate_class rate);
// The same for a call of the token endpoint.
bool limits_admit_token(struct limits *l, struct call *call, const struct app *app);

// Policies as 429 bodies name them.
enum limits_policy { POLICY_BURST, POLICY_SECOND, POLICY_DAY, LIMITS_POLICIES };
const char *limits_policy_name(enum limits_policy p);
// A 429 with that policy's body, out of turn.
void limits_refuse(struct limits *l, struct call *call, enum limits_policy p);

// Calls that came, refused ones included: highest count in any window, and refusals.
struct limits_report {
    uint64_t peak_general; // of all apps in any 10 s
    uint64_t peak_search;  // in any 1 s
    uint64_t refused_general;
    uint64_t refused_associations;
    uint64_t refused_search;
    uint64_t refused_token;
    uint64_t refused_daily;
    uint64_t today; // of the first account
    uint64_t foreign_admitted;
    uint64_t foreign_refused;
    int64_t day_ends_ms;
    int64_t utc_offset_ms;
};
struct limits_report limits_report(struct limits *l);
struct limits_app_report {
    uint64_t calls;     // admitted
    uint64_t refused;   // by any limit
    uint64_t today;     // those that count for the day, others' with the same token included
    uint64_t peak;      // in any 10 s, refused ones included
    uint64_t in_window; // admitted, just now, those of others with the same token included
    struct rate burst;
};
struct limits_app_report limits_app_report(struct limits *l, const struct app *app);
