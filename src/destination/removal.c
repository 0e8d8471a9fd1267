// Taking things away: tables, columns and states of streams.
#include "destination/statements.h"

#include <unistd.h>

static bool run_text(struct session *s, struct buf *text, struct error *err)
{
    if (text->overflow) {
        return error_set(err, ERR_LIMIT, "a statement is longer than %d bytes", STATEMENT_MAX);
    }
    return sql_exec(s->db, buf_cstr(text), err);
}

// --- tables and views ----------------------------------------------------------------------------

// Never with what depends on it: that is somebody else's.
static bool drop_relation(struct session *s, struct str name, const char *kind, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    buf_printf(&text, "DROP %s ", kind);
    text_table(&text, s->dest, name);
    bool ok = run_text(s, &text, err);
    buf_done(&text);
    return ok || error_context(err, "'%.*s'", STR_ARG(name));
}

// The history goes with its table, also when the table itself has gone before.
static bool drop_history(struct session *s, struct str table, struct arena *arena,
                         struct error *err)
{
    char name[HISTORY_NAME_MAX];
    struct found_table found = {0};
    if (!history_find(s, table, name, err)) {
        return false;
    }
    if (name[0] == '\0') {
        return true;
    }
    return s->dest->driver->find_table(s, str_from(name), arena, &found, err) &&
           (!found.is_table || drop_relation(s, str_from(name), "TABLE", err)) &&
           history_unregister(s, table, err);
}

// Views first: they stand on the tables.
static bool drop_relations(struct session *s, const struct str *names, size_t n, struct error *err)
{
    struct arena arena;
    arena_init(&arena, 64U << 20);
    bool ok = true;
    for (size_t pass = 0; pass < 2 && ok; pass++) {
        bool tables = pass == 1;
        for (size_t i = 0; i < n && ok; i++) {
            struct found_table found = {0};
            arena_reset(&arena);
            ok = s->dest->driver->find_table(s, names[i], &arena, &found, err);
            if (ok && found.exists && found.is_table == tables && !table_is_system(names[i])) {
                ok = drop_relation(s, names[i], tables ? "TABLE" : "VIEW", err);
            }
        }
    }
    for (size_t i = 0; i < n && ok; i++) {
        arena_reset(&arena);
        ok = drop_history(s, names[i], &arena, err);
    }
    arena_done(&arena);
    return ok;
}

bool session_drop_tables(struct session *s, const struct str *names, size_t n, struct error *err)
{
    assert(!s->in_transaction);
    targets_forget(s); // prepared statements would keep the tables busy
    histories_forget(s);
    bool ok = session_enter(s, err);
    if (ok) {
        ok = drop_relations(s, names, n, err);
        ok = session_leave(s, ok, err);
    }
    return ok;
}

// --- columns -------------------------------------------------------------------------------------

static bool is_in(struct str name, const struct str *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, list[i])) {
            return true;
        }
    }
    return false;
}

// A statement about one column of a table: what stands before, between and behind their names.
struct column_statement {
    const char *before, *between, *after;
};
static const struct column_statement DROP_COLUMN = {"ALTER TABLE ", " DROP COLUMN ", ""};
static const struct column_statement EMPTY_COLUMN = {"UPDATE ", " SET ", " = NULL"};

static bool alter(struct session *s, const struct column_statement *st, struct str table,
                  struct str column, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    buf_add_cstr(&text, st->before);
    text_table(&text, s->dest, table);
    buf_add_cstr(&text, st->between);
    sql_quote_name(&text, column);
    buf_add_cstr(&text, st->after);
    bool ok = run_text(s, &text, err);
    buf_done(&text);
    return ok;
}

