#include "core/wait.h"

void wait_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc = pthread_condattr_init(&attr);
    rc |= pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc |= pthread_cond_init(cond, &attr);
    rc |= pthread_condattr_destroy(&attr);
    assert(rc == 0);
}

int64_t wait_now_ms(void)
{
    struct timespec now;
    int rc = clock_gettime(CLOCK_MONOTONIC, &now);
    assert(rc == 0);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

struct timespec wait_deadline(int64_t us)
{
    struct timespec t;
    int rc = clock_gettime(CLOCK_MONOTONIC, &t);
    assert(rc == 0);
    int64_t nsec = t.tv_nsec + us % 1000000 * 1000;
    t.tv_sec += (time_t)(us / 1000000 + nsec / 1000000000);
    t.tv_nsec = (long)(nsec % 1000000000);
    return t;
}

void wait_at_most(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t us)
{
    struct timespec until = wait_deadline(us);
    (void)!pthread_cond_timedwait(cond, lock, &until);
}
