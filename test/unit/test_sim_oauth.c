// Apps, grants and credentials in virtual time, scopes, and many threads at once.
#include "check.h"

#include "sim/apps.h"
#include "sim/credentials.h"
#include "sim/scopes.h"
#include "sim/shift_clock.h"

#include <pthread.h>

enum { ARENA_MAX = 64 * 1024 * 1024 };

struct scene {
    struct virtual_clock clock;
    struct apps *apps;
    struct arena arena;
    const struct app *private_app;
    const struct app *app;
};

static void begin(struct scene *s)
{
    struct error err;
    *s = (struct scene){0};
    virtual_clock_init(&s->clock, 1782777600000);
    arena_init(&s->arena, ARENA_MAX);
    s->apps = apps_create(&(struct apps_options){.code_life_ms = 30000,
                                                 .token_life_ms = 1800000,
                                                 .user = STR("a@b.example"),
                                                 .user_id = 5},
                          &s->clock.clock);
    assert_true(apps_add(
        s->apps,
        &(struct app){.id = 1, .kind = APP_PRIVATE, .token = STR("pat-na1-x"), .all_scopes = true},
        &s->private_app, &err));
    assert_true(apps_add(s->apps,
                         &(struct app){.id = 2,
                                       .kind = APP_OAUTH,
                                       .client_id = STR("id"),
                                       .client_secret = STR("secret"),
                                       .redirect_uris = STR("https://app.example/back"),
                                       .required = STR("oauth"),
                                       .optional = STR("tickets developer.x")},
                         &s->app, &err));
}

static void end(struct scene *s)
{
    apps_destroy(s->apps);
    arena_done(&s->arena);
}

static void advance(struct scene *s, int64_t ms)
{
    virtual_clock_advance_us(&s->clock, ms * 1000);
}

static struct str grant(struct scene *s, const char *challenge, bool s256)
{
    struct consent consent = {
        .app = s->app,
        .redirect_uri = STR("https://app.example/back"),
        .required = STR("oauth"),
        .challenge = str_from(challenge),
        .s256 = s256,
    };
    struct consent taken;
    struct str form = apps_ask(s->apps, &consent, &s->arena);
    assert_true(apps_take_consent(s->apps, form, &taken));
    assert_false(apps_take_consent(s->apps, form, &taken));
    return apps_grant(s->apps, &taken, STR("oauth tickets"), &s->arena);
}

static enum oauth_refusal trade(struct scene *s, struct str code, struct str verifier,
                                struct token_pair *ret)
{
    struct exchange x = {.app = s->app,
                         .code = code,
                         .redirect_uri = STR("https://app.example/back"),
                         .verifier = verifier};
    return apps_exchange(s->apps, &x, &s->arena, ret);
}

static const struct str NONE = {NULL, 0};

static enum token_state state_of(struct scene *s, struct str token)
{
    struct caller caller;
    int64_t expired_ms;
    return apps_authorize(s->apps, token, &caller, &expired_ms);
}

static void test_lives_to_the_millisecond(void **state)
{
    (void)state;
    struct scene s;
    struct token_pair pair;
    begin(&s);
    struct str code = grant(&s, "", false);
    advance(&s, 30000);
    assert_int_equal(trade(&s, code, NONE, &pair), OAUTH_BAD_AUTH_CODE);
    code = grant(&s, "", false);
    advance(&s, 29999);
    assert_int_equal(trade(&s, code, NONE, &pair), OAUTH_FINE);
    assert_int_equal(trade(&s, code, NONE, &pair), OAUTH_BAD_AUTH_CODE);
    assert_int_equal(pair.expires_in_s, 1800);
    advance(&s, 1799999);
    assert_int_equal(state_of(&s, pair.access_token), TOKEN_VALID);
    advance(&s, 1);
    assert_int_equal(state_of(&s, pair.access_token), TOKEN_EXPIRED);
    assert_int_equal(state_of(&s, pair.refresh_token), TOKEN_UNKNOWN);
    assert_int_equal(state_of(&s, STR("pat-na1-x")), TOKEN_VALID);
    assert_int_equal(state_of(&s, STR("pat-na1-xy")), TOKEN_UNKNOWN);
    assert_int_equal(state_of(&s, STR("")), TOKEN_UNKNOWN);
    // A form that nobody sent for an hour is worth nothing.
    struct consent consent = {.app = s.app, .required = STR("oauth")};
    struct str form = apps_ask(s.apps, &consent, &s.arena);
    advance(&s, 3600000);
    assert_false(apps_take_consent(s.apps, form, &consent));
    end(&s);
}

