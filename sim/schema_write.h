// What the endpoints of schemas share: reading, checking, writing.
#pragma once

#include "sim/call.h"
#include "sim/fields.h"
#include "sim/portal.h"

// Letters, digits and underscores, beginning with a letter; at most SCHEMA_NAME_MAX bytes.
bool schema_name_ok(struct call *c, struct str name) MUST_CHECK;
// Labels, display, required and searchable properties, description over what *s has; texts still
// in the request.
bool schema_read(struct call *c, struct json v, enum field_need need, struct schema *s) MUST_CHECK;
// Whether the properties that *s names are there.
bool schema_names_ok(struct call *c, enum object_type object, const struct schema *s) MUST_CHECK;
// Copies what schema_read reads to *to, for good, and stamps it.
bool schema_take(struct call *c, struct schema *to, const struct schema *from) MUST_CHECK;

// With all its properties and associations, or (`whole` false) only its definition.
void schema_write(struct call *c, struct json_writer *w, const struct schema *s, bool whole);
void schema_write_standard(struct call *c, struct json_writer *w, enum object_type object);
void schema_write_association(struct call *c, struct json_writer *w,
                              const struct association_pair *pair, size_t label, bool forward);
