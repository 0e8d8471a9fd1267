// Making connections: looking at what somebody granted, and storing it. Shared by POST /connections
// and the authorize page.
//
// Calls to HubSpot hold the thread that makes them, so each is bounded in time and only a few are
// made at once, by all processes that share the data directory. Threads: as api/api.h; no
// transaction may be open around functions that call HubSpot.
#pragma once

#include "api/api.h"
#include "engine/grant.h"
#include "store/bridges.h"

#define CONNECTION_INTEGRATION "hubspot-v2"
enum {
    CONNECT_TIMEOUT_MS = 20 * 1000,
    CONNECT_TOKEN_MAX = 4096, // bytes of a private app's token
    CONNECTION_LABEL_MAX = 255,
};

// The right to call HubSpot, or a database to be tried, now. Errors: STORE_BUSY when too many do.
bool connect_enter(struct api_call *c, struct store_lock **ret, struct error *err) MUST_CHECK;
void connect_leave(struct store_lock *l); // takes NULL

// What grant_look and its like take, for a connection of that name.
struct grant_context connect_context(struct api_call *c, struct str name);
// The scopes that a stream needs, with a space between; of a stream of pairs, those of both sides.
struct source_stream_info;
struct str connect_stream_scopes(const struct source_stream_info *info, struct arena *arena);
// Whether any stream could be loaded with what was granted (where HubSpot did not say, yes); SCOPE
// with what is missing.
bool connect_check_scopes(const struct connection *k, struct arena *arena,
                          struct error *err) MUST_CHECK;

// The whole way with a private app's token: looked at, then stored. `bridge` may be NULL; with one
// that reauthorizes its connection goes on with this token. Errors: CREDENTIALS with HubSpot's
// words when it refuses, SCOPE when no stream could be loaded, and those of the other functions.
struct connect_token {
    struct str label;
    struct str token;
    const struct bridge *bridge;
};
bool connect_with_token(struct api_call *c, const struct connect_token *t, struct connection **ret,
                        struct error *err) MUST_CHECK;

// Forgets the connection, then tells HubSpot that its grant is to end (where that fails, the log
// says so). CONFLICT while a sync uses it.
bool connect_forget(struct api_call *c, const struct connection *k, struct error *err) MUST_CHECK;

// The connection of the workspace; NOT_FOUND, also for names that cannot be one.
bool connect_find(struct api_call *c, struct str name, struct connection *ret,
                  struct error *err) MUST_CHECK;

// Stores what was looked at, in one transaction: the connection (g->connection, whose name is
// filled when it is empty: a new one), the end of the bridge (NULL: there is none), the event. A
// connection that is authorized anew keeps its account: ACCOUNT_CHANGED for another one. CONFLICT
// when the bridge was ended meanwhile.
bool connect_store(struct api_call *c, struct grant *g, const struct bridge *bridge,
                   struct error *err) MUST_CHECK;
