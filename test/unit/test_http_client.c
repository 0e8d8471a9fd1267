#include "test_http.h"

#include <pthread.h>

// ---- answers

static void test_answer(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-Limit:  190 \t\r\n"
                "X-Limit-Daily: 5\r\nX-EMPTY:\r\nX-Colon: a:b\r\nX-Twice: 1\r\nX-Twice: 2\r\n"
                "Content-Length: 5\r\n\r\n{\"a\":",
                KEEP));
    int tag = 0;
    start(f, &(struct http_request){.url = url_of(f, "/x"), .tag = &tag});
    assert_int_equal(http_client_in_flight(f->client), 1);
    struct http_exchange *x = finished(f);
    assert_int_equal(http_client_in_flight(f->client), 0);
    assert_int_equal(x->status, 201);
    assert_int_equal(x->error.code, ERR_OK);
    assert_ptr_equal(x->tag, &tag);
    assert_true(x->sent && x->total_us >= x->first_byte_us && x->first_byte_us > 0);
    check_str(buf_str(&x->body), "{\"a\":");
    check_str(http_exchange_header(x, "content-type"), "application/json");
    check_str(http_exchange_header(x, "x-limit"), "190");
    check_str(http_exchange_header(x, "x-limit-daily"), "5");
    check_str(http_exchange_header(x, "x-colon"), "a:b");
    check_str(http_exchange_header(x, "x-twice"), "1");
    check_str(http_exchange_header(x, "x-empty"), "");
    assert_null(http_exchange_header(x, "x-lim").ptr);
    assert_null(http_exchange_header(x, "limit").ptr);
    assert_null(http_exchange_header(x, "x-absent").ptr);
    release(f, x);
}

// What an interim answer says is not mixed with what the final one says.
static void test_interim_answer(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n"
                "HTTP/1.1 200 OK\r\nX-Late: 2\r\nContent-Length: 2\r\n\r\nok",
                KEEP));
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->status, 200);
    assert_null(http_exchange_header(x, "x-early").ptr);
    check_str(http_exchange_header(x, "x-late"), "2");
    check_str(buf_str(&x->body), "ok");
    release(f, x);
}

// The rest of a line is no header of its own, whatever it looks like.
static void test_folded_line(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nX-Note: one\r\n Retry-After: 9\r\n\tX-Limit: 1\r\n"
                "Content-Length: 0\r\n\r\n",
                KEEP));
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->status, 200);
    assert_null(http_exchange_header(x, "retry-after").ptr);
    assert_null(http_exchange_header(x, "x-limit").ptr);
    release(f, x);
}

// What came of an answer that did not come whole.
static void test_broken_answer(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct script_answer answer;
        int head_status;
        const char *says;
    } ROWS[] = {
        {RAW("", CLOSE), 0, ""},
        {RAW("HTTP/1.1 429 N", CLOSE), 0, ""},
        {RAW("HTTP/1.1 429 No\r\n", CLOSE), 429, "closed within the headers"},
        {RAW("HTTP/1.1 200 OK\r\nX-A: 1\r\n", CLOSE), 200, "closed within the headers"},
        {RAW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{", CLOSE), 200, ""},
        {RAW("HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\n{", STALL), 503, "stalled"},
        {RAW("HTTP/1.1 101 Switch\r\n\r\n{}", CLOSE), 0, "answered 101"},
        {RAW("HTTP/1.1 100 Continue\r\n\r\n", CLOSE), 0, ""},
    };
    struct script_answer answers[ARRAY_LEN(ROWS)];
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        answers[i] = ROWS[i].answer;
    }
    play(f, answers, ARRAY_LEN(ROWS));
    use_client(f, PATIENCE_MS, STALL_MS);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct http_exchange *x = get(f, "/");
        check_failed(x, ERR_SOURCE_UNAVAILABLE, ROWS[i].says);
        assert_int_equal(x->head_status, ROWS[i].head_status);
        release(f, x);
    }
}

// Servers may insist on a length, even of nothing.
static void test_no_body(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 204 Done\r\n\r\n", KEEP));
    static const enum http_method METHODS[] = {HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE,
                                               HTTP_GET};
    for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
        start(f, &(struct http_request){.method = METHODS[i], .url = url_of(f, "/")});
        struct http_exchange *x = finished(f);
        assert_int_equal(x->status, 204);
        release(f, x);
        struct str text = script_text(f->script, i);
        assert_true(str_starts(text, str_from(http_method_name(METHODS[i]))));
        assert_true((str_find(text, STR("\r\nContent-Length: 0\r\n")) >= 0) == (i < 3));
        assert_true(str_find(text, STR("Content-Type")) < 0);
    }
}

