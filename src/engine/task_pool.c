#include "engine/task_pool.h"

#include "store/budgets.h"
#include "store/destinations.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

enum {
    MANY = 32,              // with more tasks at once than this memory is looked after
    CACHES_KIB = 24 * 1024, // that the destinations of many tasks share
    CACHE_LEAST_KIB = 128,
    ANSWERS_BYTES = 48 << 20, // that the streams of many tasks have under way
    PAGES_AT_ONCE = 24,       // that they hold
    PAGE_WAIT_MS = 4000,
};
enum { ROW_ARENA_MAX = 4 << 20, ACCOUNT_ARENA_MAX = 4 << 20 };

// ---- accounts

struct account_how {
    struct task_pool *pool;
    const struct connection *row;
    const struct secret *secret;
    const struct elt_settings *settings;
    struct str stamp;
};

static void account_close(void *user, void *thing)
{
    struct account *a = thing;
    (void)user;
    source_close(a->source);
    credential_destroy(a->credential);
    connection_tokens_close(a->tokens);
    secret_destroy(a->secret);
    arena_done(&a->arena);
    free(a);
}

static struct credential_facts facts_of(struct account *a, const struct connection *c)
{
    struct str app = arena_dup(&a->arena, c->client_id);
    if (app.len == 0 && c->app_id != 0) {
        app = arena_printf(&a->arena, "%lld", (long long)c->app_id);
    }
    return (struct credential_facts){.portal_id = c->portal_id,
                                     .app = app,
                                     .scopes = arena_dup(&a->arena, c->scopes),
                                     .name = a->name};
}

static bool open_oauth(struct account *a, const struct account_how *how, struct error *err)
{
    const struct task_pool_options *o = &how->pool->options;
    const struct connection *c = how->row;
    struct connection_tokens_options tokens = {.store = o->store,
                                               .key_file = o->key_file,
                                               .pool = o->stores,
                                               .name = c->name,
                                               .portal_id = c->portal_id,
                                               .client_id = c->client_id};
    struct credential_oauth_options options = {
        .app = {.base_url = c->base_url, .client_id = c->client_id, .client_secret = a->secret},
        .facts = facts_of(a, c),
        .clock = o->clock,
        .log = o->log,
        .request_log = o->request_log};
    if (!a->secret || !oauth_version_parse(c->oauth_version, &options.app.version)) {
        return error_set(err, ERR_REAUTHORIZE,
                         "connection %.*s is stored incompletely: authorize it anew",
                         STR_ARG(c->name));
    }
    if (!connection_tokens_open(&tokens, &a->tokens, err)) {
        return false;
    }
    options.store = connection_token_store(a->tokens);
    a->credential = credential_oauth(&options);
    return true;
}

static bool open_token(struct account *a, const struct account_how *how, struct error *err)
{
    if (!a->secret) {
        return error_set(err, ERR_CREDENTIALS, "connection %.*s has no token: authorize it anew",
                         STR_ARG(how->row->name));
    }
    struct credential_facts facts = facts_of(a, how->row);
    a->credential = credential_static(secret_copy(a->secret));
    credential_set_facts(a->credential, &facts);
    return true;
}

static bool open_source(struct account *a, const struct account_how *how,
                        const struct cancel *cancel, struct error *err)
{
    const struct task_pool_options *o = &how->pool->options;
    const struct elt_settings *s = how->settings;
    struct source_hubspot_options source = {
        .account = {.base_url = how->row->base_url,
                    .credential = a->credential,
                    .share = s->share,
                    .search_per_second = (int)s->search_limit,
                    .daily_limit = s->daily_limit,
                    .max_wait_ms = s->max_wait_ms,
                    .clock = o->clock,
                    .log = o->log,
                    .request_log = o->request_log,
                    .thrifty = o->at_once > MANY,
                    .answers_bytes = o->at_once > MANY ? ANSWERS_BYTES / o->at_once : 0,
                    .connection = a->name},
        .horizon_ms = s->horizon_ms,
        .association_sweep_ms = s->association_sweep_ms,
        .reconcile_ms = s->reconcile_ms,
        .state_directory = o->state_directory,
        .open_cancel = cancel,
        .gate = how->pool->gate,
    };
    bool known = api_version_parse(s->api_version, &source.account.version);
    assert(known); // the settings table admits only known versions
    return source_hubspot_open(&source, &a->source, err);
}

static bool account_open(void *user, const void *given, const struct cancel *cancel, void **ret,
                         struct error *err)
{
    const struct account_how *how = given;
    struct account *a = calloc(1, sizeof *a);
    if (!a) {
        abort();
    }
    arena_init(&a->arena, ACCOUNT_ARENA_MAX);
    a->name = arena_dup(&a->arena, how->row->name);
    a->stamp = arena_dup(&a->arena, how->stamp);
    a->secret = secret_copy(how->secret);
    bool oauth = how->row->kind == CONNECTION_OAUTH;
    if (!(oauth ? open_oauth(a, how, err) : open_token(a, how, err)) ||
        !open_source(a, how, cancel, err)) {
        account_close(user, a);
        return false;
    }
    *ret = a;
    return true;
}

