// Rows that are larger than the database can hold in one piece. PostgreSQL keeps a row in one page
// of 8 kB: long values move out of line, but hundreds of short ones cannot. Such a row keeps as
// many columns as fit, in their order; the values of the others go to _sluice_reject with their
// reason, in the same transaction, so that one record does not stop a stream and nothing is lost.
// Source: PostgreSQL's documentation of the page layout, TOAST and its limits.
#pragma once

#include "destination/driver.h"

// Whether a table of so many columns can have such rows at all.
bool overflow_possible(const struct session *s, const struct target *t);
// Replaces batch->cells by a copy (in `arena`) with the values that do not fit taken out, where
// there are any, and gives these as rows of TABLE_REJECT in *ret_rejects (n_rows 0: all fit).
void overflow_cut(const struct session *s, const struct target *t, struct batch *batch,
                  struct arena *arena, struct batch *ret_rejects);
