#include "sim/limits_answer.h"

#include "sim/sim.h"

#define UNLIMITED 10000000U // what the headers say when there is no limit

static void add_number_header(struct call *c, const char *name, uint64_t n)
{
    http_server_add_header(c->response, name, call_number(c, n));
}

static uint64_t left(uint64_t most, uint64_t used)
{
    return most > used ? most - used : 0;
}

void limits_add_headers(const struct limits_view *v, struct call *c)
{
    uint64_t most = v->burst.calls > 0 ? v->burst.calls : UNLIMITED;
    uint64_t daily = v->daily > 0 ? v->daily : UNLIMITED;
    if (!v->oauth) {
        add_number_header(c, "X-HubSpot-RateLimit-Daily", daily);
        add_number_header(c, "X-HubSpot-RateLimit-Daily-Remaining", left(daily, v->today));
    }
    add_number_header(c, "X-HubSpot-RateLimit-Interval-Milliseconds", (uint64_t)v->burst.ms);
    add_number_header(c, "X-HubSpot-RateLimit-Max", most);
    add_number_header(c, "X-HubSpot-RateLimit-Remaining", left(most, v->used));
    if (!v->oauth) { // deprecated, and enforced by nobody
        add_number_header(c, "X-HubSpot-RateLimit-Secondly", most / 10);
        add_number_header(c, "X-HubSpot-RateLimit-Secondly-Remaining",
                          left(most / 10, v->used % (most / 10 + 1)));
    }
}

static const struct {
    enum limits_policy policy;
    const char *group; // followed by app and portal; NULL: not said
    const char *oauth_group;
} refusals[LIMITS_VERDICTS] = {
    [OVER_GENERAL] = {POLICY_BURST, "publicapi:private_app-api-calls-ten-secondly",
                      "publicapi:oauth-api-calls-ten-secondly"},
    [OVER_ASSOCIATIONS] = {POLICY_BURST, "publicapi:crm:associations:private_app",
                           "publicapi:crm:associations:oauth"},
    [OVER_SEARCH] = {POLICY_SECOND, "publicapi:crm:search:private_app",
                     "publicapi:crm:search:oauth"},
    [OVER_TOKEN] = {POLICY_SECOND, NULL, NULL},
    [OVER_DAILY] = {POLICY_DAY, NULL, NULL},
    [OVER_ASSOCIATIONS_DAILY] = {POLICY_DAY, "publicapi:crm:associations:private_app",
                                 "publicapi:crm:associations:oauth"},
};

static const struct {
    const char *name;
    const char *message;
} policies[LIMITS_POLICIES] = {
    [POLICY_BURST] = {"TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."},
    [POLICY_SECOND] = {"SECONDLY", "You have reached your secondly limit."},
    [POLICY_DAY] = {"DAILY", "You have reached your daily limit."},
};

const char *limits_policy_name(enum limits_policy p)
{
    assert(p < LIMITS_POLICIES);
    return policies[p].name;
}

void limits_answer_429(const struct limits_view *v, struct call *c)
{
    assert(v->verdict != ADMITTED);
    enum limits_policy policy = refusals[v->verdict].policy;
    const char *group = v->oauth ? refusals[v->verdict].oauth_group : refusals[v->verdict].group;
    struct json_writer w = call_writer(c);
    c->response->status = 429;
    buf_reset(&c->response->body);
    json_begin_object(&w);
    json_field_str(&w, "status", STR("error"));
    json_field_str(&w, "message", str_from(policies[policy].message));
    if (v->verdict != OVER_TOKEN) {
        json_field_str(&w, "correlationId", call_correlation_id(c));
    }
    if (v->category_body) {
        json_field_str(&w, "category", STR("RATE_LIMITS"));
    } else {
        json_field_str(&w, "errorType", STR("RATE_LIMIT"));
        json_field_str(&w, "policyName", str_from(policies[policy].name));
        if (group) {
            json_field_str(&w, "groupName",
                           arena_printf(c->arena, "%s:%llu:%lld", group,
                                        (unsigned long long)v->app_id,
                                        (long long)call_portal_id(c)));
        }
    }
    if (policy == POLICY_DAY && !v->category_body) {
        json_field_str(&w, "requestId",
                       arena_printf(c->arena, "%llx", (unsigned long long)c->request->arrived_us));
    }
    json_end_object(&w);
    if (v->wait_ms > 0) {
        http_server_add_header(c->response, "Retry-After",
                               call_number(c, (uint64_t)((v->wait_ms + 999) / 1000)));
    }
}
