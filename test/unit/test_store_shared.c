// The store on a file and on a server: transactions, locks, and what happens when the server goes
// away.
#include "test_place_both.h"

#include "store/requests.h"
#include "store/secrets.h"

#include <pthread.h>

static int64_t number_of(struct sql *db, const char *query)
{
    struct error err;
    struct sql_value v = sql_null();
    must(sql_once_int(db, str_from(query), NULL, 0, &v, &err), &err);
    return v.num;
}

// ---- transactions

static void test_transactions_within_others(struct place *p)
{
    struct error err = {0};
    struct store *s = p->store;
    struct store *other = place_open_store(p);
    struct str value;
    must(store_begin(s, &err), &err);
    must(store_begin(s, &err), &err);
    must(store_meta_set(s, "x", STR("1"), &err), &err);
    must(store_end(s, true, &err), &err);
    must(store_meta_get(other, "x", &p->arena, &value, &err), &err);
    assert_null(value.ptr);                             // not yet
    must(place_put_token(p, "acme", MARK, &err), &err); // joins it
    must(store_end(s, true, &err), &err);
    must(store_meta_get(other, "x", &p->arena, &value, &err), &err);
    check_str(value, "1");
    // An inner failure takes the whole along, whatever the outer one says.
    must(store_begin(s, &err), &err);
    must(store_meta_set(s, "x", STR("2"), &err), &err);
    must(store_begin(s, &err), &err);
    assert_false(store_end(s, false, &err));
    assert_false(store_end(s, true, &err));
    check_contains(err.message, "nothing was changed");
    must(store_meta_get(other, "x", &p->arena, &value, &err), &err);
    check_str(value, "1");
    // A statement that fails, too; and the store goes on.
    must(store_begin(s, &err), &err);
    assert_false(sql_exec(store_sql(s), "INSERT INTO no_such_table VALUES (1)", &err));
    assert_false(store_end(s, false, &err));
    must(store_begin(s, &err), &err);
    must(store_end(s, true, &err), &err);
    // One that has failed cannot be committed, and does not stay open.
    must(store_begin(s, &err), &err);
    (void)!sql_exec(store_sql(s), "INSERT INTO no_such_table VALUES (1)", &err);
    (void)!store_end(s, true, &err);
    must(store_begin(s, &err), &err);
    must(store_end(s, true, &err), &err);
    store_close(other);
}

static void test_reads_see_one_state(struct place *p)
{
    struct error err = {0};
    struct str value;
    struct store *other = place_open_store(p);
    must(store_meta_set(p->store, "x", STR("1"), &err), &err);
    must(store_begin_read(p->store, &err), &err);
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    must(store_meta_set(other, "x", STR("2"), &err), &err);
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    check_str(value, "1");
    must(store_end(p->store, true, &err), &err);
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    check_str(value, "2");
    store_close(other);
}

struct adder {
    struct place *p;
    bool ok;
};

// Reads and writes: what only those who exclude others can do without losing anything.
static void *add_one(void *user)
{
    struct adder *a = user;
    struct error err;
    struct arena arena;
    struct store *s = NULL;
    struct store_options o = place_options(a->p);
    o.clock = clock_system();
    arena_init(&arena, 1 << 20);
    a->ok = store_open(&o, &s, &err);
    for (int i = 0; a->ok && i < 20; i++) {
        struct str value = {NULL, 0};
        int64_t n = 0;
        char text[24];
        a->ok = store_begin(s, &err);
        bool ok = a->ok && store_exclude_others(s, "n", &err) &&
                  store_meta_get(s, "n", &arena, &value, &err) &&
                  (!value.ptr || str_to_int64(value, &n));
        snprintf(text, sizeof text, "%lld", (long long)n + 1);
        ok = ok && store_meta_set(s, "n", str_from(text), &err);
        a->ok = a->ok && store_end(s, ok, &err);
    }
    store_close(s);
    arena_done(&arena);
    return NULL;
}

static void test_others_are_excluded(struct place *p)
{
    struct adder adders[4];
    pthread_t threads[4];
    struct error err;
    struct str value;
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        adders[i] = (struct adder){.p = p};
        assert_int_equal(pthread_create(&threads[i], NULL, add_one, &adders[i]), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        pthread_join(threads[i], NULL);
        assert_true(adders[i].ok);
    }
    must(store_meta_get(p->store, "n", &p->arena, &value, &err), &err);
    check_str(value, "80");
}

// ---- locks

