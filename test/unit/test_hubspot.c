#include "test_hubspot.h"

static int64_t jumping_mono_us(const struct clock *c)
{
    const struct jumping_clock *j = c->user;
    return clock_mono_us(clock_system()) + atomic_load(&j->ahead_us);
}
static int64_t jumping_now_ms(const struct clock *c)
{
    const struct jumping_clock *j = c->user;
    return clock_now_ms(clock_system()) + atomic_load(&j->ahead_us) / 1000;
}
static void jumping_sleep_us(const struct clock *c, int64_t us)
{
    struct jumping_clock *j = c->user;
    atomic_fetch_add(&j->ahead_us, MAX(0, us));
}

static void on_line(void *user, struct str line)
{
    struct fixture *f = user;
    pthread_mutex_lock(&f->lines_lock);
    buf_add(&f->lines, line);
    pthread_mutex_unlock(&f->lines_lock);
}

int hub_setup(void **state)
{
    struct error err = {0};
    struct fixture *f = calloc(1, sizeof *f);
    assert_true(f && http_client_global_init(&err));
    arena_init(&f->arena, 1 << 26);
    buf_init(&f->lines, 1 << 20);
    pthread_mutex_init(&f->lines_lock, NULL);
    f->time.clock = (struct clock){jumping_now_ms, jumping_mono_us, jumping_sleep_us, &f->time};
    f->log = (struct log){.level = LOG_DEBUG, .clock = &f->time.clock, .sink = on_line, .user = f};
    *state = f;
    return 0;
}

int hub_teardown(void **state)
{
    struct fixture *f = *state;
    hubspot_client_destroy(f->client);
    hubspot_destroy(f->account);
    credential_destroy(f->credential);
    script_stop(f->script);
    assert_null(strstr(buf_cstr(&f->lines), TOKEN)); // no line ever holds it
    buf_done(&f->lines);
    pthread_mutex_destroy(&f->lines_lock);
    arena_done(&f->arena);
    free(f);
    return 0;
}

void hub_answer(struct fixture *f, int status, const char *headers, const char *body)
{
    assert_true(f->n_answers < ANSWERS_MAX);
    f->answers[f->n_answers++].raw = script_format(&f->arena, status, headers, str_from(body));
}

void hub_answer_raw(struct fixture *f, const char *raw, enum script_after after)
{
    assert_true(f->n_answers < ANSWERS_MAX);
    f->answers[f->n_answers++] = (struct script_answer){str_from(raw), after};
}

void hub_begin(struct fixture *f)
{
    f->script = script_play(f->answers, f->n_answers);
    hub_open(f);
}

void hub_open(struct fixture *f)
{
    f->account = hubspot_create(
        &(struct hubspot_options){.base_url = str_from(script_url(f->script)),
                                  .credential = f->credential,
                                  .token = STR(TOKEN),
                                  .version = API_2026_09,
                                  .share = 0.8,
                                  .search_per_second = 5,
                                  .clock = &f->time.clock,
                                  .log = &f->log,
                                  .cancel = &f->cancel,
                                  .request_log = f->request_log.write ? &f->request_log : NULL,
                                  .thrifty = f->answers_bytes > 0,
                                  .answers_bytes = f->answers_bytes,
                                  .connection = STR("main")});
    f->client = hubspot_client_create(f->account);
    f->begun_us = clock_mono_us(&f->time.clock);
    f->begun_ahead_us = atomic_load(&f->time.ahead_us);
}

int64_t hub_passed_us(struct fixture *f)
{
    return clock_mono_us(&f->time.clock) - f->begun_us;
}

void hub_check_passed(struct fixture *f, int64_t least_us, int64_t most_us)
{
    assert_true(hub_passed_us(f) >= least_us);
    assert_true(atomic_load(&f->time.ahead_us) - f->begun_ahead_us <= most_us);
}

void hub_start(struct fixture *f, enum hubspot_endpoint endpoint, void *tag)
{
    struct error err = {0};
    struct hubspot_request r = {.endpoint = endpoint, .args.type = STR("contacts"), .tag = tag};
    if (!hubspot_client_start(f->client, &r, &err)) {
        fail_msg("%s", err.message);
    }
}

struct hubspot_answer *hub_next(struct fixture *f)
{
    struct hubspot_answer *a = hubspot_client_next(f->client, -1);
    assert_non_null(a);
    assert_null(strstr(a->error.message, TOKEN));
    return a;
}

struct hubspot_answer *hub_call(struct fixture *f)
{
    hub_start(f, HUBSPOT_OWNERS, NULL);
    return hub_next(f);
}

void hub_check_fails(struct fixture *f, enum error_code code, int status, int tries,
                     const char *says)
{
    struct hubspot_answer *a = hub_call(f);
    assert_false(a->ok);
    assert_int_equal(a->error.code, code);
    assert_int_equal(a->status, status);
    assert_int_equal(a->tries, tries);
    check_contains(a->error.message, says);
    hubspot_client_release(f->client, a);
}

struct hubspot_figures hub_figures(struct fixture *f)
{
    struct hubspot_figures x;
    hubspot_figures(f->account, &x);
    return x;
}

static const struct endpoint_arg ID[] = {{STR_INIT("id"), STR_INIT("51")}};
const struct hubspot_request HUB_CREATE = {.endpoint = HUBSPOT_OBJECT_CREATE,
                                           .args.type = STR_INIT("contacts"),
                                           .body = STR_INIT("{\"properties\":{}}")};
const struct hubspot_request HUB_UPDATE = {
    .endpoint = HUBSPOT_OBJECT_UPDATE,
    .args = {.type = STR_INIT("contacts"), .named = ID, .n_named = 1},
    .body = STR_INIT("{}")};

struct hubspot_answer *hub_ask(struct fixture *f, const struct hubspot_request *r)
{
    struct error err = {0};
    if (!hubspot_client_start(f->client, r, &err)) {
        fail_msg("%s", err.message);
    }
    return hub_next(f);
}
