// The known name that is most like a mistyped one, to propose it. Pure; any thread.
//
//     struct nearest n = nearest_to(typed);
//     for each known name: nearest_offer(&n, name);
//     if (n.best.len > 0) ... "did you mean ...?"
#pragma once

#include "core/str.h"

enum { NEAREST_BYTES_MAX = 64 }; // longer names are never near

struct nearest {
    struct str typed;
    struct str best; // empty: none is near. As offered.
    size_t distance; // of `best`
};

struct nearest nearest_to(struct str typed);
// Near is what at most three changes, and at most half as many as its bytes, lead to; case does not
// matter.
void nearest_offer(struct nearest *n, struct str name);
