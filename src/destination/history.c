// Former versions of rows: a table's history, and the registry of histories (_sluice_history).
#include "destination/statements.h"

#include "core/limits.h"
#include "core/timestamp.h"

// What the registry says of a table; status.ptr NULL: nothing.
struct registered {
    struct str history, status, reset;
};

static const struct str ON = STR_INIT("on");
static const struct str OFF = STR_INIT("off");
static const struct str RENEWED = STR_INIT("renewed");

enum { HISTORY_ARENA = 64 * 1024 * 1024 };

struct str destination_history_name(struct str table, char ret[HISTORY_NAME_MAX])
{
#define SUFFIX "__history"
    enum { ROOM = LIMIT_IDENTIFIER_BYTES - (sizeof SUFFIX - 1), HASH = 9 };
    static_assert((int)LIMIT_IDENTIFIER_BYTES < (int)HISTORY_NAME_MAX, "room for the NUL");
    int n = 0;
    if (table.len <= (size_t)ROOM) {
        n = snprintf(ret, HISTORY_NAME_MAX, "%.*s%s", STR_ARG(table), SUFFIX);
    } else { // cut where a character ends; the hash keeps cut names apart
        size_t keep = (size_t)(ROOM - HASH);
        while (keep > 0 && ((unsigned char)table.ptr[keep] & 0xc0) == 0x80) {
            keep--;
        }
        n = snprintf(ret, HISTORY_NAME_MAX, "%.*s_%08x%s", (int)keep, table.ptr,
                     (unsigned)(uint32_t)name_hash(table, STR(SUFFIX)), SUFFIX);
    }
    assert(n > 0 && n <= LIMIT_IDENTIFIER_BYTES);
    return (struct str){ret, (size_t)n};
}

// --- the registry --------------------------------------------------------------------------------

// It is made with the first history: most destinations have none.
static bool registry_exists(struct session *s, bool *ret, struct error *err)
{
    struct found_table found = {0};
    struct arena arena;
    bool ok = true;
    if (!s->has_registry) {
        arena_init(&arena, HISTORY_ARENA);
        ok = s->dest->driver->find_table(s, TABLE_HISTORY.name, &arena, &found, err);
        s->has_registry = ok && found.is_table;
        arena_done(&arena);
    }
    *ret = s->has_registry;
    return ok;
}

// A statement about a table's row, which is $1: what stands before and behind the registry's name.
static void text_row(struct buf *b, const struct session *s, const char *before, const char *behind)
{
    buf_add_cstr(b, before);
    text_table(b, s->dest, TABLE_HISTORY.name);
    buf_add_cstr(b, behind);
    buf_add_cstr(b, " WHERE \"table\" = ");
    text_param(b, s->dest, 1, COL_TEXT);
}

static bool run_on_row(struct session *s, struct str table, const char *before, const char *behind,
                       struct error *err)
{
    struct sql_value arg = sql_text(table);
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_row(&text, s, before, behind);
    bool ok = sql_once(s->db, buf_str(&text), &arg, 1, NULL, err);
    buf_done(&text);
    return ok;
}

static bool registry_read(struct session *s, struct str table, struct arena *arena,
                          struct registered *ret, struct error *err)
{
    bool there = false;
    if (!registry_exists(s, &there, err)) {
        return false;
    }
    *ret = (struct registered){.history = {NULL, 0}};
    if (!there) {
        return true;
    }
    struct sql_value arg = sql_text(table);
    struct sql_stmt *st = NULL;
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_row(&text, s, "SELECT \"history\", \"status\", \"reset\" FROM ", "");
    bool row = false;
    bool ok = sql_once_query(s->db, buf_str(&text), &arg, 1, &st, err) && sql_next(st, &row, err);
    if (ok && row) {
        ret->history = arena_dup(arena, sql_column_str(st, 0));
        ret->status = arena_dup(arena, sql_column_str(st, 1));
        ret->reset = arena_dup(arena, sql_column_str(st, 2));
    }
    sql_finalize(st);
    buf_done(&text);
    return ok;
}

