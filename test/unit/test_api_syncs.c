// Integrations, ELT syncs and what they load, through the API.
#include "test_api_scene.h"

#include "core/timestamp.h"
#include "store/destinations.h"

#include <pthread.h>

#define CREATE(schema, more)                                                                       \
    "{\"connection_id\":\"main\",\"destination_schema_name\":\"" schema                            \
    "\",\"sync_interval\":\"0 */6 * * *\"" more "}"

// ---- integrations and what comes later

static void test_integrations(struct place *p)
{
    struct scene *s = scene_open(p);
    static const struct {
        const char *query, *id;
        bool start_date;
    } rows[] = {{"", "hubspot-v2", true},
                {"?ability=EltSource", "hubspot-v2", true},
                {"?ability=ReverseEtlDestination", "hubspot", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json page =
            scene_expect(s, 200, "GET", scene_text(s, "/integrations%s", rows[i].query), NULL);
        assert_false(field_bool(page, "has_more"));
        assert_false(has_field(page, "next_cursor"));
        assert_int_equal(json_count(field(page, "data")), 1);
        struct json one = item(field(page, "data"), 0);
        assert_string_equal(field_text(s, one, "id"), rows[i].id);
        assert_int_equal(field_bool(one, "supports_start_date"), rows[i].start_date);
        assert_int_equal(json_count(field(one, "abilities")), 1);
    }
    scene_refused(s, 400, "GET", "/integrations?ability=Flying", NULL, "ability");
    scene_close(s);
}

static void test_what_comes_later(struct place *p)
{
    struct scene *s = scene_open(p);
    size_t n = 0;
    for (size_t i = 0; i < API_ROUTES_LATER.n; i++) {
        const struct api_route *r = &API_ROUTES_LATER.rows[i];
        char path[256];
        size_t len = 0;
        for (const char *at = r->path; *at; at++) { // {id} is as good an id as any
            len += (size_t)snprintf(path + len, sizeof path - len, "%s",
                                    *at == '{' || *at == '}' ? "" : (char[]){*at, '\0'});
        }
        struct json e =
            scene_expect(s, 501, r->method, path, strcmp(r->method, "GET") == 0 ? NULL : "{}");
        assert_string_equal(field_text(s, e, "error_code"), "not_implemented");
        check_contains(field_text(s, e, "message"), r->tag);
        n++;
    }
    assert_int_equal(n, 41);
    scene_close(s);
}

// ---- making syncs

static void test_a_sync_is_made(struct place *p)
{
    struct scene *s = scene_open(p);
    struct json v = scene_expect(
        s, 201, "POST", "/elt_syncs",
        CREATE("  hub spot \\u00e9\\\"; DROP TABLE x;-- ",
               ",\"elt_settings\":{\"share\":0.5},\"start_date\":\"2020-01-01\",\"unknown\":[1]"));
    assert_true(field_text(s, v, "id")[13] != '\0');
    check_str(s->account_id, field_text(s, v, "account_id"));
    assert_string_equal(field_text(s, v, "source_connection_id"), "main");
    assert_string_equal(field_text(s, v, "source_integration_id"), "hubspot-v2");
    check_str(s->destination_id, field_text(s, v, "destination_connection_id"));
    assert_string_equal(field_text(s, v, "destination_integration_id"), "sqlite");
    assert_string_equal(field_text(s, v, "destination_schema_name"),
                        "hub spot \xc3\xa9\"; DROP TABLE x;--");
    assert_string_equal(field_text(s, v, "sync_interval"), "0 */6 * * *");
    assert_string_equal(field_text(s, v, "start_date"), "2020-01-01T00:00:00.000Z");
    assert_string_equal(field_text(s, v, "status"), "NOT_STARTED");
    assert_false(field_bool(v, "enabled"));
    assert_int_equal(json_count(field(v, "source_streams")), 0);
    assert_int_equal(json_type(field(v, "source_streams")), JSON_ARRAY);
    double share = 0;
    assert_true(json_double(field(field(field(v, "config"), "sourceSettings"), "share"), &share));
    assert_true(share > 0.49 && share < 0.51);
    assert_false(has_field(v, "orchestration_workflow_id"));
    assert_false(has_field(v, "next_run_at"));
    // What is not set is left out, and settings are an object all the same.
    v = scene_expect(s, 201, "POST", "/elt_syncs",
                     CREATE("two", ",\"elt_settings\":\"\",\"start_date\":\"\",\"destination_id\":"
                                   "\"\""));
    assert_false(has_field(v, "start_date"));
    assert_int_equal(json_count(field(field(v, "config"), "sourceSettings")), 0);
    assert_int_equal(json_type(field(field(v, "config"), "sourceSettings")), JSON_OBJECT);
    v = scene_expect(s, 201, "POST", "/elt_syncs",
                     CREATE("three", ",\"start_date\":\"2024-05-06T07:08:09.010Z\""));
    assert_string_equal(field_text(s, v, "start_date"), "2024-05-06T07:08:09.010Z");
    scene_close(s);
}

#define FOUR "1234567890123456"

// A caller's "now" may be ahead of this server's, by its clock or its time zone.
static void test_a_start_that_is_just_ahead(struct place *p)
{
    static const struct {
        int64_t ahead_ms;
        int status;
    } ROWS[] = {{1000, 201}, {INT64_C(23) * 3600 * 1000, 201}, {INT64_C(25) * 3600 * 1000, 400}};
    struct scene *s = scene_open(p);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char at[TIMESTAMP_TEXT_MAX];
        struct error err;
        int64_t now_ms = 0;
        must(store_now_ms(p->store, &now_ms, &err), &err);
        assert_true(timestamp_format(now_ms + ROWS[i].ahead_ms, at));
        const char *body = scene_text(s,
                                      "{\"connection_id\":\"main\",\"destination_schema_name\":"
                                      "\"ahead%zu\",\"sync_interval\":\"@daily\",\"start_date\":"
                                      "\"%s\"}",
                                      i, at);
        (void)scene_expect(s, ROWS[i].status, "POST", "/elt_syncs", body);
    }
    scene_close(s);
}

