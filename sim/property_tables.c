#include "sim/property_tables.h"

#define O(value, label)                                                                            \
    {                                                                                              \
        STR_INIT(value), STR_INIT(label)                                                           \
    }
#define OPTIONS(list) .options = (list), .n_options = ARRAY_LEN(list)

static const struct property_option yes_no[] = {O("true", "Yes"), O("false", "No")};
static const struct property_option lifecycle[] = {
    O("subscriber", "Subscriber"),
    O("lead", "Lead"),
    O("marketingqualifiedlead", "Marketing Qualified Lead"),
    O("salesqualifiedlead", "Sales Qualified Lead"),
    O("opportunity", "Opportunity"),
    O("customer", "Customer"),
    O("evangelist", "Evangelist"),
    O("other", "Other"),
    O("193720461", "Former customer"),
};
static const struct property_option lead_status[] = {
    O("NEW", "New"),
    O("OPEN", "Open"),
    O("IN_PROGRESS", "In Progress"),
    O("OPEN_DEAL", "Open Deal"),
    O("UNQUALIFIED", "Unqualified"),
    O("ATTEMPTED_TO_CONTACT", "Attempted to Contact"),
    O("CONNECTED", "Connected"),
    O("BAD_TIMING", "Bad Timing"),
};
static const struct property_option source[] = {
    O("INTEGRATION", "Integration"), O("IMPORT", "Import"),
    O("CRM_UI", "CRM UI"),           O("FORM", "Form"),
    O("WORKFLOWS", "Workflow"),
};
static const struct property_option industry[] = {
    O("ACCOUNTING", "Accounting"),
    O("AUTOMOTIVE", "Automotive"),
    O("BANKING", "Banking"),
    O("COMPUTER_SOFTWARE", "Computer Software"),
    O("CONSTRUCTION", "Construction"),
    O("FOOD_BEVERAGES", "Food & Beverages"),
    O("HOSPITAL_HEALTH_CARE", "Hospital & Health Care"),
    O("LOGISTICS_AND_SUPPLY_CHAIN", "Logistics and Supply Chain"),
};
static const struct property_option company_type[] = {
    O("PROSPECT", "Prospect"),
    O("PARTNER", "Partner"),
    O("RESELLER", "Reseller"),
    O("VENDOR", "Vendor"),
};
static const struct property_option deal_type[] = {
    O("newbusiness", "New Business"),
    O("existingbusiness", "Existing Business"),
};
static const struct property_option currency[] = {O("EUR", "Euro"), O("USD", "US Dollar"),
                                                  O("GBP", "Pound")};
static const struct property_option priority[] = {O("LOW", "Low"), O("MEDIUM", "Medium"),
                                                  O("HIGH", "High")};
static const struct property_option ticket_category[] = {
    O("PRODUCT_ISSUE", "Product issue"),
    O("BILLING_ISSUE", "Billing issue"),
    O("FEATURE_REQUEST", "Feature request"),
    O("GENERAL_INQUIRY", "General inquiry"),
};
static const struct property_option direction[] = {O("INBOUND", "Inbound"),
                                                   O("OUTBOUND", "Outbound")};
static const struct property_option call_status[] = {
    O("COMPLETED", "Completed"),
    O("NO_ANSWER", "No answer"),
    O("BUSY", "Busy"),
    O("CANCELED", "Canceled"),
};
static const struct property_option call_disposition[] = {
    O("f240bbac-87c9-4f6e-bf70-924b57d47db7", "Connected"),
    O("b2cf5968-551e-4856-9783-52b3da59a7d0", "Left voicemail"),
    O("73a0d17f-1163-4015-bdd5-ec830791da20", "No answer"),
    O("9d9162e7-6cf3-4944-bf63-4dff82258764", "Busy"),
};
static const struct property_option channel[] = {
    O("WHATS_APP", "WhatsApp"),
    O("LINKEDIN_MESSAGE", "LinkedIn"),
    O("SMS", "SMS"),
};
static const struct property_option email_direction[] = {
    O("EMAIL", "Sent"),
    O("INCOMING_EMAIL", "Received"),
    O("FORWARDED_EMAIL", "Forwarded"),
};
static const struct property_option email_status[] = {
    O("SENT", "Sent"),
    O("BOUNCED", "Bounced"),
    O("FAILED", "Failed"),
    O("SCHEDULED", "Scheduled"),
};
static const struct property_option meeting_outcome[] = {
    O("SCHEDULED", "Scheduled"), O("COMPLETED", "Completed"), O("RESCHEDULED", "Rescheduled"),
    O("NO_SHOW", "No show"),     O("CANCELED", "Canceled"),
};
static const struct property_option task_status[] = {
    O("NOT_STARTED", "Not started"), O("IN_PROGRESS", "In progress"), O("WAITING", "Waiting"),
    O("COMPLETED", "Completed"),     O("DEFERRED", "Deferred"),
};
static const struct property_option task_type[] = {O("TO"
                                                     "DO",
                                                     "To-do"),
                                                   O("CALL", "Call"), O("EMAIL", "E-mail")};
