// ELT streams and the runs of a sync's streams, as the API shows them. For the files of this room.
#pragma once

#include "api/api.h"
#include "store/ids.h"
#include "store/runs.h"

// What the names of run_status_name and run_trigger_name may be.
#define RUN_STATES "SCHEDULED|RUNNING|RETRYING|DELAYED|COMPLETED|FAILED"
#define RUN_TRIGGERS                                                                               \
    "NONE|INITIAL_SYNC|ALWAYS_FULL|MIDNIGHT|USER|SCHEMA_CHANGE|LOOKBACK|MIGRATION|ERROR"

// What EltStream is written from.
struct stream_view {
    struct str id, elt_sync_id, name, incremental_pointer_id;
    bool full_sync_at_midnight, full_sync_always, protected_from_full_sync, enabled_history_table;
    bool full_refresh_requested, reset_history_table_requested;
    struct api_strings excluded_substreams, excluded_columns, hashed_columns;
    int64_t created_ms, updated_ms;
};
extern const struct api_shape ELT_STREAM_SHAPE;
// Of n streams. Into `arena`.
struct api_objects stream_views(const struct elt_stream *streams, size_t n, struct arena *arena);

// The sync that the first path argument names; locked when the call changes something. False: the
// call has been answered (404).
bool call_sync(struct api_call *c, struct elt_sync *ret) MUST_CHECK;
// The page that a list was asked for. False: the call has been answered (400).
bool call_page(struct api_call *c, struct page_query *ret) MUST_CHECK;
// Cancels all active runs of a sync, or of one of its streams (`stream_id` not empty), and waits
// some seconds until none runs. False: the call has been answered, with 409 and active_run_id when
// one still runs. For calls outside a transaction.
bool call_settle_runs(struct api_call *c, struct str sync_id, struct str stream_id) MUST_CHECK;
// Streams stay in the sync while what it has made is taken away: one that goes meanwhile could come
// into another sync, whose tables these then are. False: the call has been answered, with 409 when
// a removal goes on for long. *ret is released by the caller.
bool call_removal_enter(struct api_call *c, struct str sync_id, struct store_lock **ret) MUST_CHECK;
// Whether a boolean query parameter says yes.
bool call_flag(const struct api_call *c, const char *name);
