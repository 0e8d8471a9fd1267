// Settings from files, and where each came from.
#include "check.h"

#include "core/settings.h"

#include <unistd.h>

struct target {
    struct str listen;
    struct str secret;
    int64_t workers;
    struct setting_list origins;
    bool quiet;
    int64_t wait_ms;
    double share;
    struct str config;
};

static const struct setting ROWS[] = {
    {.name = "listen",
     .type = SET_STR,
     .offset = offsetof(struct target, listen),
     .fallback = "127.0.0.1:8080",
     .help = "where"},
    {.name = "master-key",
     .alias = "key",
     .type = SET_STR,
     .offset = offsetof(struct target, secret),
     .secret = true,
     .help = "hidden"},
    {.name = "workers",
     .type = SET_INT,
     .offset = offsetof(struct target, workers),
     .fallback = "16",
     .min = 0,
     .max = 100,
     .help = "how many"},
    {.name = "cors-origin",
     .type = SET_LIST,
     .offset = offsetof(struct target, origins),
     .help = "who"},
    {.name = "quiet", .type = SET_BOOL, .offset = offsetof(struct target, quiet), .help = "hush"},
    {.name = "wait",
     .type = SET_MS,
     .offset = offsetof(struct target, wait_ms),
     .fallback = "90s",
     .help = "long"},
    {.name = "share",
     .type = SET_FLOAT,
     .offset = offsetof(struct target, share),
     .fallback = "0.8",
     .help = "part"},
    {.name = "config",
     .type = SET_STR,
     .offset = offsetof(struct target, config),
     .no_file = true,
     .help = "file"},
};
enum { LISTEN, SECRET, WORKERS, ORIGINS, QUIET, WAIT, SHARE, CONFIG };

struct fixture {
    struct arena arena;
    struct target target;
    struct settings settings;
    struct error err;
    char path[64];
};

// NOLINTBEGIN(concurrency-mt-unsafe): these tests have one thread
static void set_env(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}
// NOLINTEND(concurrency-mt-unsafe)

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    arena_init(&f->arena, 8 << 20);
    snprintf(f->path, sizeof f->path, "/tmp/test_settings_XXXXXX");
    int fd = mkstemp(f->path);
    assert_true(fd >= 0);
    close(fd);
    set_env("TESTING_WORKERS", NULL);
    set_env("TESTING_CORS_ORIGIN", NULL);
    set_env("TESTING_KEY", NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->path);
    arena_done(&f->arena);
    free(f);
    return 0;
}

static void write_file(struct fixture *f, struct str text)
{
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
    assert_int_equal(fclose(file), 0);
}

// Environment, then `args` (ends with NULL), then the file: as a program reads them.
static bool load(struct fixture *f, const char *const *args, struct str text)
{
    char *argv[16] = {arena_cstr(&f->arena, STR("program"))};
    int argc = 1;
    size_t n_words;
    for (; args[argc - 1]; argc++) {
        argv[argc] = arena_cstr(&f->arena, str_from(args[argc - 1]));
    }
    f->target = (struct target){.workers = 0};
    write_file(f, text);
    assert_true(settings_init(&f->settings, ROWS, ARRAY_LEN(ROWS), "TESTING", &f->target, &f->arena,
                              &f->err));
    assert_true(settings_parse_args(&f->settings, argc, argv, NULL, 0, &n_words, &f->err));
    return settings_read_file(&f->settings, str_from(f->path), &f->err);
}

static const char *const NO_ARGS[] = {NULL};

static void check_origin(struct fixture *f, size_t row, const char *want)
{
    check_str(settings_origin(&f->settings, row), want);
}

static void test_file(void **state)
{
    struct fixture *f = *state;
    char want[80];
    assert_true(
        load(f, NO_ARGS, STR("# a comment\n\n  workers=5  \r\nlisten = [::1]:0#1\nquiet = on")));
    assert_int_equal(f->target.workers, 5);
    check_str(f->target.listen, "[::1]:0#1");
    assert_true(f->target.quiet);
    assert_true(settings_given(&f->settings, "workers"));
    assert_false(settings_given(&f->settings, "share"));
    snprintf(want, sizeof want, "%s:3", f->path);
    check_origin(f, WORKERS, want);
    check_origin(f, SHARE, "default");
}

static void test_stronger_sources(void **state)
{
    struct fixture *f = *state;
    set_env("TESTING_WORKERS", "7");
    assert_true(load(f, (const char *const[]){"--listen", "x:1", NULL},
                     STR("workers = 5\nlisten = y:2\nshare = 0.5\n")));
    assert_int_equal(f->target.workers, 7);
    check_str(f->target.listen, "x:1");
    check_origin(f, WORKERS, "TESTING_WORKERS");
    check_origin(f, LISTEN, "--listen");
    assert_true(f->target.share > 0.49 && f->target.share < 0.51);
}

