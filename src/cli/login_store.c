// What a grant stands for, and storing it.
#include "cli/login.h"

enum {
    SCOPES_SHOWN = 12,
    LOCK_WAIT_MS = 60000,
};

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
    c->account_id = former.account_id;
    c->label = former.label;
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

// One that a server has taken over is followed there.
static bool write_all(struct login *l, struct store *store, struct sealing *sealing,
                      const struct grant *g, struct error *err)
{
    struct connection c = g->connection;
    struct connection_secrets secrets = {.token = g->token,
                                         .client_secret = g->client_secret,
                                         .access = g->tokens.access,
                                         .refresh = g->tokens.refresh};
    if (!store_begin(store, err)) {
        return false;
    }
    bool ok = check_former(l, store, &c, err) &&
              connection_put(store, sealing, &c, &secrets, err) &&
              (c.account_id.len == 0 || connection_tell(store, &c, "connection.reauthorized", err));
    return store_end(store, ok, err);
}

static bool put(struct login *l, struct store *store, const struct grant *g, struct error *err)
{
    struct sealing *sealing = NULL;
    struct store_lock *lock = NULL;
    struct str lock_name = arena_printf(&l->arena, "connection-%.*s", STR_ARG(g->connection.name));
    // A renewal under way elsewhere must not write its tokens over these.
    bool ok =
        sealing_open(&(struct sealing_options){store, l->settings.place.key_file}, &sealing, err) &&
        store_lock_take(store, lock_name, LOCK_WAIT_MS, &lock, err) &&
        write_all(l, store, sealing, g, err);
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
    while (str_next(&rest, ' ', &word)) {
        printf("%s%.*s",
               n == 0             ? "  granted:     "
               : n % SCOPES_SHOWN ? " "
                                  : "\n               ",
               STR_ARG(word));
        n++;
    }
    printf("%s", n > 0 ? "\n" : "  granted:     not known (HubSpot does not say)\n");
    struct str asked = arena_printf(&l->arena, "%.*s %.*s", STR_ARG(l->scopes),
                                    STR_ARG(l->settings.optional_scopes));
    char *text = arena_cstr(&l->arena, asked);
    for (size_t i = 0; i < asked.len; i++) {
        text[i] = text[i] == ',' ? ' ' : text[i];
    }
    struct str missing = grant_missing_scopes((struct str){text, asked.len}, c->scopes, &l->arena);
    if (n > 0 && missing.len > 0) {
        printf("  not granted: %.*s\n", STR_ARG(missing));
    }
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
    struct grant_context look = {.base_url = l->base_url,
                                 .clock = l->cli->clock,
                                 .cancel = &l->cancel,
                                 .request_log = l->request_log,
                                 .name = l->settings.name};
    struct store *store = NULL;
    bool seen = grant_look(&look, g, &l->arena, err);
    if (g->untold.code != ERR_OK) {
        fprintf(stderr, "sluice: %s\n  the scopes that were granted are therefore not known\n",
                g->untold.message);
    }
    bool ok = seen && store_open(&where, &store, err) && put(l, store, g, err);
    store_close(store);
    if (ok) {
        print_outcome(l, &g->connection);
    }
    return ok;
}