static const struct property_option language[] = {
    O("en", "English"),    O("de", "German"),   O("fr", "French"),
    O("es", "Spanish"),    O("ja", "Japanese"), O("pt-br", "Portuguese - Brazil"),
    O("zh-cn", "Chinese"), O("ar", "Arabic"),
};
static const struct property_option tiers[] = {
    O("tier_1", "Tier 1 (strategic)"),
    O("tier_2", "Tier 2"),
    O("tier_3", "Tier 3"),
    O("none", "Nicht eingestuft"),
};
static const struct property_option interests[] = {
    O("product_updates", "Product updates"),
    O("webinars", "Webinars"),
    O("events", "Events & meetups"),
    O("pricing", "Pricing"),
    O("careers", "Careers"),
    O("security", "Security"),
    O("case_studies", "Case studies"),
};
static const struct property_option regions[] = {
    O("EMEA", "Europe, Middle East, Africa"),
    O("AMER", "Americas"),
    O("APAC", "Asia-Pacific"),
    O("LATAM", "Latinoamérica"),
};
static const struct property_option scores[] = {O("1", "Very poor"), O("2", "Poor"), O("3", "Okay"),
                                                O("4", "Good"), O("5", "Excellent ⭐")};
static const struct property_option plans[] = {
    O("starter", "Starter"),
    O("pro", "Professional"),
    O("enterprise", "Enterprise"),
    O("add-on_api", "API add-on"),
    O("Legacy Plan", "Legacy plan (2019)"),
};

#define OWNER .options = NULL, .flags = PROPERTY_EXTERNAL
#define CALC  .flags = PROPERTY_CALCULATED
#define FIXED .flags = PROPERTY_READ_ONLY

// name, label, type, field type, kind, fill, lo, hi, options or flags
static const struct property_row contacts[] = {
    {"createdate", "Create Date", PROPERTY_DATETIME, NULL, KIND_CREATED, 100, 0, 0, FIXED},
    {"lastmodifieddate", "Last Modified Date", PROPERTY_DATETIME, NULL, KIND_MODIFIED, 100, 0, 0,
     FIXED},
    {"hs_object_id", "Record ID", PROPERTY_NUMBER, NULL, KIND_OBJECT_ID, 100, 0, 0, FIXED},
    {"firstname", "First Name", PROPERTY_STRING, NULL, KIND_FIRST_NAME, 97, 0, 0},
    {"lastname", "Last Name", PROPERTY_STRING, NULL, KIND_LAST_NAME, 95, 0, 0},
    {"email", "Email", PROPERTY_STRING, NULL, KIND_EMAIL, 98, 0, 0, .flags = PROPERTY_UNIQUE},
    {"phone", "Phone Number", PROPERTY_STRING, "phonenumber", KIND_PHONE, 80, 0, 0},
    {"mobilephone", "Mobile Phone Number", PROPERTY_PHONE_NUMBER, NULL, KIND_PHONE, 45, 0, 0},
    {"company", "Company Name", PROPERTY_STRING, NULL, KIND_COMPANY_NAME, 85, 0, 0},
    {"jobtitle", "Job Title", PROPERTY_STRING, NULL, KIND_JOB_TITLE, 75, 0, 0},
    {"address", "Street Address", PROPERTY_STRING, NULL, KIND_STREET, 60, 0, 0},
    {"city", "City", PROPERTY_STRING, NULL, KIND_CITY, 80, 0, 0},
    {"state", "State/Region", PROPERTY_STRING, NULL, KIND_STATE, 70, 0, 0},
    {"zip", "Postal Code", PROPERTY_STRING, NULL, KIND_ZIP, 65, 0, 0},
    {"country", "Country/Region", PROPERTY_STRING, NULL, KIND_COUNTRY, 85, 0, 0},
    {"lifecyclestage", "Lifecycle Stage", PROPERTY_ENUMERATION, "radio", KIND_OPTION, 96, 0, 0,
     OPTIONS(lifecycle)},
    {"hs_lead_status", "Lead Status", PROPERTY_ENUMERATION, "radio", KIND_OPTION, 60, 0, 0,
     OPTIONS(lead_status)},
    {"hs_language", "Preferred language", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 50, 0, 0,
     OPTIONS(language)},
    {"hubspot_owner_id", "Contact owner", PROPERTY_ENUMERATION, NULL, KIND_OWNER, 70, 0, 0, OWNER},
    {"associatedcompanyid", "Primary Associated Company ID", PROPERTY_NUMBER, NULL, KIND_COMPANY_ID,
     100, 0, 0, FIXED},
    {"hs_merged_object_ids", "Merged record IDs", PROPERTY_ENUMERATION, "text", KIND_MERGED_IDS,
     100, 0, 0, FIXED},
    {"hs_email_domain", "Email Domain", PROPERTY_STRING, NULL, KIND_EMAIL_DOMAIN, 98, 0, 0, CALC},
    {"hs_object_source_label", "Record source", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(source), FIXED},
    {"message", "Message", PROPERTY_STRING, "textarea", KIND_PARAGRAPH, 8, 0, 0},
};

