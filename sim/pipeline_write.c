#include "sim/pipeline_write.h"

#include "core/limits.h"
#include "sim/generate.h"
#include "sim/sim.h"

enum { LABEL_MAX_BYTES = 500, ID_MAX_BYTES = 100, METADATA_MAX = 20, IDS_SHOWN = 10 };

struct live_pipeline *pipeline_in_path(struct call *c, enum object_type *ret_object)
{
    if (!call_object(c, 0, true, ret_object)) {
        return NULL;
    }
    struct live_pipeline *p = pipelines_find(&c->sim->portal->pipelines, *ret_object, c->params[1]);
    if (!p) {
        call_not_found(c);
    }
    return p;
}

static int compare(int64_t order_a, struct str label_a, int64_t order_b, struct str label_b)
{
    return order_a != order_b ? (order_a < order_b ? -1 : 1) : str_cmp(label_a, label_b);
}

static int compare_pipelines(const void *a, const void *b)
{
    const struct live_pipeline *const *x = a;
    const struct live_pipeline *const *y = b;
    return compare((*x)->order, (*x)->label, (*y)->order, (*y)->label);
}

static int compare_stages(const void *a, const void *b)
{
    const struct live_stage *const *x = a;
    const struct live_stage *const *y = b;
    return compare((*x)->order, (*x)->label, (*y)->order, (*y)->label);
}

size_t pipelines_sorted(const struct pipelines *s, enum object_type object,
                        const struct live_pipeline **ret)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n[object]; i++) {
        if (!s->lists[object][i].archived) {
            ret[n++] = &s->lists[object][i];
        }
    }
    qsort((void *)ret, n, sizeof(struct live_pipeline *), compare_pipelines);
    return n;
}

bool pipeline_label_ok(struct call *c, struct str label)
{
    return (label.len > 0 && label.len <= LABEL_MAX_BYTES) ||
           call_error(c, 400, "VALIDATION_ERROR", "label must have 1 to %d bytes", LABEL_MAX_BYTES);
}

static bool make_id(struct call *c, struct str *id)
{
    struct portal *p = c->sim->portal;
    *id = call_number(c, p->pipelines.next_id);
    p->pipelines.next_id += 17;
    return call_keep(c, *id, id);
}

static bool id_ok(struct call *c, bool taken, struct str *id)
{
    if (id->len == 0) {
        return make_id(c, id);
    }
    if (id->len > ID_MAX_BYTES || str_find_char(*id, '/') >= 0) {
        return call_error(c, 400, "VALIDATION_ERROR", "An id must have at most %d bytes and no '/'",
                          ID_MAX_BYTES);
    }
    if (taken) {
        return call_error(c, 409, "CONFLICT", "The id '%.*s' is taken", STR_ARG(*id));
    }
    return call_keep(c, *id, id);
}

bool pipeline_id_ok(struct call *c, enum object_type object, struct str *id)
{
    return id_ok(c, pipelines_find(&c->sim->portal->pipelines, object, *id) != NULL, id);
}

// A metadata value as text: numbers and booleans become texts, as HubSpot returns only these.
static bool metadata_text(struct call *c, struct json v, struct str *ret)
{
    struct buf text;
    if (json_string(v, ret)) {
        return true;
    }
    if (json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT || json_is_null(v)) {
        return false;
    }
    buf_init(&text, 1024);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_put(&w, v);
    *ret = arena_dup(c->arena, buf_str(&text));
    buf_done(&text);
    return true;
}

static bool bad_metadata(struct call *c, const char *why)
{
    call_error(c, 400, "VALIDATION_ERROR", "The metadata of a stage is not valid: %s", why);
    return refuse_context(c, "propertyName", STR("metadata"));
}

// Deals need a probability; who has one is closed when it is 0 or 1.
static bool check_metadata(struct call *c, enum object_type object, struct str key,
                           struct str value, bool *ret_closed)
{
    double probability;
    if (object == OBJECT_DEALS && str_eq(key, STR("probability"))) {
        if (!str_to_double(value, &probability) || probability < 0 || probability > 1) {
            return bad_metadata(c, "probability must be a number from 0.0 to 1.0");
        }
        *ret_closed = probability <= 0 || probability >= 1;
    }
    if (object == OBJECT_TICKETS && str_eq(key, STR("ticketState"))) {
        if (!str_eq(value, STR("OPEN")) && !str_eq(value, STR("CLOSED"))) {
            return bad_metadata(c, "ticketState must be OPEN or CLOSED");
        }
        *ret_closed = str_eq(value, STR("CLOSED"));
    }
    return true;
}

