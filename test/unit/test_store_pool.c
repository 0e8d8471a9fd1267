// Leases, the workspace, and the pool of handles: what several share; on a file and on a server.
#include "test_place_both.h"

#include "store/leases.h"
#include "store/workspaces.h"

#include <pthread.h>
#include <stdatomic.h>

enum { MINUTE_MS = 60 * 1000, THREADS = 8, ROUNDS = 25, HANDLES = 3 };

// ---- leases

static struct lease take(struct place *p, const char *owner, bool want)
{
    struct error err;
    struct lease l;
    must(lease_take(p->store, STR("hubspot-7"), str_from(owner), &p->arena, &l, &err), &err);
    check_row(l.held == want, owner);
    return l;
}

static bool check(struct place *p, const char *owner, int64_t fence)
{
    struct error err;
    int64_t now_ms = 0;
    must(store_now_ms(p->store, &now_ms, &err), &err);
    const char *query =
        arena_printf(&p->arena,
                     "SELECT count(*) FROM lease WHERE name = 'hubspot-7' AND owner = '%s' AND"
                     " fence = %lld AND until_ms > %lld",
                     owner, (long long)fence, (long long)now_ms)
            .ptr;
    return place_number(p, query) == 1;
}

// As if that much time had passed.
static void age(struct place *p, int64_t ms)
{
    place_run(
        p,
        arena_printf(&p->arena, "UPDATE lease SET until_ms = until_ms - %lld", (long long)ms).ptr);
}

static void test_a_lease_has_one_owner(struct place *p)
{
    struct error err;
    size_t n = 0;
    struct lease l = take(p, "one", true);
    assert_int_equal(l.fence, 1);
    assert_true(check(p, "one", 1) && !check(p, "one", 2) && !check(p, "two", 1));
    l = take(p, "two", false);
    check_str(l.owner, "one");
    assert_int_equal(l.fence, 1);
    assert_int_equal(take(p, "one", true).fence, 1); // its own
    // It ends, and is the owner's still until somebody else takes it.
    age(p, LEASE_MS + 1000);
    assert_false(check(p, "one", 1));
    must(lease_renew_all(p->store, STR("one"), &n, &err), &err);
    assert_int_equal(n, 1);
    assert_true(check(p, "one", 1));
    age(p, LEASE_MS + 1000);
    l = take(p, "two", true);
    assert_int_equal(l.fence, 2);
    assert_true(check(p, "two", 2) && !check(p, "one", 1));
    must(lease_renew_all(p->store, STR("one"), &n, &err), &err);
    assert_int_equal(n, 0);
    take(p, "one", false);
    must(lease_release(p->store, STR("hubspot-7"), STR("one"), &err), &err); // not its own
    take(p, "one", false);
    must(lease_release(p->store, STR("hubspot-7"), STR("two"), &err), &err);
    assert_false(check(p, "two", 2));
    assert_int_equal(take(p, "two", true).fence, 3); // the same owner, but a new term
}

static void test_a_lease_that_is_laid_down_waits_for_others(struct place *p)
{
    struct error err;
    size_t n = 0;
    take(p, "one", true);
    must(lease_lay_down(p->store, STR("hubspot-7"), STR("two"), &err), &err); // not its own
    assert_true(check(p, "one", 1));
    must(lease_lay_down(p->store, STR("hubspot-7"), STR("one"), &err), &err);
    assert_false(check(p, "one", 1));
    must(lease_renew_all(p->store, STR("one"), &n, &err), &err);
    assert_int_equal(n, 0);
    if (p->server) { // others are there
        take(p, "two", false);
    }
    assert_int_equal(take(p, "one", true).fence, 2); // a new term
    take(p, "two", false);
    must(lease_lay_down(p->store, STR("hubspot-7"), STR("one"), &err), &err);
    age(p, LEASE_LAID_DOWN_MS + 1);
    assert_int_equal(take(p, "two", true).fence, 3);
}

static void test_a_lease_is_good_for_a_while(struct place *p)
{
    int64_t now_ms = 0;
    struct error err;
    must(store_now_ms(p->store, &now_ms, &err), &err);
    struct lease l = take(p, "one", true);
    assert_true(l.until_ms >= now_ms + LEASE_MS && l.until_ms < now_ms + LEASE_MS + MINUTE_MS);
    if (!p->server) { // whose clock nobody sets
        virtual_clock_advance_us(&p->clock, (int64_t)LEASE_MS * 1000 - 1000);
        take(p, "two", false);
        virtual_clock_advance_us(&p->clock, 1000);
        assert_int_equal(take(p, "two", true).fence, 2);
    }
}

