// Taking things away, and runs that follow each other without the former knowing that it is over.
#include "test_destination.h"

#define T0 1700000000000

static void must(bool ok, const struct error *err)
{
    if (!ok) {
        print_error("%s: %s\n", error_info(err->code)->name, err->message);
        fail();
    }
}

// A statement of somebody else's.
static void run_sql(struct world *w, const char *text)
{
    struct error err;
    (void)ask(w, "SELECT 1"); // connects
    must(sql_exec(w->db, text, &err), &err);
}

static void fill(struct world *w)
{
    struct cell contacts[] = {C_INT(1), C_TEXT("Ann"), C_TEXT("1.5"), C_NULL,
                              C_INT(2), C_TEXT("Bob"), C_NULL,        C_NULL};
    struct cell pairs[] = {C_INT(1), C_INT(7), C_TEXT("Primary")};
    apply(w, &CONTACT);
    apply(w, &PAIR);
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, contacts, ARRAY_LEN(contacts));
    write_cells(w, &PAIR, BATCH_UPSERT, pairs, ARRAY_LEN(pairs));
    commit(w, "{\"at\":1}");
}

static void reject(struct world *w, const char *column, const char *raw)
{
    struct cell row[] = {C_TEXT("contacts"), C_TEXT("1"),      column ? C_TEXT(column) : C_NULL,
                         C_TEXT(raw),        C_TEXT("is odd"), C_TEXT("2023-11-14T22:13:20.000Z")};
    load(w, &TABLE_REJECT, BATCH_INSERT, row, ARRAY_LEN(row), T0);
}

// --- columns and tables --------------------------------------------------------------------------

static void columns_go_with_their_values(struct world *w)
{
    struct error err;
    static const struct str NAMES[] = {STR_INIT("amount"), STR_INIT("never there")};
    fill(w);
    must(session_drop_columns(w->session, CONTACT.name, NAMES, 2, &err), &err);
    must(session_drop_columns(w->session, CONTACT.name, NAMES, 2, &err), &err); // gone already
    must(session_drop_columns(w->session, STR("no table"), NAMES, 2, &err), &err);
    check_ask(w, "SELECT id, name FROM contact ORDER BY id", "1|Ann\n2|Bob");
    // The session goes on with the table as it is now.
    apply(w, &CONTACT);
    struct cell rows[] = {C_INT(3), C_TEXT("Cid"), C_TEXT("7"), C_NULL};
    load(w, &CONTACT, BATCH_UPSERT, rows, ARRAY_LEN(rows), T0 + 1);
    check_ask(w, "SELECT id, amount FROM contact ORDER BY id", "1|-\n2|-\n3|7");
}

// Somebody's view must not go, nor may it keep the values.
static void a_view_keeps_its_column_empty(struct world *w)
{
    struct error err;
    static const struct str NAMES[] = {STR_INIT("amount")};
    fill(w);
    run_sql(w, "CREATE VIEW mine AS SELECT id, amount FROM contact");
    must(session_drop_columns(w->session, CONTACT.name, NAMES, 1, &err), &err);
    check_ask(w, "SELECT id, amount FROM mine ORDER BY id", "1|-\n2|-");
    run_sql(w, "DROP VIEW mine");
}

static void rejects_lose_their_values(struct world *w)
{
    struct error err;
    static const struct str NAMES[] = {STR_INIT("amount")};
    reject(w, "amount", "one and a half");
    reject(w, "name", "?");
    reject(w, NULL, "{\"amount\":\"x\"}");
    must(session_forget_rejects(w->session, NAMES, 0, &err), &err);
    check_ask(w, "SELECT count(raw_value) FROM _sluice_reject", "3");
    must(session_forget_rejects(w->session, NAMES, 1, &err), &err);
    check_ask(w, "SELECT \"column\", raw_value FROM _sluice_reject ORDER BY \"column\" IS NULL, 1",
              "amount|-\nname|?\n-|-");
}

// --- streams -------------------------------------------------------------------------------------

static bool drop(struct world *w, const struct str *tables, size_t n, struct error *err)
{
    static const struct str STREAMS[] = {STR_INIT("contacts")};
    struct destination_options o = world_options(w);
    o.metadata = (struct metadata_columns){{NULL, 0}, {NULL, 0}};
    return destination_drop(&o, &(struct destination_removal){STREAMS, 1, tables, n}, err);
}

