// Rows: upserts, inserts, replaced scopes, deletions, sweeps, the state.
#include "test_destination.h"

#define T0   1700000000000
#define SEEN "2024-05-06T07:08:09.123Z"
#define ROWS "SELECT id, name, CAST(amount AS TEXT) FROM contact ORDER BY id"

static void upsert_twice(struct world *w)
{
    struct cell cells[] = {
        C_INT(1), C_TEXT("Ada"), C_TEXT("12.5"), C_TEXT(SEEN), //
        C_INT(2), C_NULL,        C_NULL,         C_NULL,
    };
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    check_ask(w, ROWS, "1|Ada|12.5\n2|-|-");
    cells[1] = C_TEXT("Grace"); // and a cleared value clears the column
    cells[2] = C_NULL;
    load(w, &CONTACT, BATCH_UPSERT, cells, CONTACT_COLUMNS, T0 + 1);
    check_ask(w, ROWS, "1|Grace|-\n2|-|-");
}

static void last_of_one_key_wins(struct world *w)
{
    struct cell cells[] = {
        C_INT(7), C_TEXT("first"),  C_NULL, C_NULL, //
        C_INT(8), C_TEXT("other"),  C_NULL, C_NULL, //
        C_INT(7), C_TEXT("second"), C_NULL, C_NULL,
    };
    struct cell more[] = {C_INT(7), C_TEXT("third"), C_NULL, C_NULL};
    apply(w, &CONTACT);
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells));
    write_cells(w, &CONTACT, BATCH_UPSERT, more, ARRAY_LEN(more));
    commit(w, NULL);
    check_ask(w, ROWS, "7|third|-\n8|other|-");
}

static void insert_new(struct world *w)
{
    struct cell cells[] = {
        C_INT(1), C_TEXT("a"), C_TEXT("1"), C_NULL, //
        C_INT(2), C_TEXT("b"), C_TEXT("2"), C_NULL,
    };
    struct cell more[] = {C_INT(3), C_TEXT("c"), C_NULL, C_NULL};
    apply(w, &CONTACT);
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_INSERT, cells, ARRAY_LEN(cells));
    write_cells(w, &CONTACT, BATCH_INSERT, more, ARRAY_LEN(more));
    commit(w, NULL);
    check_ask(w, ROWS, "1|a|1\n2|b|2\n3|c|-");
}

// A list that shifts while it is read brings a record twice: no harm, the later one stays.
static void insert_known(struct world *w)
{
    struct cell first[] = {
        C_INT(1), C_TEXT("a"), C_NULL, C_NULL, //
        C_INT(2), C_TEXT("b"), C_NULL, C_NULL,
    };
    struct cell second[] = {
        C_INT(3), C_TEXT("c"),       C_NULL, C_NULL, //
        C_INT(2), C_TEXT("again"),   C_NULL, C_NULL, //
        C_INT(4), C_TEXT("d"),       C_NULL, C_NULL, //
        C_INT(4), C_TEXT("d again"), C_NULL, C_NULL,
    };
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_INSERT, first, ARRAY_LEN(first), T0);
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_INSERT, second, ARRAY_LEN(second));
    write_cells(w, &CONTACT, BATCH_INSERT, first, CONTACT_COLUMNS);
    commit(w, "\"s\"");
    check_ask(w, ROWS, "1|a|-\n2|again|-\n3|c|-\n4|d again|-");
    check_str(str_from(state_of(w)), "\"s\"");
}

static void replace_scopes(struct world *w)
{
    struct cell all[] = {
        C_INT(1), C_INT(10), C_TEXT("x"), //
        C_INT(1), C_INT(11), C_TEXT("x"), //
        C_INT(2), C_INT(20), C_TEXT("x"),
    };
    struct cell one[] = {C_INT(1), C_INT(12), C_TEXT("new")};
    int64_t scope_all[] = {1, 2, 3};
    int64_t scope_one[] = {1};
    int64_t scope_two[] = {2};
    struct batch batch = {.table = &PAIR,
                          .op = BATCH_REPLACE,
                          .cells = all,
                          .n_rows = 3,
                          .scope_column = 0,
                          .scope = scope_all,
                          .n_scope = 3};
    apply(w, &PAIR);
    begin(w, T0);
    write_batch(w, &batch);
    commit(w, NULL);
    check_ask(w, "SELECT contact_id, company_id FROM contact_company ORDER BY 1, 2",
              "1|10\n1|11\n2|20");
    begin(w, T0);
    batch.scope = scope_one;
    batch.n_scope = 1;
    batch.cells = one;
    batch.n_rows = 1;
    write_batch(w, &batch);
    batch.scope = scope_two; // nothing takes its place
    batch.n_rows = 0;
    write_batch(w, &batch);
    commit(w, NULL);
    check_ask(w, "SELECT contact_id, company_id, label FROM contact_company", "1|12|new");
}

