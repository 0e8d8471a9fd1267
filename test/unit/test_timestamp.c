#include "check.h"

#include "core/timestamp.h"

static const int64_t DAY_MIN = -719162; // 0001-01-01
static const int64_t DAY_MAX = 2932896; // 9999-12-31
static const int64_t DAY_MS = 86400000;

// Every day there is: both directions agree, and each is the day after the last.
static void test_every_day(void **state)
{
    (void)state;
    int64_t year;
    int month;
    int day;
    civil_from_days(DAY_MIN, &year, &month, &day);
    assert_true(year == 1 && month == 1 && day == 1);
    static const int LENGTH[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int64_t d = DAY_MIN; d <= DAY_MAX; d++) {
        int64_t y;
        int m;
        int dd;
        civil_from_days(d, &y, &m, &dd);
        assert_true(y == year && m == month && dd == day);
        assert_true(days_from_civil(y, m, dd) == d);
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (++day > LENGTH[month - 1] + (month == 2 && leap)) {
            day = 1;
            month = month % 12 + 1;
            year += month == 1;
        }
    }
    assert_true(year == 10000 && month == 1 && day == 1);
}

static const struct {
    int64_t ms;
    const char *text;
} INSTANTS[] = {
    {0, "1970-01-01T00:00:00.000Z"},
    {-1, "1969-12-31T23:59:59.999Z"},
    {1, "1970-01-01T00:00:00.001Z"},
    {951782400000, "2000-02-29T00:00:00.000Z"},
    {1709251199999, "2024-02-29T23:59:59.999Z"},
    {-2208988800000, "1900-01-01T00:00:00.000Z"},
    {-30610224000000, "1000-01-01T00:00:00.000Z"},
    {-62135596800000, "0001-01-01T00:00:00.000Z"},
    {253402300799999, "9999-12-31T23:59:59.999Z"},
    {1735689600123, "2025-01-01T00:00:00.123Z"},
};

static void test_format(void **state)
{
    (void)state;
    char text[TIMESTAMP_TEXT_MAX];
    for (size_t i = 0; i < ARRAY_LEN(INSTANTS); i++) {
        assert_true(timestamp_format(INSTANTS[i].ms, text));
        assert_string_equal(text, INSTANTS[i].text);
        int64_t back = 4711;
        assert_true(timestamp_parse(str_from(text), &back));
        assert_int_equal(back, INSTANTS[i].ms);
    }
    assert_false(timestamp_format(-62135596800001, text));
    assert_false(timestamp_format(253402300800000, text));
    assert_false(timestamp_format(INT64_MIN, text));
    assert_false(timestamp_format(INT64_MAX, text));
    assert_true(date_format(DAY_MIN, text));
    assert_string_equal(text, "0001-01-01");
    assert_true(date_format(DAY_MAX, text));
    assert_string_equal(text, "9999-12-31");
    assert_false(date_format(DAY_MIN - 1, text));
    assert_false(date_format(DAY_MAX + 1, text));
    assert_false(date_format(INT64_MAX, text));
}

static void test_parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } ROWS[] = {
        {"2026-09-08T07:06:05.004Z", 1788851165004},
        {"2026-09-08T07:06:05.004z", 1788851165004},
        {"2026-09-08t07:06:05.004Z", 1788851165004},
        {"2026-09-08 07:06:05.004", 1788851165004},
        {"2026-09-08T07:06:05.0049999999999Z", 1788851165004}, // cut, not rounded
        {"2026-09-08T07:06:05.5Z", 1788851165500},
        {"2026-09-08T07:06:05.05Z", 1788851165050},
        {"2026-09-08T07:06:05Z", 1788851165000},
        {"2026-09-08T07:06Z", 1788851160000},
        {"2026-09-08T07:06", 1788851160000},
        {"2026-09-08", 1788825600000},
        {"2026-09-08T09:06:05.004+02:00", 1788851165004},
        {"2026-09-08T09:06:05.004+0200", 1788851165004},
        {"2026-09-08T09:06:05.004+02", 1788851165004},
        {"2026-09-07T23:36:05.004-07:30", 1788851165004},
        {"1969-12-31T23:59:59.999Z", -1},
        {"0001-01-01", -62135596800000},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t ms = 0;
        check_row(timestamp_parse(str_from(ROWS[i].text), &ms), ROWS[i].text);
        check_row(ms == ROWS[i].ms, ROWS[i].text);
    }
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const ROWS[] = {
        "",
        "2026",
        "2026-09",
        "2026-9-8",
        "20260908",
        "0000-01-01",
        "10000-01-01",
        "-001-01-01",
        "2026-00-01",
        "2026-13-01",
        "2026-01-00",
        "2026-01-32",
        "2026-02-29",
        "1900-02-29",
        "2026-04-31",
        "2026-09-08T",
        "2026-09-08T24:00:00Z",
        "2026-09-08T23:60:00Z",
        "2026-09-08T23:59:60Z",
        "2026-09-08T7:06:05Z",
        "2026-09-08T07",
        "2026-09-08T07:06:05.Z",
        "2026-09-08T07:06:05,004Z",
        "2026-09-08T07:06:05.004ZZ",
        "2026-09-08T07:06:05.004 Z",
        "2026-09-08T07:06:05+2",
        "2026-09-08T07:06:05+24:00",
        "2026-09-08T07:06:05+02:60",
        "2026-09-08T07:06:05+02:",
        "2026-09-08T07:06:05+02:0",
        "2026-09-08Z",
        " 2026-09-08",
        "2026-09-08 ",
        "2026-09-08X07:06:05Z",
        "0001-01-01T00:00:00+00:01", // before year 1
        "9999-12-31T23:59:59-00:01", // after year 9999
        "2026-09-0a",
        "1788851165004",
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t ms = 4711;
        check_row(!timestamp_parse(str_from(ROWS[i]), &ms), ROWS[i]);
        check_row(ms == 4711, ROWS[i]);
        int64_t days = 4711;
        check_row(!date_parse(str_from(ROWS[i]), &days) && days == 4711, ROWS[i]);
    }
    int64_t ms;
    assert_false(timestamp_parse(STR("2026-09-08T07:06\0"), &ms));
}

static void test_dates(void **state)
{
    (void)state;
    int64_t days = 0;
    assert_true(date_parse(STR("1970-01-02"), &days));
    assert_int_equal(days, 1);
    assert_true(date_parse(STR("1000-01-01"), &days));
    assert_int_equal(days, -30610224000000 / DAY_MS);
    assert_true(date_parse(STR("2000-02-29"), &days));
    assert_false(date_parse(STR("2000-02-29T00:00:00Z"), &days));
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_every_day), cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),     cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_dates),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
