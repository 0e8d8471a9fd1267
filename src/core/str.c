#include "core/str.h"

#include "core/random.h"

#include <math.h>

enum { DOUBLE_TEXT_MAX = 512 }; // longest text that str_to_double reads

struct str str_from(const char *cstr)
{
    return (struct str){cstr, cstr ? strlen(cstr) : 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool str_eq_nocase(struct str a, struct str b)
{
    if (a.len != b.len) {
        return false;
    }
    for (size_t i = 0; i < a.len; i++) {
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i])) {
            return false;
        }
    }
    return true;
}

int str_cmp(struct str a, struct str b)
{
    size_t n = MIN(a.len, b.len);
    int order = n == 0 ? 0 : memcmp(a.ptr, b.ptr, n);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq((struct str){s.ptr, prefix.len}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_sub(s, s.len - suffix.len, suffix.len), suffix);
}

ptrdiff_t str_find(struct str s, struct str needle)
{
    if (needle.len == 0) {
        return 0;
    }
    if (s.len < needle.len) {
        return -1;
    }
    const char *at = memmem(s.ptr, s.len, needle.ptr, needle.len);
    return at ? at - s.ptr : -1;
}

ptrdiff_t str_find_char(struct str s, char c)
{
    const char *at = s.len > 0 ? memchr(s.ptr, c, s.len) : NULL;
    return at ? at - s.ptr : -1;
}

struct str str_sub(struct str s, size_t from, size_t len)
{
    if (from >= s.len) {
        return (struct str){s.ptr ? s.ptr + s.len : NULL, 0};
    }
    return (struct str){s.ptr + from, MIN(len, s.len - from)};
}

static bool ascii_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    while (s.len > 0 && ascii_space(s.ptr[0])) {
        s.ptr++;
        s.len--;
    }
    while (s.len > 0 && ascii_space(s.ptr[s.len - 1])) {
        s.len--;
    }
    return s;
}

bool str_next(struct str *rest, char sep, struct str *ret_field)
{
    if (rest->len == 0) {
        return false;
    }
    ptrdiff_t at = str_find_char(*rest, sep);
    size_t len = at < 0 ? rest->len : (size_t)at;
    *ret_field = str_sub(*rest, 0, len);
    *rest = str_sub(*rest, len + (at < 0 ? 0 : 1), SIZE_MAX);
    return true;
}

bool str_to_uint64(struct str s, uint64_t *ret)
{
    if (s.len == 0) {
        return false;
    }
    uint64_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned)(unsigned char)s.ptr[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(n, (uint64_t)10, &n) ||
            __builtin_add_overflow(n, (uint64_t)digit, &n)) {
            return false;
        }
    }
    *ret = n;
    return true;
}

bool str_to_int64(struct str s, int64_t *ret)
{
    bool negative = s.len > 0 && s.ptr[0] == '-';
    uint64_t n;
    if (!str_to_uint64(str_sub(s, negative, SIZE_MAX), &n)) {
        return false;
    }
    if (n > (uint64_t)INT64_MAX + negative) {
        return false;
    }
    *ret = negative ? (int64_t)(0 - n) : (int64_t)n;
    return true;
}

bool str_to_double(struct str s, double *ret)
{
    if (s.len == 0 || s.len > DOUBLE_TEXT_MAX) {
        return false;
    }
    char text[DOUBLE_TEXT_MAX + 1];
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        // Keeps out what strtod takes beyond decimals: white space, hex, "inf", "nan".
        if (!(c >= '0' && c <= '9') && c != '-' && c != '+' && c != '.' && c != 'e' && c != 'E') {
            return false;
        }
        text[i] = c;
    }
    text[s.len] = '\0';
    char *end;
    double d = strtod(text, &end);
    if (end != text + s.len || !isfinite(d)) {
        return false;
    }
    *ret = d;
    return true;
}

uint64_t str_hash(struct str s)
{
    uint64_t h = 0xcbf29ce484222325U;
    for (size_t i = 0; i < s.len; i++) {
        h = (h ^ (unsigned char)s.ptr[i]) * 0x100000001b3U;
    }
    return random_mix(h);
}
