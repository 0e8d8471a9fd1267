#include "check.h"

#include "core/limits.h"
#include "core/settings.h"

struct target {
    struct str into;
    struct str token;
    int64_t port;
    double share;
    bool quiet;
    bool color;
    int64_t timeout_ms;
    int64_t since_ms;
    struct str mode;
};

static const struct setting ROWS[] = {
    {.name = "into",
     .type = SET_STR,
     .offset = offsetof(struct target, into),
     .required = true,
     .arg = "URL",
     .help = "where the rows go"},
    {.name = "token",
     .type = SET_STR,
     .offset = offsetof(struct target, token),
     .secret = true,
     .help = "the token"},
    {.name = "port",
     .type = SET_INT,
     .offset = offsetof(struct target, port),
     .fallback = "8080",
     .min = 0,
     .max = 65535,
     .arg = "N",
     .help = "the port"},
    {.name = "share",
     .type = SET_FLOAT,
     .offset = offsetof(struct target, share),
     .fallback = "0.8",
     .min = 0.01,
     .max = 1,
     .help = "the share"},
    {.name = "quiet",
     .type = SET_BOOL,
     .offset = offsetof(struct target, quiet),
     .fallback = "false",
     .help = "say nothing"},
    {.name = "color",
     .type = SET_BOOL,
     .offset = offsetof(struct target, color),
     .fallback = "true",
     .help = "in colour"},
    {.name = "read-timeout",
     .type = SET_MS,
     .offset = offsetof(struct target, timeout_ms),
     .fallback = "30s",
     .min = 10,
     .max = 3600000,
     .help = "how long to wait"},
    {.name = "since",
     .type = SET_DATE,
     .offset = offsetof(struct target, since_ms),
     .help = "from when on"},
    {.name = "mode",
     .type = SET_ENUM,
     .offset = offsetof(struct target, mode),
     .fallback = "sluice",
     .choices = "sluice|weld|fivetran",
     .help = "the names"},
};

// NOLINTBEGIN(concurrency-mt-unsafe): these tests have one thread
static void set_env(const char *name, const char *value)
{
    assert_int_equal(value ? setenv(name, value, 1) : unsetenv(name), 0);
}
// NOLINTEND(concurrency-mt-unsafe)

struct fixture {
    struct arena arena;
    struct target target;
    struct settings settings;
    struct error err;
};

