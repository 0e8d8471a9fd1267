#include "data/convert.h"

#include "core/timestamp.h"
#include "data/convert_number.h"
#include "data/json_repair.h"
#include "data/json_writer.h"

static const int64_t MS_PER_DAY = 86400000;

static const char TOO_LONG[] = "longer than the limit of 16 MiB for one value";
static const char NOT_A_DATE[] =
    "not a date: YYYY-MM-DD or milliseconds since 1970 at midnight UTC, years 0001 to 9999";
static const char NOT_MIDNIGHT[] = "not a date: the instant is not midnight UTC";
static const char NOT_A_TIMESTAMP[] =
    "not a timestamp: ISO 8601 or milliseconds since 1970, years 0001 to 9999";

// What one conversion has at hand.
struct conversion {
    struct arena *scratch;
    struct cell *out;
    const char **reason;
};

static enum convert_result set_null(struct conversion *c)
{
    *c->out = (struct cell){.kind = CELL_NULL};
    return CONVERT_NULL;
}

static enum convert_result reject(struct conversion *c, const char *reason)
{
    set_null(c);
    *c->reason = reason;
    return CONVERT_REJECT;
}

static enum convert_result set_text(struct conversion *c, struct str s)
{
    *c->out = (struct cell){.ptr = s.ptr, .len = (uint32_t)s.len, .kind = CELL_TEXT};
    return CONVERT_OK;
}

// ------------------------------------------------------------------------------------------------
// Invisible characters

struct range {
    uint32_t first;
    uint32_t last;
};
static const struct range INVISIBLE[] = {
    {0x00, 0x20},     {0x7f, 0xa0},     {0xad, 0xad},     {0x61c, 0x61c},
    {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200f}, {0x2028, 0x202f},
    {0x205f, 0x206f}, {0x3000, 0x3000}, {0xfeff, 0xfeff},
};

static bool invisible(uint32_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(INVISIBLE); i++) {
        if (code >= INVISIBLE[i].first && code <= INVISIBLE[i].last) {
            return true;
        }
    }
    return false;
}

