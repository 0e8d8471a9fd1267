// Lanes: what a session has taken for each table of PostgreSQL and not yet merged.
//
// A connection carries one COPY at a time, and pages bring rows for several tables in turn. So each
// table has a lane that collects encoded rows; the busiest lane's COPY stays open across writes,
// and another one interrupts it only with a large enough piece. A lane is merged when it is asked
// to do something else, when a key comes a second time (so that the merge never sees a key twice
// and the last one wins), when it has grown, and at the commit.
//
// New tables: rows go straight into the table, the copied bytes being kept until the server has
// taken them. When a key turns out to be there already, that piece is undone by a savepoint and
// merged like any other.
#pragma once

#include "destination/driver.h"

struct lanes;

struct lanes *lanes_create(void);
void lanes_destroy(struct lanes *l); // takes NULL

// The driver's functions of the same names.
bool lanes_write(struct session *s, struct target *t, const struct batch *batch,
                 struct error *err) MUST_CHECK;
bool lanes_flush(struct session *s, struct error *err) MUST_CHECK;
void lanes_ended(struct session *s, bool committed);
void lanes_forget(struct session *s, struct target *t);
