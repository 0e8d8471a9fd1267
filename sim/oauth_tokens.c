// What is known of tokens, and their end: introspection, revocation, uninstalling.
#include "sim/apps.h"
#include "sim/endpoints.h"
#include "sim/form.h"
#include "sim/oauth_errors.h"
#include "sim/scopes.h"
#include "sim/sim.h"

static void write_signed(struct call *c, struct json_writer *w, const struct token_info *info)
{
    int64_t expires_ms = clock_now_ms(c->sim->clock) + info->expires_in_s * 1000;
    json_key(w, STR("signed_access_token"));
    json_begin_object(w);
    json_field_int(w, "expiresAt", expires_ms);
    json_field_int(w, "hubId", app_portal_id(c, info->app));
    json_field_int(w, "userId", info->user_id);
    json_field_int(w, "appId", (int64_t)info->app->id);
    json_field_str(w, "hublet", STR("na1"));
    json_field_str(w, "scopes", STR(""));
    json_field_str(w, "signature", STR(""));
    json_end_object(w);
}

static void write_info(struct call *c, struct json_writer *w, struct str token,
                       const struct token_info *info)
{
    json_field_str(w, "token", token);
    json_field_str(w, "user", apps_options(c->sim->apps).user);
    json_field_str(w, "hub_domain", STR("simulated.example"));
    json_key(w, STR("scopes"));
    scopes_write(w, info->scopes);
    json_field_int(w, "hub_id", app_portal_id(c, info->app));
    json_field_int(w, "app_id", (int64_t)info->app->id);
    if (info->refresh) {
        json_field_str(w, "client_id", info->app->client_id);
    } else {
        json_field_int(w, "expires_in", info->expires_in_s);
        write_signed(c, w, info);
    }
    json_field_int(w, "user_id", info->user_id);
    json_field_str(w, "token_type", info->refresh ? STR("refresh") : STR("access"));
    json_field_bool(w, "is_private_distribution", info->app->kind == APP_PRIVATE);
}

static void describe(struct call *c, bool refresh)
{
    struct token_info info;
    struct str token = c->params[0];
    if (!apps_token_info(c->sim->apps, token, &info) || info.refresh != refresh) {
        call_error(c, 404, "OBJECT_NOT_FOUND",
                   refresh ? "The refresh token is unknown, expired or revoked"
                           : "The access token is unknown or expired");
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    write_info(c, &w, token, &info);
    json_end_object(&w);
}

void endpoint_oauth_access_token(struct call *c)
{
    describe(c, false);
}

void endpoint_oauth_refresh_token(struct call *c)
{
    describe(c, true);
}

void endpoint_oauth_introspect(struct call *c)
{
    const struct app *app;
    struct token_info info;
    if (!oauth_client(c, &app)) {
        return;
    }
    struct str token = form_field(c, "token");
    if (token.len == 0) {
        call_error(c, 400, "VALIDATION_ERROR", "token is missing in the form");
        return;
    }
    // The tokens of other apps are none of the caller's business.
    bool active = apps_token_info(c->sim->apps, token, &info) && info.app == app;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_bool(&w, "active", active);
    if (active) {
        write_info(c, &w, token, &info);
    }
    json_end_object(&w);
}

void endpoint_oauth_delete_refresh_token(struct call *c)
{
    if (!apps_revoke(c->sim->apps, c->params[0])) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "The refresh token is unknown, expired or revoked");
        return;
    }
    c->response->status = 204;
    c->response->content_type = NULL;
}

void endpoint_oauth_revoke(struct call *c)
{
    const struct app *app;
    struct token_info info;
    if (!oauth_client(c, &app)) {
        return;
    }
    struct str token = form_field(c, "token");
    if (token.len == 0) {
        call_error(c, 400, "VALIDATION_ERROR", "token is missing in the form");
        return;
    }
    // RFC 7009: to revoke what is not there is fine, too.
    if (apps_token_info(c->sim->apps, token, &info) && info.app == app) {
        apps_revoke(c->sim->apps, token);
    }
    buf_add(&c->response->body, STR("{}"));
}

void endpoint_uninstall(struct call *c)
{
    if (c->caller.app->kind != APP_OAUTH) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "Only an OAuth app can be uninstalled by its own token");
        return;
    }
    apps_uninstall(c->sim->apps, c->caller.app);
    c->response->status = 204;
    c->response->content_type = NULL;
}

void endpoint_token_info(struct call *c)
{
    struct str token;
    struct token_info info;
    if (!call_parse_body(c)) {
        return;
    }
    if (!json_get_string(c->body, STR("tokenKey"), &token) ||
        !apps_token_info(c->sim->apps, token, &info) || info.app->kind != APP_PRIVATE) {
        call_error(c, 400, "VALIDATION_ERROR", "tokenKey is missing or unknown");
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "userId", info.user_id);
    json_field_int(&w, "hubId", app_portal_id(c, info.app));
    json_field_int(&w, "appId", (int64_t)info.app->id);
    json_key(&w, STR("scopes"));
    scopes_write(&w, info.scopes);
    json_end_object(&w);
}
