// A model of HubSpot's own counters in virtual time, with streams that call and other programs that
// do: what a budget is tested against.
#pragma once

#include "check.h"

#include "core/random.h"
#include "hubspot/budget.h"

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define SPAN   (10 * SECOND)
#define NEVER  INT64_MAX

enum { STREAMS_MAX = 24, FLYING_MAX = 8, EVENTS_MAX = 1024, TIMES_MAX = 1 << 19 };

struct times {
    int64_t *at;
    size_t n;
};

enum event_kind { EVENT_ASK, EVENT_ARRIVE, EVENT_ANSWER, EVENT_OTHER, EVENT_SCENE };

struct event {
    int64_t at_us;
    uint64_t order; // of those at one instant
    enum event_kind kind;
    int stream, call;
};

struct flight {
    bool used;
    struct budget_ticket ticket;
    int64_t remaining, daily_remaining;
    bool refused;
    enum budget_policy policy;
};

struct stream {
    int member;
    struct budget *budget;
    enum budget_priority priority;
    enum budget_class class;
    int64_t think_us; // between an answer and the next call, on average; 0: none
    bool asking;
    int64_t wanted_us; // since when it has waited for the call at hand
    int64_t longest_wait_us;
    int64_t sent;
    struct flight calls[FLYING_MAX];
};

struct world {
    struct random random;
    struct budget *budget;
    int64_t max, daily; // HubSpot's limits; daily 0: none
    double share;
    int64_t way_least_us, way_most_us; // one way
    int64_t wall_ms;                   // at monotonic 0
    int64_t other_every_us;            // others call so often; 0: not at all
    int64_t other_burst;               // so many at once
    bool other_on;
    int n_streams, flying_max;
    struct stream streams[STREAMS_MAX];
    struct event events[EVENTS_MAX];
    size_t n_events;
    uint64_t order;
    struct times sent;    // ours, by the time of sending
    struct times ours;    // ours, by the time of arrival
    struct times counted; // everybody's admitted, by the time of arrival
    size_t counted_from;  // first one in HubSpot's window
    int64_t today;
    int64_t midnights_us[8]; // when HubSpot's day ends
    int midnight;
    int64_t refused, refused_for_day, others, others_refused;
    int64_t day_wait_us; // the longest wait that was announced for the day
    void (*scene)(struct world *w, int64_t now_us);
    int64_t now_us;
};

// How many lie in (from, to].
int64_t times_in(const struct times *l, int64_t from, int64_t to);
// The highest count in any window that ends between two instants.
int64_t times_peak(const struct times *l, int64_t span, int64_t from, int64_t to);
// One account whose streams are backfills that always want to call, 20 to 400 ms away.
struct world *world_make(uint64_t seed, int64_t max, double share, int n_streams);
void world_destroy(struct world *w);
void world_run(struct world *w, int64_t end_us); // may be called again to go on
int64_t world_share(const struct world *w);
