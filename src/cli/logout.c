// sluice logout hubspot: gives the grant back to HubSpot and forgets the connection.
#include "cli/login.h"

#include "cli/signals.h"
#include "http/client.h"
#include "store/requests.h"

enum { LOCK_WAIT_MS = 60000 };

#define FIELD(f) (offsetof(struct logout_settings, place) + offsetof(struct place_settings, f))

const struct setting LOGOUT_SETTINGS[LOGOUT_SETTINGS_N] = {
    {.name = "name",
     .type = SET_STR,
     .offset = offsetof(struct logout_settings, name),
     .fallback = "hubspot",
     .arg = "NAME",
     .help = "Which connection."},
    {.name = "keep-grant",
     .type = SET_BOOL,
     .offset = offsetof(struct logout_settings, keep_grant),
     .help = "Forget the connection here only; the refresh token stays good."},
    {.name = "trace",
     .type = SET_BOOL,
     .offset = offsetof(struct logout_settings, trace),
     .help = "Keep every call for sluice requests, not only those that fail."},
#include "cli/connection_settings.def"
};

struct logout {
    const struct cli *cli;
    struct logout_settings settings;
    struct cancel cancel;
    struct arena arena;
    const struct request_log *request_log;
    struct store *store;
    struct connection connection;
};

static bool revoke(struct logout *l, struct error *err)
{
    struct sealing *sealing = NULL;
    struct secret *client_secret = NULL;
    struct secret *refresh = NULL;
    struct str name = l->connection.name;
    struct grant_context x = {.base_url = l->connection.base_url,
                              .clock = l->cli->clock,
                              .cancel = &l->cancel,
                              .request_log = l->request_log,
                              .name = name};
    bool ok = sealing_open(&(struct sealing_options){l->store, l->settings.place.key_file},
                           &sealing, err) &&
              connection_secret(l->store, sealing, name, "client_secret", &client_secret, err) &&
              connection_secret(l->store, sealing, name, "refresh_token", &refresh, err) &&
              grant_revoke(&x, &l->connection, client_secret, refresh, err);
    secret_destroy(client_secret);
    secret_destroy(refresh);
    sealing_close(sealing);
    return ok;
}

// What becomes of the grant. Does not stand in the way of forgetting, unless somebody stops it.
static bool give_back(struct logout *l, struct error *ret_err)
{
    struct error err = {0};
    if (l->connection.kind == CONNECTION_TOKEN) {
        printf("The token itself stays good until it is rotated or deleted in HubSpot.\n");
    } else if (l->settings.keep_grant) {
        printf("The grant was kept: its refresh token stays good.\n");
    } else if (l->connection.state == CONNECTION_NEEDS_REAUTHORIZATION) {
        printf("HubSpot had already ended the grant.\n");
    } else if (revoke(l, &err) || err.code == ERR_REAUTHORIZE) {
        printf("The refresh token was revoked; tokens that it gave before end within minutes.\n");
    } else if (err.code == ERR_INTERRUPTED) {
        return error_set(ret_err, ERR_INTERRUPTED,
                         "interrupted; connection %.*s is still here, its grant may be revoked",
                         STR_ARG(l->connection.name));
    } else {
        fprintf(stderr,
                "sluice: the refresh token could not be revoked: %s\n  remove the app in HubSpot, "
                "under Settings > Integrations > Connected Apps\n",
                err.message);
    }
    return true;
}

static bool log_out(struct logout *l, struct error *err)
{
    struct store_options where = {
        .directory = l->settings.place.data_dir, .clock = l->cli->clock, .cancel = &l->cancel};
    struct store_lock *lock = NULL;
    bool found = false;
    if (!store_check_name("--name", l->settings.name, err) || !store_open(&where, &l->store, err)) {
        return false;
    }
    if (!l->store) {
        return error_set(err, ERR_USAGE, "there is no connection \"%.*s\", nor any other",
                         STR_ARG(l->settings.name));
    }
    struct str lock_name = arena_printf(&l->arena, "connection-%.*s", STR_ARG(l->settings.name));
    if (!store_lock_take(l->store, lock_name, LOCK_WAIT_MS, &lock, err)) {
        return false;
    }
    bool ok = connection_find(l->store, l->settings.name, &l->arena, &l->connection, err);
    if (ok) {
        ok = give_back(l, err) && connection_remove(l->store, l->settings.name, &found, err);
    }
    store_lock_release(lock);
    return ok;
}

int cli_logout(const struct cli *cli, int argc, char **argv)
{
    struct logout l = {.cli = cli};
    struct cli_args args;
    struct error err;
    if (!cli_parse(cli, "logout", argc, argv, &l.settings, &args)) {
        return args.exit_code;
    }
    struct signals *signals = signals_catch(&l.cancel);
    arena_init(&l.arena, 4 * 1024 * 1024);
    struct requests *requests = requests_start(&(struct requests_options){
        .directory = l.settings.place.data_dir, .clock = cli->clock, .trace = l.settings.trace});
    l.request_log = requests_log(requests);
    bool ok = login_check_words("logout", &args, &err) && http_client_global_init(&err) &&
              log_out(&l, &err);
    if (ok) {
        printf("Connection %.*s was forgotten.\n", STR_ARG(l.settings.name));
    }
    store_close(l.store);
    requests_stop(requests);
    arena_done(&l.arena);
    signals_release(signals);
    return ok ? 0 : cli_fail(&err);
}