static const struct property_row companies[] = {
    {"createdate", "Create Date", PROPERTY_DATETIME, NULL, KIND_CREATED, 100, 0, 0, FIXED},
    {"hs_lastmodifieddate", "Last Modified Date", PROPERTY_DATETIME, NULL, KIND_MODIFIED, 100, 0, 0,
     FIXED},
    {"hs_object_id", "Record ID", PROPERTY_NUMBER, NULL, KIND_OBJECT_ID, 100, 0, 0, FIXED},
    {"name", "Company name", PROPERTY_STRING, NULL, KIND_OWN_COMPANY_NAME, 99, 0, 0},
    {"domain", "Company Domain Name", PROPERTY_STRING, NULL, KIND_DOMAIN, 92, 0, 0},
    {"website", "Website URL", PROPERTY_STRING, NULL, KIND_WEBSITE, 70, 0, 0},
    {"phone", "Phone Number", PROPERTY_STRING, "phonenumber", KIND_PHONE, 75, 0, 0},
    {"address", "Street Address", PROPERTY_STRING, NULL, KIND_STREET, 60, 0, 0},
    {"city", "City", PROPERTY_STRING, NULL, KIND_CITY, 80, 0, 0},
    {"state", "State/Region", PROPERTY_STRING, NULL, KIND_STATE, 70, 0, 0},
    {"zip", "Postal Code", PROPERTY_STRING, NULL, KIND_ZIP, 65, 0, 0},
    {"country", "Country/Region", PROPERTY_STRING, NULL, KIND_COUNTRY, 85, 0, 0},
    {"industry", "Industry", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 65, 0, 0, OPTIONS(industry)},
    {"type", "Type", PROPERTY_ENUMERATION, "radio", KIND_OPTION, 50, 0, 0, OPTIONS(company_type)},
    {"lifecyclestage", "Lifecycle Stage", PROPERTY_ENUMERATION, "radio", KIND_OPTION, 90, 0, 0,
     OPTIONS(lifecycle)},
    {"numberofemployees", "Number of Employees", PROPERTY_NUMBER, NULL, KIND_INTEGER, 60, 1, 50000},
    {"annualrevenue", "Annual Revenue", PROPERTY_NUMBER, NULL, KIND_DECIMAL, 45, 10000, 900000000},
    {"founded_year", "Year Founded", PROPERTY_STRING, NULL, KIND_INTEGER, 30, 1850, 2025},
    {"hubspot_owner_id", "Company owner", PROPERTY_ENUMERATION, NULL, KIND_OWNER, 70, 0, 0, OWNER},
    {"hs_merged_object_ids", "Merged record IDs", PROPERTY_ENUMERATION, "text", KIND_MERGED_IDS,
     100, 0, 0, FIXED},
    {"hs_object_source_label", "Record source", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(source), FIXED},
    {"description", "Description", PROPERTY_STRING, "textarea", KIND_PARAGRAPH, 30, 0, 0},
};

