#include "test_sql_server.h"

#include "sql/sql.h"

#include <pthread.h>
#include <pwd.h>
#include <sqlite3.h>
#include <sys/stat.h>

// One of the databases, empty.
struct place {
    bool postgres;
    char dir[64];
    char url[128];
    struct test_server *server;
    struct virtual_clock clock;
    struct cancel cancel;
    struct sql *db;
    atomic_bool ended; // a statement that another thread watches
};

static void must(bool ok, const struct error *err)
{
    if (!ok) {
        print_error("%s: %s\n", error_info(err->code)->name, err->message);
    }
    assert_true(ok);
}

static struct sql *connect_to(struct place *p)
{
    struct error err;
    struct sql *db = NULL;
    struct sql_options options = {.url = str_from(p->url),
                                  .application = STR("sluice/test"),
                                  .clock = &p->clock.clock,
                                  .cancel = &p->cancel,
                                  .lock_wait_ms = 300};
    must(sql_open(&options, &db, &err), &err);
    return db;
}

static void run(struct sql *db, const char *text)
{
    struct error err;
    must(sql_exec(db, text, &err), &err);
}

static int64_t number(struct sql *db, const char *query)
{
    struct error err;
    struct sql_value v = sql_null();
    must(sql_once_int(db, str_from(query), NULL, 0, &v, &err), &err);
    return v.type == SQL_INT ? v.num : -1;
}

// --- what needs no database ----------------------------------------------------------------------

static void test_quote(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *name;
        const char *literal;
    } ROWS[] = {
        {"", "\"\"", "''"},
        {"contact", "\"contact\"", "'contact'"},
        {"a\"b", "\"a\"\"b\"", "'a\"b'"},
        {"a'b\\", "\"a'b\\\"", "'a''b\\'"},
        {"\"; DROP TABLE x; --", "\"\"\"; DROP TABLE x; --\"", "'\"; DROP TABLE x; --'"},
    };
    struct buf b;
    buf_init(&b, 1024);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        buf_reset(&b);
        sql_quote_name(&b, str_from(ROWS[i].text));
        check_str(buf_str(&b), ROWS[i].name);
        buf_reset(&b);
        sql_quote_text(&b, str_from(ROWS[i].text));
        check_str(buf_str(&b), ROWS[i].literal);
    }
    buf_done(&b);
}

