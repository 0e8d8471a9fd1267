#include "check.h"

#include "core/limits.h"
#include "data/json.h"

static int set_up(void **state)
{
    *state = json_doc_create();
    return 0;
}

static int tear_down(void **state)
{
    json_doc_destroy(*state);
    return 0;
}

static struct json parse(struct json_doc *doc, const char *text)
{
    struct json root = {0};
    struct error err = {0};
    if (!json_parse(doc, str_from(text), &root, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
    return root;
}

static void test_scalars(void **state)
{
    struct json_doc *doc = *state;
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    bool b = false;
    struct str s;
    struct json v = parse(doc, " -42 ");
    assert_int_equal(json_type(v), JSON_INT);
    assert_true(json_int(v, &i) && i == -42);
    assert_true(json_double(v, &d) && d < -41.9 && d > -42.1);
    assert_false(json_uint(v, &u) || json_bool(v, &b) || json_string(v, &s) || json_is_null(v));
    v = parse(doc, "18446744073709551615");
    assert_int_equal(json_type(v), JSON_UINT);
    assert_true(json_uint(v, &u) && u == UINT64_MAX);
    assert_false(json_int(v, &i));
    v = parse(doc, "-9223372036854775808");
    assert_true(json_int(v, &i) && i == INT64_MIN);
    v = parse(doc, "1.5e3");
    assert_int_equal(json_type(v), JSON_DOUBLE);
    assert_true(json_double(v, &d) && d > 1499 && d < 1501);
    assert_false(json_int(v, &i));
    v = parse(doc, "true");
    assert_int_equal(json_type(v), JSON_BOOL);
    assert_true(json_bool(v, &b) && b);
    v = parse(doc, "null");
    assert_int_equal(json_type(v), JSON_NULL);
    assert_true(json_is_null(v));
    v = parse(doc, "\"\"");
    assert_int_equal(json_type(v), JSON_STRING);
    assert_true(json_string(v, &s) && s.len == 0);
    assert_int_equal(i, INT64_MIN); // failed reads left it alone
    assert_int_equal(json_count(v), 0);
}

static void test_strings(void **state)
{
    static const struct {
        const char *text;
        struct str want;
    } ROWS[] = {
        {"\"plain\"", STR_INIT("plain")},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", STR_INIT("\"\\/\b\f\n\r\t")},
        {"\"\\u00e9\\u20AC\"", STR_INIT("\xc3\xa9\xe2\x82\xac")},
        {"\"\\ud83d\\ude00\"", STR_INIT("\xf0\x9f\x98\x80")},
        {"\"a\\u0000b\"", STR_INIT("a\0b")}, // valid JSON: the NUL is the caller's business
        {"\"\xf0\x9f\x98\x80\"", STR_INIT("\xf0\x9f\x98\x80")},
        {"\"\x7f\"", STR_INIT("\x7f")},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str s;
        assert_true(json_string(parse(*state, ROWS[i].text), &s));
        check_slice(s, ROWS[i].want);
    }
}

static void test_walks(void **state)
{
    struct json root = parse(*state, "{\"a\":1,\"b\":[10,[],{\"x\":{}},20],\"c\":null,\"a\":2}");
    static const char *const KEYS[] = {"a", "b", "c", "a"};
    struct json_iter it = json_iter(root);
    struct str key;
    struct json value;
    size_t n = 0;
    assert_false(json_next(&it, &value)); // an object is not walked as an array
    while (json_next_field(&it, &key, &value)) {
        assert_true(n < ARRAY_LEN(KEYS));
        check_str(key, KEYS[n++]);
    }
    assert_int_equal(n, 4);
    assert_false(json_next_field(&it, &key, &value));
    assert_int_equal(json_count(root), 4);
    struct json array;
    assert_true(json_get(root, STR("b"), &array));
    assert_int_equal(json_count(array), 4);
    it = json_iter(array);
    assert_false(json_next_field(&it, &key, &value));
    static const enum json_type TYPES[] = {JSON_INT, JSON_ARRAY, JSON_OBJECT, JSON_INT};
    for (n = 0; json_next(&it, &value); n++) {
        assert_true(n < ARRAY_LEN(TYPES));
        assert_int_equal(json_type(value), TYPES[n]);
    }
    assert_int_equal(n, 4);
    static const char *const EMPTY[] = {"{}", "[]", "1", "\"x\"", "null"};
    for (size_t i = 0; i < ARRAY_LEN(EMPTY); i++) {
        it = json_iter(parse(*state, EMPTY[i]));
        check_row(!json_next(&it, &value) && !json_next_field(&it, &key, &value), EMPTY[i]);
    }
}

