#include "test_hubspot.h"

#include "core/limits.h"

// What the client makes of answers: outcomes of writes, new tokens after a 401, records of it all.

static void release(struct fixture *f, struct hubspot_answer *a)
{
    hubspot_client_release(f->client, a);
}

// ---- writes

static void test_create_of_unknown_outcome(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 201, "", "{}");
    hub_answer_raw(f, "", SCRIPT_CLOSE);
    hub_answer(f, 504, "", "");
    hub_answer(f, 200, "Content-Type: text/html\r\n", "<html>hello</html>");
    hub_answer(f, 200, "", "{\"id\":");
    hub_answer(f, 400, "", "{\"message\":\"no\"}");
    hub_begin(f);
    struct hubspot_answer *a = hub_ask(f, &HUB_CREATE);
    assert_true(a->ok && !a->outcome_unknown);
    release(f, a);
    // Over a kept connection libcurl would have sent the next one twice.
    for (size_t sent = 2; sent <= 4; sent++) {
        a = hub_ask(f, &HUB_CREATE);
        assert_true(!a->ok && a->outcome_unknown && a->tries == 1);
        assert_int_equal(a->error.code, ERR_OUTCOME_UNKNOWN);
        check_contains(a->error.message, "; outcome unknown: it may have been carried out");
        assert_int_equal(script_count(f->script), sent);
        release(f, a);
    }
    a = hub_ask(f, &HUB_CREATE); // looked good, and could not be read
    assert_true(a->ok);
    struct error err = {0};
    error_set(&err, ERR_SOURCE_DATA, "cut");
    assert_false(hubspot_client_again(f->client, a, &err));
    assert_true(!a->ok && a->outcome_unknown);
    assert_int_equal(err.code, ERR_OUTCOME_UNKNOWN);
    check_contains(err.message, "cut; outcome unknown");
    release(f, a);
    a = hub_ask(f, &HUB_CREATE);
    assert_true(!a->ok && !a->outcome_unknown);
    assert_int_equal(a->error.code, ERR_REQUEST);
    release(f, a);
    assert_true(hub_figures(f).resent == 0);
}

// Certainly not carried out: refused, or nobody there.
static void test_create_goes_again(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 429, "", "{\"policyName\":\"SECONDLY\"}");
    hub_answer(f, 423, "", "{}");
    hub_answer(f, 403, "", "<html>blocked</html>");
    hub_answer(f, 409, "", "error code: 1018");
    hub_answer(f, 201, "", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_ask(f, &HUB_CREATE);
    assert_true(a->ok && !a->outcome_unknown && a->tries == 5);
    release(f, a);
    for (size_t i = 0; i < 5; i++) {
        assert_true(str_ends(script_text(f->script, i), HUB_CREATE.body));
    }
}

// What may be done twice goes again; what is left open is told when it fails in the end.
static void test_update_of_unknown_outcome(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "", SCRIPT_CLOSE);
    hub_answer(f, 400, "", "{\"message\":\"no\"}");
    hub_answer(f, 502, "", "");
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_ask(f, &HUB_UPDATE);
    assert_true(!a->ok && a->outcome_unknown && a->tries == 2);
    assert_int_equal(a->error.code, ERR_REQUEST);
    check_contains(a->error.message, "no; outcome unknown");
    release(f, a);
    a = hub_ask(f, &HUB_UPDATE);
    assert_true(a->ok && a->tries == 2); // and now it is known
    release(f, a);
}

static void test_resent_is_counted(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "", "{}");
    hub_answer_raw(f, "", SCRIPT_CLOSE);
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    release(f, hub_call(f));
    release(f, hub_call(f));
    assert_true(hub_figures(f).resent == 1);
    assert_true(hub_figures(f).calls == 2);
}

// ---- the edge, moves, redirects

static void test_page_instead_of_json(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "Content-Type: text/html; charset=UTF-8\r\n",
               "<html><b>Checking your browser</b> Bearer " TOKEN "</html>");
    hub_answer(f, 200, "Content-Type: application/json\r\n", "{}");
    hub_answer(f, 200, "Content-Type: text/html\r\n", ""); // nothing that could be misread
    hub_begin(f);
    struct hubspot_answer *a = hub_call(f);
    assert_true(a->ok && a->tries == 2);
    release(f, a);
    check_contains(buf_cstr(&f->lines), "answered 200 with a page of HTML: Checking your browser");
    a = hub_call(f);
    assert_true(a->ok && a->tries == 1);
    release(f, a);
}