// The first character of valid UTF-8 of up to three bytes (no invisible one has four).
static uint32_t decode(const unsigned char *p, size_t len)
{
    switch (len) {
    case 1:
        return p[0];
    case 2:
        return (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU);
    case 3:
        return (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
    default:
        return UINT32_MAX;
    }
}

static size_t leading_invisible(struct str s)
{
    size_t len = s.len == 0 ? 0 : utf8_length(s);
    return len > 0 && invisible(decode((const unsigned char *)s.ptr, len)) ? len : 0;
}

static size_t trailing_invisible(struct str s)
{
    size_t start = s.len;
    while (start > 0 && s.len - start < 4) {
        start--;
        if (((unsigned char)s.ptr[start] & 0xc0) != 0x80) {
            struct str last = str_sub(s, start, SIZE_MAX);
            return leading_invisible(last) == last.len ? last.len : 0;
        }
    }
    return 0;
}

static inline bool visible_ascii(char c)
{
    return c > ' ' && c < 0x7f;
}

static struct str trim(struct str s)
{
    size_t n;
    while ((n = leading_invisible(s)) > 0) {
        s = str_sub(s, n, SIZE_MAX);
    }
    while ((n = trailing_invisible(s)) > 0) {
        s = str_sub(s, 0, s.len - n);
    }
    return s;
}

// ------------------------------------------------------------------------------------------------
// Text

static const struct str REPAIR_MARK = STR_INIT("\xEF\xB7\x90"); // U+FDD0
static const struct str REPLACEMENT = STR_INIT("\xEF\xBF\xBD"); // U+FFFD

// Bytes of the bad character at the start of s; 0 when there is none.
static size_t bad_character(struct str s)
{
    return s.ptr[0] == '\0' ? 1 : str_starts(s, REPAIR_MARK) ? REPAIR_MARK.len : 0;
}

static bool is_clean(struct str s)
{
    return str_find_char(s, '\0') < 0 && str_find(s, REPAIR_MARK) < 0;
}

static enum convert_result to_text(struct str raw, struct conversion *c)
{
    if (is_clean(raw)) {
        return set_text(c, raw);
    }
    // A NUL grows by two bytes.
    size_t max = raw.len * REPLACEMENT.len;
    char *text = arena_alloc(c->scratch, max);
    size_t len = 0;
    while (raw.len > 0) {
        size_t bad = bad_character(raw);
        struct str piece = bad > 0 ? REPLACEMENT : str_sub(raw, 0, 1);
        memcpy(text + len, piece.ptr, piece.len);
        len += piece.len;
        raw = str_sub(raw, MAX(bad, (size_t)1), SIZE_MAX);
    }
    set_text(c, (struct str){text, len});
    *c->reason = "held NUL or bytes that are not UTF-8; they became U+FFFD";
    return CONVERT_REPAIRED;
}

// ------------------------------------------------------------------------------------------------
// Booleans and numbers

// "true" and "false" as HubSpot writes them, told apart without a branch that depends on the value.
static inline bool plain_bool(struct str s, bool *ret)
{
    if (s.len != 4 && s.len != 5) {
        return false;
    }
    bool is_true = (s.len == 4) & (memcmp(s.ptr, "true", 4) == 0);
    bool is_false = (s.len == 5) & (memcmp(s.ptr, "fals", 4) == 0) & (s.ptr[s.len - 1] == 'e');
    *ret = is_true;
    return is_true | is_false;
}

static enum convert_result to_bool(struct str raw, struct conversion *c)
{
    bool plain;
    if (plain_bool(raw, &plain)) {
        *c->out = (struct cell){.num = plain, .kind = CELL_BOOL};
        return CONVERT_OK;
    }
    static const struct {
        struct str word;
        bool is;
    } WORDS[] = {{STR_INIT("true"), true}, {STR_INIT("false"), false}, {STR_INIT("yes"), true},
                 {STR_INIT("no"), false},  {STR_INIT("1"), true},      {STR_INIT("0"), false}};
    for (size_t i = 0; i < ARRAY_LEN(WORDS); i++) {
        if (str_eq_nocase(raw, WORDS[i].word)) {
            *c->out = (struct cell){.num = WORDS[i].is, .kind = CELL_BOOL};
            return CONVERT_OK;
        }
    }
    return reject(c, "neither true nor false");
}

static enum convert_result to_int(struct str raw, struct conversion *c)
{
    int64_t number;
    const char *reason;
    if (!number_to_int(raw, &number, &reason)) {
        return reject(c, reason);
    }
    *c->out = (struct cell){.num = number, .kind = CELL_INT};
    return CONVERT_OK;
}

static enum convert_result to_decimal(struct str raw, struct conversion *c)
{
    struct str text;
    const char *reason;
    if (!number_canonical(raw, c->scratch, &text, &reason)) {
        return reject(c, reason);
    }
    return set_text(c, text);
}

static enum convert_result to_float(struct str raw, struct conversion *c)
{
    double number;
    if (!str_to_double(raw, &number)) {
        return reject(c, "not a number that a double holds");
    }
    *c->out = (struct cell){.dbl = number, .kind = CELL_FLOAT};
    return CONVERT_OK;
}

// ------------------------------------------------------------------------------------------------
// Dates and timestamps

// Eight characters against a pattern in which '0' stands for any digit and all else for itself. On
// success *ret_digits holds the digits' values, byte by byte, and zeros between them.
static inline bool match8(const char *text, const char *pattern, unsigned char ret_digits[8])
{
    const uint64_t HIGH = 0x8080808080808080U;
    uint64_t x;
    uint64_t p;
    memcpy(&x, text, 8);
    memcpy(&p, pattern, 8);
    x ^= p;
    // Added to a byte, `limit` carries into the high bit above 9 for a digit and above 0 for all
    // else.
    uint64_t limit = 0;
    for (int i = 0; i < 8; i++) {
        limit |= (uint64_t)(pattern[i] == '0' ? 0x7f - 9 : 0x7f) << (8 * i);
    }
    if ((((x & ~HIGH) + limit) | x) & HIGH) {
        return false;
    }
    memcpy(ret_digits, &x, 8);
    return true;
}

// A real day: `d` holds the digits of "YYYY-MM-DD" at their places.
static inline bool real_day(const unsigned char *d)
{
    static const unsigned char LENGTH[] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3];
    int month = d[5] * 10 + d[6];
    int day = d[8] * 10 + d[9];
    if (year < 1 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    if (day <= 28) {
        return true;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return day <= LENGTH[month] + (month == 2 && leap);
}

// "YYYY-MM-DD" of a real day, in two overlapping halves.
static bool canonical_date(struct str s)
{
    unsigned char d[10];
    return s.len == 10 && match8(s.ptr, "0000-00-", d) && match8(s.ptr + 2, "00-00-00", d + 2) &&
           real_day(d);
}

// "YYYY-MM-DDTHH:MM:SS.mmmZ" of a real instant.
static bool canonical_timestamp(struct str s)
{
    unsigned char d[24];
    if (s.len != 24 || !match8(s.ptr, "0000-00-", d) || !match8(s.ptr + 8, "00T00:00", d + 8) ||
        !match8(s.ptr + 16, ":00.000Z", d + 16)) {
        return false;
    }
    return real_day(d) && d[11] * 10 + d[12] < 24 && d[14] < 6 && d[17] < 6;
}

static enum convert_result to_timestamp(struct str raw, struct conversion *c)
{
    int64_t ms;
    const char *reason;
    char text[TIMESTAMP_TEXT_MAX];
    if ((!timestamp_parse(raw, &ms) && !number_to_int(raw, &ms, &reason)) ||
        !timestamp_format(ms, text)) {
        return reject(c, NOT_A_TIMESTAMP);
    }
    return set_text(c, arena_dup(c->scratch, str_from(text)));
}

static enum convert_result to_date(struct str raw, struct conversion *c)
{
    int64_t ms;
    const char *reason;
    char text[TIMESTAMP_TEXT_MAX];
    if (!timestamp_parse(raw, &ms) && !number_to_int(raw, &ms, &reason)) {
        return reject(c, NOT_A_DATE);
    }
    if (ms % MS_PER_DAY != 0) {
        return reject(c, NOT_MIDNIGHT);
    }
    if (!date_format(ms / MS_PER_DAY, text)) {
        return reject(c, NOT_A_DATE);
    }
    return set_text(c, arena_dup(c->scratch, str_from(text)));
}

// ------------------------------------------------------------------------------------------------
// All types

// Whether the text is what the cell holds, as nearly all dates and decimals are.
static inline bool is_canonical(enum column_type type, struct str raw)
{
    return (type == COL_TIMESTAMP && canonical_timestamp(raw)) ||
           (type == COL_DECIMAL && number_is_canonical(raw)) ||
           (type == COL_DATE && canonical_date(raw));
}

enum convert_result convert_text_checked(enum column_type type, struct str raw,
                                         struct arena *scratch, struct cell *out,
                                         const char **ret_reason)
{
    struct conversion c = {scratch, out, ret_reason};
    if (is_canonical(type, raw)) {
        return set_text(&c, raw);
    }
    assert((unsigned)type < COL_TYPE_COUNT);
    typedef enum convert_result convert_fn(struct str raw, struct conversion * c);
    static convert_fn *const CONVERT[COL_TYPE_COUNT] = {
        [COL_TEXT] = to_text,           [COL_INT] = to_int,   [COL_DECIMAL] = to_decimal,
        [COL_FLOAT] = to_float,         [COL_BOOL] = to_bool, [COL_DATE] = to_date,
        [COL_TIMESTAMP] = to_timestamp,
    };
    if (raw.len > LIMIT_VALUE_BYTES) {
        return reject(&c, TOO_LONG);
    }
    // Visible ASCII at both ends needs no trimming.
    if (type != COL_TEXT && !(visible_ascii(raw.ptr[0]) && visible_ascii(raw.ptr[raw.len - 1]))) {
        raw = trim(raw);
    }
    return raw.len == 0 ? set_null(&c) : CONVERT[type](raw, &c);
}

// ------------------------------------------------------------------------------------------------
// JSON values

static enum convert_result container_to_text(struct json value, struct conversion *c)
{
    struct buf text;
    buf_init(&text, LIMIT_VALUE_BYTES);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_put(&w, value);
    enum convert_result result =
        text.overflow ? reject(c, TOO_LONG) : set_text(c, arena_dup(c->scratch, buf_str(&text)));
    buf_done(&text);
    return result;
}

// The text of a number, as short as reads back the same.
static struct str number_text(struct json value, struct arena *scratch)
{
    struct buf text;
    buf_init(&text, 64);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_put(&w, value);
    assert(!text.overflow);
    struct str copy = arena_dup(scratch, buf_str(&text));
    buf_done(&text);
    return copy;
}

static enum convert_result number_to_cell(enum column_type type, struct json value,
                                          struct conversion *c)
{
    int64_t number;
    if (type == COL_INT && json_int(value, &number)) {
        *c->out = (struct cell){.num = number, .kind = CELL_INT};
        return CONVERT_OK;
    }
    double real;
    if (type == COL_FLOAT && json_double(value, &real)) {
        *c->out = (struct cell){.dbl = real, .kind = CELL_FLOAT};
        return CONVERT_OK;
    }
    return convert_text(type, number_text(value, c->scratch), false, c->scratch, c->out, c->reason);
}

static enum convert_result bool_to_cell(enum column_type type, bool value, struct conversion *c)
{
    if (type == COL_BOOL) {
        *c->out = (struct cell){.num = value, .kind = CELL_BOOL};
        return CONVERT_OK;
    }
    return type == COL_TEXT ? set_text(c, value ? STR("true") : STR("false"))
                            : reject(c, "a boolean, not a value of the column's type");
}

enum convert_result convert_json(enum column_type type, struct json value, bool suspicious,
                                 struct arena *scratch, struct cell *out, const char **ret_reason)
{
    struct conversion c = {scratch, out, ret_reason};
    struct str text;
    if (json_string(value, &text)) {
        return convert_text(type, text, suspicious, scratch, out, ret_reason);
    }
    bool boolean;
    if (json_is_null(value)) {
        return set_null(&c);
    }
    if (json_bool(value, &boolean)) {
        return bool_to_cell(type, boolean, &c);
    }
    enum json_type kind = json_type(value);
    if (kind != JSON_ARRAY && kind != JSON_OBJECT) {
        return number_to_cell(type, value, &c);
    }
    return type == COL_TEXT ? container_to_text(value, &c)
                            : reject(&c, "an array or object, not a single value");
}
