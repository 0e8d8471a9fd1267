#include "check.h"
#include "test_script.h"

#include "core/limits.h"
#include "core/random.h"
#include "source/hubspot/pair_state.h"
#include "source/hubspot/source_hubspot.h"

static struct pair_state parse(const char *text)
{
    struct pair_state s = {.swept_ms = -1};
    struct error err = {0};
    if (!pair_state_parse(str_from(text), &s, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
    return s;
}

static void check_refused(struct str text, const char *says)
{
    struct pair_state s = {.swept_ms = 77};
    struct error err = {0};
    if (pair_state_parse(text, &s, &err)) {
        fail_msg("accepted: %.*s", STR_ARG(text));
    }
    assert_int_equal(err.code, ERR_STATE);
    check_contains(err.message, says);
    assert_true(s.swept_ms == 77); // untouched
}

// The texts of version 1, as databases hold them. A later version must still read each of these.
#define IDLE                                                                                       \
    "{\"v\":1,\"phase\":\"idle\",\"started_ms\":1790003600000,\"swept_ms\":1790000000000,"         \
    "\"part\":0,\"after_id\":0,\"insert\":true,\"from_since_ms\":[1790003500000],"                 \
    "\"to_since_ms\":[1790003500001],\"from_next_ms\":[1790003500002],"                            \
    "\"to_next_ms\":[1790003500003]}"
#define SWEEP                                                                                      \
    "{\"v\":1,\"phase\":\"sweep\",\"started_ms\":1,\"swept_ms\":0,\"part\":1,"                     \
    "\"after_id\":9007199254740993,\"insert\":false,\"from_since_ms\":[0,0],"                      \
    "\"to_since_ms\":[0,0],\"from_next_ms\":[11,12],\"to_next_ms\":[13,-9223372036854775808]}"
#define FROM                                                                                       \
    "{\"v\":1,\"phase\":\"from\",\"started_ms\":1,\"swept_ms\":2,\"part\":0,\"after_id\":3,"       \
    "\"insert\":false,\"from_since_ms\":[1],\"to_since_ms\":[2],\"from_next_ms\":[3],"             \
    "\"to_next_ms\":[4]}"
#define TO                                                                                         \
    "{\"v\":1,\"phase\":\"to\",\"started_ms\":1,\"swept_ms\":2,\"part\":0,\"after_id\":3,"         \
    "\"insert\":false,\"from_since_ms\":[1],\"to_since_ms\":[2],\"from_next_ms\":[3],"             \
    "\"to_next_ms\":[4]}"

static void test_golden(void **state)
{
    (void)state;
    struct pair_state s = parse(IDLE);
    assert_true(s.phase == PAIR_IDLE && s.insert && s.started_ms == 1790003600000);
    assert_true(s.swept_ms == 1790000000000 && s.from_since_ms[0] == 1790003500000);
    assert_true(s.to_since_ms[0] == 1790003500001 && s.from_next_ms[0] == 1790003500002);
    assert_true(s.to_next_ms[0] == 1790003500003 && s.from_since_ms[1] == 0);
    s = parse(SWEEP);
    assert_true(s.phase == PAIR_SWEEP && s.part == 1 && s.after_id == 9007199254740993);
    assert_true(!s.insert && s.from_next_ms[1] == 12 && s.to_next_ms[1] == INT64_MIN);
    s = parse(FROM);
    assert_true(s.phase == PAIR_FROM && s.after_id == 3);
    s = parse(TO);
    assert_true(s.phase == PAIR_TO && s.swept_ms == 2);
}

static void test_round_trip_of_golden(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t parts;
    } ROWS[] = {{IDLE, 1}, {SWEEP, 2}, {FROM, 1}, {TO, 1}};
    struct arena arena;
    arena_init(&arena, LIMIT_STATE_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct pair_state s = parse(ROWS[i].text);
        check_str(pair_state_format(&s, ROWS[i].parts, &arena), ROWS[i].text);
    }
    arena_done(&arena);
}

static void test_none(void **state)
{
    (void)state;
    struct pair_state s = {.phase = PAIR_TO, .swept_ms = 5};
    struct error err = {0};
    assert_true(pair_state_parse((struct str){NULL, 0}, &s, &err));
    assert_true(s.phase == PAIR_IDLE && s.swept_ms == 0 && s.part == 0 && !s.insert);
}

static void test_round_trips(void **state)
{
    (void)state;
    struct random r;
    struct arena arena;
    random_seed(&r, 5);
    arena_init(&arena, 64 << 20);
    for (int i = 0; i < 3000; i++) {
        struct pair_state s = {.phase = (enum pair_phase)random_below(&r, PAIR_PHASE_COUNT),
                               .started_ms = (int64_t)random_u64(&r),
                               .swept_ms = (int64_t)random_u64(&r),
                               .part = (size_t)random_below(&r, PAIR_PARTS_MAX),
                               .after_id = (int64_t)random_u64(&r),
                               .insert = random_below(&r, 2)};
        int64_t *stamps[] = {s.from_since_ms, s.to_since_ms, s.from_next_ms, s.to_next_ms};
        size_t parts = 1 + (size_t)random_below(&r, PAIR_PARTS_MAX);
        for (size_t k = 0; k < parts * ARRAY_LEN(stamps); k++) {
            stamps[k % ARRAY_LEN(stamps)][k / ARRAY_LEN(stamps)] = (int64_t)random_u64(&r);
        }
        struct pair_state back;
        struct error err = {0};
        assert_true(pair_state_parse(pair_state_format(&s, parts, &arena), &back, &err));
        assert_memory_equal(back.from_since_ms, s.from_since_ms, sizeof s.from_since_ms);
        assert_memory_equal(back.to_since_ms, s.to_since_ms, sizeof s.to_since_ms);
        assert_memory_equal(back.from_next_ms, s.from_next_ms, sizeof s.from_next_ms);
        assert_memory_equal(back.to_next_ms, s.to_next_ms, sizeof s.to_next_ms);
        assert_true(back.phase == s.phase && back.part == s.part && back.insert == s.insert);
        assert_true(back.started_ms == s.started_ms && back.swept_ms == s.swept_ms);
        assert_true(back.after_id == s.after_id);
    }
    arena_done(&arena);
}

static void test_versions(void **state)
{
    (void)state;
    check_refused(STR("{\"v\":2}"), "version 2; this sluice knows version 1");
    check_refused(STR("{\"v\":null}"), "version");
    check_refused(STR("{}"), "version");
}

#define WITH(phase, part, stamps)                                                                  \
    "{\"v\":1,\"phase\":" phase ",\"started_ms\":1,\"swept_ms\":2,\"part\":" part                  \
    ",\"after_id\":3,\"from_since_ms\":" stamps                                                    \
    ",\"to_since_ms\":[],\"from_next_ms\":[],\"to_next_ms\":[]}"

static void test_garbage(void **state)
{
    (void)state;
    static const struct str TEXTS[] = {
        STR_INIT(""),
        STR_INIT("null"),
        STR_INIT("[1]"),
        STR_INIT("{\"v\":1}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\"}"), // an object's or a reference stream's
        STR_INIT(WITH("\"full\"", "0", "[]")),
        STR_INIT(WITH("\"\"", "0", "[]")),
        STR_INIT(WITH("7", "0", "[]")),
        STR_INIT(WITH("\"sweep\\u0000\"", "0", "[]")),
        STR_INIT(WITH("\"idle\"", "-1", "[]")),
        STR_INIT(WITH("\"idle\"", "8", "[]")),
        STR_INIT(WITH("\"idle\"", "9223372036854775807", "[]")),
        STR_INIT(WITH("\"idle\"", "\"0\"", "[]")),
        STR_INIT(WITH("\"idle\"", "0", "[\"1\"]")),
        STR_INIT(WITH("\"idle\"", "0", "[null]")),
        STR_INIT(WITH("\"idle\"", "0", "[1.5]")),
        STR_INIT(WITH("\"idle\"", "0", "[1,2,3,4,5,6,7,8,9]")),
        STR_INIT(WITH("\"idle\"", "0", "7")),
        STR_INIT(WITH("\"idle\"", "0", "{}")),
        STR_INIT("{\"v\":1,\"phase\":\"idle\",\"started_ms\":1,\"swept_ms\":2,\"part\":0,"
                 "\"after_id\":3,\"from_since_ms\":[],\"to_since_ms\":[],\"from_next_ms\":[]}"),
        STR_INIT("{\"v\":1,\"phase\":\"idle\",\"started_ms\":1,\"swept_ms\":2,\"part\":0,"
                 "\"from_since_ms\":[],\"to_since_ms\":[],\"from_next_ms\":[],\"to_next_ms\":[]}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        check_refused(TEXTS[i], "");
    }
    assert_true(parse(WITH("\"idle\"", "7", "[1,2,3,4,5,6,7,8]")).from_since_ms[7] == 8);
    assert_true(parse(WITH("\"idle\"", "0", "[]")).from_since_ms[0] == 0);
}

// ---- what a stream makes of its state

// All tables are there, with rows.
static bool read_ids(void *user, const struct source_ids_query *q, int64_t *ids, size_t *ret_n,
                     int64_t *ret_max_synced_ms, struct error *err)
{
    (void)user;
    (void)q;
    (void)ids;
    (void)err;
    *ret_n = 0;
    if (ret_max_synced_ms) {
        *ret_max_synced_ms = 1790003500000;
    }
    return true;
}

#define AT_PART(phase, part, swept)                                                                \
    "{\"v\":1,\"phase\":\"" phase "\",\"started_ms\":1,\"swept_ms\":" swept ",\"part\":" part      \
    ",\"after_id\":3,\"from_since_ms\":[],\"to_since_ms\":[],\"from_next_ms\":[],\"to_next_ms\":[" \
    "]}"
#define LATELY "99999999999999"

static struct source *open_source(struct script *script)
{
    struct source_hubspot_options options = {.account = {.base_url = str_from(script_url(script)),
                                                         .token = STR("token"),
                                                         .share = 0.8,
                                                         .search_per_second = 5,
                                                         .clock = clock_system()},
                                             .association_sweep_ms = 24 * 3600 * 1000};
    struct source *source = NULL;
    struct error err;
    assert_true(http_client_global_init(&err) && source_hubspot_open(&options, &source, &err));
    return source;
}

// With no record on either side, one page ends the pass.
static void check_pass(struct source_stream *s, bool swept, const char *row)
{
    struct page *page = NULL;
    struct error err = {0};
    char text[512];
    source_stream_start(s, false);
    check_row(source_stream_next(s, &page, &err) && page, row);
    snprintf(text, sizeof text, "%.*s", STR_ARG(page->cursor));
    struct pair_state after = parse(text);
    check_row(after.phase == PAIR_IDLE && after.part == 0 && after.after_id == 0, row);
    check_row(page->n_sweeps == swept && page->n_batches == 0, row);
    page_destroy(page);
    check_row(source_stream_next(s, &page, &err) && !page, row);
}

// A sweep is due, or goes on, or was asked for; otherwise only what has changed is read.
static void test_what_comes_next(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *text;
        bool full_refresh;
        const char *step; // NULL: refused
    } ROWS[] = {
        {"contact_company", NULL, false, "sweep"},
        {"contact_company", AT_PART("idle", "0", "0"), false, "sweep"},
        {"contact_company", AT_PART("idle", "0", "5"), false, "sweep"}, // long ago
        {"contact_company", AT_PART("idle", "0", LATELY), false, "incremental"},
        {"contact_company", AT_PART("idle", "0", LATELY), true, "sweep"},
        {"contact_company", AT_PART("sweep", "0", LATELY), false, "sweep"},
        {"contact_company", AT_PART("from", "0", LATELY), false, "incremental"},
        {"contact_company", AT_PART("to", "0", LATELY), false, "incremental"},
        {"contact_company", AT_PART("from", "0", LATELY), true, "sweep"},
        {"contact_company", AT_PART("to", "0", LATELY), true, "sweep"},
        {"contact_company", AT_PART("from", "1", LATELY), false, NULL}, // it has but one part
        {"contact_company", AT_PART("sweep", "7", LATELY), true, "sweep"},
        {"contact_company", "no state at all", false, NULL},
        {"contact_company", "no state at all", true, "sweep"},
        {"engagement_contact", AT_PART("from", "6", LATELY), false, "incremental"},
        {"engagement_contact", AT_PART("from", "7", LATELY), false, NULL},
    };
    struct arena arena;
    struct error err = {0};
    arena_init(&arena, 1 << 20);
    const struct script_answer account = {script_format(&arena, 200, "", STR("{\"portalId\":7}")),
                                          SCRIPT_KEEP};
    struct script *script = script_play(&account, 1);
    struct source *source = open_source(script);
    const struct source_lookup lookup = {.read_ids = read_ids};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct source_stream_options open = {.info = source_hubspot_find(str_from(ROWS[i].stream)),
                                             .state = str_from(ROWS[i].text),
                                             .full_refresh = ROWS[i].full_refresh,
                                             .lookup = &lookup};
        struct source_stream *s = NULL;
        const char *row = ROWS[i].text ? ROWS[i].text : "none";
        check_row(source_stream_open(source, &open, &s, &err) == (ROWS[i].step != NULL), row);
        if (!s) {
            assert_int_equal(err.code, ERR_STATE);
            continue;
        }
        struct source_progress p;
        source_stream_progress(s, &p);
        check_row(strcmp(p.step, ROWS[i].step) == 0, row);
        check_pass(s, strcmp(p.step, "sweep") == 0, row);
        source_stream_close(s);
    }
    source_close(source);
    script_stop(script);
    arena_done(&arena);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_round_trip_of_golden),
        cmocka_unit_test(test_none),
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_what_comes_next),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