static void a_stream_is_removed_whole(struct world *w)
{
    struct error err;
    static const struct str TABLES[] = {STR_INIT("contact"), STR_INIT("glance"),
                                        STR_INIT("never there"), STR_INIT("_sluice_audit")};
    struct str columns[] = {STR("id")};
    struct str tables[] = {STR("contact")};
    fill(w);
    reject(w, "amount", "?");
    must(session_apply_view(w->session, STR("glance"), tables, 1, columns, 1, &err), &err);
    session_close(w->session);
    w->session = NULL;
    must(drop(w, TABLES, ARRAY_LEN(TABLES), &err), &err);
    check_ask(w, "SELECT count(*) FROM _sluice_state", "0");
    check_ask(w, "SELECT count(*) FROM _sluice_reject", "0");
    check_ask(w, "SELECT count(*) FROM _sluice_audit", "0"); // is still there
    check_ask(w, "SELECT count(*) FROM contact_company", "1");
    must(drop(w, TABLES, ARRAY_LEN(TABLES), &err), &err); // nothing is left to do
    must(session_open(w->dest, STR("contacts"), &w->session, &err), &err);
    apply(w, &CONTACT);
    check_ask(w, "SELECT count(*) FROM contact", "0");
}

// What somebody has built on a table is not taken along, and then nothing is.
static void what_is_not_ours_stays(struct world *w)
{
    struct error err;
    static const struct str TABLES[] = {STR_INIT("contact_company"), STR_INIT("contact")};
    if (!w->postgres) {
        return; // SQLite drops a table under a view
    }
    fill(w);
    session_close(w->session);
    w->session = NULL;
    run_sql(w, "CREATE VIEW mine AS SELECT id FROM contact");
    assert_false(drop(w, TABLES, 2, &err));
    check_contains(err.message, "contact");
    check_ask(w, "SELECT count(*) FROM contact_company", "1");
    check_ask(w, "SELECT count(*) FROM _sluice_state", "1");
    run_sql(w, "DROP VIEW mine");
}

static void a_place_that_is_not_there_is_not_made(struct world *w)
{
    struct error err;
    struct destination_options o = world_options(w);
    static const struct str STREAMS[] = {STR_INIT("contacts")};
    o.schema = STR("nowhere at all");
    if (!w->postgres) {
        o.url = arena_printf(&w->arena, "sqlite:%s/none/", w->dir);
    }
    must(destination_drop(&o, &(struct destination_removal){STREAMS, 1, STREAMS, 1}, &err), &err);
    if (w->postgres) {
        check_ask(w, "SELECT count(*) FROM pg_namespace WHERE nspname = 'nowhere at all'", "0");
    } else {
        assert_int_not_equal(access(arena_printf(&w->arena, "%s/none", w->dir).ptr, F_OK), 0);
    }
}

static void a_stream_at_work_is_not_removed(struct world *w)
{
    struct error err;
    static const struct str TABLES[] = {STR_INIT("contact")};
    fill(w);
    if (w->postgres) { // its session holds the stream
        assert_false(drop(w, TABLES, 1, &err));
        assert_int_equal(err.code, ERR_DESTINATION_BUSY);
        check_ask(w, "SELECT count(*) FROM contact", "2");
        return;
    }
    struct str state;
    must(session_claim_state(w->session, &w->arena, &state, &err), &err);
    must(drop(w, TABLES, 1, &err), &err);
    must(session_begin(w->session, T0 + 1, &err), &err);
    assert_false(session_commit(w->session, (struct str){NULL, 0}, &err));
    assert_int_equal(err.code, ERR_DESTINATION_BUSY);
}

// --- runs ----------------------------------------------------------------------------------------

static struct session *open_run(struct destination *d, int64_t number, struct error *err)
{
    struct session *s = NULL;
    const struct session_fence fence = {STR("sync-1"), number};
    const struct session_run run = {.fence = &fence};
    return session_open_run(d, STR("contacts"), &run, &s, err) ? s : NULL;
}

// With the machine's clock: a session that is ended takes a moment to go.
static struct destination *open_in_real_time(struct world *w)
{
    struct error err;
    struct destination *d = NULL;
    struct destination_options o = world_options(w);
    o.clock = clock_system();
    must(destination_open(&o, &d, &err), &err);
    session_close(w->session);
    w->session = NULL;
    return d;
}

