#include "source/hubspot/objects.h"

static const struct fixed_column FIXED_ID_ONLY[] = {{"id", COL_INT, FIXED_ID, NULL}};
static const struct fixed_column FIXED_COMPANY[] = {
    {"id", COL_INT, FIXED_ID, NULL},
    {"is_deleted", COL_BOOL, FIXED_DELETED, NULL},
};
static const struct fixed_column FIXED_DEAL[] = {
    {"deal_id", COL_INT, FIXED_ID, NULL},
    {"deal_pipeline_id", COL_TEXT, FIXED_PROPERTY, "pipeline"},
    {"deal_pipeline_stage_id", COL_TEXT, FIXED_PROPERTY, "dealstage"},
    {"owner_id", COL_INT, FIXED_PROPERTY, "hubspot_owner_id"},
    {"portal_id", COL_INT, FIXED_PORTAL, NULL},
    {"is_deleted", COL_BOOL, FIXED_DELETED, NULL},
};
static const struct fixed_column FIXED_ENGAGEMENT[] = {
    {"engagement_id", COL_INT, FIXED_ID, NULL},
    {"type", COL_TEXT, FIXED_TYPE, NULL},
};

#define OBJECT(name_, alias_, table_, cursor_, type_, scope_, merge_, fixed_)                      \
    {                                                                                              \
        .name = (name_), .alias = (alias_), .table = (table_), .cursor_property = (cursor_),       \
        .engagement_type = (type_), .scope = (scope_), .merge_table = (merge_), .fixed = (fixed_), \
        .n_fixed = ARRAY_LEN(fixed_)                                                               \
    }
#define ENGAGEMENT(name_, alias_, type_)                                                           \
    OBJECT(name_, alias_, "engagement_" alias_, "hs_lastmodifieddate", type_,                      \
           "crm.objects.contacts.read", NULL, FIXED_ENGAGEMENT)

static const struct object_info OBJECTS[] = {
    OBJECT("contacts", "contact", "contact", "lastmodifieddate", NULL, "crm.objects.contacts.read",
           "contact_merge_audit", FIXED_ID_ONLY),
    OBJECT("companies", "company", "company", "hs_lastmodifieddate", NULL,
           "crm.objects.companies.read", NULL, FIXED_COMPANY),
    {.name = "deals",
     .alias = "deal",
     .table = "deal",
     .cursor_property = "hs_lastmodifieddate",
     .scope = "crm.objects.deals.read",
     .merge_table = "merged_deal",
     .stage_dates = true,
     .fixed = FIXED_DEAL,
     .n_fixed = ARRAY_LEN(FIXED_DEAL)},
    OBJECT("tickets", "ticket", "ticket", "hs_lastmodifieddate", NULL, "tickets", NULL,
           FIXED_ID_ONLY),
    ENGAGEMENT("calls", "call", "CALL"),
    ENGAGEMENT("communications", "communication", "COMMUNICATION"),
    ENGAGEMENT("emails", "email", "EMAIL"),
    ENGAGEMENT("meetings", "meeting", "MEETING"),
    ENGAGEMENT("notes", "note", "NOTE"),
    ENGAGEMENT("tasks", "task", "TASK"),
    ENGAGEMENT("postal_mail", "postal_mail", "POSTAL_MAIL"),
};

#define ALL_ENGAGEMENTS                                                                            \
    {                                                                                              \
        "calls", "communications", "emails", "meetings", "notes", "tasks", "postal_mail"           \
    }

// Names and order as the widest published layout for HubSpot data has them.
static const struct pair_info PAIRS[] = {
    {"contact_company", "contact_id", "company_id", true, {"contacts"}, {"companies"}},
    {"deal_company", "deal_id", "company_id", true, {"deals"}, {"companies"}},
    {"deal_contact", "deal_id", "contact_id", true, {"deals"}, {"contacts"}},
    {"ticket_company", "ticket_id", "company_id", true, {"tickets"}, {"companies"}},
    {"ticket_contact", "ticket_id", "contact_id", true, {"tickets"}, {"contacts"}},
    {"ticket_deal", "ticket_id", "deal_id", true, {"tickets"}, {"deals"}},
    {"contact_contact", "contact_id", "to_contact_id", true, {"contacts"}, {"contacts"}},
    {"company_company", "company_id", "to_company_id", true, {"companies"}, {"companies"}},
    {"deal_deal", "deal_id", "to_deal_id", true, {"deals"}, {"deals"}},
    {"ticket_ticket", "ticket_id", "to_ticket_id", true, {"tickets"}, {"tickets"}},
    {"engagement_company", "engagement_id", "company_id", true, ALL_ENGAGEMENTS, {"companies"}},
    {"engagement_contact", "engagement_id", "contact_id", true, ALL_ENGAGEMENTS, {"contacts"}},
    {"engagement_deal", "engagement_id", "deal_id", true, ALL_ENGAGEMENTS, {"deals"}},
    {"ticket_engagement", "ticket_id", "engagement_id", false, ALL_ENGAGEMENTS, {"tickets"}},
};

const struct object_info *objects(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(OBJECTS);
    return OBJECTS;
}

const struct object_info *object_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(OBJECTS); i++) {
        if (str_eq(name, str_from(OBJECTS[i].name)) || str_eq(name, str_from(OBJECTS[i].alias))) {
            return &OBJECTS[i];
        }
    }
    return NULL;
}

const struct pair_info *pairs(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(PAIRS);
    return PAIRS;
}

const struct pair_info *pair_find(struct str table)
{
    for (size_t i = 0; i < ARRAY_LEN(PAIRS); i++) {
        if (str_eq(table, str_from(PAIRS[i].table))) {
            return &PAIRS[i];
        }
    }
    return NULL;
}
