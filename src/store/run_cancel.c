#include "store/ids.h"
#include "store/sync_rows.h"

static const char CANCELLED[] = "cancelled";

bool run_end_waiting(struct store *s, const struct stream_run_row *r, const char *why,
                     int64_t now_ms, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE stream_run SET status = 'failed', active = 0, cancel = 1,"
                 " finished_ms = $1, updated_ms = $1, error_code = $2, error_message = $3,"
                 " worker = '', waits_for = '' WHERE id = $4 AND active = 1"
                 " AND status <> 'running'");
    // A run that never began says nothing about its stream.
    static const struct str STREAM =
        STR_INIT("UPDATE elt_stream SET last_status = 'failed' WHERE id = $1");
    struct stream_run_row ended = *r;
    struct sql_value args[] = {sql_int(now_ms), sql_text(str_from(CANCELLED)),
                               sql_text(str_from(why)), sql_text(r->id)};
    struct sql_value stream[] = {sql_text(r->stream_id)};
    uint64_t changed = 0;
    if (!rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, &changed, err)) {
        return false;
    }
    if (changed == 0) { // a worker has just taken it
        return true;
    }
    ended.status = RUN_FAILED;
    ended.error_code = str_from(CANCELLED);
    ended.error_message = str_from(why);
    return (r->started_ms == 0 || rows_run(s, &(struct statement){STREAM, stream, 1}, NULL, err)) &&
           run_tell(s, "run.failed", &ended, err);
}

static const char WHY[] = "it was cancelled";

// The active runs for which `where` holds: those that wait are ended; those that run are told, and
// learn it with their next progress.
struct cancelled {
    size_t waited, running;
};
static bool cancel_runs(struct store *s, const char *where, const struct sql_value *args, size_t n,
                        struct cancelled *ret, struct error *err)
{
    struct arena arena;
    arena_init(&arena, 256 * 1024 * 1024);
    struct row_list runs = {
        .arena = &arena, .size = sizeof(struct stream_run_row), .read = run_read};
    // Locked first: what waits is not taken meanwhile.
    struct statement list = {arena_printf(&arena,
                                          "SELECT " RUN_COLUMNS " FROM stream_run r WHERE"
                                          " r.active = 1%s ORDER BY r.id%s",
                                          where, rows_lock(s)),
                             args, n};
    struct statement tell = {arena_printf(&arena,
                                          "UPDATE stream_run SET cancel = 1 WHERE active = 1 AND"
                                          " status = 'running'%s",
                                          where),
                             args, n};
    int64_t now_ms = 0;
    bool ok = rows_list(s, &list, &runs, err) && (runs.n == 0 || store_now_ms(s, &now_ms, err));
    for (size_t i = 0; ok && i < runs.n; i++) {
        const struct stream_run_row *r = &((struct stream_run_row *)runs.items)[i];
        bool running = r->status == RUN_RUNNING;
        ret->running += running;
        ret->waited += !running;
        ok = running || run_end_waiting(s, r, WHY, now_ms, err);
    }
    ok = ok && (ret->running == 0 || rows_run(s, &tell, NULL, err));
    arena_done(&arena);
    return ok;
}

static bool cancel_where(struct store *s, const struct run_owner *of, struct arena *arena,
                         struct cancelled *ret, struct error *err)
{
    const struct {
        const char *run;    // condition on stream_run
        const char *stream; // on elt_stream t
        struct str id;
    } parts[] = {
        {" AND sync_id = $", "t.sync_id = $", of->sync_id},
        {" AND stream_id = $", "t.id = $", of->stream_id},
        {" AND connection_id = $", "t.sync_id IN (SELECT id FROM elt_sync WHERE connection_id = $",
         of->connection_id},
    };
    struct sql_value args[ARRAY_LEN(parts)];
    struct str runs = STR("");
    struct str streams = STR("1 = 1");
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].id.len > 0) {
            args[n++] = sql_text(parts[i].id);
            runs = arena_printf(arena, "%.*s%s%zu", STR_ARG(runs), parts[i].run, n);
            streams = arena_printf(arena, "%.*s AND %s%zu%s", STR_ARG(streams), parts[i].stream, n,
                                   strchr(parts[i].stream, '(') ? ")" : "");
        }
    }
    assert(n > 0); // all runs there are is nobody's wish
    return streams_lock(s, arena_cstr(arena, streams), args, n, err) &&
           cancel_runs(s, arena_cstr(arena, runs), args, n, ret, err);
}

bool stream_run_cancel_all(struct store *s, const struct run_owner *of, size_t *ret_running,
                           struct error *err)
{
    struct arena arena;
    struct cancelled cancelled = {0, 0};
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 64 * 1024);
    bool ok = cancel_where(s, of, &arena, &cancelled, err);
    arena_done(&arena);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret_running = cancelled.running;
    return true;
}

// ---- one run

static bool cancel_one(struct store *s, struct str account_id, struct str id, struct str stream_id,
                       struct arena *arena, struct error *err)
{
    struct stream_run_row run;
    struct cancelled cancelled = {0, 0};
    struct sql_value stream[] = {sql_text(stream_id)};
    struct sql_value args[] = {sql_text(id)};
    return stream_run_find(s, account_id, id, arena, &run, err) &&
           streams_lock(s, "t.id = $1", stream, 1, err) &&
           cancel_runs(s, " AND id = $1", args, 1, &cancelled, err) &&
           (cancelled.running + cancelled.waited > 0 ||
            error_set(err, ERR_CONFLICT, "run %.*s has ended already", STR_ARG(id)));
}

bool stream_run_cancel(struct store *s, struct str account_id, struct str id, struct error *err)
{
    struct arena arena;
    struct str stream_id;
    int64_t requested_ms;
    arena_init(&arena, 1024 * 1024);
    bool ok = run_id_parse(id, &arena, &stream_id, &requested_ms) ||
              rows_missing(err, "run", STR("of this id"));
    if (ok && store_begin(s, err)) {
        ok = store_end(s, cancel_one(s, account_id, id, stream_id, &arena, err), err);
    } else {
        ok = false;
    }
    arena_done(&arena);
    return ok;
}
