// HubSpot's OAuth: the authorize URL and its callback, the token endpoint, introspection and
// revocation. Building and decoding are pure; the oauth_call_ functions do one exchange over the
// network each.
//
// Requests are form-encoded; nothing secret is put into a URL where the version offers a body.
// Every input is bounded, and no error quotes a token, a code or a secret.
// Threads: pure functions any; an oauth_caller belongs to one thread at a time.
#pragma once

#include "core/arena.h"
#include "core/cancel.h"
#include "core/clock.h"
#include "core/error.h"
#include "core/secret.h"

enum {
    OAUTH_TOKEN_MAX = 8192, // bytes of a token; HubSpot asks for room for 512 characters
    OAUTH_CODE_MAX = 2048,
    OAUTH_SCOPES_MAX = 1000,         // scopes of one token
    OAUTH_SCOPES_BYTES = 32 * 1024,  // their names, spaces included
    OAUTH_ANSWER_BYTES = 256 * 1024, // an answer's body
    OAUTH_CHALLENGE_MAX = 44,        // 32 bytes in base64url, and a NUL
};

// Versions of the OAuth endpoints. v1 stops working on 16 Feb 2027.
enum oauth_version { OAUTH_V1, OAUTH_V3, OAUTH_2026_03, OAUTH_2026_09, OAUTH_VERSION_COUNT };
const char *oauth_version_name(enum oauth_version v); // "v1", "v3", "2026-03", "2026-09"
bool oauth_version_parse(struct str s, enum oauth_version *ret);

// A registered app at one API. Texts and secret are borrowed.
struct oauth_app {
    struct str base_url; // checked by url_check_base
    struct str client_id;
    const struct secret *client_secret;
    enum oauth_version version;
};

// ---- the person's part: authorize URL, callback

struct oauth_authorize {
    struct str page; // "https://app.hubspot.com/oauth/authorize"
    struct str client_id;
    struct str redirect_uri;
    struct str scopes; // with a space between
    struct str optional_scopes;
    struct str state;
    struct str challenge; // of PKCE; empty: none
};
void oauth_authorize_url(struct buf *out, const struct oauth_authorize *a);

// 32 random bytes in base64url: states and PKCE verifiers.
void oauth_random_text(char out[OAUTH_CHALLENGE_MAX]);
// PKCE's S256: base64url of the SHA-256 of the verifier.
void oauth_challenge(struct str verifier, char out[OAUTH_CHALLENGE_MAX]);

// What HubSpot sent the browser back with.
struct oauth_callback {
    struct str code; // empty on denial
    struct str state;
    struct str error; // "access_denied"
    struct str error_description;
};
// Reads the query behind the '?' strictly: escapes must be right, none of the four may come twice,
// there must be a state, and either a code or an error. Into `arena`. Errors: LOGIN.
bool oauth_callback_decode(struct str query, struct arena *arena, struct oauth_callback *ret,
                           struct error *err) MUST_CHECK;

// ---- the app's part

enum oauth_call_kind {
    OAUTH_EXCHANGE,     // a code for tokens
    OAUTH_REFRESH,      // a refresh token for tokens
    OAUTH_INTROSPECT,   // what an access token stands for
    OAUTH_REVOKE,       // a refresh token dies
    OAUTH_PRIVATE_INFO, // what a private app's token stands for
    OAUTH_CALL_COUNT
};
struct oauth_request {
    enum oauth_call_kind kind;
    struct str code, redirect_uri, verifier; // EXCHANGE; verifier may be empty
    const struct secret *token;              // all others
};
// The request as it is sent: method ("POST"), URL, content type, body. `url` and `body` hold
// secrets.
struct oauth_wire {
    const char *method;
    const char *content_type; // NULL: no body
    struct buf url;
    struct buf body;
    const struct secret *bearer; // NULL: no Authorization header
};
void oauth_wire_init(struct oauth_wire *w);
void oauth_wire_done(struct oauth_wire *w); // wipes
bool oauth_wire_build(const struct oauth_app *app, const struct oauth_request *r,
                      struct oauth_wire *w, struct error *err) MUST_CHECK;

// Answer of EXCHANGE and REFRESH. oauth_tokens_done destroys the secrets.
struct oauth_tokens {
    struct secret *access;
    struct secret *refresh; // NULL: the answer had none; the one sent stays good
    int64_t expires_in_ms;  // half an hour when the answer does not say or says nonsense
    int64_t portal_id;      // 0: not said
};
bool oauth_tokens_decode(struct str body, struct oauth_tokens *ret, struct error *err) MUST_CHECK;
void oauth_tokens_done(struct oauth_tokens *t);

// Answer of INTROSPECT and PRIVATE_INFO. Texts in the arena.
struct oauth_facts {
    bool active;
    int64_t portal_id; // 0: not said
    int64_t app_id;
    int64_t expires_in_ms; // 0: not said
    struct str user;
    struct str scopes; // with a space between; empty: not said, or more than are kept
};
bool oauth_facts_decode(enum oauth_call_kind kind, struct str body, struct arena *arena,
                        struct oauth_facts *ret, struct error *err) MUST_CHECK;

// The error of an answer with status >= 300, from RFC 6749's fields and HubSpot's older ones, with
// the way out. Codes: REAUTHORIZE (refresh token dead), LOGIN (code used or stale), OAUTH_APP
// (client id, secret, redirect URI, scopes), CREDENTIALS, or by status as for any other call.
bool oauth_failure(const struct oauth_request *r, const struct oauth_app *app, int status,
                   struct str body, struct error *err);

// Whether an answer, whatever its status, is an error in the form of those two.
bool oauth_says_failure(struct str body);
// The text without what the request and the app hold that is secret, in plain or as in a form: '*'
// stands in its place. Into `arena`.
struct str oauth_masked(const struct oauth_request *r, const struct oauth_app *app, struct str text,
                        struct arena *arena);

// ---- over the network

struct request_log;
struct oauth_caller_options {
    const struct clock *clock;
    const struct cancel *cancel; // ends waits; may be NULL
    const struct request_log
        *request_log;      // of every exchange; may be NULL. Must outlive the caller.
    struct str connection; // its name there. Borrowed.
    int64_t timeout_ms;    // of one exchange; 0: 90 s
};
struct oauth_caller;
struct oauth_caller *oauth_caller_create(const struct oauth_caller_options *options);
void oauth_caller_destroy(struct oauth_caller *c); // takes NULL

// One exchange each, sent once. err.retry_after_ms is set when HubSpot said so. Errors: those of
// oauth_failure, also for an answer of status 200 that holds an error in its body; SOURCE_DATA for
// one that cannot be read; REDIRECT; CONNECT, TLS, SOURCE_UNAVAILABLE, LIMIT; INTERRUPTED.
// EXCHANGE, REFRESH:
bool oauth_call_tokens(struct oauth_caller *c, const struct oauth_app *app,
                       const struct oauth_request *r, struct oauth_tokens *ret,
                       struct error *err) MUST_CHECK;
// INTROSPECT, PRIVATE_INFO; texts in `arena`:
bool oauth_call_facts(struct oauth_caller *c, const struct oauth_app *app,
                      const struct oauth_request *r, struct arena *arena, struct oauth_facts *ret,
                      struct error *err) MUST_CHECK;
// REVOKE:
bool oauth_call_revoke(struct oauth_caller *c, const struct oauth_app *app,
                       const struct oauth_request *r, struct error *err) MUST_CHECK;
