// struct timers: one thread that calls back when something is due. Used to park connections.
//
// Items are pointers given back once, to `fire`, from the timer thread (or, once closed, from the
// adding thread). Thread-safe.
#pragma once

#include "core/clock.h"

struct timers;
typedef void timers_fire(void *item);

struct timers *timers_create(const struct clock *clock, timers_fire *fire);
// Fires `item` at due_us of the clock's monotonic time; at once when closed.
void timers_add(struct timers *t, int64_t due_us, void *item);
// Fires all that is waiting now, and from here on everything at once.
void timers_close(struct timers *t);
void timers_destroy(struct timers *t); // takes NULL; closes first