static void test_what_cannot_be_made(struct place *p)
{
    struct scene *s = scene_open(p);
    static const struct {
        int status;
        const char *body, *says;
    } rows[] = {
        {400, "{}", "connection_id"},
        {400, "[]", "object"},
        {400, "{\"connection_id\":1}", "connection_id"},
        {400,
         "{\"connection_id\":\"nobody\",\"destination_schema_name\":\"x\",\"sync_interval\":"
         "\"@daily\"}",
         "connection_id is 'nobody'"},
        {400,
         "{\"connection_id\":\"../x y\",\"destination_schema_name\":\"x\",\"sync_interval\":"
         "\"@daily\"}",
         "connection_id"},
        {400, "{\"connection_id\":\"main\",\"sync_interval\":\"@daily\"}",
         "destination_schema_name"},
        {400, "{\"connection_id\":\"main\",\"destination_schema_name\":\"x\"}", "sync_interval"},
        {400, CREATE("   ", ""), "destination_schema_name"},
        {400, CREATE(FOUR FOUR FOUR FOUR, ""), "destination_schema_name"},
        {400, CREATE("a\\u0000b", ""), "destination_schema_name"},
        {400, CREATE("../up", ""), "destination_schema_name"},
        {400, CREATE(".hidden", ""), "destination_schema_name"},
        {400, CREATE("a/b", ""), "destination_schema_name"},
        {400,
         "{\"connection_id\":\"main\",\"destination_schema_name\":\"x\",\"sync_interval\":"
         "\"61 * * * *\"}",
         "sync_interval"},
        {400,
         "{\"connection_id\":\"main\",\"destination_schema_name\":\"x\",\"sync_interval\":"
         "\"* * * *\"}",
         "sync_interval"},
        {400, CREATE("x", ",\"elt_settings\":[1]"), "elt_settings"},
        {400, CREATE("x", ",\"elt_settings\":{\"shar\":0.5}"), "elt_settings"},
        {400, CREATE("x", ",\"elt_settings\":{\"time_zone\":\"Mars/Base\"}"), "time_zone"},
        {400, CREATE("x", ",\"start_date\":\"2999-01-01\""), "start_date lies more than a day"},
        {400, CREATE("x", ",\"start_date\":\"yesterday\""), "start_date"},
        {400, CREATE("x", ",\"start_date\":7"), "start_date"},
        {400, CREATE("x", ",\"destination_id\":\"AAAAAAAAAAAAAA\""), "destination_id"},
        {400, CREATE("x", ",\"destination_id\":\"' OR 1=1\""), "destination_id"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        scene_refused(s, rows[i].status, "POST", "/elt_syncs", rows[i].body, rows[i].says);
    }
    // A field is named once.
    struct json refusal =
        scene_expect(s, 400, "POST", "/elt_syncs", CREATE("x", ",\"elt_settings\":{\"shar\":0.5}"));
    const char *message = field_text(s, refusal, "message");
    assert_int_equal(strncmp(message, "elt_settings.shar: ", 19), 0);
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_sync"), 0);
    scene_close(s);
}

static void test_schemas_do_not_mix_and_syncs_are_bounded(struct place *p)
{
    struct scene *s = scene_open(p);
    (void)scene_sync(s, "s1");
    place_fill_syncs(p, SYNCS_PER_CONNECTION_MAX);
    scene_refused(s, 409, "POST", "/elt_syncs", CREATE("more", ""), "main");
    scene_refused(s, 409, "POST", "/elt_syncs",
                  "{\"connection_id\":\"other\",\"destination_schema_name\":\"s1\","
                  "\"sync_interval\":\"@daily\"}",
                  "s1");
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_sync"), SYNCS_PER_CONNECTION_MAX);
    scene_close(s);
}

static const char *one_file_body(struct scene *s, const char *connection, int number,
                                 const char *destination_id)
{
    return scene_text(s,
                      "{\"connection_id\":\"%s\",\"destination_schema_name\":\"s%d\","
                      "\"sync_interval\":\"@daily\",\"destination_id\":\"%s\"}",
                      connection, number, destination_id);
}

// Whatever names are given: they are all the same tables.
static void test_a_file_is_one_schema(struct place *p)
{
    struct scene *s = scene_open(p);
    struct stored_destination d = {.account_id = s->account_id};
    struct error err;
    struct secret *url = secret_create(str_from(scene_text(s, "sqlite:%s/one.db", p->root)));
    must(stored_destination_create(p->store, p->sealing, url, &d, &p->arena, &err), &err);
    secret_destroy(url);
    (void)scene_sync(s, "s0");
    struct json first =
        scene_expect(s, 201, "POST", "/elt_syncs", one_file_body(s, "main", 1, d.id.ptr));
    struct json second =
        scene_expect(s, 201, "POST", "/elt_syncs", one_file_body(s, "main", 2, d.id.ptr));
    scene_refused(s, 409, "POST", "/elt_syncs", one_file_body(s, "other", 3, d.id.ptr),
                  "connection other");
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_sync"), 3);
    (void)scene_stream(s, field_text(s, first, "id"), "contacts");
    scene_refused(s, 409, "POST",
                  scene_text(s, "/elt_syncs/%s/source_streams", field_text(s, second, "id")),
                  "{\"source_streams\":[{\"name\":\"deals\"},{\"name\":\"contacts\"}]}",
                  field_text(s, first, "id"));
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_stream"), 1);
    scene_close(s);
}

// ---- several syncs in one schema

#define WITH(setting) CREATE("crm", ",\"elt_settings\":{" setting "}")

static void test_syncs_of_a_schema_agree_about_its_columns(struct place *p)
{
    struct scene *s = scene_open(p);
    struct json first =
        scene_expect(s, 201, "POST", "/elt_syncs", WITH("\"metadata_columns\":\"weld\""));
    const char *id = field_text(s, first, "id");
    struct json e = scene_expect(s, 409, "POST", "/elt_syncs", WITH("\"share\":0.5"));
    check_contains(field_text(s, e, "message"), "elt_settings.metadata_columns");
    check_contains(field_text(s, e, "message"), id);
    assert_string_equal(field_text(s, e, "error_code"), "conflict");
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_sync"), 1);
    // Alone, it may have others; what says nothing of columns may differ.
    const char *path = scene_text(s, "/elt_syncs/%s", id);
    (void)scene_expect(s, 200, "POST", path, "{\"elt_settings\":{\"share\":0.7}}");
    struct json second = scene_expect(s, 201, "POST", "/elt_syncs", WITH("\"share\":0.5"));
    scene_refused(s, 409, "POST", path, "{\"elt_settings\":{\"metadata_columns\":\"weld\"}}",
                  field_text(s, second, "id"));
    (void)scene_expect(s, 200, "POST", path,
                       "{\"elt_settings\":{\"metadata_columns\":\"sluice\",\"share\":0.1}}");
    (void)scene_expect(s, 200, "POST", path, "{\"sync_interval\":\"@hourly\"}");
    scene_close(s);
}

struct creator {
    struct scene *scene;
    const char *connection;
    int statuses[16];
};

static void *create_again_and_again(void *user)
{
    struct creator *c = user;
    struct http_client *client = scene_client();
    for (size_t i = 0; i < ARRAY_LEN(c->statuses); i++) {
        char body[256];
        snprintf(body, sizeof body,
                 "{\"connection_id\":\"%s\",\"destination_schema_name\":\"same%zu\","
                 "\"sync_interval\":\"@daily\"}",
                 c->connection, i);
        c->statuses[i] = scene_status(c->scene, client, "POST", "/elt_syncs", body);
    }
    http_client_destroy(client);
    return NULL;
}

static void test_of_two_that_make_the_same_one_wins(struct place *p)
{
    struct scene *s = scene_open_on(p, clock_system());
    struct creator creators[2] = {{.scene = s, .connection = "main"},
                                  {.scene = s, .connection = "other"}};
    pthread_t threads[2];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, create_again_and_again, &creators[i]),
                         0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < ARRAY_LEN(creators[0].statuses); i++) {
        int a = creators[0].statuses[i];
        int b = creators[1].statuses[i];
        assert_true((a == 201 && b == 409) || (a == 409 && b == 201));
    }
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_sync"),
                     ARRAY_LEN(creators[0].statuses));
    scene_close(s);
}

