// Decisions about a run that need no I/O: full or incremental, when to try again. Pure.
#pragma once

#include "core/error.h"
#include "store/runs.h"

struct run_plan {
    enum run_mode mode;
    enum run_trigger trigger;
    bool full_refresh; // start the stream anew; false when the destination's state goes on with it
};
// `zone`: whose midnight counts. A protected stream is full only the first time.
struct run_plan plan_run(const struct run_claim *claim, struct str zone, int64_t now_ms);

enum { RUN_TRIES_MAX = 5 };
// What follows after this error: RETRYING with *ret_not_before_ms (30 s, 2, 8, 30 min with jitter),
// DELAYED (the limit's time), or FAILED. `attempt`: how often it has been retried before.
enum run_status plan_after(const struct error *err, int64_t attempt, int64_t delayed_until_ms,
                           int64_t now_ms, int64_t *ret_not_before_ms);
