#include "engine/cron.h"
#include "engine/elt_settings.h"
#include "engine/engine_internal.h"
#include "engine/plan.h"
#include "store/workspaces.h"

enum {
    BATCH = 250, // syncs in one transaction
    BATCHES = 4, // in one go: then runs are given out
    PAGE = 200,  // syncs looked at together
    PAGES_MAX = 500,
    JUMP_MS = 1000, // the clocks of one machine drift apart by less between two looks
};
// A tick that was reached before the clock was set back is not reached again, if it was by less.
#define BACK_MS (INT64_C(2) * 3600 * 1000)

// The next tick after `after_ms`. False: the sync cannot be scheduled, err says why.
static bool next_tick(struct engine *e, const struct elt_sync *sync, int64_t after_ms,
                      int64_t *ret_ms, struct error *err)
{
    struct arena arena;
    struct cron cron;
    struct elt_settings settings = {.time_zone = STR("")};
    arena_init(&arena, 4 * SYNC_SETTINGS_TEXT_MAX);
    bool ok = cron_parse(sync->sync_interval, &cron, err) || error_context(err, "sync_interval");
    ok = ok && elt_settings_parse(sync->settings, &arena, &settings, err);
    if (ok) {
        struct str zone = settings.time_zone.len > 0 ? settings.time_zone : e->options.time_zone;
        ok = cron_next(&cron, zone, after_ms, ret_ms) ||
             error_set(err, ERR_CONFIG, "time_zone \"%.*s\": is not known to this machine",
                       (int)MIN(zone.len, 64U), zone.ptr);
    }
    arena_done(&arena);
    return ok;
}

// 0: it is scheduled no more, and why is in the log.
static int64_t next_due(struct engine *e, const struct elt_sync *sync, int64_t now_ms)
{
    struct error err;
    int64_t next_ms = 0;
    if (!next_tick(e, sync, now_ms, &next_ms, &err)) {
        log_line(e->options.log, LOG_ERROR, "a sync is scheduled no more until it is changed",
                 LOG_S("sync", sync->id), LOG_C("error", err.message));
        return 0;
    }
    return next_ms;
}

static void say_due(struct engine *e, const struct elt_sync *sync, int64_t now_ms)
{
    log_line(e->options.log, LOG_DEBUG, "a sync is due", LOG_S("sync", sync->id),
             LOG_I("late_ms", now_ms - sync->next_due_ms));
}

// Syncs that are due, and what becomes of them in one transaction.
struct batch {
    struct arena *arena;
    int64_t now_ms;
    struct elt_sync *syncs;
    size_t n;
    size_t done; // one by one: so many
};

// In a few statements, whatever their number: the database may be far away. All ticks that were
// missed are one.
static bool schedule_together(struct engine *e, struct store *s, struct batch *b, struct error *err)
{
    size_t runs = 0;
    struct elt_sync *next = ARENA_ARRAY(b->arena, struct elt_sync, b->n);
    for (size_t i = 0; i < b->n; i++) {
        next[i] = b->syncs[i];
        next[i].next_due_ms = next_due(e, &b->syncs[i], b->now_ms);
    }
    return stream_run_request_due(s, b->syncs, b->n, &runs, err) &&
           elt_sync_set_all_due(s, next, b->n, err);
}

static bool schedule_one(struct engine *e, struct store *s, const struct elt_sync *sync,
                         int64_t now_ms, struct error *err)
{
    size_t runs = 0;
    bool ok = stream_run_request_all(s, sync, &runs, err) &&
              elt_sync_set_due(s, sync->id, next_due(e, sync, now_ms), err);
    return ok || err->code == ERR_NOT_FOUND || err->code == ERR_CONFLICT; // deleted in between
}

static bool schedule_each(struct engine *e, struct store *s, struct batch *b, struct error *err)
{
    bool ok = true;
    while (ok && b->done < b->n) {
        ok = schedule_one(e, s, &b->syncs[b->done], b->now_ms, err);
        b->done += ok;
    }
    return ok;
}

typedef bool schedule_way(struct engine *e, struct store *s, struct batch *b, struct error *err);

static bool schedule_by(schedule_way *way, struct engine *e, struct store *s, struct batch *b,
                        struct error *err)
{
    if (!store_begin(s, err)) {
        return false;
    }
    b->n = b->done = 0;
    bool ok = store_now_ms(s, &b->now_ms, err) &&
              elt_sync_take_due(s, &(struct due_query){b->now_ms, BATCH}, b->arena, &b->syncs,
                                &b->n, err) &&
              way(e, s, b, err);
    if (!store_end(s, ok, err)) {
        return false;
    }
    for (size_t i = 0; i < b->n; i++) {
        say_due(e, &b->syncs[i], b->now_ms);
    }
    return true;
}

