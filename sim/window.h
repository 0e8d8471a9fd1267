// struct window: how many events there were in the last N milliseconds, exact to the millisecond,
// in bounded memory. Not thread-safe.
#pragma once

#include "core/base.h"

struct window {
    uint32_t *buckets; // one per millisecond, a ring
    int64_t span_ms;
    int64_t now_ms; // the newest bucket
    uint64_t count; // in the window that ends at now_ms
    uint64_t peak;  // highest count ever
};

void window_init(struct window *w, int64_t span_ms);
void window_done(struct window *w);
void window_clear(struct window *w);
// Events in the window that ends now. Time never goes back.
uint64_t window_count(struct window *w, int64_t now_ms);
void window_add(struct window *w, int64_t now_ms);
// How long until the oldest event leaves the window; 0 when there is none.
int64_t window_wait_ms(struct window *w, int64_t now_ms);
