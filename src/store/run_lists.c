#include "store/ids.h"
#include "store/sync_rows.h"

enum { FORGET_RUNS = 200, FORGET_EVENTS = 1000 };

bool stream_run_find(struct store *s, struct str account_id, struct str id, struct arena *arena,
                     struct stream_run_row *ret, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT " RUN_COLUMNS " FROM stream_run r"
                                            " WHERE r.id = $1 AND r.account_id = $2");
    struct sql_value args[] = {sql_text(id), sql_text(account_id)};
    struct str stream_id;
    int64_t requested_ms;
    bool found = false;
    if (run_id_parse(id, arena, &stream_id, &requested_ms) &&
        !rows_find(s, &(struct statement){TEXT, args, 2}, &(struct row_reader){arena, run_read},
                   ret, &found, err)) {
        return false;
    }
    return found || error_set(err, ERR_NOT_FOUND,
                              "there is no run of this id; runs are kept for three months");
}

bool stream_run_list(struct store *s, const struct run_list_query *q, struct arena *arena,
                     struct stream_run_row **ret, size_t *ret_n, struct error *err)
{
    // One that ended without having begun is no longer one that will begin.
    static const char BEGUN[] = " AND (r.started_ms > 0 OR r.active = 0)";
    bool place = q->after_requested_ms != 0;
    int64_t start_ms = q->ascending ? INT64_MIN : INT64_MAX;
    struct sql_value args[] = {sql_text(q->stream_id), sql_text(q->account_id),
                               sql_int(place ? q->after_requested_ms : start_ms),
                               sql_int((int64_t)q->max + 1)};
    struct statement st = {arena_printf(arena,
                                        "SELECT " RUN_COLUMNS " FROM stream_run r WHERE"
                                        " r.stream_id = $1 AND r.account_id = $2 AND"
                                        " r.requested_ms %s $3%s ORDER BY r.requested_ms %s"
                                        " LIMIT $4",
                                        q->ascending ? ">" : "<", q->with_unstarted ? "" : BEGUN,
                                        q->ascending ? "ASC" : "DESC"),
                           args, ARRAY_LEN(args)};
    struct row_list list = {
        .arena = arena, .size = sizeof(struct stream_run_row), .read = run_read};
    if (!rows_list(s, &st, &list, err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}

static bool read_status(struct row *row, void *item, struct error *err)
{
    struct stream_status_row *ret = item;
    ret->stream_id = row_text(row);
    ret->name = row_text(row);
    row->nullable = true; // there may be none
    bool ok = run_read(row, &ret->active, err) && run_read(row, &ret->latest, err);
    row->nullable = false;
    return ok;
}

bool stream_run_status(struct store *s, struct str sync_id, struct arena *arena,
                       struct stream_status_row **ret, size_t *ret_n, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT t.id, t.name, " RUN_COLUMNS_OF("a") ", " RUN_COLUMNS_OF(
            "l") " FROM elt_stream t"
                 " LEFT JOIN stream_run a ON a.stream_id = t.id AND a.active = 1"
                 " LEFT JOIN stream_run l ON l.id = (SELECT x.id FROM stream_run x"
                 " WHERE x.stream_id = t.id AND x.active = 0 ORDER BY x.requested_ms DESC LIMIT 1)"
                 " WHERE t.sync_id = $1 ORDER BY t.created_ms, t.id");
    struct sql_value args[] = {sql_text(sync_id)};
    struct row_list list = {
        .arena = arena, .size = sizeof(struct stream_status_row), .read = read_status};
    if (!rows_list(s, &(struct statement){TEXT, args, 1}, &list, err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}

// ---- figures

struct counted {
    enum run_status status;
    int64_t n;
};

static bool read_counted(struct row *row, void *item, struct error *err)
{
    struct counted *ret = item;
    ret->status = run_read_status(row);
    ret->n = row_int(row);
    return row_check(row, "runs by status", STR(""), err);
}

static bool read_due(struct row *row, void *item, struct error *err)
{
    struct run_figures *ret = item;
    ret->due = row_int(row);
    ret->oldest_due_ms = row_int(row);
    return row_check(row, "queue", STR(""), err);
}

static bool figures(struct store *s, struct run_figures *ret, struct arena *arena,
                    struct error *err)
{
    static const struct str COUNTS =
        STR_INIT("SELECT status, count(*) FROM stream_run WHERE active = 1 GROUP BY status"
                 " UNION ALL SELECT status, count(*) FROM stream_run WHERE active = 0"
                 " GROUP BY status");
    static const struct str DUE =
        STR_INIT("SELECT count(*), COALESCE(min(r.not_before_ms), 0) FROM stream_run r"
                 " WHERE r.active = 1 AND r.worker = '' AND r.not_before_ms <= $1 AND"
                 " EXISTS (SELECT 1 FROM connection c WHERE c.name = r.connection_id AND"
                 " c.state = 'active')");
    struct row_list counts = {.arena = arena, .size = sizeof(struct counted), .read = read_counted};
    int64_t now_ms = 0;
    bool found = false;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(now_ms)};
    if (!rows_list(s, &(struct statement){COUNTS, NULL, 0}, &counts, err) ||
        !rows_find(s, &(struct statement){DUE, args, 1}, &(struct row_reader){arena, read_due}, ret,
                   &found, err)) {
        return false;
    }
    for (size_t i = 0; i < counts.n; i++) {
        const struct counted *c = &((struct counted *)counts.items)[i];
        ret->by_status[c->status] += c->n;
    }
    return true;
}

bool stream_run_figures(struct store *s, struct run_figures *ret, struct error *err)
{
    struct arena arena;
    struct run_figures f = {.due = 0};
    arena_init(&arena, 64 * 1024);
    bool ok = figures(s, &f, &arena, err);
    arena_done(&arena);
    if (ok) {
        *ret = f;
    }
    return ok;
}

// ---- what is old

bool stream_run_forget_old(struct store *s, struct error *err)
{
    static const struct str RUNS =
        STR_INIT("DELETE FROM stream_run WHERE id IN (SELECT id FROM stream_run WHERE active = 0"
                 " AND finished_ms < $1 ORDER BY finished_ms LIMIT $2)");
    static const struct str EVENTS =
        STR_INIT("DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at_ms < $1"
                 " ORDER BY at_ms LIMIT $2)");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value runs[] = {sql_int(now_ms - RUN_KEEP_MS), sql_int(FORGET_RUNS)};
    struct sql_value events[] = {sql_int(now_ms - RUN_KEEP_MS), sql_int(FORGET_EVENTS)};
    return store_begin(s, err) &&
           store_end(s,
                     rows_run(s, &(struct statement){RUNS, runs, 2}, NULL, err) &&
                         rows_run(s, &(struct statement){EVENTS, events, 2}, NULL, err),
                     err);
}
