// What tasks of a process share: open connections and destinations. Internal to the engine.
#pragma once

#include "destination/destination.h"
#include "engine/elt_settings.h"
#include "engine/shelf.h"
#include "engine/task.h"
#include "source/hubspot/source_hubspot.h"
#include "store/connections.h"

#include <pthread.h>

struct task_pool {
    struct task_pool_options options;
    struct shelf *accounts;     // struct account, by connection and settings
    struct shelf *destinations; // struct destination, by URL, schema and metadata columns
    struct page_gate *gate;     // NULL: with few tasks at once it is not needed
    pthread_mutex_t lock;       // guards the list
    struct task *tasks;         // all there are (task.c)
};

// An open connection.
struct account {
    struct arena arena;
    struct str name;
    struct str stamp;      // of the row that it was opened from, as far as it matters
    struct secret *secret; // token or client secret
    struct credential *credential;
    struct connection_tokens *tokens;
    struct source *source;
};

// The account of a connection, from the shelf. Reads the connection's row first, so that one that
// was authorized anew meanwhile is opened anew. Errors: those of the store, CONFIG, CREDENTIALS,
// REAUTHORIZE, and those of calls to HubSpot.
bool task_account_take(struct task_pool *p, struct str connection,
                       const struct elt_settings *settings, const struct cancel *cancel,
                       struct account **ret, struct error *err) MUST_CHECK;
void task_account_give(struct task_pool *p, struct account *a, const struct error *failed);

// A destination of the store, from the shelf.
struct task_destination {
    struct str id; // of the stored destination
    struct str schema;
    struct str schema_key; // of syncs that load into one schema the same: they share what is open
    struct metadata_columns metadata;
};
bool task_destination_take(struct task_pool *p, const struct task_destination *which,
                           const struct cancel *cancel, struct destination **ret,
                           struct error *err) MUST_CHECK;
void task_destination_give(struct task_pool *p, struct destination *d, const struct error *failed);

// task.c: what the connection's streams wait for at this moment.
struct task_waits {
    int64_t waiting;
    const char *waiting_for; // of one of them; NULL: none waits
    int64_t waiting_until_ms;
};
struct task_waits task_pool_waits(struct task_pool *p, struct str connection);