static void test_lists(void **state)
{
    struct fixture *f = *state;
    assert_true(load(f, NO_ARGS, STR("cors-origin = a, b,,\ncors-origin = c\n")));
    check_str(settings_value(&f->settings, ORIGINS), "a,b,c");
    // A stronger source says all.
    set_env("TESTING_CORS_ORIGIN", "d,e");
    assert_true(load(f, NO_ARGS, STR("cors-origin = a\n")));
    check_str(settings_value(&f->settings, ORIGINS), "d,e");
    const char *const args[] = {"--cors-origin", "f", "--cors-origin=g", NULL};
    assert_true(load(f, args, STR("cors-origin = a\n")));
    check_str(settings_value(&f->settings, ORIGINS), "f,g");
    assert_int_equal(f->target.origins.n, 2);
    set_env("TESTING_CORS_ORIGIN", NULL);
    struct str many = STR("");
    for (int i = 0; i <= SETTING_LIST_MAX; i++) {
        many = arena_printf(&f->arena, "%.*scors-origin=o%d\n", STR_ARG(many), i);
    }
    assert_false(load(f, NO_ARGS, many));
    check_contains(f->err.message, "line 65: --cors-origin: \"o64\" is one too many");
}

static void test_values(void **state)
{
    struct fixture *f = *state;
    assert_true(load(f, NO_ARGS, STR("master-key = hush-hush\nwait = 250ms\n")));
    check_str(settings_value(&f->settings, SECRET), "***");
    check_str(settings_value(&f->settings, WAIT), "250ms");
    check_str(settings_value(&f->settings, WORKERS), "16");
    check_str(settings_value(&f->settings, SHARE), "0.8");
    check_str(settings_value(&f->settings, QUIET), "false");
    assert_true(load(f, NO_ARGS, STR("wait = 2h")));
    check_str(settings_value(&f->settings, WAIT), "2h");
    check_str(settings_value(&f->settings, SECRET), ""); // nothing is there, nothing is hidden
}

static void test_alias(void **state)
{
    struct fixture *f = *state;
    assert_true(load(f, NO_ARGS, STR("key = one\n")));
    check_str(f->target.secret, "one");
    assert_true(load(f, (const char *const[]){"--key=two", NULL}, STR("")));
    check_str(f->target.secret, "two");
    set_env("TESTING_KEY", "three");
    assert_true(load(f, NO_ARGS, STR("")));
    check_str(f->target.secret, "three");
}

static void test_bad_files(void **state)
{
    struct fixture *f = *state;
    static const struct {
        struct str text;
        const char *want;
    } TABLE[] = {
        {STR_INIT("\nworker = 3"), "line 2: there is no setting \"worker\"; did you mean workers?"},
        {STR_INIT("zzzzzzzzzzz = 3"), "line 1: there is no setting \"zzzzzzzzzzz\""},
        {STR_INIT("workers"), "line 1: a line must be: name = value"},
        {STR_INIT("workers = 101"), "line 1: --workers: \"101\" is not between 0 and 100"},
        {STR_INIT("workers = 1\n\nworkers = 2"), "line 3: workers is set already, in line 1"},
        {STR_INIT("config = x"), "line 1: config cannot be set in a file"},
        {STR_INIT("= 3"), "line 1: there is no setting \"\""},
        {STR_INIT("listen = a\0b"), "holds a NUL byte"},
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        check_row(!load(f, NO_ARGS, TABLE[i].text), TABLE[i].want);
        check_contains(f->err.message, TABLE[i].want);
        check_contains(f->err.message, f->path);
        assert_int_equal(f->err.code, ERR_CONFIG);
    }
    // What stands where a name belongs may be a secret.
    assert_false(load(f, NO_ARGS, STR("hush-hush")));
    assert_null(strstr(f->err.message, "hush"));
    assert_false(load(f, NO_ARGS, STR("master-key = hush\0hush")));
    assert_null(strstr(f->err.message, "hush"));
    assert_false(settings_read_file(&f->settings, STR("/nowhere/at.all"), &f->err));
    check_contains(f->err.message, "/nowhere/at.all cannot be read: No such file");
    assert_false(settings_read_file(&f->settings, STR("/tmp"), &f->err));
    check_contains(f->err.message, "/tmp is a directory");
    assert_false(settings_read_file(&f->settings, STR("/dev/zero"), &f->err));
    check_contains(f->err.message, "is longer than");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stronger_sources, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_alias, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
