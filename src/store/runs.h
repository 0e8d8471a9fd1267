// Stream runs: one row a run, from its request to its end, with its retries; and the queue of what
// is to be run.
//
//   SCHEDULED -> RUNNING -> COMPLETED | FAILED
//                RUNNING -> RETRYING (fails, is tried again later) -> RUNNING
//                RUNNING -> DELAYED (a limit of HubSpot's is spent) -> RUNNING
//                RUNNING -> SCHEDULED (its worker stops or is lost) -> RUNNING
//
// A stream has at most one active run; the database sees to that. Runs are kept for RUN_KEEP_MS.
// Errors, threads and transactions as in syncs.h.
#pragma once

#include "store/streams.h"

enum run_status {
    RUN_SCHEDULED,
    RUN_RUNNING,
    RUN_RETRYING,
    RUN_DELAYED,
    RUN_COMPLETED,
    RUN_FAILED,
    RUN_STATUS_COUNT
};
const char *run_status_name(enum run_status s); // "SCHEDULED", ... (lower case in the table)
enum run_mode { RUN_MODE_NONE, RUN_FULL, RUN_INCREMENTAL, RUN_MODE_COUNT };
const char *run_mode_name(enum run_mode m); // "", "FULL", "INCREMENTAL"
enum run_trigger {
    TRIGGER_NONE,
    TRIGGER_INITIAL_SYNC,
    TRIGGER_ALWAYS_FULL,
    TRIGGER_MIDNIGHT,
    TRIGGER_USER,
    TRIGGER_SCHEMA_CHANGE,
    TRIGGER_LOOKBACK,
    TRIGGER_MIGRATION,
    TRIGGER_ERROR,
    TRIGGER_COUNT
};
const char *run_trigger_name(enum run_trigger t); // "NONE", "INITIAL_SYNC", ...

#define RUN_KEEP_MS (INT64_C(92) * 24 * 3600 * 1000)

struct stream_run_row {
    struct str id; // base64url of "<stream id>|<requested, ISO>"
    struct str account_id, sync_id, stream_id, connection_id;
    enum run_status status;
    int64_t requested_ms;
    int64_t not_before_ms;
    int64_t started_ms;  // 0: not yet
    int64_t finished_ms; // 0: not yet
    enum run_mode mode;
    enum run_trigger trigger;
    bool by_user;
    bool resumable;
    bool reset_history; // it wipes histories when its full pass begins
    int64_t records, bytes, calls, rejects, estimated;
    int64_t retry_attempt;
    struct str error_code, error_message, details;
    bool cancel;
    struct str worker;
    int64_t fence;
    int64_t updated_ms;
};

// The id of a run, and the time and stream in it. False when it is none.
struct str run_id_make(struct str stream_id, int64_t requested_ms, struct arena *arena);
bool run_id_parse(struct str id, struct arena *arena, struct str *ret_stream_id,
                  int64_t *ret_requested_ms);

// ---- asking for runs

struct run_wish {
    struct str account_id;
    struct str stream_id;
    int64_t not_before_ms; // 0: at once
    bool by_user;
};
// Asks for a run. *ret: the new one. *ret_made false: there is an active one already, which is in
// *ret; nothing is changed then. NOT_FOUND.
bool stream_run_request(struct store *s, const struct run_wish *wish, struct arena *arena,
                        struct stream_run_row *ret, bool *ret_made, struct error *err) MUST_CHECK;
// For a sync that is due: a run for each of its streams that has no active one. *ret_n: how many.
bool stream_run_request_all(struct store *s, const struct elt_sync *sync, size_t *ret_n,
                            struct error *err) MUST_CHECK;
// The same for several, in few statements.
bool stream_run_request_due(struct store *s, const struct elt_sync *syncs, size_t n, size_t *ret_n,
                            struct error *err) MUST_CHECK;
// For a connection that is authorized anew, in the transaction that writes it and before it does: a
// run for each stream of its enabled syncs that has no active one and whose last run failed for
// want of a good credential or of a scope. Runs that wait to be tried again for such a reason, or
// for a limit, may start now. *ret_n: how many new ones.
bool stream_run_request_granted(struct store *s, struct str connection_id, size_t *ret_n,
                                struct error *err) MUST_CHECK;
// Asks the run to end: one that only waits is FAILED at once ("cancelled"), a running one is told
// and ends at its next safe point. NOT_FOUND; CONFLICT when it has ended.
bool stream_run_cancel(struct store *s, struct str account_id, struct str id,
                       struct error *err) MUST_CHECK;
