// OAuth's texts: what is built, what is understood, what errors say.
#include "check.h"

#include "hubspot/oauth.h"

#define MARK "5ec7e7aa"

struct fixture {
    struct secret *app_secret;
    struct secret *token;
};

static struct oauth_app app(const struct fixture *f, enum oauth_version version)
{
    return (struct oauth_app){.base_url = STR("http://localhost:1"),
                              .client_id = STR("client 1"),
                              .client_secret = f->app_secret,
                              .version = version};
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->app_secret = secret_create(STR("secret&" MARK));
    f->token = secret_create(STR("token/" MARK));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    secret_destroy(f->app_secret);
    secret_destroy(f->token);
    free(f);
    return 0;
}

static void test_authorize_url(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    oauth_authorize_url(&out, &(struct oauth_authorize){
                                  .page = STR("https://app.hubspot.com/oauth/authorize"),
                                  .client_id = STR("id"),
                                  .redirect_uri = STR("http://localhost:8976/oauth/callback"),
                                  .scopes = STR("oauth crm.objects.contacts.read"),
                                  .optional_scopes = STR("tickets"),
                                  .state = STR("st"),
                                  .challenge = STR("ch"),
                              });
    assert_string_equal(buf_cstr(&out),
                        "https://app.hubspot.com/oauth/authorize?client_id=id&redirect_uri=http%3A%"
                        "2F%2Flocalhost%3A8976%2Foauth%2Fcallback&scope=oauth%20crm.objects."
                        "contacts.read&optional_scope=tickets&state=st&code_challenge=ch&code_"
                        "challenge_method=S256");
    buf_done(&out);
}

