#include "check.h"

#include "core/timestamp.h"
#include "data/convert.h"

// One row of a golden table. `want` is the cell as text; NULL when the cell is NULL.
struct golden {
    const char *raw;
    enum convert_result result;
    const char *want;
};

#define OK CONVERT_OK
#define NO CONVERT_REJECT

static int set_up(void **state)
{
    struct arena *a = malloc(sizeof(*a));
    assert_non_null(a);
    arena_init(a, LIMIT_PAGE_ARENA);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    arena_done(*state);
    free(*state);
    return 0;
}

static struct str shown(struct cell c, struct arena *arena)
{
    switch ((enum cell_kind)c.kind) {
    case CELL_TEXT:
        return (struct str){c.ptr, c.len};
    case CELL_INT:
        return arena_printf(arena, "%lld", (long long)c.num);
    case CELL_BOOL:
        return c.num ? STR("true") : STR("false");
    case CELL_FLOAT:
        return arena_printf(arena, "%.17g", c.dbl);
    case CELL_NULL:
        break;
    }
    return (struct str){0};
}

static void check_table(enum column_type type, const struct golden *rows, size_t n,
                        struct arena *arena)
{
    for (size_t i = 0; i < n; i++) {
        struct str raw = str_from(rows[i].raw);
        struct cell cell = {.kind = 4711};
        const char *reason = NULL;
        enum convert_result result = convert_text(type, raw, false, arena, &cell, &reason);
        check_row(result == rows[i].result, rows[i].raw);
        check_row((reason != NULL) == (result == CONVERT_REJECT), rows[i].raw);
        check_row((cell.kind == CELL_NULL) == (rows[i].want == NULL), rows[i].raw);
        if (rows[i].want) {
            check_str(shown(cell, arena), rows[i].want);
        }
    }
}

// What every type but text does with nothing, and with what cannot be seen.
static void test_cleared(void **state)
{
    static const struct golden ROWS[] = {
        {"", CONVERT_NULL, NULL},
        {" ", CONVERT_NULL, NULL},
        {"\t\r\n", CONVERT_NULL, NULL},
        {"\xc2\xa0", CONVERT_NULL, NULL},                  // NBSP
        {"\xe2\x80\x8b", CONVERT_NULL, NULL},              // zero-width space
        {"\xef\xbb\xbf", CONVERT_NULL, NULL},              // byte order mark
        {"\xe2\x80\x8e \xe2\x80\x8f", CONVERT_NULL, NULL}, // direction marks
        {"\xe3\x80\x80\xe2\x81\xa0\xc2\xad", CONVERT_NULL, NULL},
    };
    for (int type = 0; type < COL_TYPE_COUNT; type++) {
        // Only "" clears a text.
        check_table((enum column_type)type, ROWS, type == COL_TEXT ? 1 : ARRAY_LEN(ROWS), *state);
    }
}

static void test_text(void **state)
{
    static const struct golden ROWS[] = {
        {"plain", OK, "plain"}, {" kept \n", OK, " kept \n"},
        {" ", OK, " "},         {"\xe2\x80\x8b", OK, "\xe2\x80\x8b"},
        {"a;b;c", OK, "a;b;c"}, {"\xf0\x9f\x98\x80", OK, "\xf0\x9f\x98\x80"},
        {"null", OK, "null"},
    };
    check_table(COL_TEXT, ROWS, ARRAY_LEN(ROWS), *state);
    struct cell cell;
    const char *reason = NULL;
    struct str raw = STR("not copied");
    assert_int_equal(convert_text(COL_TEXT, raw, true, *state, &cell, &reason), CONVERT_OK);
    assert_ptr_equal(cell.ptr, raw.ptr);
}

