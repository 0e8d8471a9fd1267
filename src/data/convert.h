// One value of the source, as text or JSON, to a cell of its column's type.
//
// HubSpot sends every property as a string and does not hold itself to the type it declares, so
// each value is checked here once; what a destination gets always fits its column.
//
// Rules, the same for every type unless said otherwise:
//   - "" is NULL: it is how HubSpot clears a value. Types other than text ignore invisible
//   characters
//     around the value (white space, NBSP, zero-width, byte order mark, direction marks); a value
//     made of nothing else is NULL.
//   text       as it is. NUL and U+FDD0 (the mark of json_parse_repair) become U+FFFD:
//   CONVERT_REPAIRED. int        64 bits. Also "+7", "007", "12.0", "1.2e1". A fraction or more
//   bits are refused. decimal    every digit is kept, trailing zeros too. Made canonical: no "+",
//   no leading zeros, a digit
//              on both sides of the point, no "-0", exponents written out (up to 400 digits).
//              Up to 16,000 digits. "1,234" and "1;2" are refused.
//   float      as decimal, to the nearest double.
//   bool       true/false, yes/no, 1/0 in any case.
//   date       YYYY-MM-DD; an ISO timestamp or ms since the epoch only when it is midnight UTC,
//   since any
//              other instant is a different day somewhere.
//   timestamp  ISO 8601 with or without seconds, fraction (cut to ms), offset (none: UTC), or a
//   date
//              alone; ms since the epoch, negative too. Written in UTC with ms.
//   Years 0001 to 9999. A value over LIMIT_VALUE_BYTES is refused.
//
// A value that is already canonical is not copied: the cell points into `raw`. Pure; any thread.
#pragma once

#include "core/limits.h"
#include "data/batch.h"

enum convert_result {
    CONVERT_OK,
    CONVERT_NULL,     // *out is NULL
    CONVERT_REJECT,   // *out is NULL; *ret_reason says why; the raw value must be set aside
    CONVERT_REPAIRED, // *out is set, but characters were replaced; *ret_reason says which
};

// The types other than text, and text of suspicious pages; use convert_text.
enum convert_result convert_text_checked(enum column_type type, struct str raw,
                                         struct arena *scratch, struct cell *out,
                                         const char **ret_reason);

// `raw` is valid UTF-8 and must live as long as *out. What had to be rewritten goes to `scratch`.
// `suspicious`: the page holds repaired bytes or NUL; only then are texts searched for them. With
// false, the caller says that there are none. *ret_reason (a literal) is set for REJECT and
// REPAIRED only.
static inline enum convert_result convert_text(enum column_type type, struct str raw,
                                               bool suspicious, struct arena *scratch,
                                               struct cell *out, const char **ret_reason)
{
    if (raw.len == 0) {
        *out = (struct cell){.kind = CELL_NULL};
        return CONVERT_NULL;
    }
    if (type == COL_TEXT && !suspicious && raw.len <= LIMIT_VALUE_BYTES) {
        *out = (struct cell){.ptr = raw.ptr, .len = (uint32_t)raw.len, .kind = CELL_TEXT};
        return CONVERT_OK;
    }
    return convert_text_checked(type, raw, scratch, out, ret_reason);
}

// Values that are not strings: null is NULL; numbers and booleans convert as their text would; an
// array or object is its own JSON text in a text column and refused elsewhere.
enum convert_result convert_json(enum column_type type, struct json value, bool suspicious,
                                 struct arena *scratch, struct cell *out, const char **ret_reason);
