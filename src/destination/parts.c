// The rows of one stream in a table that others write to, too.
#include "destination/statements.h"

enum { PART_ARENA_MAX = 64 << 20 };

// A statement about a part: what stands before the table's name, and between it and the condition,
// which is the part, or all that is not.
struct part_statement {
    const char *before, *between;
    bool others;
};

static void text_part(struct buf *b, const struct session *s, const struct destination_part *p,
                      const struct part_statement *st)
{
    buf_add_cstr(b, st->before);
    text_table(b, s->dest, p->table);
    buf_add_cstr(b, st->between);
    buf_add_cstr(b, st->others ? " WHERE (" : " WHERE ");
    sql_quote_name(b, p->column);
    buf_add_cstr(b, st->others ? " <> " : " = ");
    text_param(b, s->dest, 1, COL_TEXT);
    if (st->others) {
        buf_add_cstr(b, " OR ");
        sql_quote_name(b, p->column);
        buf_add_cstr(b, " IS NULL) LIMIT 1");
    }
}

static bool run_part(struct session *s, const struct destination_part *p,
                     const struct part_statement *st, struct error *err)
{
    struct sql_value arg = sql_text(p->value);
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_part(&text, s, p, st);
    bool ok = sql_once(s->db, buf_str(&text), &arg, 1, NULL, err);
    buf_done(&text);
    return ok || error_context(err, "table '%.*s'", STR_ARG(p->table));
}

static bool find_part(struct session *s, const struct destination_part *p, struct arena *arena,
                      struct found_table *ret, struct error *err)
{
    *ret = (struct found_table){0};
    return s->dest->driver->find_table(s, p->table, arena, ret, err);
}

// The same part of the table's history; its table is empty where there is none.
static bool part_of_history(struct session *s, const struct destination_part *p,
                            char name[HISTORY_NAME_MAX], struct destination_part *ret,
                            struct error *err)
{
    *ret = *p;
    if (!history_find(s, p->table, name, err)) {
        return false;
    }
    ret->table = str_from(name);
    return true;
}

// ---- rows

static bool forget_rows(struct session *s, const struct destination_part *p, struct error *err)
{
    static const struct part_statement FORGET = {"DELETE FROM ", "", false};
    struct found_table found;
    struct arena arena;
    arena_init(&arena, PART_ARENA_MAX);
    bool ok = p->table.len == 0 || (find_part(s, p, &arena, &found, err) &&
                                    (!found.is_table || run_part(s, p, &FORGET, err)));
    arena_done(&arena);
    return ok;
}

bool part_forget(struct session *s, const struct destination_part *p, struct error *err)
{
    char name[HISTORY_NAME_MAX];
    struct destination_part versions;
    assert(s->in_transaction);
    return part_of_history(s, p, name, &versions, err) && forget_rows(s, p, err) &&
           forget_rows(s, &versions, err);
}

bool part_is_alone(struct session *s, const struct destination_part *p, bool *ret,
                   struct error *err)
{
    static const struct part_statement OTHERS = {"SELECT 1 FROM ", "", true};
    struct sql_value arg = sql_text(p->value);
    struct sql_value one = sql_null();
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_part(&text, s, p, &OTHERS);
    bool ok = sql_once_int(s->db, buf_str(&text), &arg, 1, &one, err);
    buf_done(&text);
    *ret = ok && one.type == SQL_NULL;
    return ok || error_context(err, "table '%.*s'", STR_ARG(p->table));
}

bool session_drop_part(struct session *s, const struct destination_part *p, struct error *err)
{
    assert(!s->in_transaction);
    return session_enter(s, err) && session_leave(s, part_forget(s, p, err), err);
}

// ---- columns

static bool has_name(const struct found_table *found, struct str name)
{
    for (size_t i = 0; i < found->n_columns; i++) {
        if (str_eq(found->columns[i].name, name)) {
            return true;
        }
    }
    return false;
}

static bool empty_columns(struct session *s, const struct destination_part *p,
                          const struct str *columns, size_t n, struct error *err)
{
    struct found_table found;
    struct arena arena;
    struct buf set;
    if (p->table.len == 0) {
        return true;
    }
    arena_init(&arena, PART_ARENA_MAX);
    bool ok = find_part(s, p, &arena, &found, err);
    for (size_t i = 0; ok && i < n; i++) {
        if (found.is_table && has_name(&found, columns[i])) {
            buf_init(&set, STATEMENT_MAX);
            buf_add_cstr(&set, " SET ");
            sql_quote_name(&set, columns[i]);
            buf_add_cstr(&set, " = NULL");
            ok = run_part(s, p, &(struct part_statement){"UPDATE ", buf_cstr(&set), false}, err);
            buf_done(&set);
        }
    }
    arena_done(&arena);
    return ok;
}

bool session_hide_part(struct session *s, const struct destination_part *p,
                       const struct str *columns, size_t n, struct error *err)
{
    char name[HISTORY_NAME_MAX];
    struct destination_part versions;
    struct found_table found;
    struct arena arena;
    bool alone = true;
    assert(!s->in_transaction);
    arena_init(&arena, PART_ARENA_MAX);
    bool ok = n == 0 || (find_part(s, p, &arena, &found, err) &&
                         (!found.is_table || part_is_alone(s, p, &alone, err)));
    arena_done(&arena);
    if (!ok || n == 0) {
        return ok;
    }
    if (alone) {
        return session_drop_columns(s, p->table, columns, n, err);
    }
    return session_enter(s, err) && session_leave(s,
                                                  part_of_history(s, p, name, &versions, err) &&
                                                      empty_columns(s, p, columns, n, err) &&
                                                      empty_columns(s, &versions, columns, n, err),
                                                  err);
}
