// What a database driver gives; only sql.c and the drivers include this.
#pragma once

#include "sql/sql.h"

struct sql_driver {
    const char *name;
    const char *const *prefixes; // of URLs; NULL ends
    unsigned features;
    const char *begin; // the statement that starts a writing transaction
    bool (*open)(const struct sql_options *options, struct sql **ret, struct error *err) MUST_CHECK;
    void (*close)(struct sql *db);
    bool (*exec)(struct sql *db, const char *text, struct error *err) MUST_CHECK;
    enum sql_transaction (*transaction)(struct sql *db);
    // NULL without SQL_NETWORK.
    bool (*is_alive)(struct sql *db);
    bool (*reconnect)(struct sql *db, struct error *err) MUST_CHECK;
    bool (*prepare)(struct sql *db, struct str text, struct sql_stmt **ret,
                    struct error *err) MUST_CHECK;
    void (*finalize)(struct sql_stmt *st);
    bool (*run)(struct sql_stmt *st, const struct sql_value *args, size_t n, uint64_t *ret_changed,
                struct error *err) MUST_CHECK;
    // A statement whose text is sent with its values when it is run: one round trip where
    // preparing, running and forgetting take three. NULL: prepare is as good.
    bool (*prepare_once)(struct sql *db, struct str text, struct sql_stmt **ret,
                         struct error *err) MUST_CHECK;
    bool (*query)(struct sql_stmt *st, const struct sql_value *args, size_t n,
                  struct error *err) MUST_CHECK;
    bool (*next)(struct sql_stmt *st, bool *ret_row, struct error *err) MUST_CHECK;
    void (*reset)(struct sql_stmt *st);
    size_t (*column_count)(struct sql_stmt *st);
    struct sql_value (*column)(struct sql_stmt *st, size_t column);
    // NULL without SQL_COPY.
    bool (*copy_begin)(struct sql *db, const char *text, struct error *err) MUST_CHECK;
    bool (*copy_data)(struct sql *db, struct str data, struct error *err) MUST_CHECK;
    bool (*copy_end)(struct sql *db, uint64_t *ret_rows, struct error *err) MUST_CHECK;
};

// The head of each driver's own connection and statement structs.
struct sql {
    const struct sql_driver *driver;
    enum sql_fault fault;
};
struct sql_stmt {
    struct sql *db;
};

extern const struct sql_driver SQL_SQLITE;
extern const struct sql_driver SQL_POSTGRES;

// The error code that goes with a fault.
enum error_code sql_fault_code(enum sql_fault fault);
// Fills err and remembers the fault; returns false.
bool sql_fail(struct sql *db, enum sql_fault fault, struct error *err, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
