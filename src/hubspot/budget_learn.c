// What the budget learns from HubSpot's answers: limits, other programs' calls, refusals.
#include "hubspot/budget_state.h"

enum {
    ASSUMED_MAX = 100,        // HubSpot's smallest documented burst limit
    STREAK_MAX = 16,          // more doublings than any pause has
    ON_ITS_WAY_US = 500000,   // a call may arrive so long after it was sent (more is rare)
    FOREIGN_MEMORY = 8,       // answers that the mean of others' calls is taken over
    FOREIGN_LEAST = -5,       // errors around none must not add up to some
    SEARCH_CUT_US = 60000000, // a lowered search limit is raised again one by one
};

// How long the whole account pauses after a 429 without Retry-After: the first time, and at most;
// it doubles in between. A window of a second is empty after one.
static const struct {
    int64_t first_us, most_us;
} PAUSES[] = {
    [POLICY_UNKNOWN] = {1000000, 16000000},
    [POLICY_ROLLING] = {1000000, 16000000},
    [POLICY_SECONDLY] = {1000000, 4000000},
    [POLICY_DAILY] = {1000000, 16000000}, // not used: the day is blocked
};

enum budget_policy budget_policy_parse(struct str name)
{
    static const struct {
        struct str name;
        enum budget_policy policy;
    } NAMES[] = {{STR_INIT("TEN_SECONDLY_ROLLING"), POLICY_ROLLING},
                 {STR_INIT("SECONDLY"), POLICY_SECONDLY},
                 {STR_INIT("DAILY"), POLICY_DAILY}};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        if (str_eq(name, NAMES[i].name)) {
            return NAMES[i].policy;
        }
    }
    return POLICY_UNKNOWN;
}

// Nothing tells how many searches others make: when one is refused although we kept to the share,
// less is asked for.
static void lower_search(struct budget *b, int64_t now_us)
{
    struct budget_state *s = b->state;
    s->search_cut = MIN(s->search_cut + 1, b->options.search_per_second - 1);
    s->search_cut_until_us = now_us + SEARCH_CUT_US;
}

static void raise_search(struct budget_state *s, int64_t now_us)
{
    if (s->search_cut > 0 && now_us >= s->search_cut_until_us) {
        s->search_cut--;
        s->search_cut_until_us = now_us + SEARCH_CUT_US;
    }
}

static void learn_refusal(struct budget *b, const struct budget_answer *a)
{
    struct budget_state *s = b->state;
    s->refused++;
    if (budget_app_of(b)->max < 0 && a->ticket.class != BUDGET_SEARCH) {
        budget_app_of(b)->max = ASSUMED_MAX;
    }
    if (a->policy == POLICY_DAILY) {
        s->day.blocked_until_wall_ms = budget_day_spent_until(s, a->wall_ms, a->wall_ms);
        return;
    }
    if (a->now_us < s->paused_until_us) {
        return; // one of several that were in flight when the pause began
    }
    if (a->ticket.class == BUDGET_SEARCH) {
        lower_search(b, a->now_us);
    }
    int64_t pause_us =
        MIN(PAUSES[a->policy].first_us << s->refused_streak, PAUSES[a->policy].most_us);
    if (a->retry_after_ms > 0) { // "0" would have all of us back at once
        pause_us = a->retry_after_ms * BUDGET_MS;
    }
    // Jitter, so that several programs on one account do not wake at the same instant.
    pause_us += (int64_t)(random_unit(&s->random) * 0.25 * (double)pause_us);
    s->paused_until_us = a->now_us + pause_us;
    s->refused_streak = MIN(s->refused_streak + 1, STREAK_MAX);
}

