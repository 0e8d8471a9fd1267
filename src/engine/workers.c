#include "engine/engine_internal.h"

#include "core/wait.h"

#include <errno.h>
#include <limits.h>

enum {
    // The deepest calls are libcurl's and the JSON reader's; bodies and pages are on the heap.
    STACK_BYTES = 256 * 1024,
    // Sanitizers put guards around every variable.
    STACK_BYTES_SANITIZED = 4 * 1024 * 1024,
    END_TRIES_MAX = 20, // to write how a run ended, when the store says it never will
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

int64_t engine_real_ms(void)
{
    return wait_now_ms();
}

void engine_wait_on(pthread_cond_t *cond, struct engine *e, int64_t ms)
{
    wait_at_most(cond, &e->lock, ms * 1000);
}

// ---- how a run ends

static bool write_end(struct engine *e, const struct stream_run_row *end, struct error *err)
{
    struct store *s = NULL;
    if (!store_pool_lend(e->shared, &s, NULL, err)) {
        return false;
    }
    bool ok = store_begin(s, err);
    if (ok) {
        ok = stream_run_end(s, end, err) && pause_connection(e, s, end, err);
        ok = store_end(s, ok, err);
    }
    store_pool_return(e->shared, s);
    return ok;
}

static void log_end(struct engine *e, const struct stream_run_row *end)
{
    enum log_level level = end->status == RUN_FAILED     ? LOG_ERROR
                           : end->status == RUN_RETRYING ? LOG_WARN
                                                         : LOG_INFO;
    log_line(e->options.log, level, "run ended", LOG_C("status", run_status_name(end->status)),
             LOG_S("run", end->id), LOG_S("stream", end->stream_id), LOG_S("sync", end->sync_id),
             LOG_I("records", end->records), LOG_I("attempt", end->retry_attempt),
             LOG_S("error", end->error_message));
}

// The store may be away for a while: the worker keeps what it knows until it is back, until
// somebody else has the run, or until there is no more time.
static void report_end(struct slot *slot, const struct stream_run_row *end)
{
    struct engine *e = slot->engine;
    struct error err;
    int64_t wait_ms = BUSY_WAIT_FIRST_MS;
    for (int tries = 1;; tries++) {
        if (write_end(e, end, &err)) {
            log_end(e, end);
            return;
        }
        bool gone = err.code == ERR_CONFLICT || err.code == ERR_NOT_FOUND;
        bool hopeless = !error_info(err.code)->retryable && tries >= END_TRIES_MAX;
        pthread_mutex_lock(&e->lock);
        bool give_up = gone || hopeless || e->ending || cancel_requested(&e->cancel);
        if (!give_up) {
            engine_wait_on(&slot->given, e, wait_ms);
        }
        pthread_mutex_unlock(&e->lock);
        if (gone) {
            log_line(e->options.log, LOG_WARN, "what a run says is not heard, since another has it",
                     LOG_S("run", end->id), LOG_C("error", err.message));
        } else if (tries == 1 || give_up) {
            log_line(e->options.log, LOG_ERROR, "how a run ended cannot be written",
                     LOG_S("run", end->id), LOG_C("error", err.message));
        }
        if (give_up) {
            return;
        }
        wait_ms = MIN(wait_ms * 2, BUSY_WAIT_MAX_MS);
    }
}

void workers_count(struct slot *slot, const struct stream_run_row *row)
{
    struct engine_figures *f = &slot->engine->figures;
    uint64_t records = (uint64_t)MAX(row->records, 0);
    uint64_t bytes = (uint64_t)MAX(row->bytes, 0);
    f->records += records - MIN(slot->records, records);
    f->bytes += bytes - MIN(slot->bytes, bytes);
    slot->records = MAX(records, slot->records);
    slot->bytes = MAX(bytes, slot->bytes);
}

// The lock is held.
static void count_end(struct engine *e, struct slot *slot, const struct stream_run_row *end,
                      int64_t took_us)
{
    struct engine_figures *f = &e->figures;
    f->completed += end->status == RUN_COMPLETED;
    f->failed += end->status == RUN_FAILED;
    f->retried += end->status == RUN_RETRYING;
    f->delayed += end->status == RUN_DELAYED;
    workers_count(slot, end);
    f->run_seconds_sum += (double)took_us / 1e6;
}

static void execute(struct slot *slot)
{
    struct engine *e = slot->engine;
    const struct stream_run_row *run = &slot->claim.run;
    struct stream_run_row end = *run;
    int64_t begin_us = clock_mono_us(e->options.clock);
    task_execute(slot->task, &end);
    assert(end.status != RUN_RUNNING);
    // What decides whether this worker may write at all is not the task's to change.
    end.id = run->id;
    end.account_id = run->account_id;
    end.sync_id = run->sync_id;
    end.stream_id = run->stream_id;
    end.connection_id = run->connection_id;
    end.worker = run->worker;
    end.fence = run->fence;
    end.updated_ms = run->updated_ms; // when it was taken
    report_end(slot, &end);
    pthread_mutex_lock(&e->lock);
    struct task *task = slot->task;
    count_end(e, slot, &end, clock_mono_us(e->options.clock) - begin_us);
    slot->task = NULL; // nobody looks at it from here on; texts of `end` are its own
    pthread_mutex_unlock(&e->lock);
    task_destroy(task);
}

static void *worker_main(void *user)
{
    struct slot *slot = user;
    struct engine *e = slot->engine;
    pthread_mutex_lock(&e->lock);
    while (!e->ending) {
        if (!slot->task) {
            pthread_cond_wait(&slot->given, &e->lock);
            continue;
        }
        pthread_mutex_unlock(&e->lock);
        execute(slot);
        pthread_mutex_lock(&e->lock);
        e->figures.running--;
        e->woken = true;
        pthread_cond_broadcast(&e->changed);
    }
    pthread_mutex_unlock(&e->lock);
    return NULL;
}

// ---- the threads

static bool start_thread(struct engine *e, struct slot *slot, const pthread_attr_t *attr,
                         struct error *err)
{
    wait_init(&slot->given);
    arena_init(&slot->arena, CLAIM_ARENA_MAX);
    slot->engine = e;
    int rc = pthread_create(&slot->thread, attr, worker_main, slot);
    if (rc != 0) {
        pthread_cond_destroy(&slot->given);
        arena_done(&slot->arena);
        return error_set(err, ERR_CONFIG,
                         "--workers: thread %zu of %zu cannot be started: %s; have fewer workers "
                         "or a higher limit of threads for this user",
                         e->n_threads + 1, e->options.workers, strerrordesc_np(rc));
    }
    return true;
}

bool workers_start(struct engine *e, struct error *err)
{
    pthread_attr_t attr;
    bool ok = true;
    e->slots = calloc(MAX(e->options.workers, 1), sizeof *e->slots);
    assert(e->slots);
    pthread_attr_init(&attr);
    int rc = pthread_attr_setstacksize(&attr, SANITIZED ? STACK_BYTES_SANITIZED : STACK_BYTES);
    assert(rc == 0);
    while (ok && e->n_threads < e->options.workers) {
        ok = start_thread(e, &e->slots[e->n_threads], &attr, err);
        e->n_threads += ok;
    }
    pthread_attr_destroy(&attr);
    return ok;
}

void workers_end(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    e->ending = true;
    for (size_t i = 0; i < e->n_threads; i++) {
        assert(!e->slots[i].task);
        pthread_cond_signal(&e->slots[i].given);
    }
    pthread_mutex_unlock(&e->lock);
    for (size_t i = 0; i < e->n_threads; i++) {
        pthread_join(e->slots[i].thread, NULL);
        pthread_cond_destroy(&e->slots[i].given);
        arena_done(&e->slots[i].arena);
    }
    free(e->slots);
    e->slots = NULL;
    e->n_threads = 0;
}

size_t workers_busy(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    size_t n = (size_t)e->figures.running;
    pthread_mutex_unlock(&e->lock);
    return n;
}

// A run that this process was slow to renew may have been given back and taken again by itself.
// The lock is held.
static struct slot *choose(struct engine *e, struct str run_id)
{
    struct slot *idle = NULL;
    for (size_t i = 0; i < e->n_threads; i++) {
        struct slot *slot = &e->slots[i];
        if (slot->task && str_eq(slot->claim.run.id, run_id)) {
            return NULL;
        }
        idle = !idle && !slot->task ? slot : idle;
    }
    assert(idle);
    return idle;
}

static void copy_claim(struct slot *slot, const struct run_claim *claim)
{
    struct arena *a = &slot->arena;
    const struct stream_run_row *from = &claim->run;
    arena_reset(a);
    slot->claim = (struct run_claim){.run = *from, .lease = arena_dup(a, claim->lease)};
    struct stream_run_row *run = &slot->claim.run;
    run->id = arena_dup(a, from->id);
    run->account_id = arena_dup(a, from->account_id);
    run->sync_id = arena_dup(a, from->sync_id);
    run->stream_id = arena_dup(a, from->stream_id);
    run->connection_id = arena_dup(a, from->connection_id);
    run->worker = arena_dup(a, from->worker);
    run->error_code = run->error_message = run->details = STR("");
}

bool workers_give(struct engine *e, const struct run_claim *claim)
{
    pthread_mutex_lock(&e->lock);
    struct slot *slot = choose(e, claim->run.id);
    if (slot) {
        copy_claim(slot, claim);
        slot->told = false;
        slot->lost = false;
        slot->records = (uint64_t)MAX(claim->run.records, 0);
        slot->bytes = (uint64_t)MAX(claim->run.bytes, 0);
        slot->task = task_create(e->tasks, claim);
        e->figures.running++;
        e->figures.started++;
        pthread_cond_signal(&slot->given);
    }
    pthread_mutex_unlock(&e->lock);
    return slot;
}

void workers_stop(struct engine *e)
{
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < e->n_threads; i++) {
        struct slot *slot = &e->slots[i];
        if (slot->task && !slot->told) {
            slot->told = true;
            task_stop(slot->task, false);
        }
    }
    pthread_mutex_unlock(&e->lock);
}

