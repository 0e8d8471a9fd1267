// The part of the server that works: a scheduler that turns due syncs into runs, and workers that
// execute them. All it knows is in the store, so processes that share a store share the work, and a
// process that is killed is replaced by any other.
//
// One thread schedules, renews leases, writes progress and budgets of what runs here, takes over
// from workers that are gone and forgets what is old; `workers` threads run one stream each. A
// DELAYED or RETRYING run holds no thread. Threads: start, stop from one; wake and figures from
// any.
#pragma once

#include "core/log.h"
#include "hubspot/request_log.h"
#include "store/store.h"

struct engine;

struct engine_options {
    struct store_options store; // one handle for the engine's thread, a few that workers share
    struct str key_file;
    struct str worker;    // this process's id among those that share the store; unique
    size_t workers;       // runs at once; 0: only schedule
    bool schedule;        // false: only work
    struct str time_zone; // of sync_interval and midnight where a sync says nothing; empty: UTC
    struct str state_directory; // where processes of this machine share budgets; the data directory
    const struct clock *clock;
    const struct log *log;
    const struct request_log *request_log; // may be NULL
};

bool engine_start(const struct engine_options *options, struct engine **ret,
                  struct error *err) MUST_CHECK;
// Something was asked for: looks at the store at once instead of at the next tick (1 s).
void engine_wake(struct engine *e);
// Takes nothing new, asks what runs to stop at its next commit, waits at most `max_ms`, gives back
// what was interrupted (another goes on with it), releases leases, ends the threads, frees. What
// does not stop in time is left to be reclaimed. Takes NULL.
void engine_stop(struct engine *e, int64_t max_ms);

struct engine_figures {
    uint64_t started, completed, failed, retried, delayed, reclaimed; // runs, since the start
    uint64_t records, bytes, calls, retries, refused;
    int64_t running;
    int64_t workers;
    int64_t lateness_ms;     // of the run that was started last: after it could have been
    int64_t lateness_max_ms; // since the start
    double run_seconds_sum;  // of runs that ended
};
void engine_figures(struct engine *e, struct engine_figures *ret);
