#include "check.h"

#include "core/timestamp.h"
#include "engine/plan.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_true(timestamp_parse(str_from(text), &ms));
    return ms;
}

#define NOW   "2026-11-22T16:30:00Z"
#define BEGUN .run.mode = RUN_FULL, .run.trigger = TRIGGER_USER
#define DONE  .stream.last_completed_ms = 5, .stream.last_full_ms = 1

static void test_modes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        struct run_claim claim;
        struct run_plan want;
    } ROWS[] = {
        {"first", {.run.id = {NULL, 0}}, {RUN_FULL, TRIGGER_INITIAL_SYNC, false}},
        {"first, protected",
         {.stream.protected_from_full_sync = true},
         {RUN_FULL, TRIGGER_INITIAL_SYNC, false}},
        {"first, and somebody wants it anew",
         {.stream.full_refresh_ms = 7},
         {RUN_FULL, TRIGGER_INITIAL_SYNC, true}},
        {"usual", {DONE}, {RUN_INCREMENTAL, TRIGGER_NONE, false}},
        {"asked for", {DONE, .stream.full_refresh_ms = 7}, {RUN_FULL, TRIGGER_USER, true}},
        {"always", {DONE, .stream.full_sync_always = true}, {RUN_FULL, TRIGGER_ALWAYS_FULL, true}},
        {"midnight",
         {DONE, .stream.full_sync_at_midnight = true},
         {RUN_FULL, TRIGGER_MIDNIGHT, true}},
        {"asked for goes before always",
         {DONE, .stream.full_sync_always = true, .stream.full_refresh_ms = 7},
         {RUN_FULL, TRIGGER_USER, true}},
        {"always goes before midnight",
         {DONE, .stream.full_sync_always = true, .stream.full_sync_at_midnight = true},
         {RUN_FULL, TRIGGER_ALWAYS_FULL, true}},
        {"protected from all",
         {DONE, .stream.protected_from_full_sync = true, .stream.full_sync_always = true,
          .stream.full_sync_at_midnight = true, .stream.full_refresh_ms = 7},
         {RUN_INCREMENTAL, TRIGGER_NONE, false}},
        {"goes on", {DONE, BEGUN, .run.resumable = true}, {RUN_FULL, TRIGGER_USER, false}},
        {"begun, nothing to go on with", {DONE, BEGUN}, {RUN_FULL, TRIGGER_USER, true}},
        {"begun as incremental, asked for meanwhile",
         {DONE, .run.mode = RUN_INCREMENTAL, .stream.full_refresh_ms = 7},
         {RUN_INCREMENTAL, TRIGGER_NONE, false}},
        {"asked for, with its history",
         {DONE, .stream.full_refresh_ms = 7, .stream.reset_history = true},
         {RUN_FULL, TRIGGER_USER, true, true}},
        {"first, and somebody wants it anew, with its history",
         {.stream.full_refresh_ms = 7, .stream.reset_history = true},
         {RUN_FULL, TRIGGER_INITIAL_SYNC, true, true}},
        {"protected, with its history",
         {DONE, .stream.protected_from_full_sync = true, .stream.full_refresh_ms = 7,
          .stream.reset_history = true},
         {RUN_INCREMENTAL, TRIGGER_NONE, false, false}},
        {"goes on, with its history",
         {DONE, BEGUN, .run.resumable = true, .run.reset_history = true},
         {RUN_FULL, TRIGGER_USER, false, true}},
        {"begun without, asked for meanwhile",
         {DONE, BEGUN, .stream.full_refresh_ms = 7, .stream.reset_history = true},
         {RUN_FULL, TRIGGER_USER, true, false}},
        {"the first goes on",
         {.run.mode = RUN_FULL, .run.trigger = TRIGGER_INITIAL_SYNC},
         {RUN_FULL, TRIGGER_INITIAL_SYNC, false}},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct run_plan got = plan_run(&ROWS[i].claim, STR(""), at(NOW));
        check_row(got.mode == ROWS[i].want.mode, ROWS[i].name);
        check_row(got.trigger == ROWS[i].want.trigger, ROWS[i].name);
        check_row(got.full_refresh == ROWS[i].want.full_refresh, ROWS[i].name);
        check_row(got.reset_history == ROWS[i].want.reset_history, ROWS[i].name);
    }
}

