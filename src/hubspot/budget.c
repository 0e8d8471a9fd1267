#include "hubspot/budget_state.h"

enum {
    SEARCH_SPAN_US = 1000000,
    LOOK_AGAIN_US = 20000,   // when what is waited for has no known time
    PROBE_CALLS = 4,         // ahead of their answers while the window's state is unknown
    PROBE_SPAN_US = 5000000, // calls that are not answered within this do not hold others
    // Work in bulk fills half a window at twice the even pace and goes on evenly: so a slot is
    // never far for those who come first, and what other programs do is seen before it is too late.
    PACE_PARTS = 10,
    FOREIGN_NOISE = 3, // fewer calls of others than this cannot be told from none
    TURN_CREDIT = 8,   // turns that who was busy with an answer may catch up
    GRACE_US = 3000,   // who promised to ask again and is later loses the turn
    // What is sent evenly may arrive bunched: a call is on its way for so long at most (longer ones
    // are rare). A slightly longer window is held to a slightly greater count, so that what
    // arrives in HubSpot's window stays near the share too.
    ARRIVAL_SPREAD_US = 500000,
};

// What a class of calls counts against.
static const struct {
    bool window, search, assoc;
} CLASSES[BUDGET_CLASS_COUNT] = {
    [BUDGET_GENERAL] = {.window = true},
    [BUDGET_SEARCH] = {.search = true},
    [BUDGET_ASSOCIATIONS] = {.window = true, .assoc = true},
};

// The parts of the window's share that a priority leaves to better ones: always, and at most while
// those have been calling.
static const struct {
    double always, busy;
} RESERVES[BUDGET_PRIORITY_COUNT] = {
    [BUDGET_INTERACTIVE] = {0, 0},
    [BUDGET_WRITE] = {0.01, 0.05},
    [BUDGET_INCREMENTAL] = {0.015, 0.10},
    [BUDGET_BACKFILL] = {0.015, 0.20},
};

// The associations' burst limit goes with the account's tier, which the general one shows.
static const struct {
    int64_t general_from, assoc;
} ASSOC_LIMITS[] = {{250, 200}, {150, 150}, {0, 100}};

static const char *const WAIT_NAMES[] = {
    [BUDGET_GO] = "nothing",
    [BUDGET_WAIT_WINDOW] = "HubSpot's rate limit",
    [BUDGET_WAIT_SEARCH] = "HubSpot's search limit",
    [BUDGET_WAIT_ASSOC] = "HubSpot's limit for associations",
    [BUDGET_WAIT_FIRST] = "HubSpot's first answer",
    [BUDGET_WAIT_TURN] = "its turn among the streams",
    [BUDGET_WAIT_DAY] = "HubSpot's daily limit",
    [BUDGET_WAIT_REFUSED] = "the pause after a 429",
    [BUDGET_WAIT_RETRY] = "a pause before a failed call is repeated",
};

static const char *const PRIORITY_NAMES[] = {
    [BUDGET_INTERACTIVE] = "interactive",
    [BUDGET_WRITE] = "write",
    [BUDGET_INCREMENTAL] = "incremental",
    [BUDGET_BACKFILL] = "backfill",
};

const char *budget_wait_name(enum budget_wait w)
{
    assert((size_t)w < ARRAY_LEN(WAIT_NAMES));
    return WAIT_NAMES[w];
}

const char *budget_priority_name(enum budget_priority p)
{
    assert((size_t)p < ARRAY_LEN(PRIORITY_NAMES));
    return PRIORITY_NAMES[p];
}

// ---- limits

int64_t budget_share_of(const struct budget *b, int64_t limit)
{
    limit = MIN(limit, INT64_C(1) << 40); // whatever a header says, a double holds it exactly
    return MAX(1, (int64_t)((double)limit * b->options.share + 1e-9));
}

int64_t budget_foreign(const struct budget_app *a, int64_t now_us)
{
    int64_t age_us = now_us - a->foreign_at_us;
    bool old = age_us > a->interval_us / BUDGET_STALE_PART;
    double left = old ? MAX(0.0, 1 - (double)age_us / (double)a->interval_us) : 1;
    double calls = a->foreign * left;
    return calls < FOREIGN_NOISE ? 0 : (int64_t)(calls + 0.5);
}

static int64_t window_allowed(const struct budget *b, int64_t now_us)
{
    int64_t usable = budget_share_of(b, budget_app_of(b)->max);
    int64_t foreign = budget_foreign(budget_app_of(b), now_us);
    // Between two answers others go on; and what they do is known to a few calls only.
    foreign += foreign > 0 ? 1 + foreign / 50 : 0;
    return MAX(1, MIN(usable - foreign, SEND_TIMES_MAX));
}

