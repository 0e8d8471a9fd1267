#include "api/connect.h"

#include "source/hubspot/source_hubspot.h"
#include "store/ids.h"
#include "store/syncs.h"

#include <sodium.h>

enum {
    AT_ONCE = 4,                   // calls to others; they may be slow, and hold a thread each
    TURN_WAIT_MS = 1000,           // for one of those to end
    CONNECTION_WAIT_MS = 5 * 1000, // for a renewal that is under way
};

bool connect_enter(struct api_call *c, struct store_lock **ret, struct error *err)
{
    // Whoever finds all of them taken waits shortly for one, so that many who come at once get in;
    // longer waits would hold up the threads that answer everybody else.
    uint32_t one = randombytes_uniform(AT_ONCE);
    for (uint32_t i = 0; i <= AT_ONCE; i++) {
        struct str name = arena_printf(c->arena, "connecting-%u", (one + i) % AT_ONCE);
        if (store_lock_take(c->store, name, i < AT_ONCE ? 0 : TURN_WAIT_MS, ret, err)) {
            return true;
        }
        if (err->code != ERR_STORE_BUSY) {
            return false;
        }
    }
    return error_set(err, ERR_STORE_BUSY,
                     "%d calls of this kind are under way; try again in a few seconds", AT_ONCE);
}

void connect_leave(struct store_lock *l)
{
    store_lock_release(l);
}

struct grant_context connect_context(struct api_call *c, struct str name)
{
    const struct api_site *site = c->site;
    return (struct grant_context){.base_url = site->hubspot_base_url,
                                  .clock = site->clock,
                                  .request_log = site->request_log,
                                  .log = site->log,
                                  .name = name,
                                  .timeout_ms = CONNECT_TIMEOUT_MS};
}

struct str connect_stream_scopes(const struct source_stream_info *info, struct arena *arena)
{
    struct str all = info->needs[0] ? STR("") : str_from(info->scope);
    for (size_t i = 0; i < SOURCE_NEEDS_MAX && info->needs[i]; i++) {
        const struct source_stream_info *needed = source_hubspot_find(str_from(info->needs[i]));
        assert(needed && !needed->needs[0]); // one level
        all = arena_printf(arena, "%.*s%s%s", STR_ARG(all), i > 0 ? " " : "", needed->scope);
    }
    return grant_missing_scopes(all, STR(""), arena); // each once
}

static bool reads_something(const struct connection *c, struct arena *arena)
{
    size_t n = 0;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    bool any = c->scopes.len == 0;
    for (size_t i = 0; i < n && !any; i++) {
        struct str needed = connect_stream_scopes(&all[i], arena);
        any = grant_missing_scopes(needed, c->scopes, arena).len == 0;
    }
    return any;
}

bool connect_find(struct api_call *c, struct str name, struct connection *ret, struct error *err)
{
    struct connection found;
    struct error ignored;
    if (store_check_name("connection", name, &ignored)) {
        if (connection_find(c->store, name, c->arena, &found, err)) {
            // One that `sluice login` has made beside the server has no workspace yet.
            if (found.account_id.len == 0 || str_eq(found.account_id, c->site->account_id)) {
                *ret = found;
                return true;
            }
        } else if (err->code != ERR_USAGE && err->code != ERR_NOT_FOUND) {
            return false;
        }
    }
    return error_set(err, ERR_NOT_FOUND, "there is no connection %.*s",
                     STR_ARG(str_sub(name, 0, 64)));
}

// What stays of the connection that is authorized anew.
static bool keep_former(struct api_call *c, struct connection *now, struct error *err)
{
    struct connection former = {.portal_id = 0};
    if (!connect_find(c, now->name, &former, err)) {
        return false;
    }
    if (former.portal_id != 0 && now->portal_id != former.portal_id) {
        return error_set(err, ERR_ACCOUNT_CHANGED,
                         "connection %.*s belongs to HubSpot account %lld, but account %lld was "
                         "chosen",
                         STR_ARG(now->name), (long long)former.portal_id,
                         (long long)now->portal_id);
    }
    now->created_ms = former.created_ms;
    return true;
}

static bool tell(struct api_call *c, const struct connection *k, const char *kind,
                 struct error *err)
{
    struct connection ours = *k;
    ours.account_id = c->site->account_id; // one that `sluice login` has made has none
    return connection_tell(c->store, &ours, kind, err);
}

// What the store alone knows of what was just written.
static bool read_times(struct api_call *c, struct connection *now, struct error *err)
{
    struct connection stored;
    if (!connection_find(c->store, now->name, c->arena, &stored, err)) {
        return false;
    }
    now->created_ms = stored.created_ms;
    now->updated_ms = stored.updated_ms;
    return true;
}

static bool write_all(struct api_call *c, struct grant *g, const struct bridge *bridge, bool anew,
                      struct error *err)
{
    struct connection_secrets secrets = {.token = g->token,
                                         .client_secret = g->client_secret,
                                         .access = g->tokens.access,
                                         .refresh = g->tokens.refresh};
    if (!store_begin(c->store, err)) {
        return false;
    }
    bool ok =
        (!anew || keep_former(c, &g->connection, err)) &&
        connection_put(c->store, c->sealing, &g->connection, &secrets, err) &&
        read_times(c, &g->connection, err) &&
        (!bridge || bridge_end(c->store, bridge->id, BRIDGE_COMPLETED, g->connection.name, err)) &&
        tell(c, &g->connection, anew ? "connection.reauthorized" : "connection.created", err);
    return store_end(c->store, ok, err) && ok;
}