// The same for all active runs of a sync, of a stream or of a connection (those that are not
// empty). *ret_running: how many still run.
struct run_owner {
    struct str sync_id, stream_id, connection_id;
};
bool stream_run_cancel_all(struct store *s, const struct run_owner *of, size_t *ret_running,
                           struct error *err) MUST_CHECK;

// ---- looking

bool stream_run_find(struct store *s, struct str account_id, struct str id, struct arena *arena,
                     struct stream_run_row *ret, struct error *err) MUST_CHECK;
struct run_list_query {
    struct str account_id, stream_id;
    int64_t after_requested_ms; // the place behind which the list goes on; 0: from its beginning
    bool ascending;
    bool with_unstarted;
    size_t max; // one more is returned when there is more
};
bool stream_run_list(struct store *s, const struct run_list_query *q, struct arena *arena,
                     struct stream_run_row **ret, size_t *ret_n, struct error *err) MUST_CHECK;
// For the status of a sync: of each of its streams (oldest stream first) the active run and the
// last that ended; id empty where there is none.
struct stream_status_row {
    struct str stream_id, name;
    struct stream_run_row active, latest;
};
bool stream_run_status(struct store *s, struct str sync_id, struct arena *arena,
                       struct stream_status_row **ret, size_t *ret_n, struct error *err) MUST_CHECK;

// ---- working

// What a worker needs to know of a run it has taken.
struct run_claim {
    struct stream_run_row run;
    struct elt_stream stream;
    struct elt_sync sync;
    struct str lease; // its name: of the connection's HubSpot account
};
// Takes up to `max` runs that may start now for `worker`, earliest first but connections in turn:
// only those whose lease the worker gets (leases.h), whose connection is active, and that need no
// stream of the same sync that has an active run itself (`needs` says which: names of streams,
// terminated by NULL, or NULL). They are RUNNING with this worker and fence when it returns.
struct run_take {
    struct str worker;
    size_t max;
    const char *const *(*needs)(struct str stream);
};
bool stream_run_take(struct store *s, const struct run_take *take, struct arena *arena,
                     struct run_claim **ret, size_t *ret_n, struct error *err) MUST_CHECK;
// First start: mode, trigger and reset_history are decided; a mark for a full refresh is taken off
// the stream.
bool stream_run_begin(struct store *s, const struct stream_run_row *r,
                      struct error *err) MUST_CHECK;
// Progress of many runs in one transaction: records, bytes, calls, rejects, estimated, details,
// resumable. Only rows still under the worker and fence given are written. cancel[i]: somebody has
// asked run i to end, or it is no longer this worker's.
bool stream_run_progress(struct store *s, const struct stream_run_row *rows, size_t n, bool *cancel,
                         struct error *err) MUST_CHECK;
// The run ends or waits: status, not_before_ms, retry_attempt, error_*, details, figures. Writes
// the stream's last_* on COMPLETED and FAILED, and an event. CONFLICT when it is no longer the
// worker's under this fence: nothing is written then.
bool stream_run_end(struct store *s, const struct stream_run_row *r, struct error *err) MUST_CHECK;
// Runs that are RUNNING while the lease of their connection is not held under their fence any more
// become SCHEDULED, to be gone on with. *ret_n: how many.
bool stream_run_reclaim(struct store *s, size_t *ret_n, struct error *err) MUST_CHECK;
// For a clock that was set back: runs that would wait until after `latest_ms` before another try,
// and ones that were to start as soon as they were asked for but would not before `soon_ms`, may
// start now.
bool stream_run_bring_forward(struct store *s, int64_t latest_ms, int64_t soon_ms,
                              struct error *err) MUST_CHECK;
// What a process of this name left RUNNING (a restart on a store of its own).
bool stream_run_release(struct store *s, struct str worker, size_t *ret_n,
                        struct error *err) MUST_CHECK;
// Runs that ended RUN_KEEP_MS ago, and their events; a bounded number a call.
bool stream_run_forget_old(struct store *s, struct error *err) MUST_CHECK;

// ---- figures for metrics

struct run_figures {
    int64_t by_status[RUN_STATUS_COUNT]; // active ones, and those that ended and are kept
    int64_t due;                         // could start now
    int64_t oldest_due_ms;               // the earliest of them; 0: none
};
bool stream_run_figures(struct store *s, struct run_figures *ret, struct error *err) MUST_CHECK;
