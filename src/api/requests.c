// The request log: what was asked of HubSpot and what came back.
#include "store/requests.h"
#include "api/streams.h"
#include "core/timestamp.h"

struct request_view {
    int64_t id, started_ms, first_byte_us, took_us, status, tries, sends;
    struct str connection, stream, endpoint, method, url, code, message, correlation_id;
    bool failed, sent_again;
    int64_t request_body_bytes, response_body_bytes;
    // Of single requests:
    struct str request_headers, request_body, response_headers, response_body;
};

#define FIELD(f) offsetof(struct request_view, f)
#define TEXT(field, name_, flags_, help_)                                                          \
    {                                                                                              \
        .name = (name_), .type = API_STRING, .offset = FIELD(field), .flags = (flags_),            \
        .help = (help_)                                                                            \
    }
#define NUMBER(field, name_, help_)                                                                \
    {                                                                                              \
        .name = (name_), .type = API_INTEGER, .offset = FIELD(field), .flags = API_REQUIRED,       \
        .help = (help_)                                                                            \
    }
#define FLAG(field, name_, help_)                                                                  \
    {                                                                                              \
        .name = (name_), .type = API_BOOLEAN, .offset = FIELD(field), .flags = API_REQUIRED,       \
        .help = (help_)                                                                            \
    }
#define SUMMARY_FIELDS                                                                             \
    NUMBER(id, "id", "Grows."),                                                                    \
        {.name = "started_at",                                                                     \
         .type = API_TIME,                                                                         \
         .offset = FIELD(started_ms),                                                              \
         .flags = API_REQUIRED,                                                                    \
         .format = "date-time",                                                                    \
         .help = "When it was sent."},                                                             \
        TEXT(connection, "connection_id", API_OMIT, "The connection that it was sent for."),       \
        TEXT(stream, "stream", API_OMIT, "The stream that it was sent for."),                      \
        TEXT(endpoint, "endpoint", API_REQUIRED, "Which of HubSpot's endpoints it was."),          \
        TEXT(method, "method", API_REQUIRED, "Its method."),                                       \
        TEXT(url, "url", API_REQUIRED, "Its address, with secrets masked."),                       \
        NUMBER(status, "status", "Of the answer; 0: there was none."),                             \
        FLAG(failed, "failed", "Whether it failed."),                                              \
        TEXT(code, "code", API_REQUIRED, "What kind of failure it was; ok when it was none."),     \
        TEXT(message, "message", API_OMIT, "What is known of the failure."),                       \
        TEXT(correlation_id, "correlation_id", API_OMIT, "What HubSpot's support asks for."),      \
        NUMBER(tries, "tries", "How often it has been sent, this time included."),                 \
        NUMBER(sends, "sends", "Connections that it took."),                                       \
        FLAG(sent_again, "sent_again", "Whether it was sent once more."),                          \
        NUMBER(first_byte_us, "first_byte_us", "Until the answer began, in microseconds."),        \
        NUMBER(took_us, "took_us", "Until it was complete, in microseconds."),                     \
        NUMBER(request_body_bytes, "request_body_bytes", "Size of what was sent."),                \
        NUMBER(response_body_bytes, "response_body_bytes", "Size of what came back.")

static const struct api_field SUMMARY[] = {SUMMARY_FIELDS};
static const struct api_shape REQUEST_SUMMARY = {
    .name = "HubSpotRequest",
    .help = "A call of HubSpot.",
    .size = sizeof(struct request_view),
    .fields = SUMMARY,
    .n_fields = ARRAY_LEN(SUMMARY),
};
static const struct api_field WHOLE[] = {
    SUMMARY_FIELDS,
    TEXT(request_headers, "request_headers", API_REQUIRED, "A line each."),
    TEXT(request_body, "request_body", API_NULLABLE, "Its beginning; null when there was none."),
    TEXT(response_headers, "response_headers", API_REQUIRED, "A line each."),
    TEXT(response_body, "response_body", API_REQUIRED, "Its beginning, decoded."),
};
static const struct api_shape REQUEST_WHOLE = {
    .name = "HubSpotRequestDetails",
    .help = "A call of HubSpot with headers and bodies, secrets masked.",
    .size = sizeof(struct request_view),
    .fields = WHOLE,
    .n_fields = ARRAY_LEN(WHOLE),
};

static struct str lower(struct str s, struct arena *arena)
{
    char *text = arena_cstr(arena, s);
    for (size_t i = 0; i < s.len; i++) {
        text[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]);
    }
    return (struct str){text, s.len};
}