static const struct property_row deals[] = {
    {"createdate", "Create Date", PROPERTY_DATETIME, NULL, KIND_CREATED, 100, 0, 0, FIXED},
    {"hs_lastmodifieddate", "Last Modified Date", PROPERTY_DATETIME, NULL, KIND_MODIFIED, 100, 0, 0,
     FIXED},
    {"hs_object_id", "Record ID", PROPERTY_NUMBER, NULL, KIND_OBJECT_ID, 100, 0, 0, FIXED},
    {"dealname", "Deal Name", PROPERTY_STRING, NULL, KIND_DEAL_NAME, 100, 0, 0},
    {"amount", "Amount", PROPERTY_NUMBER, NULL, KIND_DECIMAL, 90, 100, 250000},
    {"deal_currency_code", "Currency", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 95, 0, 0,
     OPTIONS(currency)},
    {"closedate", "Close Date", PROPERTY_DATETIME, NULL, KIND_DATETIME, 92, 0, 0},
    {"pipeline", "Pipeline", PROPERTY_ENUMERATION, NULL, KIND_PIPELINE, 100, 0, 0},
    {"dealstage", "Deal Stage", PROPERTY_ENUMERATION, "radio", KIND_STAGE, 100, 0, 0},
    {"dealtype", "Deal Type", PROPERTY_ENUMERATION, "radio", KIND_OPTION, 75, 0, 0,
     OPTIONS(deal_type)},
    {"hs_priority", "Priority", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 40, 0, 0,
     OPTIONS(priority)},
    {"hubspot_owner_id", "Deal owner", PROPERTY_ENUMERATION, NULL, KIND_OWNER, 90, 0, 0, OWNER},
    {"description", "Deal Description", PROPERTY_STRING, "textarea", KIND_PARAGRAPH, 25, 0, 0},
    {"hs_next_step", "Next step", PROPERTY_STRING, NULL, KIND_TEXT, 35, 0, 0},
    {"hs_merged_object_ids", "Merged record IDs", PROPERTY_ENUMERATION, "text", KIND_MERGED_IDS,
     100, 0, 0, FIXED},
    {"hs_object_source_label", "Record source", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(source), FIXED},
    {"hs_v2_date_entered_appointmentscheduled", "Date entered \"Appointment Scheduled\"",
     PROPERTY_DATETIME, NULL, KIND_STAGE_ENTERED, 100, 0, 0, CALC},
    {"hs_v2_date_entered_contractsent", "Date entered \"Contract Sent\"", PROPERTY_DATETIME, NULL,
     KIND_STAGE_ENTERED, 100, 4, 0, CALC},
    {"hs_v2_date_entered_closedwon", "Date entered \"Closed Won\"", PROPERTY_DATETIME, NULL,
     KIND_STAGE_ENTERED, 100, 5, 0, CALC},
    {"hs_v2_date_entered_5a1c9d3e_1820334711", "Date entered \"Renewal signed\"", PROPERTY_DATETIME,
     NULL, KIND_STAGE_ENTERED, 100, 102, 0, CALC},
};

static const struct property_row tickets[] = {
    {"createdate", "Create date", PROPERTY_DATETIME, NULL, KIND_CREATED, 100, 0, 0, FIXED},
    {"hs_lastmodifieddate", "Last modified date", PROPERTY_DATETIME, NULL, KIND_MODIFIED, 100, 0, 0,
     FIXED},
    {"hs_object_id", "Record ID", PROPERTY_NUMBER, NULL, KIND_OBJECT_ID, 100, 0, 0, FIXED},
    {"subject", "Ticket name", PROPERTY_STRING, NULL, KIND_SUBJECT, 99, 0, 0},
    {"content", "Ticket description", PROPERTY_STRING, "textarea", KIND_PARAGRAPH, 85, 0, 0},
    {"hs_pipeline", "Pipeline", PROPERTY_ENUMERATION, NULL, KIND_PIPELINE, 100, 0, 0},
    {"hs_pipeline_stage", "Ticket status", PROPERTY_ENUMERATION, NULL, KIND_STAGE, 100, 0, 0},
    {"hs_ticket_category", "Category", PROPERTY_ENUMERATION, "checkbox", KIND_OPTIONS, 60, 0, 0,
     OPTIONS(ticket_category)},
    {"hs_ticket_priority", "Priority", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 70, 0, 0,
     OPTIONS(priority)},
    {"hubspot_owner_id", "Ticket owner", PROPERTY_ENUMERATION, NULL, KIND_OWNER, 80, 0, 0, OWNER},
    {"closed_date", "Close date", PROPERTY_DATETIME, NULL, KIND_DATETIME, 50, 0, 0},
    {"time_to_close", "Time to close", PROPERTY_NUMBER, NULL, KIND_INTEGER, 50, 60000, 864000000,
     CALC},
    {"hs_merged_object_ids", "Merged record IDs", PROPERTY_ENUMERATION, "text", KIND_MERGED_IDS,
     100, 0, 0, FIXED},
    {"hs_object_source_label", "Record source", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(source), FIXED},
};

