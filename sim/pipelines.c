#include "sim/pipelines.h"

#include "core/random.h"
#include "sim/portal.h"

#define DEAL(id, label, probability, closed)                                                       \
    {                                                                                              \
        STR_INIT(id), STR_INIT(label),                                                             \
            STR_INIT("{\"isClosed\":\"" closed "\",\"probability\":\"" probability "\"}")          \
    }

static const struct pipeline_stage sales[] = {
    DEAL("appointmentscheduled", "Appointment Scheduled", "0.2", "false"),
    DEAL("qualifiedtobuy", "Qualified To Buy", "0.4", "false"),
    DEAL("presentationscheduled", "Presentation Scheduled", "0.6", "false"),
    DEAL("decisionmakerboughtin", "Decision Maker Bought-In", "0.8", "false"),
    DEAL("contractsent", "Contract Sent", "0.9", "false"),
    DEAL("closedwon", "Closed Won", "1.0", "true"),
    DEAL("closedlost", "Closed Lost", "0.0", "true"),
};
static const struct pipeline_stage renewals[] = {
    DEAL("98217730", "Upcoming", "0.5", "false"),
    DEAL("98217731", "Negotiation – legal", "0.7", "false"),
    DEAL("5a1c9d3e-7c0f-4c34-9a53-2f6b3cf0a811", "Renewal signed", "1.0", "true"),
    DEAL("98217733", "Churned", "0.0", "true"),
};
static const struct pipeline_stage partners[] = {
    DEAL("104775120", "Eingang", "0.1", "false"),
    DEAL("104775121", "Qualifiziert", "0.5", "false"),
    DEAL("104775122", "Gewonnen 🎉", "1.0", "true"),
    DEAL("104775123", "Verloren", "0.0", "true"),
};
static const struct pipeline deal_pipelines[] = {
    {STR_INIT("default"), STR_INIT("Sales Pipeline"), sales, ARRAY_LEN(sales)},
    {STR_INIT("48817302"), STR_INIT("Renewals"), renewals, ARRAY_LEN(renewals)},
    {STR_INIT("51920044"), STR_INIT("Partner deals (DACH)"), partners, ARRAY_LEN(partners)},
};

#define OPEN   STR_INIT("{\"ticketState\":\"OPEN\",\"isClosed\":\"false\"}")
#define CLOSED STR_INIT("{\"ticketState\":\"CLOSED\",\"isClosed\":\"true\"}")
static const struct pipeline_stage support[] = {
    {STR_INIT("1"), STR_INIT("New"), OPEN},
    {STR_INIT("2"), STR_INIT("Waiting on contact"), OPEN},
    {STR_INIT("3"), STR_INIT("Waiting on us"), OPEN},
    {STR_INIT("4"), STR_INIT("Closed"), CLOSED},
};
static const struct pipeline_stage onboarding[] = {
    {STR_INIT("130441870"), STR_INIT("Kick-off"), OPEN},
    {STR_INIT("130441871"), STR_INIT("Data import"), OPEN},
    {STR_INIT("130441872"), STR_INIT("Live"), CLOSED},
};
static const struct pipeline ticket_pipelines[] = {
    {STR_INIT("0"), STR_INIT("Support Pipeline"), support, ARRAY_LEN(support)},
    {STR_INIT("62118455"), STR_INIT("Onboarding"), onboarding, ARRAY_LEN(onboarding)},
};

static const struct pipeline_stage prospecting[] = {
    {STR_INIT("new-stage-id"), STR_INIT("New"), STR_INIT("{\"leadState\":\"NEW\"}")},
    {STR_INIT("attempting-stage-id"), STR_INIT("Attempting"),
     STR_INIT("{\"leadState\":\"IN_PROGRESS\"}")},
    {STR_INIT("connected-stage-id"), STR_INIT("Connected"),
     STR_INIT("{\"leadState\":\"IN_PROGRESS\"}")},
    {STR_INIT("qualified-stage-id"), STR_INIT("Qualified"),
     STR_INIT("{\"leadState\":\"QUALIFIED\"}")},
    {STR_INIT("unqualified-stage-id"), STR_INIT("Disqualified"),
     STR_INIT("{\"leadState\":\"UNQUALIFIED\"}")},
};
static const struct pipeline lead_pipelines[] = {
    {STR_INIT("lead-pipeline-id"), STR_INIT("Lead pipeline"), prospecting, ARRAY_LEN(prospecting)},
};

static const struct {
    const struct pipeline *items;
    size_t n;
} starts[OBJECT_COUNT] = {
    [OBJECT_DEALS] = {deal_pipelines, ARRAY_LEN(deal_pipelines)},
    [OBJECT_TICKETS] = {ticket_pipelines, ARRAY_LEN(ticket_pipelines)},
    [OBJECT_LEADS] = {lead_pipelines, ARRAY_LEN(lead_pipelines)},
};

const struct pipeline *pipelines_of(enum object_type object, size_t *ret_n)
{
    *ret_n = starts[object].n;
    return starts[object].items;
}

void pipelines_options(enum object_type object, bool stages, struct arena *arena,
                       const struct property_option **ret, size_t *ret_n)
{
    size_t n;
    const struct pipeline *list = pipelines_of(object, &n);
    size_t total = 0;
    for (size_t i = 0; i < n; i++) {
        total += stages ? list[i].n_stages : 1;
    }
    struct property_option *options = ARENA_ARRAY(arena, struct property_option, total);
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; stages && k < list[i].n_stages; k++) {
            options[at++] = (struct property_option){list[i].stages[k].id, list[i].stages[k].label};
        }
        if (!stages) {
            options[at++] = (struct property_option){list[i].id, list[i].label};
        }
    }
    *ret = options;
    *ret_n = total;
}

