#include "engine/grant.h"

#include "hubspot/client.h"
#include "source/hubspot/source_hubspot.h"

enum { US_PER_MS = 1000, SEARCHES_PER_SECOND = 1, ADDRESS_MAX = 32 * 1024 };
#define SHARE 0.8

void grant_done(struct grant *g)
{
    secret_destroy(g->token);
    secret_destroy(g->client_secret);
    oauth_tokens_done(&g->tokens);
    g->token = g->client_secret = NULL;
}

// ---- lists of scopes

static bool has_word(struct str list, struct str word)
{
    struct str one;
    while (str_next(&list, ' ', &one)) {
        if (str_eq(one, word)) {
            return true;
        }
    }
    return false;
}

static void add_word(struct buf *list, struct str word)
{
    if (word.len > 0 && !has_word(buf_str(list), word)) {
        buf_add(list, list->len > 0 ? STR(" ") : STR(""));
        buf_add(list, word);
    }
}

struct str grant_default_scopes(struct arena *arena)
{
    size_t n = 0;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    struct buf list;
    buf_init(&list, OAUTH_SCOPES_BYTES);
    add_word(&list, STR("oauth"));
    for (size_t i = 0; i < n; i++) {
        struct str rest = str_from(all[i].scope);
        struct str word;
        // Streams of pairs need what the streams of their objects need.
        while (!all[i].needs[0] && str_next(&rest, ' ', &word)) {
            add_word(&list, word);
        }
    }
    struct str result = arena_dup(arena, buf_str(&list));
    buf_done(&list);
    return result;
}

struct str grant_missing_scopes(struct str needed, struct str granted, struct arena *arena)
{
    struct buf list;
    struct str word;
    buf_init(&list, OAUTH_SCOPES_BYTES);
    while (str_next(&needed, ' ', &word)) {
        if (!has_word(granted, word)) {
            add_word(&list, word);
        }
    }
    struct str result = arena_dup(arena, buf_str(&list));
    buf_done(&list);
    return result;
}

// ---- calls

static struct oauth_caller *caller_create(const struct grant_context *x)
{
    return oauth_caller_create(&(struct oauth_caller_options){.clock = x->clock,
                                                              .cancel = x->cancel,
                                                              .request_log = x->request_log,
                                                              .connection = x->name,
                                                              .timeout_ms = x->timeout_ms});
}

static struct oauth_app app_of(const struct grant_context *x, const struct connection *c,
                               const struct secret *client_secret)
{
    struct oauth_app app = {.base_url = x->base_url,
                            .client_id = c->client_id,
                            .client_secret = client_secret,
                            .version = OAUTH_2026_09};
    (void)oauth_version_parse(c->oauth_version, &app.version); // a token has none
    return app;
}

bool grant_authorize_url(const struct grant_ask *a, struct arena *arena, struct str *ret,
                         struct error *err)
{
    char challenge[OAUTH_CHALLENGE_MAX];
    struct buf url;
    oauth_challenge(secret_reveal(a->verifier), challenge);
    buf_init(&url, ADDRESS_MAX);
    oauth_authorize_url(&url, &(struct oauth_authorize){.page = a->page,
                                                        .client_id = a->client_id,
                                                        .redirect_uri = a->redirect_uri,
                                                        .scopes = a->scopes,
                                                        .optional_scopes = a->optional_scopes,
                                                        .state = secret_reveal(a->state),
                                                        .challenge = str_from(challenge)});
    bool ok = !url.overflow || error_set(err, ERR_CONFIG,
                                         "the address of consent is over the limit of %d bytes; "
                                         "ask for fewer scopes",
                                         ADDRESS_MAX);
    if (ok) {
        *ret = arena_dup(arena, buf_str(&url));
    }
    buf_done(&url);
    return ok;
}

bool grant_exchange(const struct grant_context *x, struct grant *g, const struct secret *code,
                    struct str redirect_uri, const struct secret *verifier, struct error *err)
{
    struct oauth_app app = app_of(x, &g->connection, g->client_secret);
    struct oauth_request r = {.kind = OAUTH_EXCHANGE,
                              .code = secret_reveal(code),
                              .redirect_uri = redirect_uri,
                              .verifier = secret_reveal(verifier)};
    struct oauth_caller *caller = caller_create(x);
    int64_t asked_ms = clock_now_ms(x->clock);
    bool ok = oauth_call_tokens(caller, &app, &r, &g->tokens, err);
    oauth_caller_destroy(caller);
    if (ok && !g->tokens.refresh) {
        ok = error_set(err, ERR_SOURCE_DATA, "HubSpot's answer holds no refresh token");
    }
    if (ok) {
        g->connection.issued_ms = asked_ms;
        g->connection.expires_ms = asked_ms + g->tokens.expires_in_ms;
    }
    return ok;
}

