// The limits of an account in virtual time: windows of apps, search, associations, days in a time
// zone, and somebody else who calls.
#include "check.h"

#include "core/timestamp.h"
#include "sim/limits.h"
#include "sim/rate.h"
#include "sim/sim.h"
#include "sim/window.h"

enum { ARENA_MAX = 4 * 1024 * 1024 };

struct scene {
    struct virtual_clock clock;
    struct options options;
    struct sim sim;
    struct limits *limits;
    struct arena arena;
    struct app apps[3]; // two private ones, then an OAuth app
    struct http_server_response response;
};

static int64_t ms_of(const char *iso)
{
    int64_t ms;
    assert_true(timestamp_parse(str_from(iso), &ms));
    return ms;
}

static const struct limits_options USUAL = {
    .general = {190, 10000},
    .oauth = {110, 10000},
    .search = {5, 1000},
    .associations = {150, 10000},
    .token = {3, 1000},
    .daily = 1000000,
    .associations_daily = 500000,
    .time_zone = STR_INIT("America/New_York"),
    .utc_offset_ms = -5 * 3600000,
};

static void begin(struct scene *s, const struct limits_options *options, const char *now)
{
    *s = (struct scene){0};
    virtual_clock_init(&s->clock, ms_of(now));
    arena_init(&s->arena, ARENA_MAX);
    buf_init(&s->response.body, 65536);
    s->options.portal_id = 42;
    s->sim.options = &s->options;
    s->limits = limits_create(options, &s->clock.clock);
    for (uint32_t i = 0; i < ARRAY_LEN(s->apps); i++) {
        s->apps[i] =
            (struct app){.index = i, .id = 7 + i, .kind = i == 2 ? APP_OAUTH : APP_PRIVATE};
    }
}

static void end(struct scene *s)
{
    limits_destroy(s->limits);
    buf_done(&s->response.body);
    arena_done(&s->arena);
}

static bool admit(struct scene *s, size_t app, enum rate_class rate)
{
    struct http_server_request request = {.arena = &s->arena};
    arena_reset(&s->arena);
    buf_reset(&s->response.body);
    s->response.status = 200;
    s->response.n_headers = 0;
    struct call c = {.sim = &s->sim,
                     .request = &request,
                     .response = &s->response,
                     .arena = &s->arena,
                     .caller = {.app = &s->apps[app]}};
    bool admitted = limits_admit(s->limits, &c, rate);
    assert_int_equal(admitted, s->response.status == 200);
    return admitted;
}

// How many of n calls at this instant are let through.
static int admitted_of(struct scene *s, size_t app, enum rate_class rate, int n)
{
    int admitted = 0;
    for (int i = 0; i < n; i++) {
        admitted += admit(s, app, rate) ? 1 : 0;
    }
    return admitted;
}

static void advance(struct scene *s, int64_t ms)
{
    virtual_clock_advance_us(&s->clock, ms * 1000);
}

static const char *header(struct scene *s, const char *name)
{
    for (size_t i = 0; i < s->response.n_headers; i++) {
        if (strcmp(s->response.headers[i].name, name) == 0) {
            return arena_cstr(&s->arena, s->response.headers[i].value);
        }
    }
    return NULL;
}

static void test_each_app_has_its_window(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, &USUAL, "2026-11-22T10:00:00Z");
    assert_int_equal(admitted_of(&s, 0, RATE_GENERAL, 200), 190);
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Remaining"), "0");
    assert_int_equal(admitted_of(&s, 1, RATE_GENERAL, 200), 190);
    assert_int_equal(admitted_of(&s, 2, RATE_GENERAL, 200), 110);
    advance(&s, 9999);
    assert_false(admit(&s, 0, RATE_GENERAL));
    advance(&s, 1);
    assert_true(admit(&s, 0, RATE_GENERAL));
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Remaining"), "189");
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Secondly"), "19");
    struct limits_app_report r = limits_app_report(s.limits, &s.apps[0]);
    assert_int_equal(r.calls, 191);
    assert_int_equal(r.refused, 11);
    assert_int_equal(r.peak, 201); // 200 at once and one within 10 s of them
    assert_int_equal(limits_report(s.limits).peak_general, 601);
    end(&s);
}

static void test_headers_of_an_oauth_app(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, &USUAL, "2026-11-22T10:00:00Z");
    assert_true(admit(&s, 2, RATE_GENERAL));
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Max"), "110");
    assert_null(header(&s, "X-HubSpot-RateLimit-Daily"));
    assert_null(header(&s, "X-HubSpot-RateLimit-Daily-Remaining"));
    assert_null(header(&s, "X-HubSpot-RateLimit-Secondly"));
    assert_true(admit(&s, 0, RATE_SEARCH));
    assert_int_equal(s.response.n_headers, 0);
    end(&s);
}

