// Writing one record: create, update, archive, merge, delete for good.
#include "sim/endpoints.h"
#include "sim/find.h"
#include "sim/lookup.h"
#include "sim/sim.h"
#include "sim/write.h"
#include "sim/write_links.h"

enum { IDENTITIES_MAX = 250 };

static void answer_record(const struct write *w, int status)
{
    w->call->response->status = status;
    write_render(w);
}

void endpoint_objects_create(struct call *c)
{
    struct write w = {.call = c, .creates = true};
    struct refusal why;
    if (!write_object(c, &w.object) || !call_parse_body(c)) {
        return;
    }
    if (!write_read(&w, c->body, NULL, &why) || !write_apply(&w, &why)) {
        refusal_answer(c, &why);
        return;
    }
    answer_record(&w, 201);
}

void endpoint_objects_update(struct call *c)
{
    struct write w = {.call = c};
    struct refusal why;
    struct find_by by = {.merged = true};
    if (!write_object(c, &w.object) || !call_parse_body(c)) {
        return;
    }
    struct str id_property = http_server_query(c->request, "idProperty");
    if (!find_property(c, w.object, id_property, &by.property, &why)) {
        refusal_answer(c, &why);
        return;
    }
    if (!find_record(c->sim->portal, w.object, &by, c->params[1], &w.slot)) {
        call_not_found(c);
        return;
    }
    if (!write_read(&w, c->body, NULL, &why) || !write_apply(&w, &why)) {
        refusal_answer(c, &why);
        return;
    }
    answer_record(&w, 200);
}

void endpoint_objects_archive(struct call *c)
{
    enum object_type object;
    uint32_t slot;
    struct find_by by = {0};
    if (!write_object(c, &object)) {
        return;
    }
    if (find_record(c->sim->portal, object, &by, c->params[1], &slot)) {
        struct mutate m = write_mutate(c, object);
        mutate_archive(&m, slot);
    }
    c->response->status = 204; // also when there was nothing to archive
}

// An id in the body, a text or a number.
static bool read_id(struct call *c, const char *field, struct str *ret)
{
    struct json v;
    return (json_get(c->body, str_from(field), &v) && write_links_id(c, v, ret)) ||
           call_error(c, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: '%s' is missing; it must be an object id", field);
}

// How many ids a record stands for besides its own.
static uint32_t identities(const struct shelf *s, uint32_t slot)
{
    uint64_t generated[2];
    const struct overlay *o = portal_overlay(s, slot);
    return (uint32_t)portal_generated_merges(s, slot, generated) + (o ? o->n_merged : 0) + 1;
}

static bool find_mergeable(struct call *c, enum object_type object, struct str id, uint32_t *ret)
{
    struct find_by by = {.merged = true};
    return find_record(c->sim->portal, object, &by, id, ret) ||
           call_error(c, 404, "OBJECT_NOT_FOUND", "No %.*s with ID %.*s exists",
                      STR_ARG(object_info(object)->singular), STR_ARG(id));
}

void endpoint_objects_merge(struct call *c)
{
    struct write w = {.call = c};
    struct str primary_id = STR("");
    struct str other_id = STR("");
    uint32_t primary;
    uint32_t other;
    if (!write_object(c, &w.object) || !call_parse_body(c) ||
        !read_id(c, "primaryObjectId", &primary_id) || !read_id(c, "objectIdToMerge", &other_id) ||
        !find_mergeable(c, w.object, primary_id, &primary) ||
        !find_mergeable(c, w.object, other_id, &other)) {
        return;
    }
    const struct shelf *s = &c->sim->portal->shelves[w.object];
    if (primary == other) {
        call_error(c, 400, "VALIDATION_ERROR", "Cannot merge a record with itself: %.*s",
                   STR_ARG(other_id));
        return;
    }
    if (identities(s, primary) + identities(s, other) > IDENTITIES_MAX) {
        call_error(c, 414, "VALIDATION_ERROR", "Cannot have more than %d identities on a profile",
                   IDENTITIES_MAX);
        return;
    }
    struct mutate m = write_mutate(c, w.object);
    if (!mutate_merge(&m, primary, other, &w.slot)) {
        call_error(c, 400, "VALIDATION_ERROR", "There are too many records of this type");
        return;
    }
    w.names = STR("hs_merged_object_ids");
    answer_record(&w, 200);
}

void endpoint_objects_gdpr_delete(struct call *c)
{
    enum object_type object;
    struct str id = STR("");
    struct str name = STR("");
    struct refusal why;
    struct find_by by = {.merged = true};
    uint32_t slot;
    if (!write_object(c, &object) || !call_parse_body(c) || !read_id(c, "objectId", &id)) {
        return;
    }
    if (object != OBJECT_CONTACTS) {
        call_error(c, 404, NULL, "HTTP 404 Not Found");
        return;
    }
    json_get_string(c->body, STR("idProperty"), &name);
    if (!find_property(c, object, name, &by.property, &why)) {
        refusal_answer(c, &why);
        return;
    }
    struct mutate m = write_mutate(c, object);
    bool found = find_record(m.portal, object, &by, id, &slot);
    by.archived = !found;
    found = found || find_record(m.portal, object, &by, id, &slot);
    if (found) {
        mutate_delete(&m, slot);
    } else if (by.property && by.property->kind == KIND_EMAIL) {
        lookup_block(&m.portal->shelves[object], by.property, id);
    } else {
        call_not_found(c);
        return;
    }
    c->response->status = 204;
}