static void test_text_repaired(void **state)
{
#define MARK "\xef\xb7\x90"
#define GONE "\xef\xbf\xbd"
    static const struct {
        struct str raw;
        struct str want;
    } ROWS[] = {
        {STR_INIT("a\0b"), STR_INIT("a" GONE "b")},
        {STR_INIT("\0\0\0"), STR_INIT(GONE GONE GONE)},
        {STR_INIT(MARK), STR_INIT(GONE)},
        {STR_INIT("x" MARK "\0" MARK), STR_INIT("x" GONE GONE GONE)},
        {STR_INIT("\xef\xb7\x8f" MARK "\xef\xb7\x91"),
         STR_INIT("\xef\xb7\x8f" GONE "\xef\xb7\x91")}, // its neighbours stay
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cell cell;
        const char *reason = NULL;
        assert_int_equal(convert_text(COL_TEXT, ROWS[i].raw, true, *state, &cell, &reason),
                         CONVERT_REPAIRED);
        check_slice(((struct str){cell.ptr, cell.len}), ROWS[i].want);
        check_contains(reason, "U+FFFD");
        // In other types such a value is no value.
        if (i != 1) {
            assert_int_equal(convert_text(COL_DECIMAL, ROWS[i].raw, true, *state, &cell, &reason),
                             CONVERT_REJECT);
        }
    }
#undef MARK
#undef GONE
}

static void test_bool(void **state)
{
    static const struct golden ROWS[] = {
        {"true", OK, "true"},
        {"false", OK, "false"},
        {"TRUE", OK, "true"},
        {"False", OK, "false"},
        {"yes", OK, "true"},
        {"No", OK, "false"},
        {"1", OK, "true"},
        {"0", OK, "false"},
        {" true\xc2\xa0", OK, "true"},
        {"\xef\xbb\xbf"
         "false",
         OK, "false"},
        {"truE", OK, "true"},
        {"tru", NO, NULL},
        {"true;false", NO, NULL},
        {"falsx", NO, NULL},
        {"trux", NO, NULL},
        {"2", NO, NULL},
        {"-1", NO, NULL},
        {"t", NO, NULL},
        {"null", NO, NULL},
        {"on", NO, NULL},
        {"fals", NO, NULL},
        {"truee", NO, NULL},
    };
    check_table(COL_BOOL, ROWS, ARRAY_LEN(ROWS), *state);
}

static void test_int(void **state)
{
    static const struct golden ROWS[] = {
        {"0", OK, "0"},
        {"-0", OK, "0"},
        {"7", OK, "7"},
        {"+7", OK, "7"},
        {"007", OK, "7"},
        {"-42", OK, "-42"},
        {" 12\xe2\x80\x8b", OK, "12"},
        {"123456789012345678", OK, "123456789012345678"},
        {"1234567890123456789", OK, "1234567890123456789"},
        {"9223372036854775807", OK, "9223372036854775807"},
        {"-9223372036854775808", OK, "-9223372036854775808"},
        {"000000000000000000000000000012", OK, "12"},
        {"12.0", OK, "12"},
        {"12.", OK, "12"},
        {"12.000000", OK, "12"},
        {"1.2e1", OK, "12"},
        {"12e-0", OK, "12"},
        {"1200e-2", OK, "12"},
        {"9.223372036854775807E18", OK, "9223372036854775807"},
        {"0e400", OK, "0"},
        {"0.000e5", OK, "0"},
        {"9223372036854775808", NO, NULL},
        {"-9223372036854775809", NO, NULL},
        {"99999999999999999999999999", NO, NULL},
        {"1e19", NO, NULL},
        {"12.5", NO, NULL},
        {"0.1", NO, NULL},
        {"1e-1", NO, NULL},
        {"1e401", NO, NULL},
        {"3092727991;3881228353", NO, NULL},
        {"1,234", NO, NULL},
        {"12a", NO, NULL},
        {"a", NO, NULL},
        {"--1", NO, NULL},
        {"1 2", NO, NULL},
        {"-", NO, NULL},
        {"0x10", NO, NULL},
        {"true", NO, NULL},
    };
    check_table(COL_INT, ROWS, ARRAY_LEN(ROWS), *state);
}

