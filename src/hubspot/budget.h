// What this program may ask of one HubSpot account: pure logic over a clock that the caller reads.
//
// Three limits at once: the app's rolling window (usually ten seconds), the account's searches per
// second, and the day. Limits are learned from HubSpot's X-HubSpot-RateLimit-* headers; of each
// only a share (0.80 by default) is used, less what others are seen to use through `Remaining`.
// Search answers carry no headers: its limit is a setting. A server that sends no limit headers is
// not limited by window until it answers 429; from then on the smallest limit that HubSpot
// documents (100 in 10 s) is assumed.
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
    BUDGET_WAIT_DAY,     // the share of the day is used; until midnight in the account's time zone
    BUDGET_WAIT_REFUSED, // HubSpot answered 429: the whole account pauses
    BUDGET_WAIT_COUNT
};
const char *budget_wait_name(enum budget_wait w); // "window", "search limit", ...

struct budget_options {
    double share;          // 0 < share <= 1
    int search_per_second; // HubSpot documents 5 for every account
    uint64_t seed;         // of the jitter
};

// What an answer says about limits; -1 where a header is absent.
struct budget_answer {
    enum budget_class class;
    int64_t sent_us; // when its request was sent
    int64_t now_us;
    int64_t wall_ms;
    int64_t max, remaining, interval_ms;
    int64_t daily, daily_remaining;
    bool refused;           // 429
    bool refused_for_day;   // 429 with policy DAILY
    int64_t retry_after_ms; // -1: not sent
};

struct budget_view {
    int64_t window_max, window_allowed, window_used, window_foreign; // calls; max -1: unknown
    int64_t daily_max, daily_allowed, daily_used;                    // -1: unknown
    uint64_t sent, refused;                                          // since creation
};

struct budget *budget_create(const struct budget_options *options);
void budget_destroy(struct budget *b); // takes NULL
// The account's offset from UTC, to know its midnight.
void budget_set_utc_offset(struct budget *b, int64_t offset_ms);
// Asks to send one call now. BUDGET_GO counts it; otherwise *ret_until_us says when to ask again.
enum budget_wait budget_take(struct budget *b, enum budget_class class, int64_t now_us,
                             int64_t wall_ms, int64_t *ret_until_us);
// A call that was taken has ended, with an answer or without; once for each.
void budget_ended(struct budget *b, enum budget_class class, int64_t now_us);
// When a call of this class could go at the earliest, without taking it; now_us when at once.
int64_t budget_earliest(struct budget *b, enum budget_class class, int64_t now_us, int64_t wall_ms);
void budget_learn(struct budget *b, const struct budget_answer *a);
// Calls per second that the window's share sustains; 0 when not limited or not known.
double budget_rate(struct budget *b);
void budget_look(struct budget *b, int64_t now_us, struct budget_view *ret);
