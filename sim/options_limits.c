#include "sim/options_limits.h"

#include "core/zone.h"
#include "sim/rate.h"

enum { HOUR_MS = 3600000, ASKED_MS = 1000 };

// The text when there is one, otherwise the tier's number in 10 s, unless limits are off.
static bool fill(const char *name, struct str text, uint64_t fallback, struct rate *ret,
                 struct error *err)
{
    *ret = (struct rate){fallback, RATE_WINDOW_MS};
    return text.len == 0 || rate_parse(name, text, &ret->calls, &ret->ms, err);
}

static bool check_zone(const struct options *o, struct error *err)
{
    int64_t offset_ms;
    // The default must do on a machine without a database of zones, too.
    if (zone_offset_ms(o->time_zone, ASKED_MS, &offset_ms) ||
        str_eq(o->time_zone, STR("America/New_York"))) {
        return true;
    }
    return error_set(err, ERR_USAGE,
                     "--time-zone is '%.*s', which this machine does not know; it must be an IANA "
                     "name, like Europe/Berlin",
                     STR_ARG(o->time_zone));
}

bool options_fill_limits(struct options *o, struct error *err)
{
    const struct rate_tier *tier = rate_tier(o->tier);
    struct limits_options *l = &o->limits;
    assert(tier);
    bool off = str_eq(o->limit_text, STR("off"));
    *l = (struct limits_options){
        .daily = o->daily >= 0 ? (uint64_t)o->daily : tier->daily,
        .associations_daily = o->association_daily >= 0 ? (uint64_t)o->association_daily
                              : off                     ? 0
                                                        : tier->associations_daily,
        .search.ms = 1000,
        .token.ms = 1000,
        .marketplace = str_eq(o->tier, STR("oauth")),
        .retry_after = o->retry_after,
        .category_body = str_eq(o->rate_limit_body, STR("category")),
        .time_zone = o->time_zone,
        .utc_offset_ms = INT64_C(-5) * HOUR_MS,
    };
    bool bursts = str_eq(o->foreign_pattern, STR("bursts"));
    if (!check_zone(o, err) || !fill("limit", o->limit_text, tier->burst, &l->general, err) ||
        !fill("oauth-limit", o->oauth_limit_text, off ? 0 : RATE_OAUTH, &l->oauth, err) ||
        !fill("association-limit", o->association_limit_text, off ? 0 : tier->associations,
              &l->associations, err) ||
        !rate_parse("search-limit", o->search_limit_text, &l->search.calls, &l->search.ms, err) ||
        !rate_parse("token-limit", o->token_limit_text, &l->token.calls, &l->token.ms, err) ||
        !foreign_parse(o->foreign_text, l->general.calls, l->general.ms, &o->foreign, err)) {
        return false;
    }
    o->foreign.pattern = bursts ? FOREIGN_BURSTS : FOREIGN_STEADY;
    return true;
}
