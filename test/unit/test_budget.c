#include "check.h"

#include "core/random.h"
#include "hubspot/budget.h"

#define SECOND 1000000LL
#define WINDOW (10 * SECOND)
#define SPREAD (WINDOW + SECOND / 2)

enum { HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

static const struct budget_answer NO_HEADERS = {.max = -1,
                                                .remaining = -1,
                                                .interval_ms = -1,
                                                .daily = -1,
                                                .daily_remaining = -1,
                                                .retry_after_ms = -1};

static struct budget *make(double share)
{
    return budget_create(
        &(struct budget_options){.share = share, .search_per_second = 5, .seed = 7});
}

// An answer to a call sent at `sent_us`, at once, with these window headers.
static void learn(struct budget *b, int64_t sent_us, int64_t max, int64_t remaining)
{
    struct budget_answer a = NO_HEADERS;
    a.ticket.sent_us = sent_us;
    a.now_us = sent_us;
    a.max = max;
    a.remaining = remaining;
    a.interval_ms = WINDOW / 1000;
    budget_learn(b, &a);
}

static struct budget_ask ask_of(enum budget_class class, int64_t now_us, int64_t wall_ms)
{
    return (struct budget_ask){
        .class = class, .priority = BUDGET_INTERACTIVE, .now_us = now_us, .wall_ms = wall_ms};
}

static enum budget_wait take_at(struct budget *b, enum budget_class class, int64_t now_us,
                                int64_t wall_ms, int64_t *ret_until_us)
{
    struct budget_ask ask = ask_of(class, now_us, wall_ms);
    struct budget_ticket ticket;
    return budget_take(b, &ask, &ticket, ret_until_us);
}

static enum budget_wait take_class(struct budget *b, enum budget_class class, int64_t now_us,
                                   int64_t *ret_until_us)
{
    return take_at(b, class, now_us, now_us / 1000, ret_until_us);
}

static void ended(struct budget *b, enum budget_class class, int64_t now_us)
{
    budget_ended(b, &(struct budget_ticket){.class = class}, now_us);
}

static bool go(struct budget *b, int64_t now_us)
{
    int64_t until_us = -1;
    enum budget_wait w = take_class(b, BUDGET_GENERAL, now_us, &until_us);
    assert_true(w == BUDGET_GO ? until_us == now_us : until_us > now_us);
    return w == BUDGET_GO;
}

// How many calls go at this instant, at most `max`.
static int burst(struct budget *b, int64_t now_us, int max)
{
    int n = 0;
    while (n < max && go(b, now_us)) {
        n++;
    }
    return n;
}

static void check_waits(struct budget *b, enum budget_class class, int64_t now_us,
                        enum budget_wait why, int64_t until_us)
{
    int64_t got_us = -1;
    assert_int_equal(take_class(b, class, now_us, &got_us), why);
    assert_true(got_us == until_us);
    struct budget_ask ask = ask_of(class, now_us, now_us / 1000);
    assert_true(budget_earliest(b, &ask) == until_us);
}

static struct budget_view look(struct budget *b, int64_t now_us)
{
    struct budget_view v;
    budget_look(b, now_us, &v);
    return v;
}

// ---- the window

static void test_unknown_until_told(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    // A few go ahead of their answers; when one has come without limits, there are none.
    assert_int_equal(burst(b, 0, 1000), 4);
    int64_t until_us = 0;
    assert_int_equal(take_class(b, BUDGET_GENERAL, 0, &until_us), BUDGET_WAIT_FIRST);
    assert_in_range(until_us, 1, SECOND);
    budget_learn(b, &NO_HEADERS);
    assert_int_equal(burst(b, 0, 996), 996);
    struct budget_answer a = NO_HEADERS;
    a.max = 0; // a header without sense is as good as none
    a.remaining = 5;
    budget_learn(b, &a);
    struct budget_view v = look(b, 0);
    assert_true(v.window_max == -1 && v.window_allowed == -1 && v.daily_max == -1);
    assert_true(v.daily_allowed == -1 && v.daily_used == -1 && v.sent == 1000 && v.refused == 0);
    assert_true(budget_rate(b) <= 0);
    // A 429 says that there is a limit: HubSpot's smallest one is taken for it.
    a = NO_HEADERS;
    a.refused = true;
    a.now_us = 20 * SECOND;
    budget_learn(b, &a);
    v = look(b, 20 * SECOND);
    assert_true(v.window_max == 100 && v.window_allowed == 80 && v.refused == 1);
    learn(b, 40 * SECOND, -1, -1);
    assert_int_equal(burst(b, 40 * SECOND, 1000), 80);
    budget_destroy(b);
    budget_destroy(NULL);
}

static void test_share(void **state)
{
    (void)state;
    static const struct {
        double share;
        int max, allowed;
    } ROWS[] = {
        {0.8, 190, 152}, {0.8, 100, 80}, {0.8, 110, 88}, {1, 190, 190},
        {0.5, 3, 1},     {0.01, 100, 1}, {0.01, 10, 1},  {0.29, 100, 29},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct budget *b = make(ROWS[i].share);
        assert_true(go(b, 0));
        learn(b, 0, ROWS[i].max, ROWS[i].max - 1);
        int64_t at = SECOND / 2;
        assert_int_equal(1 + burst(b, at, 1000), ROWS[i].allowed);
        struct budget_view v = look(b, at);
        assert_true(v.window_allowed == ROWS[i].allowed && v.window_used == ROWS[i].allowed);
        assert_true(budget_rate(b) > ROWS[i].allowed / 10.001 &&
                    budget_rate(b) < ROWS[i].allowed / 9.999);
        // The first call leaves the window after ten seconds, and not a microsecond earlier.
        check_waits(b, BUDGET_GENERAL, at, BUDGET_WAIT_WINDOW, WINDOW);
        check_waits(b, BUDGET_GENERAL, WINDOW - 1, BUDGET_WAIT_WINDOW, WINDOW);
        assert_int_equal(burst(b, WINDOW, 1000), 1);
        budget_destroy(b);
    }
}

// Against the definition: how many of all sends lie in (t - span, t].
struct sends {
    int64_t at[65536];
    size_t n;
};

static int64_t sends_within(const struct sends *s, int64_t t, int64_t span)
{
    int64_t n = 0;
    for (size_t i = s->n; i > 0 && s->at[i - 1] > t - span; i--) {
        n++;
    }
    return n;
}

static void sends_add(struct sends *s, int64_t t)
{
    assert_true(s->n < ARRAY_LEN(s->at));
    s->at[s->n++] = t;
}

static void test_window_rolls(void **state)
{
    (void)state;
    struct sends *sends = calloc(1, sizeof *sends);
    struct random r;
    random_seed(&r, 11);
    struct budget *b = make(0.8);
    assert_true(go(b, 0));
    sends_add(sends, 0);
    learn(b, 0, 20, 19);
    int64_t t = 0;
    int waits = 0;
    for (int i = 0; i < 20000; i++) {
        t += (int64_t)random_below(&r, random_below(&r, 10) == 0 ? 3 * SECOND : SECOND / 2);
        int64_t until_us = -1;
        learn(b, t, 20, 20 - sends_within(sends, t, WINDOW)); // an answer, so that it is heard
        enum budget_wait w = take_class(b, BUDGET_GENERAL, t, &until_us);
        // What arrives bunched must not make much more of it: 17 in half a second more.
        bool free = sends_within(sends, t, WINDOW) < 16 && sends_within(sends, t, SPREAD) < 17;
        assert_int_equal(w, free ? BUDGET_GO : BUDGET_WAIT_WINDOW);
        if (free) {
            sends_add(sends, t);
            continue;
        }
        waits++;
        assert_true(sends_within(sends, until_us - 1, WINDOW) == 16 ||
                    sends_within(sends, until_us - 1, SPREAD) == 17);
        assert_true(sends_within(sends, until_us, WINDOW) < 16 &&
                    sends_within(sends, until_us, SPREAD) < 17);
    }
    assert_in_range(waits, 1000, 19000);
    budget_destroy(b);
    free(sends);
}

static void test_limit_changes(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    assert_true(go(b, 0));
    learn(b, 0, 190, 189);
    assert_int_equal(burst(b, 0, 1000), 151);
    learn(b, 0, 100, 0); // less than is already under way: nothing until enough of it has left
    assert_false(go(b, WINDOW - 1));
    int64_t at = SPREAD;
    learn(b, at, 100, 100);
    assert_true(look(b, at).window_allowed == 80);
    assert_int_equal(burst(b, at, 1000), 80);
    learn(b, at, 250, 170);
    assert_int_equal(burst(b, at, 1000), 120);
    // Another span: 50 in one second.
    struct budget_answer a = NO_HEADERS;
    a.ticket.sent_us = a.now_us = at = 100 * SECOND;
    a.max = a.remaining = 50;
    a.interval_ms = 1000;
    budget_learn(b, &a);
    assert_int_equal(burst(b, at, 1000), 40);
    check_waits(b, BUDGET_GENERAL, at, BUDGET_WAIT_WINDOW, at + SECOND);
    a.ticket.sent_us = a.now_us = at += SECOND + SECOND / 20;
    budget_learn(b, &a);
    assert_int_equal(burst(b, at, 1000), 40);
    budget_destroy(b);
}

// Far above HubSpot's largest limit it is still kept to the call; what no program could use up is
// no limit.
static void test_very_large_limit(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    assert_true(go(b, 0));
    learn(b, 0, 1250, 1249);
    assert_int_equal(1 + burst(b, 1, 20000), 1000);
    struct budget_answer a = NO_HEADERS;
    a.max = a.remaining = INT64_MAX;
    a.interval_ms = 10000;
    a.ticket.sent_us = a.now_us = WINDOW * 2;
    budget_learn(b, &a);
    assert_int_equal(burst(b, WINDOW * 2, 20000), 20000);
    budget_destroy(b);
}

// Of 190, others use 100: 52 are left of our 152, and a few are left for what is not known yet.
static void test_others(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    assert_true(go(b, 0));
    learn(b, 0, 190, 89);
    assert_true(look(b, 0).window_foreign == 100 && look(b, 0).window_allowed == 49);
    assert_int_equal(1 + burst(b, 0, 1000), 49);
    learn(b, 0, 190, 41);
    assert_true(look(b, 0).window_allowed == 49);
    // They stop: the first answer without them gives it back.
    int64_t at = 5 * SECOND;
    learn(b, at, 190, 141);
    assert_true(look(b, at).window_allowed == 152);
    at = WINDOW + SECOND;
    learn(b, at, 190, 189);
    assert_true(look(b, at).window_allowed == 152);
    // They use it all: one call at a time, to notice when they stop.
    learn(b, at, 190, 0);
    assert_true(look(b, at).window_allowed == 1);
    assert_int_equal(burst(b, at, 1000), 1);
    learn(b, at, 190, -1); // no such header: nothing new
    assert_true(look(b, at).window_foreign >= 189);
    budget_destroy(b);
}

// A count that another server has not caught up with is not taken for others leaving.
static void test_own_calls_are_not_others(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    assert_true(go(b, 0));
    learn(b, 0, 190, 189);
    assert_int_equal(burst(b, 0, 30), 30);
    learn(b, 0, 190, 189);
    assert_true(look(b, 0).window_foreign == 0);
    learn(b, 0, 190, 159);
    assert_true(look(b, 0).window_foreign == 0);
    learn(b, 0, 190, 500); // more remaining than there are
    assert_true(look(b, 0).window_foreign == 0 && look(b, 0).window_allowed == 152);
    budget_destroy(b);
}

// ---- search

static void test_search(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    assert_true(go(b, 0));
    learn(b, 0, 10, 9);
    int64_t until_us = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(take_class(b, BUDGET_SEARCH, i * 1000, &until_us), BUDGET_GO);
        ended(b, BUDGET_SEARCH, i * 1000);
    }
    check_waits(b, BUDGET_SEARCH, 4000, BUDGET_WAIT_SEARCH, SECOND);
    assert_int_equal(take_class(b, BUDGET_SEARCH, SECOND, &until_us), BUDGET_GO);
    check_waits(b, BUDGET_SEARCH, SECOND, BUDGET_WAIT_SEARCH, SECOND + 1000);
    // Neither class uses up the other's window.
    learn(b, SECOND, 10, 9);
    assert_int_equal(burst(b, SECOND, 100), 7);
    check_waits(b, BUDGET_SEARCH, SECOND, BUDGET_WAIT_SEARCH, SECOND + 1000);
    budget_destroy(b);
    b = budget_create(&(struct budget_options){.share = 0.1, .search_per_second = 5});
    assert_int_equal(take_class(b, BUDGET_SEARCH, 0, &until_us), BUDGET_GO);
    check_waits(b, BUDGET_SEARCH, 0, BUDGET_WAIT_SEARCH, SECOND);
    budget_destroy(b);
}

