// Which stage a property such as hs_v2_date_entered_closedwon speaks of.
#include "check.h"
#include "source/hubspot/stages.h"

static const struct str IDS[] = {
    STR_INIT("closedwon"), STR_INIT("closedlost"),
    STR_INIT("98217730"),  STR_INIT("5a1c9d3e-7c0f-4c34-9a53-2f6b3cf0a811"),
    STR_INIT("Zu Besuch"), STR_INIT("5a1c9d3f-0000-4c34-9a53-2f6b3cf0a811"),
    STR_INIT("twin-1"),    STR_INIT("TWIN_1"),
};

static void test_match(void **state)
{
    (void)state;
    static const struct {
        const char *suffix, *want;
    } ROWS[] = {
        {"closedwon", "closedwon"},
        {"98217730", "98217730"},
        {"98217730_1820334711", "98217730"},
        {"5a1c9d3e_7c0f_4c34_9a53_2f6b3cf0a811", "5a1c9d3e-7c0f-4c34-9a53-2f6b3cf0a811"},
        {"5a1c9d3e_7c0f_4c34_9a53_2f6b3cf0a811_7", "5a1c9d3e-7c0f-4c34-9a53-2f6b3cf0a811"},
        {"5a1c9d3e_1820334711", "5a1c9d3e-7c0f-4c34-9a53-2f6b3cf0a811"},
        {"5a1c9d3_1820334711", ""}, // the beginning of two
        {"zubesuch", "Zu Besuch"},
        {"twin_1", ""}, // two fold to it
        {"closed", ""}, // a beginning counts only where a number tells that the name was cut
        {"gone", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str got = stages_match(str_from(ROWS[i].suffix), IDS, ARRAY_LEN(IDS));
        check_row(str_eq(got, str_from(ROWS[i].want)), ROWS[i].suffix);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_match)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
