// Property groups.
#include "sim/endpoints.h"
#include "sim/fields.h"
#include "sim/property_write.h"
#include "sim/sim.h"

enum { LABEL_MAX_BYTES = 1000 };

static bool read_set(struct call *c, struct property_set **ret)
{
    enum object_type object;
    if (!call_object(c, 0, true, &object)) {
        return false;
    }
    *ret = &c->sim->portal->shelves[object].properties;
    return true;
}

static void write_group(struct json_writer *w, const struct property_group *g)
{
    json_begin_object(w);
    json_field_str(w, "name", g->name);
    json_field_str(w, "label", g->label);
    json_field_int(w, "displayOrder", g->order);
    json_field_bool(w, "archived", g->archived);
    json_end_object(w);
}

static void answer_group(struct call *c, int status, const struct property_group *g)
{
    c->response->status = status;
    struct json_writer w = call_writer(c);
    write_group(&w, g);
}

// The group in the path; NULL after a 404.
static struct property_group *find_group(struct call *c, const struct property_set *set)
{
    struct property_group *g = property_group_find(set, c->params[1]);
    if (!g) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "No property group exists with the name \"%.*s\"",
                   STR_ARG(c->params[1]));
    }
    return g;
}

void endpoint_property_groups_list(struct call *c)
{
    struct property_set *set;
    if (!read_set(c, &set)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < set->n_groups; i++) {
        if (!set->groups[i].archived) {
            write_group(&w, &set->groups[i]);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

void endpoint_property_groups_get(struct call *c)
{
    struct property_set *set;
    const struct property_group *g = read_set(c, &set) ? find_group(c, set) : NULL;
    if (g) {
        answer_group(c, 200, g);
    }
}

// label and displayOrder over what the group has; texts in the definitions' arena.
static bool read_fields(struct call *c, struct property_set *set, enum field_need need,
                        struct property_group *g)
{
    if (!field_str(c, c->body, "label", need, &g->label) ||
        !field_int(c, c->body, "displayOrder", FIELD_OPTIONAL, &g->order)) {
        return false;
    }
    if (g->label.len == 0 || g->label.len > LABEL_MAX_BYTES) {
        return call_error(c, 400, "VALIDATION_ERROR", "label must have 1 to %d bytes",
                          LABEL_MAX_BYTES);
    }
    if (set->arena.used + 65536 > set->arena.limit) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "The simulated account holds no more definitions; reset it");
    }
    g->label = arena_dup(&set->arena, g->label);
    return true;
}

void endpoint_property_groups_create(struct call *c)
{
    struct property_set *set;
    struct property_group fresh = {.order = -1};
    if (!read_set(c, &set) || !call_parse_body(c) ||
        !field_str(c, c->body, "name", FIELD_REQUIRED, &fresh.name) ||
        !property_name_ok(c, "name", fresh.name)) {
        return;
    }
    if (property_group_find(set, fresh.name)) {
        call_error(c, 409, "CONFLICT", "A property group named '%.*s' already exists.",
                   STR_ARG(fresh.name));
        return;
    }
    if (!read_fields(c, set, FIELD_REQUIRED, &fresh)) {
        return;
    }
    struct property_group *g = property_group_add(set);
    if (!g) {
        call_error(c, 400, "VALIDATION_ERROR", "There are %d property groups; no more are allowed",
                   PROPERTY_GROUPS_MAX);
        return;
    }
    fresh.name = arena_dup(&set->arena, fresh.name);
    *g = fresh;
    answer_group(c, 201, g);
}

void endpoint_property_groups_update(struct call *c)
{
    struct property_set *set;
    struct property_group *g = read_set(c, &set) ? find_group(c, set) : NULL;
    if (!g || !call_parse_body(c)) {
        return;
    }
    struct property_group changed = *g;
    if (read_fields(c, set, FIELD_OPTIONAL, &changed)) {
        *g = changed;
        answer_group(c, 200, g);
    }
}

void endpoint_property_groups_archive(struct call *c)
{
    struct property_set *set;
    struct property_group *g = read_set(c, &set) ? find_group(c, set) : NULL;
    if (!g) {
        return;
    }
    for (size_t i = 0; i < set->n; i++) {
        if (!set->items[i]->archived && str_eq(set->items[i]->group, g->name)) {
            call_error(c, 400, "VALIDATION_ERROR",
                       "The property group '%.*s' still has properties, such as '%.*s'; move or "
                       "archive them first",
                       STR_ARG(g->name), STR_ARG(set->items[i]->name));
            return;
        }
    }
    g->archived = true;
    c->response->status = 204;
}
