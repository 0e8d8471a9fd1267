// The budget's state, for its own files only: plain data without pointers, so that it may lie in
// memory that several processes map.
#pragma once

#include "core/random.h"
#include "hubspot/budget.h"
#include "hubspot/send_times.h"

#include <pthread.h>

enum {
    BUDGET_APPS_MAX = 8,
    BUDGET_MEMBERS_MAX = 256,
    BUDGET_ZONE_MAX = 64,
    BUDGET_MS = 1000, // microseconds
    // What was heard longer ago than this part of a window may have changed.
    BUDGET_STALE_PART = 10,
};

// Who takes turns with whom.
enum budget_lane { LANE_WINDOW, LANE_SEARCH, LANE_COUNT };

// A wish that had to wait.
struct budget_claim {
    bool waiting;
    enum budget_priority priority;
    int64_t promised_us; // when its owner will ask again
    uint64_t turn;       // the smaller, the less its owner has had
};

struct budget_member {
    int32_t pid; // 0: free
    int32_t app;
    int64_t flying_window, flying_search;
    struct budget_claim claims[LANE_COUNT];
};

// Calls in this and the last span of time: how busy a priority is.
struct budget_recent {
    int64_t span; // number of the span
    int64_t n, before_n;
};

// What one app may do: each has a window of its own.
struct budget_app {
    bool used;
    uint64_t key;
    int64_t flying; // of the window, under way
    int64_t max;    // of the window; -1: unknown (no headers seen)
    int64_t interval_us;
    double foreign;        // calls of others in the window, as last seen
    int64_t foreign_at_us; // when an answer last said
    int64_t heard_us;      // when an answer of the window last came
    int64_t general_us;    // when one that was no association's last told the limits
    bool daily;            // its calls count against the account's day
    struct budget_recent recent[BUDGET_PRIORITY_COUNT];
    uint64_t turn;
    // Large, and last: a place that nobody uses costs a process no memory.
    struct send_times window; // all but searches
    struct send_times assoc;  // of those, associations
};

struct budget_day {
    int64_t max; // -1: unknown
    int64_t used;
    int64_t assoc_used;
    int64_t began_wall_ms, ends_wall_ms; // 0: not known yet
    int64_t heard_wall_ms;               // when an answer last told
    int64_t blocked_until_wall_ms;       // a 429 for the day
    int64_t wake_jitter_ms;              // not all wake at the same instant of midnight
};

struct budget_state {
    pthread_mutex_t lock;
    struct random random;
    int64_t search_flying; // sent and not ended
    int64_t search_cut;    // taken off the limit after refusals
    int64_t search_cut_until_us;
    uint64_t search_turn;
    struct budget_day day;
    char zone[BUDGET_ZONE_MAX];
    uint32_t zone_len;
    bool zone_known; // the name, or else the offset
    int64_t utc_offset_ms;
    int64_t paused_until_us;
    int32_t refused_streak;
    uint64_t sent, refused;
    int64_t swept_us;
    int32_t members_used; // places from the first to the last that was ever taken
    struct budget_member members[BUDGET_MEMBERS_MAX];
    struct send_times search;
    struct send_times search_done; // when searches ended
    struct budget_app apps[BUDGET_APPS_MAX];
};
// A kernel maps 64 KiB of a file when one page of them is read, and hundreds of accounts may be
// open in one process: what all use lies in the first of those.
_Static_assert(offsetof(struct budget_state, apps) + sizeof(struct budget_app) < 65000,
               "an account with one app needs more than 64 KiB");

struct budget {
    struct budget_state *state;
    struct budget_options options;
    int app;       // which of state->apps is ours
    void *mapping; // that the state lies in; NULL: private memory
    size_t mapped; // its bytes
};

void budget_state_init(struct budget_state *s, uint64_t seed);
// A handle on a state that is there; `mapping` and `mapped` as in struct budget.
struct budget *budget_attach(struct budget_state *s, void *mapping, size_t mapped,
                             const struct budget_options *options);
void budget_lock(struct budget *b);
void budget_unlock(struct budget *b);
static inline struct budget_app *budget_app_of(const struct budget *b)
{
    return &b->state->apps[b->app];
}
int64_t budget_share_of(const struct budget *b, int64_t limit);
// All below: lock held.
// Gives up the places of processes that were killed, every few seconds.
void budget_sweep(struct budget *b, int64_t now_us);
// Others' calls in the window, as far as is known; less by and by when nothing is heard.
int64_t budget_foreign(const struct budget_app *a, int64_t now_us);
// The day's limit for our app; -1: none known.
int64_t budget_day_max(const struct budget *b);
// A new day begins when its time has come.
void budget_day_roll(struct budget *b, int64_t wall_ms);
// When the day lets a call of this priority go.
int64_t budget_day_free_at(const struct budget *b, enum budget_priority priority, int64_t wall_ms);
// Until when a day is spent that HubSpot told at `told_wall_ms` to be so: its end, or soon after
// midnight a minute, and where the time zone is not known a quarter of an hour.
int64_t budget_day_spent_until(const struct budget_state *s, int64_t told_wall_ms, int64_t wall_ms);
// When the associations' own day does.
int64_t budget_assoc_day_free_at(const struct budget *b, int64_t wall_ms);
