#include "test_run.h"

// A source that waits until what it gave is committed; histories.

static struct plan six_pages(void)
{
    struct plan p = {.info = {.name = "a", .table = "paper"}, .n_pages = 6};
    for (size_t i = 0; i < p.n_pages; i++) {
        p.pages[i].rows = 10;
    }
    return p;
}

static void run_one(struct world *w, const struct plan *p)
{
    world_init(w, p, 1);
    world_run(w);
}

static void test_all_is_there(void **state)
{
    (void)state;
    struct world w;
    struct plan p = six_pages();
    p.settle_at = 5;
    run_one(&w, &p);
    assert_int_equal(world_report(&w, 0).status, STREAM_COMPLETED);
    assert_int_equal(w.seen[0].rows_settled, 40);
    assert_int_equal(w.seen[0].rows, 60);
    world_done(&w);
    p.settle_at = 1; // nothing to wait for
    run_one(&w, &p);
    assert_int_equal(world_report(&w, 0).status, STREAM_COMPLETED);
    assert_int_equal(w.seen[0].rows_settled, 0);
    world_done(&w);
}

// Loading that fails ends the wait, and its own error is the stream's.
static void test_loading_fails(void **state)
{
    (void)state;
    static const enum paper_call CALLS[] = {CALL_WRITE, CALL_COMMIT};
    for (size_t i = 0; i < ARRAY_LEN(CALLS); i++) {
        struct world w;
        struct plan p = six_pages();
        p.fail = CALLS[i];
        p.code = ERR_DESTINATION_FULL;
        p.settle_at = 2;
        run_one(&w, &p);
        assert_int_equal(world_report(&w, 0).status, STREAM_FAILED);
        assert_int_equal(world_report(&w, 0).error.code, ERR_DESTINATION_FULL);
        assert_int_equal(w.seen[0].rows, 0);
        world_done(&w);
    }
}

// Which histories are kept, and what wipes them.
static void test_histories(void **state)
{
    (void)state;
    static const bool HISTORY[] = {false, true};
    struct world w;
    struct plan plans[] = {six_pages(), six_pages()};
    plans[1].info.name = "b";
    world_init(&w, plans, 2);
    w.history = HISTORY;
    w.reset_history = "run 7";
    world_run(&w);
    assert_int_equal(w.seen[0].histories, 0);
    assert_int_equal(w.seen[1].histories, 2); // of both its tables
    for (size_t i = 0; i < 2; i++) {          // also of histories that were kept before
        assert_int_equal(w.seen[i].calls[CALL_HISTORY], 2);
        assert_int_equal(w.seen[i].resets, 2);
        assert_int_equal(w.seen[i].calls[CALL_FINISH], 1);
    }
    world_done(&w);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_all_is_there),
        cmocka_unit_test(test_loading_fails),
        cmocka_unit_test(test_histories),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
