// What a server's settings must fulfil beyond their types.
#include "check.h"

#include "cli/server_settings.h"

#include <unistd.h>

struct fixture {
    struct arena arena;
    struct server_settings values;
    struct settings table;
    struct error err;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    arena_init(&f->arena, 1 << 20);
    assert_true(settings_init(&f->table, SERVER_SETTINGS, SERVER_SETTINGS_N, NULL, &f->values,
                              &f->arena, &f->err));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    arena_done(&f->arena);
    free(f);
    return 0;
}

static void test_defaults_hold(void **state)
{
    struct fixture *f = *state;
    assert_true(server_settings_check(&f->values, &f->arena, &f->err));
    assert_true(f->values.data_dir.len > 0);
}

static void test_listen(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *host; // NULL: refused
        int port;
        bool loopback;
    } TABLE[] = {
        {"127.0.0.1:8080", "127.0.0.1", 8080, true},
        {"localhost:0", "localhost", 0, true},
        {"[::1]:443", "::1", 443, true},
        {"0.0.0.0:80", "0.0.0.0", 80, false},
        {"[::]:80", "::", 80, false},
        {"10.1.2.3:65535", "10.1.2.3", 65535, false},
        {":9090", "127.0.0.1", 9090, true},
        {"9090", "127.0.0.1", 9090, true},
        {"127.0.0.1:", NULL, 0, false},
        {"127.0.0.1:65536", NULL, 0, false},
        {"127.0.0.1:-1", NULL, 0, false},
        {"::1:80", NULL, 0, false},
        {"", NULL, 0, false},
        {"localhost", NULL, 0, false},
        {"http://localhost:80", NULL, 0, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        struct listen_address a;
        struct error err;
        bool ok = server_settings_listen(str_from(TABLE[i].text), &a, &err);
        check_row(ok == (TABLE[i].host != NULL), TABLE[i].text);
        if (ok) {
            check_str(a.host, TABLE[i].host);
            check_row(a.port == TABLE[i].port && a.loopback == TABLE[i].loopback, TABLE[i].text);
        } else {
            assert_int_equal(err.code, ERR_CONFIG);
            check_contains(err.message, "HOST:PORT");
        }
    }
}

static void test_checks(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        const char *value;
        const char *error; // NULL: accepted
    } TABLE[] = {
        {"store", "mysql://me:hush@db/x", "--store: write sqlite:FILE, postgres://"},
        {"store", "postgres://me:hush@db/x", NULL},
        {"store", "sqlite:/tmp/x.db", NULL},
        {"public-url", "ftp://x", "--public-url: base URL \"ftp://x\" must start with https://"},
        {"public-url", "https://sluice.example.com/", NULL},
        {"hubspot-base-url", "http://example.com", "--hubspot-base-url: "},
        {"hubspot-base-url", "http://127.0.0.1:99", NULL},
        {"hubspot-app-url", "example.com", "--hubspot-app-url: "},
        {"hubspot-app-url", "http://localhost:99", NULL},
        {"time-zone", "Europe/Atlantis", "--time-zone: \"Europe/Atlantis\" is no time zone"},
        {"time-zone", "Europe/Berlin", NULL},
        {"cors-origin", "https://a.example.com/path", "--cors-origin: \"https://a.example.com/"},
        {"tls-cert", "/x.pem", "--tls-key is missing"},
        {"listen", "8080:localhost", "--listen: \"8080:localhost\" is no address"},
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        struct server_settings before = f->values;
        assert_true(
            settings_set(&f->table, str_from(TABLE[i].name), str_from(TABLE[i].value), &f->err));
        bool ok = server_settings_check(&f->values, &f->arena, &f->err);
        check_row(ok == (TABLE[i].error == NULL), TABLE[i].value);
        if (!ok && TABLE[i].error) {
            check_contains(f->err.message, TABLE[i].error);
            assert_null(strstr(f->err.message, "hush"));
            assert_int_equal(f->err.code, ERR_CONFIG);
        }
        f->values = before;
    }
    check_str(f->values.public_url, "");
}

static void test_trailing_slashes_go(void **state)
{
    struct fixture *f = *state;
    assert_true(
        settings_set(&f->table, STR("public-url"), STR("https://a.example.com//"), &f->err));
    assert_true(server_settings_check(&f->values, &f->arena, &f->err));
    check_str(f->values.public_url, "https://a.example.com");
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void check_secret(struct fixture *f, const char *want)
{
    struct secret *secret = NULL;
    assert_true(server_settings_secret(&f->values, &secret, &f->err));
    check_str(secret_reveal(secret), want);
    secret_destroy(secret);
}

// NOLINTBEGIN(concurrency-mt-unsafe): these tests have one thread
static void test_secret(void **state)
{
    struct fixture *f = *state;
    struct secret *secret = NULL;
    char path[] = "/tmp/test_server_settings_XXXXXX";
    assert_true(mkstemp(path) >= 0);
    assert_true(server_settings_secret(&f->values, &secret, &f->err));
    assert_null(secret);
    f->values.client_id = STR("id");
    assert_false(server_settings_secret(&f->values, &secret, &f->err));
    check_contains(f->err.message, "SLUICE_HUBSPOT_CLIENT_SECRET");
    f->values.client_secret = STR("given");
    check_secret(f, "given");
    f->values.client_secret_env = STR("TEST_SERVER_SECRET");
    assert_int_equal(setenv("TEST_SERVER_SECRET", "of-the-environment", 1), 0);
    check_secret(f, "of-the-environment");
    f->values.client_secret_file = str_from(path);
    write_file(path, "  of-the-file\n\n");
    check_secret(f, "of-the-file");
    write_file(path, " \n");
    assert_false(server_settings_secret(&f->values, &secret, &f->err));
    check_contains(f->err.message, "is empty");
    f->values.client_secret_file = STR("/nowhere/at/all");
    assert_false(server_settings_secret(&f->values, &secret, &f->err));
    check_contains(f->err.message, "--hubspot-client-secret-file: /nowhere/at/all cannot be read");
    f->values.client_secret_file = STR("/dev/zero");
    assert_false(server_settings_secret(&f->values, &secret, &f->err));
    check_contains(f->err.message, "is too long");
    unlink(path);
}
// NOLINTEND(concurrency-mt-unsafe)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_defaults_hold, set_up, tear_down),
        cmocka_unit_test(test_listen),
        cmocka_unit_test_setup_teardown(test_checks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_trailing_slashes_go, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secret, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
