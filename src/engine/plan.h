// Decisions about a run that need no I/O: full or incremental, when to try again. Pure.
#pragma once

#include "core/error.h"
#include "store/runs.h"

struct run_plan {
    enum run_mode mode;
    enum run_trigger trigger;
    bool full_refresh;  // start the stream anew; false when the destination's state goes on with it
    bool reset_history; // wipe the histories when the full pass begins
};
// `zone`: whose midnight counts (IANA name; empty or unknown: UTC). A run that has begun before
// keeps its mode. The first run of a stream is FULL and goes on with what an earlier one that
// failed has left in the destination, if it has; a protected stream is full only this once.
struct run_plan plan_run(const struct run_claim *claim, struct str zone, int64_t now_ms);

enum { RUN_TRIES_MAX = 5 };
#define RUN_DELAY_MAX_MS (INT64_C(48) * 3600 * 1000)

// What follows after this error: RETRYING with *ret_not_before_ms (30 s, 2, 8, 30 min with jitter,
// or what the error asks for), DELAYED (the limit's time), or FAILED (0). `attempt`: how often it
// has been retried before. `delayed_until_ms`: when the limit has passed; 0: not known. Nothing
// waits longer than RUN_DELAY_MAX_MS.
enum run_status plan_after(const struct error *err, int64_t attempt, int64_t delayed_until_ms,
                           int64_t now_ms, int64_t *ret_not_before_ms);
