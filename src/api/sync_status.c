// GET /elt_syncs/{id}/status: of each stream the run under way and the last that ended.
#include "api/syncs.h"

struct snapshot_view {
    int64_t bytes_synced, records_synced, estimated_total_count;
    int64_t started_ms, finished_ms;
    struct str run_id, status, operation_mode, full_sync_trigger;
    int64_t retry_attempt;
    int64_t next_attempt_ms;
    struct str error_code, error_message, details;
};
struct stream_status_view {
    struct str name;
    const struct snapshot_view *active_sync, *latest_sync;
};
struct sync_status_view {
    struct str elt_sync_id;
    struct api_objects source_streams;
};

#define FIELD(f) offsetof(struct snapshot_view, f)

static const struct api_field SNAPSHOT_FIELDS[] = {
    {.name = "bytes_synced",
     .type = API_INTEGER,
     .offset = FIELD(bytes_synced),
     .flags = API_REQUIRED,
     .help = "Bytes of HubSpot's answers."},
    {.name = "records_synced",
     .type = API_INTEGER,
     .offset = FIELD(records_synced),
     .flags = API_REQUIRED,
     .help = "Rows that were written."},
    {.name = "estimated_total_count",
     .type = API_INTEGER,
     .offset = FIELD(estimated_total_count),
     .flags = API_OMIT,
     .help = "How many there will be; left out while that is not known."},
    {.name = "started_at",
     .type = API_TIME,
     .offset = FIELD(started_ms),
     .flags = API_OMIT,
     .format = "date-time",
     .help = "When it began; left out while it only waits to."},
    {.name = "finished_at",
     .type = API_TIME,
     .offset = FIELD(finished_ms),
     .flags = API_OMIT,
     .format = "date-time",
     .help = "When it ended."},
    {.name = "status",
     .type = API_STRING,
     .offset = FIELD(status),
     .flags = API_REQUIRED,
     .choices = RUN_STATES,
     .help =
         "RETRYING: it failed and will be tried again. DELAYED: a limit of HubSpot's is spent."},
    {.name = "operation_mode",
     .type = API_STRING,
     .offset = FIELD(operation_mode),
     .flags = API_OMIT,
     .choices = "FULL|INCREMENTAL|APPEND",
     .help = "Left out until it begins."},
    {.name = "full_sync_trigger",
     .type = API_STRING,
     .offset = FIELD(full_sync_trigger),
     .flags = API_REQUIRED,
     .choices = RUN_TRIGGERS,
     .help = "Why it loads everything."},
    {.name = "retry_attempt",
     .type = API_INTEGER,
     .offset = FIELD(retry_attempt),
     .flags = API_REQUIRED,
     .help = "How often it has been tried again."},
    {.name = "error_message",
     .type = API_STRING,
     .offset = FIELD(error_message),
     .flags = API_OMIT,
     .help = "What went wrong, and what next."},
    {.name = "error_code",
     .type = API_STRING,
     .offset = FIELD(error_code),
     .flags = API_OMIT,
     .help = "The kind of what went wrong."},
    {.name = "details",
     .type = API_STRING,
     .offset = FIELD(details),
     .flags = API_OMIT,
     .help = "What it is doing or waiting for."},
    {.name = "next_attempt_at",
     .type = API_TIME,
     .offset = FIELD(next_attempt_ms),
     .flags = API_OMIT,
     .format = "date-time",
     .help = "When it goes on, where it waits for a time."},
    {.name = "run_id",
     .type = API_STRING,
     .offset = FIELD(run_id),
     .flags = API_REQUIRED,
     .help = "The run, as in GET /elt_stream_runs/{id}."},
};
static const struct api_shape SNAPSHOT = {
    .name = "EltStreamSyncSnapshot",
    .help = "How far a run is, or how it ended.",
    .size = sizeof(struct snapshot_view),
    .fields = SNAPSHOT_FIELDS,
    .n_fields = ARRAY_LEN(SNAPSHOT_FIELDS),
};

static const struct api_field STREAM_STATUS_FIELDS[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = offsetof(struct stream_status_view, name),
     .flags = API_REQUIRED,
     .help = "The stream's name."},
    {.name = "active_sync",
     .type = API_OBJECT,
     .offset = offsetof(struct stream_status_view, active_sync),
     .flags = API_OMIT,
     .shape = &SNAPSHOT,
     .help = "The run that is under way or waits; left out when there is none."},
    {.name = "latest_sync",
     .type = API_OBJECT,
     .offset = offsetof(struct stream_status_view, latest_sync),
     .flags = API_OMIT,
     .shape = &SNAPSHOT,
     .help = "The run that ended last; left out when none has."},
};
static const struct api_shape STREAM_STATUS = {
    .name = "EltStreamStatus",
    .help = "What goes on in a stream.",
    .size = sizeof(struct stream_status_view),
    .fields = STREAM_STATUS_FIELDS,
    .n_fields = ARRAY_LEN(STREAM_STATUS_FIELDS),
};

static const struct api_field SYNC_STATUS_FIELDS[] = {
    {.name = "elt_sync_id",
     .type = API_STRING,
     .offset = offsetof(struct sync_status_view, elt_sync_id),
     .flags = API_REQUIRED,
     .help = "The sync."},
    {.name = "source_streams",
     .type = API_OBJECTS,
     .offset = offsetof(struct sync_status_view, source_streams),
     .flags = API_REQUIRED,
     .shape = &STREAM_STATUS,
     .help = "Its streams, in the order in which they were added."},
};
const struct api_shape ELT_SYNC_STATUS_SHAPE = {
    .name = "EltSyncProgress",
    .help = "What goes on in a sync.",
    .size = sizeof(struct sync_status_view),
    .fields = SYNC_STATUS_FIELDS,
    .n_fields = ARRAY_LEN(SYNC_STATUS_FIELDS),
};

// NULL when there is no such run.
static const struct snapshot_view *snapshot(const struct stream_run_row *r, struct arena *arena)
{
    if (r->id.len == 0) {
        return NULL;
    }
    bool waits = r->status == RUN_RETRYING || r->status == RUN_DELAYED;
    struct snapshot_view *v = ARENA_NEW(arena, struct snapshot_view);
    *v = (struct snapshot_view){
        .bytes_synced = r->bytes,
        .records_synced = r->records,
        .estimated_total_count = r->estimated,
        .started_ms = r->started_ms,
        .finished_ms = r->finished_ms,
        .run_id = r->id,
        .status = str_from(run_status_name(r->status)),
        .operation_mode = str_from(run_mode_name(r->mode)),
        .full_sync_trigger = str_from(run_trigger_name(r->trigger)),
        .retry_attempt = r->retry_attempt,
        .next_attempt_ms = waits ? r->not_before_ms : 0,
        .error_code = r->error_code,
        .error_message = r->error_message,
        .details = r->details,
    };
    return v;
}

void get_sync_status(struct api_call *c)
{
    struct elt_sync sync;
    struct stream_status_row *rows = NULL;
    size_t n = 0;
    struct error err;
    if (!call_sync(c, &sync)) {
        return;
    }
    if (!stream_run_status(c->store, sync.id, c->arena, &rows, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    struct stream_status_view *streams = ARENA_ARRAY(c->arena, struct stream_status_view, n);
    for (size_t i = 0; i < n; i++) {
        streams[i] = (struct stream_status_view){rows[i].name, snapshot(&rows[i].active, c->arena),
                                                 snapshot(&rows[i].latest, c->arena)};
    }
    struct sync_status_view view = {sync.id, {streams, n}};
    api_ok(c, 200, &ELT_SYNC_STATUS_SHAPE, &view);
}
