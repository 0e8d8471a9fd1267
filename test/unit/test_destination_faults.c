// Bad days: two writers, locks, full disks, a server that goes away. What was not committed leaves
// nothing behind.
#include "test_destination.h"

#include "destination/turn.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>

#define T0 1700000000000

enum { THREADS = 4, TRANSACTIONS = 15, ROWS = 20 };

// --- several writers -----------------------------------------------------------------------------

struct writer {
    struct world *world;
    int number;
    bool ok;
    struct error err;
};

static bool write_some(struct writer *wr, struct session *s, struct arena *arena)
{
    struct cell cells[ROWS * CONTACT_COLUMNS];
    struct str state;
    bool empty;
    if (!session_apply_schema(s, &CONTACT, &empty, &wr->err) ||
        !session_read_state(s, arena, &state, &wr->err)) {
        return false;
    }
    for (int t = 0; t < TRANSACTIONS; t++) {
        for (int i = 0; i < ROWS; i++) {
            struct cell *c = cells + (ptrdiff_t)i * CONTACT_COLUMNS;
            c[0] = C_INT(((int64_t)t * ROWS + i) * THREADS + wr->number);
            c[1] = C_TEXT("x");
            c[2] = C_NULL;
            c[3] = C_NULL;
        }
        struct batch batch = {.table = &CONTACT, .cells = cells, .n_rows = ROWS};
        if (!session_begin(s, T0, &wr->err) || !session_write(s, &batch, &wr->err) ||
            !session_commit(s, STR("s"), &wr->err)) {
            return false;
        }
    }
    return true;
}

static void *run_writer(void *user)
{
    struct writer *wr = user;
    struct arena arena;
    struct session *s = NULL;
    char stream[16];
    arena_init(&arena, 1U << 20);
    (void)snprintf(stream, sizeof(stream), "stream_%d", wr->number);
    wr->ok =
        session_open(wr->world->dest, str_from(stream), &s, &wr->err) && write_some(wr, s, &arena);
    session_close(s);
    arena_done(&arena);
    return NULL;
}

static void several_streams_at_once(struct world *w)
{
    pthread_t threads[THREADS];
    struct writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.world = w, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_writer, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (!writers[i].ok) {
            print_error("%s\n", writers[i].err.message);
        }
        assert_true(writers[i].ok);
    }
    check_ask(w, "SELECT count(*), min(id), max(id) FROM contact", "1200|0|1199");
    check_ask(w, "SELECT count(*), min(version), max(version) FROM _sluice_state", "4|15|15");
}

struct line {
    struct turn turn;
    int order[THREADS];
    int n;
};
struct waiter {
    struct line *line;
    int number;
};

static void *wait_in_line(void *user)
{
    struct waiter *me = user;
    struct error err;
    bool taken = turn_take(&me->line->turn, NULL, &err);
    assert(taken);
    me->line->order[me->line->n++] = me->number;
    turn_give(&me->line->turn);
    return NULL;
}

static const struct turn_waiter *last_in_line(struct turn *t)
{
    pthread_mutex_lock(&t->mutex);
    const struct turn_waiter *last = t->last;
    pthread_mutex_unlock(&t->mutex);
    return last;
}

static void *open_fresh(void *user)
{
    struct writer *wr = user;
    struct destination_options options = world_options(wr->world);
    struct destination *dest = NULL;
    options.schema = STR("fresh");
    options.clock = clock_system(); // waits are to take their time here
    wr->ok = destination_open(&options, &dest, &wr->err);
    destination_close(dest);
    return NULL;
}

// Everything is made once, and nobody stumbles over the others making it.
static void opened_at_once(struct world *w)
{
    pthread_t threads[THREADS];
    struct writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        writers[i] = (struct writer){.world = w, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, open_fresh, &writers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        if (!writers[i].ok) {
            print_error("%s\n", writers[i].err.message);
        }
        assert_true(writers[i].ok);
    }
}

