// Runs of streams: looking at them and their events, and ending them.
#include "api/streams.h"

#include "store/events.h"

// ---- shapes

struct run_view {
    struct str id, elt_sync_id, elt_stream_id;
    int64_t requested_ms, started_ms, finished_ms;
    struct str status, state;
    int64_t rows_synced, bytes_synced, estimated_total_count, rejected_values, api_calls;
    struct str operation_mode, full_sync_trigger;
    int64_t retry_attempt;
    struct str error_code, error_message, details;
};

#define FIELD(f) offsetof(struct run_view, f)

static const struct api_field RUN_FIELDS[] = {
    {.name = "id",
     .type = API_STRING,
     .offset = FIELD(id),
     .flags = API_REQUIRED,
     .help = "The run's id: opaque."},
    {.name = "elt_sync_id",
     .type = API_STRING,
     .offset = FIELD(elt_sync_id),
     .flags = API_REQUIRED,
     .help = "The sync."},
    {.name = "elt_stream_id",
     .type = API_STRING,
     .offset = FIELD(elt_stream_id),
     .flags = API_REQUIRED,
     .help = "The stream."},
    {.name = "requested_at",
     .type = API_TIME,
     .offset = FIELD(requested_ms),
     .flags = API_REQUIRED,
     .format = "date-time",
     .help = "When it was asked for; lists go by it."},
    {.name = "started_at",
     .type = API_TIME,
     .offset = FIELD(started_ms),
     .flags = API_REQUIRED,
     .format = "date-time",
     .help = "When it began; when it was asked for, as long as it has not."},
    {.name = "finished_at",
     .type = API_TIME,
     .offset = FIELD(finished_ms),
     .flags = API_OMIT,
     .format = "date-time",
     .help = "When it ended; left out until then."},
    {.name = "status",
     .type = API_STRING,
     .offset = FIELD(status),
     .flags = API_REQUIRED,
     .choices = "CHUNK_COMPLETED|COMPLETED|FAILED|RUNNING",
     .help = "RUNNING until it ends, also while it waits: see state."},
    {.name = "rows_synced",
     .type = API_INTEGER,
     .offset = FIELD(rows_synced),
     .flags = API_REQUIRED,
     .help = "Rows that were written."},
    {.name = "state",
     .type = API_STRING,
     .offset = FIELD(state),
     .flags = API_REQUIRED,
     .choices = RUN_STATES,
     .help = "The same, finer: as in the status of a sync."},
    {.name = "operation_mode",
     .type = API_STRING,
     .offset = FIELD(operation_mode),
     .flags = API_OMIT,
     .choices = "FULL|INCREMENTAL",
     .help = "Left out until it begins."},
    {.name = "full_sync_trigger",
     .type = API_STRING,
     .offset = FIELD(full_sync_trigger),
     .flags = API_REQUIRED,
     .choices = RUN_TRIGGERS,
     .help = "Why it loads everything."},
    {.name = "bytes_synced",
     .type = API_INTEGER,
     .offset = FIELD(bytes_synced),
     .flags = API_REQUIRED,
     .help = "Bytes of HubSpot's answers."},
    {.name = "estimated_total_count",
     .type = API_INTEGER,
     .offset = FIELD(estimated_total_count),
     .flags = API_OMIT,
     .help = "How many rows there will be; left out while that is not known."},
    {.name = "api_calls",
     .type = API_INTEGER,
     .offset = FIELD(api_calls),
     .flags = API_REQUIRED,
     .help = "Calls of HubSpot."},
    {.name = "rejected_values",
     .type = API_INTEGER,
     .offset = FIELD(rejected_values),
     .flags = API_REQUIRED,
     .help = "Values and records that were set aside in _sluice_reject."},
    {.name = "retry_attempt",
     .type = API_INTEGER,
     .offset = FIELD(retry_attempt),
     .flags = API_REQUIRED,
     .help = "How often it has been tried again."},
    {.name = "error_code",
     .type = API_STRING,
     .offset = FIELD(error_code),
     .flags = API_OMIT,
     .help = "The kind of what went wrong."},
    {.name = "error_message",
     .type = API_STRING,
     .offset = FIELD(error_message),
     .flags = API_OMIT,
     .help = "What went wrong, and what next."},
    {.name = "details",
     .type = API_STRING,
     .offset = FIELD(details),
     .flags = API_OMIT,
     .help = "What it is doing or waiting for."},
};
static const struct api_shape RUN = {
    .name = "EltStreamRun",
    .help = "A run of a stream.",
    .size = sizeof(struct run_view),
    .fields = RUN_FIELDS,
    .n_fields = ARRAY_LEN(RUN_FIELDS),
};

