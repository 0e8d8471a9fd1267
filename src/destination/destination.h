// What every destination offers, and the list of them.
//
// A `struct destination` is one database and schema, opened once for a run; a `struct session` is
// one thread's connection to it. Rows and the stream's state commit in one transaction (P2), so a
// crash at any instant leaves the tables and the state agreeing.
//
// Threads: destination_open/close in one thread; each session belongs to the thread that opened it.
// Where a database admits one writer (SQLite), sessions of a destination take turns: session_begin
// waits for its turn, fairly. Errors: DESTINATION_* codes; the message carries the database's own
// text, never a password.
//
// Two runs of one stream: in PostgreSQL a session holds an advisory lock for its schema and stream,
// so the second is refused with DESTINATION_BUSY, which names the holder, after 10 s. The server is
// asked to notice within seconds that a client was killed, and to end a transaction left alone for
// 30 minutes; a frozen client can be ended with the statement in the message. A pooler between must
// keep sessions apart (PgBouncer: pool_mode session). In SQLite the version of the state decides.
//
// Where the preset of metadata columns has no deleted mark, rows to be marked are removed.
#pragma once

#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/log.h"
#include "data/batch.h"

struct destination;
struct session;

struct destination_options {
    struct str url;    // "sqlite:FILE", "sqlite:DIR/", "postgres://...", "postgresql://..."
    struct str schema; // any text of 1 to 63 bytes without NUL; always quoted, never trusted
    struct metadata_columns metadata;
    const struct clock *clock;
    const struct cancel *cancel; // waits for locks end when it is set
    int cache_kib;               // of each session, where the database is in this process; 0: 2 MiB
};

// The names of the metadata columns of a preset: "sluice", "weld" (has no deleted mark) or
// "fivetran". False for another.
bool destination_metadata(struct str preset, struct metadata_columns *ret) MUST_CHECK;

// Connects, creates schema and system tables. `ret` stays valid until destination_close.
bool destination_open(const struct destination_options *options, struct destination **ret,
                      struct error *err) MUST_CHECK;
void destination_close(struct destination *dest); // takes NULL; sessions must be closed
// True when `url` names a destination we have; else err says which forms there are.
bool destination_url_check(struct str url, struct error *err) MUST_CHECK;
// What a person may read: the URL with any password masked. Into `arena`.
struct str destination_describe(const struct destination_options *options, struct arena *arena);

// Removes what streams have made (the options need no metadata columns), in one transaction: of the
// named tables (with their histories) and views those that are there, the streams' states, and
// their rows in the system tables. Of a table that other streams write to as well, the streams'
// parts are named instead: their rows go, and the table when no row is left, unless somebody
// `keeps` it. What nobody names stays. DESTINATION_BUSY while one of the streams is being loaded
// (where the database shows it, see above; elsewhere that load fails at its next commit);
// DESTINATION when something that is not ours depends on a table. A destination that is not there
// is nothing to remove.
struct destination_part { // the rows of a stream in a table that others write to, too
    struct str table;
    struct str column, value; // of type text, by which they are known
    bool keeps;               // destination_drop: the table stays, also when it is empty
};
struct destination_removal {
    const struct str *streams;
    size_t n_streams;
    const struct str *tables; // and views
    size_t n_tables;
    const struct destination_part *parts;
    size_t n_parts;
};
bool destination_drop(const struct destination_options *options,
                      const struct destination_removal *removal, struct error *err) MUST_CHECK;

// An empty `stream` takes no lock and has no state: for reading, or for what is no stream.
bool session_open(struct destination *dest, struct str stream, struct session **ret,
                  struct error *err) MUST_CHECK;
