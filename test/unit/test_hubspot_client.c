#include "test_hubspot.h"

#include "core/limits.h"

// ---- one call

static void test_call(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "", "{\"results\":[]}");
    hub_answer(f, 207, "", "{\"status\":\"COMPLETE\"}");
    hub_begin(f);
    int tag = 0;
    hub_start(f, HUBSPOT_OWNERS, &tag);
    assert_int_equal(hubspot_client_pending(f->client), 1);
    struct hubspot_answer *a = hub_next(f);
    assert_int_equal(hubspot_client_pending(f->client), 0);
    assert_true(a->ok && a->status == 200 && a->tries == 1 && a->tag == &tag);
    assert_true(a->latency_us > 0 && a->latency_us < 10 * SECOND_US);
    check_str(a->body, "{\"results\":[]}");
    hubspot_client_release(f->client, a);
    const char *sent = arena_cstr(&f->arena, script_text(f->script, 0));
    check_contains(sent, "GET /crm/owners/2026-09 HTTP/1.1\r\n");
    check_contains(sent, "\r\nAuthorization: Bearer " TOKEN "\r\n");
    check_contains(sent, "\r\nAccept: application/json\r\n");
    check_contains(sent, "\r\nUser-Agent: sluice/");
    assert_null(strstr(sent, "Content-Type"));

    struct error err = {0};
    struct hubspot_request r = {.endpoint = HUBSPOT_OBJECT_BATCH_READ,
                                .args.type = STR("2-1/x"),
                                .query = STR("archived=false"),
                                .body = STR("{\"inputs\":[]}")};
    a = hubspot_client_call(f->client, &r, &err);
    assert_non_null(a);
    assert_true(a->ok && a->status == 207);
    hubspot_client_release(f->client, a);
    struct str text = script_text(f->script, 1);
    assert_true(str_starts(
        text, STR("POST /crm/objects/2026-09/2-1%2Fx/batch/read?archived=false HTTP/1.1\r\n")));
    assert_true(str_find(text, STR("\r\nContent-Type: application/json\r\n")) > 0);
    assert_true(str_ends(text, STR("\r\n\r\n{\"inputs\":[]}")));
    struct hubspot_figures x = hub_figures(f);
    assert_true(x.calls == 2 && x.retries == 0 && x.refused == 0 && x.bytes == 14 + 21);
    assert_ptr_equal(hubspot_client_account(f->client), f->account);
    assert_int_equal(f->lines.len, 0);
}

static void test_not_repeated(void **state)
{
    struct fixture *f = *state;
    static const struct {
        int status;
        enum error_code code;
    } ROWS[] = {{400, ERR_REQUEST},   {401, ERR_CREDENTIALS}, {403, ERR_SCOPE},
                {404, ERR_NOT_FOUND}, {409, ERR_CONFLICT},    {414, ERR_REQUEST}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        hub_answer(f, ROWS[i].status, "", "{\"message\":\"no\",\"correlationId\":\"c-7\"}");
    }
    hub_begin(f);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        hub_check_fails(f, ROWS[i].code, ROWS[i].status, 1, "OWNERS: HubSpot answered 4");
    }
    assert_int_equal(script_count(f->script), ARRAY_LEN(ROWS));
    assert_true(hub_figures(f).retries == 0);
}

static void test_repeated(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "HTTP/1.1 502 Bad\r\nContent-Length: 4\r\n\r\n<p>x", SCRIPT_CLOSE);
    hub_answer_raw(f, "", SCRIPT_CLOSE);
    hub_answer_raw(f, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"results\":[", SCRIPT_CLOSE);
    hub_answer(f, 503, "Retry-After: 30\r\n", "");
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_call(f);
    assert_true(a->ok && a->tries == 5 && a->error.code == ERR_OK);
    check_str(a->body, "{}");
    hubspot_client_release(f->client, a);
    // 2 s, 0.5 s, 1 s, 30 s; jitter adds at most half of the first three.
    hub_check_passed(f, 33500000, 37000000);
    assert_true(hub_figures(f).calls == 5 && hub_figures(f).retries == 4);
    check_contains(buf_cstr(&f->lines), "endpoint=OWNERS status=502 tries=1");
    check_contains(buf_cstr(&f->lines), "status=503 tries=4");
}