static void test_url(void **state)
{
    (void)state;
    static const char *const GOOD[] = {"sqlite:x.db", "postgres://h/d", "postgresql://h/d"};
    static const char *const BAD[] = {"", "x.db", "mysql://u:secret@h/d", "sqlite", "Postgres://h"};
    static const struct {
        const char *url;
        const char *masked;
    } MASKS[] = {
        {"sqlite:a@b:c?password=x", "sqlite:a@b:c?password=x"}, // a file name
        {"postgres://h/d", "postgres://h/d"},
        {"postgres://u@h/d", "postgres://u@h/d"},
        {"postgres://u:pw@h:5/d?sslmode=require", "postgres://u:***@h:5/d?sslmode=require"},
        {"postgres://u:p@s/w@h/d", "postgres://u:***@h/d"},
        {"postgres://h/d?user=u&PASSWORD=pw&x=1", "postgres://h/d?user=u&PASSWORD=***&x=1"},
        {"postgres://h/d?pass%77ord=pw", "postgres://h/d?pass%77ord=***"},
    };
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(GOOD); i++) {
        check_row(sql_url_check(str_from(GOOD[i]), &err), GOOD[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(BAD); i++) {
        check_row(!sql_url_check(str_from(BAD[i]), &err), BAD[i]);
        assert_int_equal(err.code, ERR_CONFIG);
        check_contains(err.message, "postgres://");
        assert_null(strstr(err.message, "secret"));
    }
    assert_false(sql_url_check(STR("sqlite:a\0b"), &err));
    struct arena arena;
    arena_init(&arena, 1U << 20);
    for (size_t i = 0; i < ARRAY_LEN(MASKS); i++) {
        check_str(sql_url_mask(str_from(MASKS[i].url), &arena), MASKS[i].masked);
    }
    arena_done(&arena);
}

// --- both databases ------------------------------------------------------------------------------

static void test_values(void **state)
{
    struct place *p = *state;
    struct error err;
    struct sql_stmt *put = NULL;
    struct sql_stmt *get = NULL;
    struct sql_value rows[][4] = {
        {sql_int(1), sql_float(0.1), sql_text(STR("it's \"\\ \n\t\xe2\x82\xac")),
         sql_blob(STR("\0\1\xff"))},
        {sql_int(INT64_MIN), sql_float(-1e300), sql_text(STR("")), sql_blob(STR(""))},
        {sql_int(INT64_MAX), sql_null(), sql_null(), sql_null()},
    };
    run(p->db, p->postgres ? "CREATE TABLE v (a bigint, b double precision, c text, d bytea)"
                           : "CREATE TABLE v (a INTEGER, b REAL, c TEXT, d BLOB)");
    must(sql_prepare(p->db, STR("INSERT INTO v (a, b, c, d) VALUES ($1, $2, $3, $4)"), &put, &err),
         &err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t changed = 0;
        must(sql_run(put, rows[i], 4, &changed, &err), &err);
        assert_int_equal(changed, 1);
    }
    must(sql_prepare(p->db, STR("SELECT a, b, c, d FROM v WHERE a = $1"), &get, &err), &err);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool row = false;
        must(sql_query(get, rows[i], 1, &err), &err);
        must(sql_next(get, &row, &err), &err);
        assert_true(row);
        assert_int_equal(sql_column_count(get), 4);
        for (size_t c = 0; c < 4; c++) {
            struct sql_value v = sql_column(get, c);
            struct sql_value again = sql_column(get, c);
            assert_int_equal(v.type, rows[i][c].type);
            if (v.type == SQL_TEXT || v.type == SQL_BLOB) {
                check_slice(((struct str){v.ptr, v.len}),
                            ((struct str){rows[i][c].ptr, rows[i][c].len}));
                assert_int_equal(again.len, v.len);
            } else if (v.type != SQL_NULL) {
                assert_int_equal(v.num, rows[i][c].num);
            }
        }
        must(sql_next(get, &row, &err), &err);
        assert_false(row);
    }
    must(sql_query(get, rows[0], 1, &err), &err); // and left in the middle
    sql_finalize(get);
    sql_finalize(put);
    sql_finalize(NULL);
    uint64_t changed = 0;
    must(sql_once(p->db, STR("DELETE FROM v WHERE a < $1"), &rows[2][0], 1, &changed, &err), &err);
    assert_int_equal(changed, 2);
    assert_int_equal(number(p->db, "SELECT max(a) FROM v WHERE a < 0"), -1);
}

static void test_transactions(void **state)
{
    struct place *p = *state;
    struct error err;
    run(p->db, "CREATE TABLE k (a bigint PRIMARY KEY)");
    assert_int_equal(sql_transaction_state(p->db), SQL_IDLE);
    sql_rollback(p->db);
    must(sql_begin(p->db, &err), &err);
    assert_int_equal(sql_transaction_state(p->db), SQL_OPEN);
    run(p->db, "INSERT INTO k VALUES (1)");
    sql_rollback(p->db);
    assert_int_equal(number(p->db, "SELECT count(*) FROM k"), 0);
    must(sql_begin(p->db, &err), &err);
    run(p->db, "INSERT INTO k VALUES (1), (2)");
    must(sql_commit(p->db, &err), &err);
    assert_int_equal(number(p->db, "SELECT count(*) FROM k"), 2);
    must(sql_begin(p->db, &err), &err);
    assert_false(sql_exec(p->db, "INSERT INTO k VALUES (1)", &err));
    assert_int_equal(sql_last_fault(p->db), SQL_FAULT_UNIQUE);
    if (p->postgres) {
        assert_int_equal(sql_transaction_state(p->db), SQL_FAILED);
        assert_false(sql_commit(p->db, &err)); // and not "ROLLBACK" taken for success
    }
    sql_rollback(p->db);
    assert_int_equal(sql_transaction_state(p->db), SQL_IDLE);
}

