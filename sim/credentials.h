// Everything that somebody shows to prove something: tokens, codes, the one-time tokens of consent
// forms. A table by text; what ran out long ago is forgotten by itself. Not thread-safe: apps.c
// locks.
#pragma once

#include "core/arena.h"

struct app;

enum credential_kind {
    CREDENTIAL_PRIVATE, // a private app's token: does not run out
    CREDENTIAL_CONSENT, // hidden in the form of a consent page
    CREDENTIAL_CODE,
    CREDENTIAL_REFRESH, // does not run out
    CREDENTIAL_ACCESS,
};

// What a user was asked for, and in the end granted. Lives as long as the simulator; texts too.
struct grant {
    const struct app *app;
    struct str redirect_uri;
    struct str required; // scopes asked for, separated by spaces
    struct str optional; // scopes that the user may leave out
    struct str state;
    struct str challenge; // of PKCE; empty: none
    bool s256;            // its method; otherwise plain
    struct str scopes;    // granted
    bool all_scopes;      // every scope there is, and those there will be
    bool revoked;         // the refresh token is dead; access tokens live on until they run out
    bool uninstalled;     // everything is dead
    int64_t user_id;
};

struct credential {
    struct credential *next;
    uint64_t hash;
    enum credential_kind kind;
    bool spent; // used once, where once is all there is, or replaced
    struct grant *grant;
    int64_t created_ms;
    int64_t expires_ms; // INT64_MAX: never
    size_t len;
    char text[];
};

struct credentials {
    struct credential **buckets;
    size_t n_buckets;
    size_t n;
    size_t purge_at; // number of credentials at which old ones are looked for
};

// How long a credential that ran out is still known, so that its user can be told so.
enum { CREDENTIAL_MEMORY_MS = 24 * 3600 * 1000 };

void credentials_init(struct credentials *t);
void credentials_done(struct credentials *t);
// NULL: unknown.
struct credential *credentials_find(const struct credentials *t, struct str text);
// `text` must be new. Credentials that ran out long ago are forgotten on the way.
struct credential *credentials_add(struct credentials *t, enum credential_kind kind,
                                   struct str text, struct grant *grant, int64_t now_ms,
                                   int64_t life_ms);
// Fresh unguessable texts in the arena: of URL-safe characters, and with a hublet in front.
struct str credential_random(struct arena *arena, size_t bytes);
struct str credential_random_uuid(struct arena *arena, const char *prefix);
