// Property definitions: one by one and in batches.
#include "core/limits.h"
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/fields.h"
#include "sim/property_write.h"
#include "sim/sim.h"

enum { BATCH_MAX = 100 };

static bool read_set(struct call *c, enum object_type *ret_object, struct property_set **ret)
{
    if (!call_object(c, 0, true, ret_object)) {
        return false;
    }
    *ret = &c->sim->portal->shelves[*ret_object].properties;
    return true;
}

static bool no_such(struct call *c, struct str name)
{
    call_error(c, 404, "OBJECT_NOT_FOUND", "No property exists with the name \"%.*s\"",
               STR_ARG(name));
    return refuse_context(c, "propertyName", name);
}

static bool parse_sensitivity(struct call *c, struct str text, enum property_sensitivity *ret)
{
    for (size_t i = SENSITIVITY_NONE; i <= SENSITIVITY_HIGH; i++) {
        if (str_eq(text, str_from(property_sensitivity_name((enum property_sensitivity)i)))) {
            *ret = (enum property_sensitivity)i;
            return true;
        }
    }
    return call_error(c, 400, "VALIDATION_ERROR",
                      "dataSensitivity is '%.*s'; it must be non_sensitive, sensitive or "
                      "highly_sensitive",
                      STR_ARG(text));
}

static bool query_sensitivity(struct call *c, enum property_sensitivity *ret)
{
    struct str text = http_server_query(c->request, "dataSensitivity");
    *ret = SENSITIVITY_NONE;
    return text.len == 0 || parse_sensitivity(c, text, ret);
}

