// The second half of a write: doing it, with all that follows from it.
#include "core/limits.h"
#include "core/timestamp.h"
#include "sim/generate.h"
#include "sim/lifecycle.h"
#include "sim/render.h"
#include "sim/sim.h"
#include "sim/write_links.h"

struct applying {
    struct write *w;
    struct mutate mutate;
    struct buf scratch;
    bool full; // no more room for values
};

static struct shelf *shelf_of(const struct applying *a)
{
    return &a->mutate.portal->shelves[a->w->object];
}

// The value now, in scratch; *ret_there false: none.
static struct str value_now(struct applying *a, const struct property *p, bool *ret_there)
{
    struct record r = portal_record(a->mutate.portal, a->w->object, a->w->slot);
    buf_reset(&a->scratch);
    *ret_there = generate_value(&r, p, &a->scratch);
    return *ret_there ? buf_str(&a->scratch) : STR("");
}

// Whether anything changed.
static bool set(struct applying *a, const struct property *p, struct str value)
{
    bool there;
    struct str own;
    if (str_eq(value_now(a, p, &there), value)) {
        return false;
    }
    if (!mutate_keep(a->mutate.portal, value, &own)) {
        a->full = true;
        return false;
    }
    mutate_set(&a->mutate, a->w->slot, p, own);
    return true;
}

static void set_by_name(struct applying *a, struct str name, struct str value)
{
    const struct property *p = property_find(&shelf_of(a)->properties, name);
    if (p) {
        set(a, p, value);
    }
}

// Where a record comes from, which HubSpot notes when it is created.
static void set_source(struct applying *a)
{
    set_by_name(a, STR("hs_object_source"), STR("INTEGRATION"));
    set_by_name(a, STR("hs_object_source_label"), STR("INTEGRATION"));
    set_by_name(a, STR("hs_object_source_id"), call_number(a->w->call, a->mutate.app_id));
}

static void follow_email(struct applying *a, struct str email)
{
    ptrdiff_t at = str_find_char(email, '@');
    set_by_name(a, STR("hs_email_domain"),
                at < 0 ? STR("") : str_sub(email, (size_t)at + 1, email.len));
}

// Where the record stands; false when its type has no pipelines.
static bool place_of(struct applying *a, struct placement *ret)
{
    bool there;
    struct arena *arena = a->w->call->arena;
    if (!lifecycle_placement(shelf_of(a), ret)) {
        return false;
    }
    ret->pipeline_id = arena_dup(arena, value_now(a, ret->pipeline, &there));
    ret->stage_id = arena_dup(arena, value_now(a, ret->stage, &there));
    return true;
}

static void set_calculated(struct applying *a, const struct placement *p, enum value_kind kind,
                           struct str value)
{
    const struct property *property = lifecycle_calculated(shelf_of(a), p, kind);
    if (property) {
        set(a, property, value);
    }
}

static void leave_stage(struct applying *a, const struct placement *p)
{
    bool there;
    int64_t at_ms = a->mutate.time.at_ms;
    int64_t entered_ms;
    int64_t total_ms = 0;
    const struct property *entered = lifecycle_calculated(shelf_of(a), p, KIND_STAGE_ENTERED);
    const struct property *total = lifecycle_calculated(shelf_of(a), p, KIND_STAGE_TOTAL);
    set_calculated(a, p, KIND_STAGE_EXITED, call_iso(a->w->call, at_ms));
    if (!entered || !total || !timestamp_parse(value_now(a, entered, &there), &entered_ms)) {
        return; // HubSpot does not know either how long that was
    }
    if (!str_to_int64(value_now(a, total, &there), &total_ms)) {
        total_ms = 0; // for the first time
    }
    int64_t latest_ms = MAX(at_ms - entered_ms, INT64_C(0));
    struct call *c = a->w->call;
    set_calculated(a, p, KIND_STAGE_LATEST, call_number(c, (uint64_t)latest_ms));
    set_calculated(a, p, KIND_STAGE_TOTAL, call_number(c, (uint64_t)(total_ms + latest_ms)));
}

static void enter_stage(struct applying *a, const struct placement *p)
{
    set_calculated(a, p, KIND_STAGE_ENTERED, call_iso(a->w->call, a->mutate.time.at_ms));
    set_calculated(a, p, KIND_STAGE_EXITED, STR(""));
    set_calculated(a, p, KIND_STAGE_LATEST, STR(""));
}

// What HubSpot works out when a record has moved.
static void follow_stage(struct applying *a, const struct placement *before)
{
    struct placement now;
    if (!place_of(a, &now)) {
        return;
    }
    if (before->stage_id.len > 0) {
        leave_stage(a, before);
    }
    enter_stage(a, &now);
}

// Whether the write speaks of pipeline or stage at all.
static bool may_move(const struct write *w)
{
    for (size_t i = 0; i < w->n_values; i++) {
        enum value_kind kind = w->values[i].property->kind;
        if (kind == KIND_STAGE || kind == KIND_PIPELINE) {
            return true;
        }
    }
    return false;
}

// Whether any value changed.
static bool set_all(struct applying *a)
{
    bool changed = false;
    bool moved = false;
    struct placement before = {0};
    bool has_stages = may_move(a->w) && place_of(a, &before);
    for (size_t i = 0; i < a->w->n_values; i++) {
        const struct write_value *v = &a->w->values[i];
        if (!set(a, v->property, v->value)) {
            continue;
        }
        changed = true;
        moved = moved || v->property->kind == KIND_STAGE || v->property->kind == KIND_PIPELINE;
        if (v->property->kind == KIND_EMAIL) {
            follow_email(a, v->value);
        }
    }
    if (moved && has_stages) {
        follow_stage(a, &before);
    }
    return changed;
}

bool write_apply(struct write *w, struct refusal *ret)
{
    struct applying a = {.w = w, .mutate = write_mutate(w->call, w->object)};
    if (w->creates && !mutate_create(&a.mutate, &w->slot)) {
        return refuse(w->call, ret, 400, "VALIDATION_ERROR",
                      "There are %d records of this type already; no more can be created",
                      PORTAL_RECORDS_MAX);
    }
    buf_init(&a.scratch, LIMIT_VALUE_BYTES);
    if (w->creates) {
        mutate_blank(&a.mutate, w->slot);
        set_source(&a);
    }
    if (set_all(&a) && !w->creates) {
        mutate_touch(&a.mutate, w->slot);
    }
    write_links_apply(w);
    buf_done(&a.scratch);
    return !a.full || refuse(w->call, ret, 503, "SERVICE_UNAVAILABLE",
                             "hubsim has no more room for values; POST /_sim/reset with data true");
}

void write_render(const struct write *w)
{
    struct call *c = w->call;
    struct sim *sim = c->sim;
    struct str defaults = object_info(w->object)->defaults;
    struct str list = w->names.len == 0 ? defaults
                                        : arena_printf(c->arena, "%.*s,%.*s", STR_ARG(defaults),
                                                       STR_ARG(w->names));
    const struct selection *properties = selection_take(sim->selections, sim->portal, w->object,
                                                        list, false, visibility_of(c, w->object));
    struct render how;
    render_init(&how, properties);
    how.omit_nulls = sim->options->omit_nulls;
    struct record r = portal_record(sim->portal, w->object, w->slot);
    render_record(&c->response->body, &r, &how);
    render_done(&how);
    selection_release(sim->selections, properties);
}