struct racer {
    struct place *p;
    pthread_t thread;
    char owner[8];
    _Atomic int *holders;
    int64_t fences[ROUNDS];
    int n;
    bool ok;
};

static void *race(void *user)
{
    struct racer *r = user;
    struct error err;
    struct arena arena;
    struct store *s = NULL;
    struct store_options o = place_options(r->p);
    o.clock = clock_system();
    arena_init(&arena, 1 << 20);
    r->ok = store_open(&o, &s, &err);
    for (int i = 0; r->ok && i < ROUNDS; i++) {
        struct lease l;
        struct str owner = str_from(r->owner);
        r->ok = lease_take(s, STR("race"), owner, &arena, &l, &err);
        if (!r->ok || !l.held) {
            continue;
        }
        r->ok = atomic_fetch_add(r->holders, 1) == 0; // alone
        r->fences[r->n++] = l.fence;
        atomic_fetch_sub(r->holders, 1);
        r->ok = r->ok && lease_release(s, STR("race"), owner, &err);
    }
    store_close(s);
    arena_done(&arena);
    return NULL;
}

static void test_owners_race_for_a_lease(struct place *p)
{
    static struct racer racers[THREADS]; // lint: mutable: too large for a stack
    _Atomic int holders = 0;
    bool seen[THREADS * ROUNDS + 1] = {false};
    int taken = 0;
    for (size_t i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.p = p, .holders = &holders};
        snprintf(racers[i].owner, sizeof racers[i].owner, "w%zu", i);
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        assert_true(racers[i].ok);
        for (int k = 0; k < racers[i].n; k++) { // no fence is given out twice
            assert_in_range(racers[i].fences[k], 1, THREADS * ROUNDS);
            assert_false(seen[racers[i].fences[k]]);
            seen[racers[i].fences[k]] = true;
            taken++;
        }
    }
    assert_true(taken >= 1);
    for (int i = 1; i <= taken; i++) {
        assert_true(seen[i]);
    }
}

