#include "sim/objects.h"

#define ENGAGEMENT_DEFAULTS STR_INIT("hs_createdate,hs_lastmodifieddate,hs_object_id")
#define CONTACTS_SCOPE      STR_INIT("crm.objects.contacts.read")

#define CREATED  STR_INIT("createdate")
#define MODIFIED STR_INIT("hs_lastmodifieddate")

#define ENGAGEMENT(plural_, singular_, id_, upper_, base_, searched_)                              \
    {                                                                                              \
        .plural = STR_INIT(plural_), .singular = STR_INIT(singular_), .type_id = STR_INIT(id_),    \
        .upper = STR_INIT(upper_), .scope = CONTACTS_SCOPE, .created = STR_INIT("hs_createdate"),  \
        .modified = MODIFIED, .defaults = ENGAGEMENT_DEFAULTS, .group = STR_INIT("engagement"),    \
        .id_base = (base_), .engagement = true, .searched = STR_INIT(searched_)                    \
    }

// Custom objects are known by their type id; it stands for a name too where the portal is not
// asked.
#define CUSTOM(place_, id_)                                                                        \
    [OBJECT_CUSTOM_FIRST + (place_)] = {                                                           \
        .plural = STR_INIT(id_),                                                                   \
        .singular = STR_INIT(id_),                                                                 \
        .type_id = STR_INIT(id_),                                                                  \
        .upper = STR_INIT(id_),                                                                    \
        .scope = STR_INIT("crm.objects.custom.read"),                                              \
        .created = STR_INIT("hs_createdate"),                                                      \
        .modified = MODIFIED,                                                                      \
        .defaults = ENGAGEMENT_DEFAULTS,                                                           \
        .group = STR_INIT("custom_object_information"),                                            \
        .id_base = UINT64_C(30100000001) + UINT64_C(100000000) * (place_),                         \
        .main_type = true,                                                                         \
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
            .group = STR_INIT("contactinformation"),
            .searched = STR_INIT("firstname,lastname,email,phone,company"),
            .id_base = 51001,
            .main_type = true,
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
            .group = STR_INIT("companyinformation"),
            .searched = STR_INIT("name,domain,website,phone"),
            .id_base = 7104002001,
            .main_type = true,
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
            .group = STR_INIT("dealinformation"),
            .searched = STR_INIT("dealname,pipeline,dealstage,description,dealtype"),
            .id_base = 9205003001,
            .main_type = true,
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
            .group = STR_INIT("ticketinformation"),
            .searched = STR_INIT("subject,content,hs_pipeline_stage"),
            .id_base = 1306004001,
            .main_type = true,
        },
    [OBJECT_CALLS] =
        ENGAGEMENT("calls", "call", "0-48", "CALL", 20101000001, "hs_call_title,hs_call_body"),
    [OBJECT_COMMUNICATIONS] = ENGAGEMENT("communications", "communication", "0-18", "COMMUNICATION",
                                         20202000001, "hs_communication_body"),
    [OBJECT_EMAILS] =
        ENGAGEMENT("emails", "email", "0-49", "EMAIL", 20303000001, "hs_email_subject"),
    [OBJECT_MEETINGS] = ENGAGEMENT("meetings", "meeting", "0-47", "MEETING_EVENT", 20404000001,
                                   "hs_meeting_title,hs_meeting_body"),
    [OBJECT_NOTES] = ENGAGEMENT("notes", "note", "0-46", "NOTE", 20505000001, "hs_note_body"),
    [OBJECT_TASKS] =
        ENGAGEMENT("tasks", "task", "0-27", "TASK", 20606000001, "hs_task_subject,hs_task_body"),
    [OBJECT_POSTAL_MAIL] = ENGAGEMENT("postal_mail", "postal_mail", "0-116", "POSTAL_MAIL",
                                      20707000001, "hs_postal_mail_body"),
    [OBJECT_PRODUCTS] =
        {
            .plural = STR_INIT("products"),
            .singular = STR_INIT("product"),
            .type_id = STR_INIT("0-7"),
            .upper = STR_INIT("PRODUCT"),
            .scope = STR_INIT("crm.objects.products.read"),
            .created = CREATED,
            .modified = MODIFIED,
            .defaults =
                STR_INIT("name,description,price,createdate,hs_lastmodifieddate,hs_object_id"),
            .group = STR_INIT("productinformation"),
            .searched = STR_INIT("name,description,hs_sku"),
            .id_base = 2310001001,
        },
    [OBJECT_LINE_ITEMS] =
        {
            .plural = STR_INIT("line_items"),
            .singular = STR_INIT("line_item"),
            .type_id = STR_INIT("0-8"),
            .upper = STR_INIT("LINE_ITEM"),
            .scope = STR_INIT("crm.objects.line_items.read"),
            .created = CREATED,
            .modified = MODIFIED,
            .defaults =
                STR_INIT("name,price,quantity,amount,createdate,hs_lastmodifieddate,hs_object_id"),
            .group = STR_INIT("lineiteminformation"),
            .searched = STR_INIT("name"),
            .id_base = 2420001001,
        },
    [OBJECT_QUOTES] =
        {
            .plural = STR_INIT("quotes"),
            .singular = STR_INIT("quote"),
            .type_id = STR_INIT("0-14"),
            .upper = STR_INIT("QUOTE"),
            .scope = STR_INIT("crm.objects.quotes.read"),
            .created = STR_INIT("hs_createdate"),
            .modified = MODIFIED,
            .defaults = STR_INIT("hs_title,hs_expiration_date,hs_status,hs_createdate,hs_"
                                 "lastmodifieddate,hs_object_id"),
            .group = STR_INIT("quote"),
            .searched = STR_INIT("hs_title"),
            .id_base = 2530001001,
        },
    [OBJECT_LEADS] =
        {
            .plural = STR_INIT("leads"),
            .singular = STR_INIT("lead"),
            .type_id = STR_INIT("0-136"),
            .upper = STR_INIT("LEAD"),
            .scope = STR_INIT("crm.objects.leads.read"),
            .created = CREATED,
            .modified = MODIFIED,
            .defaults = STR_INIT("hs_lead_name,createdate,hs_lastmodifieddate,hs_object_id"),
            .group = STR_INIT("lead_information"),
            .searched = STR_INIT("hs_lead_name"),
            .id_base = 2640001001,
        },
    [OBJECT_FEEDBACK_SUBMISSIONS] =
        {
            .plural = STR_INIT("feedback_submissions"),
            .singular = STR_INIT("feedback_submission"),
            .type_id = STR_INIT("0-19"),
            .upper = STR_INIT("FEEDBACK_SUBMISSION"),
            .scope = STR_INIT("crm.objects.feedback_submissions.read"),
            .created = STR_INIT("hs_createdate"),
            .modified = MODIFIED,
            .defaults = STR_INIT("hs_createdate,hs_lastmodifieddate,hs_object_id"),
            .group = STR_INIT("feedback_submission_information"),
            .searched = STR_INIT("hs_content,hs_survey_name"),
            .id_base = 2750001001,
            .read_only = true,
        },
    [OBJECT_USERS] =
        {
            .plural = STR_INIT("users"),
            .singular = STR_INIT("user"),
            .type_id = STR_INIT("0-115"),
            .upper = STR_INIT("USER"),
            .scope = STR_INIT("crm.objects.users.read"),
            .created = STR_INIT("hs_createdate"),
            .modified = MODIFIED,
            .defaults = STR_INIT("hs_createdate,hs_lastmodifieddate,hs_object_id"),
            .group = STR_INIT("user_information"),
            .searched = STR_INIT("hs_email,hs_given_name,hs_family_name"),
            .id_base = 2860001001,
        },
    CUSTOM(0, "2-19840301"),
    CUSTOM(1, "2-19840308"),
    CUSTOM(2, "2-19840315"),
    CUSTOM(3, "2-19840322"),
    CUSTOM(4, "2-19840329"),
    CUSTOM(5, "2-19840336"),
    CUSTOM(6, "2-19840343"),
    CUSTOM(7, "2-19840350"),
    CUSTOM(8, "2-19840357"),
    CUSTOM(9, "2-19840364"),
    CUSTOM(10, "2-19840371"),
    CUSTOM(11, "2-19840378"),
    CUSTOM(12, "2-19840385"),
    CUSTOM(13, "2-19840392"),
    CUSTOM(14, "2-19840399"),
    CUSTOM(15, "2-19840406"),
    CUSTOM(16, "2-19840413"),
    CUSTOM(17, "2-19840420"),
    CUSTOM(18, "2-19840427"),
    CUSTOM(19, "2-19840434"),
    CUSTOM(20, "2-19840441"),
    CUSTOM(21, "2-19840448"),
    CUSTOM(22, "2-19840455"),
    CUSTOM(23, "2-19840462"),
};

const struct object_info *object_info(enum object_type t)
{
    assert(t < OBJECT_COUNT);
    return &infos[t];
}

bool object_find(struct str name, bool singular, enum object_type *ret)
{
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        const struct object_info *o = &infos[i]; // a custom one's names are its id
        if (str_eq_nocase(name, o->plural) || str_eq(name, o->type_id) ||
            (singular && str_eq_nocase(name, o->singular))) {
            *ret = (enum object_type)i;
            return true;
        }
    }
    return false;
}
