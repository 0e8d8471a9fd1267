// The properties stream: tables property and property_option, for every object. Definitions come
// from the catalog, which the object streams share, so they cost no further calls.
#include "source/hubspot/reference.h"

static const struct column PROPERTY_COLUMNS[] = {
    {STR_INIT("key"), COL_TEXT},
    {STR_INIT("hubspot_object"), COL_TEXT},
    {STR_INIT("name"), COL_TEXT},
    {STR_INIT("label"), COL_TEXT},
    {STR_INIT("description"), COL_TEXT},
    {STR_INIT("type"), COL_TEXT},
    {STR_INIT("field_type"), COL_TEXT},
    {STR_INIT("group_name"), COL_TEXT},
    {STR_INIT("calculated"), COL_BOOL},
    {STR_INIT("hubspot_defined"), COL_BOOL},
    {STR_INIT("show_currency_symbol"), COL_BOOL},
    {STR_INIT("created_at"), COL_TIMESTAMP},
    {STR_INIT("updated_at"), COL_TIMESTAMP},
};
static const struct table PROPERTY = {STR_INIT("property"), PROPERTY_COLUMNS,
                                      ARRAY_LEN(PROPERTY_COLUMNS), 1, 0};
static const struct column OPTION_COLUMNS[] = {
    {STR_INIT("property_id"), COL_TEXT}, {STR_INIT("value"), COL_TEXT},
    {STR_INIT("label"), COL_TEXT},       {STR_INIT("display_order"), COL_INT},
    {STR_INIT("hidden"), COL_BOOL},      {STR_INIT("hubspot_object"), COL_TEXT},
    {STR_INIT("name"), COL_TEXT},
};
static const struct table OPTION = {STR_INIT("property_option"), OPTION_COLUMNS,
                                    ARRAY_LEN(OPTION_COLUMNS), 2, 0};

static bool properties_open(struct source_stream *s, struct error *err)
{
    (void)err;
    reference_open(s);
    stream_add_table(s, &PROPERTY);
    stream_add_table(s, &OPTION);
    return true;
}

// One key over all objects: "contacts.email".
static struct cell key_cell(const char *object, struct str name, struct arena *arena)
{
    return cell_text(arena_printf(arena, "%s.%.*s", object, STR_ARG(name)));
}

static void property_row(const char *object, const struct property_def *d, struct arena *arena,
                         struct cell *row)
{
    row[0] = key_cell(object, d->name, arena);
    row[1] = cell_text(str_from(object));
    row[2] = cell_field(d->json, "name", COL_TEXT, arena);
    row[3] = cell_field(d->json, "label", COL_TEXT, arena);
    row[4] = cell_field(d->json, "description", COL_TEXT, arena);
    row[5] = cell_field(d->json, "type", COL_TEXT, arena);
    row[6] = cell_field(d->json, "fieldType", COL_TEXT, arena);
    row[7] = cell_field(d->json, "groupName", COL_TEXT, arena);
    row[8] = cell_field(d->json, "calculated", COL_BOOL, arena);
    row[9] = cell_field(d->json, "hubspotDefined", COL_BOOL, arena);
    row[10] = cell_field(d->json, "showCurrencySymbol", COL_BOOL, arena);
    row[11] = cell_field(d->json, "createdAt", COL_TIMESTAMP, arena);
    row[12] = cell_field(d->json, "updatedAt", COL_TIMESTAMP, arena);
}

static void option_rows(const char *object, const struct property_defs *defs, struct page *page)
{
    size_t total = 0;
    struct json options;
    for (size_t i = 0; i < defs->n; i++) {
        total += json_get(defs->items[i].json, STR("options"), &options) ? json_count(options) : 0;
    }
    struct arena *arena = &page->arena;
    struct cell *cells = page_add_rows(page, &OPTION, BATCH_UPSERT, total);
    size_t n = 0;
    for (size_t i = 0; i < defs->n; i++) {
        const struct property_def *d = &defs->items[i];
        if (!json_get(d->json, STR("options"), &options)) {
            continue;
        }
        struct json_iter it = json_iter(options);
        struct json option;
        while (json_next(&it, &option)) {
            struct cell *row = &cells[n * OPTION.n_columns];
            row[0] = key_cell(object, d->name, arena);
            row[1] = cell_field(option, "value", COL_TEXT, arena);
            row[2] = cell_field(option, "label", COL_TEXT, arena);
            row[3] = cell_field(option, "displayOrder", COL_INT, arena);
            row[4] = cell_field(option, "hidden", COL_BOOL, arena);
            row[5] = cell_text(str_from(object));
            row[6] = cell_text(arena_dup(arena, d->name));
            n += row[1].kind == CELL_TEXT; // an option without a value cannot be chosen
        }
    }
    reference_keep(page, &OPTION, n);
}

static bool properties_next(struct source_stream *s, struct page **ret, struct error *err)
{
    static const struct table *const MARKED[] = {&PROPERTY};
    struct reference *r = s->work;
    size_t n_objects = 0;
    const struct object_info *all = objects(&n_objects);
    if (r->part == n_objects) {
        *ret = r->failed ? NULL : reference_close(s, MARKED, 1, &OPTION);
        return reference_end(r, err);
    }
    const char *object = all[r->part].name;
    struct property_defs defs = {0};
    if (!catalog_get(s->catalog, s->client, object, &defs, err) && !reference_skip(r, err)) {
        return false;
    }
    struct page *page = stream_page(s);
    struct cell *cells = page_add_rows(page, &PROPERTY, BATCH_UPSERT, defs.n);
    for (size_t i = 0; i < defs.n; i++) {
        property_row(object, &defs.items[i], &page->arena, &cells[i * PROPERTY.n_columns]);
    }
    page->records += defs.n;
    option_rows(object, &defs, page);
    r->part++;
    *ret = page;
    return true;
}

const struct stream_ops PROPERTIES_STREAM = {.open = properties_open, .next = properties_next};
