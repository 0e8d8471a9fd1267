// What the scenes of histories share: the history of CONTACT.
#pragma once

#include "test_destination.h"

#define T0   1700000000000
#define HIST "contact__history"

// A statement of somebody else's.
void run_sql(struct world *w, const char *text);
// Applies table and history.
void keep(struct world *w, const struct table *table, bool on, const char *reset);
// The next run does: opens anew, with a history. `reset` "": nothing is wiped.
void renew(struct world *w, const char *reset);
// One row in a transaction of its own.
void put(struct world *w, int64_t id, const char *name, int64_t at_ms);
void put_with_state(struct world *w, int64_t id, const char *name, int64_t at_ms);
void mark(struct world *w, int64_t id, int64_t at_ms);
void must(bool ok, const struct error *err);

// All versions by id and time, as "-1|Ada"; "+1|Ada" is one that is marked deleted.
void check_versions(struct world *w, const char *const *rows, size_t n);
#define VERSIONS(w, ...)                                                                           \
    check_versions((w), (const char *const[]){__VA_ARGS__},                                        \
                   ARRAY_LEN(((const char *const[]){__VA_ARGS__})))
