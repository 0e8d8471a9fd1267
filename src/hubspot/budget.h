// What this program may ask of one HubSpot account: pure logic over a clock that the caller reads.
//
// Limits at once: the app's rolling window (usually ten seconds), the account's searches per
// second, the associations' own window and day, and the day. Limits are learned from HubSpot's
// X-HubSpot-RateLimit-* headers; of each only a share (0.80 by default) is used, less what others
// are seen to use through `Remaining`. Search answers carry no headers: its limit is a setting, and
// is lowered for a while when HubSpot refuses one. A server that sends no limit headers is not
// limited by window until it answers 429; from then on the smallest limit that HubSpot documents
// (100 in 10 s) is assumed. While nothing has been heard for a while, only a few calls go ahead of
// their answers.
//
// Who goes first: calls have a priority; higher ones have a reserve that lower ones leave free, and
// among equals the members (one a stream) take turns. The state holds no pointers: it lives in
// memory of one process, or in a file that all processes of a machine map (budget_share.h).
//
// Sources: HubSpot's usage guidelines (limits, headers, daily reset at midnight in the account's
// time zone), the search and the associations guide (their own limits).
//
// Times are monotonic microseconds, except where a name says wall. Thread-safe: one lock inside,
// never held while waiting.
#pragma once

#include "core/base.h"
#include "hubspot/endpoints.h"

struct budget;

enum budget_wait {
    BUDGET_GO,           // may be sent now (and has been counted)
    BUDGET_WAIT_WINDOW,  // the share of the rolling window is used
    BUDGET_WAIT_SEARCH,  // the share of the searches per second is used
    BUDGET_WAIT_ASSOC,   // the share of the associations' own window or day is used
    BUDGET_WAIT_FIRST,   // nothing is known of the window until a call on its way is answered
    BUDGET_WAIT_TURN,    // others with a better claim take this slot
    BUDGET_WAIT_DAY,     // the share of the day is used; until midnight in the account's time zone
    BUDGET_WAIT_REFUSED, // HubSpot answered 429: the whole account pauses
    BUDGET_WAIT_RETRY,   // not the budget's: a call that failed is repeated after a while
    BUDGET_WAIT_COUNT
};
const char *budget_wait_name(enum budget_wait w); // "HubSpot's rate limit", ...

// Best first. Each leaves a reserve to those before it: in the window a little always and more
// while they have been asking, and a part of the day.
enum budget_priority {
    BUDGET_INTERACTIVE, // somebody waits for the answer
    BUDGET_WRITE,
    BUDGET_INCREMENTAL,
    BUDGET_BACKFILL,
    BUDGET_PRIORITY_COUNT
};
const char *budget_priority_name(enum budget_priority p); // "interactive", ...

struct budget_options {
    double share;          // 0 < share <= 1
    int search_per_second; // HubSpot documents 5 for every account
    int64_t daily_limit;   // configured, for accounts whose answers do not say; 0: none
    uint64_t app;          // which app calls: each has a window of its own; any number
    uint64_t seed;         // of the jitter
};

struct budget *budget_create(const struct budget_options *options);
void budget_destroy(struct budget *b); // takes NULL
// The account's time zone (IANA name), for its midnight; `offset_ms` from UTC is used when the name
// is unknown here. A day that has ended by the old reckoning is over.
void budget_set_zone(struct budget *b, struct str name, int64_t offset_ms, int64_t wall_ms);

// One who takes turns with others, usually a stream. Never fails: when there are very many, some
// share a place.
int budget_join(struct budget *b);
void budget_leave(struct budget *b, int member);

struct budget_ask {
    int member;
    enum budget_class class;
    enum budget_priority priority;
    int64_t now_us;
    int64_t wall_ms;
};

// A call that was let go; handed back with its answer.
struct budget_ticket {
    int member;
    enum budget_class class;
    int64_t sent_us;
    int64_t flying; // calls of this app under way when it was sent
};

// Asks to send one call now. BUDGET_GO counts it and fills the ticket; otherwise *ret_until_us says
// when to ask again, which is a promise to do so: the turn of who does not come is given away.
enum budget_wait budget_take(struct budget *b, const struct budget_ask *ask,
                             struct budget_ticket *ret, int64_t *ret_until_us);
// The call of this ticket has ended, with an answer or without; once for each.
void budget_ended(struct budget *b, const struct budget_ticket *ticket, int64_t now_us);
// When such a call could go at the earliest, without taking it; now_us when at once.
int64_t budget_earliest(struct budget *b, const struct budget_ask *ask);

enum budget_policy { POLICY_UNKNOWN, POLICY_ROLLING, POLICY_SECONDLY, POLICY_DAILY };
// By `policyName` of a 429: "TEN_SECONDLY_ROLLING", "SECONDLY", "DAILY".
enum budget_policy budget_policy_parse(struct str name);

// What an answer says about limits; -1 where a header is absent.
struct budget_answer {
    struct budget_ticket ticket;
    int64_t now_us;
    int64_t wall_ms;
    int64_t max, remaining, interval_ms;
    int64_t daily, daily_remaining;
    bool refused; // 429
    enum budget_policy policy;
    int64_t retry_after_ms; // -1: not sent
};
void budget_learn(struct budget *b, const struct budget_answer *a);
// The day's figures from HubSpot's usage endpoint, for answers without daily headers.
void budget_set_day(struct budget *b, int64_t limit, int64_t used, int64_t wall_ms);

// Calls per second that the window's share sustains; 0 when not limited or not known.
double budget_rate(struct budget *b);

struct budget_view {
    int64_t window_max, window_allowed, window_used, window_foreign; // calls; max -1: unknown
    int64_t daily_max, daily_allowed, daily_used;                    // -1: unknown
    int64_t day_ends_wall_ms;                                        // 0: unknown
    uint64_t sent, refused;                                          // since creation
};
void budget_look(struct budget *b, int64_t now_us, struct budget_view *ret);
