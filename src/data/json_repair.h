// Rewriting a body that a strict JSON parser refuses although its structure is sound. Used by
// json.cc, in the slow path only.
//
// Always: numbers beyond 64 bits and beyond a double become strings of the same text, so that no
// digit is lost. With `strings`: within strings, each byte that is not UTF-8, each raw control
// character, each lone surrogate escape and the backslash of each unknown escape becomes U+FDD0.
#pragma once

#include "core/str.h"

#ifdef __cplusplus
extern "C" {
#endif

struct json_mend {
    size_t len;     // bytes of the rewritten body
    size_t repairs; // places within strings
    size_t numbers; // numbers made strings
};
// Writes to `out` (room for what a call with NULL returned as `len`) or, with NULL, only counts.
struct json_mend json_mend(struct str body, bool strings, char *out);
// The length of the valid UTF-8 sequence at `s`, 1 to 4; 0 when there is none.
size_t utf8_length(struct str s);

#ifdef __cplusplus
}
#endif
