// The pipelines stream: pipelines and stages of the objects that have them, and views over all.
#include "source/hubspot/reference.h"

static const struct column DEAL_PIPELINE_COLUMNS[] = {{STR_INIT("pipeline_id"), COL_TEXT},
                                                      {STR_INIT("label"), COL_TEXT},
                                                      {STR_INIT("display_order"), COL_INT},
                                                      {STR_INIT("created_at"), COL_TIMESTAMP},
                                                      {STR_INIT("updated_at"), COL_TIMESTAMP}};
static const struct column TICKET_PIPELINE_COLUMNS[] = {
    {STR_INIT("pipeline_id"), COL_TEXT},     {STR_INIT("label"), COL_TEXT},
    {STR_INIT("display_order"), COL_INT},    {STR_INIT("created_at"), COL_TIMESTAMP},
    {STR_INIT("updated_at"), COL_TIMESTAMP}, {STR_INIT("object_type_id"), COL_TEXT}};
static const struct column DEAL_STAGE_COLUMNS[] = {
    {STR_INIT("stage_id"), COL_TEXT},        {STR_INIT("pipeline_id"), COL_TEXT},
    {STR_INIT("label"), COL_TEXT},           {STR_INIT("display_order"), COL_INT},
    {STR_INIT("created_at"), COL_TIMESTAMP}, {STR_INIT("updated_at"), COL_TIMESTAMP},
    {STR_INIT("probability"), COL_FLOAT},    {STR_INIT("is_closed"), COL_BOOL}};
static const struct column TICKET_STAGE_COLUMNS[] = {
    {STR_INIT("stage_id"), COL_TEXT},        {STR_INIT("pipeline_id"), COL_TEXT},
    {STR_INIT("label"), COL_TEXT},           {STR_INIT("display_order"), COL_INT},
    {STR_INIT("created_at"), COL_TIMESTAMP}, {STR_INIT("updated_at"), COL_TIMESTAMP},
    {STR_INIT("ticket_state"), COL_TEXT},    {STR_INIT("is_closed"), COL_BOOL}};

// An object with pipelines, its tables and what their last columns hold.
static const struct pipeline_part {
    const char *object;
    const char *type_id;
    struct table pipeline, stage;
    const char *stage_metadata; // in the column after updated_at
} PIPELINE_PARTS[] = {
    {"deals",
     NULL,
     {STR_INIT("deal_pipeline"), DEAL_PIPELINE_COLUMNS, ARRAY_LEN(DEAL_PIPELINE_COLUMNS), 1, 0},
     {STR_INIT("deal_pipeline_stage"), DEAL_STAGE_COLUMNS, ARRAY_LEN(DEAL_STAGE_COLUMNS), 1, 0},
     "probability"},
    {"tickets",
     "0-5",
     {STR_INIT("ticket_pipeline"), TICKET_PIPELINE_COLUMNS, ARRAY_LEN(TICKET_PIPELINE_COLUMNS), 1,
      0},
     {STR_INIT("ticket_pipeline_stage"), TICKET_STAGE_COLUMNS, ARRAY_LEN(TICKET_STAGE_COLUMNS), 1,
      0},
     "ticketState"},
};

static const struct str PIPELINE_VIEW_TABLES[] = {STR_INIT("deal_pipeline"),
                                                  STR_INIT("ticket_pipeline")};
static const struct str PIPELINE_VIEW_COLUMNS[] = {STR_INIT("pipeline_id"), STR_INIT("label"),
                                                   STR_INIT("display_order"),
                                                   STR_INIT("created_at"), STR_INIT("updated_at")};
static const struct str STAGE_VIEW_TABLES[] = {STR_INIT("deal_pipeline_stage"),
                                               STR_INIT("ticket_pipeline_stage")};
static const struct str STAGE_VIEW_COLUMNS[] = {STR_INIT("stage_id"),   STR_INIT("pipeline_id"),
                                                STR_INIT("label"),      STR_INIT("display_order"),
                                                STR_INIT("created_at"), STR_INIT("updated_at"),
                                                STR_INIT("is_closed")};

static bool pipelines_open(struct source_stream *s, struct error *err)
{
    (void)err;
    reference_open(s);
    for (size_t i = 0; i < ARRAY_LEN(PIPELINE_PARTS); i++) {
        stream_add_table(s, &PIPELINE_PARTS[i].pipeline);
        stream_add_table(s, &PIPELINE_PARTS[i].stage);
    }
    s->views[s->n_views++] =
        (struct source_view){STR("pipeline"), PIPELINE_VIEW_TABLES, ARRAY_LEN(PIPELINE_VIEW_TABLES),
                             PIPELINE_VIEW_COLUMNS, ARRAY_LEN(PIPELINE_VIEW_COLUMNS)};
    s->views[s->n_views++] =
        (struct source_view){STR("pipeline_stage"), STAGE_VIEW_TABLES, ARRAY_LEN(STAGE_VIEW_TABLES),
                             STAGE_VIEW_COLUMNS, ARRAY_LEN(STAGE_VIEW_COLUMNS)};
    return true;
}

