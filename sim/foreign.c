#include "sim/foreign.h"

#include "sim/rate.h"

bool foreign_parse(struct str text, uint64_t limit, int64_t window_ms, struct foreign *ret,
                   struct error *err)
{
    struct foreign f = {.calls = 0, .period_ms = window_ms};
    uint64_t percent;
    if (str_ends(text, STR("%"))) {
        if (!str_to_uint64(str_sub(text, 0, text.len - 1), &percent) || percent > 100) {
            return error_set(err, ERR_USAGE,
                             "the share of a foreign consumer is '%.*s'; it must be between 0%% "
                             "and 100%%",
                             STR_ARG(text));
        }
        if (limit == 0 && percent > 0) {
            return error_set(err, ERR_USAGE,
                             "there is no limit that a foreign consumer could take a share of; "
                             "say how many calls, like 95/10s");
        }
        f.calls = limit * percent / 100;
    } else if (!rate_parse("foreign", text, &f.calls, &f.period_ms, err)) {
        return false;
    }
    *ret = f;
    return true;
}

void foreign_begin(struct foreign *f, int64_t now_ms)
{
    f->origin_ms = now_ms;
    f->done = 0;
}

static int64_t time_of(const struct foreign *f, uint64_t call)
{
    uint64_t period = call / f->calls;
    uint64_t within =
        f->pattern == FOREIGN_STEADY ? call % f->calls * (uint64_t)f->period_ms / f->calls : 0;
    return f->origin_ms + (int64_t)(period * (uint64_t)f->period_ms + within);
}

bool foreign_next(struct foreign *f, int64_t now_ms, int64_t *ret_ms)
{
    if (f->calls == 0 || time_of(f, f->done) > now_ms) {
        return false;
    }
    *ret_ms = time_of(f, f->done);
    f->done++;
    return true;
}

uint64_t foreign_skip(struct foreign *f, int64_t until_ms)
{
    if (f->calls == 0 || time_of(f, f->done) >= until_ms) {
        return 0;
    }
    uint64_t before = f->done;
    uint64_t period = (uint64_t)(until_ms - f->origin_ms) / (uint64_t)f->period_ms;
    f->done = MAX(f->done, period * f->calls);
    while (time_of(f, f->done) < until_ms) { // at most one period's
        f->done++;
    }
    return f->done - before;
}