static void test_chunked(void **state)
{
    struct fixture *f = *state;
    PLAY(f,
         RAW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
             "5\r\nhello\r\n1;ext=1\r\n \r\n0005\r\nworld\r\n0\r\nX-Trailer: t\r\n\r\n",
             KEEP),
         RAW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", CLOSE),
         RAW("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n", KEEP));
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->status, 200);
    check_str(buf_str(&x->body), "hello world");
    release(f, x);
    x = get(f, "/"); // without the last chunk it is not the whole body
    check_failed(x, ERR_SOURCE_UNAVAILABLE, "");
    assert_true(x->sent);
    release(f, x);
    x = get(f, "/");
    check_failed(x, ERR_SOURCE_UNAVAILABLE, "");
    release(f, x);
}

// ---- broken answers

static void test_broken(void **state)
{
    struct fixture *f = *state;
    static const struct script_answer ROWS[] = {
        RAW("", CLOSE),
        RAW("", RESET),
        RAW("HTTP/1.1 200", CLOSE),
        RAW("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", CLOSE),
        RAW("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", RESET),
        RAW("HTTP/1.1 200 OK\r\nContent-Length: twelve\r\n\r\n", CLOSE),
        RAW("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", CLOSE),
        RAW("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello", CLOSE),
        // No HTTP, or none that is known.
        RAW("220 mail.example ESMTP\r\n", CLOSE),
        RAW("HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n", CLOSE),
    };
    enum { BROKEN_HTTP = 8 };
    f->script = script_play(ROWS, ARRAY_LEN(ROWS));
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct http_exchange *x = get(f, "/");
        enum error_code want = i < BROKEN_HTTP ? ERR_SOURCE_UNAVAILABLE : ERR_CONNECT;
        check_row(x->status == 0, ROWS[i].raw.ptr);
        check_row(x->error.code == want, ROWS[i].raw.ptr);
        check_row(x->error.message[0] != '\0', ROWS[i].raw.ptr);
        check_row(x->sent, ROWS[i].raw.ptr); // it may have been carried out
        release(f, x);
    }
    assert_int_equal(script_count(f->script), ARRAY_LEN(ROWS)); // nothing was repeated down here
}

// What stands behind the announced length is no part of this answer nor of the next.
static void test_length_too_short(void **state)
{
    struct fixture *f = *state;
    PLAY(f,
         RAW("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.1 500 Split\r\n"
             "Content-Length: 4\r\n\r\nevil",
             KEEP),
         RAW("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnext", KEEP));
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->status, 200);
    check_str(buf_str(&x->body), "hello");
    release(f, x);
    x = get(f, "/");
    assert_int_equal(x->status, 200);
    check_str(buf_str(&x->body), "next");
    release(f, x);
}

static void test_redirect_is_not_followed(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", KEEP));
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->status, 302);
    check_str(http_exchange_header(x, "location"), "/elsewhere");
    assert_int_equal(script_count(f->script), 1);
    release(f, x);
}

// ---- no connection

static void test_no_connection(void **state)
{
    struct fixture *f = *state;
    int port = script_free_port();
    const struct str urls[] = {
        arena_printf(&f->arena, "http://127.0.0.1:%d/", port),
        arena_printf(&f->arena, "https://127.0.0.1:%d/", port),
        STR("file:///etc/passwd"),
        STR("http://127.0.0.1:99999/"),
        STR("no url at all"),
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        start(f, &(struct http_request){.url = urls[i]});
        struct http_exchange *x = finished(f);
        check_row(x->error.code == ERR_CONNECT && x->status == 0, urls[i].ptr);
        check_row(!x->sent && x->error.message[0] != '\0' && x->body.len == 0, urls[i].ptr);
        release(f, x);
    }
}

// ---- requests

