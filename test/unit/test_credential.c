// The token manager over a scripted token endpoint and a store in memory, in virtual time.
#include "check.h"
#include "test_script.h"

#include "core/limits.h"
#include "http/client.h"
#include "hubspot/credential.h"

#include <pthread.h>
#include <stdatomic.h>

enum { LIFE_S = 1800, THREADS = 50, WALL_MS = 1000000000 };

// What the tokens of these tests look like, so that logs can be searched for them.
#define MARK "5ec7e7"

struct memory_store {
    pthread_mutex_t process_lock; // what other processes would hold
    pthread_mutex_t guard;
    char access[64], refresh[64];
    int64_t issued_ms, expires_ms;
    bool dead, refuses_to_save;
    int saves;
};

struct scene {
    struct virtual_clock time;
    struct memory_store store;
    struct script *script;
    struct arena arena;
    pthread_mutex_t arena_lock;
    atomic_int status;     // what the token endpoint answers
    const char *body;      // of statuses other than 200
    atomic_int issued;     // tokens given out: the next one's number
    bool rotates;          // each answer has a new refresh token
    atomic_int hold_until; // the answer waits until so many bearers were given
    atomic_int given;      // bearers
    struct secret *app_secret;
    struct buf lines;
    pthread_mutex_t lines_lock;
    struct log log;
    struct credential *credential;
};

// ---- the store

static struct secret *secret_of(const char *text)
{
    return text[0] ? secret_create(str_from(text)) : NULL;
}

static bool store_load(void *user, struct token_set *ret, struct error *err)
{
    struct memory_store *m = user;
    (void)err;
    pthread_mutex_lock(&m->guard);
    *ret = (struct token_set){.access = secret_of(m->access),
                              .refresh = secret_of(m->refresh),
                              .issued_ms = m->issued_ms,
                              .expires_ms = m->expires_ms,
                              .needs_reauthorization = m->dead};
    pthread_mutex_unlock(&m->guard);
    return true;
}

static void keep(char out[64], const struct secret *s)
{
    if (s) {
        snprintf(out, 64, "%.*s", STR_ARG(secret_reveal(s)));
    }
}

static bool store_save(void *user, const struct token_set *t, struct error *err)
{
    struct memory_store *m = user;
    pthread_mutex_lock(&m->guard);
    bool ok = !m->refuses_to_save;
    if (ok) {
        keep(m->access, t->access);
        keep(m->refresh, t->refresh);
        m->issued_ms = t->issued_ms;
        m->expires_ms = t->expires_ms;
        m->dead = t->needs_reauthorization;
        m->saves++;
    }
    pthread_mutex_unlock(&m->guard);
    return ok || error_set(err, ERR_STORE_BUSY, "the disk is full");
}

static bool store_lock(void *user, struct error *err)
{
    struct memory_store *m = user;
    (void)err;
    pthread_mutex_lock(&m->process_lock);
    return true;
}

static void store_unlock(void *user)
{
    struct memory_store *m = user;
    pthread_mutex_unlock(&m->process_lock);
}

// As a login or another process leaves it.
static void put_tokens(struct scene *s, const char *access, const char *refresh)
{
    struct memory_store *m = &s->store;
    pthread_mutex_lock(&m->guard);
    snprintf(m->access, sizeof m->access, "%s", access);
    snprintf(m->refresh, sizeof m->refresh, "%s", refresh);
    m->issued_ms = clock_now_ms(&s->time.clock);
    m->expires_ms = m->issued_ms + (int64_t)LIFE_S * 1000;
    m->dead = false;
    pthread_mutex_unlock(&m->guard);
}

// ---- the token endpoint

static void answer(void *user, const struct script_request *request, struct script_answer *ret)
{
    struct scene *s = user;
    (void)request;
    while (atomic_load(&s->given) < atomic_load(&s->hold_until)) {
        usleep(1000); // other threads of the test are on their way
    }
    int status = atomic_load(&s->status);
    char text[256];
    if (status == 200) {
        int n = atomic_fetch_add(&s->issued, 1) + 1;
        snprintf(text, sizeof text,
                 "{\"access_token\":\"access-" MARK "-%d\",\"refresh_token\":\"refresh-" MARK
                 "-%d\",\"expires_in\":%d,\"token_type\":\"bearer\"}",
                 n, s->rotates ? n : 0, LIFE_S);
    } else {
        snprintf(text, sizeof text, "%s", s->body ? s->body : "{}");
    }
    pthread_mutex_lock(&s->arena_lock);
    ret->raw = script_format(&s->arena, status, "", str_from(text));
    pthread_mutex_unlock(&s->arena_lock);
}

static void on_line(void *user, struct str line)
{
    struct scene *s = user;
    pthread_mutex_lock(&s->lines_lock);
    buf_add(&s->lines, line);
    pthread_mutex_unlock(&s->lines_lock);
}

