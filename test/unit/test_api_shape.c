// Shapes: reading, writing, and what their errors say.
#include "check.h"

#include "api/shape.h"

struct leaf {
    struct str name;
    bool given;
};
static const struct api_field LEAF_FIELDS[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = offsetof(struct leaf, name),
     .flags = API_REQUIRED,
     .choices = "a|b",
     .given = offsetof(struct leaf, given) + 1},
};
static const struct api_shape LEAF = {
    .name = "Leaf", .size = sizeof(struct leaf), .fields = LEAF_FIELDS, .n_fields = 1};

struct tree {
    struct str text, token, raw;
    int64_t n, at_ms;
    double d;
    bool flag, text_given, tags_given;
    struct api_strings tags;
    const struct leaf *one;
    struct api_objects many;
};
#define AT(f) offsetof(struct tree, f)
static const struct api_field TREE_FIELDS[] = {
    {.name = "text",
     .type = API_STRING,
     .offset = AT(text),
     .flags = API_EMPTY_UNSET,
     .min = 2,
     .max = 3,
     .given = AT(text_given) + 1},
    {.name = "token", .type = API_STRING, .offset = AT(token), .flags = API_SECRET, .max = 3},
    {.name = "raw", .type = API_JSON, .offset = AT(raw), .format = "object"},
    {.name = "n", .type = API_INTEGER, .offset = AT(n), .min = -1, .max = 5},
    {.name = "at", .type = API_TIME, .offset = AT(at_ms), .flags = API_NULLABLE},
    {.name = "d", .type = API_NUMBER, .offset = AT(d), .flags = API_OMIT},
    {.name = "flag", .type = API_BOOLEAN, .offset = AT(flag)},
    {.name = "tags",
     .type = API_STRINGS,
     .offset = AT(tags),
     .flags = API_EMPTY_UNSET,
     .max = 2,
     .given = AT(tags_given) + 1},
    {.name = "one", .type = API_OBJECT, .offset = AT(one), .shape = &LEAF},
    {.name = "many", .type = API_OBJECTS, .offset = AT(many), .flags = API_OMIT, .shape = &LEAF},
};
static const struct api_shape TREE = {
    .name = "Tree", .size = sizeof(struct tree), .fields = TREE_FIELDS, .n_fields = 10};

struct scene {
    struct arena arena;
    struct json_doc *doc;
    struct tree tree;
    struct error err;
};

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    arena_init(&s->arena, 1 << 24);
    s->doc = json_doc_create();
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    arena_done(&s->arena);
    json_doc_destroy(s->doc);
    free(s);
    return 0;
}

static bool read_tree(struct scene *s, const char *text)
{
    struct json root;
    struct error err;
    assert_true(json_parse(s->doc, str_from(text), &root, &err));
    return api_shape_read(&TREE, root, &s->arena, &s->tree, &s->err);
}

static void test_good(void **state)
{
    struct scene *s = *state;
    assert_true(read_tree(s, "{\"text\":\"\xc3\xa4\xc3\xb6\",\"raw\":{\"a\":[1,null]},\"n\":5.0,"
                             "\"at\":\"2020-01-31\",\"d\":-1.5,\"flag\":true,\"tags\":[\"x\"],"
                             "\"one\":{\"name\":\"a\"},\"many\":[{\"name\":\"b\"}],\"else\":{}}"));
    check_str(s->tree.text, "\xc3\xa4\xc3\xb6");
    assert_true(s->tree.text_given && s->tree.tags_given && s->tree.flag);
    assert_int_equal(s->tree.n, 5);
    struct buf out;
    buf_init(&out, 4096);
    struct json_writer w;
    json_writer_init(&w, &out);
    api_shape_write(&TREE, &s->tree, &w);
    check_str(buf_str(&out), "{\"text\":\"\xc3\xa4\xc3\xb6\",\"raw\":{\"a\":[1,null]},\"n\":5,"
                             "\"at\":\"2020-01-31T00:00:00.000Z\",\"d\":-1.5,\"flag\":true,"
                             "\"tags\":[\"x\"],\"one\":{\"name\":\"a\"},\"many\":[{\"name\":\"b\"}"
                             "]}");
    buf_done(&out);
}