static void test_decimal(void **state)
{
    static const struct golden ROWS[] = {
        {"0", OK, "0"},
        {"1", OK, "1"},
        {"-12.50", OK, "-12.50"},
        {"0.10", OK, "0.10"},
        {"-0.5", OK, "-0.5"},
        {"123456789012345678901234567890", OK, "123456789012345678901234567890"},
        {"-1234567890.12345678901234567890", OK, "-1234567890.12345678901234567890"},
        {"0.000000000000000000000000000001", OK, "0.000000000000000000000000000001"},
        {"+5", OK, "5"},
        {"+0.5", OK, "0.5"},
        {"007.50", OK, "7.50"},
        {"-007", OK, "-7"},
        {"000", OK, "0"},
        {"00.00", OK, "0.00"},
        {"-0", OK, "0"},
        {"-0.00", OK, "0.00"},
        {".5", OK, "0.5"},
        {"-.5", OK, "-0.5"},
        {"5.", OK, "5"},
        {" 1.5 ", OK, "1.5"},
        {"\xe2\x80\x8b"
         "1.5\xef\xbb\xbf",
         OK, "1.5"},
        {"1e3", OK, "1000"},
        {"1.5E+3", OK, "1500"},
        {"1.5e3", OK, "1500"},
        {"1.2345e2", OK, "123.45"},
        {"12345e-2", OK, "123.45"},
        {"1e-3", OK, "0.001"},
        {"-1.5e-3", OK, "-0.0015"},
        {"1.61E12", OK, "1610000000000"},
        {"0e5", OK, "0"},
        {"-0e5", OK, "0"},
        {"1e0", OK, "1"},
        {"12.0", OK, "12.0"},
    };
    check_table(COL_DECIMAL, ROWS, ARRAY_LEN(ROWS), *state);
    struct cell cell;
    const char *reason;
    struct str raw = STR("-12.50");
    assert_int_equal(convert_text(COL_DECIMAL, raw, false, *state, &cell, &reason), CONVERT_OK);
    assert_ptr_equal(cell.ptr, raw.ptr); // not copied
}

static void test_decimal_refuses(void **state)
{
    static const struct golden ROWS[] = {
        {"1e401", NO, NULL},
        {"1e-401", NO, NULL},
        {"1e99999999999999999999", NO, NULL},
        {"1e", NO, NULL},
        {"1e+", NO, NULL},
        {"e5", NO, NULL},
        {"a;b", NO, NULL},
        {"1;2", NO, NULL},
        {"1,234", NO, NULL},
        {"1.234.567", NO, NULL},
        {"1 234", NO, NULL},
        {"$5", NO, NULL},
        {"5 EUR", NO, NULL},
        {"5%", NO, NULL},
        {"NaN", NO, NULL},
        {"Infinity", NO, NULL},
        {"-", NO, NULL},
        {"+", NO, NULL},
        {".", NO, NULL},
        {"+-1", NO, NULL},
        {"0x1F", NO, NULL},
        {"\xe2\x88\x92"
         "5",
         NO, NULL},             // a minus sign that is not "-"
        {"\xd9\xa3", NO, NULL}, // a digit of another script
    };
    check_table(COL_DECIMAL, ROWS, ARRAY_LEN(ROWS), *state);
}

static void test_decimal_limits(void **state)
{
    char digits[16002];
    memset(digits, '7', sizeof(digits));
    struct cell cell;
    const char *reason;
    struct str raw = {digits, 16000};
    assert_int_equal(convert_text(COL_DECIMAL, raw, false, *state, &cell, &reason), CONVERT_OK);
    assert_int_equal(cell.len, 16000);
    raw.len = 16001;
    assert_int_equal(convert_text(COL_DECIMAL, raw, false, *state, &cell, &reason), CONVERT_REJECT);
    check_contains(reason, "16000");
    digits[8000] = '.';
    assert_int_equal(convert_text(COL_DECIMAL, raw, false, *state, &cell, &reason), CONVERT_OK);
    assert_int_equal(cell.len, 16001);
    struct str exponent = STR("1e400");
    assert_int_equal(convert_text(COL_DECIMAL, exponent, false, *state, &cell, &reason),
                     CONVERT_OK);
    assert_int_equal(cell.len, 401);
    exponent = STR("1e-400");
    assert_int_equal(convert_text(COL_DECIMAL, exponent, false, *state, &cell, &reason),
                     CONVERT_OK);
    assert_int_equal(cell.len, 402);
}

static void test_float(void **state)
{
    static const struct golden ROWS[] = {
        {"0.5", OK, "0.5"},  {"1e3", OK, "1000"}, {" -2 ", OK, "-2"}, {"+1", OK, "1"},
        {".25", OK, "0.25"}, {"1e999", NO, NULL}, {"nan", NO, NULL},  {"inf", NO, NULL},
        {"0x1p3", NO, NULL}, {"1,5", NO, NULL},   {"x", NO, NULL},
    };
    check_table(COL_FLOAT, ROWS, ARRAY_LEN(ROWS), *state);
}

