#include "store/connections.h"

#include "data/json_writer.h"
#include "store/events.h"
#include "store/runs.h"
#include "store/secrets.h"

static const char *const KIND_NAMES[CONNECTION_KIND_COUNT] = {"oauth", "token"};
static const char *const STATE_NAMES[CONNECTION_STATE_COUNT] = {"active", "needs_reauthorization"};

static const struct str COLUMNS = STR_INIT(
    "name, kind, state, portal_id, app_id, client_id, base_url, oauth_version, scopes, user_name, "
    "issued_ms, expires_ms, created_ms, updated_ms, account_id, integration_id, label");
enum { SECRETS_N = 4, TEXT_MAX = 64 * 1024 };
static const int64_t TIME_MAX_MS = INT64_C(253402300800000); // the year 10000

const char *connection_kind_name(enum connection_kind k)
{
    assert((size_t)k < CONNECTION_KIND_COUNT);
    return KIND_NAMES[k];
}

const char *connection_state_name(enum connection_state s)
{
    assert((size_t)s < CONNECTION_STATE_COUNT);
    return STATE_NAMES[s];
}

static int name_index(const char *const *names, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(name, str_from(names[i]))) {
            return (int)i;
        }
    }
    return -1;
}

// ---- reading

static struct str text_of(struct sql_stmt *st, size_t column, struct arena *arena)
{
    return arena_dup(arena, str_sub(sql_column_str(st, column), 0, TEXT_MAX));
}

// Whatever the file says: what is reckoned with it does not overflow.
static int64_t time_of(struct sql_stmt *st, size_t column)
{
    return MAX(0, MIN(sql_column(st, column).num, TIME_MAX_MS));
}

static bool read_row(struct sql_stmt *st, struct arena *arena, struct connection *ret,
                     struct error *err)
{
    struct connection c = {.name = text_of(st, 0, arena)};
    int kind = name_index(KIND_NAMES, CONNECTION_KIND_COUNT, sql_column_str(st, 1));
    int state = name_index(STATE_NAMES, CONNECTION_STATE_COUNT, sql_column_str(st, 2));
    bool fits = sql_column_str(st, 5).len <= CLIENT_ID_MAX &&
                sql_column_str(st, 8).len <= OAUTH_SCOPES_BYTES;
    if (kind < 0 || state < 0 || !fits) {
        return error_set(err, ERR_STORE,
                         "connection %.*s: its %s is none that sluice stores; log in again: sluice "
                         "login hubspot --name %.*s",
                         STR_ARG(c.name), fits ? "kind or state" : "client id or list of scopes",
                         STR_ARG(c.name));
    }
    c.kind = (enum connection_kind)kind;
    c.state = (enum connection_state)state;
    c.portal_id = sql_column(st, 3).num;
    c.app_id = sql_column(st, 4).num;
    c.client_id = text_of(st, 5, arena);
    c.base_url = text_of(st, 6, arena);
    c.oauth_version = text_of(st, 7, arena);
    c.scopes = text_of(st, 8, arena);
    c.user = text_of(st, 9, arena);
    c.issued_ms = time_of(st, 10);
    c.expires_ms = MAX(time_of(st, 11), c.issued_ms);
    c.created_ms = sql_column(st, 12).num;
    c.updated_ms = sql_column(st, 13).num;
    c.account_id = text_of(st, 14, arena);
    c.integration_id = text_of(st, 15, arena);
    c.label = text_of(st, 16, arena);
    *ret = c;
    return true;
}

bool connection_find(struct store *s, struct str name, struct arena *arena, struct connection *ret,
                     struct error *err)
{
    struct sql_value args[] = {sql_text(name)};
    struct sql_stmt *st = NULL;
    bool row = false;
    struct str text =
        arena_printf(arena, "SELECT %.*s FROM connection WHERE name = $1", STR_ARG(COLUMNS));
    bool ok = (sql_once_query(store_sql(s), text, args, 1, &st, err) && sql_next(st, &row, err)) ||
              store_fail(err);
    if (ok && !row) {
        ok = error_set(err, ERR_USAGE,
                       "there is no connection \"%.*s\"; sluice connections lists them, sluice "
                       "login hubspot --name %.*s makes it",
                       STR_ARG(name), STR_ARG(name));
    }
    ok = ok && read_row(st, arena, ret, err);
    sql_finalize(st);
    return ok;
}

