// Pipelines: reading and changing them. Their stages are in endpoint_stages.c.
#include "sim/endpoints.h"
#include "sim/pipeline_write.h"
#include "sim/sim.h"

void endpoint_pipelines_list(struct call *c)
{
    enum object_type object;
    if (!call_object(c, 0, true, &object)) {
        return;
    }
    const struct pipelines *all = &c->sim->portal->pipelines;
    const struct live_pipeline *sorted[PIPELINES_MAX];
    size_t n = pipelines_sorted(all, object, sorted);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        pipeline_write(c, &w, sorted[i]);
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void answer(struct call *c, int status, const struct live_pipeline *p)
{
    c->response->status = status;
    struct json_writer w = call_writer(c);
    pipeline_write(c, &w, p);
}

void endpoint_pipelines_get(struct call *c)
{
    enum object_type object;
    const struct live_pipeline *p = pipeline_in_path(c, &object);
    if (p) {
        answer(c, 200, p);
    }
}

// Notes what has been done and puts the properties' options right.
static bool settle(struct call *c, enum object_type object, const struct live_pipeline *p,
                   const char *action)
{
    if (!pipeline_note(c, object, p, NULL, action)) {
        return false;
    }
    pipelines_sync(c->sim->portal, object);
    return true;
}

static bool label_is_free(struct call *c, enum object_type object, const struct live_pipeline *self,
                          struct str label)
{
    const struct pipelines *all = &c->sim->portal->pipelines;
    for (size_t i = 0; i < all->n[object]; i++) {
        const struct live_pipeline *p = &all->lists[object][i];
        if (p != self && !p->archived && str_eq(p->label, label)) {
            call_error(c, 409, "CONFLICT", "A pipeline with the label '%.*s' already exists",
                       STR_ARG(label));
            return refuse_with(c, "subCategory", STR("PipelineError.PIPELINE_LABEL_EXISTS"));
        }
    }
    return true;
}

static bool read_label(struct call *c, enum object_type object, enum field_need need,
                       struct live_pipeline *p, const struct live_pipeline *self)
{
    return field_str(c, c->body, "label", need, &p->label) &&
           field_int(c, c->body, "displayOrder", need, &p->order) &&
           pipeline_label_ok(c, p->label) && label_is_free(c, object, self, p->label) &&
           call_keep(c, p->label, &p->label);
}

// The stages of the body over those of *p, which has room for all of them.
static bool read_stages(struct call *c, enum object_type object, struct live_pipeline *p)
{
    struct json stages;
    struct json v;
    if (!field_array(c, c->body, "stages", FIELD_REQUIRED, &stages)) {
        return false;
    }
    size_t n = json_count(stages);
    if (n == 0 || n > STAGES_MAX) {
        return call_error(c, 400, "VALIDATION_ERROR", "A pipeline must have 1 to %d stages",
                          STAGES_MAX);
    }
    struct json_iter it = json_iter(stages);
    while (json_next(&it, &v)) {
        struct live_stage fresh = {.metadata = STR("{}")};
        if (!stage_read(c, object, v, FIELD_REQUIRED, &fresh) ||
            !stage_label_is_free(c, p, NULL, fresh.label) || !stage_settle(c, p, v, &fresh)) {
            return false;
        }
    }
    return true;
}

// Taken back when the request fails half-way: the place in the list is the last one.
static void forget_last(struct call *c, enum object_type object)
{
    c->sim->portal->pipelines.n[object]--;
}

void endpoint_pipelines_create(struct call *c)
{
    enum object_type object;
    if (!call_object(c, 0, true, &object) || !call_parse_body(c)) {
        return;
    }
    struct portal *portal = c->sim->portal;
    if (!property_find(&portal->shelves[object].properties, pipelines_property(object, true))) {
        call_error(c, 400, "VALIDATION_ERROR", "The object type %.*s has no pipelines",
                   STR_ARG(object_info(object)->plural));
        return;
    }
    struct live_pipeline fresh = {.order = 0};
    if (!call_room(c, 65536) || !read_label(c, object, FIELD_REQUIRED, &fresh, NULL) ||
        !field_str(c, c->body, "pipelineId", FIELD_OPTIONAL, &fresh.id) ||
        !pipeline_id_ok(c, object, &fresh.id)) {
        return;
    }
    struct live_pipeline *p = pipelines_add(&portal->pipelines, object, &portal->arena);
    if (!p) {
        call_error(c, 400, "VALIDATION_ERROR", "There are %d pipelines; no more are allowed",
                   PIPELINES_MAX);
        return;
    }
    struct live_stage *stages = p->stages;
    *p = fresh;
    p->stages = stages;
    p->created_ms = clock_now_ms(c->sim->clock);
    p->updated_ms = p->created_ms;
    if (!read_stages(c, object, p) || !settle(c, object, p, "CREATE")) {
        forget_last(c, object);
        return;
    }
    answer(c, 201, p);
}

void endpoint_pipelines_update(struct call *c)
{
    enum object_type object;
    bool archived = false;
    struct live_pipeline *p = pipeline_in_path(c, &object);
    if (!p || !call_parse_body(c)) {
        return;
    }
    struct live_pipeline changed = *p;
    if (!read_label(c, object, FIELD_OPTIONAL, &changed, p) ||
        !field_bool(c, c->body, "archived", &archived)) {
        return;
    }
    if (archived && !pipeline_may_go(c, object, p, NULL)) {
        return;
    }
    changed.archived = archived;
    changed.updated_ms = clock_now_ms(c->sim->clock);
    *p = changed;
    if (settle(c, object, p, "UPDATE")) {
        answer(c, 200, p);
    }
}

// Stages of the new list keep their ids where these are given; those left out are deleted.
void endpoint_pipelines_replace(struct call *c)
{
    enum object_type object;
    struct live_pipeline *p = pipeline_in_path(c, &object);
    if (!p || !call_parse_body(c) || !call_room(c, 65536)) {
        return;
    }
    struct live_pipeline changed = *p;
    if (!read_label(c, object, FIELD_REQUIRED, &changed, p)) {
        return;
    }
    changed.stages = ARENA_ARRAY(&c->sim->portal->arena, struct live_stage, STAGES_MAX);
    changed.n_stages = 0;
    if (!read_stages(c, object, &changed)) {
        return;
    }
    for (size_t i = 0; i < p->n_stages; i++) {
        struct live_stage *old = &p->stages[i];
        if (!old->archived && !pipeline_find_stage(&changed, old->id) &&
            !pipeline_may_go(c, object, p, old)) {
            return;
        }
    }
    changed.updated_ms = clock_now_ms(c->sim->clock);
    *p = changed;
    if (settle(c, object, p, "UPDATE")) {
        answer(c, 200, p);
    }
}

void endpoint_pipelines_delete(struct call *c)
{
    enum object_type object;
    struct live_pipeline *p = pipeline_in_path(c, &object);
    if (!p || !pipeline_may_go(c, object, p, NULL)) {
        return;
    }
    p->archived = true;
    p->updated_ms = clock_now_ms(c->sim->clock);
    if (settle(c, object, p, "DELETE")) {
        c->response->status = 204;
    }
}

void endpoint_pipelines_audit(struct call *c)
{
    enum object_type object;
    if (call_object(c, 0, true, &object)) {
        pipeline_write_audits(c, object, c->params[1], STR(""));
    }
}
