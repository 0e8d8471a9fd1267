#include "check.h"

#include "core/clock.h"

#include <pthread.h>

static void test_system(void **state)
{
    (void)state;
    const struct clock *c = clock_system();
    int64_t mono = clock_mono_us(c);
    int64_t now = clock_now_ms(c);
    assert_true(now > INT64_C(1700000000000)); // after November 2023
    c->sleep_us(c, 2000);
    assert_true(clock_mono_us(c) >= mono + 2000);
    c->sleep_us(c, 0);
    c->sleep_us(c, -5);
}

static void test_virtual(void **state)
{
    (void)state;
    struct virtual_clock v;
    virtual_clock_init(&v, 1000000);
    const struct clock *c = &v.clock;
    assert_int_equal(clock_now_ms(c), 1000000);
    int64_t mono = clock_mono_us(c);
    assert_int_equal(clock_mono_us(c), mono); // stands still
    virtual_clock_advance_us(&v, 1500);
    assert_int_equal(clock_mono_us(c), mono + 1500);
    assert_int_equal(clock_now_ms(c), 1000001);
    c->sleep_us(c, 3600 * INT64_C(1000000)); // an hour passes at once
    assert_int_equal(clock_now_ms(c), 1000001 + 3600 * 1000);
    c->sleep_us(c, 0);
    c->sleep_us(c, -1);
    assert_int_equal(clock_mono_us(c), mono + 1500 + 3600 * INT64_C(1000000));
}

static void *advance(void *user)
{
    struct virtual_clock *v = user;
    for (int i = 0; i < 10000; i++) {
        v->clock.sleep_us(&v->clock, 3);
    }
    return NULL;
}

static void test_virtual_threads(void **state)
{
    (void)state;
    struct virtual_clock v;
    virtual_clock_init(&v, 0);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, advance, &v), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(clock_mono_us(&v.clock), 4 * 10000 * 3);
}

static void back_in_time(void)
{
    struct virtual_clock v;
    virtual_clock_init(&v, 0);
    virtual_clock_advance_us(&v, -1);
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(back_in_time);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_system),
        cmocka_unit_test(test_virtual),
        cmocka_unit_test(test_virtual_threads),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
