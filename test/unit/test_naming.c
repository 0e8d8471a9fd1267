#include "check.h"

#include "data/naming.h"

#include <stdio.h>

static const struct str PREFIX = STR_INIT("property_");
static const struct str OBJECT = STR_INIT("contacts");

static int set_up(void **state)
{
    struct arena *a = malloc(sizeof(*a));
    assert_non_null(a);
    arena_init(a, 256 << 20);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    arena_done(*state);
    free(*state);
    return 0;
}

static const char *resolve(struct naming *n, const char *property, enum column_type type,
                           struct arena *arena)
{
    struct str column;
    struct error err = {0};
    if (!naming_resolve(n, str_from(property), type, &column, &err)) {
        fail_msg("%s: %s", property, err.message);
    }
    return arena_cstr(arena, column);
}

static void test_fold(void **state)
{
    static const struct {
        const char *prefix;
        const char *name;
        const char *want;
    } ROWS[] = {
        {"property_", "email", "property_email"},
        {"property_", "hs_object_id", "property_hs_object_id"},
        {"property_", "HS Lead-Status", "property_hs_lead_status"},
        {"property_", "a__b", "property_a_b"},
        {"property_", "a - b", "property_a_b"},
        {"property_", "_a", "property_a"}, // one run with the prefix's
        {"property_", "a_", "property_a_"},
        {"property_", "a!", "property_a_"},
        {"property_", "M\xc3\xbcnchen", "property_m_nchen"},
        {"property_", "a\"; drop table x", "property_a_drop_table_x"},
        {"property_", "2nd", "property_2nd"},
        {"property_", "", "property_unnamed"},
        {"property_", "___", "property_unnamed"},
        {"property_", "\xe5\x90\x8d\xe5\x89\x8d", "property_unnamed"},
        {"", "Email", "email"},
        {"", "", "unnamed"},
        {"", "!", "unnamed"},
        {"", "_id", "_id"},
        // 54 bytes fit behind the prefix, 55 do not.
        {"property_", "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd",
         "property_abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str got = naming_fold(str_from(ROWS[i].prefix), str_from(ROWS[i].name), *state);
        check_str(got, ROWS[i].want);
    }
}

static void test_shortening(void **state)
{
    static const char LONG_A[] = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde";
    struct str a = naming_fold(PREFIX, str_from(LONG_A), *state);
    assert_int_equal(a.len, LIMIT_IDENTIFIER_BYTES);
    assert_true(str_starts(a, STR("property_abcdefghijabcdefghijabcdefghijabcdefghijabcde")));
    assert_int_equal(a.ptr[LIMIT_IDENTIFIER_BYTES - 9], '_');
    check_slice(naming_fold(PREFIX, str_from(LONG_A), *state), a);
    // Columns outlive programs: this must never change.
    check_str(a, "property_abcdefghijabcdefghijabcdefghijabcdefghijabcde_7f87a024");
    // Another name with the same beginning, or the same but for case, is another column.
    struct str b =
        naming_fold(PREFIX, STR("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdX"), *state);
    assert_int_equal(b.len, LIMIT_IDENTIFIER_BYTES);
    assert_false(str_eq(a, b));
    struct str c =
        naming_fold(PREFIX, STR("Abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcde"), *state);
    assert_false(str_eq(a, c));
}

static void test_plain(void **state)
{
    struct naming *n = naming_create(OBJECT, PREFIX, *state);
    assert_string_equal(resolve(n, "email", COL_TEXT, *state), "property_email");
    assert_string_equal(resolve(n, "amount", COL_DECIMAL, *state), "property_amount");
    assert_string_equal(resolve(n, "email", COL_TEXT, *state), "property_email");
    struct naming_row row;
    assert_true(naming_next_new(n, &row));
    check_slice(row.object, OBJECT);
    check_str(row.property, "email");
    check_str(row.column, "property_email");
    assert_int_equal(row.type, COL_TEXT);
    assert_true(naming_next_new(n, &row));
    check_str(row.property, "amount");
    assert_int_equal(row.type, COL_DECIMAL);
    assert_false(naming_next_new(n, &row)); // each once
    resolve(n, "phone", COL_TEXT, *state);
    assert_true(naming_next_new(n, &row));
    check_str(row.property, "phone");
    assert_false(naming_next_new(n, &row));
}

static void test_collisions(void **state)
{
    struct naming *n = naming_create(OBJECT, PREFIX, *state);
    assert_string_equal(resolve(n, "lifecycle_stage", COL_TEXT, *state),
                        "property_lifecycle_stage");
    assert_string_equal(resolve(n, "Lifecycle Stage", COL_TEXT, *state),
                        "property_lifecycle_stage_b397fbfe");
    assert_string_equal(resolve(n, "Lifecycle_Stage", COL_TEXT, *state),
                        "property_lifecycle_stage_45ecc548");
    // In another order the suffixes are the same; only who came first has none.
    struct naming *other = naming_create(OBJECT, PREFIX, *state);
    assert_string_equal(resolve(other, "Lifecycle_Stage", COL_TEXT, *state),
                        "property_lifecycle_stage");
    assert_string_equal(resolve(other, "Lifecycle Stage", COL_TEXT, *state),
                        "property_lifecycle_stage_b397fbfe");
    // Somebody has a property that is called like another's suffixed column.
    struct naming *third = naming_create(OBJECT, PREFIX, *state);
    resolve(third, "lifecycle_stage", COL_TEXT, *state);
    assert_string_equal(resolve(third, "lifecycle_stage_b397fbfe", COL_TEXT, *state),
                        "property_lifecycle_stage_b397fbfe");
    const char *evaded = resolve(third, "Lifecycle Stage", COL_TEXT, *state);
    assert_string_not_equal(evaded, "property_lifecycle_stage_b397fbfe");
    check_contains(evaded, "property_lifecycle_stage_");
}

static void test_reserved(void **state)
{
    struct naming *n = naming_create(OBJECT, STR(""), *state);
    naming_reserve(n, STR("id"));
    naming_reserve(n, STR("_sluice_synced"));
    naming_reserve(n, STR("id")); // twice is harmless
    assert_string_not_equal(resolve(n, "ID", COL_TEXT, *state), "id");
    check_contains(resolve(n, "id", COL_TEXT, *state), "id_");
    struct naming *prefixed = naming_create(OBJECT, PREFIX, *state);
    naming_reserve(prefixed, STR("id"));
    assert_string_equal(resolve(prefixed, "id", COL_TEXT, *state), "property_id");
}

static void test_retyped(void **state)
{
    struct naming *n = naming_create(OBJECT, PREFIX, *state);
    assert_string_equal(resolve(n, "size", COL_TEXT, *state), "property_size");
    assert_string_equal(resolve(n, "size", COL_DECIMAL, *state), "property_size__v2");
    assert_string_equal(resolve(n, "size", COL_TIMESTAMP, *state), "property_size__v3");
    // The old type returns: so does its column.
    assert_string_equal(resolve(n, "size", COL_TEXT, *state), "property_size");
    assert_string_equal(resolve(n, "size", COL_DECIMAL, *state), "property_size__v2");
    // No property folds to a version's name.
    assert_string_equal(resolve(n, "size__v2", COL_TEXT, *state), "property_size_v2");
    // Both twins are retyped.
    assert_string_equal(resolve(n, "Size", COL_TEXT, *state), "property_size_33a711e5");
    assert_string_equal(resolve(n, "Size", COL_BOOL, *state), "property_size_33a711e5__v2");
    // Long names keep their hash and their length.
    static const char LONG[] = "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghij";
    struct str first = str_from(resolve(n, LONG, COL_TEXT, *state));
    struct str second = str_from(resolve(n, LONG, COL_BOOL, *state));
    assert_int_equal(first.len, LIMIT_IDENTIFIER_BYTES);
    assert_int_equal(second.len, LIMIT_IDENTIFIER_BYTES);
    assert_true(str_ends(second, STR("__v2")));
    check_slice(str_sub(first, 54, 9), str_sub(second, 50, 9));
}

// A later run is fed what earlier runs wrote: in whatever order properties come now, nothing moves.
static void test_stability(void **state)
{
    static const struct {
        const char *property;
        enum column_type type;
    } STEPS[] = {{"stage", COL_TEXT}, {"Stage", COL_TEXT},    {"STAGE", COL_DECIMAL},
                 {"stage", COL_BOOL}, {"Stage", COL_DECIMAL}, {"x", COL_TEXT}};
    struct naming *first = naming_create(OBJECT, PREFIX, *state);
    const char *want[ARRAY_LEN(STEPS)];
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        want[i] = resolve(first, STEPS[i].property, STEPS[i].type, *state);
    }
    struct naming_row rows[ARRAY_LEN(STEPS)];
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        assert_true(naming_next_new(first, &rows[i]));
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(want[i], want[j]);
        }
    }
    struct naming *later = naming_create(OBJECT, PREFIX, *state);
    struct error err;
    for (size_t i = ARRAY_LEN(STEPS); i > 0; i--) {
        assert_true(naming_load(later, &rows[i - 1], &err));
        assert_true(naming_load(later, &rows[i - 1], &err)); // the same row again is no news
    }
    for (size_t i = ARRAY_LEN(STEPS); i > 0; i--) {
        assert_string_equal(resolve(later, STEPS[i - 1].property, STEPS[i - 1].type, *state),
                            want[i - 1]);
    }
    struct naming_row row;
    assert_false(naming_next_new(later, &row));
    assert_string_equal(resolve(later, "x", COL_BOOL, *state), "property_x__v2");
    assert_true(naming_next_new(later, &row));
    check_str(row.column, "property_x__v2");
}

