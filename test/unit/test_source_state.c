#include "check.h"

#include "core/buf.h"
#include "core/limits.h"
#include "core/random.h"
#include "source/hubspot/state.h"

static struct object_state parse(const char *text)
{
    struct object_state s = {.since_ms = -1};
    struct error err = {0};
    if (!object_state_parse(str_from(text), &s, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
    return s;
}

static void check_refused(struct str text, const char *says)
{
    struct object_state s = {.since_ms = 77};
    struct error err = {0};
    if (object_state_parse(text, &s, &err)) {
        fail_msg("accepted: %.*s", STR_ARG(text));
    }
    assert_int_equal(err.code, ERR_STATE);
    check_contains(err.message, says);
    assert_true(s.since_ms == 77 && s.n_ranges == 0); // untouched
}

// The texts of version 1, as databases hold them. A later version must still read each of these.
#define IDLE "{\"v\":1,\"phase\":\"idle\",\"since_ms\":1790000000000,\"started_ms\":1790003600000}"
#define WHOLE                                                                                      \
    "{\"v\":1,\"phase\":\"idle\",\"since_ms\":1790000000000,\"started_ms\":1790003600000,"         \
    "\"whole\":true,\"reconciled_ms\":1790003600001,\"marks\":4611686018427387904}"
#define FULL                                                                                       \
    "{\"v\":1,\"phase\":\"full\",\"since_ms\":0,\"started_ms\":1790003600000,\"insert\":true,"     \
    "\"refresh\":false,\"wide\":false,\"ordered\":true,\"ranges\":[[\"1201\",1201,50001],"         \
    "[\"NTA=\",0,90000],[\"\",7,null]]}"
#define REFRESH                                                                                    \
    "{\"v\":1,\"phase\":\"full\",\"since_ms\":1790000000000,\"started_ms\":1790003600000,"         \
    "\"insert\":false,\"refresh\":true,\"wide\":true,\"ordered\":false,\"ranges\":[]}"
#define INCREMENTAL                                                                                \
    "{\"v\":1,\"phase\":\"incremental\",\"since_ms\":1790000000000,"                               \
    "\"started_ms\":1790003600000,\"after_id\":9007199254740993}"
#define ARCHIVED                                                                                   \
    "{\"v\":1,\"phase\":\"archived\",\"since_ms\":1790000000000,\"started_ms\":1790003600000,"     \
    "\"after\":\"1201\"}"

static void test_golden(void **state)
{
    (void)state;
    struct object_state s = parse(IDLE);
    assert_true(s.phase == PHASE_IDLE && s.since_ms == 1790000000000);
    assert_true(s.started_ms == 1790003600000 && s.n_ranges == 0 && s.ordered);
    assert_true(!s.whole && s.reconciled_ms == 0 && s.marks == 0); // nobody knows: left alone
    s = parse(WHOLE);
    assert_true(s.whole && s.reconciled_ms == 1790003600001 && s.marks == 4611686018427387904);
    s = parse(FULL);
    assert_true(s.phase == PHASE_FULL && s.insert && !s.refresh && !s.wide && s.ordered);
    assert_int_equal(s.n_ranges, 3);
    assert_string_equal(s.ranges[0].after, "1201");
    assert_true(s.ranges[0].next_id == 1201 && s.ranges[0].end_id == 50001);
    assert_string_equal(s.ranges[1].after, "NTA=");
    assert_string_equal(s.ranges[2].after, "");
    assert_true(s.ranges[2].next_id == 7 && s.ranges[2].end_id == INT64_MAX);
    s = parse(REFRESH);
    assert_true(s.phase == PHASE_FULL && !s.insert && s.refresh && s.wide && !s.ordered);
    assert_int_equal(s.n_ranges, 0);
    s = parse(INCREMENTAL);
    assert_true(s.phase == PHASE_INCREMENTAL && s.after_id == 9007199254740993);
    s = parse(ARCHIVED);
    assert_true(s.phase == PHASE_ARCHIVED);
    assert_string_equal(s.after_text, "1201");
}

// What is written today is what was written then.
static void test_round_trip_of_golden(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {IDLE, WHOLE, FULL, REFRESH, INCREMENTAL, ARCHIVED};
    struct arena arena;
    arena_init(&arena, LIMIT_STATE_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        struct object_state s = parse(TEXTS[i]);
        check_str(object_state_format(&s, &arena), TEXTS[i]);
    }
    arena_done(&arena);
}

static void test_none(void **state)
{
    (void)state;
    struct object_state s = {.phase = PHASE_FULL, .since_ms = 5};
    struct error err = {0};
    assert_true(object_state_parse((struct str){NULL, 0}, &s, &err));
    assert_true(s.phase == PHASE_IDLE && s.since_ms == 0 && s.ordered && s.n_ranges == 0);
}

static void random_cursor(struct random *r, char out[CURSOR_MAX])
{
    static const char *const PARTS[] = {
        "\"", "\\", "/", "\n", "\x01",      "\xc3\xa9", "\xf0\x9f\x98\x80",
        "1",  "a",  "=", " ",  "</script>", "\x7f"};
    size_t len = 0;
    out[0] = '\0';
    for (size_t n = (size_t)random_below(r, 40); n > 0; n--) {
        const char *part = PARTS[random_below(r, ARRAY_LEN(PARTS))];
        if (len + strlen(part) < CURSOR_MAX) {
            len += (size_t)snprintf(out + len, CURSOR_MAX - len, "%s", part);
        }
    }
}

static int64_t random_id(struct random *r)
{
    return (int64_t)(random_u64(r) >> (1 + random_below(r, 62)));
}

static bool same(const struct object_state *a, const struct object_state *b)
{
    bool ok = a->phase == b->phase && a->since_ms == b->since_ms &&
              a->started_ms == b->started_ms && a->n_ranges == b->n_ranges &&
              a->whole == b->whole && a->from_ms == b->from_ms;
    ok = ok && (!a->whole || (a->reconciled_ms == b->reconciled_ms && a->marks == b->marks));
    if (a->phase == PHASE_FULL) {
        ok = ok && a->insert == b->insert && a->refresh == b->refresh && a->wide == b->wide &&
             a->ordered == b->ordered;
    }
    for (size_t i = 0; ok && i < a->n_ranges; i++) {
        ok = strcmp(a->ranges[i].after, b->ranges[i].after) == 0 &&
             a->ranges[i].next_id == b->ranges[i].next_id &&
             a->ranges[i].end_id == b->ranges[i].end_id;
    }
    return ok && (a->phase != PHASE_INCREMENTAL || a->after_id == b->after_id) &&
           (a->phase != PHASE_ARCHIVED || strcmp(a->after_text, b->after_text) == 0);
}

static void test_round_trips(void **state)
{
    (void)state;
    struct random r;
    struct arena arena;
    random_seed(&r, 5);
    arena_init(&arena, 64 << 20);
    for (int i = 0; i < 3000; i++) {
        struct object_state s = {.phase = (enum phase)random_below(&r, PHASE_COUNT),
                                 .since_ms = random_id(&r) / 1000,
                                 .started_ms = random_id(&r) / 1000,
                                 .from_ms = random_below(&r, 2) ? random_id(&r) : 0,
                                 .whole = random_below(&r, 2),
                                 .reconciled_ms = random_id(&r),
                                 .marks = random_id(&r),
                                 .insert = random_below(&r, 2),
                                 .refresh = random_below(&r, 2),
                                 .wide = random_below(&r, 2),
                                 .ordered = random_below(&r, 2),
                                 .after_id = random_id(&r)};
        random_cursor(&r, s.after_text);
        s.n_ranges = s.phase == PHASE_FULL ? (size_t)random_below(&r, RANGES_MAX + 1) : 0;
        for (size_t k = 0; k < s.n_ranges; k++) {
            random_cursor(&r, s.ranges[k].after);
            s.ranges[k].next_id = random_id(&r);
            s.ranges[k].end_id = random_below(&r, 3) ? random_id(&r) : INT64_MAX;
        }
        struct str text = object_state_format(&s, &arena);
        struct object_state back;
        struct error err = {0};
        assert_true(text.len < LIMIT_STATE_BYTES);
        assert_true(object_state_parse(text, &back, &err));
        assert_true(same(&s, &back));
    }
    arena_done(&arena);
}

// The largest state there can be fits.
static void test_largest(void **state)
{
    (void)state;
    struct object_state s = {.phase = PHASE_FULL, .n_ranges = RANGES_MAX};
    for (size_t i = 0; i < RANGES_MAX; i++) {
        memset(s.ranges[i].after, 1, CURSOR_MAX - 1); // six bytes each when written
        s.ranges[i].next_id = s.ranges[i].end_id = INT64_MAX - 1;
    }
    struct arena arena;
    struct object_state back;
    struct error err = {0};
    arena_init(&arena, LIMIT_STATE_BYTES);
    struct str text = object_state_format(&s, &arena);
    assert_true(object_state_parse(text, &back, &err));
    assert_true(same(&s, &back));
    arena_done(&arena);
}

static void test_versions(void **state)
{
    (void)state;
    check_refused(STR("{\"v\":2,\"phase\":\"idle\",\"since_ms\":1}"),
                  "version 2; this sluice knows "
                  "version 1");
    check_refused(STR("{\"v\":0,\"phase\":\"idle\",\"since_ms\":1}"), "version 0");
    check_refused(STR("{\"v\":\"1\",\"phase\":\"idle\",\"since_ms\":1}"), "version");
    check_refused(STR("{\"phase\":\"idle\",\"since_ms\":1}"), "version");
    check_refused(STR("{\"v\":99999999999999999999,\"phase\":\"idle\",\"since_ms\":1}"), "version");
}

#define IN_FULL(ranges) "{\"v\":1,\"phase\":\"full\",\"since_ms\":1,\"ranges\":" ranges "}"

static void test_garbage(void **state)
{
    (void)state;
    static const struct str TEXTS[] = {
        STR_INIT(""),
        STR_INIT("x"),
        STR_INIT("null"),
        STR_INIT("[]"),
        STR_INIT("{\"v\":1"),
        STR_INIT("{\"v\":1}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\"}"),
        STR_INIT("{\"v\":1,\"since_ms\":1}"),
        STR_INIT("{\"v\":1,\"phase\":7,\"since_ms\":1}"),
        STR_INIT("{\"v\":1,\"phase\":\"sweep\",\"since_ms\":1}"), // a pair's
        STR_INIT("{\"v\":1,\"phase\":\"IDLE\",\"since_ms\":1}"),
        STR_INIT("{\"v\":1,\"phase\":\"\",\"since_ms\":1}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\\u0000\",\"since_ms\":1}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\",\"since_ms\":\"1\"}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\",\"since_ms\":1.5}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\",\"since_ms\":99999999999999999999}"),
        STR_INIT("{\"v\":1,\"phase\":\"full\",\"since_ms\":1}"), // where is it to go on?
        STR_INIT(IN_FULL("7")),
        STR_INIT(IN_FULL("{}")),
        STR_INIT(IN_FULL("[7]")),
        STR_INIT(IN_FULL("[[]]")),
        STR_INIT(IN_FULL("[[\"\"]]")),
        STR_INIT(IN_FULL("[[\"\",0]]")),
        STR_INIT(IN_FULL("[[7,0,null]]")),
        STR_INIT(IN_FULL("[[\"\",null,null]]")),
        STR_INIT(IN_FULL("[[\"\",0,\"9\"]]")),
        STR_INIT(IN_FULL("[[\"\",0,null],null]")),
        STR_INIT(IN_FULL("[[\"12\\u00003\",0,null]]")), // not the cursor "12"
        STR_INIT("{\"v\":1,\"phase\":\"archived\",\"since_ms\":1,\"after\":\"12\\u00003\"}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\",\"since_ms\":1}{}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\",\"since_ms\":1,\"x\":\"\xff\"}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        check_refused(TEXTS[i], "");
    }
}

static void test_too_much(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 1 << 20);
    for (size_t n = RANGES_MAX; n <= RANGES_MAX + 1; n++) {
        buf_reset(&text);
        buf_add_cstr(&text, "{\"v\":1,\"phase\":\"full\",\"since_ms\":1,\"ranges\":[");
        for (size_t i = 0; i < n; i++) {
            buf_printf(&text, "%s[\"%zu\",%zu,null]", i ? "," : "", i, i);
        }
        buf_add_cstr(&text, "]}");
        if (n <= RANGES_MAX) {
            assert_int_equal(parse(buf_cstr(&text)).n_ranges, RANGES_MAX);
        } else {
            check_refused(buf_str(&text), "cannot be read");
        }
    }
    for (int len = CURSOR_MAX - 1; len <= CURSOR_MAX; len++) {
        buf_reset(&text);
        buf_printf(&text, "{\"v\":1,\"phase\":\"archived\",\"since_ms\":1,\"after\":\"%0*d\"}", len,
                   7);
        if (len < CURSOR_MAX) {
            assert_int_equal(strlen(parse(buf_cstr(&text)).after_text), CURSOR_MAX - 1);
        } else {
            check_refused(buf_str(&text), "cannot be read");
        }
    }
    buf_done(&text);
}

// What a later sluice adds does not disturb this one.
static void test_unknown_fields(void **state)
{
    (void)state;
    struct object_state s = parse("{\"new\":{\"a\":[1,2]},\"v\":1,\"phase\":\"incremental\","
                                  "\"since_ms\":3,\"after_id\":4,\"ranges\":[]}");
    assert_true(s.phase == PHASE_INCREMENTAL && s.since_ms == 3 && s.after_id == 4);
    // Older or odd texts without the optional fields: the cautious values.
    s = parse(IN_FULL("[[\"\",0,null]]"));
    assert_true(!s.insert && !s.refresh && s.started_ms == 0 && s.ordered);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_golden),         cmocka_unit_test(test_round_trip_of_golden),
        cmocka_unit_test(test_none),           cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_largest),        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_garbage),        cmocka_unit_test(test_too_much),
        cmocka_unit_test(test_unknown_fields),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