static void test_migrating(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 477, "Retry-After: 86400\r\n", "{\"message\":\"moving\"}");
    hub_answer(f, 477, "Retry-After: 100\r\n", "{\"message\":\"moving\"}");
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_call(f);
    assert_int_equal(a->error.code, ERR_MIGRATING);
    assert_int_equal(a->error.retry_after_ms, 86400000);
    check_contains(a->error.message, "477: moving; HubSpot asks to come back at 20");
    release(f, a);
    hub_check_passed(f, 0, 5 * SECOND_US);
    a = hub_call(f); // soon enough to wait for
    assert_true(a->ok && a->tries == 2);
    hub_check_passed(f, 100 * SECOND_US, 110 * SECOND_US);
    release(f, a);
}

static void test_redirect(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 301, "Location: https://elsewhere.example/x\r\n", "<html>moved</html>");
    hub_begin(f);
    struct hubspot_answer *a = hub_call(f);
    check_contains(a->error.message,
                   "OWNERS: answered 301 with a redirect to \"https://elsewhere.example/x\"");
    assert_true(a->error.code == ERR_REDIRECT && a->tries == 1);
    release(f, a);
}

// ---- new tokens

struct memory {
    struct token_set set;
    int64_t now_ms;
};

static bool memory_load(void *user, struct token_set *ret, struct error *err)
{
    const struct memory *m = user;
    (void)err;
    *ret = m->set;
    ret->access = secret_copy(m->set.access);
    ret->refresh = secret_copy(m->set.refresh);
    return true;
}

static bool memory_save(void *user, const struct token_set *t, struct error *err)
{
    struct memory *m = user;
    struct token_set old = m->set;
    (void)err;
    m->set = *t;
    m->set.access = secret_copy(t->access);
    m->set.refresh = secret_copy(t->refresh);
    token_set_done(&old);
    return true;
}

static bool memory_lock(void *user, struct error *err)
{
    (void)user;
    (void)err;
    return true;
}

static void memory_unlock(void *user)
{
    (void)user;
}

struct hub {
    struct fixture *f;
    int tokens;    // given out
    int good_from; // the first token that HubSpot accepts
    bool dead;     // the refresh token is refused
    bool slow;     // minutes pass while a token is made
};

static void hub_of_tokens(void *user, const struct script_request *r, struct script_answer *ret)
{
    struct hub *h = user;
    struct arena *arena = &h->f->arena;
    if (str_find(r->text, STR("/oauth/")) >= 0) {
        atomic_fetch_add(&h->f->time.ahead_us, h->slow ? 300 * SECOND_US : 0);
        struct str body = arena_printf(arena,
                                       "{\"access_token\":\"token-number-%d\",\"refresh_token\":"
                                       "\"r-1\",\"expires_in\":1800}",
                                       ++h->tokens);
        ret->raw = h->dead ? script_format(arena, 400, "", STR("{\"error\":\"invalid_grant\"}"))
                           : script_format(arena, 200, "", body);
        return;
    }
    ptrdiff_t at = str_find(r->text, STR("token-number-"));
    int number = at < 0 ? -1 : r->text.ptr[at + 13] - '0';
    ret->raw =
        number >= h->good_from
            ? script_format(arena, 200, "", STR("{}"))
            : script_format(arena, 401, "", STR("{\"category\":\"EXPIRED_AUTHENTICATION\"}"));
}

