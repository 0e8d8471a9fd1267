#include "test_hubspot.h"

// Limits as the client meets them: the budget's own logic is tested by itself.

static void test_refused(void **state)
{
    struct fixture *f = *state;
    const char *limit = "{\"policyName\":\"TEN_SECONDLY_ROLLING\"}";
    hub_answer(f, 429, "Retry-After: 3\r\n", limit);
    hub_answer(f, 200, "", "{}");
    hub_answer(f, 429, "", limit);
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_call(f);
    assert_true(a->ok && a->tries == 2);
    hubspot_client_release(f->client, a);
    hub_check_passed(f, 3000000, 4500000);
    a = hub_call(f);
    assert_true(a->ok && a->tries == 2);
    hubspot_client_release(f->client, a);
    hub_check_passed(f, 4000000, 6500000);
    assert_true(hub_figures(f).refused == 2);
    struct budget_view v;
    budget_look(hubspot_budget(f->account), clock_mono_us(&f->time.clock), &v);
    assert_true(v.refused == 2);
}

static void test_shown_while_waiting(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 429, "Retry-After: 60\r\n", "");
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    struct hubspot_wait w;
    hubspot_client_waiting(f->client, &w);
    assert_true(w.why == BUDGET_GO && w.calls == 0);
    hub_start(f, HUBSPOT_OWNERS, NULL);
    assert_null(hubspot_client_next(f->client, 10000)); // in virtual time
    hubspot_client_waiting(f->client, &w);
    assert_true(w.why == BUDGET_WAIT_REFUSED && w.calls == 1);
    int64_t left_ms = w.until_wall_ms - clock_now_ms(&f->time.clock);
    assert_in_range(left_ms, 45000, 75000);
    struct hubspot_answer *a = hub_next(f);
    assert_true(a->ok);
    hubspot_client_release(f->client, a);
    hubspot_client_waiting(f->client, &w);
    assert_true(w.why == BUDGET_GO && w.calls == 2);
}

// Nobody sits and waits for an hour: this call and those behind it say until when.
static void test_refused_for_hours(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 429, "Retry-After: 3600\r\n", "{\"message\":\"slow down\"}");
    hub_begin(f);
    hub_check_fails(f, ERR_RATE_LIMITED, 429, 1, "slow down");
    hub_check_fails(f, ERR_RATE_LIMITED, 0, 0, "no more calls until 20");
    assert_int_equal(script_count(f->script), 1);
    hub_check_passed(f, 0, 60 * SECOND_US);
}

static void test_day_is_spent(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200,
               "X-HubSpot-RateLimit-Daily: 1000\r\nX-HubSpot-RateLimit-Daily-Remaining: 200\r\n",
               "{}");
    hub_begin(f);
    // Noon in the account's time zone, so that midnight is far.
    int64_t day_ms = 24LL * 3600 * 1000;
    budget_set_zone(hubspot_budget(f->account), STR(""),
                    day_ms / 2 - clock_now_ms(&f->time.clock) % day_ms,
                    clock_now_ms(&f->time.clock));
    hubspot_client_release(f->client, hub_call(f));
    hub_check_fails(f, ERR_DAILY_LIMIT, 0, 0,
                    "800 of the 800 daily calls that may be used (of 1000) are used; the next day "
                    "begins at 20");
    assert_int_equal(script_count(f->script), 1);
}

// What is kept for changes is not a backfill's.
static void test_day_of_a_backfill(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200,
               "X-HubSpot-RateLimit-Daily: 1000\r\nX-HubSpot-RateLimit-Daily-Remaining: 400\r\n",
               "{}");
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    int64_t day_ms = 24LL * 3600 * 1000;
    budget_set_zone(hubspot_budget(f->account), STR(""),
                    day_ms / 2 - clock_now_ms(&f->time.clock) % day_ms,
                    clock_now_ms(&f->time.clock));
    hubspot_client_release(f->client, hub_call(f));
    hubspot_client_set_priority(f->client, BUDGET_BACKFILL);
    hub_check_fails(f, ERR_DAILY_LIMIT, 0, 0,
                    "600 of the 800 daily calls that may be used (of 1000) are used, the rest is "
                    "kept for what is more urgent than backfill; the next day begins at 20");
    hubspot_client_set_priority(f->client, BUDGET_INCREMENTAL);
    hubspot_client_release(f->client, hub_call(f));
}