static void test_faults(void **state)
{
    struct place *p = *state;
    static const struct {
        const char *text;
        enum sql_fault fault;
    } ROWS[] = {
        {"SELECT * FROM nowhere", SQL_FAULT_MISSING},
        {"SELECT absent FROM f", SQL_FAULT_MISSING},
        {"INSERT INTO f VALUES (1, 5)", SQL_FAULT_UNIQUE},
        {"INSERT INTO f VALUES (2, NULL)", SQL_FAULT_CONSTRAINT},
        {"INSERT INTO f VALUES (2, -1)", SQL_FAULT_CONSTRAINT},
        {"SELEKT", SQL_FAULT_OTHER},
    };
    struct error err;
    run(p->db, "CREATE TABLE f (a bigint PRIMARY KEY, b bigint NOT NULL CHECK (b > 0));"
               "INSERT INTO f VALUES (1, 1)");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_row(!sql_exec(p->db, ROWS[i].text, &err), ROWS[i].text);
        check_row(sql_last_fault(p->db) == ROWS[i].fault, ROWS[i].text);
        check_row(err.code == ERR_DESTINATION, ROWS[i].text);
        check_contains(err.message, p->postgres ? "PostgreSQL" : p->dir);
    }
    struct sql_stmt *st = NULL;
    assert_false(sql_prepare(p->db, STR("SELECT $1 FROM nowhere"), &st, &err));
    assert_null(st);
}

static void test_busy(void **state)
{
    struct place *p = *state;
    struct error err;
    struct sql *other = connect_to(p);
    run(p->db, "CREATE TABLE b (a bigint PRIMARY KEY); INSERT INTO b VALUES (1)");
    must(sql_begin(other, &err), &err);
    run(other, "UPDATE b SET a = 2");
    bool began = sql_begin(p->db, &err); // SQLite waits here, PostgreSQL for the row
    assert_int_equal(began, p->postgres);
    assert_false(began && sql_exec(p->db, "UPDATE b SET a = 3", &err));
    assert_int_equal(err.code, ERR_DESTINATION_BUSY);
    assert_int_equal(sql_last_fault(p->db), SQL_FAULT_BUSY);
    sql_rollback(p->db);
    if (!p->postgres) {
        check_contains(err.message, "another program holds it");
        cancel_request(&p->cancel); // a wait ends with the run
        assert_false(sql_begin(p->db, &err));
        assert_int_equal(err.code, ERR_INTERRUPTED);
        p->cancel = (struct cancel){0};
    }
    must(sql_commit(other, &err), &err);
    must(sql_begin(p->db, &err), &err);
    run(p->db, "UPDATE b SET a = 4");
    must(sql_commit(p->db, &err), &err);
    assert_int_equal(number(other, "SELECT a FROM b"), 4);
    sql_close(other);
    sql_close(NULL);
}

// --- SQLite --------------------------------------------------------------------------------------

