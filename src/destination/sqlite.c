#include "destination/statements.h"

#include "core/limits.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

// Decimals have a type without affinity ("BLOB" in its name), so that what is bound is what is
// kept: with NUMERIC affinity SQLite would turn a text of 30 digits into a double. A decimal of at
// most 15 digits goes in as a number, since a double gives all of them back; a longer one as text.
static const char *const TYPES[COL_TYPE_COUNT] = {
    [COL_TEXT] = "TEXT",      [COL_INT] = "INTEGER",  [COL_DECIMAL] = "NUMERIC BLOB",
    [COL_FLOAT] = "REAL",     [COL_BOOL] = "INTEGER", [COL_DATE] = "TEXT",
    [COL_TIMESTAMP] = "TEXT",
};
static const char *const CASTS[COL_TYPE_COUNT] = {"", "", "", "", "", "", ""};
static const char *const READS[COL_TYPE_COUNT] = {"%s", "%s", "%s", "%s", "%s", "%s", "%s"};

enum { DECIMAL_DIGITS = 15 };

// The statements of a table, prepared when they are first needed.
struct prepared {
    struct sql_stmt *upsert;
    struct sql_stmt *mark;
    struct sql_stmt *remove;
    struct sql_stmt *clear; // one scope
    size_t clear_column;
    struct sql_value *args; // of upsert
};

// --- where ---------------------------------------------------------------------------------------

static bool is_directory(struct str path)
{
    struct stat st;
    char *name = strndup(path.ptr, path.len);
    assert(name);
    bool yes = stat(name, &st) == 0 && S_ISDIR(st.st_mode);
    free(name);
    return yes;
}

static bool make_directory(struct str path, struct error *err)
{
    char *name = strndup(path.ptr, path.len);
    assert(name);
    bool ok = mkdir(name, 0777) == 0 || errno == EEXIST; // the umask decides
    int number = errno;
    if (!ok) {
        bool rights = number == EACCES || number == EPERM || number == EROFS;
        ok = error_set(err, rights ? ERR_DESTINATION_RIGHTS : ERR_DESTINATION_CONNECT,
                       "directory '%s' cannot be made: %s", name, strerrordesc_np(number));
    }
    free(name);
    return ok;
}

static bool safe_file_name(struct str schema)
{
    return schema.ptr[0] != '.' && !memchr(schema.ptr, '/', schema.len) &&
           str_find(schema, STR("..")) < 0;
}

// A file that is not there is made by opening it.
static bool is_there(struct str url, struct arena *arena)
{
    struct str path = str_sub(url, sizeof("sqlite:") - 1, url.len);
    return access(arena_cstr(arena, path), F_OK) == 0;
}

static bool locate(struct destination *d, bool make, bool *ret_there, struct error *err)
{
    struct str path = str_sub(d->url, sizeof("sqlite:") - 1, d->url.len);
    if (path.len == 0) {
        return error_set(err, ERR_CONFIG,
                         "the URL 'sqlite:' names no file; give sqlite:FILE or sqlite:DIR/");
    }
    bool as_directory = str_ends(path, STR("/"));
    if (!as_directory && !is_directory(path)) {
        d->sql_url = d->url;
        *ret_there = is_there(d->sql_url, &d->arena);
        return true;
    }
    if (!safe_file_name(d->schema)) {
        return error_set(err, ERR_CONFIG,
                         "the schema '%.*s' would be a file in '%.*s', so it may not hold '/' or "
                         "'..' nor start with a dot; choose another --schema or give sqlite:FILE",
                         STR_ARG(d->schema), STR_ARG(path));
    }
    if (make && !is_directory(path) && !make_directory(path, err)) {
        return false;
    }
    d->sql_url = arena_printf(&d->arena, "%.*s%s%.*s.db", STR_ARG(d->url), as_directory ? "" : "/",
                              STR_ARG(d->schema));
    *ret_there = is_there(d->sql_url, &d->arena);
    return true;
}

static bool create_schema(struct session *s, struct error *err)
{
    (void)s;
    (void)err;
    return true; // the file is the schema
}

static bool start(struct session *s, struct error *err)
{
    (void)s;
    (void)err;
    return true;
}

static bool lock_stream(struct session *s, struct str stream, struct error *err)
{
    (void)s;
    (void)stream;
    (void)err;
    return true; // two runs of one stream are kept apart by the version of its state
}