// A sync that cannot be handled does not keep the others waiting: it misses this tick.
static bool pass_over(struct engine *e, struct store *s, const struct elt_sync *bad, int64_t now_ms,
                      struct error *err)
{
    log_line(e->options.log, LOG_ERROR, "a sync misses a tick", LOG_S("sync", bad->id),
             LOG_C("error", err->message));
    return elt_sync_set_due(s, bad->id, next_due(e, bad, now_ms), err);
}

static bool schedule_batch(struct engine *e, struct store *s, size_t *ret_n, struct error *err)
{
    struct arena arena;
    arena_init(&arena, STEP_ARENA_MAX);
    struct batch b = {.arena = &arena};
    bool ok = schedule_by(schedule_together, e, s, &b, err);
    if (!ok && err->code == ERR_STORE) { // which one is it?
        ok = schedule_by(schedule_each, e, s, &b, err);
        bool bad = !ok && b.done < b.n && err->code == ERR_STORE;
        if (bad && pass_over(e, s, &b.syncs[b.done], b.now_ms, err)) {
            b.n = BATCH; // those behind it are still to be done
            ok = true;
        }
    }
    arena_done(&arena);
    *ret_n = b.n;
    return ok;
}

// ---- the clock was set back

static bool mend_sync(struct engine *e, struct store *s, const struct elt_sync *sync,
                      int64_t now_ms, struct error *err)
{
    struct error why;
    int64_t next_ms = 0;
    bool wrong = sync->enabled && sync->next_due_ms > now_ms + BACK_MS &&
                 next_tick(e, sync, now_ms + BACK_MS, &next_ms, &why) &&
                 sync->next_due_ms > next_ms && next_tick(e, sync, now_ms, &next_ms, &why);
    if (!wrong) {
        return true;
    }
    log_line(e->options.log, LOG_WARN, "a sync was to wait longer than its interval",
             LOG_S("sync", sync->id), LOG_I("due_ms", sync->next_due_ms),
             LOG_I("now_due_ms", next_ms));
    return elt_sync_set_due(s, sync->id, next_ms, err) || err->code == ERR_NOT_FOUND;
}

// One page of all syncs. `q` goes on behind it, with texts in `place`; *ret_more: there are more.
static bool mend_page(struct engine *e, struct store *s, struct page_query *q, struct arena *place,
                      bool *ret_more, struct error *err)
{
    struct arena arena;
    struct elt_sync *syncs = NULL;
    size_t n = 0;
    int64_t now_ms = 0;
    arena_init(&arena, STEP_ARENA_MAX);
    bool ok = store_now_ms(s, &now_ms, err) && elt_sync_list(s, q, &arena, &syncs, &n, err);
    for (size_t i = 0; ok && i < MIN(n, q->max); i++) {
        ok = mend_sync(e, s, &syncs[i], now_ms, err);
    }
    *ret_more = ok && n > q->max;
    if (*ret_more) {
        const struct elt_sync *last = &syncs[q->max - 1];
        q->after = (struct page_place){last->created_ms, arena_dup(place, last->id)};
    }
    arena_done(&arena);
    return ok;
}

bool engine_mend(struct engine *e, struct step_call *call, struct error *err)
{
    struct workspace workspace;
    int64_t now_ms = 0;
    if (!workspace_prepare(call->store, call->arena, &workspace, err) ||
        !store_now_ms(call->store, &now_ms, err) ||
        !stream_run_bring_forward(call->store, now_ms + 2 * RUN_DELAY_MAX_MS, now_ms + JUMP_MS,
                                  err)) {
        return false;
    }
    struct page_query q = {.account_id = workspace.id, .max = PAGE};
    bool more = true;
    for (int page = 0; page < PAGES_MAX && more; page++) {
        if (!engine_keep_alive(e, call->store, err) ||
            !mend_page(e, call->store, &q, call->arena, &more, err)) {
            return false;
        }
    }
    return true;
}

// Whether the wall clock has gone back since the last look, compared with the other one.
static bool clock_went_back(const struct engine *e, int64_t now_ms)
{
    int64_t passed_ms = (clock_mono_us(e->options.clock) - e->mono_us) / 1000;
    return e->wall_ms != 0 && now_ms - e->wall_ms < passed_ms - JUMP_MS;
}

bool engine_schedule(struct engine *e, struct step_call *call, struct error *err)
{
    int64_t now_ms = 0;
    size_t n = BATCH;
    if (!store_now_ms(call->store, &now_ms, err)) {
        return false;
    }
    if (clock_went_back(e, now_ms)) {
        log_line(e->options.log, LOG_WARN, "the clock was set back");
        if (!engine_mend(e, call, err)) {
            return false;
        }
    }
    e->wall_ms = now_ms;
    e->mono_us = clock_mono_us(e->options.clock);
    for (int i = 0; i < BATCHES && n == BATCH; i++) {
        if (!engine_keep_alive(e, call->store, err) || !schedule_batch(e, call->store, &n, err)) {
            return false;
        }
    }
    call->again = n == BATCH;
    return true;
}