// Which of several runs of a stream is the present one, where they follow each other without the
// former always knowing that it is over (its process was frozen or cut off). Of one `owner` the
// greater number is the later.
enum { FENCE_OWNER_MAX = 20 };
struct session_fence {
    struct str owner; // letters, digits, '-', '_', at most FENCE_OWNER_MAX; who counts the numbers
    int64_t number;   // from 1
};
// What a session is opened for, where several runs share a destination.
struct session_run {
    const struct session_fence *fence; // NULL: none. In PostgreSQL a session of an earlier run of
                                       // the same owner that still holds the stream is ended
    const struct cancel *cancel;       // ends this session's waits; NULL: the destination's does
    const struct log *log;             // is told of sessions that were ended; may be NULL
};
// session_open for a run. What `cancel` points to must outlive the session.
bool session_open_run(struct destination *dest, struct str stream, const struct session_run *run,
                      struct session **ret, struct error *err) MUST_CHECK;
void session_close(struct session *s); // takes NULL; rolls back what is open

// The stream's state as committed last, into `arena`; ret->ptr NULL when there is none. Remembers
// its version: a later session_commit fails with DESTINATION_BUSY when another program has
// committed this stream's state since.
bool session_read_state(struct session *s, struct arena *arena, struct str *ret,
                        struct error *err) MUST_CHECK;
// The same, and takes the stream: from here on every commit of any other session of this stream
// that read the state before fails with DESTINATION_BUSY, and so do all commits of this one after
// another session has taken it. Own transaction.
bool session_claim_state(struct session *s, struct arena *arena, struct str *ret,
                         struct error *err) MUST_CHECK;

// Makes the table exist with at least these columns and the metadata columns; adds what is missing,
// drops and retypes nothing. A column that is there with another type is an error (the source gives
// a retyped property a new column); SQLite's types tell less apart: text, date and timestamp are
// one, int and bool, too. *ret_empty: the table has no row. Own transaction. Tables whose name
// starts with "_sluice_" have no metadata columns.
bool session_apply_schema(struct session *s, const struct table *table, bool *ret_empty,
                          struct error *err) MUST_CHECK;
// Takes columns out of a table and its history, with what they hold, as far as they are there; keys
// cannot be. Where somebody's view keeps a column, its values are set to NULL. Own transactions.
bool session_drop_columns(struct session *s, struct str table, const struct str *columns, size_t n,
                          struct error *err) MUST_CHECK;
// Removes tables, with their histories, and views as far as they are there. Own transaction.
bool session_drop_tables(struct session *s, const struct str *names, size_t n,
                         struct error *err) MUST_CHECK;
// The same for the stream's rows in a table that others write to: as long as it has rows of others,
// values become NULL and the columns stay. Own transaction.
bool session_hide_part(struct session *s, const struct destination_part *part,
                       const struct str *columns, size_t n, struct error *err) MUST_CHECK;
// Removes those rows, as far as they are there, and their versions. Own transaction.
bool session_drop_part(struct session *s, const struct destination_part *part,
                       struct error *err) MUST_CHECK;
// What the stream has set aside so far of these columns, and whole records, loses its value; the
// rows stay and say what happened. Own transaction.
bool session_forget_rejects(struct session *s, const struct str *columns, size_t n,
                            struct error *err) MUST_CHECK;
// Makes (or remakes, when it differs) a view `name` over all of `tables` that exist: UNION ALL of
// `columns`.
bool session_apply_view(struct session *s, struct str name, const struct str *tables,
                        size_t n_tables, const struct str *columns, size_t n_columns,
                        struct error *err) MUST_CHECK;
// What becomes of former versions of a table's rows: they are rows of a second table, its history
// (destination_history_name), with the same columns, the metadata columns too. Each version of a
// row, the current one included, is a row there; of one key the newest by the synced column is the
// current one.
//
// Versions are made in session_commit, in the same transaction, of the rows that it wrote or marked
// and whose contents (all columns but the synced one, NULLs being equal) differ from their newest
// version. A version has the synced value of its row, but is always younger than the one before it,
// by a millisecond at least, even when the clock steps back. A row that is removed, not marked,
// keeps its versions.
struct history_options {
    bool on;
    bool shared; // other streams write to the table, too: not `on` leaves its history as it is
    // Wipes the history with the next commit of a state, once for each text (`shared`: never). It
    // begins anew with what is written from there on; session_finish_history adds the rest.
    struct str reset; // empty: no; at most HISTORY_RESET_MAX bytes
};
enum { HISTORY_NAME_MAX = 64, HISTORY_RESET_MAX = 200 };
// The name of a table's history: "<table>__history", shortened with a hash where it would be too
// long. NUL-terminated.
struct str destination_history_name(struct str table, char ret[HISTORY_NAME_MAX]);
// After session_apply_schema, before rows are written. On: makes the history, and the index that
// session_index_synced makes; it begins with the rows as they are, also after a time without
// versions. Off: the history stays, and grows no more. Tables without a key have none. Errors: a
// table of that name that is not ours is DESTINATION. Own transactions.
bool session_apply_history(struct session *s, const struct table *table,
                           const struct history_options *options, struct error *err) MUST_CHECK;
