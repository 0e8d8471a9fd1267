// What a sync loads, through the API.
#include "test_api_scene.h"

#include <pthread.h>
#include <unistd.h>

static void test_available_streams(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *path = scene_text(s, "/elt_syncs/%s", scene_sync(s, "s"));
    struct json list =
        scene_expect(s, 200, "GET", scene_text(s, "%s/available_source_streams", path), NULL);
    struct json old = scene_expect(s, 200, "GET", scene_text(s, "%s/source_streams", path), NULL);
    assert_false(field_bool(list, "has_more"));
    size_t n = json_count(field(list, "data"));
    assert_int_equal(json_count(field(old, "data")), n);
    assert_int_equal(json_count(field(old, "source_streams")), n);
    size_t preselected = 0;
    bool deals = false;
    for (size_t i = 0; i < n; i++) {
        struct json one = item(field(list, "data"), i);
        const char *name = field_text(s, one, "name");
        assert_true(field_bool(one, "is_selectable"));
        assert_false(field_bool(one, "retired"));
        preselected += field_bool(one, "preselect");
        assert_true(json_count(field(one, "missing_scopes")) > 0); // "a" and "b" are of no use
        if (strcmp(name, "deals") == 0) {
            deals = true;
            assert_int_equal(json_count(field(one, "sub_streams")), 2);
        }
        if (strcmp(name, "deal_contact") == 0) {
            assert_int_equal(json_count(field(one, "missing_scopes")), 2);
            assert_int_equal(json_type(field(one, "sub_streams")), JSON_ARRAY);
        }
    }
    assert_true(deals);
    assert_int_equal(preselected, 3);
    scene_close(s);
}

static void test_streams_are_put(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *path = scene_text(s, "/elt_syncs/%s/source_streams", scene_sync(s, "s"));
    // As older clients send it, with every field.
    struct json all = field(
        scene_expect(s, 201, "POST", path,
                     "{\"source_streams\":[{\"name\":\"Contact\",\"incremental_pointer_id\":\"\","
                     "\"excluded_columns\":[],\"hashed_columns\":[],\"full_sync_always\":false,"
                     "\"full_sync_at_midnight\":false,\"protected_from_full_sync\":false,"
                     "\"excluded_substreams\":[],\"enabled_history_table\":false},"
                     "{\"name\":\"DEALS\",\"incremental_pointer_id\":\"updated_at\","
                     "\"hashed_columns\":[\"email\"],\"excluded_columns\":[\"property_\\u00e9\"],"
                     "\"excluded_substreams\":[\"deal_stage\"],\"full_sync_at_midnight\":true},"
                     "{\"name\":\" contacts \"}]}"),
        "source_streams");
    assert_int_equal(json_count(all), 2);
    struct json contacts = item_named(s, all, "contacts");
    struct json deals = item_named(s, all, "deals");
    assert_string_equal(field_text(s, contacts, "name"), "contacts");
    assert_false(has_field(contacts, "incremental_pointer_id"));
    assert_false(has_field(contacts, "hashed_columns"));
    assert_int_equal(json_count(field(contacts, "excluded_substreams")), 0);
    assert_false(field_bool(contacts, "enabled_history_table"));
    assert_string_equal(field_text(s, deals, "incremental_pointer_id"), "updated_at");
    assert_int_equal(json_count(field(deals, "hashed_columns")), 1);
    assert_true(field_bool(deals, "full_sync_at_midnight"));
    // What is not given stays; what is given empty goes.
    all = field(scene_expect(s, 201, "POST", path,
                             "{\"source_streams\":[{\"name\":\"deal\",\"incremental_pointer_id\":"
                             "\"\",\"excluded_columns\":[],\"full_sync_always\":true,"
                             "\"enabled_history_table\":true}]}"),
                "source_streams");
    assert_int_equal(json_count(all), 2);
    struct json again = item_named(s, all, "deals");
    assert_string_equal(field_text(s, again, "id"), field_text(s, deals, "id"));
    assert_string_equal(field_text(s, again, "created_at"), field_text(s, deals, "created_at"));
    assert_false(has_field(again, "incremental_pointer_id"));
    assert_false(has_field(again, "excluded_columns"));
    assert_int_equal(json_count(field(again, "hashed_columns")), 1);
    assert_int_equal(json_count(field(again, "excluded_substreams")), 1);
    assert_true(field_bool(again, "full_sync_at_midnight"));
    assert_true(field_bool(again, "full_sync_always"));
    assert_true(field_bool(again, "enabled_history_table"));
    all = field(scene_expect(s, 201, "POST", path,
                             "{\"source_streams\":[{\"name\":\"deals\",\"full_sync_always\":false},"
                             "{\"name\":\"contacts\",\"enabled_history_table\":true},"
                             "{\"name\":\"contacts\",\"enabled_history_table\":false}]}"),
                "source_streams");
    assert_true(field_bool(item_named(s, all, "deals"), "enabled_history_table"));
    assert_false(field_bool(item_named(s, all, "contacts"), "enabled_history_table"));
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run"), 0);
    scene_close(s);
}

