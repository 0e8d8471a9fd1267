// Decimal text, exactly. Part of convert.c.
#pragma once

#include "core/arena.h"

enum {
    NUMBER_DIGITS_MAX =
        16000, // digits of one number: what PostgreSQL's numeric holds on either side
    NUMBER_EXPONENT_MAX = 400, // a double's exponents all lie within
};

// Whether s is canonical already: "-"? ("0" | [1-9][0-9]*) ("." [0-9]+)?, and not a negative zero.
bool number_is_canonical(struct str s);
// Makes s canonical, into `arena`; false with a reason (a literal) when it is no number.
bool number_canonical(struct str s, struct arena *arena, struct str *ret, const char **ret_reason);
// The number when it is whole and fits 64 bits.
bool number_to_int(struct str s, int64_t *ret, const char **ret_reason);
