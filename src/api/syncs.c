// ELT syncs: the table of their operations, and the plain ones.
#include "api/syncs.h"

// ---- looking

static void list_syncs(struct api_call *c)
{
    struct page_query q;
    struct str connection_id = api_query(c, "connection_id");
    struct elt_sync *syncs = NULL;
    size_t n = 0;
    struct error err;
    struct error no_name;
    if (!call_page(c, &q)) {
        return;
    }
    q.owner_id = connection_id;
    // Nothing belongs to what cannot be a connection.
    bool possible =
        !connection_id.ptr || store_check_name("connection_id", connection_id, &no_name);
    bool ok = !possible || elt_sync_list(c->store, &q, c->arena, &syncs, &n, &err);
    struct str next = {NULL, 0};
    if (ok && n > q.max) {
        n = q.max;
        struct page_place last = {syncs[n - 1].created_ms, syncs[n - 1].id};
        next = api_cursor_make(c, &last);
    }
    struct sync_view *views = NULL;
    if (!ok || !sync_views(c, syncs, n, &views, &err)) {
        api_fail(c, &err);
        return;
    }
    api_list(c, &ELT_SYNC_SHAPE, views, n, next);
}

static void answer_sync(struct api_call *c, const struct elt_sync *sync)
{
    struct sync_view view;
    struct error err;
    if (!sync_view_fill(c, sync, &view, &err)) {
        api_fail(c, &err);
        return;
    }
    api_ok(c, 200, &ELT_SYNC_SHAPE, &view);
}

static void get_sync(struct api_call *c)
{
    struct elt_sync sync;
    if (call_sync(c, &sync)) {
        answer_sync(c, &sync);
    }
}

// ---- changing

// What cannot be changed may be sent, as long as it is what it is.
static bool check_fixed(const struct sync_update_body *b, const struct elt_sync *sync,
                        struct error *err)
{
    const struct {
        const char *name;
        struct str wanted, is;
    } fixed[] = {
        {"connection_id", b->connection_id, sync->connection_id},
        {"destination_schema_name", str_trim(b->destination_schema_name), sync->schema_name}};
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
        if (fixed[i].wanted.len > 0 && !str_eq(fixed[i].wanted, fixed[i].is)) {
            return error_set(err, ERR_CONFIG,
                             "%s cannot be changed from '%.*s' to '%.*s'; make another sync",
                             fixed[i].name, STR_ARG(fixed[i].is), STR_ARG(fixed[i].wanted));
        }
    }
    return true;
}

static bool change(struct api_call *c, const struct sync_update_body *b, struct elt_sync *sync,
                   struct error *err)
{
    int64_t next_due_ms;
    if (!check_fixed(b, sync, err)) {
        return false;
    }
    if (b->sync_interval.len > 0) {
        sync->sync_interval = str_trim(b->sync_interval);
    }
    if (b->elt_settings.len > 0) {
        sync->settings = b->elt_settings;
    }
    if (!sync_check_interval(c, sync->sync_interval, sync->settings, &next_due_ms, err)) {
        return false;
    }
    if (b->sync_interval.len > 0 || b->elt_settings.len > 0) { // else what is overdue stays so
        sync->next_due_ms = sync->enabled ? next_due_ms : 0;
    }
    return (b->elt_settings.len == 0 || sync_check_neighbours(c, sync, err)) &&
           elt_sync_update(c->store, sync, err) &&
           elt_sync_find(c->store, c->account_id, sync->id, c->arena, sync, err);
}

static void update_sync(struct api_call *c)
{
    static const struct sync_update_body NOTHING = {0};
    struct elt_sync sync;
    struct error err;
    if (!call_sync(c, &sync)) {
        return;
    }
    if (!change(c, c->body ? c->body : &NOTHING, &sync, &err)) {
        api_fail(c, &err);
        return;
    }
    api_wake(c); // it may be due sooner
    answer_sync(c, &sync);
}

