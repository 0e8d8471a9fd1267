#include "check.h"

#include "core/random.h"
#include "core/timestamp.h"
#include "hubspot/budget.h"

// A budget and its streams against a model of HubSpot's own counters, in virtual time: seeded
// limits, shares, latencies, and other programs' calls.

#define SECOND 1000000LL
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define SPAN   (10 * SECOND)
#define NEVER  INT64_MAX

enum { STREAMS_MAX = 24, FLYING_MAX = 8, EVENTS_MAX = 1024, TIMES_MAX = 1 << 19 };

// ---- times, and how many of them lie in a window that only moves forward

struct times {
    int64_t *at;
    size_t n;
};

static void times_add(struct times *l, int64_t t)
{
    assert_true(l->n < TIMES_MAX);
    assert_true(l->n == 0 || l->at[l->n - 1] <= t);
    l->at[l->n++] = t;
}

static int64_t times_in(const struct times *l, int64_t from, int64_t to) // (from, to]
{
    int64_t n = 0;
    for (size_t i = l->n; i > 0 && l->at[i - 1] > from; i--) {
        n += l->at[i - 1] <= to;
    }
    return n;
}

// The highest count in any window that ends between two instants.
static int64_t times_peak(const struct times *l, int64_t span, int64_t from, int64_t to)
{
    int64_t peak = 0;
    size_t first = 0;
    for (size_t i = 0; i < l->n; i++) {
        while (l->at[first] <= l->at[i] - span) {
            first++;
        }
        if (l->at[i] >= from && l->at[i] < to) {
            peak = MAX(peak, (int64_t)(i - first + 1));
        }
    }
    return peak;
}

// ---- the world

enum event_kind { EVENT_ASK, EVENT_ARRIVE, EVENT_ANSWER, EVENT_OTHER, EVENT_SCENE };

struct event {
    int64_t at_us;
    uint64_t order; // of those at one instant
    enum event_kind kind;
    int stream, call;
};

struct flight {
    bool used;
    struct budget_ticket ticket;
    int64_t remaining, daily_remaining;
    bool refused;
    enum budget_policy policy;
};

struct stream {
    int member;
    struct budget *budget;
    enum budget_priority priority;
    enum budget_class class;
    int64_t think_us; // between an answer and the next call, on average; 0: none
    bool asking;
    int64_t wanted_us; // since when it has waited for the call at hand
    int64_t longest_wait_us;
    int64_t sent;
    struct flight calls[FLYING_MAX];
};

struct world {
    struct random random;
    struct budget *budget;
    int64_t max, daily; // HubSpot's limits; daily 0: none
    double share;
    int64_t way_least_us, way_most_us; // one way
    int64_t wall_ms;                   // at monotonic 0
    int64_t other_every_us;            // others call so often; 0: not at all
    int64_t other_burst;               // so many at once
    bool other_on;
    int n_streams, flying_max;
    struct stream streams[STREAMS_MAX];
    struct event events[EVENTS_MAX];
    size_t n_events;
    uint64_t order;
    struct times sent;    // ours, by the time of sending
    struct times ours;    // ours, by the time of arrival
    struct times counted; // everybody's admitted, by the time of arrival
    size_t counted_from;  // first one in HubSpot's window
    int64_t today;
    int64_t midnights_us[8]; // when HubSpot's day ends
    int midnight;
    int64_t refused, refused_for_day, others, others_refused;
    int64_t day_wait_us; // the longest wait that was announced for the day
    void (*scene)(struct world *w, int64_t now_us);
    int64_t now_us;
};

