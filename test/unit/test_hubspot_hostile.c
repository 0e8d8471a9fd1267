#include "test_hubspot.h"

#include "core/limits.h"

// Answers that end anywhere, or that bring to light what nobody should see.

static const struct hubspot_request READ = {.endpoint = HUBSPOT_OWNERS};

// ---- cut at every byte

// Each answer is cut once, after `keep` bytes, and whole when it is asked for again.
struct cutter {
    struct str whole;
    atomic_size_t keep;
    atomic_int after;    // an enum script_after
    atomic_size_t asked; // since `keep` was set
};

static void cut(void *user, const struct script_request *r, struct script_answer *ret)
{
    struct cutter *c = user;
    (void)r;
    bool first = atomic_fetch_add(&c->asked, 1) == 0;
    ret->raw = first ? str_sub(c->whole, 0, c->keep) : c->whole;
    ret->after = first ? (enum script_after)c->after : SCRIPT_CLOSE;
}

static const int ENDS[] = {SCRIPT_CLOSE, SCRIPT_RESET};

static void begin_cutting(struct fixture *f, struct cutter *c, const char *whole)
{
    c->whole = str_from(whole);
    f->script = script_start(cut, c);
    hub_open(f);
}

static size_t status_line_of(struct str answer)
{
    return (size_t)str_find_char(answer, '\n') + 1;
}

static void test_read_is_cut_anywhere(void **state)
{
    struct fixture *f = *state;
    struct cutter c = {.keep = 0};
    begin_cutting(f, &c, "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{\"results\":[]}");
    for (size_t e = 0; e < ARRAY_LEN(ENDS); e++) {
        for (c.keep = 0; c.keep < c.whole.len; c.keep++) {
            c.after = ENDS[e];
            atomic_store(&c.asked, 0);
            struct hubspot_answer *a = hub_ask(f, &READ);
            assert_true(a->ok && a->status == 200 && a->tries == 2);
            check_str(a->body, "{\"results\":[]}");
            assert_int_equal(atomic_load(&c.asked), 2);
            hubspot_client_release(f->client, a);
        }
    }
}

// However little of an answer came: a create is sent once, unless it was certainly refused.
static void test_create_is_cut_anywhere(void **state)
{
    struct fixture *f = *state;
    struct cutter c = {.keep = 0};
    begin_cutting(f, &c, "HTTP/1.1 201 Made\r\nContent-Length: 10\r\n\r\n{\"id\":\"1\"}");
    for (size_t e = 0; e < ARRAY_LEN(ENDS); e++) {
        for (c.keep = 0; c.keep < c.whole.len; c.keep++) {
            c.after = ENDS[e];
            atomic_store(&c.asked, 0);
            struct hubspot_answer *a = hub_ask(f, &HUB_CREATE);
            assert_true(!a->ok && a->outcome_unknown && a->tries == 1);
            assert_int_equal(a->error.code, ERR_OUTCOME_UNKNOWN);
            assert_int_equal(atomic_load(&c.asked), 1);
            hubspot_client_release(f->client, a);
        }
    }
}

static void test_refused_create_is_cut_anywhere(void **state)
{
    struct fixture *f = *state;
    struct cutter c = {.after = SCRIPT_CLOSE};
    begin_cutting(f, &c, "HTTP/1.1 400 Bad\r\nContent-Length: 16\r\n\r\n{\"message\":\"no\"}");
    size_t known = status_line_of(c.whole);
    for (c.keep = 0; c.keep < c.whole.len; c.keep++) {
        atomic_store(&c.asked, 0);
        struct hubspot_answer *a = hub_ask(f, &HUB_CREATE);
        bool open = c.keep < known;
        assert_true(!a->ok && a->outcome_unknown == open);
        assert_int_equal(a->error.code, open ? ERR_OUTCOME_UNKNOWN : ERR_REQUEST);
        assert_int_equal(a->tries, open ? 1 : 2);
        hubspot_client_release(f->client, a);
    }
}