// In a transaction.
static bool registry_write(struct session *s, struct str table, const struct registered *r,
                           struct error *err)
{
    char now[TIMESTAMP_TEXT_MAX];
    bool formatted = timestamp_format(clock_now_ms(s->dest->clock), now);
    assert(formatted && r->history.len > 0 && r->status.len > 0);
    struct target *t = NULL;
    if (!target_get(s, &TABLE_HISTORY, &t, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(table), sql_text(r->history), sql_text(r->status),
                               sql_text(r->reset.ptr ? r->reset : STR("")),
                               sql_text(str_from(now))};
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_upsert(&text, s->dest, t);
    bool ok = sql_once(s->db, buf_str(&text), args, ARRAY_LEN(args), NULL, err);
    buf_done(&text);
    return ok;
}

bool history_unregister(struct session *s, struct str table, struct error *err)
{
    return run_on_row(s, table, "DELETE FROM ", "", err);
}

bool history_find(struct session *s, struct str table, char ret[HISTORY_NAME_MAX],
                  struct error *err)
{
    struct registered r = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct arena arena;
    arena_init(&arena, HISTORY_ARENA);
    bool ok = registry_read(s, table, &arena, &r, err);
    ret[0] = '\0';
    if (ok && r.history.ptr) {
        (void)destination_history_name(table, ret);
    }
    arena_done(&arena);
    return ok;
}

// --- the session's histories ---------------------------------------------------------------------

static struct history *find(struct session *s, struct str table)
{
    for (struct history *h = s->histories; h; h = h->next) {
        if (str_eq(h->table, table)) {
            return h;
        }
    }
    return NULL;
}

static void destroy(struct history *h)
{
    arena_done(&h->arena);
    free(h);
}

static void forget(struct session *s, struct str table)
{
    struct history **at = &s->histories;
    while (*at && !str_eq((*at)->table, table)) {
        at = &(*at)->next;
    }
    if (*at) {
        struct history *h = *at;
        *at = h->next;
        destroy(h);
    }
}

void histories_forget(struct session *s)
{
    while (s->histories) {
        forget(s, s->histories->table);
    }
}

static struct history *make(struct str table)
{
    char name[HISTORY_NAME_MAX];
    struct history *h = calloc(1, sizeof(*h));
    assert(h);
    arena_init(&h->arena, HISTORY_ARENA);
    h->table = arena_dup(&h->arena, table);
    h->target.table.name = arena_dup(&h->arena, destination_history_name(table, name));
    return h;
}

void history_touch(struct session *s, struct str table)
{
    struct history *h = find(s, table);
    if (h) {
        h->touched = true;
    }
}

void history_ended(struct session *s, bool committed)
{
    for (struct history *h = s->histories; h; h = h->next) {
        if (committed && h->wiped) {
            h->reset = STR("");
            h->renewed = h->on;
        }
        h->touched = false;
        h->wiped = false;
    }
}

// --- making --------------------------------------------------------------------------------------

// The column as our tables could have it. Another program's columns of other types stay out: not
// every type can be compared.
static bool column_of(const struct destination *d, const struct found_column *found,
                      struct column *ret)
{
    for (size_t i = 0; i < COL_TYPE_COUNT; i++) {
        if (str_eq_nocase(found->type, str_from(d->driver->types[i]))) {
            *ret = (struct column){found->name, (enum column_type)i};
            return true;
        }
    }
    return false;
}

// The columns of the history: those that the table has by now, whoever has made them, so that a
// version is all of its row.
static bool learn_columns(struct session *s, const struct table *table, struct history *h,
                          struct error *err)
{
    struct found_table found = {0};
    if (!s->dest->driver->find_table(s, h->table, &h->arena, &found, err)) {
        return false;
    }
    struct column *columns = ARENA_ARRAY(&h->arena, struct column, found.n_columns);
    size_t n = 0;
    for (size_t i = 0; i < found.n_columns; i++) {
        if (column_of(s->dest, &found.columns[i], &columns[n])) {
            n++;
        }
    }
    struct table *t = &h->target.table;
    t->columns = columns;
    t->n_columns = n;
    t->n_keys = table->n_keys;
    h->target.version = s->dest->metadata.synced;
    for (size_t i = 0; i < table->n_keys; i++) {
        if (i >= n || !str_eq_nocase(columns[i].name, table->columns[i].name)) {
            return error_set(err, ERR_DESTINATION,
                             "the key '%.*s' is not among the first columns; remake the table, or "
                             "do not keep its history",
                             STR_ARG(table->columns[i].name));
        }
    }
    return true;
}

static bool run_versions(struct session *s, const struct history *h, bool written, bool empty,
                         struct error *err)
{
    const struct version_text v = {&h->target, h->table, written, empty};
    struct sql_value arg = sql_text(str_from(s->synced));
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_versions(&text, s->dest, &v);
    bool ok = text.overflow
                  ? error_set(err, ERR_LIMIT, "a statement is longer than %d bytes", STATEMENT_MAX)
                  : sql_once(s->db, buf_str(&text), &arg, written, NULL, err);
    buf_done(&text);
    return ok || error_context(err, "table '%.*s'", STR_ARG(h->target.table.name));
}

static bool make_registry(struct session *s, struct error *err)
{
    struct target *t = NULL;
    bool created = false;
    return s->has_registry ||
           (target_get(s, &TABLE_HISTORY, &t, err) && schema_make(s, t, &created, err));
}

static bool check_ours(struct session *s, const struct history *h, const struct registered *r,
                       struct error *err)
{
    struct found_table found = {0};
    struct arena arena;
    arena_init(&arena, HISTORY_ARENA);
    bool ok =
        r->history.ptr || s->dest->driver->find_table(s, h->target.table.name, &arena, &found, err);
    if (ok && found.exists) {
        ok = error_set(err, ERR_DESTINATION,
                       "'%.*s' is there but is no history that sluice has made; rename it, or do "
                       "not keep the history of '%.*s'",
                       STR_ARG(h->target.table.name), STR_ARG(h->table));
    }
    arena_done(&arena);
    return ok;
}

static bool is_going(const struct registered *r)
{
    return str_eq(r->status, ON) || str_eq(r->status, RENEWED);
}

// In a transaction that makes tables: another program may have been here since.
static bool make_history(struct session *s, struct history *h, bool *ret_created, struct error *err)
{
    struct registered r = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (!make_registry(s, err) || !registry_read(s, h->table, &h->arena, &r, err) ||
        !check_ours(s, h, &r, err) || !schema_make(s, &h->target, ret_created, err)) {
        return false;
    }
    if (r.history.ptr && !*ret_created) {
        return true;
    }
    r.history = h->target.table.name;
    r.status = OFF; // until it has the rows that are there
    return registry_write(s, h->table, &r, err);
}

// What the registry says, and nobody else changes until the transaction ends.
static bool registry_lock(struct session *s, struct str table, struct arena *arena,
                          struct registered *ret, struct error *err)
{
    return run_on_row(s, table, "UPDATE ", " SET \"status\" = \"status\"", err) &&
           registry_read(s, table, arena, ret, err);
}

// Rows that are not as their newest version get one, in a transaction that keeps nobody from making
// tables: there may be many. `empty`: no row has a version.
static bool catch_up(struct session *s, struct history *h, bool empty, struct error *err)
{
    struct registered r = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (!session_begin(s, clock_now_ms(s->dest->clock), err)) {
        return false;
    }
    bool ok = registry_lock(s, h->table, &h->arena, &r, err);
    if (ok && !str_eq(r.status, ON)) { // another session may have been faster
        r.status = ON;
        ok = run_versions(s, h, false, empty, err) && registry_write(s, h->table, &r, err);
    }
    ok = session_leave(s, ok, err);
    h->renewed = h->renewed && !ok;
    return ok;
}

static bool turn_on(struct session *s, const struct table *table, struct history *h,
                    const struct registered *r, struct error *err)
{
    bool lacks = !r->history.ptr; // what is there by that name is looked at when nobody changes it
    bool created = false;
    h->on = true;
    h->renewed = str_eq(r->status, RENEWED);
    if (!schema_index_synced(s, table, err) || !learn_columns(s, table, h, err) ||
        (!lacks && !schema_lacks(s, &h->target, &lacks, err))) {
        return false;
    }
    if (lacks) {
        bool ok = session_enter(s, err);
        if (ok) {
            ok = make_history(s, h, &created, err);
            ok = session_leave(s, ok, err);
        }
        s->has_registry = ok; // what a transaction has made that failed is gone
        if (!ok) {
            return false;
        }
    }
    return (is_going(r) && !created) || catch_up(s, h, created, err);
}

static bool turn_off(struct session *s, struct history *h, const struct registered *r,
                     struct error *err)
{
    if (!is_going(r)) {
        return true;
    }
    const struct registered off = {r->history, OFF, r->reset};
    bool ok = session_enter(s, err);
    if (ok) {
        ok = registry_write(s, h->table, &off, err);
        ok = session_leave(s, ok, err);
    }
    return ok;
}

static bool plan_wiping(struct session *s, struct history *h, const struct registered *r,
                        const struct history_options *o, struct error *err)
{
    struct found_table found = {.is_table = h->on};
    h->reset = STR("");
    if (o->reset.len == 0 || o->shared || str_eq(o->reset, r->reset)) {
        return true;
    }
    if (!h->on && r->history.ptr &&
        !s->dest->driver->find_table(s, h->target.table.name, &h->arena, &found, err)) {
        return false;
    }
    h->reset = found.is_table ? arena_dup(&h->arena, o->reset) : STR("");
    return true;
}

bool session_apply_history(struct session *s, const struct table *table,
                           const struct history_options *o, struct error *err)
{
    assert(!s->in_transaction && !table_is_system(table->name));
    assert(o->reset.len <= HISTORY_RESET_MAX);
    forget(s, table->name);
    if (table->n_keys == 0) {
        return true;
    }
    struct registered r = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    struct history *h = make(table->name);
    bool ok = registry_read(s, table->name, &h->arena, &r, err);
    if (ok) {
        bool on = o->on || (o->shared && is_going(&r));
        ok = (on ? turn_on(s, table, h, &r, err) : turn_off(s, h, &r, err)) &&
             plan_wiping(s, h, &r, o, err);
    }
    if (!ok) {
        destroy(h);
        return error_context(err, "history of table '%.*s'", STR_ARG(table->name));
    }
    h->next = s->histories;
    s->histories = h;
    return true;
}

// --- in transactions -----------------------------------------------------------------------------

static bool wipe(struct session *s, struct history *h, struct error *err)
{
    const struct registered r = {h->target.table.name, h->on ? RENEWED : OFF, h->reset};
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_clear(&text, s->dest, h->target.table.name);
    bool ok = sql_exec(s->db, buf_cstr(&text), err) && registry_write(s, h->table, &r, err);
    buf_done(&text);
    h->wiped = ok;
    return ok || error_context(err, "table '%.*s'", STR_ARG(h->target.table.name));
}

bool history_commit(struct session *s, bool has_state, struct error *err)
{
    bool ok = true;
    for (struct history *h = s->histories; h && ok; h = h->next) {
        if (has_state && h->reset.len > 0) {
            ok = wipe(s, h, err);
        }
        if (ok && h->on && h->touched) {
            ok = run_versions(s, h, true, false, err);
        }
    }
    return ok;
}

bool session_finish_history(struct session *s, struct error *err)
{
    assert(!s->in_transaction);
    bool ok = true;
    for (struct history *h = s->histories; h && ok; h = h->next) {
        ok = !h->renewed || catch_up(s, h, false, err);
    }
    return ok;
}
