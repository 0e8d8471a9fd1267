// ELT streams: looking, asking for runs and full refreshes, removing.
#include "api/streams.h"

#include "engine/engine.h"

// How long a removal waits for runs to end at their next safe point.
enum { SETTLE_STEP_US = 50 * 1000, SETTLE_STEPS = 100 };
enum { REMOVALS_AT_ONCE = 16, REMOVAL_WAIT_MS = 10 * 1000 };
static const struct str SETTLE_RETRY_S = STR_INIT("5");

// ---- shapes

#define FIELD(f) offsetof(struct stream_view, f)

static const struct api_field STREAM_FIELDS[] = {
    {.name = "id",
     .type = API_STRING,
     .offset = FIELD(id),
     .flags = API_REQUIRED,
     .help = "The stream's id.",
     .example = "\"q4Rk8vp_fhTjqf\""},
    {.name = "elt_sync_id",
     .type = API_STRING,
     .offset = FIELD(elt_sync_id),
     .flags = API_REQUIRED,
     .help = "The sync that it belongs to."},
    {.name = "name",
     .type = API_STRING,
     .offset = FIELD(name),
     .flags = API_REQUIRED,
     .help = "The source's name of it.",
     .example = "\"contacts\""},
    {.name = "incremental_pointer_id",
     .type = API_STRING,
     .offset = FIELD(incremental_pointer_id),
     .flags = API_OMIT,
     .help = "The property by which changed records are found, when it was named."},
    {.name = "full_sync_at_midnight",
     .type = API_BOOLEAN,
     .offset = FIELD(full_sync_at_midnight),
     .flags = API_REQUIRED,
     .help = "The first run of a day, in the sync's time zone, loads everything anew."},
    {.name = "full_sync_always",
     .type = API_BOOLEAN,
     .offset = FIELD(full_sync_always),
     .flags = API_REQUIRED,
     .help = "Every run loads everything anew."},
    {.name = "protected_from_full_sync",
     .type = API_BOOLEAN,
     .offset = FIELD(protected_from_full_sync),
     .flags = API_REQUIRED,
     .help = "No run but the first loads everything."},
    {.name = "excluded_substreams",
     .type = API_STRINGS,
     .offset = FIELD(excluded_substreams),
     .flags = API_REQUIRED,
     .help = "Tables beside the main one that are not loaded."},
    {.name = "excluded_columns",
     .type = API_STRINGS,
     .offset = FIELD(excluded_columns),
     .flags = API_OMIT,
     .help = "Columns that are not loaded; left out when there are none."},
    {.name = "hashed_columns",
     .type = API_STRINGS,
     .offset = FIELD(hashed_columns),
     .flags = API_OMIT,
     .help = "Columns that are loaded as salted SHA-256 hashes; left out when there are none."},
    {.name = "enabled_history_table",
     .type = API_BOOLEAN,
     .offset = FIELD(enabled_history_table),
     .flags = API_REQUIRED,
     .help = "Whether all versions of rows are kept, in tables named <table>__history."},
    {.name = "full_refresh_requested",
     .type = API_BOOLEAN,
     .offset = FIELD(full_refresh_requested),
     .flags = API_OMIT,
     .help = "The next run loads everything anew; left out when it does not."},
    {.name = "reset_history_table_requested",
     .type = API_BOOLEAN,
     .offset = FIELD(reset_history_table_requested),
     .flags = API_OMIT,
     .help = "That run wipes the history tables, too; left out when it does not."},
    {.name = "created_at",
     .type = API_TIME,
     .offset = FIELD(created_ms),
     .flags = API_REQUIRED,
     .help = "When it was added."},
    {.name = "updated_at",
     .type = API_TIME,
     .offset = FIELD(updated_ms),
     .flags = API_REQUIRED,
     .help = "When it was changed last."},
};
const struct api_shape ELT_STREAM_SHAPE = {
    .name = "EltStream",
    .help = "A stream of a sync: what is loaded into one table and those beside it.",
    .size = sizeof(struct stream_view),
    .fields = STREAM_FIELDS,
    .n_fields = ARRAY_LEN(STREAM_FIELDS),
};

