// sluice keys: the key that seals secrets, and the API keys of a server; those also without it, by
// whoever may read and write its store.
#include "cli/progress.h"
#include "cli/remote_verbs.h"
#include "core/timestamp.h"
#include "store/api_keys.h"
#include "store/key_loss.h"
#include "store/workspaces.h"

#include <signal.h>

struct keys {
    const struct cli *cli;
    struct remote_options *options;
    const struct cli_args *args;
    struct store *store;
};

static bool rotate(struct keys *k, struct error *err)
{
    struct sealing_options options = {.store = k->store, .key_file = k->options->place.key_file};
    struct sealing *sealing = NULL;
    size_t rows = 0;
    bool ok = sealing_open(&options, &sealing, err) && sealing_rotate(sealing, &rows, err);
    if (ok) {
        printf("%zu secrets are now sealed with key %s.\n", rows, sealing_key_id(sealing));
    }
    sealing_close(sealing);
    return ok;
}

static bool forget(struct keys *k, struct error *err)
{
    struct sealing_options options = {.store = k->store, .key_file = k->options->place.key_file};
    struct sealing *sealing = NULL;
    struct key_loss loss;
    bool ok = sealing_open(&options, &sealing, err) &&
              key_loss_accept(k->store, sealing, k->args->words[1], &loss, err);
    sealing_close(sealing);
    if (!ok) {
        return false;
    }
    printf("What key %.*s sealed is given up. %lld connections have to be authorized anew.\n",
           STR_ARG(k->args->words[1]), (long long)loss.connections);
    if (loss.destinations > 0) {
        printf("%lld destinations need their password again: start the server with --destination "
               "URL, or POST /destinations with it.\n",
               (long long)loss.destinations);
    }
    if (loss.streams > 0) {
        printf("%lld streams with hashed columns are loaded in full next, since hashes have a new "
               "salt.\n",
               (long long)loss.streams);
    }
    return true;
}

static bool create(struct keys *k, struct error *err)
{
    struct workspace w;
    struct secret *secret = NULL;
    struct api_key key = {.name = k->args->words[1]};
    bool known = api_key_scope_parse(k->options->scope, &key.scope);
    assert(known); // the settings table admits only known ones
    if (k->options->expires.len > 0 && !timestamp_parse(k->options->expires, &key.expires_ms)) {
        return error_set(err, ERR_USAGE,
                         "--expires: \"%.*s\" is not a date like 2027-01-31 or "
                         "2027-01-31T08:00:00Z",
                         STR_ARG(str_sub(k->options->expires, 0, 80)));
    }
    if (!workspace_prepare(k->store, k->cli->arena, &w, err)) {
        return false;
    }
    key.account_id = w.id;
    if (!api_key_create(k->store, &key, k->cli->arena, &secret, err)) {
        return false;
    }
    printf("API key: %.*s (shown once)\n", STR_ARG(secret_reveal(secret)));
    secret_destroy(secret);
    return true;
}

static const char *time_of(int64_t ms, char out[TIMESTAMP_TEXT_MAX])
{
    return ms != 0 && timestamp_format(ms, out) ? out : "";
}

static bool list(struct keys *k, struct error *err)
{
    struct workspace w;
    struct api_key *all = NULL;
    size_t n = 0;
    if (!workspace_prepare(k->store, k->cli->arena, &w, err) ||
        !api_key_list(k->store, w.id, k->cli->arena, &all, &n, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char created[TIMESTAMP_TEXT_MAX];
        char used[TIMESTAMP_TEXT_MAX];
        const char *state = all[i].revoked_ms != 0 ? "revoked" : "";
        printf("%.*s  %.*s  %-6s %-24s used %-24s %-8s %.*s\n", STR_ARG(all[i].id),
               STR_ARG(all[i].prefix), api_key_scope_name(all[i].scope),
               time_of(all[i].created_ms, created), time_of(all[i].last_used_ms, used), state,
               STR_ARG(all[i].name));
    }
    return true;
}

static bool revoke_key(struct keys *k, struct error *err)
{
    struct workspace w;
    if (!workspace_prepare(k->store, k->cli->arena, &w, err) ||
        !api_key_revoke(k->store, w.id, k->args->words[1], err)) {
        return false;
    }
    printf("Key %.*s is revoked.\n", STR_ARG(k->args->words[1]));
    return true;
}

static const struct {
    const char *word;
    size_t words; // with it
    bool (*run)(struct keys *k, struct error *err);
} COMMANDS[] = {
    {"rotate", 1, rotate}, {"forget", 2, forget},     {"create", 2, create},
    {"list", 1, list},     {"revoke", 2, revoke_key},
};

static bool run(struct keys *k, struct error *err)
{
    const struct cli_args *a = k->args;
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        if (a->n_words == COMMANDS[i].words && str_eq(a->words[0], str_from(COMMANDS[i].word))) {
            struct store_options where = {.url = k->options->store,
                                          .directory = k->options->place.data_dir,
                                          .clock = k->cli->clock};
            return store_open(&where, &k->store, err) &&
                   (k->store || error_set(err, ERR_USAGE,
                                          "there is no store in the data directory, so no key "
                                          "either; sluice serve makes one")) &&
                   COMMANDS[i].run(k, err);
        }
    }
    return error_set(
        err, ERR_USAGE,
        "what about the keys? write: sluice keys rotate, forget KEY, create NAME, list "
        "or revoke ID");
}

int cli_keys(const struct cli *cli, int argc, char **argv)
{
    struct remote_options o = {.last = 0};
    struct cli_args args;
    struct error err;
    struct keys k = {.cli = cli, .options = &o, .args = &args};
    if (!cli_parse(cli, "keys", argc, argv, &o, &args)) {
        return args.exit_code;
    }
    bool local = args.n_words > 0 &&
                 (str_eq(args.words[0], STR("rotate")) || str_eq(args.words[0], STR("forget")));
    if (o.remote.server.len > 0 && !local) {
        return remote_verb_run(&(struct remote_verb){cli, "keys", &o, &args});
    }
    signal(SIGXFSZ, SIG_IGN); // a file at its size limit is a full disk
    bool ok = run(&k, &err);
    store_close(k.store);
    return ok ? 0 : cli_fail(&err);
}
