// Runs: how they are asked for, taken, told of and ended.
#include "test_sync_scene.h"

static const char *const *needs(struct str stream)
{
    static const char *const DEALS[] = {"contacts", "companies", NULL};
    return str_eq(stream, STR("deals")) ? DEALS : NULL;
}

// ---- ids

static void test_ids(struct place *p)
{
    struct str stream;
    int64_t ms = 0;
    struct str id = run_id_make(STR("0123456789abcd"), 1234567890123, &p->arena);
    assert_true(run_id_parse(id, &p->arena, &stream, &ms));
    check_str(stream, "0123456789abcd");
    assert_int_equal(ms, 1234567890123);
    static const char *const NONE[] = {
        "",
        "x",
        "MDEyMzQ1Njc4OWFiY2Q",                                    // no time
        "MDEyMzQ1Njc4OWFiY2R8MjAwOS0wMi0xM1QyMzozMTozMFo",        // another way to say it
        "MDEyMzQ1Njc4OWFiY2R8MjAwOS0wMi0xM1QyMzozMTozMC4xMjNaCg", // a line feed behind it
        "LTEyMzQ1Njc4OWFiY2R8MjAwOS0wMi0xM1QyMzozMTozMC4xMjNa",   // of no stream
        "MDEyMzQ1Njc4OWFiY2R8MjAwOS0wMi0xM1QyMzozMTozMC4xMjNa=",
        ("MDEyMzQ1Njc4OWFiY2R8MjAwOS0wMi0xM1QyMzozMTozMC4xMjNa" // twice
         "MDEyMzQ1Njc4OWFiY2R8MjAwOS0wMi0xM1QyMzozMTozMC4xMjNa"),
    };
    for (size_t i = 0; i < ARRAY_LEN(NONE); i++) {
        check_row(!run_id_parse(str_from(NONE[i]), &p->arena, &stream, &ms), NONE[i]);
    }
}

// ---- asking

