#include "core/wait.h"
#include "core/zone.h"
#include "engine/engine_internal.h"
#include "store/bridges.h"
#include "store/idempotency.h"

enum {
    PASS_MS = 1000,        // the engine looks at least so often
    DRAIN_LOOK_MS = 100,   // between two looks at what still runs
    LAST_MOMENT_MS = 2000, // for what waits for the store when there is no more time
};
#define SECOND_US INT64_C(1000000)

// ---- small steps

static bool tidy(struct engine *e, struct step_call *call, struct error *err)
{
    (void)call;
    (void)err;
    task_pool_tidy(e->tasks);
    return true;
}

static bool forget_old(struct engine *e, struct step_call *call, struct error *err)
{
    (void)e;
    return stream_run_forget_old(call->store, err) && idempotency_forget_old(call->store, err) &&
           bridge_forget_old(call->store, err);
}

// ---- what the engine does, and how often

static const struct step {
    const char *name;
    engine_step *run;
    int64_t every_us;
    bool on_wake;        // also when something was asked for
    bool while_stopping; // also when nothing new is begun
    bool schedules;      // only where engine_options.schedule
} STEPS[] = {
    {"heartbeat", engine_beat, LEASE_RENEW_MS *INT64_C(1000), false, true, false},
    {"clock", engine_mend, 3600 * SECOND_US, false, false, true},
    {"schedule", engine_schedule, SECOND_US, true, false, true},
    {"take over", engine_reclaim, SECOND_US, false, false, false},
    {"dispatch", engine_dispatch, SECOND_US, true, false, false},
    {"release", engine_release, SECOND_US, true, true, false},
    {"progress", engine_progress, SECOND_US, false, true, false},
    {"budgets", engine_budgets, 2 * SECOND_US, false, true, false},
    {"tidy", tidy, 10 * SECOND_US, false, false, false},
    {"forget", forget_old, 600 * SECOND_US, false, false, true},
};
enum { STEP_BEAT = 0 };

static bool run_step(struct engine *e, size_t i, struct store *s, struct error *err)
{
    struct arena arena;
    arena_init(&arena, STEP_ARENA_MAX);
    struct step_call call = {.store = s, .arena = &arena};
    int64_t begin_us = clock_mono_us(e->options.clock);
    bool ok = STEPS[i].run(e, &call, err) || error_context(err, "%s", STEPS[i].name);
    if (ok) {
        e->due_us[i] = call.again ? begin_us : begin_us + STEPS[i].every_us;
    }
    arena_done(&arena);
    return ok;
}

static bool is_due(const struct engine *e, size_t i, bool woken, bool stopping)
{
    const struct step *step = &STEPS[i];
    return (e->options.schedule || !step->schedules) && (!stopping || step->while_stopping) &&
           (clock_mono_us(e->options.clock) >= e->due_us[i] || (woken && step->on_wake));
}

bool engine_keep_alive(struct engine *e, struct store *s, struct error *err)
{
    return !is_due(e, STEP_BEAT, false, true) || run_step(e, STEP_BEAT, s, err);
}

// Tells of a change only: a store that is away for hours fills no log.
static void note_store(struct engine *e, const struct error *err)
{
    if (err && e->busy_wait_ms == 0) {
        log_line(e->options.log, LOG_ERROR, "the store fails; what runs goes on while it may",
                 LOG_C("code", error_info(err->code)->name), LOG_C("error", err->message));
    } else if (!err && e->busy_wait_ms != 0) {
        log_line(e->options.log, LOG_INFO, "the store is back");
    }
    int64_t longer_ms = MIN(MAX(e->busy_wait_ms * 2, BUSY_WAIT_FIRST_MS), BUSY_WAIT_MAX_MS);
    e->busy_wait_ms = err ? longer_ms : 0;
}

bool engine_pass(struct engine *e)
{
    struct store *s = NULL;
    struct error err;
    pthread_mutex_lock(&e->lock);
    bool woken = e->woken;
    bool stopping = e->stopping;
    e->woken = false;
    pthread_mutex_unlock(&e->lock);
    bool ok = store_pool_lend(e->own, &s, NULL, &err);
    if (ok) {
        for (size_t i = 0; ok && i < ARRAY_LEN(STEPS); i++) {
            ok = !is_due(e, i, woken, stopping) || run_step(e, i, s, &err);
        }
        store_pool_return(e->own, s);
    }
    note_store(e, ok ? NULL : &err);
    return ok;
}

