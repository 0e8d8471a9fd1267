#include "hubspot/budget.h"

#include "core/random.h"

#include <pthread.h>

enum {
    RING = 16384, // sends remembered, so also the most in a window; HubSpot's largest limit is 250
    ASSUMED_MAX = 100,           // HubSpot's smallest documented burst limit
    ASSUMED_INTERVAL_MS = 10000, // and its window
    DAY_MS = 24 * 3600 * 1000,
    REFUSED_STREAK_MAX = 5, // 1, 2, 4, 8, 16 s
    SEARCH_SPAN_US = 1000000,
    SEARCH_LOOK_AGAIN_US = 20000,
};

// Send times, oldest first, as a ring.
struct ring {
    int64_t at[RING];
    size_t head; // oldest
    size_t n;
};

struct budget {
    pthread_mutex_t lock;
    struct budget_options options;
    struct random random;
    struct ring window;
    struct ring search;
    struct ring search_done; // when searches ended
    int64_t search_flying;   // sent and not ended
    int64_t max;             // -1: unknown (no headers seen)
    int64_t interval_us;     // of the window
    int64_t foreign;         // calls of others in the window, as last seen
    int64_t foreign_at_us;
    int64_t daily_max; // -1: unknown
    int64_t daily_used;
    int64_t daily_seen_wall_ms;
    int64_t daily_blocked_until_wall_ms; // a 429 for the day
    int64_t utc_offset_ms;
    int64_t paused_until_us;
    int refused_streak;
    uint64_t sent, refused;
};

static const char *const WAIT_NAMES[] = {
    [BUDGET_GO] = "nothing",
    [BUDGET_WAIT_WINDOW] = "HubSpot's rate limit",
    [BUDGET_WAIT_SEARCH] = "HubSpot's search limit",
    [BUDGET_WAIT_DAY] = "HubSpot's daily limit",
    [BUDGET_WAIT_REFUSED] = "the pause after a 429",
};

const char *budget_wait_name(enum budget_wait w)
{
    assert((size_t)w < ARRAY_LEN(WAIT_NAMES));
    return WAIT_NAMES[w];
}

static int64_t ring_at(const struct ring *r, size_t i)
{
    assert(i < r->n);
    return r->at[(r->head + i) % RING];
}

// Threads read the clock before they hold the lock, so `t` may lie a little before the last one;
// the ring stays in order.
static void ring_add(struct ring *r, int64_t t)
{
    t = r->n > 0 ? MAX(t, ring_at(r, r->n - 1)) : t;
    if (r->n == RING) {
        r->head = (r->head + 1) % RING;
        r->n--;
    }
    r->at[(r->head + r->n) % RING] = t;
    r->n++;
}

// How many entries are later than t.
static int64_t ring_count_after(const struct ring *r, int64_t t)
{
    size_t lo = 0;
    size_t hi = r->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (ring_at(r, mid) > t) {
            hi = mid;
        } else {
            lo = mid + 1;
        }
    }
    return (int64_t)(r->n - lo);
}

// When at most `allowed - 1` entries will be younger than `span`: now, or when the oldest one too
// many leaves.
static int64_t ring_free_at(const struct ring *r, int64_t span, int64_t allowed, int64_t now_us)
{
    assert(allowed > 0 && allowed <= RING);
    int64_t used = ring_count_after(r, now_us - span);
    if (used < allowed) {
        return now_us;
    }
    size_t blocking = r->n - (size_t)allowed; // the allowed-th youngest
    return ring_at(r, blocking) + span;
}

struct budget *budget_create(const struct budget_options *options)
{
    assert(options->share > 0 && options->share <= 1);
    assert(options->search_per_second > 0 && options->search_per_second <= RING);
    struct budget *b = calloc(1, sizeof *b);
    if (!b) {
        abort();
    }
    pthread_mutex_init(&b->lock, NULL);
    b->options = *options;
    random_seed(&b->random, options->seed);
    b->max = -1;
    b->interval_us = ASSUMED_INTERVAL_MS * 1000LL;
    b->daily_max = -1;
    return b;
}

void budget_destroy(struct budget *b)
{
    if (b) {
        pthread_mutex_destroy(&b->lock);
        free(b);
    }
}

