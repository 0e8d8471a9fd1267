// Histories: every version of a row, whatever becomes of the row.
#include "test_destination_history.h"

#include "core/random.h"
#include "core/timestamp.h"

#define ALL "SELECT id, name, _sluice_deleted FROM " HIST " ORDER BY id, _sluice_synced"

void must(bool ok, const struct error *err)
{
    if (!ok) {
        print_error("%s: %s\n", error_info(err->code)->name, err->message);
        fail();
    }
}

void run_sql(struct world *w, const char *text)
{
    struct error err;
    (void)ask(w, "SELECT 1"); // connects
    must(sql_exec(w->db, text, &err), &err);
}

void keep(struct world *w, const struct table *table, bool on, const char *reset)
{
    const struct history_options options = {.on = on, .reset = str_from(reset)};
    struct error err;
    apply(w, table);
    must(session_apply_history(w->session, table, &options, &err), &err);
}

void put(struct world *w, int64_t id, const char *name, int64_t at_ms)
{
    struct cell row[] = {C_INT(id), name ? C_TEXT(name) : C_NULL, C_NULL, C_NULL};
    load(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row), at_ms);
}

void mark(struct world *w, int64_t id, int64_t at_ms)
{
    struct cell row[] = {C_INT(id), C_NULL, C_NULL, C_NULL};
    load(w, &CONTACT, BATCH_DELETED, row, ARRAY_LEN(row), at_ms);
}

// What BOOL columns read as.
static const char *yes(struct world *w)
{
    return ask(w, "SELECT TRUE");
}
static const char *no(struct world *w)
{
    return ask(w, "SELECT FALSE");
}

void check_versions(struct world *w, const char *const *rows, size_t n)
{
    struct buf want;
    buf_init(&want, 1U << 20);
    for (size_t i = 0; i < n; i++) { // '+': marked deleted
        bool deleted = rows[i][0] == '+';
        buf_printf(&want, "%s%s|%s", i > 0 ? "\n" : "", rows[i] + 1, deleted ? yes(w) : no(w));
    }
    check_ask(w, ALL, buf_cstr(&want));
    buf_done(&want);
}
void renew(struct world *w, const char *reset)
{
    world_reopen(w);
    keep(w, &CONTACT, true, reset);
}

void put_with_state(struct world *w, int64_t id, const char *name, int64_t at_ms)
{
    struct cell row[] = {C_INT(id), C_TEXT(name), C_NULL, C_NULL};
    begin(w, at_ms);
    write_cells(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row));
    commit(w, "{\"full\":true}");
}

static void sweep(struct world *w, int64_t before_ms, int64_t at_ms)
{
    struct error err;
    uint64_t rows = 0;
    begin(w, at_ms);
    must(session_sweep(w->session, &CONTACT, STR(""), STR(""), before_ms, false, &rows, &err),
         &err);
    commit(w, NULL);
}

// --- versions ------------------------------------------------------------------------------------

static void each_change_is_a_version(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "Ada", T0);
    put(w, 2, NULL, T0);
    put(w, 1, "Ada", T0 + 1000); // as it was: none
    put(w, 2, NULL, T0 + 1000);
    VERSIONS(w, "-1|Ada", "-2|-");
    put(w, 1, "Grace", T0 + 2000);
    put(w, 2, "Bob", T0 + 2000);
    put(w, 2, NULL, T0 + 3000); // what it was before is something new again
    VERSIONS(w, "-1|Ada", "-1|Grace", "-2|-", "-2|Bob", "-2|-");
    check_ask(w,
              "SELECT count(*) FROM " HIST " h JOIN contact c ON c.id = h.id AND"
              " c._sluice_synced = h._sluice_synced",
              "2"); // the current versions have the time of their rows
}

static void all_types_are_compared(struct world *w)
{
    struct cell row[] = {C_INT(1), C_TEXT("x"), C_TEXT("1.5"), C_TEXT("2024-05-06T07:08:09.123Z")};
    keep(w, &CONTACT, true, "");
    load(w, &CONTACT, BATCH_INSERT, row, ARRAY_LEN(row), T0);
    load(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row), T0 + 1);
    row[2] = C_TEXT("1.51");
    load(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row), T0 + 2);
    row[3] = C_TEXT("2024-05-06T07:08:09.124Z");
    load(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row), T0 + 3);
    check_ask(w, "SELECT CAST(amount AS TEXT) FROM " HIST " ORDER BY _sluice_synced",
              "1.5\n1.51\n1.51");
}

