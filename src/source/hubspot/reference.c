#include "source/hubspot/reference.h"

static const struct str DONE_STATE = STR_INIT("{\"v\":1,\"phase\":\"idle\"}");

struct reference *reference_open(struct source_stream *s)
{
    struct reference *r = ARENA_NEW(&s->arena, struct reference);
    r->started_ms = clock_now_ms(stream_clock(s));
    s->work = r;
    atomic_store(&s->floor_ms, r->started_ms);
    stream_set_step(s, "full");
    hubspot_client_set_priority(s->client, BUDGET_INCREMENTAL); // a few calls that all need
    return r;
}

static void add_sweep(struct page *page, const struct table *table, int64_t before_ms, bool remove)
{
    assert(page->n_sweeps < PAGE_MAX_SWEEPS);
    page->sweeps[page->n_sweeps++] =
        (struct page_sweep){.table = table, .before_ms = before_ms, .remove = remove};
}

struct page *reference_close(struct source_stream *s, const struct table *const *marked,
                             size_t n_marked, const struct table *removed)
{
    struct reference *r = s->work;
    if (r->closed) {
        return NULL;
    }
    r->closed = true;
    struct page *page = stream_page(s);
    for (size_t i = 0; i < n_marked; i++) {
        add_sweep(page, marked[i], r->started_ms, false);
    }
    if (removed) {
        add_sweep(page, removed, r->started_ms, true);
    }
    page->cursor = DONE_STATE;
    return page;
}

bool reference_skip(struct reference *r, const struct error *err)
{
    if (err->code != ERR_SCOPE && err->code != ERR_NOT_FOUND && err->code != ERR_REQUEST) {
        return false;
    }
    if (!r->failed) {
        r->failed = true;
        r->error = *err;
    }
    return true;
}

bool reference_end(struct reference *r, struct error *err)
{
    if (r->failed) {
        *err = r->error;
    }
    return !r->failed;
}

void reference_keep(struct page *page, const struct table *table, size_t n)
{
    struct batch *b = &page->batches[page->n_batches - 1];
    assert(b->table == table && n <= b->n_rows);
    b->n_rows = n;
}
