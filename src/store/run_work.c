#include "store/sync_rows.h"

enum {
    RECLAIM_MAX = 500,
    MESSAGE_MAX = 4096,
    DETAILS_MAX = 1024,
    CODE_MAX = 64,
};

static bool refuse_lost(const struct stream_run_row *r, struct error *err)
{
    return error_set(err, ERR_CONFLICT,
                     "run %.*s is no longer this worker's; another goes on with it",
                     STR_ARG(r->id));
}

// What is only this worker's to change.
#define MINE(first, second, third)                                                                 \
    " WHERE id = $" #first " AND worker = $" #second " AND fence = $" #third                       \
    " AND status = 'running'"

// ---- first start

static bool begin(struct store *s, const struct stream_run_row *r, struct error *err)
{
    static const struct str BEGIN =
        STR_INIT("UPDATE stream_run SET started_ms = CASE WHEN started_ms = 0 THEN $1 ELSE"
                 " started_ms END, mode = $2, full_trigger = $3, resumable = $4,"
                 " reset_history = $5, updated_ms = $1" MINE(6, 7, 8));
    // Only at the first start: a mark that comes later is for the next run.
    static const struct str UNMARK =
        STR_INIT("UPDATE elt_stream SET full_refresh_ms = 0, reset_history = 0"
                 " WHERE id = $1 AND full_refresh_ms > 0 AND EXISTS (SELECT 1 FROM stream_run r "
                 "WHERE r.id = $2 AND r.started_ms = 0)");
    int64_t now_ms = 0;
    uint64_t changed = 0;
    struct stream_run_row told = *r;
    struct sql_value stream[] = {sql_text(r->stream_id), sql_text(r->id)};
    if (!streams_lock(s, "t.id = $1", stream, 1, err) || !store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {
        sql_int(now_ms),
        sql_text(str_from(run_mode_name(r->mode))),
        sql_text(str_from(run_trigger_name(r->trigger))),
        sql_int(r->resumable),
        sql_int(r->reset_history),
        sql_text(r->id),
        sql_text(r->worker),
        sql_int(r->fence),
    };
    if ((r->mode == RUN_FULL && !rows_run(s, &(struct statement){UNMARK, stream, 2}, NULL, err)) ||
        !rows_run(s, &(struct statement){BEGIN, args, ARRAY_LEN(args)}, &changed, err)) {
        return false;
    }
    told.status = RUN_RUNNING;
    return changed > 0 ? run_tell(s, "run.started", &told, err) : refuse_lost(r, err);
}

bool stream_run_begin(struct store *s, const struct stream_run_row *r, struct error *err)
{
    return store_begin(s, err) && store_end(s, begin(s, r, err), err);
}

// ---- progress

static bool read_flag(struct row *row, void *item, struct error *err)
{
    bool *ret = item;
    *ret = row_bool(row);
    return row_check(row, "run", STR(""), err);
}

static bool write_progress(struct store *s, const struct stream_run_row *r, int64_t now_ms,
                           struct arena *arena, bool *ret_cancel, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE stream_run SET records = $1, bytes = $2, calls = $3, rejects = $4,"
                 " estimated = $5, details = $6, resumable = $7, updated_ms = $8" MINE(
                     9, 10, 11) " RETURNING cancel");
    struct sql_value args[] = {
        sql_int(r->records),   sql_int(r->bytes),
        sql_int(r->calls),     sql_int(r->rejects),
        sql_int(r->estimated), sql_text(rows_clean(r->details, DETAILS_MAX, arena)),
        sql_int(r->resumable), sql_int(now_ms),
        sql_text(r->id),       sql_text(r->worker),
        sql_int(r->fence),
    };
    bool found = false;
    bool cancel = false;
    if (!rows_find(s, &(struct statement){TEXT, args, ARRAY_LEN(args)},
                   &(struct row_reader){arena, read_flag}, &cancel, &found, err)) {
        return false;
    }
    *ret_cancel = !found || cancel;
    return true;
}

static int by_id(const void *a, const void *b)
{
    const struct stream_run_row *const *x = a;
    const struct stream_run_row *const *y = b;
    return str_cmp((*x)->id, (*y)->id);
}

// In the order of ids, as all who change several runs.
static bool progress(struct store *s, const struct stream_run_row *rows, size_t n, bool *cancel,
                     struct error *err)
{
    struct arena arena;
    int64_t now_ms = 0;
    arena_init(&arena, 4096 + n * (DETAILS_MAX + 64));
    const struct stream_run_row **sorted = ARENA_ARRAY(&arena, const struct stream_run_row *, n);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &rows[i];
    }
    qsort(sorted, n, sizeof(struct stream_run_row *), by_id);
    bool ok = store_now_ms(s, &now_ms, err);
    for (size_t i = 0; ok && i < n; i++) {
        ok = write_progress(s, sorted[i], now_ms, &arena, &cancel[sorted[i] - rows], err);
    }
    arena_done(&arena);
    return ok;
}