bool connection_list(struct store *s, struct arena *arena, struct connection **ret, size_t *ret_n,
                     struct error *err)
{
    struct sql_stmt *st = NULL;
    struct sql_value count;
    struct str text = arena_printf(arena, "SELECT %.*s FROM connection ORDER BY name LIMIT %d",
                                   STR_ARG(COLUMNS), CONNECTIONS_MAX);
    if (!sql_once_int(store_sql(s), STR("SELECT count(*) FROM connection"), NULL, 0, &count, err) ||
        !sql_once_query(store_sql(s), text, NULL, 0, &st, err)) {
        return store_fail(err);
    }
    size_t n = 0;
    size_t room = (size_t)MIN(count.num, CONNECTIONS_MAX);
    struct connection *all = ARENA_ARRAY(arena, struct connection, room + 1);
    bool row = false;
    bool ok = true;
    while (ok && n < room) {
        ok = sql_next(st, &row, err) || store_fail(err);
        if (!ok || !row) {
            break;
        }
        ok = read_row(st, arena, &all[n++], err);
    }
    sql_finalize(st);
    *ret = all;
    *ret_n = n;
    return ok;
}

bool connection_secret(struct store *s, struct sealing *sealing, struct str name, const char *what,
                       struct secret **ret, struct error *err)
{
    return stored_secret_get(s, sealing, &(struct seal_name){name, str_from(what)}, ret, err);
}

// ---- writing

static bool put_secret(struct store *s, struct sealing *sealing, struct str name, const char *what,
                       const struct secret *plain, struct error *err)
{
    return stored_secret_put(s, sealing, &(struct seal_name){name, str_from(what)}, plain, err);
}

static bool remove_rows(struct store *s, struct str name, uint64_t *ret_found, struct error *err)
{
    struct sql_value args[] = {sql_text(name)};
    return stored_secret_remove(s, name, err) &&
           ((sql_once(store_sql(s), STR("DELETE FROM connection WHERE name = $1"), args, 1,
                      ret_found, err) &&
             sql_once(store_sql(s), STR("DELETE FROM connection_budget WHERE connection_id = $1"),
                      args, 1, NULL, err)) ||
            store_fail(err));
}

static struct str integration_of(const struct connection *c)
{
    return c->integration_id.len > 0 ? c->integration_id : STR("hubspot-v2");
}

static bool put_row(struct store *s, const struct connection *c, struct error *err)
{
    int64_t now_ms = 0;
    struct arena arena;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    arena_init(&arena, TEXT_MAX);
    struct str text = arena_printf(
        &arena,
        "INSERT INTO connection (%.*s) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
        "$12, $13, $14, $15, $16, $17) ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, "
        "state = excluded.state, portal_id = excluded.portal_id, app_id = excluded.app_id, "
        "client_id = excluded.client_id, base_url = excluded.base_url, "
        "oauth_version = excluded.oauth_version, scopes = excluded.scopes, "
        "user_name = excluded.user_name, issued_ms = excluded.issued_ms, "
        "expires_ms = excluded.expires_ms, created_ms = excluded.created_ms, "
        "updated_ms = excluded.updated_ms, integration_id = excluded.integration_id, "
        // Who logs in again knows nothing of these.
        "account_id = CASE WHEN excluded.account_id = '' THEN connection.account_id "
        "ELSE excluded.account_id END, "
        "label = CASE WHEN excluded.label = '' THEN connection.label ELSE excluded.label END",
        STR_ARG(COLUMNS));
    struct sql_value args[] = {
        sql_text(c->name),
        sql_text(str_from(connection_kind_name(c->kind))),
        sql_text(str_from(connection_state_name(c->state))),
        sql_int(c->portal_id),
        sql_int(c->app_id),
        sql_text(c->client_id.ptr ? c->client_id : STR("")),
        sql_text(c->base_url),
        sql_text(c->oauth_version.ptr ? c->oauth_version : STR("")),
        sql_text(c->scopes.ptr ? c->scopes : STR("")),
        sql_text(c->user.ptr ? c->user : STR("")),
        sql_int(c->issued_ms),
        sql_int(c->expires_ms),
        sql_int(c->created_ms ? c->created_ms : now_ms),
        sql_int(now_ms),
        sql_text(c->account_id.ptr ? c->account_id : STR("")),
        sql_text(integration_of(c)),
        sql_text(c->label.ptr ? c->label : STR("")),
    };
    bool ok = sql_once(store_sql(s), text, args, ARRAY_LEN(args), NULL, err) || store_fail(err);
    arena_done(&arena);
    return ok;
}

