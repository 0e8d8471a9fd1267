// Finding a record by the value of a unique property. Reads the portal under its lock.
#pragma once

#include "sim/portal.h"

// The live or (with `archived`) archived record whose property has this value, without regard to
// case.
bool lookup_by_value(const struct portal *p, enum object_type type, const struct property *property,
                     struct str value, bool archived, uint32_t *ret_slot);
