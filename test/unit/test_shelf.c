// Things that threads share: opened once, closed when nobody has used them for a while.
#include "check.h"

#include "core/arena.h"
#include "engine/shelf.h"

#include <pthread.h>
#include <stdatomic.h>

struct thing {
    int version;
};

struct scene {
    struct virtual_clock clock;
    struct shelf *shelf;
    atomic_int opened, closed;
    atomic_bool hold; // openings wait until it is false, or are interrupted
    atomic_int inside;
    enum error_code fails;
};

static bool open_thing(void *user, const void *how, const struct cancel *cancel, void **ret,
                       struct error *err)
{
    struct scene *s = user;
    atomic_fetch_add(&s->inside, 1);
    while (atomic_load(&s->hold) && !cancel_requested(cancel)) {
        sched_yield();
    }
    if (cancel_requested(cancel)) {
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    }
    if (s->fails != ERR_OK) {
        return error_set(err, s->fails, "cannot");
    }
    struct thing *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->version = *(const int *)how;
    atomic_fetch_add(&s->opened, 1);
    *ret = t;
    return true;
}

static void close_thing(void *user, void *thing)
{
    struct scene *s = user;
    atomic_fetch_add(&s->closed, 1);
    free(thing);
}

static bool fits(void *user, const void *thing, const void *how)
{
    (void)user;
    return ((const struct thing *)thing)->version == *(const int *)how;
}

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    virtual_clock_init(&s->clock, 1700000000000);
    s->shelf = shelf_create(&(struct shelf_options){.open = open_thing,
                                                    .close = close_thing,
                                                    .fits = fits,
                                                    .user = s,
                                                    .clock = &s->clock.clock});
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    shelf_destroy(s->shelf);
    assert_int_equal(s->opened, s->closed);
    free(s);
    return 0;
}

static struct thing *take(struct scene *s, const char *key, int version)
{
    struct error err;
    void *thing = NULL;
    assert_true(shelf_take(s->shelf, str_from(key), &version, NULL, &thing, &err));
    return thing;
}

static void test_is_shared_by_key(void **state)
{
    struct scene *s = *state;
    struct thing *a = take(s, "a", 1);
    struct thing *b = take(s, "b", 1);
    assert_ptr_equal(take(s, "a", 1), a);
    assert_ptr_not_equal(a, b);
    assert_int_equal(s->opened, 2);
    shelf_give(s->shelf, a, false);
    shelf_give(s->shelf, a, false);
    shelf_give(s->shelf, b, false);
    assert_ptr_equal(take(s, "a", 1), a);
    shelf_give(s->shelf, a, false);
}

static void test_is_closed_when_idle(void **state)
{
    struct scene *s = *state;
    struct thing *a = take(s, "a", 1);
    struct thing *b = take(s, "b", 1);
    shelf_give(s->shelf, b, false);
    virtual_clock_advance_us(&s->clock, SHELF_IDLE_MS * INT64_C(1000) - 1);
    shelf_tidy(s->shelf);
    assert_int_equal(s->closed, 0);
    virtual_clock_advance_us(&s->clock, 1);
    shelf_tidy(s->shelf);
    assert_int_equal(s->closed, 1); // `a` is in use
    shelf_give(s->shelf, a, false);
    shelf_tidy(s->shelf);
    assert_int_equal(s->closed, 1);
    virtual_clock_advance_us(&s->clock, SHELF_IDLE_MS * INT64_C(1000));
    shelf_tidy(s->shelf);
    assert_int_equal(s->closed, 2);
}

static void test_broken_is_not_used_again(void **state)
{
    struct scene *s = *state;
    struct thing *a = take(s, "a", 1);
    assert_ptr_equal(take(s, "a", 1), a);
    shelf_give(s->shelf, a, true);
    assert_int_equal(s->closed, 0); // somebody still has it
    struct thing *other = take(s, "a", 1);
    assert_int_equal(s->opened, 2);
    shelf_give(s->shelf, a, false);
    assert_int_equal(s->closed, 1);
    assert_ptr_equal(take(s, "a", 1), other);
    shelf_give(s->shelf, other, false);
    shelf_give(s->shelf, other, false);
}

