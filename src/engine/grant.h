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
    int64_t timeout_ms;                    // of one look; 0: as long as the calls may take
};
// What was granted; secrets are owned.
struct grant {
    struct connection connection;
    struct secret *token; // of a private app; NULL with OAuth
    struct secret *client_secret;
    struct oauth_tokens tokens;
    struct error untold; // why HubSpot did not say the scopes; OK: it did, or it never does
};
void grant_done(struct grant *g);
// Asks HubSpot what the tokens stand for and proves that they work: fills portal, app, user and
// scopes of g->connection. Scopes stay empty where HubSpot does not say. Texts into `arena`.
// With timeout_ms, SOURCE_UNAVAILABLE once it has passed.
bool grant_look(const struct grant_context *x, struct grant *g, struct arena *arena,
                struct error *err) MUST_CHECK;
// What the person is sent to HubSpot with.
struct grant_ask {
    struct str page; // "https://app.hubspot.com/oauth/authorize"
    struct str client_id;
    struct str redirect_uri;
    struct str scopes; // required; with a space between
    struct str optional_scopes;
    const struct secret *state;
    const struct secret *verifier; // of PKCE
};
// The address of HubSpot's page of consent, into `arena`. Errors: CONFIG when it grows too long.
bool grant_authorize_url(const struct grant_ask *a, struct arena *arena, struct str *ret,
                         struct error *err) MUST_CHECK;
// A code for tokens, which it fills together with g->connection.issued_ms and expires_ms.
// g->connection says client id and version, g->client_secret the secret.
bool grant_exchange(const struct grant_context *x, struct grant *g, const struct secret *code,
                    struct str redirect_uri, const struct secret *verifier,
                    struct error *err) MUST_CHECK;
// Tells HubSpot that the refresh token is to die. REAUTHORIZE: it was dead already.
bool grant_revoke(const struct grant_context *x, const struct connection *c,
                  const struct secret *client_secret, const struct secret *refresh,
                  struct error *err) MUST_CHECK;
// The scopes that all streams need, and "oauth"; a space between. Into `arena`.
struct str grant_default_scopes(struct arena *arena);
// Of what one stream needs (a list with spaces), what is not in `granted`. Into `arena`.
struct str grant_missing_scopes(struct str needed, struct str granted, struct arena *arena);
