// What becomes of runs when a connection is authorized anew, and of many syncs at once.
#include "test_sync_scene.h"

#include "core/secret.h"
#include "store/connections.h"

// How the last run of a stream stands when the grant comes.
struct stand {
    const char *stream;
    enum run_status status;
    const char *code;
    bool asked; // for at once
};

static void set_code(struct place *p, struct str run_id, const char *code)
{
    struct error err;
    struct sql_value args[] = {sql_text(str_from(code)), sql_text(run_id)};
    must(sql_once(store_sql(p->store), STR("UPDATE stream_run SET error_code = $1 WHERE id = $2"),
                  args, 2, NULL, &err),
         &err);
}

static struct str stand(struct place *p, const struct elt_sync *sync, const struct stand *how)
{
    struct error err;
    struct str stream = scene_stream(p, sync, how->stream).id;
    scene_request(p, stream);
    struct run_claim claim = scene_take_one(p, "w");
    must(scene_end(p, &claim, how->status, &err), &err);
    set_code(p, claim.run.id, how->code);
    return stream;
}

static void grant(struct place *p, const char *name)
{
    struct error err;
    struct connection c;
    struct secret *token = secret_create(STR("another-token"));
    struct connection_secrets secrets = {.token = token};
    must(connection_find(p->store, str_from(name), &p->arena, &c, &err), &err);
    c.state = CONNECTION_ACTIVE;
    must(connection_put(p->store, p->sealing, &c, &secrets, &err), &err);
    secret_destroy(token);
}

static int64_t active_of(struct place *p, struct str stream)
{
    return scene_count(p,
                       arena_printf(&p->arena, "stream_run WHERE active = 1 AND stream_id = '%.*s'",
                                    STR_ARG(stream))
                           .ptr);
}

static void test_what_failed_for_it_is_asked_for(struct place *p)
{
    static const struct stand STANDS[] = {
        {"contacts", RUN_FAILED, "credentials", true},
        {"companies", RUN_FAILED, "reauthorize", true},
        {"deals", RUN_FAILED, "scope", true},
        {"tickets", RUN_FAILED, "oauth_app", true},
        {"owners", RUN_FAILED, "account_changed", true},
        {"calls", RUN_FAILED, "destination", false},
        {"emails", RUN_FAILED, "cancelled", false},
        {"notes", RUN_COMPLETED, "", false},
    };
    struct str streams[ARRAY_LEN(STANDS)];
    scene_connection(p, "acme", 1);
    scene_connection(p, "other", 2);
    struct elt_sync sync = scene_sync(p, "acme", "x");
    for (size_t i = 0; i < ARRAY_LEN(STANDS); i++) {
        streams[i] = stand(p, &sync, &STANDS[i]);
    }
    struct elt_sync theirs = scene_sync(p, "other", "y");
    struct str another = stand(p, &theirs, &STANDS[0]);
    grant(p, "acme");
    for (size_t i = 0; i < ARRAY_LEN(STANDS); i++) {
        check_row(active_of(p, streams[i]) == STANDS[i].asked, STANDS[i].stream);
    }
    assert_int_equal(active_of(p, another), 0);
    assert_int_equal(scene_count(p, "stream_run WHERE active = 1 AND by_user = 1"), 0);
    assert_int_equal(scene_count(p, "event WHERE kind = 'run.scheduled'"), 9 + 5);
    struct run_claim *claims = NULL;
    grant(p, "acme"); // twice: one run each
    assert_int_equal(scene_take(p, "w", 50, &claims), 5);
}

// Only how the last run ended counts, and nobody is asked who is not to run.
static void test_what_is_left_alone(struct place *p)
{
    static const struct stand DEAD = {"contacts", RUN_FAILED, "credentials", true};
    struct error err;
    scene_connection(p, "acme", 1);
    struct elt_sync off = scene_sync(p, "acme", "x");
    struct elt_sync on = scene_sync(p, "acme", "y");
    struct str disabled = stand(p, &off, &DEAD);
    must(elt_sync_enable(p->store, ACCOUNT, off.id, false, 0, &err), &err);
    struct str mended = stand(p, &on, &DEAD);
    scene_request(p, mended);
    struct run_claim claim = scene_take_one(p, "w");
    must(scene_end(p, &claim, RUN_COMPLETED, &err), &err);
    grant(p, "acme");
    assert_int_equal(active_of(p, disabled), 0);
    assert_int_equal(active_of(p, mended), 0);
}

