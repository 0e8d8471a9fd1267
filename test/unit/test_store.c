// The data directory: its file, migrations, locks, connections.
#include "test_place.h"

#include "store/migrations.h"

#include <pthread.h>
#include <sys/stat.h>

// ---- the file

static void test_is_for_its_user_only(void **state)
{
    struct place *p = *state;
    struct stat st;
    struct error err;
    must(place_put_token(p, "acme", MARK, &err), &err);
    assert_int_equal(stat(p->dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    static const char *const FILES[] = {"sluice.db", "sluice.db-wal", "key"};
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        assert_int_equal(stat(place_file(p, FILES[i]), &st), 0);
        check_row((st.st_mode & 0777) == 0600, FILES[i]);
        check_row(str_find(place_contents(p, place_file(p, FILES[i])), STR(MARK)) < 0, FILES[i]);
    }
}

static void test_is_not_made_by_looking(void **state)
{
    struct place *p = *state;
    struct error err;
    struct store *s = (struct store *)1;
    struct store_options o = place_options(p);
    o.create = false;
    o.directory = arena_printf(&p->arena, "%s/other", p->root);
    must(store_open(&o, &s, &err), &err);
    assert_null(s);
    assert_int_not_equal(access(o.directory.ptr, F_OK), 0);
}

static void test_a_file_that_is_gone_takes_no_more(void **state)
{
    struct place *p = *state;
    struct error err;
    const char *file = place_file(p, "sluice.db");
    struct str away = arena_printf(&p->arena, "%s/away", p->root);
    must(store_meta_set(p->store, "color", STR("red"), &err), &err);
    assert_int_equal(rename(file, away.ptr), 0);
    assert_false(store_begin(p->store, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    check_contains(err.message, file);
    // Another one in its place is no better.
    assert_int_equal(mknod(file, S_IFREG | 0600, 0), 0);
    assert_false(store_begin_read(p->store, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    assert_int_equal(rename(away.ptr, file), 0);
    must(store_begin(p->store, &err), &err);
    must(store_end(p->store, true, &err), &err);
}

static void test_of_a_newer_program_is_refused(void **state)
{
    struct place *p = *state;
    struct error err;
    struct store *s = NULL;
    struct store_options o = place_options(p);
    place_run(p, "UPDATE meta SET value = '999' WHERE name = 'version'");
    assert_false(store_open(&o, &s, &err));
    assert_int_equal(err.code, ERR_STORE);
    check_contains(err.message, "version 999");
    check_contains(err.message, "newer sluice");
}

static void *open_and_close(void *user)
{
    struct place *p = user;
    struct error err;
    struct store *s = NULL;
    struct store_options o = place_options(p);
    o.clock = clock_system(); // they wait for each other
    bool ok = store_open(&o, &s, &err);
    store_close(s);
    return (void *)(uintptr_t)ok;
}

static void test_many_open_a_new_one_at_once(void **state)
{
    struct place *p = *state;
    pthread_t threads[8];
    snprintf(p->dir, sizeof p->dir, "%s/fresh", p->root);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, p), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *ok = NULL;
        pthread_join(threads[i], &ok);
        assert_non_null(ok);
    }
    struct error err;
    struct str version;
    struct store *s = place_open_store(p);
    must(store_meta_get(s, "version", &p->arena, &version, &err), &err);
    int64_t n = 0;
    assert_true(str_to_int64(version, &n));
    assert_int_equal(n, STORE_MIGRATIONS_N);
    store_close(s);
}

// The locks of SQLite belong to process and file: opening a second handle must not let them go.
static void test_a_second_handle_leaves_the_first_its_locks(void **state)
{
    struct place *p = *state;
    struct error err;
    must(sql_begin(store_sql(p->store), &err), &err);
    store_close(place_open_store(p));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct sql *db = NULL;
        struct error e;
        struct sql_options o = {.url = arena_printf(&p->arena, "sqlite:%s/sluice.db", p->dir),
                                .clock = &p->clock.clock,
                                .lock_wait_ms = 1};
        bool shut_out = sql_open(&o, &db, &e) && !sql_begin(db, &e);
        _exit(shut_out ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    sql_rollback(store_sql(p->store));
}

static void test_directories(void **state)
{
    struct place *p = *state;
    struct error err;
    struct str dir;
    setenv("XDG_DATA_HOME", "/xdg/", 1);
    must(store_directory(STR(""), &p->arena, &dir, &err), &err);
    check_str(dir, "/xdg/sluice");
    setenv("XDG_DATA_HOME", "relative", 1); // to be ignored, says its specification
    setenv("HOME", "/home-of", 1);
    must(store_directory(STR(""), &p->arena, &dir, &err), &err);
    check_str(dir, "/home-of/.local/share/sluice");
    must(store_directory(STR("given///"), &p->arena, &dir, &err), &err);
    check_str(dir, "given");
    unsetenv("XDG_DATA_HOME");
    unsetenv("HOME");
    assert_false(store_directory(STR(""), &p->arena, &dir, &err));
    check_contains(err.message, "--data-dir");
}

static void test_names(void **state)
{
    static const struct {
        const char *name;
        bool ok;
    } ROWS[] = {{"a", true},    {"Acme_1-x.y", true}, {"", false},    {"..", false},
                {"a/b", false}, {"-a", false},        {"a b", false}, {"\xc3\xa4", false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct error err = {0};
        check_row(store_check_name("--name", str_from(ROWS[i].name), &err) == ROWS[i].ok,
                  ROWS[i].name);
    }
}

static void test_locks(void **state)
{
    struct place *p = *state;
    struct error err;
    struct store_lock *one = NULL;
    struct store_lock *two = NULL;
    must(store_lock_take(p->store, STR("x"), 0, &one, &err), &err);
    assert_false(store_lock_take(p->store, STR("x"), 100, &two, &err));
    assert_int_equal(err.code, ERR_STORE_BUSY);
    must(store_lock_take(p->store, STR("y"), 0, &two, &err), &err);
    store_lock_release(two);
    cancel_request(&p->cancel);
    assert_false(store_lock_take(p->store, STR("x"), 100, &two, &err));
    assert_int_equal(err.code, ERR_INTERRUPTED);
    store_lock_release(one);
    must(store_lock_take(p->store, STR("x"), 0, &two, &err), &err);
    store_lock_release(two);
}

static void test_a_lock_ends_with_its_holder(void **state)
{
    struct place *p = *state;
    struct error err;
    struct store_lock *lock = NULL;
    int ready[2];
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool ok =
            store_lock_take(p->store, STR("x"), 0, &lock, &err) && write(ready[1], "x", 1) == 1;
        for (int i = 0; ok && i < 1000; i++) {
            sleep(1); // until it is killed
        }
        _exit(1);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_false(store_lock_take(p->store, STR("x"), 0, &lock, &err));
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    must(store_lock_take(p->store, STR("x"), 0, &lock, &err), &err);
    store_lock_release(lock);
    close(ready[0]);
    close(ready[1]);
}

// ---- connections

static void test_connections(void **state)
{
    struct place *p = *state;
    struct error err;
    struct connection c;
    struct connection *all = NULL;
    size_t n = 0;
    must(place_put_token(p, "b", MARK, &err), &err);
    must(place_put_token(p, "a", MARK, &err), &err);
    must(connection_list(p->store, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 2);
    check_str(all[0].name, "a");
    must(connection_find(p->store, STR("b"), &p->arena, &c, &err), &err);
    assert_true(c.kind == CONNECTION_TOKEN && c.state == CONNECTION_ACTIVE && c.portal_id == 7);
    check_str(c.scopes, "a b");
    assert_int_equal(c.created_ms, 1000000);
    assert_false(connection_find(p->store, STR("c"), &p->arena, &c, &err));
    assert_int_equal(err.code, ERR_USAGE);
    must(place_put_token(p, "b", MARK "-again", &err), &err); // over the former one
    place_check_token(p, "b", MARK "-again");
    bool found = false;
    must(connection_remove(p->store, STR("b"), &found, &err), &err);
    assert_true(found);
    must(connection_remove(p->store, STR("b"), &found, &err), &err);
    assert_false(found);
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 1);
}

static void test_tokens_of_a_connection(void **state)
{
    struct place *p = *state;
    struct error err;
    struct connection_tokens *t = NULL;
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
    struct connection_tokens_options o = {.store = place_options(p), .name = STR("acme")};
    must(connection_tokens_open(&o, &t, &err), &err);
    struct token_store ts = connection_token_store(t);
    struct token_set set = {0};
    must(ts.lock(ts.user, &err), &err);
    must(ts.load(ts.user, &set, &err), &err);
    assert_true(secret_eq(set.access, s) && secret_eq(set.refresh, s));
    assert_true(set.issued_ms == 1 && set.expires_ms == 2 && !set.needs_reauthorization);
    token_set_done(&set);
    set = (struct token_set){.access = secret_create(STR("new")), .issued_ms = 3, .expires_ms = 4};
    must(ts.save(ts.user, &set, &err), &err); // a refresh token that is not given stays
    token_set_done(&set);
    must(ts.load(ts.user, &set, &err), &err);
    check_str(secret_reveal(set.access), "new");
    assert_true(secret_eq(set.refresh, s) && set.issued_ms == 3);
    token_set_done(&set);
    set = (struct token_set){.issued_ms = 3, .expires_ms = 4, .needs_reauthorization = true};
    must(ts.save(ts.user, &set, &err), &err);
    must(ts.load(ts.user, &set, &err), &err);
    assert_true(set.needs_reauthorization);
    token_set_done(&set);
    must(connection_find(p->store, STR("acme"), &p->arena, &c, &err), &err);
    assert_int_equal(c.state, CONNECTION_NEEDS_REAUTHORIZATION);
    // A logout meanwhile: the tokens do not come back.
    bool found;
    must(connection_remove(p->store, STR("acme"), &found, &err), &err);
    set = (struct token_set){.access = secret_create(STR("new"))};
    assert_false(ts.save(ts.user, &set, &err));
    assert_int_equal(err.code, ERR_REAUTHORIZE);
    assert_int_equal(place_number(p, "SELECT count(*) FROM secret"), 0);
    token_set_done(&set);
    ts.unlock(ts.user);
    connection_tokens_close(t);
    secret_destroy(s);
}

// What a running program holds is not exchanged for another account's or app's tokens.
static void test_tokens_of_a_connection_that_was_made_anew(void **state)
{
    static const struct {
        int64_t portal_id;
        const char *client_id;
        const char *says; // NULL: the same connection
    } ROWS[] = {
        {7, "app", NULL},
        {0, "app", NULL}, // not known
        {8, "app", "belongs to account 8 now; this began with account 7"},
        {7, "other", "another app (client id other)"},
        {0, "other", "another app"},
    };
    struct place *p = *state;
    struct error err = {0};
    struct connection_tokens *t = NULL;
    struct secret *s = secret_create(STR(MARK));
    struct connection_tokens_options o = {
        .store = place_options(p), .name = STR("acme"), .portal_id = 7, .client_id = STR("app")};
    must(connection_tokens_open(&o, &t, &err), &err);
    struct token_store ts = connection_token_store(t);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct token_set set = {0};
        struct connection c = {.name = STR("acme"),
                               .kind = CONNECTION_OAUTH,
                               .portal_id = ROWS[i].portal_id,
                               .client_id = str_from(ROWS[i].client_id),
                               .base_url = STR("http://localhost:1")};
        struct connection_secrets secrets = {NULL, s, s, s};
        must(connection_put(p->store, p->sealing, &c, &secrets, &err), &err);
        bool ok = ts.load(ts.user, &set, &err);
        check_row(ok == !ROWS[i].says, ROWS[i].client_id);
        if (!ok) {
            assert_int_equal(err.code, ERR_ACCOUNT_CHANGED);
            check_contains(err.message, ROWS[i].says ? ROWS[i].says : "none is expected");
            assert_null(set.access);
        }
        token_set_done(&set);
    }
    connection_tokens_close(t);
    secret_destroy(s);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, place_setup, place_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_is_for_its_user_only),
        CASE(test_is_not_made_by_looking),
        CASE(test_a_file_that_is_gone_takes_no_more),
        CASE(test_of_a_newer_program_is_refused),
        CASE(test_many_open_a_new_one_at_once),
        CASE(test_a_second_handle_leaves_the_first_its_locks),
        CASE(test_names),
        CASE(test_locks),
        CASE(test_a_lock_ends_with_its_holder),
        CASE(test_connections),
        CASE(test_tokens_of_a_connection),
        CASE(test_tokens_of_a_connection_that_was_made_anew),
        CASE(test_directories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
