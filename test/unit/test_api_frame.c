// What every request goes through: paths, methods, keys, parameters, bodies, and the answers' form.
#include "test_api_frame.h"

static void test_paths(void **state)
{
    struct frame *f = *state;
    const char *k = f->read_key;
    frame_expect(f, 200, NULL, "GET", "/things/x", k, NULL);
    frame_expect(f, 200, NULL, "GET", "/things/x/", k, NULL);
    frame_expect(f, 200, NULL, "GET", "/things/find", k, NULL); // a name wins over an argument
    frame_expect(f, 404, "not_found", "GET", "/thing", k, NULL);
    frame_expect(f, 404, "not_found", "GET", "//things", k, NULL);
    frame_expect(f, 404, "not_found", "GET", "/things//x", k, NULL);
    frame_expect(f, 404, "not_found", "GET", "/", k, NULL);
    frame_expect(f, 404, "not_found", "GET", "/a/b/c/d/e/f/g/h/i/j/k", k, NULL);
    frame_expect(f, 404, "not_found", "GET", "/things/../../etc/passwd", k, NULL);
    frame_expect(f, 400, "config", "GET", "/things/a%00b", k, NULL);
    frame_expect(f, 400, "config", "GET", "/things/a%0d%0aX-Evil:1", k, NULL);
    frame_expect(f, 400, "config", "GET", "/things/a%ff", k, NULL);
    struct reply r = raw_ask(f->port, "GET", "/things/a%2Fb%20c", k, NULL);
    check_contains(r.body, "\"name\":\"a/b c\"");
    reply_done(&r);
    r = raw_ask(f->port, "PUT", "/things", k, NULL);
    assert_int_equal(r.status, 405);
    assert_true(reply_has(&r, "Allow: OPTIONS, POST, GET, HEAD"));
    check_contains(r.body, "\"error_code\":\"method_not_allowed\"");
    reply_done(&r);
    r = raw_ask(f->port, "HEAD", "/things/x", k, NULL);
    assert_int_equal(r.status, 200);
    reply_done(&r);
}

static void test_keys(void **state)
{
    struct frame *f = *state;
    char key[256];
    frame_expect(f, 401, "missing_api_key", "GET", "/things", NULL, NULL);
    frame_expect(f, 401, "missing_api_key", "GET", "/things", "x-api-key:  \r\n", NULL);
    frame_expect(f, 401, "invalid_api_key", "GET", "/things", "x-api-key: nonsense\r\n", NULL);
    snprintf(key, sizeof(key), "Authorization: bearer %s", f->read_key + strlen("X-Api-KEY: "));
    frame_expect(f, 200, NULL, "GET", "/things", key, NULL);
    frame_expect(f, 200, NULL, "GET", "/public", NULL, NULL);
    frame_expect(f, 403, "insufficient_scope", "POST", "/things", f->read_key, "{\"name\":\"a\"}");
    frame_expect(f, 403, "insufficient_scope", "POST", "/gate", f->read_key, NULL);
    frame_expect(f, 201, NULL, "POST", "/things", f->write_key, "{\"name\":\"a\"}");
    frame_expect(f, 403, "insufficient_scope", "DELETE", "/keys/x", f->write_key, NULL);
    frame_key(f, API_KEY_READ, clock_now_ms(&f->place->clock.clock) + 1000, key);
    frame_expect(f, 200, NULL, "GET", "/things", key, NULL);
    virtual_clock_advance_us(&f->place->clock, 1001 * 1000); // also when it was let in just now
    frame_expect(f, 401, "expired_api_key", "GET", "/things", key, NULL);
}

// A key that is revoked is refused from then on, although it was let in a moment ago.
static void test_revoked_key(void **state)
{
    struct frame *f = *state;
    char path[128];
    frame_expect(f, 200, NULL, "GET", "/things", f->read_key, NULL);
    snprintf(path, sizeof(path), "/keys/%s", f->read_id);
    frame_expect(f, 204, NULL, "DELETE", path, f->admin_key, NULL);
    frame_expect(f, 401, "invalid_api_key", "GET", "/things", f->read_key, NULL);
}

// Another process revokes: that is seen after the few seconds for which a key is remembered.
static void test_revoked_elsewhere(void **state)
{
    struct frame *f = *state;
    struct error err;
    frame_expect(f, 200, NULL, "GET", "/things", f->read_key, NULL);
    must(api_key_revoke(f->place->store, f->account_id, str_from(f->read_id), &err), &err);
    virtual_clock_advance_us(&f->place->clock, 3 * 1000 * 1000);
    frame_expect(f, 401, "invalid_api_key", "GET", "/things", f->read_key, NULL);
}

