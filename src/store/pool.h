// Handles of one store, lent to threads for short calls: there need be far fewer than threads.
//
// A handle is opened when none is idle and fewer than `max` are open, else the borrower waits; idle
// ones beyond one are closed after a while. A handle whose connection was lost is mended or closed
// when it comes back. Errors: those of store_open; STORE_BUSY when none became free in time.
// Threads: any.
#pragma once

#include "store/sealing.h"

struct store_pool;
struct store_pool_options {
    struct store_options store; // texts must outlive the pool
    struct str key_file;
    size_t max;      // handles open at once; at least 1
    int64_t wait_ms; // a borrower waits so long; 0: 15 s
};
struct store_pool *store_pool_create(const struct store_pool_options *options);
void store_pool_destroy(struct store_pool *p); // takes NULL; nothing may be lent
// *ret_sealing (may be NULL): of the same store, to be used with it and given back with it.
bool store_pool_lend(struct store_pool *p, struct store **ret, struct sealing **ret_sealing,
                     struct error *err) MUST_CHECK;
void store_pool_return(struct store_pool *p, struct store *s); // no transaction may be open
