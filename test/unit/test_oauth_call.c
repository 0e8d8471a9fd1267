// Exchanges with the OAuth endpoints over the network: what comes of each answer, and what the
// request log keeps of it.
#include "check.h"
#include "test_script.h"

#include "http/client.h"
#include "hubspot/oauth.h"
#include "hubspot/request_log.h"

// What all secrets of these tests hold.
#define MARK "5ec7e7aa"

#define OK_TOKENS                                                                                  \
    "{\"access_token\":\"new-" MARK "\",\"refresh_token\":\"newer-" MARK "\",\"expires_in\":60}"

struct fixture {
    struct secret *app_secret;
    struct secret *token;
    struct arena arena;
    struct request_log log;
    size_t records;
    struct request_record last;
    struct buf kept; // all texts of all records
};

static void keep(void *user, const struct request_record *r)
{
    struct fixture *f = user;
    const struct str all[] = {r->url,           r->request_headers,  r->request_body, r->message,
                              r->response_body, r->response_headers, r->endpoint};
    f->records++;
    f->last = *r;
    f->last.url = arena_dup(&f->arena, r->url);
    f->last.endpoint = arena_dup(&f->arena, r->endpoint);
    f->last.connection = arena_dup(&f->arena, r->connection);
    f->last.request_headers = arena_dup(&f->arena, r->request_headers);
    f->last.request_body = r->request_body.ptr ? arena_dup(&f->arena, r->request_body) : STR("-");
    f->last.response_body = arena_dup(&f->arena, r->response_body);
    f->last.response_headers = arena_dup(&f->arena, r->response_headers);
    f->last.message = arena_dup(&f->arena, r->message);
    f->last.correlation_id = arena_dup(&f->arena, r->correlation_id);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        buf_add(&f->kept, all[i]);
        buf_add_char(&f->kept, '\n');
    }
}