static void common_cells(struct json item, struct arena *arena, struct cell *row)
{
    row[0] = cell_field(item, "label", COL_TEXT, arena);
    row[1] = cell_field(item, "displayOrder", COL_INT, arena);
    row[2] = cell_field(item, "createdAt", COL_TIMESTAMP, arena);
    row[3] = cell_field(item, "updatedAt", COL_TIMESTAMP, arena);
}

static void stage_row(const struct pipeline_part *part, struct json pipeline, struct json stage,
                      struct arena *arena, struct cell *row)
{
    struct json metadata = {0};
    row[0] = cell_field(stage, "id", COL_TEXT, arena);
    row[1] = cell_field(pipeline, "id", COL_TEXT, arena);
    common_cells(stage, arena, &row[2]);
    if (json_get(stage, STR("metadata"), &metadata)) {
        row[6] = cell_field(metadata, part->stage_metadata, part->stage.columns[6].type, arena);
        row[7] = cell_field(metadata, "isClosed", COL_BOOL, arena);
    }
}

static void stage_rows(const struct pipeline_part *part, struct json results, struct page *page)
{
    size_t total = 0;
    struct json pipeline;
    struct json stages;
    struct json_iter it = json_iter(results);
    while (json_next(&it, &pipeline)) {
        total += json_get(pipeline, STR("stages"), &stages) ? json_count(stages) : 0;
    }
    struct cell *cells = page_add_rows(page, &part->stage, BATCH_UPSERT, total);
    size_t n = 0;
    it = json_iter(results);
    while (json_next(&it, &pipeline)) {
        struct json stage;
        if (!json_get(pipeline, STR("stages"), &stages)) {
            continue;
        }
        struct json_iter walk = json_iter(stages);
        while (json_next(&walk, &stage)) {
            struct cell *row = &cells[n * part->stage.n_columns];
            stage_row(part, pipeline, stage, &page->arena, row);
            n += row[0].kind == CELL_TEXT; // without an id there is no row to keep it in
        }
    }
    reference_keep(page, &part->stage, n);
}

static void pipeline_rows(const struct pipeline_part *part, struct json results, struct page *page)
{
    struct arena *arena = &page->arena;
    struct cell *cells = page_add_rows(page, &part->pipeline, BATCH_UPSERT, json_count(results));
    struct json_iter it = json_iter(results);
    struct json pipeline;
    size_t n = 0;
    while (json_next(&it, &pipeline)) {
        struct cell *row = &cells[n * part->pipeline.n_columns];
        row[0] = cell_field(pipeline, "id", COL_TEXT, arena);
        common_cells(pipeline, arena, &row[1]);
        if (part->type_id) {
            row[5] = cell_text(str_from(part->type_id));
        }
        n += row[0].kind == CELL_TEXT;
    }
    reference_keep(page, &part->pipeline, n);
    page->records += n;
    stage_rows(part, results, page);
}

static bool pipelines_next(struct source_stream *s, struct page **ret, struct error *err)
{
    static const struct table *const MARKED[] = {
        &PIPELINE_PARTS[0].pipeline, &PIPELINE_PARTS[0].stage, &PIPELINE_PARTS[1].pipeline,
        &PIPELINE_PARTS[1].stage};
    struct reference *r = s->work;
    if (r->part == ARRAY_LEN(PIPELINE_PARTS)) {
        *ret = r->failed ? NULL : reference_close(s, MARKED, ARRAY_LEN(MARKED), NULL);
        return reference_end(r, err);
    }
    const struct pipeline_part *part = &PIPELINE_PARTS[r->part];
    struct hubspot_request request = {.endpoint = HUBSPOT_PIPELINES,
                                      .args.type = str_from(part->object)};
    struct page *page = stream_page(s);
    struct json root;
    struct json results;
    if (!fetch_json(s->client, &request, page->doc, &root, &page->bytes, err) ||
        !fetch_results(root, &results, err)) {
        error_context(err, "pipelines of %s", part->object);
        r->part++;
        *ret = page; // empty
        if (reference_skip(r, err)) {
            return true;
        }
        page_destroy(page);
        return false;
    }
    pipeline_rows(part, results, page);
    r->part++;
    *ret = page;
    return true;
}

const struct stream_ops PIPELINES_STREAM = {.open = pipelines_open, .next = pipelines_next};
