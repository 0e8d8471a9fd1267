// Leases: who works for a connection at the moment, among all processes that share the store.
//
// A lease is held for LEASE_MS from its last renewal. Its fence grows with every new owner, so what
// a former owner still writes can be told and refused. Times are the store's clock (store_now_ms),
// so machines need not agree. Also the list of workers, with their heartbeat.
// Errors: STORE, STORE_BUSY, STORE_FULL. Threads: those of the store.
#pragma once

#include "store/store.h"

enum { LEASE_MS = 10000, LEASE_RENEW_MS = 3000, LEASE_LAID_DOWN_MS = 1500 };

struct lease {
    struct str name;  // store_check_name; "hubspot-<portal>" or "connection-<id>"
    struct str owner; // the worker's id
    int64_t fence;
    int64_t until_ms;
    bool held; // by the owner who asked for it
};

// Takes the lease when it is free, has ended or is the owner's own; else *ret is that of somebody
// else, and not `held`. Into `arena`. Within a transaction, or in its own.
bool lease_take(struct store *s, struct str name, struct str owner, struct arena *arena,
                struct lease *ret, struct error *err) MUST_CHECK;
// All leases of the owner are good for LEASE_MS from now; *ret_n: how many. One statement.
bool lease_renew_all(struct store *s, struct str owner, size_t *ret_n,
                     struct error *err) MUST_CHECK;
bool lease_release(struct store *s, struct str name, struct str owner,
                   struct error *err) MUST_CHECK;
// The owner does not need it now. Where others share the store they get it LEASE_LAID_DOWN_MS
// later, the owner at any time: what HubSpot counts by the second and tells nobody (searches) has
// passed by then, so two who follow each other do not spend the same second's limit twice.
bool lease_lay_down(struct store *s, struct str name, struct str owner,
                    struct error *err) MUST_CHECK;

// Nobody holds any: for a store that no other process can share, when it is opened. The rows stay,
// so that fences go on growing.
bool lease_release_all(struct store *s, struct error *err) MUST_CHECK;

struct worker_row {
    struct str id;
    struct str host;
    int64_t pid;
    int64_t slots, busy;
    int64_t started_ms, seen_ms;
};
// Writes the heartbeat (insert or update) and forgets workers not seen for an hour.
bool worker_beat(struct store *s, const struct worker_row *w, struct error *err) MUST_CHECK;
bool worker_remove(struct store *s, struct str id, struct error *err) MUST_CHECK;
bool worker_list(struct store *s, struct arena *arena, struct worker_row **ret, size_t *ret_n,
                 struct error *err) MUST_CHECK;