void endpoint_properties_list(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    enum property_sensitivity sensitivity;
    bool archived = false;
    if (!read_set(c, &object, &set) || !field_query_bool(c, "archived", &archived) ||
        !query_sensitivity(c, &sensitivity)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i]->archived == archived && set->items[i]->sensitivity == sensitivity) {
            property_write(c, &w, set->items[i]);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

static struct property *find(const struct property_set *set, struct str name, bool archived)
{
    return archived ? property_find_archived(set, name) : property_find(set, name);
}

void endpoint_properties_get(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    bool archived = false;
    if (!read_set(c, &object, &set) || !field_query_bool(c, "archived", &archived)) {
        return;
    }
    const struct property *p = find(set, c->params[1], archived);
    if (!p) {
        no_such(c, c->params[1]);
        return;
    }
    struct json_writer w = call_writer(c);
    property_write(c, &w, p);
}

void endpoint_properties_create(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    struct property *p;
    if (!read_set(c, &object, &set) || !call_parse_body(c) ||
        !property_create(c, object, c->body, (struct str){NULL, 0}, &p)) {
        return;
    }
    c->response->status = 201;
    struct json_writer w = call_writer(c);
    property_write(c, &w, p);
}

void endpoint_properties_update(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    if (!read_set(c, &object, &set) || !call_parse_body(c)) {
        return;
    }
    struct property *p = property_find(set, c->params[1]);
    if (!p) {
        no_such(c, c->params[1]);
        return;
    }
    if (property_update(c, object, p, c->body)) {
        struct json_writer w = call_writer(c);
        property_write(c, &w, p);
    }
}

void endpoint_properties_archive(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    if (!read_set(c, &object, &set)) {
        return;
    }
    struct property *p = property_find(set, c->params[1]);
    if (!p) {
        no_such(c, c->params[1]);
        return;
    }
    if (property_archive(c, object, p)) {
        c->response->status = 204;
    }
}

// The results and the errors of a batch while it goes on.
struct outcome {
    struct buf results;
    struct buf errors;
    size_t n_errors;
};

static void outcome_init(struct outcome *o)
{
    buf_init(&o->results, LIMIT_BODY_BYTES);
    buf_init(&o->errors, LIMIT_BODY_BYTES);
    o->n_errors = 0;
}

static void outcome_done(struct outcome *o)
{
    buf_done(&o->results);
    buf_done(&o->errors);
}

// Moves what stands in the response, the error of one input or its result, to its place.
static void outcome_take(struct outcome *o, struct call *c, bool ok)
{
    struct buf *to = ok ? &o->results : &o->errors;
    buf_add(to, buf_str(&c->response->body));
    buf_add_char(to, ',');
    o->n_errors += ok ? 0 : 1;
    buf_reset(&c->response->body);
    c->response->status = 200;
}

static void add_list(struct buf *out, const struct buf *items)
{
    buf_add(out, str_sub(buf_str(items), 0, items->len > 0 ? items->len - 1 : 0));
    buf_add_char(out, ']');
}

static void outcome_finish(struct outcome *o, struct call *c, int status)
{
    struct buf *out = &c->response->body;
    batch_begin(c);
    add_list(out, &o->results);
    if (o->n_errors > 0) {
        buf_printf(out, ",\"numErrors\":%zu,\"errors\":[", o->n_errors);
        add_list(out, &o->errors);
    }
    buf_add_char(out, '}');
    c->response->status = o->n_errors > 0 ? 207 : status;
}

void endpoint_properties_batch_create(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    struct json inputs;
    struct json v;
    if (!read_set(c, &object, &set) || !call_parse_body(c) ||
        !batch_inputs(c, BATCH_MAX, &inputs)) {
        return;
    }
    struct outcome o;
    struct json_iter it = json_iter(inputs);
    outcome_init(&o);
    while (json_next(&it, &v)) {
        struct property *p;
        bool ok = property_create(c, object, v, (struct str){NULL, 0}, &p);
        if (ok) {
            struct json_writer w = call_writer(c);
            property_write(c, &w, p);
        }
        outcome_take(&o, c, ok);
    }
    outcome_finish(&o, c, 201);
    outcome_done(&o);
}

void endpoint_properties_batch_read(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    struct json inputs;
    struct json v;
    struct str text = STR("non_sensitive");
    enum property_sensitivity sensitivity = SENSITIVITY_NONE;
    bool archived = false;
    if (!read_set(c, &object, &set) || !call_parse_body(c) ||
        !batch_inputs(c, BATCH_MAX, &inputs) || !field_bool(c, c->body, "archived", &archived) ||
        !field_str(c, c->body, "dataSensitivity", FIELD_OPTIONAL, &text) ||
        !parse_sensitivity(c, text, &sensitivity)) {
        return;
    }
    struct outcome o;
    struct json_iter it = json_iter(inputs);
    outcome_init(&o);
    while (json_next(&it, &v)) {
        struct str name = STR("");
        bool ok = field_str(c, v, "name", FIELD_REQUIRED, &name);
        const struct property *p = ok ? find(set, name, archived) : NULL;
        if (p && p->sensitivity == sensitivity) {
            struct json_writer w = call_writer(c);
            property_write(c, &w, p);
        } else if (ok) {
            ok = no_such(c, name);
        }
        outcome_take(&o, c, ok);
    }
    outcome_finish(&o, c, 200);
    outcome_done(&o);
}

void endpoint_properties_batch_archive(struct call *c)
{
    enum object_type object;
    struct property_set *set;
    struct json inputs;
    struct json v;
    if (!read_set(c, &object, &set) || !call_parse_body(c) ||
        !batch_inputs(c, BATCH_MAX, &inputs)) {
        return;
    }
    for (int turn = 0; turn < 2; turn++) { // all are looked at before the first one goes
        struct json_iter it = json_iter(inputs);
        while (json_next(&it, &v)) {
            struct str name = STR("");
            if (!field_str(c, v, "name", FIELD_REQUIRED, &name)) {
                return;
            }
            struct property *p = property_find(set, name);
            if (!p && turn == 0) {
                no_such(c, name);
                return;
            }
            if (p && (turn == 0 ? !property_archivable(c, p) : !property_archive(c, object, p))) {
                return;
            }
        }
    }
    c->response->status = 204;
}