static struct request_view view_of(const struct stored_request *q, struct arena *arena)
{
    const struct request_record *r = &q->record;
    return (struct request_view){
        .id = q->id,
        .started_ms = r->started_ms,
        .first_byte_us = r->first_byte_us,
        .took_us = r->took_us,
        .status = r->status,
        .tries = r->tries,
        .sends = r->sends,
        .connection = r->connection,
        .stream = r->stream,
        .endpoint = r->endpoint,
        .method = r->method,
        .url = r->url,
        .code = lower(q->code, arena),
        .message = r->message,
        .correlation_id = r->correlation_id,
        .failed = r->failed,
        .sent_again = r->again,
        .request_body_bytes = (int64_t)r->request_body_bytes,
        .response_body_bytes = (int64_t)r->response_body_bytes,
        .request_headers = r->request_headers,
        .request_body = r->request_body,
        .response_headers = r->response_headers,
        .response_body = r->response_body,
    };
}

// False: the call has been answered.
static bool read_filter(struct api_call *c, struct requests_filter *ret, int64_t *ret_before)
{
    struct str since = api_query(c, "since");
    struct str after = c->starting_after;
    *ret = (struct requests_filter){
        .max = REQUESTS_MAX, // the log is that short: what is wanted of it is picked here
        .failed = call_flag(c, "failed"),
    };
    *ret_before = INT64_MAX;
    if (since.len > 0 && !timestamp_parse(since, &ret->since_ms)) {
        api_refuse(c, 400, "config",
                   "since is '%.*s': it must be a date or time in ISO 8601, such as 2024-01-31",
                   STR_ARG(str_sub(since, 0, 128)));
        return false;
    }
    if (after.len > 0 && (!str_to_int64(after, ret_before) || *ret_before <= 0)) {
        api_refuse(c, 400, "config",
                   "starting_after is '%.*s': it must be a next_cursor of this list",
                   STR_ARG(str_sub(after, 0, 128)));
        return false;
    }
    return true;
}

static void list_requests(struct api_call *c)
{
    struct requests_filter filter;
    int64_t before;
    struct stored_request *all = NULL;
    size_t n_all = 0;
    struct error err;
    struct str connection = api_query(c, "connection_id");
    if (!read_filter(c, &filter, &before)) {
        return;
    }
    if (!requests_list(c->store, &filter, c->arena, &all, &n_all, &err)) {
        api_fail(c, &err);
        return;
    }
    struct request_view *views = ARENA_ARRAY(c->arena, struct request_view, c->limit);
    struct str next = {NULL, 0};
    size_t n = 0;
    for (size_t i = 0; i < n_all && !next.ptr; i++) {
        const struct stored_request *q = &all[i];
        bool wanted =
            q->id < before && (!connection.ptr || str_eq(connection, q->record.connection));
        if (wanted && n == c->limit) {
            next = arena_printf(c->arena, "%lld", (long long)views[n - 1].id);
        } else if (wanted) {
            views[n++] = view_of(q, c->arena);
        }
    }
    api_list(c, &REQUEST_SUMMARY, views, n, next);
}

static void get_request(struct api_call *c)
{
    struct stored_request found;
    struct error err = {.code = ERR_NOT_FOUND};
    int64_t id;
    if (str_to_int64(c->args[0], &id) && requests_find(c->store, id, c->arena, &found, &err)) {
        struct request_view view = view_of(&found, c->arena);
        api_ok(c, 200, &REQUEST_WHOLE, &view);
    } else if (err.code == ERR_NOT_FOUND) {
        api_missing(c, "request", c->args[0]);
    } else {
        api_fail(c, &err);
    }
}

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/requests",
     .name = "listRequests",
     .tag = "Request log",
     .help =
         "Calls of HubSpot that failed (or all of them, where the server traces), newest first.",
     .scope = API_KEY_READ,
     .flags = API_PAGED,
     .query = {{.name = "connection_id",
                .type = API_STRING,
                .help = "Only those for this connection."},
               {.name = "failed",
                .type = API_BOOLEAN,
                .fallback = "false",
                .help = "Only those that failed."},
               {.name = "since",
                .type = API_STRING,
                .help = "Only those that were sent at this date and time (ISO 8601, UTC) or "
                        "later."}},
     .answers = {{.status = 200, .shape = &REQUEST_SUMMARY, .list = true, .help = "A page."},
                 {.status = 400, .shape = &API_ERROR_SHAPE, .help = "since cannot be."}},
     .handle = list_requests},
    {.method = "GET",
     .path = "/requests/{id}",
     .name = "getRequest",
     .tag = "Request log",
     .help = "One call, with headers and bodies; they hold data of people.",
     .scope = API_KEY_READ,
     .answers = {{.status = 200, .shape = &REQUEST_WHOLE, .help = "The call."},
                 {.status = 404, .shape = &API_ERROR_SHAPE, .help = "There is no such call."}},
     .handle = get_request},
};
const struct api_routes API_ROUTES_REQUESTS = {ROUTES, ARRAY_LEN(ROUTES)};