static void test_what_waits_may_start(struct place *p)
{
    static const struct stand STANDS[] = {
        {"contacts", RUN_DELAYED, "", true},
        {"companies", RUN_RETRYING, "credentials", true},
        {"deals", RUN_RETRYING, "source_unavailable", false},
    };
    struct run_claim *claims = NULL;
    scene_connection(p, "acme", 1);
    struct elt_sync sync = scene_sync(p, "acme", "x");
    for (size_t i = 0; i < ARRAY_LEN(STANDS); i++) {
        (void)stand(p, &sync, &STANDS[i]);
        // Before the next is taken, so that this one waits for hours.
        place_run(p, "UPDATE stream_run SET not_before_ms = 99999999999999 WHERE status IN "
                     "('delayed', 'retrying')");
    }
    assert_int_equal(scene_take(p, "w", 8, &claims), 0);
    grant(p, "acme");
    assert_int_equal(scene_count(p, "stream_run"), 3); // the same ones
    assert_int_equal(scene_take(p, "w", 8, &claims), 2);
    for (size_t i = 0; i < 2; i++) {
        assert_false(str_eq(claims[i].stream.name, STR("deals")));
    }
}

// The run is asked for in the transaction of the grant, or neither is there.
static void test_all_or_nothing(struct place *p)
{
    static const struct stand DEAD = {"contacts", RUN_FAILED, "credentials", true};
    struct error err;
    scene_connection(p, "acme", 1);
    struct elt_sync sync = scene_sync(p, "acme", "x");
    struct str stream = stand(p, &sync, &DEAD);
    must(store_begin(p->store, &err), &err);
    grant(p, "acme");
    assert_int_equal(active_of(p, stream), 1);
    error_set(&err, ERR_STORE, "given up");
    assert_false(store_end(p->store, false, &err));
    assert_int_equal(active_of(p, stream), 0);
}

// ---- many

static void test_many_syncs_in_one_go(struct place *p)
{
    enum { SYNCS = 60, CONNECTIONS = 3 };
    static const char *const NAMES[CONNECTIONS] = {"a", "b", "c"};
    struct elt_sync syncs[SYNCS] = {{.next_due_ms = 0}};
    struct error err;
    size_t n = 9;
    must(stream_run_request_due(p->store, syncs, 0, &n, &err), &err);
    assert_int_equal(n, 0);
    for (int i = 0; i < CONNECTIONS; i++) {
        scene_connection(p, NAMES[i], i + 1);
    }
    for (int i = 0; i < SYNCS; i++) {
        char schema[16];
        snprintf(schema, sizeof schema, "s%d", i);
        syncs[i] =
            scene_sync(p, NAMES[i % CONNECTIONS], arena_dup(&p->arena, str_from(schema)).ptr);
        scene_stream(p, &syncs[i], "contacts");
        scene_stream(p, &syncs[i], "companies");
        syncs[i].next_due_ms = 1000 + i;
    }
    struct elt_stream one = scene_stream(p, &syncs[7], "deals");
    scene_request(p, one.id); // is active already
    must(elt_sync_set_all_due(p->store, syncs, SYNCS, &err), &err);
    assert_int_equal(scene_count(p, "elt_sync WHERE next_due_ms BETWEEN 1000 AND 1059"), SYNCS);
    must(stream_run_request_due(p->store, syncs, SYNCS, &n, &err), &err);
    assert_int_equal(n, 2 * SYNCS);
    must(stream_run_request_due(p->store, syncs, SYNCS, &n, &err), &err);
    assert_int_equal(n, 0);
    assert_int_equal(scene_count(p, "stream_run"), 2 * SYNCS + 1);
    assert_int_equal(scene_count(p, "event WHERE kind = 'run.scheduled'"), 2 * SYNCS + 1);
    // Each connection has one run a round; those due earlier come first.
    assert_int_equal(scene_count(p, "(SELECT DISTINCT connection_id, turn FROM stream_run) AS x"),
                     2 * SYNCS + 1);
    assert_int_equal(scene_count(p, "stream_run r, stream_run q, elt_sync s, elt_sync z WHERE "
                                    "r.by_user = 0 AND q.by_user = 0 AND "
                                    "r.connection_id = q.connection_id AND s.id = r.sync_id AND "
                                    "z.id = q.sync_id AND s.next_due_ms < z.next_due_ms AND "
                                    "r.turn > q.turn"),
                     0);
    must(elt_sync_set_all_due(p->store, syncs, 0, &err), &err);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_what_failed_for_it_is_asked_for),
        PLACE_TEST(test_what_is_left_alone),
        PLACE_TEST(test_what_waits_may_start),
        PLACE_TEST(test_all_or_nothing),
        PLACE_TEST(test_many_syncs_in_one_go),
        PLACE_TESTS_END,
    };
    return place_run_both("sync_store_grants", TESTS);
}
