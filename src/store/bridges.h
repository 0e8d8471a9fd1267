// Connection bridges: somebody's invitation to authorize a connection, good for a day.
//
// The token in authorize_url is stored as a hash only. Statuses: open (may still be used),
// completed (a connection was made or authorized anew), refused (the person declined).
// Errors: STORE, STORE_BUSY, STORE_FULL; NOT_FOUND. Threads: those of the store.
#pragma once

#include "store/sealing.h"

enum { BRIDGE_LIFE_MS = 86400 * 1000, BRIDGES_MAX = 10000 };
enum bridge_status { BRIDGE_OPEN, BRIDGE_COMPLETED, BRIDGE_REFUSED, BRIDGE_STATUS_COUNT };
const char *bridge_status_name(enum bridge_status s); // "open", ...

struct bridge {
    struct str id;
    struct str account_id;
    enum bridge_status status;
    struct str integration_id;
    struct str label;
    struct str redirect_uri;
    struct str state;         // the caller's; may be empty
    struct str connection_id; // to be authorized anew, or the one that was made; empty: none yet
    bool reauthorizes;
    int64_t created_ms, expires_ms;
};

// Makes one out of account_id, integration_id, label, redirect_uri, state, connection_id,
// reauthorizes; fills the rest. *ret_token (43 characters of base64url) is the caller's.
bool bridge_create(struct store *s, struct bridge *b, struct arena *arena,
                   struct secret **ret_token, struct error *err) MUST_CHECK;
// Those that are open and have not expired, newest first. Into `arena`.
bool bridge_list(struct store *s, struct str account_id, struct arena *arena, struct bridge **ret,
                 size_t *ret_n, struct error *err) MUST_CHECK;
// By the token, whatever its status; NOT_FOUND for unknown tokens (same time for every wrong one).
bool bridge_find_by_token(struct store *s, struct str token, struct arena *arena,
                          struct bridge *ret, struct error *err) MUST_CHECK;
// Begins a walk to HubSpot: a new single-use state (43 characters) and PKCE verifier, sealed,
// instead of a former one. CONFLICT when the bridge is not open any more or has expired.
bool bridge_begin_oauth(struct store *s, struct sealing *sealing, const struct bridge *b,
                        struct secret **ret_state, struct secret **ret_verifier,
                        struct error *err) MUST_CHECK;
// The walk comes back: finds the bridge of this state, open or not, and uses the state up, in one
// transaction. NOT_FOUND for states that are unknown or used.
struct bridge_walk {
    struct bridge bridge;
    struct secret *verifier; // the caller's
};
bool bridge_take_oauth(struct store *s, struct sealing *sealing, struct str state,
                       struct arena *arena, struct bridge_walk *ret, struct error *err) MUST_CHECK;
// Ends it. CONFLICT when it was ended before. Within the transaction that stores the connection.
bool bridge_end(struct store *s, struct str id, enum bridge_status status, struct str connection_id,
                struct error *err) MUST_CHECK;
// Rows that expired a week ago, secrets too; a bounded number a call.
bool bridge_forget_old(struct store *s, struct error *err) MUST_CHECK;
