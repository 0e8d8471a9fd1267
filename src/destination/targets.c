#include "destination/driver.h"

#include "core/limits.h"

int64_t name_hash(struct str a, struct str b)
{
    uint64_t h = 0xcbf29ce484222325U; // FNV-1a, with a NUL between the two
    for (size_t i = 0; i < a.len; i++) {
        h = (h ^ (unsigned char)a.ptr[i]) * 0x100000001b3U;
    }
    h *= 0x100000001b3U;
    for (size_t i = 0; i < b.len; i++) {
        h = (h ^ (unsigned char)b.ptr[i]) * 0x100000001b3U;
    }
    h ^= h >> 32;
    return (int64_t)h;
}

bool table_is_system(struct str name)
{
    return str_starts(name, STR("_sluice_"));
}

static bool name_check(struct str name, const char *what, struct str table, struct error *err)
{
    if (name.len == 0 || name.len > LIMIT_IDENTIFIER_BYTES || memchr(name.ptr, '\0', name.len)) {
        return error_set(err, ERR_DESTINATION,
                         "table '%.*s': the %s '%.*s' is not a name of 1 to %d bytes",
                         STR_ARG(table), what, STR_ARG(name), LIMIT_IDENTIFIER_BYTES);
    }
    return true;
}

// Two columns of one name, also when they differ only in ASCII case, as SQLite sees it. Sorted
// indexes keep it n log n for the widest tables.
static int by_name(const void *a, const void *b)
{
    const struct str *x = a;
    const struct str *y = b;
    size_t n = MIN(x->len, y->len);
    int order = strncasecmp(x->ptr, y->ptr, n);
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static bool unique_check(const struct destination *d, const struct table *table, struct error *err)
{
    size_t n = table->n_columns;
    struct str *names = calloc(n + 2, sizeof(*names));
    assert(names);
    for (size_t i = 0; i < n; i++) {
        names[i] = table->columns[i].name;
    }
    if (!table_is_system(table->name)) {
        names[n++] = d->metadata.synced;
        if (d->metadata.deleted.len > 0) {
            names[n++] = d->metadata.deleted;
        }
    }
    qsort(names, n, sizeof(*names), by_name);
    bool ok = true;
    for (size_t i = 1; i < n && ok; i++) {
        if (by_name(&names[i - 1], &names[i]) == 0) {
            ok = error_set(err, ERR_DESTINATION,
                           "table '%.*s' has two columns named '%.*s'; names that differ only in "
                           "case are one name in some databases",
                           STR_ARG(table->name), STR_ARG(names[i]));
        }
    }
    free(names);
    return ok;
}

bool table_check(const struct destination *d, const struct table *table, struct error *err)
{
    assert(table->n_keys <= table->n_columns);
    if (!name_check(table->name, "name", table->name, err)) {
        return false;
    }
    for (size_t i = 0; i < table->n_columns; i++) {
        if (!name_check(table->columns[i].name, "column", table->name, err)) {
            return false;
        }
    }
    size_t n = table->n_columns + (table_is_system(table->name) ? 0 : 2);
    if (table->n_columns == 0 || n > d->driver->max_columns) {
        return error_set(err, ERR_DESTINATION,
                         "table '%.*s' would have %zu columns; %s allows 1 to %zu. Select fewer "
                         "properties for this stream",
                         STR_ARG(table->name), n, d->driver->name, d->driver->max_columns);
    }
    return unique_check(d, table, err);
}

struct target *target_find(struct session *s, struct str name)
{
    for (struct target *t = s->targets; t; t = t->next) {
        if (str_eq(t->table.name, name)) {
            return t;
        }
    }
    return NULL;
}

static bool same_shape(const struct table *a, const struct table *b)
{
    if (a->n_columns != b->n_columns || a->n_keys != b->n_keys ||
        a->deleted_mark != b->deleted_mark) {
        return false;
    }
    for (size_t i = 0; i < a->n_columns; i++) {
        if (a->columns[i].type != b->columns[i].type ||
            !str_eq(a->columns[i].name, b->columns[i].name)) {
            return false;
        }
    }
    return true;
}

static void copy_table(struct arena *arena, struct table *to, const struct table *from)
{
    struct column *columns = ARENA_ARRAY(arena, struct column, from->n_columns);
    for (size_t i = 0; i < from->n_columns; i++) {
        columns[i].name = arena_dup(arena, from->columns[i].name);
        columns[i].type = from->columns[i].type;
    }
    *to = *from;
    to->name = arena_dup(arena, from->name);
    to->columns = columns;
}

bool target_get(struct session *s, const struct table *table, struct target **ret,
                struct error *err)
{
    struct target *t = target_find(s, table->name);
    if (t && same_shape(&t->table, table)) {
        *ret = t;
        return true;
    }
    if (!table_check(s->dest, table, err)) {
        return false;
    }
    if (t) {
        s->dest->driver->forget(s, t);
        arena_reset(&t->arena);
    } else {
        t = calloc(1, sizeof(*t));
        assert(t);
        arena_init(&t->arena, 16U << 20);
        t->next = s->targets;
        s->targets = t;
    }
    copy_table(&t->arena, &t->table, table);
    t->has_synced = !table_is_system(table->name);
    t->has_deleted = t->has_synced && s->dest->metadata.deleted.len > 0;
    *ret = t;
    return true;
}

size_t target_columns(const struct target *t)
{
    return t->table.n_columns + t->has_synced + t->has_deleted;
}

struct column target_column(const struct destination *d, const struct target *t, size_t i)
{
    assert(i < target_columns(t));
    if (i < t->table.n_columns) {
        return t->table.columns[i];
    }
    if (t->has_synced && i == t->table.n_columns) {
        return (struct column){d->metadata.synced, COL_TIMESTAMP};
    }
    return (struct column){d->metadata.deleted, COL_BOOL};
}

enum effect batch_effect(const struct target *t, const struct batch *batch)
{
    static const enum effect EFFECTS[] = {
        [BATCH_UPSERT] = EFFECT_UPSERT,   [BATCH_INSERT] = EFFECT_INSERT,
        [BATCH_DELETED] = EFFECT_MARK,    [BATCH_DELETE] = EFFECT_REMOVE,
        [BATCH_REPLACE] = EFFECT_REPLACE,
    };
    assert((size_t)batch->op < ARRAY_LEN(EFFECTS));
    enum effect effect = EFFECTS[batch->op];
    if (!t->has_deleted && effect != EFFECT_REPLACE && (effect == EFFECT_MARK || batch->deleted)) {
        return EFFECT_REMOVE;
    }
    return effect;
}

void targets_forget(struct session *s)
{
    while (s->targets) {
        struct target *t = s->targets;
        s->targets = t->next;
        s->dest->driver->forget(s, t);
        arena_done(&t->arena);
        free(t);
    }
}