// Whoever enables a sync waits for data: where a stream has never been loaded, all run at once.
static bool request_first_runs(struct api_call *c, struct elt_sync *sync, struct error *err)
{
    struct elt_stream *streams = NULL;
    size_t n = 0;
    size_t n_requested;
    bool first = false;
    if (!elt_stream_of_sync(c->store, sync->id, c->arena, &streams, &n, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        first = first || streams[i].last_completed_ms == 0;
    }
    return !first || stream_run_request_all(c->store, sync, &n_requested, err);
}

static bool enable(struct api_call *c, struct elt_sync *sync, struct error *err)
{
    int64_t next_due_ms;
    if (!sync_check_interval(c, sync->sync_interval, sync->settings, &next_due_ms, err) ||
        !elt_sync_enable(c->store, c->account_id, sync->id, true, next_due_ms, err) ||
        !elt_sync_find(c->store, c->account_id, sync->id, c->arena, sync, err)) {
        return false;
    }
    return request_first_runs(c, sync, err) && sync_tell(c, "sync.enabled", sync, err);
}

static void enable_sync(struct api_call *c)
{
    struct elt_sync sync;
    struct error err;
    if (!call_sync(c, &sync)) {
        return;
    }
    if (!sync.enabled && !enable(c, &sync, &err)) {
        api_fail(c, &err);
        return;
    }
    api_wake(c);
    api_none(c);
}

static void disable_sync(struct api_call *c)
{
    struct elt_sync sync;
    struct error err;
    if (!call_sync(c, &sync)) {
        return;
    }
    bool ok = !sync.enabled || (elt_sync_enable(c->store, c->account_id, sync.id, false, 0, &err) &&
                                sync_tell(c, "sync.disabled", &sync, &err));
    if (!ok) {
        api_fail(c, &err);
        return;
    }
    api_none(c);
}

// ---- the table

#define NO_SYNC                                                                                    \
    {                                                                                              \
        .status = 404, .shape = &API_ERROR_SHAPE, .help = "There is no such sync."                 \
    }
#define BAD_BODY                                                                                   \
    {                                                                                              \
        .status = 400, .shape = &API_ERROR_SHAPE,                                                  \
        .help = "A field cannot be; the message names it."                                         \
    }
#define TAG "ELT syncs"

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/elt_syncs",
     .name = "listEltSyncs",
     .tag = TAG,
     .help = "Lists syncs, newest first.",
     .scope = API_KEY_READ,
     .flags = API_PAGED,
     .query = {{.name = "connection_id",
                .type = API_STRING,
                .help = "Only those that read this connection."}},
     .answers = {{.status = 200, .shape = &ELT_SYNC_SHAPE, .list = true, .help = "A page."}},
     .handle = list_syncs},
    {.method = "POST",
     .path = "/elt_syncs",
     .name = "createEltSync",
     .tag = TAG,
     .help = "Makes a sync; it does nothing until it has streams and is enabled.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES | API_CREATES,
     .body = &ELT_SYNC_CREATE_SHAPE,
     .answers = {{.status = 201, .shape = &ELT_SYNC_SHAPE, .help = "The sync."},
                 BAD_BODY,
                 {.status = 409,
                  .shape = &API_ERROR_SHAPE,
                  .help = "The connection has as many syncs as it may have, or a sync of another "
                          "connection or with other metadata_columns loads into this schema."}},
     .handle = create_sync},
    {.method = "GET",
     .path = "/elt_syncs/{id}",
     .name = "getEltSync",
     .tag = TAG,
     .help = "One sync.",
     .scope = API_KEY_READ,
     .answers = {{.status = 200, .shape = &ELT_SYNC_SHAPE, .help = "The sync."}, NO_SYNC},
     .handle = get_sync},