// ---- the thread

static bool is_stopping(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    bool stopping = e->stopping;
    pthread_mutex_unlock(&e->lock);
    return stopping;
}

static int64_t pause_ms(const struct engine *e)
{
    if (e->busy_wait_ms > 0) {
        return e->busy_wait_ms;
    }
    int64_t now_us = clock_mono_us(e->options.clock);
    int64_t ms = PASS_MS;
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        if (e->options.schedule || !STEPS[i].schedules) {
            ms = MIN(ms, MAX(e->due_us[i] - now_us, 0) / 1000 + 1);
        }
    }
    return ms;
}

static void *engine_main(void *user)
{
    struct engine *e = user;
    while (!is_stopping(e)) {
        (void)engine_pass(e);
        workers_wait(e, pause_ms(e));
    }
    pthread_mutex_lock(&e->lock);
    e->left = true;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

void engine_wake(struct engine *e)
{
    assert(e->magic == ENGINE_MAGIC);
    pthread_mutex_lock(&e->lock);
    e->woken = true;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

void engine_figures(struct engine *e, struct engine_figures *ret)
{
    assert(e->magic == ENGINE_MAGIC);
    pthread_mutex_lock(&e->lock);
    *ret = e->figures;
    pthread_mutex_unlock(&e->lock);
}

// ---- start

static bool check_options(const struct engine_options *o, struct error *err)
{
    int64_t offset_ms = 0;
    assert(o->clock && o->log && o->worker.len > 0);
    if (o->time_zone.len > 0 && !zone_offset_ms(o->time_zone, clock_now_ms(o->clock), &offset_ms)) {
        return error_set(err, ERR_CONFIG,
                         "time zone \"%.*s\" is not known to this machine; write one like "
                         "Europe/Berlin, or UTC",
                         (int)MIN(o->time_zone.len, 64U), o->time_zone.ptr);
    }
    return true;
}

static void copy_options(struct engine *e, const struct engine_options *options)
{
    struct arena *a = &e->arena;
    struct engine_options *o = &e->options;
    *o = *options;
    o->store.url = arena_dup(a, options->store.url);
    o->store.directory = arena_dup(a, options->store.directory);
    o->store.cancel = &e->cancel;
    o->key_file = arena_dup(a, options->key_file);
    o->worker = arena_dup(a, options->worker);
    o->time_zone = arena_dup(a, options->time_zone);
    o->state_directory = arena_dup(a, options->state_directory);
}

static void init_locks(struct engine *e)
{
    wait_init(&e->changed);
    pthread_mutex_init(&e->lock, NULL);
}

static struct engine *create(const struct engine_options *options)
{
    struct engine *e = calloc(1, sizeof *e);
    assert(e);
    e->magic = ENGINE_MAGIC;
    arena_init(&e->arena, STEP_ARENA_MAX);
    init_locks(e);
    copy_options(e, options);
    e->due_us = calloc(ARRAY_LEN(STEPS), sizeof *e->due_us);
    assert(e->due_us);
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        e->due_us[i] = clock_mono_us(options->clock);
    }
    e->figures.workers = (int64_t)options->workers;
    e->own = store_pool_create(&(struct store_pool_options){
        .store = e->options.store, .key_file = e->options.key_file, .max = 1});
    e->shared = store_pool_create(&(struct store_pool_options){
        .store = e->options.store, .key_file = e->options.key_file, .max = STORE_HANDLES});
    e->tasks =
        task_pool_create(&(struct task_pool_options){.store = e->options.store,
                                                     .stores = e->shared,
                                                     .key_file = e->options.key_file,
                                                     .state_directory = e->options.state_directory,
                                                     .time_zone = e->options.time_zone,
                                                     .at_once = e->options.workers,
                                                     .clock = e->options.clock,
                                                     .log = e->options.log,
                                                     .request_log = e->options.request_log,
                                                     .may_commit = workers_may_commit,
                                                     .user = e});
    return e;
}

// No worker may be busy.
static void destroy(struct engine *e)
{
    workers_end(e);
    task_pool_destroy(e->tasks);
    store_pool_destroy(e->shared);
    store_pool_destroy(e->own);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    arena_done(&e->arena);
    free(e->due_us);
    free(e->leases);
    free(e->seen);
    e->magic = 0;
    free(e);
}

// What a former process of this name has left is gone on with at once; on a store that no other
// process can share, what any has left.
static bool take_over(struct engine *e, struct store *s, struct error *err)
{
    size_t n = 0;
    bool ok = true;
    if (!store_begin(s, err)) {
        return false;
    }
    if (!store_is_shared(s)) {
        ok = lease_release_all(s, err);
    }
    ok = ok && stream_run_release(s, e->options.worker, &n, err) &&
         store_now_ms(s, &e->started_ms, err);
    if (!store_end(s, ok, err)) {
        return false;
    }
    if (n > 0) {
        log_line(e->options.log, LOG_WARN, "runs that were cut off are gone on with",
                 LOG_I("runs", n));
    }
    return true;
}

bool engine_open(const struct engine_options *options, struct engine **ret, struct error *err)
{
    struct store *s = NULL;
    if (!check_options(options, err)) {
        return false;
    }
    struct engine *e = create(options);
    bool ok = store_pool_lend(e->own, &s, NULL, err);
    if (ok) {
        ok = take_over(e, s, err) && engine_keep_alive(e, s, err);
        store_pool_return(e->own, s);
    }
    if (!ok || !workers_start(e, err)) {
        destroy(e);
        return false;
    }
    *ret = e;
    return true;
}

bool engine_start(const struct engine_options *options, struct engine **ret, struct error *err)
{
    struct engine *e = NULL;
    if (!engine_open(options, &e, err)) {
        return false;
    }
    int rc = pthread_create(&e->thread, NULL, engine_main, e);
    if (rc != 0) {
        destroy(e);
        return error_set(err, ERR_CONFIG, "the engine's thread cannot be started: %s",
                         strerrordesc_np(rc));
    }
    e->has_thread = true;
    *ret = e;
    return true;
}

// ---- stop

// False: the thread hangs in a call of the store.
static bool join_thread(struct engine *e, int64_t until_ms)
{
    if (!e->has_thread) {
        return true;
    }
    pthread_mutex_lock(&e->lock);
    for (int64_t ms = 0; !e->left && (ms = until_ms - engine_real_ms()) > 0;) {
        engine_wait_on(&e->changed, e, ms);
    }
    bool left = e->left;
    pthread_mutex_unlock(&e->lock);
    if (left) {
        pthread_join(e->thread, NULL);
        e->has_thread = false;
    }
    return left;
}

// Leases go on being renewed while runs come to their end.
static void drain(struct engine *e, int64_t until_ms)
{
    workers_stop(e);
    while (workers_busy(e) > 0 && engine_real_ms() < until_ms) {
        (void)engine_pass(e);
        workers_wait(e, DRAIN_LOOK_MS);
    }
}

static void leave(struct engine *e)
{
    struct store *s = NULL;
    struct error err;
    struct arena arena;
    arena_init(&arena, STEP_ARENA_MAX);
    struct step_call call = {.arena = &arena};
    bool ok = store_pool_lend(e->own, &s, NULL, &err);
    if (ok) {
        call.store = s;
        ok = engine_release(e, &call, &err) && worker_remove(s, e->options.worker, &err);
        store_pool_return(e->own, s);
    }
    if (!ok) {
        log_line(e->options.log, LOG_WARN, "leases are not given back; they end by themselves",
                 LOG_C("error", err.message));
    }
    arena_done(&arena);
}

void engine_stop(struct engine *e, int64_t max_ms)
{
    if (!e) {
        return;
    }
    assert(e->magic == ENGINE_MAGIC);
    int64_t until_ms = engine_real_ms() + MAX(max_ms, 0);
    pthread_mutex_lock(&e->lock);
    e->stopping = true;
    e->woken = true;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
    workers_stop(e);
    bool joined = join_thread(e, until_ms);
    if (joined) {
        drain(e, until_ms);
        leave(e);
    }
    if (!joined || workers_busy(e) > 0) {
        cancel_request(&e->cancel);
        joined = joined || join_thread(e, engine_real_ms() + LAST_MOMENT_MS);
        (void)workers_settle(e, engine_real_ms() + LAST_MOMENT_MS);
    }
    if (!joined || workers_busy(e) > 0) {
        // Its threads use it until the process ends.
        log_line(e->options.log, LOG_WARN, "not all that runs has stopped; another goes on with it",
                 LOG_I("runs", workers_busy(e)));
        return;
    }
    destroy(e);
}
