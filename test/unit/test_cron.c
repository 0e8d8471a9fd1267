// The parser against a table of good and bad expressions; the next tick against a reference that
// goes minute by minute.
#include "check.h"

#include "core/random.h"
#include "core/timestamp.h"
#include "core/zone.h"
#include "engine/cron.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (INT64_C(24) * 3600 * 1000)

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_true(timestamp_parse(str_from(text), &ms));
    return ms;
}

static struct cron parsed(const char *text)
{
    struct cron c;
    struct error err;
    if (!cron_parse(str_from(text), &c, &err)) {
        fail_msg("%s: %s", text, err.message);
    }
    return c;
}

// ---- the text

static void test_understood(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        struct cron want;
    } ROWS[] = {
        {"5 4 3 2 1", {1 << 5, 1 << 4, 1 << 3, 1 << 2, 1 << 1}},
        {" 5\t4  3 2 1 ", {1 << 5, 1 << 4, 1 << 3, 1 << 2, 1 << 1}},
        {"0 0 1 jan-mar,DEC sun", {1, 1, 2, 1 << 1 | 1 << 2 | 1 << 3 | 1 << 12, 1}},
        {"0 0 1 1 7", {1, 1, 2, 2, 1}},
        {"0 0 1 1 5-7", {1, 1, 2, 2, 1 << 5 | 1 << 6 | 1}},
        {"0 0 1 1 fri-sun", {1, 1, 2, 2, 1 << 5 | 1 << 6 | 1}},
        {"0 0 1 1 6-0", {1, 1, 2, 2, 1 << 6 | 1}},
        {"59,0,30 23 31 1 0-6", {1 | 1 << 30 | UINT64_C(1) << 59, 1 << 23, 1U << 31, 2, 0x7f}},
        {"5/20 1-10/4 1 1 0",
         {1 << 5 | 1 << 25 | UINT64_C(1) << 45, 1 << 1 | 1 << 5 | 1 << 9, 2, 2, 1}},
        {"*/60 0 1 1 0", {1, 1, 2, 2, 1, .free_minute = true}},
        {"0 */12 1 1 0", {1, 1 | 1 << 12, 2, 2, 1, .free_hour = true}},
        {"0 0 */15 1 0", {1, 1, 1 << 1 | 1 << 16 | 1U << 31, 2, 1, .any_day = true}},
        {"0 0 1 1 */3", {1, 1, 2, 2, 1 | 1 << 3 | 1 << 6, .any_weekday = true}},
        {"0 0 29 2 *", {1, 1, 1 << 29, 1 << 2, 0x7f, .any_weekday = true}},
        {"0 0 30 2 1", {1, 1, 1 << 30, 1 << 2, 2}}, // Mondays in February
        {"@yearly", {1, 1, 2, 2, 0x7f, .any_weekday = true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cron got = parsed(ROWS[i].text);
        const struct cron *want = &ROWS[i].want;
        check_row(got.minutes == want->minutes, ROWS[i].text);
        check_row(got.hours == want->hours, ROWS[i].text);
        check_row(got.days == want->days, ROWS[i].text);
        check_row(got.months == want->months, ROWS[i].text);
        check_row(got.weekdays == want->weekdays, ROWS[i].text);
        check_row(got.any_day == want->any_day, ROWS[i].text);
        check_row(got.any_weekday == want->any_weekday, ROWS[i].text);
        check_row(got.free_minute == want->free_minute, ROWS[i].text);
        check_row(got.free_hour == want->free_hour, ROWS[i].text);
    }
}

static void test_shorthands(void **state)
{
    (void)state;
    static const struct {
        const char *name, *after, *next;
    } ROWS[] = {
        {"@hourly", "2026-11-22T16:20:00Z", "2026-11-22T17:00:00Z"},
        {"@daily", "2026-11-22T16:20:00Z", "2026-11-23T00:00:00Z"},
        {"@MIDNIGHT", "2026-11-22T16:20:00Z", "2026-11-23T00:00:00Z"},
        {"@weekly", "2026-11-22T16:20:00Z", "2026-11-29T00:00:00Z"},
        {"@monthly", "2026-11-22T16:20:00Z", "2026-12-01T00:00:00Z"},
        {"@yearly", "2026-11-22T16:20:00Z", "2027-01-01T00:00:00Z"},
        {"@annually", "2027-01-01T00:00:00Z", "2028-01-01T00:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cron c = parsed(ROWS[i].name);
        int64_t next = 0;
        check_row(cron_next(&c, STR(""), at(ROWS[i].after), &next), ROWS[i].name);
        check_row(next == at(ROWS[i].next), ROWS[i].name);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *says[3];
    } ROWS[] = {
        {"", {"empty", "minute hour day-of-month"}},
        {" \t ", {"empty"}},
        {"* * * *", {"4 fields", "has 5"}},
        {"*", {"1 field;"}},
        {"0 0 0 * * *", {"at least 6 fields", "seconds"}},
        {"60 * * * *", {"minute", "\"60\"", "0-59"}},
        {"* 24 * * *", {"hour", "\"24\"", "0-23"}},
        {"* * 0 * *", {"day of month", "\"0\"", "1-31"}},
        {"* * 32 * *", {"day of month", "\"32\"", "1-31"}},
        {"* * * 13 *", {"month", "\"13\"", "1-12 or JAN-DEC"}},
        {"* * * 0 *", {"month", "\"0\""}},
        {"* * * * 8", {"day of week", "\"8\"", "0-7 or SUN-SAT"}},
        {"99999999999999999999 * * * *", {"minute", "out of range"}},
        {"-1 * * * *", {"minute", "\"\""}},
        {"+1 * * * *", {"minute", "\"+1\" is not a number"}},
        {"1.5 * * * *", {"minute", "\"1.5\""}},
        {"*/0 * * * *", {"minute", "\"0\" is no step", "1-60"}},
        {"*/61 * * * *", {"minute", "\"61\" is no step"}},
        {"* */25 * * *", {"hour", "1-24"}},
        {"*/ * * * *", {"minute", "\"\" is no step"}},
        {"*/x * * * *", {"\"x\" is no step"}},
        {"*/2/2 * * * *", {"\"2/2\" is no step"}},
        {"/5 * * * *", {"minute", "\"\""}},
        {"5-1 * * * *", {"minute", "\"5-1\" ends before it begins", "5-59,0-1"}},
        {"* * * * SAT-MON", {"day of week", "ends before it begins", "6-7,0-1"}},
        {"1-2-3 * * * *", {"minute", "\"2-3\""}},
        {"1- * * * *", {"minute", "\"\""}},
        {"1,,2 * * * *", {"minute", "\"1,,2\"", "comma"}},
        {",1 * * * *", {"comma"}},
        {"1, * * * *", {"comma"}},
        {", * * * *", {"comma"}},
        {"** * * * *", {"minute", "\"**\""}},
        {"*-5 * * * *", {"minute", "\"*\""}},
        {"? * * * *", {"minute", "\"?\""}},
        {"* * L * *", {"day of month", "\"L\" is not a number"}},
        {"* * * JANN *", {"month", "\"JANN\"", "did you mean JAN?"}},
        {"* * * * mop", {"day of week", "did you mean MON?", "SUN-SAT"}},
        {"* * * XYZQW *", {"month", "neither a number nor a name"}},
        {"JAN * * * *", {"minute", "\"JAN\" is not a number"}},
        {"@dayly", {"\"@dayly\"", "did you mean @daily?"}},
        {"@reboot", {"\"@reboot\"", "@hourly"}},
        {"@", {"@hourly"}},
        {"0 0 30 2 *", {"day of month", "\"30\" never comes", "\"2\""}},
        {"0 0 31 2,4,6,9,11 *", {"\"31\" never comes"}},
        {"0 0 30-31 FEB */2", {"never comes"}},
        {"0\n0 * * *", {"4 fields", "\"0?0 * * *\""}},
        {"\x1b[31m * * * *", {"minute", "\"?[31m\""}},
        {"\xc3\xa9 * * * *", {"minute", "\"?\?\""}},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cron c = {.minutes = 42};
        struct error err;
        check_row(!cron_parse(str_from(ROWS[i].text), &c, &err), ROWS[i].text);
        check_row(err.code == ERR_CONFIG, ROWS[i].text);
        check_row(c.minutes == 42, ROWS[i].text);
        for (size_t k = 0; k < ARRAY_LEN(ROWS[i].says) && ROWS[i].says[k]; k++) {
            check_contains(err.message, ROWS[i].says[k]);
        }
    }
}

static void test_huge_and_odd_bytes(void **state)
{
    (void)state;
    static char text[10240];
    struct cron c;
    struct error err;
    memset(text, '*', sizeof text);
    assert_false(cron_parse((struct str){text, sizeof text}, &c, &err));
    check_contains(err.message, "10240 bytes");
    check_contains(err.message, "at most 256");
    assert_true(strlen(err.message) < 200);
    memset(text, '9', sizeof text);
    assert_false(cron_parse((struct str){text, 200}, &c, &err));
    assert_false(cron_parse((struct str){"0 0 * * \0", 9}, &c, &err));
    check_contains(err.message, "day of week: \"?\"");
}

// ---- the next tick, in tables

static void check_ticks(const char *zone, const char *text, const char *after,
                        const char *const *want)
{
    struct cron c = parsed(text);
    int64_t t = at(after);
    for (size_t i = 0; want[i]; i++) {
        int64_t next = 0;
        check_row(cron_next(&c, str_from(zone), t, &next), text);
        if (next != at(want[i])) {
            char got[TIMESTAMP_TEXT_MAX];
            assert_true(timestamp_format(next, got));
            fail_msg("%s %s: got %s, want %s", zone, text, got, want[i]);
        }
        t = next;
    }
}

static void test_where_clocks_change(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *text, *after;
        const char *want[5];
    } ROWS[] = {
        // 02:00 becomes 03:00 on 29 March 2026: a skipped time fires at the change, once.
        {"Europe/Berlin",
         "30 2 * * *",
         "2026-03-27T12:00:00Z",
         {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
        {"Europe/Berlin",
         "*/10 2 * * *",
         "2026-03-29T00:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
        {"Europe/Berlin",
         "0 2,3 * * *",
         "2026-03-29T00:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
        // Every hour stays every hour.
        {"Europe/Berlin",
         "30 * * * *",
         "2026-03-29T00:00:00Z",
         {"2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z", "2026-03-29T02:30:00Z"}},
        {"Europe/Berlin",
         "30 * * * *",
         "2026-10-25T00:00:00Z",
         {"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:30:00Z"}},
        {"Europe/Berlin",
         "0 */2 * * *",
         "2026-03-28T23:00:00Z",
         {"2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z", "2026-03-29T04:00:00Z"}},
        // 03:00 becomes 02:00 on 25 October 2026: what comes twice fires the first time.
        {"Europe/Berlin",
         "30 2 * * *",
         "2026-10-24T12:00:00Z",
         {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
        {"Europe/Berlin",
         "30 2 * * *",
         "2026-10-25T01:10:00Z", // already the second time
         {"2026-10-26T01:30:00Z"}},
        {"America/Havana", // midnight does not exist, the day begins at one
         "0 0 * * *",
         "2026-03-07T12:00:00Z",
         {"2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"}},
        {"Australia/Lord_Howe", // half an hour
         "15 2 * * *",
         "2026-10-03T00:00:00Z",
         {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
        {"Pacific/Apia", // 30 December 2011 did not exist
         "0 12 * * *",
         "2011-12-29T23:00:00Z",
         {"2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
        {"",
         "0 0 29 2 *",
         "2026-01-01T00:00:00Z",
         {"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
        {"", "0 0 29 2 *", "2096-03-01T00:00:00Z", {"2104-02-29T00:00:00Z"}},
        {"", "0 0 29 2 */7", "2072-01-01T00:00:00Z", {"2088-02-29T00:00:00Z"}},
        {"", "59 23 31 12 *", "2026-12-31T23:59:00Z", {"2027-12-31T23:59:00Z"}},
        {"", "* * * * *", "2026-12-31T23:59:00.001Z", {"2027-01-01T00:00:00Z"}},
        {"", "* * * * *", "2026-12-31T23:58:59.999Z", {"2026-12-31T23:59:00Z"}},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_ticks(ROWS[i].zone, ROWS[i].text, ROWS[i].after, ROWS[i].want);
    }
}

static void test_no_next(void **state)
{
    (void)state;
    struct cron c = parsed("0 0 * * *");
    int64_t next = 7;
    assert_false(cron_next(&c, STR("Mars/Olympus"), at("2026-01-01T00:00:00Z"), &next));
    assert_false(cron_next(&c, STR(""), at("9999-12-31T12:00:00Z"), &next));
    assert_false(cron_next(&c, STR("Europe/Berlin"), INT64_MAX, &next));
    assert_false(cron_next(&c, STR(""), INT64_MIN, &next));
    assert_int_equal(next, 7);
}

// ---- the reference

struct expression {
    char text[CRON_TEXT_MAX];
    bool minutes[60], hours[24], days[32], months[13], weekdays[8];
    bool star[5];
};

static void put(struct expression *e, const char *part)
{
    size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, "%s", part);
}

// One field: its text and what it means, both made here.
static void random_field(struct expression *e, struct random *r, int field, int first, int last,
                         bool *meant)
{
    char part[32];
    int parts = random_below(r, 4) == 0 ? 1 + (int)random_below(r, 3) : 1;
    for (int i = 0; i < parts; i++) {
        int a = first + (int)random_below(r, (uint64_t)last - (uint64_t)first + 1);
        int b = a + (int)random_below(r, (uint64_t)last - (uint64_t)a + 1);
        int step = 1 + (int)random_below(r, (uint64_t)(last - first));
        int kind = (int)random_below(r, 6);
        kind = i > 0 && kind < 2 ? 2 : kind;
        switch (kind) {
        case 0:
            snprintf(part, sizeof part, "*");
            a = first;
            b = last;
            step = 1;
            break;
        case 1:
            snprintf(part, sizeof part, "*/%d", step);
            a = first;
            b = last;
            break;
        case 2:
            snprintf(part, sizeof part, "%d-%d", a, b);
            step = 1;
            break;
        case 3:
            snprintf(part, sizeof part, "%d-%d/%d", a, b, step);
            break;
        case 4:
            snprintf(part, sizeof part, "%d/%d", a, step);
            b = last;
            break;
        default:
            snprintf(part, sizeof part, "%d", a);
            b = a;
            break;
        }
        e->star[field] = e->star[field] || (i == 0 && kind < 2);
        put(e, i > 0 ? "," : "");
        put(e, part);
        for (int v = a; v <= b; v += step) {
            meant[v] = true;
        }
    }
    put(e, field < 4 ? " " : "");
}

static void random_expression(struct expression *e, struct random *r)
{
    *e = (struct expression){""};
    random_field(e, r, 0, 0, 59, e->minutes);
    random_field(e, r, 1, 0, 23, e->hours);
    random_field(e, r, 2, 1, 31, e->days);
    random_field(e, r, 3, 1, 12, e->months);
    random_field(e, r, 4, 0, 7, e->weekdays);
    e->weekdays[0] = e->weekdays[0] || e->weekdays[7];
}

static bool matches(const struct expression *e, int64_t wall_ms)
{
    int64_t year = 0;
    int month = 0;
    int day = 0;
    int64_t days = wall_ms / DAY_MS;
    civil_from_days(days, &year, &month, &day);
    int64_t minute = wall_ms / MINUTE_MS;
    bool by_day = e->days[day];
    bool by_weekday = e->weekdays[(days + 4) % 7];
    bool today = e->star[2] || e->star[4] ? by_day && by_weekday : by_day || by_weekday;
    return e->minutes[minute % 60] && e->hours[minute / 60 % 24] && e->months[month] && today;
}

struct window {
    int64_t begin_ms;
    size_t minutes;
    int64_t *wall_ms; // one a minute
};

static void window_open(struct window *w, const char *zone, const char *begin, size_t days)
{
    w->begin_ms = at(begin);
    w->minutes = days * 1440;
    w->wall_ms = calloc(w->minutes, sizeof *w->wall_ms);
    assert_non_null(w->wall_ms);
    for (size_t i = 0; i < w->minutes; i++) {
        int64_t t = w->begin_ms + (int64_t)i * MINUTE_MS;
        int64_t offset = 0;
        assert_true(zone[0] == '\0' || zone_offset_ms(str_from(zone), t, &offset));
        w->wall_ms[i] = t + offset;
    }
}

// Whether a tick belongs to minute i. `seen`: the latest time that walls have shown before.
static bool reference_fires(const struct expression *e, const struct window *w, size_t i,
                            int64_t seen)
{
    bool every_hour = true;
    for (size_t h = 0; h < 24; h++) {
        every_hour = every_hour && e->hours[h];
    }
    for (int64_t t = seen + MINUTE_MS; t < w->wall_ms[i]; t += MINUTE_MS) {
        if (!every_hour && matches(e, t)) {
            return true;
        }
    }
    bool again = w->wall_ms[i] <= seen && !e->star[0] && !e->star[1];
    return !again && matches(e, w->wall_ms[i]);
}

static void check_against_reference(const struct window *w, const char *zone,
                                    const struct expression *e)
{
    struct cron c;
    struct error err;
    int64_t next = 0;
    if (!cron_parse(str_from(e->text), &c, &err)) {
        check_contains(err.message, "never comes");
        for (size_t i = 0; i < w->minutes; i++) {
            check_row(!matches(e, w->wall_ms[i]), e->text);
        }
        return;
    }
    check_row(cron_next(&c, str_from(zone), w->begin_ms, &next), e->text);
    int64_t seen = w->wall_ms[0];
    for (size_t i = 1; i < w->minutes; i++) {
        int64_t now = w->begin_ms + (int64_t)i * MINUTE_MS;
        bool fires = reference_fires(e, w, i, seen);
        if (fires != (next == now)) {
            char text[TIMESTAMP_TEXT_MAX];
            assert_true(timestamp_format(now, text));
            fail_msg("%s, %s: at %s it %s", zone, e->text, text,
                     fires ? "should fire" : "should not fire");
        }
        if (fires) {
            check_row(cron_next(&c, str_from(zone), now, &next), e->text);
        }
        seen = MAX(seen, w->wall_ms[i]);
    }
    assert_true(next >= w->begin_ms + (int64_t)w->minutes * MINUTE_MS);
}

static void compare(const char *zone, const char *begin, size_t days, size_t expressions)
{
    struct random r;
    struct window w;
    struct expression e;
    random_seed(&r, str_hash(str_from(begin)));
    window_open(&w, zone, begin, days);
    for (size_t i = 0; i < expressions; i++) {
        random_expression(&e, &r);
        check_against_reference(&w, zone, &e);
    }
    free(w.wall_ms);
}

static void test_years_by_minutes(void **state)
{
    (void)state;
    compare("", "2023-06-01T00:00:00Z", 3 * 366, 40);
    compare("Europe/Berlin", "2025-12-01T00:00:00Z", 2 * 365, 30);
}

static void test_changes_by_minutes(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *begin;
    } ROWS[] = {
        {"Europe/Berlin", "2026-03-26T00:00:00Z"},
        {"Europe/Berlin", "2026-10-22T00:00:00Z"},
        {"America/New_York", "2026-03-05T00:00:00Z"},
        {"America/New_York", "2026-10-29T00:00:00Z"},
        {"Australia/Lord_Howe", "2026-04-02T00:00:00Z"},
        {"Australia/Lord_Howe", "2026-10-01T00:00:00Z"},
        {"Africa/Casablanca", "2026-02-12T00:00:00Z"},
        {"Africa/Casablanca", "2026-03-19T00:00:00Z"},
        {"America/Havana", "2026-03-05T00:00:00Z"},
        {"America/Havana", "2026-10-29T00:00:00Z"},
        {"Pacific/Apia", "2011-12-28T00:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        compare(ROWS[i].zone, ROWS[i].begin, 6, 700);
    }
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_understood),
        cmocka_unit_test(test_shorthands),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_huge_and_odd_bytes),
        cmocka_unit_test(test_where_clocks_change),
        cmocka_unit_test(test_no_next),
        cmocka_unit_test(test_years_by_minutes),
        cmocka_unit_test(test_changes_by_minutes),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