static void test_search_is_of_the_account(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, &USUAL, "2026-11-22T10:00:00Z");
    assert_int_equal(admitted_of(&s, 0, RATE_SEARCH, 3), 3);
    assert_int_equal(admitted_of(&s, 2, RATE_SEARCH, 3), 2);
    check_contains(buf_cstr(&s.response.body), "publicapi:crm:search:oauth:9:42");
    advance(&s, 999);
    assert_false(admit(&s, 1, RATE_SEARCH));
    check_contains(buf_cstr(&s.response.body), "publicapi:crm:search:private_app:8:42");
    advance(&s, 1);
    assert_true(admit(&s, 1, RATE_SEARCH));
    assert_int_equal(limits_report(s.limits).peak_search, 7);
    end(&s);
}

// Another account with the same limits: nothing of what the first one does counts in it.
static void test_accounts_are_apart(void **state)
{
    (void)state;
    struct scene s;
    struct limits_options o = USUAL;
    o.daily = 30;
    begin(&s, &o, "2026-11-22T10:00:00Z");
    s.apps[1].account = 3;
    assert_int_equal(admitted_of(&s, 0, RATE_SEARCH, 9), 5);
    assert_int_equal(admitted_of(&s, 1, RATE_SEARCH, 9), 5);
    check_contains(buf_cstr(&s.response.body), "publicapi:crm:search:private_app:8:45");
    advance(&s, 1000);
    assert_int_equal(admitted_of(&s, 0, RATE_GENERAL, 100), 25);
    assert_int_equal(admitted_of(&s, 1, RATE_ASSOCIATIONS, 20), 20);
    assert_int_equal(limits_report(s.limits).today, 30); // of the first
    assert_int_equal(limits_app_report(s.limits, &s.apps[1]).today, 25);
    limits_clear(s.limits);
    assert_int_equal(admitted_of(&s, 1, RATE_GENERAL, 100), 30);
    end(&s);
}

static void test_associations_count_twice(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, &USUAL, "2026-11-22T10:00:00Z");
    assert_int_equal(admitted_of(&s, 0, RATE_ASSOCIATIONS, 160), 150);
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Max"), "190"); // the app's
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Remaining"), "40");
    assert_false(admit(&s, 2, RATE_ASSOCIATIONS)); // one window for all apps
    assert_int_equal(admitted_of(&s, 0, RATE_GENERAL, 50), 40);
    assert_int_equal(limits_report(s.limits).refused_associations, 11);
    end(&s);
}

// Midnight there, as the clocks are put forward and back: days of 24, 23 and 25 hours.
static void test_the_day_ends_at_midnight(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *before, *after;
    } ROWS[] = {
        {"America/New_York", "2026-11-23T04:59:59.999Z", "2026-11-23T05:00:00.000Z"},
        {"America/New_York", "2027-03-15T03:59:59.999Z", "2027-03-15T04:00:00.000Z"},
        {"America/New_York", "2027-11-08T04:59:59.999Z", "2027-11-08T05:00:00.000Z"},
        {"Europe/Berlin", "2027-03-28T21:59:59.999Z", "2027-03-28T22:00:00.000Z"},
        {"Asia/Kolkata", "2026-11-22T18:29:59.999Z", "2026-11-22T18:30:00.000Z"},
        {"No/Such_Zone", "2026-11-23T04:59:59.999Z", "2026-11-23T05:00:00.000Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct scene s;
        struct limits_options o = USUAL;
        o.daily = 3;
        o.time_zone = str_from(ROWS[i].zone);
        o.retry_after = true;
        begin(&s, &o, ROWS[i].before);
        check_row(admitted_of(&s, 0, RATE_GENERAL, 2) == 2, ROWS[i].before);
        check_row(admitted_of(&s, 1, RATE_SEARCH, 2) == 1, ROWS[i].before); // shared
        check_row(strcmp(header(&s, "Retry-After"), "1") == 0, ROWS[i].before);
        check_row(admit(&s, 2, RATE_GENERAL), ROWS[i].before); // no day for OAuth apps
        check_row(limits_report(s.limits).day_ends_ms == ms_of(ROWS[i].after), ROWS[i].before);
        advance(&s, 1);
        check_row(admitted_of(&s, 0, RATE_GENERAL, 5) == 3, ROWS[i].before);
        end(&s);
    }
}

