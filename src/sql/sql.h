// One small interface to a database connection: SQLite and PostgreSQL behind the same calls.
//
// Statement texts are the databases' own SQL with numbered parameters `$1`, `$2`, ... in the order
// of their first appearance; values travel in `struct sql_value`. Names and literals in a text are
// quoted with sql_quote_*, which suit every driver.
// Errors: DESTINATION_* codes with the database's own text, never a password; sql_last_fault says
// what kind of failure the last one was, for code that goes on after some of them.
// Threads: a connection and its statements belong to one thread at a time.
#pragma once

#include "core/arena.h"
#include "core/buf.h"
#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"

struct sql;
struct sql_stmt;

enum sql_type { SQL_NULL, SQL_INT, SQL_FLOAT, SQL_TEXT, SQL_BLOB };
struct sql_value {
    union {
        const char *ptr;
        int64_t num;
        double dbl;
    };
    uint32_t len;  // of what ptr shows
    uint32_t type; // enum sql_type
};
static inline struct sql_value sql_null(void)
{
    return (struct sql_value){.type = SQL_NULL};
}
static inline struct sql_value sql_int(int64_t num)
{
    return (struct sql_value){.num = num, .type = SQL_INT};
}
static inline struct sql_value sql_float(double dbl)
{
    return (struct sql_value){.dbl = dbl, .type = SQL_FLOAT};
}
// `ptr` NULL is the SQL NULL. At most 1 GiB.
struct sql_value sql_text(struct str s);
struct sql_value sql_blob(struct str s);

struct sql_options {
    struct str url;         // "sqlite:FILE" or "postgres://..." ("postgresql://...")
    struct str application; // what the server's list of sessions shows; cut to 63 bytes
    const struct clock *clock;
    const struct cancel *cancel; // may be NULL; ends waits for locks
    int64_t lock_wait_ms;        // how long a statement waits for a lock; 0: 30 s
    int64_t statement_ms;        // how long a statement may take; 0: 30 min. PostgreSQL only
    int64_t idle_transaction_ms; // the server ends a transaction left alone so long; 0: 30 min.
    int cache_kib; // page cache; 0: 2 MiB; below 1 MiB: given back after each transaction. SQLite
                   // only
};

// Features of a driver.
enum {
    SQL_COPY = 1 << 0,       // sql_copy_*
    SQL_ONE_WRITER = 1 << 1, // one transaction writes at a time, in the whole database
    SQL_NETWORK = 1 << 2,    // the database may go away at any time
    SQL_SCHEMAS = 1 << 3,    // tables live in named schemas
};

enum sql_fault {
    SQL_FAULT_NONE,
    SQL_FAULT_OTHER,
    SQL_FAULT_UNIQUE,     // a key is there already
    SQL_FAULT_CONSTRAINT, // any other constraint
    SQL_FAULT_MISSING,    // no such table, column or schema
    SQL_FAULT_BUSY,       // locked by another, deadlock, cancelled by a timeout
    SQL_FAULT_FULL,       // disk or quota
    SQL_FAULT_RIGHTS,
    SQL_FAULT_LOST, // the connection is gone; only sql_close or sql_reconnect helps
};

enum sql_transaction {
    SQL_IDLE,
    SQL_OPEN,
    SQL_FAILED, // only a rollback will be accepted
    SQL_GONE,   // connection lost: the database has rolled back
};

// True when there is a driver for the URL; else err names the forms.
bool sql_url_check(struct str url, struct error *err) MUST_CHECK;
// The URL with passwords masked, into `arena`.
struct str sql_url_mask(struct str url, struct arena *arena);

bool sql_open(const struct sql_options *options, struct sql **ret, struct error *err) MUST_CHECK;
void sql_close(struct sql *db); // takes NULL; statements must be finalized; rolls back what is open
unsigned sql_features(const struct sql *db);
enum sql_fault sql_last_fault(const struct sql *db);
enum sql_transaction sql_transaction_state(struct sql *db);

// Whether the connection is there as far as this end can tell: asks the network, not the server, so
// it costs next to nothing. A file is always there.
bool sql_is_alive(struct sql *db);
// A new connection in place of a lost one, as it was opened: what the session had been told since
// is to be told again. Statements prepared before fail with LOST and may only be finalized. No
// transaction may be open that is not lost. No-op for a file.
bool sql_reconnect(struct sql *db, struct error *err) MUST_CHECK;

// Runs one or more statements without parameters; results are dropped.
bool sql_exec(struct sql *db, const char *text, struct error *err) MUST_CHECK;
bool sql_begin(struct sql *db, struct error *err) MUST_CHECK; // to write
bool sql_commit(struct sql *db, struct error *err) MUST_CHECK;
void sql_rollback(struct sql *db); // no-op outside a transaction

bool sql_prepare(struct sql *db, struct str text, struct sql_stmt **ret,
                 struct error *err) MUST_CHECK;
void sql_finalize(struct sql_stmt *st); // takes NULL
// Runs to the end without looking at rows. Values need to live only during the call.
// *ret_changed (may be NULL): rows inserted, updated or deleted.
bool sql_run(struct sql_stmt *st, const struct sql_value *args, size_t n, uint64_t *ret_changed,
             struct error *err) MUST_CHECK;
// Starts a query, whose values must live until it is reset; then sql_next for each row. PostgreSQL
// answers are held in memory whole, so a query bounds its rows. Running or resetting ends it.
bool sql_query(struct sql_stmt *st, const struct sql_value *args, size_t n,
               struct error *err) MUST_CHECK;
bool sql_next(struct sql_stmt *st, bool *ret_row, struct error *err) MUST_CHECK;
void sql_reset(struct sql_stmt *st);
size_t sql_column_count(struct sql_stmt *st);
// A cell of the row sql_next stands on; text is valid until the next call on the statement.
// Booleans come as SQL_INT 0 or 1, exact numbers of PostgreSQL (numeric) as SQL_TEXT.
struct sql_value sql_column(struct sql_stmt *st, size_t column);
struct str sql_column_str(struct sql_stmt *st,
                          size_t column); // SQL_NULL: ptr NULL; SQL_INT: assert

// Prepares, runs and finalizes; for what is done once.
bool sql_once(struct sql *db, struct str text, const struct sql_value *args, size_t n,
              uint64_t *ret_changed, struct error *err) MUST_CHECK;
// A query that is walked with sql_next and finalized by the caller.
bool sql_once_query(struct sql *db, struct str text, const struct sql_value *args, size_t n,
                    struct sql_stmt **ret, struct error *err) MUST_CHECK;
// The first cell of the first row, which is a whole number: SQL_INT, or SQL_NULL when there is no
// row.
bool sql_once_int(struct sql *db, struct str text, const struct sql_value *args, size_t n,
                  struct sql_value *ret, struct error *err) MUST_CHECK;

// With SQL_COPY. `text` is "COPY ... FROM STDIN ...". Between begin and end nothing else may run.
bool sql_copy_begin(struct sql *db, const char *text, struct error *err) MUST_CHECK;
bool sql_copy_data(struct sql *db, struct str data, struct error *err) MUST_CHECK;
bool sql_copy_end(struct sql *db, uint64_t *ret_rows, struct error *err) MUST_CHECK;

// "name" with quotes doubled; 'text' with quotes doubled (drivers take backslashes literally).
void sql_quote_name(struct buf *b, struct str name);
void sql_quote_text(struct buf *b, struct str text);
