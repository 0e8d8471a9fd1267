#include "core/clock.h"

#include <errno.h>
#include <stdatomic.h>

static int64_t read_us(clockid_t id)
{
    struct timespec t;
    int rc = clock_gettime(id, &t);
    assert(rc == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int64_t system_now_ms(UNUSED const struct clock *c)
{
    return read_us(CLOCK_REALTIME) / 1000;
}

static int64_t system_mono_us(UNUSED const struct clock *c)
{
    return read_us(CLOCK_MONOTONIC);
}

static void system_sleep_us(UNUSED const struct clock *c, int64_t us)
{
    if (us <= 0) {
        return;
    }
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
        // a signal: sleep what is left
    }
}

const struct clock *clock_system(void)
{
    static const struct clock SYSTEM = {system_now_ms, system_mono_us, system_sleep_us, NULL};
    return &SYSTEM;
}

static int64_t virtual_mono_us(const struct clock *c)
{
    const struct virtual_clock *v = c->user;
    return atomic_load(&v->now_us);
}

static int64_t virtual_now_ms(const struct clock *c)
{
    const struct virtual_clock *v = c->user;
    return v->wall_offset_ms + atomic_load(&v->now_us) / 1000;
}

static void virtual_sleep_us(const struct clock *c, int64_t us)
{
    if (us > 0) {
        virtual_clock_advance_us(c->user, us);
    }
}

void virtual_clock_init(struct virtual_clock *v, int64_t wall_ms)
{
    v->clock = (struct clock){virtual_now_ms, virtual_mono_us, virtual_sleep_us, v};
    atomic_init(&v->now_us, 0);
    v->wall_offset_ms = wall_ms;
}

void virtual_clock_advance_us(struct virtual_clock *v, int64_t us)
{
    assert(us >= 0);
    atomic_fetch_add(&v->now_us, us);
}
