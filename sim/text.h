// Writing numbers, dates and copies at a pointer, as fast as it goes: each returns the new end. The
// caller has made room (TEXT_*_MAX bytes). No NUL is written. Pure; any thread.
#pragma once

#include "core/str.h"

enum {
    TEXT_UINT_MAX = 20,
    TEXT_INT_MAX = 21,
    TEXT_DATE_MAX = 10,
    TEXT_ISO_MAX = 24,
    TEXT_PADDING = 64, // bytes that text_copy_padded may read and write past the end
};

static inline char *text_copy(char *to, struct str s)
{
    memcpy(to, s.ptr, s.len);
    return to + s.len;
}

// For sources that own TEXT_PADDING readable bytes more than n, mostly of fewer than 64: no call to
// memcpy.
static inline char *text_copy_padded(char *to, const char *from, size_t n)
{
    memcpy(to, from, 32);
    if (n > 32) {
        memcpy(to + 32, from + 32, 32);
        if (n > 64) {
            memcpy(to + 64, from + 64, n - 64);
        }
    }
    return to + n;
}

char *text_uint(char *to, uint64_t n);
char *text_int(char *to, int64_t n);
char *text_date(char *to, int64_t days); // "YYYY-MM-DD" for days since 1970-01-01, years 1 to 9999
char *text_iso(char *to, int64_t ms);    // "YYYY-MM-DDTHH:MM:SS.mmmZ"
