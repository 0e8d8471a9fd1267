// Any value to any type: what comes out is canonical for its type, and converting it again changes
// nothing. The input: one byte for the type, then the value.
#include "core/buf.h"
#include "core/limits.h"
#include "data/convert.h"
#include "fuzz.h"

static bool is_digits(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] < '0' || s.ptr[i] > '9') {
            return false;
        }
    }
    return s.len > 0;
}

static void check_decimal(struct str s)
{
    bool minus = str_starts(s, STR("-"));
    struct str rest = minus ? str_sub(s, 1, s.len) : s;
    struct str whole;
    assert(str_next(&rest, '.', &whole));
    assert(is_digits(whole));
    assert(whole.len == 1 || whole.ptr[0] != '0');
    if (str_find_char(s, '.') >= 0) {
        assert(is_digits(rest));
    }
    bool zero = true;
    for (size_t i = 0; i < s.len; i++) {
        zero = zero && (s.ptr[i] == '0' || s.ptr[i] == '.' || s.ptr[i] == '-');
    }
    assert(!(minus && zero));
}

static int two_digits(struct str s, size_t at)
{
    assert(is_digits(str_sub(s, at, 2)));
    return (s.ptr[at] - '0') * 10 + (s.ptr[at + 1] - '0');
}

static void check_date(struct str s)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    assert(s.len == 10 && s.ptr[4] == '-' && s.ptr[7] == '-');
    int year = two_digits(s, 0) * 100 + two_digits(s, 2);
    int month = two_digits(s, 5);
    int day = two_digits(s, 8);
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    assert(year >= 1 && month >= 1 && month <= 12 && day >= 1);
    assert(day <= days[month - 1] + (month == 2 && leap ? 1 : 0));
}

static void check_timestamp(struct str s)
{
    assert(s.len == 24 && s.ptr[10] == 'T' && s.ptr[13] == ':' && s.ptr[16] == ':');
    assert(s.ptr[19] == '.' && s.ptr[23] == 'Z' && is_digits(str_sub(s, 20, 3)));
    check_date(str_sub(s, 0, 10));
    assert(two_digits(s, 11) < 24 && two_digits(s, 14) < 60 && two_digits(s, 17) < 60);
}

static void check_text(struct str s)
{
    assert(s.len > 0 && fuzz_is_utf8(s));
    assert(str_find_char(s, '\0') < 0);
    assert(str_find(s, STR("\xEF\xB7\x90")) < 0);
}

// The cell as the text that a destination would be given.
static struct str check_cell(enum column_type type, const struct cell *cell, struct buf *out)
{
    struct str text = {cell->ptr, cell->len};
    bool as_text =
        type == COL_TEXT || type == COL_DECIMAL || type == COL_DATE || type == COL_TIMESTAMP;
    assert(!as_text || cell->kind == CELL_TEXT);
    if (type == COL_TEXT) {
        check_text(text);
    } else if (type == COL_DECIMAL) {
        check_decimal(text);
    } else if (type == COL_DATE) {
        check_date(text);
    } else if (type == COL_TIMESTAMP) {
        check_timestamp(text);
    } else if (type == COL_BOOL) {
        assert(cell->kind == CELL_BOOL && (cell->num == 0 || cell->num == 1));
        text = cell->num != 0 ? STR("true") : STR("false");
    } else if (type == COL_INT) {
        assert(cell->kind == CELL_INT);
        buf_add_int(out, cell->num);
        text = buf_str(out);
    } else {
        assert(type == COL_FLOAT && cell->kind == CELL_FLOAT);
        assert(cell->dbl - cell->dbl == 0); // neither infinite nor NaN
        buf_printf(out, "%.17g", cell->dbl);
        text = buf_str(out);
    }
    return text;
}

static bool same(const struct cell *a, const struct cell *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    if (a->kind == CELL_TEXT) {
        return str_eq((struct str){a->ptr, a->len}, (struct str){b->ptr, b->len});
    }
    return a->kind == CELL_FLOAT ? !(a->dbl < b->dbl) && !(b->dbl < a->dbl) : a->num == b->num;
}

// convert_text is given valid UTF-8; other bytes are read as Latin-1.
static struct str make_utf8(struct str s, struct buf *out)
{
    if (fuzz_is_utf8(s)) {
        return s;
    }
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];
        if (c >= 0x80) {
            buf_add_char(out, (char)(0xc0 | (c >> 6)));
            c = 0x80 | (c & 0x3f);
        }
        buf_add_char(out, (char)c);
    }
    return buf_str(out);
}

static void check_value(enum column_type type, struct str raw, struct arena *scratch)
{
    struct cell cell;
    struct cell again;
    const char *reason = NULL;
    bool suspicious = str_find_char(raw, '\0') >= 0 || str_find(raw, STR("\xEF\xB7\x90")) >= 0;
    enum convert_result result = convert_text(type, raw, suspicious, scratch, &cell, &reason);
    if (result == CONVERT_NULL || result == CONVERT_REJECT) {
        assert(cell.kind == CELL_NULL);
        assert(result == CONVERT_NULL || (reason != NULL && reason[0] != '\0'));
        return;
    }
    assert(result == CONVERT_OK || (type == COL_TEXT && suspicious && reason != NULL));
    struct buf text;
    buf_init(&text, 64);
    struct str canonical = check_cell(type, &cell, &text);
    result = convert_text(type, canonical, false, scratch, &again, &reason);
    assert(result == CONVERT_OK && same(&cell, &again));
    buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    struct arena scratch;
    struct buf utf8;
    arena_init(&scratch, LIMIT_PAGE_ARENA);
    buf_init(&utf8, LIMIT_BODY_BYTES);
    struct str raw = make_utf8((struct str){(const char *)data + 1, size - 1}, &utf8);
    check_value((enum column_type)(data[0] % COL_TYPE_COUNT), raw, &scratch);
    buf_done(&utf8);
    arena_done(&scratch);
    return 0;
}
