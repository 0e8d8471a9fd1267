// The token manager: when it renews, and that it does so once.
#include "test_credential.h"

// ---- when

static void test_renews_at_three_quarters(void **state)
{
    struct scene *s = *state;
    uint64_t first = check_bearer(s, "access-" MARK "-0");
    pass_s(s, LIFE_S * 3 / 4 - 1);
    assert_int_equal(check_bearer(s, "access-" MARK "-0"), first);
    assert_int_equal(asked(s), 0);
    pass_s(s, 1);
    uint64_t second = check_bearer(s, "access-" MARK "-1");
    assert_int_not_equal(first, second);
    assert_string_equal(s->store.access, "access-" MARK "-1");
    assert_int_equal(s->store.expires_ms - s->store.issued_ms, LIFE_S * 1000);
    check_bearer(s, "access-" MARK "-1");
    pass_s(s, LIFE_S * 3 / 4 - 1);
    check_bearer(s, "access-" MARK "-1");
    assert_int_equal(asked(s), 1);
    pass_s(s, 1);
    check_bearer(s, "access-" MARK "-2");
    assert_int_equal(asked(s), 2);
    assert_int_equal(credential_refreshes(s->credential), 2);
}

static void test_sends_what_is_stored(void **state)
{
    struct scene *s = *state;
    s->rotates = true;
    pass_s(s, LIFE_S);
    check_bearer(s, "access-" MARK "-1");
    pass_s(s, LIFE_S);
    check_bearer(s, "access-" MARK "-2");
    assert_true(str_starts(script_text(s->script, 0), STR("POST /oauth/2026-09/token HTTP")));
    const char *first = script_text(s->script, 0).ptr;
    check_contains(first,
                   "grant_type=refresh_token&client_id=client-1&client_secret=app-secret-" MARK
                   "&refresh_token=refresh-" MARK "-0");
    check_contains(script_text(s->script, 1).ptr, "&refresh_token=refresh-" MARK "-1");
    assert_string_equal(s->store.refresh, "refresh-" MARK "-2");
}

static void test_no_token_is_used_before_it_is_stored(void **state)
{
    struct scene *s = *state;
    pass_s(s, LIFE_S * 3 / 4);
    s->store.refuses_to_save = true;
    check_bearer(s, "access-" MARK "-0"); // the old one lives
    assert_int_equal(asked(s), 1);
    s->store.refuses_to_save = false;
    pass_s(s, 120);
    check_bearer(s, "access-" MARK "-1"); // the one that was given before: not asked for again
    assert_int_equal(asked(s), 1);
    assert_string_equal(s->store.access, "access-" MARK "-1");
}

// ---- single flight

static void *be_refused(void *user)
{
    struct scene *s = user;
    struct error err = {0};
    return (void *)(uintptr_t)credential_refused(s->credential, 1, &err);
}

static void test_req_32_fifty_threads_at_expiry_are_one_refresh(void **state)
{
    struct scene *s = *state;
    check_bearer(s, "access-" MARK "-0");
    pass_s(s, LIFE_S);
    assert_int_equal(run_threads(s, take_bearer), THREADS);
    assert_int_equal(asked(s), 1);
    check_bearer(s, "access-" MARK "-1");
}

static void test_threads_with_a_living_token_do_not_wait(void **state)
{
    struct scene *s = *state;
    check_bearer(s, "access-" MARK "-0");
    pass_s(s, LIFE_S * 3 / 4);
    // The answer comes only after all others have their bearer: nobody may wait for it.
    atomic_store(&s->hold_until, THREADS);
    assert_int_equal(run_threads(s, take_bearer), THREADS);
    assert_int_equal(asked(s), 1);
}

static void test_req_31_a_refused_token_is_renewed_once(void **state)
{
    struct scene *s = *state;
    assert_int_equal(check_bearer(s, "access-" MARK "-0"), 1);
    assert_int_equal(run_threads(s, be_refused), THREADS);
    assert_int_equal(asked(s), 1);
    check_bearer(s, "access-" MARK "-1");
}

