// What a new record of each type must have.
#include "sim/sim.h"
#include "sim/validate.h"

// Names by comma; of those joined by '|' one is enough.
static const struct {
    struct str type_id;
    struct str names;
} rows[] = {
    {STR_INIT("0-2"), STR_INIT("name|domain")},
    {STR_INIT("0-3"), STR_INIT("dealname,dealstage,pipeline")},
    {STR_INIT("0-5"), STR_INIT("subject,hs_pipeline,hs_pipeline_stage")},
    {STR_INIT("0-14"), STR_INIT("hs_title,hs_expiration_date")},
    {STR_INIT("0-18"), STR_INIT("hs_timestamp,hs_communication_channel_type")},
    {STR_INIT("0-27"), STR_INIT("hs_timestamp")},
    {STR_INIT("0-46"), STR_INIT("hs_timestamp")},
    {STR_INIT("0-47"), STR_INIT("hs_timestamp")},
    {STR_INIT("0-48"), STR_INIT("hs_timestamp")},
    {STR_INIT("0-49"), STR_INIT("hs_timestamp,hs_email_direction")},
    {STR_INIT("0-115"), STR_INIT("hs_internal_user_id,hs_email")},
    {STR_INIT("0-116"), STR_INIT("hs_timestamp")},
    {STR_INIT("0-136"), STR_INIT("hs_lead_name")},
};

static struct str required_of(const struct portal *p, enum object_type object)
{
    if (object_is_custom(object)) {
        return p->schemas.items[object - OBJECT_CUSTOM_FIRST].required;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (str_eq(rows[i].type_id, object_info(object)->type_id)) {
            return rows[i].names;
        }
    }
    return STR("");
}

static bool any_of(struct str names, const struct property_set *known,
                   bool (*has)(const void *values, struct str name), const void *values)
{
    struct str one;
    bool defined = false;
    while (names.len > 0 && str_next(&names, '|', &one)) {
        defined = defined || property_find(known, one);
        if (has(values, one)) {
            return true;
        }
    }
    return !defined; // what the portal does not have cannot be required
}

struct str validate_missing(struct call *c, enum object_type object,
                            bool (*has)(const void *values, struct str name), const void *values)
{
    const struct property_set *known = &c->sim->portal->shelves[object].properties;
    struct str rest = required_of(c->sim->portal, object);
    struct str names;
    struct str missing = STR("");
    while (rest.len > 0 && str_next(&rest, ',', &names)) {
        if (!any_of(names, known, has, values)) {
            ptrdiff_t bar = str_find_char(names, '|');
            struct str first = bar < 0 ? names : str_sub(names, 0, (size_t)bar);
            missing = missing.len > 0
                          ? arena_printf(c->arena, "%.*s,%.*s", STR_ARG(missing), STR_ARG(first))
                          : first;
        }
    }
    return missing;
}
