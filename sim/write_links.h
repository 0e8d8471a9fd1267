// The associations that come with a new record, and how labels are named in requests.
#pragma once

#include "sim/write.h"

// {"associationCategory", "associationTypeId"} of an association that starts at `from`; false: *ret
// says why.
bool write_links_kind(struct call *c, enum object_type from, struct json type,
                      struct association_kind *ret_kind, struct refusal *ret) MUST_CHECK;
// "associations" of an input into w->links.
bool write_links_read(struct write *w, struct json input, struct refusal *ret) MUST_CHECK;
void write_links_apply(const struct write *w);
// The id in a value, a text or a number; false when it is neither.
bool write_links_id(struct call *c, struct json v, struct str *ret);