// That HubSpot wants no more calls for a while is known from the head; the rest may be missing.
static void test_refusal_is_cut(void **state)
{
    struct fixture *f = *state;
    const char *cut_off = "HTTP/1.1 429 No\r\nRetry-After: 600\r\nContent-Length: 90\r\n\r\n{\"pol";
    hub_answer_raw(f, cut_off, SCRIPT_CLOSE);
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    hub_check_fails(f, ERR_RATE_LIMITED, 429, 1, "OWNERS: HubSpot answered 429, and its answer ");
    assert_true(hub_figures(f).refused == 1);
    hub_check_fails(f, ERR_RATE_LIMITED, 0, 0, "asks for no more calls until");
    assert_int_equal(script_count(f->script), 1);
}

static void test_lock_is_cut(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "HTTP/1.1 423 L\r\nContent-Length: 9\r\n\r\n", SCRIPT_CLOSE);
    hub_answer(f, 201, "", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_ask(f, &HUB_CREATE);
    assert_true(a->ok && a->tries == 2);
    assert_true(hub_passed_us(f) >= 2 * SECOND_US); // a lock's wait, not a broken connection's
    hubspot_client_release(f->client, a);
}

static void test_interim_is_no_answer(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n{}", SCRIPT_CLOSE);
    hub_answer(f, 200, "", "{\"a\":1}");
    hub_begin(f);
    struct hubspot_answer *a = hub_ask(f, &READ);
    assert_true(a->ok && a->status == 200 && a->tries == 2);
    hubspot_client_release(f->client, a);
}

// ---- what a call says in the end

// By path: the write is cut, the read is told to stay away.
static void write_is_cut(void *user, const struct script_request *r, struct script_answer *ret)
{
    struct fixture *f = user;
    bool write = str_starts(r->text, STR("PATCH"));
    ret->after = SCRIPT_CLOSE;
    ret->raw = write ? STR("") : script_format(&f->arena, 429, "Retry-After: 3600\r\n", STR("{}"));
}

static void test_unknown_is_told_after_a_wait(void **state)
{
    struct fixture *f = *state;
    f->script = script_start(write_is_cut, f);
    hub_open(f);
    struct error err = {0};
    struct hubspot_request update = HUB_UPDATE;
    update.tag = f;
    assert_true(hubspot_client_start(f->client, &update, &err));
    hub_start(f, HUBSPOT_OWNERS, NULL);
    for (int i = 0; i < 2; i++) {
        struct hubspot_answer *a = hub_next(f);
        assert_int_equal(a->error.code, ERR_RATE_LIMITED);
        assert_true(a->outcome_unknown == (a->tag == f));
        bool told = strstr(a->error.message, "; outcome unknown: it may have been") != NULL;
        assert_true(told == a->outcome_unknown);
        hubspot_client_release(f->client, a);
    }
}

static void test_unknown_becomes_known(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "", SCRIPT_CLOSE);
    hub_answer(f, 200, "", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_ask(f, &HUB_UPDATE);
    assert_true(a->ok && a->tries == 2 && !a->outcome_unknown);
    hubspot_client_release(f->client, a);
}

// An interval of days: the call fails instead of waiting, and says what held it.
static void test_long_window(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200,
               "X-HubSpot-RateLimit-Max: 1\r\nX-HubSpot-RateLimit-Remaining: 0\r\n"
               "X-HubSpot-RateLimit-Interval-Milliseconds: 900000000\r\n",
               "{}");
    hub_begin(f);
    hubspot_client_release(f->client, hub_call(f));
    hub_check_fails(f, ERR_RATE_LIMITED, 0, 0, "HubSpot's rate limit admits no more calls until");
}

static void test_call_after_cancel(void **state)
{
    struct fixture *f = *state;
    hub_answer_raw(f, "", SCRIPT_STALL);
    hub_begin(f);
    hub_start(f, HUBSPOT_OWNERS, NULL);
    assert_null(hubspot_client_next(f->client, 0)); // it is under way
    cancel_request(&f->cancel);
    struct error err = {0};
    hubspot_client_destroy(f->client);
    f->client = hubspot_client_create(f->account);
    for (int i = 0; i < 3; i++) {
        assert_null(hubspot_client_call(f->client, &READ, &err));
        assert_int_equal(err.code, ERR_INTERRUPTED);
        assert_int_equal(hubspot_client_pending(f->client), 0);
    }
}