bool grant_revoke(const struct grant_context *x, const struct connection *c,
                  const struct secret *client_secret, const struct secret *refresh,
                  struct error *err)
{
    struct oauth_app app = app_of(x, c, client_secret);
    struct oauth_request r = {.kind = OAUTH_REVOKE, .token = refresh};
    if (!refresh || !client_secret) {
        return error_set(err, ERR_STORE, "the connection is stored incompletely");
    }
    struct oauth_caller *caller = caller_create(x);
    bool ok = oauth_call_revoke(caller, &app, &r, err);
    oauth_caller_destroy(caller);
    return ok;
}

static bool ask_facts(const struct grant_context *x, const struct grant *g, struct arena *arena,
                      struct oauth_facts *ret, struct error *err)
{
    struct oauth_app app = app_of(x, &g->connection, g->client_secret);
    struct oauth_request r = {.kind = g->token ? OAUTH_PRIVATE_INFO : OAUTH_INTROSPECT,
                              .token = g->token ? g->token : g->tokens.access};
    struct oauth_caller *caller = caller_create(x);
    bool ok = oauth_call_facts(caller, &app, &r, arena, ret, err);
    if (ok && !ret->active) {
        ok = error_set(err, ERR_CREDENTIALS, "HubSpot says that the token is not active");
    }
    oauth_caller_destroy(caller);
    return ok;
}

// The answer, or NULL with `err` once `until_us` has passed (0: never).
static struct hubspot_answer *call_until(const struct grant_context *x,
                                         struct hubspot_client *client, int64_t until_us,
                                         struct error *err)
{
    struct hubspot_request r = {.endpoint = HUBSPOT_ACCOUNT};
    if (until_us == 0) {
        return hubspot_client_call(client, &r, err);
    }
    if (!hubspot_client_start(client, &r, err)) {
        return NULL;
    }
    int64_t left_ms = (until_us - clock_mono_us(x->clock)) / US_PER_MS;
    struct hubspot_answer *answer = hubspot_client_next(client, MAX(left_ms, 1));
    if (!answer) {
        error_set(err, cancel_requested(x->cancel) ? ERR_INTERRUPTED : ERR_SOURCE_UNAVAILABLE,
                  "HubSpot did not answer within %lld s", (long long)(x->timeout_ms / 1000));
        return NULL;
    }
    if (!answer->ok) {
        *err = answer->error;
        hubspot_client_release(client, answer);
        return NULL;
    }
    return answer;
}

static bool read_portal(const struct grant_context *x, struct str body, int64_t *ret,
                        struct error *err)
{
    struct json_doc *doc = json_doc_create();
    struct json root;
    bool ok = (json_parse(doc, body, &root, err) && json_get_int(root, STR("portalId"), ret)) ||
              error_set(err, ERR_SOURCE_DATA,
                        "account details: the answer has no \"portalId\"; is %.*s HubSpot's API?",
                        STR_ARG(x->base_url));
    json_doc_destroy(doc);
    return ok;
}

// The portal of a token, by the call that every token may make. Proves the token, too.
static bool ask_portal(const struct grant_context *x, const struct secret *token, int64_t until_us,
                       int64_t *ret, struct error *err)
{
    struct credential *credential = credential_static(secret_copy(token));
    struct hubspot *account = hubspot_create(&(struct hubspot_options){
        .base_url = x->base_url,
        .credential = credential,
        .version = API_2026_09,
        .share = SHARE,
        .search_per_second = SEARCHES_PER_SECOND,
        .max_wait_ms = x->timeout_ms,
        .clock = x->clock,
        .log = x->log,
        .cancel = x->cancel,
        .request_log = x->request_log,
        .connection = x->name,
    });
    struct hubspot_client *client = hubspot_client_create(account);
    struct hubspot_answer *answer = call_until(x, client, until_us, err);
    bool ok = answer && read_portal(x, answer->body, ret, err);
    if (answer) {
        hubspot_client_release(client, answer);
    }
    hubspot_client_destroy(client);
    hubspot_destroy(account);
    credential_destroy(credential);
    return ok;
}

// Introspection says most, but is not offered for every kind of token, and may fail where the
// grant itself is good: then the account is asked.
bool grant_look(const struct grant_context *x, struct grant *g, struct arena *arena,
                struct error *err)
{
    struct connection *c = &g->connection;
    struct oauth_facts facts = {0};
    int64_t until_us = x->timeout_ms > 0 ? clock_mono_us(x->clock) + x->timeout_ms * US_PER_MS : 0;
    if (ask_facts(x, g, arena, &facts, err)) {
        c->portal_id = facts.portal_id;
        c->app_id = facts.app_id;
        c->user = facts.user;
        c->scopes = facts.scopes;
    } else if (err->code == ERR_INTERRUPTED) {
        return false;
    } else if (!g->token) {
        g->untold = *err;
    }
    if (c->portal_id == 0) {
        c->portal_id = g->tokens.portal_id;
    }
    // A token was only pasted: that it works is shown by a call.
    return (!g->token && c->portal_id != 0) ||
           ask_portal(x, g->token ? g->token : g->tokens.access, until_us, &c->portal_id, err);
}
