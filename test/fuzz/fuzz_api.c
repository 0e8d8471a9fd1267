// Any bytes as a request's body, and as a cursor: read or refused, nothing else. What is read is
// written as JSON that reads to the same; a cursor that is read is made again from its place.
#include "api/frame.h"
#include "fuzz.h"
#include "store/syncs.h"

struct item {
    struct str name;
    int64_t n;
};
static const struct api_field ITEM_FIELDS[] = {
    {.name = "name", .type = API_STRING, .offset = offsetof(struct item, name), .flags = 1},
    {.name = "n", .type = API_INTEGER, .offset = offsetof(struct item, n), .min = -9, .max = 9},
};
static const struct api_shape ITEM = {
    .name = "Item", .size = sizeof(struct item), .fields = ITEM_FIELDS, .n_fields = 2};

struct whole {
    struct str text, raw;
    int64_t at_ms;
    double d;
    bool flag;
    struct api_strings tags;
    const struct item *one;
    struct api_objects many;
};
#define AT(f) offsetof(struct whole, f)
static const struct api_field FIELDS[] = {
    {.name = "text", .type = API_STRING, .offset = AT(text), .flags = API_EMPTY_UNSET},
    {.name = "raw", .type = API_JSON, .offset = AT(raw)},
    {.name = "at", .type = API_TIME, .offset = AT(at_ms)},
    {.name = "d", .type = API_NUMBER, .offset = AT(d)},
    {.name = "flag", .type = API_BOOLEAN, .offset = AT(flag)},
    {.name = "tags", .type = API_STRINGS, .offset = AT(tags)},
    {.name = "one", .type = API_OBJECT, .offset = AT(one), .shape = &ITEM},
    {.name = "many", .type = API_OBJECTS, .offset = AT(many), .shape = &ITEM},
};
static const struct api_shape WHOLE = {
    .name = "Whole", .size = sizeof(struct whole), .fields = FIELDS, .n_fields = 8};

static bool read_whole(struct json_doc *doc, struct str text, struct arena *arena,
                       struct whole *ret)
{
    struct json root;
    struct error err;
    return json_parse(doc, text, &root, &err) && api_shape_read(&WHOLE, root, arena, ret, &err);
}

static void write_whole(const struct whole *v, struct buf *out)
{
    struct json_writer w;
    buf_init(out, (size_t)64 * 1024 * 1024);
    json_writer_init(&w, out);
    api_shape_write(&WHOLE, v, &w);
}

static void try_body(struct str text, struct arena *arena)
{
    struct json_doc *doc = json_doc_create();
    struct json_doc *again = json_doc_create();
    struct whole first;
    struct whole second;
    struct buf out;
    struct buf out_again;
    if (read_whole(doc, text, arena, &first)) {
        write_whole(&first, &out);
        assert(read_whole(again, buf_str(&out), arena, &second));
        write_whole(&second, &out_again);
        assert(str_eq(buf_str(&out), buf_str(&out_again)));
        buf_done(&out);
        buf_done(&out_again);
    }
    json_doc_destroy(doc);
    json_doc_destroy(again);
}

static void try_cursor(struct str text, struct arena *arena)
{
    struct http_server_response response = {.status = 200};
    struct api_frame f = {
        .call = {.arena = arena, .response = &response, .starting_after = text},
    };
    f.call.frame = &f;
    buf_init(&response.body, 1 << 20);
    struct page_place place;
    if (!api_cursor_read(&f.call, &place)) {
        assert(f.answered && response.status == 400);
    } else if (text.len > 0) {
        assert(place.at_ms >= 0 && place.id.len > 0 && fuzz_is_utf8(place.id));
        f.call.starting_after = api_cursor_make(&f.call, &place);
        struct page_place same;
        assert(api_cursor_read(&f.call, &same));
        assert(same.at_ms == place.at_ms && str_eq(same.id, place.id));
    }
    buf_done(&response.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, (size_t)256 * 1024 * 1024);
    struct str text = {(const char *)data, size};
    try_body(text, &arena);
    try_cursor(text, &arena);
    arena_done(&arena);
    return 0;
}
