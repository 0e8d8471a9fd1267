// The inside of the destination room: what the front (destination.c) and the drivers share.
#pragma once

#include "destination/destination.h"
#include "destination/turn.h"
#include "sql/sql.h"

struct destination_driver;
struct target;

struct destination {
    const struct destination_driver *driver;
    struct arena arena; // owns the strings below
    struct str url;
    struct str sql_url; // what sql_open takes
    struct str schema;
    struct metadata_columns metadata;
    const struct clock *clock;
    const struct cancel *cancel;
    int cache_kib;
    struct turn turn; // of writing sessions, where the database admits one writer
};

// What a write into a table has become, so that it is prepared once in a session.
struct target {
    struct target *next;
    struct arena arena;
    struct table table; // a copy
    bool has_synced;    // not for tables of the system
    bool has_deleted;   // not when the preset has no such column either
    void *prepared;     // the driver's own, or NULL
    struct str version; // of a history: the column that ends its key; else empty
};

// A table whose versions are kept, in a session.
struct history {
    struct history *next;
    struct arena arena;
    struct str table;
    struct target target; // the history; its columns are those of the table, as it is there
    bool on;
    bool touched;     // rows of the table were written in this transaction
    struct str reset; // wipe at the next commit of a state; empty: no
    bool wiped;       // in this transaction
    bool renewed;     // wiped: not all rows have a version yet
};

struct session {
    unsigned magic;
    struct destination *dest;
    struct arena arena;
    struct str stream;
    const struct session_fence *fence; // only while the session is being opened; or NULL
    const struct log *log;             // the same
    const struct cancel *cancel;       // may be NULL
    struct sql *db;
    struct target *targets;
    struct history *histories;
    bool has_registry; // _sluice_history is known to be there
    void *driver_data;
    bool in_transaction;
    bool failed; // the transaction can only be rolled back
    int64_t synced_ms;
    char synced[32]; // the same as text
    bool state_known;
    bool state_claimed;    // commits without a state look whether it is still this session's
    int64_t state_version; // 0: no state is stored
};
enum { SESSION_MAGIC = 0x5e551011 };

// A column of a table as the database has it.
struct found_column {
    struct str name;
    struct str type;  // as the driver's `types` spell it
    int key_position; // 1.. in the primary key, 0: not in it
};
struct found_table {
    bool exists;
    bool is_table; // not a view or something else
    bool has_wide_storage;
    struct found_column *columns;
    size_t n_columns;
    size_t n_slots; // columns counted against the limit, dropped ones included
};

enum { WIDE_COLUMNS = 50 }; // tables with more are stored as `wide_suffix` says

struct destination_driver {
    const char *name;
    const char *const *prefixes; // of URLs; NULL ends
    size_t max_columns;
    bool schemas;     // tables are named schema.table
    bool row_in_page; // a row must fit a page of 8 kB (overflow.h)
    // By enum column_type: the type's name, what stands behind a parameter of it, and the
    // expression that reads a column as canonical text, with "%s" for the column.
    const char *const *types;
    const char *const *casts;
    const char *const *reads;
    const char *later;            // the column of timestamps "%s" and a millisecond
    const char *differs;          // between two lists of values, NULLs being equal
    bool lateral;                 // a joined query may speak of the table before it
    const char *wide_suffix;      // ends CREATE TABLE of a wide table
    const char *wide_storage;     // of ALTER TABLE, to widen an existing one; NULL: nothing to do
    const char *composite_suffix; // ends CREATE TABLE of a table with several key columns
    const char *ddl_lock;  // statement that keeps two programs from creating at once; NULL: none
    const char *exclusive; // ends LOCK TABLE, which keeps all others from a table; NULL: a writing
                           // transaction does
    // Where the URL points: sets dest->sql_url. `make`: makes directories. *ret_there false: there
    // is nothing yet, and nothing to connect to.
    bool (*locate)(struct destination *dest, bool make, bool *ret_there,
                   struct error *err) MUST_CHECK;
    bool (*create_schema)(struct session *s, struct error *err) MUST_CHECK;
    // After connecting.
    bool (*start)(struct session *s, struct error *err) MUST_CHECK;
    // Keeps two runs of a stream apart, as long as the session lasts.
    bool (*lock_stream)(struct session *s, struct str stream, struct error *err) MUST_CHECK;
    void (*stop)(struct session *s);
    // The table as it is; strings into `arena`.
    bool (*find_table)(struct session *s, struct str name, struct arena *arena,
                       struct found_table *ret, struct error *err) MUST_CHECK;
    // Whether the view is there and make_view gave it this body.
    bool (*view_is)(struct session *s, struct str name, struct str body, bool *ret,
                    struct error *err) MUST_CHECK;
    // Creates or replaces, inside a transaction.
    bool (*make_view)(struct session *s, struct str name, struct str body,
                      struct error *err) MUST_CHECK;
    bool (*has_index)(struct session *s, struct str name, bool *ret, struct error *err) MUST_CHECK;
    bool (*write)(struct session *s, struct target *t, const struct batch *batch,
                  struct error *err) MUST_CHECK;
    // Everything written so far is in the tables when this returns. NULL: always so.
    bool (*flush)(struct session *s, struct error *err) MUST_CHECK;
    // The transaction has been rolled back or committed.
    void (*ended)(struct session *s, bool committed);
    void (*forget)(struct session *s, struct target *t); // frees t->prepared
};