static int set_up(void **state)
{
    static const char *const NAMES[] = {"TESTING_PORT", "TESTING_READ_TIMEOUT", "TESTING_TOKEN",
                                        "TESTING_QUIET", "TESTING_MODE"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        set_env(NAMES[i], NULL);
    }
    struct fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    arena_init(&f->arena, 1 << 20);
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

static bool init(struct fixture *f)
{
    return settings_init(&f->settings, ROWS, ARRAY_LEN(ROWS), "TESTING", &f->target, &f->arena,
                         &f->err);
}

// A command line, behind the program's name; `texts` ends with NULL.
static bool parse_args(struct fixture *f, const char *const *texts, struct str *words, size_t max,
                       size_t *ret_words)
{
    char *argv[32] = {arena_cstr(&f->arena, STR("program"))};
    int argc = 1;
    for (; texts[argc - 1]; argc++) {
        argv[argc] = arena_cstr(&f->arena, str_from(texts[argc - 1]));
    }
    return settings_parse_args(&f->settings, argc, argv, words, max, ret_words, &f->err);
}

static void test_defaults(void **state)
{
    struct fixture *f = *state;
    assert_true(init(f));
    assert_int_equal(f->target.port, 8080);
    assert_true(f->target.share > 0.79 && f->target.share < 0.81);
    assert_false(f->target.quiet);
    assert_true(f->target.color);
    assert_int_equal(f->target.timeout_ms, 30000);
    assert_int_equal(f->target.since_ms, 0);
    check_str(f->target.mode, "sluice");
    assert_int_equal(f->target.into.len, 0);
    assert_false(settings_given(&f->settings, "port"));
    assert_false(settings_check(&f->settings, &f->err));
    assert_string_equal(f->err.message, "--into is missing; give --into URL or set TESTING_INTO");
    assert_int_equal(f->err.code, ERR_USAGE);
}

static void test_environment(void **state)
{
    struct fixture *f = *state;
    set_env("TESTING_PORT", "9090");
    set_env("TESTING_READ_TIMEOUT", "250ms");
    set_env("TESTING_QUIET", "yes");
    set_env("TESTING_MODE", ""); // empty is as good as absent
    assert_true(init(f));
    assert_int_equal(f->target.port, 9090);
    assert_int_equal(f->target.timeout_ms, 250);
    assert_true(f->target.quiet);
    check_str(f->target.mode, "sluice");
    assert_true(settings_given(&f->settings, "port"));
    assert_false(settings_given(&f->settings, "mode"));
    // The command line wins.
    size_t n;
    assert_true(parse_args(f, (const char *const[]){"--port=7", NULL}, NULL, 0, &n));
    assert_int_equal(f->target.port, 7);
    set_env("TESTING_PORT", "many");
    assert_false(init(f));
    assert_string_equal(
        f->err.message,
        "environment variable TESTING_PORT: --port: \"many\" is not a whole number");
}

static void test_values(void **state)
{
    struct fixture *f = *state;
    assert_true(init(f));
    static const struct {
        const char *name;
        const char *value;
        const char *error; // NULL: accepted
    } TABLE[] = {
        {"port", "0", NULL},
        {"port", "65535", NULL},
        {"port", "65536", "--port: \"65536\" is not between 0 and 65535"},
        {"port", "-1", "--port: \"-1\" is not between 0 and 65535"},
        {"port", "", "--port: \"\" is not a whole number"},
        {"port", "80x", "--port: \"80x\" is not a whole number"},
        {"port", "99999999999999999999", "--port: \"99999999999999999999\" is not a whole number"},
        {"share", "1", NULL},
        {"share", "0.5e0", NULL},
        {"share", "1.01", "--share: \"1.01\" is not between 0.01 and 1"},
        {"share", "nan", "--share: \"nan\" is not a number"},
        {"quiet", "TRUE", NULL},
        {"quiet", "0", NULL},
        {"quiet", "maybe", "--quiet: \"maybe\" is neither true nor false"},
        {"read-timeout", "10ms", NULL},
        {"read-timeout", "1h", NULL},
        {"read-timeout", "5", NULL},
        {"read-timeout", "9ms", "--read-timeout: \"9ms\" is not between 10 ms and 3600000 ms"},
        {"read-timeout", "1d", "--read-timeout: \"1d\" is not between 10 ms and 3600000 ms"},
        {"read-timeout", "-1s",
         "--read-timeout: \"-1s\" is not a duration like 250ms, 5s, 30m, 1h or 2d"},
        {"read-timeout", "5 s",
         "--read-timeout: \"5 s\" is not a duration like 250ms, 5s, 30m, 1h or 2d"},
        {"read-timeout", "s",
         "--read-timeout: \"s\" is not a duration like 250ms, 5s, 30m, 1h or 2d"},
        {"read-timeout", "999999999999999999d",
         "--read-timeout: \"999999999999999999d\" is not a duration like 250ms, 5s, 30m, 1h or "
         "2d"},
        {"since", "2026-01-31", NULL},
        {"since", "2026-02-30",
         "--since: \"2026-02-30\" is not a date like 2026-01-31 or 2026-01-31T08:00:00Z"},
        {"mode", "weld", NULL},
        {"mode", "wel", "--mode: \"wel\" is not one of sluice|weld|fivetran"},
        {"mode", "", "--mode: \"\" is not one of sluice|weld|fivetran"},
        {"into", "", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        struct target before = f->target;
        bool ok =
            settings_set(&f->settings, str_from(TABLE[i].name), str_from(TABLE[i].value), &f->err);
        check_row(ok == (TABLE[i].error == NULL), TABLE[i].value);
        if (!ok) {
            assert_string_equal(f->err.message, TABLE[i].error);
            assert_int_equal(f->err.code, ERR_CONFIG);
            assert_memory_equal(&before, &f->target, sizeof(before));
        }
    }
    assert_int_equal(f->target.port, 65535);
    assert_int_equal(f->target.timeout_ms, 5000);
    assert_int_equal(f->target.since_ms, 1769817600000);
    check_str(f->target.mode, "weld");
}

static void test_durations(void **state)
{
    struct fixture *f = *state;
    assert_true(init(f));
    static const struct {
        const char *text;
        int64_t ms;
    } TABLE[] = {{"250ms", 250}, {"5s", 5000}, {"30m", 1800000}, {"1h", 3600000}, {"90", 90000}};
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        assert_true(
            settings_set(&f->settings, STR("read-timeout"), str_from(TABLE[i].text), &f->err));
        check_row(f->target.timeout_ms == TABLE[i].ms, TABLE[i].text);
    }
}

static void test_secret_is_not_shown(void **state)
{
    struct fixture *f = *state;
    assert_true(init(f));
    assert_false(settings_set(&f->settings, STR("token"), STR("hush\0hush"), &f->err));
    assert_null(strstr(f->err.message, "hush"));
    check_contains(f->err.message, "--token");
    check_contains(f->err.message, "NUL");
    assert_true(settings_set(&f->settings, STR("token"), STR("fine"), &f->err));
    check_str(f->target.token, "fine");
}

static void test_limits(void **state)
{
    struct fixture *f = *state;
    assert_true(init(f));
    char *text = malloc(LIMIT_SETTINGS_VALUE + 1);
    assert_non_null(text);
    memset(text, 'x', LIMIT_SETTINGS_VALUE + 1);
    struct str value = {text, LIMIT_SETTINGS_VALUE};
    assert_true(settings_set(&f->settings, STR("into"), value, &f->err));
    assert_int_equal(f->target.into.len, LIMIT_SETTINGS_VALUE);
    value.len++;
    assert_false(settings_set(&f->settings, STR("into"), value, &f->err));
    check_contains(f->err.message, "--into: the value is longer than 65536 bytes");
    // A long refused value is shown in part.
    assert_false(settings_set(&f->settings, STR("port"), (struct str){text, 1000}, &f->err));
    assert_true(strlen(f->err.message) < 200);
    check_contains(f->err.message, "xxx...\" is not a whole number");
    free(text);
}

static void test_unknown(void **state)
{
    struct fixture *f = *state;
    assert_true(init(f));
    static const struct {
        const char *option;
        const char *error;
    } TABLE[] = {
        {"--prot", "unknown option --prot; did you mean --port?"},
        {"--qiet=true", "unknown option --qiet; did you mean --quiet?"},
        {"--readtimeout", "unknown option --readtimeout; did you mean --read-timeout?"},
        {"--zzzzzz", "unknown option --zzzzzz"},
        {"--x", "unknown option --x"},
        {"-p", "unknown option -p; options start with \"--\""},
        {"--port", "--port needs a value: --port N"},
    };
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        const char *const texts[] = {TABLE[i].option, NULL};
        size_t n = 4711;
        assert_false(parse_args(f, texts, NULL, 0, &n));
        assert_string_equal(f->err.message, TABLE[i].error);
        assert_int_equal(f->err.code, ERR_USAGE);
        assert_int_equal(n, 4711);
    }
    char name[1000];
    memset(name, 'q', sizeof(name));
    assert_false(settings_set(&f->settings, (struct str){name, sizeof(name)}, STR(""), &f->err));
    check_contains(f->err.message, "unknown option --qqq");
}

