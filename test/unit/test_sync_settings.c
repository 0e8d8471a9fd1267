#include "check.h"

#include "cli/cli.h"
#include "cli/sync_settings.h"

#include "http/url.h"

// ---- parsing

struct parsed {
    struct arena arena;
    struct sync_settings values;
    struct settings settings;
    struct str words[4];
    size_t n_words;
    struct error error;
};

// Reads "one two --three" as a shell would have split it.
static bool parse(struct parsed *p, const char *line)
{
    char *argv[64] = {0};
    int argc = 0;
    *p = (struct parsed){0};
    arena_init(&p->arena, 1 << 20);
    struct str rest = str_from(line);
    struct str word;
    argv[argc++] = arena_cstr(&p->arena, STR("sync"));
    while (str_next(&rest, ' ', &word)) {
        assert_true(argc + 1 < (int)ARRAY_LEN(argv));
        argv[argc++] = arena_cstr(&p->arena, word);
    }
    return settings_init(&p->settings, SYNC_SETTINGS, SYNC_SETTINGS_N, NULL, &p->values, &p->arena,
                         &p->error) &&
           settings_parse_args(&p->settings, argc, argv, p->words, ARRAY_LEN(p->words), &p->n_words,
                               &p->error) &&
           settings_check(&p->settings, &p->error);
}

static void done(struct parsed *p)
{
    arena_done(&p->arena);
}

static void test_defaults(void **state)
{
    (void)state;
    struct parsed p;
    assert_true(parse(&p, "hubspot"));
    const struct sync_settings *v = &p.values;
    assert_true(p.n_words == 1 && str_eq(p.words[0], STR("hubspot")));
    check_str(v->token_env, "HUBSPOT_TOKEN");
    check_str(v->base_url, "https://api.hubapi.com");
    check_str(v->api_version, "2026-09");
    check_str(v->schema, "hubspot");
    check_str(v->metadata_columns, "sluice");
    check_str(v->log_level, "warn");
    assert_true(v->into.len == 0 && v->streams.len == 0 && v->since_ms == 0);
    assert_true(v->share > 0.7999 && v->share < 0.8001 && v->search_limit == 5);
    assert_true(v->parallel >= 1 && v->parallel <= 32);
    assert_true(v->horizon_ms == 3600 * 1000 && v->association_sweep_ms == 24 * 3600 * 1000);
    assert_true(v->reconcile_ms == 24 * 3600 * 1000);
    assert_true(!v->full_refresh && !v->json && !v->quiet && !v->ephemeral);
    done(&p);
}

static void test_all_given(void **state)
{
    (void)state;
    struct parsed p;
    assert_true(parse(
        &p, "hubspot --into sqlite:x.db --schema=s --streams a,b --full-refresh "
            "--since 2026-01-31 --token-env T --base-url http://localhost:1 "
            "--api-version legacy --share 1 --search-limit 10 --parallel 32 "
            "--horizon 30m --association-sweep 7d --reconcile 2d --metadata-columns weld --json "
            "--quiet --no-progress"));
    const struct sync_settings *v = &p.values;
    check_str(v->into, "sqlite:x.db");
    check_str(v->schema, "s");
    check_str(v->streams, "a,b");
    check_str(v->token_env, "T");
    check_str(v->base_url, "http://localhost:1");
    check_str(v->api_version, "legacy");
    check_str(v->metadata_columns, "weld");
    assert_true(v->full_refresh && v->json && v->quiet && v->ephemeral);
    assert_true(v->since_ms == 1769817600000 && v->share > 0.999 && v->search_limit == 10);
    assert_true(v->parallel == 32 && v->horizon_ms == 30 * 60 * 1000);
    assert_true(v->association_sweep_ms == 7LL * 24 * 3600 * 1000);
    assert_true(v->reconcile_ms == 2LL * 24 * 3600 * 1000);
    done(&p);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *line, *says;
    } ROWS[] = {
        {"--share 0", "--share"},
        {"--share 1.01", "--share"},
        {"--share nan", "--share"},
        {"--share half", "--share"},
        {"--parallel 0", "--parallel"},
        {"--parallel 33", "--parallel"},
        {"--search-limit 0", "--search-limit"},
        {"--search-limit 1001", "--search-limit"},
        {"--horizon 8d", "--horizon"},
        {"--horizon soon", "--horizon"},
        {"--association-sweep 366d", "--association-sweep"},
        {"--reconcile 366d", "--reconcile"},
        {"--since yesterday", "--since"},
        {"--since 2026-02-30", "--since"},
        {"--api-version v3", "2026-09|2026-03|legacy"},
        {"--metadata-columns none", "sluice|weld|fivetran"},
        {"--log-level loud", "--log-level"},
        {"--full-refresh=perhaps", "--full-refresh"},
        {"--strems a", "--streams"}, // what was meant
        {"--into", "--into"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct parsed p;
        check_row(!parse(&p, ROWS[i].line), ROWS[i].line);
        check_contains(p.error.message, ROWS[i].says);
        done(&p);
    }
}