// The example of RFC 7636, appendix B.
static void test_challenge(void **state)
{
    (void)state;
    char out[OAUTH_CHALLENGE_MAX];
    char again[OAUTH_CHALLENGE_MAX];
    oauth_challenge(STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"), out);
    assert_string_equal(out, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    oauth_random_text(out);
    oauth_random_text(again);
    assert_int_equal(strlen(out), 43);
    assert_string_not_equal(out, again);
}

static void check_wire(const struct oauth_app *a, const struct oauth_request *r, const char *method,
                       const char *url, const char *body)
{
    struct oauth_wire w;
    struct error err;
    oauth_wire_init(&w);
    assert_true(oauth_wire_build(a, r, &w, &err));
    assert_string_equal(w.method, method);
    assert_string_equal(buf_cstr(&w.url), url);
    assert_string_equal(buf_cstr(&w.body), body);
    assert_int_equal(w.content_type != NULL, body[0] != '\0');
    oauth_wire_done(&w);
}

#define APP_FORM "client_id=client%201&client_secret=secret%26" MARK

static void test_requests(void **state)
{
    const struct fixture *f = *state;
    struct oauth_app v1 = app(f, OAUTH_V1);
    struct oauth_app v3 = app(f, OAUTH_V3);
    struct oauth_app dated = app(f, OAUTH_2026_09);
    struct oauth_request exchange = {.kind = OAUTH_EXCHANGE,
                                     .code = STR("a+b"),
                                     .redirect_uri = STR("http://x/y"),
                                     .verifier = STR("v")};
    struct oauth_request refresh = {.kind = OAUTH_REFRESH, .token = f->token};
    struct oauth_request look = {.kind = OAUTH_INTROSPECT, .token = f->token};
    struct oauth_request revoke = {.kind = OAUTH_REVOKE, .token = f->token};
    struct oauth_request info = {.kind = OAUTH_PRIVATE_INFO, .token = f->token};
    check_wire(&dated, &exchange, "POST", "http://localhost:1/oauth/2026-09/token",
               "grant_type=authorization_code&" APP_FORM
               "&redirect_uri=http%3A%2F%2Fx%2Fy&code=a%2Bb&code_verifier=v");
    check_wire(&v3, &refresh, "POST", "http://localhost:1/oauth/v3/token",
               "grant_type=refresh_token&" APP_FORM "&refresh_token=token%2F" MARK);
    check_wire(&v1, &look, "GET", "http://localhost:1/oauth/v1/access-tokens/token%2F" MARK, "");
    check_wire(&v1, &revoke, "DELETE", "http://localhost:1/oauth/v1/refresh-tokens/token%2F" MARK,
               "");
    check_wire(&dated, &look, "POST", "http://localhost:1/oauth/2026-09/token/introspect",
               APP_FORM "&token=token%2F" MARK "&token_type_hint=access_token");
    check_wire(&dated, &revoke, "POST", "http://localhost:1/oauth/2026-09/token/revoke",
               APP_FORM "&token=token%2F" MARK "&token_type_hint=refresh_token");
    check_wire(&dated, &info, "POST",
               "http://localhost:1/oauth/v2/private-apps/get/access-token-info",
               "{\"tokenKey\":\"token/" MARK "\"}");
}

static void test_versions(void **state)
{
    (void)state;
    for (int i = 0; i < OAUTH_VERSION_COUNT; i++) {
        enum oauth_version v;
        assert_true(oauth_version_parse(str_from(oauth_version_name((enum oauth_version)i)), &v));
        assert_int_equal(v, i);
    }
    enum oauth_version v;
    assert_false(oauth_version_parse(STR("v2"), &v));
}

static void test_callbacks(void **state)
{
    static const struct {
        const char *query;
        const char *code; // NULL: refused
        const char *error;
    } ROWS[] = {
        {"code=abc&state=s", "abc", ""},
        {"state=s&code=na1-%2Fx", "na1-/x", ""},
        {"state=s&more=1&code=a&flag", "a", ""},
        {"error=access_denied&error_description=The+user%20said%0ano&state=s", "", "access_denied"},
        {"", NULL, NULL},
        {"code=abc", NULL, NULL},
        {"state=s", NULL, NULL},
        {"code=abc&state=", NULL, NULL},
        {"code=&state=s", NULL, NULL},
        {"code=a&code=b&state=s", NULL, NULL},
        {"code=a&state=s&state=s", NULL, NULL},
        {"code=a&error=b&state=s", NULL, NULL},
        {"code=a%2&state=s", NULL, NULL},
        {"code=a%zz&state=s", NULL, NULL},
        {"code=a%00&state=s", NULL, NULL},
        {"code=a%20b&state=s", NULL, NULL},
        {"code=a&state=s%0d", NULL, NULL},
        {"code=a&state=%", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct oauth_callback c;
        struct error err = {0};
        struct arena arena;
        arena_init(&arena, 1 << 20);
        bool ok = oauth_callback_decode(str_from(ROWS[i].query), &arena, &c, &err);
        check_row(ok == (ROWS[i].code != NULL), ROWS[i].query);
        if (ok) {
            check_str(c.code, ROWS[i].code);
            check_str(c.error, ROWS[i].error);
            check_str(c.state, "s");
            check_row(str_find_char(c.error_description, '\n') < 0, ROWS[i].query);
        } else {
            check_row(err.code == ERR_LOGIN, ROWS[i].query);
        }
        arena_done(&arena);
    }
}

static void test_callbacks_are_bounded(void **state)
{
    (void)state;
    struct oauth_callback c;
    struct error err = {0};
    struct arena arena;
    struct buf query;
    arena_init(&arena, 1 << 20);
    buf_init(&query, 1 << 16);
    buf_add_cstr(&query, "state=s&code=");
    for (int i = 0; i < OAUTH_CODE_MAX; i++) {
        buf_add_char(&query, 'c');
    }
    assert_true(oauth_callback_decode(buf_str(&query), &arena, &c, &err));
    buf_add_char(&query, 'c');
    assert_false(oauth_callback_decode(buf_str(&query), &arena, &c, &err));
    buf_done(&query);
    arena_done(&arena);
}

static void test_tokens(void **state)
{
    static const struct {
        const char *body;
        int64_t life_s; // 0: cannot be read
    } ROWS[] = {
        {"{\"access_token\":\"a\",\"expires_in\":1800,\"refresh_token\":\"r\",\"hub_id\":7}", 1800},
        {"{\"access_token\":\"a\",\"expires_in\":1,\"token_type\":\"Bearer\",\"new\":{}}", 1},
        {"{\"access_token\":\"a\",\"expires_in\":1800,\"token_type\":\"mac\"}", 0},
        {"{\"access_token\":\"a\",\"expires_in\":\"60\"}", 60},
        // An answer that says nonsense about its life may hold the only good refresh token.
        {"{\"access_token\":\"a\"}", 1800},
        {"{\"access_token\":\"a\",\"expires_in\":null}", 1800},
        {"{\"access_token\":\"a\",\"expires_in\":0}", 1800},
        {"{\"access_token\":\"a\",\"expires_in\":-1}", 1800},
        {"{\"access_token\":\"a\",\"expires_in\":\"soon\"}", 1800},
        {"{\"access_token\":\"a\",\"expires_in\":1e18}", 1800},
        {"{\"access_token\":\"a\",\"expires_in\":9223372036854775807}", 366 * 24 * 3600},
        {"{\"access_token\":\"a\",\"expires_in\":99999999999}", 366 * 24 * 3600},
        {"{\"access_token\":\"a\",\"expires_in\":1800,\"refresh_token\":\"\"}", 1800},
        {"{\"access_token\":\"\",\"expires_in\":1800}", 0},
        {"{\"access_token\":\"a\\nb\",\"expires_in\":1800}", 0},
        {"{\"access_token\":7,\"expires_in\":1800}", 0},
        {"{\"access_token\":\"a\",\"expires_in\":1800,\"refresh_token\":\"a b\"}", 0},
        {"{\"access_token\":\"a\",\"expires_in\":1800", 0},
        {"<html>", 0},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct oauth_tokens t = {0};
        struct error err = {0};
        bool ok = oauth_tokens_decode(str_from(ROWS[i].body), &t, &err);
        check_row(ok == (ROWS[i].life_s > 0), ROWS[i].body);
        check_row(t.expires_in_ms == ROWS[i].life_s * 1000, ROWS[i].body);
        check_row(ok || err.code == ERR_SOURCE_DATA, ROWS[i].body);
        oauth_tokens_done(&t);
    }
}

static void test_a_token_that_is_too_long(void **state)
{
    (void)state;
    for (int extra = 0; extra <= 1; extra++) {
        struct buf body;
        struct oauth_tokens t = {0};
        struct error err = {0};
        buf_init(&body, 1 << 16);
        buf_add_cstr(&body, "{\"access_token\":\"");
        for (int i = 0; i < OAUTH_TOKEN_MAX + extra; i++) {
            buf_add_char(&body, 'x');
        }
        buf_add_cstr(&body, "\",\"expires_in\":1800}");
        assert_int_equal(oauth_tokens_decode(buf_str(&body), &t, &err), extra == 0);
        if (extra > 0) {
            check_contains(err.message, "access_token has 8193 bytes, 1 to 8192");
            assert_null(strstr(err.message, "xxx"));
        }
        oauth_tokens_done(&t);
        buf_done(&body);
    }
}

// Half a list would look like a whole one; what else the answer says stays.
static void test_more_scopes_than_are_kept(void **state)
{
    static const int COUNTS[] = {OAUTH_SCOPES_MAX, OAUTH_SCOPES_MAX + 1, 10000};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(COUNTS); i++) {
        struct arena arena;
        struct oauth_facts f = {0};
        struct error err = {0};
        struct buf body;
        arena_init(&arena, 1 << 20);
        buf_init(&body, 1 << 20);
        buf_add_cstr(&body, "{\"hub_id\":7,\"scopes\":[\"oauth\"");
        for (int k = 1; k < COUNTS[i]; k++) {
            buf_printf(&body, ",\"crm.objects.x%d.read\"", k);
        }
        buf_add_cstr(&body, "]}");
        assert_true(oauth_facts_decode(OAUTH_INTROSPECT, buf_str(&body), &arena, &f, &err));
        assert_int_equal(f.portal_id, 7);
        assert_int_equal(f.scopes.len > 0, COUNTS[i] <= OAUTH_SCOPES_MAX);
        buf_done(&body);
        arena_done(&arena);
    }
}

static void test_facts(void **state)
{
    (void)state;
    struct arena arena;
    struct oauth_facts f;
    struct error err;
    arena_init(&arena, 1 << 20);
    assert_true(oauth_facts_decode(
        OAUTH_INTROSPECT,
        STR("{\"active\":true,\"hub_id\":7,\"app_id\":8,\"user\":\"a@b.c\\u001b[1m\",\"scopes\":"
            "[\"oauth\",\"x y\",7,\"crm.a\"],\"expires_in\":60}"),
        &arena, &f, &err));
    assert_true(f.active && f.portal_id == 7 && f.app_id == 8 && f.expires_in_ms == 60000);
    check_str(f.scopes, "oauth crm.a");
    check_str(f.user, "a@b.c [1m");
    assert_true(oauth_facts_decode(OAUTH_INTROSPECT, STR("{\"active\":false}"), &arena, &f, &err));
    assert_false(f.active);
    assert_true(oauth_facts_decode(
        OAUTH_PRIVATE_INFO, STR("{\"hubId\":7,\"appId\":8,\"scopes\":[\"a\"]}"), &arena, &f, &err));
    assert_true(f.active && f.portal_id == 7 && f.app_id == 8);
    assert_false(oauth_facts_decode(OAUTH_INTROSPECT, STR("[]"), &arena, &f, &err));
    arena_done(&arena);
}

static void test_errors(void **state)
{
    static const struct {
        enum oauth_call_kind kind;
        int status;
        const char *body;
        enum error_code code;
        const char *says;
    } ROWS[] = {
        {OAUTH_REFRESH, 400, "{\"status\":\"BAD_REFRESH_TOKEN\",\"message\":\"m\"}",
         ERR_REAUTHORIZE, "refresh token"},
        {OAUTH_REFRESH, 400, "{\"error\":\"invalid_grant\",\"error_description\":\"revoked\"}",
         ERR_REAUTHORIZE, "revoked"},
        {OAUTH_EXCHANGE, 400, "{\"error\":\"invalid_grant\"}", ERR_LOGIN, "the code"},
        {OAUTH_EXCHANGE, 400, "{\"status\":\"BAD_AUTH_CODE\",\"message\":\"missing or unknown\"}",
         ERR_LOGIN, "used before"},
        {OAUTH_EXCHANGE, 400, "{\"status\":\"BAD_REDIRECT_URI\",\"error\":\"invalid_request\"}",
         ERR_OAUTH_APP, "the redirect URI sent was http://x/y: register exactly this one"},
        {OAUTH_REFRESH, 400, "{\"status\":\"BAD_CLIENT_ID\"}", ERR_OAUTH_APP, "client 1"},
        {OAUTH_REFRESH, 401, "{\"error\":\"invalid_client\"}", ERR_OAUTH_APP, "client 1"},
        {OAUTH_REFRESH, 400, "{\"status\":\"BAD_CLIENT_SECRET\"}", ERR_OAUTH_APP, "copy the one"},
        {OAUTH_EXCHANGE, 400, "{\"status\":\"BAD_CODE_VERIFIER\"}", ERR_LOGIN, "PKCE"},
        {OAUTH_REFRESH, 400, "{\"status\":\"BAD_HUB\",\"error\":\"access_denied\"}",
         ERR_REAUTHORIZE, "account is gone"},
        {OAUTH_REFRESH, 429, "{\"errorType\":\"RATE_LIMIT\",\"policyName\":\"SECONDLY\"}",
         ERR_RATE_LIMITED, "429"},
        {OAUTH_REFRESH, 503, "{\"error\":\"invalid_grant\"}", ERR_SOURCE_UNAVAILABLE, "503"},
        {OAUTH_REFRESH, 502, "<html>bad gateway</html>", ERR_SOURCE_UNAVAILABLE, "502"},
        {OAUTH_REFRESH, 400, "{\"error\":\"something_new\"}", ERR_REQUEST, "400"},
        {OAUTH_PRIVATE_INFO, 401, "{\"category\":\"INVALID_AUTHENTICATION\"}", ERR_CREDENTIALS,
         "401"},
        // What quotes the request.
        {OAUTH_EXCHANGE, 400, "{\"error\":\"x\",\"message\":\"code-" MARK " secret&" MARK "\"}",
         ERR_REQUEST, "****"},
        {OAUTH_REFRESH, 500, "<html>token/" MARK "</html>", ERR_SOURCE_UNAVAILABLE, "****"},
        {OAUTH_REFRESH, 500, "<html>token%2F" MARK "</html>", ERR_SOURCE_UNAVAILABLE, "****"},
    };
    const struct fixture *f = *state;
    struct oauth_app a = app(f, OAUTH_2026_09);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        struct oauth_request r = {.kind = ROWS[i].kind};
        if (ROWS[i].kind == OAUTH_EXCHANGE) {
            r.code = STR("code-" MARK);
            r.redirect_uri = STR("http://x/y");
        } else {
            r.token = f->token;
        }
        assert_false(oauth_failure(&r, &a, ROWS[i].status, str_from(ROWS[i].body), &err));
        check_contains(err.message, ROWS[i].says);
        check_row(err.code == ROWS[i].code, ROWS[i].body);
        check_row(!strstr(err.message, MARK), ROWS[i].body);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_authorize_url), cmocka_unit_test(test_challenge),
        cmocka_unit_test(test_requests),      cmocka_unit_test(test_versions),
        cmocka_unit_test(test_callbacks),     cmocka_unit_test(test_callbacks_are_bounded),
        cmocka_unit_test(test_tokens),        cmocka_unit_test(test_a_token_that_is_too_long),
        cmocka_unit_test(test_facts),         cmocka_unit_test(test_more_scopes_than_are_kept),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
