// From the names of properties to the names of columns: folded, at most 63 bytes, unique, and the
// same for ever.
//
// A `struct naming` serves one object (one table). It is first told the names that are taken, then
// fed what earlier runs assigned (the rows of _sluice_column), and then asked. Whatever it assigns
// anew must be written to _sluice_column in the same transaction as the first row that uses it.
//
//   plain       property_<folded name>
//   collision   a property whose folded name is taken by another gets "_" and eight hex digits, a
//   hash of its
//               exact name: the first to come keeps the plain name, and the others' names do not
//               depend on order
//   retyped     a property that comes back with another type gets "__v2", "__v3", ... behind its
//   name; the
//               old column stays, and so does its name should the old type return. Folded names
//               hold no "__", so a version never meets a plain name
//
// Memory is the arena's. One owner thread. All look-ups are O(1).
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "core/limits.h"
#include "data/schema.h"

// Folds a name: lower case, every byte outside [a-z0-9_] and every run of "_" becomes one "_",
// `prefix` (taken as it is) in front; "unnamed" when nothing is left. Longer than 63 bytes: cut,
// with "_" and eight hex digits of a hash of the exact name. Pure.
struct str naming_fold(struct str prefix, struct str name, struct arena *arena);

// One row of _sluice_column.
struct naming_row {
    struct str object;   // "contacts"
    struct str property; // HubSpot's exact name
    struct str column;
    enum column_type type;
};

struct naming;
// `object` and `prefix` are copied.
struct naming *naming_create(struct str object, struct str prefix, struct arena *arena);
// A fixed column of the table (id, metadata): never given to a property. Before any other call.
void naming_reserve(struct naming *n, struct str column);
// A row of an earlier run; rows of other objects are passed over. Errors: STATE when rows
// contradict each other or a reserved name, LIMIT past LIMIT_PROPERTIES.
bool naming_load(struct naming *n, const struct naming_row *row, struct error *err) MUST_CHECK;
// The column of a property with this type, assigned now if need be. *ret_column lives as long as
// the arena. Errors: LIMIT past LIMIT_PROPERTIES.
bool naming_resolve(struct naming *n, struct str property, enum column_type type,
                    struct str *ret_column, struct error *err) MUST_CHECK;
// Hands out each assignment that was not loaded, once, in the order in which they were made.
bool naming_next_new(struct naming *n, struct naming_row *ret);
