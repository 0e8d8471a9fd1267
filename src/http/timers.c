#include "http/timers.h"

#include "core/wait.h"

#include <pthread.h>

struct timer {
    int64_t due_us;
    void *item;
};

struct timers {
    const struct clock *clock;
    timers_fire *fire;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t thread;
    bool closed;
    struct timer *heap; // binary heap, earliest first
    size_t n;
    size_t cap;
};

static void heap_push(struct timers *t, struct timer timer)
{
    if (t->n == t->cap) {
        t->cap = MAX(t->cap * 2, (size_t)64);
        t->heap = realloc(t->heap, t->cap * sizeof(*t->heap));
        if (!t->heap) {
            abort();
        }
    }
    size_t at = t->n++;
    while (at > 0 && t->heap[(at - 1) / 2].due_us > timer.due_us) {
        t->heap[at] = t->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    t->heap[at] = timer;
}

static struct timer heap_pop(struct timers *t)
{
    assert(t->n > 0);
    struct timer first = t->heap[0];
    struct timer last = t->heap[--t->n];
    size_t at = 0;
    for (size_t child = 1; child < t->n; child = at * 2 + 1) {
        if (child + 1 < t->n && t->heap[child + 1].due_us < t->heap[child].due_us) {
            child++;
        }
        if (t->heap[child].due_us >= last.due_us) {
            break;
        }
        t->heap[at] = t->heap[child];
        at = child;
    }
    if (t->n > 0) {
        t->heap[at] = last;
    }
    return first;
}

static void *run(void *arg)
{
    struct timers *t = arg;
    pthread_mutex_lock(&t->lock);
    while (!t->closed || t->n > 0) {
        if (t->n == 0) {
            pthread_cond_wait(&t->changed, &t->lock);
            continue;
        }
        int64_t wait_us = t->heap[0].due_us - clock_mono_us(t->clock);
        if (wait_us > 0 && !t->closed) {
            wait_at_most(&t->changed, &t->lock, wait_us);
            continue;
        }
        struct timer timer = heap_pop(t);
        pthread_mutex_unlock(&t->lock);
        t->fire(timer.item);
        pthread_mutex_lock(&t->lock);
    }
    pthread_mutex_unlock(&t->lock);
    return NULL;
}

struct timers *timers_create(const struct clock *clock, timers_fire *fire)
{
    struct timers *t = calloc(1, sizeof(*t));
    if (!t) {
        abort();
    }
    t->clock = clock;
    t->fire = fire;
    pthread_mutex_init(&t->lock, NULL);
    wait_init(&t->changed);
    if (pthread_create(&t->thread, NULL, run, t) != 0) {
        abort();
    }
    return t;
}

void timers_add(struct timers *t, int64_t due_us, void *item)
{
    pthread_mutex_lock(&t->lock);
    bool closed = t->closed;
    if (!closed) {
        heap_push(t, (struct timer){due_us, item});
        pthread_cond_signal(&t->changed);
    }
    pthread_mutex_unlock(&t->lock);
    if (closed) {
        t->fire(item);
    }
}

void timers_close(struct timers *t)
{
    pthread_mutex_lock(&t->lock);
    bool first = !t->closed;
    t->closed = true;
    pthread_cond_signal(&t->changed);
    pthread_mutex_unlock(&t->lock);
    if (first) {
        pthread_join(t->thread, NULL);
    }
}

void timers_destroy(struct timers *t)
{
    if (!t) {
        return;
    }
    timers_close(t);
    pthread_cond_destroy(&t->changed);
    pthread_mutex_destroy(&t->lock);
    free(t->heap);
    free(t);
}
