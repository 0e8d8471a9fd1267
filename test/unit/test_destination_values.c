// Values: what goes in comes back, whatever it holds.
#include "test_destination.h"

#include <float.h>

#define T0 1700000000000

static const struct column EVERY_COLUMN[] = {
    {STR_INIT("id"), COL_INT},        {STR_INIT("a_text"), COL_TEXT},
    {STR_INIT("an_int"), COL_INT},    {STR_INIT("a_decimal"), COL_DECIMAL},
    {STR_INIT("a_float"), COL_FLOAT}, {STR_INIT("a_bool"), COL_BOOL},
    {STR_INIT("a_date"), COL_DATE},   {STR_INIT("a_timestamp"), COL_TIMESTAMP},
};
enum { N_EVERY = ARRAY_LEN(EVERY_COLUMN) };
static const struct table EVERY = {STR_INIT("every"), EVERY_COLUMN, N_EVERY, 1};

// Compares the rows of a table with cells, in key order.
struct expected {
    const struct table *table;
    const struct cell *cells;
    size_t n_rows;
    size_t row;
};

static bool same_cell(const struct cell *a, const struct cell *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    switch ((enum cell_kind)a->kind) {
    case CELL_NULL:
        return true;
    case CELL_TEXT:
        return a->len == b->len && memcmp(a->ptr, b->ptr, a->len) == 0;
    case CELL_INT:
    case CELL_BOOL:
        return a->num == b->num;
    case CELL_FLOAT:
        return memcmp(&a->dbl, &b->dbl, sizeof(a->dbl)) == 0;
    default:
        return false;
    }
}

static bool compare_row(void *user, const struct cell *cells, struct error *err)
{
    struct expected *e = user;
    (void)err;
    assert_true(e->row < e->n_rows);
    for (size_t i = 0; i < e->table->n_columns; i++) {
        const struct cell *want = &e->cells[e->row * e->table->n_columns + i];
        if (!same_cell(&cells[i], want)) {
            print_error("row %zu column %s: kind %u, want %u; %.*s\n", e->row,
                        e->table->columns[i].name.ptr, cells[i].kind, want->kind,
                        cells[i].kind == CELL_TEXT ? (int)MIN(cells[i].len, 100U) : 0,
                        cells[i].kind == CELL_TEXT ? cells[i].ptr : "");
            fail();
        }
    }
    e->row++;
    return true;
}

static void check_table(struct world *w, const struct table *table, const struct cell *cells,
                        size_t n)
{
    struct error err;
    struct expected e = {table, cells, n / table->n_columns, 0};
    assert_true(session_read_table(w->session, table, compare_row, &e, &err));
    assert_int_equal(e.row, e.n_rows);
}

// Loads the rows in each way there is and looks at them each time.
static void round_trip(struct world *w, const struct table *table, struct cell *cells, size_t n)
{
    static const enum batch_op OPS[] = {BATCH_INSERT, BATCH_UPSERT, BATCH_UPSERT};
    apply(w, table);
    for (size_t i = 0; i < ARRAY_LEN(OPS); i++) {
        load(w, table, OPS[i], cells, n, T0);
        check_table(w, table, cells, n);
        if (i == 0) {
            load(w, table, BATCH_DELETE, cells, n, T0);
            check_table(w, table, cells, 0);
        }
    }
}

