#include "hubspot/retry.h"

#include "core/limits.h"

enum { RETRY_AFTER_MAX_MS = 120000 };

// The first delay; it doubles with every try. A 429 has none of its own: the budget holds the whole
// account.
static const struct {
    int status;
    int64_t first_ms;
} DELAYS[] = {
    {0, 250},     // cut, refused, timed out, or unreadable
    {429, 0},     //
    {423, 2000},  // HubSpot: locks last 2 s, wait at least that
    {477, 10000}, // moving between data centres
    {500, 500},   {502, 2000}, {503, 2000}, {504, 2000}, {520, 2000}, {521, 2000},
    {522, 2000},  {523, 2000}, {524, 2000}, {525, 2000}, {526, 2000},
};

bool retry_decide(const struct retry_case *facts, double jitter, int64_t *ret_delay_ms)
{
    if (facts->tries >= LIMIT_TRIES || !error_info(facts->code)->retryable ||
        facts->code == ERR_DAILY_LIMIT) {
        return false;
    }
    if (facts->repeat == REPEAT_NEVER && facts->unknown_outcome) {
        return false;
    }
    if (facts->retry_after_ms > RETRY_AFTER_MAX_MS) {
        return false; // hours: the caller reports it rather than sleeping
    }
    int64_t first_ms = facts->status >= 500 ? 1000 : 250;
    for (size_t i = 0; i < ARRAY_LEN(DELAYS); i++) {
        if (DELAYS[i].status == facts->status) {
            first_ms = DELAYS[i].first_ms;
        }
    }
    int64_t delay_ms = first_ms << (facts->tries - 1);
    delay_ms += (int64_t)(jitter * 0.5 * (double)delay_ms);
    *ret_delay_ms = MAX(delay_ms, facts->retry_after_ms);
    return true;
}