// What every engagement has.
static const struct property_row engagements[] = {
    {"hs_createdate", "Create date", PROPERTY_DATETIME, NULL, KIND_CREATED, 100, 0, 0, FIXED},
    {"hs_lastmodifieddate", "Last modified date", PROPERTY_DATETIME, NULL, KIND_MODIFIED, 100, 0, 0,
     FIXED},
    {"hs_object_id", "Record ID", PROPERTY_NUMBER, NULL, KIND_OBJECT_ID, 100, 0, 0, FIXED},
    {"hs_timestamp", "Activity date", PROPERTY_DATETIME, NULL, KIND_HAPPENED, 100, 0, 0},
    {"hubspot_owner_id", "Activity assigned to", PROPERTY_ENUMERATION, NULL, KIND_OWNER, 90, 0, 0,
     OWNER},
    {"hs_object_source_label", "Record source", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(source), FIXED},
};

static const struct property_row calls[] = {
    {"hs_call_title", "Call title", PROPERTY_STRING, NULL, KIND_SUBJECT, 90, 0, 0},
    {"hs_call_body", "Call notes", PROPERTY_STRING, "html", KIND_HTML, 70, 0, 0},
    {"hs_call_direction", "Call direction", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 80, 0, 0,
     OPTIONS(direction)},
    {"hs_call_disposition", "Call outcome", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 60, 0, 0,
     OPTIONS(call_disposition)},
    {"hs_call_duration", "Call duration", PROPERTY_NUMBER, NULL, KIND_INTEGER, 70, 0, 3600000},
    {"hs_call_status", "Call status", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 95, 0, 0,
     OPTIONS(call_status)},
    {"hs_call_to_number", "To number", PROPERTY_STRING, NULL, KIND_PHONE, 75, 0, 0},
};

static const struct property_row communications[] = {
    {"hs_communication_channel_type", "Channel type", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100,
     0, 0, OPTIONS(channel)},
    {"hs_communication_body", "Communication body", PROPERTY_STRING, "html", KIND_PARAGRAPH, 95, 0,
     0},
    {"hs_communication_logged_from", "Logged from", PROPERTY_STRING, NULL, KIND_TEXT, 50, 0, 0},
};

static const struct property_row emails[] = {
    {"hs_email_subject", "Email subject", PROPERTY_STRING, NULL, KIND_SUBJECT, 97, 0, 0},
    {"hs_email_html", "Email body", PROPERTY_STRING, "html", KIND_HTML, 90, 0, 0},
    {"hs_email_text", "Email text", PROPERTY_STRING, "textarea", KIND_PARAGRAPH, 60, 0, 0},
    {"hs_email_direction", "Email direction", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(email_direction)},
    {"hs_email_status", "Email send status", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 90, 0, 0,
     OPTIONS(email_status)},
    {"hs_email_headers", "Email headers", PROPERTY_JSON, NULL, KIND_JSON, 40, 0, 0},
};

static const struct property_row meetings[] = {
    {"hs_meeting_title", "Meeting name", PROPERTY_STRING, NULL, KIND_SUBJECT, 97, 0, 0},
    {"hs_meeting_body", "Meeting description", PROPERTY_STRING, "html", KIND_HTML, 60, 0, 0},
    {"hs_meeting_start_time", "Meeting start time", PROPERTY_DATETIME, NULL, KIND_DATETIME, 98, 0,
     0},
    {"hs_meeting_end_time", "Meeting end time", PROPERTY_DATETIME, NULL, KIND_DATETIME, 98, 0, 0},
    {"hs_meeting_outcome", "Meeting outcome", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 70, 0, 0,
     OPTIONS(meeting_outcome)},
    {"hs_meeting_location", "Location", PROPERTY_STRING, NULL, KIND_STREET, 40, 0, 0},
};

