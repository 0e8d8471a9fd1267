// Whether a HubSpot call is sent again, and after how long: one decision, from a table by status
// and from the endpoint's class. Pure; any thread.
#pragma once

#include "core/error.h"
#include "hubspot/endpoints.h"

struct retry_case {
    int status;           // 0: no answer, or an answer that could not be read
    enum error_code code; // of the failure
    enum repeat_class repeat;
    int tries;              // so far, at least 1
    bool sent;              // false: certainly not a byte of the request left this machine
    int64_t retry_after_ms; // 0: not said
};

enum retry_verdict {
    RETRY_AGAIN,   // send it again after the delay
    RETRY_NO,      // it would fail again
    RETRY_SPENT,   // it might succeed, but the tries are used up
    RETRY_LATER,   // HubSpot names a time that is too far to sit and wait for
    RETRY_UNKNOWN, // it may have been carried out, and doing it twice would do harm
};

struct retry_decision {
    enum retry_verdict verdict;
    int64_t delay_ms; // with RETRY_AGAIN; the budget may add its own wait, as after a 429
    bool unknown;     // a write that this try may have carried out
};
// `jitter` in [0, 1).
struct retry_decision retry_decide(const struct retry_case *facts, double jitter);
// The value of a Retry-After header: seconds or an HTTP date. Milliseconds from `now_ms` on, at
// least 0 and at most a day, so that no header holds an account for ever; -1 when it is absent or
// neither.
int64_t retry_after_ms(struct str header, int64_t now_ms);
