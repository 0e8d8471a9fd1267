#include "test_budget_world.h"

static void times_add(struct times *l, int64_t t)
{
    assert_true(l->n < TIMES_MAX);
    assert_true(l->n == 0 || l->at[l->n - 1] <= t);
    l->at[l->n++] = t;
}

int64_t times_in(const struct times *l, int64_t from, int64_t to)
{
    int64_t n = 0;
    for (size_t i = l->n; i > 0 && l->at[i - 1] > from; i--) {
        n += l->at[i - 1] <= to;
    }
    return n;
}

int64_t times_peak(const struct times *l, int64_t span, int64_t from, int64_t to)
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

void world_run(struct world *w, int64_t end_us)
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
struct world *world_make(uint64_t seed, int64_t max, double share, int n_streams)
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

void world_destroy(struct world *w)
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

int64_t world_share(const struct world *w)
{
    return MAX(1, (int64_t)((double)w->max * w->share + 1e-9));
}