static void test_workers(struct place *p)
{
    struct error err;
    struct worker_row *all = NULL;
    size_t n = 0;
    int64_t now_ms = 0;
    struct worker_row w = {.id = STR("w1"), .host = STR("h"), .pid = 5, .slots = 16, .busy = 3};
    must(store_now_ms(p->store, &now_ms, &err), &err);
    must(worker_beat(p->store, &w, &err), &err);
    must(worker_list(p->store, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 1);
    int64_t started_ms = all[0].started_ms;
    assert_true(started_ms >= now_ms && all[0].seen_ms == started_ms && all[0].slots == 16);
    w.busy = 4;
    must(worker_beat(p->store, &w, &err), &err);
    must(worker_list(p->store, &p->arena, &all, &n, &err), &err);
    assert_true(n == 1 && all[0].busy == 4 && all[0].started_ms == started_ms);
    place_run(p, "UPDATE worker SET seen_ms = seen_ms - 3601000, started_ms = 1");
    w.id = STR("w2");
    must(worker_beat(p->store, &w, &err), &err); // forgets the first
    must(worker_list(p->store, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 1);
    check_str(all[0].id, "w2");
    must(worker_remove(p->store, STR("w2"), &err), &err);
    must(worker_list(p->store, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 0);
}

// ---- the workspace

static void test_there_is_one_workspace(struct place *p)
{
    struct error err;
    struct workspace one;
    struct workspace two;
    struct connection c;
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(workspace_prepare(p->store, &p->arena, &one, &err), &err);
    assert_int_equal(one.id.len, 14);
    assert_true(one.name.len > 0 && one.created_ms > 0);
    must(connection_find(p->store, STR("acme"), &p->arena, &c, &err), &err);
    check_slice(c.account_id, one.id);
    must(place_put_token(p, "later", MARK, &err), &err);
    must(workspace_prepare(p->store, &p->arena, &two, &err), &err);
    check_slice(two.id, one.id);
    must(connection_find(p->store, STR("later"), &p->arena, &c, &err), &err);
    check_slice(c.account_id, one.id);
}

static void test_a_salt_stays(struct place *p)
{
    struct error err;
    struct secret *one = NULL;
    struct secret *two = NULL;
    size_t rows = 0;
    must(workspace_salt(p->store, p->sealing, STR("w"), &one, &err), &err);
    assert_int_equal(secret_len(one), 32);
    must(sealing_rotate(p->sealing, &rows, &err), &err);
    assert_int_equal(rows, 1);
    must(workspace_salt(p->store, p->sealing, STR("w"), &two, &err), &err);
    assert_true(secret_eq(one, two));
    secret_destroy(two);
    must(workspace_salt(p->store, p->sealing, STR("another"), &two, &err), &err);
    assert_false(secret_eq(one, two));
    secret_destroy(one);
    secret_destroy(two);
}

struct starter {
    struct place *p;
    struct secret *salt;
    struct str id;
    char id_bytes[32];
    bool ok;
};

static void *start(void *user)
{
    struct starter *t = user;
    struct error err;
    struct arena arena;
    struct store *s = NULL;
    struct sealing *sealing = NULL;
    struct workspace w = {.created_ms = 0};
    struct store_options o = place_options(t->p);
    o.clock = clock_system();
    arena_init(&arena, 1 << 20);
    t->ok = store_open(&o, &s, &err) &&
            sealing_open(&(struct sealing_options){.store = s}, &sealing, &err) &&
            workspace_prepare(s, &arena, &w, &err) &&
            workspace_salt(s, sealing, w.id, &t->salt, &err);
    if (t->ok) {
        memcpy(t->id_bytes, w.id.ptr, MIN(w.id.len, sizeof t->id_bytes));
        t->id = (struct str){t->id_bytes, MIN(w.id.len, sizeof t->id_bytes)};
    }
    sealing_close(sealing);
    store_close(s);
    arena_done(&arena);
    return NULL;
}

static void test_servers_start_at_once(struct place *p)
{
    struct starter starters[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        starters[i] = (struct starter){.p = p};
        assert_int_equal(pthread_create(&threads[i], NULL, start, &starters[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_true(starters[i].ok);
    }
    for (size_t i = 0; i < THREADS; i++) {
        check_slice(starters[i].id, starters[0].id);
        assert_true(secret_eq(starters[i].salt, starters[0].salt));
    }
    for (size_t i = 0; i < THREADS; i++) {
        secret_destroy(starters[i].salt);
    }
    assert_int_equal(place_number(p, "SELECT count(*) FROM workspace"), 1);
}

// ---- the pool

static struct store_pool *make_pool(struct place *p, size_t max, int64_t wait_ms)
{
    return store_pool_create(
        &(struct store_pool_options){.store = place_options(p), .max = max, .wait_ms = wait_ms});
}

static void test_a_pool_lends(struct place *p)
{
    struct error err = {0};
    struct store *a = NULL;
    struct store *b = NULL;
    struct store *c = NULL;
    struct sealing *sealing = NULL;
    struct secret *token = NULL;
    struct store_pool *pool = make_pool(p, 2, 50);
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(store_pool_lend(pool, &a, &sealing, &err), &err);
    must(connection_secret(a, sealing, STR("acme"), "token", &token, &err), &err);
    check_str(secret_reveal(token), MARK);
    secret_destroy(token);
    must(store_pool_lend(pool, &b, NULL, &err), &err);
    assert_ptr_not_equal(a, b);
    assert_false(store_pool_lend(pool, &c, NULL, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    cancel_request(&p->cancel);
    assert_false(store_pool_lend(pool, &c, NULL, &err));
    assert_int_equal(err.code, ERR_INTERRUPTED);
    p->cancel = (struct cancel){0};
    store_pool_return(pool, a);
    must(store_pool_lend(pool, &c, NULL, &err), &err);
    assert_ptr_equal(c, a); // not a new one
    store_pool_return(pool, b);
    store_pool_return(pool, c);
    store_pool_destroy(pool);
}

static void test_idle_handles_are_closed(struct place *p)
{
    struct error err = {0};
    struct store *s[HANDLES];
    struct store_pool *pool = make_pool(p, HANDLES, 50);
    for (size_t i = 0; i < HANDLES; i++) {
        must(store_pool_lend(pool, &s[i], NULL, &err), &err);
    }
    for (size_t i = 0; i < HANDLES; i++) {
        virtual_clock_advance_us(&p->clock, 1000);
        store_pool_return(pool, s[i]);
    }
    const char *name = p->server ? strrchr(p->url, '/') + 1 : "";
    struct str text =
        arena_printf(&p->arena, "SELECT count(*) FROM pg_stat_activity WHERE datname = '%s'", name);
    for (size_t left = HANDLES; p->server && left > 0; left--) {
        // One more, the test's own. A session's end is seen there soon after it.
        int64_t n = 0;
        for (int i = 0; i < 12000 && (n = place_number(p, text.ptr)) != (int64_t)left + 1; i++) {
            usleep(10000);
        }
        assert_int_equal(n, left + 1);
        virtual_clock_advance_us(&p->clock, INT64_C(61) * 1000 * 1000);
        must(store_pool_lend(pool, &s[0], NULL, &err), &err);
        store_pool_return(pool, s[0]);
    }
    must(store_pool_lend(pool, &s[0], NULL, &err), &err);
    must(store_check_writable(s[0], &err), &err);
    store_pool_return(pool, s[0]);
    store_pool_destroy(pool);
}

static void test_a_pool_without_a_store(struct place *p)
{
    struct error err = {0};
    struct store *s = NULL;
    struct store_options o = place_options(p);
    o.directory = arena_printf(&p->arena, "%s/none", p->root);
    o.url = STR("");
    o.create = false;
    struct store_pool *pool =
        store_pool_create(&(struct store_pool_options){.store = o, .max = 1, .wait_ms = 50});
    for (int i = 0; i < 2; i++) { // its slot is free again
        assert_false(store_pool_lend(pool, &s, NULL, &err));
        assert_int_equal(err.code, ERR_STORE_BUSY);
        check_contains(err.message, "it is not there any more in data directory");
    }
    store_pool_destroy(pool);
}

struct borrower {
    struct store_pool *pool;
    struct place *p;
    _Atomic int *out;
    pthread_t thread;
    bool ok;
};

static void *borrow(void *user)
{
    struct borrower *b = user;
    struct error err;
    struct arena arena;
    b->ok = true;
    arena_init(&arena, 1 << 20);
    for (int i = 0; b->ok && i < ROUNDS; i++) {
        struct store *s = NULL;
        struct connection c;
        b->ok = store_pool_lend(b->pool, &s, NULL, &err);
        if (!b->ok) {
            break;
        }
        b->ok = atomic_fetch_add(b->out, 1) < HANDLES &&
                connection_find(s, STR("acme"), &arena, &c, &err);
        atomic_fetch_sub(b->out, 1);
        store_pool_return(b->pool, s);
    }
    arena_done(&arena);
    return NULL;
}

static void test_threads_share_a_pool(struct place *p)
{
    struct error err;
    struct borrower borrowers[THREADS];
    _Atomic int out = 0;
    must(place_put_token(p, "acme", MARK, &err), &err);
    struct store_options o = place_options(p);
    o.clock = clock_system(); // they wait for each other while they open theirs
    struct store_pool *pool =
        store_pool_create(&(struct store_pool_options){.store = o, .max = HANDLES});
    for (size_t i = 0; i < THREADS; i++) {
        borrowers[i] = (struct borrower){.pool = pool, .p = p, .out = &out};
        assert_int_equal(pthread_create(&borrowers[i].thread, NULL, borrow, &borrowers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(borrowers[i].thread, NULL);
        assert_true(borrowers[i].ok);
    }
    store_pool_destroy(pool);
}

static void test_a_lost_handle_is_mended(struct place *p)
{
    struct error err;
    struct store *s = NULL;
    struct connection c;
    struct store_pool *pool = make_pool(p, 1, 50);
    must(place_put_token(p, "acme", MARK, &err), &err);
    for (int i = 0; i < 3; i++) { // lost while lent, and while idle
        must(store_pool_lend(pool, &s, NULL, &err), &err);
        if (i > 0) {
            struct sql *db = place_admin(p);
            struct sql_value v;
            must(sql_once_int(db,
                              STR("SELECT count(pg_terminate_backend(pid, 10000)) FROM "
                                  "pg_stat_activity WHERE datname LIKE 'place_%'"),
                              NULL, 0, &v, &err),
                 &err);
            assert_true(v.num >= 1);
            sql_close(db);
        }
        if (i < 2) {
            must(connection_find(s, STR("acme"), &p->arena, &c, &err), &err);
        }
        store_pool_return(pool, s);
    }
    must(store_pool_lend(pool, &s, NULL, &err), &err);
    must(connection_find(s, STR("acme"), &p->arena, &c, &err), &err);
    store_pool_return(pool, s);
    store_pool_destroy(pool);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_a_lease_has_one_owner),
        PLACE_TEST(test_a_lease_that_is_laid_down_waits_for_others),
        PLACE_TEST(test_a_lease_is_good_for_a_while),
        PLACE_TEST(test_owners_race_for_a_lease),
        PLACE_TEST(test_workers),
        PLACE_TEST(test_there_is_one_workspace),
        PLACE_TEST(test_a_salt_stays),
        PLACE_TEST(test_servers_start_at_once),
        PLACE_TEST(test_a_pool_lends),
        PLACE_TEST(test_idle_handles_are_closed),
        PLACE_TEST(test_a_pool_without_a_store),
        PLACE_TEST(test_threads_share_a_pool),
        PLACE_SERVER_TEST(test_a_lost_handle_is_mended),
        PLACE_TESTS_END,
    };
    return place_run_both("store_pool", TESTS);
}
