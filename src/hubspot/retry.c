#include "hubspot/retry.h"

#include "core/limits.h"
#include "http/date.h"

enum {
    RETRY_AFTER_SLEPT_MS = 120000,         // the longest that is slept
    RETRY_AFTER_MAX_MS = 24 * 3600 * 1000, // the longest that HubSpot documents
    RETRY_AFTER_NONSENSE_S = 1000000000,   // what says more says nothing
};

// What a status says. The first delay doubles with every try. `refused`: certainly not carried
// out, so that even a create may be sent again.
static const struct rule {
    int status;
    int64_t first_ms;
    bool refused;
} RULES[] = {
    {0, 250, false},    // cut, refused, timed out, or unreadable
    {429, 0, true},     // the budget holds the whole account
    {423, 2000, true},  // HubSpot: locks last 2 s, wait at least that
    {477, 10000, true}, // moving between data centres; Retry-After says for how long
    {403, 10000, true}, // only the edge's: a block that passes
    {409, 2000, true},  // only the edge's
    {500, 500, false},  //
    {502, 2000, false}, // limits of processing: HubSpot asks for a pause of some seconds
    {503, 2000, false}, //
    {504, 2000, false}, //
    {520, 2000, false}, // 520 to 526: between the edge and HubSpot
    {521, 2000, false}, //
    {522, 2000, false}, //
    {523, 2000, false}, //
    {524, 2000, false}, // no answer within 100 s: certainly begun
    {525, 2000, false}, //
    {526, 2000, false}, //
    {530, 0, true},     // a malformed token
};
static const struct rule OTHER_5XX = {500, 1000, false};

static const struct rule *rule_of(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(RULES); i++) {
        if (RULES[i].status == status) {
            return &RULES[i];
        }
    }
    return status >= 500 ? &OTHER_5XX : &RULES[0];
}

// A status from 400 to 499 is HubSpot's word that nothing was done.
static bool is_unknown(const struct retry_case *facts, const struct rule *rule)
{
    bool open = facts->status < 400 || facts->status >= 500;
    return facts->repeat != REPEAT_READ && facts->sent && open && !rule->refused;
}

static enum retry_verdict judge(const struct retry_case *facts, bool unknown)
{
    if (unknown && facts->repeat == REPEAT_NEVER) {
        return RETRY_UNKNOWN;
    }
    if (!error_info(facts->code)->retryable || facts->code == ERR_DAILY_LIMIT) {
        return RETRY_NO;
    }
    if (facts->retry_after_ms > RETRY_AFTER_SLEPT_MS) {
        return RETRY_LATER;
    }
    return facts->tries >= LIMIT_TRIES ? RETRY_SPENT : RETRY_AGAIN;
}

struct retry_decision retry_decide(const struct retry_case *facts, double jitter)
{
    const struct rule *rule = rule_of(facts->status);
    bool unknown = is_unknown(facts, rule);
    struct retry_decision d = {.verdict = judge(facts, unknown), .unknown = unknown};
    if (d.verdict == RETRY_AGAIN) {
        int64_t delay_ms = rule->first_ms << (facts->tries - 1);
        delay_ms += (int64_t)(jitter * 0.5 * (double)delay_ms);
        d.delay_ms = MAX(delay_ms, facts->retry_after_ms);
    }
    return d;
}

int64_t retry_after_ms(struct str header, int64_t now_ms)
{
    int64_t n = 0;
    if (str_to_int64(header, &n)) {
        return n >= 0 && n <= RETRY_AFTER_NONSENSE_S ? MIN(n * 1000, RETRY_AFTER_MAX_MS) : -1;
    }
    return http_date_parse(header, &n) ? MIN(MAX(0, n - now_ms), RETRY_AFTER_MAX_MS) : -1;
}
