// What signs the calls of one connection: a token that stays as it is (private app, service key),
// or an OAuth access token that is renewed before it ends.
//
// One struct credential serves all threads of a process that call HubSpot for the connection, for
// whatever they call. Each fetches the bearer before every send and reports a 401 with the
// generation of the token that was refused:
//
//     credential_bearer(c, &header, &generation, &err)  ... send ...  401:
//     if (credential_refused(c, generation, &err)) send once more with a new bearer, else give up
//
// The OAuth kind renews at 75 % of the token's life. One thread of one process renews at a time:
// threads with a living token go on with it, those whose token is dead wait for the outcome, and
// processes that share a store take turns by its lock and use what another one has stored. A new
// token is stored before it is used. A refresh token that HubSpot no longer accepts is tried once;
// the state is stored, and every later call fails at once with REAUTHORIZE until somebody has
// logged in again, which is noticed without a restart.
// Threads: all functions but destroy from any thread.
#pragma once

#include "core/cancel.h"
#include "core/log.h"
#include "core/secret.h"
#include "hubspot/oauth.h"

struct credential;

// Takes the token over. Generation 1 for ever.
struct credential *credential_static(struct secret *token);

// One connection's tokens as they are stored.
struct token_set {
    struct secret *access; // NULL: none yet
    struct secret *refresh;
    int64_t issued_ms;  // wall clock: when the answer was asked for
    int64_t expires_ms; // wall clock
    bool needs_reauthorization;
};
void token_set_done(struct token_set *t); // destroys the secrets, empties

// Where tokens live, across processes. The functions are called by one thread at a time.
struct token_store {
    // Fills *ret; the secrets become the caller's. ACCOUNT_CHANGED when what is stored is no longer
    // for the account and app that the credential was made for.
    bool (*load)(void *user, struct token_set *ret, struct error *err) MUST_CHECK;
    // Durable when it returns true.
    bool (*save)(void *user, const struct token_set *t, struct error *err) MUST_CHECK;
    // Excludes all other holders of this connection's lock, in this process and in others; waits
    // for them a bounded time. The lock ends with its process, however that ends.
    bool (*lock)(void *user, struct error *err) MUST_CHECK;
    void (*unlock)(void *user);
    void *user;
};

// What is known about the account and the app that a credential belongs to. Texts live as long as
// the credential.
struct credential_facts {
    int64_t portal_id; // 0: not known
    struct str app;    // client id, or the id of a private app; empty: not known
    struct str scopes; // with a space between; empty: not known
    struct str name;   // of the connection; empty: none
};

struct credential_oauth_options {
    struct oauth_app app; // the texts are copied, the secret too
    struct credential_facts facts;
    struct token_store store; // must outlive the credential
    const struct clock *clock;
    const struct log *log;                 // may be NULL
    const struct cancel *cancel;           // ends waits; may be NULL
    const struct request_log *request_log; // of the token endpoint's exchanges; may be NULL
};
// Reads the tokens when they are first needed.
struct credential *credential_oauth(const struct credential_oauth_options *options);
void credential_destroy(struct credential *c); // takes NULL; nobody may be in a call

// For a static credential: what a look-up has found out about its token. Copied. Before any other
// thread uses it.
void credential_set_facts(struct credential *c, const struct credential_facts *facts);
bool credential_is_static(const struct credential *c);
void credential_facts(const struct credential *c, struct credential_facts *ret);

// Appends "Bearer ..." and tells which token it is. Errors: REAUTHORIZE; ACCOUNT_CHANGED when the
// tokens have become those of another account, which are never used; what the token endpoint or
// the store answered when the token is dead and could not be renewed; INTERRUPTED.
bool credential_bearer(struct credential *c, struct buf *authorization, uint64_t *ret_generation,
                       struct error *err) MUST_CHECK;
// HubSpot answered 401 to the token of that generation. True: there is another one now, repeat the
// call with it. False: CREDENTIALS for a static token or when a token was refused right after it
// was issued; REAUTHORIZE; what kept the renewal from succeeding.
bool credential_refused(struct credential *c, uint64_t generation, struct error *err) MUST_CHECK;
// Overwrites the tokens in a text that others wrote (error pages quote requests) with '*': those in
// use and the one before. True when one was there.
bool credential_mask(struct credential *c, char *text, size_t len);
// How many tokens were asked for at the token endpoint by this credential, failures included.
uint64_t credential_refreshes(struct credential *c);