static const struct property_row notes[] = {
    {"hs_note_body", "Note body", PROPERTY_STRING, "html", KIND_HTML, 99, 0, 0},
    {"hs_attachment_ids", "Attached file IDs", PROPERTY_STRING, NULL, KIND_INTEGER, 10, 100000,
     99999999},
};

static const struct property_row tasks[] = {
    {"hs_task_subject", "Task title", PROPERTY_STRING, NULL, KIND_SUBJECT, 99, 0, 0},
    {"hs_task_body", "Notes", PROPERTY_STRING, "html", KIND_HTML, 40, 0, 0},
    {"hs_task_status", "Task status", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(task_status)},
    {"hs_task_priority", "Priority", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 70, 0, 0,
     OPTIONS(priority)},
    {"hs_task_type", "Task type", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 95, 0, 0,
     OPTIONS(task_type)},
};

static const struct property_row postal_mail[] = {
    {"hs_postal_mail_body", "Body", PROPERTY_STRING, "html", KIND_PARAGRAPH, 90, 0, 0},
};

#define BASICS(created_)                                                                           \
    {created_, "Create date", PROPERTY_DATETIME, NULL, KIND_CREATED, 100, 0, 0, FIXED},            \
        {"hs_lastmodifieddate",                                                                    \
         "Last modified date",                                                                     \
         PROPERTY_DATETIME,                                                                        \
         NULL,                                                                                     \
         KIND_MODIFIED,                                                                            \
         100,                                                                                      \
         0,                                                                                        \
         0,                                                                                        \
         FIXED},                                                                                   \
        {"hs_object_id", "Record ID", PROPERTY_NUMBER, NULL, KIND_OBJECT_ID, 100, 0, 0, FIXED},    \
        {"hubspot_owner_id", "Owner", PROPERTY_ENUMERATION, NULL, KIND_OWNER, 80, 0, 0, OWNER},    \
    {                                                                                              \
        "hs_object_source_label", "Record source", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100,   \
            0, 0, OPTIONS(source), FIXED                                                           \
    }

static const struct property_row products[] = {
    BASICS("createdate"),
    {"name", "Name", PROPERTY_STRING, NULL, KIND_TEXT, 100, 0, 0},
    {"description", "Description", PROPERTY_STRING, "textarea", KIND_PARAGRAPH, 60, 0, 0},
    {"price", "Unit price", PROPERTY_NUMBER, NULL, KIND_DECIMAL, 95, 1, 20000},
    {"hs_sku", "SKU", PROPERTY_STRING, NULL, KIND_UUID, 70, 0, 0},
    {"hs_cost_of_goods_sold", "Unit cost", PROPERTY_NUMBER, NULL, KIND_DECIMAL, 40, 1, 10000},
};
static const struct property_row line_items[] = {
    BASICS("createdate"),
    {"name", "Name", PROPERTY_STRING, NULL, KIND_TEXT, 100, 0, 0},
    {"price", "Unit price", PROPERTY_NUMBER, NULL, KIND_DECIMAL, 98, 1, 20000},
    {"quantity", "Quantity", PROPERTY_NUMBER, NULL, KIND_INTEGER, 98, 1, 100},
    {"amount", "Net price", PROPERTY_NUMBER, NULL, KIND_DECIMAL, 98, 1, 100000, CALC},
    {"hs_product_id", "Product ID", PROPERTY_NUMBER, NULL, KIND_INTEGER, 30, 1, 1000000},
    {"hs_line_item_currency_code", "Currency", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 90, 0, 0,
     OPTIONS(currency)},
};
static const struct property_option quote_status[] = {
    O("DRAFT", "Draft"),
    O("APPROVAL_NOT_NEEDED", "Published"),
    O("PENDING_APPROVAL", "Pending approval"),
    O("REJECTED", "Rejected"),
};
static const struct property_row quotes[] = {
    BASICS("hs_createdate"),
    {"hs_title", "Quote title", PROPERTY_STRING, NULL, KIND_DEAL_NAME, 100, 0, 0},
    {"hs_expiration_date", "Expiration date", PROPERTY_DATE, NULL, KIND_DATE, 100, 0, 0},
    {"hs_status", "Status", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(quote_status)},
    {"hs_quote_amount", "Amount", PROPERTY_NUMBER, NULL, KIND_DECIMAL, 90, 100, 250000, CALC},
    {"hs_currency", "Currency", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 95, 0, 0,
     OPTIONS(currency)},
};
static const struct property_option lead_type[] = {
    O("NEW_BUSINESS", "New business"), O("UPSELL", "Upsell"), O("RE_ATTEMPTING", "Re-attempting")};