static bool read_metadata(struct call *c, enum object_type object, struct json metadata,
                          struct buf *out)
{
    struct json_iter it = json_iter(metadata);
    struct json v;
    struct str key;
    struct str value;
    bool closed = false;
    bool probability = false;
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    while (json_next_field(&it, &key, &v)) {
        if (str_eq(key, STR("isClosed"))) {
            continue; // follows from the others
        }
        if (!metadata_text(c, v, &value)) {
            return bad_metadata(c, "its values must be texts");
        }
        if (!check_metadata(c, object, key, value, &closed)) {
            return false;
        }
        probability = probability || str_eq(key, STR("probability"));
        json_key(&w, key);
        json_put_str(&w, value);
    }
    if (object == OBJECT_DEALS && !probability) {
        return bad_metadata(c, "a stage of a deal pipeline needs a probability");
    }
    if (object == OBJECT_DEALS || object == OBJECT_TICKETS) {
        json_field_str(&w, "isClosed", closed ? STR("true") : STR("false"));
    }
    json_end_object(&w);
    return true;
}

bool stage_read(struct call *c, enum object_type object, struct json v, enum field_need need,
                struct live_stage *s)
{
    struct json metadata;
    if (!field_str(c, v, "label", need, &s->label) ||
        !field_int(c, v, "displayOrder", need, &s->order) || !pipeline_label_ok(c, s->label) ||
        !call_keep(c, s->label, &s->label)) {
        return false;
    }
    bool there = json_get(v, STR("metadata"), &metadata) && json_type(metadata) == JSON_OBJECT;
    if (!there && !(need == FIELD_REQUIRED && object == OBJECT_DEALS)) {
        return true;
    }
    if (!there || json_count(metadata) > METADATA_MAX) {
        return bad_metadata(c, "it must be an object of at most 20 texts, with a probability for "
                               "deals");
    }
    struct buf text;
    buf_init(&text, LIMIT_SETTINGS_VALUE);
    bool ok = read_metadata(c, object, metadata, &text);
    if (ok && text.overflow) {
        ok = bad_metadata(c, "it is too long");
    }
    ok = ok && call_keep(c, buf_str(&text), &s->metadata);
    buf_done(&text);
    return ok;
}

bool stage_label_is_free(struct call *c, const struct live_pipeline *p,
                         const struct live_stage *self, struct str label)
{
    for (size_t i = 0; i < p->n_stages; i++) {
        const struct live_stage *s = &p->stages[i];
        if (s != self && !s->archived && str_eq(s->label, label)) {
            return call_error(c, 409, "CONFLICT",
                              "A stage with the label '%.*s' already exists in the pipeline",
                              STR_ARG(label));
        }
    }
    return true;
}

bool stage_settle(struct call *c, struct live_pipeline *p, struct json v,
                  const struct live_stage *s)
{
    struct str id = STR("");
    if (!field_str(c, v, "stageId", FIELD_OPTIONAL, &id) ||
        !(id.len > 0 || field_str(c, v, "id", FIELD_OPTIONAL, &id)) ||
        !id_ok(c, pipeline_find_stage(p, id) != NULL, &id)) {
        return false;
    }
    struct live_stage *to = pipeline_add_stage(p);
    if (!to) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "The pipeline has had %d stages; no more are allowed", STAGES_MAX);
    }
    *to = *s;
    to->id = id;
    to->created_ms = clock_now_ms(c->sim->clock);
    to->updated_ms = to->created_ms;
    return true;
}

// The first few live records whose property has the value, as a comma list; *ret_n all of them.
static struct str records_in(struct call *c, enum object_type object, struct str property,
                             struct str value, size_t *ret_n)
{
    const struct portal *portal = c->sim->portal;
    const struct shelf *shelf = &portal->shelves[object];
    const struct property *p = property_find(&shelf->properties, property);
    struct str ids = STR("");
    struct buf text;
    buf_init(&text, LIMIT_VALUE_BYTES);
    *ret_n = 0;
    for (uint32_t slot = 0; p && slot < shelf->n; slot++) {
        if (!portal_is_live(shelf, slot)) {
            continue;
        }
        struct record r = portal_record(portal, object, slot);
        buf_reset(&text);
        if (!generate_value(&r, p, &text) || !str_eq(buf_str(&text), value)) {
            continue;
        }
        if (++*ret_n <= IDS_SHOWN) {
            ids = arena_printf(c->arena, "%.*s%s%llu", STR_ARG(ids), ids.len > 0 ? ", " : "",
                               (unsigned long long)r.id);
        }
    }
    buf_done(&text);
    return ids;
}

// Whether references count. HubSpot checks stages always; pipelines since 2026-09, unless told not
// to, and before that only when told to.
static bool references_count(struct call *c, enum object_type object, bool stage, bool *ret)
{
    bool strict = call_is_dated(c, "2026-09");
    *ret = stage || strict;
    bool general = *ret;
    bool deals = *ret;
    if (!field_query_bool(c, "validateReferencesBeforeDelete", &general) ||
        !field_query_bool(c, "validateDealStageUsagesBeforeDelete", &deals)) {
        return false;
    }
    *ret = object == OBJECT_DEALS ? (*ret ? general && deals : general || deals) : general;
    return true;
}

