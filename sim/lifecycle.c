#include "sim/lifecycle.h"

#include "sim/pipelines.h"
#include "sim/sim.h"

bool lifecycle_is_stage(const struct property *p)
{
    return str_eq(p->name, STR("lifecyclestage"));
}

// The place of a stage in the order of the options; n_options when it is none of them.
static size_t rank_of(const struct property *p, struct str value)
{
    size_t i = 0;
    while (i < p->n_options && !str_eq(p->options[i].value, value)) {
        i++;
    }
    return i;
}

bool lifecycle_allows(const struct property *p, struct str stored, struct str wanted)
{
    return stored.len == 0 || wanted.len == 0 || rank_of(p, wanted) >= rank_of(p, stored);
}

bool lifecycle_placement(const struct shelf *s, struct placement *ret)
{
    *ret = (struct placement){0};
    for (size_t i = 0; i < s->properties.n; i++) {
        const struct property *p = s->properties.items[i];
        if (!p->archived && p->kind == KIND_PIPELINE) {
            ret->pipeline = p;
        }
        if (!p->archived && p->kind == KIND_STAGE) {
            ret->stage = p;
        }
    }
    return ret->pipeline && ret->stage;
}

bool lifecycle_check_placement(struct call *c, enum object_type object, const struct placement *p,
                               struct invalids *list)
{
    const struct live_pipeline *pipeline =
        pipelines_find(&c->sim->portal->pipelines, object, p->pipeline_id);
    if (!pipeline) {
        return invalids_add(c, list, p->pipeline->name, "INVALID_OPTION",
                            "%.*s is not a pipeline of %.*s", STR_ARG(p->pipeline_id),
                            STR_ARG(object_info(object)->plural));
    }
    return p->stage_id.len == 0 || pipeline_find_stage(pipeline, p->stage_id) ||
           invalids_add(c, list, p->stage->name, "INVALID_OPTION",
                        "%.*s is not a stage of pipeline %.*s", STR_ARG(p->stage_id),
                        STR_ARG(p->pipeline_id));
}

// The stage as KIND_STAGE_ENTERED and the like count it, among those that every portal starts with;
// -1: it is none of them.
static int64_t place_of(enum object_type object, const struct placement *p)
{
    enum { STAGES_OF_ONE = 100 };
    size_t n;
    const struct pipeline *list = pipelines_of(object, &n);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; str_eq(list[i].id, p->pipeline_id) && k < list[i].n_stages; k++) {
            if (str_eq(list[i].stages[k].id, p->stage_id)) {
                return (int64_t)(i * STAGES_OF_ONE + k);
            }
        }
    }
    return -1;
}

const struct property *lifecycle_calculated(const struct shelf *s, const struct placement *p,
                                            enum value_kind kind)
{
    int64_t place = place_of(s->type, p);
    for (size_t i = 0; i < s->properties.n && place >= 0; i++) {
        const struct property *found = s->properties.items[i];
        if (!found->archived && found->kind == kind && found->lo == place) {
            return found;
        }
    }
    return NULL;
}
