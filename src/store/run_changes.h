// Active runs whose row was written lately, for those who follow their progress.
//
// Errors and threads as in runs.h.
#pragma once

#include "store/runs.h"

struct run_change {
    struct str run_id, sync_id, stream_id, connection_id;
    enum run_status status;
    struct str details;
    int64_t records, bytes, calls, rejects, estimated, retry_attempt;
    int64_t updated_ms;
};
// Those of the account written at `since_ms` or later, in the order of their writing; at most
// `max`.
struct run_changes_query {
    struct str account_id;
    int64_t since_ms;
    size_t max;
};
bool run_changes(struct store *s, const struct run_changes_query *q, struct arena *arena,
                 struct run_change **ret, size_t *ret_n, struct error *err) MUST_CHECK;
