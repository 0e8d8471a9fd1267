// The account itself: details, usage.
#include "sim/endpoints.h"
#include "sim/sim.h"

// "-05:00"
static struct str offset_text(struct call *c, int64_t offset_ms)
{
    int64_t minutes = (offset_ms < 0 ? -offset_ms : offset_ms) / 60000;
    return arena_printf(c->arena, "%c%02d:%02d", offset_ms < 0 ? '-' : '+', (int)(minutes / 60),
                        (int)(minutes % 60));
}

void endpoint_account_details(struct call *c)
{
    int64_t offset_ms = limits_report(c->sim->limits).utc_offset_ms;
    const struct options *o = c->sim->options;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "portalId", call_portal_id(c));
    json_field_str(&w, "accountType", STR("STANDARD"));
    json_field_str(&w, "timeZone", o->time_zone);
    json_field_str(&w, "companyCurrency", STR("EUR"));
    json_key(&w, STR("additionalCurrencies"));
    json_put_raw(&w, STR("[\"USD\",\"GBP\"]"));
    json_field_str(&w, "utcOffset", offset_text(c, offset_ms));
    json_field_int(&w, "utcOffsetMilliseconds", offset_ms);
    json_field_str(&w, "uiDomain", STR("app.hubspot.com"));
    json_field_str(&w, "dataHostingLocation", STR("na1"));
    if (str_find(c->request->path, STR("2026-09")) >= 0) {
        json_field_str(&w, "portalName", STR("Simulated account"));
        json_field_str(&w, "createdAt", call_iso(c, portal_first_ms()));
    }
    json_end_object(&w);
}

// One entry for each private app; together they use up the one limit of the account.
void endpoint_account_daily_usage(struct call *c)
{
    struct sim *sim = c->sim;
    int64_t day_ends_ms = limits_report(sim->limits).day_ends_ms;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < apps_count(sim->apps); i++) {
        const struct app *app = apps_get(sim->apps, i);
        if (app->kind != APP_PRIVATE || app->account != c->caller.app->account) {
            continue;
        }
        uint64_t today = limits_app_report(sim->limits, app).today;
        json_begin_object(&w);
        json_field_str(&w, "name", app->name);
        json_field_int(&w, "usageLimit", (int64_t)limits_options(sim->limits).daily);
        json_field_int(&w, "currentUsage", (int64_t)today);
        json_field_str(&w, "collectedAt", call_iso(c, clock_now_ms(sim->clock)));
        json_field_str(&w, "fetchStatus", STR("SUCCESS"));
        json_field_str(&w, "resetsAt", call_iso(c, day_ends_ms));
        json_end_object(&w);
    }
    json_end_array(&w);
    json_end_object(&w);
}
