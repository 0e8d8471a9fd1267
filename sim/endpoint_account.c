// The account itself: details, usage, schemas of custom objects (there are none).
#include "sim/endpoints.h"
#include "sim/sim.h"

void endpoint_account_details(struct call *c)
{
    const struct options *o = c->sim->options;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "portalId", o->portal_id);
    json_field_str(&w, "accountType", STR("STANDARD"));
    json_field_str(&w, "timeZone", STR("US/Eastern"));
    json_field_str(&w, "companyCurrency", STR("EUR"));
    json_key(&w, STR("additionalCurrencies"));
    json_put_raw(&w, STR("[\"USD\",\"GBP\"]"));
    json_field_str(&w, "utcOffset", STR("-05:00"));
    json_field_int(&w, "utcOffsetMilliseconds", o->limits.utc_offset_ms);
    json_field_str(&w, "uiDomain", STR("app.hubspot.com"));
    json_field_str(&w, "dataHostingLocation", STR("na1"));
    if (str_find(c->request->path, STR("2026-09")) >= 0) {
        json_field_str(&w, "portalName", STR("Simulated account"));
        json_field_str(&w, "createdAt", call_iso(c, portal_first_ms()));
    }
    json_end_object(&w);
}

void endpoint_account_daily_usage(struct call *c)
{
    struct limits_report r = limits_report(c->sim->limits);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    json_begin_object(&w);
    json_field_str(&w, "name", STR("private-apps-api-calls-daily"));
    json_field_int(&w, "usageLimit", (int64_t)c->sim->options->limits.daily);
    json_field_int(&w, "currentUsage", (int64_t)r.today);
    json_field_str(&w, "collectedAt", call_iso(c, clock_now_ms(c->sim->clock)));
    json_field_str(&w, "fetchStatus", STR("SUCCESS"));
    json_field_str(&w, "resetsAt", call_iso(c, r.day_ends_ms));
    json_end_object(&w);
    json_end_array(&w);
    json_end_object(&w);
}

void endpoint_schemas_list(struct call *c)
{
    buf_add(&c->response->body, STR("{\"results\":[]}"));
}
