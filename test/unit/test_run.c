#include "test_run.h"

#include "core/limits.h"

// A stream of plain pages.
static struct plan plain(const char *name, size_t pages, uint32_t rows)
{
    struct plan p = {.info = {.name = name, .table = "paper"}, .n_pages = pages};
    assert_true(pages <= PAGES_MAX);
    for (size_t i = 0; i < pages; i++) {
        p.pages[i].rows = rows;
    }
    return p;
}

static struct plan failing(const char *name, enum paper_call call, size_t at, enum error_code code)
{
    struct plan p = plain(name, 3, 10);
    p.fail = call;
    p.fail_at = at;
    p.code = code;
    return p;
}

static const char *last_cursor(const struct seen *s)
{
    for (size_t i = s->n_commits; i > 0; i--) {
        if (s->commits[i - 1].cursor[0] != '\0') {
            return s->commits[i - 1].cursor;
        }
    }
    return "";
}

static void run_one(struct world *w, const struct plan *p)
{
    world_init(w, p, 1);
    world_run(w);
}

static void check_failed(struct world *w, size_t stream, enum error_code code, const char *says)
{
    struct stream_report r = world_report(w, stream);
    assert_int_equal(r.status, STREAM_FAILED);
    assert_int_equal(r.error.code, code);
    check_contains(r.error.message, says);
}

// ---- a stream by itself

static void test_complete(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 5, 10);
    p.state = "before";
    p.pages[1].sweep = true;
    p.asks = true;
    world_init(&w, &p, 1);
    w.since_ms = 123;
    world_run(&w);
    struct stream_report r = world_report(&w, 0);
    struct seen *s = &w.seen[0];
    assert_int_equal(r.status, STREAM_COMPLETED);
    assert_string_equal(r.step, "done");
    assert_true(r.rows == 50 && r.bytes == 50 && r.rejects == 5 && r.removed == 3);
    assert_true(r.calls == 42 && r.estimated_total == 4242 && !r.waiting_for && !r.audited);
    assert_true(r.started_ms == 1700000000000 && r.ended_ms >= r.started_ms);
    assert_true(r.first_commit_ms >= r.started_ms);
    assert_string_equal(s->state, "before");
    assert_true(s->empty && !s->full_refresh && s->since_ms == 123);
    assert_true(s->sweeps == 1 && s->views == 1 && s->calls[CALL_INDEX] == 1 && s->audits == 0);
    assert_true(s->calls[CALL_SCHEMA] == 2 && s->tables_read == 1 && s->ids_read == 5);
    assert_int_equal(s->readers_opened, 1); // one, for all that is asked
    assert_string_equal(last_cursor(s), "c5");
    assert_true(w.seen_loading > 0 && run_exit_code(w.run) == 0 && run_streams(w.run) == 1);
    world_done(&w);
}

static void test_options_reach_the_source(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 1, 1);
    p.filled = true;
    world_init(&w, &p, 1);
    w.full_refresh = true;
    world_run(&w);
    assert_true(w.seen[0].full_refresh && !w.seen[0].empty); // one of two tables holds rows
    assert_string_equal(w.seen[0].state, "");
    world_done(&w);
}

static void test_nothing_to_load(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 0, 0);
    run_one(&w, &p);
    struct stream_report r = world_report(&w, 0);
    assert_true(r.status == STREAM_COMPLETED && r.rows == 0 && r.first_commit_ms == 0);
    assert_int_equal(w.seen[0].n_commits, 0);
    world_done(&w);
    p = plain("a", 3, 0); // pages without records move the state only
    run_one(&w, &p);
    r = world_report(&w, 0);
    assert_true(r.status == STREAM_COMPLETED && r.rows == 0 && r.first_commit_ms == 0);
    assert_string_equal(last_cursor(&w.seen[0]), "c3");
    world_done(&w);
}

static void test_audit(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 1, 1);
    p.audited = true;
    run_one(&w, &p);
    struct stream_report r = world_report(&w, 0);
    assert_true(r.audited && r.source_count == 77 && r.destination_count == 76);
    assert_true(w.seen[0].audits == 1 && w.seen[0].audit_source == 77);
    assert_true(w.seen[0].audit_destination == 76);
    assert_string_equal(last_cursor(&w.seen[0]), "c1"); // the audit leaves the state alone
    world_done(&w);
}

// ---- transactions