static void test_request(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP));
    static const struct {
        enum http_method method;
        struct str body;
        const char *line;
    } ROWS[] = {
        {HTTP_GET, {NULL, 0}, "GET /p?q=1 HTTP/1.1\r\n"},
        {HTTP_POST, STR_INIT("{\"a\":1}"), "POST /p?q=1 HTTP/1.1\r\n"},
        {HTTP_PUT, STR_INIT("x"), "PUT /p?q=1 HTTP/1.1\r\n"},
        {HTTP_PATCH, STR_INIT("a\0b"), "PATCH /p?q=1 HTTP/1.1\r\n"},
        {HTTP_DELETE, {NULL, 0}, "DELETE /p?q=1 HTTP/1.1\r\n"},
        {HTTP_POST, STR_INIT(""), "POST /p?q=1 HTTP/1.1\r\n"},
        {HTTP_GET, {NULL, 0}, "GET /p?q=1 HTTP/1.1\r\n"},
    };
    const struct http_header headers[] = {{STR("Authorization"), STR("Bearer t")},
                                          {STR("X-One"), STR("1")}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        start(f, &(struct http_request){.method = ROWS[i].method,
                                        .url = url_of(f, "/p?q=1"),
                                        .headers = headers,
                                        .n_headers = i == 0 ? 2 : 1,
                                        .body = ROWS[i].body});
        release(f, finished(f));
        struct str text = script_text(f->script, i);
        const char *head = arena_cstr(&f->arena, text);
        check_row(str_starts(text, str_from(ROWS[i].line)), ROWS[i].line);
        check_row(str_ends(text, ROWS[i].body), ROWS[i].line);
        check_contains(head, "\r\nAuthorization: Bearer t\r\n");
        check_contains(head, "\r\nUser-Agent: tester/1\r\n");
        // Nothing of an earlier request shows through, and nothing costs a round trip.
        assert_true((strstr(head, "X-One") != NULL) == (i == 0));
        assert_true((strstr(head, "Content-Length") != NULL) == (ROWS[i].body.ptr != NULL));
        assert_null(strstr(head, "Expect"));
        assert_null(strstr(head, "Referer"));
        assert_null(strstr(head, "Cookie"));
    }
    assert_int_equal(script_connections(f->script), 1); // one connection for all
}

// A large body goes out at once: no round trip to ask whether it may.
static void test_large_request(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP));
    enum { SIZE = 3 << 20 };
    char *body = arena_alloc(&f->arena, SIZE);
    memset(body, 'x', SIZE);
    start(f,
          &(struct http_request){.method = HTTP_POST, .url = url_of(f, "/"), .body = {body, SIZE}});
    release(f, finished(f));
    struct str text = script_text(f->script, 0);
    assert_true(text.len > SIZE);
    assert_true(str_find(str_sub(text, 0, text.len - SIZE), STR("Expect")) < 0);
}

static void test_refused_requests(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP));
    char *large = arena_alloc(&f->arena, LIMIT_REQUEST_BODY + 1);
    memset(large, 'x', LIMIT_REQUEST_BODY + 1);
    struct str url = url_of(f, "/");
    struct http_header injected[] = {
        {STR("X-A"), STR("1\r\nX-B: 2")}, {STR("X-A"), STR("1\nX-B: 2")},
        {STR("X-A\rX-B"), STR("1")},      {STR("X-A\nX-B"), STR("1")},
        {STR("X-A"), STR("1\r")},         {STR("X-A"), {large, LIMIT_HEADER_BYTES}}};
    const struct {
        struct http_request request;
        enum error_code code;
        const char *says;
    } rows[] = {
        {{.url = url, .headers = &injected[0], .n_headers = 1}, ERR_INTERNAL, "line break"},
        {{.url = url, .headers = &injected[1], .n_headers = 1}, ERR_INTERNAL, "line break"},
        {{.url = url, .headers = &injected[2], .n_headers = 1}, ERR_INTERNAL, "line break"},
        {{.url = url, .headers = &injected[3], .n_headers = 1}, ERR_INTERNAL, "line break"},
        {{.url = url, .headers = &injected[4], .n_headers = 1}, ERR_INTERNAL, "line break"},
        {{.url = url, .headers = &injected[5], .n_headers = 1}, ERR_LIMIT, "X-A is too long"},
        {{.url = {large, LIMIT_URL_BYTES + 1}}, ERR_LIMIT, "URL of 65537 bytes"},
        {{.method = HTTP_POST, .url = url, .body = {large, LIMIT_REQUEST_BODY + 1}},
         ERR_LIMIT,
         "body of 8388609 bytes"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct error err = {0};
        assert_false(http_client_start(f->client, &rows[i].request, &err));
        assert_int_equal(err.code, rows[i].code);
        check_contains(err.message, rows[i].says);
        assert_int_equal(http_client_in_flight(f->client), 0);
    }
    // A line break in the URL does not become a header either.
    start(f, &(struct http_request){.url = url_of(f, "/a\r\nX-B: 2")});
    struct http_exchange *x = finished(f);
    assert_int_equal(x->status, 0);
    release(f, x);
    assert_int_equal(script_count(f->script), 0);
    x = get(f, "/after"); // the client is as good as new
    assert_int_equal(x->status, 200);
    release(f, x);
}

