// Webhook settings and subscriptions of an app, with the developer's API key or a token of the app.
#include "sim/authorize.h"
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/fields.h"
#include "sim/sim.h"
#include "sim/webhooks.h"

enum { URL_MAX_BYTES = 2000, CONCURRENT_MIN = 5, CONCURRENT_MAX = 2000, BATCH_MAX = 100 };

// Properties whose changes nobody can subscribe to; '*' stands for any event prefix.
static const struct {
    const char *type; // of the event, or of its objectTypeId
    const char *property;
} closed[] = {
    {"*", "hs_lastmodifieddate"},          {"*", "lastmodifieddate"},
    {"*", "num_unique_conversion_events"}, {"0-49", "hs_email_html"},
    {"0-49", "hs_email_subject"},          {"0-18", "hs_communication_body"},
};

// Who may: hapikey is the developer's key, or the token is one of this app. The app in the path.
static struct webhook_app *admitted(struct call *c)
{
    struct str key = http_server_query(c->request, "hapikey");
    uint64_t id;
    if (key.ptr && !str_eq(key, c->sim->options->developer_key)) {
        call_error(c, 401, "INVALID_AUTHENTICATION", "This hapikey doesn't exist.");
        return NULL;
    }
    if (!key.ptr && !authorize(c)) {
        return NULL;
    }
    const struct app *app = apps_by_id_or_client(c->sim->apps, c->params[0]);
    if (!app || app->kind != APP_OAUTH || !str_to_uint64(c->params[0], &id)) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "There is no public app %.*s",
                   STR_ARG(c->params[0]));
        return NULL;
    }
    if (!key.ptr && c->caller.app != app) {
        call_error(c, 403, "MISSING_PERMISSIONS", "The token is not one of the app %.*s",
                   STR_ARG(c->params[0]));
        return NULL;
    }
    struct webhook_app *a = webhooks_app(&c->sim->portal->webhooks, id);
    assert(a); // there are no more apps than places
    return a;
}

static void write_settings(struct call *c, const struct webhook_app *a)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "targetUrl", a->target_url);
    json_key(&w, STR("throttling"));
    json_begin_object(&w);
    json_field_str(&w, "period", STR("SECONDLY"));
    json_field_int(&w, "maxConcurrentRequests", a->concurrent);
    json_end_object(&w);
    json_field_str(&w, "createdAt", call_iso(c, a->created_ms));
    json_field_str(&w, "updatedAt", call_iso(c, a->updated_ms));
    json_end_object(&w);
}

void endpoint_webhooks_settings(struct call *c)
{
    const struct webhook_app *a = admitted(c);
    if (a && a->target_url.len == 0) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "The app %.*s has no webhook settings",
                   STR_ARG(c->params[0]));
    } else if (a) {
        write_settings(c, a);
    }
}

static bool url_ok(struct call *c, struct str url)
{
    bool secure = str_starts(url, STR("https://")) && url.len > 8;
    bool local = str_starts(url, STR("http://127.0.0.1")) ||
                 str_starts(url, STR("http://localhost")) || str_starts(url, STR("http://[::1]"));
    return ((secure || local) && url.len <= URL_MAX_BYTES) ||
           call_error(c, 400, "VALIDATION_ERROR",
                      "targetUrl must be an https address of at most %d bytes (http only on this "
                      "machine)",
                      URL_MAX_BYTES);
}

void endpoint_webhooks_settings_put(struct call *c)
{
    struct json throttling;
    struct str url = STR("");
    int64_t concurrent = WEBHOOK_CONCURRENT_DEFAULT;
    struct webhook_app *a = admitted(c);
    if (!a || !call_parse_body(c) || !field_str(c, c->body, "targetUrl", FIELD_REQUIRED, &url) ||
        !url_ok(c, url)) {
        return;
    }
    if (json_get(c->body, STR("throttling"), &throttling) &&
        !field_int(c, throttling, "maxConcurrentRequests", FIELD_REQUIRED, &concurrent)) {
        return;
    }
    if (concurrent < CONCURRENT_MIN || concurrent > CONCURRENT_MAX) {
        call_error(c, 400, "VALIDATION_ERROR", "maxConcurrentRequests must be from %d to %d",
                   CONCURRENT_MIN, CONCURRENT_MAX);
        return;
    }
    struct str kept;
    if (!call_keep(c, url, &kept)) {
        return;
    }
    a->updated_ms = clock_now_ms(c->sim->clock);
    a->created_ms = a->target_url.len > 0 ? a->created_ms : a->updated_ms;
    a->target_url = kept;
    a->concurrent = concurrent;
    write_settings(c, a);
}

