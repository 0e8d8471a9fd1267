// Connections: the accounts that sluice may call, with what signs the calls, sealed.
//
// Errors: STORE, STORE_BUSY, STORE_FULL, KEY; USAGE for a connection that does not exist; CONFIG
// for one that cannot be stored. Threads: those of the store.
#pragma once

#include "hubspot/credential.h"
#include "store/pool.h"

enum connection_kind { CONNECTION_OAUTH, CONNECTION_TOKEN, CONNECTION_KIND_COUNT };
enum connection_state {
    CONNECTION_ACTIVE,
    CONNECTION_NEEDS_REAUTHORIZATION,
    CONNECTION_STATE_COUNT
};
const char *connection_kind_name(enum connection_kind k);   // "oauth", "token"
const char *connection_state_name(enum connection_state s); // "active", "needs_reauthorization"

enum { CLIENT_ID_MAX = 256 };

struct connection {
    struct str name;           // store_check_name; the id in the API
    struct str account_id;     // the workspace; empty until a server has taken it over
    struct str integration_id; // "hubspot-v2"
    struct str label;          // for people; empty: the name
    enum connection_kind kind;
    enum connection_state state;
    int64_t portal_id; // 0: not known
    int64_t app_id;    // 0: not known
    struct str client_id;
    struct str base_url;
    struct str oauth_version; // oauth_version_name
    struct str scopes;        // with a space between
    struct str user;          // who granted it; may be empty
    int64_t issued_ms;        // of the access token
    int64_t expires_ms;       // of the access token; 0: never
    int64_t created_ms, updated_ms;
};

// The secrets of one connection, borrowed. NULL: has none.
struct connection_secrets {
    const struct secret *token;         // kind token
    const struct secret *client_secret; // kind oauth
    const struct secret *access;
    const struct secret *refresh;
};

enum { CONNECTIONS_MAX = 10000 };

// Texts into `arena`.
bool connection_find(struct store *s, struct str name, struct arena *arena, struct connection *ret,
                     struct error *err) MUST_CHECK;
// All, by name.
bool connection_list(struct store *s, struct arena *arena, struct connection **ret, size_t *ret_n,
                     struct error *err) MUST_CHECK;
// Writes the connection and its secrets, over a former one of that name, whose account_id and label
// stay where these are empty. What failed for want of this grant is asked for again (runs.h). One
// transaction, or within that of store_begin.
bool connection_put(struct store *s, struct sealing *sealing, const struct connection *c,
                    const struct connection_secrets *secrets, struct error *err) MUST_CHECK;
// Writes an event of its workspace: "connection.created", "connection.reauthorized"...
bool connection_tell(struct store *s, const struct connection *c, const char *kind,
                     struct error *err) MUST_CHECK;
// Forgets the connection, its secrets and its budget; *ret_found: whether there was one.
bool connection_remove(struct store *s, struct str name, bool *ret_found,
                       struct error *err) MUST_CHECK;
// HubSpot refuses its credential: it waits to be authorized anew. Only while it is as it was at
// `seen_ms`, its updated_ms: a credential that came meanwhile is another one. *ret: whether it
// waits now.
bool connection_refuse(struct store *s, struct str name, int64_t seen_ms, bool *ret,
                       struct error *err) MUST_CHECK;
// One secret: "token", "client_secret", "access_token", "refresh_token". *ret is NULL when the
// connection has none of that name.
bool connection_secret(struct store *s, struct sealing *sealing, struct str name, const char *what,
                       struct secret **ret, struct error *err) MUST_CHECK;

// The tokens of an OAuth connection as hubspot/credential.h wants them. Borrows a store handle for
// each call, or owns one, so that any thread may be the one that renews.
struct connection_tokens;
struct connection_tokens_options {
    struct store_options store;
    struct str key_file;
    struct store_pool *pool; // of that store, which outlives the tokens; NULL: a handle of its own
    struct str name;
    // What the connection was when it was opened; 0 and empty: not known. When somebody logs out
    // and in again meanwhile, with another account or app, its tokens are not given out:
    // ACCOUNT_CHANGED.
    int64_t portal_id;
    struct str client_id;
};
bool connection_tokens_open(const struct connection_tokens_options *options,
                            struct connection_tokens **ret, struct error *err) MUST_CHECK;
void connection_tokens_close(struct connection_tokens *t); // takes NULL
struct token_store connection_token_store(struct connection_tokens *t);
