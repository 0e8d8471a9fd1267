// The standard properties of each object type, and the option lists. Constant data.
#pragma once

#include "sim/properties.h"

struct property_row {
    const char *name;
    const char *label;
    enum property_type type;
    const char *field_type; // NULL: the type's usual one
    enum value_kind kind;
    unsigned fill; // percent
    int64_t lo, hi;
    const struct property_option *options;
    size_t n_options;
    unsigned flags; // PROPERTY_*
};

enum {
    PROPERTY_CALCULATED = 1,
    PROPERTY_EXTERNAL = 2,
    PROPERTY_HIDDEN = 4,
    PROPERTY_UNIQUE = 8,
    PROPERTY_READ_ONLY = 16, // set by HubSpot, but not calculated
};

// Those that all engagements have in common, besides their own.
const struct property_row *property_table_engagements(size_t *ret_n);
const struct property_row *property_table_standard(enum object_type object, size_t *ret_n);
// What a type has besides: not counted among the properties that a portal is told to have.
const struct property_row *property_table_besides(enum object_type object, size_t *ret_n);
// One of the option lists for made-up enumerations, picked by `pick`; checkbox lists have more
// options.
void property_table_options(uint64_t pick, const struct property_option **ret, size_t *ret_n);
void property_table_yes_no(const struct property_option **ret, size_t *ret_n);