bool connection_put(struct store *s, struct sealing *sealing, const struct connection *c,
                    const struct connection_secrets *secrets, struct error *err)
{
    const struct {
        const char *what;
        const struct secret *secret;
    } rows[SECRETS_N] = {{"token", secrets->token},
                         {"client_secret", secrets->client_secret},
                         {"access_token", secrets->access},
                         {"refresh_token", secrets->refresh}};
    if (!store_check_name("connection", c->name, err)) {
        return false;
    }
    if (c->client_id.len > CLIENT_ID_MAX || c->scopes.len > OAUTH_SCOPES_BYTES) {
        return error_set(err, ERR_CONFIG,
                         "connection %.*s: its client id may have %d bytes, its scopes %d",
                         STR_ARG(c->name), CLIENT_ID_MAX, OAUTH_SCOPES_BYTES);
    }
    if (!store_begin(s, err)) {
        return false;
    }
    size_t n = 0;
    bool ok = stream_run_request_granted(s, c->name, &n, err) &&
              stored_secret_remove(s, c->name, err) && put_row(s, c, err);
    for (size_t i = 0; ok && i < SECRETS_N; i++) {
        ok = !rows[i].secret || put_secret(s, sealing, c->name, rows[i].what, rows[i].secret, err);
    }
    return store_end(s, ok, err);
}

bool connection_tell(struct store *s, const struct connection *c, const char *kind,
                     struct error *err)
{
    struct buf data;
    struct json_writer w;
    buf_init(&data, EVENT_DATA_MAX);
    json_writer_init(&w, &data);
    json_begin_object(&w);
    json_field_str(&w, "integration_id", integration_of(c));
    json_field_int(&w, "portal_id", c->portal_id);
    json_end_object(&w);
    struct stored_event event = {.account_id = c->account_id,
                                 .kind = str_from(kind),
                                 .connection_id = c->name,
                                 .data = buf_str(&data)};
    bool ok = event_add(s, &event, err);
    buf_done(&data);
    return ok;
}

bool connection_remove(struct store *s, struct str name, bool *ret_found, struct error *err)
{
    uint64_t found = 0;
    if (!store_begin(s, err)) {
        return false;
    }
    if (!store_end(s, remove_rows(s, name, &found, err), err)) {
        return false;
    }
    *ret_found = found > 0;
    return true;
}

bool connection_refuse(struct store *s, struct str name, int64_t seen_ms, bool *ret,
                       struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE connection SET state = $1, updated_ms = $2 WHERE name = $3 AND "
                 "updated_ms = $4");
    uint64_t changed = 0;
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {
        sql_text(str_from(connection_state_name(CONNECTION_NEEDS_REAUTHORIZATION))),
        sql_int(now_ms), sql_text(name), sql_int(seen_ms)};
    if (!sql_once(store_sql(s), TEXT, args, ARRAY_LEN(args), &changed, err)) {
        return store_fail(err);
    }
    *ret = changed > 0;
    return true;
}

// ---- the tokens of one connection

enum { LOCK_WAIT_MS = 180000 }; // longer than the holder may take with all its tries

struct connection_tokens {
    struct store_pool *pool; // what each call borrows from; NULL: `own_pool`
    struct store_pool *own_pool;
    struct arena arena;
    struct store_options place;
    struct str key_file;
    struct str name;
    int64_t portal_id; // what it was when it was opened
    struct str client_id;
    struct str lock_name;
    struct store_lock *lock;
};

// A handle, for one call.
struct loan {
    struct store *store;
    struct sealing *sealing;
};

static bool borrow(struct connection_tokens *t, struct loan *ret, struct error *err)
{
    return store_pool_lend(t->pool, &ret->store, &ret->sealing, err);
}

static bool give_back(struct connection_tokens *t, const struct loan *loan, bool ok)
{
    store_pool_return(t->pool, loan->store);
    return ok;
}

bool connection_tokens_open(const struct connection_tokens_options *options,
                            struct connection_tokens **ret, struct error *err)
{
    struct connection_tokens *t = calloc(1, sizeof *t);
    struct loan first;
    if (!t) {
        abort();
    }
    arena_init(&t->arena, TEXT_MAX);
    t->name = arena_dup(&t->arena, options->name);
    t->portal_id = options->portal_id;
    t->client_id = arena_dup(&t->arena, options->client_id);
    t->lock_name = arena_printf(&t->arena, "connection-%.*s", STR_ARG(options->name));
    t->place = options->store;
    t->place.directory = arena_dup(&t->arena, options->store.directory);
    t->place.url = arena_dup(&t->arena, options->store.url);
    t->key_file = arena_dup(&t->arena, options->key_file);
    if (!options->pool) {
        t->own_pool = store_pool_create(
            &(struct store_pool_options){.store = t->place, .key_file = t->key_file, .max = 1});
    }
    t->pool = options->pool ? options->pool : t->own_pool;
    if (!borrow(t, &first, err)) { // keys that cannot be read are told at once
        connection_tokens_close(t);
        return false;
    }
    *ret = t;
    return give_back(t, &first, true);
}

