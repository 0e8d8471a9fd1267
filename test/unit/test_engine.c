// The scheduler and its workers in virtual time, over SQLite.
#include "test_engine.h"

#include "core/random.h"
#include "core/timestamp.h"
#include "engine/cron.h"
#include "engine/plan.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)

// ---- ticks

static void test_ticks_become_runs(void **state)
{
    struct scene *s = *state;
    struct scene_sync sync = scene_add(s, "main", "*/10 * * * *", "{}", SCENE_THREE);
    struct engine *e = scene_engine(s, "w1", 2);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 0);
    scene_advance_ms(s, 10 * MINUTE_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 3);
    assert_int_equal(scene_active(s, "completed"), 3);
    assert_true(s->paper.starts[0].full);
    scene_advance_ms(s, 9 * MINUTE_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 3);
    scene_advance_ms(s, MINUTE_MS);
    scene_settle(e);
    assert_int_equal(paper_starts_of(&s->paper, sync.stream_id), 2);
    assert_false(s->paper.starts[5].full);
    assert_in_range(s->paper.most_running, 1, 2);
    struct engine_figures f;
    engine_figures(e, &f);
    assert_int_equal(f.started, 6);
    assert_int_equal(f.completed, 6);
    assert_int_equal(f.records, 60);
    assert_int_equal(f.running, 0);
    assert_in_range(f.lateness_max_ms, 0, 1000);
    engine_stop(e, 1000);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM worker"), 0);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM lease WHERE owner <> ''"), 0);
}

static void test_missed_ticks_are_one(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "*/10 * * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 2);
    scene_advance_ms(s, 3 * DAY_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 1);
    engine_stop(e, 1000);
    scene_advance_ms(s, 3 * DAY_MS);
    e = scene_engine(s, "w2", 2);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 2);
    scene_advance_ms(s, 10 * MINUTE_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 3);
    engine_stop(e, 1000);
}

// A run that is longer than the interval.
static void test_never_twice_at_once(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "* * * * *", "{}", SCENE_THREE);
    struct engine *e = scene_engine(s, "w1", 8);
    paper_hold(&s->paper, true);
    scene_advance_ms(s, MINUTE_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 3);
    for (int i = 0; i < 5; i++) {
        scene_advance_ms(s, MINUTE_MS);
        assert_true(engine_pass(e));
    }
    assert_int_equal(s->paper.n_starts, 3);
    assert_int_equal(scene_active(s, "running"), 3);
    assert_int_equal(scene_number(s, "SELECT sum(records) FROM stream_run"), 30);
    paper_hold(&s->paper, false);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 3);
    scene_advance_ms(s, MINUTE_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 6);
    engine_stop(e, 1000);
}

static void test_as_many_as_workers(void **state)
{
    struct scene *s = *state;
    struct engine *e = scene_engine(s, "w1", 3);
    paper_hold(&s->paper, true);
    for (int i = 0; i < 8; i++) {
        (void)scene_add(s, "main", "0 * * * *", "{}", SCENE_CONTACTS);
    }
    scene_advance_ms(s, HOUR_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 3);
    scene_advance_ms(s, 5000);
    assert_true(engine_pass(e));
    assert_int_equal(s->paper.n_starts, 3);
    assert_int_equal(scene_active(s, "scheduled"), 5);
    paper_hold(&s->paper, false);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 8);
    assert_int_equal(s->paper.most_running, 3);
    engine_stop(e, 1000);
}

static void test_an_interval_that_cannot_be_read(void **state)
{
    struct scene *s = *state;
    struct scene_sync good = scene_add(s, "main", "0 * * * *", "{}", SCENE_CONTACTS);
    (void)scene_add(s, "main", "1 * * * *", "{}", SCENE_CONTACTS);
    struct scene_sync zone = scene_add(s, "main", "2 * * * *", "{}", SCENE_CONTACTS);
    place_run(s->place, "UPDATE elt_sync SET sync_interval = 'now and then' "
                        "WHERE sync_interval = '1 * * * *'");
    place_run(s->place, "UPDATE elt_sync SET settings = '{\"time_zone\":\"Mars/Olympus\"}' "
                        "WHERE sync_interval = '2 * * * *'");
    struct engine *e = scene_engine(s, "w1", 2);
    for (int i = 0; i < 4; i++) {
        scene_advance_ms(s, HOUR_MS);
        scene_settle(e);
    }
    assert_int_equal(paper_starts_of(&s->paper, good.stream_id), 4);
    assert_int_equal(paper_starts_of(&s->paper, zone.stream_id), 1);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM elt_sync WHERE next_due_ms = 0"), 2);
    assert_int_equal(paper_log_count(&s->paper, "scheduled no more"), 2);
    engine_stop(e, 1000);
}