static void test_guessing(void **state)
{
    struct frame *f = *state;
    for (int i = 0; i < 20; i++) {
        frame_expect(f, 401, "invalid_api_key", "GET", "/things", "x-api-key: guess\r\n", NULL);
    }
    struct reply r = raw_ask(f->port, "GET", "/things", "x-api-key: guess\r\n", NULL);
    assert_int_equal(r.status, 429);
    assert_true(reply_has(&r, "Retry-After: "));
    check_contains(r.body, "too_many_failures");
    reply_done(&r);
    // A good key gets in from the same address, once it is looked at.
    virtual_clock_advance_us(&f->place->clock, 200 * 1000);
    frame_expect(f, 200, NULL, "GET", "/things", f->read_key, NULL);
    frame_expect(f, 200, NULL, "GET", "/things", f->read_key, NULL);
    // Within the tenth of a second others wait without a look at their keys.
    frame_expect(f, 429, "too_many_failures", "GET", "/things", f->write_key, NULL);
    // One that has been in goes on, although others use up each look; until it is revoked.
    virtual_clock_advance_us(&f->place->clock, 4 * 1000 * 1000);
    frame_expect(f, 429, "too_many_failures", "GET", "/things", "x-api-key: guess\r\n", NULL);
    frame_expect(f, 200, NULL, "GET", "/things", f->read_key, NULL);
    struct error err;
    must(api_key_revoke(f->place->store, f->account_id, str_from(f->read_id), &err), &err);
    virtual_clock_advance_us(&f->place->clock, 4 * 1000 * 1000);
    frame_expect(f, 429, "too_many_failures", "GET", "/things", f->read_key, NULL);
    virtual_clock_advance_us(&f->place->clock, INT64_C(60) * 1000 * 1000);
    frame_expect(f, 401, "invalid_api_key", "GET", "/things", "x-api-key: guess\r\n", NULL);
}