static void test_date(void **state)
{
    static const struct golden ROWS[] = {
        {"2026-09-08", OK, "2026-09-08"},
        {"0001-01-01", OK, "0001-01-01"},
        {"1000-01-01", OK, "1000-01-01"},
        {"9999-12-31", OK, "9999-12-31"},
        {"2024-02-29", OK, "2024-02-29"},
        {"2000-02-29", OK, "2000-02-29"},
        {" 2026-09-08\xe2\x80\x8b", OK, "2026-09-08"},
        {"2026-09-08T00:00:00Z", OK, "2026-09-08"},
        {"2026-09-08T00:00:00.000Z", OK, "2026-09-08"},
        {"2026-09-08T02:00:00+02:00", OK, "2026-09-08"},
        {"1788825600000", OK, "2026-09-08"},
        {"1788825600000.0", OK, "2026-09-08"},
        {"1.7888256E12", OK, "2026-09-08"},
        {"0", OK, "1970-01-01"},
        {"-86400000", OK, "1969-12-31"},
        {"-30610224000000", OK, "1000-01-01"},
        {"-62135596800000", OK, "0001-01-01"},
        {"253402214400000", OK, "9999-12-31"},
        {"2026-09-08T00:00:00.001Z", NO, NULL},
        {"2026-09-08T00:00:00+02:00", NO, NULL}, // the day before in UTC
        {"1788825600001", NO, NULL},
        {"-1", NO, NULL},
        {"2026", NO, NULL},
        {"-62135683200000", NO, NULL},
        {"253402300800000", NO, NULL},
        {"9223372036854720000", NO, NULL},
        {"2023-02-29", NO, NULL},
        {"1900-02-29", NO, NULL},
        {"2026-13-01", NO, NULL},
        {"2026-00-01", NO, NULL},
        {"2026-01-00", NO, NULL},
        {"2026-04-31", NO, NULL},
        {"0000-01-01", NO, NULL},
        {"2026-9-8", NO, NULL},
        {"2026/09/08", NO, NULL},
        {"09/08/2026", NO, NULL},
        {"2026-09-0a", NO, NULL},
        {"2026-09-:8", NO, NULL},
        {"x026-09-08", NO, NULL},
        {"\xff"
         "026-09-08",
         NO, NULL},
        {"today", NO, NULL},
    };
    check_table(COL_DATE, ROWS, ARRAY_LEN(ROWS), *state);
}

