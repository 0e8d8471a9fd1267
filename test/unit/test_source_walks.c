#include "check.h"
#include "test_script.h"

#include "core/limits.h"
#include "source/hubspot/source_hubspot.h"
#include "source/hubspot/state.h"

// Walks over answers that a server might give: what is not the end of a list is not taken for it,
// and what has no end is not followed for ever.

enum { LISTS_MAX = 4, PAGES_MAX = 40 };

// What the server says: lists in order (the last for all that follow), and one answer each to
// searches and to batch reads.
struct scene {
    const char *lists[LISTS_MAX];
    const char *search;
    const char *batch;  // to a batch read of objects
    struct arena arena; // of the server's thread
    size_t n_lists;
    bool reconciles; // at every chance; else never
    bool settled;
    size_t early; // questions before anything was settled
    struct script *script;
};

static void on_request(void *user, const struct script_request *r, struct script_answer *ret)
{
    struct scene *s = user;
    const char *body = NULL;
    if (str_find(r->text, STR("/account-info/")) > 0) {
        body = "{\"portalId\":7}";
    } else if (str_find(r->text, STR("/crm/properties/")) > 0) {
        body = "{\"results\":[{\"name\":\"email\",\"type\":\"string\"}]}";
    } else if (str_find(r->text, STR("/search HTTP")) > 0) {
        body = s->search;
    } else if (str_find(r->text, STR("/crm/objects/")) > 0 &&
               str_find(r->text, STR("/batch/read HTTP")) > 0) {
        body = s->batch;
    } else {
        size_t i = s->n_lists++;
        while (i > 0 && (i >= LISTS_MAX || !s->lists[i])) {
            i--;
        }
        body = s->lists[i];
    }
    ret->raw = script_format(&s->arena, 200, "", str_from(body));
}

static bool read_table(void *user, const struct table *table,
                       bool (*row)(void *row_user, const struct cell *cells, struct error *err),
                       void *row_user, struct error *err)
{
    (void)user;
    (void)table;
    (void)row;
    (void)row_user;
    (void)err;
    return true;
}

// Every table holds one record, 5.
static bool read_ids(void *user, const struct source_ids_query *q, int64_t *ids, size_t *ret_n,
                     int64_t *ret_max_synced_ms, struct error *err)
{
    struct scene *s = user;
    (void)err;
    s->early += !s->settled;
    *ret_n = q->after_id < 5;
    ids[0] = 5;
    if (ret_max_synced_ms) {
        *ret_max_synced_ms = 1790000000000;
    }
    return true;
}

static bool settle(void *user, struct error *err)
{
    struct scene *s = user;
    (void)err;
    s->settled = true;
    return true;
}

static const struct column SYSTEM_COLUMNS[6] = {{STR_INIT("a"), COL_TEXT}};
static const struct table COLUMN_TABLE = {STR_INIT("_sluice_column"), SYSTEM_COLUMNS, 5, 3, 0};
static const struct table REJECT_TABLE = {STR_INIT("_sluice_reject"), SYSTEM_COLUMNS, 6, 0, 0};

struct outcome {
    bool ok;
    size_t pages, records, sweeps;
    struct error error;
    char cursor[512]; // the last one
};

static void walk(struct source_stream *s, struct outcome *x)
{
    for (x->pages = 0; x->pages < PAGES_MAX; x->pages++) {
        struct page *page = NULL;
        x->ok = source_stream_next(s, &page, &x->error);
        if (!x->ok || !page) {
            return;
        }
        x->records += page->records;
        x->sweeps += page->n_sweeps;
        if (page->cursor.ptr) {
            snprintf(x->cursor, sizeof x->cursor, "%.*s", STR_ARG(page->cursor));
        }
        page_destroy(page);
    }
    fail_msg("%d pages and no end", PAGES_MAX);
}

