#include "sim/pipelines.h"

#include "core/random.h"

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

const struct pipeline *pipelines_of(enum object_type object, size_t *ret_n)
{
    if (object == OBJECT_DEALS) {
        *ret_n = ARRAY_LEN(deal_pipelines);
        return deal_pipelines;
    }
    *ret_n = object == OBJECT_TICKETS ? ARRAY_LEN(ticket_pipelines) : 0;
    return ticket_pipelines;
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
    size_t pipeline = h % 100 < 65 ? 0 : (size_t)(1 + h / 128 % (n - 1));
    *ret_pipeline = pipeline;
    *ret_stage = (size_t)((h >> 32) % list[pipeline].n_stages);
}
