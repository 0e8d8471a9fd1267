// Texts from outside made fit to be shown: on a terminal, in a log line, in an error of bounded
// length. Pure functions; any thread.
#pragma once

#include "core/arena.h"

// One line that is safe to show on a terminal: control characters and what is no UTF-8 become a
// space, spaces do not follow each other, at most `max` bytes. Into `arena`.
struct str hubspot_printable(struct str s, size_t max, struct arena *arena);
// The same of an HTML or text page: without its tags.
struct str hubspot_printable_page(struct str page, size_t max, struct arena *arena);
// The start of valid UTF-8, at most `max` bytes, not cut within a character.
struct str hubspot_cut(struct str s, size_t max);