static void test_midnight(void **state)
{
    (void)state;
    static const struct {
        const char *zone, *last, *now;
        bool full;
    } ROWS[] = {
        {"", "2026-11-22T00:00:00Z", "2026-11-22T23:59:59.999Z", false},
        {"", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", true},
        {"", "2026-11-21T23:59:59.999Z", "2026-11-22T00:00:00Z", true},
        {"Europe/Berlin", "2026-11-21T22:59:00Z", "2026-11-21T23:00:00Z", true},
        {"Europe/Berlin", "2026-11-21T23:01:00Z", "2026-11-22T22:59:59Z", false},
        {"America/Havana", "2026-03-08T04:30:00Z", "2026-03-08T05:00:00Z", true},  // begins at one
        {"America/Havana", "2026-11-01T04:00:00Z", "2026-11-01T05:30:00Z", false}, // midnight twice
        {"Mars/Olympus", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z", true},
        {"Mars/Olympus", "2026-11-22T00:00:00Z", "2026-11-22T23:00:00Z", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct run_claim claim = {.stream.last_completed_ms = 5,
                                  .stream.full_sync_at_midnight = true,
                                  .stream.last_full_ms = at(ROWS[i].last)};
        struct run_plan got = plan_run(&claim, str_from(ROWS[i].zone), at(ROWS[i].now));
        check_row((got.trigger == TRIGGER_MIDNIGHT) == ROWS[i].full, ROWS[i].last);
    }
}

static enum run_status after(enum error_code code, int64_t attempt, int64_t *ret_wait_ms)
{
    struct error err;
    int64_t at_ms = 0;
    (void)!error_set(&err, code, "x");
    enum run_status status = plan_after(&err, attempt, 0, at(NOW), &at_ms);
    *ret_wait_ms = at_ms - at(NOW);
    return status;
}

static void test_backoff(void **state)
{
    (void)state;
    static const int64_t WAITS_S[] = {30, 120, 480, 1800};
    int64_t wait = 0;
    for (size_t i = 0; i < ARRAY_LEN(WAITS_S); i++) {
        assert_int_equal(after(ERR_SOURCE_UNAVAILABLE, (int64_t)i, &wait), RUN_RETRYING);
        assert_in_range(wait, WAITS_S[i] * 1000, WAITS_S[i] * 1250);
    }
    assert_int_equal(after(ERR_SOURCE_UNAVAILABLE, 4, &wait), RUN_FAILED);
    assert_int_equal(after(ERR_SOURCE_UNAVAILABLE, INT64_MAX, &wait), RUN_FAILED);
    assert_int_equal(wait, -at(NOW)); // not before 0
}

// What fails together does not come back together.
static void test_jitter(void **state)
{
    (void)state;
    struct error err;
    int64_t first = 0;
    size_t same = 0;
    (void)!error_set(&err, ERR_CONNECT, "x");
    assert_int_equal(plan_after(&err, 0, 0, at(NOW), &first), RUN_RETRYING);
    for (int64_t i = 1; i <= 100; i++) {
        int64_t next = 0;
        assert_int_equal(plan_after(&err, 0, 0, at(NOW) + i, &next), RUN_RETRYING);
        same += next - i == first;
    }
    assert_in_range(same, 0, 5);
}

static void test_every_code(void **state)
{
    (void)state;
    for (enum error_code code = ERR_OK + 1; code < ERR_COUNT; code++) {
        int64_t wait = 0;
        const struct error_info *info = error_info(code);
        enum run_status want = info->delays      ? RUN_DELAYED
                               : info->retryable ? RUN_RETRYING
                                                 : RUN_FAILED;
        check_row(after(code, 0, &wait) == want, info->name);
        check_row((wait > 0) == (want != RUN_FAILED), info->name);
    }
}

static void test_what_the_error_asks_for(void **state)
{
    (void)state;
    struct error err;
    int64_t until = 0;
    int64_t now = at(NOW);
    (void)!error_set(&err, ERR_LOCKED, "x");
    err.retry_after_ms = 3600000;
    assert_int_equal(plan_after(&err, 0, 0, now, &until), RUN_RETRYING);
    assert_in_range(until - now, 3600000, 4500000);
    err.retry_after_ms = 1;
    assert_int_equal(plan_after(&err, 0, 0, now, &until), RUN_RETRYING);
    assert_in_range(until - now, 30000, 37500);
    err.retry_after_ms = INT64_MAX;
    assert_int_equal(plan_after(&err, 0, 0, now, &until), RUN_RETRYING);
    assert_in_range(until - now, RUN_DELAY_MAX_MS, RUN_DELAY_MAX_MS * 5 / 4);

    (void)!error_set(&err, ERR_DAILY_LIMIT, "x");
    err.retry_after_ms = 0;
    assert_int_equal(plan_after(&err, 9, now + 5000000, now, &until), RUN_DELAYED);
    assert_int_equal(until, now + 5000000);
    assert_int_equal(plan_after(&err, 0, now - 5000000, now, &until), RUN_DELAYED);
    assert_int_equal(until, now + 1000); // never at once: that would be a loop
    assert_int_equal(plan_after(&err, 0, INT64_MAX, now, &until), RUN_DELAYED);
    assert_int_equal(until, now + RUN_DELAY_MAX_MS);
    assert_int_equal(plan_after(&err, 0, 0, now, &until), RUN_DELAYED);
    assert_int_equal(until, now + 600000);
    err.retry_after_ms = 70000;
    assert_int_equal(plan_after(&err, 0, 0, now, &until), RUN_DELAYED);
    assert_int_equal(until, now + 70000);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_modes),      cmocka_unit_test(test_midnight),
        cmocka_unit_test(test_backoff),    cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_every_code), cmocka_unit_test(test_what_the_error_asks_for),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