static void test_refused_for_the_day(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 429, "Retry-After: 5\r\n",
               "{\"policyName\":\"DAILY\",\"message\":\"You have reached your daily limit.\"}");
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    int64_t day_ms = 24LL * 3600 * 1000;
    budget_set_zone(hubspot_budget(f->account), STR(""),
                    day_ms / 2 - clock_now_ms(&f->time.clock) % day_ms,
                    clock_now_ms(&f->time.clock));
    hub_check_fails(f, ERR_DAILY_LIMIT, 429, 1, "You have reached your daily limit.");
    hub_check_fails(f, ERR_DAILY_LIMIT, 0, 0,
                    "refuses more calls today; the next day begins at 20");
    assert_int_equal(script_count(f->script), 1);
    // When the day is nearly over, it is worth waiting.
    budget_set_zone(hubspot_budget(f->account), STR(""), 0, clock_now_ms(&f->time.clock));
    f->time.clock.sleep_us(&f->time.clock,
                           SECOND_US * 12 * 3600 - 60 * SECOND_US - hub_passed_us(f));
    struct hubspot_answer *a = hub_call(f);
    assert_true(a->ok);
    hubspot_client_release(f->client, a);
}

// The share of the window is kept to, however many calls there are.
static void test_window(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200,
               "X-HubSpot-RateLimit-Max: 10\r\nX-HubSpot-RateLimit-Remaining: 9\r\n"
               "X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n",
               "{}");
    hub_begin(f);
    hubspot_client_release(f->client, hub_call(f));
    for (int i = 0; i < 23; i++) {
        hub_start(f, HUBSPOT_OWNERS, NULL);
    }
    for (int i = 0; i < 23; i++) {
        hubspot_client_release(f->client, hub_next(f));
    }
    // 24 calls, 8 a window: the last ones go two windows after the first.
    hub_check_passed(f, 20 * SECOND_US, 24 * SECOND_US);
}

// What a header says may be nonsense.
static void test_hostile_headers(void **state)
{
    struct fixture *f = *state;
    static const char *const VALUES[] = {
        "9223372036854775807",     "-1",  "5000000000", "-9223372036854775808",
        "99999999999999999999999", "1e9", "0",          "Wed, 21 Oct 2026 07:28:00 GMT"};
    for (size_t i = 0; i < ARRAY_LEN(VALUES); i++) {
        const char *v = VALUES[i];
        struct str headers = arena_printf(
            &f->arena,
            "Retry-After: %s\r\nX-HubSpot-RateLimit-Max: %s\r\nX-HubSpot-RateLimit-Remaining: "
            "%s\r\n"
            "X-HubSpot-RateLimit-Interval-Milliseconds: %s\r\nX-HubSpot-RateLimit-Daily: %s\r\n"
            "X-HubSpot-RateLimit-Daily-Remaining: %s\r\n",
            v, v, v, v, v, v);
        hub_answer(f, i % 2 ? 200 : 429, headers.ptr, "{}");
    }
    hub_begin(f);
    for (size_t i = 0; i < 4; i++) {
        struct hubspot_answer *a = hub_call(f);
        assert_true(a->ok && a->tries == 2);
        hubspot_client_release(f->client, a);
    }
    hub_check_passed(f, 0, 60 * SECOND_US);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, hub_setup, hub_teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_refused),      TEST(test_shown_while_waiting), TEST(test_refused_for_hours),
        TEST(test_day_is_spent), TEST(test_refused_for_the_day), TEST(test_day_of_a_backfill),
        TEST(test_window),       TEST(test_hostile_headers),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