static void test_timestamp(void **state)
{
    static const struct golden ROWS[] = {
        {"2026-09-08T07:06:05.004Z", OK, "2026-09-08T07:06:05.004Z"},
        {"0001-01-01T00:00:00.000Z", OK, "0001-01-01T00:00:00.000Z"},
        {"1000-06-15T12:00:00.500Z", OK, "1000-06-15T12:00:00.500Z"},
        {"9999-12-31T23:59:59.999Z", OK, "9999-12-31T23:59:59.999Z"},
        {"2024-02-29T23:59:59.999Z", OK, "2024-02-29T23:59:59.999Z"},
        {"2026-09-08T07:06:05Z", OK, "2026-09-08T07:06:05.000Z"},
        {"2026-09-08T07:06:05.1Z", OK, "2026-09-08T07:06:05.100Z"},
        {"2026-09-08T07:06:05.123456789Z", OK, "2026-09-08T07:06:05.123Z"},
        {"2026-09-08T07:06:05.004+00:00", OK, "2026-09-08T07:06:05.004Z"},
        {"2026-09-08T09:06:05.004+02:00", OK, "2026-09-08T07:06:05.004Z"},
        {"2026-09-07T23:06:05.004-08:00", OK, "2026-09-08T07:06:05.004Z"},
        {"2026-09-08 07:06:05", OK, "2026-09-08T07:06:05.000Z"},
        {"2026-09-08T07:06", OK, "2026-09-08T07:06:00.000Z"},
        {"2026-09-08", OK, "2026-09-08T00:00:00.000Z"},
        {" 2026-09-08T07:06:05.004Z\xc2\xa0", OK, "2026-09-08T07:06:05.004Z"},
        {"1788851165004", OK, "2026-09-08T07:06:05.004Z"},
        {"1788851165004.0", OK, "2026-09-08T07:06:05.004Z"},
        {"1.788851165004E12", OK, "2026-09-08T07:06:05.004Z"},
        {"0", OK, "1970-01-01T00:00:00.000Z"},
        {"-1", OK, "1969-12-31T23:59:59.999Z"},
        {"-30610224000000", OK, "1000-01-01T00:00:00.000Z"},
        {"-62135596800000", OK, "0001-01-01T00:00:00.000Z"},
        {"253402300799999", OK, "9999-12-31T23:59:59.999Z"},
        {"-62135596800001", NO, NULL},
        {"253402300800000", NO, NULL},
        {"9223372036854775807", NO, NULL},
        {"-9223372036854775808", NO, NULL},
        {"1788851165004.5", NO, NULL},
        {"0000-01-01T00:00:00.000Z", NO, NULL},
        {"2023-02-29T00:00:00.000Z", NO, NULL},
        {"2026-13-08T07:06:05.004Z", NO, NULL},
        {"2026-09-31T07:06:05.004Z", NO, NULL},
        {"2026-09-08T24:00:00.000Z", NO, NULL},
        {"2026-09-08T23:60:00.000Z", NO, NULL},
        {"2026-09-08T23:59:60.000Z", NO, NULL},
        {"2026-09-08T07:06:05.00xZ", NO, NULL},
        {"2026-09-08T07:06:05.004X", NO, NULL},
        {"2026-09-08T07-06:05.004Z", NO, NULL},
        {"2026-09-08\xff"
         "07:06:05.004Z",
         NO, NULL},
        {"0001-01-01T00:00:00+00:01", NO, NULL},
        {"yesterday", NO, NULL},
        {"1788851165004;1788851165005", NO, NULL},
    };
    check_table(COL_TIMESTAMP, ROWS, ARRAY_LEN(ROWS), *state);
    struct cell cell;
    const char *reason;
    struct str raw = STR("2026-09-08T07:06:05.004Z");
    assert_int_equal(convert_text(COL_TIMESTAMP, raw, false, *state, &cell, &reason), CONVERT_OK);
    assert_ptr_equal(cell.ptr, raw.ptr); // not copied
}

// The quick test for canonical text says the same as the full parser.
static void check_canonical(enum column_type type, struct str raw, struct arena *arena)
{
    struct cell cell;
    const char *reason;
    int64_t ms;
    bool ok = convert_text(type, raw, false, arena, &cell, &reason) == CONVERT_OK;
    check_row(ok == timestamp_parse(raw, &ms), raw.ptr);
    arena_reset(arena);
}

// Every byte at every place.
static void check_canonical_bytes(enum column_type type, const char *text, struct arena *arena)
{
    size_t len = strlen(text);
    for (size_t at = 0; at < len; at++) {
        for (int byte = 0; byte < 256; byte++) {
            // What is invisible at an end is cut, which leaves another text than the one at hand.
            if ((byte <= 0x20 || byte == 0x7f) && (at == 0 || at == len - 1)) {
                continue;
            }
            char changed[32];
            snprintf(changed, sizeof(changed), "%s", text);
            changed[at] = (char)byte;
            check_canonical(type, (struct str){changed, len}, arena);
        }
    }
}

static void test_canonical_byte_by_byte(void **state)
{
    check_canonical_bytes(COL_TIMESTAMP, "2026-09-28T17:46:35.004Z", *state);
    check_canonical_bytes(COL_DATE, "2026-09-28", *state);
}