#define STREAM(fields) "{\"source_streams\":[{\"name\":\"companies\"},{" fields "}]}"

static void test_streams_that_cannot_be(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *path = scene_text(s, "/elt_syncs/%s/source_streams", scene_sync(s, "s"));
    static const struct {
        const char *body, *says;
    } rows[] = {
        {"{}", "source_streams"},
        {"{\"source_streams\":[]}", "source_streams"},
        {"{\"source_streams\":{}}", "source_streams"},
        {"{\"source_streams\":[7]}", "source_streams[0]"},
        {STREAM("\"name\":\"contatcs\""), "did you mean 'contacts'"},
        {STREAM("\"name\":\"\""), "source_streams[1].name"},
        {STREAM("\"name\":\"'; DROP TABLE x\""), "source_streams[1].name"},
        {STREAM("\"name\":\"deals\",\"full_sync_always\":\"yes\""), "full_sync_always"},
        {STREAM("\"name\":\"deals\",\"full_sync_always\":true,\"protected_from_full_sync\":true"),
         "contradict"},
        {STREAM("\"name\":\"deals\",\"full_sync_at_midnight\":true,\"protected_from_full_sync\":"
                "true"),
         "contradict"},
        {STREAM("\"name\":\"deals\",\"incremental_pointer_id\":\"amount\""),
         "incremental_pointer_id"},
        {STREAM("\"name\":\"owners\",\"incremental_pointer_id\":\"updated_at\""), "read whole"},
        {STREAM("\"name\":\"deals\",\"enabled_history_table\":1"), "enabled_history_table"},
        {STREAM("\"name\":\"deals\",\"excluded_columns\":[\"amount\",\"Deal_ID\"]"),
         "source_streams[1].excluded_columns[1]"},
        {STREAM("\"name\":\"deal_contact\",\"hashed_columns\":[\"contact_id\"]"), "key"},
        {STREAM("\"name\":\"calls\",\"excluded_columns\":[\"engagement_id\"]"), "key"},
        {STREAM("\"name\":\"pipelines\",\"excluded_columns\":[\"stage_id\"]"), "key"},
        {STREAM("\"name\":\"deals\",\"excluded_columns\":[\"\"]"), "excluded_columns"},
        {STREAM("\"name\":\"deals\",\"excluded_columns\":\"amount\""), "excluded_columns"},
        {STREAM("\"name\":\"deals\",\"excluded_substreams\":[\"deal_stages\"]"),
         "did you mean 'deal_stage'"},
        {STREAM("\"name\":\"companies\",\"excluded_substreams\":[\"deal_stage\"]"),
         "excluded_substreams"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        scene_refused(s, 400, "POST", path, rows[i].body, rows[i].says);
    }
    // Of a request that is refused nothing is kept.
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_stream"), 0);
    // A contradiction with what is there already is one, too.
    (void)scene_expect(
        s, 201, "POST", path,
        "{\"source_streams\":[{\"name\":\"deals\",\"protected_from_full_sync\":true}]}");
    scene_refused(s, 400, "POST", path,
                  "{\"source_streams\":[{\"name\":\"deals\",\"full_sync_always\":true}]}",
                  "contradict");
    scene_close(s);
}

// Lists are in the order in which streams were added, also of those added at one instant.
static void test_order_of_streams(struct place *p)
{
    static const char *const NAMES[] = {"tickets", "contacts", "owners", "deals", "companies"};
    struct scene *s = scene_open(p);
    const char *path = scene_text(s, "/elt_syncs/%s", scene_sync(s, "s"));
    const char *put = scene_text(s, "%s/source_streams", path);
    struct json v =
        scene_expect(s, 201, "POST", put,
                     "{\"source_streams\":[{\"name\":\"tickets\"},{\"name\":\"contacts\"},"
                     "{\"name\":\"owners\"},{\"name\":\"deals\"}]}");
    assert_int_equal(json_count(field(v, "streams")), 4); // the name that the list had before
    (void)scene_expect(s, 201, "POST", put,
                       "{\"source_streams\":[{\"name\":\"companies\"},{\"name\":\"contacts\"}]}");
    const char *const seen[] = {path, scene_text(s, "%s/status", path)};
    for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
        struct json all = field(scene_expect(s, 200, "GET", seen[i], NULL), "source_streams");
        assert_int_equal(json_count(all), ARRAY_LEN(NAMES));
        for (size_t j = 0; j < ARRAY_LEN(NAMES); j++) {
            assert_string_equal(field_text(s, item(all, j), "name"), NAMES[j]);
        }
    }
    v = scene_expect(s, 200, "GET", scene_text(s, "/elt_streams?elt_sync_id=%s", path + 11), NULL);
    for (size_t j = 0; j < ARRAY_LEN(NAMES); j++) { // newest first
        assert_string_equal(field_text(s, item(field(v, "data"), j), "name"),
                            NAMES[ARRAY_LEN(NAMES) - 1 - j]);
    }
    scene_close(s);
}

