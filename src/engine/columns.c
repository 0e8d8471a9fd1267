#include "engine/columns.h"

#include "core/limits.h"
#include "data/json_writer.h"

#include <sodium.h>

enum { HASH_TEXT = 2 * crypto_hash_sha256_BYTES, SALT_MARK = 16, TABLES_MAX = SOURCE_TABLES_MAX };

// What becomes of a column.
enum effect { EFFECT_PLAIN, EFFECT_HASHED, EFFECT_OUT };

// Names whose columns are left out or hashed, and tables that are left out. Sorted.
struct rules {
    struct text_list excluded, hashed, tables;
    char salt_mark[SALT_MARK + 1]; // tells salts apart; empty: nothing is hashed
};

// A table and what stands for it.
struct mapped {
    const struct table *from;
    struct table to;
    bool main;
    bool same;    // nothing is changed
    bool out;     // left out as a whole
    bool was_out; // under the former rules
    const struct source_column *facts;
    enum effect *effects; // of its columns
    enum effect *former;
};

struct columns {
    struct arena arena;
    struct rules now, former;
    bool has_former;
    crypto_hash_sha256_state salted; // the hash after the salt
    struct mapped tables[TABLES_MAX];
    size_t n_tables;
    bool hides; // some column of the stream is left out or hashed
};

// ---- lists of names

static int by_name(const void *a, const void *b)
{
    const struct str *x = a;
    const struct str *y = b;
    int order = strncasecmp(x->ptr, y->ptr, MIN(x->len, y->len));
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static struct text_list sorted(const struct text_list *list, struct arena *arena)
{
    struct text_list r = {.items = ARENA_ARRAY(arena, struct str, list ? list->n : 0)};
    for (size_t i = 0; list && i < list->n; i++) {
        struct str name = str_trim(list->items[i]);
        if (name.len > 0) {
            r.items[r.n++] = arena_dup(arena, name);
        }
    }
    if (r.n > 0) {
        qsort(r.items, r.n, sizeof *r.items, by_name);
    }
    return r;
}

static bool has(const struct text_list *list, struct str name)
{
    return name.len > 0 && list->n > 0 &&
           bsearch(&name, list->items, list->n, sizeof *list->items, by_name);
}

static bool names(const struct text_list *list, const struct column *c,
                  const struct source_column *fact)
{
    return has(list, c->name) || (fact && has(list, fact->property));
}

static enum effect effect_of(const struct rules *r, const struct column *c,
                             const struct source_column *fact)
{
    if (names(&r->excluded, c, fact)) {
        return EFFECT_OUT;
    }
    return names(&r->hashed, c, fact) ? EFFECT_HASHED : EFFECT_PLAIN;
}

// ---- hashes

static void hex(const unsigned char *bytes, size_t n, char *ret)
{
    static const char DIGITS[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        ret[2 * i] = DIGITS[bytes[i] >> 4];
        ret[2 * i + 1] = DIGITS[bytes[i] & 15];
    }
}

static void hash_text(const struct columns *c, struct str text, char ret[HASH_TEXT])
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    crypto_hash_sha256_state state = c->salted;
    crypto_hash_sha256_update(&state, (const unsigned char *)text.ptr, text.len);
    crypto_hash_sha256_final(&state, digest);
    hex(digest, sizeof digest, ret);
}

static void take_salt(struct columns *c, const struct secret *salt)
{
    char mark[HASH_TEXT];
    struct str bytes = secret_reveal(salt);
    crypto_hash_sha256_init(&c->salted);
    crypto_hash_sha256_update(&c->salted, (const unsigned char *)bytes.ptr, bytes.len);
    hash_text(c, STR("which salt is it"), mark);
    memcpy(c->now.salt_mark, mark, SALT_MARK);
}

static struct cell hash_cell(const struct columns *c, const struct cell *cell, struct arena *arena)
{
    char number[64];
    struct str text = {cell->ptr, cell->len};
    int n = 0;
    switch ((enum cell_kind)cell->kind) {
    case CELL_NULL:
        return *cell;
    case CELL_INT:
        n = snprintf(number, sizeof number, "%lld", (long long)cell->num);
        break;
    case CELL_BOOL:
        n = snprintf(number, sizeof number, "%s", cell->num ? "true" : "false");
        break;
    case CELL_FLOAT:
        n = snprintf(number, sizeof number, "%.17g", cell->dbl);
        break;
    case CELL_TEXT:
    default:
        n = -1;
        break;
    }
    text = n >= 0 ? (struct str){number, (size_t)n} : text;
    char *out = arena_alloc(arena, HASH_TEXT);
    hash_text(c, text, out);
    return (struct cell){.ptr = out, .len = HASH_TEXT, .kind = CELL_TEXT};
}