static bool write_one(struct session *s, int64_t id, const char *state, struct error *err)
{
    struct cell cells[] = {C_INT(id), C_TEXT("x"), C_NULL, C_NULL};
    struct batch b = {.table = &CONTACT, .op = BATCH_UPSERT, .n_rows = 1, .cells = cells};
    bool ok = session_begin(s, T0 + id, err) && session_write(s, &b, err) &&
              session_commit(s, state ? str_from(state) : (struct str){NULL, 0}, err);
    session_rollback(s);
    return ok;
}

// The later run takes the stream while the former still believes in itself.
static void a_former_run_commits_nothing(struct world *w)
{
    struct error err = {0};
    struct str state = {NULL, 0};
    fill(w);
    struct destination *d = open_in_real_time(w);
    struct session *former = open_run(d, 4, &err);
    must(former && session_claim_state(former, &w->arena, &state, &err), &err);
    check_str(state, "{\"at\":1}");
    must(write_one(former, 10, NULL, &err), &err);
    struct session *later = open_run(d, 5, &err);
    must(later && session_claim_state(later, &w->arena, &state, &err), &err);
    check_str(state, "{\"at\":1}");
    assert_false(write_one(former, 11, NULL, &err));
    assert_true(err.code == ERR_DESTINATION_BUSY || (w->postgres && err.code != ERR_OK));
    assert_false(write_one(former, 12, "{\"at\":2}", &err));
    must(write_one(later, 13, NULL, &err), &err);
    must(write_one(later, 14, "{\"at\":3}", &err), &err);
    must(write_one(later, 15, NULL, &err), &err);
    check_ask(w, "SELECT id FROM contact WHERE id > 2 ORDER BY id", "10\n13\n14\n15");
    check_ask(w, "SELECT state FROM _sluice_state", "{\"at\":3}");
    session_close(former);
    session_close(later);
    destination_close(d);
}

// Also where there was no state to begin with.
static void a_first_run_is_fenced_too(struct world *w)
{
    struct error err = {0};
    struct str state = {NULL, 0};
    apply(w, &CONTACT);
    struct destination *d = open_in_real_time(w);
    struct session *former = open_run(d, 1, &err);
    must(former && session_claim_state(former, &w->arena, &state, &err), &err);
    assert_null(state.ptr);
    struct session *later = open_run(d, 2, &err);
    must(later && session_claim_state(later, &w->arena, &state, &err), &err);
    assert_null(state.ptr);
    assert_false(write_one(former, 1, "{\"at\":1}", &err));
    assert_false(write_one(former, 2, NULL, &err));
    must(write_one(later, 3, "{\"at\":2}", &err), &err);
    check_ask(w, "SELECT id FROM contact", "3");
    session_close(former);
    session_close(later);
    destination_close(d);
}

// Only an earlier run of the same owner is ended; others are waited for and named.
static void other_sessions_are_left_alone(struct world *w)
{
    struct error err = {0};
    struct session *s = NULL;
    if (!w->postgres) {
        return; // no session of SQLite holds a stream
    }
    session_close(w->session);
    w->session = NULL;
    struct session *holder = open_run(w->dest, 7, &err);
    must(holder != NULL, &err);
    const struct session_fence fences[] = {
        {STR("sync-2"), 9}, {STR("sync-1"), 7}, {STR("sync-1"), 6}, {STR("sync"), 99}};
    for (size_t i = 0; i < ARRAY_LEN(fences); i++) {
        const struct session_run run = {.fence = &fences[i]};
        assert_false(session_open_run(w->dest, STR("contacts"), &run, &s, &err));
        assert_int_equal(err.code, ERR_DESTINATION_BUSY);
        check_contains(err.message, "sluice/contacts@sync-1#7");
    }
    session_close(holder);
}

const struct scene REMOVAL_SCENES[] = {
    {"columns go with their values", columns_go_with_their_values},
    {"a view keeps its column empty", a_view_keeps_its_column_empty},
    {"rejects lose their values", rejects_lose_their_values},
    {"a stream is removed whole", a_stream_is_removed_whole},
    {"what is not ours stays", what_is_not_ours_stays},
    {"a place that is not there is not made", a_place_that_is_not_there_is_not_made},
    {"a stream at work is not removed", a_stream_at_work_is_not_removed},
    {"a former run commits nothing", a_former_run_commits_nothing},
    {"a first run is fenced too", a_first_run_is_fenced_too},
    {"other sessions are left alone", other_sessions_are_left_alone},
    {NULL, NULL},
};
