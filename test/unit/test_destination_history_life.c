// Histories: turned on and off, wiped, and removed with their tables.
#include "test_destination_history.h"

#include <pthread.h>

// --- on and off ----------------------------------------------------------------------------------

static void begins_with_rows_as_they_are(struct world *w)
{
    apply(w, &CONTACT);
    put(w, 1, "Ada", T0);
    put(w, 2, "Bob", T0);
    mark(w, 2, T0 + 1);
    run_sql(w, "INSERT INTO contact (id, name) VALUES (9, 'of somebody else')");
    keep(w, &CONTACT, true, "");
    VERSIONS(w, "-1|Ada", "+2|Bob");
    world_reopen(w);
    keep(w, &CONTACT, true, "");
    put(w, 1, "Ann", T0 + 1000);
    VERSIONS(w, "-1|Ada", "-1|Ann", "+2|Bob");
}

static void off_and_on_again(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    put(w, 2, "x", T0);
    world_reopen(w);
    keep(w, &CONTACT, false, "");
    put(w, 1, "b", T0 + 1000);
    put(w, 1, "c", T0 + 2000);
    VERSIONS(w, "-1|a", "-2|x");
    world_reopen(w);
    keep(w, &CONTACT, true, "");
    VERSIONS(w, "-1|a", "-1|c", "-2|x"); // as found, and none of what is as it was
    put(w, 2, "y", T0 + 3000);
    VERSIONS(w, "-1|a", "-1|c", "-2|x", "-2|y");
}

// A stream that shares the table and keeps none leaves the history of another alone.
static void shared_with_a_stream_that_has_none(struct world *w)
{
    const struct history_options other = {.shared = true, .reset = STR("r1")};
    struct error err;
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    world_reopen(w);
    apply(w, &CONTACT);
    must(session_apply_history(w->session, &CONTACT, &other, &err), &err);
    begin(w, T0 + 1000);
    struct cell row[] = {C_INT(1), C_TEXT("b"), C_NULL, C_NULL};
    write_cells(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row));
    commit(w, "{}");
    VERSIONS(w, "-1|a", "-1|b");
}

struct sharer {
    struct world *world;
    pthread_barrier_t *opened;
    pthread_mutex_t *opening; // the clock is virtual: nobody waits for a file that is being opened
    int number;
    bool ok;
    struct error err;
};

static void *run_sharer(void *user)
{
    static const struct history_options OPTIONS = {.on = true, .shared = true};
    struct sharer *me = user;
    struct session *s = NULL;
    char stream[16];
    bool empty = false;
    (void)snprintf(stream, sizeof stream, "stream_%d", me->number);
    pthread_mutex_lock(me->opening);
    me->ok = session_open(me->world->dest, str_from(stream), &s, &me->err);
    pthread_mutex_unlock(me->opening);
    pthread_barrier_wait(me->opened);
    me->ok = me->ok && session_apply_schema(s, &CONTACT, &empty, &me->err) &&
             session_apply_history(s, &CONTACT, &OPTIONS, &me->err);
    session_close(s);
    return NULL;
}

// Streams that share a table and turn its history on at once: each row has one version.
static void turned_on_by_several_at_once(struct world *w)
{
    enum { SHARERS = 4, ROWS = 500 };
    struct sharer sharers[SHARERS];
    pthread_barrier_t opened;
    pthread_mutex_t opening = PTHREAD_MUTEX_INITIALIZER;
    pthread_t threads[SHARERS];
    struct cell *rows = ARENA_ARRAY(&w->arena, struct cell, (size_t)ROWS * CONTACT_COLUMNS);
    for (size_t i = 0; i < ROWS; i++) {
        rows[i * CONTACT_COLUMNS] = C_INT((int64_t)i);
        rows[i * CONTACT_COLUMNS + 1] = C_TEXT("x");
    }
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, rows, (size_t)ROWS * CONTACT_COLUMNS, T0);
    assert_int_equal(pthread_barrier_init(&opened, NULL, SHARERS), 0);
    for (int i = 0; i < SHARERS; i++) {
        sharers[i] = (struct sharer){w, &opened, &opening, i, false, {0}};
        assert_int_equal(pthread_create(&threads[i], NULL, run_sharer, &sharers[i]), 0);
    }
    for (int i = 0; i < SHARERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        must(sharers[i].ok, &sharers[i].err);
    }
    pthread_barrier_destroy(&opened);
    check_ask(w, "SELECT count(*), count(DISTINCT id) FROM " HIST, "500|500");
}

static void a_table_that_is_not_ours(struct world *w)
{
    const struct history_options options = {.on = true};
    struct error err;
    apply(w, &CONTACT);
    run_sql(w, "CREATE TABLE " HIST " (id INTEGER)");
    assert_false(session_apply_history(w->session, &CONTACT, &options, &err));
    assert_int_equal(err.code, ERR_DESTINATION);
    check_contains(err.message, "'" HIST "' is there but is no history that sluice has made");
    put(w, 1, "a", T0); // the stream could go on without
    check_ask(w, "SELECT count(*) FROM " HIST, "0");
}

static void a_history_that_somebody_has_dropped(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    world_reopen(w);
    run_sql(w, "DROP TABLE " HIST);
    keep(w, &CONTACT, true, "");
    put(w, 1, "b", T0 + 1);
    VERSIONS(w, "-1|a", "-1|b");
}

// --- wiping --------------------------------------------------------------------------------------

