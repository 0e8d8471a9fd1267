// Ids of what the API makes: 14 characters of A-Z a-z 0-9 _ -, the first a letter or digit, from
// the system's random source (83 bits). Thread-safe.
#pragma once

#include "core/arena.h"

enum { ID_LEN = 14 };

// Into `arena`.
struct str id_make(struct arena *arena);
// Whether it has the form of one; others are in no table.
bool id_check(struct str id);
