// Filling a property set: standard rows, then custom properties up to the total.
#include "core/random.h"
#include "sim/pipelines.h"
#include "sim/property_names.h"
#include "sim/property_tables.h"

enum {
    MANY_PROPERTIES = 60
}; // from here on a portal counts as overgrown: its custom properties are mostly empty

static const int64_t defined_ms = INT64_C(1546300800000); // 2019-01-01

static void add_standard(struct property_set *s, enum object_type object,
                         const struct property_row *row)
{
    struct property p = property_custom(str_from(row->name), row->type, row->fill);
    p.label = str_from(row->label);
    p.group = object_info(object)->group;
    p.field_type = row->field_type ? row->field_type : p.field_type;
    p.kind = row->kind;
    p.lo = row->lo;
    p.hi = row->hi;
    p.options = row->options;
    p.n_options = row->n_options;
    if (row->kind == KIND_PIPELINE || row->kind == KIND_STAGE) {
        pipelines_options(object, row->kind == KIND_STAGE, &s->arena, &p.options, &p.n_options);
    }
    p.calculated = row->flags & PROPERTY_CALCULATED;
    p.read_only = row->flags & (PROPERTY_CALCULATED | PROPERTY_READ_ONLY);
    p.external_options = row->flags & PROPERTY_EXTERNAL;
    p.hidden = row->flags & PROPERTY_HIDDEN;
    p.unique = row->flags & PROPERTY_UNIQUE;
    p.hubspot_defined = true;
    p.created_ms = defined_ms;
    p.updated_ms = defined_ms;
    property_add(s, &p);
}

// What custom properties are like, in the order in which they come.
static const struct {
    enum property_type type;
    const char *field_type;
    enum value_kind kind;
    int64_t lo, hi;
    bool messy; // made only when odd values are wanted
} patterns[] = {
    {PROPERTY_STRING, "text", KIND_UNIQUE, 0, 0, false},
    {PROPERTY_NUMBER, "number", KIND_INTEGER, 0, 100, false},
    {PROPERTY_DATE, "date", KIND_DATE, 0, 0, false},
    {PROPERTY_ENUMERATION, "checkbox", KIND_OPTIONS, 0, 0, false},
    {PROPERTY_BOOL, "booleancheckbox", KIND_BOOL, 0, 0, false},
    {PROPERTY_STRING, "text", KIND_TEXT, 0, 0, false},
    {PROPERTY_DATETIME, "date", KIND_DATETIME, 0, 0, false},
    {PROPERTY_NUMBER, "number", KIND_DECIMAL, 0, 100000, false},
    {PROPERTY_ENUMERATION, "select", KIND_OPTION, 0, 0, false},
    {PROPERTY_STRING, "text", KIND_TEXT, 0, 0, false},
    {PROPERTY_NUMBER, "number", KIND_INTEGER, -500, 100000000, false},
    {PROPERTY_JSON, "text", KIND_JSON, 0, 0, false},
    {PROPERTY_ENUMERATION, "radio", KIND_OPTION, 0, 0, false},
    {PROPERTY_STRING, "text", KIND_UUID, 0, 0, false},
    {PROPERTY_PHONE_NUMBER, "phonenumber", KIND_PHONE, 0, 0, false},
    {PROPERTY_NUMBER, "number", KIND_MESSY_NUMBER, 0, 0, true},
    {PROPERTY_STRING, "text", KIND_CITY, 0, 0, false},
    {PROPERTY_COORDINATES, "text", KIND_COORDINATES, 0, 0, false},
    {PROPERTY_DATE, "date", KIND_DATE, 0, 0, false},
    {PROPERTY_ENUMERATION, "select", KIND_OWNER, 0, 0, false},
    {PROPERTY_BOOL, "booleancheckbox", KIND_BOOL, 0, 0, false},
    {PROPERTY_NUMBER, "number", KIND_DECIMAL, -1000, 1000, false},
    {PROPERTY_STRING, "text", KIND_FULL_NAME, 0, 0, false},
    {PROPERTY_DATETIME, "date", KIND_DATETIME, 0, 0, false},
};

static void add_custom(struct property_set *s, size_t i, bool many, uint64_t seed, bool clean)
{
    size_t pattern = i % ARRAY_LEN(patterns);
    struct str name;
    struct str label;
    property_names_custom(&s->arena, i, &name, &label);
    uint64_t h = random_mix(seed ^ str_hash(name));
    // In a large portal 10 to 70 percent have a value, 40 on average; in a small one 50 to 90.
    unsigned fill = many ? (unsigned)(10 + h % 61) : (unsigned)(50 + h % 41);
    struct property p = property_custom(name, patterns[pattern].type, fill);
    p.label = label;
    p.field_type = patterns[pattern].field_type;
    p.kind = patterns[pattern].kind;
    p.lo = patterns[pattern].lo;
    p.hi = patterns[pattern].hi;
    if (patterns[pattern].messy && clean) {
        p.kind = KIND_INTEGER;
        p.hi = 1000;
    }
    if (p.kind == KIND_UNIQUE && i == 0) {
        p.unique = true;
        p.fill = UINT32_MAX;
    }
    if (p.kind == KIND_OWNER) {
        p.external_options = true;
        p.options = NULL;
        p.n_options = 0;
    }
    p.created_ms = defined_ms + (int64_t)(h >> 20) % INT64_C(190000000000);
    p.updated_ms = p.created_ms + (int64_t)(h & 0xffffff);
    property_add(s, &p);
}

// What the records of a generated custom object are called.
static const struct property_row custom_name = {
    "name", "Name", PROPERTY_STRING, NULL, KIND_OWN_COMPANY_NAME, 100, 0, 0};

void property_set_generate(struct property_set *s, enum object_type object, size_t total,
                           uint64_t seed, bool clean)
{
    size_t n;
    const struct property_row *rows;
    if (object_info(object)->engagement) {
        rows = property_table_engagements(&n);
        for (size_t i = 0; i < n; i++) {
            add_standard(s, object, &rows[i]);
        }
    }
    rows = property_table_standard(object, &n);
    for (size_t i = 0; i < n; i++) {
        add_standard(s, object, &rows[i]);
    }
    if (object_is_custom(object) && total > 0) {
        add_standard(s, object, &custom_name);
        s->items[s->n - 1]->hubspot_defined = false;
        n++;
    }
    for (size_t i = 0; n + i < total; i++) {
        add_custom(s, i, total >= MANY_PROPERTIES, seed, clean);
    }
    rows = property_table_besides(object, &n);
    for (size_t i = 0; i < n; i++) {
        add_standard(s, object, &rows[i]);
    }
}
