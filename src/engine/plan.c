#include "engine/plan.h"

#include "core/random.h"
#include "core/zone.h"

enum {
    DELAY_UNKNOWN_MS = 10 * 60 * 1000, // a limit that does not say when it has passed
    DELAY_LEAST_MS = 1000,             // a limit whose time is past already
};

static const int64_t BACKOFF_MS[] = {30000, 120000, 480000, 1800000};
static_assert(ARRAY_LEN(BACKOFF_MS) == RUN_TRIES_MAX - 1, "one wait between two tries");

static bool midnight_has_passed(int64_t since_ms, struct str zone, int64_t now_ms)
{
    int64_t midnight = 0;
    return (zone_next_day_ms(zone, since_ms, &midnight) ||
            zone_next_day_ms(STR("UTC"), since_ms, &midnight)) &&
           midnight <= now_ms;
}

static enum run_trigger trigger_of(const struct elt_stream *s, struct str zone, int64_t now_ms)
{
    if (s->last_completed_ms == 0) {
        return TRIGGER_INITIAL_SYNC;
    }
    if (s->protected_from_full_sync) {
        return TRIGGER_NONE;
    }
    if (s->full_refresh_ms != 0) {
        return TRIGGER_USER;
    }
    if (s->full_sync_always) {
        return TRIGGER_ALWAYS_FULL;
    }
    return s->full_sync_at_midnight && midnight_has_passed(s->last_full_ms, zone, now_ms)
               ? TRIGGER_MIDNIGHT
               : TRIGGER_NONE;
}

struct run_plan plan_run(const struct run_claim *claim, struct str zone, int64_t now_ms)
{
    const struct stream_run_row *run = &claim->run;
    struct run_plan plan = {
        .mode = run->mode, .trigger = run->trigger, .reset_history = run->reset_history};
    if (run->mode == RUN_MODE_NONE) {
        plan.trigger = trigger_of(&claim->stream, zone, now_ms);
        plan.mode = plan.trigger == TRIGGER_NONE ? RUN_INCREMENTAL : RUN_FULL;
        plan.reset_history = plan.mode == RUN_FULL && claim->stream.full_refresh_ms != 0 &&
                             claim->stream.reset_history;
    }
    bool anew = plan.trigger != TRIGGER_INITIAL_SYNC || claim->stream.full_refresh_ms != 0;
    plan.full_refresh = plan.mode == RUN_FULL && anew && !run->resumable;
    return plan;
}

// Up to a quarter more, so that what failed together does not come back together.
static int64_t with_jitter(int64_t wait_ms, int64_t attempt, int64_t now_ms)
{
    assert(wait_ms >= 4);
    uint64_t dice = random_mix((uint64_t)now_ms ^ (uint64_t)attempt << 56);
    return wait_ms + (int64_t)(dice % (uint64_t)(wait_ms / 4));
}

enum run_status plan_after(const struct error *err, int64_t attempt, int64_t delayed_until_ms,
                           int64_t now_ms, int64_t *ret_not_before_ms)
{
    const struct error_info *info = error_info(err->code);
    int64_t asked_ms = MIN(MAX(err->retry_after_ms, 0), RUN_DELAY_MAX_MS);
    assert(attempt >= 0 && err->code != ERR_OK);
    if (info->delays) {
        int64_t wait_ms = asked_ms > 0 ? asked_ms : DELAY_UNKNOWN_MS;
        int64_t until_ms = delayed_until_ms > 0 ? delayed_until_ms : now_ms + wait_ms;
        until_ms = MIN(until_ms, now_ms + RUN_DELAY_MAX_MS);
        *ret_not_before_ms = MAX(until_ms, now_ms + DELAY_LEAST_MS);
        return RUN_DELAYED;
    }
    if (info->retryable && attempt < (int64_t)ARRAY_LEN(BACKOFF_MS)) {
        *ret_not_before_ms =
            now_ms + with_jitter(MAX(BACKOFF_MS[attempt], asked_ms), attempt, now_ms);
        return RUN_RETRYING;
    }
    *ret_not_before_ms = 0;
    return RUN_FAILED;
}
