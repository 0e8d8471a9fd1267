// The custom objects of a portal: their names, labels and what their records need.
//
// Each has a place in the table of object types for good; a deleted one leaves it empty. Texts live
// in the portal's arena. Locked with the portal.
#pragma once

#include "core/arena.h"
#include "sim/objects.h"

struct portal;

enum { SCHEMA_NAME_MAX = 64 };

enum schema_state {
    SCHEMA_LIVE,
    SCHEMA_ARCHIVED, // deleted, its name still taken
    SCHEMA_GONE      // deleted for good
};

struct schema {
    enum object_type object;
    enum schema_state state;
    struct str name;      // "cars"
    struct str qualified; // "p4711002_cars"
    struct str singular;  // labels
    struct str plural;
    struct str description;
    struct str primary_display;   // a property
    struct str secondary_display; // properties, comma-separated; so are the next two
    struct str required;
    struct str searchable;
    int64_t created_ms;
    int64_t updated_ms;
};

struct schemas {
    struct schema items[OBJECT_CUSTOM_MAX]; // the i-th is of type OBJECT_CUSTOM_FIRST + i
    size_t n;
};

// The ones of the portal's options, whose shelves are open already.
void schemas_generate(struct schemas *s, struct portal *p);
// The live one of that name, qualified name or type id; NULL: there is none.
const struct schema *schemas_find(const struct schemas *s, struct str name);
// The same whatever its state, but not one that is gone; live ones first.
struct schema *schemas_find_any(struct schemas *s, struct str name);
// Takes the next place for a live schema without labels; false when all are taken.
bool schemas_add(struct schemas *s, struct portal *p, struct str name,
                 struct schema **ret) MUST_CHECK;
