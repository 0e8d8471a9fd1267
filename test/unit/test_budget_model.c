#include "test_budget_world.h"

#include "core/timestamp.h"

// A budget and its streams against a model of HubSpot's own counters, in virtual time: seeded
// limits, shares, latencies, and other programs' calls.

// ---- promises that hold whatever happens

static void test_never_over_the_share(void **state)
{
    (void)state;
    static const int64_t LIMITS[] = {100, 110, 150, 190, 250};
    static const double SHARES[] = {0.3, 0.5, 0.8, 0.95, 1};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct random r;
        random_seed(&r, seed);
        struct world *w = world_make(seed, LIMITS[random_below(&r, ARRAY_LEN(LIMITS))],
                                     SHARES[random_below(&r, ARRAY_LEN(SHARES))],
                                     1 + (int)random_below(&r, STREAMS_MAX));
        w->flying_max = 1 + (int)random_below(&r, FLYING_MAX);
        w->way_most_us = w->way_least_us + (int64_t)random_below(&r, 240000);
        for (int i = 0; i < w->n_streams; i++) {
            struct stream *s = &w->streams[i];
            s->priority = (enum budget_priority)random_below(&r, BUDGET_PRIORITY_COUNT);
            s->class = random_below(&r, 3) == 0 ? BUDGET_ASSOCIATIONS : BUDGET_GENERAL;
            s->think_us = random_below(&r, 2) ? (int64_t)random_below(&r, 3 * SECOND) : 0;
        }
        if (seed % 2) {
            w->other_every_us = (int64_t)(20000 + random_below(&r, 2 * SECOND));
            w->other_burst = 1 + (int64_t)random_below(&r, 5);
            w->other_on = true;
        }
        world_run(w, 100 * SECOND);
        assert_true(w->sent.n > 0);
        assert_true(times_peak(&w->sent, SPAN, 0, NEVER) <= world_share(w));
        // What arrives is bunched by way of at most half a second.
        assert_true(times_peak(&w->ours, SPAN, 0, NEVER) <= world_share(w) * 105 / 100 + 1);
        assert_true(w->other_on || w->share > 0.95 || w->refused == 0);
        world_destroy(w);
    }
}

// Hungry streams get what the share allows, less the little that is kept for better priorities.
static void test_never_idle(void **state)
{
    (void)state;
    static const int64_t LIMITS[] = {100, 110, 190, 250};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = world_make(seed, LIMITS[seed % ARRAY_LEN(LIMITS)], 0.8, 20);
        world_run(w, 5 * MINUTE);
        double allowed = (double)world_share(w) * 30;
        assert_true((double)w->sent.n >= 0.97 * allowed);
        assert_true(times_peak(&w->sent, SPAN, 0, NEVER) <= world_share(w));
        assert_true(times_peak(&w->ours, SPAN, 0, NEVER) <= world_share(w) * 160 / 152);
        assert_true(w->refused == 0);
        world_destroy(w);
    }
}

// ---- others

static void others_come_and_go(struct world *w, int64_t now_us)
{
    w->other_on = now_us >= MINUTE && now_us < 3 * MINUTE;
}

// Of 190, others use 100: we use 52; within a window of their coming and going.
static void check_others(uint64_t seed, int64_t every_us, int64_t burst)
{
    struct world *w = world_make(seed, 190, 0.8, 20);
    w->other_every_us = every_us;
    w->other_burst = burst;
    w->scene = others_come_and_go;
    world_run(w, 5 * MINUTE);
    assert_int_equal(w->refused, 0);
    int64_t others = SPAN / every_us * burst;
    int64_t left = 152 - others;
    // While they are there.
    assert_true(times_peak(&w->sent, SPAN, MINUTE + 2 * SPAN, 3 * MINUTE) <= left);
    // All together, ours and theirs, never pass the share by more than a ramp's few.
    assert_true(times_peak(&w->counted, SPAN, MINUTE, 3 * MINUTE + SPAN) <= 178);
    int64_t during = times_in(&w->sent, MINUTE + 2 * SPAN, 3 * MINUTE);
    assert_true((double)during >= 0.85 * (double)left * 10);
    // Before, and a window after.
    assert_true((double)times_in(&w->sent, 2 * SPAN, MINUTE) >= 0.94 * 152 * 4);
    assert_true((double)times_in(&w->sent, 3 * MINUTE + SPAN, 3 * MINUTE + 3 * SPAN) >=
                0.92 * 152 * 2);
    world_destroy(w);
}

static void test_others_steady(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        check_others(seed, SPAN / 100, 1); // 100 in a window
        check_others(seed, SPAN / 50, 1);
    }
}

// Half of the limit, evenly and in bunches: no 429 of ours.
static void test_half_is_others(void **state)
{
    (void)state;
    static const int64_t BURSTS[] = {1, 5, 10, 19};
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct world *w = world_make(seed, 190, 0.8, 20);
        w->other_burst = BURSTS[seed % ARRAY_LEN(BURSTS)];
        w->other_every_us = SPAN * w->other_burst / 95;
        w->scene = others_come_and_go;
        world_run(w, 5 * MINUTE);
        assert_int_equal(w->refused, 0);
        assert_int_equal(w->others_refused, 0);
        assert_true(times_peak(&w->counted, SPAN, 0, NEVER) <= 178);
        assert_true(times_in(&w->sent, MINUTE + SPAN, 3 * MINUTE) >= 57 * 11 * 8 / 10);
        assert_true(times_in(&w->sent, 3 * MINUTE, NEVER) >= 152 * 12 * 92 / 100);
        world_destroy(w);
    }
}