static void deleted_and_restored(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "Ada", T0);
    put(w, 2, "Bob", T0);
    mark(w, 1, T0 + 1000);
    mark(w, 1, T0 + 2000); // is marked already
    VERSIONS(w, "-1|Ada", "+1|Ada", "-2|Bob");
    put(w, 1, "Ada", T0 + 3000);
    sweep(w, T0 + 2000, T0 + 4000);
    VERSIONS(w, "-1|Ada", "+1|Ada", "-1|Ada", "-2|Bob", "+2|Bob");
}

static void removed_rows_keep_their_versions(struct world *w)
{
    struct cell row[] = {C_INT(1), C_NULL, C_NULL, C_NULL};
    keep(w, &CONTACT, true, "");
    put(w, 1, "Ada", T0);
    load(w, &CONTACT, BATCH_DELETE, row, ARRAY_LEN(row), T0 + 1000);
    check_ask(w, "SELECT count(*) FROM contact", "0");
    VERSIONS(w, "-1|Ada");
    put(w, 1, "Ada", T0 + 2000); // nothing new
    put(w, 1, "Ann", T0 + 3000);
    VERSIONS(w, "-1|Ada", "-1|Ann");
}

static void scopes_that_are_replaced(struct world *w)
{
    struct cell rows[] = {C_INT(1), C_INT(10), C_TEXT("a"), C_INT(1), C_INT(11), C_TEXT("b")};
    int64_t scope[] = {1};
    struct batch batch = {.table = &PAIR,
                          .op = BATCH_REPLACE,
                          .cells = rows,
                          .n_rows = 2,
                          .scope = scope,
                          .n_scope = 1};
    keep(w, &PAIR, true, "");
    for (int64_t i = 0; i < 3; i++) {
        begin(w, T0 + i * 1000);
        rows[5] = C_TEXT(i < 2 ? "b" : "c");
        write_batch(w, &batch);
        commit(w, NULL);
    }
    check_ask(w,
              "SELECT contact_id, company_id, label FROM contact_company__history"
              " ORDER BY 1, 2, _sluice_synced",
              "1|10|a\n1|11|b\n1|11|c");
}

static void one_version_a_transaction(struct world *w)
{
    struct cell row[] = {C_INT(1), C_TEXT("first"), C_NULL, C_NULL};
    keep(w, &CONTACT, true, "");
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row));
    row[1] = C_TEXT("second");
    write_cells(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row));
    commit(w, NULL);
    VERSIONS(w, "-1|second");
}

// --- time ----------------------------------------------------------------------------------------

#define TIMES "SELECT name FROM " HIST " WHERE id = 1 ORDER BY _sluice_synced"

static void within_one_millisecond(struct world *w)
{
    char name[16];
    struct buf want;
    buf_init(&want, 1U << 20);
    keep(w, &CONTACT, true, "");
    for (int i = 0; i < 1100; i++) { // over the end of a second
        (void)snprintf(name, sizeof name, "n%d", i);
        put(w, 1, name, T0);
        buf_printf(&want, "%s%s", i > 0 ? "\n" : "", name);
    }
    check_ask(w, TIMES, buf_cstr(&want));
    buf_done(&want);
    check_ask(w, "SELECT count(DISTINCT _sluice_synced) FROM " HIST, "1100");
    char last[TIMESTAMP_TEXT_MAX];
    assert_true(timestamp_format(T0 + 1099, last));
    check_ask(w,
              w->postgres ? "SELECT to_char(max(_sluice_synced) AT TIME ZONE 'UTC',"
                            " 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') FROM " HIST
                          : "SELECT max(_sluice_synced) FROM " HIST,
              last);
}

static void the_clock_steps_back(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    put(w, 1, "b", T0 - 3600000);
    put(w, 1, "b", T0 - 3600000 + 5);
    put(w, 1, "c", T0 - 7200000);
    put(w, 1, "d", T0 + 1000);
    check_ask(w, TIMES, "a\nb\nc\nd");
    mark(w, 1, T0 - 1);
    check_ask(w, TIMES, "a\nb\nc\nd\nd");
}

// --- columns -------------------------------------------------------------------------------------