// A server may close a connection that was kept alive just when the next request is sent. That is
// no failure of the call: libcurl sends it over a new connection.
static void test_stale_connection(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "", "{}");
    hub_answer_raw(f, "", SCRIPT_CLOSE);
    hub_answer(f, 200, "", "{\"a\":1}");
    hub_begin(f);
    hubspot_client_release(f->client, hub_call(f));
    struct hubspot_answer *a = hub_call(f);
    assert_true(a->ok && a->tries == 1);
    check_str(a->body, "{\"a\":1}");
    hubspot_client_release(f->client, a);
    assert_int_equal(script_count(f->script), 3);
}

static void test_tries_end(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 503, "", "{\"message\":\"down\",\"correlationId\":\"c-7\"}");
    hub_begin(f);
    hub_check_fails(f, ERR_SOURCE_UNAVAILABLE, 503, LIMIT_TRIES, "down (correlationId c-7)");
    assert_int_equal(script_count(f->script), LIMIT_TRIES);
    hub_check_passed(f, 30 * SECOND_US, 46 * SECOND_US);
}

static void test_nobody_there(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "", SCRIPT_CLOSE);
    hub_begin(f);
    hubspot_client_destroy(f->client);
    hubspot_destroy(f->account);
    struct str url = arena_printf(&f->arena, "http://127.0.0.1:%d", script_free_port());
    f->account = hubspot_create(&(struct hubspot_options){.base_url = url,
                                                          .token = STR(TOKEN),
                                                          .share = 1,
                                                          .search_per_second = 1,
                                                          .clock = &f->time.clock});
    f->client = hubspot_client_create(f->account); // without log and cancel
    hub_check_fails(f, ERR_CONNECT, 0, LIMIT_TRIES, "OWNERS: ");
}

// ---- bodies that cannot be read

static void test_again(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "", "{\"results\":[");
    hub_answer(f, 200, "", "{}");
    hub_answer(f, 200, "", "<html>");
    hub_begin(f);
    struct error err = {0};
    int tag = 0;
    hub_start(f, HUBSPOT_OWNERS, &tag);
    struct hubspot_answer *a = hub_next(f);
    error_set(&err, ERR_SOURCE_DATA, "not JSON");
    assert_true(hubspot_client_again(f->client, a, &err));
    assert_int_equal(hubspot_client_pending(f->client), 1);
    a = hub_next(f);
    assert_true(a->ok && a->tries == 2 && a->tag == &tag && a->error.code == ERR_OK);
    check_str(a->body, "{}");
    hubspot_client_release(f->client, a);
    // It never gets better.
    a = hub_call(f);
    for (int tries = 1; tries < LIMIT_TRIES; tries++) {
        assert_int_equal(a->tries, tries);
        assert_true(hubspot_client_again(f->client, a, &err));
        a = hub_next(f);
    }
    assert_int_equal(a->tries, LIMIT_TRIES);
    assert_false(hubspot_client_again(f->client, a, &err));
    assert_string_equal(err.message, "not JSON");
    check_str(a->body, "<html>"); // still the caller's
    assert_int_equal(hubspot_client_pending(f->client), 0);
    hubspot_client_release(f->client, a);
    assert_int_equal(script_count(f->script), 2 + LIMIT_TRIES);
    // What will be as large again is not asked for again.
    a = hub_call(f);
    error_set(&err, ERR_LIMIT, "too deep");
    assert_false(hubspot_client_again(f->client, a, &err));
    hubspot_client_release(f->client, a);
}

// ---- several at once

static void test_in_flight_is_bounded(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "", "{}");
    hub_answer_raw(f, "", SCRIPT_STALL);
    hub_begin(f);
    hubspot_client_release(f->client, hub_call(f)); // the first ones wait for an answer
    for (int i = 0; i < 20; i++) {
        hub_start(f, HUBSPOT_OWNERS, NULL);
    }
    assert_int_equal(hubspot_client_pending(f->client), 20);
    assert_null(hubspot_client_next(f->client, 200));
    assert_true(script_wait(f->script, 1 + 8));
    assert_null(hubspot_client_next(f->client, 100));
    assert_int_equal(script_count(f->script), 1 + 8);
    // Destroyed with calls in flight and waiting: teardown, under the sanitizers.
}

