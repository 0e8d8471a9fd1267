// What the frame owes the store: all or nothing, requests that are sent twice, events and figures.
#include "test_api_frame.h"

#include "store/budgets.h"
#include "store/events.h"

#include <pthread.h>

static void test_all_or_nothing(void **state)
{
    struct frame *f = *state;
    frame_expect(f, 409, "conflict", "POST", "/things", f->write_key, "{\"name\":\"bad\"}");
    assert_int_equal(frame_things(f), 0);
    frame_expect(f, 201, NULL, "POST", "/things", f->write_key, "{\"name\":\"good\"}");
    assert_int_equal(frame_things(f), 1);
}

static const char *with_key(struct frame *f, const char *idempotency_key)
{
    struct arena *a = &f->place->arena;
    struct str line = arena_printf(a, "%sIdempotency-Key: %s\r\n", f->write_key, idempotency_key);
    return arena_cstr(a, line);
}

static void test_sent_twice(void **state)
{
    struct frame *f = *state;
    const char *key = with_key(f, "k1");
    struct reply r = raw_ask(f->port, "POST", "/things", key, "{\"name\":\"once\"}");
    assert_int_equal(r.status, 201);
    assert_false(reply_has(&r, "Idempotency-Replayed"));
    struct reply again = raw_ask(f->port, "POST", "/things", key, "{\"name\":\"once\"}");
    assert_int_equal(again.status, 201);
    assert_true(reply_has(&again, "Idempotency-Replayed: true"));
    assert_string_equal(again.body, r.body);
    reply_done(&r);
    reply_done(&again);
    assert_int_equal(frame_things(f), 1);
    frame_expect(f, 422, "idempotency_key_reused", "POST", "/things", key, "{\"name\":\"two\"}");
    frame_expect(f, 422, "idempotency_key_reused", "POST", "/things/1/empty", key, NULL);
    assert_int_equal(frame_things(f), 1);
    // 204 is kept as well.
    frame_expect(f, 204, NULL, "POST", "/things/1/empty", with_key(f, "k2"), NULL);
    frame_expect(f, 204, NULL, "POST", "/things/1/empty", with_key(f, "k2"), NULL);
    assert_int_equal(frame_things(f), 2);
    // What failed is not kept: the same key may be tried again.
    frame_expect(f, 409, "conflict", "POST", "/things", with_key(f, "k3"), "{\"name\":\"bad\"}");
    frame_expect(f, 201, NULL, "POST", "/things", with_key(f, "k3"), "{\"name\":\"well\"}");
    frame_expect(f, 400, "config", "POST", "/things", with_key(f, ""), "{\"name\":\"a\"}");
    frame_expect(f, 400, "config", "POST", "/things", with_key(f, "\xc3\xa4"), "{\"name\":\"a\"}");
}

// Another caller cannot get at an answer by its key; and nothing of an answer is in the store.
static void test_kept_answers_are_sealed(void **state)
{
    struct frame *f = *state;
    char other[512];
    frame_expect(f, 201, NULL, "POST", "/things", with_key(f, "k"), "{\"name\":\"mark-7f3a\"}");
    snprintf(other, sizeof(other), "%sIdempotency-Key: k\r\n", f->admin_key);
    frame_expect(f, 422, "idempotency_key_reused", "POST", "/things", other,
                 "{\"name\":\"mark-7f3a\"}");
    assert_int_equal(place_number(f->place, "SELECT count(*) FROM idempotency"), 1);
    assert_int_equal(
        place_number(f->place, "SELECT count(*) FROM idempotency WHERE body LIKE '%mark-7f3a%'"),
        0);
}

struct asker {
    struct frame *f;
    const char *headers;
    int status;
};

static void *ask_gate(void *arg)
{
    struct asker *a = arg;
    struct reply r = raw_ask(a->f->port, "POST", "/gate", a->headers, NULL);
    a->status = r.status;
    reply_done(&r);
    return NULL;
}

// Two at once: one is carried out, the other is told; and later gets the answer.
static void test_two_at_once(void **state)
{
    struct frame *f = *state;
    struct asker a = {f, with_key(f, "gate"), 0};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, ask_gate, &a), 0);
    while (frame_inside() == 0) {
        usleep(1000);
    }
    frame_expect(f, 409, "idempotency_in_progress", "POST", "/gate", a.headers, NULL);
    frame_gate(true);
    pthread_join(thread, NULL);
    assert_int_equal(a.status, 204);
    frame_expect(f, 204, NULL, "POST", "/gate", a.headers, NULL);
    assert_int_equal(frame_things(f), 1);
}

// ---- events

