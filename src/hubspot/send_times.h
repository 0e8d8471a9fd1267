// Times of the last calls, in order, as a ring without pointers: what a rolling window counts over.
// One owner at a time (the budget's lock).
#pragma once

#include "core/base.h"

// Calls remembered, so also the most that a window can be held to; HubSpot's largest limit is 250.
enum { SEND_TIMES_MAX = 1024 };

struct send_times {
    int64_t at[SEND_TIMES_MAX];
    uint32_t head; // oldest
    uint32_t n;
};

// The i-th, 0 the oldest; i < n.
int64_t send_times_nth(const struct send_times *s, size_t i);
// Whether memory that another process may have left half written can be used.
bool send_times_valid(const struct send_times *s);
// Threads read the clock before they hold the lock, so `t` may lie a little before the last one; it
// is then taken as the last one's, and the ring stays in order. A full one forgets its oldest.
void send_times_add(struct send_times *s, int64_t t);
// How many are later than t.
int64_t send_times_after(const struct send_times *s, int64_t t);
// When at most `allowed - 1` will be younger than `span`: now, or when the oldest one too many
// leaves. 0 < allowed <= SEND_TIMES_MAX.
int64_t send_times_free_at(const struct send_times *s, int64_t span, int64_t allowed,
                           int64_t now_us);
