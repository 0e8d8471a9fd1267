// What a grant stands for, and storing it.
#include "cli/login.h"
#include "source/hubspot/source_hubspot.h"

enum {
    SCOPES_SHOWN = 12,
    LOCK_WAIT_MS = 60000,
    PRINT_MAX = 8192,
};

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

struct str login_default_scopes(struct arena *arena)
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

// ---- looking at it

static bool ask_facts(struct login *l, const struct grant *g, struct oauth_facts *ret,
                      struct error *err)
{
    struct oauth_app app = {.base_url = l->base_url,
                            .client_id = g->connection.client_id,
                            .client_secret = g->client_secret,
                            .version = OAUTH_2026_09};
    struct oauth_request r = {.kind = g->token ? OAUTH_PRIVATE_INFO : OAUTH_INTROSPECT,
                              .token = g->token ? g->token : g->tokens.access};
    struct oauth_caller *caller = oauth_caller_create(&(struct oauth_caller_options){
        l->cli->clock, &l->cancel, l->request_log, l->settings.name});
    (void)oauth_version_parse(g->connection.oauth_version, &app.version); // a token has none
    bool ok = oauth_call_facts(caller, &app, &r, &l->arena, ret, err);
    if (ok && !ret->active) {
        ok = error_set(err, ERR_CREDENTIALS, "HubSpot says that the token is not active");
    }
    oauth_caller_destroy(caller);
    return ok;
}

// The portal of a token, by the call that every token may make. Proves the token, too.
static bool ask_portal(struct login *l, const struct secret *token, int64_t *ret, struct error *err)
{
    struct credential *credential = credential_static(secret_copy(token));
    struct hubspot *account = hubspot_create(&(struct hubspot_options){
        .base_url = l->base_url,
        .credential = credential,
        .version = API_2026_09,
        .share = 0.8,
        .search_per_second = 1,
        .clock = l->cli->clock,
        .cancel = &l->cancel,
        .request_log = l->request_log,
        .connection = l->settings.name,
    });
    struct hubspot_client *client = hubspot_client_create(account);
    struct json_doc *doc = json_doc_create();
    struct hubspot_request r = {.endpoint = HUBSPOT_ACCOUNT};
    struct json root;
    struct hubspot_answer *answer = hubspot_client_call(client, &r, err);
    bool ok = answer != NULL;
    if (ok) {
        ok = (json_parse(doc, answer->body, &root, err) &&
              json_get_int(root, STR("portalId"), ret)) ||
             error_set(err, ERR_SOURCE_DATA,
                       "account details: the answer has no \"portalId\"; is %.*s HubSpot's API?",
                       STR_ARG(l->base_url));
        hubspot_client_release(client, answer);
    }
    json_doc_destroy(doc);
    hubspot_client_destroy(client);
    hubspot_destroy(account);
    credential_destroy(credential);
    return ok;
}

// Introspection says most, but is not offered for every kind of token, and may fail where the
// grant itself is good: then the account is asked.
static bool look_at(struct login *l, struct grant *g, struct error *err)
{
    struct connection *c = &g->connection;
    struct oauth_facts facts = {0};
    bool told = ask_facts(l, g, &facts, err);
    if (told) {
        c->portal_id = facts.portal_id;
        c->app_id = facts.app_id;
        c->user = facts.user;
        c->scopes = facts.scopes;
    } else if (err->code == ERR_INTERRUPTED) {
        return false;
    } else if (!g->token) {
        fprintf(stderr, "sluice: %s\n  the scopes that were granted are therefore not known\n",
                err->message);
    }
    if (c->portal_id == 0) {
        c->portal_id = g->tokens.portal_id;
    }
    // A token was only pasted: that it works is shown by a call.
    return (!g->token && c->portal_id != 0) ||
           ask_portal(l, g->token ? g->token : g->tokens.access, &c->portal_id, err);
}

// ---- storing it

bool login_check_place(struct login *l, struct error *err)
{
    struct store_options where = {
        .directory = l->settings.place.data_dir, .clock = l->cli->clock, .cancel = &l->cancel};
    struct store *store = NULL;
    struct sealing *sealing = NULL;
    if (!store_open(&where, &store, err)) {
        return false;
    }
    struct str directory = {NULL, 0};
    bool ok = store_directory(where.directory, &l->arena, &directory, err) &&
              sealing_check_keys(directory, l->settings.place.key_file, err);
    if (!store) {
        return ok && store_check_place(where.directory, err);
    }
    ok =
        ok &&
        sealing_open(&(struct sealing_options){store, l->settings.place.key_file}, &sealing, err) &&
        sealing_check(sealing, err) && store_check_writable(store, err);
    sealing_close(sealing);
    store_close(store);
    return ok;
}

