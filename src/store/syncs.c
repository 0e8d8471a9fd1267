#include "store/syncs.h"

#include "store/ids.h"
#include "store/schemas.h"
#include "store/sync_rows.h"

enum { DUE_MAX = 1000, DUE_BYTES_MAX = 1 << 20 };

bool sync_read(struct row *row, void *item, struct error *err)
{
    struct elt_sync *ret = item;
    struct elt_sync sync = {.one_schema = false};
    sync.id = row_text(row);
    sync.account_id = row_text(row);
    sync.connection_id = row_text(row);
    sync.destination_id = row_text(row);
    sync.schema_name = row_text(row);
    sync.schema_key = row_text(row);
    sync.sync_interval = row_text(row);
    sync.settings = row_text(row);
    sync.start_ms = row_int(row);
    sync.enabled = row_bool(row);
    sync.started = row_bool(row);
    sync.next_due_ms = row_int(row);
    sync.created_ms = row_int(row);
    sync.updated_ms = row_int(row);
    sync.source_integration_id = row_text(row);
    sync.destination_integration_id = row_text(row);
    sync.needs_reauthorization = row_bool(row);
    sync.failing = row_bool(row);
    *ret = sync;
    return row_check(row, "sync", sync.id, err);
}

bool elt_sync_lock(struct store *s, struct str account_id, struct str id, struct error *err)
{
    struct arena arena;
    struct sql_value args[] = {sql_text(id), sql_text(account_id)};
    int64_t found = 0;
    if (!id_check(id)) {
        return rows_missing(err, "sync", id);
    }
    arena_init(&arena, 1024);
    struct statement st = {
        arena_printf(&arena, "SELECT 1 FROM elt_sync WHERE id = $1 AND account_id = $2%s",
                     rows_lock(s)),
        args, ARRAY_LEN(args)};
    bool ok = rows_number(s, &st, 0, &found, err) && (found || rows_missing(err, "sync", id));
    arena_done(&arena);
    return ok;
}

// ---- making

// What a sync refers to must neither be there no more nor go while the sync is being made.
static bool lock_owner(struct store *s, const char *text, struct str id, const char *what,
                       struct error *err)
{
    struct arena arena;
    struct sql_value args[] = {sql_text(id)};
    int64_t found = 0;
    arena_init(&arena, 1024);
    struct statement st = {arena_printf(&arena, "%s%s", text, rows_lock(s)), args, 1};
    bool ok = rows_number(s, &st, 0, &found, err);
    arena_done(&arena);
    return ok && (found || error_set(err, ERR_NOT_FOUND, "there is no %s %.*s", what, STR_ARG(id)));
}

static bool check_room(struct store *s, const struct elt_sync *sync, struct error *err)
{
    struct sql_value args[] = {sql_text(sync->connection_id)};
    struct statement st = {STR("SELECT count(*) FROM elt_sync WHERE connection_id = $1"), args, 1};
    int64_t n = 0;
    if (!rows_number(s, &st, 0, &n, err)) {
        return false;
    }
    return n < SYNCS_PER_CONNECTION_MAX ||
           error_set(err, ERR_CONFLICT,
                     "connection %.*s has %lld syncs, the most there may be; delete one, or add "
                     "streams to one of them",
                     STR_ARG(sync->connection_id), (long long)n);
}

static bool insert_sync(struct store *s, const struct elt_sync *sync, struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "INSERT INTO elt_sync (id, account_id, connection_id, destination_id, schema_name,"
        " schema_key, sync_interval, settings, start_ms, enabled, started, next_due_ms, created_ms,"
        " updated_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)");
    struct sql_value args[] = {
        sql_text(sync->id),
        sql_text(sync->account_id),
        sql_text(sync->connection_id),
        sql_text(sync->destination_id),
        sql_text(sync->schema_name),
        sql_text(sync->schema_key),
        sql_text(sync->sync_interval),
        sql_text(sync->settings.len > 0 ? sync->settings : STR("{}")),
        sql_int(sync->start_ms),
        sql_int(sync->enabled),
        sql_int(sync->started),
        sql_int(sync->next_due_ms),
        sql_int(sync->created_ms),
        sql_int(sync->updated_ms),
    };
    return rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, NULL, err);
}

static bool create(struct store *s, struct elt_sync *sync, struct arena *arena, struct error *err)
{
    return lock_owner(s, "SELECT 1 FROM connection WHERE name = $1", sync->connection_id,
                      "connection", err) &&
           lock_owner(s, "SELECT 1 FROM destination WHERE id = $1", sync->destination_id,
                      "destination", err) &&
           check_room(s, sync, err) && schema_enter(s, sync, arena, err) &&
           store_now_ms(s, &sync->created_ms, err) &&
           ((sync->updated_ms = sync->created_ms), insert_sync(s, sync, err));
}

