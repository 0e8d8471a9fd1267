// Several syncs that load into one schema: who may, and who has which stream.
#include "test_sync_scene.h"

#define OTHER_URL "sqlite:/tmp/scene-other.db"

static struct str other_destination(struct place *p, const char *url_text)
{
    struct error err;
    struct stored_destination d = {.account_id = ACCOUNT};
    struct secret *url = secret_create(str_from(url_text));
    must(stored_destination_create(p->store, p->sealing, url, &d, &p->arena, &err), &err);
    secret_destroy(url);
    return d.id;
}

static bool make(struct place *p, const struct elt_sync *like, const char *connection,
                 const char *schema, struct elt_sync *ret, struct error *err)
{
    *ret = *like;
    ret->connection_id = str_from(connection);
    ret->schema_name = str_from(schema);
    return elt_sync_create(p->store, ret, &p->arena, err);
}

static bool put(struct place *p, const struct elt_sync *sync, const char *name,
                struct elt_stream *ret, struct error *err)
{
    *ret = (struct elt_stream){.account_id = ACCOUNT, .sync_id = sync->id, .name = str_from(name)};
    return elt_stream_put(p->store, ret, &p->arena, err);
}

static void test_syncs_of_one_connection_share_a_schema(struct place *p)
{
    struct error err = {0};
    struct elt_sync second;
    struct elt_sync found;
    bool there = true;
    scene_connection(p, "acme", 1);
    scene_connection(p, "globex", 2);
    struct elt_sync first = scene_sync(p, "acme", "HubSpot");
    must(store_begin(p->store, &err), &err);
    must(elt_sync_neighbour(p->store, &first, &p->arena, &found, &there, &err), &err);
    assert_false(there);
    must(make(p, &first, "acme", "HubSpot", &second, &err), &err);
    must(elt_sync_neighbour(p->store, &first, &p->arena, &found, &there, &err), &err);
    assert_true(there);
    check_slice(found.id, second.id);
    must(elt_sync_neighbour(p->store, &second, &p->arena, &found, &there, &err), &err);
    check_slice(found.id, first.id);
    must(store_end(p->store, true, &err), &err);
    check_slice(found.schema_key, second.schema_key);
    // Another account's data would mix with it: the oldest of them is named.
    place_run(p, arena_printf(&p->arena, "UPDATE elt_sync SET created_ms = 5 WHERE id = '%.*s'",
                              STR_ARG(first.id))
                     .ptr);
    assert_false(make(p, &first, "globex", "HubSpot", &second, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_contains(err.message, first.id.ptr);
    check_contains(err.message, "connection acme");
    check_contains(err.message, "connection globex");
    // What is one schema in some databases and two in others is neither.
    assert_false(make(p, &first, "acme", "hUBsPOT", &second, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_contains(err.message, "differ only in case");
    assert_false(make(p, &first, "globex", "hubspot", &second, &err));
    assert_int_equal(scene_count(p, "elt_sync"), 2);
    must(make(p, &first, "globex", "free", &second, &err), &err);
    // Once nobody loads into it, it is anybody's.
    place_run(p, "DELETE FROM elt_sync WHERE connection_id = 'acme'");
    must(make(p, &first, "globex", "hubspot", &second, &err), &err);
}

static void test_a_destination_without_schemas_is_one(struct place *p)
{
    struct error err = {0};
    struct elt_sync one;
    struct elt_sync two;
    struct elt_stream stream;
    scene_connection(p, "acme", 1);
    scene_connection(p, "globex", 2);
    struct elt_sync like = scene_sync(p, "acme", "elsewhere");
    like.destination_id = other_destination(p, OTHER_URL);
    like.one_schema = true;
    must(make(p, &like, "acme", "a", &one, &err), &err);
    must(make(p, &like, "acme", "B", &two, &err), &err);
    check_slice(one.schema_key, two.schema_key);
    struct elt_sync third;
    assert_false(make(p, &like, "globex", "c", &third, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    must(put(p, &one, "deals", &stream, &err), &err);
    assert_false(put(p, &two, "deals", &stream, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
}

// The same place under another id: made twice, or with another password.
static void test_destinations_of_one_url_are_one_place(struct place *p)
{
    struct error err = {0};
    struct elt_sync one;
    struct elt_sync two;
    struct elt_stream stream;
    static const char *const URLS[] = {"postgres://me:one@db/x", "postgres://me:two@db/x",
                                       "postgres://me:one@db/y"};
    scene_connection(p, "acme", 1);
    struct elt_sync like = scene_sync(p, "acme", "elsewhere");
    like.destination_id = other_destination(p, URLS[0]);
    must(make(p, &like, "acme", "crm", &one, &err), &err);
    must(put(p, &one, "deals", &stream, &err), &err);
    like.destination_id = other_destination(p, URLS[1]);
    must(make(p, &like, "acme", "crm", &two, &err), &err);
    assert_false(put(p, &two, "deals", &stream, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    like.destination_id = other_destination(p, URLS[2]);
    must(make(p, &like, "acme", "crm", &two, &err), &err);
    must(put(p, &two, "deals", &stream, &err), &err);
}

static void test_a_stream_is_in_one_of_them(struct place *p)
{
    struct error err = {0};
    struct elt_sync second;
    struct elt_stream stream;
    struct stream_list others;
    scene_connection(p, "acme", 1);
    struct elt_sync first = scene_sync(p, "acme", "hubspot");
    struct elt_sync elsewhere = scene_sync(p, "acme", "elsewhere");
    must(make(p, &first, "acme", "hubspot", &second, &err), &err);
    struct elt_stream contacts = scene_stream(p, &first, "contacts");
    (void)scene_stream(p, &second, "deals");
    (void)scene_stream(p, &elsewhere, "contacts");
    assert_false(put(p, &second, "contacts", &stream, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_contains(err.message, "\"contacts\"");
    check_contains(err.message, first.id.ptr);
    check_contains(err.message, contacts.id.ptr);
    check_contains(err.message, "\"hubspot\"");
    must(put(p, &first, "contacts", &stream, &err), &err); // its own is changed
    check_slice(stream.id, contacts.id);
    must(elt_stream_of_neighbours(p->store, &second, &p->arena, &others, &err), &err);
    assert_int_equal(others.n, 1);
    check_slice(others.items[0].id, contacts.id);
    // Taken out of the one, it may come into the other.
    must(elt_stream_remove(p->store, ACCOUNT, contacts.id, &err), &err);
    must(put(p, &second, "contacts", &stream, &err), &err);
    assert_false(put(p, &first, "contacts", &stream, &err));
    must(elt_sync_remove(p->store, ACCOUNT, second.id, &err), &err);
    must(put(p, &first, "contacts", &stream, &err), &err);
    assert_int_equal(scene_count(p, "elt_stream"), 2);
}

// The database itself sees to it, whoever writes.
static void test_two_rows_cannot_be(struct place *p)
{
    struct error err = {0};
    struct elt_sync second;
    scene_connection(p, "acme", 1);
    struct elt_sync first = scene_sync(p, "acme", "hubspot");
    must(make(p, &first, "acme", "hubspot", &second, &err), &err);
    (void)scene_stream(p, &first, "contacts");
    struct elt_stream deals = scene_stream(p, &second, "deals");
    const char *text = arena_printf(&p->arena,
                                    "UPDATE elt_stream SET name = 'contacts' WHERE id ="
                                    " '%.*s'",
                                    STR_ARG(deals.id))
                           .ptr;
    assert_false(sql_exec(store_sql(p->store), text, &err));
}

static const char *const *needs(struct str stream)
{
    static const char *const PAIR[] = {"contacts", NULL};
    return str_eq(stream, STR("contact_company")) ? PAIR : NULL;
}

// What a stream needs may be loaded by another sync of its schema.
static void test_streams_wait_for_those_of_other_syncs(struct place *p)
{
    struct error err = {0};
    struct elt_sync second;
    struct run_claim *claims = NULL;
    size_t n = 0;
    scene_connection(p, "acme", 1);
    struct elt_sync first = scene_sync(p, "acme", "hubspot");
    struct elt_sync elsewhere = scene_sync(p, "acme", "elsewhere");
    must(make(p, &first, "acme", "hubspot", &second, &err), &err);
    struct elt_stream contacts = scene_stream(p, &first, "contacts");
    struct elt_stream pair = scene_stream(p, &second, "contact_company");
    struct elt_stream free_pair = scene_stream(p, &elsewhere, "contact_company");
    scene_request(p, contacts.id);
    scene_request(p, pair.id);
    scene_request(p, free_pair.id);
    struct run_take take = {.worker = STR("w"), .max = 16, .needs = needs};
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 2);
    struct run_claim first_two[2] = {claims[0], claims[1]};
    for (size_t i = 0; i < 2; i++) {
        assert_false(str_eq(first_two[i].stream.id, pair.id));
        assert_int_equal(first_two[i].sync.schema_key.len, 32);
        must(scene_end(p, &first_two[i], RUN_COMPLETED, &err), &err);
    }
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 1);
    check_slice(claims[0].stream.id, pair.id);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_syncs_of_one_connection_share_a_schema),
        PLACE_TEST(test_a_destination_without_schemas_is_one),
        PLACE_TEST(test_destinations_of_one_url_are_one_place),
        PLACE_TEST(test_a_stream_is_in_one_of_them),
        PLACE_TEST(test_two_rows_cannot_be),
        PLACE_TEST(test_streams_wait_for_those_of_other_syncs),
        PLACE_TESTS_END,
    };
    return place_run_both("sync_store_schema", TESTS);
}
