#include "check.h"

#include "core/timestamp.h"
#include "core/zone.h"

#define HOUR_MS 3600000LL

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_true(timestamp_parse(str_from(text), &ms));
    return ms;
}

static void test_next_day(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *now, *next;
    } ROWS[] = {
        {"UTC", "2026-11-22T12:00:00Z", "2026-11-23T00:00:00Z"},
        {"UTC", "2026-11-22T23:59:59.999Z", "2026-11-23T00:00:00Z"},
        {"UTC", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"},
        {"America/New_York", "2026-11-22T12:00:00Z", "2026-11-23T05:00:00Z"},
        {"America/New_York", "2026-07-01T03:59:00Z", "2026-07-01T04:00:00Z"},
        {"Europe/Berlin", "2026-12-31T23:30:00Z", "2027-01-01T23:00:00Z"},
        {"Asia/Kolkata", "2026-11-22T18:29:59Z", "2026-11-22T18:30:00Z"},
        {"Pacific/Kiritimati", "2026-11-22T12:00:00Z", "2026-11-23T10:00:00Z"},
        {"Australia/Lord_Howe", "2026-11-22T12:00:00Z", "2026-11-22T13:00:00Z"},
        {"Europe/Berlin", "2036-07-01T12:00:00Z", "2036-07-01T22:00:00Z"},
        // Clocks jump from 23:59:59 to 01:00: the day begins with the change.
        {"America/Havana", "2026-03-07T12:00:00Z", "2026-03-08T05:00:00Z"},
        // One o'clock becomes midnight again: the day begins once, at the first of the two.
        {"America/Havana", "2026-10-31T12:00:00Z", "2026-11-01T04:00:00Z"},
        {"America/Havana", "2026-11-01T04:30:00Z", "2026-11-02T05:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t next = 0;
        assert_true(zone_next_day_ms(str_from(ROWS[i].zone), at(ROWS[i].now), &next));
        assert_true(next == at(ROWS[i].next));
    }
}

// Days of 23, 24 and 25 hours.
static void test_length_of_days(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *begin;
        int64_t hours;
    } ROWS[] = {
        {"America/New_York", "2026-03-08T05:00:00Z", 23},
        {"America/New_York", "2026-11-01T04:00:00Z", 25},
        {"America/New_York", "2026-11-02T05:00:00Z", 24},
        {"Europe/Berlin", "2026-03-28T23:00:00Z", 23},
        {"Europe/Berlin", "2026-10-24T22:00:00Z", 25},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        int64_t next = 0;
        assert_true(zone_next_day_ms(str_from(ROWS[i].zone), at(ROWS[i].begin), &next));
        assert_true(next - at(ROWS[i].begin) == ROWS[i].hours * HOUR_MS);
    }
}

static void test_spans(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *now, *begin, *end;
        int64_t offset_min, before_min;
    } ROWS[] = {
        {"", "2026-07-01T00:00:00Z", "1970-01-01T00:00:00Z", NULL, 0, 0},
        {"Europe/Berlin", "2026-03-29T00:59:59.999Z", "2025-10-26T01:00:00Z",
         "2026-03-29T01:00:00Z", 60, 120},
        {"Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z",
         120, 60},
        {"Australia/Lord_Howe", "2026-11-22T00:00:00Z", "2026-10-03T15:30:00Z",
         "2027-04-03T15:00:00Z", 660, 630},
        {"Asia/Kolkata", "2026-07-01T00:00:00Z", "1970-01-01T00:00:00Z", NULL, 330, 330},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct zone_span span = {0};
        check_row(zone_span_at(str_from(ROWS[i].zone), at(ROWS[i].now), &span), ROWS[i].zone);
        check_row(span.begin_ms == at(ROWS[i].begin), ROWS[i].zone);
        check_row(ROWS[i].end ? span.end_ms == at(ROWS[i].end) : span.end_ms > at("9999-12-31"),
                  ROWS[i].zone);
        check_row(span.offset_ms == ROWS[i].offset_min * HOUR_MS / 60, ROWS[i].zone);
        check_row(span.before_ms == ROWS[i].before_min * HOUR_MS / 60, ROWS[i].zone);
    }
    struct zone_span span = {.offset_ms = 7};
    assert_false(zone_span_at(STR("Mars/Olympus"), 0, &span));
    assert_false(zone_span_at(STR(""), -1, &span));
    assert_false(zone_span_at(STR("Europe/Berlin"), INT64_MAX, &span));
    assert_int_equal(span.offset_ms, 7);
}

static void test_unknown(void **state)
{
    (void)state;
    int64_t next = 7;
    static const char *const NAMES[] = {"", "Mars/Olympus", "../../etc/passwd", "UTC\n", "+05"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        assert_false(zone_next_day_ms(str_from(NAMES[i]), at("2026-11-22T12:00:00Z"), &next));
    }
    assert_false(zone_next_day_ms(STR("UTC"), -1, &next));
    assert_false(zone_next_day_ms(STR("UTC"), INT64_MAX, &next));
    assert_int_equal(next, 7);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_next_day),
        cmocka_unit_test(test_length_of_days),
        cmocka_unit_test(test_spans),
        cmocka_unit_test(test_unknown),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
