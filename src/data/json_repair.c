#include "data/json_repair.h"

static const struct str MARK = STR_INIT("\xEF\xB7\x90"); // U+FDD0

// A cursor over the body and what has been written so far.
struct mender {
    struct str rest;
    char *out;
    struct json_mend done;
};

size_t utf8_length(struct str s)
{
    if (s.len == 0) {
        return 0;
    }
    const unsigned char *p = (const unsigned char *)s.ptr;
    if (p[0] < 0x80) {
        return 1;
    }
    size_t len = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4 || s.len < len) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    // Overlong forms, surrogates, and beyond U+10FFFF.
    bool bad = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0) ||
               (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90);
    return bad ? 0 : len;
}

static void emit(struct mender *m, struct str s)
{
    if (m->out) {
        memcpy(m->out + m->done.len, s.ptr, s.len);
    }
    m->done.len += s.len;
}

static void keep(struct mender *m, size_t n)
{
    emit(m, str_sub(m->rest, 0, n));
    m->rest = str_sub(m->rest, n, SIZE_MAX);
}

static void mark(struct mender *m, size_t n)
{
    emit(m, MARK);
    m->rest = str_sub(m->rest, n, SIZE_MAX);
    m->done.repairs++;
}

// The code unit of "\uXXXX" at the start of s; -1 when there is none.
static int unit_at(struct str s)
{
    if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u') {
        return -1;
    }
    int unit = 0;
    for (size_t i = 2; i < 6; i++) {
        char c = s.ptr[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static bool high_surrogate(int unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool low_surrogate(int unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

static void mend_escape(struct mender *m)
{
    int unit = unit_at(m->rest);
    if (high_surrogate(unit) && low_surrogate(unit_at(str_sub(m->rest, 6, SIZE_MAX)))) {
        keep(m, 12);
    } else if (high_surrogate(unit) || low_surrogate(unit)) {
        mark(m, 6);
    } else if (unit >= 0) {
        keep(m, 6);
    } else if (m->rest.len >= 2 && str_find_char(STR("\"\\/bfnrt"), m->rest.ptr[1]) >= 0) {
        keep(m, 2);
    } else {
        mark(m, 1);
    }
}

// Copies a string, from behind its opening quote to behind its closing one (or to the end of the
// body).
static void mend_string(struct mender *m)
{
    while (m->rest.len > 0) {
        unsigned char c = (unsigned char)m->rest.ptr[0];
        if (c == '"') {
            keep(m, 1);
            return;
        }
        if (c == '\\') {
            mend_escape(m);
            continue;
        }
        size_t len = c < 0x20 ? 0 : utf8_length(m->rest);
        if (len > 0) {
            keep(m, len);
        } else {
            mark(m, 1);
        }
    }
}

// Copies a string that is not to be mended.
static void skip_string(struct mender *m)
{
    size_t i = 0;
    while (i < m->rest.len && m->rest.ptr[i] != '"') {
        i += m->rest.ptr[i] == '\\' ? 2 : 1;
    }
    keep(m, MIN(i + 1, m->rest.len));
}

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static size_t count_digits(struct str s)
{
    size_t n = 0;
    while (n < s.len && digit(s.ptr[n])) {
        n++;
    }
    return n;
}

// Length of the number as RFC 8259 writes it at the start of s; 0 when there is none. *ret_integer:
// no fraction or exponent.
static size_t number_length(struct str s, bool *ret_integer)
{
    size_t n = s.len > 0 && s.ptr[0] == '-';
    size_t whole = count_digits(str_sub(s, n, SIZE_MAX));
    if (whole == 0 || (whole > 1 && s.ptr[n] == '0')) {
        return 0;
    }
    n += whole;
    *ret_integer = true;
    if (n < s.len && s.ptr[n] == '.') {
        size_t fraction = count_digits(str_sub(s, n + 1, SIZE_MAX));
        if (fraction == 0) {
            return 0;
        }
        n += 1 + fraction;
        *ret_integer = false;
    }
    if (n < s.len && (s.ptr[n] == 'e' || s.ptr[n] == 'E')) {
        size_t sign = n + 1 < s.len && (s.ptr[n + 1] == '+' || s.ptr[n + 1] == '-');
        size_t exponent = count_digits(str_sub(s, n + 1 + sign, SIZE_MAX));
        if (exponent == 0) {
            return 0;
        }
        n += 1 + sign + exponent;
        *ret_integer = false;
    }
    return n;
}

static bool number_fits(struct str s, bool integer)
{
    int64_t i;
    uint64_t u;
    double d;
    return integer ? str_to_int64(s, &i) || str_to_uint64(s, &u) : str_to_double(s, &d);
}

// Copies a number, or whatever else stands where one could start.
static void mend_number(struct mender *m)
{
    bool integer = false;
    size_t len = number_length(m->rest, &integer);
    if (len == 0) {
        keep(m, 1);
        return;
    }
    bool fits = number_fits(str_sub(m->rest, 0, len), integer);
    if (!fits) {
        emit(m, STR("\""));
        m->done.numbers++;
    }
    keep(m, len);
    if (!fits) {
        emit(m, STR("\""));
    }
}

struct json_mend json_mend(struct str body, bool strings, char *out)
{
    struct mender m = {.rest = body, .out = out};
    while (m.rest.len > 0) {
        char c = m.rest.ptr[0];
        if (c == '"') {
            keep(&m, 1);
            if (strings) {
                mend_string(&m);
            } else {
                skip_string(&m);
            }
        } else if (c == '-' || digit(c)) {
            mend_number(&m);
        } else {
            keep(&m, 1);
        }
    }
    return m.done;
}