static void finish(struct world *w)
{
    struct error err;
    must(session_finish_history(w->session, &err), &err);
}

static void wiped_with_the_state(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    put(w, 1, "b", T0 + 1);
    put(w, 2, "x", T0 + 1);
    put(w, 3, "gone", T0 + 1);
    mark(w, 3, T0 + 2);
    renew(w, "run 1");
    put(w, 1, "c", T0 + 1000); // no state: the full pass has not begun
    VERSIONS(w, "-1|a", "-1|b", "-1|c", "-2|x", "-3|gone", "+3|gone");
    put_with_state(w, 1, "c", T0 + 2000);
    VERSIONS(w, "-1|c");
    put_with_state(w, 2, "y", T0 + 3000);
    VERSIONS(w, "-1|c", "-2|y"); // once
    finish(w);
    VERSIONS(w, "-1|c", "-2|y", "+3|gone"); // what the pass had no reason to write
    renew(w, "");
    put_with_state(w, 2, "z", T0 + 4000);
    VERSIONS(w, "-1|c", "-2|y", "-2|z", "+3|gone");
}

// Killed within a pass, whose next run is told to wipe again, since nobody knows how far it came.
static void wiped_once_over_crashes(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    put(w, 2, "x", T0);
    renew(w, "run 1");
    struct cell row[] = {C_INT(1), C_TEXT("lost"), C_NULL, C_NULL};
    begin(w, T0 + 1);
    write_cells(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row));
    session_rollback(w->session); // before it committed
    VERSIONS(w, "-1|a", "-2|x");
    renew(w, "run 1");
    put_with_state(w, 1, "b", T0 + 2);
    VERSIONS(w, "-1|b");
    renew(w, "run 1"); // behind it
    put_with_state(w, 1, "c", T0 + 3);
    VERSIONS(w, "-1|b", "-1|c");
    finish(w);
    VERSIONS(w, "-1|b", "-1|c", "-2|x");
}

static void a_failed_commit_wipes_nothing(struct world *w)
{
    struct error err;
    struct str state;
    struct cell row[] = {C_INT(1), C_TEXT("b"), C_NULL, C_NULL};
    keep(w, &CONTACT, true, "");
    put_with_state(w, 1, "a", T0);
    renew(w, "run 1");
    must(session_read_state(w->session, &w->arena, &state, &err), &err);
    run_sql(w, "UPDATE _sluice_state SET version = version + 1"); // as another program would
    begin(w, T0 + 1);
    write_cells(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row));
    assert_false(session_commit(w->session, STR("{}"), &err));
    assert_int_equal(err.code, ERR_DESTINATION_BUSY);
    VERSIONS(w, "-1|a");
    // What failed is tried again: the wiping, too.
    must(session_read_state(w->session, &w->arena, &state, &err), &err);
    put_with_state(w, 1, "b", T0 + 2);
    VERSIONS(w, "-1|b");
}

static void wiped_while_off(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    world_reopen(w);
    keep(w, &CONTACT, false, "run 1");
    put_with_state(w, 1, "b", T0 + 1);
    check_ask(w, "SELECT count(*) FROM " HIST, "0");
    finish(w);
    check_ask(w, "SELECT count(*) FROM " HIST, "0");
    renew(w, "");
    VERSIONS(w, "-1|b");
}

// --- removal -------------------------------------------------------------------------------------

#define IS_THERE                                                                                   \
    "SELECT (SELECT count(*) FROM _sluice_history), (SELECT count(*) FROM sqlite_master WHERE"     \
    " name = '" HIST "')"
#define IS_THERE_PG                                                                                \
    "SELECT (SELECT count(*) FROM _sluice_history), (SELECT count(*) FROM"                         \
    " information_schema.tables WHERE table_schema = current_schema() AND table_name = '" HIST     \
    "')"

static void goes_with_its_table(struct world *w)
{
    static const struct str NAMES[] = {STR_INIT("contact")};
    static const struct str STREAMS[] = {STR_INIT("contacts")};
    const char *there = w->postgres ? IS_THERE_PG : IS_THERE;
    struct error err;
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    check_ask(w, there, "1|1");
    must(session_drop_tables(w->session, NAMES, 1, &err), &err);
    check_ask(w, there, "0|0");
    keep(w, &CONTACT, true, "");
    put(w, 1, "b", T0 + 1);
    VERSIONS(w, "-1|b");
    session_close(w->session);
    w->session = NULL;
    struct destination_options options = world_options(w);
    const struct destination_removal removal = {STREAMS, 1, NAMES, 1};
    must(destination_drop(&options, &removal, &err), &err);
    check_ask(w, there, "0|0");
}

const struct scene HISTORY_LIFE_SCENES[] = {
    {"a history begins with rows as they are", begins_with_rows_as_they_are},
    {"a history that is off and on again", off_and_on_again},
    {"a table shared with a stream that keeps none", shared_with_a_stream_that_has_none},
    {"a history that several turn on at once", turned_on_by_several_at_once},
    {"a history's name that is somebody else's", a_table_that_is_not_ours},
    {"a history that somebody has dropped", a_history_that_somebody_has_dropped},
    {"a history is wiped with the state", wiped_with_the_state},
    {"a history is wiped once over crashes", wiped_once_over_crashes},
    {"a failed commit wipes nothing", a_failed_commit_wipes_nothing},
    {"a history that is off is wiped", wiped_while_off},
    {"a history goes with its table", goes_with_its_table},
    {NULL, NULL},
};
