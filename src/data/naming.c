#include "data/naming.h"

#include <inttypes.h>

_Static_assert(COL_TYPE_COUNT < 10, "a version has one digit");

enum {
    HASH_SUFFIX = 9,       // "_" and eight hex digits
    VERSION_SUFFIX = 4,    // "__v" and a digit: there are fewer than ten types
    TABLE_MIN = 64,        // slots; a power of two
    CANDIDATES_MAX = 1000, // names tried for one property
    NAME_SHOWN_MAX = 100,  // bytes of a name in an error
};

// A property with its column for each type that it has ever had; ptr NULL: none.
struct property {
    struct str name;
    struct str columns[COL_TYPE_COUNT];
    unsigned versions; // columns that are set
};

// Open addressing, linear probing; grows at half full.
struct slot {
    uint64_t hash;
    struct str key;
    struct property *property; // NULL for a reserved column
};
struct table_of_names {
    struct slot *slots;
    size_t n_slots;
    size_t used;
};

struct assignment {
    struct assignment *next;
    struct naming_row row;
};

struct naming {
    struct arena *arena;
    struct str object;
    struct str prefix;
    struct table_of_names properties; // by exact name
    struct table_of_names columns;    // all that are taken
    struct assignment *first_new;
    struct assignment **last_new;
};

// ------------------------------------------------------------------------------------------------
// Folding

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z') {
        return (char)(c - 'A' + 'a');
    }
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
}

// The folded name at its full length.
static struct str fold(struct str prefix, struct str name, struct arena *arena)
{
    char *text = arena_alloc(arena, prefix.len + name.len + 1);
    if (prefix.len > 0) {
        memcpy(text, prefix.ptr, prefix.len);
    }
    size_t len = prefix.len;
    for (size_t i = 0; i < name.len; i++) {
        char c = folded(name.ptr[i]);
        if (c != '_' || len == 0 || text[len - 1] != '_') {
            text[len++] = c;
        }
    }
    struct str result = {text, len};
    bool nothing = len == prefix.len || (prefix.len == 0 && str_eq(result, STR("_")));
    return nothing ? arena_printf(arena, "%.*sunnamed", STR_ARG(prefix)) : result;
}

// `text` and `version` within 63 bytes, with "_" and eight hex digits of a hash of the exact name
// between them when `hashed` or when they do not fit whole.
static struct str compose(struct str text, struct str name, bool hashed, uint64_t salt,
                          struct str version, struct arena *arena)
{
    if (!hashed && text.len + version.len <= LIMIT_IDENTIFIER_BYTES) {
        return arena_printf(arena, "%.*s%.*s", STR_ARG(text), STR_ARG(version));
    }
    uint32_t bits = (uint32_t)((str_hash(name) + salt * 0x9e3779b97f4a7c15U) >> 32);
    struct str kept = str_sub(text, 0, LIMIT_IDENTIFIER_BYTES - HASH_SUFFIX - version.len);
    return arena_printf(arena, "%.*s_%08" PRIx32 "%.*s", STR_ARG(kept), bits, STR_ARG(version));
}

struct str naming_fold(struct str prefix, struct str name, struct arena *arena)
{
    assert(prefix.len + HASH_SUFFIX < LIMIT_IDENTIFIER_BYTES);
    return compose(fold(prefix, name, arena), name, false, 0, STR(""), arena);
}

// ------------------------------------------------------------------------------------------------
// Look-ups

// The slot of the key, or the empty one where it belongs.
static struct slot *probe(const struct table_of_names *t, struct str key, uint64_t hash)
{
    size_t i = hash & (t->n_slots - 1);
    while (t->slots[i].hash != 0 && (t->slots[i].hash != hash || !str_eq(t->slots[i].key, key))) {
        i = (i + 1) & (t->n_slots - 1);
    }
    return &t->slots[i];
}

static uint64_t key_hash(struct str key)
{
    return str_hash(key) | 1; // 0 marks an empty slot
}

static struct slot *find(const struct table_of_names *t, struct str key)
{
    if (t->n_slots == 0) {
        return NULL;
    }
    struct slot *slot = probe(t, key, key_hash(key));
    return slot->hash != 0 ? slot : NULL;
}

static void grow(struct table_of_names *t, struct arena *arena)
{
    struct table_of_names bigger = {.n_slots = MAX(t->n_slots * 2, (size_t)TABLE_MIN),
                                    .used = t->used};
    bigger.slots = ARENA_ARRAY(arena, struct slot, bigger.n_slots);
    for (size_t i = 0; i < t->n_slots; i++) {
        if (t->slots[i].hash != 0) {
            *probe(&bigger, t->slots[i].key, t->slots[i].hash) = t->slots[i];
        }
    }
    *t = bigger;
}

// The key must be new and stay valid.
static void insert(struct table_of_names *t, struct str key, struct property *property,
                   struct arena *arena)
{
    if (t->used >= t->n_slots / 2) {
        grow(t, arena);
    }
    uint64_t hash = key_hash(key);
    struct slot *slot = probe(t, key, hash);
    assert(slot->hash == 0);
    *slot = (struct slot){hash, key, property};
    t->used++;
}