// ---- lists

// Whether `next` stands behind `former` in a list that begins with the newest.
static bool is_behind(struct scene *s, struct json former, struct json next)
{
    int by_time = strcmp(field_text(s, next, "created_at"), field_text(s, former, "created_at"));
    return by_time < 0 ||
           (by_time == 0 && strcmp(field_text(s, next, "id"), field_text(s, former, "id")) < 0);
}

static void test_lists_are_paged(struct place *p)
{
    struct scene *s = scene_open(p);
    for (int i = 0; i < 25; i++) { // three were made in the same instant each
        place_run(p, scene_text(s, "UPDATE elt_sync SET created_ms = %d WHERE id = '%s'",
                                1000000 + i / 3, scene_sync(s, scene_text(s, "s%d", i))));
    }
    static const size_t SIZES[] = {10, 10, 5};
    const char *after = "";
    struct json former = {NULL, 0};
    for (size_t page = 0; page < 3; page++) {
        struct json list = scene_expect(
            s, 200, "GET", scene_text(s, "/elt_syncs?limit=10&starting_after=%s", after), NULL);
        size_t n = json_count(field(list, "data"));
        assert_int_equal(n, SIZES[page]);
        for (size_t i = 0; i < n; i++) {
            struct json one = item(field(list, "data"), i);
            assert_true(!former.doc || is_behind(s, former, one));
            former = one;
        }
        assert_int_equal(field_bool(list, "has_more"), page < 2);
        assert_int_equal(has_field(list, "next_cursor"), page < 2);
        if (page < 2) {
            after = field_text(s, list, "next_cursor");
            // The sync that the cursor stands on goes, and the list goes on behind it.
            (void)scene_expect(s, 204, "DELETE",
                               scene_text(s, "/elt_syncs/%s", field_text(s, former, "id")), NULL);
        }
    }
    struct json list = scene_expect(s, 200, "GET", "/elt_syncs", NULL);
    assert_int_equal(json_count(field(list, "data")), 10);
    list = scene_expect(s, 200, "GET", "/elt_syncs?connection_id=other", NULL);
    assert_int_equal(json_count(field(list, "data")), 0);
    list = scene_expect(s, 200, "GET", "/elt_syncs?connection_id=main&limit=100", NULL);
    assert_int_equal(json_count(field(list, "data")), 23);
    scene_close(s);
}

