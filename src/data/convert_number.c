#include "data/convert_number.h"

static const char NOT_A_NUMBER[] = "not a number";

// A number taken apart: (-1)^negative * whole.fraction * 10^exponent.
struct number {
    bool negative;
    struct str whole;
    struct str fraction;
    int exponent;
};

static inline bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline size_t digits_at(struct str s, size_t from)
{
    size_t n = from;
    while (n < s.len && is_digit(s.ptr[n])) {
        n++;
    }
    return n - from;
}

bool number_is_canonical(struct str s)
{
    size_t sign = s.len > 0 && s.ptr[0] == '-';
    size_t whole = digits_at(s, sign);
    size_t n = sign + whole;
    if (whole == 0 || s.len > NUMBER_DIGITS_MAX || (s.ptr[sign] == '0' && (whole > 1 || sign))) {
        return false; // "-0.5" is canonical too, but rare: it takes the long way
    }
    if (n == s.len) {
        return true;
    }
    size_t fraction = s.ptr[n] == '.' ? digits_at(s, n + 1) : 0;
    return fraction > 0 && n + 1 + fraction == s.len;
}

static struct str take_digits(struct str *s)
{
    size_t n = digits_at(*s, 0);
    struct str digits = str_sub(*s, 0, n);
    *s = str_sub(*s, n, SIZE_MAX);
    return digits;
}

static bool take_char(struct str *s, char c)
{
    if (s->len == 0 || s->ptr[0] != c) {
        return false;
    }
    *s = str_sub(*s, 1, SIZE_MAX);
    return true;
}

// "e+12" or nothing.
static bool take_exponent(struct str *s, int *ret, const char **ret_reason)
{
    *ret = 0;
    if (!take_char(s, 'e') && !take_char(s, 'E')) {
        return true;
    }
    bool negative = take_char(s, '-');
    if (!negative) {
        take_char(s, '+');
    }
    struct str digits = take_digits(s);
    uint64_t value;
    if (digits.len == 0) {
        *ret_reason = NOT_A_NUMBER;
        return false;
    }
    if (!str_to_uint64(digits, &value) || value > NUMBER_EXPONENT_MAX) {
        *ret_reason = "a number with an exponent beyond 400";
        return false;
    }
    *ret = negative ? -(int)value : (int)value;
    return true;
}

static bool parse(struct str s, struct number *ret, const char **ret_reason)
{
    struct number n = {0};
    n.negative = take_char(&s, '-');
    if (!n.negative) {
        take_char(&s, '+');
    }
    n.whole = take_digits(&s);
    if (take_char(&s, '.')) {
        n.fraction = take_digits(&s);
    }
    size_t digits = n.whole.len + n.fraction.len;
    if (digits == 0) {
        *ret_reason = NOT_A_NUMBER;
        return false;
    }
    if (!take_exponent(&s, &n.exponent, ret_reason)) {
        return false;
    }
    if (s.len > 0 || digits > NUMBER_DIGITS_MAX) {
        *ret_reason = s.len > 0 ? NOT_A_NUMBER : "a number of more than 16000 digits";
        return false;
    }
    *ret = n;
    return true;
}

// The digit at a decimal place counted from the first digit of `whole`; '0' outside of what is
// written.
static char digit(const struct number *n, ptrdiff_t place)
{
    if (place < 0) {
        return '0';
    }
    size_t at = (size_t)place;
    if (at < n->whole.len) {
        return n->whole.ptr[at];
    }
    at -= n->whole.len;
    return at < n->fraction.len ? n->fraction.ptr[at] : '0';
}

static bool is_zero(const struct number *n)
{
    for (size_t i = 0; i < n->whole.len + n->fraction.len; i++) {
        if (digit(n, (ptrdiff_t)i) != '0') {
            return false;
        }
    }
    return true;
}

bool number_canonical(struct str s, struct arena *arena, struct str *ret, const char **ret_reason)
{
    struct number n;
    if (!parse(s, &n, ret_reason)) {
        return false;
    }
    // Places of the point and of the last digit, counted like `digit` does.
    ptrdiff_t point = (ptrdiff_t)n.whole.len + n.exponent;
    ptrdiff_t end = MAX((ptrdiff_t)(n.whole.len + n.fraction.len), point);
    ptrdiff_t first = MIN(point, (ptrdiff_t)0);
    while (first < point - 1 && digit(&n, first) == '0') {
        first++;
    }
    char *text = arena_alloc(arena, (size_t)(end - first) + 3);
    size_t len = 0;
    if (n.negative && !is_zero(&n)) {
        text[len++] = '-';
    }
    if (first >= point) {
        text[len++] = '0';
    }
    for (ptrdiff_t place = first; place < end; place++) {
        if (place == point) {
            text[len++] = '.';
        }
        text[len++] = digit(&n, place);
    }
    *ret = (struct str){text, len};
    return true;
}

// Plain digits that cannot overflow, as nearly all integers are.
static bool short_int(struct str s, int64_t *ret)
{
    size_t sign = s.len > 0 && s.ptr[0] == '-';
    if (s.len - sign == 0 || s.len - sign > 18) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = sign; i < s.len; i++) {
        if (!is_digit(s.ptr[i])) {
            return false;
        }
        value = value * 10 + (s.ptr[i] - '0');
    }
    *ret = sign ? -value : value;
    return true;
}

bool number_to_int(struct str s, int64_t *ret, const char **ret_reason)
{
    if (short_int(s, ret)) {
        return true;
    }
    struct number n;
    if (!parse(s, &n, ret_reason)) {
        return false;
    }
    ptrdiff_t written = (ptrdiff_t)(n.whole.len + n.fraction.len);
    ptrdiff_t point = (ptrdiff_t)n.whole.len + n.exponent;
    for (ptrdiff_t place = MAX(point, (ptrdiff_t)0); place < written; place++) {
        if (digit(&n, place) != '0') {
            *ret_reason = "not a whole number";
            return false;
        }
    }
    uint64_t value = 0;
    for (ptrdiff_t place = 0; place < point; place++) {
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(digit(&n, place) - '0'), &value) ||
            value > (uint64_t)INT64_MAX + n.negative) {
            *ret_reason = "a whole number beyond 64 bits";
            return false;
        }
    }
    *ret = n.negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}