// Pages that belong together are never committed apart, however long the next one takes.
static void test_groups(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 9, 6000); // two pages are more than a transaction otherwise holds
    static const bool HOLD[] = {true, true, false, true, false, false, true, true, false};
    for (size_t i = 0; i < ARRAY_LEN(HOLD); i++) {
        p.pages[i].hold = HOLD[i];
        p.pages[i].pause_ms = 15;  // longer than the loader waits for more
        p.pages[i].load_ms = 1000; // so is this
        p.pages[i].without_cursor = HOLD[i];
    }
    run_one(&w, &p);
    static const struct {
        uint64_t rows;
        const char *cursor;
    } WANT[] = {{18000, "c3"}, {12000, "c5"}, {6000, "c6"}, {18000, "c9"}};
    assert_int_equal(w.seen[0].n_commits, ARRAY_LEN(WANT));
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        assert_true(w.seen[0].commits[i].rows == WANT[i].rows);
        assert_string_equal(w.seen[0].commits[i].cursor, WANT[i].cursor);
    }
    world_done(&w);
}

// The state that is committed is that of the last page in the transaction, not of one before or
// behind.
static void test_cursor_is_of_the_last_page(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 20, 100);
    for (size_t i = 0; i < 20; i++) {
        p.pages[i].pause_ms = i % 4 == 3 ? 15 : 0;
        p.pages[i].without_cursor = i % 5 == 2;
    }
    run_one(&w, &p);
    uint64_t rows = 0;
    for (size_t i = 0; i < w.seen[0].n_commits; i++) {
        rows += w.seen[0].commits[i].rows;
        uint64_t pages = rows / 100;
        char want[CURSOR_TEXT_MAX];
        snprintf(want, sizeof want, "c%d", (int)(pages % 5 == 3 ? pages - 1 : pages));
        if (w.seen[0].commits[i].cursor[0] != '\0') {
            assert_string_equal(w.seen[0].commits[i].cursor, want);
        } else { // only such a page was in it
            assert_true(w.seen[0].commits[i].rows == 100 && pages % 5 == 3);
        }
    }
    assert_int_equal(rows, 2000);
    assert_string_equal(last_cursor(&w.seen[0]), "c20");
    world_done(&w);
}

// A transaction is bounded by rows and by time.
static void test_transactions_end(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 12, 4000);
    run_one(&w, &p);
    for (size_t i = 0; i < w.seen[0].n_commits; i++) {
        assert_in_range(w.seen[0].commits[i].rows, 4000, 12000);
    }
    world_done(&w);
    p = plain("a", 12, 1);
    for (size_t i = 0; i < 12; i++) {
        p.pages[i].load_ms = 1000;
    }
    run_one(&w, &p);
    assert_int_equal(w.seen[0].n_commits, 12);
    world_done(&w);
}

// Rows do not wait for a source that is slow.
static void test_slow_source(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 4, 1);
    for (size_t i = 0; i < 4; i++) {
        p.pages[i].pause_ms = 60;
    }
    run_one(&w, &p);
    assert_in_range(w.seen[0].n_commits, 2, 4);
    world_done(&w);
}

// A clock that steps back does not make rows look older than the pass that wrote them.
static void test_floor_of_stamps(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 1, 1);
    p.floor_ms = 1700000009999;
    run_one(&w, &p);
    assert_true(w.seen[0].commits[0].synced_ms == 1700000009999);
    world_done(&w);
    p.floor_ms = 1600000000000;
    run_one(&w, &p);
    assert_true(w.seen[0].commits[0].synced_ms == 1700000000000);
    world_done(&w);
}

// ---- failures