// The pair of RFC 7636, appendix B.
static void test_proof_key(void **state)
{
    (void)state;
    static const char CHALLENGE[] = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    struct str verifier = STR("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    struct scene s;
    struct token_pair pair;
    begin(&s);
    struct str code = grant(&s, CHALLENGE, true);
    assert_int_equal(trade(&s, code, NONE, &pair), OAUTH_BAD_CODE_VERIFIER);
    assert_int_equal(trade(&s, code, STR(""), &pair), OAUTH_BAD_CODE_VERIFIER);
    assert_int_equal(trade(&s, code, str_from(CHALLENGE), &pair), OAUTH_BAD_CODE_VERIFIER);
    assert_int_equal(trade(&s, code, verifier, &pair), OAUTH_FINE);
    code = grant(&s, CHALLENGE, false);
    assert_int_equal(trade(&s, code, verifier, &pair), OAUTH_BAD_CODE_VERIFIER);
    assert_int_equal(trade(&s, code, str_from(CHALLENGE), &pair), OAUTH_FINE);
    end(&s);
}

static void test_redirects(void **state)
{
    (void)state;
    static const struct {
        const char *registered, *sent;
        bool fits;
    } ROWS[] = {
        {"https://a.example/cb", "https://a.example/cb", true},
        {"https://a.example/cb", "https://a.example/cb/", false},
        {"https://a.example/cb", "https://a.example/cb?x=1", false},
        {"https://a.example/cb", "https://A.example/cb", false},
        {"https://a.example/cb", "", false},
        {"https://a.example/cb https://b.example/", "https://b.example/", true},
        {"http://localhost:*/cb", "http://localhost:1/cb", true},
        {"http://localhost:*/cb", "http://localhost:65535/cb", true},
        {"http://localhost:*/cb", "http://localhost:655350/cb", false},
        {"http://localhost:*/cb", "http://localhost:/cb", false},
        {"http://localhost:*/cb", "http://localhost/cb", false},
        {"http://localhost:*/cb", "http://localhost:1@evil.example/cb", false},
        {"http://localhost:*/cb", "http://localhost:1/cb2", false},
        {"http://localhost:*/cb", "http://localhost:*/cb", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct app app = {.redirect_uris = str_from(ROWS[i].registered)};
        check_row(apps_redirect_registered(&app, str_from(ROWS[i].sent)) == ROWS[i].fits,
                  ROWS[i].sent);
    }
}

static void test_what_cannot_be_added(void **state)
{
    (void)state;
    static const struct {
        const char *id, *secret, *uris, *words;
    } ROWS[] = {
        {"", "s", "https://a.example/", "client id"},
        {"new", "", "https://a.example/", "client secret"},
        {"id", "s", "https://a.example/", "'id' is taken"},
        {"new", "s", "", "at least one"},
        {"new", "s", "http://a.example/", "http://a.example/"},
        {"new", "s", "https://a.example/#x", "#"},
        {"new", "s", "https://ok.example/ ftp://a", "ftp://a"},
    };
    struct scene s;
    struct error err;
    begin(&s);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct app app = {.kind = APP_OAUTH,
                          .client_id = str_from(ROWS[i].id),
                          .client_secret = str_from(ROWS[i].secret),
                          .redirect_uris = str_from(ROWS[i].uris)};
        const struct app *ret;
        assert_false(apps_add(s.apps, &app, &ret, &err));
        check_contains(err.message, ROWS[i].words);
    }
    struct app twin = {.kind = APP_PRIVATE, .token = STR("pat-na1-x")};
    const struct app *ret;
    assert_false(apps_add(s.apps, &twin, &ret, &err));
    assert_null(strstr(err.message, "pat-na1-x"));
    assert_int_equal(apps_count(s.apps), 2);
    end(&s);
}

static void test_rotation_and_ends(void **state)
{
    (void)state;
    struct scene s;
    struct token_pair first;
    struct token_pair next;
    begin(&s);
    assert_int_equal(trade(&s, grant(&s, "", false), NONE, &first), OAUTH_FINE);
    assert_int_equal(apps_refresh(s.apps, s.app, first.refresh_token, &s.arena, &next), OAUTH_FINE);
    assert_true(str_eq(first.refresh_token, next.refresh_token));
    struct apps_options o = apps_options(s.apps);
    o.rotate = true;
    apps_set_options(s.apps, &o);
    assert_int_equal(apps_refresh(s.apps, s.app, first.refresh_token, &s.arena, &next), OAUTH_FINE);
    assert_false(str_eq(first.refresh_token, next.refresh_token));
    assert_int_equal(apps_refresh(s.apps, s.app, first.refresh_token, &s.arena, &first),
                     OAUTH_BAD_REFRESH_TOKEN);
    assert_int_equal(apps_counts(s.apps, s.app).refreshes, 2);
    assert_true(apps_revoke(s.apps, next.refresh_token));
    assert_false(apps_revoke(s.apps, next.refresh_token));
    assert_int_equal(state_of(&s, next.access_token), TOKEN_VALID);
    apps_uninstall(s.apps, s.app);
    assert_int_equal(state_of(&s, next.access_token), TOKEN_UNKNOWN);
    assert_int_equal(state_of(&s, STR("pat-na1-x")), TOKEN_VALID);
    end(&s);
}

static void test_old_credentials_are_forgotten(void **state)
{
    (void)state;
    struct credentials t;
    struct arena arena;
    struct grant g = {0};
    arena_init(&arena, ARENA_MAX);
    credentials_init(&t);
    credentials_add(&t, CREDENTIAL_REFRESH, STR("for ever"), &g, 0, INT64_MAX);
    size_t most = 0;
    // A token a second, each good for a minute, for a week.
    for (int64_t i = 0; i < 7 * 86400; i++) {
        char text[32];
        snprintf(text, sizeof(text), "token %lld", (long long)i);
        credentials_add(&t, CREDENTIAL_ACCESS, str_from(text), &g, i * 1000, 60000);
        most = MAX(most, t.n);
    }
    assert_true(most < 400000); // two days' at the most, not seven
    assert_non_null(credentials_find(&t, STR("for ever")));
    assert_non_null(credentials_find(&t, STR("token 604799")));
    assert_null(credentials_find(&t, STR("token 0")));
    struct str uuid = credential_random_uuid(&arena, "na1-");
    assert_int_equal(uuid.len, 40);
    assert_false(str_eq(uuid, credential_random_uuid(&arena, "na1-")));
    credentials_done(&t);
    arena_done(&arena);
}

static void test_lists_of_scopes(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, ARENA_MAX);
    assert_true(scopes_have(STR("a b  c"), STR("c")));
    assert_true(scopes_have(STR(" a\tb"), STR("b")));
    assert_false(scopes_have(STR("abc"), STR("ab")));
    assert_false(scopes_have(STR(""), STR("")));
    check_str(scopes_normal(&a, STR("  b  a b ")), "b a");
    check_str(scopes_without(&a, STR("a b c"), STR("c a")), "b");
    check_str(scopes_common(&a, STR("a b c"), STR("c a x")), "a c");
    check_str(scopes_join(&a, STR("a b"), STR("b c")), "a b c");
    check_str(scopes_join(&a, STR(""), STR("")), "");
    assert_true(scopes_have(scopes_known(), STR("crm.objects.contacts.write")));
    assert_true(scopes_have(scopes_known(), STR("developer.webhooks_journal.snapshots.write")));
    arena_done(&a);
}

