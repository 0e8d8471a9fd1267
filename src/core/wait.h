// Waiting for another thread: conditions by the monotonic clock of the machine, so that a wall
// clock that is set changes no wait. Real time, whatever struct clock tests use: the other thread
// ends the wait, not a clock that stands still.
#pragma once

#include "core/base.h"

#include <pthread.h>
#include <time.h>

// A condition for the waits below.
void wait_init(pthread_cond_t *cond);
int64_t wait_now_ms(void);
// The instant `us` from now, for pthread_cond_timedwait on such a condition.
struct timespec wait_deadline(int64_t us);
// Waits at most `us`; the lock is held. Whoever waits looks again in any case.
void wait_at_most(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t us);