void connection_tokens_close(struct connection_tokens *t)
{
    if (!t) {
        return;
    }
    assert(!t->lock);
    store_pool_destroy(t->own_pool);
    arena_done(&t->arena);
    free(t);
}

static bool check_same(const struct connection_tokens *t, const struct connection *c,
                       struct error *err)
{
    if (t->portal_id != 0 && c->portal_id != 0 && t->portal_id != c->portal_id) {
        return error_set(err, ERR_ACCOUNT_CHANGED,
                         "connection %.*s belongs to account %lld now; this began with account "
                         "%lld and does not go on with another one's tokens",
                         STR_ARG(t->name), (long long)c->portal_id, (long long)t->portal_id);
    }
    return t->client_id.len == 0 || str_eq(t->client_id, c->client_id) ||
           error_set(err, ERR_ACCOUNT_CHANGED,
                     "connection %.*s was made anew with another app (client id %.*s) while this "
                     "was at work; start it again",
                     STR_ARG(t->name), STR_ARG(c->client_id));
}

static bool load_tokens(struct connection_tokens *t, const struct loan *loan, struct token_set *ret,
                        struct error *err)
{
    struct arena arena;
    struct connection c = {.kind = CONNECTION_OAUTH};
    struct token_set set = {0};
    struct store *s = loan->store;
    arena_init(&arena, 4 * 1024 * 1024);
    bool ok = connection_find(s, t->name, &arena, &c, err) && check_same(t, &c, err) &&
              connection_secret(s, loan->sealing, t->name, "access_token", &set.access, err) &&
              connection_secret(s, loan->sealing, t->name, "refresh_token", &set.refresh, err);
    set.issued_ms = c.issued_ms;
    set.expires_ms = c.expires_ms;
    set.needs_reauthorization = c.state == CONNECTION_NEEDS_REAUTHORIZATION;
    arena_done(&arena);
    if (!ok) {
        token_set_done(&set);
        return false;
    }
    *ret = set;
    return true;
}

// A login or logout of another process may come between two reads: the reads see one state.
static bool tokens_load(void *user, struct token_set *ret, struct error *err)
{
    struct connection_tokens *t = user;
    struct token_set set = {0};
    struct loan loan;
    if (!borrow(t, &loan, err)) {
        return false;
    }
    bool ok = store_begin_read(loan.store, err) &&
              store_end(loan.store, load_tokens(t, &loan, &set, err), err);
    if (!ok) {
        token_set_done(&set);
        return give_back(t, &loan, false);
    }
    *ret = set;
    return give_back(t, &loan, true);
}

static bool save_tokens(struct connection_tokens *t, const struct loan *loan,
                        const struct token_set *set, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE connection SET state = $1, issued_ms = $2, expires_ms = $3, "
                 "updated_ms = $4 WHERE name = $5");
    enum connection_state state =
        set->needs_reauthorization ? CONNECTION_NEEDS_REAUTHORIZATION : CONNECTION_ACTIVE;
    int64_t now_ms = 0;
    uint64_t changed = 0;
    if (!store_now_ms(loan->store, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(str_from(connection_state_name(state))),
                               sql_int(set->issued_ms), sql_int(set->expires_ms), sql_int(now_ms),
                               sql_text(t->name)};
    if (!sql_once(store_sql(loan->store), TEXT, args, ARRAY_LEN(args), &changed, err)) {
        return store_fail(err);
    }
    if (changed == 0) {
        return error_set(err, ERR_REAUTHORIZE,
                         "connection %.*s was removed meanwhile; log in again: sluice login "
                         "hubspot --name %.*s",
                         STR_ARG(t->name), STR_ARG(t->name));
    }
    return (!set->access ||
            put_secret(loan->store, loan->sealing, t->name, "access_token", set->access, err)) &&
           (!set->refresh ||
            put_secret(loan->store, loan->sealing, t->name, "refresh_token", set->refresh, err));
}

static bool tokens_save(void *user, const struct token_set *set, struct error *err)
{
    struct connection_tokens *t = user;
    struct loan loan;
    if (!borrow(t, &loan, err)) {
        return false;
    }
    bool ok =
        store_begin(loan.store, err) && store_end(loan.store, save_tokens(t, &loan, set, err), err);
    return give_back(t, &loan, ok);
}

static bool tokens_lock(void *user, struct error *err)
{
    struct connection_tokens *t = user;
    return store_lock_take_at(&t->place, t->lock_name, LOCK_WAIT_MS, &t->lock, err);
}

static void tokens_unlock(void *user)
{
    struct connection_tokens *t = user;
    store_lock_release(t->lock);
    t->lock = NULL;
}

struct token_store connection_token_store(struct connection_tokens *t)
{
    return (struct token_store){tokens_load, tokens_save, tokens_lock, tokens_unlock, t};
}
