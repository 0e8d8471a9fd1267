// What the endpoints of lists share.
#pragma once

#include "sim/fields.h"
#include "sim/lists.h"

// The live list in path parameter i; NULL after an answer.
struct list *list_in_path(struct call *c, size_t i);
bool list_not_found(struct call *c, struct str id); // a 404; false
// How many live records are in it; works a dynamic list out.
size_t list_size(struct call *c, struct list *l);
// With its filters, if wanted. `found`: as searches show it, with these additional properties
// (comma-separated) instead of a size.
void list_write(struct call *c, struct json_writer *w, struct list *l, bool filters);
void list_write_found(struct call *c, struct json_writer *w, struct list *l, struct str properties);