// One process more that uses the same store.
static struct credential *another_process(struct scene *s)
{
    return credential_oauth(&(struct credential_oauth_options){
        .app = {.base_url = str_from(script_url(s->script)),
                .client_id = STR("client-1"),
                .client_secret = s->app_secret,
                .version = OAUTH_2026_09},
        .facts = {.portal_id = 7, .name = STR("acme"), .scopes = STR("oauth")},
        .store = {store_load, store_save, store_lock, store_unlock, &s->store},
        .clock = &s->time.clock,
        .log = &s->log,
    });
}

static int setup(void **state)
{
    struct error err = {0};
    struct scene *s = calloc(1, sizeof *s);
    assert_true(s && http_client_global_init(&err));
    virtual_clock_init(&s->time, WALL_MS);
    pthread_mutex_init(&s->store.process_lock, NULL);
    pthread_mutex_init(&s->store.guard, NULL);
    pthread_mutex_init(&s->arena_lock, NULL);
    pthread_mutex_init(&s->lines_lock, NULL);
    arena_init(&s->arena, 1 << 24);
    buf_init(&s->lines, 1 << 20);
    atomic_store(&s->status, 200);
    s->log = (struct log){.level = LOG_DEBUG, .clock = &s->time.clock, .sink = on_line, .user = s};
    s->app_secret = secret_create(STR("app-secret-" MARK));
    put_tokens(s, "access-" MARK "-0", "refresh-" MARK "-0");
    s->script = script_start(answer, s);
    s->credential = another_process(s);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    credential_destroy(s->credential);
    script_stop(s->script);
    secret_destroy(s->app_secret);
    assert_null(strstr(buf_cstr(&s->lines), MARK)); // no line ever holds a token
    buf_done(&s->lines);
    arena_done(&s->arena);
    pthread_mutex_destroy(&s->store.process_lock);
    pthread_mutex_destroy(&s->store.guard);
    pthread_mutex_destroy(&s->arena_lock);
    pthread_mutex_destroy(&s->lines_lock);
    free(s);
    return 0;
}

// ---- looking at it

static void pass_s(struct scene *s, int64_t seconds)
{
    virtual_clock_advance_us(&s->time, seconds * 1000000);
}

static bool bearer_of(struct scene *s, struct credential *c, char out[128],
                      uint64_t *ret_generation, struct error *err)
{
    struct buf b;
    buf_init(&b, 1024);
    bool ok = credential_bearer(c, &b, ret_generation, err);
    if (ok) {
        snprintf(out, 128, "%s", buf_cstr(&b));
        atomic_fetch_add(&s->given, 1);
    } else {
        assert_null(strstr(err->message, MARK));
    }
    buf_done(&b);
    return ok;
}

// The bearer holds this token; its generation.
static uint64_t check_bearer(struct scene *s, const char *token)
{
    struct error err = {0};
    char text[128] = "";
    char wanted[128];
    uint64_t generation = 0;
    if (!bearer_of(s, s->credential, text, &generation, &err)) {
        fail_msg("%s", err.message);
    }
    snprintf(wanted, sizeof wanted, "Bearer %s", token);
    assert_string_equal(text, wanted);
    return generation;
}

static void check_fails(struct scene *s, enum error_code code, const char *says)
{
    struct error err = {0};
    char text[128];
    uint64_t generation = 0;
    assert_false(bearer_of(s, s->credential, text, &generation, &err));
    assert_int_equal(err.code, code);
    check_contains(err.message, says);
}

static size_t asked(struct scene *s)
{
    return script_count(s->script);
}

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

static void *take_bearer(void *user)
{
    struct scene *s = user;
    struct error err = {0};
    char text[128];
    uint64_t generation = 0;
    return (void *)(uintptr_t)bearer_of(s, s->credential, text, &generation, &err);
}

static void *be_refused(void *user)
{
    struct scene *s = user;
    struct error err = {0};
    return (void *)(uintptr_t)credential_refused(s->credential, 1, &err);
}

// How many of the threads came back with success.
static int run_threads(struct scene *s, void *(*fn)(void *user))
{
    pthread_t threads[THREADS];
    int good = 0;
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, fn, s), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        good += result != NULL;
    }
    return good;
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
    static const char *const BODIES[] = {"",
                                         "[]",
                                         "{}",
                                         "{\"access_token\":\"a b\",\"expires_in\":1800}",
                                         "{\"access_token\":\"" MARK "abc\"}",
                                         "{\"access_token\":\"" MARK "abc\",\"expires_in\":0}"};
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        struct oauth_tokens t;
        struct error err = {0};
        check_row(!oauth_tokens_decode(str_from(BODIES[i]), &t, &err), BODIES[i]);
        check_row(err.code == ERR_SOURCE_DATA && !strstr(err.message, MARK), BODIES[i]);
    }
    (void)s;
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

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

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
        CASE(test_req_32_a_dead_refresh_token_is_tried_once),
        CASE(test_an_outage_is_sat_out_while_the_old_token_lives),
        CASE(test_an_outage_ends_calls_when_the_token_is_dead),
        CASE(test_what_trying_again_will_not_mend_is_not_tried_again),
        CASE(test_unreadable_answers),
        CASE(test_masks_what_it_holds),
        CASE(test_static_tokens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