void budget_set_utc_offset(struct budget *b, int64_t offset_ms)
{
    pthread_mutex_lock(&b->lock);
    b->utc_offset_ms = offset_ms;
    pthread_mutex_unlock(&b->lock);
}

static int64_t share_of(const struct budget *b, int64_t limit)
{
    limit = MIN(limit, INT64_C(1) << 40); // whatever a header says, a double holds it exactly
    return MAX(1, (int64_t)((double)limit * b->options.share + 1e-9));
}

static int64_t window_allowed(const struct budget *b)
{
    return MAX(1, MIN(share_of(b, b->max) - b->foreign, RING));
}

// A window that admits more than is remembered is no limit: no server answers hundreds of our calls
// a second.
static bool is_limited(const struct budget *b)
{
    return b->max >= 0 && window_allowed(b) < RING;
}

// The account's next midnight after `wall_ms`.
static int64_t next_midnight(const struct budget *b, int64_t wall_ms)
{
    int64_t local = wall_ms + b->utc_offset_ms;
    int64_t day = local / DAY_MS - (local % DAY_MS < 0);
    return (day + 1) * DAY_MS - b->utc_offset_ms;
}

static int64_t day_free_at_wall(const struct budget *b, int64_t wall_ms)
{
    if (b->daily_blocked_until_wall_ms > wall_ms) {
        return b->daily_blocked_until_wall_ms;
    }
    if (b->daily_max < 0 || next_midnight(b, b->daily_seen_wall_ms) <= wall_ms) {
        return wall_ms; // unknown, or a new day has begun: the next answer tells
    }
    return b->daily_used < share_of(b, b->daily_max) ? wall_ms : next_midnight(b, wall_ms);
}

// A second is short beside what a call may take to arrive, so two conditions hold: the share of the
// limit by the times of sending; and never more than the limit itself of searches that HubSpot may
// count in one second, which are those under way and those that ended less than a second ago.
static int64_t search_at(const struct budget *b, int64_t now_us)
{
    int64_t limit = b->options.search_per_second;
    int64_t at = ring_free_at(&b->search, SEARCH_SPAN_US, share_of(b, limit), now_us);
    int64_t done = ring_count_after(&b->search_done, now_us - SEARCH_SPAN_US);
    if (b->search_flying + done < limit) {
        return at;
    }
    int64_t free_at = now_us + SEARCH_LOOK_AGAIN_US; // when one under way ends is not known
    if (b->search_flying < limit) {
        free_at = ring_free_at(&b->search_done, SEARCH_SPAN_US, limit - b->search_flying, now_us);
    }
    return MAX(at, free_at);
}

// The earliest instant and what holds the call until then. Lock held.
static enum budget_wait earliest(const struct budget *b, enum budget_class class, int64_t now_us,
                                 int64_t wall_ms, int64_t *ret_us)
{
    enum budget_wait why = BUDGET_GO;
    int64_t at = now_us;
    if (b->paused_until_us > at) {
        at = b->paused_until_us;
        why = BUDGET_WAIT_REFUSED;
    }
    int64_t class_at = now_us;
    enum budget_wait class_why = BUDGET_GO;
    if (class == BUDGET_SEARCH) {
        class_at = search_at(b, now_us);
        class_why = BUDGET_WAIT_SEARCH;
    } else if (is_limited(b)) {
        class_at = ring_free_at(&b->window, b->interval_us, window_allowed(b), now_us);
        class_why = BUDGET_WAIT_WINDOW;
    }
    if (class_at > at) {
        at = class_at;
        why = class_why;
    }
    int64_t day_at = now_us + (day_free_at_wall(b, wall_ms) - wall_ms) * 1000;
    if (day_at > at) {
        at = day_at;
        why = BUDGET_WAIT_DAY;
    }
    *ret_us = at;
    return why;
}

enum budget_wait budget_take(struct budget *b, enum budget_class class, int64_t now_us,
                             int64_t wall_ms, int64_t *ret_until_us)
{
    pthread_mutex_lock(&b->lock);
    int64_t at = now_us;
    enum budget_wait why = earliest(b, class, now_us, wall_ms, &at);
    if (why == BUDGET_GO) {
        ring_add(class == BUDGET_SEARCH ? &b->search : &b->window, now_us);
        b->search_flying += class == BUDGET_SEARCH;
        b->sent++;
        b->daily_used++;
    }
    pthread_mutex_unlock(&b->lock);
    *ret_until_us = at;
    return why;
}