static bool drop_column(struct session *s, struct str table, struct str column, struct error *err)
{
    struct error why;
    if (!sql_exec(s->db, "SAVEPOINT sluice_column", err)) {
        return false;
    }
    if (alter(s, &DROP_COLUMN, table, column, &why)) {
        return sql_exec(s->db, "RELEASE SAVEPOINT sluice_column", err);
    }
    return sql_exec(s->db, "ROLLBACK TO SAVEPOINT sluice_column", err) &&
           alter(s, &EMPTY_COLUMN, table, column, err) &&
           sql_exec(s->db, "RELEASE SAVEPOINT sluice_column", err);
}

static bool drop_columns(struct session *s, struct str table, const struct found_table *found,
                         const struct str *columns, size_t n, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < found->n_columns && ok; i++) {
        const struct found_column *c = &found->columns[i];
        if (is_in(c->name, columns, n)) {
            assert(c->key_position == 0);
            ok = drop_column(s, table, c->name, err) ||
                 error_context(err, "column '%.*s'", STR_ARG(c->name));
        }
    }
    return ok;
}

static size_t count_found(const struct found_table *found, const struct str *columns, size_t n)
{
    size_t there = 0;
    for (size_t i = 0; i < found->n_columns && found->is_table; i++) {
        there += is_in(found->columns[i].name, columns, n);
    }
    return there;
}

static bool drop_columns_of(struct session *s, struct str table, const struct str *columns,
                            size_t n, struct error *err)
{
    struct found_table found = {0};
    struct arena arena;
    arena_init(&arena, 64U << 20);
    // Most runs find nothing to do: they look without taking anybody's turn.
    bool ok = s->dest->driver->find_table(s, table, &arena, &found, err);
    if (ok && count_found(&found, columns, n) > 0) {
        targets_forget(s);
        histories_forget(s);
        ok = session_enter(s, err);
        if (ok) {
            ok = drop_columns(s, table, &found, columns, n, err);
            ok = session_leave(s, ok, err);
        }
    }
    arena_done(&arena);
    return ok || error_context(err, "table '%.*s'", STR_ARG(table));
}

bool session_drop_columns(struct session *s, struct str table, const struct str *columns, size_t n,
                          struct error *err)
{
    assert(!s->in_transaction);
    char name[HISTORY_NAME_MAX];
    return drop_columns_of(s, table, columns, n, err) && history_find(s, table, name, err) &&
           (name[0] == '\0' || drop_columns_of(s, str_from(name), columns, n, err));
}

// --- rows of the system tables -------------------------------------------------------------------

// A statement about rows of a system table: what stands before and behind its name.
struct row_statement {
    const char *before;
    const struct table *table;
    const char *after;
};

static bool run_rows(struct session *s, const struct row_statement *st,
                     const struct sql_value *args, size_t n, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    buf_add_cstr(&text, st->before);
    text_table(&text, s->dest, st->table->name);
    buf_add_cstr(&text, st->after);
    bool ok = sql_once(s->db, buf_str(&text), args, n, NULL, err);
    buf_done(&text);
    return ok || error_context(err, "table '%.*s'", STR_ARG(st->table->name));
}

#define FORGET_VALUE " SET \"raw_value\" = NULL WHERE \"stream\" = $1 AND "
static const struct row_statement FORGET_WHOLE = {"UPDATE ", &TABLE_REJECT,
                                                  FORGET_VALUE "\"column\" IS NULL"};
static const struct row_statement FORGET_COLUMN = {"UPDATE ", &TABLE_REJECT,
                                                   FORGET_VALUE "\"column\" = $2"};

bool session_forget_rejects(struct session *s, const struct str *columns, size_t n,
                            struct error *err)
{
    struct sql_value args[2] = {sql_text(s->stream)};
    if (n == 0) {
        return true;
    }
    bool ok = session_enter(s, err);
    if (!ok) {
        return false;
    }
    ok = run_rows(s, &FORGET_WHOLE, args, 1, err);
    for (size_t i = 0; i < n && ok; i++) {
        args[1] = sql_text(columns[i]);
        ok = run_rows(s, &FORGET_COLUMN, args, 2, err);
    }
    return session_leave(s, ok, err);
}