static void test_first_runs_are_asked_for(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *id = scene_sync(s, "s");
    const char *path = scene_text(s, "/elt_syncs/%s", id);
    (void)scene_stream(s, id, "contacts");
    (void)scene_stream(s, id, "deals");
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run"), 0);
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/enable", path), NULL);
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run WHERE active = 1"), 2);
    (void)scene_expect(
        s, 201, "POST", scene_text(s, "%s/source_streams", path),
        "{\"source_streams\":[{\"name\":\"owners\"},{\"name\":\"deals\"},{\"name\":\"owner\"}]}");
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run WHERE active = 1"), 3);
    // What has not begun is taken back.
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/disable", path), NULL);
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run WHERE active = 1"), 0);
    // Streams that have been loaded wait for the next tick.
    place_run(p, "UPDATE elt_stream SET last_completed_ms = 1, last_status = 'completed'");
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/enable", path), NULL);
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run WHERE active = 1"), 0);
    scene_close(s);
}

// ---- several syncs in one schema

static void test_a_stream_is_in_one_sync_of_a_schema(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *first = scene_sync(s, "s");
    const char *second = scene_sync(s, "s");
    const char *contacts = scene_stream(s, first, "contacts");
    struct json e =
        scene_expect(s, 409, "POST", scene_text(s, "/elt_syncs/%s/source_streams", second),
                     "{\"source_streams\":[{\"name\":\"deals\"},{\"name\":\"Contact\"}]}");
    assert_string_equal(field_text(s, e, "error_code"), "conflict");
    check_contains(field_text(s, e, "message"), "source_streams[1]");
    check_contains(field_text(s, e, "message"), "\"contacts\"");
    check_contains(field_text(s, e, "message"), first);
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_stream"), 1);
    // The list says beforehand what cannot be added, and who has it.
    struct json list =
        field(scene_expect(s, 200, "GET",
                           scene_text(s, "/elt_syncs/%s/available_source_streams", second), NULL),
              "data");
    assert_false(field_bool(item_named(s, list, "contacts"), "is_selectable"));
    assert_string_equal(field_text(s, item_named(s, list, "contacts"), "elt_sync_id"), first);
    assert_true(field_bool(item_named(s, list, "deals"), "is_selectable"));
    assert_false(has_field(item_named(s, list, "deals"), "elt_sync_id"));
    list = field(scene_expect(s, 200, "GET",
                              scene_text(s, "/elt_syncs/%s/available_source_streams", first), NULL),
                 "data");
    assert_true(field_bool(item_named(s, list, "contacts"), "is_selectable"));
    // Each shows its own, and one that is taken out of the one may go into the other.
    (void)scene_stream(s, second, "deals");
    struct json shown = scene_expect(s, 200, "GET", scene_text(s, "/elt_syncs/%s", first), NULL);
    assert_int_equal(json_count(field(shown, "source_streams")), 1);
    (void)scene_expect(s, 204, "DELETE", scene_text(s, "/elt_streams/%s", contacts), NULL);
    (void)scene_stream(s, second, "contacts");
    (void)scene_expect(s, 204, "DELETE", scene_text(s, "/elt_syncs/%s", second), NULL);
    (void)scene_stream(s, first, "contacts");
    scene_close(s);
}

// ---- two at once

struct adder {
    struct scene *scene;
    const char *const *paths; // one a round
    bool backwards;
    int statuses[12];
};