static struct outcome run(struct scene *s, const char *stream, const char *state)
{
    struct outcome x = {0};
    struct source *source = NULL;
    struct source_stream *opened = NULL;
    arena_init(&s->arena, 16 << 20);
    s->script = script_start(on_request, s);
    const struct source_hubspot_options options = {
        .account = {.base_url = str_from(script_url(s->script)),
                    .token = STR("token"),
                    .version = API_2026_09,
                    .share = 1,
                    .search_per_second = 1000,
                    .clock = clock_system()},
        .reconcile_ms = s->reconciles ? 0 : INT64_MAX};
    const struct source_lookup lookup = {.user = s,
                                         .settle = settle,
                                         .read_table = read_table,
                                         .read_ids = read_ids,
                                         .column_table = &COLUMN_TABLE,
                                         .reject_table = &REJECT_TABLE};
    const struct source_stream_options open = {.info = source_hubspot_find(str_from(stream)),
                                               .state = str_from(state),
                                               .lookup = &lookup,
                                               .metadata = {STR("synced"), STR("deleted")}};
    assert_true(http_client_global_init(&x.error));
    if (!source_hubspot_open(&options, &source, &x.error) ||
        !source_stream_open(source, &open, &opened, &x.error)) {
        fail_msg("%s", x.error.message);
    }
    source_stream_start(opened, true);
    walk(opened, &x);
    source_stream_close(opened);
    source_close(source);
    return x;
}

static void finish(struct scene *s)
{
    script_stop(s->script);
    arena_done(&s->arena);
}

#define NOTHING               "{\"total\":0,\"results\":[]}"
#define RECORD(id)            "{\"id\":\"" id "\",\"properties\":{\"email\":\"x\"}}"
#define LIST(records, paging) "{\"results\":[" records "]" paging "}"
#define AFTER(json)           ",\"paging\":{\"next\":{\"after\":" json "}}"
#define INCREMENTAL                                                                                \
    "{\"v\":1,\"phase\":\"incremental\",\"since_ms\":1790000000000,"                               \
    "\"started_ms\":1790003600000,\"after_id\":0}"
#define ARCHIVED                                                                                   \
    "{\"v\":1,\"phase\":\"archived\",\"since_ms\":1790000000000,\"started_ms\":1790003600000,"     \
    "\"after\":\"\"}"
#define LONG_20  "xxxxxxxxxxxxxxxxxxxx"
#define LONG_200 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20 LONG_20

// ---- lists that end

static void test_lists_to_their_end(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *state;
        struct scene scene;
        size_t records;
    } ROWS[] = {
        {"contacts",
         NULL,
         {{LIST(RECORD("3") "," RECORD("4"), AFTER("\"5\"")), LIST(RECORD("5"), "")}, NOTHING},
         3},
        {"contacts",
         NULL,
         {{LIST(RECORD("3"), AFTER("4")), LIST(RECORD("5"), ",\"paging\":null")}, NOTHING},
         2},
        {"contacts",
         NULL,
         {{LIST("", AFTER("\"4\"")), LIST(RECORD("5"), ",\"paging\":{}")}, NOTHING},
         1}, // an empty page with a next one is not the end
        {"contacts", NULL, {{LIST("", "")}, NOTHING}, 0},
        {"owners",
         NULL,
         {{LIST("{\"id\":\"1\"}", AFTER("\"x\"")), LIST("{\"id\":\"2\"}", ""),
           LIST("{\"id\":\"3\"}", ",\"paging\":{\"next\":null}")},
          NOTHING},
         3},
        {"contacts",
         INCREMENTAL,
         {{LIST("", "")}, "{\"total\":1,\"results\":[" RECORD("9") "]}"},
         1},
        {"contacts",
         ARCHIVED,
         {{LIST("{\"id\":\"1\"}", AFTER("\"2\"")), LIST("{\"id\":\"2\"}", "")}, NOTHING},
         0},
        {"pipelines", NULL, {{LIST("{\"id\":\"a\",\"stages\":[]}", "")}, NOTHING}, 2},
        {"contact_contact",
         NULL,
         {{LIST("{\"from\":{\"id\":\"5\"},\"to\":[{\"toObjectId\":6,\"associationTypes\":[{"
                "\"category\":"
                "\"C\",\"typeId\":1}]}]" AFTER("77") "}",
                ""),
           LIST("{\"from\":{\"id\":\"5\"},\"to\":[{\"toObjectId\":7,\"associationTypes\":[{"
                "\"category\":"
                "\"C\",\"typeId\":1}]}]}",
                "")},
          NOTHING},
         2},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct scene s = ROWS[i].scene;
        struct outcome x = run(&s, ROWS[i].stream, ROWS[i].state);
        if (!x.ok) {
            fail_msg("%s: %s", ROWS[i].stream, x.error.message);
        }
        check_row(x.records == ROWS[i].records, s.lists[0]);
        check_contains(x.cursor, "\"phase\":\"idle\"");
        finish(&s);
    }
}