static void test_requests(struct place *p)
{
    struct error err = {0};
    struct stream_run_row again;
    bool made = true;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    struct stream_run_row run = scene_request(p, stream.id);
    assert_true(run.status == RUN_SCHEDULED && run.by_user && run.started_ms == 0);
    assert_int_equal(run.not_before_ms, run.requested_ms);
    check_slice(run.id, run_id_make(stream.id, run.requested_ms, &p->arena));
    check_slice(run.sync_id, stream.sync_id);
    check_str(run.connection_id, "acme");
    check_str(scene_last_event(p, run.id), "run.scheduled");
    struct run_wish wish = {.account_id = ACCOUNT, .stream_id = stream.id};
    must(stream_run_request(p->store, &wish, &p->arena, &again, &made, &err), &err);
    assert_false(made);
    check_slice(again.id, run.id);
    assert_true(again.by_user); // nothing of it is changed
    assert_int_equal(scene_count(p, "event"), 1);
    // The next one has another time, although the clock may not have gone on.
    must(stream_run_cancel(p->store, ACCOUNT, run.id, &err), &err);
    place_run(p, "UPDATE stream_run SET requested_ms = requested_ms + 100000");
    again = scene_request(p, stream.id);
    assert_int_equal(again.requested_ms, run.requested_ms + 100001);
    wish.stream_id = STR("0123456789abcd");
    assert_false(stream_run_request(p->store, &wish, &p->arena, &again, &made, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    wish = (struct run_wish){.account_id = STR("another"), .stream_id = stream.id};
    assert_false(stream_run_request(p->store, &wish, &p->arena, &again, &made, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_a_run_for_later(struct place *p)
{
    struct error err = {0};
    struct run_claim *claims = NULL;
    struct stream_run_row run;
    bool made = false;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    struct run_wish wish = {
        .account_id = ACCOUNT, .stream_id = stream.id, .not_before_ms = scene_now(p) + 3600000};
    must(stream_run_request(p->store, &wish, &p->arena, &run, &made, &err), &err);
    assert_int_equal(run.not_before_ms, wish.not_before_ms);
    assert_int_equal(scene_take(p, "w", 8, &claims), 0);
    place_run(p, "UPDATE stream_run SET not_before_ms = 1");
    assert_int_equal(scene_take(p, "w", 8, &claims), 1);
}

static void test_requests_for_a_sync(struct place *p)
{
    enum { STREAMS = 120 };
    struct error err = {0};
    size_t n = 0;
    scene_connection(p, "acme", 1);
    struct elt_sync sync = scene_sync(p, "acme", "x");
    struct elt_sync other = scene_sync(p, "acme", "y");
    scene_stream(p, &other, "contacts");
    must(stream_run_request_all(p->store, &sync, &n, &err), &err);
    assert_int_equal(n, 0);
    struct elt_stream first = {.id = STR("")};
    for (int i = 0; i < STREAMS; i++) {
        struct elt_stream stream = scene_stream(p, &sync, arena_printf(&p->arena, "s%d", i).ptr);
        first = i == 0 ? stream : first;
    }
    struct stream_run_row run = scene_request(p, first.id);
    must(stream_run_request_all(p->store, &sync, &n, &err), &err);
    assert_int_equal(n, STREAMS - 1);
    must(stream_run_request_all(p->store, &sync, &n, &err), &err);
    assert_int_equal(n, 0);
    assert_int_equal(scene_count(p, "stream_run"), STREAMS);
    assert_int_equal(scene_count(p, "event WHERE kind = 'run.scheduled'"), STREAMS);
    assert_true(scene_run(p, run.id).by_user);
    assert_int_equal(scene_count(p, "stream_run WHERE by_user = 0"), STREAMS - 1);
    assert_int_equal(scene_count(p, "(SELECT DISTINCT turn FROM stream_run) AS x"), STREAMS);
}

// ---- working

static void test_from_request_to_end(struct place *p)
{
    struct error err = {0};
    struct elt_stream stream = scene_lone_stream(p, "acme", 42);
    must(elt_stream_mark_full(p->store, ACCOUNT, stream.id, (struct full_mark){5}, &err), &err);
    struct stream_run_row run = scene_request(p, stream.id);
    struct run_claim claim = scene_take_one(p, "w1");
    check_slice(claim.run.id, run.id);
    check_str(claim.lease, "hubspot-42");
    check_str(claim.run.worker, "w1");
    assert_true(claim.run.status == RUN_RUNNING && claim.run.fence > 0);
    assert_int_equal(claim.run.started_ms, 0);
    check_str(claim.stream.name, "contacts");
    assert_int_equal(claim.stream.full_refresh_ms, 5);
    check_str(claim.sync.schema_name, "acme");
    check_str(claim.sync.source_integration_id, "hubspot-v2");
    claim.run.mode = RUN_FULL;
    claim.run.trigger = TRIGGER_USER;
    must(stream_run_begin(p->store, &claim.run, &err), &err);
    check_str(scene_last_event(p, run.id), "run.started");
    int64_t started_ms = scene_run(p, run.id).started_ms;
    assert_true(started_ms > 0);
    assert_int_equal(scene_stream_now(p, stream.id).full_refresh_ms, 0);
    bool cancel = true;
    claim.run.records = 10;
    claim.run.details = STR("page 1 \xff");
    claim.run.resumable = true;
    must(stream_run_progress(p->store, &claim.run, 1, &cancel, &err), &err);
    assert_false(cancel);
    run = scene_run(p, run.id);
    assert_true(run.records == 10 && run.resumable && run.mode == RUN_FULL);
    assert_int_equal(run.trigger, TRIGGER_USER);
    check_str(run.details, "page 1 ?");
    claim.run.records = 20;
    claim.run.bytes = 7;
    must(scene_end(p, &claim, RUN_COMPLETED, &err), &err);
    run = scene_run(p, run.id);
    assert_true(run.status == RUN_COMPLETED && run.records == 20 && run.bytes == 7);
    assert_true(run.finished_ms >= run.started_ms && run.started_ms == started_ms);
    check_str(run.worker, "");
    check_str(scene_last_event(p, run.id), "run.completed");
    stream = scene_stream_now(p, stream.id);
    check_str(stream.last_status, "completed");
    assert_int_equal(stream.last_full_ms, started_ms);
    assert_int_equal(stream.last_completed_ms, run.finished_ms);
    // It cannot end twice, nor begin again.
    assert_false(scene_end(p, &claim, RUN_FAILED, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(stream_run_begin(p->store, &claim.run, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    must(stream_run_progress(p->store, &claim.run, 1, &cancel, &err), &err);
    assert_true(cancel);
    assert_int_equal(scene_run(p, run.id).status, RUN_COMPLETED);
    scene_request(p, stream.id); // and the next one may come
}

static void test_waiting_and_going_on(struct place *p)
{
    static const struct {
        enum run_status status;
        const char *event;
    } ROWS[] = {{RUN_RETRYING, "run.retrying"},
                {RUN_DELAYED, "run.delayed"},
                {RUN_SCHEDULED, "run.scheduled"}};
    struct error err = {0};
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    struct stream_run_row run = scene_request(p, stream.id);
    int64_t started_ms = 0;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct run_claim *none = NULL;
        struct run_claim claim = scene_take_one(p, "w");
        claim.run.mode = RUN_FULL;
        must(stream_run_begin(p->store, &claim.run, &err), &err);
        claim.run.not_before_ms = scene_now(p) + 3600000;
        claim.run.retry_attempt = 3;
        claim.run.error_code = STR("RATE_LIMITED");
        claim.run.error_message = STR("too\xff many");
        must(scene_end(p, &claim, ROWS[i].status, &err), &err);
        run = scene_run(p, run.id);
        check_row(run.status == ROWS[i].status && run.retry_attempt == 3, ROWS[i].event);
        check_row(str_eq(scene_last_event(p, run.id), str_from(ROWS[i].event)), ROWS[i].event);
        check_str(run.error_message, "too? many");
        assert_int_equal(run.not_before_ms, claim.run.not_before_ms);
        started_ms = started_ms ? started_ms : run.started_ms;
        assert_int_equal(run.started_ms, started_ms); // the first start
        assert_int_equal(scene_take(p, "w", 8, &none), 0);
        assert_int_equal(scene_stream_now(p, stream.id).last_status.len, 0);
        place_run(p, "UPDATE stream_run SET not_before_ms = 1");
    }
    // A mark that comes while it is under way is for the next run.
    must(elt_stream_mark_full(p->store, ACCOUNT, stream.id, (struct full_mark){5}, &err), &err);
    struct run_claim claim = scene_take_one(p, "w");
    claim.run.mode = RUN_FULL;
    must(stream_run_begin(p->store, &claim.run, &err), &err);
    assert_int_equal(scene_stream_now(p, stream.id).full_refresh_ms, 5);
    must(scene_end(p, &claim, RUN_FAILED, &err), &err);
    check_str(scene_stream_now(p, stream.id).last_status, "failed");
    struct elt_sync sync;
    must(elt_sync_find(p->store, ACCOUNT, stream.sync_id, &p->arena, &sync, &err), &err);
    assert_true(sync.failing);
}

// ---- which runs are taken

static void test_connections_in_turn(struct place *p)
{
    enum { HEAVY = 500 };
    struct error err = {0};
    struct run_claim *claims = NULL;
    size_t n = 0;
    scene_connection(p, "heavy", 1);
    struct elt_sync sync = scene_sync(p, "heavy", "heavy");
    must(store_begin(p->store, &err), &err);
    for (int i = 0; i < HEAVY; i++) {
        scene_stream(p, &sync, arena_printf(&p->arena, "s%d", i).ptr);
    }
    must(store_end(p->store, true, &err), &err);
    must(stream_run_request_all(p->store, &sync, &n, &err), &err);
    assert_int_equal(n, HEAVY);
    // Some are served before anybody else comes, one at a time.
    for (int i = 0; i < 20; i++) {
        assert_int_equal(scene_take(p, "w", 1, &claims), 1);
        must(scene_end(p, claims, RUN_COMPLETED, &err), &err);
    }
    struct elt_stream light = scene_lone_stream(p, "light", 2);
    struct elt_stream other = scene_lone_stream(p, "other", 3);
    size_t of_heavy = 0;
    for (int i = 0; i < 10; i++) {
        struct stream_run_row a = scene_request(p, light.id);
        struct stream_run_row b = scene_request(p, other.id);
        for (int take = 0; take < 3; take++) {
            assert_int_equal(scene_take(p, "w", 1, &claims), 1);
            of_heavy += str_eq(claims[0].run.connection_id, STR("heavy"));
            must(scene_end(p, claims, RUN_COMPLETED, &err), &err);
        }
        // Whoever comes waits for one run of each other connection at most.
        assert_int_equal(scene_run(p, a.id).status, RUN_COMPLETED);
        assert_int_equal(scene_run(p, b.id).status, RUN_COMPLETED);
    }
    assert_int_equal(of_heavy, 10); // and the others do not starve the first one
    // Nor has whoever comes late a claim to all that others have had before.
    scene_connection(p, "late", 4);
    struct elt_sync late = scene_sync(p, "late", "late");
    for (int i = 0; i < 6; i++) {
        scene_stream(p, &late, arena_printf(&p->arena, "s%d", i).ptr);
    }
    must(stream_run_request_all(p->store, &late, &n, &err), &err);
    of_heavy = 0;
    for (int i = 0; i < 6; i++) {
        assert_int_equal(scene_take(p, "w", 1, &claims), 1);
        of_heavy += str_eq(claims[0].run.connection_id, STR("heavy"));
        must(scene_end(p, claims, RUN_COMPLETED, &err), &err);
    }
    assert_in_range(of_heavy, 2, 4);
    place_run(p, "UPDATE stream_run SET not_before_ms = not_before_ms + 86400000 WHERE"
                 " connection_id = 'late'");
    // At once, too.
    scene_request(p, light.id);
    scene_request(p, other.id);
    assert_int_equal(scene_take(p, "w", 4, &claims), 4);
    of_heavy = 0;
    for (int i = 0; i < 4; i++) {
        of_heavy += str_eq(claims[i].run.connection_id, STR("heavy"));
    }
    assert_int_equal(of_heavy, 2);
}

static void test_streams_that_need_others(struct place *p)
{
    struct error err = {0};
    struct run_claim *claims = NULL;
    size_t n = 0;
    scene_connection(p, "acme", 1);
    struct elt_sync sync = scene_sync(p, "acme", "x");
    scene_stream(p, &sync, "deals");
    scene_stream(p, &sync, "companies");
    scene_stream(p, &sync, "contacts");
    struct elt_sync other = scene_sync(p, "acme", "y"); // what it runs does not matter to the first
    scene_stream(p, &other, "contacts");
    must(stream_run_request_all(p->store, &sync, &n, &err), &err);
    must(stream_run_request_all(p->store, &other, &n, &err), &err);
    struct run_take take = {.worker = STR("w"), .max = 16, .needs = needs};
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 3);
    struct run_claim first[3] = {claims[0], claims[1], claims[2]};
    for (size_t i = 0; i < 3; i++) {
        assert_false(str_eq(first[i].stream.name, STR("deals")));
    }
    // One of two is done; then a retry of the other still counts.
    for (size_t i = 0; i < 3; i++) {
        bool contacts = str_eq(first[i].stream.name, STR("contacts"));
        first[i].run.not_before_ms = scene_now(p) + 3600000;
        if (str_eq(first[i].sync.id, sync.id)) {
            must(scene_end(p, &first[i], contacts ? RUN_RETRYING : RUN_COMPLETED, &err), &err);
            must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
            assert_int_equal(n, 0);
        }
    }
    place_run(p, "UPDATE stream_run SET not_before_ms = 1");
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 1);
    check_str(claims[0].stream.name, "contacts");
    must(scene_end(p, &claims[0], RUN_FAILED, &err), &err);
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 1);
    check_str(claims[0].stream.name, "deals");
    // Once it has begun it is gone on with, also while what it needs is loaded again.
    must(stream_run_begin(p->store, &claims[0].run, &err), &err);
    for (size_t i = 0; i < 3; i++) {
        if (str_eq(first[i].stream.name, STR("contacts")) && str_eq(first[i].sync.id, sync.id)) {
            scene_request(p, first[i].stream.id);
        }
    }
    must(scene_end(p, &claims[0], RUN_SCHEDULED, &err), &err);
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 2);
}

// However many wait for others, those behind them are found.
static void test_many_that_wait_hide_nobody(struct place *p)
{
    enum { SYNCS = 90 };
    struct error err = {0};
    struct run_claim *claims = NULL;
    size_t n = 0;
    scene_connection(p, "acme", 1);
    struct elt_sync sync = {.id = STR("")};
    for (int i = 0; i < SYNCS; i++) {
        sync = scene_sync(p, "acme", arena_printf(&p->arena, "x%d", i).ptr);
        scene_request(p, scene_stream(p, &sync, "contacts").id);
        scene_request(p, scene_stream(p, &sync, "deals").id);
    }
    struct run_take take = {.worker = STR("w"), .max = SYNCS, .needs = needs};
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, SYNCS); // all contacts
    struct stream_run_row last = scene_request(p, scene_stream(p, &sync, "owners").id);
    take.max = 1;
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 1);
    check_slice(claims[0].run.id, last.id);
}

static void test_leases(struct place *p)
{
    struct error err = {0};
    struct run_claim *claims = NULL;
    size_t n = 0;
    struct elt_stream a = scene_lone_stream(p, "a", 7);
    struct elt_stream b = scene_lone_stream(p, "b", 7); // the same HubSpot account
    struct elt_stream c = scene_lone_stream(p, "c", 0);
    struct elt_stream dead = scene_lone_stream(p, "dead", 9);
    scene_request(p, a.id);
    struct run_claim first = scene_take_one(p, "w1");
    check_str(first.lease, "hubspot-7");
    scene_request(p, b.id);
    scene_request(p, c.id);
    scene_request(p, dead.id);
    place_run(p, "UPDATE connection SET state = 'needs_reauthorization' WHERE name = 'dead'");
    assert_int_equal(scene_take(p, "w2", 8, &claims), 1);
    check_str(claims[0].lease, "connection-c");
    assert_int_equal(scene_take(p, "w1", 8, &claims), 1);
    check_slice(claims[0].run.stream_id, b.id);
    assert_int_equal(claims[0].run.fence, first.run.fence);
    struct run_figures f;
    must(stream_run_figures(p->store, &f, &err), &err);
    assert_true(f.by_status[RUN_RUNNING] == 3 && f.by_status[RUN_SCHEDULED] == 1);
    assert_true(f.due == 0 && f.oldest_due_ms == 0);
    // The lease ends: another goes on, under a new fence, and the former one is told.
    place_run(p, "UPDATE lease SET until_ms = 1 WHERE name = 'hubspot-7'");
    must(stream_run_reclaim(p->store, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_int_equal(scene_take(p, "w2", 8, &claims), 2);
    assert_true(claims[0].run.fence > first.run.fence);
}

// ---- those that are no longer theirs

static void check_is_lost(struct place *p, const struct run_claim *zombie)
{
    struct error err = {0};
    bool cancel = false;
    struct stream_run_row before = scene_run(p, zombie->run.id);
    struct stream_run_row row = zombie->run;
    row.records = 666;
    row.mode = RUN_FULL;
    must(stream_run_progress(p->store, &row, 1, &cancel, &err), &err);
    assert_true(cancel);
    assert_false(stream_run_begin(p->store, &row, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    row.status = RUN_COMPLETED;
    assert_false(stream_run_end(p->store, &row, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_contains(err.message, row.id.ptr);
    struct stream_run_row after = scene_run(p, zombie->run.id);
    assert_int_equal(after.status, before.status);
    assert_int_equal(after.records, before.records);
    assert_int_equal(after.mode, before.mode);
    assert_int_equal(scene_stream_now(p, row.stream_id).last_status.len, 0);
}

static void test_zombies(struct place *p)
{
    struct error err = {0};
    size_t n = 0;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    scene_request(p, stream.id);
    struct run_claim zombie = scene_take_one(p, "w1");
    must(stream_run_reclaim(p->store, &n, &err), &err);
    assert_int_equal(n, 0); // it is alive
    place_run(p, "UPDATE lease SET until_ms = 1");
    must(stream_run_reclaim(p->store, &n, &err), &err);
    assert_int_equal(n, 1);
    assert_int_equal(scene_run(p, zombie.run.id).status, RUN_SCHEDULED);
    check_str(scene_last_event(p, zombie.run.id), "run.scheduled");
    check_is_lost(p, &zombie);
    // Nor by renewing what it has lost, even when the same process takes it again.
    must(lease_renew_all(p->store, STR("w1"), &n, &err), &err);
    assert_int_equal(n, 0);
    struct run_claim again = scene_take_one(p, "w1");
    check_slice(again.run.id, zombie.run.id);
    assert_true(again.run.fence > zombie.run.fence);
    check_is_lost(p, &zombie);
    bool cancel = true;
    must(stream_run_progress(p->store, &again.run, 1, &cancel, &err), &err);
    assert_false(cancel);
    must(scene_end(p, &again, RUN_COMPLETED, &err), &err);
    must(stream_run_reclaim(p->store, &n, &err), &err);
    assert_int_equal(n, 0);
}

static void test_a_restart_gives_back(struct place *p)
{
    struct error err = {0};
    size_t n = 9;
    struct elt_stream a = scene_lone_stream(p, "a", 1);
    struct elt_stream b = scene_lone_stream(p, "b", 2);
    scene_request(p, a.id);
    struct run_claim mine = scene_take_one(p, "w1");
    scene_request(p, b.id);
    struct run_claim other = scene_take_one(p, "w2");
    must(stream_run_release(p->store, STR("w3"), &n, &err), &err);
    assert_int_equal(n, 0);
    must(stream_run_release(p->store, STR("w1"), &n, &err), &err);
    assert_int_equal(n, 1);
    assert_int_equal(scene_run(p, mine.run.id).status, RUN_SCHEDULED);
    assert_int_equal(scene_run(p, other.run.id).status, RUN_RUNNING);
    check_is_lost(p, &mine);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_FILE_TEST(test_ids),
        PLACE_TEST(test_requests),
        PLACE_TEST(test_a_run_for_later),
        PLACE_TEST(test_requests_for_a_sync),
        PLACE_TEST(test_from_request_to_end),
        PLACE_TEST(test_waiting_and_going_on),
        PLACE_TEST(test_connections_in_turn),
        PLACE_TEST(test_streams_that_need_others),
        PLACE_TEST(test_many_that_wait_hide_nobody),
        PLACE_TEST(test_leases),
        PLACE_TEST(test_zombies),
        PLACE_TEST(test_a_restart_gives_back),
        PLACE_TESTS_END,
    };
    return place_run_both("sync_store_runs", TESTS);
}