static bool before(const struct event *a, const struct event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void push(struct world *w, struct event e)
{
    assert_true(w->n_events < EVENTS_MAX);
    e.order = w->order++;
    size_t i = w->n_events++;
    while (i > 0 && before(&e, &w->events[(i - 1) / 2])) {
        w->events[i] = w->events[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    w->events[i] = e;
}

static struct event pop(struct world *w)
{
    struct event top = w->events[0];
    struct event last = w->events[--w->n_events];
    size_t i = 0;
    for (size_t k = 1; k < w->n_events; k = 2 * i + 1) {
        k += k + 1 < w->n_events && before(&w->events[k + 1], &w->events[k]);
        if (!before(&w->events[k], &last)) {
            break;
        }
        w->events[i] = w->events[k];
        i = k;
    }
    w->events[i] = last;
    return top;
}

static int64_t about(struct world *w, int64_t mean_us)
{
    return mean_us > 0 ? (int64_t)random_below(&w->random, (uint64_t)mean_us * 2 + 1) : 0;
}

static int64_t way_us(struct world *w)
{
    return w->way_least_us +
           (int64_t)random_below(&w->random, (uint64_t)(w->way_most_us - w->way_least_us) + 1);
}

static int64_t wall_of(const struct world *w, int64_t now_us)
{
    return w->wall_ms + now_us / 1000;
}

static void ask_later(struct world *w, int stream, int64_t at_us)
{
    if (!w->streams[stream].asking) {
        w->streams[stream].asking = true;
        w->streams[stream].wanted_us = at_us;
        push(w, (struct event){.at_us = at_us, .kind = EVENT_ASK, .stream = stream});
    }
}

static int free_call(const struct world *w, const struct stream *s)
{
    for (int i = 0; i < w->flying_max; i++) {
        if (!s->calls[i].used) {
            return i;
        }
    }
    return -1;
}

// Held for as long as needed and not longer.
static void check_wait(struct world *w, const struct stream *s, enum budget_wait why,
                       int64_t until_us)
{
    assert_true(until_us > w->now_us);
    struct budget_view v;
    budget_look(s->budget, w->now_us, &v);
    if (why == BUDGET_WAIT_WINDOW) {
        // A fifth of the window at most is kept for those who come first.
        double least = (double)v.window_allowed * (s->priority == BUDGET_INTERACTIVE ? 1 : 0.79);
        double paced = s->priority <= BUDGET_WRITE ? (double)INT64_MAX : least / 10;
        assert_true((double)v.window_used >= least - 1 ||
                    (double)times_in(&w->sent, w->now_us - SPAN - SECOND / 2, w->now_us) >= least ||
                    (double)times_in(&w->sent, w->now_us - SECOND, w->now_us) >= paced);
        assert_true(until_us <= w->now_us + SPAN + SECOND);
    } else if (why == BUDGET_WAIT_TURN) {
        assert_true(until_us <= w->now_us + SECOND / 100);
    } else if (why == BUDGET_WAIT_DAY) {
        assert_true(w->daily > 0);
        w->day_wait_us = MAX(w->day_wait_us, until_us - w->now_us);
    } else if (why == BUDGET_WAIT_REFUSED) {
        assert_true(w->refused > 0 && until_us - w->now_us <= 20 * SECOND);
    }
}

static void on_ask(struct world *w, int stream)
{
    struct stream *s = &w->streams[stream];
    s->asking = false;
    int call = free_call(w, s);
    if (call < 0) {
        return; // asks again when one has ended
    }
    struct flight *f = &s->calls[call];
    int64_t until_us = -1;
    struct budget_ask ask = {s->member, s->class, s->priority, w->now_us, wall_of(w, w->now_us)};
    enum budget_wait why = budget_take(s->budget, &ask, &f->ticket, &until_us);
    if (why != BUDGET_GO) {
        check_wait(w, s, why, until_us);
        int64_t wanted_us = s->wanted_us;
        ask_later(w, stream, until_us + (int64_t)random_below(&w->random, 1000));
        s->wanted_us = wanted_us;
        return;
    }
    s->longest_wait_us = MAX(s->longest_wait_us, w->now_us - s->wanted_us);
    s->sent++;
    f->used = true;
    times_add(&w->sent, w->now_us);
    push(w, (struct event){w->now_us + way_us(w), 0, EVENT_ARRIVE, stream, call});
    if (s->think_us == 0) {
        ask_later(w, stream, w->now_us);
    }
}

static int64_t hubspot_count(struct world *w)
{
    while (w->counted_from < w->counted.n && w->counted.at[w->counted_from] <= w->now_us - SPAN) {
        w->counted_from++;
    }
    return (int64_t)(w->counted.n - w->counted_from);
}

static void on_arrive(struct world *w, const struct event *e)
{
    struct flight *f = &w->streams[e->stream].calls[e->call];
    if (w->daily > 0 && w->now_us >= w->midnights_us[w->midnight]) {
        w->midnight++;
        w->today = 0;
    }
    times_add(&w->ours, w->now_us);
    int64_t used = hubspot_count(w);
    bool over_day = w->daily > 0 && w->today >= w->daily;
    f->refused = used >= w->max || over_day;
    f->policy = over_day ? POLICY_DAILY : POLICY_ROLLING;
    if (!f->refused) {
        times_add(&w->counted, w->now_us);
        w->today++;
    }
    f->remaining = MAX(0, w->max - used - 1);
    f->daily_remaining = w->daily > 0 ? w->daily - w->today : -1;
    push(w, (struct event){w->now_us + way_us(w), 0, EVENT_ANSWER, e->stream, e->call});
}

static void on_answer(struct world *w, const struct event *e)
{
    struct stream *s = &w->streams[e->stream];
    struct flight *f = &s->calls[e->call];
    budget_ended(s->budget, &f->ticket, w->now_us);
    budget_learn(s->budget, &(struct budget_answer){.ticket = f->ticket,
                                                    .now_us = w->now_us,
                                                    .wall_ms = wall_of(w, w->now_us),
                                                    .max = w->max,
                                                    .remaining = f->remaining,
                                                    .interval_ms = SPAN / 1000,
                                                    .daily = w->daily > 0 ? w->daily : -1,
                                                    .daily_remaining = f->daily_remaining,
                                                    .refused = f->refused,
                                                    .policy = f->policy,
                                                    .retry_after_ms = -1});
    w->refused += f->refused && f->policy == POLICY_ROLLING;
    w->refused_for_day += f->refused && f->policy == POLICY_DAILY;
    f->used = false;
    ask_later(w, e->stream, w->now_us + about(w, s->think_us));
}

static void on_other(struct world *w)
{
    for (int64_t i = 0; w->other_on && i < w->other_burst; i++) {
        if (hubspot_count(w) < w->max) {
            times_add(&w->counted, w->now_us);
            w->others++;
        } else {
            w->others_refused++;
        }
    }
    push(w, (struct event){.at_us = w->now_us + w->other_every_us, .kind = EVENT_OTHER});
}

static void begin(struct world *w)
{
    if (w->other_every_us > 0) {
        push(w, (struct event){.kind = EVENT_OTHER});
    }
    if (w->scene) {
        push(w, (struct event){.kind = EVENT_SCENE});
    }
    for (int i = 0; i < w->n_streams; i++) {
        ask_later(w, i, about(w, SECOND / 20));
    }
}

static void run(struct world *w, int64_t end_us)
{
    if (w->order == 0) {
        begin(w);
    }
    while (w->n_events > 0 && w->events[0].at_us < end_us) {
        struct event e = pop(w);
        w->now_us = e.at_us;
        if (e.kind == EVENT_ASK) {
            on_ask(w, e.stream);
        } else if (e.kind == EVENT_ARRIVE) {
            on_arrive(w, &e);
        } else if (e.kind == EVENT_ANSWER) {
            on_answer(w, &e);
        } else if (e.kind == EVENT_OTHER) {
            on_other(w);
        } else {
            w->scene(w, w->now_us);
            push(w, (struct event){.at_us = w->now_us + SECOND, .kind = EVENT_SCENE});
        }
    }
}

// Two connections of one app on one account: two handles on one state is what budget_share.h adds;
// here they share the handle.
static struct world *make(uint64_t seed, int64_t max, double share, int n_streams)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    random_seed(&w->random, seed);
    w->max = max;
    w->share = share;
    w->way_least_us = 10000;
    w->way_most_us = 200000; // 20 to 400 ms there and back
    w->n_streams = n_streams;
    w->flying_max = FLYING_MAX;
    struct times *all[] = {&w->sent, &w->ours, &w->counted};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i]->at = calloc(TIMES_MAX, sizeof *all[i]->at);
        assert_non_null(all[i]->at);
    }
    w->budget = budget_create(
        &(struct budget_options){.share = share, .search_per_second = 5, .seed = seed});
    for (int i = 0; i < n_streams; i++) {
        w->streams[i].budget = w->budget;
        w->streams[i].member = budget_join(w->budget);
        w->streams[i].priority = BUDGET_BACKFILL;
    }
    return w;
}