// ---- making

struct columns *columns_create(const struct columns_options *o)
{
    struct columns *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    arena_init(&c->arena, LIMIT_PAGE_ARENA);
    c->now.excluded = sorted(o->excluded, &c->arena);
    c->now.hashed = sorted(o->hashed, &c->arena);
    c->now.tables = sorted(o->excluded_tables, &c->arena);
    if (c->now.hashed.n > 0) {
        assert(o->salt);
        take_salt(c, o->salt);
    }
    return c;
}

void columns_destroy(struct columns *c)
{
    if (c) {
        secret_wipe(&c->salted, sizeof c->salted);
        arena_done(&c->arena);
        free(c);
    }
}

// ---- the rules in the state

static struct text_list read_list(struct json rules, const char *key, struct arena *arena)
{
    struct json array;
    struct json item;
    if (!json_get(rules, str_from(key), &array)) {
        return (struct text_list){0};
    }
    struct text_list raw = {.items = ARENA_ARRAY(arena, struct str, json_count(array))};
    struct json_iter it = json_iter(array);
    while (json_next(&it, &item)) {
        raw.n += json_string(item, &raw.items[raw.n]);
    }
    return sorted(&raw, arena);
}

void columns_former(struct columns *c, struct str state)
{
    assert(c->n_tables == 0);
    struct json root;
    struct json rules;
    struct str mark;
    struct error ignored; // what cannot be read is the stream's own business
    struct json_doc *doc = json_doc_create();
    c->has_former = state.ptr != NULL;
    if (state.ptr && json_parse(doc, state, &root, &ignored) &&
        json_get(root, STR("columns"), &rules)) {
        c->former.excluded = read_list(rules, "excluded", &c->arena);
        c->former.hashed = read_list(rules, "hashed", &c->arena);
        c->former.tables = read_list(rules, "tables", &c->arena);
        if (json_get_string(rules, STR("salt"), &mark)) {
            memcpy(c->former.salt_mark, mark.ptr, MIN(mark.len, (size_t)SALT_MARK));
        }
    }
    json_doc_destroy(doc);
}

static void put_list(struct json_writer *w, const char *key, const struct text_list *list)
{
    json_key(w, str_from(key));
    json_begin_array(w);
    for (size_t i = 0; i < list->n; i++) {
        json_put_str(w, list->items[i]);
    }
    json_end_array(w);
}

struct str columns_sign(const struct columns *c, struct str state, struct arena *arena)
{
    const struct rules *r = &c->now;
    if (!state.ptr || r->excluded.n + r->hashed.n + r->tables.n == 0) {
        return state;
    }
    assert(state.len > 2 && state.ptr[0] == '{');
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_STATE_BYTES);
    json_writer_init(&w, &text);
    json_begin_object(&w);
    put_list(&w, "excluded", &r->excluded);
    put_list(&w, "hashed", &r->hashed);
    put_list(&w, "tables", &r->tables);
    json_field_str(&w, "salt", str_from(r->salt_mark));
    json_end_object(&w);
    struct str rest = str_sub(state, 1, state.len);
    struct str signed_state =
        arena_printf(arena, "{\"columns\":%s,%.*s", buf_cstr(&text), STR_ARG(rest));
    buf_done(&text);
    return signed_state;
}

// ---- tables

static bool check_kept(const struct mapped *m, size_t i, struct error *err)
{
    bool key = i < m->from->n_keys;
    if ((!key && !(m->facts && m->facts[i].needed)) || m->effects[i] == EFFECT_PLAIN) {
        return true;
    }
    const struct column *column = &m->from->columns[i];
    bool out = m->effects[i] == EFFECT_OUT;
    return error_set(err, ERR_CONFIG,
                     "%s: column \"%.*s\" of table %.*s cannot be %s: %s; take it off the list%s",
                     out ? "excluded_columns" : "hashed_columns", STR_ARG(column->name),
                     STR_ARG(m->from->name), out ? "left out" : "hashed",
                     key ? "rows are told apart by it" : "rows that are gone are told by it",
                     m->main ? "" : ", or exclude the table (excluded_substreams)");
}

