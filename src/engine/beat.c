#include "engine/engine_internal.h"
#include "store/budgets.h"

#include <unistd.h>

// ---- progress

struct look {
    struct slot *slot;
    struct stream_run_row row; // texts in the arena of the call
};

// What all workers are at. Texts are copied while the task cannot go away.
static struct look *look_at_all(struct engine *e, struct arena *arena, size_t *ret_n)
{
    size_t n = 0;
    pthread_mutex_lock(&e->lock);
    struct look *looks = ARENA_ARRAY(arena, struct look, MAX(e->n_threads, 1));
    for (size_t i = 0; i < e->n_threads; i++) {
        struct slot *slot = &e->slots[i];
        if (!slot->task) {
            continue;
        }
        const struct stream_run_row *run = &slot->claim.run;
        struct stream_run_row row = *run;
        task_progress(slot->task, &row);
        workers_count(slot, &row);
        row.id = arena_dup(arena, run->id);
        row.account_id = arena_dup(arena, run->account_id);
        row.worker = arena_dup(arena, run->worker);
        row.fence = run->fence;
        row.details = arena_dup(arena, row.details);
        looks[n++] = (struct look){slot, row};
    }
    pthread_mutex_unlock(&e->lock);
    *ret_n = n;
    return looks;
}

// Tells the run to stop, if it is still that slot's and does not know yet.
static void tell(struct engine *e, const struct look *look, bool cancelled)
{
    struct slot *slot = look->slot;
    pthread_mutex_lock(&e->lock);
    bool same = slot->task && str_eq(slot->claim.run.id, look->row.id);
    bool news = same && (cancelled ? !slot->told : !slot->lost);
    if (news) {
        slot->lost = !cancelled;
        slot->told = true;
        task_stop(slot->task, cancelled);
    }
    pthread_mutex_unlock(&e->lock);
    if (news) {
        log_line(e->options.log, cancelled ? LOG_INFO : LOG_WARN,
                 cancelled ? "a run is cancelled" : "a run is no longer this worker's",
                 LOG_S("run", look->row.id));
    }
}

// Somebody wants the run to end, or it is another's, or deleted.
static bool find_out(struct engine *e, struct step_call *call, const struct look *look,
                     struct error *err)
{
    const struct stream_run_row *mine = &look->row;
    struct stream_run_row now;
    if (!stream_run_find(call->store, mine->account_id, mine->id, call->arena, &now, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return false;
        }
        now = (struct stream_run_row){.status = RUN_FAILED};
    }
    bool still =
        now.status == RUN_RUNNING && now.fence == mine->fence && str_eq(now.worker, mine->worker);
    if (!still || now.cancel) {
        tell(e, look, still);
    }
    return true;
}

bool engine_progress(struct engine *e, struct step_call *call, struct error *err)
{
    size_t n = 0;
    struct look *looks = look_at_all(e, call->arena, &n);
    if (n == 0) {
        return true;
    }
    struct stream_run_row *rows = ARENA_ARRAY(call->arena, struct stream_run_row, n);
    bool *ends = ARENA_ARRAY(call->arena, bool, n);
    for (size_t i = 0; i < n; i++) {
        rows[i] = looks[i].row;
    }
    bool ok = stream_run_progress(call->store, rows, n, ends, err);
    for (size_t i = 0; ok && i < n; i++) {
        ok = !ends[i] || find_out(e, call, &looks[i], err);
    }
    return ok;
}

// ---- leases and heartbeat

static void confirm(struct engine *e, int64_t at_us)
{
    pthread_mutex_lock(&e->lock);
    e->confirmed_us = at_us;
    pthread_mutex_unlock(&e->lock);
}

bool engine_beat(struct engine *e, struct step_call *call, struct error *err)
{
    char host[65] = "";
    size_t leases = 0;
    int64_t begin_us = clock_mono_us(e->options.clock); // the lease is good from then at least
    (void)!gethostname(host, sizeof host - 1);
    struct worker_row worker = {.id = e->options.worker,
                                .host = str_from(host),
                                .pid = getpid(),
                                .slots = (int64_t)e->options.workers,
                                .busy = (int64_t)workers_busy(e),
                                .started_ms = e->started_ms};
    if (!store_begin(call->store, err)) {
        return false;
    }
    bool ok = lease_renew_all(call->store, e->options.worker, &leases, err) &&
              worker_beat(call->store, &worker, err);
    if (!store_end(call->store, ok, err)) {
        return false;
    }
    // Another may have taken over meanwhile: nothing is committed before that is known.
    bool lapsed = begin_us - e->confirmed_us >= (LEASE_MS - LEASE_MARGIN_MS) * INT64_C(1000);
    if (lapsed && !engine_progress(e, call, err)) {
        return false;
    }
    confirm(e, begin_us);
    return true;
}

bool engine_reclaim(struct engine *e, struct step_call *call, struct error *err)
{
    size_t n = 0;
    if (!stream_run_reclaim(call->store, &n, err)) {
        return false;
    }
    if (n > 0) {
        log_line(e->options.log, LOG_WARN, "runs of a worker that is gone are taken over",
                 LOG_I("runs", n));
        pthread_mutex_lock(&e->lock);
        e->figures.reclaimed += n;
        pthread_mutex_unlock(&e->lock);
    }
    return true;
}

// ---- budgets

// A connection that was closed and opened again counts from zero.
static uint64_t grown(int64_t now, int64_t before)
{
    return (uint64_t)MAX(now >= before ? now - before : now, 0);
}

static void count_calls(struct engine *e, const struct budget_row *rows, size_t n)
{
    struct seen_budget *seen = calloc(MAX(n, 1), sizeof *seen);
    assert(seen);
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; i < n; i++) {
        struct seen_budget before = {0};
        uint64_t id = str_hash(rows[i].connection_id);
        for (size_t k = 0; k < e->n_seen; k++) {
            before = e->seen[k].connection == id ? e->seen[k] : before;
        }
        e->figures.calls += grown(rows[i].calls, before.calls);
        e->figures.retries += grown(rows[i].retries, before.retries);
        e->figures.refused += grown(rows[i].refused, before.refused);
        seen[i] = (struct seen_budget){id, rows[i].calls, rows[i].retries, rows[i].refused};
    }
    pthread_mutex_unlock(&e->lock);
    free(e->seen);
    e->seen = seen;
    e->n_seen = n;
}

bool engine_budgets(struct engine *e, struct step_call *call, struct error *err)
{
    struct budget_row *rows = NULL;
    size_t n = 0;
    task_pool_budgets(e->tasks, call->arena, &rows, &n);
    count_calls(e, rows, n);
    return n == 0 || budget_row_put(call->store, rows, n, err);
}
