// The execution of a claimed run: a real store and destination, and hubsim as HubSpot.
#include "test_task.h"

#include <sodium.h>

static void test_loads_and_goes_on(void **state)
{
    struct scene *s = *state;
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_COMPLETED);
    assert_int_equal(end.mode, RUN_FULL);
    assert_int_equal(end.trigger, TRIGGER_INITIAL_SYNC);
    assert_int_equal(end.records, CONTACTS);
    assert_true(end.calls > 0 && end.bytes > 0);
    check_contains(scene_text(s, end.details), "118 records; HubSpot counts 118, as are here");
    check_str(scene_ask(s, "SELECT count(*) FROM contact"), "118");
    check_str(scene_ask(s, "SELECT count(*) FROM contact WHERE property_hs_object_id IS NOT NULL"),
              "118");
    scene_load_stream(s);
    assert_int_equal(s->stream.tables.n, 2);
    check_str(s->stream.tables.items[0], "contact");
    check_str(s->stream.tables.items[1], "contact_merge_audit");

    sim_post(s, "/_sim/mutate", "{\"op\":\"update\",\"object\":\"contacts\",\"count\":7}");
    end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_COMPLETED);
    assert_int_equal(end.mode, RUN_INCREMENTAL);
    assert_true(end.records >= 7);
    check_str(scene_ask(s, "SELECT count(*) FROM contact"), "118");
}

// What the account has got since the connection was opened is seen by the next run.
static void test_new_properties_are_seen(void **state)
{
    struct scene *s = *state;
    assert_int_equal(scene_run(s, NULL).status, RUN_COMPLETED);
    sim_post(s, "/crm/v3/properties/contacts",
             "{\"name\":\"shoe_size\",\"label\":\"Shoe size\",\"type\":\"string\",\"fieldType\":"
             "\"text\",\"groupName\":\"contactinformation\"}");
    assert_int_equal(scene_run(s, NULL).status, RUN_COMPLETED);
    check_str(scene_ask(s, "SELECT count(property_shoe_size) FROM contact"), "0");
}

static bool never(void *user, struct str lease, int64_t fence)
{
    struct scene *s = user;
    s->asked++;
    check_str(lease, "hubspot-4711002");
    assert_int_equal(fence, s->fence);
    return false;
}

static void test_without_its_lease_commits_nothing(void **state)
{
    struct scene *s = *state;
    s->may_commit = never;
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_SCHEDULED);
    assert_int_equal(end.retry_attempt, 0);
    assert_true(s->asked > 0);
    check_str(scene_ask(s, "SELECT count(*) FROM sqlite_master WHERE name = 'contact'"), "0");
    s->may_commit = NULL;
    assert_int_equal(scene_run(s, NULL).status, RUN_COMPLETED);
    check_str(scene_ask(s, "SELECT count(*) FROM contact"), "118");
}

// The lease goes after some commits: those stay, no more come, and another goes on.
static bool three_times(void *user, struct str lease, int64_t fence)
{
    struct scene *s = user;
    (void)lease;
    (void)fence;
    return ++s->asked <= 2;
}

static void test_goes_on_after_a_lost_lease(void **state)
{
    struct scene *s = *state;
    s->may_commit = three_times;
    assert_int_equal(scene_run(s, NULL).status, RUN_SCHEDULED);
    s->may_commit = NULL;
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_COMPLETED);
    check_str(scene_ask(s, "SELECT count(*) FROM contact"), "118");
}

static void stop_for_good(struct task *t)
{
    task_stop(t, true);
}

static void stop_for_now(struct task *t)
{
    task_stop(t, false);
}

static void test_stops(void **state)
{
    struct scene *s = *state;
    struct stream_run_row end = scene_run(s, stop_for_now);
    assert_int_equal(end.status, RUN_SCHEDULED);
    end = scene_run(s, stop_for_good);
    assert_int_equal(end.status, RUN_FAILED);
    check_str(end.error_code, "cancelled");
}

static void test_dead_token(void **state)
{
    struct scene *s = *state;
    scene_put_token(s, "pat-na1-another-token-altogether");
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_FAILED);
    check_str(end.error_code, "credentials");
    check_contains(scene_text(s, end.error_message), "connection");
    assert_null(strstr(scene_text(s, end.error_message), "another-token"));
    scene_put_token(s, TOKEN);
    assert_int_equal(scene_run(s, NULL).status, RUN_COMPLETED);
}

static void test_destination_away(void **state)
{
    struct scene *s = *state;
    scene_set_destination(s, "sqlite:/proc/none/");
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_not_equal(end.status, RUN_COMPLETED);
    assert_true(str_starts(end.error_code, STR("destination")));
    assert_true(end.error_message.len > 0);
}