// First come, first served; one who gives up does not hold up the others.
static void turns_are_fair(struct world *w)
{
    struct line line = {.n = 0};
    struct waiter waiters[THREADS];
    pthread_t threads[THREADS];
    struct error err;
    turn_init(&line.turn);
    assert_true(turn_take(&line.turn, NULL, &err));
    for (int i = 0; i < THREADS; i++) {
        const struct turn_waiter *last = last_in_line(&line.turn);
        waiters[i] = (struct waiter){&line, i};
        assert_int_equal(pthread_create(&threads[i], NULL, wait_in_line, &waiters[i]), 0);
        while (last_in_line(&line.turn) == last) { // so that they come in this order
            usleep(1000);
        }
        if (i == 1) {
            cancel_request(&w->cancel);
            assert_false(turn_take(&line.turn, &w->cancel, &err));
            assert_int_equal(err.code, ERR_INTERRUPTED);
        }
    }
    turn_give(&line.turn);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(line.order[i], i);
    }
    turn_done(&line.turn);
}

static void stop_while_waiting(struct world *w)
{
    struct error err;
    struct session *other = NULL;
    if (w->postgres) {
        return; // writers do not wait for each other
    }
    assert_true(session_open(w->dest, STR("deals"), &other, &err));
    begin(w, T0);
    cancel_request(&w->cancel);
    assert_false(session_begin(other, T0, &err));
    assert_int_equal(err.code, ERR_INTERRUPTED);
    commit(w, "1");
    assert_true(session_begin(other, T0, &err)); // free: the last transaction may still be written
    assert_true(session_commit(other, STR("2"), &err));
    session_close(other);
}

// Another program in the same file, or in the same stream.
static void another_program(struct world *w)
{
    struct error err;
    check_ask(w, "SELECT 1", "1");
    if (!w->postgres) {
        assert_true(sql_begin(w->db, &err));
        assert_false(session_begin(w->session, T0, &err)); // after 30 s of the test's clock
        assert_int_equal(err.code, ERR_DESTINATION_BUSY);
        check_contains(err.message, ".db'");
        sql_rollback(w->db);
        begin(w, T0);
        commit(w, NULL);
        return;
    }
    struct destination *dest = NULL;
    struct session *other = NULL;
    struct destination_options options = world_options(w);
    assert_true(destination_open(&options, &dest, &err));
    assert_true(session_open(dest, STR("deals"), &other, &err));
    session_close(other);
    other = NULL;
    assert_false(session_open(dest, STR("contacts"), &other, &err));
    assert_int_equal(err.code, ERR_DESTINATION_BUSY);
    assert_null(other);
    check_contains(err.message, "stream 'contacts'");
    check_contains(err.message, "application sluice/contacts");
    check_contains(err.message, "pg_terminate_backend(");
    options.schema = STR("elsewhere"); // is no conflict
    struct destination *elsewhere = NULL;
    assert_true(destination_open(&options, &elsewhere, &err));
    assert_true(session_open(elsewhere, STR("contacts"), &other, &err));
    session_close(other);
    destination_close(elsewhere);
    session_close(w->session);
    w->session = NULL;
    assert_true(session_open(dest, STR("contacts"), &other, &err)); // free at once
    session_close(other);
    destination_close(dest);
}

// --- full ----------------------------------------------------------------------------------------

static bool load_much(struct world *w, struct error *err)
{
    enum { BATCHES = 60 };
    struct cell cells[ROWS * CONTACT_COLUMNS];
    char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    bool ok = session_begin(w->session, T0, err);
    for (int b = 0; b < BATCHES && ok; b++) {
        for (int i = 0; i < ROWS; i++) {
            struct cell *c = cells + (ptrdiff_t)i * CONTACT_COLUMNS;
            c[0] = C_INT(100 + b * ROWS + i);
            c[1] = C_TEXT(text);
            c[2] = C_NULL;
            c[3] = C_NULL;
        }
        struct batch batch = {.table = &CONTACT, .cells = cells, .n_rows = ROWS};
        ok = session_write(w->session, &batch, err);
    }
    ok = ok && session_commit(w->session, STR("much"), err);
    session_rollback(w->session);
    return ok;
}

