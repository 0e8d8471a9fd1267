#include "check.h"

#include "core/nearest.h"

static const char *const NAMES[] = {"api-version", "base-url",    "into",
                                    "json",        "OBJECT_LIST", "OBJECT_GET"};

static void test_nearest(void **state)
{
    (void)state;
    static const struct {
        const char *typed, *want; // "": none
    } ROWS[] = {
        {"json", "json"},
        {"jsno", "json"},
        {"JSON", "json"},
        {"object_list", "OBJECT_LIST"},
        {"OBJECT_LIS", "OBJECT_LIST"},
        {"OBJECTLIST", "OBJECT_LIST"},
        {"OBJCTGET", "OBJECT_GET"},
        {"base", ""},      // four changes
        {"j", ""},         // of so short a word at most half may change
        {"xs", ""},        //
        {"into-file", ""}, //
        {"", ""},          //
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct nearest n = nearest_to(str_from(ROWS[i].typed));
        for (size_t k = 0; k < ARRAY_LEN(NAMES); k++) {
            nearest_offer(&n, str_from(NAMES[k]));
        }
        check_row(str_eq(n.best, str_from(ROWS[i].want)), ROWS[i].typed);
    }
}

// Long names are passed over, whatever they hold; the row of costs has an end.
static void test_long_names(void **state)
{
    (void)state;
    char text[NEAREST_BYTES_MAX + 1];
    memset(text, 'x', sizeof text);
    struct str longest = {text, NEAREST_BYTES_MAX};
    struct str longer = {text, NEAREST_BYTES_MAX + 1};
    struct nearest n = nearest_to(longest);
    nearest_offer(&n, longer);
    assert_int_equal(n.best.len, 0);
    nearest_offer(&n, longest);
    assert_int_equal(n.best.len, NEAREST_BYTES_MAX);
    n = nearest_to(longer);
    nearest_offer(&n, longest);
    assert_int_equal(n.best.len, 0);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_long_names),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
