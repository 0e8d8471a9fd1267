#include "sim/fields.h"

#include "sim/mutate.h"
#include "sim/sim.h"

static bool missing(struct call *c, const char *name)
{
    call_error(c, 400, "VALIDATION_ERROR",
               "Invalid input JSON: some required fields were not set: [%s]", name);
    return refuse_context(c, "propertyName", str_from(name));
}

static bool wrong(struct call *c, const char *name, const char *type)
{
    call_error(c, 400, "VALIDATION_ERROR", "Invalid input JSON: the field '%s' must be %s", name,
               type);
    return refuse_context(c, "propertyName", str_from(name));
}

// *ret_there false: absent or null, which is fine unless it is needed.
static bool look_up(struct call *c, struct json v, const char *name, enum field_need need,
                    struct json *ret, bool *ret_there)
{
    *ret_there = json_get(v, str_from(name), ret) && !json_is_null(*ret);
    return *ret_there || need == FIELD_OPTIONAL || missing(c, name);
}

bool field_str(struct call *c, struct json v, const char *name, enum field_need need,
               struct str *ret)
{
    struct json field;
    bool there;
    if (!look_up(c, v, name, need, &field, &there)) {
        return false;
    }
    return !there || json_string(field, ret) || wrong(c, name, "a text");
}

bool field_int(struct call *c, struct json v, const char *name, enum field_need need, int64_t *ret)
{
    struct json field;
    bool there;
    if (!look_up(c, v, name, need, &field, &there)) {
        return false;
    }
    return !there || json_int(field, ret) || wrong(c, name, "a whole number");
}

bool field_bool(struct call *c, struct json v, const char *name, bool *ret)
{
    struct json field;
    bool there;
    return look_up(c, v, name, FIELD_OPTIONAL, &field, &there) &&
           (!there || json_bool(field, ret) || wrong(c, name, "true or false"));
}

bool field_array(struct call *c, struct json v, const char *name, enum field_need need,
                 struct json *ret)
{
    bool there;
    if (!look_up(c, v, name, need, ret, &there)) {
        return false;
    }
    return !there || json_type(*ret) == JSON_ARRAY || wrong(c, name, "an array");
}

bool field_names(struct call *c, struct json v, const char *name, struct str *ret)
{
    struct json list;
    struct str text;
    bool there;
    if (!look_up(c, v, name, FIELD_OPTIONAL, &list, &there)) {
        return false;
    }
    if (!there) {
        return true;
    }
    struct json_iter it = json_iter(list);
    struct json item;
    size_t n = 0;
    while (json_next(&it, &item)) {
        if (!json_string(item, &text) || text.len == 0 || str_find_char(text, ',') >= 0) {
            return wrong(c, name, "an array of names");
        }
        n += text.len + 1;
    }
    char *out = arena_alloc(c->arena, n + 1);
    size_t len = 0;
    it = json_iter(list);
    while (json_next(&it, &item) && json_string(item, &text)) {
        memcpy(out + len, text.ptr, text.len);
        len += text.len;
        out[len++] = ',';
    }
    *ret = (struct str){out, len > 0 ? len - 1 : 0};
    return json_type(list) == JSON_ARRAY || wrong(c, name, "an array of names");
}

bool field_query_bool(struct call *c, const char *name, bool *ret)
{
    struct str text = http_server_query(c->request, name);
    if (text.len == 0) {
        return true;
    }
    bool yes = str_eq_nocase(text, STR("true"));
    if (!yes && !str_eq_nocase(text, STR("false"))) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Unable to parse value for query parameter: %s. It must be true or false",
                          name);
    }
    *ret = yes;
    return true;
}

bool field_query_int(struct call *c, const char *name, int64_t *ret)
{
    struct str text = http_server_query(c->request, name);
    int64_t n;
    if (text.len == 0) {
        return true;
    }
    if (!str_to_int64(text, &n) || n < 0) {
        return call_error(
            c, 400, "VALIDATION_ERROR",
            "Unable to parse value for query parameter: %s. It must be a number of at "
            "least 0",
            name);
    }
    *ret = n;
    return true;
}

bool call_parse_array(struct call *c, size_t most, struct json *ret)
{
    struct error err;
    assert(!c->doc);
    c->doc = json_doc_create();
    if (c->request->body.len == 0 || !json_parse(c->doc, c->request->body, ret, &err) ||
        json_type(*ret) != JSON_ARRAY) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid input JSON: the body must be a JSON array");
    }
    if (json_count(*ret) == 0 || json_count(*ret) > most) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "The body must have 1 to %zu items, and has %zu", most, json_count(*ret));
    }
    return true;
}

bool refuse_with(struct call *c, const char *key, struct str value)
{
    struct buf *out = &c->response->body;
    assert(out->len > 0 && out->ptr[out->len - 1] == '}');
    out->len--;
    buf_add_char(out, ',');
    json_escape(out, str_from(key));
    buf_add_char(out, ':');
    json_escape(out, value);
    buf_add_char(out, '}');
    return false;
}

bool refuse_context(struct call *c, const char *key, struct str value)
{
    struct buf *out = &c->response->body;
    assert(out->len > 0 && out->ptr[out->len - 1] == '}');
    out->len--;
    buf_add(out, STR(",\"context\":{"));
    json_escape(out, str_from(key));
    buf_add(out, STR(":["));
    json_escape(out, value);
    buf_add(out, STR("]}}"));
    return false;
}

bool call_is_dated(const struct call *c, const char *date)
{
    struct str rest = c->request->path;
    struct str part;
    while (rest.len > 0 && str_next(&rest, '/', &part)) {
        if (str_eq(part, str_from(date))) {
            return true;
        }
    }
    return false;
}

static bool full(struct call *c)
{
    return call_error(c, 400, "VALIDATION_ERROR",
                      "The simulated account holds no more texts; reset it");
}

bool call_keep(struct call *c, struct str text, struct str *ret)
{
    return mutate_keep(c->sim->portal, text, ret) || full(c);
}

bool call_room(struct call *c, size_t bytes)
{
    return c->sim->portal->arena.used + bytes < PORTAL_ARENA_LIMIT / 16 * 15 || full(c);
}