// Every row has its own field, a name of its own and a sentence for --help.
static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < SYNC_SETTINGS_N; i++) {
        const struct setting *a = &SYNC_SETTINGS[i];
        check_row(a->name && a->help && a->help[strlen(a->help) - 1] == '.', a->name);
        check_row(a->type == SET_BOOL || a->arg || a->choices, a->name);
        for (size_t k = 0; k < i; k++) {
            check_row(SYNC_SETTINGS[k].offset != a->offset, a->name);
            check_row(!str_eq(str_from(SYNC_SETTINGS[k].name), str_from(a->name)), a->name);
        }
    }
}

// ---- the token

static bool token(const char *name, const char *value, struct str *ret, struct error *err)
{
    struct sync_settings s = {.token_env = str_from(name)};
    *err = (struct error){0};
    if (value) {
        assert_int_equal(setenv(name, value, 1), 0);
    } else if (name[0] != '\0' && !strchr(name, '=')) {
        assert_int_equal(unsetenv(name), 0);
    }
    return sync_secret_env("--token-env", "token", s.token_env, ret, err);
}

static void test_token(void **state)
{
    (void)state;
    struct str got;
    struct error err;
    assert_true(token("SLUICE_TEST_TOKEN", "pat-na1-abc", &got, &err));
    check_str(got, "pat-na1-abc");
    assert_true(token("SLUICE_TEST_TOKEN", " \tpat-na1-abc\r\n", &got, &err)); // as files end
    check_str(got, "pat-na1-abc");
}