// Batches of one transaction count in their order, also where they undo each other.
static void order_in_transaction(struct world *w)
{
    struct cell rows[] = {C_INT(1), C_INT(10), C_TEXT("x"), C_INT(2), C_INT(20), C_TEXT("x")};
    struct cell later[] = {C_INT(1), C_INT(11), C_TEXT("y")};
    int64_t scope[] = {1};
    struct batch batch = {.table = &PAIR,
                          .op = BATCH_REPLACE,
                          .cells = rows,
                          .n_rows = 2,
                          .scope_column = 0,
                          .scope = scope,
                          .n_scope = 1};
    apply(w, &PAIR);
    begin(w, T0);
    write_batch(w, &batch);
    batch.cells = later;
    batch.n_rows = 1;
    write_batch(w, &batch); // clears what the first has put under 1
    write_cells(w, &PAIR, BATCH_DELETE, rows + 3, 3);
    write_cells(w, &PAIR, BATCH_UPSERT, rows + 3, 3);
    write_cells(w, &PAIR, BATCH_DELETED, later, 3);
    commit(w, NULL);
    check_ask(w, "SELECT contact_id, company_id, _sluice_deleted FROM contact_company ORDER BY 1",
              "1|11|1\n2|20|0");
}

static void deleted_and_restored(struct world *w)
{
    struct cell cells[] = {
        C_INT(1), C_TEXT("a"), C_NULL, C_NULL, //
        C_INT(2), C_TEXT("b"), C_NULL, C_NULL,
    };
    struct cell gone[] = {
        C_INT(1),  C_NULL, C_NULL, C_NULL, //
        C_INT(99), C_NULL, C_NULL, C_NULL, // not there, stays absent
    };
    const char *query = "SELECT id, name, _sluice_deleted FROM contact ORDER BY id";
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    load(w, &CONTACT, BATCH_DELETED, gone, ARRAY_LEN(gone), T0 + 5000);
    check_ask(w, query, "1|a|1\n2|b|0");
    // The mark is a change, so that readers of changes see it.
    check_ask(w, "SELECT a.id FROM contact a, contact b WHERE a._sluice_synced > b._sluice_synced",
              "1");
    load(w, &CONTACT, BATCH_UPSERT, cells, CONTACT_COLUMNS, T0 + 6000);
    check_ask(w, query, "1|a|0\n2|b|0");
    struct batch archived = {
        .table = &CONTACT, .op = BATCH_UPSERT, .deleted = true, .cells = cells, .n_rows = 1};
    begin(w, T0);
    write_batch(w, &archived);
    commit(w, NULL);
    check_ask(w, query, "1|a|1\n2|b|0");
    load(w, &CONTACT, BATCH_DELETE, cells, ARRAY_LEN(cells), T0);
    check_ask(w, query, "");
}

