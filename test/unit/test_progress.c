#include "check.h"

#include "cli/progress.h"

static void test_count(void **state)
{
    (void)state;
    static const struct {
        uint64_t n;
        const char *want;
    } ROWS[] = {
        {0, "0"},
        {7, "7"},
        {999, "999"},
        {1000, "1,000"},
        {10000, "10,000"},
        {999999, "999,999"},
        {1000000, "1,000,000"},
        {1234567, "1,234,567"},
        {UINT64_MAX, "18,446,744,073,709,551,615"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char out[COUNT_TEXT_MAX];
        const char *got = count_text(ROWS[i].n, out);
        assert_string_equal(got, ROWS[i].want);
        assert_ptr_equal(got, out);
    }
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *want;
    } ROWS[] = {
        {0, "0 ms"},
        {1, "1 ms"},
        {850, "850 ms"},
        {999, "999 ms"},
        {1000, "1.0 s"},
        {1099, "1.0 s"},
        {12345, "12.3 s"},
        {59999, "59.9 s"}, // never "60.0 s"
        {60000, "1 min 0 s"},
        {250000, "4 min 10 s"},
        {3599999, "59 min 59 s"},
        {3600000, "1 h 0 min"},
        {7500000, "2 h 5 min"},
        {90000000, "25 h 0 min"},
        {INT64_MAX, "2562047788015 h 12 min"},
        {-1, "0 ms"}, // a clock that stepped back
        {INT64_MIN, "0 ms"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char out[COUNT_TEXT_MAX];
        const char *got = duration_text(ROWS[i].ms, out);
        assert_string_equal(got, ROWS[i].want);
        assert_ptr_equal(got, out);
    }
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_count),
        cmocka_unit_test(test_duration),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
