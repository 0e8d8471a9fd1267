#include "sim/admin_fields.h"

enum { LIST_MAX = 16 * 1024 };

bool admin_fail(struct call *c, const struct error *err)
{
    c->response->status = error_info(err->code)->http_status;
    buf_reset(&c->response->body);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "status", STR("error"));
    json_field_str(&w, "message", str_from(err->message));
    json_end_object(&w);
    return false;
}

static bool list_text(struct call *c, struct json v, struct str *ret)
{
    struct buf all;
    struct json_iter it = json_iter(v);
    struct json item;
    struct str text;
    buf_init(&all, LIST_MAX);
    bool ok = true;
    while (ok && json_next(&it, &item)) {
        ok = json_string(item, &text) && text.len > 0 && str_find_char(text, ' ') < 0;
        buf_add(&all, all.len > 0 ? STR(" ") : STR(""));
        buf_add(&all, ok ? text : STR(""));
    }
    ok = ok && !all.overflow;
    *ret = arena_dup(c->arena, buf_str(&all));
    buf_done(&all);
    return ok;
}

// A JSON value as the text of a setting.
static bool value_text(struct call *c, struct json v, struct str *ret)
{
    bool flag;
    switch (json_type(v)) {
    case JSON_STRING:
        return json_string(v, ret);
    case JSON_ARRAY:
        return list_text(c, v, ret);
    case JSON_BOOL:
        json_bool(v, &flag);
        *ret = flag ? STR("true") : STR("false");
        return true;
    case JSON_INT:
    case JSON_UINT:
    case JSON_DOUBLE: {
        struct buf text;
        struct json_writer w;
        buf_init(&text, 64);
        json_writer_init(&w, &text);
        json_put(&w, v);
        *ret = arena_dup(c->arena, buf_str(&text));
        buf_done(&text);
        return true;
    }
    case JSON_NULL:
    case JSON_OBJECT:
    default:
        return false;
    }
}

static bool is_row(const struct setting *rows, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(key, str_from(rows[i].name))) {
            return true;
        }
    }
    return false;
}

static bool unknown_field(struct call *c, const struct setting *rows, size_t n, struct str key,
                          struct error *err)
{
    struct str names = STR("");
    for (size_t i = 0; i < n; i++) {
        names = arena_printf(c->arena, "%.*s%s%s", STR_ARG(names), i > 0 ? ", " : "", rows[i].name);
    }
    return error_set(err, ERR_REQUEST, "there is no field '%.*s' here; there are %.*s",
                     STR_ARG(str_sub(key, 0, 80)), STR_ARG(names));
}

bool admin_fields_read(struct call *c, const struct setting *rows, size_t n, void *target,
                       struct settings *ret, struct error *err)
{
    struct str key;
    struct json value;
    struct str text;
    if (!settings_init(ret, rows, n, NULL, target, c->arena, err)) {
        return false;
    }
    struct json_iter it = json_iter(c->body);
    while (json_next_field(&it, &key, &value)) {
        if (!is_row(rows, n, key)) {
            return unknown_field(c, rows, n, key, err);
        }
        if (!value_text(c, value, &text)) {
            return error_set(err, ERR_REQUEST,
                             "%.*s must be a text, a number, true or false, or a list of texts "
                             "without spaces",
                             STR_ARG(key));
        }
        if (!settings_set(ret, key, text, err)) {
            // Settings speak of options of the command line: "--token_life: ...".
            memmove(err->message, err->message + 2, strlen(err->message + 2) + 1);
            err->code = ERR_REQUEST;
            return false;
        }
    }
    return true;
}
