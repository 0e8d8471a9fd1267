// From the command line to the apps that there are at the start.
#include "sim/options.h"
#include "sim/scopes.h"
#include "sim/sim.h"

enum { ACCOUNTS_ARENA = 1024 * 1024, ACCOUNT_APPS = 100000 };

// Further accounts, each with a private app of its own.
static bool add_accounts(const struct options *o, struct apps *apps, struct error *err)
{
    struct arena arena;
    bool ok = true;
    arena_init(&arena, ACCOUNTS_ARENA);
    for (uint32_t i = 1; ok && i < (uint32_t)o->accounts; i++) {
        const struct app *added;
        struct app app = {
            .id = SIM_APP_ID + ACCOUNT_APPS + i,
            .account = i,
            .kind = APP_PRIVATE,
            .name = STR("Private app"),
            .token = arena_printf(&arena, "%.*s-%u", STR_ARG(o->token), i + 1),
            .all_scopes = true,
        };
        ok = apps_add(apps, &app, &added, err);
    }
    arena_done(&arena);
    return ok;
}

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
    return apps_add(apps, &private_app, &added, err) && apps_add(apps, &oauth_app, &added, err) &&
           add_accounts(o, apps, err);
}