static void test_lists_show_streams(struct place *p)
{
    static const char *const NAMES[] = {"contacts", "companies", "deals"};
    struct scene *s = scene_open(p);
    for (size_t i = 0; i < 3; i++) { // the i-th has i streams
        const char *id = scene_sync(s, scene_text(s, "%zu", i));
        for (size_t k = 0; k < i; k++) {
            (void)scene_expect(
                s, 201, "POST", scene_text(s, "/elt_syncs/%s/source_streams", id),
                scene_text(s, "{\"source_streams\":[{\"name\":\"%s\"}]}", NAMES[i - k]));
        }
    }
    struct json list = field(scene_expect(s, 200, "GET", "/elt_syncs", NULL), "data");
    assert_int_equal(json_count(list), 3);
    for (size_t i = 0; i < 3; i++) {
        struct json one = item(list, i);
        size_t n = (size_t)(field_text(s, one, "destination_schema_name")[0] - '0');
        struct json streams = field(one, "source_streams");
        assert_int_equal(json_count(streams), n);
        for (size_t k = 0; k < n; k++) {
            struct json stream = item(streams, k);
            assert_string_equal(field_text(s, stream, "name"), NAMES[n - k]);
            assert_string_equal(field_text(s, stream, "elt_sync_id"), field_text(s, one, "id"));
        }
    }
    scene_close(s);
}

