// The account's day: how much of it is used, and when the next one begins.
#include "core/zone.h"
#include "hubspot/budget_state.h"

enum {
    DAY_MS = 24 * 3600 * 1000,
    // Our clock and HubSpot's differ: an answer soon after our midnight may still tell of the day
    // before. Then it is asked again every minute instead of giving the new day up.
    YOUNG_DAY_MS = 15 * 60 * 1000,
    ASK_AGAIN_MS = 60 * 1000,
    // While nobody has said where the account lives its day may end at any quarter of an hour.
    ASK_ZONELESS_MS = 15 * 60 * 1000,
    WAKE_JITTER_MS = 5000, // several programs wait for the same midnight
    ASSOC_DAILY = 500000,  // HubSpot's associations guide: professional and enterprise
};

// The part of a day's share that is left to better priorities.
static const double RESERVES[BUDGET_PRIORITY_COUNT] = {
    [BUDGET_INTERACTIVE] = 0,
    [BUDGET_WRITE] = 0.05,
    [BUDGET_INCREMENTAL] = 0.10,
    [BUDGET_BACKFILL] = 0.30,
};

static int64_t next_day(const struct budget_state *s, int64_t wall_ms)
{
    int64_t ms = 0;
    if (zone_next_day_ms((struct str){s->zone, s->zone_len}, wall_ms, &ms)) {
        return ms;
    }
    int64_t local = wall_ms + s->utc_offset_ms;
    int64_t day = local / DAY_MS - (local % DAY_MS < 0);
    return (day + 1) * DAY_MS - s->utc_offset_ms;
}

void budget_day_roll(struct budget *b, int64_t wall_ms)
{
    struct budget_state *s = b->state;
    struct budget_day *d = &s->day;
    if (d->ends_wall_ms != 0 && wall_ms < d->ends_wall_ms) {
        return;
    }
    if (d->ends_wall_ms != 0) {
        d->began_wall_ms = d->ends_wall_ms;
        d->used = 0;
        d->assoc_used = 0;
    }
    d->ends_wall_ms = next_day(s, wall_ms);
    d->wake_jitter_ms = (int64_t)random_below(&s->random, WAKE_JITTER_MS);
}

void budget_set_zone(struct budget *b, struct str name, int64_t offset_ms, int64_t wall_ms)
{
    budget_lock(b);
    struct budget_state *s = b->state;
    // First: a state that processes share may be of yesterday, and its day would never end.
    budget_day_roll(b, wall_ms);
    s->zone_len = (uint32_t)(name.len < sizeof s->zone ? name.len : 0);
    memcpy(s->zone, name.ptr ? name.ptr : "", s->zone_len);
    s->utc_offset_ms = offset_ms;
    s->zone_known = true;
    s->day.ends_wall_ms = next_day(s, wall_ms);
    budget_unlock(b);
}

void budget_set_day(struct budget *b, int64_t limit, int64_t used, int64_t wall_ms)
{
    assert(limit > 0 && used >= 0);
    budget_lock(b);
    budget_day_roll(b, wall_ms);
    b->state->day.max = limit;
    b->state->day.used = used;
    b->state->day.heard_wall_ms = wall_ms;
    budget_app_of(b)->daily = true;
    budget_unlock(b);
}

int64_t budget_day_max(const struct budget *b)
{
    int64_t configured = b->options.daily_limit;
    int64_t told = budget_app_of(b)->daily ? b->state->day.max : -1;
    return told < 0 || configured <= 0 ? MAX(told, configured > 0 ? configured : -1)
                                       : MIN(told, configured);
}

int64_t budget_day_spent_until(const struct budget_state *s, int64_t told_wall_ms, int64_t wall_ms)
{
    const struct budget_day *d = &s->day;
    bool young = d->began_wall_ms != 0 && wall_ms - d->began_wall_ms < YOUNG_DAY_MS;
    int64_t again_ms = MAX(told_wall_ms + (young ? ASK_AGAIN_MS : ASK_ZONELESS_MS), wall_ms);
    int64_t ends_ms = d->ends_wall_ms + d->wake_jitter_ms;
    return young || !s->zone_known ? MIN(again_ms, ends_ms) : ends_ms;
}

int64_t budget_day_free_at(const struct budget *b, enum budget_priority priority, int64_t wall_ms)
{
    const struct budget_day *d = &b->state->day;
    if (d->blocked_until_wall_ms > wall_ms) {
        return d->blocked_until_wall_ms;
    }
    int64_t max = budget_day_max(b);
    int64_t share = max < 0 ? 0 : budget_share_of(b, max);
    int64_t usable = share - (int64_t)((double)share * RESERVES[priority]);
    if (max >= 0 && d->used >= usable) {
        return budget_day_spent_until(b->state, d->heard_wall_ms, wall_ms);
    }
    return wall_ms;
}

int64_t budget_assoc_day_free_at(const struct budget *b, int64_t wall_ms)
{
    const struct budget_day *d = &b->state->day;
    bool spent = d->assoc_used >= budget_share_of(b, ASSOC_DAILY);
    return spent ? d->ends_wall_ms + d->wake_jitter_ms : wall_ms;
}