bool connect_store(struct api_call *c, struct grant *g, const struct bridge *bridge,
                   struct error *err)
{
    struct connection *now = &g->connection;
    struct store_lock *lock = NULL;
    bool anew = now->name.len > 0;
    if (!anew) {
        now->name = id_make(c->arena);
    }
    now->account_id = c->site->account_id;
    now->state = CONNECTION_ACTIVE;
    // A renewal under way elsewhere must not write its tokens over these.
    struct str lock_name = arena_printf(c->arena, "connection-%.*s", STR_ARG(now->name));
    bool ok = (!anew || store_lock_take(c->store, lock_name, CONNECTION_WAIT_MS, &lock, err)) &&
              write_all(c, g, bridge, anew, err);
    store_lock_release(lock);
    if (ok) {
        api_wake(c); // syncs that waited for it go on
    }
    return ok;
}

static struct connection *new_connection(struct api_call *c, struct str label,
                                         const struct bridge *bridge)
{
    struct connection *k = ARENA_NEW(c->arena, struct connection);
    *k = (struct connection){.integration_id = STR(CONNECTION_INTEGRATION),
                             .label = label,
                             .base_url = c->site->hubspot_base_url};
    if (bridge && bridge->reauthorizes) {
        k->name = bridge->connection_id;
    }
    return k;
}

bool connect_check_scopes(const struct connection *k, struct arena *arena, struct error *err)
{
    if (reads_something(k, arena)) {
        return true;
    }
    struct str missing = grant_missing_scopes(grant_default_scopes(arena), k->scopes, arena);
    return error_set(err, ERR_SCOPE, "nothing could be loaded with what was granted; missing: %.*s",
                     STR_ARG(str_sub(missing, 0, 800)));
}

// Pasted text: white space around it is no part of it, and what could not stand in a header is no
// token.
static bool check_token(struct str token, struct error *err)
{
    bool plain = token.len > 0 && token.len <= CONNECT_TOKEN_MAX;
    for (size_t i = 0; i < token.len && plain; i++) {
        plain = token.ptr[i] > ' ' && token.ptr[i] < 0x7f;
    }
    return plain || error_set(err, ERR_CREDENTIALS,
                              "a token is 1 to %d visible ASCII characters without spaces; copy it "
                              "from the private app's page once more",
                              CONNECT_TOKEN_MAX);
}

bool connect_with_token(struct api_call *c, const struct connect_token *t, struct connection **ret,
                        struct error *err)
{
    struct str token = str_trim(t->token);
    struct store_lock *slot = NULL;
    struct connection *k = new_connection(c, t->label, t->bridge);
    if (!check_token(token, err) || !connect_enter(c, &slot, err)) {
        return false;
    }
    k->kind = CONNECTION_TOKEN;
    struct grant g = {.connection = *k, .token = secret_create(token)};
    struct grant_context x = connect_context(c, k->name);
    bool ok = grant_look(&x, &g, c->arena, err);
    connect_leave(slot);
    ok = ok && connect_check_scopes(&g.connection, c->arena, err) &&
         connect_store(c, &g, t->bridge, err);
    if (ok) {
        *k = g.connection;
        *ret = k;
    }
    grant_done(&g);
    return ok;
}

// ---- forgetting

static bool remove_rows(struct api_call *c, const struct connection *k, struct error *err)
{
    struct elt_sync *syncs = NULL;
    size_t n = 0;
    bool found = false;
    struct page_query q = {.account_id = c->site->account_id, .owner_id = k->name, .max = 1};
    if (!store_begin(c->store, err)) {
        return false;
    }
    bool ok = elt_sync_list(c->store, &q, c->arena, &syncs, &n, err);
    if (ok && n > 0) {
        ok = error_set(err, ERR_CONFLICT, "elt sync %.*s uses connection %.*s; delete it first",
                       STR_ARG(syncs[0].id), STR_ARG(k->name));
    }
    ok = ok && connection_remove(c->store, k->name, &found, err) &&
         tell(c, k, "connection.deleted", err);
    return store_end(c->store, ok, err) && ok;
}

static void give_back(struct api_call *c, const struct connection *k,
                      const struct secret *client_secret, const struct secret *refresh)
{
    struct error err;
    struct store_lock *slot = NULL;
    struct grant_context x = connect_context(c, k->name);
    x.base_url = k->base_url;
    bool ok = connect_enter(c, &slot, &err) && grant_revoke(&x, k, client_secret, refresh, &err);
    connect_leave(slot);
    if (!ok && err.code != ERR_REAUTHORIZE && c->site->log) {
        log_line(c->site->log, LOG_WARN, "the grant could not be revoked",
                 LOG_S("connection", k->name), LOG_C("error", err.message));
    }
}

bool connect_forget(struct api_call *c, const struct connection *k, struct error *err)
{
    struct secret *client_secret = NULL;
    struct secret *refresh = NULL;
    struct error unreadable;
    // A grant whose secrets cannot be read any more is forgotten all the same.
    bool ours =
        k->kind == CONNECTION_OAUTH &&
        connection_secret(c->store, c->sealing, k->name, "client_secret", &client_secret,
                          &unreadable) &&
        connection_secret(c->store, c->sealing, k->name, "refresh_token", &refresh, &unreadable);
    bool ok = remove_rows(c, k, err);
    if (ok && ours && k->state == CONNECTION_ACTIVE) {
        give_back(c, k, client_secret, refresh);
    }
    secret_destroy(client_secret);
    secret_destroy(refresh);
    return ok;
}