static void test_hostile_places_are_refused(struct place *p)
{
    struct scene *s = scene_open(p);
    static const char *const PATHS[] = {"/elt_syncs", "/elt_streams"};
    static const char *const CURSORS[] = {
        "x", "AAAA", "%27%3B--", "LTF8YQ", "MTB8", "%C3%A9", "9999999999999999999999"};
    const char *sync_id = scene_sync(s, "s");
    (void)sync_id;
    for (size_t i = 0; i < ARRAY_LEN(PATHS); i++) {
        for (size_t j = 0; j < ARRAY_LEN(CURSORS); j++) {
            scene_refused(s, 400, "GET",
                          scene_text(s, "%s?starting_after=%s", PATHS[i], CURSORS[j]), NULL,
                          "starting_after");
        }
        static const char *const LIMITS[] = {"0", "101", "-1", "x", "1e1", "10%00"};
        for (size_t j = 0; j < ARRAY_LEN(LIMITS); j++) {
            scene_refused(s, 400, "GET", scene_text(s, "%s?limit=%s", PATHS[i], LIMITS[j]), NULL,
                          "limit");
        }
    }
    // What belongs to nobody's sync or connection is an empty list.
    static const char *const FILTERS[] = {"/elt_streams?elt_sync_id=AAAAAAAAAAAAAA",
                                          "/elt_streams?elt_sync_id=%27%20OR%201",
                                          "/elt_syncs?connection_id=%27%20OR%201"};
    for (size_t i = 0; i < ARRAY_LEN(FILTERS); i++) {
        struct json list = scene_expect(s, 200, "GET", FILTERS[i], NULL);
        assert_int_equal(json_count(field(list, "data")), 0);
    }
    scene_close(s);
}