static bool check_former(struct login *l, struct store *store, struct connection *c,
                         struct error *err)
{
    struct connection former;
    struct error none;
    if (!connection_find(store, c->name, &l->arena, &former, &none)) {
        // USAGE: there is none. STORE: a row that nobody can read is replaced; if it is the whole
        // store that cannot be read, writing says so.
        if (none.code != ERR_USAGE && none.code != ERR_STORE) {
            *err = none;
            return false;
        }
        return true;
    }
    c->created_ms = former.created_ms;
    if (former.portal_id != 0 && former.portal_id != c->portal_id) {
        return error_set(err, ERR_LOGIN,
                         "connection %.*s belongs to account %lld, this login was for account "
                         "%lld; choose another --name, or forget the former one first: sluice "
                         "logout hubspot --name %.*s",
                         STR_ARG(c->name), (long long)former.portal_id, (long long)c->portal_id,
                         STR_ARG(c->name));
    }
    return true;
}

static bool put(struct login *l, struct store *store, struct grant *g, struct error *err)
{
    struct connection_secrets secrets = {.token = g->token,
                                         .client_secret = g->client_secret,
                                         .access = g->tokens.access,
                                         .refresh = g->tokens.refresh};
    struct sealing *sealing = NULL;
    struct store_lock *lock = NULL;
    struct str lock_name = arena_printf(&l->arena, "connection-%.*s", STR_ARG(g->connection.name));
    // A renewal under way elsewhere must not write its tokens over these.
    bool ok =
        sealing_open(&(struct sealing_options){store, l->settings.place.key_file}, &sealing, err) &&
        store_lock_take(store, lock_name, LOCK_WAIT_MS, &lock, err) &&
        check_former(l, store, &g->connection, err) &&
        connection_put(store, sealing, &g->connection, &secrets, err);
    store_lock_release(lock);
    sealing_close(sealing);
    return ok;
}

// ---- saying it

static void print_scopes(struct login *l, const struct connection *c)
{
    struct str rest = c->scopes;
    struct str word;
    size_t n = 0;
    struct buf missing;
    while (str_next(&rest, ' ', &word)) {
        printf("%s%.*s",
               n == 0             ? "  granted:     "
               : n % SCOPES_SHOWN ? " "
                                  : "\n               ",
               STR_ARG(word));
        n++;
    }
    printf("%s", n > 0 ? "\n" : "  granted:     not known (HubSpot does not say)\n");
    buf_init(&missing, PRINT_MAX);
    struct str asked = arena_printf(&l->arena, "%.*s %.*s", STR_ARG(l->scopes),
                                    STR_ARG(l->settings.optional_scopes));
    char *text = arena_cstr(&l->arena, asked);
    for (size_t i = 0; i < asked.len; i++) {
        text[i] = text[i] == ',' ? ' ' : text[i];
    }
    rest = (struct str){text, asked.len};
    while (str_next(&rest, ' ', &word)) {
        if (word.len > 0 && !has_word(c->scopes, word)) {
            add_word(&missing, word);
        }
    }
    if (n > 0 && missing.len > 0) {
        printf("  not granted: %s\n", buf_cstr(&missing));
    }
    buf_done(&missing);
}

static void print_outcome(struct login *l, const struct connection *c)
{
    printf("Connection %.*s: HubSpot account %lld", STR_ARG(c->name), (long long)c->portal_id);
    if (c->user.len > 0) {
        printf(", granted by %.*s", STR_ARG(c->user));
    }
    printf("\n");
    print_scopes(l, c);
    printf("Next: sluice sync hubspot --connection %.*s%s%.*s%s%.*s --into sqlite:hubspot.db\n",
           STR_ARG(c->name), l->settings.place.data_dir.len ? " --data-dir " : "",
           STR_ARG(l->settings.place.data_dir),
           l->settings.place.key_file.len ? " --key-file " : "",
           STR_ARG(l->settings.place.key_file));
    fflush(stdout);
}

bool login_finish(struct login *l, struct grant *g, struct error *err)
{
    struct store_options where = {.directory = l->settings.place.data_dir,
                                  .create = true,
                                  .clock = l->cli->clock,
                                  .cancel = &l->cancel};
    struct store *store = NULL;
    bool ok = look_at(l, g, err) && store_open(&where, &store, err) && put(l, store, g, err);
    store_close(store);
    if (ok) {
        print_outcome(l, &g->connection);
    }
    return ok;
}