// Some tables have a column of their own that says the same.
static void mark_is_repeated(struct world *w)
{
    static const struct column COLUMNS[] = {{STR_INIT("id"), COL_INT},
                                            {STR_INIT("is_deleted"), COL_BOOL}};
    const struct table company = {STR("company"), COLUMNS, 2, 1, .deleted_mark = 1};
    const char *query = "SELECT id, is_deleted, _sluice_deleted FROM company ORDER BY id";
    struct cell cells[] = {C_INT(1), C_BOOL(0), C_INT(2), C_BOOL(0)};
    struct error err;
    uint64_t n;
    apply(w, &company);
    load(w, &company, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    load(w, &company, BATCH_DELETED, cells, 2, T0);
    check_ask(w, query, "1|1|1\n2|0|0");
    begin(w, T0 + 1);
    assert_true(session_sweep(w->session, &company, STR(""), STR(""), T0 + 1, false, &n, &err));
    commit(w, NULL);
    check_ask(w, query, "1|1|1\n2|1|1");
    load(w, &company, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0 + 2);
    check_ask(w, query, "1|0|0\n2|0|0");
}

static void sweep(struct world *w)
{
    struct cell cells[] = {
        C_INT(1), C_TEXT("red"),  C_NULL, C_NULL, //
        C_INT(2), C_TEXT("red"),  C_NULL, C_NULL, //
        C_INT(3), C_TEXT("blue"), C_NULL, C_NULL, //
    };
    struct error err;
    uint64_t n;
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    begin(w, T0 + 1000);
    write_cells(w, &CONTACT, BATCH_UPSERT, cells, CONTACT_COLUMNS);
    assert_true(
        session_sweep(w->session, &CONTACT, STR("name"), STR("red"), T0 + 1000, false, &n, &err));
    assert_int_equal(n, 1);
    commit(w, NULL);
    check_ask(w, "SELECT id, _sluice_deleted FROM contact ORDER BY id", "1|0\n2|1\n3|0");
    uint64_t count;
    assert_true(session_count(w->session, &CONTACT, STR(""), STR(""), &count, &err));
    assert_int_equal(count, 2);
    assert_true(session_count(w->session, &CONTACT, STR("name"), STR("red"), &count, &err));
    assert_int_equal(count, 1);
    begin(w, T0 + 2000);
    assert_true(session_sweep(w->session, &CONTACT, STR(""), STR(""), T0 + 2000, false, &n, &err));
    assert_int_equal(n, 2); // what is marked stays as it is
    assert_true(session_sweep(w->session, &CONTACT, STR(""), STR(""), T0 + 1500, true, &n, &err));
    assert_int_equal(n, 1); // synced at T0 + 1000, when it was marked
    commit(w, NULL);
    check_ask(w, "SELECT id FROM contact ORDER BY id", "1\n3");
}

static void state_versions(struct world *w)
{
    struct error err;
    struct session *other = NULL;
    struct arena arena;
    struct str state;
    assert_string_equal(state_of(w), "");
    begin(w, T0);
    commit(w, "{\"cursor\":1}");
    begin(w, T0);
    commit(w, NULL);
    begin(w, T0);
    commit(w, "{\"cursor\":2}");
    world_reopen(w);
    assert_string_equal(state_of(w), "{\"cursor\":2}");
    check_ask(w, "SELECT version FROM _sluice_state", "2");
    // Another program with its own connection, which takes no lock of ours.
    arena_init(&arena, 1U << 20);
    assert_true(session_open(w->dest, STR("deals"), &other, &err));
    assert_true(session_read_state(other, &arena, &state, &err));
    assert_null(state.ptr);
    check_ask(w, "SELECT 1", "1");
    assert_true(sql_exec(w->db, "UPDATE _sluice_state SET version = 3, state = 'theirs'", &err));
    apply(w, &CONTACT);
    struct cell cells[] = {C_INT(1), C_NULL, C_NULL, C_NULL};
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells));
    assert_false(session_commit(w->session, STR("mine"), &err));
    assert_int_equal(err.code, ERR_DESTINATION_BUSY);
    check_ask(w, "SELECT state FROM _sluice_state", "theirs");
    check_ask(w, "SELECT count(*) FROM contact", "0");
    assert_string_equal(state_of(w), "theirs"); // reading it again makes it ours
    begin(w, T0);
    commit(w, "mine");
    check_ask(w, "SELECT state, version FROM _sluice_state", "mine|4");
    session_close(other);
    arena_done(&arena);
}

static void rollback_leaves_nothing(struct world *w)
{
    struct cell cells[] = {C_INT(1), C_TEXT("a"), C_NULL, C_NULL};
    apply(w, &CONTACT);
    for (int i = 0; i < 3; i++) {
        begin(w, T0);
        write_cells(w, &CONTACT, i == 1 ? BATCH_INSERT : BATCH_UPSERT, cells, ARRAY_LEN(cells));
        session_rollback(w->session);
        session_rollback(w->session);
    }
    check_ask(w, "SELECT count(*) FROM contact", "0");
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells));
    world_reopen(w); // closing rolls back, too
    check_ask(w, "SELECT count(*) FROM contact", "0");
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    check_ask(w, "SELECT count(*) FROM contact", "1");
}

