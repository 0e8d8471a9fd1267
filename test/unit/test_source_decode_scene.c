#include "test_source_decode.h"

static const struct column REJECT_COLUMNS[] = {
    {STR_INIT("stream"), COL_TEXT}, {STR_INIT("record_id"), COL_TEXT},
    {STR_INIT("column"), COL_TEXT}, {STR_INIT("raw_value"), COL_TEXT},
    {STR_INIT("reason"), COL_TEXT}, {STR_INIT("at"), COL_TIMESTAMP},
};
const struct table REJECTS = {STR_INIT("_sluice_reject"), REJECT_COLUMNS, ARRAY_LEN(REJECT_COLUMNS),
                              0, 0};

void scene_init(struct scene *s, const char *object, const char *properties)
{
    *s = (struct scene){0};
    arena_init(&s->arena, 64 << 20);
    virtual_clock_init(&s->time, 1795305600000);
    struct property_def *defs = ARENA_ARRAY(&s->arena, struct property_def, LIMIT_PROPERTIES);
    struct property_defs all = {.items = defs};
    struct str rest = str_from(properties);
    struct str one;
    while (str_next(&rest, ',', &one)) {
        ptrdiff_t colon = str_find_char(one, ':');
        assert_true(colon > 0);
        defs[all.n].name = str_sub(one, 0, (size_t)colon);
        assert_true(column_type_parse(str_sub(one, (size_t)colon + 1, one.len), &defs[all.n].type));
        all.n++;
    }
    const struct object_info *info = object_find(str_from(object));
    assert_non_null(info);
    struct naming *naming = naming_create(str_from(object), STR("property_"), &s->arena);
    if (!object_tables_build(info, &all, naming, &s->arena, &s->tables, &s->error)) {
        fail_msg("%s", s->error.message);
    }
    s->decoder = (struct decoder){.tables = &s->tables,
                                  .reject_table = &REJECTS,
                                  .stream = str_from(object),
                                  .portal_id = 4711,
                                  .clock = &s->time.clock};
}

void scene_done(struct scene *s)
{
    page_destroy(s->page);
    arena_done(&s->arena);
}

bool scene_decode(struct scene *s, struct str results, enum batch_op op, int64_t end_id)
{
    page_destroy(s->page);
    s->page = page_create();
    s->page->doc = json_doc_create();
    struct json root;
    size_t repairs = 0;
    if (!json_parse_repair(s->page->doc, results, &root, &repairs, &s->error)) {
        fail_msg("%s", s->error.message);
    }
    struct decode_request r = {.results = root,
                               .suspicious = repairs > 0 || str_find(results, STR("\\u0000")) >= 0,
                               .op = op,
                               .end_id = end_id};
    s->result = (struct decode_result){0};
    return decode_page(&s->decoder, &r, s->page, &s->result, &s->error);
}

void scene_page(struct scene *s, const char *results)
{
    if (!scene_decode(s, str_from(results), BATCH_UPSERT, INT64_MAX)) {
        fail_msg("%s", s->error.message);
    }
}

const struct batch *scene_batch(const struct scene *s, const char *table, enum batch_op op)
{
    const struct batch *found = NULL;
    for (size_t i = 0; i < s->page->n_batches; i++) {
        const struct batch *b = &s->page->batches[i];
        if (b->op == op && str_eq(b->table->name, str_from(table))) {
            assert_null(found);
            found = b;
        }
    }
    return found;
}

size_t scene_rows(const struct scene *s, const char *table, enum batch_op op)
{
    const struct batch *b = scene_batch(s, table, op);
    return b ? b->n_rows : 0;
}

const struct cell *scene_cell(const struct batch *b, size_t row, const char *column)
{
    assert_true(b && row < b->n_rows);
    for (size_t i = 0; i < b->table->n_columns; i++) {
        if (str_eq(b->table->columns[i].name, str_from(column))) {
            return &b->cells[row * b->table->n_columns + i];
        }
    }
    fail_msg("no column %s", column);
    abort();
}

void check_text_at(const struct batch *b, size_t row, const char *column, const char *want,
                   const char *file, int line)
{
    const struct cell *c = scene_cell(b, row, column);
    if (!want) {
        if (c->kind != CELL_NULL) {
            print_error("%s is not null\n", column);
            _fail(file, line);
        }
        return;
    }
    if (c->kind != CELL_TEXT) {
        print_error("%s is of kind %u, want \"%s\"\n", column, c->kind, want);
        _fail(file, line);
    }
    check_slice_at((struct str){c->ptr, c->len}, str_from(want), file, line);
}

void check_int_at(const struct batch *b, size_t row, const char *column, int64_t want,
                  const char *file, int line)
{
    const struct cell *c = scene_cell(b, row, column);
    if (c->kind != CELL_INT || c->num != want) {
        print_error("%s: kind %u, %lld, want %lld\n", column, c->kind, (long long)c->num,
                    (long long)want);
        _fail(file, line);
    }
}

void check_reject(const struct scene *s, size_t row, const char *const want[3], const char *reason)
{
    const struct batch *b = scene_batch(s, "_sluice_reject", BATCH_INSERT);
    check_text(b, row, "stream", s->decoder.stream.ptr);
    check_text(b, row, "record_id", want[0]);
    check_text(b, row, "column", want[1]);
    check_text(b, row, "raw_value", want[2]);
    check_text(b, row, "at", "2026-11-22T00:00:00.000Z");
    const struct cell *c = scene_cell(b, row, "reason");
    assert_int_equal(c->kind, CELL_TEXT);
    if (str_find((struct str){c->ptr, c->len}, str_from(reason)) < 0) {
        fail_msg("the reason is \"%.*s\", want \"%s\"", (int)c->len, c->ptr, reason);
    }
}
