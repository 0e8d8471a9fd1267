#include "sim/oauth_errors.h"

#include "sim/form.h"
#include "sim/sim.h"

// The first two columns are those of RFC 6749, the last two HubSpot's older ones.
static const struct {
    const char *error;
    const char *description; // NULL: the message
    const char *status;
    const char *message;
} refusals[OAUTH_REFUSALS] = {
    [OAUTH_BAD_GRANT_TYPE] = {"unsupported_grant_type", NULL, "BAD_GRANT_TYPE",
                              "missing or unknown grant type"},
    [OAUTH_BAD_CLIENT_ID] = {"invalid_client", NULL, "BAD_CLIENT_ID",
                             "missing or unknown client id"},
    [OAUTH_BAD_CLIENT_SECRET] = {"invalid_client", NULL, "BAD_CLIENT_SECRET",
                                 "missing or invalid client secret"},
    [OAUTH_BAD_AUTH_CODE] = {"invalid_grant", NULL, "BAD_AUTH_CODE",
                             "missing or unknown auth code"},
    [OAUTH_BAD_REDIRECT_URI] = {"invalid_grant", NULL, "BAD_REDIRECT_URI",
                                "missing or invalid redirect URI: it must be the one that the "
                                "code was asked for with"},
    [OAUTH_BAD_CODE_VERIFIER] = {"invalid_grant", NULL, "BAD_CODE_VERIFIER",
                                 "missing or invalid code verifier"},
    [OAUTH_BAD_REFRESH_TOKEN] = {"invalid_grant", "refresh token is invalid, expired or revoked",
                                 "BAD_REFRESH_TOKEN", "missing or invalid refresh token"},
    [OAUTH_BAD_SCOPES] = {"invalid_scope", NULL, "BAD_SCOPES", "missing or invalid scopes"},
    [OAUTH_BAD_HUB] = {"access_denied", NULL, "BAD_HUB", "missing or unknown hub id"},
};

void oauth_refuse(struct call *c, enum oauth_refusal refusal)
{
    assert(refusal > OAUTH_FINE && refusal < OAUTH_REFUSALS);
    struct apps_options options = apps_options(c->sim->apps);
    struct str message = str_from(refusals[refusal].message);
    c->response->status = 400;
    buf_reset(&c->response->body);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "status", str_from(refusals[refusal].status));
    json_field_str(&w, "message", message);
    json_field_str(&w, "correlationId", call_correlation_id(c));
    if (!options.old_errors) {
        const char *description = refusals[refusal].description;
        json_field_str(&w, "error", str_from(refusals[refusal].error));
        json_field_str(&w, "error_description", description ? str_from(description) : message);
    }
    json_end_object(&w);
}

bool oauth_client(struct call *c, const struct app **ret)
{
    if (!form_given(c)) {
        return call_error(c, 415, NULL,
                          "Unsupported Media Type: the body must be "
                          "application/x-www-form-urlencoded");
    }
    const struct app *app = apps_by_client(c->sim->apps, form_field(c, "client_id"));
    if (!app) {
        oauth_refuse(c, OAUTH_BAD_CLIENT_ID);
        return false;
    }
    if (!str_eq(form_field(c, "client_secret"), app->client_secret)) {
        apps_count_refused(c->sim->apps, app);
        oauth_refuse(c, OAUTH_BAD_CLIENT_SECRET);
        return false;
    }
    if (!limits_admit_token(c->sim->limits, c, app)) {
        return false;
    }
    *ret = app;
    return true;
}
