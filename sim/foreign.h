// struct foreign: somebody else who calls the account with the same app: so many calls per period,
// spread evenly or all at once at the beginning of each period. Pure arithmetic over a monotonic
// clock; not thread-safe.
#pragma once

#include "core/error.h"
#include "core/str.h"

enum foreign_pattern { FOREIGN_STEADY, FOREIGN_BURSTS };

struct foreign {
    uint64_t calls; // per period; 0: nobody
    int64_t period_ms;
    enum foreign_pattern pattern;
    int64_t origin_ms; // when it began
    uint64_t done;     // calls so far
};

// "50%" of the window's limit, or "N/TIME"; "off". `limit` 0: there is no window to take a share
// of.
bool foreign_parse(struct str text, uint64_t limit, int64_t window_ms, struct foreign *ret,
                   struct error *err) MUST_CHECK;
// From now on.
void foreign_begin(struct foreign *f, int64_t now_ms);
// The time of the next call, if it is not later than now; then that call is done.
bool foreign_next(struct foreign *f, int64_t now_ms, int64_t *ret_ms) MUST_CHECK;
// All calls before that time are done; gives their number.
uint64_t foreign_skip(struct foreign *f, int64_t until_ms);
