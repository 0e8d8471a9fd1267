// What a table looks like, without a database: columns with logical types. Plain values.
#pragma once

#include "core/str.h"

enum column_type {
    COL_TEXT,
    COL_INT,     // 64-bit
    COL_DECIMAL, // exact decimal of any length
    COL_FLOAT,   // double
    COL_BOOL,
    COL_DATE,      // calendar date
    COL_TIMESTAMP, // instant, ms precision
    COL_TYPE_COUNT
};
const char *column_type_name(enum column_type t); // "text", "int", ...
bool column_type_parse(struct str name, enum column_type *ret);

struct column {
    struct str name; // as in the database, already folded and unique
    enum column_type type;
};

// The first n_keys columns are the primary key, in that order; keys are never NULL.
// The metadata columns (when a row was synced, whether it is deleted) are not among `columns`:
// destinations add them by the names in struct metadata_columns. Borrowed; lives as long as its
// stream.
struct table {
    struct str name;
    const struct column *columns;
    size_t n_columns;
    size_t n_keys;
    size_t
        deleted_mark; // index of a COL_BOOL column that repeats the deleted mark; 0: there is none
};

// Names of the metadata columns; `deleted` is empty when a preset has none.
struct metadata_columns {
    struct str synced;  // timestamp: when the row was last written
    struct str deleted; // bool: archived, deleted or merged away at the source
};