static void destroy(struct world *w)
{
    for (int i = 0; i < w->n_streams; i++) {
        budget_leave(w->budget, w->streams[i].member);
    }
    budget_destroy(w->budget);
    free(w->sent.at);
    free(w->ours.at);
    free(w->counted.at);
    free(w);
}

static int64_t share_of(const struct world *w)
{
    return MAX(1, (int64_t)((double)w->max * w->share + 1e-9));
}

// ---- promises that hold whatever happens

static void test_never_over_the_share(void **state)
{
    (void)state;
    static const int64_t LIMITS[] = {100, 110, 150, 190, 250};
    static const double SHARES[] = {0.3, 0.5, 0.8, 0.95, 1};
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct random r;
        random_seed(&r, seed);
        struct world *w = make(seed, LIMITS[random_below(&r, ARRAY_LEN(LIMITS))],
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
        run(w, 100 * SECOND);
        assert_true(w->sent.n > 0);
        assert_true(times_peak(&w->sent, SPAN, 0, NEVER) <= share_of(w));
        // What arrives is bunched by way of at most half a second.
        assert_true(times_peak(&w->ours, SPAN, 0, NEVER) <= share_of(w) * 105 / 100 + 1);
        assert_true(w->other_on || w->share > 0.95 || w->refused == 0);
        destroy(w);
    }
}