static void begin_oauth(struct fixture *f, struct hub *h, struct memory *m)
{
    struct secret *app = secret_create(STR("app-secret"));
    *h = (struct hub){.f = f, .good_from = h->good_from, .dead = h->dead, .slow = h->slow};
    f->script = script_start(hub_of_tokens, h);
    int64_t now_ms = clock_now_ms(&f->time.clock);
    m->set = (struct token_set){.access = secret_create(STR("token-number-0")),
                                .refresh = secret_create(STR("r-1")),
                                .issued_ms = now_ms,
                                .expires_ms = now_ms + 1800000};
    f->credential = credential_oauth(&(struct credential_oauth_options){
        .app = {.base_url = str_from(script_url(f->script)),
                .client_id = STR("client"),
                .client_secret = app,
                .version = OAUTH_V3},
        .facts.name = STR("main"),
        .store = {memory_load, memory_save, memory_lock, memory_unlock, m},
        .clock = &f->time.clock});
    secret_destroy(app);
    hub_open(f);
}

// A token that HubSpot has revoked: one new one, and the call goes through, whatever it was.
static void test_new_token_after_401(void **state)
{
    struct fixture *f = *state;
    struct hub h = {.good_from = 1};
    struct memory m = {.now_ms = 0};
    begin_oauth(f, &h, &m);
    struct hubspot_answer *a = hub_ask(f, &HUB_CREATE);
    assert_true(a->ok && a->tries == 1); // the refused one was none of the five
    release(f, a);
    assert_int_equal(h.tokens, 1);
    assert_true(hub_figures(f).renewed == 1 && hub_figures(f).calls == 2);
    // Many at once, some time later: one new token for all.
    f->time.clock.sleep_us(&f->time.clock, 300 * SECOND_US);
    h.good_from = 2;
    for (int i = 0; i < 8; i++) {
        hub_start(f, HUBSPOT_OWNERS, NULL);
    }
    for (int i = 0; i < 8; i++) {
        a = hub_next(f);
        assert_true(a->ok);
        release(f, a);
    }
    assert_int_equal(h.tokens, 2);
    token_set_done(&m.set);
}

// New tokens that are refused, too: once a call, not for ever.
static void test_new_token_is_refused(void **state)
{
    struct fixture *f = *state;
    struct hub h = {.good_from = 9, .slow = true};
    struct memory m = {.now_ms = 0};
    begin_oauth(f, &h, &m);
    struct hubspot_answer *a = hub_call(f);
    assert_true(!a->ok && a->status == 401);
    check_contains(a->error.message, "OWNERS: ");
    release(f, a);
    assert_int_equal(h.tokens, 1);
    assert_int_equal(script_count(f->script), 3);
    token_set_done(&m.set);
}

// The refresh token is dead: this call and all that follow say what to do, and nobody is asked.
static void test_nobody_may_renew(void **state)
{
    struct fixture *f = *state;
    struct hub h = {.good_from = 1, .dead = true};
    struct memory m = {.now_ms = 0};
    begin_oauth(f, &h, &m);
    struct hubspot_answer *a = hub_call(f);
    assert_false(a->ok);
    assert_int_equal(a->error.code, ERR_REAUTHORIZE);
    release(f, a);
    assert_int_equal(script_count(f->script), 2); // the call, and one try to renew
    for (int i = 0; i < 3; i++) {
        hub_start(f, HUBSPOT_OWNERS, NULL);
    }
    for (int i = 0; i < 3; i++) {
        a = hub_next(f);
        assert_int_equal(a->error.code, ERR_REAUTHORIZE);
        assert_int_equal(a->tries, 0);
        release(f, a);
    }
    assert_int_equal(script_count(f->script), 2);
    token_set_done(&m.set);
}

// ---- records

enum { KEPT_MAX = 16 };

struct kept {
    struct arena arena;
    struct request_record records[KEPT_MAX];
    size_t n;
};

static void keep(void *user, const struct request_record *r)
{
    struct kept *k = user;
    assert_true(k->n < KEPT_MAX);
    struct request_record copy = *r;
    struct str *texts[] = {&copy.connection,       &copy.stream,        &copy.endpoint,
                           &copy.method,           &copy.url,           &copy.request_headers,
                           &copy.request_body,     &copy.response_body, &copy.message,
                           &copy.response_headers, &copy.correlation_id};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_true(str_find(*texts[i], STR(TOKEN)) < 0);
        *texts[i] = arena_dup(&k->arena, *texts[i]);
    }
    k->records[k->n++] = copy;
}

