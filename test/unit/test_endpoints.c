#include "check.h"

#include "core/timestamp.h"
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

// A path of each family in every version, as HubSpot documents them. That all legacy paths are
// those of HubSpot's own client is checked end to end.
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
        {HUBSPOT_OBJECT_GET, "/crm/v3/objects/contacts/7", "/crm/objects/2026-03/contacts/7",
         "/crm/objects/2026-09/contacts/7"},
        {HUBSPOT_OBJECT_BATCH_READ, "/crm/v3/objects/contacts/batch/read",
         "/crm/objects/2026-03/contacts/batch/read", "/crm/objects/2026-09/contacts/batch/read"},
        {HUBSPOT_OBJECT_SEARCH, "/crm/v3/objects/contacts/search",
         "/crm/objects/2026-03/contacts/search", "/crm/objects/2026-09/contacts/search"},
        {HUBSPOT_PROPERTIES, "/crm/v3/properties/contacts", "/crm/properties/2026-03/contacts",
         "/crm/properties/2026-09/contacts"},
        {HUBSPOT_PROPERTY_GROUP_GET, "/crm/v3/properties/contacts/groups/n",
         "/crm/properties/2026-03/contacts/groups/n", "/crm/properties/2026-09/contacts/groups/n"},
        {HUBSPOT_OWNERS, "/crm/v3/owners", "/crm/owners/2026-03", "/crm/owners/2026-09"},
        {HUBSPOT_STAGE_GET, "/crm/v3/pipelines/contacts/p/stages/7",
         "/crm/pipelines/2026-03/contacts/p/stages/7",
         "/crm/pipelines/2026-09/contacts/p/stages/7"},
        {HUBSPOT_ASSOC_PUT, "/crm/v4/objects/deals/7/associations/companies/8",
         "/crm/objects/2026-03/deals/7/associations/companies/8",
         "/crm/objects/2026-09/deals/7/associations/companies/8"},
        {HUBSPOT_ASSOC_BATCH_READ, "/crm/v4/associations/deals/companies/batch/read",
         "/crm/associations/2026-03/deals/companies/batch/read",
         "/crm/associations/2026-09/deals/companies/batch/read"},
        {HUBSPOT_SCHEMA_GET, "/crm-object-schemas/v3/schemas/contacts",
         "/crm-object-schemas/2026-03/schemas/contacts",
         "/crm-object-schemas/2026-09/schemas/contacts"},
        {HUBSPOT_LIST_MEMBERS_BY_JOIN, "/crm/v3/lists/7/memberships/join-order",
         "/crm/lists/2026-03/7/memberships/join-order",
         "/crm/lists/2026-09/7/memberships/join-order"},
        {HUBSPOT_EXPORT_STATUS, "/crm/v3/exports/export/async/tasks/7/status",
         "/crm/exports/2026-03/export/async/tasks/7/status",
         "/crm/exports/2026-09/export/async/tasks/7/status"},
        {HUBSPOT_WEBHOOK_GET, "/webhooks/v3/5/subscriptions/7",
         "/app-webhooks/2026-03/5/subscriptions/7", "/app-webhooks/2026-09/5/subscriptions/7"},
        // These have no dated form.
        {HUBSPOT_FORM_GET, "/marketing/v3/forms/7", "/marketing/v3/forms/7",
         "/marketing/v3/forms/7"},
        {HUBSPOT_FORM_SUBMISSIONS, "/form-integrations/v1/submissions/forms/7",
         "/form-integrations/v1/submissions/forms/7", "/form-integrations/v1/submissions/forms/7"},
        {HUBSPOT_EMAIL_EVENTS, "/email/public/v1/events", "/email/public/v1/events",
         "/email/public/v1/events"},
    };
    static const struct endpoint_arg NAMED[] = {{STR_INIT("to_id"), STR_INIT("8")},
                                                {STR_INIT("name"), STR_INIT("n")},
                                                {STR_INIT("pipeline"), STR_INIT("p")},
                                                {STR_INIT("app"), STR_INIT("5")}};
    const struct endpoint_args args = {.type = STR("contacts"),
                                       .from = STR("deals"),
                                       .to = STR("companies"),
                                       .id = STR("7"),
                                       .named = NAMED,
                                       .n_named = ARRAY_LEN(NAMED)};
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

// The names between {} of a path, in their order, but for the version.
static void names_of(const char *path, struct buf *out)
{
    struct str rest = str_from(path);
    struct str part;
    while (str_next(&rest, '/', &part)) {
        if (str_starts(part, STR("{")) && !str_eq(part, STR("{version}"))) {
            buf_printf(out, "%.*s ", STR_ARG(part));
        }
    }
}