static void test_what_does_not_fit_is_replaced(void **state)
{
    struct scene *s = *state;
    struct thing *old = take(s, "a", 1);
    struct thing *new = take(s, "a", 2);
    assert_int_equal(new->version, 2);
    assert_int_equal(old->version, 1); // is still whole
    shelf_give(s->shelf, old, false);
    assert_int_equal(s->closed, 1);
    shelf_give(s->shelf, new, false);
    shelf_give(s->shelf, take(s, "a", 3), false);
    assert_int_equal(s->closed, 2); // the idle one went at once
}

static void test_failure_is_forgotten(void **state)
{
    struct scene *s = *state;
    struct error err;
    void *thing = NULL;
    int version = 1;
    s->fails = ERR_CREDENTIALS;
    assert_false(shelf_take(s->shelf, STR("a"), &version, NULL, &thing, &err));
    assert_int_equal(err.code, ERR_CREDENTIALS);
    s->fails = ERR_OK;
    shelf_give(s->shelf, take(s, "a", 1), false);
}

// ---- threads

struct taker {
    struct scene *scene;
    struct cancel cancel;
    pthread_t thread;
    bool ok;
    void *thing;
    struct error err;
};

static void *taker_main(void *user)
{
    struct taker *t = user;
    int version = 1;
    t->ok = shelf_take(t->scene->shelf, STR("a"), &version, &t->cancel, &t->thing, &t->err);
    return NULL;
}

static void start(struct scene *s, struct taker *t)
{
    *t = (struct taker){.scene = s};
    assert_int_equal(pthread_create(&t->thread, NULL, taker_main, t), 0);
}

enum { TAKERS = 6 };

static void wait_until_inside(struct scene *s, int n)
{
    while (atomic_load(&s->inside) < n) {
        sched_yield();
    }
}

static void test_is_opened_once_for_all(void **state)
{
    struct scene *s = *state;
    struct taker takers[TAKERS];
    s->hold = true;
    for (size_t i = 0; i < TAKERS; i++) {
        start(s, &takers[i]);
    }
    wait_until_inside(s, 1);
    s->hold = false;
    for (size_t i = 0; i < TAKERS; i++) {
        pthread_join(takers[i].thread, NULL);
        assert_true(takers[i].ok);
        assert_ptr_equal(takers[i].thing, takers[0].thing);
    }
    assert_int_equal(s->inside, 1);
    for (size_t i = 0; i < TAKERS; i++) {
        shelf_give(s->shelf, takers[i].thing, false);
    }
}

// One that is stopped while it opens leaves the work to the next; one that is stopped while it
// waits just goes.
static void test_stopped_openings(void **state)
{
    struct scene *s = *state;
    struct taker first;
    struct taker second;
    struct taker third;
    s->hold = true;
    start(s, &first);
    wait_until_inside(s, 1);
    start(s, &second);
    start(s, &third);
    cancel_request(&third.cancel);
    pthread_join(third.thread, NULL);
    assert_false(third.ok);
    assert_int_equal(third.err.code, ERR_INTERRUPTED);
    cancel_request(&first.cancel);
    pthread_join(first.thread, NULL);
    assert_false(first.ok);
    wait_until_inside(s, 2); // the second tries for itself
    s->hold = false;
    pthread_join(second.thread, NULL);
    assert_true(second.ok);
    shelf_give(s->shelf, second.thing, false);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_is_shared_by_key),         TEST(test_is_closed_when_idle),
        TEST(test_broken_is_not_used_again), TEST(test_what_does_not_fit_is_replaced),
        TEST(test_failure_is_forgotten),     TEST(test_is_opened_once_for_all),
        TEST(test_stopped_openings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