extern const struct destination_driver DESTINATION_SQLITE;
extern const struct destination_driver DESTINATION_POSTGRES;

// targets.c: the session's targets by table name.
struct target *target_find(struct session *s, struct str name);
// The target of a table; a new one when the table has another shape than the one known. Fails when
// the table cannot be one of ours (names, number of columns).
bool target_get(struct session *s, const struct table *table, struct target **ret,
                struct error *err) MUST_CHECK;
void targets_forget(struct session *s);
// The columns as they are written: the table's own, then the metadata columns that the target has.
size_t target_columns(const struct target *t);
struct column target_column(const struct destination *d, const struct target *t, size_t i);
// What a batch comes down to in this table: where no mark can be kept, rows to be marked go.
enum effect { EFFECT_UPSERT, EFFECT_INSERT, EFFECT_REPLACE, EFFECT_MARK, EFFECT_REMOVE };
enum effect batch_effect(const struct target *t, const struct batch *batch);
bool table_is_system(struct str name); // "_sluice_...": no metadata columns
bool table_check(const struct destination *dest, const struct table *table,
                 struct error *err) MUST_CHECK;

// schema.c: tables, views and indexes, each in a transaction of its own.
bool schema_apply_table(struct session *s, const struct table *table, bool *ret_empty,
                        struct error *err) MUST_CHECK;
// Whether a target's table lacks something; and makes it, in a transaction of session_enter.
bool schema_lacks(struct session *s, const struct target *t, bool *ret,
                  struct error *err) MUST_CHECK;
bool schema_make(struct session *s, const struct target *t, bool *ret_created,
                 struct error *err) MUST_CHECK;
struct view {
    struct str name;
    const struct str *tables;
    size_t n_tables;
    const struct str *columns;
    size_t n_columns;
};
bool schema_apply_view(struct session *s, const struct view *view, struct error *err) MUST_CHECK;
bool schema_index_synced(struct session *s, const struct table *table,
                         struct error *err) MUST_CHECK;

// history.c
void history_touch(struct session *s, struct str table);
// Within the transaction, when its rows are in the tables: versions, and what is to be wiped.
bool history_commit(struct session *s, bool has_state, struct error *err) MUST_CHECK;
void history_ended(struct session *s, bool committed);
void histories_forget(struct session *s);
// The history that was made of a table, `ret` empty: none. Whether it is on makes no difference.
bool history_find(struct session *s, struct str table, char ret[HISTORY_NAME_MAX],
                  struct error *err) MUST_CHECK;
// In a transaction: nothing is known of the table's history any more.
bool history_unregister(struct session *s, struct str table, struct error *err) MUST_CHECK;

// parts.c: within a transaction.
bool part_forget(struct session *s, const struct destination_part *p,
                 struct error *err) MUST_CHECK; // its rows, and their versions
// Whether the table, which is there, has no rows but the part's.
bool part_is_alone(struct session *s, const struct destination_part *p, bool *ret,
                   struct error *err) MUST_CHECK;

// system.c
extern const struct table TABLE_STATE; // _sluice_state: stream, state, version, updated_at
bool state_read(struct session *s, struct arena *arena, struct str *ret,
                struct error *err) MUST_CHECK;
bool state_write(struct session *s, struct str state, struct error *err) MUST_CHECK;
// Inside a transaction: a new version of the state as it is, so that nobody else's commits fit.
bool state_claim(struct session *s, struct error *err) MUST_CHECK;
// Inside a transaction: the state is still the one that was claimed.
bool state_check(struct session *s, struct error *err) MUST_CHECK;

// destination.c: checks the options; not located or connected yet.
bool destination_prepare(const struct destination_options *options, struct destination **ret,
                         struct error *err) MUST_CHECK;

// session.c: what schema.c and destination.c need of it.
struct session_options {
    struct str stream; // empty: none
    struct session_run run;
};
bool session_connect(struct destination *dest, const struct session_options *options,
                     struct session **ret, struct error *err) MUST_CHECK;
// A transaction around something of our own, with the turn and the driver's ddl_lock. `ok` false:
// rolls back, keeps err.
bool session_enter(struct session *s, struct error *err) MUST_CHECK;
bool session_leave(struct session *s, bool ok, struct error *err) MUST_CHECK;

// A deterministic 64-bit number for names of locks and indexes: the same in every version of the
// program.
int64_t name_hash(struct str a, struct str b);
