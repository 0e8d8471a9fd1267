// The table of HubSpot's object types and of the streams made from them. Static data; no I/O.
// Sources: HubSpot's object type ids and default cursor properties; table layouts in
// docs/tables.md.
#pragma once

#include "data/schema.h"
#include "source/source.h"

// Columns of an object's table that stand before its property_* columns.
enum fixed_kind {
    FIXED_ID,       // the record id
    FIXED_PORTAL,   // the account's id
    FIXED_TYPE,     // the engagement's type, a constant
    FIXED_DELETED,  // repeats the deleted mark
    FIXED_PROPERTY, // a copy of a property under the name that SQL models expect
};
struct fixed_column {
    const char *name;
    enum column_type type;
    enum fixed_kind kind;
    const char *property; // FIXED_PROPERTY
};

struct object_info {
    const char *name;  // plural, as in paths and stream names
    const char *alias; // singular
    const char *table;
    const char *cursor_property; // modified at; search filter
    const char *engagement_type; // "CALL"; NULL for others
    const char *scope;
    const char *merge_table; // loser and winner of merges; NULL: only marked
    bool stage_dates;        // has a table of when a record was in which stage
    const struct fixed_column *fixed;
    size_t n_fixed;
};

const struct object_info *objects(size_t *ret_n);
const struct object_info *object_find(struct str name_or_alias); // NULL when unknown

// One direction in which associations of a pair are read.
struct pair_part {
    const struct object_info *from;
    const struct object_info *to;
};
// A pair table: its two id columns, and the parts that fill it. Rows are always keyed (a, b,
// category, type_id).
struct pair_info {
    const char *table;
    const char *a_column;
    const char *b_column;
    bool from_is_a;              // the records that are read from are those of a_column
    const char *from_objects[8]; // names, NULL ends
    const char *to_objects[8];
};
const struct pair_info *pairs(size_t *ret_n);
const struct pair_info *pair_find(struct str table);

enum { ENGAGEMENT_TABLE_COLUMNS = 3 };