static const struct column MORE_COLUMN[] = {
    {STR_INIT("id"), COL_INT},         {STR_INIT("name"), COL_TEXT}, {STR_INIT("amount"), COL_TEXT},
    {STR_INIT("seen"), COL_TIMESTAMP}, {STR_INIT("vip"), COL_BOOL},
};

static void new_and_former_columns(struct world *w)
{
    static const struct table MORE = {STR_INIT("contact"), MORE_COLUMN, 5, 1};
    static const struct str AMOUNT[] = {STR_INIT("amount")};
    struct cell old[] = {C_INT(1), C_TEXT("a"), C_TEXT("1.5"), C_NULL};
    struct cell row[] = {C_INT(1), C_TEXT("a"), C_TEXT("3e7f"), C_NULL, C_BOOL(true)};
    struct error err;
    keep(w, &CONTACT, true, "");
    load(w, &CONTACT, BATCH_UPSERT, old, ARRAY_LEN(old), T0);
    // The number becomes a text, as when it is hashed from now on: no former value stays.
    must(session_drop_columns(w->session, CONTACT.name, AMOUNT, 1, &err), &err);
    keep(w, &MORE, true, "");
    check_ask(w, "SELECT amount, vip FROM " HIST, "-|-");
    load(w, &MORE, BATCH_UPSERT, row, ARRAY_LEN(row), T0 + 1);
    check_ask(w, "SELECT amount, CAST(vip AS INTEGER) FROM " HIST " ORDER BY _sluice_synced",
              "-|-\n3e7f|1");
    // A column that the source has no more keeps its value in row and version.
    world_reopen(w);
    static const struct table FEWER = {STR_INIT("contact"), MORE_COLUMN, 2, 1};
    keep(w, &FEWER, true, "");
    struct cell fewer[] = {C_INT(1), C_TEXT("b")};
    load(w, &FEWER, BATCH_UPSERT, fewer, ARRAY_LEN(fewer), T0 + 2);
    check_ask(w, "SELECT name, amount FROM " HIST " ORDER BY _sluice_synced",
              "a|-\na|3e7f\nb|3e7f");
}

// What is hidden vanishes from the history of a table that keeps none at the moment, too.
static void columns_go_from_a_history_that_is_off(struct world *w)
{
    static const struct str NAME[] = {STR_INIT("name")};
    struct error err;
    keep(w, &CONTACT, true, "");
    put(w, 1, "secret", T0);
    world_reopen(w);
    keep(w, &CONTACT, false, "");
    must(session_drop_columns(w->session, CONTACT.name, NAME, 1, &err), &err);
    check_ask(w,
              w->postgres ? "SELECT count(*) FROM information_schema.columns WHERE"
                            " table_schema = current_schema() AND column_name = 'name'"
                          : "SELECT count(*) FROM pragma_table_info('" HIST
                            "') WHERE name = 'name'",
              "0");
}

// Columns of other types, which somebody has added, are none of the history's.
static void columns_of_somebody_else(struct world *w)
{
    keep(w, &CONTACT, true, "");
    put(w, 1, "a", T0);
    run_sql(w, w->postgres ? "ALTER TABLE contact ADD COLUMN tags json"
                           : "ALTER TABLE contact ADD COLUMN tags JSON");
    world_reopen(w);
    keep(w, &CONTACT, true, "");
    run_sql(w, "UPDATE contact SET tags = '[1]'");
    put(w, 1, "b", T0 + 1);
    VERSIONS(w, "-1|a", "-1|b");
}

static void wide(struct world *w)
{
    enum { N = 1500 };
    struct column *columns = ARENA_ARRAY(&w->arena, struct column, N);
    struct cell *row = ARENA_ARRAY(&w->arena, struct cell, N);
    for (size_t i = 0; i < N; i++) {
        columns[i].name = arena_printf(&w->arena, "c%zu", i);
        columns[i].type = i == 0 ? COL_INT : COL_TEXT;
        row[i] = i == 0 ? C_INT(1) : i % 8 == 0 ? C_TEXT("v") : C_NULL;
    }
    const struct table table = {STR("wide"), columns, N, 1, 0};
    keep(w, &table, true, "");
    load(w, &table, BATCH_UPSERT, row, N, T0);
    load(w, &table, BATCH_UPSERT, row, N, T0 + 1);
    check_ask(w, "SELECT count(*) FROM wide__history", "1");
    row[N - 1] = C_TEXT("last"); // nothing but the last column
    load(w, &table, BATCH_UPSERT, row, N, T0 + 2);
    check_ask(w, "SELECT c1496, c1499 FROM wide__history ORDER BY _sluice_synced", "v|-\nv|last");
}

