// ELT streams, their runs and the request log, through the API. What workers do is done by hand, so
// nothing depends on time.
#include "test_api_scene.h"

#include "destination/destination.h"

static const char *enabled_stream(struct scene *s, const char **ret_sync)
{
    *ret_sync = scene_sync(s, "s");
    const char *id = scene_stream(s, *ret_sync, "contacts");
    place_run(s->place, "UPDATE elt_stream SET last_completed_ms = 1"); // no first run by itself
    (void)scene_expect(s, 204, "POST", scene_text(s, "/elt_syncs/%s/enable", *ret_sync), NULL);
    return id;
}

static struct json only(struct scene *s, const char *path)
{
    struct json page = scene_expect(s, 200, "GET", path, NULL);
    assert_int_equal(json_count(field(page, "data")), 1);
    return item(field(page, "data"), 0);
}

// ---- streams

static void test_streams_are_listed_and_removed(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *a = scene_sync(s, "a");
    const char *b = scene_sync(s, "b");
    const char *ids[3];
    ids[0] = scene_stream(s, a, "contacts");
    ids[1] = scene_stream(s, a, "deals");
    ids[2] = scene_stream(s, b, "deals");
    for (int i = 0; i < 3; i++) {
        place_run(p, scene_text(s, "UPDATE elt_stream SET created_ms = %d WHERE id = '%s'",
                                1000000 + i, ids[i]));
    }
    struct json list = scene_expect(s, 200, "GET", "/elt_streams?limit=2", NULL);
    assert_true(field_bool(list, "has_more"));
    assert_string_equal(field_text(s, item(field(list, "data"), 0), "id"), ids[2]);
    assert_string_equal(field_text(s, item(field(list, "data"), 1), "id"), ids[1]);
    struct json last = only(s, scene_text(s, "/elt_streams?limit=2&starting_after=%s",
                                          field_text(s, list, "next_cursor")));
    assert_string_equal(field_text(s, last, "id"), ids[0]);
    struct json of_b = only(s, scene_text(s, "/elt_streams?elt_sync_id=%s", b));
    assert_string_equal(field_text(s, of_b, "id"), ids[2]);
    const char *path = scene_text(s, "/elt_streams/%s", ids[1]);
    struct json one = scene_expect(s, 200, "GET", path, NULL);
    assert_string_equal(field_text(s, one, "elt_sync_id"), a);
    assert_string_equal(field_text(s, one, "name"), "deals");
    (void)scene_expect(s, 204, "DELETE", path, NULL);
    scene_refused(s, 404, "GET", path, NULL, ids[1]);
    scene_refused(s, 404, "DELETE", path, NULL, ids[1]);
    // An id of something else is none of a stream.
    scene_refused(s, 404, "GET", scene_text(s, "/elt_streams/%s", a), NULL, a);
    scene_refused(s, 404, "GET", scene_text(s, "/elt_syncs/%s", ids[0]), NULL, ids[0]);
    scene_close(s);
}

static void test_full_refreshes(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *id = scene_stream(s, scene_sync(s, "s"), "contacts");
    const char *path = scene_text(s, "/elt_streams/%s", id);
    const char *request = scene_text(s, "%s/request_full_refresh", path);
    static const char *const BODIES[] = {NULL, "", "{}", "{\"reset_history_table\":true}"};
    static const char WIPING[] = "reset_history_table_requested";
    for (size_t i = 0; i < ARRAY_LEN(BODIES); i++) {
        (void)scene_expect(s, 204, "POST", request, BODIES[i]);
        struct json marked = scene_expect(s, 200, "GET", path, NULL);
        assert_true(field_bool(marked, "full_refresh_requested"));
        assert_int_equal(has_field(marked, WIPING), i + 1 == ARRAY_LEN(BODIES));
        (void)scene_expect(s, 204, "POST", scene_text(s, "%s/cancel_full_refresh", path), NULL);
        struct json clear = scene_expect(s, 200, "GET", path, NULL);
        assert_false(has_field(clear, "full_refresh_requested") || has_field(clear, WIPING));
    }
    // The last request counts, also where it takes the wiping back.
    (void)scene_expect(s, 204, "POST", request, BODIES[3]);
    assert_true(field_bool(scene_expect(s, 200, "GET", path, NULL), WIPING));
    (void)scene_expect(s, 204, "POST", request, NULL);
    assert_false(has_field(scene_expect(s, 200, "GET", path, NULL), WIPING));
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run"), 0);
    scene_refused(s, 400, "POST", request, "{\"reset_history_table\":\"no\"}",
                  "reset_history_table");
    place_run(p, "UPDATE elt_stream SET protected_from_full_sync = 1");
    scene_refused(s, 400, "POST", request, NULL, "protected_from_full_sync");
    scene_close(s);
}