// ---- clocks that are set

static void test_clock_set_back(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 */6 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 2);
    scene_advance_ms(s, 6 * HOUR_MS + MINUTE_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 1);
    // By a little: the tick is not reached again.
    s->place->clock.wall_offset_ms -= 5 * MINUTE_MS;
    scene_settle(e);
    scene_advance_ms(s, 10 * MINUTE_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 1);
    // A year ahead and back again: the sync does not wait a year.
    s->place->clock.wall_offset_ms += 365 * DAY_MS;
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 2);
    s->place->clock.wall_offset_ms -= 365 * DAY_MS;
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 2);
    scene_advance_ms(s, 6 * HOUR_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 3);
    assert_int_equal(paper_log_count(&s->paper, "the clock was set back"), 2);
    engine_stop(e, 1000);
}

static void test_clock_set_back_while_waiting(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 1 1 *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 2);
    s->place->clock.wall_offset_ms += 400 * DAY_MS;
    s->paper.outcome = paper_fails;
    s->paper.code = ERR_CONNECT;
    scene_settle(e);
    assert_int_equal(scene_active(s, "retrying"), 1);
    s->paper.outcome = NULL;
    s->place->clock.wall_offset_ms -= 400 * DAY_MS;
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 2);
    assert_int_equal(scene_active(s, "completed"), 1);
    engine_stop(e, 1000);
}

// ---- a year

enum { SYNCS = 50, YEAR_PASSES_MAX = 60000 };

// Most are due on Sundays, when clocks are changed.
static const char *const INTERVALS[] = {
    "30 2 * * 0",  "0 0 * * 0",      "15 3 1 * *",  "0 12 * * MON", "0 0 29 * *", "@weekly",
    "59 23 * * 5", "*/30 2 * * SUN", "0 4 */9 * *", "@monthly",     "0 0 * * *",
};
static const char *const ZONES[] = {"",
                                    "Europe/Berlin",
                                    "America/New_York",
                                    "Australia/Lord_Howe",
                                    "Africa/Casablanca",
                                    "America/Havana",
                                    "Asia/Kolkata"};

// What each sync should do, kept beside the store.
struct year {
    struct scene *scene;
    struct random random;
    struct engine *engine;
    struct cron crons[SYNCS];
    struct str zones[SYNCS];
    struct scene_sync syncs[SYNCS];
    int64_t due_ms[SYNCS];
    size_t runs[SYNCS];
    size_t restarts, jumps;
};

static int64_t after(struct year *y, size_t i, int64_t ms)
{
    int64_t next = 0;
    assert_true(cron_next(&y->crons[i], y->zones[i], ms, &next));
    return next;
}

static void year_init(struct year *y, struct scene *s)
{
    struct error err;
    *y = (struct year){.scene = s};
    random_seed(&y->random, 2026);
    for (size_t i = 0; i < SYNCS; i++) {
        const char *text = INTERVALS[i % ARRAY_LEN(INTERVALS)];
        y->zones[i] = str_from(ZONES[i % ARRAY_LEN(ZONES)]);
        struct str settings =
            arena_printf(&s->place->arena, "{\"time_zone\":\"%.*s\"}", STR_ARG(y->zones[i]));
        must(cron_parse(str_from(text), &y->crons[i], &err), &err);
        y->syncs[i] = scene_add(s, "main", text, settings.ptr, SCENE_CONTACTS);
        y->due_ms[i] = after(y, i, scene_now(s));
    }
}

static int64_t earliest(const struct year *y)
{
    int64_t ret = INT64_MAX;
    for (size_t i = 0; i < SYNCS; i++) {
        ret = MIN(ret, y->due_ms[i]);
    }
    return ret;
}

// Time passes until the next tick, or past many while nobody is there, or the clock is set.
static void pass_time(struct year *y)
{
    struct scene *s = y->scene;
    int64_t ms = MAX(earliest(y) - scene_now(s), 0);
    switch (random_below(&y->random, 150)) {
    case 0: // the process is away for a while
        engine_stop(y->engine, 1000);
        ms += (int64_t)random_below(&y->random, 3 * DAY_MS);
        scene_advance_ms(s, ms);
        y->engine = scene_engine(s, y->restarts % 2 ? "w1" : "w2", 4);
        y->restarts++;
        return;
    case 1: // restarts right at a tick
        scene_advance_ms(s, ms);
        engine_stop(y->engine, 1000);
        y->engine = scene_engine(s, "w1", 4);
        y->restarts++;
        return;
    case 2:
        s->place->clock.wall_offset_ms += (int64_t)random_below(&y->random, DAY_MS);
        y->jumps++;
        return;
    case 3: // back by less than two hours
        s->place->clock.wall_offset_ms -= (int64_t)random_below(&y->random, 2 * HOUR_MS - 1);
        y->jumps++;
        return;
    default:
        scene_advance_ms(s, ms);
        return;
    }
}