static void sqlite_full(struct world *w, struct error *err)
{
    struct rlimit old;
    signal(SIGXFSZ, SIG_IGN); // as the program does
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    struct rlimit small = {.rlim_cur = 1024UL * 1024, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    bool ok = load_much(w, err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_false(ok);
}

// PostgreSQL's own disk cannot be filled without a mount, so a trigger raises what it raises then.
static void postgres_full(struct world *w, struct error *err)
{
    check_ask(w, "SELECT 1", "1");
    assert_true(sql_exec(w->db,
                         "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
                         " IF new.id > 500 THEN RAISE EXCEPTION 'could not extend file' USING"
                         " ERRCODE = '53100'; END IF; RETURN new; END $$;"
                         "CREATE TRIGGER full_disk BEFORE INSERT ON contact FOR EACH ROW"
                         " EXECUTE FUNCTION full_disk()",
                         err));
    assert_false(load_much(w, err));
    assert_true(sql_exec(w->db, "DROP TRIGGER full_disk ON contact", &(struct error){0}));
}

static void full_disk(struct world *w)
{
    struct error err;
    struct cell cells[] = {C_INT(1), C_TEXT("before"), C_NULL, C_NULL};
    apply(w, &CONTACT);
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells));
    commit(w, "before");
    (w->postgres ? postgres_full : sqlite_full)(w, &err);
    assert_int_equal(err.code, ERR_DESTINATION_FULL);
    assert_true(error_info(err.code)->retryable);
    check_ask(w, "SELECT count(*) FROM contact", "1");
    check_ask(w, "SELECT state FROM _sluice_state", "before");
    assert_true(load_much(w, &err)); // once there is space again, in the same session
    check_ask(w, "SELECT count(*) FROM contact", "1201");
    check_ask(w, "SELECT state FROM _sluice_state", "much");
}

// --- the server goes away ------------------------------------------------------------------------

static bool write_one(struct world *w, int64_t id, struct error *err)
{
    struct cell cells[] = {C_INT(id), C_TEXT("x"), C_NULL, C_NULL};
    struct batch batch = {.table = &CONTACT, .cells = cells, .n_rows = 1};
    return session_begin(w->session, T0, err) && session_write(w->session, &batch, err) &&
           session_commit(w->session, STR("later"), err);
}

static void check_lost(struct world *w, enum batch_op op)
{
    struct error err;
    struct cell cells[] = {C_INT(7), C_TEXT("lost"), C_NULL, C_NULL};
    begin(w, T0);
    write_cells(w, &CONTACT, op, cells, ARRAY_LEN(cells));
    check_ask(w,
              "SELECT count(*) FROM (SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
              "WHERE application_name = 'sluice/contacts') AS t",
              "1");
    while (strcmp(ask(w, "SELECT count(*) FROM pg_stat_activity WHERE application_name = "
                         "'sluice/contacts'"),
                  "0") != 0) {
        usleep(1000);
    }
    assert_false(session_commit(w->session, STR("lost"), &err));
    assert_int_equal(err.code, ERR_DESTINATION_CONNECT);
    assert_false(write_one(w, 8, &err)); // still gone, and safe to try
    assert_int_equal(err.code, ERR_DESTINATION_CONNECT);
    session_rollback(w->session);
    world_reopen(w);
    check_ask(w, "SELECT count(*) FROM contact", "1");
    assert_string_equal(state_of(w), "before");
}

static void connection_lost(struct world *w)
{
    struct error err;
    struct cell cells[] = {C_INT(1), C_TEXT("before"), C_NULL, C_NULL};
    if (!w->postgres) {
        return;
    }
    apply(w, &CONTACT);
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells));
    commit(w, "before");
    check_lost(w, BATCH_UPSERT);
    check_lost(w, BATCH_INSERT);
    check_lost(w, BATCH_DELETE);
    assert_true(write_one(w, 2, &err));
    check_ask(w, "SELECT count(*) FROM contact", "2");
}