// ---- runs

static void test_a_run_from_request_to_end(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *sync;
    const char *id = enabled_stream(s, &sync);
    const char *request = scene_text(s, "/elt_streams/%s/request_run", id);
    const char *status_url =
        field_text(s, scene_expect(s, 200, "POST", request, NULL), "status_url");
    assert_true(str_starts(str_from(status_url), STR("/elt_stream_runs?elt_stream_id=")));
    check_contains(status_url, "&limit=1&sort_direction=asc");
    // It has not begun: the list is empty, the status says so, and a second one is not possible.
    struct json page = scene_expect(s, 200, "GET", status_url, NULL);
    assert_int_equal(json_count(field(page, "data")), 0);
    assert_false(field_bool(page, "has_more"));
    struct json conflict = scene_expect(s, 409, "POST", request, NULL);
    const char *run_id = field_text(s, conflict, "active_run_id");
    assert_string_equal(field_text(s, conflict, "error_code"), "conflict");
    struct json waits =
        scene_expect(s, 200, "GET", scene_text(s, "/elt_stream_runs/%s", run_id), NULL);
    assert_string_equal(field_text(s, waits, "status"), "RUNNING");
    assert_string_equal(field_text(s, waits, "state"), "SCHEDULED");
    struct stream_run_row run = scene_begin_run(s);
    struct json runs = only(s, status_url);
    assert_string_equal(field_text(s, runs, "id"), run_id);
    assert_string_equal(field_text(s, runs, "elt_stream_id"), id);
    assert_string_equal(field_text(s, runs, "elt_sync_id"), sync);
    assert_string_equal(field_text(s, runs, "status"), "RUNNING");
    assert_string_equal(field_text(s, runs, "operation_mode"), "FULL");
    assert_true(has_field(runs, "started_at"));
    assert_false(has_field(runs, "finished_at"));
    conflict = scene_expect(s, 409, "POST", request, NULL);
    assert_string_equal(field_text(s, conflict, "active_run_id"), run_id);
    scene_end_run(s, &run, RUN_COMPLETED);
    runs = only(s, status_url);
    assert_string_equal(field_text(s, runs, "status"), "COMPLETED");
    assert_int_equal(field_int(runs, "rows_synced"), 42);
    assert_true(has_field(runs, "finished_at"));
    assert_false(has_field(runs, "error_message"));
    scene_refused(s, 409, "POST", scene_text(s, "/elt_stream_runs/%s/cancel", run_id), NULL, "");
    // The next one has a place of its own.
    const char *next = field_text(s, scene_expect(s, 200, "POST", request, NULL), "status_url");
    assert_int_equal(json_count(field(scene_expect(s, 200, "GET", next, NULL), "data")), 0);
    scene_close(s);
}

static void test_runs_that_cannot_be_asked_for(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *sync = scene_sync(s, "s");
    const char *id = scene_stream(s, sync, "contacts");
    const char *request = scene_text(s, "/elt_streams/%s/request_run", id);
    scene_refused(s, 400, "POST", request, NULL, "not enabled");
    (void)scene_expect(s, 204, "POST", scene_text(s, "/elt_syncs/%s/enable", sync), NULL);
    place_run(p, "UPDATE connection SET state = 'needs_reauthorization' WHERE name = 'main'");
    scene_refused(s, 400, "POST", request, NULL, "authorized again");
    (void)scene_expect(s, 204, "POST", scene_text(s, "/elt_syncs/%s/disable", sync), NULL);
    scene_refused(s, 400, "POST", request, NULL, "not enabled");
    scene_close(s);
}