// What the system tables say about a stream.
static bool forget_stream(struct session *s, struct str stream, struct error *err)
{
    static const struct row_statement PLACES[] = {
        {"DELETE FROM ", &TABLE_STATE, " WHERE \"stream\" = $1"},
        {"DELETE FROM ", &TABLE_REJECT, " WHERE \"stream\" = $1"},
        {"DELETE FROM ", &TABLE_AUDIT, " WHERE \"stream\" = $1"},
        {"DELETE FROM ", &TABLE_COLUMN, " WHERE \"object\" = $1"},
    };
    struct sql_value arg = sql_text(stream);
    struct arena arena;
    arena_init(&arena, 64U << 20);
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(PLACES) && ok; i++) {
        struct found_table found = {0};
        arena_reset(&arena);
        ok = s->dest->driver->find_table(s, PLACES[i].table->name, &arena, &found, err) &&
             (!found.exists || run_rows(s, &PLACES[i], &arg, 1, err));
    }
    arena_done(&arena);
    return ok;
}

// --- parts of tables -----------------------------------------------------------------------------

// Nobody writes to it until the transaction ends, so that what is seen as empty is.
static bool lock_table(struct session *s, struct str table, struct error *err)
{
    struct buf text;
    if (!s->dest->driver->exclusive) {
        return true;
    }
    buf_init(&text, STATEMENT_MAX);
    buf_add_cstr(&text, "LOCK TABLE ");
    text_table(&text, s->dest, table);
    buf_add_cstr(&text, s->dest->driver->exclusive);
    bool ok = run_text(s, &text, err);
    buf_done(&text);
    return ok;
}

// Once the part's rows are gone, and those of all other parts that go.
static bool drop_if_empty(struct session *s, const struct destination_part *p, struct error *err)
{
    struct arena arena;
    struct found_table found = {0};
    bool alone = false;
    arena_init(&arena, 64U << 20);
    bool ok = s->dest->driver->find_table(s, p->table, &arena, &found, err);
    if (ok && found.is_table) {
        ok = lock_table(s, p->table, err) && part_is_alone(s, p, &alone, err) &&
             (!alone || drop_relations(s, &p->table, 1, err));
    }
    arena_done(&arena);
    return ok;
}

static bool drop_parts(struct session *s, const struct destination_removal *r, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < r->n_parts && ok; i++) {
        ok = part_forget(s, &r->parts[i], err);
    }
    for (size_t i = 0; i < r->n_parts && ok; i++) {
        ok = r->parts[i].keeps || drop_if_empty(s, &r->parts[i], err);
    }
    return ok;
}

// --- a whole destination -------------------------------------------------------------------------

static bool drop_all(struct session *s, const struct destination_removal *r, struct error *err)
{
    bool ok = true;
    for (size_t i = 0; i < r->n_streams && ok; i++) {
        ok = s->dest->driver->lock_stream(s, r->streams[i], err);
    }
    ok = ok && session_enter(s, err);
    if (ok) {
        ok = drop_relations(s, r->tables, r->n_tables, err) && drop_parts(s, r, err);
        for (size_t i = 0; i < r->n_streams && ok; i++) {
            ok = forget_stream(s, r->streams[i], err);
        }
        ok = session_leave(s, ok, err);
    }
    return ok;
}

bool destination_drop(const struct destination_options *options,
                      const struct destination_removal *removal, struct error *err)
{
    struct destination *d = NULL;
    struct session *s = NULL;
    bool there = false;
    if (!destination_prepare(options, &d, err)) {
        return false;
    }
    bool ok = d->driver->locate(d, false, &there, err);
    if (ok && there) {
        ok = session_connect(d, &(struct session_options){0}, &s, err) && drop_all(s, removal, err);
    }
    session_close(s);
    destination_close(d);
    return ok;
}