#define UPDATE(method_, name_, flags_)                                                             \
    {                                                                                              \
        .method = (method_), .path = "/elt_syncs/{id}", .name = (name_), .tag = TAG,               \
        .help = "Changes interval and settings; what is not given stays.", .scope = API_KEY_WRITE, \
        .flags = API_CHANGES | (flags_), .body = &ELT_SYNC_UPDATE_SHAPE, .body_optional = true,    \
        .answers = {{.status = 200, .shape = &ELT_SYNC_SHAPE, .help = "The sync as it is now."},   \
                    BAD_BODY,                                                                      \
                    NO_SYNC,                                                                       \
                    {.status = 409,                                                                \
                     .shape = &API_ERROR_SHAPE,                                                    \
                     .help = "Another sync of this schema has other metadata_columns."}},          \
        .handle = update_sync                                                                      \
    }
    UPDATE("POST", "updateEltSync", 0),
    UPDATE("PATCH", "patchEltSync", API_HIDDEN),
    {.method = "DELETE",
     .path = "/elt_syncs/{id}",
     .name = "deleteEltSync",
     .tag = TAG,
     .help = "Removes a sync with its streams and runs. Runs are told to end and waited for some "
             "seconds; while one goes on the answer is 409 and the sync stays, disabled.",
     .scope = API_KEY_WRITE,
     .flags = API_ALONE,
     .query = {{.name = "removeDataReferences",
                .type = API_BOOLEAN,
                .fallback = "false",
                .help = "Also drop the tables that it made in the destination."}},
     .answers = {{.status = 204, .help = "It is gone."},
                 NO_SYNC,
                 {.status = 409,
                  .shape = &API_ERROR_SHAPE,
                  .help = "A run has not ended yet (active_run_id); try again."}},
     .handle = delete_sync},
#define SWITCH(verb_, name_, help_, flags_, handle_)                                               \
    {                                                                                              \
        .method = "POST", .path = "/elt_syncs/{id}/" verb_, .name = (name_), .tag = TAG,           \
        .help = (help_), .scope = API_KEY_WRITE, .flags = API_CHANGES | (flags_),                  \
        .answers = {{.status = 204, .help = "Done."}, NO_SYNC}, .handle = (handle_)                \
    }
#define ENABLE_HELP                                                                                \
    "Runs the sync by its interval from now on, and at once when a stream has never been loaded."
#define DISABLE_HELP "Runs the sync no more; runs that are under way go on to their end."
    SWITCH("enable", "enableEltSync", ENABLE_HELP, 0, enable_sync),
    SWITCH("disable", "disableEltSync", DISABLE_HELP, 0, disable_sync),
    SWITCH("start", "startEltSync", ENABLE_HELP, API_HIDDEN, enable_sync),
    SWITCH("stop", "stopEltSync", DISABLE_HELP, API_HIDDEN, disable_sync),
    {.method = "GET",
     .path = "/elt_syncs/{id}/status",
     .name = "getEltSyncStatus",
     .tag = TAG,
     .help = "What each stream is doing, and how its last run ended.",
     .scope = API_KEY_READ,
     .answers = {{.status = 200, .shape = &ELT_SYNC_STATUS_SHAPE, .help = "The status."}, NO_SYNC},
     .handle = get_sync_status},
    {.method = "GET",
     .path = "/elt_syncs/{id}/available_source_streams",
     .name = "listAvailableSourceStreams",
     .tag = TAG,
     .help = "All streams that the sync may have.",
     .scope = API_KEY_READ,
     .answers = {{.status = 200, .shape = &AVAILABLE_STREAM_SHAPE, .list = true, .help = "All."},
                 NO_SYNC},
     .handle = list_available_streams},
    {.method = "GET",
     .path = "/elt_syncs/{id}/source_streams",
     .name = "listSourceStreams",
     .tag = TAG,
     .help = "The former name of available_source_streams.",
     .scope = API_KEY_READ,
     .flags = API_HIDDEN,
     .answers = {{.status = 200, .help = "All, as data and as source_streams."}, NO_SYNC},
     .handle = list_available_streams_as_before},
    {.method = "POST",
     .path = "/elt_syncs/{id}/source_streams",
     .name = "putSourceStreams",
     .tag = TAG,
     .help = "Adds streams to the sync and changes those it has; removes none. In a stream that is "
             "there, fields that are not given stay as they are, and \"\" and [] take away. New "
             "streams of an enabled sync run at once. Answers with all streams of the sync.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES | API_CREATES,
     .body = &SOURCE_STREAMS_SHAPE,
     .answers = {{.status = 201, .shape = &ELT_STREAM_LIST_SHAPE, .help = "All its streams."},
                 BAD_BODY,
                 NO_SYNC,
                 {.status = 409,
                  .shape = &API_ERROR_SHAPE,
                  .help = "Another sync loads one of them into this schema; the message names it. "
                          "Nothing is added."}},
     .handle = put_source_streams},
};
const struct api_routes API_ROUTES_SYNCS = {ROUTES, ARRAY_LEN(ROUTES)};