static void test_the_status_of_a_sync(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *sync;
    const char *id = enabled_stream(s, &sync);
    const char *path = scene_text(s, "/elt_syncs/%s/status", sync);
    struct json v = scene_expect(s, 200, "GET", path, NULL);
    assert_string_equal(field_text(s, v, "elt_sync_id"), sync);
    struct json one = item(field(v, "source_streams"), 0);
    assert_string_equal(field_text(s, one, "name"), "contacts");
    assert_false(has_field(one, "active_sync"));
    assert_false(has_field(one, "latest_sync"));
    (void)scene_expect(s, 200, "POST", scene_text(s, "/elt_streams/%s/request_run", id), NULL);
    one = item(field(scene_expect(s, 200, "GET", path, NULL), "source_streams"), 0);
    struct json active = field(one, "active_sync");
    assert_string_equal(field_text(s, active, "status"), "SCHEDULED");
    assert_int_equal(field_int(active, "bytes_synced"), 0);
    assert_string_equal(field_text(s, active, "full_sync_trigger"), "NONE");
    assert_false(has_field(active, "started_at"));
    assert_false(has_field(active, "operation_mode"));
    assert_false(has_field(active, "error_message"));
    struct stream_run_row run = scene_begin_run(s);
    scene_end_run(s, &run, RUN_FAILED);
    v = scene_expect(s, 200, "GET", path, NULL);
    one = item(field(v, "source_streams"), 0);
    assert_false(has_field(one, "active_sync"));
    struct json latest = field(one, "latest_sync");
    assert_string_equal(field_text(s, latest, "status"), "FAILED");
    assert_string_equal(field_text(s, latest, "operation_mode"), "FULL");
    assert_string_equal(field_text(s, latest, "full_sync_trigger"), "INITIAL_SYNC");
    assert_string_equal(field_text(s, latest, "error_message"), "HubSpot was away");
    assert_string_equal(field_text(s, latest, "details"), "done");
    assert_int_equal(field_int(latest, "records_synced"), 42);
    assert_int_equal(field_int(latest, "bytes_synced"), 4200);
    assert_int_equal(field_int(latest, "estimated_total_count"), 50);
    v = scene_expect(s, 200, "GET", scene_text(s, "/elt_syncs/%s", sync), NULL);
    assert_string_equal(field_text(s, v, "status"), "FAILED");
    scene_close(s);
}

static void test_runs_are_listed_both_ways(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *sync;
    const char *id = enabled_stream(s, &sync);
    const char *ids[5];
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        (void)scene_expect(s, 200, "POST", scene_text(s, "/elt_streams/%s/request_run", id), NULL);
        struct stream_run_row run = scene_begin_run(s);
        ids[i] = arena_dup(&p->arena, run.id).ptr;
        scene_end_run(s, &run, RUN_COMPLETED);
    }
    static const char *const DIRECTIONS[] = {"asc", "desc"};
    for (size_t d = 0; d < 2; d++) {
        const char *after = "";
        for (size_t seen = 0; seen < 5;) {
            struct json page = scene_expect(
                s, 200, "GET",
                scene_text(s,
                           "/elt_stream_runs?elt_stream_id=%s&limit=2&sort_direction=%s"
                           "&starting_after=%s",
                           id, DIRECTIONS[d], after),
                NULL);
            size_t n = json_count(field(page, "data"));
            assert_int_equal(n, seen == 4 ? 1 : 2);
            for (size_t i = 0; i < n; i++, seen++) {
                assert_string_equal(field_text(s, item(field(page, "data"), i), "id"),
                                    ids[d == 0 ? seen : 4 - seen]);
            }
            assert_int_equal(field_bool(page, "has_more"), seen < 5);
            after = seen < 5 ? field_text(s, page, "next_cursor") : "";
        }
    }
    scene_refused(s, 400, "GET", "/elt_stream_runs", NULL, "elt_stream_id");
    scene_refused(s, 404, "GET", "/elt_stream_runs?elt_stream_id=AAAAAAAAAAAAAA", NULL, "AAAA");
    const char *list = scene_text(s, "/elt_stream_runs?elt_stream_id=%s", id);
    scene_refused(s, 400, "GET", scene_text(s, "%s&sort_direction=up", list), NULL,
                  "sort_direction");
    scene_refused(s, 400, "GET", scene_text(s, "%s&starting_after=x", list), NULL,
                  "starting_after");
    // A run of another stream is no place in this list.
    struct str foreign = run_id_make(STR("AAAAAAAAAAAAAA"), 5000, &p->arena);
    scene_refused(s, 400, "GET", scene_text(s, "%s&starting_after=%s", list, foreign.ptr), NULL,
                  "starting_after");
    scene_refused(s, 400, "GET", "/elt_stream_runs/x", NULL, "not the id of a run");
    scene_refused(s, 404, "GET", scene_text(s, "/elt_stream_runs/%s", foreign.ptr), NULL, "run");
    scene_close(s);
}

