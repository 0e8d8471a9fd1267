// The token endpoint: codes and refresh tokens become access tokens.
#include "sim/apps.h"
#include "sim/endpoints.h"
#include "sim/form.h"
#include "sim/oauth_errors.h"
#include "sim/scopes.h"
#include "sim/sim.h"

static void write_tokens(struct call *c, const struct token_pair *pair, bool of_account)
{
    struct json_writer w = call_writer(c);
    http_server_add_header(c->response, "Cache-Control", STR("no-store"));
    json_begin_object(&w);
    json_field_str(&w, "token_type", STR("bearer"));
    if (pair->refresh_token.len > 0) {
        json_field_str(&w, "refresh_token", pair->refresh_token);
    }
    json_field_str(&w, "access_token", pair->access_token);
    if (of_account) {
        json_field_int(&w, "hub_id", c->sim->options->portal_id);
        json_field_int(&w, "user_id", pair->user_id);
    }
    json_key(&w, STR("scopes"));
    scopes_write(&w, pair->scopes);
    json_field_str(&w, "token_use", STR("access_token"));
    json_field_int(&w, "expires_in", pair->expires_in_s);
    json_end_object(&w);
}

static enum oauth_refusal run_grant(struct call *c, const struct app *app, struct str grant_type,
                                    struct token_pair *ret)
{
    struct apps *apps = c->sim->apps;
    if (str_eq(grant_type, STR("refresh_token"))) {
        return apps_refresh(apps, app, form_field(c, "refresh_token"), c->arena, ret);
    }
    if (str_eq(grant_type, STR("client_credentials"))) {
        return apps_client_token(apps, app, form_field(c, "scope"), c->arena, ret);
    }
    assert(str_eq(grant_type, STR("authorization_code")));
    struct exchange x = {
        .app = app,
        .code = form_field(c, "code"),
        .redirect_uri = form_field(c, "redirect_uri"),
        .verifier = form_field(c, "code_verifier"),
    };
    return apps_exchange(apps, &x, c->arena, ret);
}

static bool known_grant_type(struct str grant_type)
{
    return str_eq(grant_type, STR("authorization_code")) ||
           str_eq(grant_type, STR("refresh_token")) ||
           str_eq(grant_type, STR("client_credentials"));
}

void endpoint_oauth_token(struct call *c)
{
    const struct app *app;
    struct token_pair pair = {0};
    if (!oauth_client(c, &app)) {
        return;
    }
    struct str grant_type = form_field(c, "grant_type");
    enum oauth_refusal refusal = OAUTH_BAD_GRANT_TYPE;
    if (known_grant_type(grant_type)) {
        refusal = run_grant(c, app, grant_type, &pair);
    }
    if (refusal != OAUTH_FINE) {
        apps_count_refused(c->sim->apps, app);
        oauth_refuse(c, refusal);
        return;
    }
    write_tokens(c, &pair, !str_eq(grant_type, STR("client_credentials")));
}
