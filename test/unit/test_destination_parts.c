// A table that several streams write to: what becomes of the rows of one of them.
#include "test_destination.h"

#include <pthread.h>
#include <unistd.h>

#define T0 1700000000000

static const struct column ACT_COLUMNS[] = {
    {STR_INIT("id"), COL_INT}, {STR_INIT("type"), COL_TEXT}, {STR_INIT("portal_id"), COL_INT}};
static const struct table ACT = {STR_INIT("act"), ACT_COLUMNS, ARRAY_LEN(ACT_COLUMNS), 1, 0};

static const struct destination_part CALLS = {
    .table = STR_INIT("act"), .column = STR_INIT("type"), .value = STR_INIT("CALL")};
static const struct destination_part NOTES = {
    .table = STR_INIT("act"), .column = STR_INIT("type"), .value = STR_INIT("NO'TE")};

static void must(bool ok, const struct error *err)
{
    if (!ok) {
        print_error("%s: %s\n", error_info(err->code)->name, err->message);
        fail();
    }
}

// Two calls and a note, and their versions.
static void fill(struct world *w)
{
    struct error err;
    struct cell cells[] = {C_INT(1), C_TEXT("CALL"), C_INT(7),        C_INT(2), C_TEXT("CALL"),
                           C_INT(7), C_INT(3),       C_TEXT("NO'TE"), C_INT(7)};
    const struct history_options history = {.on = true, .shared = true};
    apply(w, &ACT);
    must(session_apply_history(w->session, &ACT, &history, &err), &err);
    load(w, &ACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    check_ask(w, "SELECT count(*) FROM act__history", "3");
}

static bool drop(struct world *w, const char *stream, struct destination_part part,
                 struct error *err)
{
    struct str streams[] = {str_from(stream)};
    struct destination_options o = world_options(w);
    session_close(w->session);
    w->session = NULL;
    return destination_drop(&o,
                            &(struct destination_removal){
                                .streams = streams, .n_streams = 1, .parts = &part, .n_parts = 1},
                            err);
}

static void the_rows_of_one_stream_go(struct world *w)
{
    struct error err;
    fill(w);
    must(drop(w, "calls", CALLS, &err), &err);
    check_ask(w, "SELECT id FROM act", "3");
    check_ask(w, "SELECT id FROM act__history", "3");
    must(drop(w, "calls", CALLS, &err), &err); // none are left
    check_ask(w, "SELECT id FROM act", "3");
}

static void the_last_one_takes_the_table_along(struct world *w)
{
    struct error err;
    struct destination_part kept = NOTES;
    kept.keeps = true;
    fill(w);
    must(drop(w, "calls", CALLS, &err), &err);
    must(drop(w, "notes", kept, &err), &err); // somebody is about to write to it
    check_ask(w, "SELECT count(*) FROM act", "0");
    check_ask(w, "SELECT count(*) FROM act__history", "0");
    must(drop(w, "notes", NOTES, &err), &err);
    must(session_open(w->dest, STR("contacts"), &w->session, &err), &err);
    fill(w); // it is gone, and can be made again
}

static void a_column_of_one_stream_is_emptied(struct world *w)
{
    struct error err;
    static const struct str NAMES[] = {STR_INIT("portal_id"), STR_INIT("never there")};
    fill(w);
    must(session_hide_part(w->session, &CALLS, NAMES, 2, &err), &err);
    check_ask(w, "SELECT id, portal_id FROM act ORDER BY id", "1|-\n2|-\n3|7");
    check_ask(w, "SELECT id, portal_id FROM act__history ORDER BY id", "1|-\n2|-\n3|7");
    // With nobody else there, it goes.
    must(session_drop_part(w->session, &NOTES, &err), &err);
    check_ask(w, "SELECT count(*) FROM act", "2");
    must(session_hide_part(w->session, &CALLS, NAMES, 2, &err), &err);
    apply(w, &ACT);
    struct cell cells[] = {C_INT(4), C_TEXT("CALL"), C_INT(8)};
    load(w, &ACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0 + 1);
    check_ask(w, "SELECT id, portal_id FROM act ORDER BY id", "1|-\n2|-\n4|8");
}

static void what_is_not_there_has_no_parts(struct world *w)
{
    struct error err;
    static const struct str NAMES[] = {STR_INIT("portal_id")};
    must(session_hide_part(w->session, &CALLS, NAMES, 1, &err), &err);
    must(session_drop_part(w->session, &CALLS, &err), &err);
    must(drop(w, "calls", CALLS, &err), &err);
}

// ---- two streams that look at one view

static void *apply_view(void *user)
{
    static const struct str COLUMNS[] = {STR_INIT("id")};
    static const struct str TABLES[] = {STR_INIT("contact"), STR_INIT("act")};
    struct world *w = user;
    struct session *s = NULL;
    struct error err;
    bool ok = session_open(w->dest, STR(""), &s, &err) &&
              session_apply_view(s, STR("both"), TABLES, 2, COLUMNS, 1, &err);
    session_close(s);
    return ok ? w : NULL;
}

// The view that is made is over the tables of that moment, not of when its maker began to wait.
static void a_view_is_of_the_tables_as_they_are(struct world *w)
{
    struct error err;
    pthread_t thread;
    void *done = NULL;
    const char *waiting = "0";
    if (!w->postgres) {
        return; // where all writers take turns, whoever waits holds nothing
    }
    apply(w, &CONTACT);
    (void)ask(w, "SELECT 1"); // connects
    must(sql_exec(w->db, "BEGIN; SELECT pg_advisory_xact_lock(8315168201)", &err), &err);
    assert_int_equal(pthread_create(&thread, NULL, apply_view, w), 0);
    for (int i = 0; i < 30000 && strcmp(waiting, "1") != 0; i++) {
        usleep(1000);
        waiting = ask(w, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                         " AND objid = (8315168201 & 4294967295)");
    }
    check_str(str_from(waiting), "1");
    must(sql_exec(w->db, "CREATE TABLE act (id bigint); INSERT INTO act VALUES (5); COMMIT", &err),
         &err);
    pthread_join(thread, &done);
    assert_non_null(done);
    check_ask(w, "SELECT id FROM \"both\"", "5");
}

const struct scene PART_SCENES[] = {
    {"the rows of one stream go", the_rows_of_one_stream_go},
    {"the last one takes the table along", the_last_one_takes_the_table_along},
    {"a column of one stream is emptied", a_column_of_one_stream_is_emptied},
    {"what is not there has no parts", what_is_not_there_has_no_parts},
    {"a view is of the tables as they are", a_view_is_of_the_tables_as_they_are},
    {NULL, NULL},
};
