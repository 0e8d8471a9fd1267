#include "destination/statements.h"

// What a table lacks: filled by compare, in the order in which it is to be added.
struct changes {
    bool create;
    bool widen;
    struct column *add; // in the arena
    size_t n_add;
};

static const struct found_column *find_column(const struct destination *d,
                                              const struct found_table *found, struct str name)
{
    for (size_t i = 0; i < found->n_columns; i++) {
        struct str have = found->columns[i].name;
        // In SQLite names that differ only in ASCII case are one name.
        if (d->driver->schemas ? str_eq(have, name) : str_eq_nocase(have, name)) {
            return &found->columns[i];
        }
    }
    return NULL;
}

static bool check_column(const struct destination *d, const struct table *table,
                         const struct column *column, const struct found_column *have,
                         struct error *err)
{
    struct str want = str_from(d->driver->types[column->type]);
    if (str_eq_nocase(have->type, want)) {
        return true;
    }
    return error_set(
        err, ERR_DESTINATION,
        "column '%.*s' of table '%.*s' is there as %.*s but has to be %.*s (%s); rename "
        "the column or the table, or load into another schema",
        STR_ARG(column->name), STR_ARG(table->name), STR_ARG(have->type), STR_ARG(want),
        column_type_name(column->type));
}

static bool check_key(const struct destination *d, const struct target *t,
                      const struct found_table *found, struct error *err)
{
    const struct table *table = &t->table;
    size_t wanted = table->n_keys + (t->version.len > 0);
    size_t n_keys = 0;
    bool same = true;
    for (size_t i = 0; i < found->n_columns; i++) {
        n_keys += found->columns[i].key_position > 0;
    }
    for (size_t i = 0; i < table->n_keys; i++) {
        const struct found_column *have = find_column(d, found, table->columns[i].name);
        same = same && have && have->key_position == (int)i + 1;
    }
    if (t->version.len > 0) {
        const struct found_column *have = find_column(d, found, t->version);
        same = same && have && have->key_position == (int)wanted;
    }
    if (same && n_keys == wanted) {
        return true;
    }
    return error_set(err, ERR_DESTINATION,
                     "table '%.*s' is there with another primary key than the %zu column(s) from "
                     "'%.*s'; rename the table or load into another schema",
                     STR_ARG(table->name), wanted,
                     STR_ARG(table->n_keys ? table->columns[0].name : STR("")));
}

static bool compare(const struct destination *d, const struct target *t, struct arena *arena,
                    const struct found_table *found, struct changes *ret, struct error *err)
{
    const struct table *table = &t->table;
    struct changes c = {.create = !found->exists};
    if (found->exists && !found->is_table) {
        return error_set(
            err, ERR_DESTINATION,
            "'%.*s' is there but is not a table; rename it or load into another schema",
            STR_ARG(table->name));
    }
    size_t n = target_columns(t);
    c.add = ARENA_ARRAY(arena, struct column, n);
    for (size_t i = 0; i < n && found->exists; i++) {
        struct column column = target_column(d, t, i);
        const struct found_column *have = find_column(d, found, column.name);
        if (!have) {
            c.add[c.n_add++] = column;
        } else if (!check_column(d, table, &column, have, err)) {
            return false;
        }
    }
    if (found->exists && !check_key(d, t, found, err)) {
        return false;
    }
    if (found->n_slots + c.n_add > d->driver->max_columns) {
        return error_set(err, ERR_DESTINATION,
                         "table '%.*s' has %zu columns (dropped ones count) and would need %zu "
                         "more; %s allows %zu. Select fewer properties for this stream",
                         STR_ARG(table->name), found->n_slots, c.n_add, d->driver->name,
                         d->driver->max_columns);
    }
    c.widen = found->exists && d->driver->wide_storage && !found->has_wide_storage &&
              found->n_columns + c.n_add > WIDE_COLUMNS;
    *ret = c;
    return true;
}

static bool run_text(struct session *s, struct buf *text, struct error *err)
{
    if (text->overflow) {
        return error_set(err, ERR_LIMIT, "a statement is longer than %d bytes", STATEMENT_MAX);
    }
    return sql_exec(s->db, buf_cstr(text), err);
}

static bool apply(struct session *s, const struct target *t, const struct changes *c,
                  struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    bool ok = true;
    if (c->create) {
        text_create_table(&text, s->dest, t);
        ok = run_text(s, &text, err);
    }
    for (size_t i = 0; i < c->n_add && ok; i++) {
        buf_reset(&text);
        text_add_column(&text, s->dest, t->table.name, &c->add[i]);
        ok = run_text(s, &text, err);
    }
    if (ok && c->widen) {
        buf_reset(&text);
        text_widen(&text, s->dest, t->table.name);
        ok = run_text(s, &text, err);
    }
    buf_done(&text);
    return ok;
}

static bool find_changes(struct session *s, const struct target *t, struct arena *arena,
                         struct changes *ret, struct error *err)
{
    struct found_table found = {0};
    return s->dest->driver->find_table(s, t->table.name, arena, &found, err) &&
           compare(s->dest, t, arena, &found, ret, err);
}

static bool is_empty(struct session *s, struct str table, bool *ret, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_is_empty(&text, s->dest, table);
    struct sql_value one = sql_null();
    bool ok = sql_once_int(s->db, buf_str(&text), NULL, 0, &one, err);
    buf_done(&text);
    if (ok) {
        *ret = one.type == SQL_NULL;
    }
    return ok;
}

static bool has_work(const struct changes *c)
{
    return c->create || c->n_add > 0 || c->widen;
}

