#include "check.h"

#include "core/random.h"
#include "hubspot/budget.h"

// A budget and its callers against a model of HubSpot's own counter, in virtual time: seeded
// limits, shares, latencies and other programs' calls.

#define SECOND 1000000LL
#define SPAN   (10 * SECOND)

enum { CALLERS_MAX = 32, LOG_MAX = 1 << 16 };

struct log {
    int64_t at[LOG_MAX];
    size_t n;
};

enum caller_step { WANTS, UNDER_WAY, ANSWERED };

struct caller {
    enum caller_step step;
    int64_t at_us; // when its next step is due
    int64_t sent_us;
    int64_t remaining; // what HubSpot will say
    bool refused;
};

struct world {
    struct random random;
    struct budget *budget;
    int64_t max;
    double share;
    int64_t latency_us, jitter_us; // each way
    int64_t think_us;              // between an answer and the next call, on average; 0: none
    int64_t others_us;             // between two calls of others, on average; 0: there are none
    int64_t next_other_us;
    size_t n_callers;
    struct caller callers[CALLERS_MAX];
    struct log sent;    // ours, by the time of sending
    struct log counted; // everybody's, by the time of arrival
    bool known;         // an answer has told the limit
    int64_t refused, others;
};

static int64_t within(const struct log *l, int64_t t)
{
    int64_t n = 0;
    for (size_t i = l->n; i > 0 && l->at[i - 1] > t - SPAN; i--) {
        n += l->at[i - 1] <= t;
    }
    return n;
}

static void note(struct log *l, int64_t t)
{
    assert_true(l->n < LOG_MAX);
    l->at[l->n++] = t;
}

static int64_t about(struct world *w, int64_t mean_us)
{
    return mean_us > 0 ? (int64_t)random_below(&w->random, (uint64_t)mean_us * 2 + 1) : 0;
}

static int64_t way_us(struct world *w)
{
    return w->latency_us + about(w, w->jitter_us / 2);
}

// What is asked of the budget at every call: the two promises.
static void want(struct world *w, struct caller *c, int64_t now_us)
{
    int64_t until_us = -1;
    struct budget_view v;
    budget_look(w->budget, now_us, &v);
    int64_t ours = within(&w->sent, now_us);
    enum budget_wait why = budget_take(w->budget, BUDGET_GENERAL, now_us, now_us / 1000, &until_us);
    if (why == BUDGET_GO) {
        note(&w->sent, now_us);
        // Never over the share in any window.
        int64_t share = MAX(1, (int64_t)((double)w->max * w->share + 1e-9));
        assert_true(!w->known || ours + 1 <= share);
        c->sent_us = now_us;
        c->step = UNDER_WAY;
        c->at_us = now_us + way_us(w);
        return;
    }
    assert_true(until_us > now_us);
    if (why == BUDGET_WAIT_WINDOW) {
        // Held for as long as needed and not a microsecond longer.
        assert_true(ours >= v.window_allowed);
        assert_true(within(&w->sent, until_us - 1) >= v.window_allowed);
        assert_true(within(&w->sent, until_us) < v.window_allowed);
    } else {
        assert_int_equal(why, BUDGET_WAIT_REFUSED);
        assert_true(w->refused > 0 && until_us - now_us <= 20 * SECOND);
    }
    c->at_us = until_us;
}

static void arrive(struct world *w, struct caller *c, int64_t now_us)
{
    int64_t used = within(&w->counted, now_us);
    c->refused = used >= w->max;
    if (!c->refused) {
        note(&w->counted, now_us);
    }
    c->remaining = MAX(0, w->max - used - 1);
    c->step = ANSWERED;
    c->at_us = now_us + way_us(w);
}

static void answered(struct world *w, struct caller *c, int64_t now_us)
{
    budget_learn(w->budget, &(struct budget_answer){.sent_us = c->sent_us,
                                                    .now_us = now_us,
                                                    .wall_ms = now_us / 1000,
                                                    .max = w->max,
                                                    .remaining = c->remaining,
                                                    .interval_ms = SPAN / 1000,
                                                    .daily = -1,
                                                    .daily_remaining = -1,
                                                    .refused = c->refused,
                                                    .retry_after_ms = -1});
    w->refused += c->refused;
    c->step = WANTS;
    c->at_us = now_us + about(w, w->think_us);
    if (!w->known) {
        w->known = true;
        for (size_t i = 0; i < w->n_callers; i++) { // all begin once the account has been read
            w->callers[i].at_us = now_us + about(w, SECOND / 10);
        }
    }
}