struct run_requested_view {
    struct str status_url;
};
static const struct api_field RUN_REQUESTED_FIELDS[] = {
    {.name = "status_url",
     .type = API_STRING,
     .offset = offsetof(struct run_requested_view, status_url),
     .flags = API_REQUIRED,
     .help = "Where the run will be found, relative to this server; an empty list there means that "
             "it has not begun yet."},
};
static const struct api_shape RUN_REQUESTED = {
    .name = "EltStreamRunRequested",
    .help = "A run that was asked for.",
    .size = sizeof(struct run_requested_view),
    .fields = RUN_REQUESTED_FIELDS,
    .n_fields = ARRAY_LEN(RUN_REQUESTED_FIELDS),
};

struct full_refresh_body {
    bool reset_history_table;
};
static const struct api_field FULL_REFRESH_FIELDS[] = {
    {.name = "reset_history_table",
     .type = API_BOOLEAN,
     .offset = offsetof(struct full_refresh_body, reset_history_table),
     .flags = API_OMIT,
     .help = "Also wipe the stream's history tables, permanently, when that run begins; they begin "
             "anew with it. The last request counts: without this a wiping that was requested "
             "before is taken back."},
};
static const struct api_shape FULL_REFRESH = {
    .name = "EltStreamFullRefresh",
    .help = "How to load a stream anew.",
    .size = sizeof(struct full_refresh_body),
    .fields = FULL_REFRESH_FIELDS,
    .n_fields = ARRAY_LEN(FULL_REFRESH_FIELDS),
};

static struct api_strings strings_of(const struct text_list *l)
{
    return (struct api_strings){l->items, l->n};
}

struct api_objects stream_views(const struct elt_stream *streams, size_t n, struct arena *arena)
{
    struct stream_view *views = ARENA_ARRAY(arena, struct stream_view, n);
    for (size_t i = 0; i < n; i++) {
        const struct elt_stream *s = &streams[i];
        views[i] = (struct stream_view){
            .id = s->id,
            .elt_sync_id = s->sync_id,
            .name = s->name,
            .incremental_pointer_id = s->incremental_pointer_id,
            .full_sync_at_midnight = s->full_sync_at_midnight,
            .full_sync_always = s->full_sync_always,
            .protected_from_full_sync = s->protected_from_full_sync,
            .enabled_history_table = s->enabled_history_table,
            .full_refresh_requested = s->full_refresh_ms > 0,
            .reset_history_table_requested = s->full_refresh_ms > 0 && s->reset_history,
            .excluded_substreams = strings_of(&s->excluded_substreams),
            .excluded_columns = strings_of(&s->excluded_columns),
            .hashed_columns = strings_of(&s->hashed_columns),
            .created_ms = s->created_ms,
            .updated_ms = s->updated_ms,
        };
    }
    return (struct api_objects){views, n};
}

// ---- what the files about syncs share

bool call_sync(struct api_call *c, struct elt_sync *ret)
{
    struct error err = {.code = ERR_NOT_FOUND};
    bool changes = c->route->flags & API_CHANGES;
    if (id_check(c->args[0]) &&
        (!changes || elt_sync_lock(c->store, c->account_id, c->args[0], &err)) &&
        elt_sync_find(c->store, c->account_id, c->args[0], c->arena, ret, &err)) {
        return true;
    }
    if (err.code == ERR_NOT_FOUND) {
        api_missing(c, "ELT sync", c->args[0]);
    } else {
        api_fail(c, &err);
    }
    return false;
}

