#include "sim/rate.h"

// The documents name no daily limit of associations for the two small tiers: theirs is as high as
// the next one's. "oauth" is an account whose private app is treated like a marketplace app.
static const struct rate_tier tiers[] = {
    {"free", 100, 250000, 100, 500000},
    {"starter", 100, 250000, 100, 500000},
    {"professional", 190, 625000, 150, 500000},
    {"enterprise", 190, 1000000, 150, 500000},
    {"enterprise+addon", 250, 2000000, 200, 1000000},
    {"oauth", RATE_OAUTH, 0, 100, 500000},
};

const struct rate_tier *rate_tier(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(tiers); i++) {
        if (str_eq(name, str_from(tiers[i].name))) {
            return &tiers[i];
        }
    }
    return NULL;
}

bool rate_parse(const char *name, struct str text, uint64_t *ret_n, int64_t *ret_ms,
                struct error *err)
{
    if (str_eq(text, STR("off"))) {
        *ret_n = 0;
        return true;
    }
    ptrdiff_t slash = str_find_char(text, '/');
    struct str number = str_sub(text, 0, slash < 0 ? 0 : (size_t)slash);
    struct str time = slash < 0 ? STR("") : str_sub(text, (size_t)slash + 1, text.len);
    uint64_t n = 0;
    uint64_t times = 1;
    int64_t unit = str_ends(time, STR("ms")) ? 1 : 1000;
    size_t unit_len = unit == 1 ? 2 : 1;
    bool ok = str_to_uint64(number, &n) && n > 0 && n <= 1000000000 && str_ends(time, STR("s"));
    if (ok && time.len > unit_len) {
        ok = str_to_uint64(str_sub(time, 0, time.len - unit_len), &times);
    }
    if (!ok || times == 0 || times > 3600000 || (int64_t)times * unit > 3600000) {
        return error_set(err, ERR_USAGE,
                         "--%s is '%.*s'; it must be a number of calls and a time of at most an "
                         "hour, like 190/10s "
                         "or 5/s, or off",
                         name, STR_ARG(text));
    }
    *ret_n = n;
    *ret_ms = (int64_t)times * unit;
    return true;
}