static void test_arguments(void **state)
{
    struct fixture *f = *state;
    assert_true(init(f));
    static const char *const TEXTS[] = {
        "sync", "--into", "sqlite:x=y",    "--quiet", "hubspot", "--color=0", "--share",
        "0.5",  "-",      "--token=--odd", "--",      "--port",  NULL};
    struct str words[4];
    size_t n = 0;
    assert_true(parse_args(f, TEXTS, words, 4, &n));
    assert_int_equal(n, 4);
    check_str(words[0], "sync");
    check_str(words[1], "hubspot");
    check_str(words[2], "-");
    check_str(words[3], "--port");
    check_str(f->target.into, "sqlite:x=y");
    check_str(f->target.token, "--odd");
    assert_true(f->target.quiet);
    assert_false(f->target.color);
    assert_true(settings_given(&f->settings, "into"));
    assert_false(settings_given(&f->settings, "port"));
    assert_true(settings_check(&f->settings, &f->err));
    assert_false(parse_args(f, TEXTS, words, 3, &n));
    assert_string_equal(f->err.message, "\"--port\" is one word too many");
}

static void test_help(void **state)
{
    (void)state;
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    settings_help(ROWS, ARRAY_LEN(ROWS), out);
    fclose(out);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_contains(text, ROWS[i].name);
        check_contains(text, ROWS[i].help);
    }
    check_contains(text, "  --into URL                  where the rows go (required)\n");
    check_contains(text, "the port (default: 8080)\n");
    check_contains(text, "  --quiet                     say nothing\n");
    check_contains(text, "one of sluice|weld|fivetran (default: sluice)\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test_setup_teardown(test_defaults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_environment, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_durations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_secret_is_not_shown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unknown, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arguments, set_up, tear_down),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
