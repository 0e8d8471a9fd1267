// ELT syncs: which connection loads into which schema, how often.
//
// Errors: STORE, STORE_BUSY, STORE_FULL; NOT_FOUND; CONFLICT. Texts are returned in the arena of
// the caller. Functions join the transaction that is open, or make their own.
// Threads: those of the store.
#pragma once

#include "store/store.h"

enum { SYNCS_PER_CONNECTION_MAX = 10000, SYNC_SETTINGS_TEXT_MAX = 64 * 1024 };

// Pages of a list, newest first: what comes after (is older than) that place.
struct page_place {
    int64_t at_ms;
    struct str id; // empty: from the start
};
struct page_query {
    struct str account_id;
    struct str owner_id; // of syncs: their connection, of streams: their sync; empty: all
    struct page_place after;
    size_t max; // the list returns one more when there is more
};

struct elt_sync {
    struct str id;
    struct str account_id;
    struct str connection_id;
    struct str destination_id;
    struct str schema_name;
    bool one_schema;          // to be told when made: the destination has one, whatever its name
    struct str schema_key;    // made: equal in all syncs that load into one schema
    struct str sync_interval; // checked by the caller (engine/cron.h)
    struct str settings;      // a JSON object; "{}" when there are none
    int64_t start_ms;         // only records modified since; 0: everything
    bool enabled;
    bool started;        // it has been enabled once
    int64_t next_due_ms; // 0: not scheduled
    int64_t created_ms, updated_ms;
    // From other tables, when read:
    struct str source_integration_id;
    struct str destination_integration_id;
    bool needs_reauthorization; // its connection does
    bool failing;               // the last run of one of its streams failed
};

// Fills id, times and schema_key. CONFLICT when the connection has SYNCS_PER_CONNECTION_MAX, or
// when a sync of another connection loads into the same schema of the same destination (their data
// would mix), or spells its name otherwise.
bool elt_sync_create(struct store *s, struct elt_sync *sync, struct arena *arena,
                     struct error *err) MUST_CHECK;
bool elt_sync_find(struct store *s, struct str account_id, struct str id, struct arena *arena,
                   struct elt_sync *ret, struct error *err) MUST_CHECK;
// Nobody else changes the sync or its streams until the transaction ends. Before what decides about
// a change is read.
bool elt_sync_lock(struct store *s, struct str account_id, struct str id,
                   struct error *err) MUST_CHECK;
// The oldest other sync that loads into the same schema; *ret_found false: there is none. In a
// transaction: until its end nobody makes or changes one of them who looks here, too.
bool elt_sync_neighbour(struct store *s, const struct elt_sync *sync, struct arena *arena,
                        struct elt_sync *ret, bool *ret_found, struct error *err) MUST_CHECK;
// *ret_n may be q->max + 1: there is more.
bool elt_sync_list(struct store *s, const struct page_query *q, struct arena *arena,
                   struct elt_sync **ret, size_t *ret_n, struct error *err) MUST_CHECK;
// Writes settings, sync_interval and next_due_ms.
bool elt_sync_update(struct store *s, const struct elt_sync *sync, struct error *err) MUST_CHECK;
// Disabling lets runs that are under way go on, and takes back those that only wait to begin.
bool elt_sync_enable(struct store *s, struct str account_id, struct str id, bool enabled,
                     int64_t next_due_ms, struct error *err) MUST_CHECK;
// With its streams, runs and events. Active runs are told to end (see runs.h); CONFLICT while one
// is running, so the caller cancels, waits and tries again.
bool elt_sync_remove(struct store *s, struct str account_id, struct str id,
                     struct error *err) MUST_CHECK;

// Enabled syncs that are due, earliest first, whose connection is active. In a transaction; others
// skip what is given here.
struct due_query {
    int64_t now_ms;
    size_t max;
};
bool elt_sync_take_due(struct store *s, const struct due_query *q, struct arena *arena,
                       struct elt_sync **ret, size_t *ret_n, struct error *err) MUST_CHECK;
bool elt_sync_set_due(struct store *s, struct str id, int64_t next_due_ms,
                      struct error *err) MUST_CHECK;
// Writes next_due_ms of all of them, in one statement; those that are gone are passed over.
bool elt_sync_set_all_due(struct store *s, const struct elt_sync *syncs, size_t n,
                          struct error *err) MUST_CHECK;
