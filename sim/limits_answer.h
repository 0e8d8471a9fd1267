// What an answer says about limits: headers, and the bodies of 429s. Used by limits.c only.
#pragma once

#include "sim/limits.h"

enum limits_verdict {
    ADMITTED,
    OVER_GENERAL,
    OVER_ASSOCIATIONS,
    OVER_SEARCH,
    OVER_TOKEN,
    OVER_DAILY,
    OVER_ASSOCIATIONS_DAILY,
    LIMITS_VERDICTS
};

// How things stand for one call.
struct limits_view {
    enum limits_verdict verdict;
    bool oauth; // of an OAuth app, or treated like one
    uint64_t app_id;
    struct rate burst; // of the app
    uint64_t used;     // calls in its window
    uint64_t daily;
    uint64_t today;
    int64_t wait_ms; // until there is room again; 0: not to be said
    bool category_body;
};

void limits_add_headers(const struct limits_view *v, struct call *c);
void limits_answer_429(const struct limits_view *v, struct call *c);
