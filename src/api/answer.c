#include "api/frame.h"

static const struct api_field ERROR_FIELDS[] = {
    {.name = "error_code",
     .type = API_STRING,
     .flags = API_REQUIRED,
     .help = "What kind of error it is, for programs.",
     .example = "\"not_found\""},
    {.name = "message",
     .type = API_STRING,
     .offset = sizeof(struct str),
     .flags = API_REQUIRED,
     .help = "What went wrong, for people: the field, its value and the rule.",
     .example = "\"there is no elt sync X4ughggABSd3UY\""},
    {.name = "details",
     .type = API_STRING,
     .offset = 2 * sizeof(struct str),
     .help = "The message, and what to do about it: for clients that show this alone."},
    {.name = "active_run_id",
     .type = API_STRING,
     .offset = 3 * sizeof(struct str),
     .help = "With 409 of request_run: the run that is active already."},
};
const struct api_shape API_ERROR_SHAPE = {
    .name = "Error",
    .help = "Every answer with a status of 400 or above.",
    .size = 4 * sizeof(struct str),
    .fields = ERROR_FIELDS,
    .n_fields = ARRAY_LEN(ERROR_FIELDS),
};

static struct api_frame *frame_of(struct api_call *c)
{
    assert(c->frame);
    return c->frame;
}

void api_unanswer(struct api_frame *f)
{
    buf_reset(&f->call.response->body);
    f->call.response->status = 200;
    f->call.response->n_headers = 0;
    f->call.response->stream = NULL;
    f->call.response->content_type = "application/json;charset=utf-8";
    f->answered = false;
}

static bool has_header(const struct api_call *c, const char *name)
{
    for (size_t i = 0; i < c->response->n_headers; i++) {
        if (str_eq_nocase(str_from(c->response->headers[i].name), str_from(name))) {
            return true;
        }
    }
    return false;
}

void api_header(struct api_call *c, const char *name, struct str value)
{
    if (!has_header(c, name)) {
        http_server_add_header(c->response, name, value);
    }
}

// Each request is answered once.
static void begin(struct api_call *c, int status)
{
    assert(!frame_of(c)->answered);
    frame_of(c)->answered = true;
    buf_reset(&c->response->body);
    c->response->status = status;
}

void api_ok(struct api_call *c, int status, const struct api_shape *shape, const void *value)
{
    begin(c, status);
    struct json_writer w;
    json_writer_init(&w, &c->response->body);
    api_shape_write(shape, value, &w);
}

void api_none(struct api_call *c)
{
    begin(c, 204);
    c->response->content_type = NULL;
}

void api_list(struct api_call *c, const struct api_shape *shape, const void *items, size_t n,
              struct str next)
{
    begin(c, 200);
    struct json_writer w;
    json_writer_init(&w, &c->response->body);
    json_begin_object(&w);
    json_field_bool(&w, "has_more", next.ptr != NULL);
    if (next.ptr) {
        json_field_str(&w, "next_cursor", next);
    }
    json_key(&w, STR("data"));
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        api_shape_write(shape, (const char *)items + i * shape->size, &w);
    }
    json_end_array(&w);
    json_end_object(&w);
}

void api_json(struct api_call *c, int status, struct str json)
{
    begin(c, status);
    buf_add(&c->response->body, json);
}

void api_text(struct api_call *c, int status, const char *type, struct str text)
{
    begin(c, status);
    c->response->content_type = type;
    buf_add(&c->response->body, text);
}

void api_stream(struct api_call *c, struct http_server_stream stream)
{
    begin(c, 200);
    struct http_server_stream *copy = ARENA_NEW(c->arena, struct http_server_stream);
    *copy = stream;
    c->response->stream = copy;
    c->response->content_type = "text/event-stream;charset=utf-8";
    api_header(c, "X-Accel-Buffering", STR("no")); // or a proxy would keep them for itself
}

static void put_error(struct api_call *c, struct str code, struct str message, struct str details)
{
    struct str values[4] = {code, message, details, {NULL, 0}};
    struct json_writer w;
    json_writer_init(&w, &c->response->body);
    api_shape_write(&API_ERROR_SHAPE, values, &w);
}