static void server_crash(struct world *w)
{
    struct error err;
    if (!w->postgres) {
        return;
    }
    apply(w, &CONTACT);
    assert_true(write_one(w, 1, &err));
    begin(w, T0);
    struct cell cells[] = {C_INT(2), C_TEXT("x"), C_NULL, C_NULL};
    write_cells(w, &CONTACT, BATCH_INSERT, cells, ARRAY_LEN(cells));
    sql_close(w->db);
    w->db = NULL;
    test_server_stop(w->server, SIGQUIT);
    bool ok = true;
    for (int i = 0; i < 5000 && ok; i++) { // until it is noticed
        cells[0] = C_INT(3 + i);
        struct batch batch = {.table = &CONTACT, .op = BATCH_INSERT, .cells = cells, .n_rows = 1};
        ok = session_write(w->session, &batch, &err);
    }
    ok = ok && session_commit(w->session, STR("crashed"), &err);
    assert_false(ok);
    assert_int_equal(err.code, ERR_DESTINATION_CONNECT);
    session_close(w->session);
    w->session = NULL;
    assert_false(session_open(w->dest, STR("contacts"), &w->session, &err));
    assert_int_equal(err.code, ERR_DESTINATION_CONNECT);
    test_server_start(w->server);
    world_reopen(w);
    check_ask(w, "SELECT id FROM contact", "1");
    assert_string_equal(state_of(w), "later");
}

// --- rights and limits ---------------------------------------------------------------------------

static void no_rights(struct world *w)
{
    struct error err;
    struct destination *dest = NULL;
    struct destination_options options = world_options(w);
    char url[128];
    if (!w->postgres) {
        options.url = STR("sqlite:/proc/sluice/");
        assert_false(destination_open(&options, &dest, &err));
        assert_int_equal(err.code, ERR_DESTINATION_CONNECT);
        return;
    }
    check_ask(w, "SELECT 1", "1");
    assert_true(sql_exec(w->db, "CREATE ROLE guest LOGIN", &err));
    (void)snprintf(url, sizeof(url), "postgres://guest@127.0.0.1:%d/postgres", w->server->port);
    options.url = str_from(url);
    options.schema = STR("not_yours");
    assert_false(destination_open(&options, &dest, &err));
    assert_int_equal(err.code, ERR_DESTINATION_RIGHTS);
    check_contains(err.message, "not_yours");
    options.schema = str_from(w->schema); // exists, but is another's
    assert_false(destination_open(&options, &dest, &err));
    assert_int_equal(err.code, ERR_DESTINATION_RIGHTS);
    assert_true(sql_exec(w->db, "DROP ROLE guest", &err));
}

static void large_state(struct world *w)
{
    struct error err;
    size_t size = 1024UL * 1024;
    char *text = malloc(size + 1);
    assert_non_null(text);
    memset(text, 's', size + 1);
    begin(w, T0);
    assert_true(session_commit(w->session, (struct str){text, size}, &err));
    begin(w, T0);
    assert_false(session_commit(w->session, (struct str){text, size + 1}, &err));
    assert_int_equal(err.code, ERR_LIMIT);
    check_ask(w, "SELECT length(state) FROM _sluice_state", "1048576");
    free(text);
}

// A failed batch spoils its transaction, not the session.
static void failed_batch(struct world *w)
{
    struct error err;
    struct cell cells[] = {C_INT(1), C_TEXT("x"), C_NULL, C_NULL};
    const struct table absent = {STR("absent"), CONTACT.columns, 4, 1};
    struct batch batch = {.table = &absent, .op = BATCH_INSERT, .cells = cells, .n_rows = 1};
    apply(w, &CONTACT);
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells));
    bool ok = session_write(w->session, &batch, &err) && session_commit(w->session, STR("x"), &err);
    assert_false(ok);
    assert_int_equal(err.code, ERR_DESTINATION);
    check_contains(err.message, "absent");
    session_rollback(w->session);
    check_ask(w, "SELECT count(*) FROM contact", "0");
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    check_ask(w, "SELECT count(*) FROM contact", "1");
}

const struct scene FAULT_SCENES[] = {
    {"several streams at once", several_streams_at_once},
    {"opened several times at once", opened_at_once},
    {"turns are fair", turns_are_fair},
    {"stop while waiting", stop_while_waiting},
    {"another program", another_program},
    {"full disk", full_disk},
    {"connection lost", connection_lost},
    {"server crash", server_crash},
    {"no rights", no_rights},
    {"large state", large_state},
    {"failed batch", failed_batch},
    {NULL, NULL},
};
