// The bad days of the scheduler and its workers: a store that fails, leases that are lost,
// processes that end.
#include "test_engine.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

// ---- bad days

static void test_store_is_busy(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct error err;
    void (*patient)(const struct clock *c, int64_t us) = s->place->clock.clock.sleep_us;
    struct engine *e = scene_engine(s, "w1", 1);
    s->place->clock.clock.sleep_us = s->sleep_us; // waits come to their end
    must(store_begin(s->place->store, &err), &err);
    must(elt_sync_set_due(s->place->store, STR("none"), 0, &err) || err.code == ERR_NOT_FOUND,
         &err);
    place_run(s->place, "UPDATE workspace SET name = name");
    scene_advance_ms(s, DAY_MS);
    for (int i = 0; i < 3; i++) {
        assert_false(engine_pass(e));
    }
    assert_int_equal(paper_log_count(&s->paper, "the store fails"), 1);
    assert_int_equal(s->paper.n_starts, 0);
    must(store_end(s->place->store, true, &err), &err);
    s->place->clock.clock.sleep_us = patient;
    s->paper.log.level = LOG_INFO;
    scene_settle(e);
    assert_int_equal(paper_log_count(&s->paper, "the store is back"), 1);
    assert_int_equal(s->paper.n_starts, 1);
    engine_stop(e, 1000);
}

static void test_lease_must_be_fresh(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 1);
    paper_hold(&s->paper, true);
    scene_advance_ms(s, DAY_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 1);
    struct str lease = e->slots[0].claim.lease;
    int64_t fence = e->slots[0].claim.run.fence;
    assert_true(workers_may_commit(e, lease, fence));
    scene_advance_ms(s, LEASE_MS - LEASE_MARGIN_MS - 1);
    assert_true(workers_may_commit(e, lease, fence));
    scene_advance_ms(s, 1);
    assert_false(workers_may_commit(e, lease, fence));
    assert_true(engine_pass(e)); // nobody else came: it goes on
    assert_true(workers_may_commit(e, lease, fence));
    paper_hold(&s->paper, false);
    scene_settle(e);
    assert_int_equal(scene_active(s, "completed"), 1);
    engine_stop(e, 1000);
}

static void test_lease_is_lost(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 2);
    paper_hold(&s->paper, true);
    scene_advance_ms(s, DAY_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 1);
    pthread_mutex_lock(&s->paper.lock);
    s->paper.deaf = true;
    pthread_mutex_unlock(&s->paper.lock);
    struct str lease = e->slots[0].claim.lease;
    int64_t fence = e->slots[0].claim.run.fence;
    // While this process slept, another took over and is at work.
    scene_advance_ms(s, 60000);
    place_run(s->place,
              "UPDATE lease SET owner = 'w9', fence = fence + 1, until_ms = 4102444800000");
    place_run(s->place, "UPDATE stream_run SET worker = 'w9', fence = fence + 1 WHERE active = 1");
    assert_true(engine_pass(e));
    assert_false(workers_may_commit(e, lease, fence));
    assert_int_equal(paper_log_count(&s->paper, "a run is no longer"), 1);
    paper_hold(&s->paper, false); // it ends as if it had succeeded
    assert_true(workers_settle(e, engine_real_ms() + 60000));
    assert_int_equal(scene_active(s, "running"), 1);
    assert_int_equal(scene_active(s, "completed"), 0);
    scene_advance_ms(s, 5000);
    assert_true(engine_pass(e));
    assert_int_equal(s->paper.n_starts, 1); // it is the other's now
    engine_stop(e, 1000);
}

static void test_cancel(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 1);
    paper_hold(&s->paper, true);
    scene_advance_ms(s, DAY_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 1);
    struct error err;
    must(stream_run_cancel(s->place->store, s->account_id, e->slots[0].claim.run.id, &err), &err);
    scene_advance_ms(s, 1000);
    assert_true(engine_pass(e));
    assert_true(workers_settle(e, engine_real_ms() + 60000));
    assert_int_equal(s->paper.n_cancelled, 1);
    assert_int_equal(scene_active(s, "failed"), 1);
    engine_stop(e, 1000);
}