// The same of a stream.
static bool call_stream(struct api_call *c, struct elt_stream *ret)
{
    struct error err = {.code = ERR_NOT_FOUND};
    if (id_check(c->args[0]) &&
        elt_stream_find(c->store, c->account_id, c->args[0], c->arena, ret, &err)) {
        return true;
    }
    if (err.code == ERR_NOT_FOUND) {
        api_missing(c, "ELT stream", c->args[0]);
    } else {
        api_fail(c, &err);
    }
    return false;
}

bool call_page(struct api_call *c, struct page_query *ret)
{
    struct page_query q = {.account_id = c->account_id, .max = c->limit};
    if (!api_cursor_read(c, &q.after)) {
        return false;
    }
    *ret = q;
    return true;
}

bool call_flag(const struct api_call *c, const char *name)
{
    struct str text = api_query(c, name);
    return str_eq(text, STR("true")) || str_eq(text, STR("1"));
}

// Why runs of the sync cannot be asked for; NULL: they can.
static const char *refuses_runs(const struct elt_sync *sync)
{
    if (!sync->enabled) {
        return "its sync is not enabled: POST /elt_syncs/{id}/enable first";
    }
    if (sync->needs_reauthorization) {
        return "the connection of its sync must be authorized again: make a connection bridge with "
               "its connection_id";
    }
    return NULL;
}

// ---- waiting for runs to end

static bool cancel_all(struct api_call *c, const struct run_owner *of, size_t *ret_running,
                       struct error *err)
{
    if (!store_begin(c->store, err)) {
        return false;
    }
    bool ok = stream_run_cancel_all(c->store, of, ret_running, err);
    return store_end(c->store, ok, err) && ok;
}