// What errors.def says to users of the command line, said to users of the API.
static const struct {
    enum error_code code;
    int status;
    const char *hint; // NULL: that of errors.def
    int retry_after_s;
} ANSWERS[] = {
    {ERR_USAGE, 400, "the API's description, /openapi.json, has every field and its limits", 0},
    {ERR_CONFIG, 400, "the API's description, /openapi.json, has every field and its limits", 0},
    {ERR_INTERRUPTED, 503, "the server is stopping; send the request again in a moment", 5},
    {ERR_STORE, 503, "the server does not reach its own database; its log says more", 5},
    {ERR_STORE_BUSY, 503, "send the request again in a moment", 1},
    {ERR_STORE_FULL, 503, "free some space where the server's database is", 60},
    {ERR_CREDENTIALS, 422, NULL, 0},
    {ERR_REAUTHORIZE, 422, "authorize the connection again: POST /connection_bridges with its id",
     0},
    {ERR_OAUTH_APP, 422, NULL, 0},
    {ERR_LOGIN, 422, "nothing was stored; begin again", 0},
    {ERR_SCOPE, 422, "authorize the connection again and grant the scope named above", 0},
    {ERR_DESTINATION_RIGHTS, 422, NULL, 0},
};

struct str api_error_name(struct arena *arena, enum error_code code)
{
    char *text = arena_cstr(arena, str_from(error_info(code)->name));
    for (char *at = text; *at; at++) {
        *at = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
    }
    return str_from(text);
}

static void log_failure(struct api_call *c, int status, const struct error *err)
{
    if (status < 500 || !c->site->log) {
        return;
    }
    log_line(c->site->log, LOG_ERROR, "request failed", LOG_S("request", frame_of(c)->request_id),
             LOG_S("method", c->http->method), LOG_S("path", c->http->path),
             LOG_I("status", status), LOG_C("code", error_info(err->code)->name),
             LOG_C("error", err->message));
}

// What befell the server names its files and hosts: that is for those who have a key, and the log.
static const char *message_for(const struct api_call *c, int status, const struct error *err)
{
    bool stranger = c->key.id.len == 0;
    return stranger && status >= 500 ? "the server cannot do this now; its log says why"
                                     : err->message;
}

void api_fail(struct api_call *c, const struct error *err)
{
    const struct error_info *info = error_info(err->code);
    int status = MAX(info->http_status, 400);
    const char *hint = info->hint;
    int64_t wait_s = (err->retry_after_ms + 999) / 1000;
    for (size_t i = 0; i < ARRAY_LEN(ANSWERS); i++) {
        if (ANSWERS[i].code == err->code) {
            status = ANSWERS[i].status;
            hint = ANSWERS[i].hint ? ANSWERS[i].hint : hint;
            wait_s = wait_s > 0 ? wait_s : ANSWERS[i].retry_after_s;
        }
    }
    const char *message = message_for(c, status, err);
    begin(c, status);
    put_error(c, api_error_name(c->arena, err->code), str_from(message),
              hint[0] ? arena_printf(c->arena, "%s; %s", message, hint) : (struct str){NULL, 0});
    if (wait_s > 0) {
        api_header(c, "Retry-After", arena_printf(c->arena, "%lld", (long long)wait_s));
    }
    log_failure(c, status, err);
}

void api_refuse(struct api_call *c, int status, const char *code, const char *fmt, ...)
{
    begin(c, status);
    struct buf message;
    buf_init(&message, (size_t)16 * 1024);
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    put_error(c, str_from(code), buf_str(&message), (struct str){NULL, 0});
    buf_done(&message);
}

void api_missing(struct api_call *c, const char *what, struct str id)
{
    struct str shown = str_sub(id, 0, 64);
    api_refuse(c, 404, "not_found", "there is no %s %.*s", what, STR_ARG(shown));
}

void api_refuse_with(struct api_call *c, const char *name, struct str value)
{
    struct buf *body = &c->response->body;
    assert(frame_of(c)->answered && body->len > 1 && body->ptr[body->len - 1] == '}');
    body->len--;
    buf_add_char(body, ',');
    json_escape(body, str_from(name));
    buf_add_char(body, ':');
    json_escape(body, value);
    buf_add_char(body, '}');
}

void api_wake(struct api_call *c)
{
    frame_of(c)->wake = true;
}

static const struct {
    int status;
    const char *code;
} REFUSED[] = {
    {400, "bad_request"},       {413, "body_too_large"}, {414, "uri_too_long"},
    {431, "headers_too_large"}, {500, "internal"},       {505, "version_not_supported"},
};

void api_refused(void *user UNUSED, struct http_server_request *request UNUSED,
                 struct http_server_response *response, const char *message)
{
    const char *code = "bad_request";
    for (size_t i = 0; i < ARRAY_LEN(REFUSED); i++) {
        code = REFUSED[i].status == response->status ? REFUSED[i].code : code;
    }
    response->n_headers = 0;
    response->content_type = "application/json;charset=utf-8";
    struct str values[4] = {str_from(code), str_from(message), {NULL, 0}, {NULL, 0}};
    struct json_writer w;
    json_writer_init(&w, &response->body);
    api_shape_write(&API_ERROR_SHAPE, values, &w);
    http_server_add_header(response, "X-Content-Type-Options", STR("nosniff"));
    http_server_add_header(response, "Cache-Control", STR("no-store"));
}