// Wherever a stream fails, the failure is told, nothing stays open, and what was committed counts.
static void test_each_failure(void **state)
{
    (void)state;
    static const struct {
        enum paper_call call;
        size_t at;
        const char *says;
    } ROWS[] = {
        {CALL_SESSION_OPEN, 0, "as planned"},
        {CALL_READ_STATE, 0, "as planned"},
        {CALL_STREAM_OPEN, 0, "as planned"},
        {CALL_SCHEMA, 0, "table paper: as planned"},
        {CALL_HISTORY, 1, "table other: as planned"},
        {CALL_NEXT, 0, "as planned"},
        {CALL_NEXT, 2, "as planned"},
        {CALL_BEGIN, 0, "as planned"},
        {CALL_WRITE, 0, "table paper: as planned"},
        {CALL_WRITE, 3, "table other: as planned"},
        {CALL_SWEEP, 0, "table paper: as planned"},
        {CALL_COMMIT, 0, "as planned"},
        {CALL_COUNT, 0, "as planned"},
        {CALL_FINISH, 0, "as planned"},
        {CALL_VIEW, 0, "view glance: as planned"},
        {CALL_INDEX, 0, "as planned"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct world w;
        struct plan p = failing("a", ROWS[i].call, ROWS[i].at, ERR_DESTINATION_FULL);
        p.audited = true;
        p.pages[1].sweep = true;
        run_one(&w, &p);
        check_failed(&w, 0, ERR_DESTINATION_FULL, ROWS[i].says);
        assert_true(w.seen[0].calls[ROWS[i].call] == ROWS[i].at + 1); // and is not tried again
        assert_int_equal(run_exit_code(w.run), 5);
        world_done(&w);
    }
}

// A reader that cannot be opened fails the source's question.
static void test_reader_fails(void **state)
{
    (void)state;
    struct world w;
    struct plan p = failing("a", CALL_SESSION_OPEN, 1, ERR_DESTINATION_CONNECT);
    p.asks = true;
    run_one(&w, &p);
    check_failed(&w, 0, ERR_DESTINATION_CONNECT, "as planned");
    world_done(&w);
}

// What came before the source failed is kept; of a group that it broke off, nothing is.
static void test_source_fails(void **state)
{
    (void)state;
    struct world w;
    struct plan p = failing("a", CALL_NEXT, 2, ERR_SOURCE_DATA);
    run_one(&w, &p);
    check_failed(&w, 0, ERR_SOURCE_DATA, "as planned");
    assert_int_equal(w.seen[0].rows, 20);
    assert_string_equal(last_cursor(&w.seen[0]), "c2");
    world_done(&w);
    p.pages[0].load_ms = 1000; // long enough to be committed by itself
    p.pages[1].hold = true;
    run_one(&w, &p);
    check_failed(&w, 0, ERR_SOURCE_DATA, "as planned");
    assert_int_equal(w.seen[0].rows, 10);
    assert_string_equal(last_cursor(&w.seen[0]), "c1");
    assert_int_equal(w.seen[0].rollbacks, 1);
    world_done(&w);
}

// A source that ends within a group has lost its end: that is no completed stream.
static void test_source_ends_within_a_group(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 2, 10);
    p.pages[1].hold = true;
    run_one(&w, &p);
    check_failed(&w, 0, ERR_INTERNAL, "group of pages");
    assert_true(w.seen[0].rows <= 10);
    world_done(&w);
}

// Loading fails while the source would go on for ever: it is stopped, and its pages are freed.
static void test_loader_stops_the_source(void **state)
{
    (void)state;
    static const enum paper_call CALLS[] = {CALL_BEGIN, CALL_WRITE, CALL_COMMIT};
    for (size_t i = 0; i < ARRAY_LEN(CALLS); i++) {
        for (size_t at = 0; at < 4; at++) {
            struct world w;
            struct plan p = failing("a", CALLS[i], at, ERR_DESTINATION_CONNECT);
            p.endless = true;
            p.pages[2].rows = 3000;
            run_one(&w, &p);
            check_failed(&w, 0, ERR_DESTINATION_CONNECT, "as planned");
            assert_true(w.pages_made < 1000);
            world_done(&w);
        }
    }
}

static void test_state_too_large(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 2, 10);
    p.pages[1].cursor_bytes = LIMIT_STATE_BYTES + 1;
    run_one(&w, &p);
    check_failed(&w, 0, ERR_LIMIT, "state is larger than 1048576 bytes");
    world_done(&w);
}

// ---- several streams

static void test_needs(void **state)
{
    (void)state;
    struct plan plans[] = {plain("c", 3, 1), plain("b", 3, 1), plain("a", 3, 1), plain("d", 3, 1)};
    plans[0].info.needs[0] = "b";
    plans[0].info.needs[1] = "a";
    plans[1].info.needs[0] = "a";
    plans[3].info.needs[0] = "not in this run";
    plans[2].pages[0].pause_ms = 30;
    plans[1].pages[0].pause_ms = 30;
    for (size_t parallel = 1; parallel <= 4; parallel++) {
        struct world w;
        world_init(&w, plans, ARRAY_LEN(plans));
        w.parallel = parallel;
        world_run(&w);
        assert_true(w.seen[2].closed_at < w.seen[1].opened_at);
        assert_true(w.seen[1].closed_at < w.seen[0].opened_at);
        assert_int_equal(run_exit_code(w.run), 0);
        world_done(&w);
    }
}