static void check_year(struct year *y)
{
    int64_t now = scene_now(y->scene);
    size_t total = 0;
    for (size_t i = 0; i < SYNCS; i++) {
        if (y->due_ms[i] <= now) {
            y->runs[i]++;
            y->due_ms[i] = after(y, i, now);
        }
        total += y->runs[i];
    }
    if (y->scene->paper.n_starts != total) {
        char text[TIMESTAMP_TEXT_MAX];
        assert_true(timestamp_format(now, text));
        fail_msg("%s: %zu runs, not %zu", text, y->scene->paper.n_starts, total);
    }
}

static void test_a_year(void **state)
{
    struct scene *s = *state;
    struct year y;
    int64_t end_ms = scene_now(s) + 366 * DAY_MS;
    year_init(&y, s);
    y.engine = scene_engine(s, "w1", 4);
    int passes = 0;
    while (scene_now(s) < end_ms && passes++ < YEAR_PASSES_MAX) {
        pass_time(&y);
        scene_settle(y.engine);
        check_year(&y);
    }
    assert_true(scene_now(s) >= end_ms);
    for (size_t i = 0; i < SYNCS; i++) {
        assert_int_equal(paper_starts_of(&s->paper, y.syncs[i].stream_id), y.runs[i]);
    }
    assert_true(y.restarts > 10 && y.jumps > 10 && s->paper.n_starts > 2000);
    assert_int_equal(scene_active(s, "failed"), 0);
    print_message("%d passes, %zu runs, %zu restarts, %zu jumps\n", passes, s->paper.n_starts,
                  y.restarts, y.jumps);
    engine_stop(y.engine, 1000);
}

// ---- failures

static void test_backoff(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 2);
    s->paper.outcome = paper_fails;
    s->paper.code = ERR_SOURCE_UNAVAILABLE;
    scene_advance_ms(s, DAY_MS);
    static const int64_t WAITS_S[] = {30, 120, 480, 1800};
    for (size_t i = 0; i < ARRAY_LEN(WAITS_S); i++) {
        scene_settle(e);
        assert_int_equal(s->paper.n_starts, i + 1);
        assert_int_equal(scene_active(s, "retrying"), 1);
        scene_advance_ms(s, WAITS_S[i] * 1000 - 1);
        scene_settle(e);
        assert_int_equal(s->paper.n_starts, i + 1); // not earlier
        scene_advance_ms(s, WAITS_S[i] * 250 + 1);
    }
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, RUN_TRIES_MAX);
    assert_int_equal(scene_active(s, "failed"), 1);
    scene_advance_ms(s, 12 * HOUR_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, RUN_TRIES_MAX); // until the next tick
    s->paper.outcome = NULL;
    scene_advance_ms(s, 12 * HOUR_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, RUN_TRIES_MAX + 1);
    assert_int_equal(scene_active(s, "completed"), 1);
    struct engine_figures f;
    engine_figures(e, &f);
    assert_int_equal(f.retried, 4);
    assert_int_equal(f.failed, 1);
    engine_stop(e, 1000);
}

static void test_fails_at_once(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 2);
    s->paper.outcome = paper_fails;
    s->paper.code = ERR_SCOPE;
    scene_advance_ms(s, DAY_MS);
    scene_settle(e);
    assert_int_equal(scene_active(s, "failed"), 1);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM connection WHERE state = 'active'"), 1);
    engine_stop(e, 1000);
}

static void test_delayed_holds_no_worker(void **state)
{
    struct scene *s = *state;
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_THREE);
    struct engine *e = scene_engine(s, "w1", 1);
    s->paper.outcome = paper_fails;
    s->paper.code = ERR_DAILY_LIMIT;
    scene_advance_ms(s, DAY_MS);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 3); // one after another, on one worker
    assert_int_equal(scene_active(s, "delayed"), 3);
    assert_int_equal(workers_busy(e), 0);
    s->paper.outcome = NULL;
    scene_advance_ms(s, 10 * MINUTE_MS - 1000);
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 3);
    scene_advance_ms(s, 1000);
    scene_settle(e);
    assert_int_equal(scene_active(s, "completed"), 3);
    engine_stop(e, 1000);
}