static void *add_again_and_again(void *user)
{
    static const char *const BODIES[] = {
        "{\"source_streams\":[{\"name\":\"contacts\"},{\"name\":\"deals\"}]}",
        "{\"source_streams\":[{\"name\":\"deals\"},{\"name\":\"contacts\"}]}"};
    struct adder *a = user;
    struct http_client *client = scene_client();
    for (size_t i = 0; i < ARRAY_LEN(a->statuses); i++) {
        a->statuses[i] = scene_status(a->scene, client, "POST", a->paths[i], BODIES[a->backwards]);
    }
    http_client_destroy(client);
    return NULL;
}

static void test_of_two_that_add_a_stream_one_wins(struct place *p)
{
    enum { ROUNDS = 12 };
    struct scene *s = scene_open_on(p, clock_system());
    const char *paths[2][ROUNDS];
    struct adder adders[2] = {{.scene = s, .paths = paths[0]},
                              {.scene = s, .paths = paths[1], .backwards = true}};
    pthread_t threads[2];
    for (size_t i = 0; i < ROUNDS; i++) {
        for (size_t k = 0; k < 2; k++) {
            paths[k][i] = scene_text(s, "/elt_syncs/%s/source_streams",
                                     scene_sync(s, scene_text(s, "round%zu", i)));
        }
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_again_and_again, &adders[i]), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        int a = adders[0].statuses[i];
        int b = adders[1].statuses[i];
        check_row((a == 201 && b == 409) || (a == 409 && b == 201),
                  scene_text(s, "%d and %d", a, b));
    }
    assert_int_equal(place_number(p, "SELECT count(*) FROM elt_stream"), 2 * ROUNDS);
    scene_close(s);
}

struct caller {
    struct scene *scene;
    const char *path;
    int status;
};

static void *hash_a_column(void *user)
{
    struct caller *c = user;
    struct http_client *client = scene_client();
    c->status = scene_status(c->scene, client, "POST", c->path,
                             "{\"source_streams\":[{\"name\":\"contacts\","
                             "\"hashed_columns\":[\"email\"]}]}");
    http_client_destroy(client);
    return NULL;
}

static void await_somebody_who_waits(struct place *p)
{
    struct sql *db = place_admin(p);
    struct sql_value waiting = sql_int(0);
    struct error err;
    for (int i = 0; i < 30000 && waiting.num == 0; i++) {
        usleep(1000);
        must(sql_once_int(db,
                          STR("SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'place_%'"
                              " AND wait_event_type = 'Lock'"),
                          NULL, 0, &waiting, &err),
             &err);
    }
    assert_int_equal(waiting.num, 1);
    sql_close(db);
}

// What another process is changing is not read before it is done.
static void test_changes_of_two_processes_both_stay(struct place *p)
{
    struct scene *s = scene_open_on(p, clock_system());
    const char *id = scene_sync(s, "s");
    struct caller c = {.scene = s, .path = scene_text(s, "/elt_syncs/%s/source_streams", id)};
    struct elt_stream stream;
    struct error err;
    pthread_t thread;
    const char *stream_id = scene_stream(s, id, "contacts");
    must(store_begin(p->store, &err), &err);
    must(elt_stream_find(p->store, s->account_id, str_from(stream_id), &p->arena, &stream, &err),
         &err);
    stream.full_sync_always = true;
    must(elt_stream_put(p->store, &stream, &p->arena, &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, hash_a_column, &c), 0);
    await_somebody_who_waits(p);
    must(store_end(p->store, true, &err), &err);
    pthread_join(thread, NULL);
    assert_int_equal(c.status, 201);
    struct json now =
        scene_expect(s, 200, "GET", scene_text(s, "/elt_streams/%s", stream_id), NULL);
    assert_true(field_bool(now, "full_sync_always"));
    assert_int_equal(json_count(field(now, "hashed_columns")), 1);
    scene_close(s);
}

int main(void)
{
    static const struct place_test tests[] = {
        PLACE_TEST(test_available_streams),
        PLACE_TEST(test_streams_are_put),
        PLACE_TEST(test_streams_that_cannot_be),
        PLACE_TEST(test_order_of_streams),
        PLACE_TEST(test_first_runs_are_asked_for),
        PLACE_TEST(test_a_stream_is_in_one_sync_of_a_schema),
        PLACE_TEST(test_of_two_that_add_a_stream_one_wins),
        PLACE_SERVER_TEST(test_changes_of_two_processes_both_stay),
        PLACE_TESTS_END,
    };
    return place_run_both("streams of syncs of the API", tests);
}
