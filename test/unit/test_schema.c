#include "check.h"

#include "data/schema.h"

static void test_names(void **state)
{
    (void)state;
    for (int t = 0; t < COL_TYPE_COUNT; t++) {
        enum column_type back = COL_TYPE_COUNT;
        const char *name = column_type_name((enum column_type)t);
        check_row(column_type_parse(str_from(name), &back) && (int)back == t, name);
    }
    // Written into _sluice_column: the names are part of the format.
    assert_string_equal(column_type_name(COL_TEXT), "text");
    assert_string_equal(column_type_name(COL_INT), "int");
    assert_string_equal(column_type_name(COL_DECIMAL), "decimal");
    assert_string_equal(column_type_name(COL_FLOAT), "float");
    assert_string_equal(column_type_name(COL_BOOL), "bool");
    assert_string_equal(column_type_name(COL_DATE), "date");
    assert_string_equal(column_type_name(COL_TIMESTAMP), "timestamp");
}

static void test_unknown(void **state)
{
    (void)state;
    enum column_type type = COL_BOOL;
    assert_false(column_type_parse(STR(""), &type));
    assert_false(column_type_parse(STR("Text"), &type));
    assert_false(column_type_parse(STR("texts"), &type));
    assert_int_equal(type, COL_BOOL);
}

static void no_such_type(void)
{
    column_type_name(COL_TYPE_COUNT);
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(no_such_type);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
