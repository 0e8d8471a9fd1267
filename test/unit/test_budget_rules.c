#include "check.h"

#include "core/timestamp.h"
#include "hubspot/budget.h"

#include <pthread.h>
#include <stdatomic.h>

// The rules of a budget that the model does not single out, one by one.

#define SECOND 1000000LL
#define WINDOW (10 * SECOND)

enum { HOUR_MS = 3600 * 1000 };

struct asker {
    int member;
    enum budget_class class;
    enum budget_priority priority;
};

static struct budget *make(void)
{
    return budget_create(&(struct budget_options){.share = 0.8, .search_per_second = 5, .seed = 7});
}

static enum budget_wait take(struct budget *b, struct asker a, int64_t now_us, int64_t wall_ms,
                             int64_t *ret_until_us)
{
    struct budget_ask ask = {a.member, a.class, a.priority, now_us, wall_ms};
    struct budget_ticket ticket;
    return budget_take(b, &ask, &ticket, ret_until_us);
}

static struct budget_answer answer(enum budget_class class, int64_t sent_us, int64_t max,
                                   int64_t remaining)
{
    return (struct budget_answer){.ticket = {.class = class, .sent_us = sent_us},
                                  .now_us = sent_us,
                                  .max = max,
                                  .remaining = remaining,
                                  .interval_ms = max > 0 ? 10000 : -1,
                                  .daily = -1,
                                  .daily_remaining = -1,
                                  .retry_after_ms = -1};
}

static void learn(struct budget *b, int64_t sent_us, int64_t max, int64_t remaining)
{
    struct budget_answer a = answer(BUDGET_GENERAL, sent_us, max, remaining);
    budget_learn(b, &a);
}

static int burst(struct budget *b, struct asker a, int64_t now_us, int most)
{
    int64_t until_us = 0;
    int n = 0;
    while (n < most && take(b, a, now_us, 0, &until_us) == BUDGET_GO) {
        n++;
    }
    return n;
}

static int64_t allowed(struct budget *b, int64_t now_us)
{
    struct budget_view v;
    budget_look(b, now_us, &v);
    return v.window_allowed;
}