static void other_call(struct world *w)
{
    if (within(&w->counted, w->next_other_us) < w->max) {
        note(&w->counted, w->next_other_us);
        w->others++;
    }
    w->next_other_us += 1 + about(w, w->others_us);
}

static void run(struct world *w, int64_t end_us)
{
    static void (*const STEPS[])(struct world *, struct caller *, int64_t) = {
        [WANTS] = want, [UNDER_WAY] = arrive, [ANSWERED] = answered};
    for (;;) {
        struct caller *next = &w->callers[0];
        for (size_t i = 1; i < w->n_callers; i++) {
            next = w->callers[i].at_us < next->at_us ? &w->callers[i] : next;
        }
        if (MIN(next->at_us, w->next_other_us) >= end_us) {
            return;
        }
        if (w->next_other_us < next->at_us) {
            other_call(w);
        } else {
            STEPS[next->step](w, next, next->at_us);
        }
    }
}

static struct world *make(uint64_t seed)
{
    static const int64_t LIMITS[] = {100, 110, 150, 190, 250};
    static const double SHARES[] = {0.3, 0.5, 0.8, 0.95, 1};
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    random_seed(&w->random, seed);
    struct random *r = &w->random;
    w->max = LIMITS[random_below(r, ARRAY_LEN(LIMITS))];
    w->share = SHARES[random_below(r, ARRAY_LEN(SHARES))];
    w->latency_us = (int64_t)(10000 + random_below(r, 200000));
    w->jitter_us = (int64_t)random_below(r, 100000);
    w->n_callers = 1 + random_below(r, CALLERS_MAX);
    w->next_other_us = INT64_MAX;
    for (size_t i = 0; i < w->n_callers; i++) {
        w->callers[i].at_us = i == 0 ? 0 : INT64_MAX;
    }
    w->budget = budget_create(
        &(struct budget_options){.share = w->share, .search_per_second = 5, .seed = seed});
    return w;
}

static void destroy(struct world *w)
{
    budget_destroy(w->budget);
    free(w);
}

// Callers come and go, others too: only the two promises.
static void test_promises(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world *w = make(seed);
        w->think_us = (int64_t)random_below(&w->random, 3 * SECOND);
        if (seed % 2) {
            w->others_us = (int64_t)(20000 + random_below(&w->random, 2 * SECOND));
            w->next_other_us = (int64_t)random_below(&w->random, 30 * SECOND);
        }
        run(w, 120 * SECOND);
        destroy(w);
    }
}

// A world whose callers always want to call, at a share that leaves room for what HubSpot sees
// otherwise than we do.
static struct world *make_hungry(uint64_t seed)
{
    struct world *w = make(seed);
    w->share = MIN(w->share, 0.8);
    budget_destroy(w->budget);
    w->budget = budget_create(
        &(struct budget_options){.share = w->share, .search_per_second = 5, .seed = seed});
    return w;
}

// How many calls the callers could make at most if there were no limit, and what the share allows.
static double could(const struct world *w, int64_t time_us)
{
    double slowest_us = 2.0 * (double)(w->latency_us + w->jitter_us);
    return (double)w->n_callers * (double)time_us / slowest_us;
}
static double allowed(const struct world *w, int64_t time_us)
{
    return (double)w->max * w->share * (double)time_us / SPAN;
}

// Alone on the account, hungry callers get what the share allows, and no 429.
static void test_alone(void **state)
{
    (void)state;
    const int64_t time_us = 200 * SECOND;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world *w = make_hungry(seed);
        run(w, time_us);
        double want_n = MIN(could(w, time_us), allowed(w, time_us));
        assert_true((double)w->sent.n >= 0.97 * want_n);
        assert_true(w->refused == 0);
        destroy(w);
    }
}

// With others on the account they get most of what is left of the share, and a 429 is rare: what
// others did since the last answer is not known.
static void test_with_others(void **state)
{
    (void)state;
    const int64_t time_us = 300 * SECOND;
    int quiet = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world *w = make_hungry(seed);
        double part = w->share * (0.1 + 0.5 * random_unit(&w->random)); // of the limit
        w->others_us = (int64_t)(SPAN / ((double)w->max * part));
        w->next_other_us = 0;
        run(w, time_us);
        double left = allowed(w, time_us) - (double)w->others;
        double want_n = MIN(could(w, time_us), left);
        assert_true((double)w->sent.n >= 0.85 * want_n);
        assert_true((double)w->refused <= 0.01 * (double)w->sent.n);
        quiet += w->refused == 0;
        destroy(w);
    }
    assert_in_range(quiet, 90, 100);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_promises),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_with_others),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