// A window that admits more than is remembered is no limit: no server answers hundreds of our calls
// a second.
static bool is_limited(const struct budget *b)
{
    const struct budget_app *a = budget_app_of(b);
    return a->max >= 0 && budget_share_of(b, a->max) < SEND_TIMES_MAX;
}

static void recent_add(struct budget_recent *r, int64_t now_us, int64_t span_us, int64_t n)
{
    int64_t span = now_us / span_us;
    if (span != r->span) {
        r->before_n = span == r->span + 1 ? r->n : 0;
        r->n = 0;
        r->span = span;
    }
    r->n += n;
}

// What better priorities have been calling of late, twice over, and what they have called in this
// window, if they call evenly.
struct better_calls {
    int64_t wanted, had;
};

static struct better_calls better_calls(const struct budget *b, enum budget_priority priority,
                                        int64_t now_us)
{
    const struct budget_app *a = budget_app_of(b);
    double left_of_span = 1 - (double)(now_us % a->interval_us) / (double)a->interval_us;
    struct better_calls x = {0};
    for (int p = 0; p < (int)priority; p++) {
        struct budget_recent r = a->recent[p];
        recent_add(&r, now_us, a->interval_us, 0);
        x.wanted += 2 * MAX(r.n, r.before_n);
        x.had += r.n + (int64_t)((double)r.before_n * left_of_span);
    }
    return x;
}

// What is kept for better priorities: what they want, as far as they have not had it yet.
static int64_t reserve(const struct budget *b, enum budget_priority priority, int64_t now_us)
{
    struct better_calls better = better_calls(b, priority, now_us);
    double allowed = (double)window_allowed(b, now_us);
    int64_t wanted = MIN(better.wanted, (int64_t)(allowed * RESERVES[priority].busy));
    return MAX((int64_t)(allowed * RESERVES[priority].always), wanted - better.had);
}

static int64_t window_allowed_to(const struct budget *b, const struct budget_ask *ask)
{
    return MAX(1, window_allowed(b, ask->now_us) - reserve(b, ask->priority, ask->now_us));
}

// One condition on a call: when it holds at the earliest, and its name.
struct bound {
    int64_t at_us;
    enum budget_wait why;
};

static void hold(struct bound *x, int64_t at_us, enum budget_wait why)
{
    if (at_us > x->at_us) {
        *x = (struct bound){at_us, why};
    }
}

// When the window has room for this call.
static int64_t window_free_at(const struct budget *b, const struct budget_ask *ask)
{
    const struct budget_app *a = budget_app_of(b);
    int64_t allowed = window_allowed_to(b, ask);
    int64_t even = allowed / PACE_PARTS;
    bool bulk = ask->priority >= BUDGET_INCREMENTAL;
    bool filling = send_times_after(&a->window, ask->now_us - a->interval_us) < allowed / 2;
    int64_t pace = even + even / 8 + 2;
    if (filling && better_calls(b, ask->priority, ask->now_us).wanted == 0) {
        pace = 2 * even + 4;
    }
    const struct {
        int64_t span_us, calls;
    } RULES[] = {
        {a->interval_us, allowed},
        {a->interval_us + MIN(ARRIVAL_SPREAD_US, a->interval_us / 20),
         allowed + MAX(1, (allowed + 24) / 25)},
        {a->interval_us / PACE_PARTS, bulk ? pace : allowed},
    };
    int64_t at_us = ask->now_us;
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        int64_t calls = MIN(RULES[i].calls, SEND_TIMES_MAX);
        at_us = MAX(at_us, send_times_free_at(&a->window, RULES[i].span_us, calls, ask->now_us));
    }
    return at_us;
}

static void hold_for_window(const struct budget *b, const struct budget_ask *ask, struct bound *x)
{
    const struct budget_app *a = budget_app_of(b);
    if (a->heard_us <= ask->now_us - a->interval_us / BUDGET_STALE_PART) {
        // Nothing has been heard for a while: what others do is not known.
        int64_t since_us = MAX(a->heard_us, ask->now_us - PROBE_SPAN_US);
        // Calls that came to nothing are not waited for.
        if (a->flying >= PROBE_CALLS && send_times_after(&a->window, since_us) >= PROBE_CALLS) {
            hold(x, ask->now_us + LOOK_AGAIN_US, BUDGET_WAIT_FIRST);
        }
    }
    if (!is_limited(b)) {
        return;
    }
    hold(x, window_free_at(b, ask), BUDGET_WAIT_WINDOW);
}

