#include "store/events.h"

#include "store/sync_rows.h"

static const struct str EMPTY = STR_INIT("");

static struct str text_or_empty(struct str s)
{
    return s.ptr ? s : EMPTY;
}

static bool read_id(struct row *row, void *item, struct error *err)
{
    *(int64_t *)item = row_int(row);
    return row_check(row, "event", EMPTY, err);
}

// A run that goes on for weeks must not fill the store with its steps; how it ends is always told.
static bool is_one_too_many(struct store *s, const struct stored_event *e, bool *ret,
                            struct error *err)
{
    struct sql_value args[] = {sql_text(e->run_id), sql_int(EVENTS_PER_RUN_MAX)};
    struct statement st = {STR("SELECT count(*) FROM (SELECT 1 FROM event WHERE run_id = $1"
                               " LIMIT $2) AS x"),
                           args, 2};
    int64_t n = 0;
    *ret = false;
    if (!str_eq(e->kind, STR("run.progress"))) {
        return true;
    }
    if (!rows_number(s, &st, 0, &n, err)) {
        return false;
    }
    *ret = n >= EVENTS_PER_RUN_MAX;
    return true;
}

static bool add(struct store *s, struct stored_event *e, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("INSERT INTO event (account_id, at_ms, kind, connection_id, sync_id, stream_id,"
                 " run_id, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id");
    bool too_many = false;
    bool found = false;
    if (!is_one_too_many(s, e, &too_many, err) || too_many) {
        e->id = 0;
        return too_many;
    }
    // Who follows events asks for those above the last id seen: so none may become visible below
    // one that already is.
    if (!store_exclude_others(s, "events", err) || !store_now_ms(s, &e->at_ms, err)) {
        return false;
    }
    struct sql_value args[] = {
        sql_text(text_or_empty(e->account_id)),
        sql_int(e->at_ms),
        sql_text(e->kind),
        sql_text(text_or_empty(e->connection_id)),
        sql_text(text_or_empty(e->sync_id)),
        sql_text(text_or_empty(e->stream_id)),
        sql_text(text_or_empty(e->run_id)),
        sql_text(e->data.len > 0 ? e->data : STR("{}")),
    };
    bool ok = rows_find(s, &(struct statement){TEXT, args, ARRAY_LEN(args)},
                        &(struct row_reader){NULL, read_id}, &e->id, &found, err);
    assert(!ok || found);
    return ok;
}

bool events_add(struct store *s, const struct stored_event *events, size_t n, struct error *err)
{
    enum { COLUMNS = 8 };
    int64_t now_ms = 0;
    if (n == 0) {
        return true;
    }
    struct sql_value *args = calloc(n * COLUMNS, sizeof *args);
    if (!args) {
        abort();
    }
    bool ok = store_exclude_others(s, "events", err) && store_now_ms(s, &now_ms, err);
    for (size_t i = 0; ok && i < n; i++) {
        const struct stored_event *e = &events[i];
        struct sql_value row[COLUMNS] = {
            sql_text(text_or_empty(e->account_id)),
            sql_int(now_ms),
            sql_text(e->kind),
            sql_text(text_or_empty(e->connection_id)),
            sql_text(text_or_empty(e->sync_id)),
            sql_text(text_or_empty(e->stream_id)),
            sql_text(text_or_empty(e->run_id)),
            sql_text(e->data.len > 0 ? e->data : STR("{}")),
        };
        memcpy(&args[i * COLUMNS], row, sizeof row);
    }
    struct rows_insertion in = {
        .head = "INSERT INTO event (account_id, at_ms, kind, connection_id, sync_id, stream_id,"
                " run_id, data)",
        .tail = "",
        .args = args,
        .columns = COLUMNS,
        .n = n,
    };
    ok = ok && rows_insert(s, &in, NULL, err);
    free(args);
    return ok;
}

bool event_add(struct store *s, struct stored_event *e, struct error *err)
{
    struct stored_event made = *e;
    assert(e->kind.len > 0);
    if (e->data.len > EVENT_DATA_MAX) {
        return error_set(err, ERR_LIMIT, "event %.*s: %zu bytes of data; at most %d are kept",
                         STR_ARG(e->kind), e->data.len, EVENT_DATA_MAX);
    }
    if (!store_begin(s, err) || !store_end(s, add(s, &made, err), err)) {
        return false;
    }
    *e = made;
    return true;
}

static bool read_event(struct row *row, void *item, struct error *err)
{
    struct stored_event *ret = item;
    struct stored_event e;
    e.id = row_int(row);
    e.account_id = row_text(row);
    e.at_ms = row_int(row);
    e.kind = row_text(row);
    e.connection_id = row_text(row);
    e.sync_id = row_text(row);
    e.stream_id = row_text(row);
    e.run_id = row_text(row);
    e.data = row_text(row);
    *ret = e;
    return row_check(row, "event", e.kind, err);
}

bool event_list(struct store *s, const struct event_query *q, struct arena *arena,
                struct stored_event **ret, size_t *ret_n, struct error *err)
{
    struct row_list list = {
        .arena = arena, .size = sizeof(struct stored_event), .read = read_event};
    struct sql_value args[4] = {sql_int(q->after_id)};
    const char *account = "";
    const char *run = "";
    size_t n = 1;
    if (q->run_id.len > 0) {
        args[n++] = sql_text(q->run_id);
        run = " AND run_id = $2";
    }
    if (q->account_id.len > 0) {
        args[n++] = sql_text(q->account_id);
        account = n == 2 ? " AND account_id = $2" : " AND account_id = $3";
    }
    args[n++] = sql_int((int64_t)q->max);
    struct statement st = {
        arena_printf(arena,
                     "SELECT id, account_id, at_ms, kind, connection_id, sync_id, stream_id,"
                     " run_id, data FROM event WHERE id > $1%s%s ORDER BY id LIMIT $%zu",
                     run, account, n),
        args, n};
    if (!rows_list(s, &st, &list, err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}

static bool read_kind(struct row *row, void *item, struct error *err)
{
    *(struct str *)item = row_text(row);
    return row_check(row, "event", STR(""), err);
}

bool event_last_of_connection(struct store *s, struct str connection_id, int64_t since_ms,
                              struct arena *arena, struct str *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT kind FROM event WHERE at_ms > $1 AND connection_id = $2"
                 " AND kind LIKE 'connection.%' ORDER BY id DESC LIMIT 1");
    struct sql_value args[] = {sql_int(since_ms), sql_text(connection_id)};
    struct str kind = STR("");
    bool found = false;
    if (!rows_find(s, &(struct statement){TEXT, args, ARRAY_LEN(args)},
                   &(struct row_reader){arena, read_kind}, &kind, &found, err)) {
        return false;
    }
    *ret = kind;
    return true;
}

bool event_last(struct store *s, int64_t *ret, struct error *err)
{
    struct statement st = {STR("SELECT max(id) FROM event"), NULL, 0};
    return rows_number(s, &st, 0, ret, err);
}