static void stop(struct session *s)
{
    (void)s;
}

// --- the catalogue -------------------------------------------------------------------------------

// The kind and the text of an entry of sqlite_schema; ptr NULL when there is none.
static bool find_entry(struct session *s, struct str name, struct arena *arena,
                       struct str *ret_kind, struct str *ret_sql, struct error *err)
{
    struct sql_stmt *st = NULL;
    struct sql_value arg = sql_text(name);
    bool row = false;
    bool ok = sql_prepare(s->db,
                          STR("SELECT type, sql FROM sqlite_master WHERE name = $1 COLLATE NOCASE"),
                          &st, err) &&
              sql_query(st, &arg, 1, err) && sql_next(st, &row, err);
    if (ok) {
        *ret_kind = row ? arena_dup(arena, sql_column_str(st, 0)) : (struct str){0};
        *ret_sql = row ? arena_dup(arena, sql_column_str(st, 1)) : (struct str){0};
    }
    sql_finalize(st);
    return ok;
}

static bool find_columns(struct session *s, struct str name, struct arena *arena,
                         struct found_table *found, struct error *err)
{
    struct sql_stmt *st = NULL;
    struct sql_value arg = sql_text(name);
    bool row = true;
    found->columns = ARENA_ARRAY(arena, struct found_column, LIMIT_COLUMNS_SQLITE);
    bool ok =
        sql_prepare(s->db, STR("SELECT name, type, pk FROM pragma_table_info($1)"), &st, err) &&
        sql_query(st, &arg, 1, err);
    while (ok && found->n_columns < LIMIT_COLUMNS_SQLITE && (ok = sql_next(st, &row, err)) && row) {
        struct found_column *c = &found->columns[found->n_columns++];
        c->name = arena_dup(arena, sql_column_str(st, 0));
        c->type = arena_dup(arena, sql_column_str(st, 1));
        c->key_position = (int)sql_column(st, 2).num;
    }
    sql_finalize(st);
    found->n_slots = found->n_columns;
    return ok;
}

static bool find_table(struct session *s, struct str name, struct arena *arena,
                       struct found_table *ret, struct error *err)
{
    struct str kind;
    struct str sql;
    if (!find_entry(s, name, arena, &kind, &sql, err)) {
        return false;
    }
    *ret = (struct found_table){.exists = kind.ptr != NULL, .is_table = str_eq(kind, STR("table"))};
    return !ret->is_table || find_columns(s, name, arena, ret, err);
}

static void text_create_view(struct buf *b, struct str name, struct str body)
{
    buf_add_cstr(b, "CREATE VIEW ");
    sql_quote_name(b, name);
    buf_add_cstr(b, " AS ");
    buf_add(b, body);
}

// SQLite keeps the text of a view as it was given.
static bool view_is(struct session *s, struct str name, struct str body, bool *ret,
                    struct error *err)
{
    struct arena arena;
    struct str kind;
    struct str sql;
    arena_init(&arena, 16U << 20);
    bool ok = find_entry(s, name, &arena, &kind, &sql, err);
    if (ok && kind.ptr && !str_eq(kind, STR("view"))) {
        ok = error_set(err, ERR_DESTINATION,
                       "'%.*s' is there but is not a view; rename it or load into another schema",
                       STR_ARG(name));
    }
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    text_create_view(&text, name, body);
    *ret = ok && str_eq(sql, buf_str(&text));
    buf_done(&text);
    arena_done(&arena);
    return ok;
}

static bool make_view(struct session *s, struct str name, struct str body, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    buf_add_cstr(&text, "DROP VIEW IF EXISTS ");
    sql_quote_name(&text, name);
    buf_add_cstr(&text, "; ");
    text_create_view(&text, name, body);
    bool ok = sql_exec(s->db, buf_cstr(&text), err);
    buf_done(&text);
    return ok;
}

static bool has_index(struct session *s, struct str name, bool *ret, struct error *err)
{
    struct arena arena;
    struct str kind;
    struct str sql;
    arena_init(&arena, 16U << 20);
    bool ok = find_entry(s, name, &arena, &kind, &sql, err);
    *ret = ok && str_eq(kind, STR("index"));
    arena_done(&arena);
    return ok;
}

// --- rows ----------------------------------------------------------------------------------------