static const struct property_option lead_label[] = {O("HOT", "Hot"), O("WARM", "Warm"),
                                                    O("COLD", "Cold")};
static const struct property_row leads[] = {
    BASICS("createdate"),
    {"hs_lead_name", "Lead name", PROPERTY_STRING, NULL, KIND_DEAL_NAME, 100, 0, 0},
    {"hs_lead_type", "Lead type", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 80, 0, 0,
     OPTIONS(lead_type)},
    {"hs_lead_label", "Lead label", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 70, 0, 0,
     OPTIONS(lead_label)},
    {"hs_pipeline", "Pipeline", PROPERTY_ENUMERATION, NULL, KIND_PIPELINE, 100, 0, 0},
    {"hs_pipeline_stage", "Lead stage", PROPERTY_ENUMERATION, NULL, KIND_STAGE, 100, 0, 0},
};
static const struct property_option survey_type[] = {O("NPS", "Net promoter score"),
                                                     O("CSAT", "Customer satisfaction"),
                                                     O("CES", "Customer effort score")};
static const struct property_row feedback_submissions[] = {
    BASICS("hs_createdate"),
    {"hs_content", "Comments", PROPERTY_STRING, "textarea", KIND_PARAGRAPH, 60, 0, 0, FIXED},
    {"hs_response_group", "Rating", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 90, 0, 0,
     OPTIONS(scores), FIXED},
    {"hs_survey_name", "Survey name", PROPERTY_STRING, NULL, KIND_TEXT, 100, 0, 0, FIXED},
    {"hs_survey_type", "Survey type", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100, 0, 0,
     OPTIONS(survey_type), FIXED},
    {"hs_submission_timestamp", "Date submitted", PROPERTY_DATETIME, NULL, KIND_HAPPENED, 100, 0, 0,
     FIXED},
};
static const struct property_row users[] = {
    BASICS("hs_createdate"),
    {"hs_internal_user_id", "User ID", PROPERTY_NUMBER, NULL, KIND_INTEGER, 100, 100000, 99999999,
     FIXED},
    {"hs_email", "Email", PROPERTY_STRING, NULL, KIND_EMAIL, 100, 0, 0},
    {"hs_given_name", "First name", PROPERTY_STRING, NULL, KIND_FIRST_NAME, 97, 0, 0},
    {"hs_family_name", "Last name", PROPERTY_STRING, NULL, KIND_LAST_NAME, 97, 0, 0},
    {"hs_job_title", "Job title", PROPERTY_STRING, NULL, KIND_JOB_TITLE, 60, 0, 0},
    {"hs_standard_time_zone", "Time zone", PROPERTY_STRING, NULL, KIND_TEXT, 30, 0, 0},
};

// What every custom object has from the start; its own come behind.
static const struct property_row custom_objects[] = {
    BASICS("hs_createdate"),
    {"hs_pipeline", "Pipeline", PROPERTY_ENUMERATION, NULL, KIND_PIPELINE, 0, 0, 0},
    {"hs_pipeline_stage", "Pipeline stage", PROPERTY_ENUMERATION, NULL, KIND_STAGE, 0, 0, 0},
};

#define TABLE(list)                                                                                \
    {                                                                                              \
        (list), ARRAY_LEN(list)                                                                    \
    }