static void test_runs_are_cancelled(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *sync;
    const char *id = enabled_stream(s, &sync);
    const char *request = scene_text(s, "/elt_streams/%s/request_run", id);
    (void)scene_expect(s, 200, "POST", request, NULL);
    const char *waiting =
        field_text(s, scene_expect(s, 409, "POST", request, NULL), "active_run_id");
    (void)scene_expect(s, 204, "POST", scene_text(s, "/elt_stream_runs/%s/cancel", waiting), NULL);
    struct json run =
        scene_expect(s, 200, "GET", scene_text(s, "/elt_stream_runs/%s", waiting), NULL);
    assert_string_equal(field_text(s, run, "status"), "FAILED");
    assert_string_equal(field_text(s, run, "error_code"), "cancelled");
    (void)scene_expect(s, 200, "POST", request, NULL);
    struct stream_run_row running = scene_begin_run(s);
    const char *path = scene_text(s, "/elt_stream_runs/%s", arena_cstr(&p->arena, running.id));
    (void)scene_expect(s, 204, "POST", scene_text(s, "%s/cancel", path), NULL);
    run = scene_expect(s, 200, "GET", path, NULL);
    assert_string_equal(field_text(s, run, "status"), "RUNNING"); // until its worker has seen it
    assert_int_equal(place_number(p, "SELECT count(*) FROM stream_run WHERE cancel = 1 AND "
                                     "status = 'running'"),
                     1);
    // What happened to it, page by page.
    struct json page = scene_expect(s, 200, "GET", scene_text(s, "%s/events?limit=1", path), NULL);
    assert_string_equal(field_text(s, item(field(page, "data"), 0), "kind"), "run.scheduled");
    assert_true(field_bool(page, "has_more"));
    page = scene_expect(
        s, 200, "GET",
        scene_text(s, "%s/events?starting_after=%s", path, field_text(s, page, "next_cursor")),
        NULL);
    struct json event = item(field(page, "data"), 0);
    assert_string_equal(field_text(s, event, "kind"), "run.started");
    assert_int_equal(json_type(field(event, "data")), JSON_OBJECT);
    scene_refused(s, 400, "GET", scene_text(s, "%s/events?starting_after=-1", path), NULL,
                  "starting_after");
    scene_refused(s, 400, "POST", "/elt_stream_runs/AAAA/cancel", NULL, "not the id of a run");
    scene_close(s);
}

// ---- removing