static void every_type(struct world *w)
{
    struct cell cells[] = {
        C_INT(INT64_MIN),
        C_TEXT(""),
        C_INT(INT64_MAX),
        C_TEXT("0"),
        C_FLOAT(DBL_MAX),
        C_BOOL(0),
        C_TEXT("0001-01-01"),
        C_TEXT("0001-01-01T00:00:00.000Z"), //
        C_INT(-1),
        C_NULL,
        C_NULL,
        C_NULL,
        C_NULL,
        C_NULL,
        C_NULL,
        C_NULL, //
        C_INT(0),
        C_TEXT("x"),
        C_INT(0),
        C_TEXT("-1"),
        C_FLOAT(0.1),
        C_BOOL(1),
        C_TEXT("2024-02-29"),
        C_TEXT("2024-02-29T23:59:59.999Z"), //
        C_INT(1),
        C_TEXT("y"),
        C_INT(-1),
        C_TEXT("1.5"),
        C_FLOAT(-DBL_MIN),
        C_BOOL(0),
        C_TEXT("1969-12-31"),
        C_TEXT("1969-12-31T23:59:59.001Z"), //
        C_INT(INT64_MAX),
        C_TEXT("z"),
        C_INT(INT64_MIN),
        C_TEXT("-0.25"),
        C_FLOAT(5e-324),
        C_BOOL(1),
        C_TEXT("9999-12-31"),
        C_TEXT("9999-12-31T23:59:59.999Z"),
    };
    round_trip(w, &EVERY, cells, ARRAY_LEN(cells));
}

static void decimals(struct world *w)
{
    static const char *const TEXTS[] = {
        "0",
        "1",
        "-1",
        "10000",
        "9999",
        "100000000",
        "0.1",
        "-0.1",
        "0.0001",
        "0.00001",
        "0.00000000000001",
        "0.000000000000001",
        "12.34",
        "99999.99",
        "-99999.99",
        "123456789012345",
        "1234567890123456",
        "12345678901234.5",
        "123456789012345.6",
        "0.1234567890123456",
        "9007199254740993",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "123456789012345678901234567890",
        "-123456789012345678901234567890",
        "123456789012345678901234567890.123456789012345678901234567890",
        "0.000000000000000000000000000001",
        "100000000000000000000000000000",
        "0.3333333333333333333333333333333333333333333",
    };
    struct cell cells[ARRAY_LEN(TEXTS) * N_EVERY];
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        struct cell *row = cells + i * N_EVERY;
        for (size_t c = 0; c < N_EVERY; c++) {
            row[c] = C_NULL;
        }
        row[0] = C_INT((int64_t)i);
        row[3] = C_TEXT(TEXTS[i]);
    }
    round_trip(w, &EVERY, cells, ARRAY_LEN(cells));
    if (!w->postgres) {
        // Numbers where nothing is lost, so that they can be added and compared.
        check_ask(w, "SELECT typeof(a_decimal) FROM every WHERE a_decimal = 12.34", "real");
        check_ask(w, "SELECT typeof(a_decimal) FROM every WHERE a_decimal = 123456789012345",
                  "integer");
        check_ask(w, "SELECT count(*) FROM every WHERE typeof(a_decimal) = 'text'", "10");
    } else {
        check_ask(w, "SELECT pg_typeof(a_decimal)::text FROM every WHERE id = 0", "numeric");
    }
    check_ask(w, "SELECT count(*) FROM every WHERE a_decimal > 99999 AND a_decimal < 100000", "1");
}

// Zeros behind the last digit do not count in SQLite, in PostgreSQL they stay as they are.
static void decimal_zeros(struct world *w)
{
    struct cell cells[] = {
        C_INT(1), C_NULL, C_NULL, C_TEXT("12.50"),  C_NULL, C_NULL, C_NULL, C_NULL, //
        C_INT(2), C_NULL, C_NULL, C_TEXT("-7.000"), C_NULL, C_NULL, C_NULL, C_NULL, //
        C_INT(3), C_NULL, C_NULL, C_TEXT("0.00"),   C_NULL, C_NULL, C_NULL, C_NULL, //
    };
    apply(w, &EVERY);
    load(w, &EVERY, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    check_ask(w, "SELECT CAST(a_decimal AS TEXT) FROM every ORDER BY id",
              w->postgres ? "12.50\n-7.000\n0.00" : "12.5\n-7\n0");
    check_ask(w, "SELECT count(*) FROM every WHERE a_decimal IN (12.5, -7, 0)", "3");
}

static void hostile_text(struct world *w)
{
    static const char *const TEXTS[] = {
        "it's",
        "\"quoted\"",
        "back\\slash",
        "\\N",
        "\\.",
        "\\\\",
        "tab\tnewline\nreturn\r",
        "\t",
        "\n",
        "\x01\x02\x1f\x7f",
        "'; DROP TABLE every; --",
        "$1 ? %s %n",
        "{\"a\":[1,2]}",
        "Gr\xc3\xbc\xc3\x9f\x65 \xe2\x82\xac \xf0\x9f\x98\x80",
        "\xef\xb7\x90",
        " space ",
        "NULL",
        "null",
        "0",
        "1e5",
        "2024-01-01",
    };
    struct cell cells[ARRAY_LEN(TEXTS) * N_EVERY];
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        for (size_t c = 0; c < N_EVERY; c++) {
            cells[i * N_EVERY + c] = C_NULL;
        }
        cells[i * N_EVERY] = C_INT((int64_t)i);
        cells[i * N_EVERY + 1] = C_TEXT(TEXTS[i]);
    }
    round_trip(w, &EVERY, cells, ARRAY_LEN(cells));
}

