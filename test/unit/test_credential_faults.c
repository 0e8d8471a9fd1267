// The token manager when HubSpot refuses, fails or lies, and when the clock is set.
#include "test_credential.h"

#include "core/limits.h"

// ---- failures

static void test_req_32_a_dead_refresh_token_is_tried_once(void **state)
{
    struct scene *s = *state;
    struct error err = {0};
    atomic_store(&s->status, 400);
    s->body = "{\"error\":\"invalid_grant\",\"error_description\":\"refresh token is invalid, "
              "expired or revoked\",\"status\":\"BAD_REFRESH_TOKEN\"}";
    pass_s(s, LIFE_S);
    assert_int_equal(run_threads(s, take_bearer), 0);
    assert_int_equal(asked(s), 1);
    assert_true(s->store.dead);
    check_fails(s, ERR_REAUTHORIZE, "sluice login hubspot --name acme");
    pass_s(s, 3600);
    check_fails(s, ERR_REAUTHORIZE, "acme");
    assert_false(credential_refused(s->credential, 1, &err));
    assert_int_equal(err.code, ERR_REAUTHORIZE);
    // Another process reads the state and does not even try.
    struct credential *mine = s->credential;
    s->credential = another_process(s);
    check_fails(s, ERR_REAUTHORIZE, "acme");
    credential_destroy(s->credential);
    s->credential = mine;
    assert_int_equal(asked(s), 1);
    // A new login is noticed without a restart.
    atomic_store(&s->status, 200);
    put_tokens(s, "access-" MARK "-new", "refresh-" MARK "-new");
    pass_s(s, 2);
    check_bearer(s, "access-" MARK "-new");
    assert_int_equal(asked(s), 1);
}

static void test_an_outage_is_sat_out_while_the_old_token_lives(void **state)
{
    struct scene *s = *state;
    check_bearer(s, "access-" MARK "-0");
    atomic_store(&s->status, 503);
    pass_s(s, LIFE_S * 3 / 4);
    for (int i = 0; i < 20; i++) {
        check_bearer(s, "access-" MARK "-0");
    }
    assert_int_equal(asked(s), 1); // the next try is not due yet
    pass_s(s, 2);
    check_bearer(s, "access-" MARK "-0");
    assert_int_equal(asked(s), 2);
    atomic_store(&s->status, 200);
    pass_s(s, 60);
    check_bearer(s, "access-" MARK "-1");
    assert_int_equal(asked(s), 3);
}

static void test_an_outage_ends_calls_when_the_token_is_dead(void **state)
{
    struct scene *s = *state;
    atomic_store(&s->status, 502);
    pass_s(s, LIFE_S);
    assert_int_equal(run_threads(s, take_bearer), 0);
    assert_int_equal(asked(s), LIMIT_TRIES); // together, not each
    check_fails(s, ERR_SOURCE_UNAVAILABLE, "502");
    assert_int_equal(asked(s), LIMIT_TRIES); // nor those that come later
    assert_false(s->store.dead);
    pass_s(s, 60);
    atomic_store(&s->status, 200);
    check_bearer(s, "access-" MARK "-1");
}

static void test_what_trying_again_will_not_mend_is_not_tried_again(void **state)
{
    struct scene *s = *state;
    atomic_store(&s->status, 400);
    s->body = "{\"status\":\"BAD_CLIENT_SECRET\",\"message\":\"app-secret-" MARK " is wrong\"}";
    pass_s(s, LIFE_S);
    check_fails(s, ERR_OAUTH_APP, "client-1");
    check_fails(s, ERR_OAUTH_APP, "client-1");
    assert_int_equal(asked(s), 1);
    pass_s(s, 61);
    atomic_store(&s->status, 200);
    check_bearer(s, "access-" MARK "-1");
}

static void test_unreadable_answers(void **state)
{
    struct scene *s = *state;
    static const char *const BODIES[] = {"", "[]", "{}",
                                         "{\"access_token\":\"a " MARK "\",\"expires_in\":60}",
                                         "{\"access_token\":\"" MARK "abc\""};
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        struct oauth_tokens t;
        struct error err = {0};
        check_row(!oauth_tokens_decode(str_from(BODIES[i]), &t, &err), BODIES[i]);
        check_row(err.code == ERR_SOURCE_DATA && !strstr(err.message, MARK), BODIES[i]);
    }
    (void)s;
}

