#include "destination/turn.h"

#include "core/wait.h"

#include <time.h>

enum { SLICE_US = 50 * 1000 };

struct turn_waiter {
    struct turn_waiter *next;
};

void turn_init(struct turn *t)
{
    *t = (struct turn){0};
    int rc = pthread_mutex_init(&t->mutex, NULL);
    assert(rc == 0);
    wait_init(&t->changed);
}

void turn_done(struct turn *t)
{
    assert(!t->taken && !t->first);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->mutex);
}

static void lock(struct turn *t)
{
    int rc = pthread_mutex_lock(&t->mutex);
    assert(rc == 0);
}

static void unlock(struct turn *t)
{
    int rc = pthread_mutex_unlock(&t->mutex);
    assert(rc == 0);
}

static void enqueue(struct turn *t, struct turn_waiter *me)
{
    if (t->last) {
        t->last->next = me;
    } else {
        t->first = me;
    }
    t->last = me;
}

static void dequeue(struct turn *t, struct turn_waiter *me)
{
    struct turn_waiter *before = NULL;
    for (struct turn_waiter *w = t->first; w != me; w = w->next) {
        assert(w);
        before = w;
    }
    if (before) {
        before->next = me->next;
    } else {
        t->first = me->next;
    }
    if (t->last == me) {
        t->last = before;
    }
}

// A slice of waiting, so that `cancel`, which wakes nobody, is seen soon.
static void wait_slice(struct turn *t)
{
    wait_at_most(&t->changed, &t->mutex, SLICE_US);
}

bool turn_take(struct turn *t, const struct cancel *cancel, struct error *err)
{
    struct turn_waiter me = {0};
    lock(t);
    enqueue(t, &me);
    while ((t->taken || t->first != &me) && !cancel_requested(cancel)) {
        wait_slice(t);
    }
    bool mine = !t->taken && t->first == &me;
    dequeue(t, &me);
    t->taken = t->taken || mine;
    pthread_cond_broadcast(&t->changed); // somebody else may be first now
    unlock(t);
    return mine || error_set(err, ERR_INTERRUPTED,
                             "stopped while waiting for another stream to finish its transaction");
}

void turn_give(struct turn *t)
{
    lock(t);
    assert(t->taken);
    t->taken = false;
    pthread_cond_broadcast(&t->changed);
    unlock(t);
}
