// Schemas of custom objects; those of standard ones can be read.
#include "sim/endpoints.h"
#include "sim/fields.h"
#include "sim/property_write.h"
#include "sim/schema_write.h"
#include "sim/sim.h"

enum { LIVE_MAX = 20 }; // custom objects at one time

void endpoint_schemas_list(struct call *c)
{
    const struct schemas *all = &c->sim->portal->schemas;
    bool archived = false;
    if (!field_query_bool(c, "archived", &archived)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < all->n; i++) {
        if (all->items[i].state == (archived ? SCHEMA_ARCHIVED : SCHEMA_LIVE)) {
            schema_write(c, &w, &all->items[i], true);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

static bool no_such(struct call *c)
{
    return call_error(c, 404, "OBJECT_NOT_FOUND", "There is no schema of the object type '%.*s'",
                      STR_ARG(c->params[0]));
}

// The live schema in the path; NULL after an answer.
static struct schema *schema_in_path(struct call *c)
{
    struct schema *s = schemas_find_any(&c->sim->portal->schemas, c->params[0]);
    if (!s || s->state != SCHEMA_LIVE) {
        no_such(c);
        return NULL;
    }
    return s;
}

void endpoint_schemas_get(struct call *c)
{
    enum object_type object;
    const struct schema *s = schemas_find(&c->sim->portal->schemas, c->params[0]);
    struct json_writer w = call_writer(c);
    if (s) {
        schema_write(c, &w, s, true);
    } else if (portal_object(c->sim->portal, c->params[0], true, &object)) {
        schema_write_standard(c, &w, object);
    } else {
        no_such(c);
    }
}

static bool name_is_free(struct call *c, struct str name)
{
    const struct schemas *all = &c->sim->portal->schemas;
    size_t live = 0;
    for (size_t i = 0; i < all->n; i++) {
        const struct schema *s = &all->items[i];
        live += s->state == SCHEMA_LIVE ? 1 : 0;
        if (s->state != SCHEMA_GONE && str_eq_nocase(s->name, name)) {
            return call_error(c, 409, "CONFLICT", "An object schema named '%.*s' already exists%s",
                              STR_ARG(name),
                              s->state == SCHEMA_LIVE
                                  ? ""
                                  : "; it is deleted, delete it for good with archived=true first");
        }
    }
    return (live < LIVE_MAX && all->n < OBJECT_CUSTOM_MAX) ||
           call_error(
               c, 400, "VALIDATION_ERROR",
               "The account has %zu custom objects, and has had %zu; no more than %d, and %d "
               "ever, are allowed",
               live, all->n, LIVE_MAX, OBJECT_CUSTOM_MAX);
}

// All that a new schema has, still in the request.
struct plan {
    struct str name;
    struct schema schema;
    struct json properties;
    struct json associated;
};

static bool read_plan(struct call *c, struct plan *plan)
{
    struct schema *s = &plan->schema;
    if (!field_str(c, c->body, "name", FIELD_REQUIRED, &plan->name) ||
        !schema_name_ok(c, plan->name) || !name_is_free(c, plan->name) ||
        !schema_read(c, c->body, FIELD_REQUIRED, s) ||
        !field_array(c, c->body, "properties", FIELD_REQUIRED, &plan->properties) ||
        !field_array(c, c->body, "associatedObjects", FIELD_OPTIONAL, &plan->associated)) {
        return false;
    }
    if (json_count(plan->properties) == 0) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "properties must hold at least the primary display property");
    }
    return true;
}

// Where a refused request leaves the new type: its place is spent, but nothing is to be seen of it.
static void abandon(struct call *c, struct schema *s)
{
    s->state = SCHEMA_GONE;
    c->sim->portal->shelves[s->object].exists = false;
}

static bool add_properties(struct call *c, enum object_type object, struct json list)
{
    struct json_iter it = json_iter(list);
    struct json v;
    struct property *p;
    while (json_next(&it, &v)) {
        if (!property_create(c, object, v, object_info(object)->group, &p)) {
            return false;
        }
    }
    return true;
}

static bool associate(struct call *c, enum object_type object, struct json list)
{
    struct portal *p = c->sim->portal;
    struct json_iter it = json_iter(list);
    struct json v;
    struct str name;
    enum object_type to;
    while (json_next(&it, &v)) {
        if (!json_string(v, &name) || !portal_object(p, name, true, &to)) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "associatedObjects has something that is no object type of the "
                              "account");
        }
        association_pair_add(&p->associations, to, object);
    }
    associations_open_custom(&p->associations, object);
    return true;
}

