#include "store/key_loss.h"

#include "store/connections.h"
#include "store/destinations.h"
#include "store/leases.h"
#include "store/rows.h"
#include "store/workspaces.h"

enum {
    SILENT_MS = 60 * 1000, // a worker that has not been heard of for so long is gone
    ARENA_MAX = 8 * 1024 * 1024,
    LOCK_WAIT_MS = 30000,
};

static bool run(struct store *s, const char *text, int64_t now_ms, int64_t *ret_changed,
                struct error *err)
{
    struct sql_value args[] = {sql_int(now_ms)};
    uint64_t changed = 0;
    if (!rows_run(s, &(struct statement){str_from(text), args, strstr(text, "$1") != NULL},
                  &changed, err)) {
        return false;
    }
    *ret_changed = (int64_t)changed;
    return true;
}

// ---- whether it may be

static bool check_lost(struct store *s, struct sealing *sealing, struct str key_id,
                       struct arena *arena, struct error *err)
{
    struct str stored;
    if (sealing_check(sealing, err)) {
        return error_set(err, ERR_USAGE,
                         "the key that the store is sealed with is at hand, so nothing has to be "
                         "given up; sluice keys rotate seals with a new one");
    }
    if (err->code != ERR_KEY || !store_meta_get(s, "key_id", arena, &stored, err)) {
        return false;
    }
    return str_eq(stored, key_id) ||
           error_set(err, ERR_USAGE,
                     "the store is sealed with key %.*s, not with %.*s; give the id of the key "
                     "that is lost",
                     STR_ARG(stored), STR_ARG(str_sub(key_id, 0, 64)));
}

// A file's one server is known by its lock; those that share a database beat there.
static bool check_idle(struct store *s, struct arena *arena, struct error *err)
{
    struct worker_row *rows = NULL;
    size_t n = 0;
    int64_t now_ms = 0;
    if (!store_is_shared(s)) {
        return true;
    }
    if (!store_now_ms(s, &now_ms, err) || !worker_list(s, arena, &rows, &n, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (now_ms - rows[i].seen_ms < SILENT_MS) {
            return error_set(err, ERR_STORE_BUSY,
                             "process %lld on %.*s works with this store, or did within the last "
                             "minute, and has the key; stop it first",
                             (long long)rows[i].pid, STR_ARG(rows[i].host));
        }
    }
    return true;
}

// ---- what is given up, and what is not

// Without a password in it the URL that is shown is the URL.
static bool keep_destinations(struct store *s, struct sealing *sealing, struct arena *arena,
                              int64_t *ret_lost, struct error *err)
{
    struct workspace w;
    struct stored_destination *all = NULL;
    size_t n = 0;
    if (!workspace_prepare(s, arena, &w, err) ||
        !stored_destination_list(s, w.id, arena, &all, &n, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (str_find(all[i].url_shown, STR("***")) >= 0) {
            ++*ret_lost;
            continue;
        }
        struct secret *url = secret_create(all[i].url_shown);
        bool ok = stored_destination_restore(s, sealing, all[i].id, url, err);
        secret_destroy(url);
        if (!ok) {
            return false;
        }
    }
    return true;
}

static bool give_up(struct store *s, struct sealing *sealing, struct arena *arena,
                    struct key_loss *ret, struct error *err)
{
    int64_t now_ms = 0;
    int64_t secrets = 0;
    return store_exclude_others(s, "sealing", err) && store_now_ms(s, &now_ms, err) &&
           run(s, "DELETE FROM secret", now_ms, &secrets, err) &&
           run(s, "UPDATE connection SET state = 'needs_reauthorization', updated_ms = $1", now_ms,
               &ret->connections, err) &&
           run(s,
               "UPDATE elt_stream SET full_refresh_ms = $1 WHERE hashed_columns <> '[]' AND"
               " protected_from_full_sync = 0",
               now_ms, &ret->streams, err) &&
           keep_destinations(s, sealing, arena, &ret->destinations, err);
}

bool key_loss_accept(struct store *s, struct sealing *sealing, struct str key_id,
                     struct key_loss *ret, struct error *err)
{
    struct key_loss loss = {0};
    struct store_lock *instance = NULL;
    struct store_lock *keys = NULL;
    struct arena arena;
    arena_init(&arena, ARENA_MAX);
    bool ok = store_instance_take(s, &instance, err) &&
              store_lock_take(s, STR("keys"), LOCK_WAIT_MS, &keys, err) &&
              check_lost(s, sealing, key_id, &arena, err) && check_idle(s, &arena, err) &&
              store_begin(s, err) && store_end(s, give_up(s, sealing, &arena, &loss, err), err);
    store_lock_release(keys);
    store_lock_release(instance);
    arena_done(&arena);
    if (ok) {
        *ret = loss;
    }
    return ok;
}