// Hungry streams get what the share allows, less the little that is kept for better priorities.
static void test_never_idle(void **state)
{
    (void)state;
    static const int64_t LIMITS[] = {100, 110, 190, 250};
    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct world *w = make(seed, LIMITS[seed % ARRAY_LEN(LIMITS)], 0.8, 20);
        run(w, 5 * MINUTE);
        double allowed = (double)share_of(w) * 30;
        assert_true((double)w->sent.n >= 0.97 * allowed);
        assert_true(times_peak(&w->sent, SPAN, 0, NEVER) <= share_of(w));
        assert_true(times_peak(&w->ours, SPAN, 0, NEVER) <= share_of(w) * 160 / 152);
        assert_true(w->refused == 0);
        destroy(w);
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
    struct world *w = make(seed, 190, 0.8, 20);
    w->other_every_us = every_us;
    w->other_burst = burst;
    w->scene = others_come_and_go;
    run(w, 5 * MINUTE);
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
    destroy(w);
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
        struct world *w = make(seed, 190, 0.8, 20);
        w->other_burst = BURSTS[seed % ARRAY_LEN(BURSTS)];
        w->other_every_us = SPAN * w->other_burst / 95;
        w->scene = others_come_and_go;
        run(w, 5 * MINUTE);
        assert_int_equal(w->refused, 0);
        assert_int_equal(w->others_refused, 0);
        assert_true(times_peak(&w->counted, SPAN, 0, NEVER) <= 178);
        assert_true(times_in(&w->sent, MINUTE + SPAN, 3 * MINUTE) >= 57 * 11 * 8 / 10);
        assert_true(times_in(&w->sent, 3 * MINUTE, NEVER) >= 152 * 12 * 92 / 100);
        destroy(w);
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
        struct world *w = make(seed, 100, 0.8, 20);
        w->scene = limit_changes;
        run(w, 6 * MINUTE);
        int64_t up_us = 2 * MINUTE + SPAN;
        assert_true(times_in(&w->sent, up_us, up_us + SPAN) >= 140);
        assert_true(times_peak(&w->sent, SPAN, 0, 2 * MINUTE) <= 80);
        int64_t down_us = 4 * MINUTE + SPAN;
        assert_true(times_peak(&w->sent, SPAN, down_us + SPAN, NEVER) <= 80);
        assert_true(times_in(&w->sent, down_us + SPAN, down_us + 3 * SPAN) >= 150);
        // Only what was under way when the limit fell.
        assert_in_range(w->refused, 0, 20);
        destroy(w);
    }
}

// ---- turns and priorities

static void test_turns(void **state)
{
    (void)state;
    struct world *w = make(1, 190, 0.8, 20);
    w->streams[3].class = BUDGET_ASSOCIATIONS;
    for (int i = 10; i < 20; i++) {
        w->streams[i].think_us = SECOND / 1000;
    }
    run(w, 10 * MINUTE);
    double mean = (double)w->sent.n / 20;
    for (int i = 0; i < w->n_streams; i++) {
        assert_true((double)w->streams[i].sent > 0.9 * mean);
        assert_true((double)w->streams[i].sent < 1.1 * mean);
    }
    destroy(w);
}

// Changes go before backfills, and who waits for an answer before all.
static void test_priorities(void **state)
{
    (void)state;
    struct world *w = make(2, 190, 0.8, 20);
    w->streams[0].priority = BUDGET_INTERACTIVE;
    w->streams[0].think_us = 2 * SECOND;
    w->streams[1].priority = BUDGET_WRITE;
    w->streams[1].think_us = SECOND / 2;
    w->streams[2].priority = BUDGET_INCREMENTAL;
    w->streams[2].think_us = SECOND / 2;
    run(w, 10 * MINUTE);
    // They get what they ask for, and who waits for an answer gets it at once.
    assert_true(w->streams[0].sent > 10 * 60 / 2 * 8 / 10);
    assert_true(w->streams[0].longest_wait_us < SECOND);
    for (int i = 1; i < 3; i++) {
        assert_true(w->streams[i].sent > 10 * 60);
    }
    assert_true((double)w->sent.n >= 0.85 * 152 * 60);
    assert_int_equal(w->refused, 0);
    destroy(w);
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
    struct world *w = make(3, 190, 0.8, 20);
    w->daily = 100000;
    w->wall_ms = ms_of(begin);
    w->midnights_us[0] = (ms_of(midnight) - w->wall_ms) * 1000;
    assert_true(w->midnights_us[0] == hours * HOUR);
    w->midnights_us[1] = w->midnights_us[0] + 24 * HOUR;
    budget_set_zone(w->budget, STR("America/New_York"), 0);
    for (int i = 0; i < 4; i++) { // changes, all day long
        w->streams[i].priority = BUDGET_INCREMENTAL;
        w->streams[i].think_us = 40 * SECOND;
    }
    run(w, w->midnights_us[0]);
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
    run(w, w->midnights_us[0] + MINUTE);
    assert_true(w->sent.n - n >= 152 * 5);
    assert_int_equal(w->refused + w->refused_for_day, 0);
    destroy(w);
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