bool schema_lacks(struct session *s, const struct target *t, bool *ret, struct error *err)
{
    struct changes c = {0};
    struct arena arena;
    arena_init(&arena, 64U << 20);
    bool ok = find_changes(s, t, &arena, &c, err);
    arena_done(&arena);
    *ret = ok && has_work(&c);
    return ok;
}

bool schema_make(struct session *s, const struct target *t, bool *ret_created, struct error *err)
{
    struct changes c = {0};
    struct arena arena;
    arena_init(&arena, 64U << 20);
    bool ok = find_changes(s, t, &arena, &c, err) && apply(s, t, &c, err);
    arena_done(&arena);
    *ret_created = ok && c.create;
    return ok;
}

bool schema_apply_table(struct session *s, const struct table *table, bool *ret_empty,
                        struct error *err)
{
    assert(!s->in_transaction);
    struct target *t = NULL;
    struct changes c = {0};
    struct arena arena;
    arena_init(&arena, 64U << 20);
    // Most runs find nothing to do: they look without taking anybody's turn.
    bool ok = target_get(s, table, &t, err) && find_changes(s, t, &arena, &c, err);
    if (ok && has_work(&c)) {
        ok = session_enter(s, err);
        if (ok) { // another program may have been here since
            ok = find_changes(s, t, &arena, &c, err) && apply(s, t, &c, err);
            ok = session_leave(s, ok, err);
        }
    }
    bool empty = true;
    ok = ok && is_empty(s, table->name, &empty, err);
    arena_done(&arena);
    if (!ok) {
        return error_context(err, "table '%.*s'", STR_ARG(table->name));
    }
    *ret_empty = empty;
    return true;
}

// The type that a column of the view has: NULLs of tables without it are given that type.
static const struct found_column *typed_column(const struct destination *d,
                                               const struct found_table *found, size_t n,
                                               struct str column)
{
    const struct found_column *have = NULL;
    for (size_t i = 0; i < n && !have; i++) {
        have = find_column(d, &found[i], column);
    }
    return have;
}

static void add_view_column(struct buf *b, const struct destination *d,
                            const struct found_table *found, size_t n, size_t at, struct str column)
{
    if (find_column(d, &found[at], column)) {
        sql_quote_name(b, column);
        return;
    }
    const struct found_column *elsewhere = typed_column(d, found, n, column);
    buf_add_cstr(b, "CAST(NULL AS ");
    buf_add(b, elsewhere ? elsewhere->type : STR("text"));
    buf_add_cstr(b, ") AS ");
    sql_quote_name(b, column);
}

// SELECT ... UNION ALL SELECT ... over the tables that are there; nothing when none is.
static void add_view_body(struct buf *b, const struct destination *d, const struct view *view,
                          const struct found_table *found)
{
    for (size_t i = 0; i < view->n_tables; i++) {
        if (!found[i].exists || !found[i].is_table) {
            continue;
        }
        buf_add_cstr(b, b->len > 0 ? " UNION ALL SELECT " : "SELECT ");
        for (size_t c = 0; c < view->n_columns; c++) {
            buf_add_cstr(b, c > 0 ? ", " : "");
            add_view_column(b, d, found, view->n_tables, i, view->columns[c]);
        }
        buf_add_cstr(b, " FROM ");
        text_table(b, d, view->tables[i]);
    }
}

// The body over the tables as they are; *ret_same: the view is there with it, or there is nothing
// to see yet.
static bool look_at_view(struct session *s, const struct view *view, struct buf *body,
                         bool *ret_same, struct error *err)
{
    const struct destination *d = s->dest;
    struct arena arena;
    arena_init(&arena, 64U << 20);
    struct found_table *found = ARENA_ARRAY(&arena, struct found_table, view->n_tables);
    bool ok = true;
    for (size_t i = 0; i < view->n_tables && ok; i++) {
        ok = d->driver->find_table(s, view->tables[i], &arena, &found[i], err);
    }
    buf_reset(body);
    if (ok) {
        add_view_body(body, d, view, found);
    }
    arena_done(&arena);
    *ret_same = body->len == 0;
    return ok && (*ret_same || d->driver->view_is(s, view->name, buf_str(body), ret_same, err));
}

bool schema_apply_view(struct session *s, const struct view *view, struct error *err)
{
    assert(!s->in_transaction && view->n_columns > 0);
    struct buf body;
    bool same = true;
    buf_init(&body, STATEMENT_MAX);
    bool ok = look_at_view(s, view, &body, &same, err);
    if (ok && !same && (ok = session_enter(s, err))) {
        // Another program may have been here since.
        ok = look_at_view(s, view, &body, &same, err) &&
             (same || s->dest->driver->make_view(s, view->name, buf_str(&body), err));
        ok = session_leave(s, ok, err);
    }
    buf_done(&body);
    return ok || error_context(err, "view '%.*s'", STR_ARG(view->name));
}

bool schema_index_synced(struct session *s, const struct table *table, struct error *err)
{
    assert(!s->in_transaction && !table_is_system(table->name));
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_index_name(&text, s->dest, table->name);
    bool there = false;
    bool ok = s->dest->driver->has_index(s, buf_str(&text), &there, err);
    if (ok && !there && (ok = session_enter(s, err))) {
        buf_reset(&text);
        text_index_synced(&text, s->dest, table->name);
        ok = run_text(s, &text, err);
        ok = session_leave(s, ok, err);
    }
    buf_done(&text);
    return ok || error_context(err, "index on table '%.*s'", STR_ARG(table->name));
}
