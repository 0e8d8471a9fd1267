// Whether a destination works: connects, makes a schema, writes a row, and leaves nothing behind.
//
// Blocks for as long as the database takes, DESTINATION_TEST_MS a statement at most. Threads: any.
#pragma once

#include "core/arena.h"
#include "core/clock.h"
#include "core/error.h"

enum { DESTINATION_TEST_MS = 20 * 1000 };

enum destination_step { DESTINATION_CONNECTS, DESTINATION_MAKES, DESTINATION_WRITES };
enum { DESTINATION_STEPS = 3 };

struct destination_verdict {
    size_t passed;      // steps, in their order
    struct error error; // of the first that did not
};
// Errors are the verdict's. CONFIG when the URL names no destination.
void destination_try(struct str url, const struct clock *clock, struct arena *arena,
                     struct destination_verdict *ret);