static void test_retry_after_is_enough_and_not_too_much(void **state)
{
    (void)state;
    struct scene s;
    struct limits_options o = USUAL;
    o.general = (struct rate){2, 10000};
    o.retry_after = true;
    begin(&s, &o, "2026-11-22T10:00:00Z");
    assert_true(admit(&s, 0, RATE_GENERAL));
    assert_null(header(&s, "Retry-After"));
    advance(&s, 4000);
    assert_true(admit(&s, 0, RATE_GENERAL));
    advance(&s, 1500);
    assert_false(admit(&s, 0, RATE_GENERAL));
    assert_string_equal(header(&s, "Retry-After"), "5"); // 4.5 s
    advance(&s, 4500);
    assert_true(admit(&s, 0, RATE_GENERAL));
    end(&s);
}

static void test_limits_may_change(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, &USUAL, "2026-11-22T10:00:00Z");
    assert_int_equal(admitted_of(&s, 0, RATE_GENERAL, 150), 150);
    struct limits_options o = limits_options(s.limits);
    o.general.calls = 100;
    limits_set_options(s.limits, &o);
    assert_false(admit(&s, 0, RATE_GENERAL));
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Max"), "100");
    o.general.calls = 160;
    limits_set_options(s.limits, &o);
    assert_int_equal(admitted_of(&s, 0, RATE_GENERAL, 20), 10);
    limits_set_app(s.limits, &s.apps[0], &(struct rate){170, 10000});
    assert_int_equal(admitted_of(&s, 0, RATE_GENERAL, 20), 10);
    assert_int_equal(admitted_of(&s, 1, RATE_GENERAL, 200), 160); // of its kind, still
    end(&s);
}

static void test_token_endpoint(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, &USUAL, "2026-11-22T10:00:00Z");
    struct http_server_request request = {.arena = &s.arena};
    struct call c = {
        .sim = &s.sim, .request = &request, .response = &s.response, .arena = &s.arena};
    for (int i = 0; i < 3; i++) {
        assert_true(limits_admit_token(s.limits, &c, &s.apps[2]));
    }
    assert_false(limits_admit_token(s.limits, &c, &s.apps[2]));
    assert_int_equal(s.response.status, 429);
    check_contains(buf_cstr(&s.response.body), "\"policyName\":\"SECONDLY\"");
    assert_null(strstr(buf_cstr(&s.response.body), "correlationId"));
    assert_int_equal(admitted_of(&s, 2, RATE_GENERAL, 111), 110); // none of its window is gone
    advance(&s, 1000);
    assert_true(limits_admit_token(s.limits, &c, &s.apps[2]));
    end(&s);
}

// Never more in any window than its limit, whoever asks when.
static void test_never_over_the_limit_with_others(void **state)
{
    (void)state;
    static const enum foreign_pattern PATTERNS[] = {FOREIGN_STEADY, FOREIGN_BURSTS};
    for (size_t p = 0; p < ARRAY_LEN(PATTERNS); p++) {
        struct scene s;
        struct error err;
        struct foreign f;
        begin(&s, &USUAL, "2026-11-22T10:00:00Z");
        assert_true(foreign_parse(STR("50%"), 190, 10000, &f, &err));
        assert_int_equal(f.calls, 95);
        f.pattern = PATTERNS[p];
        limits_set_foreign(s.limits, &f);
        // We take all that we get: every 7 ms for a minute.
        for (int i = 0; i < 60000 / 7; i++) {
            (void)admit(&s, 0, RATE_GENERAL);
            assert_true(limits_app_report(s.limits, &s.apps[0]).in_window <= 190);
            advance(&s, 7);
        }
        struct limits_report r = limits_report(s.limits);
        uint64_t ours = limits_app_report(s.limits, &s.apps[0]).calls;
        assert_in_range(r.foreign_admitted + r.foreign_refused, 570, 666); // 60 s of 95 in 10 s
        assert_in_range(ours + r.foreign_admitted, 6 * 190, 7 * 190);
        assert_int_equal(r.today, ours + r.foreign_admitted);
        // Theirs are none of ours.
        assert_int_equal(limits_app_report(s.limits, &s.apps[0]).refused, r.refused_general);
        end(&s);
    }
}