static void limit_changes(struct world *w, int64_t now_us)
{
    w->max = now_us >= 2 * MINUTE && now_us < 4 * MINUTE ? 190 : 100;
}

// Another tier is noticed with the next answer: the rate follows within a window, up and down.
static void test_limit_changes(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct world *w = world_make(seed, 100, 0.8, 20);
        w->scene = limit_changes;
        world_run(w, 6 * MINUTE);
        int64_t up_us = 2 * MINUTE + SPAN;
        assert_true(times_in(&w->sent, up_us, up_us + SPAN) >= 140);
        assert_true(times_peak(&w->sent, SPAN, 0, 2 * MINUTE) <= 80);
        int64_t down_us = 4 * MINUTE + SPAN;
        assert_true(times_peak(&w->sent, SPAN, down_us + SPAN, NEVER) <= 80);
        assert_true(times_in(&w->sent, down_us + SPAN, down_us + 3 * SPAN) >= 150);
        // Only what was under way when the limit fell.
        assert_in_range(w->refused, 0, 20);
        world_destroy(w);
    }
}

// ---- turns and priorities

static void test_turns(void **state)
{
    (void)state;
    struct world *w = world_make(1, 190, 0.8, 20);
    w->streams[3].class = BUDGET_ASSOCIATIONS;
    for (int i = 10; i < 20; i++) {
        w->streams[i].think_us = SECOND / 1000;
    }
    world_run(w, 10 * MINUTE);
    double mean = (double)w->sent.n / 20;
    for (int i = 0; i < w->n_streams; i++) {
        assert_true((double)w->streams[i].sent > 0.9 * mean);
        assert_true((double)w->streams[i].sent < 1.1 * mean);
    }
    world_destroy(w);
}

// Changes go before backfills, and who waits for an answer before all.
static void test_priorities(void **state)
{
    (void)state;
    struct world *w = world_make(2, 190, 0.8, 20);
    w->streams[0].priority = BUDGET_INTERACTIVE;
    w->streams[0].think_us = 2 * SECOND;
    w->streams[1].priority = BUDGET_WRITE;
    w->streams[1].think_us = SECOND / 2;
    w->streams[2].priority = BUDGET_INCREMENTAL;
    w->streams[2].think_us = SECOND / 2;
    world_run(w, 10 * MINUTE);
    // They get what they ask for, and who waits for an answer gets it at once.
    assert_true(w->streams[0].sent > 10 * 60 / 2 * 8 / 10);
    assert_true(w->streams[0].longest_wait_us < SECOND);
    for (int i = 1; i < 3; i++) {
        assert_true(w->streams[i].sent > 10 * 60);
    }
    assert_true((double)w->sent.n >= 0.85 * 152 * 60);
    assert_int_equal(w->refused, 0);
    world_destroy(w);
}

// ---- a day

static int64_t ms_of(const char *text)
{
    int64_t ms = 0;
    assert_true(timestamp_parse(str_from(text), &ms));
    return ms;
}

// A backfill spends its part of the day and waits for midnight in the account's time zone; changes
// go on. The day on which clocks go back has 25 hours.
static void check_day(const char *begin, const char *midnight, int64_t hours)
{
    struct world *w = world_make(3, 190, 0.8, 20);
    w->daily = 100000;
    w->wall_ms = ms_of(begin);
    w->midnights_us[0] = (ms_of(midnight) - w->wall_ms) * 1000;
    assert_true(w->midnights_us[0] == hours * HOUR);
    w->midnights_us[1] = w->midnights_us[0] + 24 * HOUR;
    budget_set_zone(w->budget, STR("America/New_York"), 0, w->wall_ms);
    for (int i = 0; i < 4; i++) { // changes, all day long
        w->streams[i].priority = BUDGET_INCREMENTAL;
        w->streams[i].think_us = 40 * SECOND;
    }
    world_run(w, w->midnights_us[0]);
    int64_t backfill = 0;
    for (int i = 4; i < w->n_streams; i++) {
        backfill += w->streams[i].sent;
    }
    assert_int_equal(w->refused + w->refused_for_day, 0);
    assert_true(backfill <= 56000 && backfill >= 54000);
    assert_true((int64_t)w->sent.n > backfill + 4 * hours * 3600 / 40 * 9 / 10);
    assert_true((int64_t)w->sent.n <= 80000);
    assert_true(w->day_wait_us > 20 * HOUR && w->day_wait_us <= hours * HOUR);
    // And on at midnight, not before.
    size_t n = w->sent.n;
    world_run(w, w->midnights_us[0] + MINUTE);
    assert_true(w->sent.n - n >= 152 * 5);
    assert_int_equal(w->refused + w->refused_for_day, 0);
    world_destroy(w);
}

static void test_day(void **state)
{
    (void)state;
    check_day("2026-11-22T05:00:00Z", "2026-11-23T05:00:00Z", 24);
    check_day("2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z", 23);
    check_day("2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z", 25);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_never_over_the_share), cmocka_unit_test(test_never_idle),
        cmocka_unit_test(test_others_steady),        cmocka_unit_test(test_half_is_others),
        cmocka_unit_test(test_limit_changes),        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_priorities),           cmocka_unit_test(test_day),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
