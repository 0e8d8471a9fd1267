#include "check.h"

#include "core/clock.h"
#include "core/queue.h"

#include <pthread.h>
#include <stdatomic.h>

static void test_order(void **state)
{
    (void)state;
    int items[5] = {0, 1, 2, 3, 4};
    struct queue *q = queue_create(3);
    // Past the end of the ring several times.
    for (int round = 0; round < 10; round++) {
        assert_true(queue_put(q, &items[0]));
        assert_true(queue_put(q, &items[1]));
        assert_true(queue_put(q, &items[2]));
        assert_int_equal(queue_length(q), 3);
        assert_ptr_equal(queue_try_take(q), &items[0]);
        assert_true(queue_put(q, &items[3]));
        assert_ptr_equal(queue_take(q, -1), &items[1]);
        assert_ptr_equal(queue_take(q, 0), &items[2]);
        assert_ptr_equal(queue_take(q, 1000), &items[3]);
        assert_null(queue_try_take(q));
    }
    queue_destroy(q);
    queue_destroy(NULL);
}

static void test_timeout(void **state)
{
    (void)state;
    struct queue *q = queue_create(1);
    int64_t start = clock_mono_us(clock_system());
    assert_null(queue_take(q, 20));
    assert_true(clock_mono_us(clock_system()) - start >= 20000);
    assert_null(queue_take(q, 0));
    assert_false(queue_is_done(q));
    queue_destroy(q);
}

static void test_close_drains(void **state)
{
    (void)state;
    int item;
    struct queue *q = queue_create(2);
    assert_true(queue_put(q, &item));
    queue_close(q);
    assert_false(queue_put(q, &item));
    assert_false(queue_is_done(q));
    assert_ptr_equal(queue_take(q, -1), &item);
    assert_true(queue_is_done(q));
    assert_null(queue_take(q, -1)); // does not wait for what cannot come
    queue_close(q);
    queue_destroy(q);
}

struct party {
    struct queue *q;
    atomic_int result;
};

static void *put_until_refused(void *user)
{
    struct party *p = user;
    int n = 0;
    while (queue_put(p->q, p)) {
        n++;
    }
    atomic_store(&p->result, n);
    return NULL;
}

static void test_full_waits(void **state)
{
    (void)state;
    struct party p = {.q = queue_create(2)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, put_until_refused, &p), 0);
    for (int i = 0; i < 5; i++) {
        assert_non_null(queue_take(p.q, -1));
    }
    const struct clock *c = clock_system();
    for (int i = 0; i < 1000 && queue_length(p.q) < 2; i++) {
        c->sleep_us(c, 1000);
    }
    c->sleep_us(c, 10000);
    assert_int_equal(queue_length(p.q), 2); // and not more: the producer waits
    queue_close(p.q);                       // wakes it
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(atomic_load(&p.result), 7);
    queue_destroy(p.q);
}

static void *take_for_ever(void *user)
{
    struct party *p = user;
    int n = 0;
    while (queue_take(p->q, -1)) {
        n++;
    }
    atomic_store(&p->result, n);
    return NULL;
}

static void test_close_wakes_takers(void **state)
{
    (void)state;
    struct queue *q = queue_create(1);
    struct party parties[3] = {{.q = q}, {.q = q}, {.q = q}};
    pthread_t threads[3];
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, take_for_ever, &parties[i]), 0);
    }
    clock_system()->sleep_us(clock_system(), 5000);
    queue_close(q);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(atomic_load(&parties[i].result), 0);
    }
    queue_destroy(q);
}

enum { PER_PRODUCER = 20000, PRODUCERS = 3, CONSUMERS = 3 };

struct crowd {
    struct queue *q;
    atomic_uchar seen[PRODUCERS * PER_PRODUCER];
    atomic_int next_producer;
};

static void *produce(void *user)
{
    struct crowd *c = user;
    int base = atomic_fetch_add(&c->next_producer, 1) * PER_PRODUCER;
    for (int i = 0; i < PER_PRODUCER; i++) {
        bool ok = queue_put(c->q, &c->seen[base + i]);
        assert(ok);
    }
    return NULL;
}

static void *consume(void *user)
{
    struct crowd *c = user;
    atomic_uchar *item;
    while ((item = queue_take(c->q, -1))) {
        atomic_fetch_add(item, 1);
    }
    return NULL;
}

// Many threads on both sides: each item arrives exactly once.
static void test_crowd(void **state)
{
    (void)state;
    struct crowd *c = calloc(1, sizeof(*c));
    assert_non_null(c);
    c->q = queue_create(7);
    pthread_t producers[PRODUCERS];
    pthread_t consumers[CONSUMERS];
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_create(&producers[i], NULL, produce, c), 0);
    }
    for (size_t i = 0; i < CONSUMERS; i++) {
        assert_int_equal(pthread_create(&consumers[i], NULL, consume, c), 0);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        assert_int_equal(pthread_join(producers[i], NULL), 0);
    }
    queue_close(c->q);
    for (size_t i = 0; i < CONSUMERS; i++) {
        assert_int_equal(pthread_join(consumers[i], NULL), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(c->seen); i++) {
        assert_int_equal(atomic_load(&c->seen[i]), 1);
    }
    queue_destroy(c->q);
    free(c);
}

static void no_capacity(void)
{
    queue_create(0);
}

static void put_nothing(void)
{
    bool ok = queue_put(queue_create(1), NULL);
    (void)ok;
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(no_capacity);
    check_aborts(put_nothing);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_close_drains),
        cmocka_unit_test(test_full_waits),
        cmocka_unit_test(test_close_wakes_takers),
        cmocka_unit_test(test_crowd),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