// A search may reach HubSpot at any time between its sending and its answer; within no second may
// more of them be there than the limit itself.
static void test_search_on_its_way(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    int64_t until_us = 0;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(take_class(b, BUDGET_SEARCH, 0, &until_us), BUDGET_GO);
    }
    // A second later none has been answered: all four may arrive only now, so there is room for
    // one.
    assert_int_equal(take_class(b, BUDGET_SEARCH, SECOND, &until_us), BUDGET_GO);
    assert_int_equal(take_class(b, BUDGET_SEARCH, SECOND, &until_us), BUDGET_WAIT_SEARCH);
    assert_true(until_us > SECOND && until_us < 2LL * SECOND);
    for (int i = 0; i < 4; i++) {
        ended(b, BUDGET_SEARCH, SECOND + 500000);
    }
    assert_int_equal(take_class(b, BUDGET_SEARCH, SECOND + 600000, &until_us), BUDGET_WAIT_SEARCH);
    assert_true(until_us == 2LL * SECOND + 500000);
    assert_int_equal(take_class(b, BUDGET_SEARCH, until_us, &until_us), BUDGET_GO);
    budget_destroy(b);
}

// ---- 429

static int64_t refuse(struct budget *b, int64_t now_us, int64_t retry_after_ms)
{
    struct budget_answer a = NO_HEADERS;
    a.refused = true;
    a.ticket.sent_us = a.now_us = now_us;
    a.retry_after_ms = retry_after_ms;
    budget_learn(b, &a);
    int64_t until_us = now_us;
    int64_t search_us = now_us;
    assert_int_equal(take_class(b, BUDGET_GENERAL, now_us, &until_us), BUDGET_WAIT_REFUSED);
    assert_int_equal(take_class(b, BUDGET_SEARCH, now_us, &search_us), BUDGET_WAIT_REFUSED);
    assert_true(until_us == search_us); // the whole account waits
    return until_us - now_us;
}