static void build(struct mapped *m, struct arena *arena)
{
    const struct table *from = m->from;
    struct column *columns = ARENA_ARRAY(arena, struct column, from->n_columns);
    size_t n = 0;
    m->to = *from;
    m->to.deleted_mark = 0;
    for (size_t i = 0; i < from->n_columns; i++) {
        if (m->effects[i] == EFFECT_OUT) {
            continue;
        }
        if (from->deleted_mark == i && i > 0 && m->effects[i] == EFFECT_PLAIN) {
            m->to.deleted_mark = n;
        }
        columns[n] = from->columns[i];
        columns[n].type = m->effects[i] == EFFECT_HASHED ? COL_TEXT : columns[n].type;
        n++;
    }
    m->to.columns = columns;
    m->to.n_columns = n;
}

bool columns_add_table(struct columns *c, const struct table *table,
                       const struct source_column *facts, bool main, struct error *err)
{
    assert(c->n_tables < TABLES_MAX);
    struct mapped m = {.from = table, .main = main, .same = true};
    if (facts) {
        struct source_column *copy = ARENA_ARRAY(&c->arena, struct source_column, table->n_columns);
        memcpy(copy, facts, table->n_columns * sizeof *copy);
        m.facts = copy;
    }
    m.out = !main && has(&c->now.tables, table->name);
    m.was_out = !main && has(&c->former.tables, table->name);
    m.effects = ARENA_ARRAY(&c->arena, enum effect, table->n_columns);
    m.former = ARENA_ARRAY(&c->arena, enum effect, table->n_columns);
    for (size_t i = 0; i < table->n_columns; i++) {
        const struct source_column *fact = m.facts ? &m.facts[i] : NULL;
        m.effects[i] = effect_of(&c->now, &table->columns[i], fact);
        m.former[i] = effect_of(&c->former, &table->columns[i], fact);
        m.same = m.same && m.effects[i] == EFFECT_PLAIN;
        if (!m.out && !check_kept(&m, i, err)) {
            return false;
        }
    }
    build(&m, &c->arena);
    c->hides = c->hides || !m.same;
    c->tables[c->n_tables++] = m;
    return true;
}

void columns_restart(struct columns *c)
{
    c->n_tables = 0;
    c->hides = false;
}

static const struct mapped *find(const struct columns *c, const struct table *table)
{
    for (size_t i = 0; i < c->n_tables; i++) {
        if (c->tables[i].from == table) {
            return &c->tables[i];
        }
    }
    return NULL;
}

const struct table *columns_table(const struct columns *c, const struct table *table)
{
    const struct mapped *m = find(c, table);
    if (m && m->out) {
        return NULL;
    }
    return m && !m->same ? &m->to : table;
}

// ---- what has changed

static bool other_salt(const struct columns *c)
{
    return strcmp(c->now.salt_mark, c->former.salt_mark) != 0;
}

// The values that stand there are not what they are to be.
static bool is_stale(const struct columns *c, const struct mapped *m, size_t i)
{
    bool hashed = m->effects[i] == EFFECT_HASHED;
    return m->effects[i] == EFFECT_OUT || hashed != (m->former[i] == EFFECT_HASHED) ||
           (hashed && other_salt(c));
}

bool columns_need_full(const struct columns *c)
{
    bool needed = false;
    for (size_t t = 0; t < c->n_tables && c->has_former; t++) {
        const struct mapped *m = &c->tables[t];
        if (m->out) {
            continue;
        }
        needed = needed || m->was_out;
        for (size_t i = 0; i < m->from->n_columns && !needed; i++) {
            needed =
                m->effects[i] != EFFECT_OUT && (m->former[i] == EFFECT_OUT || is_stale(c, m, i));
        }
    }
    return needed;
}

bool columns_changed(const struct columns *c)
{
    bool changed = false;
    for (size_t t = 0; t < c->n_tables; t++) {
        const struct mapped *m = &c->tables[t];
        changed = changed || m->out != m->was_out;
        for (size_t i = 0; i < m->from->n_columns && !changed; i++) {
            changed =
                m->effects[i] != m->former[i] || (m->effects[i] == EFFECT_HASHED && other_salt(c));
        }
    }
    return changed;
}