static void check_pause(struct scene *s, enum error_code code)
{
    (void)scene_add(s, "main", "0 0 * * *", "{}", SCENE_THREE);
    scene_connection(s, "other");
    struct scene_sync other = scene_add(s, "other", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 8);
    paper_hold(&s->paper, true);
    scene_advance_ms(s, DAY_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 4);
    place_run(s->place, "UPDATE connection SET updated_ms = 1");
    pthread_mutex_lock(&s->paper.lock);
    s->paper.outcome = paper_fails;
    s->paper.code = code;
    pthread_mutex_unlock(&s->paper.lock);
    place_run(s->place, "UPDATE stream_run SET cancel = 1 WHERE connection_id = 'other'");
    scene_advance_ms(s, 1000);
    assert_true(engine_pass(e)); // the other connection's is cancelled
    paper_hold(&s->paper, false);
    scene_settle(e);
    assert_int_equal(s->paper.n_cancelled, 1);
    assert_int_equal(scene_active(s, "failed"), 4);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM connection WHERE name = 'main' AND "
                                     "state = 'needs_reauthorization'"),
                     1);
    assert_int_equal(
        scene_number(s,
                     "SELECT count(*) FROM event WHERE kind = 'connection.needs_reauthorization'"),
        1);
    assert_int_equal(paper_log_count(&s->paper, "needs to be authorized anew"), 1);
    s->paper.outcome = NULL;
    for (int i = 0; i < 5; i++) {
        scene_advance_ms(s, DAY_MS);
        scene_settle(e);
    }
    assert_int_equal(s->paper.n_starts, 4 + 5);
    assert_int_equal(paper_starts_of(&s->paper, other.stream_id), 1 + 5);
    place_run(s->place, "UPDATE connection SET state = 'active'");
    scene_settle(e);
    assert_int_equal(s->paper.n_starts, 4 + 5 + 3); // once, not five times
    engine_stop(e, 1000);
}

static void test_dead_grant(void **state)
{
    check_pause(*state, ERR_REAUTHORIZE);
}

static void test_dead_token(void **state)
{
    check_pause(*state, ERR_CREDENTIALS);
}

static void fails_once(struct paper *p, const struct run_claim *claim, struct stream_run_row *ret)
{
    paper_fails(p, claim, ret);
    p->outcome = NULL;
}

// Somebody stored a new token while the run with the former one was at work: it goes on with that.
static void test_replaced_token(void **state)
{
    struct scene *s = *state;
    struct scene_sync sync = scene_add(s, "main", "0 0 * * *", "{}", SCENE_CONTACTS);
    struct engine *e = scene_engine(s, "w1", 1);
    paper_hold(&s->paper, true);
    s->paper.outcome = fails_once;
    s->paper.code = ERR_CREDENTIALS;
    scene_advance_ms(s, DAY_MS);
    assert_true(engine_pass(e));
    paper_await_running(&s->paper, 1);
    scene_advance_ms(s, 1000);
    scene_connection(s, "main");
    paper_hold(&s->paper, false);
    scene_settle(e);
    assert_int_equal(scene_active(s, "failed"), 1);
    assert_int_equal(scene_active(s, "completed"), 1);
    assert_int_equal(paper_starts_of(&s->paper, sync.stream_id), 2);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM connection WHERE state = 'active'"), 1);
    // A token that was there all the time is dead.
    s->paper.outcome = paper_fails;
    scene_advance_ms(s, DAY_MS);
    scene_settle(e);
    assert_int_equal(paper_starts_of(&s->paper, sync.stream_id), 3);
    assert_int_equal(scene_number(s, "SELECT count(*) FROM connection WHERE state = 'active'"), 0);
    // Another one: at once, not at the next tick.
    s->paper.outcome = NULL;
    scene_advance_ms(s, 1000);
    scene_connection(s, "main");
    scene_settle(e);
    assert_int_equal(paper_starts_of(&s->paper, sync.stream_id), 4);
    assert_int_equal(scene_active(s, "completed"), 2);
    engine_stop(e, 1000);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, scene_setup, scene_teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_ticks_become_runs),
        TEST(test_missed_ticks_are_one),
        TEST(test_never_twice_at_once),
        TEST(test_as_many_as_workers),
        TEST(test_an_interval_that_cannot_be_read),
        TEST(test_clock_set_back),
        TEST(test_clock_set_back_while_waiting),
        TEST(test_backoff),
        TEST(test_fails_at_once),
        TEST(test_delayed_holds_no_worker),
        TEST(test_dead_grant),
        TEST(test_dead_token),
        TEST(test_replaced_token),
        cmocka_unit_test_setup_teardown(test_a_year, scene_setup_in_memory, scene_teardown),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
