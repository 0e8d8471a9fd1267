// Which record a request means: by id, or by the value of a unique property.
#pragma once

#include "sim/portal.h"
#include "sim/refusal.h"

// How ids of a request are to be understood.
struct find_by {
    const struct property *property; // NULL: record ids
    bool archived;                   // among archived records instead of live ones
    bool merged;                     // an id that was merged away leads to the survivor
};

// The property named by an idProperty; record ids when it is empty or hs_object_id. False: *ret_why
// says that it is not unique.
bool find_property(struct call *c, enum object_type object, struct str name,
                   const struct property **ret, struct refusal *ret_why) MUST_CHECK;
bool find_record(const struct portal *p, enum object_type object, const struct find_by *by,
                 struct str id, uint32_t *ret_slot);
