#include "sim/form.h"

bool form_given(const struct call *c)
{
    struct str type = http_server_header(c->request, "Content-Type");
    struct str wanted = STR("application/x-www-form-urlencoded");
    return str_eq_nocase(str_sub(type, 0, wanted.len), wanted) &&
           (type.len == wanted.len || type.ptr[wanted.len] == ';' || type.ptr[wanted.len] == ' ');
}

struct str form_field(const struct call *c, const char *name)
{
    // A form is written like a query.
    struct http_server_request as_query = *c->request;
    as_query.query = c->request->body;
    return http_server_query(&as_query, name);
}

struct str form_fields(const struct call *c, const char *name)
{
    struct str wanted = str_from(name);
    struct str rest = c->request->body;
    struct str field;
    struct buf all;
    buf_init(&all, c->request->body.len + 1);
    while (rest.len > 0 && str_next(&rest, '&', &field)) {
        if (str_starts(field, wanted) && field.len > wanted.len && field.ptr[wanted.len] == '=') {
            struct str value = str_sub(field, wanted.len + 1, field.len);
            buf_add(&all, all.len > 0 ? STR(" ") : STR(""));
            buf_add(&all, http_server_decode(c->arena, value, true));
        }
    }
    struct str list = arena_dup(c->arena, buf_str(&all));
    buf_done(&all);
    return list;
}