static void begin_kept(struct fixture *f, struct kept *k, bool trace)
{
    arena_init(&k->arena, 1 << 24);
    f->request_log = (struct request_log){.trace = trace, .write = keep, .user = k};
    hub_begin(f);
    hubspot_client_set_stream(f->client, STR("contacts"));
}

static void test_record_of_failures(void **state)
{
    struct fixture *f = *state;
    struct kept k = {.n = 0};
    hub_answer(f, 502, "X-HubSpot-Correlation-Id: c-header\r\n", "<html>" TOKEN "</html>");
    hub_answer(f, 400, "X-Quote: Bearer " TOKEN "\r\n",
               "{\"message\":\"no\",\"correlationId\":\"c-body\",\"tokenKey\":\"" TOKEN "\"}");
    hub_answer(f, 201, "", "{}");
    begin_kept(f, &k, false);
    release(f, hub_ask(f, &HUB_UPDATE));
    release(f, hub_ask(f, &HUB_UPDATE)); // a success, which nobody asked for
    assert_int_equal(k.n, 2);
    const struct request_record *r = &k.records[0];
    check_str(r->connection, "main");
    check_str(r->stream, "contacts");
    check_str(r->endpoint, "OBJECT_UPDATE");
    check_str(r->method, "PATCH");
    assert_true(str_ends(r->url, STR("/crm/objects/2026-09/contacts/51")));
    check_str(r->request_headers, "Authorization: ***\nAccept: application/json\n"
                                  "Content-Type: application/json\n");
    check_str(r->request_body, "{}");
    assert_int_equal(r->request_body_bytes, 2);
    assert_true(r->status == 502 && r->tries == 1 && r->failed && r->again && r->sends == 1);
    assert_int_equal(r->code, ERR_SOURCE_UNAVAILABLE);
    check_str(r->correlation_id, "c-header");
    assert_true(str_find(r->response_headers, STR("content-length: ")) >= 0);
    assert_true(r->first_byte_us > 0 && r->took_us >= r->first_byte_us && r->started_ms > 0);
    r = &k.records[1];
    assert_true(r->status == 400 && r->tries == 2 && r->failed && !r->again);
    check_str(r->correlation_id, "c-body");
    assert_true(str_find(r->message, STR("no")) >= 0);
    check_str(r->response_body,
              "{\"message\":\"no\",\"correlationId\":\"c-body\",\"tokenKey\":\"***\"}");
    arena_done(&k.arena);
}

static void test_record_of_all(void **state)
{
    struct fixture *f = *state;
    struct kept k = {.n = 0};
    hub_answer(f, 200, "", "{\"a\":1}");
    hub_answer_raw(f, "", SCRIPT_RESET);
    hub_answer(f, 200, "", "{");
    begin_kept(f, &k, true);
    release(f, hub_call(f));
    assert_int_equal(k.n, 1);
    assert_true(!k.records[0].failed && k.records[0].status == 200);
    check_str(k.records[0].response_body, "{\"a\":1}");
    check_str(k.records[0].message, "");
    struct hubspot_answer *a = hub_ask(f, &HUB_CREATE); // cut
    assert_false(a->ok);
    release(f, a);
    assert_int_equal(k.n, 2);
    assert_true(k.records[1].failed && k.records[1].status == 0);
    assert_int_equal(k.records[1].code, ERR_OUTCOME_UNKNOWN);
    a = hub_call(f); // could not be read: a success first, then what it was
    struct error err = {0};
    error_set(&err, ERR_SOURCE_DATA, "not JSON");
    assert_true(hubspot_client_again(f->client, a, &err));
    assert_int_equal(k.n, 4);
    assert_true(!k.records[2].failed && k.records[3].failed && k.records[3].again);
    check_str(k.records[3].message, "not JSON");
    arena_done(&k.arena);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, hub_setup, hub_teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_create_of_unknown_outcome),
        TEST(test_create_goes_again),
        TEST(test_update_of_unknown_outcome),
        TEST(test_resent_is_counted),
        TEST(test_page_instead_of_json),
        TEST(test_migrating),
        TEST(test_redirect),
        TEST(test_new_token_after_401),
        TEST(test_new_token_is_refused),
        TEST(test_nobody_may_renew),
        TEST(test_record_of_failures),
        TEST(test_record_of_all),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
