// Property definitions as requests write them: reading, checking, making and changing. The portal
// is locked for writing. Each answers what it refuses and returns false then.
#pragma once

#include "sim/call.h"
#include "sim/properties.h"

enum {
    UNIQUE_PROPERTIES_MAX = 10, // of a user's own, on one object type
    CUSTOM_PROPERTIES_MAX = 1000,
    CUSTOM_PROPERTIES_ALL = 10000, // of all object types together
};

// Lower-case letters, digits and underscores, beginning with a letter; at most 100 bytes.
bool property_name_ok(struct call *c, const char *field, struct str name) MUST_CHECK;
// Makes the property that `spec` describes. `group` where it names none; ptr NULL: it must.
bool property_create(struct call *c, enum object_type object, struct json spec, struct str group,
                     struct property **ret) MUST_CHECK;
bool property_update(struct call *c, enum object_type object, struct property *p,
                     struct json spec) MUST_CHECK;
bool property_archivable(struct call *c, const struct property *p) MUST_CHECK;
bool property_archive(struct call *c, enum object_type object, struct property *p) MUST_CHECK;
// How many properties of a user's own the type has.
size_t property_count_custom(const struct property_set *s);
// The definition as answers show it.
void property_write(struct call *c, struct json_writer *w, const struct property *p);
