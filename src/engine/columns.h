// Which columns and tables of a stream reach the destination: some are left out, some hashed.
//
// Sits between the source's pages and the session: tables and batches go through it on their way.
// A hashed value is the lower-case hex of SHA-256(salt || canonical text), in a text column; NULL
// stays NULL. What is left out or hashed does not reach the overflow and reject tables either.
// Keys cannot be left out; a key that is hashed would no longer join: both are CONFIG errors, told
// when the stream opens. Names are those of columns or of HubSpot's properties; one that the stream
// does not have (yet) is no error.
// Threads: a columns belongs to one run; tables from its opening thread, batches from the loading
// one.
#pragma once

#include "core/secret.h"
#include "data/batch.h"
#include "store/streams.h"

struct columns_options {
    const struct text_list *excluded;
    const struct text_list *hashed;
    const struct text_list *excluded_tables; // substreams
    const struct secret *salt;               // NULL when nothing is hashed
};
struct columns;
struct columns *columns_create(const struct columns_options *options);
void columns_destroy(struct columns *c); // takes NULL