struct event_view {
    int64_t id, at_ms;
    struct str kind, data;
};
static const struct api_field EVENT_FIELDS[] = {
    {.name = "id",
     .type = API_INTEGER,
     .offset = offsetof(struct event_view, id),
     .flags = API_REQUIRED,
     .help = "Grows."},
    {.name = "at",
     .type = API_TIME,
     .offset = offsetof(struct event_view, at_ms),
     .flags = API_REQUIRED,
     .format = "date-time",
     .help = "When it happened."},
    {.name = "kind",
     .type = API_STRING,
     .offset = offsetof(struct event_view, kind),
     .flags = API_REQUIRED,
     .help = "What happened.",
     .example = "\"run.started\""},
    {.name = "data",
     .type = API_JSON,
     .offset = offsetof(struct event_view, data),
     .flags = API_REQUIRED,
     .format = "object",
     .help = "More about it, by kind."},
};
static const struct api_shape RUN_EVENT = {
    .name = "EltStreamRunEvent",
    .help = "Something that happened in a run.",
    .size = sizeof(struct event_view),
    .fields = EVENT_FIELDS,
    .n_fields = ARRAY_LEN(EVENT_FIELDS),
};

static struct run_view view_of(const struct stream_run_row *r)
{
    static const char *const PUBLIC[RUN_STATUS_COUNT] = {
        [RUN_SCHEDULED] = "RUNNING", [RUN_RUNNING] = "RUNNING",     [RUN_RETRYING] = "RUNNING",
        [RUN_DELAYED] = "RUNNING",   [RUN_COMPLETED] = "COMPLETED", [RUN_FAILED] = "FAILED",
    };
    assert(r->status < RUN_STATUS_COUNT);
    return (struct run_view){
        .id = r->id,
        .elt_sync_id = r->sync_id,
        .elt_stream_id = r->stream_id,
        .requested_ms = r->requested_ms,
        .started_ms = r->started_ms > 0 ? r->started_ms : r->requested_ms,
        .finished_ms = r->finished_ms,
        .status = str_from(PUBLIC[r->status]),
        .state = str_from(run_status_name(r->status)),
        .rows_synced = r->records,
        .bytes_synced = r->bytes,
        .estimated_total_count = r->estimated,
        .rejected_values = r->rejects,
        .api_calls = r->calls,
        .operation_mode = str_from(run_mode_name(r->mode)),
        .full_sync_trigger = str_from(run_trigger_name(r->trigger)),
        .retry_attempt = r->retry_attempt,
        .error_code = r->error_code,
        .error_message = r->error_message,
        .details = r->details,
    };
}

// ---- operations

// The run of the path. False: the call has been answered, with 400 for what is no run's id.
static bool call_run(struct api_call *c, struct stream_run_row *ret)
{
    struct str stream_id;
    int64_t requested_ms;
    struct error err;
    if (!run_id_parse(c->args[0], c->arena, &stream_id, &requested_ms)) {
        api_refuse(c, 400, "invalid_run_id",
                   "'%.*s' is not the id of a run; GET /elt_stream_runs?elt_stream_id= lists them",
                   STR_ARG(str_sub(c->args[0], 0, 128)));
        return false;
    }
    if (stream_run_find(c->store, c->account_id, c->args[0], c->arena, ret, &err)) {
        return true;
    }
    if (err.code == ERR_NOT_FOUND) {
        api_missing(c, "run", c->args[0]);
    } else {
        api_fail(c, &err);
    }
    return false;
}

// Where the list goes on: the id of a run of this stream, which need not be there (any more).
// False: the call has been answered.
static bool read_place(struct api_call *c, struct str stream_id, int64_t *ret_ms)
{
    struct str of;
    if (c->starting_after.len == 0) {
        *ret_ms = 0;
        return true;
    }
    if (!run_id_parse(c->starting_after, c->arena, &of, ret_ms) || !str_eq(of, stream_id)) {
        api_refuse(c, 400, "config",
                   "starting_after is '%.*s': it must be a next_cursor of this list, or the id of "
                   "a run of this stream",
                   STR_ARG(str_sub(c->starting_after, 0, 128)));
        return false;
    }
    return true;
}

static bool find_stream(struct api_call *c, struct str id)
{
    struct elt_stream stream;
    struct error err = {.code = ERR_NOT_FOUND};
    if (id_check(id) && elt_stream_find(c->store, c->account_id, id, c->arena, &stream, &err)) {
        return true;
    }
    if (err.code == ERR_NOT_FOUND) {
        api_missing(c, "ELT stream", id);
    } else {
        api_fail(c, &err);
    }
    return false;
}