static void long_text(struct world *w)
{
    enum { LONG = 65536, HUGE_LEN = 9 * 1024 * 1024 };
    char *text = malloc(HUGE_LEN);
    assert_non_null(text);
    for (size_t i = 0; i < HUGE_LEN; i++) { // does not compress to nothing
        text[i] = (char)('a' + (i * 2654435761U >> 13) % 26);
    }
    struct cell cells[] = {
        C_INT(1), {.ptr = text, .len = LONG, .kind = CELL_TEXT},
        C_NULL,   C_NULL,
        C_NULL,   C_NULL,
        C_NULL,   C_NULL, //
        C_INT(2), {.ptr = text, .len = HUGE_LEN, .kind = CELL_TEXT},
        C_NULL,   C_NULL,
        C_NULL,   C_NULL,
        C_NULL,   C_NULL,
    };
    round_trip(w, &EVERY, cells, ARRAY_LEN(cells));
    free(text);
}

// 1,500 columns, all of some rows filled as far as a page of PostgreSQL holds them.
static void wide_table(struct world *w)
{
    enum { WIDE = 1500, ROWS = 300, FILLED = 300 };
    struct column *columns = calloc(WIDE, sizeof(*columns));
    struct cell *cells = calloc((size_t)WIDE * ROWS, sizeof(*cells));
    assert_true(columns && cells);
    for (size_t i = 0; i < WIDE; i++) {
        columns[i].name = arena_printf(&w->arena, "property_%zu", i);
        columns[i].type = i ? (enum column_type)(i % COL_BOOL) : COL_INT;
    }
    for (size_t row = 0; row < ROWS; row++) {
        struct cell *c = cells + row * WIDE;
        c[0] = C_INT((int64_t)row);
        for (size_t i = 1; i < FILLED; i++) {
            size_t at = 1 + (i * 5 + row) % (WIDE - 1);
            static const char *const TEXT = "a text of some length";
            switch (columns[at].type) {
            case COL_INT:
                c[at] = C_INT((int64_t)at);
                break;
            case COL_FLOAT:
                c[at] = C_FLOAT((double)at / 4);
                break;
            case COL_DECIMAL:
                c[at] = C_TEXT("12.5");
                break;
            case COL_TEXT:
            case COL_BOOL:
            case COL_DATE:
            case COL_TIMESTAMP:
            case COL_TYPE_COUNT:
            default:
                c[at] = C_TEXT(TEXT);
            }
        }
    }
    const struct table table = {STR("wide"), columns, WIDE, 1};
    round_trip(w, &table, cells, (size_t)WIDE * ROWS);
    free(columns);
    free(cells);
}