static void only_keys(struct world *w)
{
    static const struct column IDS[] = {{STR_INIT("a"), COL_TEXT}, {STR_INIT("b"), COL_TEXT}};
    static const struct table PAIRS = {STR_INIT("pairs"), IDS, 2, 2, 0};
    struct cell rows[] = {C_TEXT("1"), C_TEXT("2"), C_TEXT("1"), C_TEXT("3")};
    keep(w, &PAIRS, true, "");
    load(w, &PAIRS, BATCH_UPSERT, rows, ARRAY_LEN(rows), T0);
    load(w, &PAIRS, BATCH_UPSERT, rows, ARRAY_LEN(rows), T0 + 1);
    load(w, &PAIRS, BATCH_DELETED, rows, 2, T0 + 2);
    check_ask(w, "SELECT a, b FROM pairs__history ORDER BY 1, 2, _sluice_synced", "1|2\n1|2\n1|3");
}

static void without_key(struct world *w)
{
    static const struct table LOOSE = {STR_INIT("loose"), MORE_COLUMN, 2, 0, 0};
    struct cell row[] = {C_INT(1), C_TEXT("a")};
    keep(w, &LOOSE, true, "");
    load(w, &LOOSE, BATCH_UPSERT, row, ARRAY_LEN(row), T0);
    check_ask(w, "SELECT count(*) FROM loose", "1");
}

// --- names ---------------------------------------------------------------------------------------

#define EURO "\xe2\x82\xac"

static void names(struct world *w)
{
    // 54 and 55 bytes; and 63 that end in a character of three bytes where they are cut.
    static const char *const TABLES[] = {
        "a23456789b23456789c23456789d23456789e23456789f2345",
        "a23456789b23456789c23456789d23456789e23456789f23456789",
        "a23456789b23456789c23456789d23456789e23456789f23456789g",
        "a23456789b23456789c23456789d23456789e23456789f23456789h",
        "a23456789b23456789c23456789d23456789e23456789" EURO EURO EURO EURO EURO EURO,
        "Robert\"); DROP TABLE contact;--",
    };
    struct cell row[] = {C_INT(1), C_TEXT("a"), C_NULL, C_NULL};
    for (size_t i = 0; i < ARRAY_LEN(TABLES); i++) {
        char name[HISTORY_NAME_MAX];
        char other[HISTORY_NAME_MAX];
        struct table table = CONTACT;
        table.name = str_from(TABLES[i]);
        struct str history = destination_history_name(table.name, name);
        assert_true(history.len <= 63 && str_ends(history, STR("__history")));
        for (size_t j = 0; j < i; j++) {
            assert_false(str_eq(history, destination_history_name(str_from(TABLES[j]), other)));
        }
        keep(w, &table, true, "");
        load(w, &table, BATCH_UPSERT, row, ARRAY_LEN(row), T0);
        struct buf query;
        buf_init(&query, 1024);
        buf_add_cstr(&query, "SELECT count(*) FROM ");
        sql_quote_name(&query, history);
        check_ask(w, buf_cstr(&query), "1");
        buf_done(&query);
    }
}

// --- anything ------------------------------------------------------------------------------------

enum { IDS = 12, COMMITS = 120 };

struct model_row {
    bool there, deleted;
    int value; // 0: NULL
    int64_t written_ms;
};

static void check_instant(struct world *w, int64_t at_ms, const struct model_row *rows)
{
    char at[TIMESTAMP_TEXT_MAX];
    struct buf want;
    buf_init(&want, 1U << 16);
    for (int i = 0; i < IDS; i++) {
        if (rows[i].there && !rows[i].deleted) {
            buf_printf(&want, "%s%d|", want.len > 0 ? "\n" : "", i);
            if (rows[i].value) {
                buf_printf(&want, "v%d", rows[i].value);
            } else {
                buf_add_char(&want, '-');
            }
        }
    }
    assert_true(timestamp_format(at_ms, at));
    struct str query =
        arena_printf(&w->arena,
                     "SELECT id, name FROM (SELECT h.*, row_number() OVER (PARTITION BY id ORDER BY"
                     " _sluice_synced DESC) AS n FROM " HIST " h WHERE _sluice_synced <= '%s') v"
                     " WHERE n = 1 AND _sluice_deleted IS NOT TRUE ORDER BY id",
                     at);
    check_ask(w, arena_cstr(&w->arena, query), buf_cstr(&want));
    buf_done(&want);
}

