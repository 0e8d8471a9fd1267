#include "store/rows.h"

#include "data/json_repair.h"
#include "store/ids.h"
#include "store/syncs.h"

enum {
    LIST_FIRST = 16,
    INSERT_TEXT_MAX = 256 * 1024,
    CELL_MAX = 1024 * 1024, // no column of these tables holds more
};

// ---- one row

int64_t row_int(struct row *r)
{
    struct sql_value v = sql_column(r->st, r->at++);
    r->bad = r->bad || (v.type != SQL_INT && !(r->nullable && v.type == SQL_NULL));
    return v.type == SQL_INT ? v.num : 0;
}

bool row_bool(struct row *r)
{
    return row_int(r) != 0;
}

struct str row_text(struct row *r)
{
    struct sql_value v = sql_column(r->st, r->at++);
    bool fits = v.type == SQL_TEXT && v.len <= CELL_MAX;
    r->bad = r->bad || (!fits && !(r->nullable && v.type == SQL_NULL));
    return fits ? arena_dup(r->arena, (struct str){v.ptr, v.len}) : STR("");
}

int row_name(struct row *r, const char *const *names, size_t n)
{
    struct sql_value v = sql_column(r->st, r->at++);
    if (r->nullable && v.type == SQL_NULL) {
        return 0;
    }
    for (size_t i = 0; v.type == SQL_TEXT && i < n; i++) {
        if (str_eq((struct str){v.ptr, v.len}, str_from(names[i]))) {
            return (int)i;
        }
    }
    r->bad = true;
    return 0;
}

bool row_check(const struct row *r, const char *what, struct str id, struct error *err)
{
    return !r->bad || error_set(err, ERR_STORE,
                                "store: the row of %s \"%.*s\" cannot be read; it was changed by "
                                "something else than sluice, or the database is damaged",
                                what, STR_ARG(id));
}

// ---- statements

bool rows_run(struct store *s, const struct statement *st, uint64_t *ret_changed, struct error *err)
{
    return sql_once(store_sql(s), st->text, st->args, st->n_args, ret_changed, err) ||
           store_fail(err);
}

bool rows_missing(struct error *err, const char *what, struct str id)
{
    // What has not the form of an id may hold anything, and is not repeated.
    return error_set(err, ERR_NOT_FOUND, "there is no %s %.*s", what,
                     STR_ARG(id_check(id) ? id : STR("of this id")));
}

bool rows_run_one(struct store *s, const struct statement *st, const char *what, struct str id,
                  struct error *err)
{
    uint64_t changed = 0;
    return rows_run(s, st, &changed, err) && (changed > 0 || rows_missing(err, what, id));
}

bool rows_number(struct store *s, const struct statement *st, int64_t fallback, int64_t *ret,
                 struct error *err)
{
    struct sql_value v;
    if (!sql_once_int(store_sql(s), st->text, st->args, st->n_args, &v, err)) {
        return store_fail(err);
    }
    *ret = v.type == SQL_INT ? v.num : fallback;
    return true;
}

static void make_room(struct row_list *list, size_t *room)
{
    if (list->n == *room) {
        size_t more = *room ? *room * 2 : LIST_FIRST;
        void *items = arena_zalloc(list->arena, more * list->size);
        if (list->n > 0) {
            memcpy(items, list->items, list->n * list->size);
        }
        list->items = items;
        *room = more;
    }
}

bool rows_list(struct store *s, const struct statement *st, struct row_list *list,
               struct error *err)
{
    struct row row = {.arena = list->arena};
    size_t room = 0;
    bool found = false;
    list->n = 0;
    make_room(list, &room);
    if (!sql_once_query(store_sql(s), st->text, st->args, st->n_args, &row.st, err)) {
        return store_fail(err);
    }
    bool ok = true;
    while (ok && (ok = sql_next(row.st, &found, err) || store_fail(err)) && found) {
        make_room(list, &room);
        row.at = 0;
        row.bad = false;
        ok = list->read(&row, (char *)list->items + list->n * list->size, err);
        list->n += ok;
    }
    sql_finalize(row.st);
    return ok;
}

bool rows_find(struct store *s, const struct statement *st, const struct row_reader *reader,
               void *item, bool *ret_found, struct error *err)
{
    struct row row = {.arena = reader->arena};
    if (!sql_once_query(store_sql(s), st->text, st->args, st->n_args, &row.st, err)) {
        return store_fail(err);
    }
    bool found = false;
    bool more = false;
    bool ok = sql_next(row.st, &found, err) || store_fail(err);
    ok = ok && (!found || reader->read(&row, item, err));
    // To its end: a statement that returns what it has written is not done before.
    while (ok && found && (ok = sql_next(row.st, &more, err) || store_fail(err)) && more) {
        continue;
    }
    sql_finalize(row.st);
    *ret_found = ok && found;
    return ok;
}

struct str rows_params(size_t first, size_t n, struct arena *arena)
{
    struct buf b;
    buf_init(&b, INSERT_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&b, "%s$%zu", i > 0 ? "," : "", first + i);
    }
    assert(!b.overflow);
    struct str text = arena_dup(arena, buf_str(&b));
    buf_done(&b);
    return text;
}

bool rows_insert(struct store *s, const struct rows_insertion *in, uint64_t *ret_changed,
                 struct error *err)
{
    struct arena arena;
    struct buf b;
    arena_init(&arena, INSERT_TEXT_MAX);
    buf_init(&b, INSERT_TEXT_MAX);
    buf_printf(&b, "%s VALUES ", in->head);
    for (size_t i = 0; i < in->n; i++) {
        struct str params = rows_params(i * in->columns + 1, in->columns, &arena);
        buf_printf(&b, "%s(%.*s)", i > 0 ? "," : "", STR_ARG(params));
    }
    buf_add_cstr(&b, in->tail);
    assert(!b.overflow);
    struct statement st = {buf_str(&b), in->args, in->n * in->columns};
    bool ok = rows_run(s, &st, ret_changed, err);
    buf_done(&b);
    arena_done(&arena);
    return ok;
}

const char *rows_lock(const struct store *s)
{
    return store_is_shared(s) ? " FOR UPDATE" : "";
}

struct str rows_clean(struct str text, size_t max, struct arena *arena)
{
    char *out = arena_alloc(arena, MIN(text.len, max) + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len;) {
        size_t len = utf8_length(str_sub(text, i, text.len));
        bool good = len > 0 && text.ptr[i] != '\0';
        len = MAX(len, 1);
        if (n + len > max) {
            break;
        }
        memcpy(out + n, good ? text.ptr + i : "?", len);
        n += len;
        i += len;
    }
    out[n] = '\0';
    return (struct str){out, n};
}

bool rows_check_place(const struct page_place *p, struct error *err)
{
    return p->id.len == 0 || id_check(p->id) ||
           error_set(err, ERR_CONFIG,
                     "starting_after: is no place in this list; give next_cursor of the page "
                     "before, or leave it out");
}