static void test_removing_waits_for_runs(struct place *p)
{
    struct scene *s = scene_open(p);
    const char *sync;
    const char *id = enabled_stream(s, &sync);
    (void)scene_expect(s, 200, "POST", scene_text(s, "/elt_streams/%s/request_run", id), NULL);
    struct stream_run_row run = scene_begin_run(s);
    const char *paths[] = {scene_text(s, "/elt_streams/%s", id),
                           scene_text(s, "/elt_syncs/%s", sync)};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        int64_t before_ms = clock_now_ms(&p->clock.clock);
        struct answer a = scene_call(s, "DELETE", paths[i], NULL);
        assert_int_equal(a.status, 409);
        assert_string_equal(field_text(s, a.root, "active_run_id"), arena_cstr(&p->arena, run.id));
        check_str(a.retry_after, "5");
        int64_t waited_ms = clock_now_ms(&p->clock.clock) - before_ms;
        assert_true(waited_ms >= 3000 && waited_ms <= 30000);
        (void)scene_expect(s, 200, "GET", paths[i], NULL);
    }
    assert_int_equal(place_number(p, "SELECT cancel FROM stream_run"), 1);
    scene_end_run(s, &run, RUN_FAILED);
    (void)scene_expect(s, 204, "DELETE", paths[1], NULL);
    scene_refused(s, 404, "GET", paths[1], NULL, sync);
    static const char *const TABLES[] = {"elt_sync", "elt_stream", "stream_run"};
    for (size_t i = 0; i < ARRAY_LEN(TABLES); i++) {
        check_row(place_number(p, scene_text(s, "SELECT count(*) FROM %s", TABLES[i])) == 0,
                  TABLES[i]);
    }
    assert_int_equal(place_number(p, "SELECT count(*) FROM event WHERE kind = 'sync.deleted'"), 1);
    scene_close(s);
}

static bool table_exists(struct scene *s, const char *schema, const char *table)
{
    struct error err;
    struct sql *db = NULL;
    struct sql_value n;
    struct sql_options o = {.url = str_from(scene_text(s, "sqlite:%s%s.db", s->files.ptr, schema)),
                            .clock = clock_system()};
    struct sql_value args[] = {sql_text(str_from(table))};
    must(sql_open(&o, &db, &err), &err);
    must(sql_once_int(db, STR("SELECT count(*) FROM sqlite_schema WHERE name = $1"), args, 1, &n,
                      &err),
         &err);
    sql_close(db);
    return n.num > 0;
}

// What a run would have made.
static void make_table(struct scene *s, const char *schema, const char *stream_id)
{
    static const struct column COLUMNS[] = {{STR_INIT("id"), COL_INT}};
    static const struct table CONTACT = {STR_INIT("contact"), COLUMNS, 1, 1, 0};
    struct error err;
    struct destination *d = NULL;
    struct session *session = NULL;
    bool empty;
    struct str name = STR("contact");
    struct destination_options o = {
        .url = str_from(scene_text(s, "sqlite:%s", s->files.ptr)),
        .schema = str_from(schema),
        .metadata = {STR_INIT("_sluice_synced"), STR_INIT("_sluice_deleted")},
        .clock = clock_system(),
    };
    must(destination_open(&o, &d, &err), &err);
    must(session_open(d, STR("contacts"), &session, &err), &err);
    must(session_apply_schema(session, &CONTACT, &empty, &err), &err);
    session_close(session);
    destination_close(d);
    struct text_list tables = {&name, 1};
    must(elt_stream_set_tables(s->place->store, str_from(stream_id), &tables, &err), &err);
}