static bool account_fits(void *user, const void *thing, const void *given)
{
    const struct account *a = thing;
    const struct account_how *how = given;
    (void)user;
    return str_eq(a->stamp, how->stamp) && secret_eq(a->secret, how->secret);
}

// What of the row an open account depends on; tokens of OAuth are looked after elsewhere.
static struct str stamp_of(const struct connection *c, struct arena *arena)
{
    return arena_printf(arena, "%d|%lld|%lld|%.*s|%.*s|%.*s|%.*s", (int)c->kind,
                        (long long)c->portal_id, (long long)c->app_id, STR_ARG(c->client_id),
                        STR_ARG(c->base_url), STR_ARG(c->oauth_version), STR_ARG(c->scopes));
}

static struct str account_key(struct str name, const struct elt_settings *s, struct arena *arena)
{
    return arena_printf(arena, "%.*s|%.*s|%.17g|%lld|%lld|%lld|%lld|%lld|%lld", STR_ARG(name),
                        STR_ARG(s->api_version), s->share, (long long)s->search_limit,
                        (long long)s->daily_limit, (long long)s->max_wait_ms,
                        (long long)s->horizon_ms, (long long)s->association_sweep_ms,
                        (long long)s->reconcile_ms);
}

static bool read_connection(struct task_pool *p, struct str name, struct arena *arena,
                            struct connection *ret, struct secret **ret_secret, struct error *err)
{
    struct store *store = NULL;
    struct sealing *sealing = NULL;
    if (!store_pool_lend(p->options.stores, &store, &sealing, err)) {
        return false;
    }
    bool ok = connection_find(store, name, arena, ret, err) &&
              connection_secret(store, sealing, name,
                                ret->kind == CONNECTION_TOKEN ? "token" : "client_secret",
                                ret_secret, err);
    store_pool_return(p->options.stores, store);
    return ok;
}

bool task_account_take(struct task_pool *p, struct str connection,
                       const struct elt_settings *settings, const struct cancel *cancel,
                       struct account **ret, struct error *err)
{
    struct arena arena;
    struct connection row;
    struct secret *secret = NULL;
    void *thing = NULL;
    arena_init(&arena, ROW_ARENA_MAX);
    bool ok = read_connection(p, connection, &arena, &row, &secret, err);
    if (ok) {
        struct account_how how = {p, &row, secret, settings, stamp_of(&row, &arena)};
        ok = shelf_take(p->accounts, account_key(connection, settings, &arena), &how, cancel,
                        &thing, err);
    }
    secret_destroy(secret);
    arena_done(&arena);
    *ret = thing;
    return ok || error_context(err, "connection %.*s", STR_ARG(connection));
}

void task_account_give(struct task_pool *p, struct account *a, const struct error *failed)
{
    static const enum error_code DEAD[] = {ERR_CREDENTIALS, ERR_REAUTHORIZE, ERR_ACCOUNT_CHANGED,
                                           ERR_OAUTH_APP};
    bool dead = false;
    for (size_t i = 0; failed && i < ARRAY_LEN(DEAD); i++) {
        dead = dead || failed->code == DEAD[i];
    }
    shelf_give(p->accounts, a, dead);
}

// ---- destinations

struct destination_how {
    const struct destination_options *options;
};

static bool open_destination(void *user, const void *given, const struct cancel *cancel, void **ret,
                             struct error *err)
{
    const struct destination_how *how = given;
    struct destination *d = NULL;
    (void)user;
    // Whoever opens it may be gone long before it is closed: sessions have what ends their waits.
    if (cancel_requested(cancel)) {
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    }
    if (!destination_open(how->options, &d, err)) {
        return false;
    }
    *ret = d;
    return true;
}

static void close_destination(void *user, void *thing)
{
    (void)user;
    destination_close(thing);
}

static int cache_kib(size_t at_once)
{
    return at_once > MANY ? MAX((int)(CACHES_KIB / at_once), CACHE_LEAST_KIB) : 0;
}

static bool read_url(struct task_pool *p, struct str id, struct secret **ret, struct error *err)
{
    struct store *store = NULL;
    struct sealing *sealing = NULL;
    if (!store_pool_lend(p->options.stores, &store, &sealing, err)) {
        return false;
    }
    bool ok = stored_destination_url(store, sealing, id, ret, err);
    store_pool_return(p->options.stores, store);
    return ok;
}

bool task_destination_take(struct task_pool *p, const struct task_destination *which,
                           const struct cancel *cancel, struct destination **ret, struct error *err)
{
    struct secret *url = NULL;
    void *thing = NULL;
    if (!read_url(p, which->id, &url, err)) {
        return error_context(err, "destination %.*s", STR_ARG(which->id));
    }
    struct arena arena;
    arena_init(&arena, ROW_ARENA_MAX);
    struct destination_options options = {.url = secret_reveal(url),
                                          .schema = which->schema,
                                          .metadata = which->metadata,
                                          .clock = p->options.clock,
                                          .cache_kib = cache_kib(p->options.at_once)};
    struct destination_how how = {&options};
    struct str key = arena_printf(&arena, "%.*s|%.*s|%.*s|%.*s", STR_ARG(which->id),
                                  STR_ARG(which->metadata.synced), STR_ARG(which->metadata.deleted),
                                  STR_ARG(which->schema_key));
    bool ok = shelf_take(p->destinations, key, &how, cancel, &thing, err);
    secret_destroy(url);
    arena_done(&arena);
    *ret = thing;
    return ok;
}

