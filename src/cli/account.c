#include "cli/account.h"

#include "http/url.h"

enum { ARENA_BYTES = 4 * 1024 * 1024 };

static const struct str DEFAULT_BASE_URL = STR_INIT("https://api.hubapi.com");

bool account_secret_from_env(const char *option, const char *what, struct str name,
                             struct secret **ret, struct error *err)
{
    struct str text;
    if (!sync_secret_env(option, what, name, &text, err)) {
        return false;
    }
    *ret = secret_create(text);
    return true;
}

// What an account is being opened with.
struct opening {
    const struct sync_settings *settings;
    const struct sync_context *context;
    struct account *account;
};

static struct store_options place(const struct opening *o)
{
    return (struct store_options){.directory = o->settings->data_dir,
                                  .clock = o->context->clock,
                                  .cancel = o->context->cancel};
}

static bool open_token(const struct opening *o, struct error *err)
{
    struct secret *token = NULL;
    if (!account_secret_from_env("--token-env", "token", o->settings->token_env, &token, err)) {
        return false;
    }
    o->account->credential = credential_static(token);
    return true;
}

// A credential must not go to a place that it was not made for, whatever the settings say.
static bool same_base_url(const struct opening *o, const struct connection *c, struct error *err)
{
    struct str given;
    if (str_eq(o->settings->base_url, DEFAULT_BASE_URL)) {
        return true;
    }
    if (!url_check_base(o->settings->base_url, &given, err)) {
        return error_context(err, "--base-url");
    }
    return str_eq(given, c->base_url) ||
           error_set(err, ERR_CONFIG,
                     "--base-url: connection %.*s was made for %.*s and is used there only; leave "
                     "--base-url out, or log in to the other one under another name",
                     STR_ARG(c->name), STR_ARG(c->base_url));
}

static struct credential_facts facts_of(const struct connection *c, struct arena *arena)
{
    struct str app = c->client_id;
    if (app.len == 0 && c->app_id != 0) {
        app = arena_printf(arena, "%lld", (long long)c->app_id);
    }
    return (struct credential_facts){
        .portal_id = c->portal_id, .app = app, .scopes = c->scopes, .name = c->name};
}

static bool open_oauth(const struct opening *o, const struct connection *c,
                       const struct secret *client_secret, struct error *err)
{
    struct account *a = o->account;
    struct connection_tokens_options tokens = {.store = place(o),
                                               .key_file = o->settings->key_file,
                                               .name = c->name,
                                               .portal_id = c->portal_id,
                                               .client_id = c->client_id};
    struct credential_oauth_options options = {
        .app = {.base_url = c->base_url, .client_id = c->client_id, .client_secret = client_secret},
        .facts = facts_of(c, &a->arena),
        .clock = o->context->clock,
        .log = o->context->log,
        .cancel = o->context->cancel,
        .request_log = o->context->request_log};
    if (!client_secret || !oauth_version_parse(c->oauth_version, &options.app.version)) {
        return error_set(err, ERR_STORE,
                         "connection %.*s is stored incompletely; log in again: sluice login "
                         "hubspot --name %.*s",
                         STR_ARG(c->name), STR_ARG(c->name));
    }
    if (!connection_tokens_open(&tokens, &a->tokens, err)) {
        return false;
    }
    options.store = connection_token_store(a->tokens);
    a->credential = credential_oauth(&options);
    return true;
}

static bool open_stored(const struct opening *o, struct store *store, struct sealing *sealing,
                        struct error *err)
{
    struct account *a = o->account;
    struct connection c;
    struct secret *secret = NULL;
    if (!connection_find(store, o->settings->connection, &a->arena, &c, err) ||
        !same_base_url(o, &c, err)) {
        return false;
    }
    bool is_token = c.kind == CONNECTION_TOKEN;
    if (!connection_secret(store, sealing, c.name, is_token ? "token" : "client_secret", &secret,
                           err)) {
        return false;
    }
    a->base_url = c.base_url;
    if (!is_token || !secret) {
        bool ok = open_oauth(o, &c, secret, err);
        secret_destroy(secret);
        return ok;
    }
    struct credential_facts facts = facts_of(&c, &a->arena);
    a->credential = credential_static(secret);
    credential_set_facts(a->credential, &facts);
    return true;
}

static bool open_connection(const struct opening *o, struct error *err)
{
    struct str name = o->settings->connection;
    struct store_options where = place(o);
    struct store *store = NULL;
    struct sealing *sealing = NULL;
    if (!store_check_name("--connection", name, err) || !store_open(&where, &store, err)) {
        return false;
    }
    if (!store) {
        return error_set(err, ERR_USAGE,
                         "--connection: there is no connection \"%.*s\", nor any other in the data "
                         "directory; make it with: sluice login hubspot --name %.*s",
                         STR_ARG(name), STR_ARG(name));
    }
    bool ok =
        sealing_open(&(struct sealing_options){store, o->settings->key_file}, &sealing, err) &&
        open_stored(o, store, sealing, err);
    sealing_close(sealing);
    store_close(store);
    return ok;
}

bool account_open(const struct sync_settings *settings, const struct sync_context *context,
                  struct account *ret, struct error *err)
{
    struct account a = {0};
    struct opening o = {settings, context, &a};
    arena_init(&a.arena, ARENA_BYTES);
    bool ok = settings->connection.len > 0 ? open_connection(&o, err) : open_token(&o, err);
    if (!ok) {
        account_close(&a);
        return false;
    }
    *ret = a;
    return true;
}

bool account_source_options(struct account *a, const struct sync_settings *settings,
                            const struct sync_context *context, struct source_hubspot_options *ret,
                            struct error *err)
{
    struct source_hubspot_options o;
    if (!sync_source_options(settings, (struct str){NULL, 0}, context, &o, err)) {
        return false;
    }
    struct error ignored; // without a place each process has a budget of its own
    if (!store_prepare_directory(settings->data_dir, &a->arena, &o.state_directory, &ignored)) {
        o.state_directory = (struct str){NULL, 0};
    }
    o.account.credential = a->credential;
    if (a->base_url.len > 0) {
        o.account.base_url = a->base_url;
    }
    *ret = o;
    return true;
}

void account_close(struct account *a)
{
    credential_destroy(a->credential);
    connection_tokens_close(a->tokens);
    arena_done(&a->arena);
    *a = (struct account){0};
}