static int64_t add_event(struct frame *f, const char *kind, const char *sync_id)
{
    struct stored_event e = {.account_id = f->account_id,
                             .kind = str_from(kind),
                             .sync_id = str_from(sync_id),
                             .data = STR("{\"a\":\n1}")};
    struct error err;
    must(event_add(f->place->store, &e, &err), &err);
    return e.id;
}

// `headers`: the key's and others.
static struct talk follow_with(struct talk t, const char *target, const char *headers)
{
    char text[1024];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n%s\r\n", target, headers);
    talk_send(&t, text, strlen(text));
    talk_expect(&t, ": connected");
    return t;
}

static struct talk follow_over(struct frame *f, struct talk t, const char *target,
                               const char *headers)
{
    char all[512];
    snprintf(all, sizeof(all), "%s%s", f->read_key, headers);
    return follow_with(t, target, all);
}

static struct talk follow(struct frame *f, const char *target, const char *headers)
{
    return follow_over(f, talk_open(f->port), target, headers);
}

static void test_following(void **state)
{
    struct frame *f = *state;
    int64_t old = add_event(f, "sync.created", "s1");
    struct talk now = follow(f, "/events", "");
    struct talk other = follow(f, "/events?elt_sync_id=s2", "");
    char header[64];
    snprintf(header, sizeof(header), "Last-Event-ID: %lld\r\n", (long long)(old - 1));
    struct talk back = follow(f, "/events", header);
    talk_expect(&back, "event: sync.created\n"); // it was missed
    add_event(f, "sync.enabled", "s1");
    add_event(f, "sync.deleted", "s2");
    talk_expect(&now, "event: sync.enabled\ndata: {\"kind\":\"sync.enabled\"");
    talk_expect(&now, "\"elt_sync_id\":\"s2\",\"data\":{\"a\": 1}}\n\n");
    talk_expect(&back, "event: sync.deleted\n");
    talk_expect(&other, "event: sync.deleted\n");
    assert_null(strstr(buf_cstr(&now.in), "sync.created"));
    assert_null(strstr(buf_cstr(&other.in), "sync.enabled"));
    frame_expect(f, 400, "config", "GET", "/events?after=x", f->read_key, NULL);
    api_drain(f->api); // ends them all
    assert_true(talk_ends(&now, 60000) && talk_ends(&other, 60000) && talk_ends(&back, 60000));
    talk_close(&now);
    talk_close(&other);
    talk_close(&back);
}

// An id of another store, or of what a backup does not hold: its client goes on from now, and
// takes nothing from the others.
static void test_following_from_what_is_yet_to_come(void **state)
{
    struct frame *f = *state;
    add_event(f, "sync.created", "s1");
    struct talk ahead = follow(f, "/events", "Last-Event-ID: 9007199254740991\r\n");
    struct talk now = follow(f, "/events?after=99999999", "");
    add_event(f, "sync.enabled", "s1");
    talk_expect(&ahead, "event: sync.enabled\n");
    talk_expect(&now, "event: sync.enabled\n");
    assert_null(strstr(buf_cstr(&ahead.in), "sync.created"));
    talk_close(&ahead);
    talk_close(&now);
}

// Whoever was let in with a key that is good no longer, and was revoked by another process, is
// shown nothing more.
static void test_following_ends_with_the_key(void **state)
{
    struct frame *f = *state;
    struct error err;
    char short_key[256];
    int64_t now_ms = clock_now_ms(&f->place->clock.clock);
    (void)frame_key(f, API_KEY_READ, now_ms + 2000, short_key);
    struct talk revoked = follow(f, "/events", "");
    struct talk expired = follow_with(talk_open(f->port), "/events", short_key);
    struct talk good = follow_with(talk_open(f->port), "/events", f->write_key);
    must(api_key_revoke(f->place->store, f->account_id, str_from(f->read_id), &err), &err);
    virtual_clock_advance_us(&f->place->clock, 4 * 1000 * 1000);
    talk_expect(&revoked, ": the API key was revoked or has expired\n\n");
    talk_expect(&expired, ": the API key was revoked or has expired\n\n");
    assert_true(talk_ends(&revoked, 60000) && talk_ends(&expired, 60000));
    add_event(f, "sync.enabled", "s1");
    talk_expect(&good, "event: sync.enabled\n");
    assert_null(strstr(buf_cstr(&good.in), "API key"));
    talk_close(&revoked);
    talk_close(&expired);
    talk_close(&good);
}

