// Two processes' engines over one PostgreSQL store: each works for other connections, and when one
// is stopped dead the other goes on with what it did.
#include "test_engine.h"
#include "test_place_both.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

enum {
    STEP_MS = 250,
    TAKEN_OVER_MS = 15000,
};

// The server's clock decides about leases and what is due; the engines' own counts their seconds.
static void pass_for(struct scene *s, struct engine *a, struct engine *b)
{
    struct timespec step = {.tv_nsec = STEP_MS * 1000000};
    nanosleep(&step, NULL);
    scene_advance_ms(s, STEP_MS);
    assert_true(!a || engine_pass(a));
    assert_true(!b || engine_pass(b));
}

static void make_due(struct scene *s)
{
    place_run(s->place, "UPDATE elt_sync SET next_due_ms = 1 WHERE enabled = 1");
}

static void test_a_connection_has_one_worker(struct place *p)
{
    struct scene s;
    scene_init(&s, p);
    scene_connection(&s, "one");
    scene_connection(&s, "two");
    for (int i = 0; i < 3; i++) {
        (void)scene_add(&s, "one", "0 0 1 1 *", "{}", SCENE_CONTACTS);
        (void)scene_add(&s, "two", "0 0 1 1 *", "{}", SCENE_CONTACTS);
    }
    place_run(p, "UPDATE connection SET portal_id = 8 WHERE name = 'two'");
    paper_hold(&s.paper, true);
    struct engine *a = scene_engine(&s, "wa", 1);
    struct engine *b = scene_engine(&s, "wb", 8);
    make_due(&s);
    assert_true(engine_pass(a));
    paper_await_running(&s.paper, 1); // of one connection: the others of it are this process's too
    assert_true(engine_pass(b));
    paper_await_running(&s.paper, 4);
    assert_int_equal(scene_number(&s, "SELECT count(DISTINCT connection_id) FROM stream_run "
                                      "WHERE status = 'running'"),
                     2);
    assert_int_equal(scene_number(&s, "SELECT count(DISTINCT connection_id || worker) FROM "
                                      "stream_run WHERE status = 'running'"),
                     2);
    assert_int_equal(scene_active(&s, "scheduled"), 2);
    paper_hold(&s.paper, false);
    for (int i = 0; i < 1000 && scene_active(&s, "completed") < 6; i++) {
        pass_for(&s, a, b);
    }
    assert_int_equal(scene_active(&s, "completed"), 6);
    assert_int_equal(scene_number(&s, "SELECT count(*) FROM worker"), 2);
    engine_stop(a, 10000);
    engine_stop(b, 10000);
    assert_int_equal(scene_number(&s, "SELECT count(*) FROM lease WHERE owner IN ('wa', 'wb')"), 0);
    scene_done(&s);
}

static void test_another_goes_on(struct place *p)
{
    struct scene s;
    scene_init(&s, p);
    scene_connection(&s, "main");
    (void)scene_add(&s, "main", "0 0 1 1 *", "{}", SCENE_THREE);
    paper_hold(&s.paper, true);
    struct engine *dead = scene_engine(&s, "wa", 4);
    struct engine *e = scene_engine(&s, "wb", 4);
    make_due(&s);
    int64_t taken_ms = engine_real_ms();
    assert_true(engine_pass(dead));
    paper_await_running(&s.paper, 3);
    pthread_mutex_lock(&s.paper.lock);
    uint64_t theirs[3];
    for (size_t i = 0; i < 3; i++) {
        theirs[i] = s.paper.starts[i].stream;
    }
    s.paper.n_running = 0; // what the dead one runs does not count
    pthread_mutex_unlock(&s.paper.lock);
    struct str lease = dead->slots[0].claim.lease;
    int64_t fence = dead->slots[0].claim.run.fence;
    int64_t begin_ms = engine_real_ms();
    int64_t slowest_ms = 0; // of a pass and all that is looked at beside it
    while (s.paper.n_starts < 6 && engine_real_ms() - begin_ms < 8 * TAKEN_OVER_MS) {
        int64_t round_ms = engine_real_ms();
        // Nobody is at work for both at once.
        assert_true(scene_number(&s, "SELECT count(DISTINCT worker) FROM stream_run "
                                     "WHERE status = 'running'") <= 1);
        pass_for(&s, NULL, e);
        pthread_mutex_lock(&s.paper.lock);
        bool over = s.paper.n_starts > 3;
        pthread_mutex_unlock(&s.paper.lock);
        if (over) {
            assert_false(workers_may_commit(dead, lease, fence)); // long before another has it
            paper_await_running(&s.paper, 3);
        }
        slowest_ms = MAX(slowest_ms, engine_real_ms() - round_ms);
    }
    int64_t now_ms = engine_real_ms();
    print_message("taken over after %lld ms\n", (long long)(now_ms - begin_ms));
    assert_true(now_ms - taken_ms >= LEASE_MS - LEASE_RENEW_MS);
    // Where a round alone takes seconds, those of the last one are the machine's.
    assert_true(now_ms - begin_ms <= TAKEN_OVER_MS + slowest_ms);
    assert_int_equal(
        scene_number(&s,
                     "SELECT count(*) FROM stream_run WHERE status = 'running' AND worker = 'wb' "
                     "AND fence > 1"),
        3);
    // The dead one wakes up: it may not write, and what it says of its runs is not heard.
    pthread_mutex_lock(&s.paper.lock);
    for (size_t i = 0; i < 3; i++) {
        s.paper.running[s.paper.n_running++] = theirs[i];
    }
    s.paper.deaf = true;
    pthread_mutex_unlock(&s.paper.lock);
    assert_true(engine_pass(dead));
    assert_false(workers_may_commit(dead, lease, fence));
    assert_true(workers_may_commit(e, e->slots[0].claim.lease, e->slots[0].claim.run.fence));
    paper_hold(&s.paper, false);
    assert_true(workers_settle(dead, engine_real_ms() + 60000));
    assert_true(workers_settle(e, engine_real_ms() + 60000));
    assert_int_equal(paper_log_count(&s.paper, "msg=\"a run is no longer this worker's\""), 3);
    assert_int_equal(scene_number(&s, "SELECT count(*) FROM stream_run WHERE records = 10"), 3);
    assert_int_equal(scene_active(&s, "completed"), 3);
    engine_stop(dead, 10000);
    engine_stop(e, 10000);
    scene_done(&s);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        {"test_a_connection_has_one_worker", test_a_connection_has_one_worker, PLACE_SERVER_ONLY},
        {"test_another_goes_on", test_another_goes_on, PLACE_SERVER_ONLY},
        PLACE_TESTS_END,
    };
    return place_run_both("engine_fleet", TESTS);
}