// A whole number of up to 19 digits without leading zeros, or what is left: text.
static struct sql_value long_decimal(const struct cell *c)
{
    struct str text = {c->ptr, c->len};
    struct str digits = str_starts(text, STR("-")) ? str_sub(text, 1, text.len) : text;
    int64_t whole;
    bool plain = digits.len > 0 && digits.ptr[0] >= '1' && digits.ptr[0] <= '9';
    return plain && str_to_int64(text, &whole) ? sql_int(whole) : sql_text(text);
}

// Plain digits with one point at most. What is not a number, which can only be a fault of ours
// further up, stays the text it is and so is seen.
static struct sql_value decimal_value(const struct cell *c)
{
    static const int64_t POWERS[] = {1,
                                     10,
                                     100,
                                     1000,
                                     10000,
                                     100000,
                                     1000000,
                                     10000000,
                                     100000000,
                                     1000000000,
                                     10000000000,
                                     100000000000,
                                     1000000000000,
                                     10000000000000,
                                     100000000000000,
                                     1000000000000000};
    bool negative = c->len > 0 && c->ptr[0] == '-';
    int64_t digits = 0; // all of them as one whole number
    size_t n = 0;
    size_t point = 0; // where it stands, 0: nowhere
    for (size_t i = negative; i < c->len; i++) {
        char ch = c->ptr[i];
        if (ch == '.' && point == 0 && n > 0) {
            point = i;
        } else if (ch >= '0' && ch <= '9' && n < DECIMAL_DIGITS) {
            digits = digits * 10 + (ch - '0');
            n++;
        } else {
            return long_decimal(c);
        }
    }
    if (n == 0) {
        return long_decimal(c);
    }
    int64_t power = POWERS[point ? c->len - point - 1 : 0];
    digits = negative ? -digits : digits;
    if (digits % power == 0) {
        return sql_int(digits / power);
    }
    // Both are whole numbers below 2^53, so that the quotient is the double nearest to the decimal.
    return sql_float((double)digits / (double)power);
}

static struct sql_value value_of(const struct cell *c, enum column_type type)
{
    switch ((enum cell_kind)c->kind) {
    case CELL_NULL:
        return sql_null();
    case CELL_INT:
    case CELL_BOOL:
        return sql_int(c->num);
    case CELL_FLOAT:
        return sql_float(c->dbl);
    case CELL_TEXT:
    default:
        return type == COL_DECIMAL
                   ? decimal_value(c)
                   : (struct sql_value){.ptr = c->ptr, .len = c->len, .type = SQL_TEXT};
    }
}

static struct prepared *prepared_of(struct target *t)
{
    if (!t->prepared) {
        struct prepared *p = ARENA_NEW(&t->arena, struct prepared);
        p->args = ARENA_ARRAY(&t->arena, struct sql_value, t->table.n_columns + 2);
        t->prepared = p;
    }
    return t->prepared;
}

static void forget(struct session *s, struct target *t)
{
    (void)s;
    struct prepared *p = t->prepared;
    if (p) {
        sql_finalize(p->upsert);
        sql_finalize(p->mark);
        sql_finalize(p->remove);
        sql_finalize(p->clear);
        t->prepared = NULL;
    }
}

// Prepares *st once with the text that `build` gives.
typedef void build_text(struct buf *b, const struct destination *d, const struct target *t);
static bool prepare(struct session *s, struct target *t, build_text *build, struct sql_stmt **st,
                    struct error *err)
{
    if (*st) {
        return true;
    }
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    build(&text, s->dest, t);
    bool ok = sql_prepare(s->db, buf_str(&text), st, err);
    buf_done(&text);
    return ok;
}

static bool upsert_rows(struct session *s, struct target *t, const struct batch *batch,
                        struct error *err)
{
    struct prepared *p = prepared_of(t);
    if (!prepare(s, t, text_upsert, &p->upsert, err)) {
        return false;
    }
    size_t n = t->table.n_columns;
    if (t->has_synced) {
        p->args[n++] = sql_text(str_from(s->synced));
    }
    if (t->has_deleted) {
        p->args[n++] = sql_int(batch->deleted);
    }
    const struct cell *cell = batch->cells;
    for (size_t row = 0; row < batch->n_rows; row++) {
        for (size_t i = 0; i < t->table.n_columns; i++) {
            p->args[i] = value_of(cell++, t->table.columns[i].type);
        }
        if (!sql_run(p->upsert, p->args, n, NULL, err)) {
            return error_context(err, "row %zu", row + 1);
        }
    }
    return true;
}