void endpoint_webhooks_settings_delete(struct call *c)
{
    struct webhook_app *a = admitted(c);
    if (a) {
        a->target_url = STR("");
        for (size_t i = 0; i < a->n; i++) {
            a->items[i].active = false; // nowhere to send to
        }
        c->response->status = 204;
    }
}

static void write_subscription(struct call *c, struct json_writer *w,
                               const struct webhook_subscription *s)
{
    json_begin_object(w);
    json_field_str(w, "id", call_number(c, s->id));
    json_field_str(w, "eventType", str_from(s->event));
    if (s->property.len > 0) {
        json_field_str(w, "propertyName", s->property);
    }
    if (s->object_type.len > 0) {
        json_field_str(w, "objectTypeId", s->object_type);
    }
    json_field_bool(w, "active", s->active);
    json_field_str(w, "createdAt", call_iso(c, s->created_ms));
    json_field_str(w, "updatedAt", call_iso(c, s->updated_ms));
    json_end_object(w);
}

static void answer(struct call *c, int status, const struct webhook_subscription *s)
{
    c->response->status = status;
    struct json_writer w = call_writer(c);
    write_subscription(c, &w, s);
}

void endpoint_webhooks_list(struct call *c)
{
    const struct webhook_app *a = admitted(c);
    if (!a) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; i < a->n; i++) {
        if (!a->items[i].deleted) {
            write_subscription(c, &w, &a->items[i]);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

// The subscription in the second path parameter; NULL after a 404.
static struct webhook_subscription *subscription_in_path(struct call *c,
                                                         const struct webhook_app *a)
{
    uint64_t id;
    struct webhook_subscription *s = str_to_uint64(c->params[1], &id) ? webhook_find(a, id) : NULL;
    if (!s) {
        call_not_found(c);
    }
    return s;
}

void endpoint_webhooks_get(struct call *c)
{
    const struct webhook_app *a = admitted(c);
    const struct webhook_subscription *s = a ? subscription_in_path(c, a) : NULL;
    if (s) {
        answer(c, 200, s);
    }
}

static bool invalid(struct call *c, const char *field, const char *why, struct str value)
{
    call_error(c, 400, "VALIDATION_ERROR", "The subscription is not valid: %s '%.*s' %s", field,
               STR_ARG(value), why);
    return refuse_context(c, "propertyName", str_from(field));
}

static bool property_ok(struct call *c, const struct webhook_subscription *s)
{
    if (!webhook_event_is_change(s->event)) {
        return s->property.len == 0 ||
               invalid(c, "propertyName", "fits only propertyChange events", s->property);
    }
    if (s->property.len == 0) {
        return invalid(c, "propertyName", "is needed by propertyChange events", s->property);
    }
    for (size_t i = 0; i < ARRAY_LEN(closed); i++) {
        bool type = str_eq(str_from(closed[i].type), STR("*")) ||
                    str_eq(str_from(closed[i].type), s->object_type);
        if (type && str_eq(s->property, str_from(closed[i].property))) {
            return invalid(c, "propertyName", "cannot be subscribed to", s->property);
        }
    }
    return true;
}

static bool read_subscription(struct call *c, struct webhook_subscription *s)
{
    struct str event = STR("");
    enum object_type object;
    if (!field_str(c, c->body, "eventType", FIELD_REQUIRED, &event) ||
        !field_str(c, c->body, "propertyName", FIELD_OPTIONAL, &s->property) ||
        !field_str(c, c->body, "objectTypeId", FIELD_OPTIONAL, &s->object_type) ||
        !field_bool(c, c->body, "active", &s->active)) {
        return false;
    }
    s->event = webhook_event(event);
    if (!s->event) {
        return invalid(c, "eventType", "is no event type", event);
    }
    bool generic = webhook_event_is_generic(s->event);
    if (generic != (s->object_type.len > 0) ||
        (generic && !portal_object(c->sim->portal, s->object_type, false, &object))) {
        return invalid(c, "objectTypeId",
                       "must be an object type's id such as 0-1 with object.* events, and absent "
                       "otherwise",
                       s->object_type);
    }
    return property_ok(c, s);
}

static bool is_new(struct call *c, const struct webhook_app *a,
                   const struct webhook_subscription *s)
{
    for (size_t i = 0; i < a->n; i++) {
        const struct webhook_subscription *other = &a->items[i];
        if (!other->deleted && other->event == s->event && str_eq(other->property, s->property) &&
            str_eq(other->object_type, s->object_type)) {
            return call_error(c, 409, "CONFLICT",
                              "The app has this subscription already; its id is %llu",
                              (unsigned long long)other->id);
        }
    }
    return true;
}

void endpoint_webhooks_create(struct call *c)
{
    struct webhook_subscription fresh = {.property = STR(""), .object_type = STR("")};
    struct webhook_app *a = admitted(c);
    if (!a || !call_parse_body(c) || !read_subscription(c, &fresh) || !is_new(c, a, &fresh) ||
        !call_keep(c, fresh.property, &fresh.property) ||
        !call_keep(c, fresh.object_type, &fresh.object_type)) {
        return;
    }
    struct webhook_subscription *s = webhook_add(&c->sim->portal->webhooks, a);
    if (!s) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "Couldn't create another subscription. You've reached the maximum number "
                   "allowed per application (%d).",
                   WEBHOOK_SUBSCRIPTIONS_MAX);
        return;
    }
    fresh.id = s->id;
    fresh.created_ms = clock_now_ms(c->sim->clock);
    fresh.updated_ms = fresh.created_ms;
    *s = fresh;
    answer(c, 201, s);
}

