// What the fuzz targets share: the entry point that libFuzzer calls, and cutting an input into
// fields.
#pragma once

#include "core/str.h"

int LLVMFuzzerTestOneInput(const uint8_t *data,
                           size_t size); // NOLINT(readability-identifier-naming)

// Takes the next field off *rest: up to the next byte 0xff, which UTF-8 never holds. Empty at the
// end.
static inline struct str fuzz_field(struct str *rest)
{
    struct str field = *rest;
    ptrdiff_t at = str_find_char(*rest, (char)0xff);
    if (at >= 0) {
        field.len = (size_t)at;
        *rest = str_sub(*rest, (size_t)at + 1, rest->len);
    } else {
        *rest = (struct str){NULL, 0};
    }
    return field;
}

// Whether `s` is valid UTF-8, decided here and not by the code under test.
static inline bool fuzz_is_utf8(struct str s)
{
    const uint8_t *p = (const uint8_t *)s.ptr;
    for (size_t i = 0; i < s.len;) {
        size_t more = p[i] < 0x80   ? 0
                      : p[i] < 0xc2 ? 4
                      : p[i] < 0xe0 ? 1
                      : p[i] < 0xf0 ? 2
                      : p[i] < 0xf5 ? 3
                                    : 4;
        if (more == 4 || s.len - i <= more) {
            return false;
        }
        for (size_t k = 1; k <= more; k++) {
            if ((p[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        bool overlong = (p[i] == 0xe0 && p[i + 1] < 0xa0) || (p[i] == 0xf0 && p[i + 1] < 0x90);
        bool outside = (p[i] == 0xed && p[i + 1] > 0x9f) || (p[i] == 0xf4 && p[i + 1] > 0x8f);
        if (overlong || outside) {
            return false;
        }
        i += more + 1;
    }
    return true;
}