void workers_wait(struct engine *e, int64_t ms)
{
    pthread_mutex_lock(&e->lock);
    if (!e->woken) {
        engine_wait_on(&e->changed, e, ms);
    }
    pthread_mutex_unlock(&e->lock);
}

bool workers_settle(struct engine *e, int64_t until_ms)
{
    pthread_mutex_lock(&e->lock);
    for (int64_t ms = 0; e->figures.running > 0 && (ms = until_ms - engine_real_ms()) > 0;) {
        engine_wait_on(&e->changed, e, ms);
    }
    bool settled = e->figures.running == 0;
    pthread_mutex_unlock(&e->lock);
    return settled;
}

bool workers_may_commit(void *engine, struct str lease, int64_t fence)
{
    struct engine *e = engine;
    assert(e->magic == ENGINE_MAGIC);
    int64_t now_us = clock_mono_us(e->options.clock);
    pthread_mutex_lock(&e->lock);
    bool ok = now_us - e->confirmed_us < (LEASE_MS - LEASE_MARGIN_MS) * INT64_C(1000);
    for (size_t i = 0; ok && i < e->n_threads; i++) {
        const struct slot *slot = &e->slots[i];
        ok = !slot->task || !slot->lost || slot->claim.run.fence != fence ||
             !str_eq(slot->claim.lease, lease);
    }
    pthread_mutex_unlock(&e->lock);
    return ok;
}
