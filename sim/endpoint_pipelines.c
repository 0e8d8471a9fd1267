// Pipelines of deals and tickets.
#include "sim/endpoints.h"
#include "sim/pipelines.h"
#include "sim/sim.h"

static const int64_t made_ms = INT64_C(1546300800000);

static void write_stage(struct call *c, struct json_writer *w, const struct pipeline_stage *s,
                        size_t order)
{
    json_begin_object(w);
    json_field_str(w, "label", s->label);
    json_field_int(w, "displayOrder", (int64_t)order);
    json_key(w, STR("metadata"));
    json_put_raw(w, s->metadata);
    json_field_str(w, "id", s->id);
    json_field_str(w, "createdAt", call_iso(c, made_ms));
    json_field_str(w, "updatedAt", call_iso(c, made_ms + (int64_t)order * 86400000));
    json_field_str(w, "writePermissions", STR("CRM_PERMISSIONS_ENFORCEMENT"));
    json_field_bool(w, "archived", false);
    json_end_object(w);
}

static void write_stages(struct call *c, struct json_writer *w, const struct pipeline *p)
{
    json_begin_array(w);
    for (size_t i = 0; i < p->n_stages; i++) {
        write_stage(c, w, &p->stages[i], i);
    }
    json_end_array(w);
}

static void write_pipeline(struct call *c, struct json_writer *w, const struct pipeline *p,
                           size_t order)
{
    json_begin_object(w);
    json_field_str(w, "label", p->label);
    json_field_int(w, "displayOrder", (int64_t)order);
    json_field_str(w, "id", p->id);
    json_key(w, STR("stages"));
    write_stages(c, w, p);
    json_field_str(w, "createdAt", call_iso(c, made_ms));
    json_field_str(w, "updatedAt", call_iso(c, made_ms + (int64_t)order * 86400000));
    json_field_bool(w, "archived", false);
    json_end_object(w);
}

void endpoint_pipelines_list(struct call *c)
{
    enum object_type object;
    size_t n;
    if (!call_object(c, 0, true, &object)) {
        return;
    }
    const struct pipeline *list = pipelines_of(object, &n);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        write_pipeline(c, &w, &list[i], i);
    }
    json_end_array(&w);
    json_end_object(&w);
}

// The pipeline in the second parameter; NULL after a 404.
static const struct pipeline *find_pipeline(struct call *c, size_t *ret_order)
{
    enum object_type object;
    size_t n;
    if (!call_object(c, 0, true, &object)) {
        return NULL;
    }
    const struct pipeline *list = pipelines_of(object, &n);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(list[i].id, c->params[1])) {
            *ret_order = i;
            return &list[i];
        }
    }
    call_not_found(c);
    return NULL;
}

void endpoint_pipelines_get(struct call *c)
{
    size_t order;
    const struct pipeline *p = find_pipeline(c, &order);
    if (p) {
        struct json_writer w = call_writer(c);
        write_pipeline(c, &w, p, order);
    }
}

void endpoint_pipelines_stages(struct call *c)
{
    size_t order;
    const struct pipeline *p = find_pipeline(c, &order);
    if (p) {
        struct json_writer w = call_writer(c);
        json_begin_object(&w);
        json_key(&w, STR("results"));
        write_stages(c, &w, p);
        json_end_object(&w);
    }
}
