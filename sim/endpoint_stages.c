// Stages of pipelines.
#include "sim/endpoints.h"
#include "sim/pipeline_write.h"
#include "sim/sim.h"

void endpoint_stages_list(struct call *c)
{
    enum object_type object;
    const struct live_pipeline *p = pipeline_in_path(c, &object);
    if (p) {
        struct json_writer w = call_writer(c);
        json_begin_object(&w);
        json_key(&w, STR("results"));
        pipeline_write_stages(c, &w, p);
        json_end_object(&w);
    }
}

// The stage in the third parameter; NULL after a 404.
static struct live_stage *stage_in_path(struct call *c, enum object_type *ret_object,
                                        struct live_pipeline **ret_pipeline)
{
    *ret_pipeline = pipeline_in_path(c, ret_object);
    if (!*ret_pipeline) {
        return NULL;
    }
    struct live_stage *s = pipeline_find_stage(*ret_pipeline, c->params[2]);
    if (!s) {
        call_not_found(c);
    }
    return s;
}

static void answer(struct call *c, int status, const struct live_stage *s)
{
    c->response->status = status;
    struct json_writer w = call_writer(c);
    stage_write(c, &w, s);
}

static bool settle(struct call *c, enum object_type object, const struct live_pipeline *p,
                   const struct live_stage *s, const char *action)
{
    if (!pipeline_note(c, object, p, s, action)) {
        return false;
    }
    pipelines_sync(c->sim->portal, object);
    return true;
}

void endpoint_stages_get(struct call *c)
{
    enum object_type object;
    struct live_pipeline *p;
    const struct live_stage *s = stage_in_path(c, &object, &p);
    if (s) {
        answer(c, 200, s);
    }
}

void endpoint_stages_create(struct call *c)
{
    enum object_type object;
    struct live_stage fresh = {.metadata = STR("{}")};
    struct live_pipeline *p = pipeline_in_path(c, &object);
    if (!p || !call_parse_body(c) || !call_room(c, 65536) ||
        !stage_read(c, object, c->body, FIELD_REQUIRED, &fresh) ||
        !stage_label_is_free(c, p, NULL, fresh.label) || !stage_settle(c, p, c->body, &fresh)) {
        return;
    }
    const struct live_stage *s = &p->stages[p->n_stages - 1];
    if (settle(c, object, p, s, "CREATE")) {
        answer(c, 201, s);
    }
}

static void change(struct call *c, enum field_need need)
{
    enum object_type object;
    struct live_pipeline *p;
    bool archived = false;
    struct live_stage *s = stage_in_path(c, &object, &p);
    if (!s || !call_parse_body(c) || !call_room(c, 65536)) {
        return;
    }
    struct live_stage changed = *s;
    if (need == FIELD_REQUIRED) {
        changed.metadata = STR("{}");
    }
    if (!stage_read(c, object, c->body, need, &changed) ||
        !stage_label_is_free(c, p, s, changed.label) ||
        !field_bool(c, c->body, "archived", &archived) ||
        (archived && !pipeline_may_go(c, object, p, s))) {
        return;
    }
    changed.archived = archived;
    changed.updated_ms = clock_now_ms(c->sim->clock);
    *s = changed;
    if (settle(c, object, p, s, "UPDATE")) {
        answer(c, 200, s);
    }
}

void endpoint_stages_update(struct call *c)
{
    change(c, FIELD_OPTIONAL);
}

void endpoint_stages_replace(struct call *c)
{
    change(c, FIELD_REQUIRED);
}

void endpoint_stages_delete(struct call *c)
{
    enum object_type object;
    struct live_pipeline *p;
    struct live_stage *s = stage_in_path(c, &object, &p);
    if (!s || !pipeline_may_go(c, object, p, s)) {
        return;
    }
    s->archived = true;
    s->updated_ms = clock_now_ms(c->sim->clock);
    if (settle(c, object, p, s, "DELETE")) {
        c->response->status = 204;
    }
}

void endpoint_stages_audit(struct call *c)
{
    enum object_type object;
    if (call_object(c, 0, true, &object)) {
        pipeline_write_audits(c, object, c->params[1], c->params[2]);
    }
}
