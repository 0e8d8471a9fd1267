// Where the store is, on a file and on a server, and how former versions become the present one.
#include "test_place_both.h"

#include "store/migrations.h"

#include <sys/stat.h>

static void run_text(struct sql *db, const char *text)
{
    struct error err;
    must(sql_exec(db, text, &err), &err);
}

static int64_t number_of(struct sql *db, const char *query)
{
    struct error err;
    struct sql_value v = sql_null();
    must(sql_once_int(db, str_from(query), NULL, 0, &v, &err), &err);
    return v.num;
}

static int64_t version_of(struct place *p)
{
    return place_number(p, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version'");
}

// ---- where it is

static void test_a_schema_of_its_own(struct place *p)
{
    struct error err;
    struct sql *db = NULL;
    struct sql_options o = {.url = str_from(p->url), .clock = clock_system()};
    must(sql_open(&o, &db, &err), &err);
    assert_int_equal(number_of(db, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
                     0);
    run_text(db, "CREATE TABLE public.connection (name TEXT)"); // a destination's
    sql_close(db);
    must(place_put_token(p, "acme", MARK, &err), &err);
    place_check_token(p, "acme", MARK);
    assert_int_equal(place_number(p, "SELECT count(*) FROM public.connection"), 0);
    assert_true(store_is_shared(p->store));
}

static void test_is_not_made_by_looking(struct place *p)
{
    struct error err;
    struct store *s = (struct store *)1;
    store_close(p->store);
    p->store = NULL;
    struct sql *db = NULL;
    struct sql_options so = {.url = str_from(p->url), .clock = clock_system()};
    must(sql_open(&so, &db, &err), &err);
    run_text(db, "DROP SCHEMA sluice_store CASCADE;" // and somebody else's table is no sign of it
                 "CREATE TABLE public.meta (name TEXT, value TEXT);"
                 "INSERT INTO public.meta VALUES ('version', '4')");
    struct store_options o = place_options(p);
    o.create = false;
    o.directory = arena_printf(&p->arena, "%s/looked", p->root);
    must(store_open(&o, &s, &err), &err);
    assert_null(s);
    assert_int_not_equal(access(o.directory.ptr, F_OK), 0);
    assert_int_equal(
        number_of(db, "SELECT count(*) FROM pg_namespace WHERE nspname = 'sluice_store'"), 0);
    sql_close(db);
    p->store = place_open_store(p);
}

static void test_machines_share_it_and_need_the_same_key(struct place *p)
{
    struct error err = {0};
    struct secret *token = NULL;
    struct connection c;
    char dir[128];
    must(place_put_token(p, "acme", MARK, &err), &err);
    snprintf(dir, sizeof dir, "%s/other", p->root);
    struct store_options o = place_options(p);
    struct store *other = NULL;
    o.directory = str_from(dir);
    must(store_open(&o, &other, &err), &err);
    must(connection_find(other, STR("acme"), &p->arena, &c, &err), &err);
    struct sealing *sealing = place_open_sealing(other, "");
    assert_false(sealing_check(sealing, &err));
    assert_int_equal(err.code, ERR_KEY);
    check_contains(err.message, "SLUICE_KEY");
    assert_false(connection_secret(other, sealing, STR("acme"), "token", &token, &err));
    assert_int_equal(err.code, ERR_KEY);
    sealing_close(sealing);
    sealing = place_open_sealing(other, place_file(p, "key")); // the same key
    must(sealing_check(sealing, &err), &err);
    must(connection_secret(other, sealing, STR("acme"), "token", &token, &err), &err);
    check_str(secret_reveal(token), MARK);
    secret_destroy(token);
    sealing_close(sealing);
    store_close(other);
}

static void test_urls(struct place *p)
{
    struct error err = {0};
    struct store *s = NULL;
    struct stat st;
    struct store_options o = place_options(p);
    o.url = arena_printf(&p->arena, "sqlite:%s/mine.db", p->dir);
    must(store_open(&o, &s, &err), &err);
    store_close(s);
    assert_int_equal(stat(place_file(p, "mine.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    FILE *f = fopen(place_file(p, "text"), "w");
    assert_non_null(f);
    for (int i = 0; i < 1000; i++) {
        fputs("this is no database\n", f);
    }
    assert_int_equal(fclose(f), 0);
    o.url = arena_printf(&p->arena, "sqlite:%s/text", p->dir);
    assert_false(store_open(&o, &s, &err));
    assert_int_equal(err.code, ERR_STORE);
    check_contains(err.message, "not a database");
    static const struct {
        const char *url;
        enum error_code code;
        const char *says;
    } ROWS[] = {
        {"mysql://u:" MARK "@h/d", ERR_CONFIG, "--store"},
        {MARK, ERR_CONFIG, "--store"},
        {"sqlite:/tmp/", ERR_CONFIG, "is a directory"},
        {"postgres://u:" MARK "@127.0.0.1:1/d", ERR_STORE_BUSY, "refused"},
        {"postgres://u:" MARK "%@127.0.0.1:1/d", ERR_CONFIG, "cannot be read"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        o.url = str_from(ROWS[i].url);
        check_row(!store_open(&o, &s, &err), ROWS[i].url);
        check_row(err.code == ROWS[i].code, err.message);
        check_contains(err.message, ROWS[i].says);
        check_row(!strstr(err.message, MARK), err.message);
    }
}

// ---- versions

static void replace(struct buf *out, struct str text, bool postgres)
{
    while (text.len > 0) {
        if (str_starts(text, STR("{BLOB}"))) {
            buf_add_cstr(out, postgres ? "BYTEA" : "BLOB");
            text = str_sub(text, 6, text.len);
        } else if (str_starts(text, STR("{ID}"))) {
            buf_add_cstr(out, postgres ? "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
                                       : "INTEGER PRIMARY KEY AUTOINCREMENT");
            text = str_sub(text, 4, text.len);
        } else {
            buf_add_char(out, text.ptr[0]);
            text = str_sub(text, 1, text.len);
        }
    }
}

// Released steps are never changed: stores made by them are out there.
static void test_released_steps_are_as_they_were(struct place *p)
{
    (void)p;
    static const uint64_t RELEASED[] = {UINT64_C(0xd99276fbf31381a3), UINT64_C(0x562b8977e63a1c06)};
    for (size_t i = 0; i < ARRAY_LEN(RELEASED); i++) {
        struct buf step;
        buf_init(&step, 1 << 20);
        replace(&step, str_from(STORE_MIGRATIONS[i]), false);
        uint64_t hash = str_hash(buf_str(&step));
        buf_done(&step);
        if (hash != RELEASED[i]) {
            fail_msg("step %zu has changed: %llx", i + 1, (unsigned long long)hash);
        }
    }
}

// In place of the store: one of a former version, with a connection in it.
static void make_former(struct place *p, size_t version)
{
    struct error err;
    struct sql *db = NULL;
    char text[96];
    bool shared = p->server != NULL;
    sealing_close(p->sealing);
    store_close(p->store);
    p->sealing = NULL;
    p->store = NULL;
    const char *file = place_file(p, "sluice.db");
    unlink(file);
    unlink(place_file(p, "sluice.db-wal"));
    unlink(place_file(p, "sluice.db-shm"));
    struct sql_options o = {.url = shared ? str_from(p->url)
                                          : arena_printf(&p->arena, "sqlite:%s", file),
                            .clock = clock_system()};
    must(sql_open(&o, &db, &err), &err);
    if (shared) {
        run_text(db, "DROP SCHEMA sluice_store CASCADE; CREATE SCHEMA sluice_store;"
                     "SET search_path = sluice_store");
    }
    run_text(db, "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT)");
    for (size_t i = 0; i < version; i++) {
        struct buf step;
        buf_init(&step, 1 << 20);
        replace(&step, str_from(STORE_MIGRATIONS[i]), shared);
        run_text(db, buf_cstr(&step));
        buf_done(&step);
    }
    snprintf(text, sizeof text, "INSERT INTO meta (name, value) VALUES ('version', '%zu')",
             version);
    run_text(db, text);
    run_text(db, "INSERT INTO connection (name, kind, state, portal_id, base_url, created_ms, "
                 "updated_ms) VALUES ('old', 'oauth', 'active', 77, 'http://h', 5, 6)");
    sql_close(db);
}

static void test_former_versions(struct place *p)
{
    for (size_t version = 1; version < STORE_MIGRATIONS_N; version++) {
        struct error err;
        struct connection c;
        make_former(p, version);
        p->store = place_open_store(p);
        p->sealing = place_open_sealing(p->store, "");
        assert_int_equal(version_of(p), STORE_MIGRATIONS_N);
        must(connection_find(p->store, STR("old"), &p->arena, &c, &err), &err);
        assert_true(c.portal_id == 77 && c.created_ms == 5 && c.kind == CONNECTION_OAUTH);
        check_str(c.account_id, "");
        check_str(c.integration_id, "hubspot-v2");
        check_str(c.label, "");
        must(place_put_token(p, "new", MARK, &err), &err); // and it is a whole one
        place_check_token(p, "new", MARK);
        assert_int_equal(place_number(p, "SELECT count(*) FROM lease"), 0);
    }
}

static void test_a_migration_that_is_cut(struct place *p)
{
    struct error err = {0};
    struct sql *db = NULL;
    struct store *s = NULL;
    make_former(p, 2);
    struct sql_options so = {.url = p->server
                                        ? str_from(p->url)
                                        : arena_printf(&p->arena, "sqlite:%s/sluice.db", p->dir),
                             .clock = clock_system()};
    must(sql_open(&so, &db, &err), &err);
    if (p->server) {
        run_text(db, "SET search_path = sluice_store");
    }
    run_text(db, "CREATE TABLE lease (x TEXT)"); // in the way of the last step
    struct store_options o = place_options(p);
    assert_false(store_open(&o, &s, &err));
    assert_int_equal(err.code, ERR_STORE);
    check_contains(err.message, "migration 4");
    assert_int_equal(
        number_of(db, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'version'"), 2);
    struct sql_value v;
    assert_false(sql_once_int(db, STR("SELECT count(*) FROM api_key"), NULL, 0, &v, &err));
    run_text(db, "DROP TABLE lease");
    sql_close(db);
    p->store = place_open_store(p);
    p->sealing = place_open_sealing(p->store, "");
    assert_int_equal(version_of(p), STORE_MIGRATIONS_N);
}

static void test_of_a_newer_program(struct place *p)
{
    struct error err = {0};
    struct store *s = NULL;
    struct store_options o = place_options(p);
    place_run(p, "UPDATE meta SET value = '999' WHERE name = 'version'");
    assert_false(store_open(&o, &s, &err));
    assert_int_equal(err.code, ERR_STORE);
    check_contains(err.message, "version 999");
    place_run(p, "UPDATE meta SET value = '-1' WHERE name = 'version'");
    assert_false(store_open(&o, &s, &err));
    check_contains(err.message, "version -1");
}

static void test_processes_migrate_at_once(struct place *p)
{
    enum { N = 4 };
    pid_t children[N];
    make_former(p, 1);
    for (size_t i = 0; i < N; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct error err;
            struct store *s = NULL;
            struct store_options o = place_options(p);
            o.clock = clock_system(); // they wait for each other
            bool ok = store_open(&o, &s, &err);
            if (!ok) {
                fprintf(stderr, "%s\n", err.message);
            }
            _exit(ok ? 0 : 1);
        }
    }
    for (size_t i = 0; i < N; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    p->store = place_open_store(p);
    p->sealing = place_open_sealing(p->store, "");
    assert_int_equal(version_of(p), STORE_MIGRATIONS_N);
    assert_int_equal(place_number(p, "SELECT count(*) FROM connection"), 1);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_SERVER_TEST(test_a_schema_of_its_own),
        PLACE_SERVER_TEST(test_is_not_made_by_looking),
        PLACE_SERVER_TEST(test_machines_share_it_and_need_the_same_key),
        PLACE_FILE_TEST(test_urls),
        PLACE_FILE_TEST(test_released_steps_are_as_they_were),
        PLACE_TEST(test_former_versions),
        PLACE_TEST(test_a_migration_that_is_cut),
        PLACE_TEST(test_of_a_newer_program),
        PLACE_TEST(test_processes_migrate_at_once),
        PLACE_TESTS_END,
    };
    return place_run_both("store_versions", TESTS);
}