static void test_others_alone(void **state)
{
    (void)state;
    struct scene s;
    struct error err;
    struct foreign f;
    begin(&s, &USUAL, "2026-11-22T10:00:00Z");
    assert_true(foreign_parse(STR("50%"), 190, 10000, &f, &err));
    limits_set_foreign(s.limits, &f);
    advance(&s, 60000);
    assert_true(admit(&s, 0, RATE_GENERAL));
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Remaining"), "94"); // 190 - 95 - 1
    advance(&s, INT64_C(3) * 86400000); // nobody looked for three days
    assert_true(admit(&s, 0, RATE_GENERAL));
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Remaining"), "94");
    // Since midnight five hours and a minute have gone by: 95 in each 10 s, and our call.
    assert_in_range(limits_report(s.limits).today, 95 * 1805, 95 * 1807 + 1);
    f.calls = 0;
    limits_set_foreign(s.limits, &f);
    advance(&s, 10000);
    assert_true(admit(&s, 0, RATE_GENERAL));
    assert_string_equal(header(&s, "X-HubSpot-RateLimit-Remaining"), "189");
    end(&s);
}

static void test_foreign_arithmetic(void **state)
{
    (void)state;
    static const enum foreign_pattern PATTERNS[] = {FOREIGN_STEADY, FOREIGN_BURSTS};
    for (size_t p = 0; p < ARRAY_LEN(PATTERNS); p++) {
        // Skipping says the same as taking one after the other.
        for (int64_t until = 0; until < 3000; until += 7) {
            struct foreign one = {.calls = 7, .period_ms = 1000, .pattern = PATTERNS[p]};
            struct foreign other = one;
            foreign_begin(&one, 100);
            foreign_begin(&other, 100);
            uint64_t n = 0;
            int64_t at;
            while (foreign_next(&one, 100 + until - 1, &at)) {
                assert_in_range(at, 100, 100 + until);
                n++;
            }
            assert_int_equal(foreign_skip(&other, 100 + until), n);
            assert_int_equal(one.done, other.done);
        }
    }
    struct foreign f;
    struct error err;
    assert_true(foreign_parse(STR("3/2s"), 0, 10000, &f, &err));
    assert_int_equal(f.calls, 3);
    assert_int_equal(f.period_ms, 2000);
    assert_false(foreign_parse(STR("101%"), 190, 10000, &f, &err));
    check_contains(err.message, "101%");
    assert_false(foreign_parse(STR("50%"), 0, 10000, &f, &err));
    assert_true(foreign_parse(STR("off"), 0, 10000, &f, &err));
    assert_int_equal(f.calls, 0);
}

static void test_wait_of_a_window(void **state)
{
    (void)state;
    struct window w;
    window_init(&w, 1000);
    assert_int_equal(window_wait_ms(&w, 5000), 0);
    window_add(&w, 5000);
    assert_int_equal(window_wait_ms(&w, 5000), 1000);
    window_add(&w, 5400);
    assert_int_equal(window_wait_ms(&w, 5999), 1);
    assert_int_equal(window_wait_ms(&w, 6000), 400);
    window_done(&w);
}

static void test_rates(void **state)
{
    (void)state;
    uint64_t n;
    int64_t ms;
    struct error err;
    assert_true(rate_parse("limit", STR("190/10s"), &n, &ms, &err));
    assert_int_equal(n, 190);
    assert_int_equal(ms, 10000);
    assert_true(rate_parse("limit", STR("5/s"), &n, &ms, &err));
    assert_int_equal(ms, 1000);
    assert_true(rate_parse("limit", STR("1/250ms"), &n, &ms, &err));
    assert_int_equal(ms, 250);
    static const char *const BAD[] = {"",        "5",    "0/s",    "5/",
                                      "5/0s",    "-1/s", "5/min",  "5/1 s",
                                      "5/3601s", "x/s",  "5/ms2s", "5/18446744073709551615s",
                                      "1/s/s"};
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        check_row(!rate_parse("limit", str_from(BAD[i]), &n, &ms, &err), BAD[i]);
    }
    check_contains(err.message, "--limit is '1/s/s'");
    assert_null(rate_tier(STR("gold")));
    assert_int_equal(rate_tier(STR("professional"))->daily, 625000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_app_has_its_window),
        cmocka_unit_test(test_headers_of_an_oauth_app),
        cmocka_unit_test(test_search_is_of_the_account),
        cmocka_unit_test(test_accounts_are_apart),
        cmocka_unit_test(test_associations_count_twice),
        cmocka_unit_test(test_the_day_ends_at_midnight),
        cmocka_unit_test(test_retry_after_is_enough_and_not_too_much),
        cmocka_unit_test(test_limits_may_change),
        cmocka_unit_test(test_token_endpoint),
        cmocka_unit_test(test_never_over_the_limit_with_others),
        cmocka_unit_test(test_others_alone),
        cmocka_unit_test(test_foreign_arithmetic),
        cmocka_unit_test(test_wait_of_a_window),
        cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
