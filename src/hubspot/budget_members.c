// A budget's life, and who shares it: apps, and members that take turns.
#include "hubspot/budget_state.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    ASSUMED_INTERVAL_MS = 10000, // HubSpot's window, until an answer says
    SWEEP_US = 5000000,
};

void budget_state_init(struct budget_state *s, uint64_t seed)
{
    *s = (struct budget_state){.day = {.max = -1}};
    random_seed(&s->random, seed);
    pthread_mutexattr_t how;
    pthread_mutexattr_init(&how);
    pthread_mutexattr_setpshared(&how, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&how, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->lock, &how);
    pthread_mutexattr_destroy(&how);
}

static void mend_times(struct send_times *t)
{
    if (!send_times_valid(t)) {
        t->head = 0;
        t->n = 0;
    }
}

// A process was killed while it held the lock. Its last call may be missing or the ring it was
// changing may be out of order: then the ring begins anew, and the next answer's headers tell what
// HubSpot has counted.
static void mend(struct budget_state *s)
{
    mend_times(&s->search);
    mend_times(&s->search_done);
    for (size_t i = 0; i < BUDGET_APPS_MAX; i++) {
        mend_times(&s->apps[i].window);
        mend_times(&s->apps[i].assoc);
    }
}

void budget_lock(struct budget *b)
{
    if (pthread_mutex_lock(&b->state->lock) == EOWNERDEAD) {
        mend(b->state);
        pthread_mutex_consistent(&b->state->lock);
    }
}

void budget_unlock(struct budget *b)
{
    pthread_mutex_unlock(&b->state->lock);
}

static void app_reset(struct budget_app *a, uint64_t key)
{
    memset(a, 0, offsetof(struct budget_app, window));
    a->window.head = a->window.n = 0;
    a->assoc.head = a->assoc.n = 0;
    a->used = true;
    a->key = key;
    a->max = -1;
    a->interval_us = ASSUMED_INTERVAL_MS * 1000LL;
    a->heard_us = INT64_MIN / 2;
}

// The place of this app; the one that has been silent longest when there are too many. Places are
// taken in order and never become free, so what lies behind the first free one is not looked at:
// with hundreds of accounts in a process that is most of its memory.
static int app_place(struct budget_state *s, uint64_t key)
{
    int place = 0;
    for (int i = 0; i < BUDGET_APPS_MAX && s->apps[i].used; i++) {
        if (s->apps[i].key == key) {
            return i;
        }
    }
    for (int i = 0; i < BUDGET_APPS_MAX; i++) {
        const struct budget_app *a = &s->apps[i];
        if (!a->used) {
            place = i;
            break;
        }
        place = a->heard_us < s->apps[place].heard_us ? i : place;
    }
    app_reset(&s->apps[place], key);
    return place;
}

struct budget *budget_attach(struct budget_state *s, void *mapping, size_t mapped,
                             const struct budget_options *options)
{
    assert(options->share > 0 && options->share <= 1);
    assert(options->search_per_second > 0 && options->search_per_second <= SEND_TIMES_MAX);
    struct budget *b = calloc(1, sizeof *b);
    if (!b) {
        abort();
    }
    b->state = s;
    b->mapping = mapping;
    b->mapped = mapped;
    b->options = *options;
    budget_lock(b);
    b->app = app_place(s, options->app);
    budget_unlock(b);
    return b;
}

struct budget *budget_create(const struct budget_options *options)
{
    struct budget_state *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    budget_state_init(s, options->seed);
    return budget_attach(s, NULL, 0, options);
}

void budget_destroy(struct budget *b)
{
    if (!b) {
        return;
    }
    if (b->mapping) {
        munmap(b->mapping, b->mapped);
    } else {
        pthread_mutex_destroy(&b->state->lock);
        free(b->state);
    }
    free(b);
}

// ---- members

static void member_forget(struct budget_state *s, struct budget_member *m)
{
    struct budget_app *a = &s->apps[m->app];
    a->flying = MAX(0, a->flying - m->flying_window);
    s->search_flying = MAX(0, s->search_flying - m->flying_search);
    *m = (struct budget_member){0};
}

void budget_sweep(struct budget *b, int64_t now_us)
{
    if (!b->mapping || now_us - b->state->swept_us < SWEEP_US) {
        return; // nobody but us
    }
    b->state->swept_us = now_us;
    int32_t self = (int32_t)getpid();
    for (int i = 0; i < b->state->members_used; i++) {
        struct budget_member *m = &b->state->members[i];
        if (m->pid != 0 && m->pid != self && kill(m->pid, 0) != 0 && errno == ESRCH) {
            member_forget(b->state, m);
        }
    }
}

int budget_join(struct budget *b)
{
    budget_lock(b);
    int place = 0;
    while (place < BUDGET_MEMBERS_MAX - 1 && b->state->members[place].pid != 0) {
        place++;
    }
    b->state->members_used = MAX(b->state->members_used, place + 1);
    struct budget_member *m = &b->state->members[place];
    if (m->pid == 0) {
        *m = (struct budget_member){.pid = (int32_t)getpid(), .app = b->app};
    }
    budget_unlock(b);
    return place;
}

void budget_leave(struct budget *b, int member)
{
    budget_lock(b);
    assert(member >= 0 && member < BUDGET_MEMBERS_MAX);
    if (member < BUDGET_MEMBERS_MAX - 1) { // the last place may have others in it
        member_forget(b->state, &b->state->members[member]);
    }
    budget_unlock(b);
}