static void check_open_fails(const char *url, enum error_code code, const char *part)
{
    struct error err;
    struct sql *db = NULL;
    struct sql_options options = {
        .url = str_from(url), .clock = clock_system(), .lock_wait_ms = 100};
    check_row(!sql_open(&options, &db, &err), url);
    if (err.code != code) {
        print_error("%s: %s: %s\n", url, error_info(err.code)->name, err.message);
    }
    assert_int_equal(err.code, code);
    check_contains(err.message, part);
    assert_null(db);
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static void test_sqlite_open(void **state)
{
    struct place *p = *state;
    char path[200];
    char url[220];
    check_open_fails("sqlite:", ERR_CONFIG, "names no file");
    (void)snprintf(url, sizeof(url), "sqlite:%s/none/x.db", p->dir);
    check_open_fails(url, ERR_DESTINATION_CONNECT, "directory does not exist");
    (void)snprintf(url, sizeof(url), "sqlite:%s", p->dir);
    check_open_fails(url, ERR_DESTINATION_CONNECT, "is a directory");
    (void)snprintf(path, sizeof(path), "%s/notes.txt", p->dir);
    (void)snprintf(url, sizeof(url), "sqlite:%s", path);
    write_file(path, "Dear diary, this is more than the hundred bytes of a database's first page. "
                     "It goes on and on and nothing in it is a table, not even a small one.\n");
    check_open_fails(url, ERR_DESTINATION_CONNECT, "not a database; the file exists");
}

static void test_sqlite_settings(void **state)
{
    struct place *p = *state;
    struct error err;
    struct sql_stmt *st = NULL;
    bool row = false;
    must(sql_prepare(p->db, STR("PRAGMA journal_mode"), &st, &err), &err);
    must(sql_query(st, NULL, 0, &err) && sql_next(st, &row, &err), &err);
    check_str(sql_column_str(st, 0), "wal");
    sql_finalize(st);
    assert_int_equal(number(p->db, "PRAGMA synchronous"), 1);
    assert_int_equal(number(p->db, "PRAGMA foreign_keys"), 0);
    assert_int_equal(number(p->db, "PRAGMA page_size"), 16384);
    assert_int_equal(number(p->db, "PRAGMA wal_autocheckpoint"), 1024);
    assert_int_equal(number(p->db, "PRAGMA journal_size_limit"), 67108864);
    assert_false(sql_prepare(p->db, STR("SELECT $2, $1"), &st, &err));
    check_contains(err.message, "in order");
}

enum { SEVERAL_PAGES = 300 * 1024 };
// Bytes that a connection with this page cache holds behind a transaction that filled the cache.
static int64_t held_by_connection(struct place *p, int kib)
{
    struct error err;
    struct sql *db = NULL;
    struct sql_options o = {str_from(p->url), .clock = &p->clock.clock, .cache_kib = kib};
    int64_t before = sqlite3_memory_used();
    must(sql_open(&o, &db, &err) && sql_begin(db, &err), &err);
    run(db, "INSERT INTO many WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < 1000) SELECT hex(randomblob(500)) FROM n");
    assert_true(sqlite3_memory_used() - before > SEVERAL_PAGES);
    must(sql_commit(db, &err), &err);
    int64_t after = sqlite3_memory_used();
    sql_close(db);
    return after - before;
}
static void test_sqlite_small_cache(void **state)
{
    struct place *p = *state;
    run(p->db, "CREATE TABLE many (t TEXT)");
    assert_true(held_by_connection(p, 0) > SEVERAL_PAGES);
    assert_true(held_by_connection(p, 512) < SEVERAL_PAGES / 2);
}

// Whether a user without rights gets the words that help. Runs as one, since root may do all.
static void test_sqlite_rights(void **state)
{
    struct place *p = *state;
    const struct passwd *nobody = getpwnam("nobody");
    if (geteuid() != 0 || !nobody) {
        skip();
        return;
    }
    run(p->db, "CREATE TABLE x (a)");
    sql_close(p->db);
    p->db = NULL;
    assert_int_equal(chmod(p->dir, 0755), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (setuid(nobody->pw_uid) != 0) {
            _exit(2);
        }
        struct error err;
        struct sql *db = NULL;
        struct sql_options options = {.url = str_from(p->url), .clock = clock_system()};
        bool known = !sql_open(&options, &db, &err) && err.code == ERR_DESTINATION_RIGHTS &&
                     strstr(err.message, p->dir);
        char url[200];
        (void)snprintf(url, sizeof(url), "sqlite:%s/new.db", p->dir);
        options.url = str_from(url);
        bool fresh = !sql_open(&options, &db, &err) && err.code == ERR_DESTINATION_RIGHTS;
        _exit(known && fresh ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void test_sqlite_full(void **state)
{
    struct place *p = *state;
    struct error err;
    run(p->db, "CREATE TABLE x (a TEXT); PRAGMA max_page_count = 20");
    must(sql_begin(p->db, &err), &err);
    bool ok = true;
    for (int i = 0; i < 100 && ok; i++) {
        ok = sql_exec(p->db, "INSERT INTO x VALUES (zeroblob(8000))", &err);
    }
    assert_false(ok);
    assert_int_equal(err.code, ERR_DESTINATION_FULL);
    sql_rollback(p->db);
    assert_int_equal(number(p->db, "SELECT count(*) FROM x"), 0);
}

// --- PostgreSQL ----------------------------------------------------------------------------------

static void test_postgres_open(void **state)
{
    struct place *p = *state;
    char url[128];
    check_open_fails("postgres://u:secret@127.0.0.1:1/d", ERR_DESTINATION_CONNECT, "refused");
    check_open_fails("postgres://u:se%cret@127.0.0.1:1/d", ERR_CONFIG, "percent-encode");
    check_open_fails("postgres://h/d?colour=red", ERR_CONFIG, "parameters");
    (void)snprintf(url, sizeof(url), "postgres://postgres@127.0.0.1:%d/nowhere", p->server->port);
    check_open_fails(url, ERR_DESTINATION_CONNECT, "nowhere");
    (void)snprintf(url, sizeof(url), "postgres://ghost@127.0.0.1:%d/postgres", p->server->port);
    check_open_fails(url, ERR_DESTINATION_CONNECT, "ghost");
    static const char *const ROWS[] = {
        "SELECT (current_setting('application_name') = 'sluice/test')::int",
        "SELECT (current_setting('TimeZone') = 'UTC')::int",
        "SELECT (current_setting('lock_timeout') = '300ms')::int",
        "SELECT (current_setting('client_encoding') = 'UTF8')::int",
        "SELECT (current_setting('client_connection_check_interval') = '2s')::int",
        "SELECT (current_setting('tcp_keepalives_idle')::int > 0)::int",
        "SELECT (current_setting('idle_in_transaction_session_timeout') <> '0')::int",
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_row(number(p->db, ROWS[i]) == 1, ROWS[i]);
    }
    struct error err;
    struct sql_value nul = sql_text(STR("a\0b"));
    assert_false(sql_once(p->db, STR("SELECT $1::text"), &nul, 1, NULL, &err));
    check_contains(err.message, "NUL");
}

static void test_postgres_rights(void **state)
{
    struct place *p = *state;
    struct error err;
    run(p->db, "CREATE TABLE mine (a int); CREATE ROLE guest;"
               "GRANT USAGE ON SCHEMA public TO guest");
    run(p->db, "SET ROLE guest");
    assert_false(sql_exec(p->db, "INSERT INTO mine VALUES (1)", &err));
    assert_int_equal(err.code, ERR_DESTINATION_RIGHTS);
    run(p->db, "RESET ROLE; REVOKE ALL ON SCHEMA public FROM guest; DROP ROLE guest");
}

static void test_postgres_copy(void **state)
{
    struct place *p = *state;
    struct error err;
    uint64_t rows = 0;
    run(p->db, "CREATE TABLE c (a bigint PRIMARY KEY, b text)");
    must(sql_copy_begin(p->db, "COPY c FROM STDIN", &err), &err);
    must(sql_copy_data(p->db, STR("1\tone\n2\t"), &err), &err);
    must(sql_copy_data(p->db, STR("\\N\n"), &err), &err);
    must(sql_copy_end(p->db, &rows, &err), &err);
    assert_int_equal(rows, 2);
    must(sql_copy_begin(p->db, "COPY c FROM STDIN", &err), &err);
    must(sql_copy_data(p->db, STR("2\tagain\n"), &err), &err);
    assert_false(sql_copy_end(p->db, &rows, &err));
    assert_int_equal(sql_last_fault(p->db), SQL_FAULT_UNIQUE);
    must(sql_begin(p->db, &err), &err);
    must(sql_copy_begin(p->db, "COPY c FROM STDIN", &err), &err);
    must(sql_copy_data(p->db, STR("3\tthree\n"), &err), &err);
    sql_rollback(p->db); // from the middle of a COPY
    assert_int_equal(sql_transaction_state(p->db), SQL_IDLE);
    assert_int_equal(number(p->db, "SELECT count(*) FROM c"), 2);
    assert_false(sql_copy_begin(p->db, "COPY nowhere FROM STDIN", &err));
    assert_int_equal(sql_last_fault(p->db), SQL_FAULT_MISSING);
}

static void *cancel_soon(void *user)
{
    struct place *p = user;
    usleep(200 * 1000);
    cancel_request(&p->cancel);
    while (!atomic_load(&p->ended)) {
        usleep(10 * 1000);
        virtual_clock_advance_us(&p->clock, 1000 * 1000); // the time a statement has to finish
    }
    return NULL;
}

static void test_postgres_interrupt(void **state)
{
    struct place *p = *state;
    struct error err;
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, p), 0);
    bool carried_out = sql_exec(p->db, "SELECT pg_sleep(60)", &err);
    atomic_store(&p->ended, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_false(carried_out);
    assert_int_equal(err.code, ERR_INTERRUPTED);
    assert_int_equal(number(p->db, "SELECT 7"), 7); // quick ones still go through
    p->cancel = (struct cancel){0};
    run(p->db, "SET statement_timeout = 50");
    assert_false(sql_exec(p->db, "SELECT pg_sleep(60)", &err));
    assert_int_equal(err.code, ERR_DESTINATION_BUSY);
}

static void test_postgres_lost(void **state)
{
    struct place *p = *state;
    struct error err;
    struct sql *other = connect_to(p);
    struct sql_stmt *st = NULL;
    run(p->db, "CREATE TABLE l (a int)");
    must(sql_begin(p->db, &err), &err);
    must(sql_prepare(p->db, STR("INSERT INTO l VALUES (1)"), &st, &err), &err);
    must(sql_run(st, NULL, 0, NULL, &err), &err);
    must(sql_copy_begin(p->db, "COPY l FROM STDIN", &err), &err);
    run(other, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
               "pg_backend_pid() AND application_name = 'sluice/test'");
    bool ok = true;
    for (int i = 0; i < 1000 && ok; i++) {
        ok = sql_copy_data(p->db, STR("1\n"), &err);
        usleep(100);
    }
    assert_false(ok && sql_copy_end(p->db, NULL, &err));
    assert_int_equal(err.code, ERR_DESTINATION_CONNECT);
    assert_int_equal(sql_last_fault(p->db), SQL_FAULT_LOST);
    assert_false(sql_run(st, NULL, 0, NULL, &err));
    assert_int_equal(err.code, ERR_DESTINATION_CONNECT);
    assert_int_equal(sql_transaction_state(p->db), SQL_GONE);
    sql_rollback(p->db);
    assert_false(sql_exec(p->db, "SELECT 1", &err));
    sql_finalize(st);
    assert_int_equal(number(other, "SELECT count(*) FROM l"), 0);
    sql_close(other);
}

// --- the program ---------------------------------------------------------------------------------

static int set_up(void **state)
{
    struct place *p = *state;
    virtual_clock_init(&p->clock, 1700000000000);
    p->cancel = (struct cancel){0};
    if (!p->postgres) {
        test_dir_create(p->dir);
        (void)snprintf(p->url, sizeof(p->url), "sqlite:%s/test.db", p->dir);
    }
    p->db = connect_to(p);
    if (p->postgres) {
        run(p->db, "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
    }
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    sql_close(p->db);
    if (!p->postgres) {
        test_dir_destroy(p->dir);
    }
    return 0;
}

#define WITH(place_, fn_, name_)                                                                   \
    {                                                                                              \
        .name = (name_), .test_func = (fn_), .setup_func = set_up, .teardown_func = tear_down,     \
        .initial_state = (place_)                                                                  \
    }

int main(void)
{
    struct test_server server = {0};
    struct place lite = {0};
    struct place pg = {.postgres = true, .server = &server};
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest sqlite[] = {
        cmocka_unit_test(test_quote),
        cmocka_unit_test(test_url),
        WITH(&lite, test_values, "sqlite: values"),
        WITH(&lite, test_transactions, "sqlite: transactions"),
        WITH(&lite, test_faults, "sqlite: faults"),
        WITH(&lite, test_busy, "sqlite: busy"),
        WITH(&lite, test_sqlite_open, "sqlite: open"),
        WITH(&lite, test_sqlite_settings, "sqlite: settings"),
        WITH(&lite, test_sqlite_small_cache, "sqlite: a small cache"),
        WITH(&lite, test_sqlite_rights, "sqlite: rights"),
        WITH(&lite, test_sqlite_full, "sqlite: full"),
    };
    const struct CMUnitTest postgres[] = {
        WITH(&pg, test_values, "postgres: values"),
        WITH(&pg, test_transactions, "postgres: transactions"),
        WITH(&pg, test_faults, "postgres: faults"),
        WITH(&pg, test_busy, "postgres: busy"),
        WITH(&pg, test_postgres_open, "postgres: open"),
        WITH(&pg, test_postgres_rights, "postgres: rights"),
        WITH(&pg, test_postgres_copy, "postgres: copy"),
        WITH(&pg, test_postgres_interrupt, "postgres: interrupt"),
        WITH(&pg, test_postgres_lost, "postgres: lost"),
    };
    int failed = cmocka_run_group_tests(sqlite, NULL, NULL);
    if (!test_server_create(&server)) {
        return failed + 1;
    }
    (void)test_server_url(&server, pg.url);
    failed += cmocka_run_group_tests(postgres, NULL, NULL);
    test_server_destroy(&server);
    return failed;
}