static void test_load_refuses(void **state)
{
    static const struct {
        struct naming_row row;
        const char *error; // NULL: accepted
    } ROWS[] = {
        {{STR_INIT("contacts"), STR_INIT("a"), STR_INIT("property_a"), COL_TEXT}, NULL},
        {{STR_INIT("companies"), STR_INIT("b"), STR_INIT("property_a"), COL_TEXT}, NULL},
        {{STR_INIT("contacts"), STR_INIT("a"), STR_INIT("property_z"), COL_TEXT},
         "column \"property_z\" contradicts property_a"},
        {{STR_INIT("contacts"), STR_INIT("b"), STR_INIT("property_a"), COL_TEXT},
         "property \"b\", type text: column \"property_a\" contradicts a"},
        {{STR_INIT("contacts"), STR_INIT("a"), STR_INIT("property_a"), COL_BOOL}, "contradicts a"},
        {{STR_INIT("contacts"), STR_INIT("c"), STR_INIT("id"), COL_TEXT}, "fixed column"},
        {{STR_INIT("contacts"), STR_INIT("d"), STR_INIT(""), COL_TEXT}, "1 to 63 bytes"},
        {{STR_INIT("contacts"), STR_INIT("d"),
          STR_INIT("abcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcdefghijabcd"), COL_TEXT},
         "1 to 63 bytes"},
    };
    struct naming *n = naming_create(OBJECT, PREFIX, *state);
    naming_reserve(n, STR("id"));
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        bool ok = naming_load(n, &ROWS[i].row, &err);
        assert_int_equal(ok, ROWS[i].error == NULL);
        if (ROWS[i].error) {
            assert_int_equal(err.code, ERR_STATE);
            check_contains(err.message, ROWS[i].error);
        }
    }
    // What another object has does not matter here.
    assert_string_equal(resolve(n, "b", COL_TEXT, *state), "property_b");
}