void pipelines_place(enum object_type object, uint64_t record_hash, size_t *ret_pipeline,
                     size_t *ret_stage)
{
    size_t n;
    const struct pipeline *list = pipelines_of(object, &n);
    assert(n > 0);
    uint64_t h = random_mix(record_hash ^ 0x70697065);
    size_t pipeline = n == 1 || h % 100 < 65 ? 0 : (size_t)(1 + h / 128 % (n - 1));
    *ret_pipeline = pipeline;
    *ret_stage = (size_t)((h >> 32) % list[pipeline].n_stages);
}

static const int64_t made_ms = INT64_C(1546300800000); // 2019-01-01

enum { FIRST_MADE_ID = 730000001, DAY_MS = 86400000 };

static void copy_start(struct live_pipeline *to, const struct pipeline *from, size_t order)
{
    assert(to);
    to->id = from->id;
    to->label = from->label;
    to->order = (int64_t)order;
    to->created_ms = made_ms;
    to->updated_ms = made_ms + (int64_t)order * DAY_MS;
    for (size_t i = 0; i < from->n_stages; i++) {
        struct live_stage *stage = pipeline_add_stage(to);
        assert(stage);
        *stage = (struct live_stage){
            .id = from->stages[i].id,
            .label = from->stages[i].label,
            .metadata = from->stages[i].metadata,
            .order = (int64_t)i,
            .created_ms = made_ms,
            .updated_ms = made_ms + (int64_t)i * DAY_MS,
        };
    }
}

void pipelines_generate(struct pipelines *s, struct arena *arena)
{
    *s = (struct pipelines){.next_id = FIRST_MADE_ID};
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        for (size_t i = 0; i < starts[t].n; i++) {
            copy_start(pipelines_add(s, (enum object_type)t, arena), &starts[t].items[i], i);
        }
    }
}

void pipelines_done(struct pipelines *s)
{
    free(s->audits);
    *s = (struct pipelines){0};
}

struct live_pipeline *pipelines_find(const struct pipelines *s, enum object_type object,
                                     struct str id)
{
    for (size_t i = 0; i < s->n[object]; i++) {
        struct live_pipeline *p = &s->lists[object][i];
        if (!p->archived && str_eq(p->id, id)) {
            return p;
        }
    }
    return NULL;
}

struct live_stage *pipeline_find_stage(const struct live_pipeline *p, struct str id)
{
    for (size_t i = 0; i < p->n_stages; i++) {
        if (!p->stages[i].archived && str_eq(p->stages[i].id, id)) {
            return &p->stages[i];
        }
    }
    return NULL;
}

struct live_pipeline *pipelines_add(struct pipelines *s, enum object_type object,
                                    struct arena *arena)
{
    if (!s->lists[object]) {
        s->lists[object] = ARENA_ARRAY(arena, struct live_pipeline, PIPELINES_MAX);
    }
    if (s->n[object] == PIPELINES_MAX) {
        return NULL;
    }
    struct live_pipeline *p = &s->lists[object][s->n[object]++];
    p->stages = ARENA_ARRAY(arena, struct live_stage, STAGES_MAX);
    return p;
}

struct live_stage *pipeline_add_stage(struct live_pipeline *p)
{
    return p->n_stages < STAGES_MAX ? &p->stages[p->n_stages++] : NULL;
}

bool pipelines_note(struct pipelines *s, const struct pipeline_audit *audit)
{
    if (s->n_audits == PIPELINE_AUDITS_MAX) {
        return false;
    }
    if (s->n_audits == s->cap_audits) {
        s->cap_audits = MAX(s->cap_audits * 2, (size_t)64);
        s->audits = realloc(s->audits, s->cap_audits * sizeof(*s->audits));
        if (!s->audits) {
            abort();
        }
    }
    s->audits[s->n_audits++] = *audit;
    return true;
}

struct str pipelines_property(enum object_type object, bool stage)
{
    if (object == OBJECT_DEALS) {
        return stage ? STR("dealstage") : STR("pipeline");
    }
    return stage ? STR("hs_pipeline_stage") : STR("hs_pipeline");
}

static size_t count_live(const struct pipelines *s, enum object_type object, bool stages)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n[object]; i++) {
        n += stages ? s->lists[object][i].n_stages : 1;
    }
    return n;
}

static void sync_property(struct portal *p, enum object_type object, bool stages)
{
    struct property_set *set = &p->shelves[object].properties;
    struct property *property = property_find(set, pipelines_property(object, stages));
    if (!property) {
        return;
    }
    const struct pipelines *s = &p->pipelines;
    struct property_option *list =
        ARENA_ARRAY(&set->arena, struct property_option, count_live(s, object, stages));
    size_t n = 0;
    for (size_t i = 0; i < s->n[object]; i++) {
        const struct live_pipeline *one = &s->lists[object][i];
        for (size_t k = 0; stages && !one->archived && k < one->n_stages; k++) {
            if (!one->stages[k].archived) {
                list[n++] = (struct property_option){.value = one->stages[k].id,
                                                     .label = one->stages[k].label};
            }
        }
        if (!stages && !one->archived) {
            list[n++] = (struct property_option){.value = one->id, .label = one->label};
        }
    }
    property->options = list;
    property->n_options = n;
}

void pipelines_sync(struct portal *p, enum object_type object)
{
    sync_property(p, object, false);
    sync_property(p, object, true);
    p->version++;
    p->schema_version++;
}
