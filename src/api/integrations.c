// What can be connected.
#include "api/api.h"

struct integration_view {
    struct str id, name;
    bool supports_start_date;
    struct api_strings abilities;
};

#define FIELD(f) offsetof(struct integration_view, f)

static const struct api_field INTEGRATION_FIELDS[] = {
    {.name = "id",
     .type = API_STRING,
     .offset = FIELD(id),
     .flags = API_REQUIRED,
     .help = "What a connection bridge is asked for.",
     .example = "\"hubspot-v2\""},
    {.name = "name",
     .type = API_STRING,
     .offset = FIELD(name),
     .flags = API_REQUIRED,
     .help = "For people.",
     .example = "\"HubSpot\""},
    {.name = "supports_start_date",
     .type = API_BOOLEAN,
     .offset = FIELD(supports_start_date),
     .flags = API_REQUIRED,
     .help = "Whether a sync of it may have a start_date."},
    {.name = "abilities",
     .type = API_STRINGS,
     .offset = FIELD(abilities),
     .flags = API_REQUIRED,
     .help = "EltSource: data can be loaded from it. ReverseEtlDestination: data can be written "
             "back to it.",
     .example = "[\"EltSource\"]"},
};
static const struct api_shape INTEGRATION = {
    .name = "Integration",
    .help = "A kind of system that connections can be made to.",
    .size = sizeof(struct integration_view),
    .fields = INTEGRATION_FIELDS,
    .n_fields = ARRAY_LEN(INTEGRATION_FIELDS),
};

static const struct str SOURCE_ABILITY[] = {STR_INIT("EltSource")};
static const struct str DESTINATION_ABILITY[] = {STR_INIT("ReverseEtlDestination")};
static const struct integration_view INTEGRATIONS[] = {
    {STR_INIT("hubspot-v2"), STR_INIT("HubSpot"), true, {SOURCE_ABILITY, 1}},
    {STR_INIT("hubspot"), STR_INIT("HubSpot"), false, {DESTINATION_ABILITY, 1}},
};

static void list_integrations(struct api_call *c)
{
    struct str ability = api_query(c, "ability");
    struct integration_view *found =
        ARENA_ARRAY(c->arena, struct integration_view, ARRAY_LEN(INTEGRATIONS));
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(INTEGRATIONS); i++) {
        if (str_eq(INTEGRATIONS[i].abilities.items[0], ability)) {
            found[n++] = INTEGRATIONS[i];
        }
    }
    api_list(c, &INTEGRATION, found, n, (struct str){NULL, 0});
}

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/integrations",
     .name = "listIntegrations",
     .tag = "Integrations",
     .help = "Lists the integrations that have an ability.",
     .scope = API_KEY_READ,
     .query = {{.name = "ability",
                .type = API_STRING,
                .choices = "EltSource|ReverseEtlDestination",
                .fallback = "EltSource",
                .help = "What the integrations must be able to."}},
     .answers = {{.status = 200, .shape = &INTEGRATION, .list = true, .help = "All of them."}},
     .handle = list_integrations},
};
const struct api_routes API_ROUTES_INTEGRATIONS = {ROUTES, ARRAY_LEN(ROUTES)};
