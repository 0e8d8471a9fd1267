// Ten thousand syncs, on a file and on PostgreSQL: due together, and with nothing to do.
#include "test_engine.h"
#include "test_place_both.h"

enum { MANY = 10000, A_CONNECTION = 1000 };

// One sync of one stream is copied, to ten connections.
static void fill(struct scene *s)
{
    for (int i = 0; i < MANY / A_CONNECTION; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i);
        scene_connection(s, name);
    }
    (void)scene_add(s, "c0", "0 0 * * *", "{}", SCENE_CONTACTS);
    place_run(s->place,
              "INSERT INTO elt_sync (id, account_id, connection_id, destination_id, schema_name, "
              "schema_key, sync_interval, settings, start_ms, enabled, started, next_due_ms, "
              "created_ms, updated_ms) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
              "FROM n WHERE i < 9999) SELECT CAST(10000000000000 + n.i AS TEXT), y.account_id, "
              "'c' || CAST(n.i % 10 AS TEXT), y.destination_id, 'many_' || CAST(n.i AS TEXT), "
              "'many_' || CAST(n.i AS TEXT), y.sync_interval, y.settings, y.start_ms, y.enabled, "
              "y.started, y.next_due_ms, y.created_ms, y.updated_ms FROM elt_sync y, n");
    place_run(s->place,
              "INSERT INTO elt_stream (id, account_id, sync_id, schema_key, name, "
              "incremental_pointer_id, full_sync_always, full_sync_at_midnight, "
              "protected_from_full_sync, enabled_history_table, excluded_columns, hashed_columns, "
              "excluded_substreams, full_refresh_ms, reset_history, last_completed_ms, "
              "last_full_ms, last_status, tables, created_ms, updated_ms) SELECT 'f' || "
              "substr(y.id, 2), t.account_id, y.id, y.schema_key, t.name, "
              "t.incremental_pointer_id, t.full_sync_always, t.full_sync_at_midnight, "
              "t.protected_from_full_sync, t.enabled_history_table, t.excluded_columns, "
              "t.hashed_columns, t.excluded_substreams, t.full_refresh_ms, t.reset_history, "
              "t.last_completed_ms, t.last_full_ms, t.last_status, t.tables, t.created_ms, "
              "t.updated_ms FROM elt_sync y, elt_stream t WHERE y.schema_name LIKE 'many%'");
}

static void test_due_together(struct place *p)
{
    struct scene s;
    scene_init(&s, p);
    fill(&s);
    struct engine *e = scene_engine(&s, "w1", 0);
    place_run(p, "UPDATE elt_sync SET next_due_ms = 1");
    int64_t begin_ms = engine_real_ms();
    int passes = 0;
    while (scene_number(&s, "SELECT count(*) FROM stream_run") < MANY) {
        assert_true(++passes < 100);
        assert_true(engine_pass(e));
    }
    print_message("%d syncs scheduled in %lld ms, %d passes\n", MANY,
                  (long long)(engine_real_ms() - begin_ms), passes);
    assert_true(passes <= 11); // with the others having their turn in between
    assert_int_equal(scene_number(&s, "SELECT count(*) FROM elt_sync WHERE next_due_ms > 0 AND "
                                      "next_due_ms <= (SELECT min(requested_ms) FROM stream_run)"),
                     0);
    // One each, told once, and every connection has its turn in every round.
    assert_int_equal(scene_number(&s, "SELECT count(DISTINCT stream_id) FROM stream_run"), MANY);
    assert_int_equal(
        scene_number(&s, "SELECT count(DISTINCT run_id) FROM event WHERE kind = 'run.scheduled'"),
        MANY);
    assert_int_equal(scene_number(&s, "SELECT count(DISTINCT turn) FROM stream_run"), A_CONNECTION);
    assert_int_equal(scene_number(&s, "SELECT max(turn) FROM stream_run"), A_CONNECTION - 1);
    engine_stop(e, 1000);
    scene_done(&s);
}

int main(void)
{
    static const struct place_test TESTS[] = {
        PLACE_TEST(test_due_together),
        PLACE_TESTS_END,
    };
    return place_run_both("engine_many", TESTS);
}