static int64_t assoc_allowed(const struct budget *b, int64_t now_us)
{
    const struct budget_app *a = budget_app_of(b);
    for (size_t i = 0; i < ARRAY_LEN(ASSOC_LIMITS); i++) {
        if (a->max >= ASSOC_LIMITS[i].general_from) {
            return MIN(budget_share_of(b, ASSOC_LIMITS[i].assoc), window_allowed(b, now_us));
        }
    }
    return SEND_TIMES_MAX;
}

static void hold_for_associations(const struct budget *b, const struct budget_ask *ask,
                                  struct bound *x)
{
    if (is_limited(b)) {
        const struct budget_app *a = budget_app_of(b);
        hold(x,
             send_times_free_at(&a->assoc, a->interval_us, assoc_allowed(b, ask->now_us),
                                ask->now_us),
             BUDGET_WAIT_ASSOC);
    }
}

static int64_t search_limit(const struct budget *b)
{
    return MAX(1, b->options.search_per_second - b->state->search_cut);
}

// A second is short beside what a call may take to arrive, so two conditions hold: the share of the
// limit by the times of sending; and never more than the limit itself of searches that HubSpot may
// count in one second, which are those under way and those that ended less than a second ago.
static void hold_for_search(const struct budget *b, const struct budget_ask *ask, struct bound *x)
{
    const struct budget_state *s = b->state;
    int64_t limit = search_limit(b);
    hold(x, send_times_free_at(&s->search, SEARCH_SPAN_US, budget_share_of(b, limit), ask->now_us),
         BUDGET_WAIT_SEARCH);
    int64_t done = send_times_after(&s->search_done, ask->now_us - SEARCH_SPAN_US);
    if (s->search_flying + done < limit) {
        return;
    }
    int64_t free_at = ask->now_us + LOOK_AGAIN_US; // when one under way ends is not known
    if (s->search_flying < limit) {
        free_at = send_times_free_at(&s->search_done, SEARCH_SPAN_US, limit - s->search_flying,
                                     ask->now_us);
    }
    hold(x, free_at, BUDGET_WAIT_SEARCH);
}

// The earliest instant and what holds the call until then.
static struct bound earliest(const struct budget *b, const struct budget_ask *ask)
{
    struct bound x = {ask->now_us, BUDGET_GO};
    hold(&x, b->state->paused_until_us, BUDGET_WAIT_REFUSED);
    if (CLASSES[ask->class].window) {
        hold_for_window(b, ask, &x);
    }
    if (CLASSES[ask->class].assoc) {
        hold_for_associations(b, ask, &x);
    }
    if (CLASSES[ask->class].search) {
        hold_for_search(b, ask, &x);
    }
    int64_t free_ms = budget_day_free_at(b, ask->priority, ask->wall_ms);
    hold(&x, ask->now_us + (free_ms - ask->wall_ms) * BUDGET_MS, BUDGET_WAIT_DAY);
    if (CLASSES[ask->class].assoc) {
        free_ms = budget_assoc_day_free_at(b, ask->wall_ms);
        hold(&x, ask->now_us + (free_ms - ask->wall_ms) * BUDGET_MS, BUDGET_WAIT_ASSOC);
    }
    return x;
}

// ---- turns

static enum budget_lane lane_of(enum budget_class class)
{
    return CLASSES[class].search ? LANE_SEARCH : LANE_WINDOW;
}

static uint64_t *lane_turn(const struct budget *b, enum budget_lane lane)
{
    return lane == LANE_SEARCH ? &b->state->search_turn : &budget_app_of(b)->turn;
}

// How many calls of this kind could go at this instant.
static int64_t free_slots(const struct budget *b, const struct budget_ask *ask)
{
    const struct budget_app *a = budget_app_of(b);
    if (lane_of(ask->class) == LANE_SEARCH) {
        return budget_share_of(b, search_limit(b)) -
               send_times_after(&b->state->search, ask->now_us - SEARCH_SPAN_US);
    }
    if (!is_limited(b)) {
        return INT64_MAX;
    }
    return window_allowed_to(b, ask) - send_times_after(&a->window, ask->now_us - a->interval_us);
}

static bool is_better(const struct budget_claim *c, const struct budget_claim *mine)
{
    return c->priority != mine->priority ? c->priority < mine->priority : c->turn < mine->turn;
}

// Whether as many others as there are free slots have a better claim, and are due.
static bool is_others_turn(const struct budget *b, const struct budget_ask *ask,
                           const struct budget_claim *mine)
{
    enum budget_lane lane = lane_of(ask->class);
    int64_t slots = free_slots(b, ask);
    for (int i = 0; slots > 0 && i < b->state->members_used; i++) {
        const struct budget_member *m = &b->state->members[i];
        const struct budget_claim *c = &m->claims[lane];
        int64_t late_us = ask->now_us - c->promised_us;
        bool due = m->pid != 0 && c->waiting && late_us >= -GRACE_US && late_us < GRACE_US;
        bool same = lane == LANE_SEARCH || m->app == b->app;
        slots -= i != ask->member && due && same && is_better(c, mine);
    }
    return slots <= 0;
}

