#include "sim/apps.h"

#include "sim/credentials.h"
#include "sim/scopes.h"

#include <pthread.h>
#include <sodium.h>

enum {
    ARENA_MAX = 256 * 1024 * 1024,
    ARENA_RESERVE = 4 * 1024 * 1024, // no new consents when less is left
    ACCESS_TOKEN_BYTES = 228,
    FORM_TOKEN_BYTES = 24,
    CONSENT_LIFE_MS = 3600 * 1000,
};

struct apps {
    pthread_rwlock_t lock;
    const struct clock *clock;
    struct arena arena; // apps, grants and their texts
    struct apps_options options;
    struct app *list[APPS_MAX];
    struct app_counts counts[APPS_MAX];
    size_t n;
    struct credentials credentials;
    struct grant **grants;
    size_t n_grants, cap_grants;
};

static void copy(struct apps *a, struct str *text)
{
    *text = arena_dup(&a->arena, *text);
}

struct apps *apps_create(const struct apps_options *options, const struct clock *clock)
{
    struct apps *a = calloc(1, sizeof(*a));
    if (!a) {
        abort();
    }
    pthread_rwlock_init(&a->lock, NULL);
    a->clock = clock;
    arena_init(&a->arena, ARENA_MAX);
    credentials_init(&a->credentials);
    apps_set_options(a, options);
    return a;
}

void apps_destroy(struct apps *a)
{
    if (a) {
        credentials_done(&a->credentials);
        arena_done(&a->arena);
        free(a->grants);
        pthread_rwlock_destroy(&a->lock);
        free(a);
    }
}

struct apps_options apps_options(struct apps *a)
{
    pthread_rwlock_rdlock(&a->lock);
    struct apps_options o = a->options;
    pthread_rwlock_unlock(&a->lock);
    return o;
}

void apps_set_options(struct apps *a, const struct apps_options *options)
{
    assert(options->code_life_ms > 0 && options->token_life_ms > 0);
    pthread_rwlock_wrlock(&a->lock);
    a->options = *options;
    copy(a, &a->options.lacks);
    copy(a, &a->options.user);
    pthread_rwlock_unlock(&a->lock);
}

// Scheme and host, perhaps a port, a path; nothing behind a '#'. HTTP only to this machine.
static bool redirect_may_be_registered(struct str uri)
{
    bool https = str_starts(uri, STR("https://")) && uri.len > 8;
    bool local = str_starts(uri, STR("http://localhost")) ||
                 str_starts(uri, STR("http://127.0.0.1")) || str_starts(uri, STR("http://[::1]"));
    return (https || local) && str_find_char(uri, '#') < 0;
}

static bool check_redirects(struct str uris, struct error *err)
{
    struct str rest = uris;
    struct str uri;
    size_t n = 0;
    while (rest.len > 0 && str_next(&rest, ' ', &uri)) {
        if (uri.len > 0 && !redirect_may_be_registered(uri)) {
            return error_set(err, ERR_REQUEST,
                             "the redirect URI is '%.*s'; it must begin with https://, or with "
                             "http:// and localhost or 127.0.0.1, and have no #",
                             STR_ARG(uri));
        }
        n += uri.len > 0 ? 1 : 0;
    }
    return n > 0 || error_set(err, ERR_REQUEST, "an OAuth app needs at least one redirect URI");
}

static bool check_app(const struct apps *a, const struct app *app, struct error *err)
{
    if (a->n == APPS_MAX) {
        return error_set(err, ERR_REQUEST, "there are %d apps already, which is the most",
                         (int)APPS_MAX);
    }
    for (size_t i = 0; i < a->n; i++) {
        if (app->kind == APP_OAUTH && str_eq(a->list[i]->client_id, app->client_id)) {
            return error_set(err, ERR_REQUEST, "the client id '%.*s' is taken; choose another one",
                             STR_ARG(app->client_id));
        }
    }
    if (app->kind == APP_PRIVATE) {
        return app->token.len > 0 && !credentials_find(&a->credentials, app->token)
                   ? true
                   : error_set(err, ERR_REQUEST, "the token is empty or taken; choose another one");
    }
    return app->client_id.len > 0 && app->client_secret.len > 0
               ? check_redirects(app->redirect_uris, err)
               : error_set(err, ERR_REQUEST, "an OAuth app needs a client id and a client secret");
}

