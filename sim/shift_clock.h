// struct shift_clock: the machine's clock, which can be put forward, so that codes, tokens, windows
// and days run out without waiting. Wall clock and monotonic clock move together. Thread-safe.
#pragma once

#include "core/clock.h"

struct shift_clock {
    struct clock clock;
    const struct clock *base;
    _Atomic int64_t ahead_us;
};

void shift_clock_init(struct shift_clock *s, const struct clock *base);
void shift_clock_advance_ms(struct shift_clock *s, int64_t ms); // never back: ms >= 0
int64_t shift_clock_ahead_ms(const struct shift_clock *s);
