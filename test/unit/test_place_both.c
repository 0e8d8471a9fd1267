#include "test_place_both.h"

enum { TESTS_MAX = 128, NAME_MAX_BYTES = 128 };

struct row {
    const struct place_test *test;
    struct test_server *server; // NULL: a file
    struct place *place;
    size_t number;
    char name[NAME_MAX_BYTES];
};

static struct sql *admin_of(struct test_server *server)
{
    char url[96];
    struct sql *db = NULL;
    struct error err;
    struct sql_options o = {.url = str_from(test_server_url(server, url)), .clock = clock_system()};
    must(sql_open(&o, &db, &err), &err);
    return db;
}

struct sql *place_admin(struct place *p)
{
    return admin_of(p->server);
}

static int set_up(void **state)
{
    struct row *row = *state;
    char url[128] = "";
    char text[64];
    struct error err;
    if (row->server) {
        struct sql *db = admin_of(row->server);
        snprintf(text, sizeof text, "CREATE DATABASE place_%zu", row->number);
        must(sql_exec(db, text, &err), &err);
        sql_close(db);
        snprintf(url, sizeof url, "postgres://postgres@127.0.0.1:%d/place_%zu", row->server->port,
                 row->number);
    }
    row->place = place_create(url);
    row->place->server = row->server;
    return 0;
}

static int tear_down(void **state)
{
    struct row *row = *state;
    place_destroy(row->place);
    row->place = NULL;
    return 0;
}

static void run_row(void **state)
{
    struct row *row = *state;
    row->test->run(row->place);
}

static size_t add_rows(struct row *rows, struct CMUnitTest *units, size_t n,
                       const struct place_test *tests, struct test_server *server)
{
    for (; tests->name; tests++) {
        if (tests->on == (server ? PLACE_FILE_ONLY : PLACE_SERVER_ONLY)) {
            continue;
        }
        assert_true(n < TESTS_MAX);
        rows[n].test = tests;
        rows[n].server = server;
        rows[n].number = n;
        snprintf(rows[n].name, sizeof rows[n].name, "%s: %s", server ? "postgres" : "sqlite",
                 tests->name);
        units[n] = (struct CMUnitTest){.name = rows[n].name,
                                       .test_func = run_row,
                                       .setup_func = set_up,
                                       .teardown_func = tear_down,
                                       .initial_state = &rows[n]};
        n++;
    }
    return n;
}

int place_run_both(const char *group, const struct place_test *tests)
{
    struct test_server server = {.pid = 0};
    struct row *rows = calloc(TESTS_MAX, sizeof *rows);
    struct CMUnitTest *units = calloc(TESTS_MAX, sizeof *units);
    assert_true(rows && units);
    signal(SIGPIPE, SIG_IGN);
    size_t n = add_rows(rows, units, 0, tests, NULL);
    bool have_server = test_server_create(&server);
    if (have_server) {
        n = add_rows(rows, units, n, tests, &server);
    }
    int failed = _cmocka_run_group_tests(group, units, n, NULL, NULL);
    if (have_server) {
        test_server_destroy(&server);
    }
    free(units);
    free(rows);
    return failed + (have_server ? 0 : 1);
}