// ---- secrets

#define ESCAPED "pat\\u002dna1\\u002d5ec7e7\\u002d5ec7e7"

static void test_token_is_not_shown(void **state)
{
    struct fixture *f = *state;
    char *location = arena_alloc(&f->arena, 512);
    int n = snprintf(location, 512, "Location: https://login.example/%0170d%s\r\n", 0, TOKEN);
    assert_in_range(n, 200, 511);
    hub_answer(f, 302, "Location: https://login.example/?from=" TOKEN "\r\n", "");
    hub_answer(f, 302, location, ""); // where what is shown ends, half of it would stand
    hub_answer(f, 400, "", "{\"message\":\"bad token " ESCAPED "\",\"category\":\"x\"}");
    hub_answer(f, 502, "", "{\"message\":\"m\",\"context\":{\"token\":[\"" ESCAPED "\"]}}");
    hub_begin(f);
    hub_check_fails(f, ERR_REDIRECT, 302, 1, "login.example/?from=***");
    struct hubspot_answer *a = hub_call(f);
    assert_null(strstr(a->error.message, "pat-"));
    hubspot_client_release(f->client, a);
    hub_check_fails(f, ERR_REQUEST, 400, 1, "bad token ***");
    hub_check_fails(f, ERR_SOURCE_UNAVAILABLE, 502, LIMIT_TRIES, "token: ***");
    check_contains(buf_cstr(&f->lines), "token: ***"); // teardown looks for the token
}

// A page of HTML is one however its type is written.
static void test_page_by_any_name(void **state)
{
    struct fixture *f = *state;
    hub_answer(f, 200, "Content-Type: Text/HTML;charset=utf-8\r\n", "<html>hello</html>");
    hub_answer(f, 200, "Content-Type: application/json; profile=text/html\r\n", "{}");
    hub_begin(f);
    struct hubspot_answer *a = hub_ask(f, &READ);
    assert_true(a->ok && a->tries == 2);
    hubspot_client_release(f->client, a);
}

// To read JSON takes many times its size: what is far too large for an error is not read as one.
static void test_huge_body(void **state)
{
    struct fixture *f = *state;
    size_t size = 8 << 20;
    char *body = malloc(size);
    assert_non_null(body);
    static const struct str HEAD = STR_INIT("{\"category\":\"X\",\"message\":\"m\",\"a\":[");
    memset(body, '1', size);
    memcpy(body, HEAD.ptr, HEAD.len);
    for (size_t i = HEAD.len + 1; i + 3 < size; i += 2) {
        body[i] = ',';
    }
    body[size - 2] = ']';
    body[size - 1] = '}';
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct error err = {0};
    assert_true(json_parse(doc, (struct str){body, size}, &root, &err)); // it is JSON
    json_doc_destroy(doc);
    struct hubspot_failure failure;
    hubspot_failure_decode(400, (struct str){body, size}, &f->arena, &failure);
    assert_int_equal(failure.category.len, 0);
    assert_in_range(failure.message.len, 1, 200);
    assert_false(failure.edge);
    free(body);
    hub_answer(f, 200, "", "");
    hub_begin(f);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, hub_setup, hub_teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_read_is_cut_anywhere),
        TEST(test_create_is_cut_anywhere),
        TEST(test_refused_create_is_cut_anywhere),
        TEST(test_refusal_is_cut),
        TEST(test_lock_is_cut),
        TEST(test_interim_is_no_answer),
        TEST(test_unknown_is_told_after_a_wait),
        TEST(test_unknown_becomes_known),
        TEST(test_long_window),
        TEST(test_call_after_cancel),
        TEST(test_token_is_not_shown),
        TEST(test_page_by_any_name),
        TEST(test_huge_body),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