static int setup(void **state)
{
    struct error err;
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->app_secret = secret_create(STR("secret&" MARK));
    f->token = secret_create(STR("token/" MARK));
    f->log = (struct request_log){.write = keep, .user = f};
    arena_init(&f->arena, 1 << 24);
    buf_init(&f->kept, 1 << 22);
    *state = f;
    return http_client_global_init(&err) ? 0 : 1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    assert_null(strstr(buf_cstr(&f->kept), MARK)); // no record ever holds a secret
    secret_destroy(f->app_secret);
    secret_destroy(f->token);
    buf_done(&f->kept);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static bool perform(struct oauth_caller *c, const struct oauth_app *a,
                    const struct oauth_request *r, struct arena *arena, struct error *err)
{
    struct oauth_tokens tokens = {0};
    struct oauth_facts facts;
    if (r->kind == OAUTH_REVOKE) {
        return oauth_call_revoke(c, a, r, err);
    }
    if (r->kind == OAUTH_INTROSPECT || r->kind == OAUTH_PRIVATE_INFO) {
        return oauth_call_facts(c, a, r, arena, &facts, err);
    }
    bool ok = oauth_call_tokens(c, a, r, &tokens, err);
    oauth_tokens_done(&tokens);
    return ok;
}

// One call, and this raw answer to it.
static bool call(struct fixture *f, enum oauth_call_kind kind, enum oauth_version version,
                 struct str raw, struct error *err)
{
    struct script_answer answers[] = {{raw, SCRIPT_CLOSE}};
    struct script *s = script_play(answers, 1);
    struct oauth_app a = {.base_url = str_from(script_url(s)),
                          .client_id = STR("client-1"),
                          .client_secret = f->app_secret,
                          .version = version};
    struct oauth_request r = {.kind = kind, .token = f->token};
    if (kind == OAUTH_EXCHANGE) {
        r = (struct oauth_request){.kind = kind,
                                   .code = STR("code+" MARK),
                                   .verifier = STR("verifier-" MARK),
                                   .redirect_uri = STR("http://localhost:1/cb")};
    }
    struct oauth_caller *caller = oauth_caller_create(&(struct oauth_caller_options){
        .clock = clock_system(), .request_log = &f->log, .connection = STR("acme")});
    bool ok = perform(caller, &a, &r, &f->arena, err);
    oauth_caller_destroy(caller);
    assert_int_equal(script_count(s), 1); // sent once, whatever comes
    script_stop(s);
    return ok;
}

static void test_answers(void **state)
{
    static const struct {
        enum oauth_call_kind kind;
        int status;
        const char *headers, *body;
        enum error_code code;
        const char *says;
    } ROWS[] = {
        {OAUTH_REFRESH, 200, "", OK_TOKENS, ERR_OK, ""},
        {OAUTH_EXCHANGE, 200, "", OK_TOKENS, ERR_OK, ""},
        {OAUTH_INTROSPECT, 200, "", "{\"hub_id\":7,\"status\":\"ok\"}", ERR_OK, ""},
        {OAUTH_REVOKE, 204, "", "", ERR_OK, ""},
        {OAUTH_REVOKE, 200, "", "{}", ERR_OK, ""},
        {OAUTH_REFRESH, 429, "Retry-After: 7\r\n", "{}", ERR_RATE_LIMITED, "renewing access"},
        {OAUTH_REFRESH, 400, "", "{\"status\":\"BAD_REFRESH_TOKEN\",\"message\":\"gone\"}",
         ERR_REAUTHORIZE, "the app was removed from the account"},
        {OAUTH_REVOKE, 503, "", "{\"message\":\"down\"}", ERR_SOURCE_UNAVAILABLE, "down"},
        {OAUTH_REFRESH, 302, "Location: http://evil/?x=token%2F" MARK "\r\n", "", ERR_REDIRECT,
         "redirect to \"http://evil/?x=*"},
        {OAUTH_REFRESH, 200, "", "{}", ERR_SOURCE_DATA, "no access_token"},
        {OAUTH_REFRESH, 200, "Content-Type: text/html\r\n", "<html>hello token/" MARK "</html>",
         ERR_SOURCE_DATA, "200 with a page of HTML: hello *"},
        // HubSpot is known to put errors into answers of status 200.
        {OAUTH_REFRESH, 200, "", "{\"status\":\"BAD_REFRESH_TOKEN\",\"message\":\"gone\"}",
         ERR_REAUTHORIZE, "answered 200 BAD_REFRESH_TOKEN: gone"},
        {OAUTH_EXCHANGE, 200, "", "{\"error\":\"invalid_grant\"}", ERR_LOGIN, "the code"},
        {OAUTH_REVOKE, 200, "", "{\"status\":\"error\",\"message\":\"down\"}",
         ERR_SOURCE_UNAVAILABLE, "down"},
        {OAUTH_INTROSPECT, 400, "", "{\"message\":\"secret%26" MARK " code-x\"}", ERR_REQUEST, "*"},
        {OAUTH_EXCHANGE, 400, "X-Echo: code%2B" MARK " verifier-" MARK "\r\n",
         "{\"status\":\"BAD_AUTH_CODE\",\"message\":\"code+" MARK "\"}", ERR_LOGIN, "*"},
        {OAUTH_PRIVATE_INFO, 401, "", "{\"correlationId\":\"c-17\"}", ERR_CREDENTIALS, "401"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        struct str raw =
            script_format(&f->arena, ROWS[i].status, ROWS[i].headers, str_from(ROWS[i].body));
        size_t before = f->records;
        bool ok = call(f, ROWS[i].kind, OAUTH_2026_09, raw, &err);
        check_row(ok == (ROWS[i].code == ERR_OK), ROWS[i].body);
        check_row(err.code == ROWS[i].code, ROWS[i].body);
        check_contains(err.message, ROWS[i].says);
        check_row(!strstr(err.message, MARK), ROWS[i].body);
        check_row(f->records == before + !ok, ROWS[i].body); // what went well is not asked for
        check_row(ok || f->last.code == err.code, ROWS[i].body);
        // The log tells the same: no word of ours is taken for a secret's name.
        check_row(ok || str_eq(f->last.message, str_from(err.message)), ROWS[i].body);
    }
    check_str(f->last.correlation_id, "c-17");
}

static void test_retry_after(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    assert_false(call(f, OAUTH_REFRESH, OAUTH_V3,
                      script_format(&f->arena, 429, "Retry-After: 7\r\n", STR("{}")), &err));
    assert_int_equal(err.retry_after_ms, 7000);
}

static void test_cut_off(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    assert_false(call(f, OAUTH_REFRESH, OAUTH_V3,
                      STR("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}"), &err));
    assert_int_equal(err.code, ERR_SOURCE_UNAVAILABLE);
    assert_int_equal(f->records, 1);
    assert_int_equal(f->last.status, 0);
}

// Successes, with --trace: every kind of call, in the version that puts most into bodies and in
// the one that puts it into paths.
static void test_traced(void **state)
{
    static const struct {
        enum oauth_call_kind kind;
        enum oauth_version version;
        const char *name, *url, *request, *answer;
    } ROWS[] = {
        {OAUTH_EXCHANGE, OAUTH_2026_09, "OAUTH_EXCHANGE", "/oauth/2026-09/token",
         "grant_type=authorization_code&client_id=client-1&client_secret=***&redirect_uri="
         "http%3A%2F%2Flocalhost%3A1%2Fcb&code=***&code_verifier=***",
         OK_TOKENS},
        {OAUTH_REFRESH, OAUTH_2026_09, "OAUTH_REFRESH", "/oauth/2026-09/token",
         "grant_type=refresh_token&client_id=client-1&client_secret=***&refresh_token=***",
         OK_TOKENS},
        {OAUTH_INTROSPECT, OAUTH_2026_09, "OAUTH_INTROSPECT", "/oauth/2026-09/token/introspect",
         "client_id=client-1&client_secret=***&token=***&token_type_hint=access_token",
         "{\"token\":\"token/" MARK "\",\"hub_id\":7}"},
        {OAUTH_INTROSPECT, OAUTH_V1, "OAUTH_INTROSPECT", "/oauth/v1/access-tokens/***", "-",
         "{\"token\":\"token/" MARK "\",\"hub_id\":7}"},
        {OAUTH_REVOKE, OAUTH_V1, "OAUTH_REVOKE", "/oauth/v1/refresh-tokens/***", "-", "{}"},
        {OAUTH_REVOKE, OAUTH_V3, "OAUTH_REVOKE", "/oauth/v3/token/revoke",
         "client_id=client-1&client_secret=***&token=***&token_type_hint=refresh_token", "{}"},
        {OAUTH_PRIVATE_INFO, OAUTH_2026_09, "PRIVATE_APP_INFO",
         "/oauth/v2/private-apps/get/access-token-info", "{\"tokenKey\":\"***\"}", "{\"hubId\":7}"},
    };
    struct fixture *f = *state;
    f->log.trace = true;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        const char *echo = "Set-Cookie: a=" MARK "\r\nX-Echo: token/" MARK " Bearer " MARK "\r\n";
        struct str body = str_from(ROWS[i].answer);
        bool ok = call(
            f, ROWS[i].kind, ROWS[i].version,
            script_format(&f->arena, 200, ROWS[i].kind == OAUTH_EXCHANGE ? "" : echo, body), &err);
        check_row(ok, err.message);
        assert_int_equal(f->records, i + 1);
        check_str(f->last.endpoint, ROWS[i].name);
        check_str(f->last.request_body, ROWS[i].request);
        check_row(str_find(f->last.url, str_from(ROWS[i].url)) > 0, ROWS[i].url);
        check_str(f->last.connection, "acme");
        assert_int_equal(f->last.status, 200);
        assert_int_equal(f->last.response_body_bytes, body.len);
        check_row(!f->last.failed && f->last.code == ERR_OK, ROWS[i].name);
    }
    check_contains(f->last.request_headers.ptr, "Authorization: ***");
    f->log.trace = false;
}

static void test_nobody_to_talk_to(void **state)
{
    struct fixture *f = *state;
    struct error err = {0};
    char url[64];
    snprintf(url, sizeof url, "http://127.0.0.1:%d", script_free_port());
    struct oauth_app a = {.base_url = str_from(url),
                          .client_id = STR("client-1"),
                          .client_secret = f->app_secret,
                          .version = OAUTH_2026_09};
    struct oauth_request r = {.kind = OAUTH_REFRESH, .token = f->token};
    struct cancel cancel = {0};
    struct oauth_caller *caller = oauth_caller_create(&(struct oauth_caller_options){
        .clock = clock_system(), .cancel = &cancel, .request_log = &f->log});
    assert_false(perform(caller, &a, &r, &f->arena, &err));
    assert_int_equal(err.code, ERR_CONNECT);
    assert_int_equal(f->records, 1);
    cancel_request(&cancel);
    assert_false(perform(caller, &a, &r, &f->arena, &err));
    assert_int_equal(err.code, ERR_INTERRUPTED);
    oauth_caller_destroy(caller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_retry_after, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_traced, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_to_talk_to, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