bool stream_run_progress(struct store *s, const struct stream_run_row *rows, size_t n, bool *cancel,
                         struct error *err)
{
    return n == 0 || (store_begin(s, err) && store_end(s, progress(s, rows, n, cancel, err), err));
}

// ---- the end

static const struct {
    const char *event;
    bool ended;
} ENDS[RUN_STATUS_COUNT] = {
    [RUN_SCHEDULED] = {"run.scheduled", false}, [RUN_RUNNING] = {NULL, false},
    [RUN_RETRYING] = {"run.retrying", false},   [RUN_DELAYED] = {"run.delayed", false},
    [RUN_COMPLETED] = {"run.completed", true},  [RUN_FAILED] = {"run.failed", true},
};

// What waits although somebody has asked it to end would wait for nothing.
static void settle_cancelled(struct stream_run_row *r)
{
    r->status = RUN_FAILED;
    r->error_code = STR("cancelled");
    r->error_message = STR("it was cancelled");
}

static bool write_end(struct store *s, const struct stream_run_row *r, int64_t now_ms,
                      struct arena *arena, struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "UPDATE stream_run SET status = $1, active = $2, not_before_ms = $3, finished_ms = $4,"
        " retry_attempt = $5, error_code = $6, error_message = $7, details = $8, resumable = $9,"
        " records = $10, bytes = $11, calls = $12, rejects = $13, estimated = $14,"
        " updated_ms = $15, worker = '', waits_for = '' WHERE id = $16");
    bool ended = ENDS[r->status].ended;
    struct sql_value args[] = {
        sql_text(str_from(run_status_stored(r->status))),
        sql_int(!ended),
        sql_int(r->not_before_ms ? r->not_before_ms : now_ms),
        sql_int(ended ? now_ms : 0),
        sql_int(r->retry_attempt),
        sql_text(rows_clean(r->error_code, CODE_MAX, arena)),
        sql_text(rows_clean(r->error_message, MESSAGE_MAX, arena)),
        sql_text(rows_clean(r->details, DETAILS_MAX, arena)),
        sql_int(r->resumable),
        sql_int(r->records),
        sql_int(r->bytes),
        sql_int(r->calls),
        sql_int(r->rejects),
        sql_int(r->estimated),
        sql_int(now_ms),
        sql_text(r->id),
    };
    return rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, NULL, err);
}

static bool write_stream(struct store *s, const struct stream_run_row *r, int64_t now_ms,
                         struct error *err)
{
    // A full refresh that somebody asked for and that failed before anything of it was kept is
    // still to be done, unless the run was cancelled. What was asked for since counts instead.
    static const struct str FAILED =
        STR_INIT("UPDATE elt_stream SET last_status = 'failed', full_refresh_ms = CASE WHEN"
                 " $1 = 1 AND full_refresh_ms = 0 THEN $2 ELSE full_refresh_ms END,"
                 " reset_history = CASE WHEN $1 = 1 AND full_refresh_ms = 0 THEN $3 ELSE"
                 " reset_history END WHERE id = $4");
    static const struct str COMPLETED =
        STR_INIT("UPDATE elt_stream SET last_status = 'completed', last_completed_ms = $1,"
                 " last_full_ms = CASE WHEN $2 = 1 THEN $3 ELSE last_full_ms END WHERE id = $4");
    bool again = (r->trigger == TRIGGER_USER || r->reset_history) && !r->resumable && !r->cancel &&
                 !str_eq(r->error_code, STR("cancelled"));
    struct sql_value failed[] = {sql_int(again), sql_int(now_ms), sql_int(r->reset_history),
                                 sql_text(r->stream_id)};
    struct sql_value completed[] = {sql_int(now_ms), sql_int(r->mode == RUN_FULL),
                                    sql_int(r->started_ms), sql_text(r->stream_id)};
    return r->status == RUN_FAILED
               ? rows_run(s, &(struct statement){FAILED, failed, 4}, NULL, err)
               : rows_run(s, &(struct statement){COMPLETED, completed, 4}, NULL, err);
}

// The row as it is, if it is still this worker's.
static bool find_mine(struct store *s, const struct stream_run_row *r, struct arena *arena,
                      struct stream_run_row *ret, struct error *err)
{
    struct sql_value stream[] = {sql_text(r->stream_id)};
    struct sql_value args[] = {sql_text(r->id), sql_text(r->worker), sql_int(r->fence)};
    struct statement st = {arena_printf(arena, "SELECT " RUN_COLUMNS " FROM stream_run r%s%s",
                                        MINE(1, 2, 3), rows_lock(s)),
                           args, ARRAY_LEN(args)};
    bool found = false;
    return streams_lock(s, "t.id = $1", stream, 1, err) &&
           rows_find(s, &st, &(struct row_reader){arena, run_read}, ret, &found, err) &&
           (found || refuse_lost(r, err));
}

