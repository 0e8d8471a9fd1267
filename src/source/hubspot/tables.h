// The tables of one object: its columns from the property definitions, and how a property finds its
// column. Built once per stream in the stream's arena; read-only afterwards.
#pragma once

#include "data/naming.h"
#include "source/hubspot/catalog.h"
#include "source/hubspot/objects.h"

enum { NO_COLUMN = -1 };

struct object_tables {
    const struct object_info *info;
    struct table main;            // fixed columns, then one per property
    const struct str *properties; // names; property i is column info->n_fixed + i
    size_t n_properties;
    const enum column_type *types; // of properties
    int32_t *slots;                // hash table: property index or -1
    size_t mask;
    int fixed_source[8]; // for a FIXED_PROPERTY column: the property it copies, or NO_COLUMN
    int merged_property; // hs_merged_object_ids, or NO_COLUMN
    const struct table *engagement; // the table of all engagements; NULL for other objects
    const struct table *merges;     // NULL when there is none
    struct str query;               // "a,b,c": all names, percent-encoded
    struct str json_names;          // ["a","b","c"]
};

// The property's number, or NO_COLUMN.
int object_tables_find(const struct object_tables *t, struct str property);

// `naming` knows the registry's rows; new assignments are made in it.
bool object_tables_build(const struct object_info *info, const struct property_defs *defs,
                         struct naming *naming, struct arena *arena, struct object_tables *ret,
                         struct error *err) MUST_CHECK;

extern const struct table TABLE_ENGAGEMENT;