bool elt_sync_create(struct store *s, struct elt_sync *sync, struct arena *arena, struct error *err)
{
    struct elt_sync made = *sync;
    assert(sync->account_id.len > 0);
    made.id = id_make(arena);
    if (!store_begin(s, err)) {
        return false;
    }
    if (!store_end(s, create(s, &made, arena, err), err)) {
        return false;
    }
    *sync = made;
    return true;
}

// ---- looking

bool elt_sync_find(struct store *s, struct str account_id, struct str id, struct arena *arena,
                   struct elt_sync *ret, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT " SYNC_COLUMNS " FROM elt_sync s" SYNC_JOINS
                                            " WHERE s.id = $1 AND s.account_id = $2");
    struct sql_value args[] = {sql_text(id), sql_text(account_id)};
    bool found = false;
    if (!id_check(id)) {
        return rows_missing(err, "sync", id);
    }
    return rows_find(s, &(struct statement){TEXT, args, ARRAY_LEN(args)},
                     &(struct row_reader){arena, sync_read}, ret, &found, err) &&
           (found || rows_missing(err, "sync", id));
}

bool elt_sync_list(struct store *s, const struct page_query *q, struct arena *arena,
                   struct elt_sync **ret, size_t *ret_n, struct error *err)
{
#define LIST_HEAD                                                                                  \
    "SELECT " SYNC_COLUMNS " FROM elt_sync s" SYNC_JOINS                                           \
    " WHERE s.account_id = $1 AND (s.created_ms, s.id) < ($2, $3)"
#define LIST_ORDER " ORDER BY s.created_ms DESC, s.id DESC LIMIT "
    static const struct str ALL = STR_INIT(LIST_HEAD LIST_ORDER "$4");
    static const struct str OF_ONE =
        STR_INIT(LIST_HEAD " AND s.connection_id = $4" LIST_ORDER "$5");
    if (!rows_check_place(&q->after, err)) {
        return false;
    }
    bool start = q->after.id.len == 0;
    struct sql_value args[5] = {sql_text(q->account_id),
                                sql_int(start ? INT64_MAX : q->after.at_ms),
                                sql_text(start ? STR("") : q->after.id)};
    size_t n = 3;
    if (q->owner_id.len > 0) {
        args[n++] = sql_text(q->owner_id);
    }
    args[n++] = sql_int((int64_t)q->max + 1);
    struct row_list list = {.arena = arena, .size = sizeof(struct elt_sync), .read = sync_read};
    struct statement st = {q->owner_id.len > 0 ? OF_ONE : ALL, args, n};
    if (!rows_list(s, &st, &list, err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}

// ---- changing

bool elt_sync_update(struct store *s, const struct elt_sync *sync, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE elt_sync SET settings = $1, sync_interval = $2, next_due_ms = $3,"
                 " updated_ms = $4 WHERE id = $5 AND account_id = $6");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(sync->settings),   sql_text(sync->sync_interval),
                               sql_int(sync->next_due_ms), sql_int(now_ms),
                               sql_text(sync->id),         sql_text(sync->account_id)};
    return rows_run_one(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, "sync", sync->id, err);
}

// What has not begun is taken back; what has is left to end by itself.
static bool take_back(struct store *s, struct str id, int64_t now_ms, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " RUN_COLUMNS " FROM stream_run r WHERE r.sync_id = $1 AND r.active = 1"
                 " AND r.status = 'scheduled' AND r.started_ms = 0");
    struct arena arena;
    struct sql_value args[] = {sql_text(id)};
    arena_init(&arena, 64 * 1024 * 1024);
    struct row_list runs = {
        .arena = &arena, .size = sizeof(struct stream_run_row), .read = run_read};
    bool ok = streams_lock(s, "t.sync_id = $1", args, 1, err) &&
              rows_list(s, &(struct statement){TEXT, args, 1}, &runs, err);
    for (size_t i = 0; ok && i < runs.n; i++) {
        ok = run_end_waiting(s, &((struct stream_run_row *)runs.items)[i],
                             "its sync was disabled before it began", now_ms, err);
    }
    arena_done(&arena);
    return ok;
}

static bool enable(struct store *s, struct str id, bool enabled, int64_t next_due_ms,
                   struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE elt_sync SET enabled = $1, started = CASE WHEN $1 = 1 THEN 1 ELSE started"
                 " END, next_due_ms = $2, updated_ms = $3 WHERE id = $4");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(enabled), sql_int(enabled ? next_due_ms : 0),
                               sql_int(now_ms), sql_text(id)};
    return rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, NULL, err) &&
           (enabled || take_back(s, id, now_ms, err));
}