void budget_ended(struct budget *b, enum budget_class class, int64_t now_us)
{
    if (class != BUDGET_SEARCH) {
        return;
    }
    pthread_mutex_lock(&b->lock);
    assert(b->search_flying > 0);
    b->search_flying--;
    ring_add(&b->search_done, now_us);
    pthread_mutex_unlock(&b->lock);
}

int64_t budget_earliest(struct budget *b, enum budget_class class, int64_t now_us, int64_t wall_ms)
{
    pthread_mutex_lock(&b->lock);
    int64_t at = now_us;
    earliest(b, class, now_us, wall_ms, &at);
    pthread_mutex_unlock(&b->lock);
    return at;
}

static void learn_refusal(struct budget *b, const struct budget_answer *a)
{
    b->refused++;
    if (b->max < 0 && a->class == BUDGET_GENERAL) {
        b->max = ASSUMED_MAX;
    }
    if (a->refused_for_day) {
        b->daily_blocked_until_wall_ms = next_midnight(b, a->wall_ms);
        return;
    }
    if (a->now_us < b->paused_until_us) {
        return; // one of several that were in flight when the pause began
    }
    int64_t pause_us = 1000000LL << MIN(b->refused_streak, REFUSED_STREAK_MAX - 1);
    if (a->retry_after_ms > 0) { // "0" would have all of us back at once
        pause_us = a->retry_after_ms * 1000;
    }
    // Jitter, so that several programs on one account do not wake at the same instant.
    pause_us += (int64_t)(random_unit(&b->random) * 0.25 * (double)pause_us);
    b->paused_until_us = a->now_us + pause_us;
    b->refused_streak++;
}

// Others' calls in the window: what HubSpot counts less all that we may have in it. Errs to the low
// side, since calls of ours that were still on their way are taken as counted.
static void learn_foreign(struct budget *b, const struct budget_answer *a)
{
    int64_t used = a->max - a->remaining;
    int64_t ours = ring_count_after(&b->window, a->sent_us - b->interval_us);
    int64_t seen = MAX(0, used - ours);
    if (seen >= b->foreign || a->now_us - b->foreign_at_us > b->interval_us) {
        b->foreign = seen;
        b->foreign_at_us = a->now_us;
    }
}

void budget_learn(struct budget *b, const struct budget_answer *a)
{
    pthread_mutex_lock(&b->lock);
    if (a->max > 0 && a->remaining >= 0) {
        b->max = a->max;
        if (a->interval_ms > 0) {
            b->interval_us = a->interval_ms * 1000;
        }
        learn_foreign(b, a);
    }
    if (a->daily > 0 && a->daily_remaining >= 0) {
        b->daily_max = a->daily;
        // What was sent since may not have been counted yet; the last answer has none behind it.
        b->daily_used = a->daily - a->daily_remaining + ring_count_after(&b->window, a->sent_us) +
                        ring_count_after(&b->search, a->sent_us);
        b->daily_seen_wall_ms = a->wall_ms;
    }
    if (a->refused) {
        learn_refusal(b, a);
    } else if (a->now_us >= b->paused_until_us) {
        b->refused_streak = 0;
    }
    pthread_mutex_unlock(&b->lock);
}

double budget_rate(struct budget *b)
{
    pthread_mutex_lock(&b->lock);
    double rate = is_limited(b) ? (double)window_allowed(b) * 1e6 / (double)b->interval_us : 0;
    pthread_mutex_unlock(&b->lock);
    return rate;
}

void budget_look(struct budget *b, int64_t now_us, struct budget_view *ret)
{
    pthread_mutex_lock(&b->lock);
    *ret = (struct budget_view){
        .window_max = b->max,
        .window_allowed = b->max < 0 ? -1 : window_allowed(b),
        .window_used = ring_count_after(&b->window, now_us - b->interval_us),
        .window_foreign = b->foreign,
        .daily_max = b->daily_max,
        .daily_allowed = b->daily_max < 0 ? -1 : share_of(b, b->daily_max),
        .daily_used = b->daily_max < 0 ? -1 : b->daily_used,
        .sent = b->sent,
        .refused = b->refused,
    };
    pthread_mutex_unlock(&b->lock);
}