// Where memory is short, as many calls as their answers may take bytes, and one at least.
static void test_in_flight_is_bounded_by_bytes(void **state)
{
    static const struct {
        size_t bytes, calls;
    } ROWS[] = {{1, 1}, {70, 3}, {8 << 20, 8}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        assert_true(i == 0 || (hub_teardown(state) == 0 && hub_setup(state) == 0));
        struct fixture *f = *state;
        f->answers_bytes = ROWS[i].bytes;
        hub_answer(f, 200, "", "{\"twenty\":\"bytes..\"}");
        hub_answer_raw(f, "", SCRIPT_STALL);
        hub_begin(f);
        struct hubspot_answer *a = hub_call(f);
        assert_int_equal(a->body.len, 20);
        hubspot_client_release(f->client, a);
        for (int k = 0; k < 20; k++) {
            hub_start(f, HUBSPOT_OWNERS, NULL);
        }
        assert_null(hubspot_client_next(f->client, 200));
        assert_true(script_wait(f->script, 1 + ROWS[i].calls));
        assert_null(hubspot_client_next(f->client, 100));
        assert_int_equal(script_count(f->script), 1 + ROWS[i].calls);
    }
}

static void test_one_does_not_hold_up_others(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 502, "", "");
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    int first = 0;
    int second = 0;
    hub_start(f, HUBSPOT_OWNERS, &first);
    assert_null(hubspot_client_next(f->client, 1000));
    hub_start(f, HUBSPOT_OWNERS, &second);
    struct hubspot_answer *a = hub_next(f);
    assert_true(a->ok && a->tag == &second);
    hubspot_client_release(f->client, a);
    a = hub_next(f);
    assert_true(a->ok && a->tag == &first && a->tries == 2);
    hubspot_client_release(f->client, a);
}

static void test_next(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "", "{}");
    hub_answer_raw(f, "", SCRIPT_STALL);
    hub_begin(f);
    assert_null(hubspot_client_next(f->client, -1)); // nothing is pending
    hub_start(f, HUBSPOT_OWNERS, NULL);
    struct hubspot_answer *a = NULL;
    for (int i = 0; i < 60000 && !a; i++) { // only looks, and still gets there
        a = hubspot_client_next(f->client, 0);
        clock_system()->sleep_us(clock_system(), 1000);
    }
    assert_non_null(a);
    hubspot_client_release(f->client, a);
    hub_start(f, HUBSPOT_OWNERS, NULL);
    int64_t begun_us = clock_mono_us(clock_system());
    assert_null(hubspot_client_next(f->client, 50));
    assert_true(clock_mono_us(clock_system()) - begun_us >= 50000);
}

static void test_too_large_requests(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    char *large = arena_alloc(&f->arena, LIMIT_REQUEST_BODY + 1);
    memset(large, 'x', LIMIT_REQUEST_BODY + 1);
    const struct hubspot_request rows[] = {
        {.endpoint = HUBSPOT_OWNERS, .query = {large, LIMIT_URL_BYTES}},
        {.endpoint = HUBSPOT_TOKEN_INFO, .body = {large, LIMIT_REQUEST_BODY + 1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        assert_false(hubspot_client_start(f->client, &rows[i], &err));
        assert_int_equal(err.code, ERR_LIMIT);
        assert_int_equal(hubspot_client_pending(f->client), 0);
    }
    hubspot_client_release(f->client, hub_call(f)); // the client is as good as new
    assert_int_equal(script_count(f->script), 1);
}

// ---- stopping

static void *cancel_soon(void *user)
{
    clock_system()->sleep_us(clock_system(), 50000);
    cancel_request(user);
    return NULL;
}

static void test_cancel(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "", SCRIPT_STALL);
    hub_begin(f);
    hub_start(f, HUBSPOT_OWNERS, NULL);
    pthread_t thread;
    int64_t begun_us = clock_mono_us(clock_system());
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, &f->cancel), 0);
    assert_null(hubspot_client_next(f->client, -1));
    assert_true(clock_mono_us(clock_system()) - begun_us < 30 * SECOND_US);
    pthread_join(thread, NULL);
    assert_int_equal(hubspot_client_pending(f->client), 1);
    assert_null(hubspot_client_next(f->client, -1)); // and stays so
}

