// Finding a record by the value of a unique property. Reads the portal under its lock.
//
// Made-up values name their record; values set by hand are found through an index that is kept with
// the shelf (struct shelf, uniques) and only ever grows: what it leads to is compared again.
#pragma once

#include "sim/portal.h"

// The live or (with `archived`) archived record whose property has this value, without regard to
// case. A contact is found by its further e-mail addresses too.
bool lookup_by_value(const struct portal *p, enum object_type type, const struct property *property,
                     struct str value, bool archived, uint32_t *ret_slot);
// Call after a value was set by hand; notes it if it is one that records are found by.
void lookup_note(struct shelf *s, const struct property *property, struct str value, uint32_t slot);
// E-mail addresses of which a permanent deletion was asked for when nobody had them.
void lookup_block(struct shelf *s, const struct property *email, struct str address);
bool lookup_is_blocked(const struct shelf *s, const struct property *email, struct str address);
void lookup_forget(struct map *uniques); // frees the index
