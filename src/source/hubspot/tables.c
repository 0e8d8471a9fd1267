#include "source/hubspot/tables.h"

#include "core/limits.h"
#include "data/json_writer.h"
#include "http/url.h"

static const struct column ENGAGEMENT_COLUMNS[] = {
    {STR_INIT("id"), COL_INT}, {STR_INIT("portal_id"), COL_INT}, {STR_INIT("type"), COL_TEXT}};
const struct table TABLE_ENGAGEMENT = {STR_INIT("engagement"), ENGAGEMENT_COLUMNS,
                                       ARRAY_LEN(ENGAGEMENT_COLUMNS), 1, 0};

static const struct column CONTACT_MERGE_COLUMNS[] = {
    {STR_INIT("canonical_vid"), COL_INT},
    {STR_INIT("vid_to_merge"), COL_INT},
    {STR_INIT("contact_id"), COL_INT},
    {STR_INIT("timestamp"), COL_TIMESTAMP},
    {STR_INIT("user_id"), COL_INT},
    {STR_INIT("entity_id"), COL_TEXT},
    {STR_INIT("first_name"), COL_TEXT},
    {STR_INIT("last_name"), COL_TEXT},
    {STR_INIT("num_properties_moved"), COL_INT},
};
static const struct column MERGED_DEAL_COLUMNS[] = {{STR_INIT("deal_id"), COL_INT},
                                                    {STR_INIT("merged_deal_id"), COL_INT}};
static const struct table MERGE_TABLES[] = {
    {STR_INIT("contact_merge_audit"), CONTACT_MERGE_COLUMNS, ARRAY_LEN(CONTACT_MERGE_COLUMNS), 2,
     0},
    {STR_INIT("merged_deal"), MERGED_DEAL_COLUMNS, ARRAY_LEN(MERGED_DEAL_COLUMNS), 2, 0},
};

int object_tables_find(const struct object_tables *t, struct str property)
{
    for (size_t i = str_hash(property) & t->mask;; i = (i + 1) & t->mask) {
        int32_t at = t->slots[i];
        if (at < 0) {
            return NO_COLUMN;
        }
        if (str_eq(t->properties[at], property)) {
            return at;
        }
    }
}

static void build_index(struct object_tables *t, struct arena *arena)
{
    size_t size = 16;
    while (size < t->n_properties * 2) {
        size *= 2;
    }
    t->mask = size - 1;
    t->slots = ARENA_ARRAY(arena, int32_t, size);
    for (size_t i = 0; i < size; i++) {
        t->slots[i] = NO_COLUMN;
    }
    for (size_t p = 0; p < t->n_properties; p++) {
        size_t i = str_hash(t->properties[p]) & t->mask;
        while (t->slots[i] >= 0) {
            i = (i + 1) & t->mask;
        }
        t->slots[i] = (int32_t)p;
    }
}

// The list of names as it goes into URLs and into bodies.
static bool build_lists(struct object_tables *t, struct arena *arena, struct error *err)
{
    struct buf query;
    struct buf json;
    struct json_writer w;
    buf_init(&query, LIMIT_REQUEST_BODY);
    buf_init(&json, LIMIT_REQUEST_BODY);
    json_writer_init(&w, &json);
    json_begin_array(&w);
    for (size_t i = 0; i < t->n_properties; i++) {
        if (i > 0) {
            buf_add_char(&query, ',');
        }
        url_add_encoded(&query, t->properties[i]);
        json_put_str(&w, t->properties[i]);
    }
    json_end_array(&w);
    bool ok = !query.overflow && !json.overflow;
    if (ok) {
        t->query = arena_dup(arena, buf_str(&query));
        t->json_names = arena_dup(arena, buf_str(&json));
    } else {
        error_set(err, ERR_LIMIT, "%s: the names of %zu properties do not fit a request",
                  t->info->name, t->n_properties);
    }
    buf_done(&query);
    buf_done(&json);
    return ok;
}

static const struct table *merge_table(const struct object_info *info)
{
    for (size_t i = 0; info->merge_table && i < ARRAY_LEN(MERGE_TABLES); i++) {
        if (str_eq(MERGE_TABLES[i].name, str_from(info->merge_table))) {
            return &MERGE_TABLES[i];
        }
    }
    return NULL;
}

static void fill_fixed_columns(struct object_tables *t, struct column *columns)
{
    const struct object_info *info = t->info;
    assert(info->n_fixed <= ARRAY_LEN(t->fixed_source));
    for (size_t i = 0; i < info->n_fixed; i++) {
        const struct fixed_column *f = &info->fixed[i];
        columns[i] = (struct column){str_from(f->name), f->type};
        t->fixed_source[i] = NO_COLUMN;
        if (f->kind == FIXED_PROPERTY) {
            t->fixed_source[i] = object_tables_find(t, str_from(f->property));
        } else if (f->kind == FIXED_DELETED) {
            t->main.deleted_mark = i;
        }
    }
}

bool object_tables_build(const struct object_info *info, const struct property_defs *defs,
                         struct naming *naming, struct arena *arena, struct object_tables *ret,
                         struct error *err)
{
    struct object_tables t = {.info = info, .n_properties = defs->n};
    size_t n_columns = info->n_fixed + defs->n;
    struct column *columns = ARENA_ARRAY(arena, struct column, n_columns);
    struct str *names = ARENA_ARRAY(arena, struct str, defs->n + 1);
    enum column_type *types = ARENA_ARRAY(arena, enum column_type, defs->n + 1);
    for (size_t i = 0; i < defs->n; i++) {
        names[i] = defs->items[i].name;
        types[i] = defs->items[i].type;
        struct column *c = &columns[info->n_fixed + i];
        c->type = types[i];
        if (!naming_resolve(naming, names[i], types[i], &c->name, err)) {
            return error_context(err, "%s", info->name);
        }
    }
    t.properties = names;
    t.types = types;
    build_index(&t, arena);
    t.main = (struct table){str_from(info->table), columns, n_columns, 1, 0};
    fill_fixed_columns(&t, columns);
    t.merged_property = object_tables_find(&t, STR("hs_merged_object_ids"));
    t.engagement = info->engagement_type ? &TABLE_ENGAGEMENT : NULL;
    t.merges = merge_table(info);
    if (!build_lists(&t, arena, err)) {
        return false;
    }
    *ret = t;
    return true;
}
