#include "test_sync_scene.h"

#include "store/events.h"

void scene_connection(struct place *p, const char *name, int64_t portal)
{
    place_run(p, arena_printf(&p->arena,
                              "INSERT INTO connection (name, kind, state, portal_id, base_url,"
                              " created_ms, updated_ms, account_id) VALUES ('%s', 'token',"
                              " 'active', %lld, 'http://localhost:1', 1, 1, '%s')",
                              name, (long long)portal, ACCOUNT.ptr)
                     .ptr);
}

struct str scene_destination(struct place *p)
{
    struct error err;
    struct stored_destination d = {.account_id = ACCOUNT};
    struct secret *url = secret_create(STR("sqlite:/tmp/scene.db"));
    must(stored_destination_set_default(p->store, p->sealing, url, &d, &p->arena, &err), &err);
    secret_destroy(url);
    return d.id;
}

struct elt_sync scene_sync(struct place *p, const char *connection, const char *schema)
{
    struct error err;
    struct elt_sync sync = {.account_id = ACCOUNT,
                            .connection_id = str_from(connection),
                            .destination_id = scene_destination(p),
                            .schema_name = str_from(schema),
                            .sync_interval = STR("0 * * * *"),
                            .settings = STR("{\"a\":1}"),
                            .enabled = true,
                            .started = true};
    must(elt_sync_create(p->store, &sync, &p->arena, &err), &err);
    return sync;
}

struct elt_stream scene_stream(struct place *p, const struct elt_sync *sync, const char *name)
{
    struct error err;
    struct elt_stream stream = {.account_id = ACCOUNT, .sync_id = sync->id, .name = str_from(name)};
    must(elt_stream_put(p->store, &stream, &p->arena, &err), &err);
    return stream;
}

struct elt_stream scene_lone_stream(struct place *p, const char *connection, int64_t portal)
{
    scene_connection(p, connection, portal);
    struct elt_sync sync = scene_sync(p, connection, connection);
    return scene_stream(p, &sync, "contacts");
}

struct stream_run_row scene_request(struct place *p, struct str stream_id)
{
    struct error err;
    struct stream_run_row run;
    struct run_wish wish = {.account_id = ACCOUNT, .stream_id = stream_id, .by_user = true};
    bool made = false;
    must(stream_run_request(p->store, &wish, &p->arena, &run, &made, &err), &err);
    assert_true(made);
    return run;
}

struct stream_run_row scene_run(struct place *p, struct str run_id)
{
    struct error err;
    struct stream_run_row run;
    must(stream_run_find(p->store, ACCOUNT, run_id, &p->arena, &run, &err), &err);
    return run;
}

size_t scene_take(struct place *p, const char *worker, size_t max, struct run_claim **ret)
{
    struct error err;
    size_t n = 0;
    struct run_take take = {.worker = str_from(worker), .max = max};
    must(stream_run_take(p->store, &take, &p->arena, ret, &n, &err), &err);
    return n;
}

struct run_claim scene_take_one(struct place *p, const char *worker)
{
    struct run_claim *claims = NULL;
    assert_int_equal(scene_take(p, worker, 8, &claims), 1);
    return claims[0];
}

bool scene_end(struct place *p, const struct run_claim *claim, enum run_status status,
               struct error *err)
{
    struct stream_run_row row = claim->run;
    row.status = status;
    return stream_run_end(p->store, &row, err);
}

int64_t scene_now(struct place *p)
{
    struct error err;
    int64_t now_ms = 0;
    must(store_now_ms(p->store, &now_ms, &err), &err);
    return now_ms;
}

int64_t scene_count(struct place *p, const char *table)
{
    return place_number(p, arena_printf(&p->arena, "SELECT count(*) FROM %s", table).ptr);
}

struct str scene_last_event(struct place *p, struct str run_id)
{
    struct error err;
    struct stored_event *list = NULL;
    size_t n = 0;
    struct event_query q = {.run_id = run_id, .max = 100};
    must(event_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_true(n > 0);
    return list[n - 1].kind;
}

struct elt_stream scene_stream_now(struct place *p, struct str id)
{
    struct error err;
    struct elt_stream stream;
    must(elt_stream_find(p->store, ACCOUNT, id, &p->arena, &stream, &err), &err);
    return stream;
}