static void test_a_token_refused_right_after_its_issue_is_not_renewed_for_ever(void **state)
{
    struct scene *s = *state;
    struct error err = {0};
    uint64_t generation = check_bearer(s, "access-" MARK "-0");
    assert_true(credential_refused(s->credential, generation, &err));
    generation = check_bearer(s, "access-" MARK "-1");
    assert_false(credential_refused(s->credential, generation, &err));
    assert_int_equal(err.code, ERR_CREDENTIALS);
    assert_int_equal(asked(s), 1);
}

static void test_another_process_has_renewed(void **state)
{
    struct scene *s = *state;
    struct error err = {0};
    uint64_t generation = check_bearer(s, "access-" MARK "-0");
    pass_s(s, LIFE_S);
    put_tokens(s, "access-" MARK "-b", "refresh-" MARK "-b");
    check_bearer(s, "access-" MARK "-b");
    put_tokens(s, "access-" MARK "-c", "refresh-" MARK "-c");
    assert_true(credential_refused(s->credential, generation + 1, &err));
    check_bearer(s, "access-" MARK "-c");
    assert_int_equal(asked(s), 0);
}

struct process {
    struct scene *scene;
    struct credential *credential;
};

static void *bearer_in_process(void *user)
{
    struct process *p = user;
    struct error err = {0};
    char text[128];
    uint64_t generation = 0;
    return (void *)(uintptr_t)bearer_of(p->scene, p->credential, text, &generation, &err);
}

static void test_req_32_processes_that_share_a_store_refresh_once(void **state)
{
    struct scene *s = *state;
    struct process processes[8];
    pthread_t threads[ARRAY_LEN(processes)];
    pass_s(s, LIFE_S);
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        processes[i] = (struct process){s, another_process(s)};
        assert_int_equal(pthread_create(&threads[i], NULL, bearer_in_process, &processes[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(processes); i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_non_null(result);
        credential_destroy(processes[i].credential);
    }
    assert_int_equal(asked(s), 1);
}

// ---- the rest

static void test_masks_what_it_holds(void **state)
{
    struct scene *s = *state;
    check_bearer(s, "access-" MARK "-0");
    pass_s(s, LIFE_S);
    check_bearer(s, "access-" MARK "-1");
    char text[] = "<html>access-" MARK "-0, access-" MARK "-1, refresh-" MARK "-0, app-secret-" MARK
                  ", other</html>";
    assert_true(credential_mask(s->credential, text, sizeof text - 1));
    assert_null(strstr(text, MARK));
    assert_non_null(strstr(text, ", other</html>"));
    assert_false(credential_mask(s->credential, text, sizeof text - 1));
}

static void test_static_tokens(void **state)
{
    struct scene *s = *state;
    struct credential *oauth = s->credential;
    struct error err = {0};
    s->credential = credential_static(secret_create(STR("pat-" MARK)));
    uint64_t generation = check_bearer(s, "pat-" MARK);
    assert_false(credential_refused(s->credential, generation, &err));
    assert_int_equal(err.code, ERR_CREDENTIALS);
    char text[] = "Bearer pat-" MARK;
    assert_true(credential_mask(s->credential, text, sizeof text - 1));
    assert_string_equal(text, "Bearer **********");
    assert_int_equal(credential_refreshes(s->credential), 0);
    credential_destroy(s->credential);
    s->credential = oauth;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_renews_at_three_quarters),
        CASE(test_sends_what_is_stored),
        CASE(test_no_token_is_used_before_it_is_stored),
        CASE(test_req_32_fifty_threads_at_expiry_are_one_refresh),
        CASE(test_threads_with_a_living_token_do_not_wait),
        CASE(test_req_31_a_refused_token_is_renewed_once),
        CASE(test_a_token_refused_right_after_its_issue_is_not_renewed_for_ever),
        CASE(test_another_process_has_renewed),
        CASE(test_req_32_processes_that_share_a_store_refresh_once),
        CASE(test_masks_what_it_holds),
        CASE(test_static_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
