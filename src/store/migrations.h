// The tables of the store, as steps: step i makes version i + 1 out of version i. A step that has
// been released is never changed; what is to be different is a new step at the end.
#pragma once

#include "core/base.h"

extern const char *const STORE_MIGRATIONS[];
extern const size_t STORE_MIGRATIONS_N;
