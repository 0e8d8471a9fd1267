// API keys: only a hash of each is stored.
//
// A key is "slk_" + 8 characters that name it (the prefix) + "_" + 43 characters of random
// base64url. Errors: STORE, STORE_BUSY, STORE_FULL; CONFIG for fields that cannot be; NOT_FOUND.
// Threads: those of the store.
#pragma once

#include "core/secret.h"
#include "store/store.h"

enum api_key_scope { API_KEY_READ, API_KEY_WRITE, API_KEY_ADMIN, API_KEY_SCOPE_COUNT };
const char *api_key_scope_name(enum api_key_scope s); // "read", "write", "admin"
bool api_key_scope_parse(struct str s, enum api_key_scope *ret);

enum { API_KEY_NAME_MAX = 255, API_KEYS_MAX = 1000, API_KEY_TEXT_MAX = 128 };

struct api_key {
    struct str id;
    struct str account_id;
    struct str name;
    struct str prefix; // "slk_1a2b3c4d"
    enum api_key_scope scope;
    int64_t created_ms;
    int64_t expires_ms;   // 0: never
    int64_t last_used_ms; // 0: not yet; to the minute
    int64_t revoked_ms;   // 0: it is not
};

// Makes one from `name`, `scope`, `account_id` and `expires_ms`; fills the rest. *ret_key is shown
// once and then gone; the caller's.
bool api_key_create(struct store *s, struct api_key *key, struct arena *arena,
                    struct secret **ret_key, struct error *err) MUST_CHECK;

enum api_key_verdict { API_KEY_GOOD, API_KEY_UNKNOWN, API_KEY_EXPIRED, API_KEY_REVOKED };
// Whose key this text is. Takes the same time for every wrong text. Notes the use, at most once a
// minute; that this fails refuses nobody.
bool api_key_verify(struct store *s, struct str text, struct arena *arena, struct api_key *ret,
                    enum api_key_verdict *ret_verdict, struct error *err) MUST_CHECK;
// Newest first, revoked ones too. Into `arena`.
bool api_key_list(struct store *s, struct str account_id, struct arena *arena, struct api_key **ret,
                  size_t *ret_n, struct error *err) MUST_CHECK;
// NOT_FOUND when there is none of that id (or prefix); no-op when it is revoked already. CONFLICT
// when it is the last admin key that still works.
bool api_key_revoke(struct store *s, struct str account_id, struct str id,
                    struct error *err) MUST_CHECK;