static void test_limit(void **state)
{
    struct naming *n = naming_create(OBJECT, PREFIX, *state);
    struct str column;
    struct error err;
    char name[32];
    for (int i = 0; i < LIMIT_PROPERTIES; i++) {
        snprintf(name, sizeof(name), "p%d", i);
        assert_true(naming_resolve(n, str_from(name), COL_TEXT, &column, &err));
    }
    assert_false(naming_resolve(n, STR("one_more"), COL_TEXT, &column, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    assert_string_equal(err.message, "contacts: more than 20000 properties");
    const struct naming_row row = {OBJECT, STR("one_more"), STR("property_one_more"), COL_TEXT};
    assert_false(naming_load(n, &row, &err));
    // Those that are known go on.
    for (int i = 0; i < LIMIT_PROPERTIES; i++) {
        char want[48];
        snprintf(name, sizeof(name), "p%d", i);
        snprintf(want, sizeof(want), "property_p%d", i);
        assert_true(naming_resolve(n, str_from(name), COL_TEXT, &column, &err));
        check_str(column, want);
    }
}

// Hundreds of properties that all fold to the same name.
static void test_many_collisions(void **state)
{
    struct naming *n = naming_create(OBJECT, PREFIX, *state);
    enum { N = 512 };
    const char *columns[N];
    for (size_t i = 0; i < N; i++) {
        char name[16] = "abcdefghi";
        for (size_t bit = 0; bit < 9; bit++) {
            if (i >> bit & 1) {
                name[bit] = (char)(name[bit] - 'a' + 'A');
            }
        }
        columns[i] = resolve(n, name, COL_TEXT, *state);
        assert_true(strlen(columns[i]) <= LIMIT_IDENTIFIER_BYTES);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(columns[i], columns[j]);
        }
    }
}

static void reserve_too_late(void)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    struct naming *n = naming_create(OBJECT, PREFIX, &arena);
    struct str column;
    struct error err;
    if (naming_resolve(n, STR("a"), COL_TEXT, &column, &err)) {
        naming_reserve(n, STR("property_a"));
    }
}

static void prefix_too_long(void)
{
    struct arena arena;
    arena_init(&arena, 1 << 20);
    naming_create(OBJECT, STR("a_prefix_that_leaves_no_room_for_the_name_of_any_property_"),
                  &arena);
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(reserve_too_late);
    check_aborts(prefix_too_long);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test_setup_teardown(test_fold, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_shortening, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_collisions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reserved, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_retyped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stability, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_load_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_collisions, set_up, tear_down),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