static void test_get(void **state)
{
    struct json root = parse(*state, "{\"s\":\"text\",\"n\":7,\"b\":true,\"\\u0061\":1,\"\":9}");
    struct str s;
    int64_t n = 0;
    bool b = false;
    struct json v;
    assert_true(json_get_string(root, STR("s"), &s));
    check_str(s, "text");
    assert_true(json_get_int(root, STR("n"), &n) && n == 7);
    assert_true(json_get_bool(root, STR("b"), &b) && b);
    assert_true(json_get_int(root, STR("a"), &n) && n == 1); // keys are unescaped
    assert_true(json_get_int(root, STR(""), &n) && n == 9);
    assert_false(json_get_int(root, STR("s"), &n) || json_get_string(root, STR("n"), &s));
    assert_false(json_get_bool(root, STR("n"), &b) || json_get(root, STR("absent"), &v));
    assert_false(json_get(root, STR("S"), &v));
    assert_false(json_get(parse(*state, "[1]"), STR("s"), &v));
}

static void test_refuses(void **state)
{
    static const char *const ROWS[] = {
        "{",
        "}",
        "[1,2",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,",
        "{a:1}",
        "{'a':1}",
        "tru",
        "nul",
        "01",
        "+1",
        "1.",
        ".5",
        "1e",
        "-",
        "NaN",
        "Infinity",
        "1 2",
        "{} {}",
        "\"open",
        "\"bad \\q\"",
        "\"\\u12\"",
        "\"\\",
        "\"\n\"",
        "\"\xff\"",
        "\"\xc3\"",
        "\"\xed\xa0\x80\"",
        "\"\\ud800\"",
        "\"\\udc00\"",
        "\"\\ud800\\u0041\"",
        "[1]]",
        "//x\n1",
        "\xff",
        "{\"results\":[{\"id\":\"1\",\"properties\":{\"a\":\"b",
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct json root = {.at = 4711};
        struct error err = {0};
        check_row(!json_parse(*state, str_from(ROWS[i]), &root, &err), ROWS[i]);
        check_row(err.code == ERR_SOURCE_DATA && root.at == 4711, ROWS[i]);
        // Bodies hold secrets; messages go to logs.
        check_row(strstr(err.message, "results") == NULL, ROWS[i]);
    }
    struct json root;
    struct error err;
    struct json_doc *fresh = json_doc_create(); // the very first body may be empty
    assert_false(json_parse(fresh, STR(""), &root, &err));
    check_contains(err.message, "empty");
    json_doc_destroy(fresh);
    assert_false(json_parse(*state, STR(""), &root, &err));
    check_contains(err.message, "empty");
    assert_false(json_parse(*state, str_from(NULL), &root, &err));
    assert_false(json_parse(*state, STR(" \n"), &root, &err));
    assert_false(json_parse(*state, STR("1\0"), &root, &err));
    // A document that failed is good for the next body.
    int64_t n = 0;
    assert_true(json_int(parse(*state, "\xef\xbb\xbf 5"), &n) && n == 5);
}

static void test_depth(void **state)
{
    char text[2 * LIMIT_JSON_DEPTH + 8];
    for (size_t depth = LIMIT_JSON_DEPTH - 1; depth <= LIMIT_JSON_DEPTH + 1; depth++) {
        memset(text, '[', depth);
        text[depth] = '7';
        memset(text + depth + 1, ']', depth);
        struct json root;
        struct error err = {0};
        bool ok = json_parse(*state, (struct str){text, 2 * depth + 1}, &root, &err);
        assert_int_equal(ok, depth <= LIMIT_JSON_DEPTH);
        assert_int_equal(err.code, ok ? ERR_OK : ERR_LIMIT);
    }
    // Far deeper is no danger either.
    enum { DEEP = 1000000 };
    char *deep = malloc(DEEP);
    assert_non_null(deep);
    memset(deep, '[', DEEP);
    struct json root;
    struct error err;
    assert_false(json_parse(*state, (struct str){deep, DEEP}, &root, &err));
    size_t repairs;
    assert_false(json_parse_repair(*state, (struct str){deep, DEEP}, &root, &repairs, &err));
    free(deep);
}