// What cannot be a token is refused before it is sent, and never shown.
static void test_no_token(void **state)
{
    (void)state;
    static char huge[5000];
    memset(huge, 'x', sizeof huge - 1);
    const struct {
        const char *name, *value, *says;
        enum error_code code;
    } rows[] = {
        {"SLUICE_TEST_TOKEN", NULL, "SLUICE_TEST_TOKEN is not set", ERR_CREDENTIALS},
        {"SLUICE_TEST_TOKEN", "", "SLUICE_TEST_TOKEN is empty", ERR_CREDENTIALS},
        {"SLUICE_TEST_TOKEN", " \n", "SLUICE_TEST_TOKEN is empty", ERR_CREDENTIALS},
        {"SLUICE_TEST_TOKEN", "sec ret", "cannot be a token", ERR_CREDENTIALS},
        {"SLUICE_TEST_TOKEN", "sec\r\nret: x", "cannot be a token", ERR_CREDENTIALS},
        {"SLUICE_TEST_TOKEN", "secret\x7f", "cannot be a token", ERR_CREDENTIALS},
        {"SLUICE_TEST_TOKEN", "secret\xc3\xa9", "cannot be a token", ERR_CREDENTIALS},
        {"SLUICE_TEST_TOKEN", huge, "cannot be a token", ERR_CREDENTIALS},
        {"", NULL, "--token-env", ERR_CONFIG},
        // The token itself in the place of its name.
        {"pat-na1-secret", NULL, "--token-env", ERR_CONFIG},
        {"secret=1", NULL, "--token-env", ERR_CONFIG},
        {"1secret", NULL, "--token-env", ERR_CONFIG},
        {huge, NULL, "--token-env", ERR_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str got = STR("untouched");
        struct error err;
        check_row(!token(rows[i].name, rows[i].value, &got, &err), rows[i].says);
        assert_int_equal(err.code, rows[i].code);
        check_contains(err.message, rows[i].says);
        check_row(!strstr(err.message, "secret") && !strstr(err.message, "sec"), rows[i].says);
        check_row(!strstr(err.message, "xxxx"), rows[i].says);
        check_str(got, "untouched");
    }
}

// ---- options of source and destination

static void test_metadata(void **state)
{
    (void)state;
    static const struct {
        struct str preset;
        const char *synced, *deleted;
    } ROWS[] = {
        {STR_INIT("sluice"), "_sluice_synced", "_sluice_deleted"},
        {STR_INIT("weld"), "_weld_synced", ""},
        {STR_INIT("fivetran"), "_fivetran_synced", "_fivetran_deleted"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct metadata_columns m = sync_metadata(ROWS[i].preset);
        check_str(m.synced, ROWS[i].synced);
        check_str(m.deleted, ROWS[i].deleted);
    }
}

static void unknown_preset(void)
{
    sync_metadata(STR("none"));
}

static void test_options(void **state)
{
    (void)state;
    struct parsed p;
    struct cancel cancel = {0};
    struct log log = {0};
    const struct sync_context context = {.clock = clock_system(), .log = &log, .cancel = &cancel};
    struct source_hubspot_options source;
    assert_true(parse(&p, "hubspot --into sqlite:x.db --schema s --base-url http://127.0.0.1:8/x/ "
                          "--api-version 2026-03 --share 0.25 --search-limit 7 --horizon 90s "
                          "--association-sweep 0 --reconcile 5s --metadata-columns fivetran"));
    assert_true(sync_source_options(&p.values, STR("t"), &context, &source, &p.error));
    check_str(source.account.base_url, "http://127.0.0.1:8/x");
    check_str(source.account.token, "t");
    assert_int_equal(source.account.version, API_2026_03);
    assert_true(source.account.share > 0.2499 && source.account.share < 0.2501);
    assert_true(source.account.search_per_second == 7 && source.horizon_ms == 90000);
    assert_true(source.association_sweep_ms == 0 && source.reconcile_ms == 5000);
    assert_ptr_equal(source.account.clock, clock_system());
    assert_ptr_equal(source.account.log, &log);
    assert_ptr_equal(source.account.cancel, &cancel);
    struct destination_options d = sync_destination_options(&p.values, clock_system(), &cancel);
    check_str(d.url, "sqlite:x.db");
    check_str(d.schema, "s");
    check_str(d.metadata.deleted, "_fivetran_deleted");
    assert_ptr_equal(d.clock, clock_system());
    assert_ptr_equal(d.cancel, &cancel);
    done(&p);
    // A token does not go over an open wire.
    assert_true(parse(&p, "hubspot --base-url http://api.hubapi.com"));
    assert_false(sync_source_options(&p.values, STR("t"), &context, &source, &p.error));
    assert_int_equal(p.error.code, ERR_CONFIG);
    check_contains(p.error.message, "--base-url: ");
    done(&p);
    check_aborts(unknown_preset);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_defaults), cmocka_unit_test(test_all_given),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_table),
        cmocka_unit_test(test_token),    cmocka_unit_test(test_no_token),
        cmocka_unit_test(test_metadata), cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
