#include "check.h"

#include "hubspot/endpoints.h"

static void check_path(enum hubspot_endpoint id, enum api_version version,
                       const struct endpoint_args *args, const char *want)
{
    struct buf out;
    buf_init(&out, 4096);
    endpoint_path(&out, id, version, args);
    check_str(buf_str(&out), want);
    buf_done(&out);
}

// Every path in every version, as HubSpot documents them.
static void test_paths(void **state)
{
    (void)state;
    static const struct {
        enum hubspot_endpoint id;
        const char *legacy, *march, *september;
    } ROWS[] = {
        {HUBSPOT_ACCOUNT, "/account-info/v3/details", "/account-info/2026-03/details",
         "/account-info/2026-09/details"},
        {HUBSPOT_TOKEN_INFO, "/oauth/v2/private-apps/get/access-token-info",
         "/oauth/v2/private-apps/get/access-token-info",
         "/oauth/v2/private-apps/get/access-token-info"},
        {HUBSPOT_OBJECT_LIST, "/crm/v3/objects/contacts", "/crm/objects/2026-03/contacts",
         "/crm/objects/2026-09/contacts"},
        {HUBSPOT_OBJECT_BATCH_READ, "/crm/v3/objects/contacts/batch/read",
         "/crm/objects/2026-03/contacts/batch/read", "/crm/objects/2026-09/contacts/batch/read"},
        {HUBSPOT_OBJECT_SEARCH, "/crm/v3/objects/contacts/search",
         "/crm/objects/2026-03/contacts/search", "/crm/objects/2026-09/contacts/search"},
        {HUBSPOT_PROPERTIES, "/crm/v3/properties/contacts", "/crm/properties/2026-03/contacts",
         "/crm/properties/2026-09/contacts"},
        {HUBSPOT_OWNERS, "/crm/v3/owners", "/crm/owners/2026-03", "/crm/owners/2026-09"},
        {HUBSPOT_PIPELINES, "/crm/v3/pipelines/contacts", "/crm/pipelines/2026-03/contacts",
         "/crm/pipelines/2026-09/contacts"},
        {HUBSPOT_ASSOC_BATCH_READ, "/crm/v4/associations/deals/companies/batch/read",
         "/crm/associations/2026-03/deals/companies/batch/read",
         "/crm/associations/2026-09/deals/companies/batch/read"},
    };
    const struct endpoint_args args = {
        .type = STR("contacts"), .from = STR("deals"), .to = STR("companies")};
    assert_int_equal(ARRAY_LEN(ROWS), HUBSPOT_ENDPOINT_COUNT);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_path(ROWS[i].id, API_LEGACY, &args, ROWS[i].legacy);
        check_path(ROWS[i].id, API_2026_03, &args, ROWS[i].march);
        check_path(ROWS[i].id, API_2026_09, &args, ROWS[i].september);
    }
}

// An argument is a name, never a piece of path or query.
static void test_arguments_are_encoded(void **state)
{
    (void)state;
    static const struct {
        struct str type;
        const char *want;
    } ROWS[] = {
        {STR_INIT("2-123"), "/crm/objects/2026-09/2-123"},
        {STR_INIT("p1_Caf\xc3\xa9 bar"), "/crm/objects/2026-09/p1_Caf%C3%A9%20bar"},
        {STR_INIT("../../owners?x=1#y"), "/crm/objects/2026-09/..%2F..%2Fowners%3Fx%3D1%23y"},
        {STR_INIT("{version}"), "/crm/objects/2026-09/%7Bversion%7D"},
        {STR_INIT("a\r\nb\0c"), "/crm/objects/2026-09/a%0D%0Ab%00c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        check_path(HUBSPOT_OBJECT_LIST, API_2026_09, &(struct endpoint_args){.type = ROWS[i].type},
                   ROWS[i].want);
    }
    check_path(HUBSPOT_ASSOC_BATCH_READ, API_LEGACY,
               &(struct endpoint_args){.from = STR("a/b"), .to = STR("c d")},
               "/crm/v4/associations/a%2Fb/c%20d/batch/read");
}

static void test_facts(void **state)
{
    (void)state;
    for (int i = 0; i < HUBSPOT_ENDPOINT_COUNT; i++) {
        const struct endpoint *e = endpoint_info((enum hubspot_endpoint)i);
        check_row(e->name[0] != '\0' && e->page_max > 0 && e->scope, e->name);
        check_row(e->legacy_path[0] == '/' && e->dated_path[0] == '/', e->name);
        check_row(e->repeat == REPEAT_READ, e->name); // all of these only look
        check_row((e->budget == BUDGET_SEARCH) == (i == HUBSPOT_OBJECT_SEARCH), e->name);
        bool post =
            i == HUBSPOT_TOKEN_INFO || strstr(e->name, "BATCH") || strstr(e->name, "SEARCH");
        check_row(e->method == (post ? HTTP_POST : HTTP_GET), e->name);
    }
    // What HubSpot documents as the most a call gives or takes.
    assert_int_equal(endpoint_info(HUBSPOT_OBJECT_LIST)->page_max, 100);
    assert_int_equal(endpoint_info(HUBSPOT_OBJECT_BATCH_READ)->page_max, 100);
    assert_int_equal(endpoint_info(HUBSPOT_OBJECT_SEARCH)->page_max, 200);
    assert_int_equal(endpoint_info(HUBSPOT_ASSOC_BATCH_READ)->page_max, 1000);
}

static void test_versions(void **state)
{
    (void)state;
    for (int i = 0; i < API_VERSION_COUNT; i++) {
        enum api_version v = API_VERSION_COUNT;
        assert_true(api_version_parse(str_from(api_version_name((enum api_version)i)), &v));
        assert_int_equal(v, i);
    }
    static const char *const WRONG[] = {"",         "v3",     "2026",   "2026-9",
                                        "2026-091", "LEGACY", " legacy"};
    for (size_t i = 0; i < ARRAY_LEN(WRONG); i++) {
        enum api_version v = API_2026_03;
        check_row(!api_version_parse(str_from(WRONG[i]), &v) && v == API_2026_03, WRONG[i]);
    }
}

static void path_without_its_argument(void)
{
    struct buf out;
    buf_init(&out, 4096);
    endpoint_path(&out, HUBSPOT_OBJECT_LIST, API_LEGACY, &(struct endpoint_args){0});
}

static void test_misuse(void **state)
{
    (void)state;
    check_aborts(path_without_its_argument);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_paths),  cmocka_unit_test(test_arguments_are_encoded),
        cmocka_unit_test(test_facts),  cmocka_unit_test(test_versions),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
