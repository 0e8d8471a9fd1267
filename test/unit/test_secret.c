#include "check.h"

#include "core/log.h"
#include "core/secret.h"

#include <sys/mman.h>

static void test_holds_a_copy(void **state)
{
    (void)state;
    char bytes[] = "5ec7e7-token";
    struct secret *s = secret_create((struct str){bytes, 12});
    secret_wipe(bytes, sizeof bytes);
    assert_int_equal(bytes[0], 0);
    check_str(secret_reveal(s), "5ec7e7-token");
    assert_int_equal(secret_reveal(s).ptr[12], 0);
    assert_int_equal(secret_len(s), 12);
    struct secret *copy = secret_copy(s);
    secret_destroy(s);
    check_str(secret_reveal(copy), "5ec7e7-token");
    secret_destroy(copy);
}

static void test_of_any_size(void **state)
{
    (void)state;
    static char big[SECRET_MAX];
    memset(big, 'x', sizeof big);
    for (size_t n = 0; n <= SECRET_MAX; n = n * 3 + 1) {
        struct secret *s = secret_create((struct str){big, n});
        check_slice(secret_reveal(s), ((struct str){big, n}));
        secret_destroy(s);
    }
    assert_int_equal(secret_len(NULL), 0);
    assert_int_equal(secret_reveal(NULL).len, 0);
    assert_null(secret_copy(NULL));
    secret_destroy(NULL);
}

static void create_too_large(void)
{
    static char big[SECRET_MAX + 1];
    secret_destroy(secret_create((struct str){big, sizeof big}));
}

static void destroy_what_is_none(void)
{
    static char page[4096];
    secret_destroy((struct secret *)page);
}

static void test_misuse_aborts(void **state)
{
    (void)state;
    check_aborts(create_too_large);
    check_aborts(destroy_what_is_none);
}

// The pages are given back when the secret is destroyed: nothing is left to be read.
static void test_is_gone_when_destroyed(void **state)
{
    (void)state;
    struct secret *s = secret_create(STR("5ec7e7"));
    long page = sysconf(_SC_PAGESIZE);
    void *start = (void *)((uintptr_t)s / (uintptr_t)page * (uintptr_t)page);
    unsigned char resident;
    assert_int_equal(mincore(start, (size_t)page, &resident), 0);
    secret_destroy(s);
    assert_int_not_equal(mincore(start, (size_t)page, &resident), 0);
}

static void test_compares(void **state)
{
    (void)state;
    struct secret *a = secret_create(STR("abcdef"));
    struct secret *b = secret_create(STR("abcdef"));
    struct secret *c = secret_create(STR("abcdeg"));
    struct secret *d = secret_create(STR("abcdefg"));
    assert_true(secret_eq(a, b));
    assert_false(secret_eq(a, c));
    assert_false(secret_eq(a, d));
    assert_false(secret_eq(a, NULL));
    assert_true(secret_eq(NULL, NULL));
    assert_true(secret_same_bytes(STR(""), STR("")));
    assert_false(secret_same_bytes(STR("x"), STR("y")));
    secret_destroy(a);
    secret_destroy(b);
    secret_destroy(c);
    secret_destroy(d);
}

static void test_masks(void **state)
{
    (void)state;
    struct secret *s = secret_create(STR("0123456789"));
    struct secret *brief = secret_create(STR("0123456"));
    char text[] = "0123456789, x01234567890123456789 and 012345678";
    assert_true(secret_mask(s, text, sizeof text - 1));
    assert_string_equal(text, "**********, x******************** and 012345678");
    assert_false(secret_mask(s, text, sizeof text - 1));
    assert_false(secret_mask(brief, text, sizeof text - 1)); // would be found in any text
    assert_false(secret_mask(NULL, text, sizeof text - 1));
    secret_destroy(s);
    secret_destroy(brief);
}

static void test_wipes_buffers(void **state)
{
    (void)state;
    struct buf b;
    buf_init(&b, 100);
    buf_add(&b, STR("5ec7e7"));
    secret_buf_done(&b);
    assert_null(b.ptr);
    secret_buf_done(&b); // a zeroed one
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_holds_a_copy),  cmocka_unit_test(test_of_any_size),
        cmocka_unit_test(test_misuse_aborts), cmocka_unit_test(test_is_gone_when_destroyed),
        cmocka_unit_test(test_compares),      cmocka_unit_test(test_masks),
        cmocka_unit_test(test_wipes_buffers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
