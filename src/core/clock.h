// struct clock: time as a value that is passed in, so that tests run in virtual time and never
// sleep. A clock is shared by threads; implementations are thread-safe.
#pragma once

#include "core/base.h"

struct clock {
    int64_t (*now_ms)(const struct clock *c);  // wall clock, ms since 1970-01-01 UTC
    int64_t (*mono_us)(const struct clock *c); // monotonic, microseconds, arbitrary start
    void (*sleep_us)(const struct clock *c, int64_t us);
    void *user;
};

// The machine's clock.
const struct clock *clock_system(void);

static inline int64_t clock_now_ms(const struct clock *c)
{
    return c->now_ms(c);
}
static inline int64_t clock_mono_us(const struct clock *c)
{
    return c->mono_us(c);
}

// A clock for tests: stands still until it is advanced; sleeping advances it. Thread-safe.
struct virtual_clock {
    struct clock clock;
    _Atomic int64_t now_us;
    int64_t wall_offset_ms;
};
void virtual_clock_init(struct virtual_clock *v, int64_t wall_ms);
void virtual_clock_advance_us(struct virtual_clock *v, int64_t us);