static void test_tables_go_only_when_asked(struct place *p)
{
    struct scene *s = scene_open(p);
    static const struct {
        const char *schema, *query;
        bool stays;
    } rows[] = {{"a", "", true},
                {"b", "?removeDataReferences=false", true},
                {"c", "?removeDataReferences=true", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const char *sync = scene_sync(s, rows[i].schema);
        make_table(s, rows[i].schema, scene_stream(s, sync, "contacts"));
        assert_true(table_exists(s, rows[i].schema, "contact"));
        (void)scene_expect(s, 204, "DELETE", scene_text(s, "/elt_syncs/%s%s", sync, rows[i].query),
                           NULL);
        check_row(table_exists(s, rows[i].schema, "contact") == rows[i].stays, rows[i].schema);
    }
    scene_refused(s, 400, "DELETE",
                  scene_text(s, "/elt_syncs/%s?removeDataReferences=perhaps", scene_sync(s, "d")),
                  NULL, "removeDataReferences");
    // A destination that nothing was loaded into yet is no hindrance.
    (void)scene_expect(s, 204, "DELETE",
                       scene_text(s, "/elt_syncs/%s?removeDataReferences=true", scene_sync(s, "e")),
                       NULL);
    scene_close(s);
}

// ---- the request log

static void log_request(struct scene *s, int64_t at_ms, const char *connection, int failed)
{
    place_run(s->place,
              scene_text(s,
                         "INSERT INTO request (started_ms, first_byte_us, took_us, connection, "
                         "stream, endpoint, method, url, request_headers, request_body_bytes, "
                         "status, response_headers, response_body_bytes, tries, sends, failed, "
                         "again, code, message, correlation_id, size) VALUES (%lld, 1, 2, '%s', "
                         "'contacts', 'OBJECT_LIST', 'GET', 'http://x/y', 'A: b', 0, %d, 'c: d', "
                         "0, 1, 1, %d, 0, '%s', 'm', 'cid', 100)",
                         (long long)at_ms, connection, failed ? 500 : 200, failed,
                         failed ? "SOURCE_UNAVAILABLE" : "OK"));
}

static void test_the_request_log(struct place *p)
{
    struct scene *s = scene_open(p);
    for (int i = 0; i < 6; i++) {
        log_request(s, 1000000 + i * 1000, i % 2 ? "other" : "main", i >= 2);
    }
    static const struct {
        const char *query;
        size_t n;
    } rows[] = {{"", 6},
                {"?limit=4", 4},
                {"?failed=true", 4},
                {"?failed=1&connection_id=main", 2},
                {"?connection_id=nobody", 0},
                {"?connection_id=other&limit=2", 2},
                {"?since=1970-01-01T00:16:43Z", 3},
                {"?since=2100-01-01", 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct json page =
            scene_expect(s, 200, "GET", scene_text(s, "/requests%s", rows[i].query), NULL);
        check_row(json_count(field(page, "data")) == rows[i].n, rows[i].query);
    }
    // Page by page, newest first.
    int64_t last = INT64_MAX;
    const char *after = "";
    size_t seen = 0;
    for (int page = 0; page < 3; page++) {
        struct json v = scene_expect(
            s, 200, "GET", scene_text(s, "/requests?limit=2&starting_after=%s", after), NULL);
        for (size_t i = 0; i < json_count(field(v, "data")); i++, seen++) {
            int64_t id = field_int(item(field(v, "data"), i), "id");
            assert_true(id < last);
            last = id;
        }
        assert_int_equal(field_bool(v, "has_more"), page < 2);
        after = page < 2 ? field_text(s, v, "next_cursor") : "";
    }
    assert_int_equal(seen, 6);
    struct json one =
        scene_expect(s, 200, "GET", scene_text(s, "/requests/%lld", (long long)last), NULL);
    assert_string_equal(field_text(s, one, "request_headers"), "A: b");
    assert_int_equal(json_type(field(one, "request_body")), JSON_NULL);
    assert_string_equal(field_text(s, one, "code"), "ok");
    assert_string_equal(field_text(s, one, "connection_id"), "main");
    scene_refused(s, 404, "GET", "/requests/999999", NULL, "999999");
    scene_refused(s, 404, "GET", "/requests/99999999999999999999", NULL, "9999");
    scene_refused(s, 400, "GET", "/requests?since=soon", NULL, "since");
    scene_refused(s, 400, "GET", "/requests?starting_after=0", NULL, "starting_after");
    scene_close(s);
}

int main(void)
{
    static const struct place_test tests[] = {
        PLACE_TEST(test_streams_are_listed_and_removed),
        PLACE_TEST(test_full_refreshes),
        PLACE_TEST(test_a_run_from_request_to_end),
        PLACE_TEST(test_runs_that_cannot_be_asked_for),
        PLACE_TEST(test_the_status_of_a_sync),
        PLACE_TEST(test_runs_are_listed_both_ways),
        PLACE_TEST(test_runs_are_cancelled),
        PLACE_TEST(test_removing_waits_for_runs),
        PLACE_TEST(test_tables_go_only_when_asked),
        PLACE_TEST(test_the_request_log),
        PLACE_TESTS_END,
    };
    return place_run_both("streams and runs of the API", tests);
}
