#include "engine/load.h"

#include "core/buf.h"
#include "core/limits.h"
#include "core/queue.h"

enum {
    COMMIT_ROWS = 10000,
    COMMIT_AFTER_US = 1000000,
    LINGER_MS =
        5, // an empty queue is often filled again at once; a commit is cheaper for more rows
};

// ---- what is given and not committed

static void open_init(struct load_open *o)
{
    *o = (struct load_open){0};
    int rc = pthread_mutex_init(&o->lock, NULL);
    assert(rc == 0);
    rc = pthread_cond_init(&o->changed, NULL);
    assert(rc == 0);
}

static void open_done(struct load_open *o)
{
    pthread_cond_destroy(&o->changed);
    pthread_mutex_destroy(&o->lock);
}

static void open_given(struct load_open *o, const struct page *page)
{
    pthread_mutex_lock(&o->lock);
    o->pages++;
    o->held = page->hold;
    pthread_mutex_unlock(&o->lock);
}

static void open_committed(struct load_open *o, uint64_t pages, bool ended)
{
    pthread_mutex_lock(&o->lock);
    assert(pages <= o->pages);
    o->pages -= pages;
    o->ended = o->ended || ended;
    pthread_cond_broadcast(&o->changed);
    pthread_mutex_unlock(&o->lock);
}

bool load_settle(struct load *l, struct error *err)
{
    struct load_open *o = &l->open;
    pthread_mutex_lock(&o->lock);
    assert(!o->held); // it would wait for ever
    while (o->pages > 0 && !o->ended) {
        pthread_cond_wait(&o->changed, &o->lock);
    }
    bool ok = o->pages == 0;
    pthread_mutex_unlock(&o->lock);
    return ok || error_set(err, ERR_INTERRUPTED, "loading has ended");
}

// The extracting thread.
struct extract {
    struct load *load;
    struct queue *queue;
    bool ok;
    struct error error;
};

static void *extract_main(void *user)
{
    struct extract *x = user;
    x->ok = true;
    for (;;) {
        struct page *page = NULL;
        if (cancel_requested(x->load->options->cancel)) {
            x->ok = error_set(&x->error, ERR_INTERRUPTED, "interrupted");
            break;
        }
        if (!source_stream_next(x->load->source, &page, &x->error)) {
            x->ok = false;
            break;
        }
        if (!page) {
            break;
        }
        open_given(&x->load->open, page);
        if (!queue_put(x->queue, page)) {
            page_destroy(page); // loading has failed
            break;
        }
    }
    queue_close(x->queue);
    return NULL;
}

// The open transaction of the loading side.
struct transaction {
    bool open;
    bool held; // the last page asked not to commit yet
    int64_t begun_us;
    uint64_t rows, pages;
    uint64_t records, bytes, rejects, removed;
    struct buf cursor;
    bool has_cursor;
};

static bool begin(struct load *l, struct transaction *t, struct error *err)
{
    const struct clock *clock = l->options->clock;
    int64_t synced_ms = MAX(clock_now_ms(clock), source_stream_floor_ms(l->source));
    if (!session_begin(l->session, synced_ms, err)) {
        return false;
    }
    t->open = true;
    t->begun_us = clock_mono_us(clock);
    return true;
}

static bool write_rows(struct load *l, struct transaction *t, struct page *page, struct error *err)
{
    for (size_t i = 0; i < page->n_batches; i++) {
        struct batch b;
        if (!columns_batch(l->columns, &page->batches[i], &page->arena, &b)) {
            continue;
        }
        t->rows += b.n_rows;
        if (!session_write(l->session, &b, err)) {
            return error_context(err, "table %.*s", STR_ARG(b.table->name));
        }
    }
    return true;
}

static bool sweep(struct load *l, struct transaction *t, const struct page *page, struct error *err)
{
    for (size_t i = 0; i < page->n_sweeps; i++) {
        const struct page_sweep *w = &page->sweeps[i];
        const struct table *table = columns_table(l->columns, w->table);
        uint64_t rows = 0;
        if (table && !session_sweep(l->session, table, w->scope_column, w->scope_value,
                                    w->before_ms, w->remove, &rows, err)) {
            return error_context(err, "table %.*s", STR_ARG(table->name));
        }
        t->removed += rows;
    }
    return true;
}

