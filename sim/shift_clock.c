#include "sim/shift_clock.h"

#include <stdatomic.h>

static int64_t shifted_now_ms(const struct clock *c)
{
    const struct shift_clock *s = c->user;
    return clock_now_ms(s->base) + atomic_load(&s->ahead_us) / 1000;
}

static int64_t shifted_mono_us(const struct clock *c)
{
    const struct shift_clock *s = c->user;
    return clock_mono_us(s->base) + atomic_load(&s->ahead_us);
}

static void shifted_sleep_us(const struct clock *c, int64_t us)
{
    const struct shift_clock *s = c->user;
    s->base->sleep_us(s->base, us);
}

void shift_clock_init(struct shift_clock *s, const struct clock *base)
{
    s->clock = (struct clock){
        .now_ms = shifted_now_ms,
        .mono_us = shifted_mono_us,
        .sleep_us = shifted_sleep_us,
        .user = s,
    };
    s->base = base;
    atomic_init(&s->ahead_us, 0);
}

void shift_clock_advance_ms(struct shift_clock *s, int64_t ms)
{
    assert(ms >= 0);
    atomic_fetch_add(&s->ahead_us, ms * 1000);
}

int64_t shift_clock_ahead_ms(const struct shift_clock *s)
{
    return atomic_load(&s->ahead_us) / 1000;
}