// ---- several at once

// Answers with the request's path, so that each answer can be told from the others.
static void answer_path(void *user, const struct script_request *r, struct script_answer *ret)
{
    ptrdiff_t end = str_find(r->text, STR(" HTTP/"));
    ret->raw = script_format(user, 200, "", str_sub(r->text, 4, (size_t)end - 4));
}

static void test_in_flight_together(void **state)
{
    struct fixture *f = *state;
    struct arena replies;
    arena_init(&replies, 1 << 20);
    f->script = script_start(answer_path, &replies);
    enum { N = 30 };
    bool seen[N] = {false};
    for (size_t i = 0; i < N; i++) {
        struct str path = arena_printf(&f->arena, "/%zu", i);
        start(f, &(struct http_request){.url = url_of(f, path.ptr), .tag = &seen[i]});
    }
    assert_int_equal(http_client_in_flight(f->client), N);
    struct http_exchange *all[N]; // held all at once: each owns its body
    for (size_t i = 0; i < N; i++) {
        all[i] = finished(f);
    }
    for (size_t i = 0; i < N; i++) {
        bool *tag = all[i]->tag;
        assert_false(*tag);
        *tag = true;
        check_slice(buf_str(&all[i]->body), arena_printf(&f->arena, "/%zu", (size_t)(tag - seen)));
        release(f, all[i]);
    }
    assert_null(http_client_wait(f->client, 0));
    script_stop(f->script);
    f->script = NULL;
    arena_done(&replies);
}

static void test_abort(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("", STALL), RAW("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal", STALL),
         RAW("", STALL));
    int tags[3];
    for (size_t i = 0; i < 3; i++) {
        start(f, &(struct http_request){.url = url_of(f, "/"), .tag = &tags[i]});
    }
    assert_null(http_client_wait(f->client, 0));
    http_client_abort(f->client);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(http_client_in_flight(f->client), 3 - i); // until it is given out
        struct http_exchange *x = http_client_wait(f->client, 0);
        assert_non_null(x);
        check_failed(x, ERR_SOURCE_UNAVAILABLE, "abandoned");
        release(f, x);
    }
    assert_int_equal(http_client_in_flight(f->client), 0);
    assert_null(http_client_wait(f->client, 0));
    // Destroyed with requests in flight and finished ones not taken: teardown, under the
    // sanitizers.
    start(f, &(struct http_request){.url = url_of(f, "/")});
    http_client_abort(f->client);
    start(f, &(struct http_request){.url = url_of(f, "/")});
}

static void *wake_soon(void *user)
{
    clock_system()->sleep_us(clock_system(), 50000);
    http_client_wake(user);
    return NULL;
}

static void test_wait(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("", STALL));
    use_client(f, 10 * FIRST_BYTE_MS, PATIENCE_MS);
    int64_t begun_us = clock_mono_us(clock_system());
    assert_null(http_client_wait(f->client, WAIT_MS)); // nothing to wait for
    assert_true(clock_mono_us(clock_system()) - begun_us < WAIT_MS * 1000 / 2);
    start(f, &(struct http_request){.url = url_of(f, "/")});
    begun_us = clock_mono_us(clock_system());
    assert_null(http_client_wait(f->client, 30));
    assert_true(clock_mono_us(clock_system()) - begun_us >= 30000);
    // Woken long before anything comes of the request.
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wake_soon, f->client), 0);
    assert_null(http_client_wait(f->client, WAIT_MS));
    pthread_join(thread, NULL);
    assert_int_equal(http_client_in_flight(f->client), 1);
    struct http_exchange *x = finished(f); // the wake is used up
    check_failed(x, ERR_SOURCE_UNAVAILABLE, "no answer within");
    release(f, x);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_answer),
        TEST(test_interim_answer),
        TEST(test_folded_line),
        TEST(test_broken_answer),
        TEST(test_no_body),
        TEST(test_chunked),
        TEST(test_broken),
        TEST(test_length_too_short),
        TEST(test_redirect_is_not_followed),
        TEST(test_no_connection),
        TEST(test_request),
        TEST(test_large_request),
        TEST(test_refused_requests),
        TEST(test_in_flight_together),
        TEST(test_abort),
        TEST(test_wait),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
