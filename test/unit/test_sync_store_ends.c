// Runs that are cancelled, removed, forgotten and looked at; credentials that end.
#include "test_sync_scene.h"

#include "store/events.h"

// ---- cancelling

static void test_cancelling_in_each_state(struct place *p)
{
    static const enum run_status WAITING[] = {RUN_SCHEDULED, RUN_RETRYING, RUN_DELAYED};
    struct error err = {0};
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    for (size_t i = 0; i < ARRAY_LEN(WAITING); i++) {
        struct stream_run_row run = scene_request(p, stream.id);
        bool begun = WAITING[i] != RUN_SCHEDULED;
        if (begun) {
            struct run_claim claim = scene_take_one(p, "w");
            must(stream_run_begin(p->store, &claim.run, &err), &err);
            must(scene_end(p, &claim, WAITING[i], &err), &err);
        }
        must(stream_run_cancel(p->store, ACCOUNT, run.id, &err), &err);
        run = scene_run(p, run.id);
        assert_int_equal(run.status, RUN_FAILED);
        assert_true(run.finished_ms > 0);
        check_str(run.error_code, "cancelled");
        check_str(scene_last_event(p, run.id), "run.failed");
        check_str(scene_stream_now(p, stream.id).last_status, begun ? "failed" : "");
        assert_false(stream_run_cancel(p->store, ACCOUNT, run.id, &err));
        assert_int_equal(err.code, ERR_CONFLICT);
    }
    struct stream_run_row run = scene_request(p, stream.id);
    struct run_claim claim = scene_take_one(p, "w");
    assert_false(stream_run_cancel(p->store, STR("another"), run.id, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    must(stream_run_cancel(p->store, ACCOUNT, run.id, &err), &err);
    assert_int_equal(scene_run(p, run.id).status, RUN_RUNNING);
    bool cancel = false;
    must(stream_run_progress(p->store, &claim.run, 1, &cancel, &err), &err);
    assert_true(cancel);
    // Its worker would have it tried again: nobody wants that any more.
    must(scene_end(p, &claim, RUN_RETRYING, &err), &err);
    run = scene_run(p, run.id);
    assert_int_equal(run.status, RUN_FAILED);
    check_str(run.error_code, "cancelled");
    assert_false(stream_run_cancel(p->store, ACCOUNT, STR("nonsense"), &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_a_cancelled_run_without_a_worker_ends(struct place *p)
{
    struct error err = {0};
    size_t n = 0;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    struct stream_run_row run = scene_request(p, stream.id);
    scene_take_one(p, "w");
    must(stream_run_cancel(p->store, ACCOUNT, run.id, &err), &err);
    place_run(p, "UPDATE lease SET until_ms = 1");
    must(stream_run_reclaim(p->store, &n, &err), &err);
    assert_int_equal(scene_run(p, run.id).status, RUN_FAILED);
    check_str(scene_last_event(p, run.id), "run.failed");
}

// A full refresh is done or still wanted: one that failed before anything of it was kept is.
static void test_a_full_refresh_that_failed_is_still_wanted(struct place *p)
{
    static const struct {
        enum run_trigger trigger;
        bool resumable, cancelled, wanted;
        bool reset, asked; // histories were to be wiped; something is asked for meanwhile
        bool still_reset;
    } ROWS[] = {
        {TRIGGER_USER, false, false, true},
        {TRIGGER_USER, true, false, false}, // the next run goes on with it
        {TRIGGER_USER, false, true, false},
        {TRIGGER_MIDNIGHT, false, false, false},
        {TRIGGER_USER, false, false, true, true, false, true},
        {TRIGGER_USER, true, false, false, true, false, false},
        {TRIGGER_USER, false, true, false, true, false, false},
        {TRIGGER_INITIAL_SYNC, false, false, true, true, false, true},
        {TRIGGER_USER, false, false, true, true, true, false}, // the last wish counts
    };
    struct error err = {0};
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct full_mark mark = {5, ROWS[i].reset};
        must(elt_stream_mark_full(p->store, ACCOUNT, stream.id, mark, &err), &err);
        assert_int_equal(scene_stream_now(p, stream.id).reset_history, ROWS[i].reset);
        struct stream_run_row run = scene_request(p, stream.id);
        struct run_claim claim = scene_take_one(p, "w");
        claim.run.mode = RUN_FULL;
        claim.run.trigger = ROWS[i].trigger;
        claim.run.reset_history = claim.stream.reset_history;
        must(stream_run_begin(p->store, &claim.run, &err), &err);
        assert_int_equal(scene_stream_now(p, stream.id).full_refresh_ms, 0);
        assert_false(scene_stream_now(p, stream.id).reset_history);
        assert_int_equal(scene_run(p, run.id).reset_history, ROWS[i].reset);
        if (ROWS[i].asked) {
            mark = (struct full_mark){6, false};
            must(elt_stream_mark_full(p->store, ACCOUNT, stream.id, mark, &err), &err);
        }
        claim.run.resumable = ROWS[i].resumable;
        if (ROWS[i].cancelled) {
            must(stream_run_cancel(p->store, ACCOUNT, run.id, &err), &err);
        }
        must(scene_end(p, &claim, RUN_FAILED, &err), &err);
        assert_int_equal(scene_stream_now(p, stream.id).full_refresh_ms > 0, ROWS[i].wanted);
        assert_int_equal(scene_stream_now(p, stream.id).reset_history, ROWS[i].still_reset);
    }
}

static void test_cancelling_all(struct place *p)
{
    struct error err = {0};
    size_t running = 9;
    scene_connection(p, "a", 1);
    struct elt_sync one = scene_sync(p, "a", "one");
    struct elt_sync two = scene_sync(p, "a", "two");
    struct elt_stream runs = scene_stream(p, &one, "contacts");
    struct elt_stream waits = scene_stream(p, &one, "deals");
    struct elt_stream other = scene_stream(p, &two, "deals");
    struct str run_id = scene_request(p, runs.id).id;
    scene_take_one(p, "w");
    struct str wait_id = scene_request(p, waits.id).id;
    struct str other_id = scene_request(p, other.id).id;
    struct run_owner of = {.stream_id = waits.id, .sync_id = two.id}; // both must hold
    must(stream_run_cancel_all(p->store, &of, &running, &err), &err);
    assert_int_equal(running, 0);
    assert_int_equal(scene_run(p, wait_id).status, RUN_SCHEDULED);
    of = (struct run_owner){.sync_id = one.id};
    must(stream_run_cancel_all(p->store, &of, &running, &err), &err);
    assert_int_equal(running, 1);
    assert_true(scene_run(p, run_id).cancel && scene_run(p, run_id).status == RUN_RUNNING);
    assert_int_equal(scene_run(p, wait_id).status, RUN_FAILED);
    assert_int_equal(scene_run(p, other_id).status, RUN_SCHEDULED);
    of = (struct run_owner){.connection_id = STR("a")};
    must(stream_run_cancel_all(p->store, &of, &running, &err), &err);
    assert_int_equal(running, 1);
    assert_int_equal(scene_run(p, other_id).status, RUN_FAILED);
}

static void test_disabling(struct place *p)
{
    struct error err = {0};
    struct elt_sync sync;
    scene_connection(p, "a", 1);
    struct elt_sync made = scene_sync(p, "a", "one");
    struct elt_stream runs = scene_stream(p, &made, "contacts");
    struct elt_stream waits = scene_stream(p, &made, "deals");
    struct elt_stream tries = scene_stream(p, &made, "owners");
    struct str tries_id = scene_request(p, tries.id).id;
    struct run_claim claim = scene_take_one(p, "w");
    must(stream_run_begin(p->store, &claim.run, &err), &err);
    claim.run.not_before_ms = scene_now(p) + 3600000;
    must(scene_end(p, &claim, RUN_RETRYING, &err), &err);
    struct str run_id = scene_request(p, runs.id).id;
    scene_take_one(p, "w");
    struct str wait_id = scene_request(p, waits.id).id;
    must(elt_sync_enable(p->store, ACCOUNT, made.id, false, 0, &err), &err);
    struct stream_run_row waited = scene_run(p, wait_id);
    assert_int_equal(waited.status, RUN_FAILED);
    check_contains(waited.error_message.ptr, "disabled");
    assert_int_equal(scene_run(p, run_id).status, RUN_RUNNING);
    assert_false(scene_run(p, run_id).cancel);
    assert_int_equal(scene_run(p, tries_id).status, RUN_RETRYING);
    must(elt_sync_find(p->store, ACCOUNT, made.id, &p->arena, &sync, &err), &err);
    assert_true(!sync.enabled && sync.started && sync.next_due_ms == 0 && !sync.failing);
    must(elt_sync_enable(p->store, ACCOUNT, made.id, true, 55, &err), &err);
    must(elt_sync_find(p->store, ACCOUNT, made.id, &p->arena, &sync, &err), &err);
    assert_true(sync.enabled && sync.next_due_ms == 55);
}

// ---- removing

static void test_removing(struct place *p)
{
    struct error err = {0};
    scene_connection(p, "a", 1);
    struct elt_sync sync = scene_sync(p, "a", "one");
    struct elt_sync other = scene_sync(p, "a", "two");
    struct elt_stream contacts = scene_stream(p, &sync, "contacts");
    struct elt_stream deals = scene_stream(p, &sync, "deals");
    struct elt_stream kept = scene_stream(p, &other, "deals");
    struct str kept_id = scene_request(p, kept.id).id;
    struct run_claim claim = scene_take_one(p, "w");
    must(scene_end(p, &claim, RUN_COMPLETED, &err), &err);
    struct str run_id = scene_request(p, contacts.id).id;
    claim = scene_take_one(p, "w");
    struct str wait_id = scene_request(p, deals.id).id;
    assert_false(elt_stream_remove(p->store, ACCOUNT, contacts.id, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_false(elt_sync_remove(p->store, ACCOUNT, sync.id, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_contains(err.message, "1 runs under way");
    assert_true(scene_run(p, run_id).cancel); // it has been told
    assert_int_equal(scene_run(p, wait_id).status, RUN_FAILED);
    assert_int_equal(scene_count(p, "elt_stream"), 3);
    must(scene_end(p, &claim, RUN_FAILED, &err), &err);
    must(elt_stream_remove(p->store, ACCOUNT, contacts.id, &err), &err);
    assert_int_equal(scene_count(p, "elt_stream"), 2);
    assert_int_equal(scene_count(p, "stream_run"), 2);
    assert_int_equal(place_number(p, "SELECT count(DISTINCT stream_id) FROM event"), 2);
    must(elt_sync_remove(p->store, ACCOUNT, sync.id, &err), &err);
    assert_false(elt_sync_remove(p->store, ACCOUNT, sync.id, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    // What is not its own is there yet.
    assert_int_equal(scene_count(p, "elt_sync"), 1);
    assert_int_equal(scene_count(p, "elt_stream"), 1);
    assert_int_equal(scene_count(p, "stream_run"), 1);
    assert_int_equal(scene_count(p, "event"), 2);
    assert_int_equal(scene_run(p, kept_id).status, RUN_COMPLETED);
}

static void test_what_is_old_is_forgotten_bit_by_bit(struct place *p)
{
    enum { N = 450 };
    struct error err = {0};
    int64_t before = N;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    must(store_begin(p->store, &err), &err);
    for (int i = 0; i < N; i++) {
        must(stream_run_cancel(p->store, ACCOUNT, scene_request(p, stream.id).id, &err), &err);
    }
    must(store_end(p->store, true, &err), &err);
    struct stream_run_row active = scene_request(p, stream.id);
    must(stream_run_forget_old(p->store, &err), &err);
    assert_int_equal(scene_count(p, "stream_run"), N + 1); // none is old
    place_run(p, "UPDATE stream_run SET finished_ms = 1, requested_ms = requested_ms - 10000000"
                 " WHERE active = 0");
    // As long ago as they are kept, but for one that is a little younger.
    place_run(p, arena_printf(&p->arena,
                              "UPDATE stream_run SET finished_ms = %lld WHERE id ="
                              " (SELECT min(id) FROM stream_run WHERE active = 0)",
                              (long long)scene_now(p) - RUN_KEEP_MS + 60000)
                     .ptr);
    place_run(p, "UPDATE event SET at_ms = -1");
    virtual_clock_advance_us(&p->clock, (RUN_KEEP_MS + 1) * 1000);
    for (int i = 0; i < 10 && before > 0; i++) {
        before = scene_count(p, "stream_run WHERE finished_ms = 1");
        must(stream_run_forget_old(p->store, &err), &err);
        int64_t after = scene_count(p, "stream_run WHERE finished_ms = 1");
        assert_true(before - after <= 200);
        assert_true(before == 0 || after < before);
    }
    assert_int_equal(scene_run(p, active.id).status, RUN_SCHEDULED);
    assert_int_equal(scene_count(p, "event"), 0);
}

// ---- lists

static void test_lists(struct place *p)
{
    enum { N = 7 };
    struct error err = {0};
    struct stream_run_row *list = NULL;
    struct str ids[N];
    size_t n = 0;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    struct elt_stream other = scene_lone_stream(p, "other", 2);
    for (int i = 0; i < N; i++) {
        ids[i] = scene_request(p, stream.id).id;
        if (i < N - 1) {
            struct run_claim claim = scene_take_one(p, "w");
            must(stream_run_begin(p->store, &claim.run, &err), &err);
            must(scene_end(p, &claim, RUN_COMPLETED, &err), &err);
        }
    }
    struct run_list_query q = {.account_id = ACCOUNT, .stream_id = stream.id, .max = 3};
    must(stream_run_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 4); // there is more
    check_slice(list[0].id, ids[N - 2]);
    q.with_unstarted = true;
    must(stream_run_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    check_slice(list[0].id, ids[N - 1]);
    q.after_requested_ms = list[2].requested_ms;
    must(stream_run_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    check_slice(list[0].id, ids[N - 4]);
    q = (struct run_list_query){.account_id = ACCOUNT,
                                .stream_id = stream.id,
                                .ascending = true,
                                .max = 1,
                                .after_requested_ms = scene_run(p, ids[2]).requested_ms - 1};
    must(stream_run_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    check_slice(list[0].id, ids[2]);
    // Of one that waits to begin, the list says nothing; of one that was cancelled it does.
    q.after_requested_ms = scene_run(p, ids[N - 1]).requested_ms - 1;
    must(stream_run_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 0);
    must(stream_run_cancel(p->store, ACCOUNT, ids[N - 1], &err), &err);
    must(stream_run_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 1);
    q.stream_id = other.id;
    must(stream_run_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 0);
}

static void test_status(struct place *p)
{
    struct error err = {0};
    struct stream_status_row *rows = NULL;
    size_t n = 0;
    scene_connection(p, "a", 1);
    struct elt_sync sync = scene_sync(p, "a", "one");
    struct elt_stream both = scene_stream(p, &sync, "contacts");
    struct elt_stream ended = scene_stream(p, &sync, "deals");
    struct elt_stream fresh = scene_stream(p, &sync, "owners");
    place_run(p, "UPDATE elt_stream SET created_ms = CASE name WHEN 'contacts' THEN 1 WHEN 'deals'"
                 " THEN 2 ELSE 3 END");
    struct str first = scene_request(p, ended.id).id;
    must(stream_run_cancel(p->store, ACCOUNT, first, &err), &err);
    struct str second = scene_request(p, ended.id).id;
    must(stream_run_cancel(p->store, ACCOUNT, second, &err), &err);
    struct str last = scene_request(p, both.id).id;
    must(stream_run_cancel(p->store, ACCOUNT, last, &err), &err);
    struct str active = scene_request(p, both.id).id;
    must(stream_run_status(p->store, sync.id, &p->arena, &rows, &n, &err), &err);
    assert_int_equal(n, 3);
    check_slice(rows[0].stream_id, both.id);
    check_slice(rows[0].active.id, active);
    check_slice(rows[0].latest.id, last);
    check_slice(rows[1].stream_id, ended.id);
    check_str(rows[1].active.id, "");
    check_slice(rows[1].latest.id, second);
    check_slice(rows[2].stream_id, fresh.id);
    check_str(rows[2].name, "owners");
    assert_true(rows[2].active.id.len == 0 && rows[2].latest.id.len == 0);
}

static void test_figures(struct place *p)
{
    struct error err = {0};
    struct run_figures f;
    must(stream_run_figures(p->store, &f, &err), &err);
    assert_true(f.due == 0 && f.oldest_due_ms == 0 && f.by_status[RUN_FAILED] == 0);
    struct elt_stream a = scene_lone_stream(p, "a", 1);
    struct elt_stream b = scene_lone_stream(p, "b", 2);
    struct stream_run_row run = scene_request(p, a.id);
    must(stream_run_cancel(p->store, ACCOUNT, run.id, &err), &err);
    scene_request(p, a.id);
    scene_request(p, b.id);
    place_run(p, "UPDATE stream_run SET not_before_ms = 77 WHERE connection_id = 'b'");
    must(stream_run_figures(p->store, &f, &err), &err);
    assert_true(f.by_status[RUN_SCHEDULED] == 2 && f.by_status[RUN_FAILED] == 1);
    assert_true(f.due == 2 && f.oldest_due_ms == 77);
}

// ---- bad days

static void test_a_full_store_is_left_whole(struct place *p)
{
    struct error err = {0};
    size_t n = 0;
    scene_connection(p, "acme", 1);
    struct elt_sync sync = scene_sync(p, "acme", "x");
    must(store_begin(p->store, &err), &err);
    for (int i = 0; i < 400; i++) {
        scene_stream(p, &sync, arena_printf(&p->arena, "a-rather-long-stream-name-%d", i).ptr);
    }
    must(store_end(p->store, true, &err), &err);
    struct str id = scene_request(p, scene_stream(p, &sync, "contacts").id).id;
    struct run_claim claim = scene_take_one(p, "w");
    int64_t pages = place_number(p, "PRAGMA page_count");
    place_run(p, arena_printf(&p->arena, "PRAGMA max_page_count = %lld", (long long)pages + 1).ptr);
    assert_false(stream_run_request_all(p->store, &sync, &n, &err));
    assert_int_equal(err.code, ERR_STORE_FULL);
    assert_int_equal(scene_count(p, "stream_run"), 1);
    assert_int_equal(scene_count(p, "event WHERE kind = 'run.scheduled'"), 1);
    // A message that does not fit: the run stays its worker's.
    char *text = arena_zalloc(&p->arena, 4000);
    memset(text, 'x', 4000);
    claim.run.error_message = (struct str){text, 4000};
    bool ended = true;
    for (int i = 0; i < 500 && ended; i++) {
        ended = scene_end(p, &claim, RUN_RETRYING, &err);
        if (ended) {
            claim = scene_take_one(p, "w");
            claim.run.error_message = (struct str){text, 4000};
        }
    }
    assert_false(ended);
    assert_int_equal(err.code, ERR_STORE_FULL);
    place_run(p, "PRAGMA max_page_count = 1000000");
    assert_int_equal(scene_run(p, id).status, RUN_RUNNING);
    must(scene_end(p, &claim, RUN_COMPLETED, &err), &err);
    must(stream_run_request_all(p->store, &sync, &n, &err), &err);
    assert_int_equal(n, 401);
}

// ---- a credential that HubSpot refuses

static void test_a_credential_is_refused_once(struct place *p)
{
    struct error err;
    struct connection c;
    bool waits = true;
    scene_connection(p, "a", 1);
    scene_connection(p, "b", 1);
    must(connection_refuse(p->store, STR("a"), 2, &waits, &err), &err);
    assert_false(waits); // another credential came
    must(connection_find(p->store, STR("a"), &p->arena, &c, &err), &err);
    assert_true(c.state == CONNECTION_ACTIVE && c.updated_ms == 1);
    must(connection_refuse(p->store, STR("a"), 1, &waits, &err), &err);
    assert_true(waits);
    must(connection_find(p->store, STR("a"), &p->arena, &c, &err), &err);
    assert_true(c.state == CONNECTION_NEEDS_REAUTHORIZATION && c.updated_ms > 1);
    must(connection_find(p->store, STR("b"), &p->arena, &c, &err), &err);
    assert_int_equal(c.state, CONNECTION_ACTIVE);
}

static void add_event(struct place *p, const char *kind, const char *connection)
{
    struct error err;
    struct stored_event e = {.account_id = ACCOUNT,
                             .kind = str_from(kind),
                             .connection_id = str_from(connection),
                             .data = STR("{}")};
    must(event_add(p->store, &e, &err), &err);
}

static void test_what_was_said_of_a_connection(struct place *p)
{
    struct error err;
    struct str kind = STR("x");
    must(event_last_of_connection(p->store, STR("a"), 0, &p->arena, &kind, &err), &err);
    check_str(kind, "");
    add_event(p, "connection.created", "a");
    add_event(p, "connection.needs_reauthorization", "a");
    add_event(p, "run.failed", "a");
    add_event(p, "connection.created", "b");
    must(event_last_of_connection(p->store, STR("a"), 0, &p->arena, &kind, &err), &err);
    check_str(kind, "connection.needs_reauthorization");
    must(event_last_of_connection(p->store, STR("a"), scene_now(p) + 60000, &p->arena, &kind, &err),
         &err);
    check_str(kind, "");
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_cancelling_in_each_state),
        PLACE_TEST(test_a_cancelled_run_without_a_worker_ends),
        PLACE_TEST(test_a_full_refresh_that_failed_is_still_wanted),
        PLACE_TEST(test_cancelling_all),
        PLACE_TEST(test_disabling),
        PLACE_TEST(test_removing),
        PLACE_TEST(test_what_is_old_is_forgotten_bit_by_bit),
        PLACE_TEST(test_lists),
        PLACE_TEST(test_status),
        PLACE_TEST(test_figures),
        PLACE_FILE_TEST(test_a_full_store_is_left_whole),
        PLACE_TEST(test_a_credential_is_refused_once),
        PLACE_TEST(test_what_was_said_of_a_connection),
        PLACE_TESTS_END,
    };
    return place_run_both("sync_store_ends", TESTS);
}