static void test_limit_delays(void **state)
{
    struct scene *s = *state;
    assert_int_equal(scene_run(s, NULL).status, RUN_COMPLETED);
    sim_post(s, "/_sim/faults",
             "{\"rules\":[{\"action\":\"rate_limit\",\"policy\":\"DAILY\",\"times\":50}]}");
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_DELAYED);
    assert_true(end.not_before_ms > clock_now_ms(clock_system()));
    assert_true(end.details.len > 0);
}

// ---- columns

static struct str list_of(struct scene *s, const char *text, struct text_list *ret)
{
    struct str rest = str_from(text);
    struct str item;
    *ret = (struct text_list){.items = ARENA_ARRAY(&s->arena, struct str, 8)};
    while (str_next(&rest, ',', &item)) {
        ret->items[ret->n++] = item;
    }
    return rest;
}

static void rules(struct scene *s, const char *excluded, const char *hashed, const char *tables)
{
    scene_load_stream(s);
    list_of(s, excluded, &s->stream.excluded_columns);
    list_of(s, hashed, &s->stream.hashed_columns);
    list_of(s, tables, &s->stream.excluded_substreams);
    scene_put_stream(s);
}

static const char *expected_hash(struct scene *s, struct str value)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    struct secret *salt = NULL;
    struct error err;
    char *text = arena_alloc(&s->arena, 2 * sizeof digest + 1);
    must(workspace_salt(s->store, s->sealing, s->workspace.id, &salt, &err), &err);
    struct str bytes = secret_reveal(salt);
    crypto_hash_sha256_state h;
    crypto_hash_sha256_init(&h);
    crypto_hash_sha256_update(&h, (const unsigned char *)bytes.ptr, bytes.len);
    crypto_hash_sha256_update(&h, (const unsigned char *)value.ptr, value.len);
    crypto_hash_sha256_final(&h, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    secret_destroy(salt);
    return text;
}

static void test_columns_change_later(void **state)
{
    struct scene *s = *state;
    assert_int_equal(scene_run(s, NULL).status, RUN_COMPLETED);
    struct str mail = scene_ask(
        s,
        "SELECT property_email FROM contact WHERE property_email IS NOT NULL ORDER BY id LIMIT 1");
    struct str name = scene_ask(s, "SELECT property_firstname FROM contact ORDER BY id LIMIT 1");

    // Left out: gone at once, and no other row is read anew for it.
    rules(s, "firstname", "", "contact_merge_audit");
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_COMPLETED);
    assert_int_equal(end.mode, RUN_INCREMENTAL);
    check_str(scene_ask(s, "SELECT count(*) FROM pragma_table_info('contact') WHERE name = "
                           "'property_firstname'"),
              "0");
    check_str(scene_ask(s, "SELECT count(*) FROM sqlite_master WHERE name = 'contact_merge_audit'"),
              "0");

    // Hashed: everything is read anew.
    rules(s, "firstname", "property_email,hs_object_id", "");
    end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_COMPLETED);
    assert_int_equal(end.mode, RUN_FULL);
    assert_int_equal(end.trigger, TRIGGER_SCHEMA_CHANGE);
    assert_int_equal(end.records, CONTACTS);
    check_str(scene_ask(s, "SELECT property_email FROM contact WHERE property_email IS NOT NULL "
                           "ORDER BY id LIMIT 1"),
              expected_hash(s, mail));
    check_str(scene_ask(s, "SELECT count(*) FROM contact WHERE length(property_email) = 64"),
              "115");
    assert_int_equal(scene_run(s, NULL).mode, RUN_INCREMENTAL);

    // Back: whole again.
    rules(s, "", "", "");
    end = scene_run(s, NULL);
    assert_int_equal(end.mode, RUN_FULL);
    check_slice(scene_ask(s, "SELECT property_email FROM contact WHERE property_email IS NOT NULL "
                             "ORDER BY id LIMIT 1"),
                mail);
    check_slice(scene_ask(s, "SELECT property_firstname FROM contact ORDER BY id LIMIT 1"), name);
    check_str(scene_ask(s, "SELECT count(*) FROM contact"), "118");
}

static void test_keys_stay(void **state)
{
    struct scene *s = *state;
    rules(s, "id", "", "");
    struct stream_run_row end = scene_run(s, NULL);
    assert_int_equal(end.status, RUN_FAILED);
    check_str(end.error_code, "config");
    check_contains(scene_text(s, end.error_message), "excluded_columns: column \"id\"");
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, scene_create, scene_destroy)
    const struct CMUnitTest tests[] = {
        TEST(test_loads_and_goes_on),
        TEST(test_new_properties_are_seen),
        TEST(test_without_its_lease_commits_nothing),
        TEST(test_goes_on_after_a_lost_lease),
        TEST(test_stops),
        TEST(test_dead_token),
        TEST(test_destination_away),
        TEST(test_limit_delays),
        TEST(test_columns_change_later),
        TEST(test_keys_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