static void list_runs(struct api_call *c)
{
    struct run_list_query q = {
        .account_id = c->account_id,
        .stream_id = api_query(c, "elt_stream_id"),
        .ascending = str_eq(api_query(c, "sort_direction"), STR("asc")),
        .max = c->limit,
    };
    struct stream_run_row *runs = NULL;
    size_t n = 0;
    struct error err;
    if (!find_stream(c, q.stream_id) || !read_place(c, q.stream_id, &q.after_requested_ms)) {
        return;
    }
    if (!stream_run_list(c->store, &q, c->arena, &runs, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    struct str next = {NULL, 0};
    if (n > q.max) {
        n = q.max;
        next = runs[n - 1].id;
    }
    struct run_view *views = ARENA_ARRAY(c->arena, struct run_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] = view_of(&runs[i]);
    }
    api_list(c, &RUN, views, n, next);
}

static void get_run(struct api_call *c)
{
    struct stream_run_row run;
    if (call_run(c, &run)) {
        struct run_view view = view_of(&run);
        api_ok(c, 200, &RUN, &view);
    }
}

static void list_run_events(struct api_call *c)
{
    struct stream_run_row run;
    struct event_query q = {.account_id = c->account_id, .max = c->limit + 1};
    struct stored_event *events = NULL;
    size_t n = 0;
    struct error err;
    if (c->starting_after.len > 0 &&
        (!str_to_int64(c->starting_after, &q.after_id) || q.after_id < 0)) {
        api_refuse(c, 400, "config",
                   "starting_after is '%.*s': it must be a next_cursor of this "
                   "list",
                   STR_ARG(str_sub(c->starting_after, 0, 128)));
        return;
    }
    if (!call_run(c, &run)) {
        return;
    }
    q.run_id = run.id;
    if (!event_list(c->store, &q, c->arena, &events, &n, &err)) {
        api_fail(c, &err);
        return;
    }
    struct str next = {NULL, 0};
    if (n > c->limit) {
        n = c->limit;
        next = arena_printf(c->arena, "%lld", (long long)events[n - 1].id);
    }
    struct event_view *views = ARENA_ARRAY(c->arena, struct event_view, n);
    for (size_t i = 0; i < n; i++) {
        views[i] =
            (struct event_view){events[i].id, events[i].at_ms, events[i].kind, events[i].data};
    }
    api_list(c, &RUN_EVENT, views, n, next);
}

static void cancel_run(struct api_call *c)
{
    struct stream_run_row run;
    struct error err;
    if (!call_run(c, &run)) {
        return;
    }
    if (!stream_run_cancel(c->store, c->account_id, run.id, &err)) {
        api_fail(c, &err);
        return;
    }
    api_wake(c);
    api_none(c);
}

#define TAG "ELT stream runs"
#define BAD_ID                                                                                     \
    {                                                                                              \
        .status = 400, .shape = &API_ERROR_SHAPE, .help = "That is not the id of a run."           \
    }
#define NO_RUN                                                                                     \
    {                                                                                              \
        .status = 404, .shape = &API_ERROR_SHAPE, .help = "There is no such run."                  \
    }

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/elt_stream_runs",
     .name = "listEltStreamRuns",
     .tag = TAG,
     .help = "Lists the runs of a stream that have begun, of the last three months.",
     .scope = API_KEY_READ,
     .flags = API_PAGED,
     .query =
         {{.name = "elt_stream_id", .type = API_STRING, .required = true, .help = "The stream."},
          {.name = "sort_direction",
           .type = API_STRING,
           .choices = "asc|desc",
           .fallback = "desc",
           .help = "By when they were asked for."}},
     .answers = {{.status = 200, .shape = &RUN, .list = true, .help = "A page."},
                 {.status = 404, .shape = &API_ERROR_SHAPE, .help = "There is no such stream."}},
     .handle = list_runs},
    {.method = "GET",
     .path = "/elt_stream_runs/{id}",
     .name = "getEltStreamRun",
     .tag = TAG,
     .help = "One run.",
     .scope = API_KEY_READ,
     .answers = {{.status = 200, .shape = &RUN, .help = "The run."}, BAD_ID, NO_RUN},
     .handle = get_run},
    {.method = "GET",
     .path = "/elt_stream_runs/{id}/events",
     .name = "listEltStreamRunEvents",
     .tag = TAG,
     .help = "What happened in a run, oldest first.",
     .scope = API_KEY_READ,
     .flags = API_PAGED,
     .answers = {{.status = 200, .shape = &RUN_EVENT, .list = true, .help = "A page."},
                 BAD_ID,
                 NO_RUN},
     .handle = list_run_events},
    {.method = "POST",
     .path = "/elt_stream_runs/{id}/cancel",
     .name = "cancelEltStreamRun",
     .tag = TAG,
     .help = "Asks a run to end: at once when it waits, at its next commit when it runs.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES,
     .answers = {{.status = 204, .help = "It will end."},
                 BAD_ID,
                 NO_RUN,
                 {.status = 409, .shape = &API_ERROR_SHAPE, .help = "It has ended already."}},
     .handle = cancel_run},
};
const struct api_routes API_ROUTES_RUNS = {ROUTES, ARRAY_LEN(ROUTES)};