static void test_parallel_is_bounded(void **state)
{
    (void)state;
    struct plan plans[STREAMS_MAX];
    static const char *const NAMES[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        plans[i] = plain(NAMES[i], 3, 1);
        plans[i].pages[0].pause_ms = 20;
    }
    for (size_t parallel = 1; parallel <= 3; parallel++) {
        struct world w;
        world_init(&w, plans, STREAMS_MAX);
        w.parallel = parallel;
        world_run(&w); // checks that there were never more
        assert_int_equal(w.most_open, parallel);
        world_done(&w);
    }
}

static void test_failures_stay_apart(void **state)
{
    (void)state;
    struct plan plans[] = {plain("a", 3, 1), failing("b", CALL_NEXT, 1, ERR_SCOPE),
                           plain("c", 3, 1), plain("d", 3, 1)};
    plans[2].info.needs[0] = "a";
    plans[2].info.needs[1] = "b";
    struct world w;
    world_init(&w, plans, ARRAY_LEN(plans));
    world_run(&w);
    assert_int_equal(world_report(&w, 0).status, STREAM_COMPLETED);
    check_failed(&w, 1, ERR_SCOPE, "as planned");
    check_failed(&w, 2, ERR_NEEDS, "it needs the stream b, which failed");
    assert_int_equal(w.seen[2].opened_at, 0);
    assert_int_equal(world_report(&w, 3).status, STREAM_COMPLETED);
    assert_int_equal(run_exit_code(w.run), 3);
    world_done(&w);
}

// A need that was interrupted is as good as one that failed, though nobody interrupts the run.
static void test_need_is_interrupted(void **state)
{
    (void)state;
    struct plan plans[] = {failing("a", CALL_NEXT, 1, ERR_INTERRUPTED), plain("b", 3, 1)};
    plans[1].info.needs[0] = "a";
    struct world w;
    world_init(&w, plans, ARRAY_LEN(plans));
    world_run(&w);
    check_failed(&w, 1, ERR_NEEDS, "it needs the stream a, which was interrupted");
    world_done(&w);
}

// A limit that is spent delays the stream and those that need it; the others go on.
static void test_limit_delays(void **state)
{
    (void)state;
    struct plan plans[] = {failing("a", CALL_NEXT, 1, ERR_DAILY_LIMIT), plain("b", 3, 1),
                           plain("c", 3, 1)};
    plans[1].info.needs[0] = "a";
    struct world w;
    world_init(&w, plans, ARRAY_LEN(plans));
    world_run(&w);
    struct stream_report a = world_report(&w, 0);
    assert_int_equal(a.status, STREAM_DELAYED);
    assert_true(a.rows > 0); // what was loaded is kept
    assert_int_equal(world_report(&w, 1).status, STREAM_DELAYED);
    assert_non_null(strstr(world_report(&w, 1).error.message, "it needs the stream a"));
    assert_int_equal(world_report(&w, 2).status, STREAM_COMPLETED);
    assert_int_equal(run_exit_code(w.run), 8);
    world_done(&w);
}

// Streams that need one that cannot be run cannot be run either, in whatever order they stand.
static void test_failure_goes_down_the_chain(void **state)
{
    (void)state;
    struct plan plans[] = {plain("d", 3, 1), plain("c", 3, 1), plain("b", 3, 1),
                           failing("a", CALL_NEXT, 0, ERR_CREDENTIALS)};
    plans[0].info.needs[0] = "c";
    plans[1].info.needs[0] = "b";
    plans[2].info.needs[0] = "a";
    plans[3].pages[0].pause_ms = 20;
    for (size_t parallel = 1; parallel <= 4; parallel++) {
        struct world w;
        world_init(&w, plans, ARRAY_LEN(plans));
        w.parallel = parallel;
        world_run(&w);
        check_failed(&w, 0, ERR_NEEDS, "it needs the stream c, which failed");
        check_failed(&w, 1, ERR_NEEDS, "it needs the stream b, which failed");
        check_failed(&w, 2, ERR_NEEDS, "it needs the stream a, which failed");
        check_failed(&w, 3, ERR_CREDENTIALS, "as planned");
        world_done(&w);
    }
}