static void refuse_running(struct api_call *c, struct str sync_id, struct str stream_id)
{
    struct stream_status_row *rows = NULL;
    size_t n = 0;
    struct error err;
    if (!stream_run_status(c->store, sync_id, c->arena, &rows, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    api_refuse(c, 409, "conflict",
               "a run has been told to end and has not ended yet; try again in some seconds");
    for (size_t i = 0; i < n; i++) {
        bool ours = stream_id.len == 0 || str_eq(rows[i].stream_id, stream_id);
        if (ours && rows[i].active.id.len > 0) {
            api_refuse_with(c, "active_run_id", rows[i].active.id);
            break;
        }
    }
    http_server_add_header(c->response, "Retry-After", SETTLE_RETRY_S);
}

bool call_settle_runs(struct api_call *c, struct str sync_id, struct str stream_id)
{
    struct run_owner of = {.sync_id = sync_id, .stream_id = stream_id};
    const struct clock *clock = c->site->clock;
    for (int step = 0; step < SETTLE_STEPS; step++) {
        struct error err;
        size_t running = 0;
        if (!cancel_all(c, &of, &running, &err)) {
            api_fail(c, &err);
            return false;
        }
        if (running == 0) {
            return true;
        }
        if (step == 0 && c->site->engine) {
            engine_wake(c->site->engine); // runs of this process learn it at once
        }
        clock->sleep_us(clock, SETTLE_STEP_US);
    }
    refuse_running(c, sync_id, stream_id);
    return false;
}

// ---- one removal of a sync at a time

bool call_removal_enter(struct api_call *c, struct str sync_id, struct store_lock **ret)
{
    struct error err;
    // Some locks for all syncs there are: on a store in a file each is a file for ever.
    struct str name =
        arena_printf(c->arena, "removing-%u", (unsigned)(str_hash(sync_id) % REMOVALS_AT_ONCE));
    if (store_lock_take(c->store, name, REMOVAL_WAIT_MS, ret, &err)) {
        return true;
    }
    if (err.code != ERR_STORE_BUSY) {
        api_fail(c, &err);
        return false;
    }
    api_refuse(c, 409, "conflict",
               "the tables of a sync are just being removed; try again when that is done");
    http_server_add_header(c->response, "Retry-After", SETTLE_RETRY_S);
    return false;
}

// ---- operations

static void list_streams(struct api_call *c)
{
    struct page_query q;
    struct str sync_id = api_query(c, "elt_sync_id");
    struct elt_stream *streams = NULL;
    size_t n = 0;
    struct error err;
    if (!call_page(c, &q)) {
        return;
    }
    q.owner_id = sync_id;
    bool possible = !sync_id.ptr || id_check(sync_id); // nothing belongs to what is no id
    if (possible && !elt_stream_list(c->store, &q, c->arena, &streams, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    struct str next = {NULL, 0};
    if (n > q.max) {
        n = q.max;
        struct page_place last = {streams[n - 1].created_ms, streams[n - 1].id};
        next = api_cursor_make(c, &last);
    }
    struct api_objects views = stream_views(streams, n, c->arena);
    api_list(c, &ELT_STREAM_SHAPE, views.items, views.n, next);
}

static void get_stream(struct api_call *c)
{
    struct elt_stream stream;
    if (call_stream(c, &stream)) {
        api_ok(c, 200, &ELT_STREAM_SHAPE, stream_views(&stream, 1, c->arena).items);
    }
}

static void delete_stream(struct api_call *c)
{
    struct elt_stream stream;
    struct store_lock *lock = NULL;
    struct error err;
    if (!call_stream(c, &stream) || !call_settle_runs(c, stream.sync_id, stream.id) ||
        !call_removal_enter(c, stream.sync_id, &lock)) {
        return;
    }
    bool ok = store_begin(c->store, &err);
    if (ok) {
        ok = elt_stream_remove(c->store, c->account_id, stream.id, &err);
        ok = store_end(c->store, ok, &err) && ok;
    }
    store_lock_release(lock);
    if (!ok) {
        api_fail(c, &err);
        return;
    }
    api_none(c);
}

static void request_run(struct api_call *c)
{
    struct elt_stream stream;
    struct elt_sync sync;
    struct error err;
    if (!call_stream(c, &stream)) {
        return;
    }
    if (!elt_sync_find(c->store, c->account_id, stream.sync_id, c->arena, &sync, &err)) {
        api_fail(c, &err);
        return;
    }
    const char *reason = refuses_runs(&sync);
    if (reason) {
        api_refuse(c, 400, sync.enabled ? "reauthorize" : "sync_not_enabled",
                   "stream %.*s cannot run: %s", STR_ARG(stream.name), reason);
        return;
    }
    struct run_wish wish = {.account_id = c->account_id, .stream_id = stream.id, .by_user = true};
    struct stream_run_row run;
    bool made = false;
    if (!stream_run_request(c->store, &wish, c->arena, &run, &made, &err)) {
        api_fail(c, &err);
        return;
    }
    if (!made) {
        api_refuse(c, 409, "conflict", "stream %.*s has a run that is %s already",
                   STR_ARG(stream.name), run_status_name(run.status));
        api_refuse_with(c, "active_run_id", run.id);
        return;
    }
    // The list that follows the instant before the request begins with this run, once it has begun.
    struct str before = run_id_make(stream.id, run.requested_ms - 1, c->arena);
    struct run_requested_view view = {
        arena_printf(c->arena,
                     "/elt_stream_runs?elt_stream_id=%.*s&starting_after=%.*s&limit=1"
                     "&sort_direction=asc",
                     STR_ARG(stream.id), STR_ARG(before))};
    api_wake(c);
    api_ok(c, 200, &RUN_REQUESTED, &view);
}

static void mark_full(struct api_call *c, const struct elt_stream *stream, struct full_mark mark)
{
    struct error err;
    if (!elt_stream_mark_full(c->store, c->account_id, stream->id, mark, &err)) {
        api_fail(c, &err);
        return;
    }
    api_none(c);
}

static void request_full_refresh(struct api_call *c)
{
    struct elt_stream stream;
    if (!call_stream(c, &stream)) {
        return;
    }
    if (stream.protected_from_full_sync) {
        api_refuse(c, 400, "protected_from_full_sync",
                   "stream %.*s is protected_from_full_sync; set that to false first",
                   STR_ARG(stream.name));
        return;
    }
    const struct full_refresh_body *body = c->body;
    struct full_mark mark = {clock_now_ms(c->site->clock), body && body->reset_history_table};
    mark_full(c, &stream, mark);
}

static void cancel_full_refresh(struct api_call *c)
{
    struct elt_stream stream;
    if (call_stream(c, &stream)) {
        mark_full(c, &stream, (struct full_mark){0});
    }
}

#define NO_STREAM                                                                                  \
    {                                                                                              \
        .status = 404, .shape = &API_ERROR_SHAPE, .help = "There is no such stream."               \
    }

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/elt_streams",
     .name = "listEltStreams",
     .tag = "ELT streams",
     .help = "Lists streams, newest first.",
     .scope = API_KEY_READ,
     .flags = API_PAGED,
     .query = {{.name = "elt_sync_id", .type = API_STRING, .help = "Only those of this sync."}},
     .answers = {{.status = 200, .shape = &ELT_STREAM_SHAPE, .list = true, .help = "A page."}},
     .handle = list_streams},
    {.method = "GET",
     .path = "/elt_streams/{id}",
     .name = "getEltStream",
     .tag = "ELT streams",
     .help = "One stream.",
     .scope = API_KEY_READ,
     .answers = {{.status = 200, .shape = &ELT_STREAM_SHAPE, .help = "The stream."}, NO_STREAM},
     .handle = get_stream},
    {.method = "DELETE",
     .path = "/elt_streams/{id}",
     .name = "deleteEltStream",
     .tag = "ELT streams",
     .help = "Takes a stream out of its sync, with its runs; its tables stay, history tables too. "
             "A run of it is told "
             "to end and waited for some seconds.",
     .scope = API_KEY_WRITE,
     .flags = API_ALONE,
     .answers = {{.status = 204, .help = "It is gone."},
                 NO_STREAM,
                 {.status = 409,
                  .shape = &API_ERROR_SHAPE,
                  .help = "A run has not ended yet (active_run_id); try again."}},
     .handle = delete_stream},
    {.method = "POST",
     .path = "/elt_streams/{id}/request_run",
     .name = "requestEltStreamRun",
     .tag = "ELT streams",
     .help = "Asks for a run as soon as possible; status_url tells when it has begun.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES | API_CREATES,
     .answers = {{.status = 200, .shape = &RUN_REQUESTED, .help = "It will run."},
                 {.status = 400,
                  .shape = &API_ERROR_SHAPE,
                  .help = "The sync is not enabled, or its connection must be authorized again."},
                 NO_STREAM,
                 {.status = 409,
                  .shape = &API_ERROR_SHAPE,
                  .help = "It runs or waits to run already: see active_run_id."}},
     .handle = request_run},
    {.method = "POST",
     .path = "/elt_streams/{id}/request_full_refresh",
     .name = "requestEltStreamFullRefresh",
     .tag = "ELT streams",
     .help = "Makes the next run load everything anew, and wipe the history tables if asked to; "
             "starts none.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES,
     .body = &FULL_REFRESH,
     .body_optional = true,
     .answers = {{.status = 204, .help = "The next run will."},
                 {.status = 400,
                  .shape = &API_ERROR_SHAPE,
                  .help = "The stream is protected from full syncs."},
                 NO_STREAM},
     .handle = request_full_refresh},
    {.method = "POST",
     .path = "/elt_streams/{id}/cancel_full_refresh",
     .name = "cancelEltStreamFullRefresh",
     .tag = "ELT streams",
     .help = "Takes back a full refresh, and the wiping of history tables, that was requested and "
             "has not begun.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES,
     .answers = {{.status = 204, .help = "The next run is as usual."}, NO_STREAM},
     .handle = cancel_full_refresh},
};
const struct api_routes API_ROUTES_STREAMS = {ROUTES, ARRAY_LEN(ROUTES)};
