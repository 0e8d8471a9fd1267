// Filter branches of dynamic lists.
#pragma once

#include "sim/call.h"
#include "sim/lists.h"

// Makes the members of a dynamic list what its filter says now, unless they are already. Filters on
// properties are understood, as far as a search could ask the same; with any other one the list
// holds one in seven of the records, always the same. Reads the portal under its lock.
void list_work_out(struct call *c, struct list *l);
// Whether the branch has the form that filters have; false after a 400.
bool list_filter_ok(struct call *c, struct json branch) MUST_CHECK;