static void test_hubspot_says_when_to_come_back(void **state)
{
    struct scene *s = *state;
    atomic_store(&s->status, 429);
    s->headers = "Retry-After: 600\r\n";
    pass_s(s, LIFE_S);
    check_fails(s, ERR_RATE_LIMITED, "600 s");
    pass_s(s, 598); // longer than any backoff
    check_fails(s, ERR_RATE_LIMITED, "429");
    assert_int_equal(asked(s), 1);
    atomic_store(&s->status, 200);
    pass_s(s, 3);
    check_bearer(s, "access-" MARK "-1");
    assert_int_equal(asked(s), 2);
}

static void test_tokens_of_another_account_are_not_used(void **state)
{
    struct scene *s = *state;
    pass_s(s, LIFE_S);
    s->portal = 8;
    check_fails(s, ERR_ACCOUNT_CHANGED, "belongs to account 7");
    check_fails(s, ERR_ACCOUNT_CHANGED, "account 8");
    assert_int_equal(asked(s), 1);
    assert_string_equal(s->store.access, "access-" MARK "-0");
    assert_false(s->store.dead);
    pass_s(s, 61);
    s->portal = 7;
    check_bearer(s, "access-" MARK "-2");
}

// ---- clocks

enum { HOUR_MS = 3600 * 1000 };

static void test_the_clock_is_set_back_while_a_token_lives(void **state)
{
    struct scene *s = *state;
    check_bearer(s, "access-" MARK "-0");
    s->time.wall_offset_ms -= HOUR_MS;
    pass_s(s, LIFE_S * 3 / 4);
    check_bearer(s, "access-" MARK "-1"); // HubSpot's clock was not set back
    assert_int_equal(asked(s), 1);
}

static void test_the_clock_is_set_back_and_a_token_ends(void **state)
{
    struct scene *s = *state;
    check_bearer(s, "access-" MARK "-0");
    s->time.wall_offset_ms -= HOUR_MS;
    atomic_store(&s->status, 503);
    pass_s(s, LIFE_S);
    check_fails(s, ERR_SOURCE_UNAVAILABLE, "503"); // dead, whatever the wall clock says
}

static void test_the_clock_is_set_back_before_a_token_is_refused(void **state)
{
    struct scene *s = *state;
    struct error err = {0};
    uint64_t generation = check_bearer(s, "access-" MARK "-0");
    assert_true(credential_refused(s->credential, generation, &err));
    generation = check_bearer(s, "access-" MARK "-1");
    s->time.wall_offset_ms -= HOUR_MS;
    pass_s(s, 600);
    // It was not "just issued": it is renewed like any other.
    assert_true(credential_refused(s->credential, generation, &err));
    check_bearer(s, "access-" MARK "-2");
}

static void test_a_token_from_the_future_is_renewed(void **state)
{
    struct scene *s = *state;
    s->time.wall_offset_ms -= HOUR_MS;
    check_bearer(s, "access-" MARK "-1");
    check_bearer(s, "access-" MARK "-1");
    assert_int_equal(asked(s), 1);
}

static void test_the_clock_is_set_forward(void **state)
{
    struct scene *s = *state;
    check_bearer(s, "access-" MARK "-0");
    s->time.wall_offset_ms += HOUR_MS;
    check_bearer(s, "access-" MARK "-1"); // the machine may have slept
    s->time.wall_offset_ms -= HOUR_MS;
    check_bearer(s, "access-" MARK "-1");
    assert_int_equal(asked(s), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_req_32_a_dead_refresh_token_is_tried_once),
        CASE(test_an_outage_is_sat_out_while_the_old_token_lives),
        CASE(test_an_outage_ends_calls_when_the_token_is_dead),
        CASE(test_what_trying_again_will_not_mend_is_not_tried_again),
        CASE(test_unreadable_answers),
        CASE(test_hubspot_says_when_to_come_back),
        CASE(test_tokens_of_another_account_are_not_used),
        CASE(test_the_clock_is_set_back_while_a_token_lives),
        CASE(test_the_clock_is_set_back_and_a_token_ends),
        CASE(test_the_clock_is_set_back_before_a_token_is_refused),
        CASE(test_a_token_from_the_future_is_renewed),
        CASE(test_the_clock_is_set_forward),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
