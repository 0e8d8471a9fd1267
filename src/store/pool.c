#include "store/pool.h"

#include "core/wait.h"
#include "store/inside.h"

#include <pthread.h>
#include <time.h>

enum {
    MAGIC = 0x706f6f6c,
    WAIT_MS = 15000,
    SLICE_MS = 100, // between two looks at `cancel`
    IDLE_US = 60 * 1000 * 1000,
};

struct slot {
    struct store *store; // NULL: not open
    struct sealing *sealing;
    bool lent; // or being opened
    int64_t idle_since_us;
};

struct store_pool {
    uint32_t magic;
    struct store_pool_options options;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t returned;
    struct slot *slots; // options.max
};

struct store_pool *store_pool_create(const struct store_pool_options *options)
{
    struct store_pool *p = calloc(1, sizeof *p);
    assert(p && options->max > 0);
    p->magic = MAGIC;
    p->options = *options;
    p->options.wait_ms = options->wait_ms ? options->wait_ms : WAIT_MS;
    p->slots = calloc(options->max, sizeof *p->slots);
    assert(p->slots);
    wait_init(&p->returned);
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

static void close_handle(struct store *store, struct sealing *sealing)
{
    sealing_close(sealing);
    store_close(store);
}

void store_pool_destroy(struct store_pool *p)
{
    if (!p) {
        return;
    }
    assert(p->magic == MAGIC);
    for (size_t i = 0; i < p->options.max; i++) {
        assert(!p->slots[i].lent);
        close_handle(p->slots[i].store, p->slots[i].sealing);
    }
    pthread_cond_destroy(&p->returned);
    pthread_mutex_destroy(&p->lock);
    free(p->slots);
    p->magic = 0;
    free(p);
}

// The open handle that was used last, so that those that are not needed grow old; else a slot to
// open one in; NULL when all are lent. The lock is held.
static struct slot *choose(struct store_pool *p)
{
    struct slot *best = NULL;
    for (size_t i = 0; i < p->options.max; i++) {
        struct slot *slot = &p->slots[i];
        bool better = !best || (slot->store && !best->store) ||
                      (slot->store && slot->idle_since_us > best->idle_since_us);
        if (!slot->lent && better) {
            best = slot;
        }
    }
    return best;
}

// Real time: another thread ends the wait, not a clock that stands still. The lock is held.
static struct slot *wait_for_slot(struct store_pool *p, struct error *err)
{
    struct slot *slot;
    int64_t end_ms = wait_now_ms() + p->options.wait_ms;
    while (!(slot = choose(p))) {
        int64_t now_ms = wait_now_ms();
        if (cancel_requested(p->options.store.cancel)) {
            error_set(err, ERR_INTERRUPTED, "stopped while waiting for a handle of the store");
            return NULL;
        }
        if (now_ms >= end_ms) {
            error_set(err, ERR_STORE_BUSY,
                      "all %zu handles of the store have been in use for %lld ms", p->options.max,
                      (long long)p->options.wait_ms);
            return NULL;
        }
        wait_at_most(&p->returned, &p->lock, MIN(end_ms - now_ms, SLICE_MS) * 1000);
    }
    return slot;
}

static bool open_handle(struct store_pool *p, struct store **ret_store,
                        struct sealing **ret_sealing, struct error *err)
{
    struct store *store = NULL;
    struct sealing *sealing = NULL;
    bool ok = store_open(&p->options.store, &store, err);
    if (ok && !store) {
        ok = error_set(err, ERR_STORE_BUSY,
                       "store: it is not there any more in data directory '%.*s': put it back, or "
                       "start again",
                       STR_ARG(p->options.store.directory));
    }
    ok = ok && sealing_open(&(struct sealing_options){store, p->options.key_file}, &sealing, err);
    if (!ok) {
        close_handle(store, sealing);
        return false;
    }
    *ret_store = store;
    *ret_sealing = sealing;
    return true;
}

bool store_pool_lend(struct store_pool *p, struct store **ret, struct sealing **ret_sealing,
                     struct error *err)
{
    assert(p->magic == MAGIC);
    pthread_mutex_lock(&p->lock);
    struct slot *slot = wait_for_slot(p, err);
    if (slot) {
        slot->lent = true;
    }
    pthread_mutex_unlock(&p->lock);
    if (!slot) {
        return false;
    }
    // The slot is this thread's now: others only look whether it is lent.
    struct store *store = slot->store;
    struct sealing *sealing = slot->sealing;
    bool ok = store || open_handle(p, &store, &sealing, err);
    pthread_mutex_lock(&p->lock);
    slot->store = store;
    slot->sealing = sealing;
    slot->lent = ok;
    if (!ok) {
        pthread_cond_signal(&p->returned);
    }
    pthread_mutex_unlock(&p->lock);
    if (!ok) {
        return false;
    }
    *ret = store;
    if (ret_sealing) {
        *ret_sealing = sealing;
    }
    return true;
}

// Takes an idle handle that has been idle for long out of the pool; one stays. The lock is held.
static struct slot take_old(struct store_pool *p, int64_t now_us)
{
    size_t idle = 0;
    struct slot *oldest = NULL;
    for (size_t i = 0; i < p->options.max; i++) {
        struct slot *slot = &p->slots[i];
        if (slot->store && !slot->lent) {
            idle++;
            oldest = !oldest || slot->idle_since_us < oldest->idle_since_us ? slot : oldest;
        }
    }
    struct slot taken = {0};
    if (idle > 1 && now_us - oldest->idle_since_us >= IDLE_US) {
        taken = *oldest;
        *oldest = (struct slot){0};
    }
    return taken;
}

void store_pool_return(struct store_pool *p, struct store *s)
{
    const struct clock *clock = p->options.store.clock;
    assert(p->magic == MAGIC && s);
    enum sql_transaction state = sql_transaction_state(s->db);
    assert(s->depth == 0 && (state == SQL_IDLE || state == SQL_GONE));
    int64_t now_us = clock_mono_us(clock);
    pthread_mutex_lock(&p->lock);
    size_t i = 0;
    while (i < p->options.max && p->slots[i].store != s) {
        i++;
    }
    assert(i < p->options.max && p->slots[i].lent);
    struct slot *slot = &p->slots[i];
    struct slot gone = {0};
    if (state == SQL_GONE) {
        gone = *slot;
        *slot = (struct slot){0};
    } else {
        slot->lent = false;
        slot->idle_since_us = now_us;
        gone = take_old(p, now_us);
    }
    pthread_cond_signal(&p->returned);
    pthread_mutex_unlock(&p->lock);
    close_handle(gone.store, gone.sealing);
}
