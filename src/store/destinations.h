// Destinations of a workspace: where syncs load to. The URL is sealed (it may hold a password).
//
// Errors: STORE, STORE_BUSY, STORE_FULL, KEY; NOT_FOUND; CONFLICT for one that syncs still use.
// Threads: those of the store.
#pragma once

#include "store/sealing.h"

enum { DESTINATIONS_MAX = 1000, DESTINATION_URL_MAX = 4096 };

struct stored_destination {
    struct str id;
    struct str account_id;
    struct str integration_id; // "sqlite", "postgres"
    struct str label;
    struct str url_shown; // passwords masked
    bool is_default;
    int64_t created_ms, updated_ms;
};

// Makes one out of account_id, label, is_default and the URL, which must have been checked
// (destination_url_check); fills the rest. A new default takes the place of the former one.
// Where the key that sealed it is lost (key_loss.h), the one of that URL gets it back instead.
bool stored_destination_create(struct store *s, struct sealing *sealing, const struct secret *url,
                               struct stored_destination *d, struct arena *arena,
                               struct error *err) MUST_CHECK;
// Seals the URL of one that has lost it.
bool stored_destination_restore(struct store *s, struct sealing *sealing, struct str id,
                                const struct secret *url, struct error *err) MUST_CHECK;
// The one of the URL `from` has the URL `to` from now on; nothing when there is none.
struct destination_move {
    struct str account_id;
    const struct secret *from, *to;
};
bool stored_destination_move(struct store *s, struct sealing *sealing,
                             const struct destination_move *m, struct error *err) MUST_CHECK;
// The workspace's default is the one with this URL from now on, made if it is not there. Syncs keep
// the destination they were made with. Takes d->account_id, fills the rest.
bool stored_destination_set_default(struct store *s, struct sealing *sealing,
                                    const struct secret *url, struct stored_destination *d,
                                    struct arena *arena, struct error *err) MUST_CHECK;
bool stored_destination_default(struct store *s, struct str account_id, struct arena *arena,
                                struct stored_destination *ret, struct error *err) MUST_CHECK;
bool stored_destination_find(struct store *s, struct str account_id, struct str id,
                             struct arena *arena, struct stored_destination *ret,
                             struct error *err) MUST_CHECK;
// Oldest first. Into `arena`.
bool stored_destination_list(struct store *s, struct str account_id, struct arena *arena,
                             struct stored_destination **ret, size_t *ret_n,
                             struct error *err) MUST_CHECK;
// The caller's.
bool stored_destination_url(struct store *s, struct sealing *sealing, struct str id,
                            struct secret **ret, struct error *err) MUST_CHECK;
// CONFLICT when a sync loads into it, or when it is the default.
bool stored_destination_remove(struct store *s, struct str account_id, struct str id,
                               struct error *err) MUST_CHECK;
