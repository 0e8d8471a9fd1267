// DELETE /elt_syncs/{id}: runs end, then the tables go if that was asked for, then the rows; each
// step may be repeated when the next one fails.
#include "api/syncs.h"

#include "core/secret.h"
#include "destination/destination.h"
#include "store/destinations.h"

enum { TABLES_MAX = 10000 };

// From here on nothing new is scheduled.
static bool disable(struct api_call *c, struct str id, struct error *err)
{
    if (!store_begin(c->store, err)) {
        return false;
    }
    bool ok = elt_sync_enable(c->store, c->account_id, id, false, 0, err);
    return store_end(c->store, ok, err) && ok;
}

static bool remove_rows(struct api_call *c, const struct elt_sync *sync, struct error *err)
{
    if (!store_begin(c->store, err)) {
        return false;
    }
    bool ok = elt_sync_remove(c->store, c->account_id, sync->id, err) &&
              sync_tell(c, "sync.deleted", sync, err);
    return store_end(c->store, ok, err) && ok;
}

static bool has(const struct str *items, size_t n, struct str wanted)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(items[i], wanted)) {
            return true;
        }
    }
    return false;
}

// What the sync's streams have made; streams of a kind share a table.
static void list_made(const struct elt_stream *streams, size_t n, struct arena *arena,
                      struct destination_removal *ret)
{
    struct str *names = ARENA_ARRAY(arena, struct str, n);
    struct str *tables = ARENA_ARRAY(arena, struct str, TABLES_MAX);
    size_t n_tables = 0;
    for (size_t i = 0; i < n; i++) {
        const struct text_list *made = &streams[i].tables;
        names[i] = streams[i].name;
        for (size_t j = 0; j < made->n && n_tables < TABLES_MAX; j++) {
            if (!has(tables, n_tables, made->items[j])) {
                tables[n_tables++] = made->items[j];
            }
        }
    }
    *ret = (struct destination_removal){names, n, tables, n_tables};
}

static bool drop_tables(struct api_call *c, const struct elt_sync *sync, struct error *err)
{
    struct elt_stream *streams = NULL;
    size_t n = 0;
    struct secret *url = NULL;
    if (!elt_stream_of_sync(c->store, sync->id, c->arena, &streams, &n, err) ||
        !stored_destination_url(c->store, c->sealing, sync->destination_id, &url, err)) {
        return false;
    }
    struct destination_removal removal;
    list_made(streams, n, c->arena, &removal);
    struct destination_options options = {
        .url = secret_reveal(url),
        .schema = sync->schema_name,
        .metadata = {.synced = STR_INIT("_sluice_synced")}, // any: no rows are written
        .clock = c->site->clock,
    };
    bool ok = destination_drop(&options, &removal, err);
    secret_destroy(url);
    return ok || error_context(err, "the sync is disabled, and its tables could not be removed");
}

void delete_sync(struct api_call *c)
{
    struct elt_sync sync;
    struct error err;
    if (!call_sync(c, &sync)) {
        return;
    }
    if (!disable(c, sync.id, &err)) {
        api_fail(c, &err);
        return;
    }
    if (!call_settle_runs(c, sync.id, STR(""))) {
        return;
    }
    bool ok = !call_flag(c, "removeDataReferences") || drop_tables(c, &sync, &err);
    if (!ok || !remove_rows(c, &sync, &err)) {
        api_fail(c, &err);
        return;
    }
    api_none(c);
}
