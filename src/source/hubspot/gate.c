#include "source/hubspot/gate.h"

#include "core/wait.h"

#include <pthread.h>
#include <time.h>

struct page_gate {
    pthread_mutex_t lock;
    pthread_cond_t left;
    size_t inside, max;
    int64_t wait_ms;
};

struct page_gate *page_gate_create(size_t max, int64_t wait_ms)
{
    assert(max > 0 && wait_ms >= 0);
    struct page_gate *g = calloc(1, sizeof *g);
    if (!g) {
        abort();
    }
    wait_init(&g->left);
    pthread_mutex_init(&g->lock, NULL);
    g->max = max;
    g->wait_ms = wait_ms;
    return g;
}

void page_gate_destroy(struct page_gate *g)
{
    if (!g) {
        return;
    }
    assert(g->inside == 0);
    pthread_cond_destroy(&g->left);
    pthread_mutex_destroy(&g->lock);
    free(g);
}

bool page_gate_enter(struct page_gate *g)
{
    struct timespec until = wait_deadline(g->wait_ms * 1000);
    int rc = 0;
    pthread_mutex_lock(&g->lock);
    while (g->inside == g->max && rc == 0) {
        rc = pthread_cond_timedwait(&g->left, &g->lock, &until);
    }
    bool entered = g->inside < g->max;
    g->inside += entered;
    pthread_mutex_unlock(&g->lock);
    return entered;
}

void page_gate_leave(struct page_gate *g)
{
    pthread_mutex_lock(&g->lock);
    assert(g->inside > 0);
    g->inside--;
    pthread_cond_signal(&g->left);
    pthread_mutex_unlock(&g->lock);
}
