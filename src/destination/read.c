#include "destination/statements.h"

#include "core/timestamp.h"

#include <math.h>

// --- ids -----------------------------------------------------------------------------------------

struct ids {
    int64_t *ids;
    size_t max;
    size_t n;
};

static bool read_ids(struct session *s, struct buf *text, const struct sql_value *args,
                     size_t n_args, struct ids *ids, struct error *err)
{
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok = sql_once_query(s->db, buf_str(text), args, n_args, &st, err);
    while (ok && ids->n < ids->max && (ok = sql_next(st, &row, err)) && row) {
        struct sql_value v = sql_column(st, 0);
        if (v.type != SQL_INT) {
            ok = error_set(err, ERR_DESTINATION, "an id is not a whole number");
            break;
        }
        ids->ids[ids->n++] = v.num;
    }
    sql_finalize(st);
    return ok;
}

static bool read_max_synced(struct session *s, struct str table, int64_t *ret, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_max_synced(&text, s->dest, table);
    struct sql_stmt *st = NULL;
    bool row = false;
    bool ok = sql_once_query(s->db, buf_str(&text), NULL, 0, &st, err) && sql_next(st, &row, err);
    struct str newest = ok && row ? sql_column_str(st, 0) : (struct str){0};
    if (ok) {
        *ret = INT64_MIN;
        if (newest.ptr && !timestamp_parse(newest, ret)) {
            ok = error_set(err, ERR_DESTINATION, "'%.*s' in column '%.*s' is not a timestamp",
                           STR_ARG(newest), STR_ARG(s->dest->metadata.synced));
        }
    }
    sql_finalize(st);
    buf_done(&text);
    return ok;
}

static bool table_exists(struct session *s, struct str table, bool *ret, struct error *err)
{
    struct arena arena;
    struct found_table found = {0};
    arena_init(&arena, 64U << 20);
    bool ok = s->dest->driver->find_table(s, table, &arena, &found, err);
    arena_done(&arena);
    *ret = ok && found.exists;
    return ok;
}

static bool flush(struct session *s, struct error *err)
{
    if (!s->in_transaction || !s->dest->driver->flush) {
        return true;
    }
    bool ok = s->dest->driver->flush(s, err);
    s->failed = s->failed || !ok;
    return ok;
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool session_read_ids(struct session *s, struct str table, struct str id_column, int64_t after_id,
                      int64_t synced_after_ms, int64_t *ids, size_t max, size_t *ret_n,
                      int64_t *ret_max_synced_ms, struct error *err)
{
    bool exists = false;
    if (!flush(s, err) || !table_exists(s, table, &exists, err)) {
        return error_context(err, "table '%.*s'", STR_ARG(table));
    }
    if (!exists) {
        return error_set(err, ERR_NOT_FOUND, "there is no table '%.*s'", STR_ARG(table));
    }
    char after[TIMESTAMP_TEXT_MAX];
    bool by_synced = synced_after_ms != INT64_MIN;
    bool formatted = !by_synced || timestamp_format(synced_after_ms, after);
    assert(formatted);
    struct sql_value args[3];
    size_t n = 0;
    args[n++] = sql_int(after_id);
    if (by_synced) {
        args[n++] = sql_text(str_from(after));
    }
    args[n++] = sql_int((int64_t)MIN(max, (size_t)INT64_MAX));
    struct ids found = {ids, max, 0};
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_read_ids(&text, s->dest, table, id_column, by_synced);
    int64_t newest = INT64_MIN;
    bool ok = read_ids(s, &text, args, n, &found, err) &&
              (!ret_max_synced_ms || read_max_synced(s, table, &newest, err));
    buf_done(&text);
    if (!ok) {
        return error_context(err, "table '%.*s'", STR_ARG(table));
    }
    *ret_n = found.n;
    if (ret_max_synced_ms) {
        *ret_max_synced_ms = newest;
    }
    return true;
}

// --- whole tables --------------------------------------------------------------------------------

// A number that SQLite keeps as a double has at most 15 digits: that many print it exactly.
static struct cell decimal_of_double(struct arena *arena, double x)
{
    double size = fabs(x);
    int whole = size < 10 ? 1 : (int)floor(log10(size)) + 1;
    int decimals = MAX(0, 15 - whole);
    struct str text = arena_printf(arena, "%.*f", decimals, x);
    while (decimals > 0 && text.len > 1 && text.ptr[text.len - 1] == '0') {
        text.len--;
    }
    if (text.len > 0 && text.ptr[text.len - 1] == '.') {
        text.len--;
    }
    return (struct cell){.ptr = text.ptr, .len = (uint32_t)text.len, .kind = CELL_TEXT};
}

// The cell of a column; what another program has put into the column comes as text.
static struct cell cell_of(struct arena *arena, enum column_type type, struct sql_value v)
{
    struct str text;
    switch ((enum sql_type)v.type) {
    case SQL_NULL:
        return (struct cell){.kind = CELL_NULL};
    case SQL_INT:
        if (type == COL_INT || type == COL_BOOL) {
            return (struct cell){.num = v.num, .kind = type == COL_INT ? CELL_INT : CELL_BOOL};
        }
        if (type == COL_FLOAT) {
            return (struct cell){.dbl = (double)v.num, .kind = CELL_FLOAT};
        }
        text = arena_printf(arena, "%lld", (long long)v.num);
        return (struct cell){.ptr = text.ptr, .len = (uint32_t)text.len, .kind = CELL_TEXT};
    case SQL_FLOAT:
        return type == COL_FLOAT ? (struct cell){.dbl = v.dbl, .kind = CELL_FLOAT}
                                 : decimal_of_double(arena, v.dbl);
    case SQL_TEXT:
    case SQL_BLOB:
    default:
        return (struct cell){.ptr = v.ptr, .len = v.len, .kind = CELL_TEXT};
    }
}

static bool walk(struct sql_stmt *st, const struct table *table, session_row_fn *fn, void *user,
                 struct error *err)
{
    struct arena arena;
    arena_init(&arena, 64U << 20);
    bool ok = true;
    bool row = true;
    while (ok && (ok = sql_next(st, &row, err)) && row) {
        arena_reset(&arena);
        struct cell *cells = ARENA_ARRAY(&arena, struct cell, table->n_columns);
        for (size_t i = 0; i < table->n_columns; i++) {
            cells[i] = cell_of(&arena, table->columns[i].type, sql_column(st, i));
        }
        ok = fn(user, cells, err);
    }
    arena_done(&arena);
    return ok;
}

bool session_read_table(struct session *s, const struct table *table, session_row_fn *fn,
                        void *user, struct error *err)
{
    bool exists = false;
    if (!flush(s, err) || !table_exists(s, table->name, &exists, err)) {
        return error_context(err, "table '%.*s'", STR_ARG(table->name));
    }
    if (!exists) {
        return true;
    }
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_read_table(&text, s->dest, table);
    struct sql_stmt *st = NULL;
    bool ok =
        sql_once_query(s->db, buf_str(&text), NULL, 0, &st, err) && walk(st, table, fn, user, err);
    sql_finalize(st);
    buf_done(&text);
    return ok;
}