// The cursor goes back as it came, encoded.
static void test_cursors_are_sent(void **state)
{
    (void)state;
    struct scene s = {{LIST(RECORD("3"), AFTER("\"a=b&c\"")), LIST(RECORD("5"), AFTER("7")),
                       LIST(RECORD("8"), "")},
                      NOTHING};
    struct outcome x = run(&s, "contacts", NULL);
    assert_true(x.ok && x.records == 3);
    size_t found = 0;
    for (size_t i = 0; i < script_count(s.script); i++) {
        struct str text = script_text(s.script, i);
        found += str_find(text, STR("&after=a%3Db%26c HTTP")) > 0;
        found += str_find(text, STR("&after=7 HTTP")) > 0;
    }
    assert_int_equal(found, 2);
    finish(&s);
}

// ---- lists that do not

static void test_lists_without_an_end(void **state)
{
    (void)state;
    static const struct {
        const char *stream, *state;
        struct scene scene;
        const char *says;
    } ROWS[] = {
        // No list is not an empty list: an empty one would have everything marked as gone.
        {"contacts", NULL, {{"{}"}, NOTHING}, "no list of \"results\""},
        {"contacts", NULL, {{"{\"results\":null}"}, NOTHING}, "no list of \"results\""},
        {"contacts", NULL, {{"{\"results\":{}}"}, NOTHING}, "no list of \"results\""},
        {"contacts", NULL, {{"[]"}, NOTHING}, "no list of \"results\""},
        {"owners", NULL, {{"{\"status\":\"ok\"}"}, NOTHING}, "no list of \"results\""},
        {"owners", NULL, {{"{\"results\":\"none\"}"}, NOTHING}, "no list of \"results\""},
        {"pipelines", NULL, {{"{}"}, NOTHING}, "no list of \"results\""},
        {"properties", NULL, {{"{}"}, NOTHING}, NULL}, // they come from elsewhere: all is well
        {"contact_contact", NULL, {{"{\"results\":{}}"}, NOTHING}, "no list of \"results\""},
        {"contacts", ARCHIVED, {{"{}"}, NOTHING}, "no list of \"results\""},
        {"contacts", INCREMENTAL, {{LIST("", "")}, "{\"total\":0}"}, "no list of \"results\""},
        // It goes on, but from where?
        {"contacts", NULL, {{LIST(RECORD("3"), AFTER("{}"))}, NOTHING}, "from where"},
        {"contacts", NULL, {{LIST(RECORD("3"), AFTER("\"\""))}, NOTHING}, "from where"},
        {"contacts", NULL, {{LIST(RECORD("3"), AFTER("\"1\\u00002\""))}, NOTHING}, "from where"},
        {"contacts",
         NULL,
         {{LIST(RECORD("3"), ",\"paging\":{\"next\":{\"link\":\"x\"}}")}, NOTHING},
         "from where"},
        {"contacts", NULL, {{LIST(RECORD("3"), AFTER("\"" LONG_200 "\""))}, NOTHING}, "200 bytes"},
        {"owners", NULL, {{LIST("{\"id\":\"1\"}", AFTER("[]"))}, NOTHING}, "from where"},
        {"contacts", ARCHIVED, {{LIST("{\"id\":\"1\"}", AFTER("true"))}, NOTHING}, "from where"},
        {"contact_contact",
         NULL,
         {{LIST("{\"from\":{\"id\":\"5\"},\"to\":[]" AFTER("{}") "}", "")}, NOTHING},
         "from where"},
        // It goes round and round.
        {"contacts",
         NULL,
         {{LIST(RECORD("3"), AFTER("\"4\"")), LIST("", AFTER("\"4\""))}, NOTHING},
         "same page again"},
        {"owners", NULL, {{LIST("{\"id\":\"1\"}", AFTER("\"x\""))}, NOTHING}, "same page again"},
        {"contacts",
         ARCHIVED,
         {{LIST("{\"id\":\"1\"}", AFTER("\"2\""))}, NOTHING},
         "same page again"},
        {"contacts",
         INCREMENTAL,
         {{LIST("", "")}, "{\"total\":9,\"results\":[]" AFTER("\"200\"") "}"},
         "same page again"},
        // Not in order, whatever is asked: windows become as narrow as one id, and no narrower.
        {"contacts",
         INCREMENTAL,
         {{LIST("", "")},
          "{\"total\":9,\"results\":[" RECORD("9") "," RECORD("8") "]" AFTER("\"200\"") "}"},
         "at most 1 were asked for"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct scene s = ROWS[i].scene;
        struct outcome x = run(&s, ROWS[i].stream, ROWS[i].state);
        const char *row = s.lists[0];
        if (!ROWS[i].says) {
            check_row(x.ok, ROWS[i].stream);
        } else {
            check_row(!x.ok && x.error.code == ERR_SOURCE_DATA, row);
            check_contains(x.error.message, ROWS[i].says);
            check_row(x.sweeps == 0, row); // nothing is taken for gone
        }
        finish(&s);
    }
}

// ---- batch reads

#define WIDE                                                                                       \
    "{\"v\":1,\"phase\":\"full\",\"since_ms\":0,\"started_ms\":1790003600000,\"wide\":true,"       \
    "\"ranges\":[[\"\",0,null]]}"
#define IDS LIST("{\"id\":\"3\"},{\"id\":\"4\"}", "")

// A record that is gone meanwhile is no failure; one that could not be read is.
static void test_batch_reads(void **state)
{
    (void)state;
    static const struct {
        const char *batch;
        size_t records;
        const char *says; // NULL: all is well
    } ROWS[] = {
        {LIST(RECORD("3") "," RECORD("4"), ""), 2, NULL},
        {LIST(RECORD("4"), ",\"numErrors\":1,\"errors\":[{\"category\":\"OBJECT_NOT_FOUND\"}]"), 1,
         NULL},
        {LIST(RECORD("4"), ",\"errors\":[]"), 1, NULL},
        {LIST(RECORD("4"),
              ",\"errors\":[{\"category\":\"OBJECT_NOT_FOUND\"},{\"category\":\"INTERNAL"
              "\",\"message\":\"try \\u001b[2J again\"}]"),
         0, "INTERNAL : try [2J again"},
        {LIST(RECORD("4"), ",\"errors\":[{}]"), 0, "could not read some records"},
        {"{\"errors\":[]}", 0, "no list of \"results\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct scene s = {{IDS}, NOTHING, ROWS[i].batch};
        struct outcome x = run(&s, "contacts", WIDE);
        check_row(x.ok == !ROWS[i].says && x.records == ROWS[i].records, ROWS[i].batch);
        check_contains(x.error.message, ROWS[i].says ? ROWS[i].says : "");
        finish(&s);
    }
}

// What is here is counted when it is all here; that it was, is in the state.
static void test_reconcile(void **state)
{
    (void)state;
    static const char STATE[] = "{\"v\":1,\"phase\":\"incremental\",\"since_ms\":1790000000000,"
                                "\"started_ms\":1790003600000,\"whole\":true,"
                                "\"reconciled_ms\":1790003600000,\"after_id\":0}";
    struct scene s = {{LIST("", "")}, "{\"total\":1,\"results\":[" RECORD("5") "]}", NULL};
    s.reconciles = true;
    struct outcome x = run(&s, "contacts", STATE);
    check_row(x.ok && x.records == 1, x.error.message);
    assert_true(s.settled);
    assert_int_equal(s.early, 0);
    check_contains(x.cursor, "\"phase\":\"idle\"");
    check_contains(x.cursor, "\"whole\":true");
    assert_null(strstr(x.cursor, "\"reconciled_ms\":1790003600000"));
    finish(&s);
    s.reconciles = false; // not due: nothing is asked, and the state keeps what it had
    s.n_lists = 0;
    s.settled = false;
    x = run(&s, "contacts", STATE);
    check_row(x.ok && !s.settled && s.early == 0, x.error.message);
    check_contains(x.cursor, "\"reconciled_ms\":1790003600000");
    finish(&s);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_lists_to_their_end),
        cmocka_unit_test(test_cursors_are_sent),
        cmocka_unit_test(test_lists_without_an_end),
        cmocka_unit_test(test_batch_reads),
        cmocka_unit_test(test_reconcile),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
