// What somebody has granted: looking at tokens before they are stored. Shared by `sluice login` and
// the server's authorize page.
//
// Errors: CREDENTIALS, REAUTHORIZE, SCOPE, SOURCE_DATA, and those of calls to HubSpot.
// Threads: one a call.
#pragma once

#include "core/log.h"
#include "hubspot/oauth.h"
#include "hubspot/request_log.h"
#include "store/connections.h"

struct grant_context {
    struct str base_url; // checked
    const struct clock *clock;
    const struct cancel *cancel;           // may be NULL
    const struct request_log *request_log; // may be NULL
    const struct log *log;                 // may be NULL
    struct str name;                       // of the connection, for the request log
};
// What was granted; secrets are owned.
struct grant {
    struct connection connection;
    struct secret *token; // of a private app; NULL with OAuth
    struct secret *client_secret;
    struct oauth_tokens tokens;
};
void grant_done(struct grant *g);
// Asks HubSpot what the tokens stand for and proves that they work: fills portal, app, user and
// scopes of g->connection. Scopes stay empty where HubSpot does not say. Texts into `arena`.
bool grant_look(const struct grant_context *x, struct grant *g, struct arena *arena,
                struct error *err) MUST_CHECK;
// The scopes that all streams need, and "oauth"; a space between. Into `arena`.
struct str grant_default_scopes(struct arena *arena);
// Of what one stream needs (a list with spaces), what is not in `granted`. Into `arena`.
struct str grant_missing_scopes(struct str needed, struct str granted, struct arena *arena);