static void test_value_limit(void **state)
{
    size_t max = LIMIT_VALUE_BYTES;
    char *text = malloc(max + 1);
    assert_non_null(text);
    memset(text, '1', max + 1);
    for (int type = 0; type < COL_TYPE_COUNT; type++) {
        struct cell cell;
        const char *reason = NULL;
        struct str raw = {text, max + 1};
        assert_int_equal(convert_text((enum column_type)type, raw, false, *state, &cell, &reason),
                         CONVERT_REJECT);
        check_contains(reason, "16 MiB");
        assert_int_equal(cell.kind, CELL_NULL);
    }
    struct cell cell;
    const char *reason;
    struct str raw = {text, max};
    assert_int_equal(convert_text(COL_TEXT, raw, false, *state, &cell, &reason), CONVERT_OK);
    assert_int_equal(cell.len, max);
    assert_int_equal(convert_text(COL_TEXT, raw, true, *state, &cell, &reason), CONVERT_OK);
    text[5] = '\0';
    assert_int_equal(convert_text(COL_TEXT, raw, true, *state, &cell, &reason), CONVERT_REPAIRED);
    free(text);
}

static void test_json(void **state)
{
    static const struct {
        enum column_type type;
        const char *json;
        enum convert_result result;
        const char *want;
    } ROWS[] = {
        {COL_TEXT, "\"x\"", OK, "x"},
        {COL_TEXT, "\"\"", CONVERT_NULL, NULL},
        {COL_TEXT, "null", CONVERT_NULL, NULL},
        {COL_TEXT, "true", OK, "true"},
        {COL_TEXT, "-12", OK, "-12"},
        {COL_TEXT, "18446744073709551615", OK, "18446744073709551615"},
        {COL_TEXT, "1.5", OK, "1.5"},
        {COL_TEXT, "[1, {\"a\": null}]", OK, "[1,{\"a\":null}]"},
        {COL_TEXT, "{ }", OK, "{}"},
        {COL_INT, "42", OK, "42"},
        {COL_INT, "-9223372036854775808", OK, "-9223372036854775808"},
        {COL_INT, "9223372036854775808", NO, NULL},
        {COL_INT, "12.0", OK, "12"},
        {COL_INT, "12.5", NO, NULL},
        {COL_INT, "\"42\"", OK, "42"},
        {COL_INT, "true", NO, NULL},
        {COL_INT, "[1]", NO, NULL},
        {COL_DECIMAL, "42", OK, "42"},
        {COL_DECIMAL, "0.1", OK, "0.1"},
        {COL_DECIMAL, "1e21", OK, "1000000000000000000000"},
        {COL_DECIMAL, "123456789012345678901234567890", OK, "123456789012345678901234567890"},
        {COL_DECIMAL, "false", NO, NULL},
        {COL_FLOAT, "0.5", OK, "0.5"},
        {COL_FLOAT, "2", OK, "2"},
        {COL_FLOAT, "\"0.5\"", OK, "0.5"},
        {COL_BOOL, "true", OK, "true"},
        {COL_BOOL, "false", OK, "false"},
        {COL_BOOL, "1", OK, "true"},
        {COL_BOOL, "2", NO, NULL},
        {COL_BOOL, "\"false\"", OK, "false"},
        {COL_DATE, "1788825600000", OK, "2026-09-08"},
        {COL_DATE, "{}", NO, NULL},
        {COL_TIMESTAMP, "1788851165004", OK, "2026-09-08T07:06:05.004Z"},
        {COL_TIMESTAMP, "-1", OK, "1969-12-31T23:59:59.999Z"},
        {COL_TIMESTAMP, "\"2026-09-08T07:06:05Z\"", OK, "2026-09-08T07:06:05.000Z"},
        {COL_TIMESTAMP, "true", NO, NULL},
    };
    struct json_doc *doc = json_doc_create();
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct json value;
        struct error err;
        assert_true(json_parse(doc, str_from(ROWS[i].json), &value, &err));
        struct cell cell = {.kind = 4711};
        const char *reason = NULL;
        enum convert_result result =
            convert_json(ROWS[i].type, value, false, *state, &cell, &reason);
        check_row(result == ROWS[i].result, ROWS[i].json);
        check_row((reason != NULL) == (result == CONVERT_REJECT), ROWS[i].json);
        check_row((cell.kind == CELL_NULL) == (ROWS[i].want == NULL), ROWS[i].json);
        if (ROWS[i].want) {
            check_str(shown(cell, *state), ROWS[i].want);
        }
    }
    json_doc_destroy(doc);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test_setup_teardown(test_cleared, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_text_repaired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bool, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_int, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decimal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decimal_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_decimal_limits, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_float, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_date, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timestamp, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_canonical_byte_by_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_value_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_json, set_up, tear_down),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
