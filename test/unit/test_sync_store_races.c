// Several threads, each with a store handle of its own, that want the same.
#include "test_sync_scene.h"

#include "store/events.h"
#include "store/idempotency.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 4 };

struct racer {
    struct place *p;
    size_t number;
    struct str stream_id;
    struct store *store;
    struct arena arena;
    char ids[512][64]; // what it got
    size_t n;
    bool made;
    struct error err;
    bool ok;
    pthread_barrier_t *start;
    atomic_int *shared; // 0 at the start
};

typedef void *racer_fn(void *);

static void open_store(struct racer *r)
{
    struct store_options o = place_options(r->p);
    o.clock = clock_system(); // they wait for each other
    arena_init(&r->arena, 1 << 26);
    must(store_open(&o, &r->store, &r->err), &r->err);
}

static void race(struct place *p, struct racer racers[THREADS], struct str stream_id, racer_fn *fn)
{
    pthread_t threads[THREADS];
    pthread_barrier_t start;
    atomic_int shared = 0;
    assert_int_equal(pthread_barrier_init(&start, NULL, THREADS), 0);
    for (size_t i = 0; i < THREADS; i++) {
        racers[i].p = p;
        racers[i].number = i;
        racers[i].stream_id = stream_id;
        racers[i].start = &start;
        racers[i].shared = &shared;
        open_store(&racers[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, fn, &racers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < THREADS; i++) {
        store_close(racers[i].store);
        arena_done(&racers[i].arena);
    }
    pthread_barrier_destroy(&start);
    for (size_t i = 0; i < THREADS; i++) {
        must(racers[i].ok, &racers[i].err);
    }
}

static struct racer *racers_new(void)
{
    struct racer *racers = calloc(THREADS, sizeof *racers);
    assert_non_null(racers);
    return racers;
}

// ---- one run is asked for

static void *ask(void *user)
{
    struct racer *r = user;
    struct stream_run_row run = {.id = STR("")};
    struct run_wish wish = {.account_id = ACCOUNT, .stream_id = r->stream_id};
    pthread_barrier_wait(r->start);
    r->ok = stream_run_request(r->store, &wish, &r->arena, &run, &r->made, &r->err);
    snprintf(r->ids[0], sizeof r->ids[0], "%.*s", STR_ARG(run.id));
    return NULL;
}

static void test_one_run_for_all_who_ask(struct place *p)
{
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    for (int round = 0; round < 10; round++) {
        struct racer *racers = racers_new();
        struct error err;
        size_t made = 0;
        race(p, racers, stream.id, ask);
        for (size_t i = 0; i < THREADS; i++) {
            made += racers[i].made;
            check_str(str_from(racers[i].ids[0]), racers[0].ids[0]);
        }
        assert_int_equal(made, 1);
        must(stream_run_cancel(p->store, ACCOUNT, str_from(racers[0].ids[0]), &err), &err);
        free(racers);
    }
    assert_int_equal(scene_count(p, "stream_run"), 10);
}

// ---- many are taken

enum { RUNS = 200, CONNECTIONS = 20 };

static bool take_some(struct racer *r, size_t *ret_n)
{
    struct run_claim *claims = NULL;
    char worker[16];
    snprintf(worker, sizeof worker, "worker-%zu", r->number);
    struct run_take take = {.worker = str_from(worker), .max = 3};
    *ret_n = 0;
    if (!stream_run_take(r->store, &take, &r->arena, &claims, ret_n, &r->err)) {
        return r->err.code == ERR_STORE_BUSY; // somebody else was faster: once more
    }
    for (size_t i = 0; i < *ret_n; i++) {
        snprintf(r->ids[r->n++], sizeof r->ids[0], "%.*s", STR_ARG(claims[i].run.id));
    }
    return true;
}

// Until all are taken: what others hold for a moment is skipped, and is there again.
static void *take_all(void *user)
{
    struct racer *r = user;
    r->ok = true;
    pthread_barrier_wait(r->start);
    for (int i = 0; r->ok && i < 100000 && atomic_load(r->shared) < RUNS; i++) {
        size_t n = 0;
        arena_reset(&r->arena);
        r->ok = take_some(r, &n);
        atomic_fetch_add(r->shared, (int)n);
    }
    return NULL;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void test_each_run_is_taken_once(struct place *p)
{
    static char all[RUNS][64];
    struct error err;
    size_t n = 0;
    struct racer *racers = racers_new();
    must(store_begin(p->store, &err), &err);
    for (int c = 0; c < CONNECTIONS; c++) {
        const char *name = arena_printf(&p->arena, "c%d", c).ptr;
        scene_connection(p, name, c / 2); // two and two are of one account; the first of none
        struct elt_sync sync = scene_sync(p, name, name);
        for (int i = 0; i < RUNS / CONNECTIONS; i++) {
            scene_request(p, scene_stream(p, &sync, arena_printf(&p->arena, "s%d", i).ptr).id);
        }
    }
    must(store_end(p->store, true, &err), &err);
    race(p, racers, STR(""), take_all);
    for (size_t i = 0; i < THREADS; i++) {
        for (size_t k = 0; k < racers[i].n; k++) {
            assert_true(n < RUNS);
            memcpy(all[n++], racers[i].ids[k], sizeof all[0]);
        }
    }
    qsort(all, n, sizeof all[0], by_text);
    for (size_t i = 1; i < n; i++) {
        assert_int_not_equal(strcmp(all[i - 1], all[i]), 0);
    }
    assert_int_equal(n, RUNS);
    assert_int_equal(scene_count(p, "stream_run WHERE status = 'running'"), RUNS);
    // One process serves all connections of an account.
    assert_int_equal(place_number(p, "SELECT count(*) FROM (SELECT DISTINCT lease, worker FROM"
                                     " stream_run) AS x"),
                     place_number(p, "SELECT count(*) FROM lease"));
    assert_int_equal(scene_count(p, "lease"), CONNECTIONS / 2 + 1);
    free(racers);
}

// ---- events in order

enum { EVENTS = 60 };

// The first follows, the others write.
static void *write_or_follow(void *user)
{
    struct racer *r = user;
    struct event_query q = {.max = 7};
    bool last_look = false;
    r->ok = true;
    pthread_barrier_wait(r->start);
    for (int i = 0; r->number > 0 && r->ok && i < EVENTS; i++) {
        struct stored_event e = {.account_id = ACCOUNT, .kind = STR("sync.created")};
        r->ok = store_begin(r->store, &r->err) &&
                store_end(r->store,
                          event_add(r->store, &e, &r->err) && event_add(r->store, &e, &r->err),
                          &r->err);
    }
    atomic_fetch_add(r->shared, 1); // it writes no more
    while (r->number == 0 && r->ok) {
        struct stored_event *list = NULL;
        size_t n = 0;
        bool done = atomic_load(r->shared) == THREADS;
        arena_reset(&r->arena);
        r->ok = event_list(r->store, &q, &r->arena, &list, &n, &r->err);
        for (size_t i = 0; r->ok && i < n; i++) {
            q.after_id = list[i].id;
            r->n++;
        }
        if (done && n == 0 && last_look) {
            break;
        }
        last_look = done && n == 0;
    }
    return NULL;
}

static void test_followers_miss_nothing(struct place *p)
{
    struct racer *racers = racers_new();
    race(p, racers, STR(""), write_or_follow);
    assert_int_equal(scene_count(p, "event"), (THREADS - 1) * EVENTS * 2);
    assert_int_equal(racers[0].n, (THREADS - 1) * EVENTS * 2);
    free(racers);
}

// ---- one request is sent twice, to two processes

enum { KEYS = 20 };

// As the API does: what it makes and that it has answered are one transaction.
static bool make_once(struct racer *r, struct str key, bool *ret_made)
{
    struct idempotent_answer a;
    char hash[IDEMPOTENCY_HASH] = {1};
    bool ok = idempotency_find(r->store, ACCOUNT, key, &r->arena, &a, &r->err);
    *ret_made = ok && a.status == 0;
    if (!*ret_made) {
        return ok;
    }
    struct stored_event made = {
        .account_id = ACCOUNT, .kind = STR("made"), .run_id = key, .data = STR("{}")};
    a = (struct idempotent_answer){.request_hash = {hash, sizeof hash}, .status = 201};
    return event_add(r->store, &made, &r->err) &&
           idempotency_put(r->store, ACCOUNT, key, &a, &r->err);
}

static void *send_the_same(void *user)
{
    struct racer *r = user;
    r->ok = true;
    for (int i = 0; r->ok && i < KEYS; i++) {
        struct str key = arena_printf(&r->arena, "key-%d", i);
        bool made = false;
        pthread_barrier_wait(r->start);
        bool ok = store_begin(r->store, &r->err) &&
                  store_end(r->store, make_once(r, key, &made), &r->err);
        r->n += ok && made;
        r->ok = ok || r->err.code == ERR_CONFLICT;
    }
    return NULL;
}

static void test_a_repeated_request_is_carried_out_once(struct place *p)
{
    struct racer *racers = racers_new();
    size_t made = 0;
    race(p, racers, STR(""), send_the_same);
    for (size_t i = 0; i < THREADS; i++) {
        made += racers[i].n;
    }
    assert_int_equal(made, KEYS);
    assert_int_equal(scene_count(p, "event WHERE kind = 'made'"), KEYS);
    assert_int_equal(scene_count(p, "(SELECT DISTINCT run_id FROM event) AS x"), KEYS);
    assert_int_equal(scene_count(p, "idempotency"), KEYS);
    free(racers);
}

// ---- everything at once

// What people, schedulers and workers do to the same few streams. Whoever loses is told that the
// store is busy, or that the thing is not so any more; nothing else.
static bool may_lose(const struct error *err)
{
    return err->code == ERR_STORE_BUSY || err->code == ERR_CONFLICT || err->code == ERR_NOT_FOUND;
}

static bool step(struct racer *r, const struct elt_sync *sync, uint64_t what)
{
    struct stream_run_row run;
    struct run_claim *claims = NULL;
    struct run_owner of = {.sync_id = sync->id};
    struct run_wish wish = {.account_id = ACCOUNT, .stream_id = r->stream_id};
    char worker[16];
    size_t n = 0;
    bool cancel[8] = {false};
    snprintf(worker, sizeof worker, "worker-%zu", r->number);
    struct run_take take = {.worker = str_from(worker), .max = 4};
    switch (what % 6) {
    case 0:
        return stream_run_request(r->store, &wish, &r->arena, &run, &r->made, &r->err);
    case 1:
        return stream_run_request_all(r->store, sync, &n, &r->err);
    case 4:
        return stream_run_cancel_all(r->store, &of, &n, &r->err);
    case 5:
        return stream_run_reclaim(r->store, &n, &r->err);
    default:
        break;
    }
    if (!stream_run_take(r->store, &take, &r->arena, &claims, &n, &r->err)) {
        return false;
    }
    struct stream_run_row rows[4];
    for (size_t i = 0; i < n; i++) {
        rows[i] = claims[n - 1 - i].run;
        if (!stream_run_begin(r->store, &rows[i], &r->err)) {
            return false;
        }
    }
    bool ok = stream_run_progress(r->store, rows, n, cancel, &r->err);
    for (size_t i = 0; ok && i < n; i++) {
        rows[i].status = what % 5 == 0 ? RUN_RETRYING : RUN_COMPLETED;
        rows[i].not_before_ms = 1;
        ok = stream_run_end(r->store, &rows[i], &r->err);
    }
    return ok;
}

static void *do_anything(void *user)
{
    struct racer *r = user;
    struct elt_stream stream;
    struct elt_sync sync;
    r->ok = elt_stream_find(r->store, ACCOUNT, r->stream_id, &r->arena, &stream, &r->err) &&
            elt_sync_find(r->store, ACCOUNT, stream.sync_id, &r->arena, &sync, &r->err);
    pthread_barrier_wait(r->start);
    for (uint64_t i = 0; r->ok && i < 60; i++) {
        r->ok = step(r, &sync, i * 7 + r->number * 3) || may_lose(&r->err);
    }
    return NULL;
}

static void test_whatever_comes_at_once(struct place *p)
{
    struct error err;
    size_t n = 0;
    struct racer *racers = racers_new();
    scene_connection(p, "acme", 0);
    struct elt_sync sync = scene_sync(p, "acme", "x");
    struct elt_stream stream = {.id = STR("")};
    for (int i = 0; i < 6; i++) {
        stream = scene_stream(p, &sync, arena_printf(&p->arena, "s%d", i).ptr);
    }
    race(p, racers, stream.id, do_anything);
    free(racers);
    // One active run a stream, none without a worker that does not wait, none with one that does.
    assert_int_equal(scene_count(p, "(SELECT stream_id FROM stream_run WHERE active = 1 GROUP BY"
                                    " stream_id HAVING count(*) > 1) AS x"),
                     0);
    assert_int_equal(scene_count(p, "stream_run WHERE (status = 'running') <> (worker <> '')"), 0);
    assert_int_equal(
        scene_count(p, "stream_run WHERE (active = 0) <> (status IN ('completed', 'failed'))"), 0);
    assert_int_equal(scene_count(p, "stream_run WHERE (active = 0) <> (finished_ms > 0)"), 0);
    assert_true(scene_count(p, "stream_run WHERE status = 'completed'") > 0);
    // And whatever was left is gone on with.
    place_run(p, "UPDATE lease SET until_ms = 1");
    must(stream_run_reclaim(p->store, &n, &err), &err);
    assert_int_equal(scene_count(p, "stream_run WHERE status = 'running'"), 0);
    must(stream_run_request_all(p->store, &sync, &n, &err), &err);
    place_run(p, "UPDATE stream_run SET not_before_ms = 1"); // the threads had another clock
    struct run_claim *claims = NULL;
    assert_int_equal(scene_take(p, "last", 10, &claims), 6);
}

// ---- one stream is added to several syncs of a schema

enum { ADDED = 8 };

// All of them in one transaction, as the API does, in an order of one's own: nobody may wait for
// another in a circle, and who loses has added nothing.
static void *add_streams(void *user)
{
    struct racer *r = user;
    struct elt_sync sync;
    char id[64];
    snprintf(id, sizeof id, "%s", r->ids[0]);
    pthread_barrier_wait(r->start);
    r->ok = store_begin(r->store, &r->err);
    bool added = r->ok && elt_sync_find(r->store, ACCOUNT, str_from(id), &r->arena, &sync, &r->err);
    for (size_t i = 0; added && i < ADDED; i++) {
        size_t at = r->number % 2 == 0 ? i : ADDED - 1 - i;
        struct elt_stream t = {
            .account_id = ACCOUNT, .sync_id = sync.id, .name = arena_printf(&r->arena, "s%zu", at)};
        added = elt_stream_put(r->store, &t, &r->arena, &r->err);
    }
    bool refused = !added && r->err.code == ERR_CONFLICT;
    r->ok = r->ok && store_end(r->store, added, &r->err);
    r->made = added && r->ok;
    r->ok = r->made || refused;
    return NULL;
}

static void test_one_of_several_syncs_gets_the_streams(struct place *p)
{
    scene_connection(p, "acme", 1);
    for (int round = 0; round < 10; round++) {
        struct racer *racers = racers_new();
        const char *schema = arena_printf(&p->arena, "schema%d", round).ptr;
        size_t made = 0;
        for (size_t i = 0; i < THREADS; i++) {
            struct elt_sync sync = scene_sync(p, "acme", schema);
            snprintf(racers[i].ids[0], sizeof racers[i].ids[0], "%.*s", STR_ARG(sync.id));
        }
        race(p, racers, STR(""), add_streams);
        for (size_t i = 0; i < THREADS; i++) {
            made += racers[i].made;
        }
        assert_int_equal(made, 1);
        assert_int_equal(scene_count(p, "elt_stream"), (round + 1) * ADDED);
        free(racers);
    }
}

// Syncs of two connections that are made for one schema at once, through two destinations that are
// one database: one connection has it.
static void *make_syncs(void *user)
{
    struct racer *r = user;
    struct elt_sync sync = {.account_id = ACCOUNT,
                            .connection_id = r->number % 2 == 0 ? STR("acme") : STR("globex"),
                            .destination_id = str_from(r->ids[0]),
                            .sync_interval = STR("@daily")};
    r->ok = true;
    for (size_t i = 0; i < 10; i++) {
        sync.schema_name = arena_printf(&r->arena, "made%zu", i);
        pthread_barrier_wait(r->start); // all at once for each
        bool made = elt_sync_create(r->store, &sync, &r->arena, &r->err);
        r->ok = r->ok && (made || r->err.code == ERR_CONFLICT);
        r->n += made;
    }
    return NULL;
}

static void test_a_schema_is_one_connections(struct place *p)
{
    struct racer *racers = racers_new();
    size_t made = 0;
    scene_connection(p, "acme", 1);
    scene_connection(p, "globex", 2);
    struct secret *url = secret_create(STR("postgres://somebody@db/x"));
    for (size_t i = 0; i < THREADS; i++) {
        struct stored_destination d = {.account_id = ACCOUNT};
        struct error err;
        must(stored_destination_create(p->store, p->sealing, url, &d, &p->arena, &err), &err);
        snprintf(racers[i].ids[0], sizeof racers[i].ids[0], "%.*s", STR_ARG(d.id));
    }
    secret_destroy(url);
    race(p, racers, STR(""), make_syncs);
    for (size_t i = 0; i < THREADS; i++) {
        made += racers[i].n;
    }
    assert_int_equal(made, 10 * THREADS / 2);
    assert_int_equal(scene_count(p, "(SELECT schema_key FROM elt_sync GROUP BY schema_key"
                                    " HAVING count(DISTINCT connection_id) > 1) AS x"),
                     0);
    free(racers);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_one_run_for_all_who_ask),
        PLACE_TEST(test_each_run_is_taken_once),
        PLACE_TEST(test_followers_miss_nothing),
        PLACE_TEST(test_a_repeated_request_is_carried_out_once),
        PLACE_TEST(test_whatever_comes_at_once),
        PLACE_TEST(test_one_of_several_syncs_gets_the_streams),
        PLACE_TEST(test_a_schema_is_one_connections),
        PLACE_TESTS_END,
    };
    return place_run_both("sync_store_races", TESTS);
}