static bool end(struct store *s, const struct stream_run_row *r, struct arena *arena,
                struct error *err)
{
    struct stream_run_row stored;
    struct stream_run_row ended = *r;
    int64_t now_ms = 0;
    if (!find_mine(s, r, arena, &stored, err) || !store_now_ms(s, &now_ms, err)) {
        return false;
    }
    if (stored.cancel && !ENDS[r->status].ended) {
        settle_cancelled(&ended);
    }
    // What was decided when it began, the row knows best.
    ended.sync_id = stored.sync_id;
    ended.connection_id = stored.connection_id;
    ended.account_id = stored.account_id;
    ended.started_ms = stored.started_ms;
    ended.mode = stored.mode;
    ended.trigger = stored.trigger;
    ended.cancel = stored.cancel;
    ended.reset_history = stored.reset_history;
    return write_end(s, &ended, now_ms, arena, err) &&
           (!ENDS[ended.status].ended || write_stream(s, &ended, now_ms, err)) &&
           run_tell(s, ENDS[ended.status].event, &ended, err);
}

bool stream_run_end(struct store *s, const struct stream_run_row *r, struct error *err)
{
    struct arena arena;
    assert((size_t)r->status < RUN_STATUS_COUNT && ENDS[r->status].event);
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 1024 * 1024);
    bool ok = end(s, r, &arena, err);
    arena_done(&arena);
    return store_end(s, ok, err);
}

// ---- what lost its worker

// Goes back into the queue, at the place that it had. One that was to end ends.
static bool give_back(struct store *s, const struct stream_run_row *r, int64_t now_ms,
                      struct arena *arena, struct error *err)
{
    struct stream_run_row back = *r;
    back.status = RUN_SCHEDULED;
    back.not_before_ms = now_ms;
    back.details = STR("its worker is gone; waits for another");
    if (r->cancel) {
        settle_cancelled(&back);
    }
    return write_end(s, &back, now_ms, arena, err) &&
           (!r->cancel || write_stream(s, &back, now_ms, err)) &&
           run_tell(s, ENDS[back.status].event, &back, err);
}

static bool give_all_back(struct store *s, const struct statement *which, struct arena *arena,
                          size_t *ret_n, struct error *err)
{
    struct row_list runs = {
        .arena = arena, .size = sizeof(struct stream_run_row), .read = run_read};
    int64_t now_ms = 0;
    bool ok = rows_list(s, which, &runs, err) && (runs.n == 0 || store_now_ms(s, &now_ms, err));
    for (size_t i = 0; ok && i < runs.n; i++) {
        ok = give_back(s, &((struct stream_run_row *)runs.items)[i], now_ms, arena, err);
    }
    *ret_n = runs.n;
    return ok;
}

// A lease that has ended while runs were under it is taken from its owner: were it only renewed,
// what still runs there could not be told from what is begun anew.
static bool end_leases(struct store *s, int64_t now_ms, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE lease SET owner = '', until_ms = 0 WHERE until_ms <= $1 AND owner <> ''"
                 " AND name IN (SELECT lease FROM stream_run WHERE active = 1 AND"
                 " worker <> '')");
    struct sql_value args[] = {sql_int(now_ms)};
    return rows_run(s, &(struct statement){TEXT, args, 1}, NULL, err);
}

static bool reclaim(struct store *s, struct arena *arena, size_t *ret_n, struct error *err)
{
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err) || !end_leases(s, now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(now_ms), sql_int(RECLAIM_MAX)};
    struct statement st = {
        arena_printf(arena,
                     "SELECT " RUN_COLUMNS " FROM stream_run r WHERE r.active = 1 AND"
                     " r.worker <> '' AND NOT EXISTS (SELECT 1 FROM lease l WHERE"
                     " l.name = r.lease AND l.owner = r.worker AND l.fence = r.fence AND"
                     " l.until_ms > $1) ORDER BY r.id LIMIT $2%s",
                     store_skip_locked(s)),
        args, ARRAY_LEN(args)};
    return give_all_back(s, &st, arena, ret_n, err);
}

static bool release(struct store *s, struct str worker, struct arena *arena, size_t *ret_n,
                    struct error *err)
{
    struct sql_value args[] = {sql_text(worker), sql_int(RECLAIM_MAX)};
    struct statement st = {arena_printf(arena,
                                        "SELECT " RUN_COLUMNS " FROM stream_run r WHERE"
                                        " r.active = 1 AND r.worker <> '' AND r.worker = $1"
                                        " ORDER BY r.id LIMIT $2%s",
                                        store_skip_locked(s)),
                           args, ARRAY_LEN(args)};
    return give_all_back(s, &st, arena, ret_n, err);
}

bool stream_run_reclaim(struct store *s, size_t *ret_n, struct error *err)
{
    struct arena arena;
    size_t n = 0;
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 32 * 1024 * 1024);
    bool ok = reclaim(s, &arena, &n, err);
    arena_done(&arena);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret_n = n;
    return true;
}

bool stream_run_release(struct store *s, struct str worker, size_t *ret_n, struct error *err)
{
    struct arena arena;
    size_t n = 0;
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 32 * 1024 * 1024);
    bool ok = release(s, worker, &arena, &n, err);
    arena_done(&arena);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret_n = n;
    return true;
}