static void test_stop_gives_back(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_THREE);
    struct engine *e = scene_engine(s, "w1", 4);
    paper_hold(&s->paper, true);
    scene_advance_ms(s, DAY_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 3);
    engine_stop(e, 60000);
    assert_int_equal(scene_active(s, "scheduled"), 3);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM lease WHERE owner <> ''"), 0);
    paper_hold(&s->paper, false);
    e = scene_engine(s, "w2", 4);
    scene_settle(e);
    assert_int_equal(scene_active(s, "completed"), 3);
    engine_stop(e, 1000);
}

// kill -9 and a restart on a file: nobody waits for the former process's leases.
static void test_restart_goes_on_at_once(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_THREE);
    struct engine *dead = scene_engine(s, "w1", 4);
    paper_hold(&s->paper, true);
    scene_advance_ms(s, DAY_MS);
    assert_true(engine_pass(dead));
    paper_await_running(&s->paper, 3);
    pthread_mutex_lock(&s->paper.lock);
    s->paper.n_running = 0; // what the dead process ran is no more
    pthread_mutex_unlock(&s->paper.lock);
    struct engine *e = scene_engine(s, "w2", 4);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 3);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM stream_run WHERE worker = 'w2'"), 3);
    // The dead one's threads are still here; what they say is not heard.
    pthread_mutex_lock(&s->paper.lock);
    for (size_t i = 0; i < 3; i++) {
        s->paper.running[3 + i] = s->paper.running[i];
    }
    s->paper.n_running = 6;
    pthread_mutex_unlock(&s->paper.lock);
    paper_hold(&s->paper, false);
    assert_true(workers_settle(dead, engine_real_ms() + 60000));
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 6);
    assert_int_equal(scene_active(s, "completed"), 3);
    struct engine_figures f;
    engine_figures(e, &f);
    assert_int_equal(f.completed, 3);
    engine_stop(dead, 1000);
    engine_stop(e, 1000);
}

// ---- the thread

static void test_with_its_thread(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_THREE);
    struct engine *e = NULL;
    struct error err;
    struct engine_options o = {.store = place_options(s->place),
                               .worker = STR("w1"),
                               .workers = 2,
                               .schedule = true,
                               .time_zone = STR("Europe/Berlin"),
                               .clock = &s->place->clock.clock,
                               .log = &s->paper.log};
    must(engine_start(&o, &e, &err), &err);
    scene_advance_ms(s, DAY_MS);
    engine_wake(e);
    pthread_mutex_lock(&s->paper.lock);
    while (s->paper.n_starts < 3) {
        pthread_cond_wait(&s->paper.changed, &s->paper.lock);
    }
    pthread_mutex_unlock(&s->paper.lock);
    engine_stop(e, 60000);
    assert_int_equal(scene_active(s, "running"), 0);
    engine_stop(NULL, 0);
}

static void test_bad_options(void **state)
{
    struct scene *s = *state;
    struct engine *e = NULL;
    struct error err;
    struct engine_options o = {.store = place_options(s->place),
                               .worker = STR("w1"),
                               .workers = 1,
                               .time_zone = STR("Mars/Olympus"),
                               .clock = &s->place->clock.clock,
                               .log = &s->paper.log};
    assert_false(engine_start(&o, &e, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    check_contains(err.message, "Mars/Olympus");
    o.time_zone = STR("");
    o.store.directory = STR("/proc/nowhere");
    assert_false(engine_start(&o, &e, &err));
    assert_null(e);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_store_is_busy),   TEST(test_lease_must_be_fresh),
        TEST(test_lease_is_lost),   TEST(test_cancel),
        TEST(test_stop_gives_back), TEST(test_restart_goes_on_at_once),
        TEST(test_with_its_thread), TEST(test_bad_options),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
