#include "sim/refusal.h"

#include <stdarg.h>

enum { MESSAGE_MAX = 1024 * 1024 };

bool refuse(struct call *c, struct refusal *ret, int status, const char *category, const char *fmt,
            ...)
{
    struct buf message;
    buf_init(&message, MESSAGE_MAX);
    va_list args;
    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    *ret = (struct refusal){
        .status = status, .category = category, .message = arena_dup(c->arena, buf_str(&message))};
    buf_done(&message);
    return false;
}

void refusal_add_context(struct call *c, struct refusal *r, const char *name, struct str value)
{
    struct buf b;
    buf_init(&b, MESSAGE_MAX);
    buf_add(&b, r->context);
    buf_printf(&b, "%s\"%s\":[", r->context.len > 0 ? "," : "", name);
    json_escape(&b, value);
    buf_add_char(&b, ']');
    r->context = arena_dup(c->arena, buf_str(&b));
    buf_done(&b);
}

// What whole answers and errors of a batch have in common, behind their first fields.
static void write_rest(struct buf *out, const struct refusal *r, struct str trace)
{
    if (r->sub_category) {
        buf_printf(out, ",\"subCategory\":\"%s\"", r->sub_category);
    }
    if (r->errors.len > 0) {
        buf_add(out, STR(",\"errors\":["));
        buf_add(out, r->errors);
        buf_add_char(out, ']');
    }
    if (r->context.len > 0 || trace.len > 0) {
        buf_add(out, STR(",\"context\":{"));
        buf_add(out, r->context);
        if (trace.len > 0) {
            buf_add(out, r->context.len > 0 ? STR(",") : STR(""));
            buf_add(out, STR("\"objectWriteTraceId\":["));
            json_escape(out, trace);
            buf_add_char(out, ']');
        }
        buf_add_char(out, '}');
    }
    buf_add_char(out, '}');
}

bool refusal_answer(struct call *c, const struct refusal *r)
{
    struct buf *out = &c->response->body;
    call_error(c, r->status, r->category, "%.*s", STR_ARG(r->message));
    assert(out->len > 0 && out->ptr[out->len - 1] == '}');
    out->len--;
    write_rest(out, r, STR(""));
    return false;
}

void refusal_write(struct buf *out, const struct refusal *r, struct str trace)
{
    buf_printf(out, "{\"status\":\"error\",\"category\":\"%s\",\"message\":", r->category);
    json_escape(out, r->message);
    write_rest(out, r, trace);
    buf_add_char(out, ',');
}