static void test_unset(void **state)
{
    struct scene *s = *state;
    assert_true(read_tree(s, "{\"text\":\"\",\"tags\":[],\"one\":null,\"n\":null}"));
    assert_false(s->tree.text_given || s->tree.tags_given);
    assert_null(s->tree.text.ptr);
    struct buf out;
    buf_init(&out, 4096);
    struct json_writer w;
    json_writer_init(&w, &out);
    api_shape_write(&TREE, &s->tree, &w);
    check_str(buf_str(&out), "{\"n\":0,\"at\":null,\"flag\":false,\"tags\":[]}");
    buf_done(&out);
}

static void test_bad(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *text, *says;
    } ROWS[] = {
        {"[]", "must be a Tree"},
        {"{\"text\":7}", "text is 7: it must be a string"},
        {"{\"text\":\"a\"}", "text is \"a\": it must be 2 to 3 characters long"},
        {"{\"text\":\"abcd\"}", "2 to 3 characters"},
        {"{\"text\":\"a\\u0000\"}", "without control characters"},
        {"{\"token\":\"secret\"}", "token is (hidden): it must be 0 to 3 characters long"},
        {"{\"raw\":[]}", "raw is a list: it must be an object"},
        {"{\"n\":6}", "n is 6: it must be from -1 to 5"},
        {"{\"n\":1.5}", "n is 1.5: it must be an integer"},
        {"{\"n\":\"1\"}", "n is \"1\": it must be an integer"},
        {"{\"n\":99999999999999999999}", "it must be an integer"},
        {"{\"at\":\"soon\"}", "at is \"soon\": it must be a date or time"},
        {"{\"at\":1}", "at is 1"},
        {"{\"d\":\"1\"}", "d is \"1\": it must be a number"},
        {"{\"flag\":1}", "flag is 1: it must be true or false"},
        {"{\"tags\":\"x\"}", "tags is \"x\": it must be a list of strings"},
        {"{\"tags\":[\"a\",2]}", "tags[1] is 2: it must be a string"},
        {"{\"tags\":[\"a\",\"b\",\"c\"]}", "of 0 to 2 items, not 3"},
        {"{\"one\":[]}", "one is a list: it must be an object"},
        {"{\"one\":{}}", "one.name is missing or empty"},
        {"{\"many\":[{\"name\":\"a\"},{\"name\":\"c\"}]}",
         "many[1].name is \"c\": it must be one of a|b"},
        {"{\"many\":[{\"name\":\"a\"},7]}", "many[1] is 7: it must be an object"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_row(!read_tree(s, ROWS[i].text), ROWS[i].text);
        assert_int_equal(s->err.code, ERR_CONFIG);
        check_contains(s->err.message, ROWS[i].says);
        assert_null(strstr(s->err.message, "secret"));
    }
}

static void test_schema(void **state UNUSED)
{
    struct buf out;
    buf_init(&out, 1 << 16);
    struct json_writer w;
    json_writer_init(&w, &out);
    api_shape_schema(&TREE, &w);
    check_contains(buf_cstr(&out), "\"n\":{\"type\":\"integer\",\"format\":\"int64\","
                                   "\"minimum\":-1,\"maximum\":5}");
    check_contains(buf_cstr(&out), "\"at\":{\"type\":\"string\",\"format\":\"date-time\","
                                   "\"nullable\":true}");
    check_contains(buf_cstr(&out), "\"many\":{\"type\":\"array\",\"items\":{\"$ref\":"
                                   "\"#/components/schemas/Leaf\"}}");
    buf_reset(&out);
    json_writer_init(&w, &out);
    api_shape_schema(&LEAF, &w);
    check_contains(buf_cstr(&out), "\"enum\":[\"a\",\"b\"]");
    check_contains(buf_cstr(&out), "\"required\":[\"name\"]");
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_unset, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad, setup, teardown),
        cmocka_unit_test(test_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
