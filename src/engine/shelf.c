#include "engine/shelf.h"

#include "core/arena.h"
#include "core/wait.h"

#include <pthread.h>
#include <time.h>

enum { SLICE_US = 100 * 1000 }; // between two looks at `cancel`

struct item {
    struct item *next;
    struct str key;
    void *thing; // NULL while it is being opened
    size_t users;
    bool opening;
    bool broken;
    int64_t idle_since_us;
    // Of an opening that failed, for those who wait; the last of them frees the item.
    bool failed;
    struct error error;
};

struct shelf {
    struct shelf_options options;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t changed;
    struct item *items;
};

struct shelf *shelf_create(const struct shelf_options *options)
{
    struct shelf *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->options = *options;
    wait_init(&s->changed);
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void unlink_item(struct shelf *s, struct item *item)
{
    struct item **at = &s->items;
    while (*at != item) {
        assert(*at);
        at = &(*at)->next;
    }
    *at = item->next;
}

static void free_item(struct shelf *s, struct item *item)
{
    if (item->thing) {
        s->options.close(s->options.user, item->thing);
    }
    free((char *)(uintptr_t)item->key.ptr);
    free(item);
}

void shelf_destroy(struct shelf *s)
{
    if (!s) {
        return;
    }
    while (s->items) {
        struct item *item = s->items;
        assert(item->users == 0);
        s->items = item->next;
        free_item(s, item);
    }
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

// ---- taking. The lock is held.

static struct item *find(struct shelf *s, struct str key)
{
    for (struct item *i = s->items; i; i = i->next) {
        if (!i->broken && str_eq(i->key, key)) {
            return i;
        }
    }
    return NULL;
}

static struct item *add(struct shelf *s, struct str key)
{
    struct item *item = calloc(1, sizeof *item);
    char *name = strndup(key.len > 0 ? key.ptr : "", key.len);
    if (!item || !name) {
        abort();
    }
    item->key = (struct str){name, key.len};
    item->opening = true;
    item->users = 1;
    item->next = s->items;
    s->items = item;
    return item;
}

// Gives up one use. What nobody will use again is handed out to be freed outside the lock.
static struct item *leave(struct shelf *s, struct item *item)
{
    assert(item->users > 0);
    item->users--;
    item->idle_since_us = clock_mono_us(s->options.clock);
    if (item->users > 0 || !item->broken) {
        return NULL;
    }
    unlink_item(s, item);
    return item;
}

static bool open_item(struct shelf *s, struct item *item, const void *how,
                      const struct cancel *cancel, struct error *err)
{
    void *thing = NULL;
    pthread_mutex_unlock(&s->lock);
    bool ok = s->options.open(s->options.user, how, cancel, &thing, err);
    pthread_mutex_lock(&s->lock);
    item->opening = false;
    if (ok) {
        item->thing = thing;
    } else {
        item->broken = true;
        item->failed = true;
        item->error = *err;
    }
    pthread_cond_broadcast(&s->changed);
    return ok;
}

static void wait_slice(struct shelf *s)
{
    wait_at_most(&s->changed, &s->lock, SLICE_US);
}

enum outcome { GOT, FAILED, AGAIN };

// One of the users already.
static enum outcome await(struct shelf *s, struct item *item, const struct cancel *cancel,
                          struct error *err)
{
    while (item->opening && !cancel_requested(cancel)) {
        wait_slice(s);
    }
    if (item->opening) {
        error_set(err, ERR_INTERRUPTED, "stopped while another thread opened what it needs");
        return FAILED;
    }
    if (item->failed) {
        *err = item->error;
        return err->code == ERR_INTERRUPTED ? AGAIN : FAILED;
    }
    return GOT;
}

// A thing that no longer fits is left to those who use it.
static struct item *find_fitting(struct shelf *s, struct str key, const void *how,
                                 struct item **ret_unused)
{
    struct item *item = find(s, key);
    bool fits = !item || !item->thing || !s->options.fits ||
                s->options.fits(s->options.user, item->thing, how);
    *ret_unused = NULL;
    if (fits) {
        return item;
    }
    item->broken = true;
    if (item->users == 0) {
        unlink_item(s, item);
        *ret_unused = item;
    }
    return NULL;
}

static enum outcome take(struct shelf *s, struct str key, const void *how,
                         const struct cancel *cancel, void **ret, struct error *err)
{
    struct item *unused = NULL;
    struct item *gone = NULL;
    enum outcome outcome;
    pthread_mutex_lock(&s->lock);
    struct item *item = find_fitting(s, key, how, &unused);
    if (item) {
        item->users++;
        outcome = await(s, item, cancel, err);
    } else {
        item = add(s, key);
        outcome = open_item(s, item, how, cancel, err) ? GOT : FAILED;
    }
    if (outcome == GOT) {
        *ret = item->thing;
    } else {
        gone = leave(s, item);
    }
    pthread_mutex_unlock(&s->lock);
    if (gone) {
        free_item(s, gone);
    }
    if (unused) {
        free_item(s, unused);
    }
    return outcome;
}

bool shelf_take(struct shelf *s, struct str key, const void *how, const struct cancel *cancel,
                void **ret, struct error *err)
{
    enum outcome outcome = AGAIN;
    while (outcome == AGAIN && !cancel_requested(cancel)) {
        outcome = take(s, key, how, cancel, ret, err);
    }
    return outcome == GOT ||
           (outcome == AGAIN ? error_set(err, ERR_INTERRUPTED, "interrupted") : false);
}

void shelf_give(struct shelf *s, void *thing, bool broken)
{
    pthread_mutex_lock(&s->lock);
    struct item *item = s->items;
    while (item && item->thing != thing) {
        item = item->next;
    }
    assert(item);
    item->broken = item->broken || broken;
    struct item *gone = leave(s, item);
    pthread_mutex_unlock(&s->lock);
    if (gone) {
        free_item(s, gone);
    }
}

void shelf_tidy(struct shelf *s)
{
    struct item *old = NULL;
    pthread_mutex_lock(&s->lock);
    int64_t now_us = clock_mono_us(s->options.clock);
    struct item **at = &s->items;
    while (*at) {
        struct item *item = *at;
        if (item->users == 0 && now_us - item->idle_since_us >= SHELF_IDLE_MS * INT64_C(1000)) {
            *at = item->next;
            item->next = old;
            old = item;
        } else {
            at = &item->next;
        }
    }
    pthread_mutex_unlock(&s->lock);
    while (old) { // closing may take a while: it talks to databases
        struct item *item = old;
        old = item->next;
        free_item(s, item);
    }
}

void shelf_each(struct shelf *s, void (*look)(void *user, struct str key, void *thing), void *user)
{
    pthread_mutex_lock(&s->lock);
    for (struct item *i = s->items; i; i = i->next) {
        if (i->thing) {
            look(user, i->key, i->thing);
        }
    }
    pthread_mutex_unlock(&s->lock);
}