// Others' calls in HubSpot's window when it counted this one: what it counts less ours. How many of
// ours it had is known only within bounds: which of those under way had arrived, and which of the
// oldest had left, is not. In the mean half of those that overlap this call came before it (of any
// two, one is first), and a call stays in the window as long as it is after its sending. So the
// mean of several answers is exact, and the bounds make it follow at once when others come or go.
// When nothing was heard for a while, the worst is believed until the next answers tell.
static void learn_foreign(struct budget *b, const struct budget_answer *a)
{
    struct budget_app *app = budget_app_of(b);
    const struct send_times *w = &app->window;
    int64_t used = a->max - MIN(a->remaining, a->max);
    int64_t begin_us = a->ticket.sent_us - app->interval_us;
    int64_t since_us = a->now_us - app->interval_us; // what was sent later has not left
    int64_t behind = send_times_after(w, a->ticket.sent_us);
    int64_t most = send_times_after(w, begin_us - ON_ITS_WAY_US);
    int64_t least = MAX(1, send_times_after(w, since_us) - behind - a->ticket.flying);
    double mean = (double)(send_times_after(w, begin_us) - behind) +
                  0.5 * (double)(behind - a->ticket.flying);
    bool old = a->now_us - app->foreign_at_us > app->interval_us / BUDGET_STALE_PART;
    double seen = (double)used - MAX(1.0, mean);
    double belief = app->foreign + (seen - app->foreign) / FOREIGN_MEMORY;
    belief = old ? (double)used : MAX(belief, (double)(used - most));
    app->foreign = MAX((double)FOREIGN_LEAST, MIN(belief, (double)(used - least)));
    app->foreign_at_us = a->now_us;
}

// Associations have limits of their own, and it is not documented which ones their answers show:
// they are believed where they agree with the others', or where those are silent.
static bool is_believed(const struct budget_app *app, const struct budget_answer *a)
{
    return a->ticket.class == BUDGET_GENERAL || a->max == app->max || app->max < 0 ||
           a->now_us - app->general_us > app->interval_us;
}

static void learn_window(struct budget *b, const struct budget_answer *a)
{
    struct budget_app *app = budget_app_of(b);
    app->heard_us = MAX(app->heard_us, a->now_us);
    if (a->max > 0 && a->remaining >= 0 && is_believed(app, a)) {
        app->general_us = a->ticket.class == BUDGET_GENERAL ? a->now_us : app->general_us;
        app->max = a->max;
        if (a->interval_ms > 0) {
            app->interval_us = a->interval_ms * BUDGET_MS;
        }
        learn_foreign(b, a);
    } else if (a->now_us - app->foreign_at_us > 2 * app->interval_us) {
        app->foreign = 0; // it says no more
    }
}

static void learn_day(struct budget *b, const struct budget_answer *a)
{
    struct budget_day *d = &b->state->day;
    struct budget_app *app = budget_app_of(b);
    int64_t sent_wall_ms = a->wall_ms - (a->now_us - a->ticket.sent_us) / BUDGET_MS;
    if (sent_wall_ms < d->began_wall_ms) {
        return; // it tells of yesterday
    }
    app->daily = true;
    d->max = a->daily;
    // What was sent since may not have been counted yet; the last answer has none behind it.
    d->used = MAX(0, a->daily - a->daily_remaining) +
              send_times_after(&app->window, a->ticket.sent_us) +
              send_times_after(&b->state->search, a->ticket.sent_us);
    d->heard_wall_ms = a->wall_ms;
    if (!a->refused) {
        d->blocked_until_wall_ms = 0; // it let this one through
    }
}

void budget_learn(struct budget *b, const struct budget_answer *a)
{
    budget_lock(b);
    budget_day_roll(b, a->wall_ms);
    if (a->ticket.class != BUDGET_SEARCH) {
        learn_window(b, a);
    }
    if (a->daily > 0 && a->daily_remaining >= 0) {
        learn_day(b, a);
    }
    raise_search(b->state, a->now_us);
    if (a->refused) {
        learn_refusal(b, a);
    } else if (a->now_us >= b->state->paused_until_us) {
        b->state->refused_streak = 0;
    }
    budget_unlock(b);
}