static void keys_of_all_types(struct world *w)
{
    static const struct column COLUMNS[] = {
        {STR_INIT("name"), COL_TEXT},      {STR_INIT("at"), COL_TIMESTAMP},
        {STR_INIT("amount"), COL_DECIMAL}, {STR_INIT("share"), COL_FLOAT},
        {STR_INIT("value"), COL_TEXT},
    };
    const struct table table = {STR("history"), COLUMNS, 5, 4};
    struct cell cells[] = {
        C_TEXT("a"),
        C_TEXT("2024-01-01T00:00:00.000Z"),
        C_TEXT("1"),
        C_FLOAT(0),
        C_TEXT("1st"),
        C_TEXT("a"),
        C_TEXT("2024-01-01T00:00:00.001Z"),
        C_TEXT("1"),
        C_FLOAT(0),
        C_TEXT("2nd"),
        C_TEXT("a'b"),
        C_TEXT("2024-01-01T00:00:00.000Z"),
        C_TEXT("1.5"),
        C_FLOAT(0.5),
        C_TEXT("x"),
    };
    // The same keys in other words, later in the same batch: they win.
    struct cell again[] = {
        C_TEXT("a"),
        C_TEXT("2024-01-01T00:00:00.000Z"),
        C_TEXT("1.0"),
        C_FLOAT(-0.0),
        C_TEXT("1ST"),
        C_TEXT("a'b"),
        C_TEXT("2024-01-01T00:00:00.000Z"),
        C_TEXT("1.50"),
        C_FLOAT(0.5),
        C_TEXT("X"),
    };
    apply(w, &table);
    begin(w, T0);
    write_cells(w, &table, BATCH_UPSERT, cells, ARRAY_LEN(cells));
    write_cells(w, &table, BATCH_UPSERT, again, ARRAY_LEN(again));
    commit(w, NULL);
    check_ask(w, "SELECT name, value FROM history ORDER BY value", "a|1ST\na|2nd\na'b|X");
    load(w, &table, BATCH_DELETED, again, ARRAY_LEN(again), T0 + 1);
    check_ask(w, "SELECT value FROM history WHERE _sluice_deleted ORDER BY value", "1ST\nX");
    load(w, &table, BATCH_DELETE, cells, ARRAY_LEN(cells), T0);
    check_ask(w, "SELECT count(*) FROM history", "0");
}

// A cell that is not what its column says is a fault of the program: an error, not a wrong value.
static void misfits(struct world *w)
{
    static const struct {
        size_t column;
        struct cell cell;
    } ROWS[] = {
        {2, {.ptr = "7", .len = 1, .kind = CELL_TEXT}},
        {3, {.ptr = "1e5", .len = 3, .kind = CELL_TEXT}},
        {3, {.ptr = "", .len = 0, .kind = CELL_TEXT}},
        {3, {.ptr = ".", .len = 1, .kind = CELL_TEXT}},
        {3, {.ptr = "1.2.3", .len = 5, .kind = CELL_TEXT}},
        {5, {.num = 1, .kind = CELL_INT}},
        {6, {.ptr = "2024-02-30", .len = 10, .kind = CELL_TEXT}},
        {7, {.ptr = "yesterday", .len = 9, .kind = CELL_TEXT}},
    };
    struct error err;
    apply(w, &EVERY);
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cell cells[N_EVERY] = {C_INT(1)};
        cells[ROWS[i].column] = ROWS[i].cell;
        struct batch batch = {.table = &EVERY, .cells = cells, .n_rows = 1};
        begin(w, T0);
        bool ok = session_write(w->session, &batch, &err) &&
                  session_commit(w->session, (struct str){0}, &err);
        session_rollback(w->session);
        if (w->postgres) {
            assert_false(ok);
            assert_int_equal(err.code, ERR_INTERNAL);
            check_contains(err.message, "table 'every'");
            check_contains(err.message, EVERY_COLUMN[ROWS[i].column].name.ptr);
        }
    }
    check_ask(w, "SELECT count(*) FROM every", w->postgres ? "0" : "1");
}

const struct scene VALUE_SCENES[] = {
    {"every type", every_type},
    {"decimals stay exact", decimals},
    {"zeros behind the point", decimal_zeros},
    {"hostile text", hostile_text},
    {"long text", long_text},
    {"1,500 columns", wide_table},
    {"keys of all types", keys_of_all_types},
    {"cells that do not fit", misfits},
    {NULL, NULL},
};
