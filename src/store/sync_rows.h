// The columns of syncs, streams and runs, and who reads them: so that one query may bring all
// three. Internal to the room.
#pragma once

#include "store/events.h"
#include "store/rows.h"
#include "store/runs.h"

// Of elt_sync s, with what other tables say of it.
#define SYNC_COLUMNS                                                                               \
    "s.id, s.account_id, s.connection_id, s.destination_id, s.schema_name, s.schema_key,"          \
    " s.sync_interval, s.settings, s.start_ms, s.enabled, s.started, s.next_due_ms, "              \
    "s.created_ms, s.updated_ms,"                                                                  \
    " COALESCE(c.integration_id, ''), COALESCE(d.integration_id, ''),"                             \
    " CASE WHEN c.state = 'needs_reauthorization' THEN 1 ELSE 0 END,"                              \
    " CASE WHEN EXISTS (SELECT 1 FROM elt_stream f WHERE f.sync_id = s.id AND"                     \
    " f.last_status = 'failed') THEN 1 ELSE 0 END"
#define SYNC_JOINS                                                                                 \
    " LEFT JOIN connection c ON c.name = s.connection_id"                                          \
    " LEFT JOIN destination d ON d.id = s.destination_id"
bool sync_read(struct row *row, void *item, struct error *err) MUST_CHECK; // struct elt_sync

// Of elt_stream t.
#define STREAM_COLUMNS                                                                             \
    "t.id, t.account_id, t.sync_id, t.name, t.incremental_pointer_id, t.full_sync_always,"         \
    " t.full_sync_at_midnight, t.protected_from_full_sync, t.enabled_history_table,"               \
    " t.excluded_columns, t.hashed_columns, t.excluded_substreams, t.full_refresh_ms,"             \
    " t.reset_history, t.last_completed_ms, t.last_full_ms,"                                       \
    " t.last_status, t.tables, t.created_ms, t.updated_ms"
bool stream_read(struct row *row, void *item, struct error *err) MUST_CHECK; // struct elt_stream

// Of stream_run, whose name in the query is `r`.
#define RUN_COLUMNS_OF(r)                                                                          \
    r ".id, " r ".account_id, " r ".sync_id, " r ".stream_id, " r ".connection_id, " r             \
      ".status, " r ".requested_ms, " r ".not_before_ms, " r ".started_ms, " r ".finished_ms, " r  \
      ".mode, " r ".full_trigger, " r ".by_user, " r ".resumable, " r ".reset_history, " r         \
      ".records, " r ".bytes, " r ".calls, " r ".rejects, " r ".estimated, " r                     \
      ".retry_attempt, " r ".error_code, " r ".error_message, " r ".details, " r ".cancel, " r     \
      ".worker, " r ".fence, " r ".updated_ms"
#define RUN_COLUMNS RUN_COLUMNS_OF("r")
bool run_read(struct row *row, void *item, struct error *err) MUST_CHECK; // struct stream_run_row

// The name in the tables, in lower case; and what a row says.
const char *run_status_stored(enum run_status s);
enum run_status run_read_status(struct row *row);
// Locks the streams for the rest of the transaction, oldest first. `where` says which of elt_stream
// t.
bool streams_lock(struct store *s, const char *where, const struct sql_value *args, size_t n,
                  struct error *err) MUST_CHECK;
// Ends what only waits, as FAILED ("cancelled"); writes its event. Its stream is locked. `why` is
// for people.
bool run_end_waiting(struct store *s, const struct stream_run_row *r, const char *why,
                     int64_t now_ms, struct error *err) MUST_CHECK;
// What happened to a run, with its figures.
bool run_tell(struct store *s, const char *kind, const struct stream_run_row *r,
              struct error *err) MUST_CHECK;
// Several at once, within a transaction; their order is kept.
bool events_add(struct store *s, const struct stored_event *events, size_t n,
                struct error *err) MUST_CHECK;
