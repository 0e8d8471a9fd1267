// The inside of the PostgreSQL driver: postgres.c runs statements, postgres_connect.c opens
// connections and reads errors.
#pragma once

#include "sql/driver.h"

#include <libpq-fe.h>

struct postgres_sql {
    struct sql base;
    PGconn *conn;
    const struct clock *clock;
    const struct cancel *cancel;
    int64_t lock_wait_ms, statement_ms, idle_transaction_ms; // as of struct sql_options
    unsigned n_statements; // names of prepared statements count up
    unsigned session;      // counts reconnections
    bool copying;
    bool interrupted; // the statement was stopped because of `cancel`
};

struct postgres_value {
    size_t offset; // into texts
    int len;       // for binary values
    int format;    // 0 text, 1 binary
    bool is_null;
};

struct postgres_stmt {
    struct sql_stmt base;
    char name[24];    // of a prepared statement
    unsigned session; // that knows it
    char *text;       // of a statement that is not prepared at all; else NULL
    PGresult *result; // of the query being walked
    int row;
    struct buf texts; // parameters as sent
    struct postgres_value *values;
    struct arena blobs; // decoded cells of the row
};

bool postgres_open(const struct sql_options *options, struct sql **ret,
                   struct error *err) MUST_CHECK;
void postgres_close(struct sql *db);
bool postgres_is_alive(struct sql *db);
bool postgres_reconnect(struct sql *db, struct error *err) MUST_CHECK;
// Fills err from a failed result, or from the connection when `r` is NULL; returns false.
bool postgres_fail(struct postgres_sql *p, const PGresult *r, struct error *err);
// The bytes that "\x0a1b" stands for, into `arena`.
struct str postgres_unhex(struct arena *arena, struct str text);
