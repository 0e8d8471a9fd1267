#include "check.h"

#include "core/limits.h"
#include "data/json_writer.h"

#include <float.h>
#include <math.h>

static struct buf *out_of(void **state)
{
    return *state;
}

static int set_up(void **state)
{
    struct buf *b = malloc(sizeof(*b));
    assert_non_null(b);
    buf_init(b, 1 << 20);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    buf_done(*state);
    free(*state);
    return 0;
}

static void test_structure(void **state)
{
    struct json_writer w;
    json_writer_init(&w, out_of(state));
    json_begin_object(&w);
    json_field_str(&w, "s", STR("x"));
    json_field_int(&w, "i", INT64_MIN);
    json_field_double(&w, "d", 0.5);
    json_field_bool(&w, "t", true);
    json_field_bool(&w, "f", false);
    json_field_null(&w, "n");
    json_key(&w, STR("a\"b"));
    json_begin_array(&w);
    json_put_int(&w, 1);
    json_begin_array(&w);
    json_end_array(&w);
    json_begin_object(&w);
    json_end_object(&w);
    json_put_raw(&w, STR("[2,3]"));
    json_end_array(&w);
    json_key(&w, STR("o"));
    json_begin_object(&w);
    json_field_int(&w, "x", 1);
    json_field_int(&w, "y", 2);
    json_end_object(&w);
    json_field_str(&w, "last", STR(""));
    json_end_object(&w);
    assert_string_equal(buf_cstr(out_of(state)),
                        "{\"s\":\"x\",\"i\":-9223372036854775808,\"d\":0.5,\"t\":true,\"f\":false,"
                        "\"n\":null,\"a\\\"b\":[1,[],{},[2,3]],\"o\":{\"x\":1,\"y\":2},"
                        "\"last\":\"\"}");
}

static void test_escapes(void **state)
{
    static const struct {
        struct str in;
        const char *want;
    } ROWS[] = {
        {STR_INIT(""), "\"\""},
        {STR_INIT("plain"), "\"plain\""},
        {STR_INIT("\"\\\b\f\n\r\t"), "\"\\\"\\\\\\b\\f\\n\\r\\t\""},
        {STR_INIT("/"), "\"/\""},
        {STR_INIT("a\0b\x1f\x7f"), "\"a\\u0000b\\u001f\x7f\""},
        {STR_INIT("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
         "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {STR_INIT("a\xff"
                  "b"),
         "\"a\xef\xbf\xbd"
         "b\""},
        {STR_INIT("\xe2\x82"), "\"\xef\xbf\xbd\xef\xbf\xbd\""},
        {STR_INIT("\xed\xa0\x80"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(out_of(state));
        json_escape(out_of(state), ROWS[i].in);
        check_str(buf_str(out_of(state)), ROWS[i].want);
    }
}

static void test_doubles(void **state)
{
    static const struct {
        double value;
        const char *want;
    } ROWS[] = {{0, "0"},
                {1, "1"},
                {-1.5, "-1.5"},
                {0.1, "0.1"},
                {1e21, "1e+21"},
                {1e-7, "1e-07"},
                {0.1 + 0.2, "0.30000000000000004"},
                {NAN, "null"},
                {INFINITY, "null"},
                {-INFINITY, "null"}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(out_of(state));
        struct json_writer w;
        json_writer_init(&w, out_of(state));
        json_put_double(&w, ROWS[i].value);
        check_str(buf_str(out_of(state)), ROWS[i].want);
    }
    static const double EXACT[] = {DBL_MAX, DBL_MIN, DBL_EPSILON, 1.0 / 3, 123456789.123456789};
    for (size_t i = 0; i < ARRAY_LEN(EXACT); i++) {
        buf_reset(out_of(state));
        struct json_writer w;
        json_writer_init(&w, out_of(state));
        json_put_double(&w, EXACT[i]);
        double back;
        assert_true(str_to_double(buf_str(out_of(state)), &back));
        assert_memory_equal(&back, &EXACT[i], sizeof(back));
    }
}

// What was read is written again, byte for byte where it was compact.
static void test_put(void **state)
{
    static const char *const ROWS[] = {
        "null",
        "true",
        "[]",
        "{}",
        "[[[]],{}]",
        "{\"a\":[1,-2,18446744073709551615,1.5,\"x\\n\",null,false,{\"b\":{}}],\"c\":\"\"}",
    };
    struct json_doc *doc = json_doc_create();
    struct error err;
    struct json root;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        assert_true(json_parse(doc, str_from(ROWS[i]), &root, &err));
        buf_reset(out_of(state));
        struct json_writer w;
        json_writer_init(&w, out_of(state));
        json_put(&w, root);
        check_str(buf_str(out_of(state)), ROWS[i]);
    }
    // As deep as can be read, and within other values.
    char deep[2 * LIMIT_JSON_DEPTH + 3] = {0};
    memset(deep, '[', LIMIT_JSON_DEPTH);
    deep[LIMIT_JSON_DEPTH] = '{';
    deep[LIMIT_JSON_DEPTH + 1] = '}';
    memset(deep + LIMIT_JSON_DEPTH + 2, ']', LIMIT_JSON_DEPTH);
    assert_true(json_parse(doc, str_from(deep), &root, &err));
    buf_reset(out_of(state));
    struct json_writer w;
    json_writer_init(&w, out_of(state));
    json_begin_array(&w);
    json_put(&w, root);
    json_put(&w, root);
    json_end_array(&w);
    char want[sizeof(deep) * 2 + 4];
    snprintf(want, sizeof(want), "[%s,%s]", deep, deep);
    check_str(buf_str(out_of(state)), want);
    json_doc_destroy(doc);
}

static void test_overflow(void **state)
{
    (void)state;
    struct buf small;
    buf_init(&small, 10);
    struct json_writer w;
    json_writer_init(&w, &small);
    json_begin_object(&w);
    json_field_str(&w, "key", STR("too long for ten bytes"));
    json_end_object(&w);
    assert_true(small.overflow);
    assert_true(small.len <= 10);
    buf_done(&small);
}

static struct json_writer fresh(void)
{
    struct buf *out = malloc(sizeof(*out)); // the child that uses it aborts
    assert_non_null(out);
    buf_init(out, 1000);
    struct json_writer w;
    json_writer_init(&w, out);
    return w;
}

static void value_without_key(void)
{
    struct json_writer w = fresh();
    json_begin_object(&w);
    json_put_int(&w, 1);
}

static void key_without_value(void)
{
    struct json_writer w = fresh();
    json_begin_object(&w);
    json_key(&w, STR("a"));
    json_end_object(&w);
}

static void key_in_array(void)
{
    struct json_writer w = fresh();
    json_begin_array(&w);
    json_key(&w, STR("a"));
}

static void wrong_end(void)
{
    struct json_writer w = fresh();
    json_begin_array(&w);
    json_end_object(&w);
}

static void end_without_begin(void)
{
    struct json_writer w = fresh();
    json_end_array(&w);
}

static void too_deep(void)
{
    struct json_writer w = fresh();
    for (int i = 0; i < 65; i++) {
        json_begin_array(&w);
    }
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(value_without_key);
    check_aborts(key_without_value);
    check_aborts(key_in_array);
    check_aborts(wrong_end);
    check_aborts(end_without_begin);
    check_aborts(too_deep);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test_setup_teardown(test_structure, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_escapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_doubles, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_put, set_up, tear_down),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
