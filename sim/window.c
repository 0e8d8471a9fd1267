#include "sim/window.h"

void window_init(struct window *w, int64_t span_ms)
{
    assert(span_ms > 0);
    *w = (struct window){.span_ms = span_ms};
    w->buckets = calloc((size_t)span_ms, sizeof(*w->buckets));
    if (!w->buckets) {
        abort();
    }
}

void window_done(struct window *w)
{
    free(w->buckets);
    *w = (struct window){0};
}

void window_clear(struct window *w)
{
    memset(w->buckets, 0, (size_t)w->span_ms * sizeof(*w->buckets));
    w->count = 0;
    w->peak = 0;
}

uint64_t window_count(struct window *w, int64_t now_ms)
{
    int64_t steps = MIN(MAX(now_ms - w->now_ms, INT64_C(0)), w->span_ms);
    int64_t to = MAX(now_ms, w->now_ms);
    for (int64_t i = 0; i < steps; i++) {
        uint32_t *expired = &w->buckets[(size_t)((to - i) % w->span_ms)];
        w->count -= *expired;
        *expired = 0;
    }
    w->now_ms = to;
    return w->count;
}

void window_add(struct window *w, int64_t now_ms)
{
    window_count(w, now_ms);
    w->buckets[(size_t)(w->now_ms % w->span_ms)]++;
    w->count++;
    w->peak = MAX(w->peak, w->count);
}

int64_t window_wait_ms(struct window *w, int64_t now_ms)
{
    if (window_count(w, now_ms) == 0) {
        return 0;
    }
    // The oldest bucket is the one behind the newest in the ring.
    int64_t age_ms = MIN(w->span_ms - 1, w->now_ms);
    while (age_ms > 0 && w->buckets[(size_t)((w->now_ms - age_ms) % w->span_ms)] == 0) {
        age_ms--;
    }
    return w->span_ms - age_ms;
}