static void try_ids(struct scene *s, const struct api_routes *routes)
{
    static const char *const IDS[] = {"AAAAAAAAAAAAAA",
                                      "x",
                                      "%00",
                                      "..",
                                      "%2e%2e%2fetc",
                                      "%27%3BDROP%20TABLE%20elt_sync",
                                      "%F0%9F%92%A5",
                                      "%ff%fe",
                                      "a%0d%0aX-Evil:1",
                                      "main",
                                      "-AAAAAAAAAAAAA",
                                      "QUFBQUFBQUFBQUFBQUF8MjAyNC0wMS0wMVQwMDowMDowMC4wMDBa"};
    for (size_t i = 0; i < routes->n; i++) {
        const struct api_route *r = &routes->rows[i];
        const char *at = strstr(r->path, "{id}");
        for (size_t j = 0; at && j < ARRAY_LEN(IDS); j++) {
            const char *path = scene_text(s, "%.*s%s%s", (int)(at - r->path), r->path, IDS[j],
                                          at + strlen("{id}"));
            const char *body = strstr(path, "source_streams")
                                   ? "{\"source_streams\":[{\"name\":\"deals\"}]}"
                                   : "{}";
            struct answer a =
                scene_call(s, r->method, path, strcmp(r->method, "GET") == 0 ? NULL : body);
            check_row(a.status == 404 || a.status == 400 || a.status == 405, path);
        }
    }
}

static void test_hostile_ids_find_nothing(struct place *p)
{
    struct scene *s = scene_open(p);
    (void)scene_sync(s, "s");
    try_ids(s, &API_ROUTES_SYNCS);
    try_ids(s, &API_ROUTES_STREAMS);
    try_ids(s, &API_ROUTES_RUNS);
    try_ids(s, &API_ROUTES_REQUESTS);
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_sync"), 1);
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_stream"), 0);
    scene_close(s);
}

// ---- changing

static void test_a_sync_is_changed(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *path = scene_text(s, "/elt_syncs/%s", scene_sync(s, "s"));
    struct json v = scene_expect(s, 200, "POST", path, "{\"sync_interval\":\"@hourly\"}");
    assert_string_equal(field_text(s, v, "sync_interval"), "@hourly");
    assert_false(has_field(v, "next_run_at"));
    v = scene_expect(s, 200, "PATCH", path,
                     "{\"elt_settings\":{\"time_zone\":\"Europe/Copenhagen\"},"
                     "\"destination_schema_name\":\"s\",\"connection_id\":\"main\"}");
    assert_string_equal(field_text(s, v, "sync_interval"), "@hourly");
    assert_string_equal(field_text(s, field(field(v, "config"), "sourceSettings"), "time_zone"),
                        "Europe/Copenhagen");
    v = scene_expect(s, 200, "POST", path, "{}");
    assert_int_equal(json_count(field(field(v, "config"), "sourceSettings")), 1);
    static const struct {
        const char *body, *says;
    } rows[] = {{"{\"sync_interval\":\"never\"}", "sync_interval"},
                {"{\"sync_interval\":5}", "sync_interval"},
                {"{\"elt_settings\":{\"x\":1}}", "elt_settings"},
                {"{\"destination_schema_name\":\"t\"}", "destination_schema_name"},
                {"{\"connection_id\":\"other\"}", "connection_id"}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        scene_refused(s, 400, "POST", path, rows[i].body, rows[i].says);
    }
    v = scene_expect(s, 200, "GET", path, NULL);
    assert_string_equal(field_text(s, v, "sync_interval"), "@hourly");
    scene_close(s);
}