// The one slot that becomes free goes to who is more urgent, however much it has had; among equals
// to who has had less.
static void test_whose_turn(void **state)
{
    (void)state;
    struct budget *b = make();
    struct asker write = {budget_join(b), BUDGET_GENERAL, BUDGET_WRITE};
    struct asker first = {budget_join(b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
    struct asker second = {budget_join(b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
    int64_t until_us = 0;
    assert_int_equal(take(b, first, 0, 0, &until_us), BUDGET_GO);
    learn(b, 0, 10, 9);
    // Of eight the urgent ones take one now and seven later; nothing is left for a while.
    assert_int_equal(burst(b, first, SECOND / 2, 20), 7);
    assert_int_equal(take(b, write, SECOND, 0, &until_us), BUDGET_WAIT_WINDOW);
    assert_int_equal(take(b, second, SECOND, 0, &until_us), BUDGET_WAIT_WINDOW);
    assert_int_equal(take(b, first, SECOND, 0, &until_us), BUDGET_WAIT_WINDOW);
    assert_true(until_us == WINDOW);
    learn(b, WINDOW, 10, 3);
    assert_int_equal(take(b, write, WINDOW, 0, &until_us), BUDGET_WAIT_TURN);
    assert_in_range(until_us, WINDOW + 1, WINDOW + SECOND / 100);
    assert_int_equal(take(b, first, WINDOW, 0, &until_us), BUDGET_WAIT_TURN);
    assert_int_equal(take(b, second, WINDOW, 0, &until_us), BUDGET_GO);
    budget_destroy(b);
}

// Who promised to come and does not loses its turn within a hundredth of a second.
static void test_turn_is_given_away(void **state)
{
    (void)state;
    struct budget *b = make();
    struct asker gone = {budget_join(b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
    struct asker here = {budget_join(b), BUDGET_GENERAL, BUDGET_WRITE};
    int64_t until_us = 0;
    assert_int_equal(take(b, gone, 0, 0, &until_us), BUDGET_GO);
    learn(b, 0, 10, 9);
    assert_int_equal(burst(b, gone, SECOND / 2, 20), 7);
    assert_int_equal(take(b, gone, SECOND, 0, &until_us), BUDGET_WAIT_WINDOW);
    learn(b, WINDOW, 10, 3);
    assert_int_equal(take(b, here, WINDOW, 0, &until_us), BUDGET_WAIT_TURN);
    assert_int_equal(take(b, here, until_us, 0, &until_us), BUDGET_GO);
    budget_leave(b, gone.member);
    budget_destroy(b);
}

// After a silence the first answer counts calls of which it is not known whose they are: they are
// taken for others' until more is known.
static void test_worst_after_silence(void **state)
{
    (void)state;
    struct budget *b = make();
    struct asker a = {budget_join(b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
    int64_t until_us = 0;
    assert_int_equal(take(b, a, 0, 0, &until_us), BUDGET_GO);
    learn(b, 0, 190, 189);
    assert_int_equal(burst(b, a, SECOND / 2, 200), 151);
    // Ours have left HubSpot's window or have not: it counts 104 of somebody's.
    int64_t at = WINDOW + SECOND * 6 / 10;
    assert_int_equal(take(b, a, at, 0, &until_us), BUDGET_GO);
    learn(b, at, 190, 190 - 104);
    assert_in_range(allowed(b, at), 40, 52);
    // The next one, sent later, counts two: they were ours.
    at += SECOND / 2;
    learn(b, at, 190, 190 - 2);
    assert_int_equal(allowed(b, at), 152);
    budget_destroy(b);
}

// While nothing is known a few calls go ahead of an answer. One that comes to nothing makes room
// for another; ones that hang do so after a while.
static void test_first_answer(void **state)
{
    (void)state;
    struct budget *b = make();
    struct asker a = {budget_join(b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
    int64_t until_us = 0;
    assert_int_equal(burst(b, a, 0, 100), 4);
    assert_int_equal(take(b, a, 0, 0, &until_us), BUDGET_WAIT_FIRST);
    struct budget_ticket cut = {.member = a.member, .class = BUDGET_GENERAL};
    budget_ended(b, &cut, 1000);
    assert_int_equal(burst(b, a, 1000, 100), 1);
    assert_int_equal(burst(b, a, 4 * SECOND, 100), 0);
    assert_int_equal(burst(b, a, 6 * SECOND, 100), 4);
    learn(b, 6 * SECOND, -1, -1);
    assert_int_equal(burst(b, a, 6 * SECOND, 100), 100);
    budget_destroy(b);
}

// ---- associations

static void test_associations(void **state)
{
    (void)state;
    static const struct {
        int64_t general, share;
    } ROWS[] = {{100, 80}, {110, 80}, {190, 120}, {250, 160}};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct budget *b = make();
        struct asker a = {budget_join(b), BUDGET_ASSOCIATIONS, BUDGET_INTERACTIVE};
        int64_t until_us = 0;
        learn(b, 0, ROWS[i].general, ROWS[i].general);
        assert_int_equal(burst(b, a, 0, 300), ROWS[i].share);
        enum budget_wait why = take(b, a, 0, 0, &until_us);
        assert_true(why == BUDGET_WAIT_ASSOC || ROWS[i].general == 100);
        // They count against the general window too.
        struct asker general = {a.member, BUDGET_GENERAL, BUDGET_INTERACTIVE};
        assert_int_equal(burst(b, general, 0, 300), ROWS[i].general * 8 / 10 - ROWS[i].share);
        budget_destroy(b);
    }
}

// What their answers say of the window may be of their own limit.
static void test_associations_headers(void **state)
{
    (void)state;
    struct budget *b = make();
    learn(b, 0, 190, 189);
    struct budget_answer a = answer(BUDGET_ASSOCIATIONS, SECOND, 150, 10);
    budget_learn(b, &a);
    assert_int_equal(allowed(b, SECOND), 152);
    // With no others heard of for a window they are all there is.
    a = answer(BUDGET_ASSOCIATIONS, 2 * WINDOW, 150, 149);
    budget_learn(b, &a);
    assert_int_equal(allowed(b, 2 * WINDOW), 120);
    budget_destroy(b);
}

static void test_associations_day(void **state)
{
    (void)state;
    struct budget *b = make();
    struct asker a = {budget_join(b), BUDGET_ASSOCIATIONS, BUDGET_INTERACTIVE};
    struct asker general = {a.member, BUDGET_GENERAL, BUDGET_INTERACTIVE};
    int64_t until_us = 0;
    learn(b, 0, -1, -1);               // no other limits
    for (int i = 0; i < 400000; i++) { // 80 % of 500,000
        assert_int_equal(take(b, a, 0, 12LL * HOUR_MS, &until_us), BUDGET_GO);
    }
    assert_int_equal(take(b, a, 0, 12LL * HOUR_MS, &until_us), BUDGET_WAIT_ASSOC);
    assert_in_range(until_us, 12LL * 3600 * SECOND, 12LL * 3600 * SECOND + 5 * SECOND);
    assert_int_equal(take(b, general, 0, 12LL * HOUR_MS, &until_us), BUDGET_GO);
    learn(b, 12LL * 3600 * SECOND, -1, -1);
    assert_int_equal(take(b, a, 12LL * 3600 * SECOND, 24LL * HOUR_MS, &until_us), BUDGET_GO);
    budget_destroy(b);
}

// ---- search

static int searches(struct budget *b, struct asker a, int64_t now_us)
{
    int64_t until_us = 0;
    int n = 0;
    while (n < 10 && take(b, a, now_us, 0, &until_us) == BUDGET_GO) {
        n++;
        budget_ended(b, &(struct budget_ticket){.class = BUDGET_SEARCH}, now_us);
    }
    return n;
}

// Others' searches are in no header. A refusal makes room for them, for a while.
static void test_search_refused(void **state)
{
    (void)state;
    struct budget *b = make();
    struct asker a = {budget_join(b), BUDGET_SEARCH, BUDGET_INTERACTIVE};
    assert_int_equal(searches(b, a, 0), 4);
    struct budget_answer refused = answer(BUDGET_SEARCH, SECOND, -1, -1);
    refused.refused = true;
    refused.policy = POLICY_SECONDLY;
    budget_learn(b, &refused);
    int64_t at = 4 * SECOND;
    assert_int_equal(searches(b, a, at), 3);
    struct budget_answer good = answer(BUDGET_SEARCH, at, -1, -1);
    budget_learn(b, &good);
    at += 50 * SECOND;
    assert_int_equal(searches(b, a, at), 3);
    good.now_us = at += 10 * SECOND;
    budget_learn(b, &good);
    assert_int_equal(searches(b, a, at + 2 * SECOND), 4);
    // However often, one a second goes.
    for (int i = 0; i < 20; i++) {
        refused.now_us = refused.ticket.sent_us = at += 20 * SECOND;
        budget_learn(b, &refused);
    }
    assert_int_equal(searches(b, a, at + 20 * SECOND), 1);
    budget_destroy(b);
}

// A second's window is empty after one: the pause does not grow as that of a longer window.
static void test_pause_by_policy(void **state)
{
    (void)state;
    static const struct {
        enum budget_policy policy;
        int64_t seconds[5];
    } ROWS[] = {
        {POLICY_ROLLING, {1, 2, 4, 8, 16}},
        {POLICY_UNKNOWN, {1, 2, 4, 8, 16}},
        {POLICY_SECONDLY, {1, 2, 4, 4, 4}},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct budget *b = make();
        struct asker a = {budget_join(b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
        int64_t at = 0;
        for (size_t k = 0; k < ARRAY_LEN(ROWS[i].seconds); k++) {
            struct budget_answer refused = answer(BUDGET_GENERAL, at, -1, -1);
            int64_t until_us = 0;
            refused.refused = true;
            refused.policy = ROWS[i].policy;
            budget_learn(b, &refused);
            assert_int_equal(take(b, a, at, 0, &until_us), BUDGET_WAIT_REFUSED);
            int64_t pause_us = until_us - at;
            assert_in_range(pause_us, ROWS[i].seconds[k] * SECOND,
                            ROWS[i].seconds[k] * SECOND * 5 / 4);
            at = until_us;
        }
        budget_destroy(b);
    }
    assert_int_equal(budget_policy_parse(STR("TEN_SECONDLY_ROLLING")), POLICY_ROLLING);
    assert_int_equal(budget_policy_parse(STR("SECONDLY")), POLICY_SECONDLY);
    assert_int_equal(budget_policy_parse(STR("DAILY")), POLICY_DAILY);
    assert_int_equal(budget_policy_parse(STR("daily")), POLICY_UNKNOWN);
}

// ---- around midnight

struct night {
    struct budget *b;
    struct asker asker;
    int64_t midnight_ms;
};

static int64_t us_of(const struct night *n, int64_t wall_ms)
{
    return (wall_ms - n->midnight_ms) * 1000 + 24LL * 3600 * SECOND; // midnight is at 24 h
}

static void tell_day(struct night *n, int64_t sent_ms, int64_t wall_ms, int64_t remaining)
{
    struct budget_answer a = answer(BUDGET_GENERAL, us_of(n, sent_ms), -1, -1);
    a.now_us = us_of(n, wall_ms);
    a.wall_ms = wall_ms;
    a.daily = 1000;
    a.daily_remaining = remaining;
    budget_learn(n->b, &a);
}

static enum budget_wait take_at(struct night *n, int64_t wall_ms, int64_t *ret_wait_ms)
{
    int64_t until_us = 0;
    enum budget_wait why = take(n->b, n->asker, us_of(n, wall_ms), wall_ms, &until_us);
    *ret_wait_ms = (until_us - us_of(n, wall_ms)) / 1000;
    return why;
}

static struct night begin_night(void)
{
    struct night n = {.b = make()};
    assert_true(timestamp_parse(STR("2026-11-23T05:00:00Z"), &n.midnight_ms));
    n.asker = (struct asker){budget_join(n.b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
    budget_set_zone(n.b, STR("America/New_York"), 0, n.midnight_ms - HOUR_MS);
    tell_day(&n, n.midnight_ms - HOUR_MS, n.midnight_ms - HOUR_MS, 200);
    int64_t wait_ms = 0;
    assert_int_equal(take_at(&n, n.midnight_ms - HOUR_MS, &wait_ms), BUDGET_WAIT_DAY);
    assert_in_range(wait_ms, HOUR_MS, HOUR_MS + 5000);
    return n;
}

// An answer that was under way at midnight tells of the day before.
static void test_answer_of_yesterday(void **state)
{
    (void)state;
    struct night n = begin_night();
    int64_t wait_ms = 0;
    assert_int_equal(take_at(&n, n.midnight_ms, &wait_ms), BUDGET_GO);
    tell_day(&n, n.midnight_ms - 200, n.midnight_ms + 100, 199);
    assert_int_equal(take_at(&n, n.midnight_ms + 100, &wait_ms), BUDGET_GO);
    budget_destroy(n.b);
}

// HubSpot's clock may be behind ours: in the first minutes of a day it is asked again, not given
// up.
static void test_young_day(void **state)
{
    (void)state;
    struct night n = begin_night();
    int64_t wait_ms = 0;
    assert_int_equal(take_at(&n, n.midnight_ms, &wait_ms), BUDGET_GO);
    tell_day(&n, n.midnight_ms + 10, n.midnight_ms + 100, 199);
    assert_int_equal(take_at(&n, n.midnight_ms + 1000, &wait_ms), BUDGET_WAIT_DAY);
    assert_in_range(wait_ms, 50000, 60000);
    assert_int_equal(take_at(&n, n.midnight_ms + 61000, &wait_ms), BUDGET_GO);
    // Refused, even: the same.
    struct budget_answer a = answer(BUDGET_GENERAL, us_of(&n, n.midnight_ms + 61000), -1, -1);
    a.wall_ms = n.midnight_ms + 61000;
    a.refused = true;
    a.policy = POLICY_DAILY;
    budget_learn(n.b, &a);
    assert_int_equal(take_at(&n, n.midnight_ms + 62000, &wait_ms), BUDGET_WAIT_DAY);
    assert_in_range(wait_ms, 50000, 60000);
    // At noon it is believed.
    int64_t noon_ms = n.midnight_ms + 12LL * HOUR_MS;
    a.wall_ms = noon_ms;
    a.now_us = a.ticket.sent_us = us_of(&n, noon_ms);
    budget_learn(n.b, &a);
    assert_int_equal(take_at(&n, noon_ms, &wait_ms), BUDGET_WAIT_DAY);
    assert_in_range(wait_ms, 12LL * HOUR_MS, 12LL * HOUR_MS + 5000);
    // Until a call that was let through tells otherwise.
    tell_day(&n, noon_ms, noon_ms + 1000, 900);
    assert_int_equal(take_at(&n, noon_ms + 2000, &wait_ms), BUDGET_GO);
    budget_destroy(n.b);
}

// Nobody has said where the account lives: its midnight may be near, whatever the day here.
static void test_day_without_a_zone(void **state)
{
    (void)state;
    static const int64_t QUARTER_MS = 15LL * 60 * 1000;
    for (int refused = 0; refused < 2; refused++) {
        struct night n = {.b = make()};
        assert_true(timestamp_parse(STR("2026-11-23T00:00:00Z"), &n.midnight_ms));
        n.asker = (struct asker){budget_join(n.b), BUDGET_GENERAL, BUDGET_INTERACTIVE};
        int64_t noon_ms = n.midnight_ms - 12LL * HOUR_MS;
        int64_t wait_ms = 0;
        struct budget_answer a = answer(BUDGET_GENERAL, us_of(&n, noon_ms), -1, -1);
        a.wall_ms = noon_ms;
        a.refused = refused;
        a.policy = refused ? POLICY_DAILY : POLICY_UNKNOWN;
        a.daily = 1000;
        a.daily_remaining = 0;
        budget_learn(n.b, &a);
        assert_int_equal(take_at(&n, noon_ms + 1000, &wait_ms), BUDGET_WAIT_DAY);
        assert_in_range(wait_ms, QUARTER_MS - 1000, QUARTER_MS);
        assert_int_equal(take_at(&n, noon_ms + QUARTER_MS + 1, &wait_ms), BUDGET_GO);
        tell_day(&n, noon_ms + QUARTER_MS + 1, noon_ms + QUARTER_MS + 100, 999);
        assert_int_equal(take_at(&n, noon_ms + QUARTER_MS + 200, &wait_ms), BUDGET_GO);
        budget_destroy(n.b);
    }
}

// From the usage endpoint, and less than HubSpot's by the setting.
static void test_day_from_elsewhere(void **state)
{
    (void)state;
    struct budget *b = make();
    struct budget_view v;
    budget_set_day(b, 1000, 790, 1000);
    budget_look(b, 0, &v);
    assert_true(v.daily_max == 1000 && v.daily_allowed == 800 && v.daily_used == 790);
    struct asker backfill = {budget_join(b), BUDGET_GENERAL, BUDGET_BACKFILL};
    struct asker change = {backfill.member, BUDGET_GENERAL, BUDGET_INTERACTIVE};
    int64_t until_us = 0;
    assert_int_equal(take(b, backfill, 0, 1000, &until_us), BUDGET_WAIT_DAY);
    assert_int_equal(take(b, change, 0, 1000, &until_us), BUDGET_GO);
    budget_destroy(b);
    b = budget_create(&(struct budget_options){
        .share = 0.5, .search_per_second = 5, .daily_limit = 10, .seed = 1});
    change.member = budget_join(b);
    learn(b, 0, -1, -1);
    assert_int_equal(burst(b, change, 0, 100), 5);
    budget_destroy(b);
}

// ---- threads

struct crowd {
    struct budget *budget;
    struct asker asker;
    atomic_int_fast64_t now_us;
    atomic_int sent;
};

static void *crowd_main(void *user)
{
    struct crowd *c = user;
    for (int i = 0; i < 3000; i++) {
        int64_t until_us = 0;
        int64_t now_us = atomic_fetch_add(&c->now_us, 10);
        if (take(c->budget, c->asker, now_us, 0, &until_us) == BUDGET_GO) {
            atomic_fetch_add(&c->sent, 1);
            learn(c->budget, now_us, 190, 190 - MIN(190, atomic_load(&c->sent)));
        }
        allowed(c->budget, now_us);
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct crowd c = {.budget = make()};
    pthread_t threads[4];
    int64_t until_us = 0;
    c.asker = (struct asker){budget_join(c.budget), BUDGET_GENERAL, BUDGET_INTERACTIVE};
    assert_int_equal(take(c.budget, c.asker, 0, 0, &until_us), BUDGET_GO);
    learn(c.budget, 0, 190, 189);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, crowd_main, &c), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(1 + atomic_load(&c.sent), 152); // all within one window
    budget_destroy(c.budget);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_whose_turn),          cmocka_unit_test(test_turn_is_given_away),
        cmocka_unit_test(test_worst_after_silence), cmocka_unit_test(test_first_answer),
        cmocka_unit_test(test_associations),        cmocka_unit_test(test_associations_headers),
        cmocka_unit_test(test_associations_day),    cmocka_unit_test(test_search_refused),
        cmocka_unit_test(test_pause_by_policy),     cmocka_unit_test(test_answer_of_yesterday),
        cmocka_unit_test(test_young_day),           cmocka_unit_test(test_day_without_a_zone),
        cmocka_unit_test(test_day_from_elsewhere),  cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