static bool write_page(struct load *l, struct transaction *t, struct page *page, struct error *err)
{
    if (!write_rows(l, t, page, err) || !sweep(l, t, page, err)) {
        return false;
    }
    t->pages++;
    t->records += page->records;
    t->bytes += page->bytes;
    t->rejects += page->rejects;
    t->held = page->hold;
    if (page->cursor.ptr) {
        buf_reset(&t->cursor);
        if (!buf_add(&t->cursor, columns_sign(l->columns, page->cursor, &page->arena))) {
            return error_set(err, ERR_LIMIT, "the stream's state is larger than %d bytes",
                             LIMIT_STATE_BYTES);
        }
        t->has_cursor = true;
    }
    return true;
}

static void reset(struct transaction *t)
{
    t->open = false;
    t->held = false;
    t->has_cursor = false;
    t->rows = t->pages = t->records = t->bytes = t->rejects = t->removed = 0;
}

static bool commit(struct load *l, struct transaction *t, struct error *err)
{
    assert(t->open && !t->held);
    struct str state = t->has_cursor ? buf_str(&t->cursor) : (struct str){NULL, 0};
    if (!job_may_commit(l->options, err) || !session_commit(l->session, state, err)) {
        reset(t);
        return false;
    }
    pthread_mutex_lock(&l->job->lock);
    struct stream_report *r = &l->job->report;
    r->rows += t->records;
    r->bytes += t->bytes;
    r->rejects += t->rejects;
    r->removed += t->removed;
    r->resumable = r->resumable || t->has_cursor;
    if (r->first_commit_ms == 0 && t->records > 0) {
        r->first_commit_ms = clock_now_ms(l->options->clock);
    }
    pthread_mutex_unlock(&l->job->lock);
    open_committed(&l->open, t->pages, false);
    reset(t);
    l->changed(l->user, l->job);
    return true;
}

static bool load_page(struct load *l, struct transaction *t, struct page *page, struct error *err)
{
    bool ok = (t->open || begin(l, t, err)) && write_page(l, t, page, err);
    page_destroy(page);
    if (ok && !t->held &&
        (t->rows >= COMMIT_ROWS ||
         clock_mono_us(l->options->clock) - t->begun_us >= COMMIT_AFTER_US)) {
        ok = commit(l, t, err);
    }
    return ok;
}

// Loads until the queue is closed and empty.
static bool load_queue(struct load *l, struct queue *queue, struct transaction *t,
                       struct error *err)
{
    for (;;) {
        struct page *page = queue_take(queue, t->open && !t->held ? LINGER_MS : -1);
        if (page) {
            if (!load_page(l, t, page, err)) {
                return false;
            }
            continue;
        }
        if (t->open && !t->held && !commit(l, t, err)) {
            return false;
        }
        if (queue_is_done(queue)) {
            return true;
        }
    }
}

// With a small stack: a process may run hundreds of streams.
static bool start_thread(pthread_t *ret, struct extract *x)
{
    pthread_attr_t attr;
    int rc = pthread_attr_init(&attr);
    assert(rc == 0);
    rc = pthread_attr_setstacksize(&attr, LIMIT_THREAD_STACK);
    assert(rc == 0);
    rc = pthread_create(ret, &attr, extract_main, x);
    pthread_attr_destroy(&attr);
    return rc == 0;
}

bool load_stream(struct load *l, struct error *err)
{
    struct extract x = {.load = l, .queue = queue_create(LIMIT_QUEUE_PAGES)};
    struct transaction t = {0};
    buf_init(&t.cursor, LIMIT_STATE_BYTES);
    open_init(&l->open);
    pthread_t thread;
    if (!start_thread(&thread, &x)) {
        queue_destroy(x.queue);
        open_done(&l->open);
        return error_set(err, ERR_INTERNAL, "no thread could be started");
    }
    bool ok = load_queue(l, x.queue, &t, err);
    queue_close(x.queue);
    open_committed(&l->open, 0, true);
    pthread_join(thread, NULL);
    open_done(&l->open);
    struct page *page;
    while ((page = queue_try_take(x.queue)) != NULL) {
        page_destroy(page);
    }
    bool whole = !t.held;
    session_rollback(l->session); // of what was held, or of what failed
    queue_destroy(x.queue);
    buf_done(&t.cursor);
    if (ok && !x.ok) {
        *err = x.error;
    } else if (ok && !whole) {
        return error_set(err, ERR_INTERNAL, "the stream ended within a group of pages");
    }
    return ok && x.ok;
}