static void test_parameters(void **state)
{
    struct frame *f = *state;
    static const struct {
        const char *target;
        int status;
        const char *says;
    } ROWS[] = {
        {"/things", 200, "\"count\":10"},
        {"/things?limit=100", 200, "\"count\":100"},
        {"/things?limit=&starting_after=", 200, "\"has_more\":false"},
        {"/things?limit=0", 400, "limit is \\\"0\\\": it must be from 1 to 100"},
        {"/things?limit=101", 400, "from 1 to 100"},
        {"/things?limit=ten", 400, "limit is \\\"ten\\\": it must be an integer"},
        {"/things?starting_after=abc", 200, "\"has_more\":true,\"next_cursor\":\"abc\""},
        {"/things?starting_after=%00", 400, "starting_after"},
        {"/things/find", 200, "\"name\":\"red\""},
        {"/things/find?color=green&unknown=1", 200, "\"name\":\"green\""},
        {"/things/find?color=blue", 400, "one of red|green"},
        {"/things/find?n=6", 400, "from 1 to 5"},
        {"/things/find?deep=maybe", 400, "true or false"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct reply r = raw_ask(f->port, "GET", ROWS[i].target, f->read_key, NULL);
        check_row(r.status == ROWS[i].status, ROWS[i].target);
        check_contains(r.body, ROWS[i].says);
        reply_done(&r);
    }
}

static void test_bodies(void **state)
{
    struct frame *f = *state;
    static char deep[4096];
    memset(deep, '[', sizeof(deep) - 1);
    static char large[65 * 1024];
    memset(large, ' ', sizeof(large) - 1);
    const struct {
        const char *type, *body;
        int status;
        const char *code;
    } ROWS[] = {
        {"", "{\"name\":\"a\"}", 201, NULL},
        {"Content-Type: application/json; charset=utf-8\r\n", "{\"name\":\"a\"}", 201, NULL},
        {"Content-Type: text/plain\r\n", " {\"name\":\"a\",\"more\":[1]} ", 201, NULL},
        {"Content-Type: application/merge-patch+json\r\n", "{\"name\":\"a\"}", 201, NULL},
        {"Content-Type: text/xml\r\n", "{\"name\":\"a\"}", 415, "unsupported_media_type"},
        {"", "", 400, "config"},
        {"", "nothing", 400, "invalid_json"},
        {"", "{\"name\":\"a\"", 400, "invalid_json"},
        {"", "{\"name\":\"a\"}}", 400, "invalid_json"},
        {"", "[1]", 400, "config"},
        {"", "\"a\"", 400, "config"},
        {"", "null", 400, "config"},
        {"", "{}", 400, "config"},
        {"", "{\"name\":\"\"}", 400, "config"},
        {"", "{\"name\":7}", 400, "config"},
        {"", "{\"name\":\"a\\u0000b\"}", 400, "config"},
        {"", "{\"name\":\"123456789012345678901\"}", 400, "config"},
        {"", "{\"name\":\"a\",\"count\":10}", 400, "config"},
        {"", "{\"name\":\"a\",\"count\":\"1\"}", 400, "config"},
        {"", "{\"name\":\"a\",\"count\":null}", 201, NULL},
        {"", "{\"name\":\"\xff\"}", 400, "invalid_json"},
        {"", deep, 400, "invalid_json"},
        {"", large, 413, "body_too_large"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char headers[512];
        snprintf(headers, sizeof(headers), "%s%s", f->write_key, ROWS[i].type);
        frame_expect(f, ROWS[i].status, ROWS[i].code, "POST", "/things", headers, ROWS[i].body);
    }
    frame_expect(f, 204, NULL, "POST", "/things/1/empty", f->write_key, NULL);
    frame_expect(f, 204, NULL, "POST", "/things/1/empty", f->write_key, "null");
    frame_expect(f, 400, "config", "POST", "/things/1/empty", f->write_key, "{}");
}

static void test_answers(void **state)
{
    struct frame *f = *state;
    struct reply r = raw_ask(f->port, "GET", "/busy", f->read_key, NULL);
    assert_int_equal(r.status, 503);
    assert_true(reply_has(&r, "Retry-After: 1"));
    assert_true(reply_has(&r, "X-Request-Id: "));
    check_contains(r.body, "\"error_code\":\"store_busy\"");
    check_contains(r.body, "\"details\":\"the store is locked; send the request again");
    reply_done(&r);
    frame_expect(f, 500, "internal", "GET", "/large", f->read_key, NULL);
    r = raw_ask(f->port, "POST", "/things", f->write_key, "{\"name\":\"bad\"}");
    assert_int_equal(r.status, 409);
    check_contains(r.body, ",\"active_run_id\":\"r\\\"1\"}");
    reply_done(&r);
}

// What the server refuses before anybody looks at it has the same shape.
static void test_refused_early(void **state)
{
    struct frame *f = *state;
    static char target[12 * 1024];
    memset(target, 'a', sizeof(target) - 1);
    target[0] = '/';
    frame_expect(f, 414, "uri_too_long", "GET", target, f->read_key, NULL);
    static char header[20 * 1024];
    int lead = snprintf(header, sizeof(header), "X-Long: ");
    memset(header + lead, 'h', sizeof(header) - (size_t)lead);
    snprintf(header + sizeof(header) - 3, 3, "\r\n");
    frame_expect(f, 431, "headers_too_large", "GET", "/things", header, NULL);
    frame_expect(f, 400, "bad_request", "GET", "/thi\x01ngs", f->read_key, NULL);
    // A body that is far too large is not waited for.
    struct talk t = talk_open(f->port);
    static const char HEAD[] =
        "POST /things HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n";
    talk_send(&t, HEAD, strlen(HEAD));
    struct reply r = talk_reply(&t);
    assert_int_equal(r.status, 413);
    check_contains(r.body, "body_too_large");
    reply_done(&r);
    talk_close(&t);
}

static void test_origins(void **state)
{
    struct frame *f = *state;
    struct reply r = raw_ask(f->port, "OPTIONS", "/things/x",
                             "Origin: https://app.example\r\n"
                             "Access-Control-Request-Method: GET\r\n",
                             NULL);
    assert_int_equal(r.status, 204);
    assert_true(reply_has(&r, "Access-Control-Allow-Origin: https://app.example"));
    assert_true(reply_has(&r, "Access-Control-Allow-Methods: OPTIONS, GET, HEAD"));
    assert_true(reply_has(&r, "x-api-key"));
    assert_true(reply_has(&r, "Vary: Origin"));
    reply_done(&r);
    r = raw_ask(f->port, "OPTIONS", "/things/x", "Origin: https://evil.example\r\n", NULL);
    assert_false(reply_has(&r, "Access-Control-Allow"));
    assert_true(reply_has(&r, "Vary: Origin"));
    reply_done(&r);
}

static void test_description(void **state)
{
    struct frame *f = *state;
    struct reply r = raw_ask(f->port, "GET", "/openapi.json", NULL, NULL);
    assert_int_equal(r.status, 200);
    static const char *const PARTS[] = {
        "\"openapi\":\"3.0.3\"",
        "\"/things\":{\"post\":{\"operationId\":\"makeThing\"",
        "\"url\":\"http://localhost\"",
        "\"PagedThing\":{\"type\":\"object\"",
        "\"Error\":{\"type\":\"object\"",
        "\"x-api-key\"",
        "\"Idempotency-Key\"",
        "\"name\":\"id\",\"in\":\"path\",\"required\":true",
        "\"enum\":[\"red\",\"green\"],\"default\":\"red\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        check_contains(r.body, PARTS[i]);
    }
    assert_null(strstr(r.body, "/keys/")); // hidden
    reply_done(&r);
}

static void test_health(void **state)
{
    struct frame *f = *state;
    frame_expect(f, 200, NULL, "GET", "/healthz", NULL, NULL);
    frame_expect(f, 200, NULL, "GET", "/readyz", NULL, NULL);
    api_drain(f->api);
    frame_expect(f, 200, NULL, "GET", "/healthz", NULL, NULL);
    frame_expect(f, 503, "draining", "GET", "/readyz", NULL, NULL);
    frame_expect(f, 503, "draining", "GET", "/things", f->read_key, NULL);
    frame_expect(f, 503, "draining", "GET", "/events", f->read_key, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_paths, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_keys, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_revoked_key, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_revoked_elsewhere, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_guessing, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_parameters, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_bodies, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_answers, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_refused_early, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_origins, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_description, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_health, frame_setup, frame_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
