// From the command line to the apps that there are at the start.
#include "sim/options.h"
#include "sim/scopes.h"
#include "sim/sim.h"

bool options_add_apps(const struct options *o, struct apps *apps, struct error *err)
{
    const struct app *added;
    struct app private_app = {
        .id = SIM_APP_ID,
        .kind = APP_PRIVATE,
        .name = STR("Private app"),
        .token = o->token,
        .all_scopes = true,
    };
    bool all = str_eq(o->optional_scopes, STR("all"));
    struct app oauth_app = {
        .id = SIM_OAUTH_APP_ID,
        .kind = APP_OAUTH,
        .name = STR("OAuth app"),
        .client_id = o->client_id,
        .client_secret = o->client_secret,
        .redirect_uris = o->redirect_uris,
        .required = o->scopes,
        .optional = all ? scopes_known() : o->optional_scopes,
    };
    if (o->scopes.len == 0) {
        return error_set(err, ERR_USAGE, "--scopes is empty; an app requires at least oauth");
    }
    return apps_add(apps, &private_app, &added, err) && apps_add(apps, &oauth_app, &added, err);
}
