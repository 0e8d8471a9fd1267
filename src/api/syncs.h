// ELT syncs, as the API shows them, and the operations whose table is in syncs.c. For the files of
// this room.
#pragma once

#include "api/streams.h"

// What EltSync is written from.
struct sync_view {
    struct str id, account_id;
    struct str source_connection_id, source_integration_id;
    struct str destination_connection_id, destination_integration_id;
    struct str destination_schema_name;
    struct str config; // JSON
    bool enabled;
    struct str status, sync_interval;
    int64_t start_ms;
    struct api_objects source_streams;
    int64_t next_run_ms;
    int64_t created_ms, updated_ms;
};
extern const struct api_shape ELT_SYNC_SHAPE;
// Reads the streams of the syncs from the store. *ret: as many as there are syncs.
bool sync_views(struct api_call *c, const struct elt_sync *syncs, size_t n, struct sync_view **ret,
                struct error *err) MUST_CHECK;
bool sync_view_fill(struct api_call *c, const struct elt_sync *sync, struct sync_view *ret,
                    struct error *err) MUST_CHECK;

// What POST /elt_syncs takes.
struct sync_create_body {
    struct str connection_id, destination_schema_name, sync_interval, elt_settings, destination_id;
    int64_t start_ms;
};
extern const struct api_shape ELT_SYNC_CREATE_SHAPE;
// What POST /elt_syncs/{id} takes; the last two only to be the same as before.
struct sync_update_body {
    struct str sync_interval, elt_settings;
    struct str connection_id, destination_schema_name;
};
extern const struct api_shape ELT_SYNC_UPDATE_SHAPE;

// Checks settings and interval together: when the sync would be due next. Errors: CONFIG, which
// name the field.
bool sync_check_interval(struct api_call *c, struct str interval, struct str settings,
                         int64_t *ret_next_due_ms, struct error *err) MUST_CHECK;

// Whether the sync may load into its schema together with those that do: CONFLICT when a setting
// that the tables depend on is not the same. In the transaction that makes or changes it.
bool sync_check_neighbours(struct api_call *c, const struct elt_sync *sync,
                           struct error *err) MUST_CHECK;

// Adds "sync.created" and the like to what followers of events see. Last in a transaction.
bool sync_tell(struct api_call *c, const char *kind, const struct elt_sync *sync,
               struct error *err) MUST_CHECK;

// Handlers that other files have.
void create_sync(struct api_call *c);
void delete_sync(struct api_call *c);
void get_sync_status(struct api_call *c);
void list_available_streams(struct api_call *c);
void list_available_streams_as_before(struct api_call *c);
void put_source_streams(struct api_call *c);
extern const struct api_shape ELT_SYNC_STATUS_SHAPE;
extern const struct api_shape AVAILABLE_STREAM_SHAPE;
extern const struct api_shape SOURCE_STREAMS_SHAPE;  // what is put
extern const struct api_shape ELT_STREAM_LIST_SHAPE; // {"source_streams": [EltStream]}
