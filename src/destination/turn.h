// A fair lock: waiters get it in the order in which they came. Waiting ends when `cancel` is set.
#pragma once

#include "core/cancel.h"
#include "core/error.h"

#include <pthread.h>

struct turn_waiter;
struct turn {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool taken;
    struct turn_waiter *first;
    struct turn_waiter *last;
};

void turn_init(struct turn *t);
void turn_done(struct turn *t); // nobody holds it or waits
// Fails with INTERRUPTED only.
bool turn_take(struct turn *t, const struct cancel *cancel, struct error *err) MUST_CHECK;
void turn_give(struct turn *t);
