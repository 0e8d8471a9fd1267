#include "engine/engine_internal.h"
#include "source/hubspot/source_hubspot.h"

enum { TAKE_MAX = 32 }; // in one transaction

static const char *const *needs_of(struct str stream)
{
    const struct source_stream_info *info = source_hubspot_find(stream);
    return info ? info->needs : NULL;
}

// ---- leases that this process holds

static void remember_lease(struct engine *e, struct str name)
{
    for (size_t i = 0; i < e->n_leases; i++) {
        if (str_eq(str_from(e->leases[i].name), name)) {
            return;
        }
    }
    e->leases = reallocarray(e->leases, e->n_leases + 1, sizeof *e->leases);
    assert(e->leases && name.len < sizeof e->leases->name);
    struct held_lease *held = &e->leases[e->n_leases++];
    memcpy(held->name, name.ptr, name.len);
    held->name[name.len] = '\0';
}

static bool is_used(struct engine *e, struct str lease)
{
    bool used = false;
    pthread_mutex_lock(&e->lock);
    for (size_t i = 0; !used && i < e->n_threads; i++) {
        used = e->slots[i].task && str_eq(e->slots[i].claim.lease, lease);
    }
    pthread_mutex_unlock(&e->lock);
    return used;
}

bool engine_release(struct engine *e, struct step_call *call, struct error *err)
{
    for (size_t i = e->n_leases; i > 0; i--) {
        struct held_lease *held = &e->leases[i - 1];
        if (is_used(e, str_from(held->name))) {
            continue;
        }
        if (!lease_lay_down(call->store, str_from(held->name), e->options.worker, err)) {
            return false;
        }
        *held = e->leases[--e->n_leases];
    }
    return true;
}

// ---- runs

static void count_start(struct engine *e, const struct stream_run_row *run, int64_t now_ms)
{
    int64_t could_ms = MAX(run->not_before_ms, run->requested_ms);
    pthread_mutex_lock(&e->lock);
    e->figures.lateness_ms = MAX(now_ms - could_ms, 0);
    e->figures.lateness_max_ms = MAX(e->figures.lateness_max_ms, e->figures.lateness_ms);
    pthread_mutex_unlock(&e->lock);
}

bool engine_dispatch(struct engine *e, struct step_call *call, struct error *err)
{
    struct run_claim *claims = NULL;
    size_t n = 0;
    int64_t now_ms = 0;
    size_t idle = e->n_threads - MIN(workers_busy(e), e->n_threads);
    struct run_take take = {e->options.worker, MIN(idle, (size_t)TAKE_MAX), needs_of};
    if (idle == 0) {
        return true;
    }
    if (!store_now_ms(call->store, &now_ms, err) ||
        !stream_run_take(call->store, &take, call->arena, &claims, &n, err)) {
        return false;
    }
    assert(n <= take.max);
    for (size_t i = 0; i < n; i++) {
        remember_lease(e, claims[i].lease);
        if (workers_give(e, &claims[i])) {
            count_start(e, &claims[i].run, now_ms);
            log_line(e->options.log, LOG_INFO, "run started", LOG_S("run", claims[i].run.id),
                     LOG_S("stream", claims[i].stream.name), LOG_S("sync", claims[i].sync.id),
                     LOG_I("attempt", claims[i].run.retry_attempt));
        }
    }
    call->again = n == take.max && idle > n;
    return true;
}
