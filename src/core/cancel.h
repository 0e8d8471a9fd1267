// One flag that asks a run to stop at the next safe point. Set from any thread or a signal handler.
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

struct cancel {
    atomic_bool set;
};

static inline void cancel_request(struct cancel *c)
{
    atomic_store_explicit(&c->set, true, memory_order_release);
}
static inline bool cancel_requested(const struct cancel *c)
{
    return c && atomic_load_explicit(&c->set, memory_order_acquire);
}
