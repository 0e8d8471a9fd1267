// Any body as a page of records: rows come out that every destination can take, or an error;
// nothing is counted twice. The input: one byte that chooses the object, then the body.
#include "core/clock.h"
#include "core/limits.h"
#include "fuzz.h"
#include "source/hubspot/decode.h"

static const struct column REJECT_COLUMNS[] = {
    {STR_INIT("stream"), COL_TEXT}, {STR_INIT("record_id"), COL_TEXT},
    {STR_INIT("column"), COL_TEXT}, {STR_INIT("raw_value"), COL_TEXT},
    {STR_INIT("reason"), COL_TEXT}, {STR_INIT("at"), COL_TIMESTAMP},
};
static const struct table REJECTS = {
    .name = STR_INIT("_sluice_reject"),
    .columns = REJECT_COLUMNS,
    .n_columns = ARRAY_LEN(REJECT_COLUMNS),
};

static const struct property_def PROPERTIES[] = {
    {.name = STR_INIT("email"), .type_name = STR_INIT("string"), .type = COL_TEXT},
    {.name = STR_INIT("Email"), .type_name = STR_INIT("string"), .type = COL_TEXT},
    {.name = STR_INIT("amount"), .type_name = STR_INIT("number"), .type = COL_DECIMAL},
    {.name = STR_INIT("optout"), .type_name = STR_INIT("bool"), .type = COL_BOOL},
    {.name = STR_INIT("closedate"), .type_name = STR_INIT("datetime"), .type = COL_TIMESTAMP},
    {.name = STR_INIT("birthday"), .type_name = STR_INIT("date"), .type = COL_DATE},
    {.name = STR_INIT("pipeline"), .type_name = STR_INIT("enumeration"), .type = COL_TEXT},
    {.name = STR_INIT("hubspot_owner_id"), .type_name = STR_INIT("enumeration"), .type = COL_TEXT},
    {.name = STR_INIT("hs_merged_object_ids"), .type_name = STR_INIT("string"), .type = COL_TEXT},
};

static void check_cell(const struct column *column, const struct cell *cell, bool key)
{
    struct str text = {cell->ptr, cell->len};
    if (cell->kind == CELL_NULL) {
        assert(!key);
    } else if (cell->kind == CELL_TEXT) {
        assert(column->type == COL_TEXT || column->type == COL_DECIMAL ||
               column->type == COL_DATE || column->type == COL_TIMESTAMP);
        assert(fuzz_is_utf8(text) && str_find_char(text, '\0') < 0);
    } else if (cell->kind == CELL_INT) {
        assert(column->type == COL_INT);
    } else if (cell->kind == CELL_BOOL) {
        assert(column->type == COL_BOOL && (cell->num == 0 || cell->num == 1));
    } else {
        assert(cell->kind == CELL_FLOAT && column->type == COL_FLOAT);
    }
}

static void check_batch(const struct batch *b)
{
    bool only_keys = b->op == BATCH_DELETED || b->op == BATCH_DELETE;
    assert(b->n_rows > 0 && b->cells != NULL);
    for (size_t row = 0; row < b->n_rows; row++) {
        for (size_t i = 0; i < b->table->n_columns; i++) {
            if (!only_keys || i < b->table->n_keys) {
                check_cell(&b->table->columns[i], &b->cells[row * b->table->n_columns + i],
                           i < b->table->n_keys);
            }
        }
    }
}

static void check_page(const struct page *page, const struct decode_request *request,
                       const struct decode_result *result, const struct object_tables *tables)
{
    size_t rows = 0;
    for (size_t i = 0; i < page->n_batches; i++) {
        check_batch(&page->batches[i]);
        if (page->batches[i].table == &tables->main && page->batches[i].op == request->op) {
            rows += page->batches[i].n_rows;
        }
    }
    assert(rows == result->n_records && page->records == result->n_records);
    assert(result->n_records <= result->n_seen && result->n_seen <= json_count(request->results));
    assert(result->n_seen == 0 || result->max_id >= result->last_id);
    assert(result->reached_end || result->n_records == result->n_seen);
}

static void decode(struct decoder *decoder, struct page *page, struct json results, bool suspicious)
{
    struct decode_request request = {
        .results = results, .suspicious = suspicious, .op = BATCH_UPSERT, .end_id = 1000000};
    struct decode_result result;
    struct error err;
    if (decode_page(decoder, &request, page, &result, &err)) {
        check_page(page, &request, &result, decoder->tables);
    } else {
        assert(err.code != ERR_OK && err.message[0] != '\0' && page->n_batches == 0);
    }
}

static void build_tables(const struct object_info *info, struct arena *arena,
                         struct object_tables *ret)
{
    struct naming *naming = naming_create(str_from(info->name), STR("property_"), arena);
    struct property_defs defs = {PROPERTIES, ARRAY_LEN(PROPERTIES)};
    struct error err;
    for (size_t i = 0; i < info->n_fixed; i++) {
        naming_reserve(naming, str_from(info->fixed[i].name));
    }
    bool ok = object_tables_build(info, &defs, naming, arena, ret, &err);
    assert(ok);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    struct arena arena;
    struct object_tables tables;
    struct virtual_clock clock;
    struct json root;
    struct json results;
    struct error err;
    size_t n_objects;
    size_t repairs;
    const struct object_info *all = objects(&n_objects);
    arena_init(&arena, 16 * 1024 * 1024);
    virtual_clock_init(&clock, 1700000000000);
    build_tables(&all[data[0] % n_objects], &arena, &tables);

    struct page *page = page_create();
    page->doc = json_doc_create();
    struct str body = {(const char *)data + 1, size - 1};
    if (json_parse_repair(page->doc, body, &root, &repairs, &err) &&
        json_get(root, STR("results"), &results)) {
        bool suspicious = repairs > 0 || str_find(body, STR("\\u0000")) >= 0 ||
                          str_find(body, STR("\xEF\xB7\x90")) >= 0 ||
                          str_find(body, STR("\\u")) >= 0;
        struct decoder decoder = {.tables = &tables,
                                  .reject_table = &REJECTS,
                                  .stream = STR("fuzz"),
                                  .portal_id = 1,
                                  .clock = &clock.clock};
        decode(&decoder, page, results, suspicious);
    }
    page_destroy(page);
    arena_done(&arena);
    return 0;
}
