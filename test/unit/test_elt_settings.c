#include "check.h"

#include "engine/elt_settings.h"

struct scene {
    struct arena arena;
    struct elt_settings s;
    struct error err;
};

static int set_up(void **state)
{
    struct scene *x = calloc(1, sizeof *x);
    assert_non_null(x);
    arena_init(&x->arena, 1 << 20);
    *state = x;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *x = *state;
    arena_done(&x->arena);
    free(x);
    return 0;
}

static bool parse(struct scene *x, const char *text)
{
    return elt_settings_parse(str_from(text), &x->arena, &x->s, &x->err);
}

static void test_nothing_is_set(void **state)
{
    struct scene *x = *state;
    static const char *const EMPTY[] = {"{}", "", "null",
                                        "{\"share\":null,\"horizon\":\"\",\"time_zone\":\" \"}"};
    for (size_t i = 0; i < ARRAY_LEN(EMPTY); i++) {
        x->s = (struct elt_settings){0};
        check_row(parse(x, EMPTY[i]), EMPTY[i]);
        check_row(x->s.share == 0.8, EMPTY[i]);
        check_row(x->s.search_limit == 5 && x->s.daily_limit == 0, EMPTY[i]);
        check_row(x->s.horizon_ms == 3600000 && x->s.max_wait_ms == 60000, EMPTY[i]);
        check_row(x->s.association_sweep_ms == 86400000 && x->s.reconcile_ms == 86400000, EMPTY[i]);
        check_str(x->s.metadata_columns, "sluice");
        check_str(x->s.api_version, "2026-09");
        check_str(x->s.time_zone, "");
    }
}

static void test_values_of_all_kinds(void **state)
{
    struct scene *x = *state;
    assert_true(parse(x, "{\"share\":0.5,\"search_limit\":\"7\",\"daily_limit\":250000,"
                         "\"horizon\":\"30m\",\"max_wait\":90,\"association_sweep\":\"2d\","
                         "\"reconcile\":\"1h\",\"metadata_columns\":\"weld\","
                         "\"api_version\":\"legacy\",\"time_zone\":\"Europe/Berlin\"}"));
    assert_true(x->s.share == 0.5);
    assert_int_equal(x->s.search_limit, 7);
    assert_int_equal(x->s.daily_limit, 250000);
    assert_int_equal(x->s.horizon_ms, 1800000);
    assert_int_equal(x->s.max_wait_ms, 90000);
    assert_int_equal(x->s.association_sweep_ms, 172800000);
    assert_int_equal(x->s.reconcile_ms, 3600000);
    check_str(x->s.metadata_columns, "weld");
    check_str(x->s.api_version, "legacy");
    check_str(x->s.time_zone, "Europe/Berlin");
    assert_true(parse(x, "{\"share\":\"0.25\"}"));
    assert_true(x->s.share == 0.25);
}

static void test_what_is_refused(void **state)
{
    struct scene *x = *state;
    static const struct {
        const char *text, *part;
    } ROWS[] = {
        {"{\"share\":2}", "elt_settings.share: \"2\" is not between 0.01 and 1"},
        {"{\"share\":\"much\"}", "elt_settings.share: \"much\" is not a number"},
        {"{\"share\":[0.5]}", "elt_settings.share: a text, a number, true or false is needed"},
        {"{\"share\":{}}", "elt_settings.share: a text, a number, true or false is needed"},
        {"{\"search_limit\":1.5}", "elt_settings.search_limit: \"1.5\" is not a whole number"},
        {"{\"horizon\":\"soon\"}", "elt_settings.horizon: \"soon\" is not a duration"},
        {"{\"max_wait\":\"10ms\"}", "elt_settings.max_wait: \"10ms\" is not between"},
        {"{\"metadata_columns\":\"none\"}", "elt_settings.metadata_columns: \"none\""},
        {"{\"api_version\":true}", "elt_settings.api_version: \"true\""},
        {"{\"time_zone\":\"Berlin\"}", "elt_settings.time_zone: \"Berlin\" is not known here"},
        {"{\"time_zone\":\"a\\u0000b\"}", "elt_settings.time_zone: "},
        {"{\"shares\":1}", "elt_settings.shares: there is no such setting; is it share?"},
        {"{\"max-wait\":1}", "is it max_wait?"},
        {"{\"quite something else\":1}", "GET /connections/{id}/settings lists them"},
        {"[]", "elt_settings: an object is needed"},
        {"\"share\"", "elt_settings: an object is needed"},
        {"{\"share\":", "elt_settings: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_row(!parse(x, ROWS[i].text), ROWS[i].text);
        check_row(x->err.code == ERR_CONFIG, ROWS[i].text);
        check_contains(x->err.message, ROWS[i].part);
    }
    char text[600];
    int lead = snprintf(text, sizeof text, "{\"share\":\"");
    memset(text + lead, 'x', sizeof text - (size_t)lead);
    snprintf(text + sizeof text - 3, 3, "\"}");
    assert_false(parse(x, text));
    check_contains(x->err.message, "elt_settings.share: the value has 587 bytes; at most 256");
}

// What the schema says is what the reader does: the defaults, as text, set what stands there.
static void test_schema_and_reader_agree(void **state)
{
    struct scene *x = *state;
    struct buf text;
    struct json_writer w;
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct json properties;
    struct str name;
    struct json rule;
    size_t n = 0;
    buf_init(&text, 1 << 16);
    json_writer_init(&w, &text);
    elt_settings_schema(&w);
    assert_true(json_parse(doc, buf_str(&text), &root, &x->err));
    assert_true(json_get(root, STR("properties"), &properties));
    assert_true(parse(x, "{}"));
    struct elt_settings by_default = x->s;
    struct json_iter it = json_iter(properties);
    while (json_next_field(&it, &name, &rule)) {
        struct json value;
        struct str words;
        double number = 0;
        assert_true(json_get(rule, STR("default"), &value));
        assert_true(json_get_string(rule, STR("title"), &words) && words.len > 0);
        assert_true(json_get_string(rule, STR("description"), &words) && words.len > 0);
        bool is_number = json_double(value, &number);
        bool is_text = !is_number && json_string(value, &words);
        assert_true(is_number || is_text);
        struct str object =
            is_number
                ? arena_printf(&x->arena, "{\"%.*s\":%.15g}", STR_ARG(name), number)
                : arena_printf(&x->arena, "{\"%.*s\":\"%.*s\"}", STR_ARG(name), STR_ARG(words));
        check_row(parse(x, object.ptr), object.ptr);
        check_row(x->s.share == by_default.share, object.ptr);
        check_row(x->s.horizon_ms == by_default.horizon_ms, object.ptr);
        n++;
    }
    assert_int_equal(n, 10);
    json_doc_destroy(doc);
    buf_done(&text);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_set),
        TEST(test_values_of_all_kinds),
        TEST(test_what_is_refused),
        TEST(test_schema_and_reader_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