// Enough rows of two tables in turn that every threshold of the drivers is passed.
static void many_rows_in_turn(struct world *w)
{
    enum { PAGES = 260, ROWS_A_PAGE = 100 };
    struct cell contacts[ROWS_A_PAGE * CONTACT_COLUMNS];
    struct cell pairs[ROWS_A_PAGE * 3];
    char text[200];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    apply(w, &CONTACT);
    apply(w, &PAIR);
    begin(w, T0);
    for (int page = 0; page < PAGES; page++) {
        for (int i = 0; i < ROWS_A_PAGE; i++) {
            struct cell *c = contacts + (ptrdiff_t)i * CONTACT_COLUMNS;
            struct cell *p = pairs + (ptrdiff_t)i * 3;
            c[0] = C_INT(page * ROWS_A_PAGE + i);
            c[1] = C_TEXT(text);
            c[2] = C_TEXT("1.25");
            c[3] = C_TEXT(SEEN);
            p[0] = C_INT(page * ROWS_A_PAGE + i);
            p[1] = C_INT(i);
            p[2] = C_TEXT(text);
        }
        write_cells(w, &CONTACT, BATCH_INSERT, contacts, ARRAY_LEN(contacts));
        struct batch batch = {.table = &PAIR,
                              .op = page % 2 ? BATCH_UPSERT : BATCH_INSERT,
                              .cells = pairs,
                              .n_rows = ROWS_A_PAGE};
        write_batch(w, &batch);
        // The first page comes again in the middle of the bulk.
        if (page == PAGES / 2) {
            for (int i = 0; i < ROWS_A_PAGE; i++) {
                contacts[(ptrdiff_t)i * CONTACT_COLUMNS] = C_INT(i);
                contacts[(ptrdiff_t)i * CONTACT_COLUMNS + 1] = C_TEXT("again");
            }
            write_cells(w, &CONTACT, BATCH_INSERT, contacts, ARRAY_LEN(contacts));
        }
    }
    commit(w, "done");
    check_ask(w, "SELECT count(*), min(id), max(id) FROM contact", "26000|0|25999");
    check_ask(w, "SELECT count(*) FROM contact WHERE name = 'again'", "100");
    check_ask(w, "SELECT count(*) FROM contact_company", "26000");
}

static void empty_batches(struct world *w)
{
    struct cell none[1];
    struct batch batch = {.table = &PAIR, .op = BATCH_REPLACE, .cells = none};
    apply(w, &CONTACT);
    apply(w, &PAIR);
    begin(w, T0);
    for (int op = BATCH_UPSERT; op <= BATCH_DELETE; op++) {
        write_cells(w, &CONTACT, (enum batch_op)op, none, 0);
    }
    write_batch(w, &batch);
    commit(w, "");
    check_ask(w, "SELECT count(*) FROM contact", "0");
    check_ask(w, "SELECT state FROM _sluice_state", "");
    begin(w, T0);
    commit(w, NULL);
}

// Without a column for the mark, marked rows go.
static void no_deleted_column(struct world *w)
{
    struct error err;
    struct cell cells[] = {
        C_INT(1), C_TEXT("a"), C_NULL, C_NULL, //
        C_INT(2), C_TEXT("b"), C_NULL, C_NULL,
    };
    session_close(w->session);
    destination_close(w->dest);
    struct destination_options options = world_options(w);
    options.metadata = (struct metadata_columns){.synced = STR("_weld_synced")};
    assert_true(destination_open(&options, &w->dest, &err));
    assert_true(session_open(w->dest, STR("contacts"), &w->session, &err));
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    load(w, &CONTACT, BATCH_DELETED, cells, CONTACT_COLUMNS, T0);
    check_ask(w, "SELECT id FROM contact", "2");
    struct batch archived = {.table = &CONTACT, .deleted = true, .cells = cells, .n_rows = 2};
    begin(w, T0 + 1);
    write_batch(w, &archived);
    commit(w, NULL);
    check_ask(w, "SELECT count(*) FROM contact", "0");
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    uint64_t n;
    begin(w, T0 + 1);
    assert_true(session_sweep(w->session, &CONTACT, STR(""), STR(""), T0 + 1, false, &n, &err));
    commit(w, NULL);
    assert_int_equal(n, 2);
    check_ask(w, "SELECT count(*) FROM contact", "0");
}

const struct scene ROW_SCENES[] = {
    {"upsert twice", upsert_twice},
    {"the last of one key wins", last_of_one_key_wins},
    {"insert into a new table", insert_new},
    {"insert what is there", insert_known},
    {"replace scopes", replace_scopes},
    {"batches count in their order", order_in_transaction},
    {"deleted and restored", deleted_and_restored},
    {"the mark is repeated", mark_is_repeated},
    {"sweep and count", sweep},
    {"versions of the state", state_versions},
    {"a rollback leaves nothing", rollback_leaves_nothing},
    {"many rows of two tables in turn", many_rows_in_turn},
    {"empty batches", empty_batches},
    {"no column for the mark", no_deleted_column},
    {NULL, NULL},
};
