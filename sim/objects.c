#include "sim/objects.h"

#define ENGAGEMENT_DEFAULTS STR_INIT("hs_createdate,hs_lastmodifieddate,hs_object_id")
#define CONTACTS_SCOPE      STR_INIT("crm.objects.contacts.read")

#define ENGAGEMENT(plural_, singular_, id_, upper_, base_)                                         \
    {                                                                                              \
        .plural = STR_INIT(plural_), .singular = STR_INIT(singular_), .type_id = STR_INIT(id_),    \
        .upper = STR_INIT(upper_), .scope = CONTACTS_SCOPE, .created = STR_INIT("hs_createdate"),  \
        .modified = STR_INIT("hs_lastmodifieddate"), .defaults = ENGAGEMENT_DEFAULTS,              \
        .id_base = (base_), .engagement = true                                                     \
    }

static const struct object_info infos[OBJECT_COUNT] = {
    [OBJECT_CONTACTS] =
        {
            .plural = STR_INIT("contacts"),
            .singular = STR_INIT("contact"),
            .type_id = STR_INIT("0-1"),
            .upper = STR_INIT("CONTACT"),
            .scope = CONTACTS_SCOPE,
            .created = STR_INIT("createdate"),
            .modified = STR_INIT("lastmodifieddate"),
            .defaults =
                STR_INIT("createdate,email,firstname,hs_object_id,lastmodifieddate,lastname"),
            .id_base = 51001,
            .merge_makes_new = true,
        },
    [OBJECT_COMPANIES] =
        {
            .plural = STR_INIT("companies"),
            .singular = STR_INIT("company"),
            .type_id = STR_INIT("0-2"),
            .upper = STR_INIT("COMPANY"),
            .scope = STR_INIT("crm.objects.companies.read"),
            .created = STR_INIT("createdate"),
            .modified = STR_INIT("hs_lastmodifieddate"),
            .defaults = STR_INIT("name,domain,createdate,hs_lastmodifieddate,hs_object_id"),
            .id_base = 7104002001,
            .merge_makes_new = true,
        },
    [OBJECT_DEALS] =
        {
            .plural = STR_INIT("deals"),
            .singular = STR_INIT("deal"),
            .type_id = STR_INIT("0-3"),
            .upper = STR_INIT("DEAL"),
            .scope = STR_INIT("crm.objects.deals.read"),
            .created = STR_INIT("createdate"),
            .modified = STR_INIT("hs_lastmodifieddate"),
            .defaults = STR_INIT("dealname,amount,closedate,pipeline,dealstage,createdate,"
                                 "hs_lastmodifieddate,hs_object_id"),
            .id_base = 9205003001,
        },
    [OBJECT_TICKETS] =
        {
            .plural = STR_INIT("tickets"),
            .singular = STR_INIT("ticket"),
            .type_id = STR_INIT("0-5"),
            .upper = STR_INIT("TICKET"),
            .scope = STR_INIT("tickets"),
            .created = STR_INIT("createdate"),
            .modified = STR_INIT("hs_lastmodifieddate"),
            .defaults = STR_INIT("subject,content,hs_pipeline,hs_pipeline_stage,hs_ticket_category,"
                                 "hs_ticket_priority,createdate,hs_lastmodifieddate,hs_object_id"),
            .id_base = 1306004001,
        },
    [OBJECT_CALLS] = ENGAGEMENT("calls", "call", "0-48", "CALL", 20101000001),
    [OBJECT_COMMUNICATIONS] =
        ENGAGEMENT("communications", "communication", "0-18", "COMMUNICATION", 20202000001),
    [OBJECT_EMAILS] = ENGAGEMENT("emails", "email", "0-49", "EMAIL", 20303000001),
    [OBJECT_MEETINGS] = ENGAGEMENT("meetings", "meeting", "0-47", "MEETING_EVENT", 20404000001),
    [OBJECT_NOTES] = ENGAGEMENT("notes", "note", "0-46", "NOTE", 20505000001),
    [OBJECT_TASKS] = ENGAGEMENT("tasks", "task", "0-27", "TASK", 20606000001),
    [OBJECT_POSTAL_MAIL] =
        ENGAGEMENT("postal_mail", "postal_mail", "0-116", "POSTAL_MAIL", 20707000001),
};

const struct object_info *object_info(enum object_type t)
{
    assert(t < OBJECT_COUNT);
    return &infos[t];
}

bool object_find(struct str name, bool singular, enum object_type *ret)
{
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        const struct object_info *o = &infos[i];
        if (str_eq_nocase(name, o->plural) || str_eq(name, o->type_id) ||
            (singular && str_eq_nocase(name, o->singular))) {
            *ret = (enum object_type)i;
            return true;
        }
    }
    return false;
}