static void test_a_new_interval_counts_at_once(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *path = scene_text(s, "/elt_syncs/%s", scene_sync(s, "s"));
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/enable", path), NULL);
    struct json v = scene_expect(s, 200, "POST", path, "{\"sync_interval\":\"@yearly\"}");
    check_contains(field_text(s, v, "next_run_at"), "-01-01T00:00:00.000Z");
    v = scene_expect(s, 200, "POST", path, "{\"elt_settings\":{\"time_zone\":\"Asia/Tokyo\"}}");
    check_contains(field_text(s, v, "next_run_at"), "-12-31T15:00:00.000Z");
    // What is overdue stays so.
    place_run(p, "UPDATE elt_sync SET next_due_ms = 1000");
    (void)scene_expect(s, 200, "POST", path, "{}");
    assert_int_equal(place_number(p, "SELECT next_due_ms FROM elt_sync"), 1000);
    scene_close(s);
}

static const char *status_of(struct scene *s, const char *path)
{
    return field_text(s, scene_expect(s, 200, "GET", path, NULL), "status");
}

static void test_status_follows_what_is_done(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *path = scene_text(s, "/elt_syncs/%s", scene_sync(s, "s"));
    assert_string_equal(status_of(s, path), "NOT_STARTED");
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/disable", path), NULL);
    assert_string_equal(status_of(s, path), "NOT_STARTED");
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/enable", path), NULL);
    struct json v = scene_expect(s, 200, "GET", path, NULL);
    assert_string_equal(field_text(s, v, "status"), "RUNNING");
    assert_true(field_bool(v, "enabled"));
    // Every six hours, on the hour, in UTC.
    const char *next = field_text(s, v, "next_run_at");
    check_contains(next, ":00:00.000Z");
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/enable", path), NULL);
    assert_string_equal(field_text(s, scene_expect(s, 200, "GET", path, NULL), "next_run_at"),
                        next);
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/stop", path), "{}");
    v = scene_expect(s, 200, "GET", path, NULL);
    assert_string_equal(field_text(s, v, "status"), "PAUSED");
    assert_false(field_bool(v, "enabled"));
    assert_false(has_field(v, "next_run_at"));
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/start", path), "");
    assert_string_equal(status_of(s, path), "RUNNING");
    place_run(p, "UPDATE connection SET state = 'needs_reauthorization' WHERE name = 'main'");
    assert_string_equal(status_of(s, path), "PAUSED");
    assert_int_equal(place_number(p, "SELECT count(*) FROM event WHERE kind = 'sync.enabled'"), 2);
    assert_int_equal(place_number(p, "SELECT count(*) FROM event WHERE kind = 'sync.disabled'"), 1);
    scene_close(s);
}

int main(void)
{
    static const struct place_test tests[] = {
        PLACE_FILE_TEST(test_integrations),
        PLACE_FILE_TEST(test_what_comes_later),
        PLACE_TEST(test_a_sync_is_made),
        PLACE_TEST(test_a_start_that_is_just_ahead),
        PLACE_TEST(test_what_cannot_be_made),
        PLACE_TEST(test_schemas_do_not_mix_and_syncs_are_bounded),
        PLACE_TEST(test_a_file_is_one_schema),
        PLACE_TEST(test_syncs_of_a_schema_agree_about_its_columns),
        PLACE_TEST(test_of_two_that_make_the_same_one_wins),
        PLACE_TEST(test_lists_are_paged),
        PLACE_TEST(test_lists_show_streams),
        PLACE_TEST(test_hostile_places_are_refused),
        PLACE_TEST(test_hostile_ids_find_nothing),
        PLACE_TEST(test_a_sync_is_changed),
        PLACE_TEST(test_a_new_interval_counts_at_once),
        PLACE_TEST(test_status_follows_what_is_done),
        PLACE_TESTS_END,
    };
    return place_run_both("syncs of the API", tests);
}