static const struct {
    const struct property_row *rows;
    size_t n;
} tables[OBJECT_CUSTOM_FIRST] = {
    [OBJECT_CONTACTS] = TABLE(contacts),
    [OBJECT_COMPANIES] = TABLE(companies),
    [OBJECT_DEALS] = TABLE(deals),
    [OBJECT_TICKETS] = TABLE(tickets),
    [OBJECT_CALLS] = TABLE(calls),
    [OBJECT_COMMUNICATIONS] = TABLE(communications),
    [OBJECT_EMAILS] = TABLE(emails),
    [OBJECT_MEETINGS] = TABLE(meetings),
    [OBJECT_NOTES] = TABLE(notes),
    [OBJECT_TASKS] = TABLE(tasks),
    [OBJECT_POSTAL_MAIL] = TABLE(postal_mail),
    [OBJECT_PRODUCTS] = TABLE(products),
    [OBJECT_LINE_ITEMS] = TABLE(line_items),
    [OBJECT_QUOTES] = TABLE(quotes),
    [OBJECT_LEADS] = TABLE(leads),
    [OBJECT_FEEDBACK_SUBMISSIONS] = TABLE(feedback_submissions),
    [OBJECT_USERS] = TABLE(users),
};

const struct property_row *property_table_engagements(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(engagements);
    return engagements;
}

const struct property_row *property_table_standard(enum object_type object, size_t *ret_n)
{
    if (object_is_custom(object)) {
        *ret_n = ARRAY_LEN(custom_objects);
        return custom_objects;
    }
    *ret_n = tables[object].n;
    return tables[object].rows;
}

#define SOURCE                                                                                     \
    {                                                                                              \
        "hs_object_source", "Record source detail", PROPERTY_ENUMERATION, NULL, KIND_OPTION, 100,  \
            0, 0, OPTIONS(source), FIXED                                                           \
    }
// What HubSpot works out of a stage besides when it was entered.
#define STAGE_TIMES(name_, label_, place_)                                                         \
    {"hs_v2_date_exited_" name_,                                                                   \
     "Date exited \"" label_ "\"",                                                                 \
     PROPERTY_DATETIME,                                                                            \
     NULL,                                                                                         \
     KIND_STAGE_EXITED,                                                                            \
     100,                                                                                          \
     place_,                                                                                       \
     0,                                                                                            \
     CALC},                                                                                        \
        {"hs_v2_latest_time_in_" name_,                                                            \
         "Latest time in \"" label_ "\"",                                                          \
         PROPERTY_NUMBER,                                                                          \
         NULL,                                                                                     \
         KIND_STAGE_LATEST,                                                                        \
         100,                                                                                      \
         place_,                                                                                   \
         0,                                                                                        \
         CALC},                                                                                    \
    {                                                                                              \
        "hs_v2_cumulative_time_in_" name_, "Cumulative time in \"" label_ "\"", PROPERTY_NUMBER,   \
            NULL, KIND_STAGE_TOTAL, 100, place_, 0, CALC                                           \
    }

static const struct property_row besides[] = {SOURCE};
static const struct property_row contacts_besides[] = {
    SOURCE,
    {"hs_additional_emails", "Additional email addresses", PROPERTY_STRING, NULL, KIND_TEXT, 0, 0,
     0},
};
static const struct property_row deals_besides[] = {
    SOURCE,
    STAGE_TIMES("appointmentscheduled", "Appointment Scheduled", 0),
    STAGE_TIMES("contractsent", "Contract Sent", 4),
    STAGE_TIMES("closedwon", "Closed Won", 5),
    STAGE_TIMES("5a1c9d3e_1820334711", "Renewal signed", 102),
};

const struct property_row *property_table_besides(enum object_type object, size_t *ret_n)
{
    if (object == OBJECT_CONTACTS) {
        *ret_n = ARRAY_LEN(contacts_besides);
        return contacts_besides;
    }
    if (object == OBJECT_DEALS) {
        *ret_n = ARRAY_LEN(deals_besides);
        return deals_besides;
    }
    *ret_n = ARRAY_LEN(besides);
    return besides;
}

static const struct {
    const struct property_option *options;
    size_t n;
} made_up[] = {TABLE(tiers), TABLE(interests), TABLE(regions), TABLE(scores), TABLE(plans)};

void property_table_options(uint64_t pick, const struct property_option **ret, size_t *ret_n)
{
    size_t i = (size_t)(pick % ARRAY_LEN(made_up));
    *ret = made_up[i].options;
    *ret_n = made_up[i].n;
}

void property_table_yes_no(const struct property_option **ret, size_t *ret_n)
{
    *ret = yes_no;
    *ret_n = ARRAY_LEN(yes_no);
}
