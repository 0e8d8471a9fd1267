// Rows of sealed secrets, whoever owns them: a connection (its name), "bridge:<id>",
// "destination:<id>", "workspace:<id>". A rotation of the key seals all of them anew.
//
// Errors: STORE, STORE_BUSY, STORE_FULL, KEY. Threads: those of the store.
#pragma once

#include "store/sealing.h"

// Over a former one of that name. Within a transaction of the store (store_begin).
bool stored_secret_put(struct store *s, struct sealing *sealing, const struct seal_name *name,
                       const struct secret *plain, struct error *err) MUST_CHECK;
// *ret is NULL when the owner has none of that name; the caller's.
bool stored_secret_get(struct store *s, struct sealing *sealing, const struct seal_name *name,
                       struct secret **ret, struct error *err) MUST_CHECK;
// All of the owner's.
bool stored_secret_remove(struct store *s, struct str owner, struct error *err) MUST_CHECK;