static void check_paths_agree(const struct endpoint *e)
{
    struct buf legacy;
    struct buf dated;
    buf_init(&legacy, 4096);
    buf_init(&dated, 4096);
    names_of(e->legacy_path, &legacy);
    check_row(e->legacy_path[0] == '/' && !strstr(e->legacy_path, "{version}"), e->name);
    if (e->dated_path) {
        names_of(e->dated_path, &dated);
        check_row(e->dated_path[0] == '/' && strstr(e->dated_path, "/{version}"), e->name);
        check_row(str_eq(buf_str(&legacy), buf_str(&dated)), e->name);
    }
    buf_done(&legacy);
    buf_done(&dated);
}

// What holds for every row.
static void test_rows(void **state)
{
    (void)state;
    for (enum hubspot_endpoint i = 0; i < HUBSPOT_ENDPOINT_COUNT; i++) {
        const struct endpoint *e = endpoint_info(i);
        check_row(e->name[0] != '\0' && e->page_max > 0 && e->scope, e->name);
        check_paths_agree(e);
        check_row((e->budget == BUDGET_SEARCH) == (i == HUBSPOT_OBJECT_SEARCH), e->name);
        check_row((e->budget == BUDGET_ASSOCIATIONS) ==
                      str_starts(str_from(e->name), STR("ASSOC_")),
                  e->name);
        check_row(e->method != HTTP_GET || e->repeat == REPEAT_READ, e->name);
        bool by_key = e->method == HTTP_PUT || e->method == HTTP_PATCH || e->method == HTTP_DELETE;
        check_row(!by_key || e->repeat == REPEAT_IDEMPOTENT, e->name);
        check_row(!strstr(e->name, "CREATE") || e->repeat == REPEAT_NEVER ||
                      i == HUBSPOT_ASSOC_BATCH_CREATE,
                  e->name);
        check_row(strstr(e->scope, ".write") == NULL || e->repeat != REPEAT_READ, e->name);
        for (enum hubspot_endpoint k = 0; k < i; k++) {
            const struct endpoint *other = endpoint_info(k);
            check_row(e->method != other->method || strcmp(e->legacy_path, other->legacy_path) != 0,
                      e->name);
        }
        enum hubspot_endpoint found = HUBSPOT_ENDPOINT_COUNT;
        check_row(endpoint_find(str_from(e->name), &found) && found == i, e->name);
    }
    enum hubspot_endpoint found = HUBSPOT_OWNERS;
    assert_true(endpoint_find(STR("object_list"), &found));
    assert_int_equal(found, HUBSPOT_OBJECT_LIST);
    assert_false(endpoint_find(STR("OBJECT"), &found));
    assert_false(endpoint_find(STR(""), &found));
}

