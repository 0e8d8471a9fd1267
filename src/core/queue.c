#include "core/queue.h"

#include "core/wait.h"

#include <errno.h>
#include <pthread.h>

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t not_empty;
    pthread_cond_t not_full;
    size_t capacity;
    size_t head; // index of the oldest item
    size_t len;
    bool closed;
    void *items[];
};

struct queue *queue_create(size_t capacity)
{
    assert(capacity > 0 && capacity < SIZE_MAX / sizeof(void *) / 2);
    struct queue *q = calloc(1, sizeof(*q) + capacity * sizeof(void *));
    if (!q) {
        abort();
    }
    q->capacity = capacity;
    int rc = pthread_mutex_init(&q->lock, NULL);
    assert(rc == 0);
    wait_init(&q->not_empty);
    wait_init(&q->not_full);
    return q;
}

void queue_destroy(struct queue *q)
{
    if (!q) {
        return;
    }
    pthread_cond_destroy(&q->not_full);
    pthread_cond_destroy(&q->not_empty);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

bool queue_put(struct queue *q, void *item)
{
    assert(item); // NULL means "nothing" to takers
    pthread_mutex_lock(&q->lock);
    while (q->len == q->capacity && !q->closed) {
        pthread_cond_wait(&q->not_full, &q->lock);
    }
    bool ok = !q->closed;
    if (ok) {
        q->items[(q->head + q->len) % q->capacity] = item;
        q->len++;
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->lock);
    return ok;
}

// With the lock held; NULL when empty.
static void *pop(struct queue *q)
{
    if (q->len == 0) {
        return NULL;
    }
    void *item = q->items[q->head];
    q->head = (q->head + 1) % q->capacity;
    q->len--;
    pthread_cond_signal(&q->not_full);
    return item;
}

void *queue_take(struct queue *q, int timeout_ms)
{
    struct timespec until = wait_deadline((int64_t)MAX(timeout_ms, 0) * 1000);
    pthread_mutex_lock(&q->lock);
    int rc = 0;
    while (q->len == 0 && !q->closed && rc != ETIMEDOUT) {
        rc = timeout_ms < 0 ? pthread_cond_wait(&q->not_empty, &q->lock)
                            : pthread_cond_timedwait(&q->not_empty, &q->lock, &until);
    }
    void *item = pop(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void *queue_try_take(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    void *item = pop(q);
    pthread_mutex_unlock(&q->lock);
    return item;
}

void queue_close(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    pthread_cond_broadcast(&q->not_empty);
    pthread_cond_broadcast(&q->not_full);
    pthread_mutex_unlock(&q->lock);
}

bool queue_is_done(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    bool done = q->closed && q->len == 0;
    pthread_mutex_unlock(&q->lock);
    return done;
}

size_t queue_length(struct queue *q)
{
    pthread_mutex_lock(&q->lock);
    size_t len = q->len;
    pthread_mutex_unlock(&q->lock);
    return len;
}
