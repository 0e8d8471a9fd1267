// The inside of the store: store.c, place.c (directories and files), upgrade.c (migrations),
// locks.c, pool.c. Nothing else includes this.
#pragma once

#include "store/store.h"

enum {
    PATH_MAX_BYTES = 3500, // leaves room for the names of files
    NAME_MAX_BYTES = 64,
    STORE_WAIT_MS = 15000, // for locks and other writers
};

// What of struct store_options says where the store is, with defaults filled in; own copies.
struct store_place {
    struct str directory;
    struct str url;   // for sql_open
    struct str shown; // for messages: the directory, the file, or the URL without passwords
    const char *file; // of SQLite; else NULL
    const struct clock *clock;
    const struct cancel *cancel;
};

struct store {
    uint32_t magic;
    struct sql *db;
    struct arena arena;
    struct store_place place;
    unsigned depth;         // of transactions within one another
    bool broken;            // an inner one failed
    bool prepared;          // the session has been told what it must know
    bool preparing;         // no connection is mended within the mending of one
    uint64_t device, inode; // of the file that was opened; 0: none was
};

// Errors: CONFIG.
bool place_of(const struct store_options *options, struct arena *arena, struct store_place *ret,
              struct error *err) MUST_CHECK;
bool place_is_shared(const struct store_place *p);
// Whether the file is there, of a shared store the directory; one that may not be looked at is not
// the same as none.
bool place_has_any(const struct store_place *p, bool *ret, struct error *err) MUST_CHECK;
// The directory and those above it that are missing; ours alone.
bool place_make(struct str directory, struct arena *arena, struct error *err) MUST_CHECK;
// Who may write to the directories of the store may put another key or database there.
bool place_check(const struct store_place *p, struct arena *arena, struct error *err) MUST_CHECK;
bool place_make_file(const struct store_place *p, struct error *err) MUST_CHECK;
struct sql_options place_sql_options(const struct store_place *p, struct str application);

// Brings the tables to this program's version. *ret_there false: there are none and `create` is
// false. Outside a transaction.
bool store_upgrade(struct store *s, bool create, bool *ret_there, struct error *err) MUST_CHECK;

// Waits within the transaction that is open, to its end.
bool lock_for_transaction(struct store *s, struct str name, struct error *err) MUST_CHECK;
