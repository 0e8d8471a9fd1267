// What a server needs in its store before it may answer: tables, the key, the workspace, a
// destination, and a key for the one who started it.
#include "cli/server.h"

#include "destination/destination.h"
#include "store/api_keys.h"
#include "store/destinations.h"
#include "store/leases.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct store_options server_store_options(const struct server *s)
{
    return (struct store_options){.url = s->settings->store,
                                  .directory = s->settings->data_dir,
                                  .create = !s->store,
                                  .clock = s->cli->clock};
}

// ---- the store

// Asked for at once, so that the key is made now and not when somebody is in the middle of a login.
static bool make_key(struct server *s, struct error *err)
{
    struct secret *salt = NULL;
    if (!workspace_salt(s->store, s->sealing, s->workspace.id, &salt, err)) {
        return false;
    }
    secret_destroy(salt);
    return true;
}

static bool open_store(struct server *s, struct error *err)
{
    struct store_options where = server_store_options(s);
    struct str directory;
    struct sealing_options keys = {.key_file = s->settings->key_file};
    if (!store_prepare_directory(s->settings->data_dir, s->cli->arena, &directory, err) ||
        !store_open(&where, &s->store, err) || !store_instance_take(s->store, &s->instance, err)) {
        return false;
    }
    keys.store = s->store;
    return sealing_open(&keys, &s->sealing, err) && sealing_check(s->sealing, err) &&
           workspace_prepare(s->store, s->cli->arena, &s->workspace, err) && make_key(s, err);
}

// ---- the destination

// Whole, so that it holds wherever the next start happens.
static bool find_data_directory(struct server *s, struct str *ret, struct error *err)
{
    char *directory = realpath(arena_cstr(s->cli->arena, s->settings->data_dir), NULL);
    if (!directory) {
        return error_set(err, ERR_STORE, "the data directory \"%.*s\" cannot be found: %s",
                         STR_ARG(s->settings->data_dir), strerrordesc_np(errno));
    }
    *ret = arena_dup(s->cli->arena, str_from(directory));
    free(directory);
    return true;
}

static struct str embedded_url(struct server *s, struct str directory)
{
    return arena_printf(s->cli->arena, "sqlite:%.*s/data/", STR_ARG(directory));
}

static bool has_tables(struct server *s, struct str directory)
{
    return access(arena_cstr(s->cli->arena,
                             arena_printf(s->cli->arena, "%.*s/data", STR_ARG(directory))),
                  F_OK) == 0;
}

static bool move_embedded(struct server *s, struct str from, struct str to, struct error *err)
{
    struct secret *old = secret_create(embedded_url(s, from));
    struct secret *new = secret_create(embedded_url(s, to));
    struct destination_move m = {.account_id = s->workspace.id, .from = old, .to = new};
    bool ok = stored_destination_move(s->store, s->sealing, &m, err);
    secret_destroy(old);
    secret_destroy(new);
    return ok;
}

// The tables of the embedded destination move with the data directory: into one that was moved,
// or restored from a backup beside the one it was made of, nothing else may be loaded.
static bool follow_data_directory(struct server *s, struct str directory, struct error *err)
{
    struct str former;
    if (store_is_shared(s->store)) {
        return true; // each machine has a data directory of its own
    }
    if (!store_meta_get(s->store, "data_directory", s->cli->arena, &former, err)) {
        return false;
    }
    if (former.ptr && str_eq(former, directory)) {
        return true;
    }
    bool moved = former.ptr && (has_tables(s, directory) || !has_tables(s, former));
    return (!moved || move_embedded(s, former, directory, err)) &&
           store_meta_set(s->store, "data_directory", directory, err);
}