static void test_refused_streak(void **state)
{
    (void)state;
    static const int64_t PAUSES_S[] = {1, 2, 4, 8, 16, 16, 16};
    bool differ = false;
    int64_t first_us = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct budget *b = budget_create(
            &(struct budget_options){.share = 0.8, .search_per_second = 5, .seed = seed});
        int64_t at = 0;
        for (size_t i = 0; i < ARRAY_LEN(PAUSES_S); i++) {
            int64_t pause_us = refuse(b, at, i % 2 == 0 ? -1 : 0); // "0" is as good as unsaid
            assert_true(pause_us >= PAUSES_S[i] * SECOND);
            assert_true(pause_us <= PAUSES_S[i] * SECOND * 5 / 4);
            differ = differ || (i == 0 && seed > 1 && pause_us != first_us);
            first_us = i == 0 ? pause_us : first_us;
            assert_false(go(b, at + pause_us - 1));
            at += pause_us;
            assert_true(go(b, at));
        }
        // A good answer behind the pause ends the streak; one from before it does not.
        int64_t pause_us = refuse(b, at, -1);
        learn(b, at + pause_us - 1, 190, 190);
        at += pause_us;
        pause_us = refuse(b, at, -1);
        assert_true(pause_us >= 16 * SECOND);
        at += pause_us;
        learn(b, at, 190, 190);
        assert_true(refuse(b, at, -1) < 2 * SECOND);
        budget_destroy(b);
    }
    assert_true(differ); // programs on one account do not wake at one instant
}