static void test_budgets_are_told(void **state)
{
    struct frame *f = *state;
    struct talk t = follow(f, "/events?connection_id=c1", "");
    struct budget_row rows[] = {
        {.connection_id = STR("c1"),
         .at_ms = 5,
         .window_max = 190,
         .window_allowed = 152,
         .daily_allowed = 100,
         .daily_used = 40,
         .waiting_for = STR("the window")},
        {.connection_id = STR("c2\"\\\n"), .at_ms = 5, .window_max = -1},
    };
    struct error err;
    place_run(f->place, "INSERT INTO connection (name, kind, state, base_url, created_ms,"
                        " updated_ms) VALUES ('c1', 'token', 'active', 'http://localhost:1', 1, 1),"
                        " ('c2\"\\\n', 'token', 'active', 'http://localhost:1', 1, 1)");
    must(budget_row_put(f->place->store, rows, 2, &err), &err);
    virtual_clock_advance_us(&f->place->clock, 1500 * 1000);
    talk_expect(&t, "event: budget\n");
    talk_expect(&t, "\"details\":\"the window\",\"window_max\":190,\"window_allowed\":152");
    assert_null(strstr(buf_cstr(&t.in), "c2"));
    talk_close(&t);
    struct reply r = raw_ask(f->port, "GET", "/metrics", f->read_key, NULL);
    assert_int_equal(r.status, 200);
    check_contains(r.head, "version=0.0.4");
    check_contains(r.body, "sluice_hubspot_window_limit{connection=\"c1\"} 190\n");
    check_contains(r.body, "sluice_hubspot_daily_left{connection=\"c1\"} 60\n");
    assert_null(strstr(r.body, "sluice_hubspot_window_limit{connection=\"c2"));
    check_contains(r.body, "sluice_hubspot_waiting{connection=\"c2\\\"\\\\\\n\"} 0\n");
    check_contains(r.body, "sluice_store_up 1\n");
    check_contains(r.body, "sluice_stream_runs{status=\"SCHEDULED\"} 0\n");
    check_contains(r.body, "# TYPE sluice_api_requests_total counter\n");
    check_contains(r.body,
                   "sluice_api_requests_total{operation=\"followEvents\",status=\"2xx\"} 1\n");
    reply_done(&r);
    frame_expect(f, 401, "missing_api_key", "GET", "/metrics", NULL, NULL);
}

// 200 follow; one more is told to come later; when one goes there is room again.
static void test_many_followers(void **state)
{
    struct frame *f = *state;
    static struct talk talks[200];
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        talks[i] = follow(f, "/events", "");
    }
    frame_expect(f, 503, "too_many_followers", "GET", "/events", f->read_key, NULL);
    add_event(f, "sync.enabled", "s1");
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        talk_expect(&talks[i], "event: sync.enabled\n");
        talk_close(&talks[i]);
    }
}

// Who takes nothing is told where to go on, and its queue does not grow; others are not kept.
static void test_slow_follower(void **state)
{
    struct frame *f = *state;
    struct talk slow = follow_over(f, talk_open_narrow(f->port, 4096), "/events", "");
    struct talk quick = follow(f, "/events", "");
    char data[4001];
    int len = snprintf(data, sizeof(data), "{\"x\":\"%03992d\"}", 0);
    assert_int_equal(len, 4000);
    struct error err;
    for (int round = 0; round < 100; round++) {
        char id[32];
        struct stored_event e = {
            .account_id = f->account_id, .kind = STR("sync.enabled"), .data = str_from(data)};
        must(store_begin(f->place->store, &err), &err);
        for (int i = 0; i < 20; i++) {
            must(event_add(f->place->store, &e, &err), &err);
        }
        must(store_end(f->place->store, true, &err), &err);
        frame_expect(f, 204, NULL, "POST", "/things/1/empty", f->write_key, NULL); // wakes
        snprintf(id, sizeof(id), "id: %lld\n", (long long)e.id);
        talk_expect(&quick, id);
        buf_reset(&quick.in);
    }
    talk_expect(&slow, ": too slow; go on with Last-Event-ID: ");
    assert_true(talk_ends(&slow, 60000));
    talk_close(&slow);
    talk_close(&quick);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_or_nothing, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_sent_twice, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_kept_answers_are_sealed, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_two_at_once, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_following, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_following_from_what_is_yet_to_come, frame_setup,
                                        frame_teardown),
        cmocka_unit_test_setup_teardown(test_following_ends_with_the_key, frame_setup,
                                        frame_teardown),
        cmocka_unit_test_setup_teardown(test_budgets_are_told, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_many_followers, frame_setup, frame_teardown),
        cmocka_unit_test_setup_teardown(test_slow_follower, frame_setup, frame_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