static void change_something(struct world *w, struct random *r, struct model_row *rows,
                             int64_t at_ms)
{
    uint64_t what = random_below(r, 20);
    int id = (int)random_below(r, IDS);
    int value = (int)random_below(r, 4);
    char name[8];
    (void)snprintf(name, sizeof name, "v%d", value);
    struct cell row[] = {C_INT(id), value ? C_TEXT(name) : C_NULL, C_NULL, C_NULL};
    if (what < 14) {
        write_cells(w, &CONTACT, BATCH_UPSERT, row, ARRAY_LEN(row));
        rows[id] = (struct model_row){true, false, value, at_ms};
    } else if (what < 19) {
        write_cells(w, &CONTACT, BATCH_DELETED, row, ARRAY_LEN(row));
        rows[id].written_ms = rows[id].deleted ? rows[id].written_ms : at_ms;
        rows[id].deleted = true;
    } else { // all that is not written in this transaction
        struct error err;
        uint64_t n = 0;
        must(session_sweep(w->session, &CONTACT, STR(""), STR(""), at_ms, false, &n, &err), &err);
        for (int i = 0; i < IDS; i++) {
            rows[i].deleted = rows[i].deleted || rows[i].written_ms < at_ms;
        }
    }
}

// The history, replayed to the instant of each commit, gives the table as it was then; and each of
// its newest versions is the row of now.
static void any_writes_can_be_replayed(struct world *w)
{
    static struct model_row past[COMMITS][IDS];
    struct model_row rows[IDS] = {{0}};
    struct random r;
    random_seed(&r, 20240506);
    keep(w, &CONTACT, true, "");
    for (int c = 0; c < COMMITS; c++) {
        int64_t at_ms = T0 + (int64_t)c * 10;
        if (random_below(&r, 10) == 0) {
            renew(w, "");
        }
        bool kept = random_below(&r, 8) > 0;
        struct model_row before[IDS];
        memcpy(before, rows, sizeof rows);
        begin(w, at_ms);
        for (uint64_t i = random_below(&r, 6); i < 6; i++) {
            change_something(w, &r, rows, at_ms);
        }
        if (kept) {
            commit(w, NULL);
        } else {
            session_rollback(w->session);
            memcpy(rows, before, sizeof rows);
        }
        memcpy(past[c], rows, sizeof rows);
    }
    for (int c = 0; c < COMMITS; c++) {
        check_instant(w, T0 + (int64_t)c * 10, past[c]);
    }
    check_ask(w,
              "SELECT count(*) FROM contact c WHERE NOT EXISTS (SELECT 1 FROM " HIST " h WHERE"
              " h.id = c.id AND COALESCE(h.name, '') = COALESCE(c.name, '') AND"
              " h._sluice_deleted = c._sluice_deleted AND h._sluice_synced = (SELECT"
              " max(_sluice_synced) FROM " HIST " x WHERE x.id = c.id))",
              "0");
}

const struct scene HISTORY_SCENES[] = {
    {"each change is a version", each_change_is_a_version},
    {"all types are compared", all_types_are_compared},
    {"a row that is deleted and restored", deleted_and_restored},
    {"rows that are removed keep their versions", removed_rows_keep_their_versions},
    {"scopes that are replaced", scopes_that_are_replaced},
    {"one version a transaction", one_version_a_transaction},
    {"versions within one millisecond", within_one_millisecond},
    {"versions while the clock steps back", the_clock_steps_back},
    {"new and former columns of a history", new_and_former_columns},
    {"columns go from a history that is off", columns_go_from_a_history_that_is_off},
    {"columns of somebody else", columns_of_somebody_else},
    {"a history of 1,500 columns", wide},
    {"a history of keys", only_keys},
    {"no history without a key", without_key},
    {"names of histories", names},
    {"any writes can be replayed from a history", any_writes_can_be_replayed},
    {NULL, NULL},
};
