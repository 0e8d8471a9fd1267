#include "sim/properties.h"

#include "core/limits.h"
#include "core/random.h"
#include "data/json_writer.h"
#include "sim/property_tables.h"
#include "sim/text.h"

static const char *const type_names[PROPERTY_TYPE_COUNT] = {
    "string", "number",       "date", "datetime",           "enumeration",
    "bool",   "phone_number", "json", "object_coordinates",
};

const char *property_type_name(enum property_type t)
{
    assert(t < PROPERTY_TYPE_COUNT);
    return type_names[t];
}

bool property_type_parse(struct str name, enum property_type *ret)
{
    for (size_t i = 0; i < PROPERTY_TYPE_COUNT; i++) {
        if (str_eq(name, str_from(type_names[i]))) {
            *ret = (enum property_type)i;
            return true;
        }
    }
    return false;
}

enum { DEFINITIONS_LIMIT = 256 * 1024 * 1024 };

void property_set_init(struct property_set *s)
{
    *s = (struct property_set){0};
    arena_init(&s->arena, DEFINITIONS_LIMIT);
}

void property_set_done(struct property_set *s)
{
    free(s->items);
    free(s->table);
    arena_done(&s->arena);
    *s = (struct property_set){0};
}

static struct property **probe(const struct property_set *s, struct str name)
{
    size_t mask = s->table_cap - 1;
    size_t at = (size_t)str_hash(name) & mask;
    while (s->table[at] && !str_eq(s->table[at]->name, name)) {
        at = (at + 1) & mask;
    }
    return &s->table[at];
}

struct property *property_find(const struct property_set *s, struct str name)
{
    return s->table_cap == 0 ? NULL : *probe(s, name);
}

// Builds the table anew from the live properties, with room to spare.
static void rebuild_table(struct property_set *s)
{
    size_t cap = 64;
    while (cap < (s->n_live + 1) * 4) {
        cap *= 2;
    }
    free(s->table);
    s->table = calloc(cap, sizeof(struct property *));
    if (!s->table) {
        abort();
    }
    s->table_cap = cap;
    for (size_t i = 0; i < s->n; i++) {
        if (!s->items[i]->archived) {
            *probe(s, s->items[i]->name) = s->items[i];
        }
    }
}

static void render_key(struct arena *arena, struct property *p)
{
    struct buf b;
    buf_init(&b, LIMIT_VALUE_BYTES);
    json_escape(&b, p->name);
    buf_add_char(&b, ':');
    p->key_len = b.len;
    buf_add_cstr(&b, "null,");
    p->json_len = b.len;
    char *padded = arena_zalloc(arena, b.len + TEXT_PADDING);
    memcpy(padded, b.ptr, b.len);
    p->json = padded;
    buf_done(&b);
}

struct property *property_find_archived(const struct property_set *s, struct str name)
{
    for (size_t i = s->n; i > 0; i--) {
        if (s->items[i - 1]->archived && str_eq(s->items[i - 1]->name, name)) {
            return s->items[i - 1];
        }
    }
    return NULL;
}

struct property_group *property_group_find(const struct property_set *s, struct str name)
{
    for (size_t i = 0; i < s->n_groups; i++) {
        if (!s->groups[i].archived && str_eq(s->groups[i].name, name)) {
            return &s->groups[i];
        }
    }
    return NULL;
}

struct property_group *property_group_add(struct property_set *s)
{
    if (!s->groups) {
        s->groups = ARENA_ARRAY(&s->arena, struct property_group, PROPERTY_GROUPS_MAX);
    }
    return s->n_groups < PROPERTY_GROUPS_MAX ? &s->groups[s->n_groups++] : NULL;
}

static void ensure_group(struct property_set *s, const struct property *p)
{
    if (property_group_find(s, p->group)) {
        return;
    }
    struct property_group *g = property_group_add(s);
    if (g) {
        char *label = arena_cstr(&s->arena, p->group);
        for (char *c = label; *c; c++) {
            *c = *c == '_' ? ' ' : *c;
        }
        label[0] = label[0] >= 'a' && label[0] <= 'z' ? (char)(label[0] - 'a' + 'A') : label[0];
        g->name = arena_dup(&s->arena, p->group);
        g->label = str_from(label);
        g->order = (int64_t)s->n_groups;
        g->hubspot_defined = p->hubspot_defined;
    }
}

const char *property_sensitivity_name(enum property_sensitivity s)
{
    static const char *const names[] = {"non_sensitive", "sensitive", "highly_sensitive"};
    assert(s < ARRAY_LEN(names));
    return names[s];
}

struct property *property_add(struct property_set *s, const struct property *p)
{
    assert(!property_find(s, p->name));
    ensure_group(s, p);
    struct property *own = ARENA_NEW(&s->arena, struct property);
    *own = *p;
    own->name = arena_dup(&s->arena, p->name);
    own->label = arena_dup(&s->arena, p->label);
    own->group = arena_dup(&s->arena, p->group);
    own->description = arena_dup(&s->arena, p->description);
    own->formula = arena_dup(&s->arena, p->formula);
    own->salt = p->salt ? p->salt : str_hash(p->name);
    render_key(&s->arena, own);
    if (s->n == s->cap) {
        s->cap = MAX(s->cap * 2, (size_t)64);
        s->items = realloc(s->items, s->cap * sizeof(struct property *));
        if (!s->items) {
            abort();
        }
    }
    s->items[s->n++] = own;
    s->n_live++;
    if ((s->n_live + 1) * 2 > s->table_cap) {
        rebuild_table(s);
    } else {
        *probe(s, own->name) = own;
    }
    return own;
}

void property_remove(struct property_set *s, struct property *p, int64_t now_ms)
{
    assert(!p->archived);
    p->archived = true;
    p->updated_ms = now_ms;
    s->n_live--;
    rebuild_table(s);
}

static const struct {
    const char *field_type;
    enum value_kind kind;
    int64_t lo, hi;
} by_type[PROPERTY_TYPE_COUNT] = {
    [PROPERTY_STRING] = {"text", KIND_TEXT, 0, 0},
    [PROPERTY_NUMBER] = {"number", KIND_INTEGER, 0, 10000},
    [PROPERTY_DATE] = {"date", KIND_DATE, 0, 0},
    [PROPERTY_DATETIME] = {"date", KIND_DATETIME, 0, 0},
    [PROPERTY_ENUMERATION] = {"select", KIND_OPTION, 0, 0},
    [PROPERTY_BOOL] = {"booleancheckbox", KIND_BOOL, 0, 0},
    [PROPERTY_PHONE_NUMBER] = {"phonenumber", KIND_PHONE, 0, 0},
    [PROPERTY_JSON] = {"text", KIND_JSON, 0, 0},
    [PROPERTY_COORDINATES] = {"text", KIND_COORDINATES, 0, 0},
};

struct property property_custom(struct str name, enum property_type type, unsigned fill_percent)
{
    assert(fill_percent <= 100);
    struct property p = {
        .name = name,
        .label = name,
        .group = STR("custom_properties"),
        .type = type,
        .field_type = by_type[type].field_type,
        .kind = by_type[type].kind,
        .lo = by_type[type].lo,
        .hi = by_type[type].hi,
        .fill = (uint32_t)((uint64_t)UINT32_MAX * fill_percent / 100),
        .order = -1,
    };
    if (type == PROPERTY_ENUMERATION) {
        property_table_options(str_hash(name), &p.options, &p.n_options);
    }
    if (type == PROPERTY_BOOL) {
        property_table_yes_no(&p.options, &p.n_options);
    }
    return p;
}