// A setting that was given is the default from now on; without one, the embedded default is made
// when there is none.
static bool prepare_destination(struct server *s, struct error *err)
{
    struct str url = s->settings->destination;
    struct arena *arena = s->cli->arena;
    struct stored_destination d = {.account_id = s->workspace.id};
    struct str directory = STR("");
    if (!find_data_directory(s, &directory, err) || !follow_data_directory(s, directory, err)) {
        return false;
    }
    if (url.len == 0) {
        if (stored_destination_default(s->store, s->workspace.id, arena, &d, err)) {
            return true;
        }
        if (err->code != ERR_NOT_FOUND) {
            return false;
        }
        url = embedded_url(s, directory);
    }
    if (!destination_url_check(url, err)) {
        return error_context(err, "--destination");
    }
    struct secret *secret = secret_create(url);
    bool ok = stored_destination_set_default(s->store, s->sealing, secret, &d, arena, err);
    secret_destroy(secret);
    return ok;
}

// ---- the first key

static bool admin_works(const struct api_key *all, size_t n, int64_t now_ms)
{
    for (size_t i = 0; i < n; i++) {
        const struct api_key *k = &all[i];
        if (k->scope == API_KEY_ADMIN && k->revoked_ms == 0 &&
            (k->expires_ms == 0 || k->expires_ms > now_ms)) {
            return true;
        }
    }
    return false;
}

static bool write_key_file(const char *path, struct str key, struct error *err)
{
    // Never over what is there: it may be the key that somebody uses.
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && write(fd, key.ptr, key.len) == (ssize_t)key.len &&
              write(fd, "\n", 1) == 1 && fsync(fd) == 0;
    int failure = errno;
    if (fd >= 0) {
        close(fd);
    }
    return ok || error_set(err, ERR_CONFIG,
                           "--first-key-file: the first API key cannot be written to %s: %s", path,
                           strerrordesc_np(failure));
}

static bool hand_over(struct server *s, const struct secret *key, struct error *err)
{
    struct str text = secret_reveal(key);
    if (s->settings->first_key_file.len > 0) {
        return write_key_file(arena_cstr(s->cli->arena, s->settings->first_key_file), text, err);
    }
    printf("API key: %.*s (shown once)\n", STR_ARG(text));
    return fflush(stdout) == 0 ||
           error_set(err, ERR_CONFIG, "the first API key cannot be written to standard output: %s",
                     strerrordesc_np(errno));
}

static bool make_first_key(struct server *s, struct error *err)
{
    struct api_key *all = NULL;
    size_t n = 0;
    int64_t now_ms = 0;
    if (!store_now_ms(s->store, &now_ms, err) ||
        !api_key_list(s->store, s->workspace.id, s->cli->arena, &all, &n, err)) {
        return false;
    }
    if (admin_works(all, n, now_ms)) {
        return true;
    }
    struct api_key key = {
        .name = STR("first"), .scope = API_KEY_ADMIN, .account_id = s->workspace.id};
    struct secret *secret = NULL;
    // Committed only when it has been handed over: a key that nobody knows would lock all out.
    if (!store_begin(s->store, err)) {
        return false;
    }
    bool ok =
        api_key_create(s->store, &key, s->cli->arena, &secret, err) && hand_over(s, secret, err);
    secret_destroy(secret);
    struct error ignored;
    return store_end(s->store, ok, ok ? err : &ignored) && ok;
}

// Servers that start at the same time over one new store must not each make a key.
static bool prepare_first_key(struct server *s, struct error *err)
{
    struct lease lease;
    if (!lease_take(s->store, STR("first-key"), s->id, s->cli->arena, &lease, err)) {
        return false;
    }
    if (!lease.held) {
        return true;
    }
    bool ok = make_first_key(s, err);
    struct error ignored;
    return lease_release(s->store, STR("first-key"), s->id, ok ? err : &ignored) && ok;
}

bool server_first_key(struct server *s, struct error *err)
{
    return s->is_worker || prepare_first_key(s, err);
}

bool server_prepare(struct server *s, struct error *err)
{
    if (!open_store(s, err)) {
        return false;
    }
    if (s->is_worker && !store_is_shared(s->store)) {
        return error_set(err, ERR_CONFIG,
                         "--store: a worker shares the store of a server, which only one in "
                         "PostgreSQL can be: --store postgres://...");
    }
    return s->is_worker || prepare_destination(s, err);
}