static void set_active(struct call *c, struct webhook_subscription *s, bool active)
{
    s->active = active;
    s->updated_ms = clock_now_ms(c->sim->clock);
}

void endpoint_webhooks_update(struct call *c)
{
    const struct webhook_app *a = admitted(c);
    struct webhook_subscription *s = a ? subscription_in_path(c, a) : NULL;
    if (!s || !call_parse_body(c)) {
        return;
    }
    bool active = s->active;
    if (field_bool(c, c->body, "active", &active)) {
        set_active(c, s, active);
        answer(c, 200, s);
    }
}

void endpoint_webhooks_delete(struct call *c)
{
    struct webhook_app *a = admitted(c);
    struct webhook_subscription *s = a ? subscription_in_path(c, a) : NULL;
    if (s) {
        s->deleted = true;
        a->n_live--;
        c->response->status = 204;
    }
}

static bool read_change(struct call *c, const struct webhook_app *a, struct json v,
                        struct webhook_subscription **ret, bool *ret_active)
{
    int64_t id = 0;
    struct str text = STR("");
    struct json field;
    *ret_active = false;
    if (json_get(v, STR("id"), &field) && json_string(field, &text)) {
        id = str_to_int64(text, &id) ? id : -1; // texts are taken too
    } else if (!field_int(c, v, "id", FIELD_REQUIRED, &id)) {
        return false;
    }
    if (!field_bool(c, v, "active", ret_active)) {
        return false;
    }
    *ret = webhook_find(a, (uint64_t)id);
    return *ret ||
           call_error(c, 404, "OBJECT_NOT_FOUND", "There is no subscription %lld", (long long)id);
}

void endpoint_webhooks_batch_update(struct call *c)
{
    const struct webhook_app *a = admitted(c);
    struct json inputs;
    struct json v;
    struct webhook_subscription *s;
    bool active;
    if (!a || !call_parse_body(c) || !batch_inputs(c, BATCH_MAX, &inputs)) {
        return;
    }
    struct json_iter it = json_iter(inputs);
    while (json_next(&it, &v)) { // all are looked at before the first one is changed
        if (!read_change(c, a, v, &s, &active)) {
            return;
        }
    }
    struct str now = call_iso(c, clock_now_ms(c->sim->clock));
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "status", STR("COMPLETE"));
    json_key(&w, STR("results"));
    json_begin_array(&w);
    it = json_iter(inputs);
    while (json_next(&it, &v) && read_change(c, a, v, &s, &active)) {
        set_active(c, s, active);
        write_subscription(c, &w, s);
    }
    json_end_array(&w);
    json_field_str(&w, "requestedAt", now);
    json_field_str(&w, "startedAt", now);
    json_field_str(&w, "completedAt", now);
    json_end_object(&w);
}
