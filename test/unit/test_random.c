#include "check.h"

#include "core/random.h"

// The published reference outputs for the state 1, 2, 3, 4.
static void test_reference(void **state)
{
    (void)state;
    static const uint64_t WANT[] = {
        11520, 0, 1509978240, 1215971899390074240U, 1216172134540287360U, 607988272756665600U,
    };
    struct random r = {.s = {1, 2, 3, 4}};
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        assert_true(random_u64(&r) == WANT[i]);
    }
}

static void test_seed(void **state)
{
    (void)state;
    // splitmix64 from 0, as published.
    assert_true(random_mix(0) == UINT64_C(0xe220a8397b1dcdaf));
    struct random a;
    struct random b;
    random_seed(&a, 0);
    assert_true(a.s[0] == UINT64_C(0xe220a8397b1dcdaf) && a.s[1] == UINT64_C(0x6e789e6aa1b965f4));
    random_seed(&b, 0);
    for (int i = 0; i < 100; i++) {
        assert_true(random_u64(&a) == random_u64(&b));
    }
    random_seed(&b, 1);
    assert_true(random_u64(&a) != random_u64(&b));
    random_seed_entropy(&a);
    random_seed_entropy(&b);
    assert_true(random_u64(&a) != random_u64(&b));
}

static void test_below(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 42);
    int counts[10] = {0};
    for (int i = 0; i < 100000; i++) {
        uint64_t x = random_below(&r, 10);
        assert_true(x < 10);
        counts[x]++;
    }
    for (size_t i = 0; i < 10; i++) {
        assert_in_range(counts[i], 9500, 10500);
    }
    assert_true(random_below(&r, 1) == 0);
    // Just over half of the range: an even spread needs outputs to be drawn again.
    uint64_t n = (UINT64_C(1) << 63) + 1;
    int high = 0;
    for (int i = 0; i < 10000; i++) {
        uint64_t x = random_below(&r, n);
        assert_true(x < n);
        high += x >= n / 2;
    }
    assert_in_range(high, 4700, 5300);
}

static void test_unit(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, 42);
    double sum = 0;
    for (int i = 0; i < 100000; i++) {
        double x = random_unit(&r);
        assert_true(x >= 0 && x < 1);
        sum += x;
    }
    assert_true(sum > 49000 && sum < 51000);
}

static void below_nothing(void)
{
    struct random r;
    random_seed(&r, 1);
    random_below(&r, 0);
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(below_nothing);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_reference), cmocka_unit_test(test_seed),
        cmocka_unit_test(test_below),     cmocka_unit_test(test_unit),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
