#include "check.h"

#include "core/buf.h"

static void test_append(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    assert_string_equal(buf_cstr(&b), "");
    assert_true(buf_add(&b, STR("ab")));
    assert_true(buf_add(&b, str_from(NULL)));
    assert_true(buf_add_char(&b, 'c'));
    assert_true(buf_add_cstr(&b, "de"));
    assert_true(buf_printf(&b, "%d%s", 7, "x"));
    assert_string_equal(buf_cstr(&b), "abcde7x");
    check_str(buf_str(&b), "abcde7x");
    buf_consume(&b, 2);
    check_str(buf_str(&b), "cde7x");
    buf_consume(&b, 5);
    check_str(buf_str(&b), "");
    buf_consume(&b, 0);
    buf_done(&b);
}

static void test_integers(void **state)
{
    (void)state;
    static const int64_t VALUES[] = {0, 1, -1, 10, 99, -100, INT64_MAX, INT64_MIN};
    struct buf b;
    buf_init(&b, 100);
    for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
        char want[32];
        snprintf(want, sizeof(want), "%lld", (long long)VALUES[i]);
        buf_reset(&b);
        assert_true(buf_add_int(&b, VALUES[i]));
        check_str(buf_str(&b), want);
    }
    buf_done(&b);
}

static void test_growth(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100000);
    for (int i = 0; i < 100000; i++) {
        assert_true(buf_add_char(&b, (char)('a' + i % 26)));
    }
    assert_false(b.overflow);
    for (int i = 0; i < 100000; i++) {
        assert_int_equal(b.ptr[i], 'a' + i % 26);
    }
    assert_int_equal(strlen(buf_cstr(&b)), 100000);
    assert_true(b.cap <= 100001);
    buf_done(&b);
}

static void test_limit(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 5);
    assert_true(buf_add(&b, STR("12345")));
    assert_false(b.overflow);
    assert_false(buf_add_char(&b, '6'));
    assert_true(b.overflow);
    // Sticky: even what would add nothing says so, and nothing changes.
    assert_false(buf_add(&b, STR("")));
    assert_false(buf_add_int(&b, 1));
    assert_false(buf_printf(&b, "%s", "x"));
    assert_null(buf_reserve(&b, 1));
    assert_string_equal(buf_cstr(&b), "12345");
    buf_reset(&b);
    assert_false(b.overflow);
    assert_true(buf_printf(&b, "%s", "abcde"));
    buf_reset(&b);
    assert_false(buf_printf(&b, "%s", "abcdef"));
    check_str(buf_str(&b), "");
    buf_reset(&b);
    assert_false(buf_add(&b, (struct str){"", SIZE_MAX}));
    assert_true(b.overflow);
    buf_done(&b);
}

static void test_reserve(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 1000);
    char *to = buf_reserve(&b, 1000);
    assert_non_null(to);
    memset(to, 'x', 1000);
    buf_commit(&b, 3);
    assert_string_equal(buf_cstr(&b), "xxx");
    assert_null(buf_reserve(&b, 998));
    assert_true(b.overflow);
    buf_done(&b);
    buf_done(&b); // harmless
    struct buf zeroed = {0};
    buf_done(&zeroed);
    assert_false(buf_add_char(&zeroed, 'x')); // no maximum was given
}

static void commit_more_than_reserved(void)
{
    struct buf b;
    buf_init(&b, 10);
    buf_reserve(&b, 10);
    buf_commit(&b, 11);
}

static void consume_more_than_there_is(void)
{
    struct buf b;
    buf_init(&b, 10);
    buf_add_char(&b, 'x');
    buf_consume(&b, 2);
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(commit_more_than_reserved);
    check_aborts(consume_more_than_there_is);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_append),  cmocka_unit_test(test_integers),
        cmocka_unit_test(test_growth),  cmocka_unit_test(test_limit),
        cmocka_unit_test(test_reserve), cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
