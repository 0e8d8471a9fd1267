// What the files of the scheduler and its workers share. Internal to the engine.
//
// engine.c     starts, stops, and the thread that goes through the steps when they are due
// scheduler.c  due syncs become runs
// dispatch.c   runs that may start are taken and given to workers; leases go back
// beat.c       leases, heartbeat, progress, budgets
// workers.c    the threads that run one stream each
// pause.c      a connection whose credential is dead
//
// The engine's thread has one handle of the store, from a pool of its own (so that workers never
// keep it waiting); workers borrow from another.
#pragma once

#include "engine/engine.h"
#include "engine/task.h"
#include "store/leases.h"

#include <pthread.h>

enum {
    ENGINE_MAGIC = 0x656e6769,
    LEASE_MARGIN_MS = 2000,      // no commit is begun this close to the end of a lease
    STORE_HANDLES = 4,           // that workers share
    STEP_ARENA_MAX = 64 << 20,   // one pass of one step
    CLAIM_ARENA_MAX = 64 * 1024, // what a slot keeps of its claim
    BUSY_WAIT_FIRST_MS = 200,    // between two tries while the store fails
    BUSY_WAIT_MAX_MS = 5000,
};

// A worker thread and what it runs. `task` and what stands below it are guarded by engine.lock.
struct slot {
    struct engine *engine;
    pthread_t thread;
    pthread_cond_t given;
    struct arena arena;
    struct run_claim claim;  // texts of `run` and `lease` only, in `arena`
    struct task *task;       // NULL: idle
    bool told;               // to stop
    bool lost;               // somebody else has the run
    uint64_t records, bytes; // at the last look
};

struct held_lease {
    char name[65];
};

// The calls and so on of one connection when they were looked at last.
struct seen_budget {
    uint64_t connection; // str_hash
    int64_t calls, retries, refused;
};

struct engine {
    uint32_t magic;
    struct arena arena; // texts of `options`
    struct engine_options options;
    struct cancel cancel;      // ends waits for the store
    struct store_pool *own;    // one handle, the engine thread's
    struct store_pool *shared; // the workers'
    struct task_pool *tasks;
    struct slot *slots; // options.workers
    size_t n_threads;   // slots that have one
    pthread_t thread;   // the engine's
    bool has_thread;
    int64_t started_ms;
    int64_t busy_wait_ms; // the store fails; 0: it does not
    // The engine thread's own.
    int64_t *due_us; // one a step, monotonic
    struct held_lease *leases;
    size_t n_leases;
    int64_t wall_ms, mono_us; // at the last look
    struct seen_budget *seen;
    size_t n_seen;

    pthread_mutex_t lock;   // guards what follows, and the slots
    pthread_cond_t changed; // something was asked for, a worker is done, it stops
    bool woken;
    bool stopping;        // nothing new
    bool ending;          // threads end
    bool left;            // the engine thread has ended
    int64_t confirmed_us; // leases were good at that instant, monotonic
    struct engine_figures figures;
};

// ---- engine.c: also for tests, which go through the steps themselves

// As engine_start, without the thread.
bool engine_open(const struct engine_options *options, struct engine **ret,
                 struct error *err) MUST_CHECK;
// Goes once through the steps that are due. False: the store failed.
bool engine_pass(struct engine *e);
// Renews the leases if it is time; long steps call it between their parts.
bool engine_keep_alive(struct engine *e, struct store *s, struct error *err) MUST_CHECK;

// ---- steps: true when done. `*ret_again`: there is more to do at once

struct step_call {
    struct store *store;
    struct arena *arena; // for this call
    bool again;          // there is more to do: the step is due at once
};
typedef bool engine_step(struct engine *e, struct step_call *call, struct error *err);

bool engine_beat(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;
bool engine_progress(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;
bool engine_budgets(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;
bool engine_reclaim(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;
bool engine_schedule(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;
bool engine_mend(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;
bool engine_dispatch(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;
bool engine_release(struct engine *e, struct step_call *call, struct error *err) MUST_CHECK;

// ---- workers.c

bool workers_start(struct engine *e, struct error *err) MUST_CHECK;
// Ends the threads; all must be idle.
void workers_end(struct engine *e);
size_t workers_busy(struct engine *e);
// Gives the claim to an idle worker; there must be one. False: the run is being executed here.
bool workers_give(struct engine *e, const struct run_claim *claim);
// Adds to the figures what the run has moved since the last look. The lock is held.
void workers_count(struct slot *slot, const struct stream_run_row *row);
// Asks all to stop, to be gone on with.
void workers_stop(struct engine *e);
// Real time, monotonic: waits for other threads do not end because a clock stands still.
int64_t engine_real_ms(void);
// Waits at most so long. The lock is held.
void engine_wait_on(pthread_cond_t *cond, struct engine *e, int64_t ms);
// Waits until somebody wakes the engine, as a worker that is done does, or `ms` have passed.
void workers_wait(struct engine *e, int64_t ms);
// Waits until none is busy. False: one still is at that time (engine_real_ms).
bool workers_settle(struct engine *e, int64_t until_ms);
// What task_pool_options.may_commit asks.
bool workers_may_commit(void *engine, struct str lease, int64_t fence);

// ---- pause.c

// When this is how a run with a dead credential ends, its connection is paused: state, event, log.
bool pause_connection(struct engine *e, struct store *s, const struct stream_run_row *run,
                      struct error *err) MUST_CHECK;
