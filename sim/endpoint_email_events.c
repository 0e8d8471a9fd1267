// Events of marketing e-mails.
#include "core/limits.h"
#include "sim/email_events.h"
#include "sim/endpoints.h"
#include "sim/fields.h"
#include "sim/generate.h"
#include "sim/guid.h"
#include "sim/sim.h"

enum { EVENTS_DEFAULT = 10, EVENTS_MAX = 1000, LOOKED_AT_MAX = 200000, PROBES = 32 };

// What is asked for.
struct want {
    uint64_t from, to; // events by number
    struct str type;
    struct str recipient;
    uint64_t campaign; // 0: any
    int64_t limit;
};

static struct str recipient_of(struct call *c, const struct email_event *e, struct buf *scratch)
{
    const struct portal *p = c->sim->portal;
    const struct property *email =
        property_find(&p->shelves[OBJECT_CONTACTS].properties, STR("email"));
    uint32_t n = p->shelves[OBJECT_CONTACTS].n_base;
    buf_reset(scratch);
    for (uint32_t i = 0; email && scratch->len == 0 && i < PROBES; i++) {
        // The next one where a contact has no address.
        struct record r = portal_record(p, OBJECT_CONTACTS, (e->contact + i) % n);
        generate_value(&r, email, scratch);
    }
    return buf_str(scratch);
}

static struct str event_id(struct call *c, uint64_t number)
{
    return guid_make(c->arena, number ^ c->sim->portal->options.seed << 40);
}

static void write_sent_by(struct call *c, struct json_writer *w, const struct email_event *e)
{
    if (e->sent_number != e->number) {
        json_key(w, STR("sentBy"));
        json_begin_object(w);
        json_field_str(w, "id", event_id(c, e->sent_number));
        json_field_int(w, "created", e->sent_ms);
        json_end_object(w);
    }
}

// What only some types have.
static void write_details(struct json_writer *w, const struct email_event *e)
{
    struct str type = str_from(e->type);
    if (str_eq(type, STR("CLICK"))) {
        json_field_str(w, "url", STR("https://www.example.com/offer?utm_source=hs_email"));
    }
    if (str_eq(type, STR("CLICK")) || str_eq(type, STR("OPEN"))) {
        json_key(w, STR("browser"));
        json_put_raw(w, STR("{\"name\":\"Firefox\",\"family\":\"Firefox\",\"producer\":\"Mozilla\","
                            "\"type\":\"Browser\",\"version\":[\"143.0\"]}"));
        json_key(w, STR("location"));
        json_put_raw(w,
                     STR("{\"country\":\"GERMANY\",\"state\":\"hamburg\",\"city\":\"hamburg\"}"));
        json_field_bool(w, "filteredEvent", false);
    }
    if (str_eq(type, STR("BOUNCE"))) {
        json_field_str(w, "category", STR("UNKNOWN_USER"));
        json_field_str(w, "response", STR("550 5.1.1 The account does not exist"));
        json_field_str(w, "status", STR("5.1.1"));
    }
    if (str_eq(type, STR("DROPPED"))) {
        json_field_str(w, "dropReason", STR("PREVIOUSLY_BOUNCED"));
    }
    if (str_eq(type, STR("STATUSCHANGE"))) {
        json_field_str(w, "source", STR("SOURCE_RECIPIENT"));
        json_field_str(w, "portalSubscriptionStatus", STR("UNSUBSCRIBED"));
    }
    if (str_eq(type, STR("SENT"))) {
        json_field_str(w, "subject", STR("News from us"));
        json_field_str(w, "from", STR("Marketing <marketing@example.com>"));
        json_field_str(w, "replyTo", STR("marketing@example.com"));
    }
}

static void write_event(struct call *c, struct json_writer *w, const struct email_event *e,
                        struct str recipient)
{
    json_begin_object(w);
    json_field_int(w, "appId", 113);
    json_field_str(w, "appName", STR("Batch"));
    json_field_str(w, "id", event_id(c, e->number));
    json_field_int(w, "created", e->created_ms);
    json_field_str(w, "type", str_from(e->type));
    json_field_str(w, "recipient", recipient);
    json_field_int(w, "portalId", (int64_t)c->sim->portal->options.portal_id);
    json_field_int(w, "emailCampaignId", (int64_t)e->campaign);
    json_field_int(w, "emailCampaignGroupId", (int64_t)e->campaign);
    write_sent_by(c, w, e);
    write_details(w, e);
    json_end_object(w);
}