// At the end of a pass over everything: in histories that have been wiped, rows that have not been
// written since get their version. Own transaction.
bool session_finish_history(struct session *s, struct error *err) MUST_CHECK;
// An index on the synced column, so that rows changed since an instant are found without reading
// the table.
bool session_index_synced(struct session *s, const struct table *table,
                          struct error *err) MUST_CHECK;

// A transaction. `synced_ms` is the value of the synced column for every row written in it.
bool session_begin(struct session *s, int64_t synced_ms, struct error *err) MUST_CHECK;
// Batches are finished with (or copied) when this returns. The table must have been applied. Of
// rows with one key the last written wins. BATCH_INSERT is the fast way into a new table: a row
// that is there after all is merged like any other. After a failure only session_rollback may
// follow.
bool session_write(struct session *s, const struct batch *batch, struct error *err) MUST_CHECK;
// Rows of `table` not written since `synced_before_ms` are what a full load did not see: marks them
// deleted (`remove` false) or removes them (true). When scope_column.len > 0 only rows with that
// text value. *ret_rows: how many.
bool session_sweep(struct session *s, const struct table *table, struct str scope_column,
                   struct str scope_value, int64_t synced_before_ms, bool remove,
                   uint64_t *ret_rows, struct error *err) MUST_CHECK;
// Writes the state (ptr NULL: leaves it) and commits. On failure everything of the transaction is
// gone.
bool session_commit(struct session *s, struct str state, struct error *err) MUST_CHECK;
void session_rollback(struct session *s); // no-op outside a transaction

// Rows, not counting those marked deleted; with scope as in session_sweep.
bool session_count(struct session *s, const struct table *table, struct str scope_column,
                   struct str scope_value, uint64_t *ret, struct error *err) MUST_CHECK;
// Up to `max` values of the COL_INT column `id_column` above `after_id`, ascending: of all rows
// that are not marked deleted (`synced_after_ms` INT64_MIN), or of all rows, deleted ones too, that
// were written after that instant. False with NOT_FOUND when there is no such table.
// `*ret_max_synced_ms`, when not NULL, is the newest synced value in the whole table (INT64_MIN
// when empty).
bool session_read_ids(struct session *s, struct str table, struct str id_column, int64_t after_id,
                      int64_t synced_after_ms, int64_t *ids, size_t max, size_t *ret_n,
                      int64_t *ret_max_synced_ms, struct error *err) MUST_CHECK;
// Reads a whole (small) table in key order; cells are valid during the call. A row function that
// returns false stops the walk with its own err. A table that does not exist has no rows.
typedef bool session_row_fn(void *user, const struct cell *cells, struct error *err);
bool session_read_table(struct session *s, const struct table *table, session_row_fn *fn,
                        void *user, struct error *err) MUST_CHECK;

// The system tables, shared by all destinations; written by ordinary batches.
extern const struct table TABLE_COLUMN; // _sluice_column: object, property, column, type, since
extern const struct table
    TABLE_REJECT; // _sluice_reject: stream, record_id, column, raw_value, reason, at
extern const struct table TABLE_HISTORY; // _sluice_history: table, history, status, reset, since;
                                         // made with the first history
extern const struct table
    TABLE_AUDIT; // _sluice_audit: stream, window, source_count, destination_count, repaired, at
