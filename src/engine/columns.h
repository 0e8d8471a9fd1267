// Which columns and tables of a stream reach the destination: some are left out, some hashed.
//
// Sits between the source's pages and the session: tables and batches go through it on their way.
// A hashed value is the lower-case hex of SHA-256(salt || canonical text), in a text column; NULL
// stays NULL. What is left out or hashed does not reach the overflow and reject tables either.
// Keys cannot be left out; a key that is hashed would no longer join: both are CONFIG errors, told
// when the stream opens. Names are those of columns or of HubSpot's properties, in any case; one
// that the stream does not have (yet) is no error. A name counts in all tables of the stream.
//
// The rules that the destination's rows were written under stand in the stream's state, so that a
// change of them is seen: see docs/decisions.md for what is done then.
// Threads: a columns belongs to one run; tables from its opening thread, batches from the loading
// one.
#pragma once

#include "core/secret.h"
#include "source/source.h"
#include "store/streams.h"

struct columns_options {
    const struct text_list *excluded;
    const struct text_list *hashed;
    const struct text_list *excluded_tables; // substreams
    const struct secret *salt;               // NULL when nothing is hashed
};
struct columns;
// Copies. A column that is both left out and hashed is left out.
struct columns *columns_create(const struct columns_options *options);
void columns_destroy(struct columns *c); // takes NULL

// The rules that the stream's former state was written under; ptr NULL: none. Before the tables.
void columns_former(struct columns *c, struct str state);
// Forgets the tables: the stream is opened anew.
void columns_restart(struct columns *c);
// A table of the stream; `facts`: of each of its columns, or NULL. `main`: it cannot be left out.
// The table must outlive the columns. Errors: CONFIG.
bool columns_add_table(struct columns *c, const struct table *table,
                       const struct source_column *facts, bool main, struct error *err) MUST_CHECK;
// What stands for the table in the destination: NULL when it is left out; itself when nothing is
// changed or it is none of those that were added.
const struct table *columns_table(const struct columns *c, const struct table *table);
// Of what the tables that were added have: whether something comes as it was not before, so that
// all records must be read anew.
bool columns_need_full(const struct columns *c);
// Whether any rule counts for the tables otherwise than it did for the rows that are there. Until a
// state has been committed with the new rules in it, they have changed.
bool columns_changed(const struct columns *c);
// Columns of the table that may be in the destination with values that must not be there (any
// more), or of another type than they have from now on.
size_t columns_stale(const struct columns *c, const struct table *table, struct arena *arena,
                     struct str **ret);
// Columns and properties that have become left out or hashed.
size_t columns_newly_hidden(const struct columns *c, struct arena *arena, struct str **ret);

// The batch as it goes into the destination; cells that change are made in `arena`. False: nothing
// of it does.
bool columns_batch(const struct columns *c, const struct batch *batch, struct arena *arena,
                   struct batch *ret) MUST_CHECK;
// A state (a JSON object) with the rules in it. Into `arena`; itself when there are none.
struct str columns_sign(const struct columns *c, struct str state, struct arena *arena);