// Runs a statement for the key of each row; `first` parameters stand before the key.
static bool run_by_key(struct target *t, const struct batch *batch, struct sql_stmt *st,
                       size_t first, struct error *err)
{
    struct prepared *p = prepared_of(t);
    for (size_t row = 0; row < batch->n_rows; row++) {
        const struct cell *cells = batch->cells + row * t->table.n_columns;
        for (size_t i = 0; i < t->table.n_keys; i++) {
            p->args[first + i] = value_of(&cells[i], t->table.columns[i].type);
        }
        if (!sql_run(st, p->args, first + t->table.n_keys, NULL, err)) {
            return error_context(err, "row %zu", row + 1);
        }
    }
    return true;
}

static bool remove_rows(struct session *s, struct target *t, const struct batch *batch,
                        struct error *err)
{
    struct prepared *p = prepared_of(t);
    return prepare(s, t, text_delete_row, &p->remove, err) &&
           run_by_key(t, batch, p->remove, 0, err);
}

static bool mark_rows(struct session *s, struct target *t, const struct batch *batch,
                      struct error *err)
{
    struct prepared *p = prepared_of(t);
    if (!prepare(s, t, text_mark_row, &p->mark, err)) {
        return false;
    }
    p->args[0] = sql_text(str_from(s->synced));
    return run_by_key(t, batch, p->mark, 1, err);
}

static bool clear_scopes(struct session *s, struct target *t, const struct batch *batch,
                         struct error *err)
{
    struct prepared *p = prepared_of(t);
    if (p->clear && p->clear_column != batch->scope_column) {
        sql_finalize(p->clear);
        p->clear = NULL;
    }
    if (!p->clear) {
        struct buf text;
        buf_init(&text, STATEMENT_MAX);
        text_delete_scope(&text, s->dest, t, batch->scope_column);
        bool ok = sql_prepare(s->db, buf_str(&text), &p->clear, err);
        buf_done(&text);
        if (!ok) {
            return false;
        }
        p->clear_column = batch->scope_column;
    }
    for (size_t i = 0; i < batch->n_scope; i++) {
        struct sql_value arg = sql_int(batch->scope[i]);
        if (!sql_run(p->clear, &arg, 1, NULL, err)) {
            return false;
        }
    }
    return true;
}

// The merge costs no more than a bare insert where the key is new (measured), so BATCH_INSERT is
// one too: a row that is there after all does no harm.
static bool write_batch(struct session *s, struct target *t, const struct batch *batch,
                        struct error *err)
{
    switch (batch_effect(t, batch)) {
    case EFFECT_REPLACE:
        return clear_scopes(s, t, batch, err) && upsert_rows(s, t, batch, err);
    case EFFECT_MARK:
        return mark_rows(s, t, batch, err);
    case EFFECT_REMOVE:
        return remove_rows(s, t, batch, err);
    case EFFECT_INSERT:
    case EFFECT_UPSERT:
    default:
        return upsert_rows(s, t, batch, err);
    }
}

static void ended(struct session *s, bool committed)
{
    (void)s;
    (void)committed;
}

static const char *const PREFIXES[] = {"sqlite:", NULL};

const struct destination_driver DESTINATION_SQLITE = {
    .name = "SQLite",
    .prefixes = PREFIXES,
    .max_columns = LIMIT_COLUMNS_SQLITE,
    .schemas = false,
    .types = TYPES,
    .casts = CASTS,
    .reads = READS,
    .later = "strftime('%Y-%m-%dT%H:%M:%fZ', %s, '+0.001 seconds')",
    .differs = ") IS NOT (",
    .wide_suffix = "",
    .wide_storage = NULL,
    // Pairs and histories take a third less space so and load as fast in key order (measured).
    .composite_suffix = " WITHOUT ROWID",
    .ddl_lock = NULL, // a writing transaction is alone as it is
    .locate = locate,
    .create_schema = create_schema,
    .start = start,
    .lock_stream = lock_stream,
    .stop = stop,
    .find_table = find_table,
    .view_is = view_is,
    .make_view = make_view,
    .has_index = has_index,
    .write = write_batch,
    .flush = NULL,
    .ended = ended,
    .forget = forget,
};
