// Pages: reuse, and how many of them all accounts of a process hold at once.
#include "check.h"

#include "source/hubspot/pages.h"

#include <pthread.h>

static void test_gate(void **state)
{
    (void)state;
    struct page_gate *g = page_gate_create(2, 0);
    assert_true(page_gate_enter(g));
    assert_true(page_gate_enter(g));
    assert_false(page_gate_enter(g));
    page_gate_leave(g);
    assert_true(page_gate_enter(g));
    assert_false(page_gate_enter(g));
    page_gate_leave(g);
    page_gate_leave(g);
    page_gate_destroy(g);
    page_gate_destroy(NULL);
}

static void *enter(void *gate)
{
    return page_gate_enter(gate) ? gate : NULL;
}

// Who waits goes in as soon as another leaves, long before the wait is over.
static void test_gate_wakes(void **state)
{
    (void)state;
    struct page_gate *g = page_gate_create(1, 600000);
    pthread_t thread;
    void *entered = NULL;
    assert_true(page_gate_enter(g));
    assert_int_equal(pthread_create(&thread, NULL, enter, g), 0);
    page_gate_leave(g);
    assert_int_equal(pthread_join(thread, &entered), 0);
    assert_ptr_equal(entered, g);
    page_gate_leave(g);
    page_gate_destroy(g);
}

// Two accounts share a gate; a page that was taken in spite of it gives back no place.
static void test_pools_share_a_gate(void **state)
{
    (void)state;
    struct page_gate *g = page_gate_create(1, 0);
    struct page_pool *one = page_pool_create(0, g);
    struct page_pool *two = page_pool_create(PAGE_POOL_MAX, g);
    struct page *inside = page_pool_take(one);
    struct page *outside = page_pool_take(two);
    assert_non_null(outside);
    page_destroy(outside);
    assert_false(page_gate_enter(g));
    page_destroy(inside);
    assert_true(page_gate_enter(g));
    page_gate_leave(g);
    // The page that is kept comes back, and counts.
    struct page *again = page_pool_take(two);
    assert_ptr_equal(again, outside);
    assert_false(page_gate_enter(g));
    page_destroy(again);
    page_pool_destroy(one);
    page_pool_destroy(two);
    page_gate_destroy(g); // nobody is inside
}

static void test_pages_are_used_again(void **state)
{
    (void)state;
    struct page_pool *p = page_pool_create(1, NULL);
    struct page *a = page_pool_take(p);
    struct page *b = page_pool_take(p);
    assert_ptr_not_equal(a, b);
    a->n_batches = 1;
    a->records = 7;
    page_destroy(a);
    page_destroy(b);
    struct page *c = page_pool_take(p);
    assert_ptr_equal(a, c);
    assert_int_equal(c->n_batches, 0);
    assert_int_equal(c->records, 0);
    page_destroy(c);
    page_pool_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gate),
        cmocka_unit_test(test_gate_wakes),
        cmocka_unit_test(test_pools_share_a_gate),
        cmocka_unit_test(test_pages_are_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
