#include "destination/postgres_lane.h"
#include "destination/statements.h"

#include "core/limits.h"

static const char *const TYPES[COL_TYPE_COUNT] = {
    [COL_TEXT] = "text",
    [COL_INT] = "bigint",
    [COL_DECIMAL] = "numeric",
    [COL_FLOAT] = "double precision",
    [COL_BOOL] = "boolean",
    [COL_DATE] = "date",
    [COL_TIMESTAMP] = "timestamp with time zone",
};
static const char *const CASTS[COL_TYPE_COUNT] = {
    [COL_TEXT] = "::text",
    [COL_INT] = "::bigint",
    [COL_DECIMAL] = "::numeric",
    [COL_FLOAT] = "::double precision",
    [COL_BOOL] = "::boolean",
    [COL_DATE] = "::date",
    [COL_TIMESTAMP] = "::timestamptz",
};
static const char *const READS[COL_TYPE_COUNT] = {
    [COL_TEXT] = "%s",
    [COL_INT] = "%s",
    [COL_DECIMAL] = "%s",
    [COL_FLOAT] = "%s",
    [COL_BOOL] = "%s",
    [COL_DATE] = "to_char(%s, 'YYYY-MM-DD')",
    [COL_TIMESTAMP] = "to_char(%s AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')",
};

enum {
    LOCK_TRY_US = 10 * 1000 * 1000, // the server may need a moment to notice that a run was killed
    LOCK_SLICE_US = 50 * 1000,
};

static bool locate(struct destination *d, bool make, bool *ret_there, struct error *err)
{
    (void)make;
    (void)err;
    *ret_there = true;
    d->sql_url = d->url;
    return true;
}

static bool exists(struct session *s, const char *query, const struct sql_value *args, size_t n,
                   bool *ret, struct error *err)
{
    struct sql_value one = sql_null();
    bool ok = sql_once_int(s->db, str_from(query), args, n, &one, err);
    *ret = one.type == SQL_INT;
    return ok;
}

// CREATE SCHEMA IF NOT EXISTS asks for the right to create one even where it exists.
static bool create_schema(struct session *s, struct error *err)
{
    static const char QUERY[] = "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1";
    struct sql_value arg = sql_text(s->dest->schema);
    bool there = false;
    if (!exists(s, QUERY, &arg, 1, &there, err)) {
        return false;
    }
    if (there) {
        return true;
    }
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    buf_add_cstr(&text, "CREATE SCHEMA IF NOT EXISTS ");
    sql_quote_name(&text, s->dest->schema);
    bool ok = session_enter(s, err);
    if (ok) {
        ok = sql_exec(s->db, buf_cstr(&text), err);
        ok = session_leave(s, ok, err);
    }
    buf_done(&text);
    return ok || error_context(err, "schema '%.*s'", STR_ARG(s->dest->schema));
}

// --- one run of a stream at a time ---------------------------------------------------------------

#define FROM_HOLDERS                                                                               \
    " FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid"              \
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"                              \
    " AND l.database = (SELECT oid FROM pg_catalog.pg_database"                                    \
    " WHERE datname = current_database())"                                                         \
    " AND (l.classid::bigint << 32) | l.objid::bigint = $1::bigint"

// Says who holds the lock, so that a person can decide. The session of a killed run ends by itself
// once the server notices (sql/postgres_connect.c asks it to look often); that of a frozen one at
// its idle timeout, or when a later run ends it.
static bool tell_holder(struct session *s, int64_t lock, struct error *err)
{
    static const char QUERY[] = "SELECT a.pid::text, coalesce(a.application_name, ''), "
                                "coalesce(a.client_addr::text, 'local'),"
                                " coalesce(a.state, '?')" FROM_HOLDERS;
    struct sql_stmt *st = NULL;
    struct sql_value arg = sql_int(lock);
    bool row = false;
    struct error ignored;
    if (sql_once_query(s->db, str_from(QUERY), &arg, 1, &st, &ignored)) {
        row = sql_next(st, &row, &ignored) && row;
    }
    if (row) {
        struct str pid = sql_column_str(st, 0);
        (void)error_set(err, ERR_DESTINATION_BUSY,
                        "another program loads this stream into schema '%.*s': server process "
                        "%.*s, application %.*s, client %.*s, %.*s; wait for it, or end it with "
                        "SELECT pg_terminate_backend(%.*s)",
                        STR_ARG(s->dest->schema), STR_ARG(pid), STR_ARG(sql_column_str(st, 1)),
                        STR_ARG(sql_column_str(st, 2)), STR_ARG(sql_column_str(st, 3)),
                        STR_ARG(pid));
    } else {
        (void)error_set(err, ERR_DESTINATION_BUSY,
                        "another program loads this stream into schema '%.*s'; wait for it",
                        STR_ARG(s->dest->schema));
    }
    sql_finalize(st);
    return false;
}