static void test_shifted_clock(void **state)
{
    (void)state;
    struct virtual_clock base;
    struct shift_clock shift;
    virtual_clock_init(&base, 1000000);
    shift_clock_init(&shift, &base.clock);
    assert_int_equal(clock_now_ms(&shift.clock), 1000000);
    int64_t mono_us = clock_mono_us(&shift.clock);
    shift_clock_advance_ms(&shift, 5000);
    assert_int_equal(clock_now_ms(&shift.clock), 1005000);
    assert_int_equal(clock_mono_us(&shift.clock), mono_us + 5000000);
    virtual_clock_advance_us(&base, 1000000);
    assert_int_equal(clock_now_ms(&shift.clock), 1006000);
    assert_int_equal(shift_clock_ahead_ms(&shift), 5000);
}

// Everything at once: what a reader gets is always whole, and counts add up.
enum { THREADS = 8, ROUNDS = 200 };

struct worker {
    struct scene *scene;
    pthread_t thread;
    uint64_t fine;
};

static void *work(void *arg)
{
    struct worker *w = arg;
    struct scene *s = w->scene;
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    struct consent consent = {
        .app = s->app, .redirect_uri = STR("https://app.example/back"), .required = STR("oauth")};
    for (int i = 0; i < ROUNDS; i++) {
        struct token_pair pair;
        struct exchange x = {.app = s->app, .redirect_uri = consent.redirect_uri};
        struct caller caller;
        int64_t expired_ms;
        x.code = apps_grant(s->apps, &consent, STR("oauth"), &arena);
        bool ok = apps_exchange(s->apps, &x, &arena, &pair) == OAUTH_FINE &&
                  apps_refresh(s->apps, s->app, pair.refresh_token, &arena, &pair) == OAUTH_FINE &&
                  apps_authorize(s->apps, pair.access_token, &caller, &expired_ms) == TOKEN_VALID &&
                  caller.app == s->app && str_eq(caller.scopes, STR("oauth"));
        w->fine += ok ? 1 : 0;
    }
    arena_done(&arena);
    return NULL;
}

static void test_many_threads(void **state)
{
    (void)state;
    struct scene s;
    struct worker workers[THREADS] = {0};
    begin(&s);
    for (size_t i = 0; i < THREADS; i++) {
        workers[i].scene = &s;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    uint64_t fine = 0;
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        fine += workers[i].fine;
    }
    assert_int_equal(fine, THREADS * ROUNDS);
    assert_int_equal(apps_counts(s.apps, s.app).refreshes, THREADS * ROUNDS);
    end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_to_the_millisecond),
        cmocka_unit_test(test_proof_key),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_what_cannot_be_added),
        cmocka_unit_test(test_rotation_and_ends),
        cmocka_unit_test(test_old_credentials_are_forgotten),
        cmocka_unit_test(test_lists_of_scopes),
        cmocka_unit_test(test_shifted_clock),
        cmocka_unit_test(test_many_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
