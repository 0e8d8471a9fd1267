// What is stored of syncs: destinations, syncs, streams, events and budgets.
#include "test_sync_scene.h"

#include "store/budgets.h"
#include "store/connections.h"
#include "store/events.h"

#define OTHER STR("B-account-0002")

// ---- destinations

static void test_destinations(struct place *p)
{
    struct error err = {0};
    struct stored_destination a = {.account_id = ACCOUNT, .label = STR("mine"), .is_default = true};
    struct stored_destination b = {.account_id = ACCOUNT, .is_default = true};
    struct stored_destination found;
    struct stored_destination *all = NULL;
    struct secret *opened = NULL;
    size_t n = 0;
    struct secret *url = secret_create(STR("postgres://me:" MARK "@db/x"));
    must(stored_destination_create(p->store, p->sealing, url, &a, &p->arena, &err), &err);
    check_str(a.integration_id, "postgres");
    check_str(a.url_shown, "postgres://me:***@db/x");
    must(stored_destination_url(p->store, p->sealing, a.id, &opened, &err), &err);
    assert_true(secret_eq(opened, url));
    secret_destroy(opened);
    secret_destroy(url);
    url = secret_create(STR("sqlite:/tmp/b.db"));
    must(stored_destination_create(p->store, p->sealing, url, &b, &p->arena, &err), &err);
    check_str(b.label, "sqlite");
    must(stored_destination_default(p->store, ACCOUNT, &p->arena, &found, &err), &err);
    check_slice(found.id, b.id); // a new default takes the place of the former one
    must(stored_destination_find(p->store, ACCOUNT, a.id, &p->arena, &found, &err), &err);
    assert_false(found.is_default);
    check_str(found.label, "mine");
    must(stored_destination_list(p->store, ACCOUNT, &p->arena, &all, &n, &err), &err);
    assert_int_equal(n, 2);
    assert_false(stored_destination_find(p->store, OTHER, a.id, &p->arena, &found, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(stored_destination_find(p->store, ACCOUNT, STR("x'y"), &p->arena, &found, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(stored_destination_default(p->store, OTHER, &p->arena, &found, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    secret_destroy(url);
}

static void test_the_default_is_known_by_its_url(struct place *p)
{
    struct error err = {0};
    struct stored_destination first;
    struct stored_destination again;
    // The same when passwords are masked, and yet two.
    struct secret *one = secret_create(STR("postgres://me:one@db/x"));
    struct secret *two = secret_create(STR("postgres://me:two@db/x"));
    struct secret *const urls[] = {one, two, one};
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        again.account_id = ACCOUNT;
        must(stored_destination_set_default(p->store, p->sealing, urls[i], &again, &p->arena, &err),
             &err);
        assert_true(again.is_default);
        first = i == 0 ? again : first;
    }
    check_slice(again.id, first.id);
    assert_int_equal(scene_count(p, "destination"), 2);
    assert_int_equal(scene_count(p, "destination WHERE is_default = 1"), 1);
    secret_destroy(one);
    secret_destroy(two);
}

static void test_a_destination_in_use_stays(struct place *p)
{
    struct error err = {0};
    struct stored_destination other = {.account_id = ACCOUNT, .is_default = true};
    struct secret *url = secret_create(STR("sqlite:/tmp/other.db"));
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    struct str used = scene_destination(p);
    assert_false(stored_destination_remove(p->store, ACCOUNT, used, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_contains(err.message, "1 syncs load into it");
    must(elt_sync_remove(p->store, ACCOUNT, stream.sync_id, &err), &err);
    assert_false(stored_destination_remove(p->store, ACCOUNT, used, &err));
    check_contains(err.message, "is the default");
    must(stored_destination_create(p->store, p->sealing, url, &other, &p->arena, &err), &err);
    must(stored_destination_remove(p->store, ACCOUNT, used, &err), &err);
    assert_int_equal(scene_count(p, "destination"), 1);
    assert_int_equal(scene_count(p, "secret"), 1); // the URL of the other one
    assert_false(stored_destination_remove(p->store, ACCOUNT, used, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    secret_destroy(url);
}

// ---- syncs

static void test_syncs(struct place *p)
{
    struct error err = {0};
    struct elt_sync found;
    scene_connection(p, "acme", 1);
    struct elt_sync sync = scene_sync(p, "acme", "hubspot");
    must(elt_sync_find(p->store, ACCOUNT, sync.id, &p->arena, &found, &err), &err);
    check_str(found.schema_name, "hubspot");
    check_str(found.settings, "{\"a\":1}");
    check_str(found.source_integration_id, "hubspot-v2");
    check_str(found.destination_integration_id, "sqlite");
    assert_true(found.created_ms == sync.created_ms && found.created_ms > 0);
    assert_false(found.needs_reauthorization || found.failing);
    found.settings = STR("{}");
    found.sync_interval = STR("@daily");
    found.next_due_ms = 77;
    found.schema_name = STR("never written");
    must(elt_sync_update(p->store, &found, &err), &err);
    must(elt_sync_find(p->store, ACCOUNT, sync.id, &p->arena, &found, &err), &err);
    check_str(found.sync_interval, "@daily");
    check_str(found.settings, "{}");
    check_str(found.schema_name, "hubspot");
    assert_int_equal(found.next_due_ms, 77);
    place_run(p, "UPDATE connection SET state = 'needs_reauthorization'");
    must(elt_sync_find(p->store, ACCOUNT, sync.id, &p->arena, &found, &err), &err);
    assert_true(found.needs_reauthorization);
    static const char *const IDS[] = {"", "x", "0123456789abcd", "' OR 1 = 1; --", "\xff\xfe"};
    for (size_t i = 0; i < ARRAY_LEN(IDS); i++) {
        struct str id = str_from(IDS[i]);
        check_row(!elt_sync_find(p->store, ACCOUNT, id, &p->arena, &found, &err), IDS[i]);
        check_row(err.code == ERR_NOT_FOUND, IDS[i]);
    }
    assert_false(elt_sync_find(p->store, OTHER, sync.id, &p->arena, &found, &err));
    assert_false(elt_sync_remove(p->store, OTHER, sync.id, &err));
    assert_false(elt_sync_enable(p->store, OTHER, sync.id, true, 0, &err));
    sync.account_id = OTHER;
    assert_false(elt_sync_update(p->store, &sync, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_what_a_sync_may_not_be(struct place *p)
{
    struct error err = {0};
    scene_connection(p, "acme", 1);
    struct elt_sync sync = scene_sync(p, "acme", "HubSpot");
    struct elt_sync other = sync;
    other.schema_name = STR("free");
    other.connection_id = STR("nobody");
    assert_false(elt_sync_create(p->store, &other, &p->arena, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    other.connection_id = STR("acme");
    other.destination_id = STR("0123456789abcd");
    assert_false(elt_sync_create(p->store, &other, &p->arena, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    place_fill_syncs(p, SYNCS_PER_CONNECTION_MAX - 1);
    scene_sync(p, "acme", "the last");
    other = sync;
    other.schema_name = STR("one too many");
    assert_false(elt_sync_create(p->store, &other, &p->arena, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    check_contains(err.message, "has 10000 syncs");
    assert_int_equal(scene_count(p, "elt_sync"), SYNCS_PER_CONNECTION_MAX);
}

static void test_pages_of_syncs(struct place *p)
{
    enum { N = 25, PAGE = 4 };
    struct error err = {0};
    struct elt_sync *page = NULL;
    size_t n = 0;
    size_t seen = 0;
    scene_connection(p, "a", 1);
    scene_connection(p, "b", 2);
    for (int i = 0; i < N; i++) {
        scene_sync(p, i % 5 == 0 ? "b" : "a", arena_printf(&p->arena, "s%d", i).ptr);
    }
    place_run(p, "UPDATE elt_sync SET created_ms = 5"); // ids decide
    struct page_query q = {.account_id = ACCOUNT, .max = PAGE};
    struct str last = STR("~");
    bool more = true;
    while (more) {
        must(elt_sync_list(p->store, &q, &p->arena, &page, &n, &err), &err);
        assert_true(n <= PAGE + 1);
        more = n > PAGE;
        for (size_t i = 0; i < MIN(n, PAGE); i++) {
            assert_true(str_cmp(page[i].id, last) < 0);
            last = page[i].id;
            seen++;
        }
        q.after = (struct page_place){5, last};
    }
    assert_int_equal(seen, N);
    q = (struct page_query){.account_id = ACCOUNT, .max = 100};
    q.owner_id = STR("b");
    must(elt_sync_list(p->store, &q, &p->arena, &page, &n, &err), &err);
    q.owner_id = STR("");
    assert_int_equal(n, 5);
    place_run(p, arena_printf(&p->arena, "UPDATE elt_sync SET created_ms = 9 WHERE id = '%s'",
                              page[4].id.ptr)
                     .ptr);
    struct str newest = page[4].id;
    must(elt_sync_list(p->store, &q, &p->arena, &page, &n, &err), &err);
    check_slice(page[0].id, newest);
    q.account_id = OTHER;
    must(elt_sync_list(p->store, &q, &p->arena, &page, &n, &err), &err);
    assert_int_equal(n, 0);
    q.after = (struct page_place){5, STR("\xff' OR 1=1")};
    assert_false(elt_sync_list(p->store, &q, &p->arena, &page, &n, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    check_contains(err.message, "starting_after");
}

static void test_due_syncs(struct place *p)
{
    struct error err = {0};
    struct elt_sync *due = NULL;
    size_t n = 0;
    scene_connection(p, "a", 1);
    scene_connection(p, "b", 2);
    struct elt_sync late = scene_sync(p, "a", "late");
    struct elt_sync early = scene_sync(p, "a", "early");
    struct elt_sync dead = scene_sync(p, "b", "dead");
    struct elt_sync off = scene_sync(p, "a", "off");
    must(elt_sync_set_due(p->store, late.id, 200, &err), &err);
    must(elt_sync_set_due(p->store, early.id, 100, &err), &err);
    must(elt_sync_set_due(p->store, dead.id, 50, &err), &err);
    must(elt_sync_set_due(p->store, off.id, 50, &err), &err);
    must(elt_sync_enable(p->store, ACCOUNT, off.id, false, 50, &err), &err);
    place_run(p, "UPDATE connection SET state = 'needs_reauthorization' WHERE name = 'b'");
    must(elt_sync_take_due(p->store, &(struct due_query){99, 10}, &p->arena, &due, &n, &err), &err);
    assert_int_equal(n, 0);
    must(elt_sync_take_due(p->store, &(struct due_query){200, 10}, &p->arena, &due, &n, &err),
         &err);
    assert_int_equal(n, 2);
    check_slice(due[0].id, early.id);
    check_slice(due[1].id, late.id);
    must(elt_sync_take_due(p->store, &(struct due_query){200, 1}, &p->arena, &due, &n, &err), &err);
    assert_int_equal(n, 1);
    check_slice(due[0].id, early.id);
    assert_false(elt_sync_set_due(p->store, STR("0123456789abcd"), 1, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

// Two schedulers at once: what one has, the other does not get.
static void test_due_syncs_are_given_once(struct place *p)
{
    struct error err = {0};
    struct elt_sync *due = NULL;
    size_t n = 0;
    scene_connection(p, "a", 1);
    struct elt_sync sync = scene_sync(p, "a", "x");
    must(elt_sync_set_due(p->store, sync.id, 100, &err), &err);
    struct store *other = place_open_store(p);
    must(store_begin(p->store, &err), &err);
    must(elt_sync_take_due(p->store, &(struct due_query){100, 9}, &p->arena, &due, &n, &err), &err);
    assert_int_equal(n, 1);
    must(store_begin(other, &err), &err);
    must(elt_sync_take_due(other, &(struct due_query){100, 9}, &p->arena, &due, &n, &err), &err);
    assert_int_equal(n, 0);
    must(store_end(other, true, &err), &err);
    must(store_end(p->store, true, &err), &err);
    store_close(other);
}

// ---- streams

static struct text_list list_of(struct place *p, const char *a, const char *b)
{
    struct text_list list = {ARENA_ARRAY(&p->arena, struct str, 2), 2};
    list.items[0] = str_from(a);
    list.items[1] = str_from(b);
    return list;
}

static void test_streams(struct place *p)
{
    struct error err = {0};
    struct elt_stream found;
    struct elt_stream first = scene_lone_stream(p, "acme", 1);
    assert_int_equal(first.excluded_columns.n, 0);
    struct text_list tables = list_of(p, "contact", "contact_x");
    must(elt_stream_set_tables(p->store, first.id, &tables, &err), &err);
    must(elt_stream_mark_full(p->store, ACCOUNT, first.id, (struct full_mark){99}, &err), &err);
    struct elt_stream changed = {.account_id = ACCOUNT,
                                 .sync_id = first.sync_id,
                                 .name = STR("contacts"),
                                 .incremental_pointer_id = STR("updated"),
                                 .full_sync_always = true,
                                 .protected_from_full_sync = true,
                                 .excluded_columns = list_of(p, "a\"b", "\xc3\xa4\n"),
                                 .hashed_columns = list_of(p, "email", ""),
                                 .excluded_substreams = list_of(p, "x", "y")};
    must(elt_stream_put(p->store, &changed, &p->arena, &err), &err);
    check_slice(changed.id, first.id);
    must(elt_stream_find(p->store, ACCOUNT, first.id, &p->arena, &found, &err), &err);
    check_str(found.excluded_columns.items[0], "a\"b");
    check_str(found.excluded_columns.items[1], "\xc3\xa4\n");
    check_str(found.hashed_columns.items[1], "");
    assert_int_equal(found.excluded_substreams.n, 2);
    assert_true(found.full_sync_always && found.protected_from_full_sync);
    assert_false(found.full_sync_at_midnight);
    // What the engine knows of it stays.
    assert_int_equal(found.full_refresh_ms, 99);
    check_str(found.tables.items[1], "contact_x");
    check_str(found.incremental_pointer_id, "updated");
    assert_int_equal(found.created_ms, first.created_ms);
    assert_int_equal(scene_count(p, "elt_stream"), 1);
    changed.account_id = OTHER;
    assert_false(elt_stream_put(p->store, &changed, &p->arena, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_false(elt_stream_find(p->store, OTHER, first.id, &p->arena, &found, &err));
    assert_false(elt_stream_mark_full(p->store, OTHER, first.id, (struct full_mark){0}, &err));
    assert_false(elt_stream_remove(p->store, OTHER, first.id, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

static void test_lists_of_streams_are_bounded(struct place *p)
{
    struct error err = {0};
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    struct text_list many = {ARENA_ARRAY(&p->arena, struct str, STREAM_LIST_MAX + 1),
                             STREAM_LIST_MAX + 1};
    for (size_t i = 0; i < many.n; i++) {
        many.items[i] = STR("\x01"); // six bytes in the table
    }
    stream.hashed_columns = many;
    assert_false(elt_stream_put(p->store, &stream, &p->arena, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    check_contains(err.message, "hashed_columns: 2001 texts");
    stream.hashed_columns.n--;
    must(elt_stream_put(p->store, &stream, &p->arena, &err), &err);
    assert_int_equal(stream.hashed_columns.n, STREAM_LIST_MAX);
    char *huge = arena_zalloc(&p->arena, STREAM_LIST_BYTES_MAX + 1);
    memset(huge, '\x02', STREAM_LIST_BYTES_MAX + 1);
    struct str item = {huge, STREAM_LIST_BYTES_MAX + 1};
    stream.excluded_columns = (struct text_list){&item, 1};
    assert_false(elt_stream_put(p->store, &stream, &p->arena, &err));
    check_contains(err.message, "excluded_columns");
    item.len--;
    must(elt_stream_put(p->store, &stream, &p->arena, &err), &err);
    assert_int_equal(stream.excluded_columns.items[0].len, STREAM_LIST_BYTES_MAX);
}

static void test_lists_of_streams(struct place *p)
{
    struct error err = {0};
    struct elt_stream *list = NULL;
    size_t n = 0;
    scene_connection(p, "a", 1);
    struct elt_sync one = scene_sync(p, "a", "one");
    struct elt_sync two = scene_sync(p, "a", "two");
    static const char *const NAMES[] = {"contacts", "companies", "deals"};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        scene_stream(p, &one, NAMES[i]);
    }
    scene_stream(p, &two, "owners");
    place_run(p, "UPDATE elt_stream SET created_ms = CASE name WHEN 'contacts' THEN 1 WHEN"
                 " 'companies' THEN 2 WHEN 'deals' THEN 3 ELSE 4 END");
    must(elt_stream_of_sync(p->store, one.id, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, ARRAY_LEN(NAMES));
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        check_str(list[i].name, NAMES[i]);
    }
    // Of both at once, in whatever order of the two.
    struct stream_list all = {NULL, 1};
    must(elt_stream_of_syncs(p->store, &one, 0, &p->arena, &all, &err), &err);
    assert_int_equal(all.n, 0);
    const struct elt_sync both[] = {one, two};
    must(elt_stream_of_syncs(p->store, both, 2, &p->arena, &all, &err), &err);
    assert_int_equal(all.n, 4);
    size_t at = str_eq(all.items[0].sync_id, one.id) ? 0 : 1;
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        check_str(all.items[at + i].name, NAMES[i]);
    }
    check_str(all.items[at == 0 ? 3 : 0].name, "owners");
    struct page_query q = {.account_id = ACCOUNT, .max = 2};
    must(elt_stream_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 3);
    check_str(list[0].name, "owners");
    q.after = (struct page_place){list[1].created_ms, list[1].id};
    must(elt_stream_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 2);
    check_str(list[1].name, "contacts");
    q.after = (struct page_place){0};
    q.owner_id = two.id;
    must(elt_stream_list(p->store, &q, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 1);
}

static void test_rows_that_nobody_can_read(struct place *p)
{
    static const char *const HARM[] = {
        "UPDATE elt_stream SET tables = '[1]'",
        "UPDATE elt_stream SET tables = '[\"a\"'",
        "UPDATE elt_stream SET tables = '{}'",
        "UPDATE elt_stream SET tables = ''",
    };
    struct error err = {0};
    struct elt_stream found;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    for (size_t i = 0; i < ARRAY_LEN(HARM); i++) {
        place_run(p, HARM[i]);
        check_row(!elt_stream_find(p->store, ACCOUNT, stream.id, &p->arena, &found, &err), HARM[i]);
        assert_int_equal(err.code, ERR_STORE);
        check_contains(err.message, stream.id.ptr);
    }
    struct stream_run_row run;
    struct str id = scene_request(p, stream.id).id;
    place_run(p, "UPDATE stream_run SET status = 'dancing'");
    assert_false(stream_run_find(p->store, ACCOUNT, id, &p->arena, &run, &err));
    assert_int_equal(err.code, ERR_STORE);
    check_contains(err.message, id.ptr);
}

static void test_columns_of_another_type(struct place *p)
{
    struct error err = {0};
    struct elt_sync found;
    struct elt_stream stream = scene_lone_stream(p, "acme", 1);
    place_run(p, "UPDATE elt_sync SET start_ms = 'soon'");
    assert_false(elt_sync_find(p->store, ACCOUNT, stream.sync_id, &p->arena, &found, &err));
    assert_int_equal(err.code, ERR_STORE);
    check_contains(err.message, stream.sync_id.ptr);
}

// ---- events and budgets

static void test_events(struct place *p)
{
    struct error err = {0};
    struct stored_event *list = NULL;
    size_t n = 0;
    int64_t last = -1;
    must(event_last(p->store, &last, &err), &err);
    assert_int_equal(last, 0);
    struct stored_event e = {.account_id = ACCOUNT, .kind = STR("sync.created"), .run_id = STR("")};
    must(event_add(p->store, &e, &err), &err);
    int64_t first = e.id;
    e.run_id = STR("run-1");
    e.data = STR("{\"a\":1}");
    must(event_add(p->store, &e, &err), &err);
    assert_true(e.id > first && e.at_ms > 0);
    e.account_id = OTHER;
    must(event_add(p->store, &e, &err), &err);
    must(event_last(p->store, &last, &err), &err);
    assert_int_equal(last, e.id);
    static const struct {
        const char *account, *run;
        size_t max, n;
        bool after;
    } ROWS[] = {
        {"", "", 9, 3, false},      {"A-account-0001", "", 9, 2, false},
        {"", "run-1", 9, 2, false}, {"A-account-0001", "run-1", 9, 1, false},
        {"", "", 2, 2, false},      {"", "", 9, 2, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct event_query q = {.account_id = str_from(ROWS[i].account),
                                .run_id = str_from(ROWS[i].run),
                                .after_id = ROWS[i].after ? first : 0,
                                .max = ROWS[i].max};
        must(event_list(p->store, &q, &p->arena, &list, &n, &err), &err);
        assert_int_equal(n, ROWS[i].n);
        assert_true(n < 2 || list[0].id < list[1].id);
    }
    check_str(list[0].data, "{\"a\":1}");
    char *huge = arena_zalloc(&p->arena, EVENT_DATA_MAX + 1);
    e.data = (struct str){huge, EVENT_DATA_MAX + 1};
    assert_false(event_add(p->store, &e, &err));
    assert_int_equal(err.code, ERR_LIMIT);
}

static void test_steps_of_a_run_are_bounded(struct place *p)
{
    struct error err = {0};
    struct stored_event e = {
        .account_id = ACCOUNT, .kind = STR("run.progress"), .run_id = STR("run-1")};
    must(store_begin(p->store, &err), &err);
    for (int i = 0; i < EVENTS_PER_RUN_MAX + 5; i++) {
        must(event_add(p->store, &e, &err), &err);
    }
    assert_int_equal(e.id, 0);
    e.kind = STR("run.completed");
    must(event_add(p->store, &e, &err), &err);
    assert_true(e.id > 0);
    must(store_end(p->store, true, &err), &err);
    assert_int_equal(scene_count(p, "event"), EVENTS_PER_RUN_MAX + 1);
}

static void test_budgets(struct place *p)
{
    struct error err = {0};
    struct budget_row found;
    struct budget_row *list = NULL;
    size_t n = 0;
    bool known = true;
    struct budget_row rows[] = {
        {.connection_id = STR("b"), .at_ms = 5, .window_max = -1, .waiting_for = STR("daily")},
        {.connection_id = STR("a"),
         .at_ms = 6,
         .window_used = 7,
         .calls = INT64_MAX,
         .waiting_for = STR("\xff\"")}};
    must(budget_row_put(p->store, rows, 2, &err), &err);
    must(budget_row_find(p->store, STR("a"), &p->arena, &found, &known, &err), &err);
    assert_false(known); // there is no such connection
    scene_connection(p, "a", 1);
    scene_connection(p, "b", 2);
    must(budget_row_put(p->store, rows, 2, &err), &err);
    rows[0].day_ends_ms = 9;
    must(budget_row_put(p->store, rows, 1, &err), &err);
    must(budget_row_put(p->store, rows, 0, &err), &err);
    must(budget_row_list(p->store, &p->arena, &list, &n, &err), &err);
    assert_int_equal(n, 2);
    check_str(list[0].connection_id, "a");
    assert_true(list[0].window_used == 7 && list[0].calls == INT64_MAX);
    check_str(list[0].waiting_for, "?\"");
    must(budget_row_find(p->store, STR("b"), &p->arena, &found, &known, &err), &err);
    assert_true(known && found.window_max == -1 && found.day_ends_ms == 9 && found.at_ms == 5);
    check_str(found.waiting_for, "daily");
    place_run(p, "UPDATE connection_budget SET data = '[]'");
    assert_false(budget_row_find(p->store, STR("b"), &p->arena, &found, &known, &err));
    assert_int_equal(err.code, ERR_STORE);
    must(connection_remove(p->store, STR("b"), &known, &err), &err);
    assert_true(known);
    must(budget_row_put(p->store, rows, 1, &err), &err); // by a worker that does not know yet
    must(budget_row_find(p->store, STR("b"), &p->arena, &found, &known, &err), &err);
    assert_false(known);
    assert_int_equal(scene_count(p, "connection_budget"), 1);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_destinations),
        PLACE_TEST(test_the_default_is_known_by_its_url),
        PLACE_TEST(test_a_destination_in_use_stays),
        PLACE_TEST(test_syncs),
        PLACE_TEST(test_what_a_sync_may_not_be),
        PLACE_TEST(test_pages_of_syncs),
        PLACE_TEST(test_due_syncs),
        PLACE_SERVER_TEST(test_due_syncs_are_given_once),
        PLACE_TEST(test_streams),
        PLACE_TEST(test_lists_of_streams_are_bounded),
        PLACE_TEST(test_lists_of_streams),
        PLACE_TEST(test_rows_that_nobody_can_read),
        PLACE_FILE_TEST(test_columns_of_another_type),
        PLACE_TEST(test_events),
        PLACE_TEST(test_steps_of_a_run_are_bounded),
        PLACE_TEST(test_budgets),
        PLACE_TESTS_END,
    };
    return place_run_both("sync_store", TESTS);
}
