#include "sim/call.h"

#include "core/random.h"
#include "sim/sim.h"
#include "sim/text.h"

struct str call_iso(struct call *c, int64_t ms)
{
    char *text = arena_alloc(c->arena, TEXT_ISO_MAX);
    text_iso(text, ms);
    return (struct str){text, TEXT_ISO_MAX};
}

struct str call_number(struct call *c, uint64_t n)
{
    char *text = arena_alloc(c->arena, TEXT_UINT_MAX);
    return (struct str){text, (size_t)(text_uint(text, n) - text)};
}

struct json_writer call_writer(struct call *c)
{
    struct json_writer w;
    json_writer_init(&w, &c->response->body);
    return w;
}

struct str call_correlation_id(const struct call *c)
{
    for (size_t i = 0; i < c->response->n_headers; i++) {
        if (strcmp(c->response->headers[i].name, "X-HubSpot-Correlation-Id") == 0) {
            return c->response->headers[i].value;
        }
    }
    return STR("");
}

bool call_error(struct call *c, int status, const char *category, const char *fmt, ...)
{
    struct buf message;
    buf_init(&message, 64 * 1024);
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    c->response->status = status;
    buf_reset(&c->response->body);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "status", STR("error"));
    json_field_str(&w, "message", buf_str(&message));
    json_field_str(&w, "correlationId", call_correlation_id(c));
    if (category) {
        json_field_str(&w, "category", str_from(category));
    }
    json_end_object(&w);
    buf_done(&message);
    return false;
}

bool call_problem(struct call *c, int status)
{
    return call_error(c, status, NULL, "There was a problem with the request.");
}

bool call_not_found(struct call *c)
{
    return call_error(c, 404, "OBJECT_NOT_FOUND", "resource not found");
}

void call_html(struct call *c, int status, const char *title)
{
    c->response->status = status;
    c->response->content_type = "text/html";
    buf_reset(&c->response->body);
    buf_printf(&c->response->body,
               "<html>\r\n<head><title>%d %s</title></head>\r\n<body>\r\n<center><h1>%d "
               "%s</h1></center>\r\n"
               "<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n",
               status, title, status, title);
}

bool call_object(struct call *c, size_t i, bool singular, enum object_type *ret)
{
    enum object_type type;
    if (!portal_object(c->sim->portal, c->params[i], singular, &type)) {
        return call_error(c, 400, NULL, "Unable to infer object type from: %.*s",
                          STR_ARG(c->params[i]));
    }
    *ret = type;
    if (!c->object_known) {
        c->object = type;
        c->object_known = true;
    }
    return true;
}

bool call_parse_body(struct call *c)
{
    struct error err;
    assert(!c->doc);
    c->doc = json_doc_create();
    if (c->request->body.len == 0 || !json_parse(c->doc, c->request->body, &c->body, &err) ||
        json_type(c->body) != JSON_OBJECT) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid input JSON: the body must be a JSON object");
    }
    return true;
}

struct str call_list(struct call *c, const char *name)
{
    struct str wanted = str_from(name);
    struct str rest = c->request->query;
    struct str field;
    struct str list = {NULL, 0};
    while (rest.len > 0 && str_next(&rest, '&', &field)) {
        if (!str_starts(field, wanted) || field.len <= wanted.len || field.ptr[wanted.len] != '=') {
            continue;
        }
        struct str value =
            http_server_decode(c->arena, str_sub(field, wanted.len + 1, field.len), true);
        if (list.len == 0) {
            list = value;
        } else if (value.len > 0) {
            list = arena_printf(c->arena, "%.*s,%.*s", STR_ARG(list), STR_ARG(value));
        }
    }
    return list;
}

bool call_flag(struct call *c, const char *name)
{
    return str_eq_nocase(http_server_query(c->request, name), STR("true"));
}

bool call_limit(struct call *c, int64_t fallback, int64_t most, int64_t *ret)
{
    struct str text = http_server_query(c->request, "limit");
    if (text.len == 0) {
        *ret = fallback;
        return true;
    }
    int64_t n;
    if (!str_to_int64(text, &n) || n < 1) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid limit: %.*s. It must be a number of at least 1.", STR_ARG(text));
    }
    if (n > most) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Unable to parse value for query parameter: limit. %lld is more than the "
                          "maximum of %lld.",
                          (long long)n, (long long)most);
    }
    *ret = n;
    return true;
}

void call_add_paging(struct call *c, struct str after, bool with_link)
{
    struct buf *out = &c->response->body;
    buf_add(out, STR(",\"paging\":{\"next\":{\"after\":"));
    json_escape(out, after);
    if (with_link) {
        // As with HubSpot, the link is no path to rely on: only `after` counts.
        buf_add(out, STR(",\"link\":\"https://api.hubapi.com"));
        buf_add(out, c->request->path);
        buf_add(out, STR("?after="));
        buf_add(out, after);
        buf_add(out, STR("\""));
    }
    buf_add(out, STR("}}"));
}

int64_t app_portal_id(const struct call *c, const struct app *app)
{
    return c->sim->options->portal_id + (app ? app->account : 0);
}

int64_t call_portal_id(const struct call *c)
{
    return app_portal_id(c, c->caller.app);
}