static void count_call(struct budget *b, const struct budget_ask *ask, struct budget_ticket *ret)
{
    struct budget_state *s = b->state;
    struct budget_app *a = budget_app_of(b);
    struct budget_member *m = &s->members[ask->member];
    *ret = (struct budget_ticket){
        .member = ask->member, .class = ask->class, .sent_us = ask->now_us, .flying = a->flying};
    if (CLASSES[ask->class].window) {
        send_times_add(&a->window, ask->now_us);
        a->flying++;
        m->flying_window++;
    }
    if (CLASSES[ask->class].assoc) {
        send_times_add(&a->assoc, ask->now_us);
        s->day.assoc_used++;
    }
    if (CLASSES[ask->class].search) {
        send_times_add(&s->search, ask->now_us);
        s->search_flying++;
        m->flying_search++;
    }
    recent_add(&a->recent[ask->priority], ask->now_us, a->interval_us, 1);
    s->day.used++;
    s->sent++;
}

enum budget_wait budget_take(struct budget *b, const struct budget_ask *ask,
                             struct budget_ticket *ret, int64_t *ret_until_us)
{
    assert(ask->member >= 0 && ask->member < BUDGET_MEMBERS_MAX);
    enum budget_lane lane = lane_of(ask->class);
    budget_lock(b);
    budget_day_roll(b, ask->wall_ms);
    budget_sweep(b, ask->now_us);
    struct budget_claim *claim = &b->state->members[ask->member].claims[lane];
    uint64_t *turn = lane_turn(b, lane);
    if (!claim->waiting) {
        claim->turn = MAX(claim->turn, *turn - MIN(*turn, TURN_CREDIT));
    }
    claim->priority = ask->priority;
    struct bound x = earliest(b, ask);
    if (x.why == BUDGET_GO && is_others_turn(b, ask, claim)) {
        x = (struct bound){ask->now_us + GRACE_US, BUDGET_WAIT_TURN};
    }
    claim->waiting = x.why != BUDGET_GO;
    claim->promised_us = x.at_us;
    if (x.why == BUDGET_GO) {
        *turn = MAX(*turn, claim->turn);
        claim->turn++;
        count_call(b, ask, ret);
    }
    budget_unlock(b);
    *ret_until_us = x.at_us;
    return x.why;
}

void budget_ended(struct budget *b, const struct budget_ticket *ticket, int64_t now_us)
{
    budget_lock(b);
    struct budget_state *s = b->state;
    struct budget_app *a = budget_app_of(b);
    struct budget_member *m = &s->members[ticket->member];
    // What a killed process left behind may have been forgotten meanwhile; never below zero.
    if (CLASSES[ticket->class].search) {
        s->search_flying = MAX(0, s->search_flying - 1);
        m->flying_search = MAX(0, m->flying_search - 1);
        send_times_add(&s->search_done, now_us);
    } else {
        a->flying = MAX(0, a->flying - 1);
        m->flying_window = MAX(0, m->flying_window - 1);
    }
    budget_unlock(b);
}

int64_t budget_earliest(struct budget *b, const struct budget_ask *ask)
{
    budget_lock(b);
    budget_day_roll(b, ask->wall_ms);
    struct bound x = earliest(b, ask);
    budget_unlock(b);
    return x.at_us;
}

double budget_rate(struct budget *b)
{
    budget_lock(b);
    const struct budget_app *a = budget_app_of(b);
    double calls = is_limited(b) ? (double)window_allowed(b, a->foreign_at_us) : 0;
    double rate = calls * 1e6 / (double)a->interval_us;
    budget_unlock(b);
    return rate;
}

void budget_look(struct budget *b, int64_t now_us, struct budget_view *ret)
{
    budget_lock(b);
    const struct budget_app *a = budget_app_of(b);
    int64_t daily = budget_day_max(b);
    *ret = (struct budget_view){
        .window_max = a->max,
        .window_allowed = a->max < 0 ? -1 : window_allowed(b, now_us),
        .window_used = send_times_after(&a->window, now_us - a->interval_us),
        .window_foreign = budget_foreign(a, now_us),
        .daily_max = daily,
        .daily_allowed = daily < 0 ? -1 : budget_share_of(b, daily),
        .daily_used = daily < 0 ? -1 : b->state->day.used,
        .day_ends_wall_ms = b->state->day.ends_wall_ms,
        .sent = b->state->sent,
        .refused = b->state->refused,
    };
    budget_unlock(b);
}