static void test_numbers_beyond(void **state)
{
    static const struct {
        const char *text;
        const char *want;
    } ROWS[] = {
        {"123456789012345678901234567890", "123456789012345678901234567890"},
        {"-9223372036854775809", "-9223372036854775809"},
        {"18446744073709551616", "18446744073709551616"},
        {"1e999", "1e999"},
        {"-1.5E+400", "-1.5E+400"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char text[200];
        snprintf(text, sizeof(text), "{\"a \\\" 99999999999999999999\":[1,%s],\"b\":2}",
                 ROWS[i].text);
        struct json root = parse(*state, text);
        struct str key;
        struct json array;
        struct json number;
        struct json_iter it = json_iter(root);
        assert_true(json_next_field(&it, &key, &array));
        check_str(key, "a \" 99999999999999999999"); // what stands in strings stays
        it = json_iter(array);
        assert_true(json_next(&it, &number) && json_type(number) == JSON_INT);
        struct str s;
        assert_true(json_next(&it, &number));
        assert_true(json_string(number, &s));
        check_str(s, ROWS[i].want);
    }
    double d = 1;
    assert_true(json_double(parse(*state, "1e-999"), &d) && d < 1e-300);
}

static void test_repair(void **state)
{
#define MARK "\xef\xb7\x90"
    static const struct {
        struct str body;
        struct str want;
        size_t repairs;
    } ROWS[] = {
        {STR_INIT("\"clean\""), STR_INIT("clean"), 0},
        {STR_INIT("\"a\\u0000b\""), STR_INIT("a\0b"), 0},
        {STR_INIT("\"a\xff"
                  "b\""),
         STR_INIT("a" MARK "b"), 1},
        {STR_INIT("\"a\0b\""), STR_INIT("a" MARK "b"), 1}, // a raw NUL
        {STR_INIT("\"line\nbreak\""), STR_INIT("line" MARK "break"), 1},
        {STR_INIT("\"\xc3\""), STR_INIT(MARK), 1},
        {STR_INIT("\"\xe2\x82\""), STR_INIT(MARK MARK), 2},
        {STR_INIT("\"\xed\xa0\x80\""), STR_INIT(MARK MARK MARK), 3}, // a surrogate in UTF-8
        {STR_INIT("\"\xc0\xaf\""), STR_INIT(MARK MARK), 2},          // overlong
        {STR_INIT("\"\xe0\x80\x80\""), STR_INIT(MARK MARK MARK), 3},
        {STR_INIT("\"\xf4\x90\x80\x80\""), STR_INIT(MARK MARK MARK MARK), 4}, // over U+10FFFF
        {STR_INIT("\"\xf0\x8f\xbf\xbf\""), STR_INIT(MARK MARK MARK MARK), 4},
        {STR_INIT("\"\xf5\""), STR_INIT(MARK), 1},
        {STR_INIT("\"x\\ud800y\""), STR_INIT("x" MARK "y"), 1},
        {STR_INIT("\"x\\uDFFFy\""), STR_INIT("x" MARK "y"), 1},
        {STR_INIT("\"\\ud800\\ud83d\\ude00\""), STR_INIT(MARK "\xf0\x9f\x98\x80"), 1},
        {STR_INIT("\"\\ud800\\u0041\""), STR_INIT(MARK "A"), 1},
        {STR_INIT("\"\\q\""), STR_INIT(MARK "q"), 1},
        {STR_INIT("\"\\u12g4\""), STR_INIT(MARK "u12g4"), 1},
        {STR_INIT("\"\xff\\\"\\\\\""), STR_INIT(MARK "\"\\"), 1},
        {STR_INIT("\"\xff\\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
         STR_INIT(MARK "\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct json root = {0};
        struct error err = {0};
        size_t repairs = 4711;
        if (!json_parse_repair(*state, ROWS[i].body, &root, &repairs, &err)) {
            fail_msg("row %zu: %s", i, err.message);
        }
        struct str s;
        assert_true(json_string(root, &s));
        check_slice(s, ROWS[i].want);
        assert_int_equal(repairs, ROWS[i].repairs);
        assert_int_equal(json_parse(*state, ROWS[i].body, &root, &err), ROWS[i].repairs == 0);
    }
#undef MARK
}

// What is wrong outside of strings is not mended, whatever else is.
static void test_repair_has_limits(void **state)
{
    static const char *const ROWS[] = {"[\"\xff\"",
                                       "\xff[1]",
                                       "[\"\xff\",]",
                                       ("{\"\xff\":\x01"
                                        "1}"),
                                       "[\"\xff",
                                       "\"\xff\" x"};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct json root;
        struct error err = {0};
        size_t repairs = 4711;
        check_row(!json_parse_repair(*state, str_from(ROWS[i]), &root, &repairs, &err), ROWS[i]);
        check_row(err.code == ERR_SOURCE_DATA && repairs == 4711, ROWS[i]);
    }
}

// One broken value among many: the others are what they were.
static void test_repair_in_a_page(void **state)
{
    struct json root;
    struct error err;
    size_t repairs = 0;
    assert_true(json_parse_repair(
        *state,
        STR("{\"results\":[{\"a\":\"\xc3\xa9\",\"b\":\"\xe9t\xe9\",\"c\":123456789012345678901}]}"),
        &root, &repairs, &err));
    assert_int_equal(repairs, 2);
    struct json results;
    struct json record;
    assert_true(json_get(root, STR("results"), &results));
    struct json_iter it = json_iter(results);
    assert_true(json_next(&it, &record));
    struct str s;
    assert_true(json_get_string(record, STR("a"), &s));
    check_str(s, "\xc3\xa9");
    assert_true(json_get_string(record, STR("b"), &s));
    check_str(s, "\xef\xb7\x90t\xef\xb7\x90");
    assert_true(json_get_string(record, STR("c"), &s));
    check_str(s, "123456789012345678901");
}

static void test_size(void **state)
{
    size_t len = (size_t)LIMIT_BODY_BYTES + 1;
    char *body = malloc(len);
    assert_non_null(body);
    memset(body, ' ', len);
    body[0] = '7';
    struct json root;
    struct error err;
    int64_t n = 0;
    assert_false(json_parse(*state, (struct str){body, len}, &root, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_true(json_parse(*state, (struct str){body, len - 1}, &root, &err));
    assert_true(json_int(root, &n) && n == 7);
    assert_true(json_doc_memory(*state) > len);
    // A repaired body counts at its new length.
    memset(body, '\xff', len);
    body[0] = body[len - 2] = '"';
    size_t repairs;
    assert_false(json_parse_repair(*state, (struct str){body, len - 1}, &root, &repairs, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    free(body);
    // A small body after a large one gives the memory back.
    parse(*state, "[1]");
    assert_true(json_doc_memory(*state) < 1024 * 1024);
}

// What is kept takes little more than its values, which are as they were.
static void test_trim(void **state)
{
    static const char TEXT[] =
        "{\"list\":[1,-2,18446744073709551615,3.5,\"\\u00e9\"],\"s\":\"last\"}";
    json_doc_trim(*state); // of nothing
    struct json root = parse(*state, TEXT);
    json_doc_trim(*state);
    assert_true(json_doc_memory(*state) < 1024);
    json_doc_trim(*state);
    struct json list;
    struct json v;
    struct str s = {NULL, 0};
    int64_t i = 0;
    uint64_t u = 0;
    double d = 0;
    assert_true(json_get(root, STR("list"), &list));
    assert_int_equal(json_count(list), 5);
    struct json_iter it = json_iter(list);
    assert_true(json_next(&it, &v) && json_int(v, &i) && i == 1);
    assert_true(json_next(&it, &v) && json_int(v, &i) && i == -2);
    assert_true(json_next(&it, &v) && json_uint(v, &u) && u == UINT64_MAX);
    assert_true(json_next(&it, &v) && json_double(v, &d) && d == 3.5);
    assert_true(json_next(&it, &v) && json_string(v, &s));
    check_str(s, "\xc3\xa9");
    assert_true(json_get_string(root, STR("s"), &s));
    check_str(s, "last");
    // It may be used again.
    root = parse(*state, "[\"again\"]");
    it = json_iter(root);
    assert_true(json_next(&it, &v) && json_string(v, &s));
    check_str(s, "again");
}

// A body of many records, read twice: growth and reuse.
static void test_reuse(void **state)
{
    for (size_t n = 1; n <= 20000; n = n * 3 + 1) {
        size_t cap = n * 24 + 16;
        char *text = malloc(cap);
        assert_non_null(text);
        size_t len = 0;
        for (size_t i = 0; i < n; i++) {
            len += (size_t)snprintf(text + len, cap - len, "%c{\"id\":\"%zu\"}", i ? ',' : '[', i);
        }
        text[len++] = ']';
        struct json root;
        struct error err;
        assert_true(json_parse(*state, (struct str){text, len}, &root, &err));
        memset(text, 'x', len); // the body is not needed any more
        free(text);
        assert_int_equal(json_count(root), n);
        struct json_iter it = json_iter(root);
        struct json record;
        struct str id;
        size_t seen = 0;
        while (json_next(&it, &record)) {
            char want[24];
            snprintf(want, sizeof(want), "%zu", seen++);
            assert_true(json_get_string(record, STR("id"), &id));
            check_str(id, want);
        }
        assert_int_equal(seen, n);
    }
    json_doc_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test_setup_teardown(test_scalars, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_strings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_walks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_get, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_depth, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_numbers_beyond, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_repair, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_repair_has_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_repair_in_a_page, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trim, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reuse, set_up, tear_down),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