// ------------------------------------------------------------------------------------------------
// The registry

struct naming *naming_create(struct str object, struct str prefix, struct arena *arena)
{
    assert(prefix.len + HASH_SUFFIX + VERSION_SUFFIX < LIMIT_IDENTIFIER_BYTES);
    struct naming *n = ARENA_NEW(arena, struct naming);
    n->arena = arena;
    n->object = arena_dup(arena, object);
    n->prefix = arena_dup(arena, prefix);
    n->last_new = &n->first_new;
    return n;
}

void naming_reserve(struct naming *n, struct str column)
{
    assert(n->properties.used == 0);
    if (!find(&n->columns, column)) {
        insert(&n->columns, arena_dup(n->arena, column), NULL, n->arena);
    }
}

// The property of that name, new if need be; NULL with an error past the limit.
static struct property *property_of(struct naming *n, struct str name, struct error *err)
{
    struct slot *slot = find(&n->properties, name);
    if (slot) {
        return slot->property;
    }
    if (n->properties.used >= LIMIT_PROPERTIES) {
        error_set(err, ERR_LIMIT, "%.*s: more than %d properties", STR_ARG(n->object),
                  (int)LIMIT_PROPERTIES);
        return NULL;
    }
    struct property *p = ARENA_NEW(n->arena, struct property);
    p->name = arena_dup(n->arena, name);
    insert(&n->properties, p->name, p, n->arena);
    return p;
}

static bool contradiction(const struct naming_row *row, struct str other, struct error *err)
{
    return error_set(err, ERR_STATE,
                     "_sluice_column: object %.*s, property \"%.*s\", type %s: column \"%.*s\" "
                     "contradicts %.*s",
                     STR_ARG(row->object), STR_ARG(str_sub(row->property, 0, NAME_SHOWN_MAX)),
                     column_type_name(row->type), STR_ARG(str_sub(row->column, 0, NAME_SHOWN_MAX)),
                     STR_ARG(str_sub(other, 0, NAME_SHOWN_MAX)));
}

bool naming_load(struct naming *n, const struct naming_row *row, struct error *err)
{
    assert((unsigned)row->type < COL_TYPE_COUNT);
    if (!str_eq(row->object, n->object)) {
        return true;
    }
    if (row->column.len == 0 || row->column.len > LIMIT_IDENTIFIER_BYTES) {
        return contradiction(row, STR("the rule that a column has 1 to 63 bytes"), err);
    }
    struct property *p = property_of(n, row->property, err);
    if (!p) {
        return false;
    }
    struct str *column = &p->columns[row->type];
    if (column->ptr) {
        return str_eq(*column, row->column) || contradiction(row, *column, err);
    }
    struct slot *taken = find(&n->columns, row->column);
    if (taken) {
        return contradiction(
            row, taken->property ? taken->property->name : STR("a fixed column of the table"), err);
    }
    *column = arena_dup(n->arena, row->column);
    p->versions++;
    insert(&n->columns, *column, p, n->arena);
    return true;
}

// The i-th name to try: plain, then with the hash, then (for those who build collisions) with other
// hashes.
static struct str candidate(const struct naming *n, const struct property *p, uint64_t i)
{
    struct str version = STR("");
    if (p->versions > 0) {
        version = arena_printf(n->arena, "__v%u", p->versions + 1);
    }
    return compose(fold(n->prefix, p->name, n->arena), p->name, i > 0, i > 0 ? i - 1 : 0, version,
                   n->arena);
}

static void remember_new(struct naming *n, const struct property *p, enum column_type type)
{
    struct assignment *a = ARENA_NEW(n->arena, struct assignment);
    a->row = (struct naming_row){n->object, p->name, p->columns[type], type};
    *n->last_new = a;
    n->last_new = &a->next;
}

static bool assign(struct naming *n, struct property *p, enum column_type type, struct error *err)
{
    for (uint64_t i = 0; i < CANDIDATES_MAX; i++) {
        struct str column = candidate(n, p, i);
        if (!find(&n->columns, column)) {
            p->columns[type] = column;
            p->versions++;
            insert(&n->columns, column, p, n->arena);
            remember_new(n, p, type);
            return true;
        }
    }
    return error_set(err, ERR_LIMIT, "%.*s: no free column name for property \"%.*s\"",
                     STR_ARG(n->object), STR_ARG(str_sub(p->name, 0, NAME_SHOWN_MAX)));
}

bool naming_resolve(struct naming *n, struct str property, enum column_type type,
                    struct str *ret_column, struct error *err)
{
    assert((unsigned)type < COL_TYPE_COUNT);
    struct property *p = property_of(n, property, err);
    if (!p || (!p->columns[type].ptr && !assign(n, p, type, err))) {
        return false;
    }
    *ret_column = p->columns[type];
    return true;
}

bool naming_next_new(struct naming *n, struct naming_row *ret)
{
    struct assignment *a = n->first_new;
    if (!a) {
        return false;
    }
    *ret = a->row;
    n->first_new = a->next;
    if (!n->first_new) {
        n->last_new = &n->first_new;
    }
    return true;
}
