// Which properties the caller may see: sensitive ones and the contents of e-mails need scopes of
// their own. One that the caller may not see is left out of answers as if it did not exist.
#pragma once

#include "sim/call.h"
#include "sim/properties.h"

enum {
    SEES_SENSITIVE = 1,
    SEES_HIGHLY_SENSITIVE = 2,
    SEES_EMAIL_CONTENTS = 4,
    SEES_ALL = 7,
};

// What the caller may see of a type's records: a set of SEES_*.
unsigned visibility_of(const struct call *c, enum object_type object);
bool visibility_permits(unsigned seen, enum object_type object, const struct property *p);
// May the caller define such a property, or set its values? Otherwise the scope it lacks, in the
// call's arena.
bool visibility_may_write(const struct call *c, enum object_type object,
                          enum property_sensitivity sensitivity, struct str *ret_scope) MUST_CHECK;