bool pipeline_may_go(struct call *c, enum object_type object, const struct live_pipeline *p,
                     const struct live_stage *s)
{
    bool count;
    size_t n;
    if (!references_count(c, object, s != NULL, &count)) {
        return false;
    }
    if (!count) {
        return true;
    }
    struct str id = s ? s->id : p->id;
    struct str ids = records_in(c, object, pipelines_property(object, s != NULL), id, &n);
    if (n == 0) {
        return true;
    }
    call_error(c, 400, "VALIDATION_ERROR",
               "%s ID %.*s is being referenced by %zu object IDs, among them: %.*s",
               s ? "Stage" : "Pipeline", STR_ARG(id), n, STR_ARG(ids));
    refuse_with(c, "subCategory",
                s ? STR("PipelineError.STAGE_ID_IN_USE") : STR("PipelineError.PIPELINE_ID_IN_USE"));
    return refuse_context(c, s ? "stageId" : "pipelineId", id);
}

void stage_write(struct call *c, struct json_writer *w, const struct live_stage *s)
{
    json_begin_object(w);
    json_field_str(w, "label", s->label);
    json_field_int(w, "displayOrder", s->order);
    json_key(w, STR("metadata"));
    json_put_raw(w, s->metadata);
    json_field_str(w, "id", s->id);
    json_field_str(w, "createdAt", call_iso(c, s->created_ms));
    json_field_str(w, "updatedAt", call_iso(c, s->updated_ms));
    json_field_str(w, "writePermissions", STR("CRM_PERMISSIONS_ENFORCEMENT"));
    json_field_bool(w, "archived", s->archived);
    json_end_object(w);
}

void pipeline_write_stages(struct call *c, struct json_writer *w, const struct live_pipeline *p)
{
    const struct live_stage *sorted[STAGES_MAX];
    size_t n = 0;
    for (size_t i = 0; i < p->n_stages; i++) {
        if (!p->stages[i].archived) {
            sorted[n++] = &p->stages[i];
        }
    }
    qsort((void *)sorted, n, sizeof(struct live_stage *), compare_stages);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++) {
        stage_write(c, w, sorted[i]);
    }
    json_end_array(w);
}

void pipeline_write(struct call *c, struct json_writer *w, const struct live_pipeline *p)
{
    json_begin_object(w);
    json_field_str(w, "label", p->label);
    json_field_int(w, "displayOrder", p->order);
    json_field_str(w, "id", p->id);
    json_key(w, STR("stages"));
    pipeline_write_stages(c, w, p);
    json_field_str(w, "createdAt", call_iso(c, p->created_ms));
    json_field_str(w, "updatedAt", call_iso(c, p->updated_ms));
    json_field_bool(w, "archived", p->archived);
    json_end_object(w);
}

bool pipeline_note(struct call *c, enum object_type object, const struct live_pipeline *p,
                   const struct live_stage *s, const char *action)
{
    struct portal *portal = c->sim->portal;
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_VALUE_BYTES);
    json_writer_init(&w, &text);
    if (s) {
        stage_write(c, &w, s);
    } else {
        pipeline_write(c, &w, p);
    }
    struct pipeline_audit audit = {
        .object = object,
        .pipeline = p->id,
        .stage = s ? s->id : STR(""),
        .action = action,
        .at_ms = clock_now_ms(c->sim->clock),
    };
    bool kept = call_keep(c, buf_str(&text), &audit.raw);
    buf_done(&text);
    return kept && (pipelines_note(&portal->pipelines, &audit) ||
                    call_error(c, 400, "VALIDATION_ERROR",
                               "Pipelines were changed %d times; reset the simulated account",
                               PIPELINE_AUDITS_MAX));
}

// Whether there is, or was, such a pipeline, or a stage of that id in any of them.
static bool known(const struct pipelines *all, enum object_type object, struct str pipeline,
                  struct str stage)
{
    for (size_t i = 0; i < all->n[object]; i++) {
        const struct live_pipeline *p = &all->lists[object][i];
        if (stage.len == 0 && str_eq(p->id, pipeline)) {
            return true;
        }
        for (size_t k = 0; stage.len > 0 && k < p->n_stages; k++) {
            if (str_eq(p->stages[k].id, stage)) {
                return true;
            }
        }
    }
    return false;
}

static void write_audit(struct call *c, struct json_writer *w, const struct pipeline_audit *a)
{
    json_begin_object(w);
    json_field_int(w, "portalId", (int64_t)c->sim->portal->options.portal_id);
    json_field_str(w, "identifier", a->stage.len > 0 ? a->stage : a->pipeline);
    json_field_str(w, "action", str_from(a->action));
    json_field_str(w, "timestamp", call_iso(c, a->at_ms));
    json_key(w, STR("rawObject"));
    json_put_raw(w, a->raw);
    json_end_object(w);
}

void pipeline_write_audits(struct call *c, enum object_type object, struct str pipeline,
                           struct str stage)
{
    const struct pipelines *all = &c->sim->portal->pipelines;
    if (!known(all, object, pipeline, stage)) {
        call_not_found(c);
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = all->n_audits; i > 0; i--) {
        const struct pipeline_audit *a = &all->audits[i - 1];
        // A stage goes by its own id: the official client does not fill the pipeline in.
        if (a->object == object && str_eq(a->stage, stage) &&
            (stage.len > 0 || str_eq(a->pipeline, pipeline))) {
            write_audit(c, &w, a);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}
