// What happened, in order: to runs, connections and syncs. Read by people (a run's events) and
// followed by the API's event stream. Kept as long as the runs.
//
// Kinds: run.scheduled run.started run.progress run.retrying run.delayed run.completed run.failed
// connection.created connection.reauthorized connection.needs_reauthorization connection.deleted
// sync.created sync.enabled sync.disabled sync.deleted. `run.progress` is written at steps, not at
// every page.
// Errors, threads and transactions as in syncs.h. A row is seen by followers in the order of its
// id, also when several processes write.
#pragma once

#include "store/store.h"

enum { EVENT_DATA_MAX = 4096, EVENTS_PER_RUN_MAX = 1000 };

struct stored_event {
    int64_t id; // grows
    struct str account_id;
    int64_t at_ms;
    struct str kind;
    struct str connection_id, sync_id, stream_id, run_id; // empty: none
    struct str data;                                      // a JSON object
};
// Fills id and at_ms.
bool event_add(struct store *s, struct stored_event *e, struct error *err) MUST_CHECK;
struct event_query {
    struct str account_id; // empty: of all
    struct str run_id;     // empty: of all
    int64_t after_id;
    size_t max;
};
// Oldest first.
bool event_list(struct store *s, const struct event_query *q, struct arena *arena,
                struct stored_event **ret, size_t *ret_n, struct error *err) MUST_CHECK;
// The kind of the newest event since `since_ms` of the connection itself ("connection..."); empty:
// there is none.
bool event_last_of_connection(struct store *s, struct str connection_id, int64_t since_ms,
                              struct arena *arena, struct str *ret, struct error *err) MUST_CHECK;
// The id of the newest; 0: there is none.
bool event_last(struct store *s, int64_t *ret, struct error *err) MUST_CHECK;