static void test_exit_codes(void **state)
{
    (void)state;
    static const struct {
        enum error_code first, second; // ERR_OK: completes
        int want;
    } ROWS[] = {
        {ERR_OK, ERR_OK, 0},
        {ERR_OK, ERR_CREDENTIALS, 3},
        {ERR_SOURCE_DATA, ERR_OK, 3},
        {ERR_CREDENTIALS, ERR_CREDENTIALS, 4},
        {ERR_DESTINATION, ERR_CREDENTIALS, 5},
        {ERR_SOURCE_UNAVAILABLE, ERR_DESTINATION, 6},
        {ERR_STATE, ERR_SCOPE, 5},
        {ERR_INTERNAL, ERR_SCOPE, 1},
        {ERR_INTERRUPTED, ERR_OK, 7},
        {ERR_CREDENTIALS, ERR_INTERRUPTED, 7},
        {ERR_DAILY_LIMIT, ERR_OK, 8},
        {ERR_RATE_LIMITED, ERR_DAILY_LIMIT, 8},
        {ERR_MIGRATING, ERR_CREDENTIALS, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct plan plans[] = {failing("a", CALL_NEXT, 1, ROWS[i].first),
                               failing("b", CALL_NEXT, 1, ROWS[i].second)};
        plans[0].fail = ROWS[i].first ? CALL_NEXT : CALL_NONE;
        plans[1].fail = ROWS[i].second ? CALL_NEXT : CALL_NONE;
        struct world w;
        world_init(&w, plans, 2);
        world_run(&w);
        assert_int_equal(run_exit_code(w.run), ROWS[i].want);
        world_done(&w);
    }
}

// ---- interruption

static void test_interrupted(void **state)
{
    (void)state;
    struct plan plans[] = {plain("a", 1, 1), plain("b", 5, 10), plain("c", 1, 1), plain("d", 1, 1)};
    plans[1].cancel_at = 4;
    plans[2].info.needs[0] = "b";
    struct world w;
    world_init(&w, plans, ARRAY_LEN(plans));
    w.parallel = 1;
    world_run(&w);
    assert_int_equal(world_report(&w, 0).status, STREAM_COMPLETED);
    struct stream_report r = world_report(&w, 1);
    assert_true(r.status == STREAM_INTERRUPTED && r.error.code == ERR_INTERRUPTED);
    assert_true(r.rows == 30); // all that had been read is kept
    assert_string_equal(last_cursor(&w.seen[1]), "c3");
    assert_int_equal(w.seen[1].views, 0);
    for (size_t i = 2; i < 4; i++) {
        r = world_report(&w, i);
        assert_true(r.status == STREAM_INTERRUPTED && r.started_ms == 0);
        check_contains(r.error.message, "interrupted before it began");
        assert_int_equal(w.seen[i].opened_at, 0);
    }
    assert_int_equal(run_exit_code(w.run), 7);
    world_done(&w);
}

// An interrupted group of pages is not there at all.
static void test_interrupted_within_a_group(void **state)
{
    (void)state;
    struct world w;
    struct plan p = plain("a", 5, 10);
    p.pages[0].load_ms = 1000;
    p.pages[1].hold = p.pages[2].hold = true;
    p.cancel_at = 4;
    run_one(&w, &p);
    assert_int_equal(world_report(&w, 0).status, STREAM_INTERRUPTED);
    assert_int_equal(w.seen[0].rows, 10);
    assert_string_equal(last_cursor(&w.seen[0]), "c1");
    world_done(&w);
}

static void test_cancelled_before(void **state)
{
    (void)state;
    struct world w;
    struct plan plans[] = {plain("a", 1, 1), plain("b", 1, 1)};
    world_init(&w, plans, 2);
    cancel_request(&w.cancel);
    world_run(&w);
    assert_true(w.seen[0].opened_at == 0 && w.seen[1].opened_at == 0);
    assert_int_equal(run_exit_code(w.run), 7);
    world_done(&w);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < STREAM_STATUS_COUNT; i++) {
        assert_true(stream_status_name((enum stream_status)i)[0] != '\0');
    }
    run_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_complete),
        cmocka_unit_test(test_options_reach_the_source),
        cmocka_unit_test(test_nothing_to_load),
        cmocka_unit_test(test_audit),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_cursor_is_of_the_last_page),
        cmocka_unit_test(test_transactions_end),
        cmocka_unit_test(test_slow_source),
        cmocka_unit_test(test_floor_of_stamps),
        cmocka_unit_test(test_each_failure),
        cmocka_unit_test(test_reader_fails),
        cmocka_unit_test(test_source_fails),
        cmocka_unit_test(test_source_ends_within_a_group),
        cmocka_unit_test(test_loader_stops_the_source),
        cmocka_unit_test(test_state_too_large),
        cmocka_unit_test(test_needs),
        cmocka_unit_test(test_parallel_is_bounded),
        cmocka_unit_test(test_failures_stay_apart),
        cmocka_unit_test(test_need_is_interrupted),
        cmocka_unit_test(test_failure_goes_down_the_chain),
        cmocka_unit_test(test_limit_delays),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_interrupted_within_a_group),
        cmocka_unit_test(test_cancelled_before),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
