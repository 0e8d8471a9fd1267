// struct str: a borrowed slice of bytes, passed by value. Never owns, need not end in NUL, may hold
// NUL bytes. `ptr` may be NULL only when `len` is 0. Pure functions; any thread.
#pragma once

#include "core/base.h"

struct str {
    const char *ptr;
    size_t len;
};

// A slice of a string literal, usable in constant initialisers.
#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
// clang-format off
#define STR_INIT(literal) {"" literal, sizeof(literal) - 1}
// clang-format on
// For printf("%.*s", STR_ARG(s)).
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

// The slice of a NUL-terminated string; NULL gives the empty slice.
struct str str_from(const char *cstr);
bool str_eq(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); // ASCII only
int str_cmp(struct str a, struct str b);        // bytewise, like memcmp then length
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
// Index of the first occurrence, or -1.
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_char(struct str s, char c);
// The part from `from` (clamped), at most `len` bytes.
struct str str_sub(struct str s, size_t from, size_t len);
struct str str_trim(struct str s); // ASCII white space on both sides
// Cuts the next field up to `sep` off `*rest`; false when nothing is left. "a,,b" has three fields,
// "a," one, "" none.
bool str_next(struct str *rest, char sep, struct str *ret_field);
// Whole-slice decimal integers; false when empty, not a number or out of range.
bool str_to_int64(struct str s, int64_t *ret);
bool str_to_uint64(struct str s, uint64_t *ret);
bool str_to_double(struct str s, double *ret); // decimal text up to 512 bytes; finite
// 64-bit hash (FNV-1a with a final mix): for tables and sampling, not for secrets.
uint64_t str_hash(struct str s);