static struct grant *add_grant(struct apps *a, const struct grant *g)
{
    if (a->n_grants == a->cap_grants) {
        a->cap_grants = MAX(a->cap_grants * 2, (size_t)64);
        a->grants = realloc(a->grants, a->cap_grants * sizeof(struct grant *));
        if (!a->grants) {
            abort();
        }
    }
    struct grant *own = ARENA_NEW(&a->arena, struct grant);
    *own = *g;
    copy(a, &own->redirect_uri);
    copy(a, &own->required);
    copy(a, &own->optional);
    copy(a, &own->state);
    copy(a, &own->challenge);
    copy(a, &own->scopes);
    a->grants[a->n_grants++] = own;
    return own;
}

static struct app *add_app(struct apps *a, const struct app *app)
{
    struct app *own = ARENA_NEW(&a->arena, struct app);
    *own = *app;
    own->index = (uint32_t)a->n;
    copy(a, &own->name);
    copy(a, &own->token);
    copy(a, &own->client_id);
    copy(a, &own->client_secret);
    copy(a, &own->redirect_uris);
    own->required = scopes_normal(&a->arena, app->required);
    own->optional = scopes_without(&a->arena, app->optional, app->required);
    a->list[a->n++] = own;
    if (own->kind == APP_PRIVATE) {
        struct grant *g = add_grant(a, &(struct grant){
                                           .app = own,
                                           .scopes = own->required,
                                           .all_scopes = own->all_scopes,
                                           .user_id = a->options.user_id,
                                       });
        credentials_add(&a->credentials, CREDENTIAL_PRIVATE, own->token, g, 0, INT64_MAX);
    }
    return own;
}

bool apps_add(struct apps *a, const struct app *app, const struct app **ret, struct error *err)
{
    pthread_rwlock_wrlock(&a->lock);
    bool ok = check_app(a, app, err);
    if (ok) {
        *ret = add_app(a, app);
    }
    pthread_rwlock_unlock(&a->lock);
    return ok;
}

size_t apps_count(struct apps *a)
{
    pthread_rwlock_rdlock(&a->lock);
    size_t n = a->n;
    pthread_rwlock_unlock(&a->lock);
    return n;
}

const struct app *apps_get(struct apps *a, size_t index)
{
    pthread_rwlock_rdlock(&a->lock);
    assert(index < a->n);
    const struct app *app = a->list[index];
    pthread_rwlock_unlock(&a->lock);
    return app;
}

const struct app *apps_by_client(struct apps *a, struct str client_id)
{
    size_t n = apps_count(a);
    for (size_t i = 0; i < n; i++) {
        const struct app *app = apps_get(a, i);
        if (app->kind == APP_OAUTH && str_eq(app->client_id, client_id)) {
            return app;
        }
    }
    return NULL;
}

const struct app *apps_by_id_or_client(struct apps *a, struct str id)
{
    uint64_t number;
    bool numeric = str_to_uint64(id, &number);
    size_t n = apps_count(a);
    for (size_t i = 0; i < n && numeric; i++) {
        const struct app *app = apps_get(a, i);
        if (app->id == number) {
            return app;
        }
    }
    return apps_by_client(a, id);
}

// `registered` may have '*' for a port: any number fits there.
static bool redirect_fits(struct str registered, struct str uri)
{
    ptrdiff_t star = str_find(registered, STR(":*"));
    if (star < 0) {
        return str_eq(registered, uri);
    }
    struct str front = str_sub(registered, 0, (size_t)star + 1);
    struct str back = str_sub(registered, (size_t)star + 2, registered.len);
    size_t digits = 0;
    while (front.len + digits < uri.len && uri.ptr[front.len + digits] >= '0' &&
           uri.ptr[front.len + digits] <= '9') {
        digits++;
    }
    return str_starts(uri, front) && digits > 0 && digits <= 5 &&
           str_eq(str_sub(uri, front.len + digits, uri.len), back);
}

bool apps_redirect_registered(const struct app *app, struct str redirect_uri)
{
    struct str rest = app->redirect_uris;
    struct str uri;
    while (rest.len > 0 && str_next(&rest, ' ', &uri)) {
        if (uri.len > 0 && redirect_fits(uri, redirect_uri)) {
            return true;
        }
    }
    return false;
}

struct app_counts apps_counts(struct apps *a, const struct app *app)
{
    pthread_rwlock_rdlock(&a->lock);
    struct app_counts counts = a->counts[app->index];
    pthread_rwlock_unlock(&a->lock);
    return counts;
}

