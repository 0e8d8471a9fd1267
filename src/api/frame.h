// What the files of the API's frame share; private to them (api.c, answer.c, auth.c, cursor.c,
// idempotency.c, match.c, openapi.c, system.c, events.c).
//
// Threads: struct api is shared by the server's threads, each of its parts locked as it says; a
// struct api_frame belongs to the one that serves the request.
#pragma once

#include "api/api.h"
#include "store/idempotency.h"
#include "store/pool.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    API_SEGMENTS_MAX = 8,
    API_BODY_MAX = 1024 * 1024,
    API_HASH = 32,
    API_TEXT_MAX = 1024, // characters of a query parameter
};

// A route and what was asked of it.
struct endpoint {
    const struct api_route *route; // NULL: what no route answers
    atomic_uint_fast64_t by_class[6];
    atomic_uint_fast64_t took_us;
    size_t n_args;
};

struct keyring_cache; // auth.c
struct in_progress;   // idempotency.c
struct followers;     // followers.h

struct api {
    struct api_options options;
    struct endpoint *endpoints; // those with fewer arguments first; the last is no route's
    size_t n_endpoints;
    struct store_pool *pool;
    struct keyring_cache *keys;
    struct in_progress *in_progress;
    struct followers *followers;
    struct buf openapi;
    atomic_bool draining;
    int64_t started_us; // monotonic
};

struct api_frame {
    struct api *api;
    struct api_call call;
    struct endpoint *endpoint;
    struct json_doc *doc;
    struct str query[API_QUERY_MAX]; // of the route's table; ptr NULL: not given
    struct str key_text;             // the caller's API key
    struct str request_id;
    bool answered;
    bool wake;    // the engine, once all is committed
    bool changed; // something was committed
};

// ---- match.c

struct matched {
    struct endpoint *endpoint;                 // NULL: none
    struct str args[API_PATH_ARGS_MAX];        // decoded
    const char *methods[API_SEGMENTS_MAX * 2]; // of the path, for Allow; NULL-terminated
};
void api_match(struct api *a, const struct http_server_request *q, struct matched *ret);
// UTF-8 without control characters: what a path or query may hold.
bool api_is_plain(struct str s);

// ---- auth.c

struct keyring_cache *keyring_cache_create(void);
void keyring_cache_destroy(struct keyring_cache *k); // takes NULL
// Forgets who was let in: after a key was revoked.
void keyring_cache_clear(struct keyring_cache *k);
// Whether the caller may; answers when not.
bool api_authenticate(struct api_frame *f) MUST_CHECK;

// ---- idempotency.c

struct in_progress *in_progress_create(void);
void in_progress_destroy(struct in_progress *p); // takes NULL
struct idempotent {
    struct str key;        // empty: the request has none
    struct str stored_key; // what the store knows it by
    char hash[IDEMPOTENCY_HASH];
    bool entered;
};
// Reads the header; answers when it cannot be.
bool api_idempotent_enter(struct api_frame *f, struct idempotent *i) MUST_CHECK;
// In the transaction: true when the handler is to run; otherwise it has answered.
bool api_idempotent_begin(struct api_frame *f, struct idempotent *i) MUST_CHECK;
// In the transaction: keeps the answer. False: another request came first; it has answered.
bool api_idempotent_keep(struct api_frame *f, struct idempotent *i) MUST_CHECK;
// The same, and leaves the answer as it is.
bool api_idempotent_store(struct api_frame *f, struct idempotent *i, struct error *err) MUST_CHECK;
void api_idempotent_leave(struct api_frame *f, struct idempotent *i);

// ---- cursor.c

// Base64url without padding. False when the text is none.
struct str api_base64_make(struct arena *arena, struct str bytes);
bool api_base64_read(struct arena *arena, struct str text, struct str *ret) MUST_CHECK;

// ---- answer.c

// Forgets what was answered.
void api_unanswer(struct api_frame *f);
// Unless there is one of that name.
void api_header(struct api_call *c, const char *name, struct str value);

// ---- call.c

// Takes the call through all that stands before and after its handler.
void api_carry_out(struct api_frame *f);
// The store and sealing for this call; answers when there is none.
bool api_need_store(struct api_frame *f) MUST_CHECK;
