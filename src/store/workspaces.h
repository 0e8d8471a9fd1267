// The workspace ("account" in the API): what API keys, connections, destinations and syncs belong
// to. A store has one, made at the first start.
//
// Errors: STORE, STORE_BUSY, STORE_FULL, KEY. Threads: those of the store.
#pragma once

#include "store/sealing.h"

struct workspace {
    struct str id;
    struct str name;
    int64_t created_ms;
};

// The one there is, or a new one; takes what `sluice login` has stored into it. Texts into `arena`.
bool workspace_prepare(struct store *s, struct arena *arena, struct workspace *ret,
                       struct error *err) MUST_CHECK;
// The salt that hashed columns are hashed with: 32 random bytes, sealed; made when first asked for,
// the same for ever. The caller's.
bool workspace_salt(struct store *s, struct sealing *sealing, struct str id, struct secret **ret,
                    struct error *err) MUST_CHECK;