// Ends the holder when its name says that it is an earlier run of this very stream and owner; no
// other session is touched. The database keeps what that run has committed and nothing else.
static bool end_earlier_run(struct session *s, int64_t lock, struct str stream, struct error *err)
{
    static const char QUERY[] =
        "SELECT a.application_name, pg_catalog.pg_terminate_backend(a.pid)::int" FROM_HOLDERS
        " AND a.pid <> pg_catalog.pg_backend_pid() AND a.usename = current_user"
        " AND left(a.application_name, length($2::text)) = $2::text"
        " AND CASE WHEN substr(a.application_name, length($2::text) + 1) ~ '^[0-9]{1,18}$'"
        " THEN substr(a.application_name, length($2::text) + 1)::bigint ELSE $3::bigint END"
        " < $3::bigint";
    struct str prefix =
        arena_printf(&s->arena, "sluice/%.*s@%.*s#", STR_ARG(stream), STR_ARG(s->fence->owner));
    struct sql_value args[] = {sql_int(lock), sql_text(prefix), sql_int(s->fence->number)};
    struct sql_stmt *st = NULL;
    bool row = true;
    bool ok = sql_once_query(s->db, str_from(QUERY), args, ARRAY_LEN(args), &st, err);
    while (ok && (ok = sql_next(st, &row, err)) && row) {
        if (s->log) {
            log_line(s->log, LOG_WARN, "ended the database session of a run that was taken over",
                     LOG_S("session", sql_column_str(st, 0)), LOG_I("fence", s->fence->number));
        }
    }
    sql_finalize(st);
    return ok;
}

static bool start(struct session *s, struct error *err)
{
    (void)err;
    s->driver_data = lanes_create();
    return true;
}

static bool lock_stream(struct session *s, struct str stream, struct error *err)
{
    const struct clock *clock = s->dest->clock;
    int64_t lock = name_hash(s->dest->schema, stream);
    int64_t began_us = clock_mono_us(clock);
    struct sql_value arg = sql_int(lock);
    for (;;) {
        struct sql_value held = sql_null();
        if (!sql_once_int(s->db, STR("SELECT pg_try_advisory_lock($1::bigint)::int"), &arg, 1,
                          &held, err)) {
            return false;
        }
        if (held.num == 1) {
            return true;
        }
        if (cancel_requested(s->cancel)) {
            return error_set(err, ERR_INTERRUPTED, "stopped while waiting for another run");
        }
        if (s->fence && !end_earlier_run(s, lock, stream, err)) {
            return false;
        }
        if (clock_mono_us(clock) - began_us >= LOCK_TRY_US) {
            return tell_holder(s, lock, err);
        }
        clock->sleep_us(clock, LOCK_SLICE_US);
    }
}

// The lock ends with the connection, but a moment later than this.
static void stop(struct session *s)
{
    struct error ignored;
    if (sql_transaction_state(s->db) == SQL_IDLE) {
        (void)!sql_exec(s->db, "SELECT pg_advisory_unlock_all()", &ignored);
    }
    lanes_destroy(s->driver_data);
    s->driver_data = NULL;
}

// --- the catalogue -------------------------------------------------------------------------------

static const char FIND_TABLE[] =
    "SELECT c.relkind::text, coalesce(c.reloptions::text, '') LIKE '%toast_tuple_target%',"
    " a.attname::text, format_type(a.atttypid, a.atttypmod), a.attisdropped,"
    " coalesce(array_position(string_to_array(i.indkey::text, ' ')::int[], a.attnum::int), 0)"
    " FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
    " LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary"
    " WHERE n.nspname = $1 AND c.relname = $2 ORDER BY a.attnum";

static void add_found(struct found_table *t, struct sql_stmt *st, struct arena *arena)
{
    struct str kind = sql_column_str(st, 0);
    t->exists = true;
    t->is_table = str_eq(kind, STR("r")) || str_eq(kind, STR("p"));
    t->has_wide_storage = sql_column(st, 1).num != 0;
    struct sql_value dropped = sql_column(st, 4);
    if (dropped.type == SQL_NULL) {
        return; // a relation without columns
    }
    t->n_slots++;
    if (dropped.num == 0) {
        struct found_column *c = &t->columns[t->n_columns++];
        c->name = arena_dup(arena, sql_column_str(st, 2));
        c->type = arena_dup(arena, sql_column_str(st, 3));
        c->key_position = (int)sql_column(st, 5).num;
    }
}