void apps_clear_counts(struct apps *a)
{
    pthread_rwlock_wrlock(&a->lock);
    memset(a->counts, 0, sizeof(a->counts));
    pthread_rwlock_unlock(&a->lock);
}

void apps_count_refused(struct apps *a, const struct app *app)
{
    pthread_rwlock_wrlock(&a->lock);
    a->counts[app->index].refused++;
    pthread_rwlock_unlock(&a->lock);
}

void apps_deny(struct apps *a, const struct app *app)
{
    pthread_rwlock_wrlock(&a->lock);
    a->counts[app->index].denials++;
    pthread_rwlock_unlock(&a->lock);
}

enum token_state apps_authorize(struct apps *a, struct str token, struct caller *ret,
                                int64_t *ret_expired_ms)
{
    enum token_state state = TOKEN_UNKNOWN;
    int64_t now_ms = clock_now_ms(a->clock);
    pthread_rwlock_rdlock(&a->lock);
    const struct credential *c = credentials_find(&a->credentials, token);
    bool kind = c && (c->kind == CREDENTIAL_PRIVATE || c->kind == CREDENTIAL_ACCESS);
    if (kind && !c->grant->uninstalled) {
        *ret = (struct caller){.app = c->grant->app,
                               .scopes = c->grant->scopes,
                               .all_scopes = c->grant->all_scopes,
                               .user_id = c->grant->user_id};
        *ret_expired_ms = c->expires_ms;
        state = c->expires_ms <= now_ms ? TOKEN_EXPIRED : TOKEN_VALID;
    }
    pthread_rwlock_unlock(&a->lock);
    return state;
}

struct str apps_ask(struct apps *a, const struct consent *consent, struct arena *arena)
{
    struct str token = credential_random(arena, FORM_TOKEN_BYTES);
    pthread_rwlock_wrlock(&a->lock);
    if (a->arena.used + ARENA_RESERVE > ARENA_MAX) {
        token = STR("");
    } else {
        struct grant *g = add_grant(a, &(struct grant){
                                           .app = consent->app,
                                           .redirect_uri = consent->redirect_uri,
                                           .required = consent->required,
                                           .optional = consent->optional,
                                           .state = consent->state,
                                           .challenge = consent->challenge,
                                           .s256 = consent->s256,
                                           .user_id = a->options.user_id,
                                       });
        credentials_add(&a->credentials, CREDENTIAL_CONSENT, token, g, clock_now_ms(a->clock),
                        CONSENT_LIFE_MS);
    }
    pthread_rwlock_unlock(&a->lock);
    return token;
}

// One that is of this kind, has not run out, is not spent, and whose grant is alive.
static struct credential *find_live(struct apps *a, struct str text, enum credential_kind kind)
{
    struct credential *c = credentials_find(&a->credentials, text);
    bool live = c && c->kind == kind && !c->spent && !c->grant->uninstalled &&
                c->expires_ms > clock_now_ms(a->clock);
    return live ? c : NULL;
}

bool apps_take_consent(struct apps *a, struct str form_token, struct consent *ret)
{
    pthread_rwlock_wrlock(&a->lock);
    struct credential *c = find_live(a, form_token, CREDENTIAL_CONSENT);
    if (c) {
        c->spent = true;
        *ret = (struct consent){
            .app = c->grant->app,
            .redirect_uri = c->grant->redirect_uri,
            .required = c->grant->required,
            .optional = c->grant->optional,
            .state = c->grant->state,
            .challenge = c->grant->challenge,
            .s256 = c->grant->s256,
        };
    }
    pthread_rwlock_unlock(&a->lock);
    return c != NULL;
}

struct str apps_grant(struct apps *a, const struct consent *consent, struct str scopes,
                      struct arena *arena)
{
    struct str code = credential_random_uuid(arena, "na1-");
    pthread_rwlock_wrlock(&a->lock);
    struct grant *g = add_grant(a, &(struct grant){
                                       .app = consent->app,
                                       .redirect_uri = consent->redirect_uri,
                                       .challenge = consent->challenge,
                                       .s256 = consent->s256,
                                       .scopes = scopes,
                                       .user_id = a->options.user_id,
                                   });
    credentials_add(&a->credentials, CREDENTIAL_CODE, code, g, clock_now_ms(a->clock),
                    a->options.code_life_ms);
    a->counts[consent->app->index].consents++;
    pthread_rwlock_unlock(&a->lock);
    return code;
}