static void test_refused_together(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    int64_t pause_us = refuse(b, 0, -1);
    for (int i = 0; i < 7; i++) { // they were all in flight
        assert_true(refuse(b, i * 1000, -1) == pause_us - i * 1000);
    }
    assert_true(look(b, 0).refused == 8);
    assert_true(refuse(b, pause_us, -1) <= 2 * SECOND * 5 / 4); // one step, not eight
    budget_destroy(b);
}

static void test_retry_after(void **state)
{
    (void)state;
    static const int64_t ROWS_MS[] = {1, 500, 3000, 60000, 3600000};
    for (size_t i = 0; i < ARRAY_LEN(ROWS_MS); i++) {
        struct budget *b = make(0.8);
        int64_t pause_us = refuse(b, 5 * SECOND, ROWS_MS[i]);
        assert_true(pause_us >= ROWS_MS[i] * 1000 && pause_us <= ROWS_MS[i] * 1250);
        budget_destroy(b);
    }
}

// ---- the day

static void learn_day(struct budget *b, int64_t now_us, int64_t wall_ms, int64_t daily,
                      int64_t remaining)
{
    struct budget_answer a = NO_HEADERS;
    a.ticket.sent_us = a.now_us = now_us;
    a.wall_ms = wall_ms;
    a.daily = daily;
    a.daily_remaining = remaining;
    budget_learn(b, &a);
}