void endpoint_schemas_create(struct call *c)
{
    struct portal *p = c->sim->portal;
    struct plan plan = {.name = STR("")};
    struct schema *s;
    if (!call_parse_body(c) || !call_room(c, 65536) || !read_plan(c, &plan)) {
        return;
    }
    if (!schemas_add(&p->schemas, p, plan.name, &s)) {
        call_error(c, 400, "VALIDATION_ERROR", "No more custom objects are allowed");
        return;
    }
    portal_open_shelf(p, s->object);
    if (!add_properties(c, s->object, plan.properties) ||
        !schema_names_ok(c, s->object, &plan.schema) ||
        (json_count(plan.associated) > 0 && !associate(c, s->object, plan.associated)) ||
        !schema_take(c, s, &plan.schema)) {
        abandon(c, s);
        return;
    }
    associations_open_custom(&p->associations, s->object);
    s->created_ms = s->updated_ms;
    p->version++;
    p->schema_version++;
    c->response->status = 201;
    struct json_writer w = call_writer(c);
    schema_write(c, &w, s, true);
}

void endpoint_schemas_update(struct call *c)
{
    struct schema *s = schema_in_path(c);
    if (!s || !call_parse_body(c) || !call_room(c, 65536)) {
        return;
    }
    struct schema changed = *s;
    bool clear = false;
    if (!schema_read(c, c->body, FIELD_OPTIONAL, &changed) ||
        !schema_names_ok(c, s->object, &changed) ||
        !field_bool(c, c->body, "clearDescription", &clear)) {
        return;
    }
    changed.description = clear ? STR("") : changed.description;
    if (schema_take(c, s, &changed)) {
        c->sim->portal->version++;
        struct json_writer w = call_writer(c);
        schema_write(c, &w, s, false);
    }
}

void endpoint_schemas_delete(struct call *c)
{
    struct portal *p = c->sim->portal;
    bool for_good = false;
    struct schema *s = schemas_find_any(&p->schemas, c->params[0]);
    if (!s) {
        no_such(c);
        return;
    }
    if (!field_query_bool(c, "archived", &for_good)) {
        return;
    }
    if (for_good != (s->state == SCHEMA_ARCHIVED)) {
        call_error(c, 400, "VALIDATION_ERROR",
                   for_good ? "The schema is not deleted yet; delete it without archived=true first"
                            : "The schema is deleted already");
        return;
    }
    struct shelf *shelf = &p->shelves[s->object];
    if (!for_good && portal_live_count(shelf) > 0) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "The object type still has %u records; delete them before its schema",
                   portal_live_count(shelf));
        return;
    }
    s->state = for_good ? SCHEMA_GONE : SCHEMA_ARCHIVED;
    s->updated_ms = clock_now_ms(c->sim->clock);
    shelf->exists = false;
    p->version++;
    p->schema_version++;
    c->response->status = 204;
}

// The type that a field of an association's definition names.
static bool read_type(struct call *c, const char *field, enum object_type *ret)
{
    struct str name = STR("");
    return field_str(c, c->body, field, FIELD_REQUIRED, &name) &&
           (portal_object(c->sim->portal, name, true, ret) ||
            call_error(c, 400, "VALIDATION_ERROR", "%s '%.*s' is no object type of the account",
                       field, STR_ARG(name)));
}

void endpoint_schemas_associate(struct call *c)
{
    struct associations *all = &c->sim->portal->associations;
    enum object_type from;
    enum object_type to;
    struct str name = STR("");
    const struct schema *s = schema_in_path(c);
    if (!s || !call_parse_body(c) || !read_type(c, "fromObjectTypeId", &from) ||
        !read_type(c, "toObjectTypeId", &to) ||
        !field_str(c, c->body, "name", FIELD_OPTIONAL, &name)) {
        return;
    }
    if (from != s->object && to != s->object) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "One of fromObjectTypeId and toObjectTypeId must be the schema's");
        return;
    }
    const struct association_pair *pair = association_pair_add(all, from, to);
    size_t label = 0;
    if (!pair ||
        (name.len > 0 && !association_label_add(all, pair, name, (struct str){NULL, 0}, &label))) {
        call_error(c, 400, "VALIDATION_ERROR", "No more associations between these are allowed");
        return;
    }
    c->sim->portal->version++;
    c->response->status = 201;
    struct json_writer w = call_writer(c);
    schema_write_association(c, &w, pair, label, from == pair->a);
}

void endpoint_schemas_dissociate(struct call *c)
{
    struct associations *all = &c->sim->portal->associations;
    const struct schema *s = schema_in_path(c);
    uint64_t id;
    if (!s) {
        return;
    }
    struct association_kind kind;
    if (!str_to_uint64(c->params[1], &id) || id > INT32_MAX ||
        !(association_kind_find(all, s->object, (int)id, true, &kind) ||
          association_kind_find(all, s->object, (int)id, false, &kind))) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "The schema has no association '%.*s'",
                   STR_ARG(c->params[1]));
        return;
    }
    if (kind.label == 0) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "The association %llu is the unlabelled one of its two types; it stays",
                   (unsigned long long)id);
        return;
    }
    association_label_delete(all, kind.pair, kind.label);
    c->sim->portal->version++;
    c->response->status = 204;
}