size_t columns_stale(const struct columns *c, const struct table *table, struct arena *arena,
                     struct str **ret)
{
    const struct mapped *m = find(c, table);
    size_t n = 0;
    *ret = ARENA_ARRAY(arena, struct str, table->n_columns);
    for (size_t i = 0; m && i < table->n_columns; i++) {
        if (is_stale(c, m, i)) {
            (*ret)[n++] = table->columns[i].name;
        }
    }
    return n;
}

size_t columns_newly_hidden(const struct columns *c, struct arena *arena, struct str **ret)
{
    size_t cap = 0;
    size_t n = 0;
    for (size_t t = 0; t < c->n_tables; t++) {
        cap += 2 * c->tables[t].from->n_columns;
    }
    *ret = ARENA_ARRAY(arena, struct str, cap);
    for (size_t t = 0; t < c->n_tables; t++) {
        const struct mapped *m = &c->tables[t];
        for (size_t i = 0; i < m->from->n_columns; i++) {
            if (m->effects[i] == EFFECT_PLAIN || m->former[i] != EFFECT_PLAIN) {
                continue;
            }
            (*ret)[n++] = m->from->columns[i].name;
            if (m->facts && m->facts[i].property.len > 0) {
                (*ret)[n++] = m->facts[i].property;
            }
        }
    }
    return n;
}

// ---- batches

enum { REJECT_COLUMN = 2, REJECT_RAW = 3, REJECT_COLUMNS = 6 };

// Whether a value set aside under this name may be kept; a whole record holds what is hidden, too.
static bool may_keep(const struct columns *c, struct cell column)
{
    struct str name = {column.ptr, column.len};
    bool keep = column.kind == CELL_TEXT;
    for (size_t t = 0; t < c->n_tables && keep; t++) {
        const struct mapped *m = &c->tables[t];
        for (size_t i = 0; i < m->from->n_columns && keep; i++) {
            bool named = str_eq_nocase(name, m->from->columns[i].name) ||
                         (m->facts && str_eq_nocase(name, m->facts[i].property));
            keep = !named || m->effects[i] == EFFECT_PLAIN;
        }
    }
    return keep;
}

// Only streams that hide something come here, and only with values that are set aside: few.
static void hide_rejects(const struct columns *c, struct batch *b, struct arena *arena)
{
    size_t n = b->n_rows * b->table->n_columns;
    struct cell *cells = ARENA_ARRAY(arena, struct cell, n);
    memcpy(cells, b->cells, n * sizeof *cells);
    for (size_t r = 0; r < b->n_rows; r++) {
        struct cell *row = &cells[r * b->table->n_columns];
        if (!may_keep(c, row[REJECT_COLUMN])) {
            row[REJECT_RAW] = (struct cell){.kind = CELL_NULL};
        }
    }
    b->cells = cells;
}

static void map_rows(const struct columns *c, const struct mapped *m, struct batch *b,
                     struct arena *arena)
{
    size_t n = m->from->n_columns;
    struct cell *cells = ARENA_ARRAY(arena, struct cell, b->n_rows * m->to.n_columns);
    struct cell *to = cells;
    for (size_t r = 0; r < b->n_rows; r++) {
        const struct cell *from = &b->cells[r * n];
        for (size_t i = 0; i < n; i++) {
            if (m->effects[i] == EFFECT_PLAIN) {
                *to++ = from[i];
            } else if (m->effects[i] == EFFECT_HASHED) {
                *to++ = hash_cell(c, &from[i], arena);
            }
        }
    }
    b->cells = cells;
    b->table = &m->to;
}

bool columns_batch(const struct columns *c, const struct batch *batch, struct arena *arena,
                   struct batch *ret)
{
    const struct mapped *m = find(c, batch->table);
    *ret = *batch;
    if (m && m->out) {
        return false;
    }
    if (m && !m->same) {
        size_t column = 0;
        for (size_t i = 0; i < batch->scope_column; i++) {
            column += m->effects[i] != EFFECT_OUT;
        }
        assert(m->effects[batch->scope_column] == EFFECT_PLAIN);
        ret->scope_column = column;
        map_rows(c, m, ret, arena);
    } else if (c->hides && str_eq(batch->table->name, STR("_sluice_reject"))) {
        assert(batch->table->n_columns == REJECT_COLUMNS);
        hide_rejects(c, ret, arena);
    }
    return true;
}