static void test_locks(struct place *p)
{
    struct error err = {0};
    struct store_lock *one = NULL;
    struct store_lock *two = NULL;
    struct store_options o = place_options(p);
    must(store_lock_take(p->store, STR("x"), 0, &one, &err), &err);
    assert_false(store_lock_take_at(&o, STR("x"), 1000, &two, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    check_contains(err.message, "another sluice holds it");
    must(store_lock_take(p->store, STR("y"), 0, &two, &err), &err);
    store_lock_release(two);
    cancel_request(&p->cancel);
    assert_false(store_lock_take(p->store, STR("x"), 1000, &two, &err));
    assert_int_equal(err.code, ERR_INTERRUPTED);
    p->cancel = (struct cancel){0};
    store_lock_release(one);
    must(store_lock_take(p->store, STR("x"), 0, &two, &err), &err);
    store_lock_release(two);
}

static void test_a_lock_ends_with_its_holder(struct place *p)
{
    struct error err = {0};
    struct store_lock *lock = NULL;
    struct store_options o = place_options(p);
    int ready[2];
    char byte;
    o.clock = clock_system();
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool ok = store_lock_take_at(&o, STR("x"), 0, &lock, &err) && write(ready[1], "x", 1) == 1;
        for (int i = 0; ok && i < 1000; i++) {
            sleep(1); // until it is killed
        }
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_false(store_lock_take_at(&o, STR("x"), 0, &lock, &err));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    must(store_lock_take_at(&o, STR("x"), 15000, &lock, &err), &err);
    store_lock_release(lock);
    close(ready[0]);
    close(ready[1]);
}

static void test_one_server_a_file(struct place *p)
{
    struct error err = {0};
    struct store_lock *one = NULL;
    struct store_lock *two = NULL;
    char pid[64];
    struct store *other = place_open_store(p);
    must(store_instance_take(p->store, &one, &err), &err);
    assert_non_null(one);
    assert_false(store_instance_take(other, &two, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    snprintf(pid, sizeof pid, "process %d", (int)getpid());
    check_contains(err.message, pid);
    check_contains(err.message, p->dir);
    // Who only works beside it is not in its way.
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(store_lock_take(other, STR("connection-acme"), 0, &two, &err), &err);
    store_lock_release(two);
    // The same file under another data directory is the same store.
    struct store *third = NULL;
    struct store_options o = place_options(p);
    o.directory = arena_printf(&p->arena, "%s/third", p->root);
    o.url = arena_printf(&p->arena, "sqlite:%s/sluice.db", p->dir);
    must(store_open(&o, &third, &err), &err);
    assert_false(store_instance_take(third, &two, &err));
    store_close(third);
    store_lock_release(one);
    must(store_instance_take(other, &two, &err), &err);
    store_lock_release(two);
    store_close(other);
}

static void test_any_number_serve_a_shared_one(struct place *p)
{
    struct error err = {0};
    struct store_lock *one = (struct store_lock *)1;
    struct store_lock *two = (struct store_lock *)1;
    must(store_instance_take(p->store, &one, &err), &err);
    must(store_instance_take(p->store, &two, &err), &err);
    assert_true(!one && !two);
}

// ---- a server that goes away

static void end_sessions(struct place *p)
{
    struct sql *db = place_admin(p);
    const char *name = strrchr(p->url, '/') + 1;
    (void)number_of(db, arena_printf(&p->arena,
                                     "SELECT count(pg_terminate_backend(pid, 10000)) FROM "
                                     "pg_stat_activity WHERE datname = '%s'",
                                     name)
                            .ptr);
    sql_close(db);
}

static void test_a_lost_connection_is_made_anew(struct place *p)
{
    struct error err = {0};
    struct str value;
    must(store_meta_set(p->store, "x", STR("1"), &err), &err);
    end_sessions(p); // seen before the next statement
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    check_str(value, "1");
    end_sessions(p);
    must(store_check_writable(p->store, &err), &err);
    end_sessions(p);
    must(store_begin(p->store, &err), &err);
    must(store_meta_set(p->store, "x", STR("2"), &err), &err);
    must(store_end(p->store, true, &err), &err);
    // Within a transaction it is told, and nothing of it is left.
    must(store_begin(p->store, &err), &err);
    must(store_meta_set(p->store, "x", STR("3"), &err), &err);
    end_sessions(p);
    assert_false(store_meta_set(p->store, "y", STR("3"), &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    assert_false(store_meta_set(p->store, "y", STR("3"), &err)); // not on its own, either
    assert_false(store_end(p->store, false, &err));
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    check_str(value, "2");
    must(store_meta_get(p->store, "y", &p->arena, &value, &err), &err);
    assert_null(value.ptr);
    // The commit, too.
    must(store_begin(p->store, &err), &err);
    must(store_meta_set(p->store, "x", STR("4"), &err), &err);
    end_sessions(p);
    assert_false(store_end(p->store, true, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    check_str(value, "2");
}

static void test_a_server_that_is_away(struct place *p)
{
    struct error err = {0};
    struct str value;
    must(store_meta_set(p->store, "x", STR("1"), &err), &err);
    test_server_stop(p->server, SIGINT);
    assert_false(store_check_writable(p->store, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    check_contains(err.message, "refused");
    assert_true(error_info(err.code)->retryable);
    assert_false(store_begin(p->store, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    assert_false(store_meta_get(p->store, "x", &p->arena, &value, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    test_server_start(p->server);
    must(store_check_writable(p->store, &err), &err);
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    check_str(value, "1");
}

static void test_a_statement_of_a_lost_session(struct place *p)
{
    struct error err = {0};
    struct sql_stmt *st = NULL;
    struct str value;
    must(sql_prepare(store_sql(p->store), STR("SELECT 1"), &st, &err), &err);
    end_sessions(p);
    must(store_check_writable(p->store, &err), &err);
    assert_false(sql_run(st, NULL, 0, NULL, &err));
    assert_int_equal(sql_last_fault(store_sql(p->store)), SQL_FAULT_LOST);
    must(store_begin(p->store, &err), &err);
    sql_finalize(st); // must not end this transaction
    must(store_meta_set(p->store, "x", STR("1"), &err), &err);
    must(store_end(p->store, true, &err), &err);
    must(store_meta_get(p->store, "x", &p->arena, &value, &err), &err);
    check_str(value, "1");
}

// ---- the rest

static void test_writable(struct place *p)
{
    struct error err = {0};
    struct sql_value v;
    must(store_check_writable(p->store, &err), &err);
    must(store_forget_old_pages(p->store, &err), &err);
    must(store_begin(p->store, &err), &err); // it has left none open
    must(store_end(p->store, true, &err), &err);
    if (p->server) {
        place_run(p, "SET default_transaction_read_only = on"); // as a standby is
        assert_false(store_check_writable(p->store, &err));
        assert_int_equal(err.code, ERR_STORE);
        must(sql_once_int(store_sql(p->store), STR("SELECT 1"), NULL, 0, &v, &err), &err);
    }
}

static void test_the_clock_of_all(struct place *p)
{
    struct error err = {0};
    int64_t now_ms = 0;
    must(store_now_ms(p->store, &now_ms, &err), &err);
    if (!p->server) {
        assert_int_equal(now_ms, 1000000);
    } else { // the server's own
        int64_t here_ms = clock_now_ms(clock_system());
        assert_true(now_ms > here_ms - 60000 && now_ms < here_ms + 60000);
    }
}

static void put_secret(struct place *p, const char *owner, const char *what)
{
    struct error err;
    struct secret *s = secret_create(str_from(what));
    struct seal_name name = {str_from(owner), str_from(what)};
    must(store_begin(p->store, &err), &err);
    must(store_end(p->store, stored_secret_put(p->store, p->sealing, &name, s, &err), &err), &err);
    secret_destroy(s);
}

static void test_a_rotation_seals_all_secrets(struct place *p)
{
    static const char *const OWNERS[] = {"acme", "bridge:1", "destination:2", "workspace:3"};
    struct error err = {0};
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(OWNERS); i++) {
        put_secret(p, OWNERS[i], "what-it-is");
    }
    must(sealing_rotate(p->sealing, &n, &err), &err);
    assert_int_equal(n, ARRAY_LEN(OWNERS));
    assert_int_equal(place_number(p, "SELECT count(DISTINCT key_id) FROM secret"), 1);
    sealing_close(p->sealing);
    p->sealing = place_open_sealing(p->store, "");
    for (size_t i = 0; i < ARRAY_LEN(OWNERS); i++) {
        struct secret *s = NULL;
        struct seal_name name = {str_from(OWNERS[i]), STR("what-it-is")};
        must(stored_secret_get(p->store, p->sealing, &name, &s, &err), &err);
        assert_non_null(s);
        check_str(secret_reveal(s), "what-it-is");
        secret_destroy(s);
    }
    place_run(p, "UPDATE secret SET connection = 'bridge:9' WHERE connection = 'bridge:1'");
    struct secret *s = NULL;
    struct seal_name moved = {STR("bridge:9"), STR("what-it-is")};
    assert_false(stored_secret_get(p->store, p->sealing, &moved, &s, &err));
    assert_int_equal(err.code, ERR_KEY);
    check_contains(err.message, "bridge:9");
    must(stored_secret_remove(p->store, STR("bridge:9"), &err), &err);
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 3);
}

static void test_the_request_log(struct place *p)
{
    struct error err = {0};
    struct stored_request *all = NULL;
    size_t n = 0;
    struct request_record record = {.endpoint = STR("OBJECT_LIST"),
                                    .method = STR("GET"),
                                    .url = STR("http://h/\xff\0x"),
                                    .request_headers = STR("a: \xc3\xa4\n"),
                                    .response_body = STR("\xff\0b"),
                                    .failed = true,
                                    .code = ERR_CONNECT,
                                    .message = STR("it broke")};
    for (int round = 0; round < 3; round++) {
        struct requests *r = requests_start(&(struct requests_options){
            .url = str_from(p->url), .directory = str_from(p->dir), .clock = clock_system()});
        for (int i = 0; i < 400; i++) {
            record.started_ms = round * 1000 + i;
            requests_log(r)->write(requests_log(r)->user, &record);
        }
        requests_stop(r);
    }
    struct requests_filter filter = {.max = 5000};
    must(requests_list(p->store, &filter, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, REQUESTS_MAX);
    assert_int_equal(all[0].record.started_ms, 2399);
    assert_int_equal(all[n - 1].record.started_ms, 200);
    check_str(all[0].record.url, "http://h/??x");
    struct stored_request whole;
    must(requests_find(p->store, all[0].id, &p->arena, &whole, &err), &err);
    check_slice(whole.record.response_body, STR("\xff\0b"));
    check_str(whole.record.request_headers, "a: \xc3\xa4\n");
}

static void test_a_connection_keeps_what_a_login_does_not_know(struct place *p)
{
    struct error err = {0};
    struct connection c;
    must(place_put_token(p, "acme", MARK, &err), &err);
    must(connection_find(p->store, STR("acme"), &p->arena, &c, &err), &err);
    check_str(c.label, "");
    struct secret *s = secret_create(STR(MARK));
    struct connection_secrets secrets = {.token = s};
    c.account_id = STR("account");
    c.label = STR("Acme");
    must(connection_put(p->store, p->sealing, &c, &secrets, &err), &err);
    must(place_put_token(p, "acme", MARK "-2", &err), &err); // a login
    must(connection_find(p->store, STR("acme"), &p->arena, &c, &err), &err);
    check_str(c.account_id, "account");
    check_str(c.label, "Acme");
    check_str(c.integration_id, "hubspot-v2");
    place_check_token(p, "acme", MARK "-2");
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 1);
    secret_destroy(s);
}

static void test_tokens_borrow_from_a_pool(struct place *p)
{
    struct error err = {0};
    struct secret *s = secret_create(STR(MARK));
    struct connection c = {.name = STR("acme"),
                           .kind = CONNECTION_OAUTH,
                           .client_id = STR("id"),
                           .base_url = STR("http://localhost:1"),
                           .issued_ms = 1,
                           .expires_ms = 2};
    must(
        connection_put(p->store, p->sealing, &c, &(struct connection_secrets){NULL, s, s, s}, &err),
        &err);
    struct store_pool *pool =
        store_pool_create(&(struct store_pool_options){.store = place_options(p), .max = 1});
    struct connection_tokens_options o = {
        .store = place_options(p), .pool = pool, .name = STR("acme")};
    struct connection_tokens *t[2];
    must(connection_tokens_open(&o, &t[0], &err), &err);
    must(connection_tokens_open(&o, &t[1], &err), &err);
    struct token_store ts = connection_token_store(t[0]);
    struct token_store other = connection_token_store(t[1]);
    struct token_set set = {0};
    must(ts.lock(ts.user, &err), &err); // holds no handle of the one there is
    must(other.load(other.user, &set, &err), &err);
    assert_true(secret_eq(set.access, s));
    token_set_done(&set);
    set = (struct token_set){.access = secret_create(STR("new")), .issued_ms = 3, .expires_ms = 4};
    must(ts.save(ts.user, &set, &err), &err);
    token_set_done(&set);
    ts.unlock(ts.user);
    must(other.load(other.user, &set, &err), &err);
    check_str(secret_reveal(set.access), "new");
    token_set_done(&set);
    connection_tokens_close(t[0]);
    connection_tokens_close(t[1]);
    store_pool_destroy(pool);
    secret_destroy(s);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_transactions_within_others),
        PLACE_TEST(test_reads_see_one_state),
        PLACE_TEST(test_others_are_excluded),
        PLACE_TEST(test_locks),
        PLACE_TEST(test_a_lock_ends_with_its_holder),
        PLACE_FILE_TEST(test_one_server_a_file),
        PLACE_SERVER_TEST(test_any_number_serve_a_shared_one),
        PLACE_SERVER_TEST(test_a_lost_connection_is_made_anew),
        PLACE_SERVER_TEST(test_a_server_that_is_away),
        PLACE_SERVER_TEST(test_a_statement_of_a_lost_session),
        PLACE_TEST(test_writable),
        PLACE_TEST(test_the_clock_of_all),
        PLACE_TEST(test_a_rotation_seals_all_secrets),
        PLACE_TEST(test_the_request_log),
        PLACE_TEST(test_a_connection_keeps_what_a_login_does_not_know),
        PLACE_TEST(test_tokens_borrow_from_a_pool),
        PLACE_TESTS_END,
    };
    return place_run_both("store_shared", TESTS);
}