static void test_cancel_of_a_wait(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 429, "Retry-After: 100\r\n", "");
    hub_begin(f);
    hub_start(f, HUBSPOT_OWNERS, NULL);
    assert_null(hubspot_client_next(f->client, 1000));
    cancel_request(&f->cancel);
    assert_null(hubspot_client_next(f->client, -1));
    hub_check_passed(f, 0, 10 * SECOND_US); // not the rest of the pause
    struct error err = {0};
    hubspot_client_destroy(f->client);
    f->client = hubspot_client_create(f->account);
    assert_null(hubspot_client_call(f->client,
                                    &(struct hubspot_request){.endpoint = HUBSPOT_OWNERS}, &err));
    assert_int_equal(err.code, ERR_INTERRUPTED);
    assert_int_equal(script_count(f->script), 1);
}

static void test_call_fails(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 404, "", "{\"message\":\"no such object\"}");
    hub_begin(f);
    struct error err = {0};
    assert_null(hubspot_client_call(f->client,
                                    &(struct hubspot_request){.endpoint = HUBSPOT_OWNERS}, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_string_equal(err.message, "OWNERS: HubSpot answered 404: no such object");
    assert_int_equal(hubspot_client_pending(f->client), 0);
}

// ---- secrets

// A proxy's error page that quotes the request. Its end may be cut off anywhere.
static void test_token_is_not_shown(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 401, "", "{\"message\":\"bad token " TOKEN "\",\"category\":\"" TOKEN "\"}");
    hub_answer(f, 400, "", "<pre>GET / HTTP/1.1\nAuthorization: Bearer " TOKEN "\n" TOKEN "</pre>");
    char *page = arena_alloc(&f->arena, 1024);
    memset(page, 'x', 190);
    memcpy(page + 190, TOKEN, sizeof TOKEN);
    hub_answer(f, 502, "", page);
    hub_begin(f);
    hub_check_fails(f, ERR_CREDENTIALS, 401, 1, "bad token ***");
    hub_check_fails(f, ERR_REQUEST, 400, 1, "Authorization: Bearer ***");
    hub_check_fails(f, ERR_SOURCE_UNAVAILABLE, 502, LIMIT_TRIES, "xxx***");
    check_contains(buf_cstr(&f->lines), "xxx***"); // teardown looks for the token
    assert_null(strstr(buf_cstr(&f->lines), "pat-na1"));
}

// ---- threads

enum { CALLS_EACH = 20 };

static void *crowd_main(void *user)
{
    struct fixture *f = user;
    struct hubspot_client *c = hubspot_client_create(f->account);
    struct error err = {0};
    for (int i = 0; i < CALLS_EACH; i++) {
        struct hubspot_request r = {.endpoint = HUBSPOT_OBJECT_SEARCH, .args.type = STR("deals")};
        r.endpoint = i % 4 ? HUBSPOT_OWNERS : r.endpoint;
        if (!hubspot_client_start(c, &r, &err)) {
            break;
        }
    }
    size_t n = 0;
    struct hubspot_answer *a;
    while ((a = hubspot_client_next(c, -1)) != NULL) {
        n += a->ok;
        hubspot_client_release(c, a);
    }
    hubspot_client_destroy(c);
    return n == CALLS_EACH ? f : NULL;
}

static void test_threads(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200,
               "X-HubSpot-RateLimit-Max: 50\r\nX-HubSpot-RateLimit-Remaining: 40\r\n"
               "X-HubSpot-RateLimit-Interval-Milliseconds: 10000\r\n",
               "{}");
    hub_begin(f);
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, f), 0);
    }
    struct hubspot_wait w;
    hubspot_client_waiting(f->client, &w);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *done = NULL;
        pthread_join(threads[i], &done);
        assert_ptr_equal(done, f);
    }
    // The clock is everybody's: one thread's jump may put another's answer past its deadline, and
    // that one is asked for again.
    struct hubspot_figures x = hub_figures(f);
    assert_true(x.calls == ARRAY_LEN(threads) * CALLS_EACH + x.retries);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, hub_setup, hub_teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_call),
        TEST(test_not_repeated),
        TEST(test_repeated),
        TEST(test_stale_connection),
        TEST(test_tries_end),
        TEST(test_nobody_there),
        TEST(test_again),
        TEST(test_in_flight_is_bounded),
        TEST(test_in_flight_is_bounded_by_bytes),
        TEST(test_one_does_not_hold_up_others),
        TEST(test_next),
        TEST(test_too_large_requests),
        TEST(test_cancel),
        TEST(test_cancel_of_a_wait),
        TEST(test_call_fails),
        TEST(test_token_is_not_shown),
        TEST(test_threads),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