static void test_day(void **state)
{
    (void)state;
    const int64_t noon_ms = 20000LL * DAY_MS + 12LL * HOUR_MS;
    static const struct {
        int64_t offset_ms, left_ms; // of the day, at noon UTC
    } ROWS[] = {
        {0, 12LL * HOUR_MS},
        {5LL * HOUR_MS + HOUR_MS / 2, 6LL * HOUR_MS + HOUR_MS / 2},
        {-8LL * HOUR_MS, 20LL * HOUR_MS},
        {12LL * HOUR_MS, 24LL * HOUR_MS}, // midnight at this very instant
        {14LL * HOUR_MS, 22LL * HOUR_MS},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct budget *b = make(0.8);
        int64_t until_us = 0;
        budget_set_zone(b, STR(""), ROWS[i].offset_ms, noon_ms);
        learn_day(b, 0, noon_ms, 1000, 202); // 798 used: two are left of the share
        assert_int_equal(take_at(b, BUDGET_GENERAL, SECOND, noon_ms, &until_us), BUDGET_GO);
        assert_int_equal(take_at(b, BUDGET_SEARCH, SECOND, noon_ms, &until_us), BUDGET_GO);
        for (enum budget_class c = 0; c < BUDGET_CLASS_COUNT; c++) {
            assert_int_equal(take_at(b, c, SECOND, noon_ms, &until_us), BUDGET_WAIT_DAY);
            // Not all who wait for a midnight wake at its first instant.
            int64_t left_us = until_us - SECOND - ROWS[i].left_ms * 1000;
            assert_in_range(left_us, 0, 5 * SECOND);
        }
        struct budget_view v = look(b, SECOND);
        assert_true(v.daily_max == 1000 && v.daily_allowed == 800 && v.daily_used == 800);
        int64_t midnight_ms = noon_ms + ROWS[i].left_ms;
        int64_t early_us = 0;
        assert_int_equal(take_at(b, BUDGET_GENERAL, until_us - 1, midnight_ms - 1, &early_us),
                         BUDGET_WAIT_DAY);
        assert_int_equal(take_at(b, BUDGET_GENERAL, until_us, midnight_ms, &until_us), BUDGET_GO);
        learn_day(b, until_us, midnight_ms, 1000, 999);
        assert_true(look(b, until_us).daily_used == 1);
        budget_destroy(b);
    }
}

static void test_refused_for_the_day(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    struct budget_answer a = NO_HEADERS;
    int64_t until_us = 0;
    a.refused = true;
    a.policy = POLICY_DAILY;
    a.wall_ms = DAY_MS - 5000;
    budget_learn(b, &a);
    for (enum budget_class c = 0; c < BUDGET_CLASS_COUNT; c++) {
        assert_int_equal(take_at(b, c, 0, DAY_MS - 5000, &until_us), BUDGET_WAIT_DAY);
        assert_in_range(until_us, 5 * SECOND, 10 * SECOND);
    }
    assert_int_equal(take_at(b, BUDGET_GENERAL, 0, DAY_MS + 5000, &until_us), BUDGET_GO);
    budget_destroy(b);
}

// The day's share holds to the call although answers come late and out of order.
static void test_day_with_calls_in_flight(void **state)
{
    (void)state;
    struct budget *b = make(0.8);
    enum { IN_FLIGHT = 16 };
    int64_t sent_at[IN_FLIGHT] = {0};
    int sent = 0;
    int counted = 0; // by HubSpot
    int64_t t = 0;
    int64_t until_us = 0;
    learn_day(b, 0, 0, 1000, 1000);
    for (bool more = true; more || counted < sent;) {
        t += 1000;
        while (sent - counted < IN_FLIGHT &&
               take_at(b, BUDGET_GENERAL, t, t / 1000, &until_us) == BUDGET_GO) {
            sent_at[sent++ % IN_FLIGHT] = t;
            t += 10;
        }
        more = sent < 800;
        struct budget_answer a = NO_HEADERS;
        a.ticket.sent_us = sent_at[counted++ % IN_FLIGHT];
        a.now_us = t;
        a.wall_ms = t / 1000;
        a.daily = 1000;
        a.daily_remaining = 1000 - counted;
        budget_learn(b, &a);
        assert_true(t < 1000 * SECOND);
    }
    assert_int_equal(sent, 800);
    budget_destroy(b);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < BUDGET_WAIT_COUNT; i++) {
        assert_true(budget_wait_name((enum budget_wait)i)[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_unknown_until_told),
        cmocka_unit_test(test_share),
        cmocka_unit_test(test_window_rolls),
        cmocka_unit_test(test_limit_changes),
        cmocka_unit_test(test_very_large_limit),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_own_calls_are_not_others),
        cmocka_unit_test(test_search),
        cmocka_unit_test(test_search_on_its_way),
        cmocka_unit_test(test_refused_streak),
        cmocka_unit_test(test_refused_together),
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_day),
        cmocka_unit_test(test_refused_for_the_day),
        cmocka_unit_test(test_day_with_calls_in_flight),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
