#include "check.h"

#include <float.h>

static void test_from(void **state)
{
    (void)state;
    assert_int_equal(str_from(NULL).len, 0);
    assert_null(str_from(NULL).ptr);
    check_slice(str_from("abc"), STR("abc"));
    assert_int_equal(STR("a\0b").len, 3);
}

static void test_compare(void **state)
{
    (void)state;
    assert_true(str_eq(STR(""), str_from(NULL)));
    assert_false(str_eq(STR("a"), STR("A")));
    assert_false(str_eq(STR("a"), STR("ab")));
    assert_true(str_eq(STR("a\0b"), STR("a\0b")));
    assert_false(str_eq(STR("a\0b"), STR("a\0c")));
    assert_true(str_eq_nocase(STR("aZ9-"), STR("Az9-")));
    assert_false(str_eq_nocase(STR("\xc3\xa4"), STR("\xc3\x84"))); // ASCII only
    assert_false(str_eq_nocase(STR("@"), STR("`")));
    assert_false(str_eq_nocase(STR("a"), STR("ab")));
    assert_true(str_cmp(STR("a"), STR("b")) < 0);
    assert_true(str_cmp(STR("a"), STR("aa")) < 0);
    assert_true(str_cmp(STR("\xff"), STR("a")) > 0); // unsigned
    assert_int_equal(str_cmp(str_from(NULL), STR("")), 0);
    assert_true(str_cmp(STR("b"), STR("a")) > 0);
    assert_true(str_cmp(STR("aa"), STR("a")) > 0);
}

static void test_find(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *needle;
        int at;
    } ROWS[] = {{"abcabc", "c", 2}, {"abcabc", "ca", 2}, {"abc", "abcd", -1}, {"", "", 0},
                {"abc", "", 0},     {"", "a", -1},       {"aab", "ab", 1},    {"abc", "C", -1}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        ptrdiff_t at = str_find(str_from(ROWS[i].text), str_from(ROWS[i].needle));
        check_row(at == ROWS[i].at, ROWS[i].text);
    }
    assert_int_equal(str_find_char(STR("a\0b"), '\0'), 1);
    assert_int_equal(str_find_char(STR("ab"), '\0'), -1);
    assert_int_equal(str_find_char(str_from(NULL), 'x'), -1);
    assert_true(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR("")));
    assert_false(str_starts(STR("ab"), STR("abc")) || str_starts(STR("ab"), STR("b")));
    assert_true(str_ends(STR("abc"), STR("bc")) && str_ends(STR(""), STR("")));
    assert_false(str_ends(STR("bc"), STR("abc")) || str_ends(STR("ab"), STR("a")));
}

static void test_sub_and_trim(void **state)
{
    (void)state;
    check_str(str_sub(STR("abcdef"), 1, 2), "bc");
    check_str(str_sub(STR("abc"), 2, SIZE_MAX), "c");
    check_str(str_sub(STR("abc"), 3, 1), "");
    check_str(str_sub(STR("abc"), SIZE_MAX, SIZE_MAX), "");
    check_str(str_sub(str_from(NULL), 1, 1), "");
    check_str(str_trim(STR(" \t\r\n\v\fa b \n")), "a b");
    check_str(str_trim(STR(" \n ")), "");
    check_str(str_trim(STR("\xc2\xa0x")), "\xc2\xa0x"); // ASCII only
}

static void test_next(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        const char *last;
    } ROWS[] = {{"a,,b", 3, "b"}, {"a,", 1, "a"}, {"", 0, NULL},
                {",", 1, ""},     {",a", 2, "a"}, {"abc", 1, "abc"}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str rest = str_from(ROWS[i].text);
        struct str field = {0};
        size_t n = 0;
        while (str_next(&rest, ',', &field)) {
            n++;
        }
        check_row(n == ROWS[i].n, ROWS[i].text);
        if (ROWS[i].last) {
            check_str(field, ROWS[i].last);
        }
    }
}

static void test_integers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ok;
        int64_t value;
    } ROWS[] = {{"0", true, 0},
                {"-0", true, 0},
                {"007", true, 7},
                {"9223372036854775807", true, INT64_MAX},
                {"-9223372036854775808", true, INT64_MIN},
                {"9223372036854775808", false, 0},
                {"-9223372036854775809", false, 0},
                {"18446744073709551616", false, 0},
                {"99999999999999999999999", false, 0},
                {"", false, 0},
                {"-", false, 0},
                {"+1", false, 0},
                {" 1", false, 0},
                {"1 ", false, 0},
                {"1.0", false, 0},
                {"0x10", false, 0},
                {"--1", false, 0},
                {"1/", false, 0},
                {"1:", false, 0}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t value = 4711;
        check_row(str_to_int64(str_from(ROWS[i].text), &value) == ROWS[i].ok, ROWS[i].text);
        check_row(value == (ROWS[i].ok ? ROWS[i].value : 4711), ROWS[i].text);
    }
    uint64_t big = 0;
    assert_true(str_to_uint64(STR("18446744073709551615"), &big));
    assert_true(big == UINT64_MAX);
    assert_false(str_to_uint64(STR("18446744073709551616"), &big));
    assert_false(str_to_uint64(STR("-1"), &big));
    assert_false(str_to_uint64(STR("1\0"), &big));
    assert_true(big == UINT64_MAX);
}

static void test_doubles(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double value;
    } GOOD[] = {{"0", 0},    {"-1.5", -1.5}, {"1e3", 1000}, {"1E-3", 0.001},
                {".5", 0.5}, {"5.", 5},      {"+2", 2},     {"1.7976931348623157e308", DBL_MAX},
                {"0.1", 0.1}};
    double value = 0;
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        check_row(str_to_double(str_from(GOOD[i].text), &value), GOOD[i].text);
        check_row(value == GOOD[i].value, GOOD[i].text);
    }
    static const char *const BAD[] = {"",    " 1",  "1 ",    "nan", "inf", "-inf", "0x10", "1e",
                                      "1,5", "1;2", "1e999", "e5",  ".",   "-",    "1.2.3"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        check_row(!str_to_double(str_from(BAD[i]), &value), BAD[i]);
    }
    char digits[514];
    memset(digits, '0', sizeof(digits));
    assert_true(str_to_double((struct str){digits, 512}, &value));
    assert_false(str_to_double((struct str){digits, 513}, &value));
}

static void test_hash(void **state)
{
    (void)state;
    assert_true(str_hash(STR("a")) == str_hash(STR("a")));
    assert_true(str_hash(STR("a")) != str_hash(STR("b")));
    assert_true(str_hash(STR("")) != str_hash(STR("\0")));
    // Column names are derived from it: it must never change.
    assert_true(str_hash(STR("")) == UINT64_C(0xc3817c016ba4ff30));
    assert_true(str_hash(STR("Lifecycle Stage")) == UINT64_C(0xb397fbfecdb7490e));
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_from),    cmocka_unit_test(test_compare),
        cmocka_unit_test(test_find),    cmocka_unit_test(test_sub_and_trim),
        cmocka_unit_test(test_next),    cmocka_unit_test(test_integers),
        cmocka_unit_test(test_doubles), cmocka_unit_test(test_hash),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