bool elt_sync_enable(struct store *s, struct str account_id, struct str id, bool enabled,
                     int64_t next_due_ms, struct error *err)
{
    return store_begin(s, err) && store_end(s,
                                            elt_sync_lock(s, account_id, id, err) &&
                                                enable(s, id, enabled, next_due_ms, err),
                                            err);
}

// ---- when

#define ACTIVE_CONNECTION                                                                          \
    " AND EXISTS (SELECT 1 FROM connection a WHERE a.name = s.connection_id AND a.state = "        \
    "'active')"

static bool read_id(struct row *row, void *item, struct error *err)
{
    struct str *ret = item;
    *ret = row_text(row);
    return row_check(row, "sync", *ret, err);
}

// Two statements: the one that locks may not have outer joins.
static bool take_due(struct store *s, const struct due_query *q, struct row_list *ids,
                     struct row_list *syncs, struct error *err)
{
    struct sql_value due[] = {sql_int(q->now_ms), sql_int((int64_t)MIN(q->max, DUE_MAX))};
    struct statement st = {
        arena_printf(ids->arena,
                     "SELECT s.id FROM elt_sync s WHERE s.enabled = 1 AND s.next_due_ms > 0 AND"
                     " s.next_due_ms <= $1" ACTIVE_CONNECTION
                     " ORDER BY s.next_due_ms, s.id LIMIT $2%s",
                     store_skip_locked(s)),
        due, ARRAY_LEN(due)};
    if (!rows_list(s, &st, ids, err)) {
        return false;
    }
    if (ids->n == 0) {
        return true;
    }
    struct sql_value *args = ARENA_ARRAY(ids->arena, struct sql_value, ids->n);
    for (size_t i = 0; i < ids->n; i++) {
        args[i] = sql_text(((struct str *)ids->items)[i]);
    }
    st = (struct statement){arena_printf(ids->arena,
                                         "SELECT " SYNC_COLUMNS " FROM elt_sync s" SYNC_JOINS
                                         " WHERE s.id IN (%.*s) ORDER BY s.next_due_ms, s.id",
                                         STR_ARG(rows_params(1, ids->n, ids->arena))),
                            args, ids->n};
    return rows_list(s, &st, syncs, err);
}

bool elt_sync_take_due(struct store *s, const struct due_query *q, struct arena *arena,
                       struct elt_sync **ret, size_t *ret_n, struct error *err)
{
    struct row_list ids = {.arena = arena, .size = sizeof(struct str), .read = read_id};
    struct row_list syncs = {.arena = arena, .size = sizeof(struct elt_sync), .read = sync_read};
    if (!take_due(s, q, &ids, &syncs, err)) {
        return false;
    }
    *ret = syncs.items;
    *ret_n = syncs.n;
    return true;
}

bool elt_sync_set_due(struct store *s, struct str id, int64_t next_due_ms, struct error *err)
{
    struct sql_value args[] = {sql_int(next_due_ms), sql_text(id)};
    return rows_run_one(
        s, &(struct statement){STR("UPDATE elt_sync SET next_due_ms = $1 WHERE id = $2"), args, 2},
        "sync", id, err);
}

bool elt_sync_set_all_due(struct store *s, const struct elt_sync *syncs, size_t n,
                          struct error *err)
{
    struct arena arena;
    struct buf text;
    if (n == 0) {
        return true;
    }
    arena_init(&arena, DUE_BYTES_MAX);
    buf_init(&text, DUE_BYTES_MAX);
    struct sql_value *args = ARENA_ARRAY(&arena, struct sql_value, 2 * n);
    // Both databases call the columns of bare values column1 and column2.
    buf_add_cstr(&text, "UPDATE elt_sync SET next_due_ms = v.column2 FROM (VALUES ");
    for (size_t i = 0; i < n; i++) {
        args[2 * i] = sql_text(syncs[i].id);
        args[2 * i + 1] = sql_int(syncs[i].next_due_ms);
        buf_printf(&text, "%s(CAST($%zu AS TEXT), CAST($%zu AS BIGINT))", i > 0 ? ", " : "",
                   2 * i + 1, 2 * i + 2);
    }
    buf_add_cstr(&text, ") AS v WHERE elt_sync.id = v.column1");
    assert(!text.overflow);
    bool ok = rows_run(s, &(struct statement){buf_str(&text), args, 2 * n}, NULL, err);
    buf_done(&text);
    arena_done(&arena);
    return ok;
}
