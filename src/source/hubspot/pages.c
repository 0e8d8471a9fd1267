#include "source/hubspot/pages.h"

#include <pthread.h>

struct page_pool {
    pthread_mutex_t lock;
    struct page *idle[PAGE_POOL_MAX];
    size_t n_idle, keep;
    struct page_gate *gate;
};

// What a page is handed back with.
struct ticket {
    struct page_pool *pool;
    bool inside; // holds a place at the gate
};

struct page_pool *page_pool_create(size_t keep, struct page_gate *gate)
{
    assert(keep <= PAGE_POOL_MAX);
    struct page_pool *p = calloc(1, sizeof *p);
    if (!p) {
        abort();
    }
    p->keep = keep;
    p->gate = gate;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

// page_destroy without the way back to the pool.
static void really_destroy(struct page *page)
{
    free(page->user);
    page->release = NULL;
    page_destroy(page);
}

void page_pool_destroy(struct page_pool *p)
{
    if (!p) {
        return;
    }
    for (size_t i = 0; i < p->n_idle; i++) {
        really_destroy(p->idle[i]);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

static void on_release(void *user, struct page *page)
{
    struct ticket *ticket = user;
    struct page_pool *p = ticket->pool;
    bool inside = ticket->inside;
    ticket->inside = false;
    pthread_mutex_lock(&p->lock);
    bool kept = p->n_idle < p->keep;
    if (kept) {
        p->idle[p->n_idle++] = page;
    }
    pthread_mutex_unlock(&p->lock);
    if (!kept) {
        really_destroy(page);
    }
    if (inside) {
        page_gate_leave(p->gate);
    }
}

static struct page *new_page(struct page_pool *p)
{
    struct page *page = page_create();
    struct ticket *ticket = calloc(1, sizeof *ticket);
    if (!ticket) {
        abort();
    }
    ticket->pool = p;
    page->doc = json_doc_create();
    page->release = on_release;
    page->user = ticket;
    return page;
}

struct page *page_pool_take(struct page_pool *p)
{
    bool inside = p->gate && page_gate_enter(p->gate);
    pthread_mutex_lock(&p->lock);
    struct page *page = p->n_idle > 0 ? p->idle[--p->n_idle] : NULL;
    pthread_mutex_unlock(&p->lock);
    page = page ? page : new_page(p);
    ((struct ticket *)page->user)->inside = inside;
    arena_reset(&page->arena);
    page->n_batches = 0;
    page->n_sweeps = 0;
    page->hold = false;
    page->cursor = (struct str){NULL, 0};
    page->records = 0;
    page->bytes = 0;
    page->rejects = 0;
    return page;
}
