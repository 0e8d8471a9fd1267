#include "check.h"

#include "core/arena.h"

static void test_alignment(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    for (size_t size = 0; size < 100; size++) {
        char *p = arena_alloc(&a, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        memset(p, 0xab, size);
    }
    assert_int_equal(a.used, 99 * 100 / 2);
    arena_done(&a);
    assert_int_equal(a.used, 0);
}

static void test_no_overlap(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 64 << 20);
    enum { N = 3000 };
    unsigned char *blocks[N];
    // Sizes around the chunk sizes, so that new chunks are begun in every way.
    for (size_t i = 0; i < N; i++) {
        size_t size = i * 7919 % 9000 + 1;
        blocks[i] = arena_alloc(&a, size);
        memset(blocks[i], (int)(i % 251), size);
    }
    for (size_t i = 0; i < N; i++) {
        size_t size = i * 7919 % 9000 + 1;
        assert_int_equal(blocks[i][0], i % 251);
        assert_int_equal(blocks[i][size - 1], i % 251);
    }
    arena_done(&a);
}

static void test_zeroed(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    memset(arena_alloc(&a, 1000), 0xff, 1000);
    arena_reset(&a);
    const char *p = arena_zalloc(&a, 1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(p[i], 0);
    }
    struct error *e = ARENA_NEW(&a, struct error);
    assert_int_equal(e->code, ERR_OK);
    const int *numbers = ARENA_ARRAY(&a, int, 50);
    assert_int_equal(numbers[49], 0);
    arena_done(&a);
}

static void test_strings(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1 << 20);
    struct str copy = arena_dup(&a, STR("a\0b"));
    check_slice(copy, STR("a\0b"));
    assert_int_equal(copy.ptr[3], '\0');
    assert_string_equal(arena_cstr(&a, STR("abc")), "abc");
    assert_string_equal(arena_cstr(&a, str_from(NULL)), "");
    check_str(arena_printf(&a, "%s-%d", "x", 42), "x-42");
    char longer[5000];
    memset(longer, 'y', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    check_str(arena_printf(&a, "%s", longer), longer);
    arena_done(&a);
}

static void test_reset_frees_the_limit(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 100000);
    for (int round = 0; round < 1000; round++) {
        memset(arena_alloc(&a, 60000), round & 0xff, 60000);
        memset(arena_alloc(&a, 40000), round & 0xff, 40000);
        assert_int_equal(a.used, 100000);
        arena_reset(&a);
        assert_int_equal(a.used, 0);
    }
    arena_done(&a);
    arena_done(&a); // harmless
    arena_reset(&a);
    memset(arena_alloc(&a, 10), 0, 10);
    arena_done(&a);
}

static void past_the_limit(void)
{
    struct arena a;
    arena_init(&a, 1000);
    arena_alloc(&a, 900);
    arena_alloc(&a, 101);
}

static void sizes_that_wrap(void)
{
    struct arena a;
    arena_init(&a, 1000);
    arena_alloc(&a, 10);
    arena_alloc(&a, SIZE_MAX - 5);
}

static void text_past_the_limit(void)
{
    struct arena a;
    arena_init(&a, 10);
    arena_dup(&a, STR("0123456789")); // the NUL is one too many
}

static void test_limit(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1000);
    memset(arena_alloc(&a, 1000), 0, 1000);
    assert_non_null(arena_alloc(&a, 0));
    arena_done(&a);
    check_aborts(past_the_limit);
    check_aborts(sizes_that_wrap);
    check_aborts(text_past_the_limit);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_alignment),
        cmocka_unit_test(test_no_overlap),
        cmocka_unit_test(test_zeroed),
        cmocka_unit_test(test_strings),
        cmocka_unit_test(test_reset_frees_the_limit),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
