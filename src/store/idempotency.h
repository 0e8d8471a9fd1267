// Answers that were given to requests with an Idempotency-Key, kept for a day.
//
// Errors: STORE, STORE_BUSY, STORE_FULL. Threads: those of the store.
#pragma once

#include "store/store.h"

enum { IDEMPOTENCY_KEEP_MS = 24 * 3600 * 1000, IDEMPOTENCY_KEY_MAX = 255, IDEMPOTENCY_HASH = 32 };

struct idempotent_answer {
    struct str request_hash; // IDEMPOTENCY_HASH bytes: of method, path and body
    int status;              // 0: there is no answer
    struct str body;         // JSON; empty for none
};
// ret->status is 0 when there is none of that key within a day. Into `arena`.
bool idempotency_find(struct store *s, struct str account_id, struct str key, struct arena *arena,
                      struct idempotent_answer *ret, struct error *err) MUST_CHECK;
// In the transaction of what was answered. CONFLICT when another request with this key came first.
bool idempotency_put(struct store *s, struct str account_id, struct str key,
                     const struct idempotent_answer *a, struct error *err) MUST_CHECK;
// Those older than a day; a bounded number a call.
bool idempotency_forget_old(struct store *s, struct error *err) MUST_CHECK;
