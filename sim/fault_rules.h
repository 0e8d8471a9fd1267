// Reading fault rules from JSON. Used by faults.c only.
#pragma once

#include "sim/faults.h"
#include "sim/limits.h"

enum fault_action {
    FAULT_STATUS,
    FAULT_HTML,
    FAULT_FORBID,
    FAULT_DROP,
    FAULT_CUT,
    FAULT_STALL,
    FAULT_DELAY,
    FAULT_TRUNCATE,
    FAULT_WRONG_LENGTH,
    FAULT_BAD_UTF8,
    FAULT_NUL,
    FAULT_CONTROL,
    FAULT_SHORT_PAGE,
    FAULT_EMPTY_PAGE,
    FAULT_DROP_ROWS,
    FAULT_REPEAT_ROWS,
    FAULT_CLOUDFLARE,
    FAULT_RATE_LIMIT,
    FAULT_REDIRECT,
    FAULT_SHORT_LENGTH,
    FAULT_TRICKLE,
    FAULT_BAD_JSON,
    FAULT_HUGE_BODY,
    FAULT_HEADERS,
    FAULT_ACTIONS
};

struct fault_rule {
    // which requests
    struct str endpoint; // "objects.list" or a prefix like "objects."; empty: any
    struct str path;     // part of path and query; empty: any
    struct str method;   // empty: any
    int object;          // enum object_type; -1: any
    // which of those
    int64_t after; // skip the first so many
    int64_t nth;   // only this one, counted from 1 behind `after`; 0: all
    int64_t every; // each so-many-th; 0: all
    double rate;   // by chance; 0: always
    uint64_t seed;
    int64_t times; // at most so often; 0: without end
    // what happens
    enum fault_action action;
    int64_t status;
    struct str category;
    struct str message;
    struct str body;
    struct str property;
    struct str policy; // of a 429
    struct str url;    // where to redirect to
    int64_t code;      // of Cloudflare
    int64_t ms;
    int64_t bytes;
    int64_t count;
    int64_t retry_after_s;
    // so far
    int64_t matched;
    int64_t fired;
};

enum { FAULT_HUGE_MAX = 128 * 1024 * 1024, FAULT_HEADERS_MAX = 100 * 1024 };

// The policy of that name; false: there is none.
bool fault_policy(struct str name, enum limits_policy *ret) MUST_CHECK;

// Reads one rule; texts are copied into the arena. The error names the field.
bool fault_rule_parse(struct json v, struct arena *arena, struct fault_rule *ret,
                      struct error *err) MUST_CHECK;
// Writes the rule with all that was said of it, and how often it matched and fired.
void fault_rule_write(const struct fault_rule *r, struct json_writer *w);