static struct token_pair issue(struct apps *a, struct grant *g, struct str refresh_token,
                               struct arena *arena)
{
    struct str text =
        arena_printf(arena, "C%.*s", STR_ARG(credential_random(arena, ACCESS_TOKEN_BYTES)));
    credentials_add(&a->credentials, CREDENTIAL_ACCESS, text, g, clock_now_ms(a->clock),
                    a->options.token_life_ms);
    return (struct token_pair){
        .access_token = text,
        .refresh_token = refresh_token,
        .scopes = g->scopes,
        .expires_in_s = MAX(a->options.token_life_ms / 1000, INT64_C(1)),
        .user_id = g->user_id,
    };
}

static struct str new_refresh_token(struct apps *a, struct grant *g, struct arena *arena)
{
    struct str text = credential_random_uuid(arena, "na1-");
    credentials_add(&a->credentials, CREDENTIAL_REFRESH, text, g, clock_now_ms(a->clock),
                    INT64_MAX);
    return text;
}

static bool verifier_fits(const struct grant *g, struct str verifier)
{
    if (g->challenge.len == 0 || !verifier.ptr) {
        return g->challenge.len == 0 && !verifier.ptr;
    }
    if (!g->s256) {
        return str_eq(g->challenge, verifier);
    }
    unsigned char hash[crypto_hash_sha256_BYTES];
    char text[sodium_base64_ENCODED_LEN(sizeof(hash), sodium_base64_VARIANT_URLSAFE_NO_PADDING)];
    crypto_hash_sha256(hash, (const unsigned char *)verifier.ptr, verifier.len);
    sodium_bin2base64(text, sizeof(text), hash, sizeof(hash),
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return str_eq(g->challenge, str_from(text));
}

static enum oauth_refusal exchange(struct apps *a, const struct exchange *x, struct arena *arena,
                                   struct token_pair *ret)
{
    struct credential *c = find_live(a, x->code, CREDENTIAL_CODE);
    if (a->options.hub_gone) {
        return OAUTH_BAD_HUB;
    }
    if (!c || c->grant->app != x->app) {
        return OAUTH_BAD_AUTH_CODE;
    }
    if (!str_eq(c->grant->redirect_uri, x->redirect_uri)) {
        return OAUTH_BAD_REDIRECT_URI;
    }
    if (!verifier_fits(c->grant, x->verifier)) {
        return OAUTH_BAD_CODE_VERIFIER;
    }
    c->spent = true;
    struct grant *g = c->grant;
    *ret = issue(a, g, new_refresh_token(a, g, arena), arena);
    a->counts[x->app->index].exchanges++;
    return OAUTH_FINE;
}

enum oauth_refusal apps_exchange(struct apps *a, const struct exchange *x, struct arena *arena,
                                 struct token_pair *ret)
{
    pthread_rwlock_wrlock(&a->lock);
    enum oauth_refusal refusal = exchange(a, x, arena, ret);
    pthread_rwlock_unlock(&a->lock);
    return refusal;
}

static enum oauth_refusal refresh(struct apps *a, const struct app *app, struct str refresh_token,
                                  struct arena *arena, struct token_pair *ret)
{
    struct credential *c = find_live(a, refresh_token, CREDENTIAL_REFRESH);
    if (a->options.hub_gone) {
        return OAUTH_BAD_HUB;
    }
    if (!c || c->grant->app != app || c->grant->revoked) {
        return OAUTH_BAD_REFRESH_TOKEN;
    }
    struct grant *g = c->grant;
    struct str next = arena_dup(arena, refresh_token);
    if (a->options.rotate) {
        c->spent = true;
        next = new_refresh_token(a, g, arena);
    }
    *ret = issue(a, g, next, arena);
    a->counts[app->index].refreshes++;
    return OAUTH_FINE;
}

enum oauth_refusal apps_refresh(struct apps *a, const struct app *app, struct str refresh_token,
                                struct arena *arena, struct token_pair *ret)
{
    pthread_rwlock_wrlock(&a->lock);
    enum oauth_refusal refusal = refresh(a, app, refresh_token, arena, ret);
    pthread_rwlock_unlock(&a->lock);
    return refusal;
}

enum oauth_refusal apps_client_token(struct apps *a, const struct app *app, struct str scopes,
                                     struct arena *arena, struct token_pair *ret)
{
    struct str wanted = scopes_normal(arena, scopes);
    struct str own = scopes_join(arena, app->required, app->optional);
    struct str rest = scopes_without(arena, wanted, own);
    // Of the app, not of an account: only the journal's scopes can be had so.
    struct str name;
    struct str names = wanted;
    bool ok = wanted.len > 0 && rest.len == 0;
    while (ok && names.len > 0 && str_next(&names, ' ', &name)) {
        ok = str_starts(name, STR("developer."));
    }
    if (!ok) {
        return OAUTH_BAD_SCOPES;
    }
    pthread_rwlock_wrlock(&a->lock);
    ok = a->arena.used + ARENA_RESERVE < ARENA_MAX;
    if (ok) {
        struct grant *g = add_grant(a, &(struct grant){.app = app, .scopes = wanted});
        *ret = issue(a, g, STR(""), arena);
    }
    pthread_rwlock_unlock(&a->lock);
    return ok ? OAUTH_FINE : OAUTH_BAD_SCOPES;
}

bool apps_token_info(struct apps *a, struct str token, struct token_info *ret)
{
    int64_t now_ms = clock_now_ms(a->clock);
    pthread_rwlock_rdlock(&a->lock);
    const struct credential *c = credentials_find(&a->credentials, token);
    bool refresh = c && c->kind == CREDENTIAL_REFRESH;
    bool access = c && (c->kind == CREDENTIAL_ACCESS || c->kind == CREDENTIAL_PRIVATE);
    bool live = (refresh || access) && !c->spent && !c->grant->uninstalled &&
                c->expires_ms > now_ms && !(refresh && c->grant->revoked);
    if (live) {
        const struct grant *g = c->grant;
        bool forever = c->expires_ms == INT64_MAX;
        *ret = (struct token_info){
            .app = g->app,
            .refresh = refresh,
            .scopes = g->all_scopes ? scopes_known() : g->scopes,
            .user_id = g->user_id,
            .expires_in_s = forever ? 0 : (c->expires_ms - now_ms) / 1000,
        };
    }
    pthread_rwlock_unlock(&a->lock);
    return live;
}

bool apps_revoke(struct apps *a, struct str refresh_token)
{
    pthread_rwlock_wrlock(&a->lock);
    struct credential *c = find_live(a, refresh_token, CREDENTIAL_REFRESH);
    bool found = c && !c->grant->revoked;
    if (found) {
        c->grant->revoked = true;
    }
    pthread_rwlock_unlock(&a->lock);
    return found;
}

void apps_uninstall(struct apps *a, const struct app *app)
{
    pthread_rwlock_wrlock(&a->lock);
    for (size_t i = 0; i < a->n_grants; i++) {
        a->grants[i]->uninstalled = a->grants[i]->uninstalled || a->grants[i]->app == app;
    }
    pthread_rwlock_unlock(&a->lock);
}

void apps_end_access(struct apps *a, const struct app *app)
{
    int64_t now_ms = clock_now_ms(a->clock);
    pthread_rwlock_wrlock(&a->lock);
    for (size_t i = 0; i < a->credentials.n_buckets; i++) {
        for (struct credential *c = a->credentials.buckets[i]; c; c = c->next) {
            if (c->grant->app == app && c->kind == CREDENTIAL_ACCESS) {
                c->expires_ms = MIN(c->expires_ms, now_ms);
            }
        }
    }
    pthread_rwlock_unlock(&a->lock);
}

void apps_revoke_all(struct apps *a, const struct app *app)
{
    pthread_rwlock_wrlock(&a->lock);
    for (size_t i = 0; i < a->n_grants; i++) {
        a->grants[i]->revoked = a->grants[i]->revoked || a->grants[i]->app == app;
    }
    pthread_rwlock_unlock(&a->lock);
}

void apps_remove_scopes(struct apps *a, const struct app *app, struct str scopes)
{
    pthread_rwlock_wrlock(&a->lock);
    for (size_t i = 0; i < a->n_grants; i++) {
        struct grant *g = a->grants[i];
        if (g->app == app && (g->scopes.len > 0 || g->all_scopes)) {
            struct str had = g->all_scopes ? scopes_known() : g->scopes;
            g->scopes = scopes_without(&a->arena, had, scopes);
            g->all_scopes = false;
        }
    }
    pthread_rwlock_unlock(&a->lock);
}