// What HubSpot documents as the most a call gives or takes, and what may be repeated.
static void test_facts(void **state)
{
    (void)state;
    static const struct {
        enum hubspot_endpoint id;
        enum http_method method;
        enum repeat_class repeat;
        int page_max;
    } ROWS[] = {
        {HUBSPOT_OBJECT_LIST, HTTP_GET, REPEAT_READ, 100},
        {HUBSPOT_OBJECT_BATCH_READ, HTTP_POST, REPEAT_READ, 100},
        {HUBSPOT_OBJECT_SEARCH, HTTP_POST, REPEAT_READ, 200},
        {HUBSPOT_OBJECT_CREATE, HTTP_POST, REPEAT_NEVER, 1},
        {HUBSPOT_OBJECT_BATCH_CREATE, HTTP_POST, REPEAT_NEVER, 100},
        {HUBSPOT_OBJECT_BATCH_UPSERT, HTTP_POST, REPEAT_IDEMPOTENT, 100},
        {HUBSPOT_OBJECT_MERGE, HTTP_POST, REPEAT_NEVER, 1},
        {HUBSPOT_OWNERS, HTTP_GET, REPEAT_READ, 500},
        {HUBSPOT_TOKEN_INFO, HTTP_POST, REPEAT_READ, 1},
        {HUBSPOT_ASSOC_LIST, HTTP_GET, REPEAT_READ, 500},
        {HUBSPOT_ASSOC_BATCH_READ, HTTP_POST, REPEAT_READ, 1000},
        {HUBSPOT_ASSOC_BATCH_CREATE, HTTP_POST, REPEAT_IDEMPOTENT, 2000},
        {HUBSPOT_LIST_SEARCH, HTTP_POST, REPEAT_READ, 500},
        {HUBSPOT_LIST_MEMBERS, HTTP_GET, REPEAT_READ, 250},
        {HUBSPOT_LIST_MEMBERS_ADD, HTTP_PUT, REPEAT_IDEMPOTENT, 100000},
        {HUBSPOT_LIST_ID_MAP, HTTP_POST, REPEAT_READ, 10000},
        {HUBSPOT_FORM_SUBMISSIONS, HTTP_GET, REPEAT_READ, 50},
        {HUBSPOT_EMAIL_EVENTS, HTTP_GET, REPEAT_READ, 1000},
        {HUBSPOT_EXPORT_START, HTTP_POST, REPEAT_NEVER, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        const struct endpoint *e = endpoint_info(ROWS[i].id);
        check_row(e->method == ROWS[i].method && e->repeat == ROWS[i].repeat &&
                      e->page_max == ROWS[i].page_max,
                  e->name);
    }
}

static void test_ends(void **state)
{
    (void)state;
    static const struct {
        enum hubspot_endpoint id;
        enum api_version version;
        const char *date, *first_instant;
    } ROWS[] = {
        {HUBSPOT_OBJECT_LIST, API_LEGACY, "2027-09", "2027-09-01T00:00:00Z"},
        {HUBSPOT_OBJECT_LIST, API_2026_03, "2027-09-30", "2027-09-30T00:00:00Z"},
        {HUBSPOT_OBJECT_LIST, API_2026_09, "2028-03-08", "2028-03-08T00:00:00Z"},
        {HUBSPOT_ASSOC_LIST, API_LEGACY, "2027-03-30", "2027-03-30T00:00:00Z"},
        {HUBSPOT_ASSOC_LIST, API_2026_09, "2028-03-08", "2028-03-08T00:00:00Z"},
        // What has no dated form ends as the legacy one does.
        {HUBSPOT_FORMS, API_2026_09, "2027-09", "2027-09-01T00:00:00Z"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct endpoint_end end = endpoint_end(ROWS[i].id, ROWS[i].version);
        int64_t at_ms = 0;
        assert_true(timestamp_parse(str_from(ROWS[i].first_instant), &at_ms));
        assert_string_equal(end.date, ROWS[i].date);
        assert_int_equal(end.at_ms, at_ms);
        assert_int_equal(end.kind, END_UNSUPPORTED);
    }
}

static void check_args(enum hubspot_endpoint id, const struct endpoint_args *args,
                       const char *complaint)
{
    struct error err = {0};
    bool ok = endpoint_args_check(id, args, &err);
    check_row(ok == (complaint == NULL), complaint ? complaint : err.message);
    if (complaint) {
        check_row(err.code == ERR_USAGE && strstr(err.message, complaint), err.message);
    }
}

static void test_arguments_are_checked(void **state)
{
    (void)state;
    const struct endpoint_arg misspelt = {STR("typ"), STR("deals")};
    const struct endpoint_arg unknown = {STR("pipeline"), STR("1")};
    const struct endpoint_arg empty = {STR("id"), STR("")};
    const struct endpoint_arg version = {STR("version"), STR("2025-09")};
    check_args(HUBSPOT_OWNERS, &(struct endpoint_args){0}, NULL);
    check_args(HUBSPOT_OBJECT_GET, &(struct endpoint_args){.type = STR("a"), .id = STR("1")}, NULL);
    check_args(HUBSPOT_OBJECT_GET, &(struct endpoint_args){.type = STR("a")}, "needs id=");
    check_args(HUBSPOT_OBJECT_GET, &(struct endpoint_args){.id = STR("1")}, "needs type=");
    check_args(HUBSPOT_OBJECT_LIST, &(struct endpoint_args){.named = &misspelt, .n_named = 1},
               "did you mean \"type\"?");
    check_args(HUBSPOT_OBJECT_LIST,
               &(struct endpoint_args){.type = STR("a"), .named = &unknown, .n_named = 1},
               "no argument \"pipeline\"");
    check_args(HUBSPOT_OBJECT_LIST,
               &(struct endpoint_args){.type = STR("a"), .named = &version, .n_named = 1},
               "no argument \"version\"");
    // A named one wins, an empty one too.
    check_args(
        HUBSPOT_OBJECT_GET,
        &(struct endpoint_args){.type = STR("a"), .id = STR("1"), .named = &empty, .n_named = 1},
        "needs id=");
    check_args(HUBSPOT_OBJECT_LIST, &(struct endpoint_args){.type = STR("..")}, "no path can hold");
    check_args(HUBSPOT_OBJECT_LIST, &(struct endpoint_args){.type = STR(".")}, "no path can hold");
    check_args(HUBSPOT_OBJECT_LIST, &(struct endpoint_args){.type = STR("...")}, NULL);
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
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_arguments_are_encoded),
        cmocka_unit_test(test_arguments_are_checked),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_misuse),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
