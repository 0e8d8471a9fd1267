// Whether a HubSpot call is sent again, and after how long: one decision, from a table by status
// and from the endpoint's class. Pure; any thread.
#pragma once

#include "core/error.h"
#include "hubspot/endpoints.h"

struct retry_case {
    int status; // 0: no answer, or an answer that could not be read
    enum error_code code;
    enum repeat_class repeat;
    int tries;              // so far, at least 1
    bool unknown_outcome;   // the request may have been carried out
    int64_t retry_after_ms; // 0: not said
};

// True: send it again after *ret_delay_ms (the budget may add its own wait, as after a 429).
// `jitter` in [0, 1).
bool retry_decide(const struct retry_case *facts, double jitter, int64_t *ret_delay_ms);