void task_destination_give(struct task_pool *p, struct destination *d, const struct error *failed)
{
    // Somebody may have removed the schema, or the server another one's place: look again.
    bool broken =
        failed && str_starts(str_from(error_info(failed->code)->name), STR("DESTINATION"));
    shelf_give(p->destinations, d, broken);
}

// ---- the pool

struct task_pool *task_pool_create(const struct task_pool_options *options)
{
    struct task_pool *p = calloc(1, sizeof *p);
    if (!p) {
        abort();
    }
    p->options = *options;
    pthread_mutex_init(&p->lock, NULL);
    p->gate = options->at_once > MANY ? page_gate_create(PAGES_AT_ONCE, PAGE_WAIT_MS) : NULL;
    p->accounts = shelf_create(&(struct shelf_options){.open = account_open,
                                                       .close = account_close,
                                                       .fits = account_fits,
                                                       .user = p,
                                                       .clock = options->clock});
    p->destinations = shelf_create(&(struct shelf_options){
        .open = open_destination, .close = close_destination, .clock = options->clock});
    return p;
}

void task_pool_destroy(struct task_pool *p)
{
    if (!p) {
        return;
    }
    assert(!p->tasks);
    shelf_destroy(p->accounts);
    shelf_destroy(p->destinations);
    page_gate_destroy(p->gate);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

// Pages come and go beside what stays for hours: the allocator keeps what lies between.
static void give_memory_back(const struct task_pool *p)
{
#ifdef __GLIBC__
    if (p->options.at_once > MANY) {
        malloc_trim(0);
    }
#else
    (void)p;
#endif
}

void task_pool_tidy(struct task_pool *p)
{
    shelf_tidy(p->accounts);
    shelf_tidy(p->destinations);
    give_memory_back(p);
}

// ---- budgets

enum { BUDGETS_MAX = 10000 };

struct budget_look {
    struct task_pool *pool;
    struct arena *arena;
    struct budget_row *rows;
    size_t n, cap;
};

static struct budget_row *row_of(struct budget_look *l, struct str connection)
{
    for (size_t i = 0; i < l->n; i++) {
        if (str_eq(l->rows[i].connection_id, connection)) {
            return &l->rows[i];
        }
    }
    if (l->n == l->cap) {
        size_t cap = MAX((size_t)16, 2 * l->cap);
        struct budget_row *rows = ARENA_ARRAY(l->arena, struct budget_row, cap);
        if (l->n > 0) {
            memcpy(rows, l->rows, l->n * sizeof *rows);
        }
        l->rows = rows;
        l->cap = cap;
    }
    l->rows[l->n] = (struct budget_row){.connection_id = arena_dup(l->arena, connection)};
    return &l->rows[l->n++];
}

// Of a connection that is open under two settings the budgets are one (where processes share them),
// and the calls add up.
static void look_at(void *user, struct str key, void *thing)
{
    struct budget_look *l = user;
    const struct account *a = thing;
    (void)key;
    if (l->n == BUDGETS_MAX) {
        return;
    }
    const struct clock *clock = l->pool->options.clock;
    struct hubspot *h = source_hubspot_account(a->source);
    struct budget_row *r = row_of(l, a->name);
    struct budget_view v;
    struct hubspot_figures f;
    budget_look(hubspot_budget(h), clock_mono_us(clock), &v);
    hubspot_figures(h, &f);
    r->at_ms = clock_now_ms(clock);
    r->window_max = v.window_max;
    r->window_allowed = v.window_allowed;
    r->window_used = v.window_used;
    r->window_foreign = v.window_foreign;
    r->daily_max = v.daily_max;
    r->daily_allowed = v.daily_allowed;
    r->daily_used = v.daily_used;
    r->day_ends_ms = v.day_ends_wall_ms;
    r->calls += (int64_t)f.calls;
    r->retries += (int64_t)f.retries;
    r->refused += (int64_t)f.refused;
}

void task_pool_budgets(struct task_pool *p, struct arena *arena, struct budget_row **ret,
                       size_t *ret_n)
{
    struct budget_look l = {.pool = p, .arena = arena};
    shelf_each(p->accounts, look_at, &l);
    for (size_t i = 0; i < l.n; i++) {
        struct task_waits w = task_pool_waits(p, l.rows[i].connection_id);
        l.rows[i].waiting = w.waiting;
        l.rows[i].waiting_for = w.waiting_for ? str_from(w.waiting_for) : STR("");
        l.rows[i].waiting_until_ms = w.waiting_until_ms;
    }
    *ret = l.rows;
    *ret_n = l.n;
}
