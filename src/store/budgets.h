// What is known of each connection's HubSpot limits, as the worker that serves it last saw it.
//
// Errors, threads and transactions as in syncs.h.
#pragma once

#include "store/store.h"

struct budget_row {
    struct str connection_id;
    int64_t at_ms;
    // Calls in the rolling window; -1: not known.
    int64_t window_max, window_allowed, window_used, window_foreign;
    int64_t daily_max, daily_allowed, daily_used;
    int64_t day_ends_ms; // 0: not known
    int64_t waiting;     // streams that wait for a limit
    struct str waiting_for;
    int64_t waiting_until_ms;
    int64_t calls, retries, refused; // of the process that wrote it, since it opened the connection
};
// A connection that is no longer there has none: nothing is written of it.
bool budget_row_put(struct store *s, const struct budget_row *rows, size_t n,
                    struct error *err) MUST_CHECK;
// *ret_found false: nothing is known yet.
bool budget_row_find(struct store *s, struct str connection_id, struct arena *arena,
                     struct budget_row *ret, bool *ret_found, struct error *err) MUST_CHECK;
bool budget_row_list(struct store *s, struct arena *arena, struct budget_row **ret, size_t *ret_n,
                     struct error *err) MUST_CHECK;