static bool known_type(struct str type)
{
    static const char *const types[] = {
        "SENT",     "DELIVERED", "OPEN",    "CLICK",      "BOUNCE",       "DROPPED",    "PROCESSED",
        "DEFERRED", "PRINT",     "FORWARD", "SPAMREPORT", "STATUSCHANGE", "SUPPRESSED", "NOT_SENT"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (str_eq(type, str_from(types[i]))) {
            return true;
        }
    }
    return type.len == 0;
}

// The cursor is the number of the next event, in a dress that nobody should look into.
static struct str make_offset(struct call *c, uint64_t number)
{
    return arena_printf(c->arena, "Cjkx%016llx", (unsigned long long)number);
}

static bool read_offset(struct call *c, struct str text, uint64_t *ret)
{
    uint64_t n = 0;
    bool ok = text.len == 20 && str_starts(text, STR("Cjkx"));
    for (size_t i = 4; ok && i < text.len; i++) {
        char ch = text.ptr[i];
        int digit = ch >= '0' && ch <= '9' ? ch - '0' : ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
        ok = digit >= 0;
        n = n << 4 | (uint64_t)(digit & 15);
    }
    *ret = n;
    return ok || call_error(c, 400, "VALIDATION_ERROR", "'%.*s' is no offset of a former page",
                            STR_ARG(text));
}

static bool read_want(struct call *c, struct want *want)
{
    const struct portal *p = c->sim->portal;
    int64_t start = 0;
    int64_t end = INT64_MAX;
    int64_t campaign = 0;
    struct str offset = http_server_query(c->request, "offset");
    want->type = http_server_query(c->request, "eventType");
    want->recipient = http_server_query(c->request, "recipient");
    if (!call_limit(c, EVENTS_DEFAULT, EVENTS_MAX, &want->limit) ||
        !field_query_int(c, "startTimestamp", &start) ||
        !field_query_int(c, "endTimestamp", &end) || !field_query_int(c, "campaignId", &campaign)) {
        return false;
    }
    if (!known_type(want->type)) {
        return call_error(c, 400, "VALIDATION_ERROR", "eventType '%.*s' is unknown",
                          STR_ARG(want->type));
    }
    want->campaign = (uint64_t)campaign;
    want->from = email_events_first_until(p, end);
    want->to = email_events_first_until(p, start - 1); // both ends belong to it
    if (offset.len > 0) {
        uint64_t at;
        if (!read_offset(c, offset, &at)) {
            return false;
        }
        want->from = MAX(want->from, MIN(at, want->to));
    }
    return true;
}

void endpoint_email_events(struct call *c)
{
    struct want want;
    struct buf scratch;
    if (!read_want(c, &want)) {
        return;
    }
    buf_init(&scratch, LIMIT_VALUE_BYTES);
    struct json_writer w = call_writer(c);
    int64_t n = 0;
    uint64_t i = want.from;
    uint64_t look_to = MIN(want.to, want.from + LOOKED_AT_MAX);
    json_begin_object(&w);
    json_key(&w, STR("events"));
    json_begin_array(&w);
    for (; i < look_to && n < want.limit; i++) {
        struct email_event e = email_event_at(c->sim->portal, i);
        struct str recipient = recipient_of(c, &e, &scratch);
        if ((want.type.len > 0 && !str_eq(want.type, str_from(e.type))) ||
            (want.recipient.len > 0 && !str_eq_nocase(want.recipient, recipient)) ||
            (want.campaign > 0 && want.campaign != e.campaign)) {
            continue;
        }
        write_event(c, &w, &e, recipient);
        n++;
    }
    json_end_array(&w);
    json_field_bool(&w, "hasMore", i < want.to);
    json_field_str(&w, "offset", make_offset(c, i));
    json_end_object(&w);
    buf_done(&scratch);
}