static bool find_table(struct session *s, struct str name, struct arena *arena,
                       struct found_table *ret, struct error *err)
{
    struct sql_value args[] = {sql_text(s->dest->schema), sql_text(name)};
    struct found_table t = {0};
    t.columns = ARENA_ARRAY(arena, struct found_column, LIMIT_COLUMNS_PG + 1);
    struct sql_stmt *st = NULL;
    bool row = true;
    bool ok = sql_once_query(s->db, str_from(FIND_TABLE), args, 2, &st, err);
    while (ok && t.n_slots <= LIMIT_COLUMNS_PG && (ok = sql_next(st, &row, err)) && row) {
        add_found(&t, st, arena);
    }
    sql_finalize(st);
    if (ok) {
        *ret = t;
    }
    return ok;
}

// What make_view leaves as the view's comment: the server keeps its text in another form.
static void view_mark(char mark[64], struct str body)
{
    (void)snprintf(mark, 64, "made by sluice %016llx",
                   (unsigned long long)name_hash(body, STR("")));
}

static bool view_is(struct session *s, struct str name, struct str body, bool *ret,
                    struct error *err)
{
    static const char QUERY[] = "SELECT 1 FROM pg_catalog.pg_class c"
                                " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
                                " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'v'"
                                " AND obj_description(c.oid, 'pg_class') = $3";
    char mark[64];
    view_mark(mark, body);
    struct sql_value args[] = {sql_text(s->dest->schema), sql_text(name), sql_text(str_from(mark))};
    return exists(s, QUERY, args, ARRAY_LEN(args), ret, err);
}

static void add_create_view(struct buf *b, struct session *s, struct str name, struct str body,
                            const char *create)
{
    char mark[64];
    view_mark(mark, body);
    buf_add_cstr(b, create);
    text_table(b, s->dest, name);
    buf_add_cstr(b, " AS ");
    buf_add(b, body);
    buf_add_cstr(b, "; COMMENT ON VIEW ");
    text_table(b, s->dest, name);
    buf_add_cstr(b, " IS ");
    sql_quote_text(b, str_from(mark));
}

// A view is replaced where that can be, since others may depend on it; PostgreSQL refuses it when
// columns go or change.
static bool make_view(struct session *s, struct str name, struct str body, struct error *err)
{
    struct error ignored;
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    add_create_view(&text, s, name, body, "CREATE OR REPLACE VIEW ");
    bool ok = sql_exec(s->db, "SAVEPOINT sluice_view", err);
    if (ok && !sql_exec(s->db, buf_cstr(&text), &ignored)) {
        buf_reset(&text);
        buf_add_cstr(&text, "ROLLBACK TO sluice_view; DROP VIEW IF EXISTS ");
        text_table(&text, s->dest, name);
        buf_add_cstr(&text, "; ");
        add_create_view(&text, s, name, body, "CREATE VIEW ");
        ok = sql_exec(s->db, buf_cstr(&text), err);
    }
    buf_done(&text);
    return ok;
}

static bool has_index(struct session *s, struct str name, bool *ret, struct error *err)
{
    static const char QUERY[] =
        "SELECT 1 FROM pg_catalog.pg_class c"
        " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('i', 'I')";
    struct sql_value args[] = {sql_text(s->dest->schema), sql_text(name)};
    return exists(s, QUERY, args, ARRAY_LEN(args), ret, err);
}

static const char *const PREFIXES[] = {"postgres://", "postgresql://", NULL};

// Rows over 2 KiB are by default moved out of line value by value, which for hundreds of short
// values costs many times the load itself: wide tables ask to be left alone up to a page.
const struct destination_driver DESTINATION_POSTGRES = {
    .name = "PostgreSQL",
    .prefixes = PREFIXES,
    .max_columns = LIMIT_COLUMNS_PG,
    .schemas = true,
    .row_in_page = true,
    .types = TYPES,
    .casts = CASTS,
    .reads = READS,
    .later = "%s + interval '1 millisecond'",
    .differs = ") IS DISTINCT FROM (",
    .lateral = true,
    .wide_suffix = " WITH (toast_tuple_target = 8160)",
    .wide_storage = "SET (toast_tuple_target = 8160)",
    .composite_suffix = "",
    .ddl_lock = "SELECT pg_advisory_xact_lock(8315168201)", // any number of our own
    .exclusive = " IN ACCESS EXCLUSIVE MODE",
    .locate = locate,
    .create_schema = create_schema,
    .start = start,
    .lock_stream = lock_stream,
    .stop = stop,
    .find_table = find_table,
    .view_is = view_is,
    .make_view = make_view,
    .has_index = has_index,
    .write = lanes_write,
    .flush = lanes_flush,
    .ended = lanes_ended,
    .forget = lanes_forget,
};
