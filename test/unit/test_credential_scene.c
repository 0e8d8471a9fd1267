#include "test_credential.h"

#include "http/client.h"

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

void put_tokens(struct scene *s, const char *access, const char *refresh)
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
                 "-%d\",\"expires_in\":%d,\"token_type\":\"bearer\",\"hub_id\":%d}",
                 n, s->rotates ? n : 0, LIFE_S, s->portal);
    } else {
        snprintf(text, sizeof text, "%s", s->body ? s->body : "{}");
    }
    pthread_mutex_lock(&s->arena_lock);
    ret->raw = script_format(&s->arena, status, s->headers ? s->headers : "", str_from(text));
    pthread_mutex_unlock(&s->arena_lock);
}

static void on_line(void *user, struct str line)
{
    struct scene *s = user;
    pthread_mutex_lock(&s->lines_lock);
    buf_add(&s->lines, line);
    pthread_mutex_unlock(&s->lines_lock);
}

struct credential *another_process(struct scene *s)
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

int scene_setup(void **state)
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

int scene_teardown(void **state)
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

void pass_s(struct scene *s, int64_t seconds)
{
    virtual_clock_advance_us(&s->time, seconds * 1000000);
}

bool bearer_of(struct scene *s, struct credential *c, char out[128], uint64_t *ret_generation,
               struct error *err)
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

uint64_t check_bearer(struct scene *s, const char *token)
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

void check_fails(struct scene *s, enum error_code code, const char *says)
{
    struct error err = {0};
    char text[128];
    uint64_t generation = 0;
    assert_false(bearer_of(s, s->credential, text, &generation, &err));
    assert_int_equal(err.code, code);
    check_contains(err.message, says);
}

size_t asked(struct scene *s)
{
    return script_count(s->script);
}

void *take_bearer(void *user)
{
    struct scene *s = user;
    struct error err = {0};
    char text[128];
    uint64_t generation = 0;
    return (void *)(uintptr_t)bearer_of(s, s->credential, text, &generation, &err);
}

int run_threads(struct scene *s, void *(*fn)(void *user))
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
