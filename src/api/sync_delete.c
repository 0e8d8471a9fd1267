// DELETE /elt_syncs/{id}: runs end, then the tables go if that was asked for, then the rows; each
// step may be repeated when the next one fails.
#include "api/syncs.h"

#include "core/secret.h"
#include "destination/destination.h"
#include "source/hubspot/source_hubspot.h"
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

// Whether a stream of another sync may write to a table that streams share.
static bool is_shared(const struct stream_list *others, struct str table)
{
    for (size_t i = 0; i < others->n; i++) {
        const struct source_stream_info *info = source_hubspot_find(others->items[i].name);
        struct source_part part;
        if (info && source_stream_part(info, table, &part)) {
            return true;
        }
    }
    return false;
}

struct made {
    struct str *names, *tables;
    struct destination_part *parts;
    size_t n_tables, n_parts;
};

// What a stream has made; of a table that streams share only its rows are its own.
static void add_made(const struct elt_stream *stream, const struct stream_list *others,
                     struct made *m)
{
    const struct source_stream_info *info = source_hubspot_find(stream->name);
    for (size_t i = 0; i < stream->tables.n; i++) {
        struct str table = stream->tables.items[i];
        struct source_part part;
        if (info && m->n_parts < TABLES_MAX && source_stream_part(info, table, &part)) {
            m->parts[m->n_parts++] =
                (struct destination_part){table, part.column, part.value, is_shared(others, table)};
        } else if (m->n_tables < TABLES_MAX && !has(m->tables, m->n_tables, table)) {
            m->tables[m->n_tables++] = table;
        }
    }
}

static void list_made(const struct stream_list *streams, const struct stream_list *others,
                      struct arena *arena, struct destination_removal *ret)
{
    struct made m = {.names = ARENA_ARRAY(arena, struct str, streams->n),
                     .tables = ARENA_ARRAY(arena, struct str, TABLES_MAX),
                     .parts = ARENA_ARRAY(arena, struct destination_part, TABLES_MAX)};
    for (size_t i = 0; i < streams->n; i++) {
        m.names[i] = streams->items[i].name;
        add_made(&streams->items[i], others, &m);
    }
    *ret = (struct destination_removal){.streams = m.names,
                                        .n_streams = streams->n,
                                        .tables = m.tables,
                                        .n_tables = m.n_tables,
                                        .parts = m.parts,
                                        .n_parts = m.n_parts};
}

static bool drop_tables(struct api_call *c, const struct elt_sync *sync, struct error *err)
{
    struct stream_list streams;
    struct stream_list others;
    struct secret *url = NULL;
    if (!elt_stream_of_sync(c->store, sync->id, c->arena, &streams.items, &streams.n, err) ||
        !elt_stream_of_neighbours(c->store, sync, c->arena, &others, err) ||
        !stored_destination_url(c->store, c->sealing, sync->destination_id, &url, err)) {
        return false;
    }
    struct destination_removal removal;
    list_made(&streams, &others, c->arena, &removal);
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
    struct store_lock *lock = NULL;
    struct error err;
    if (!call_sync(c, &sync)) {
        return;
    }
    if (!disable(c, sync.id, &err)) {
        api_fail(c, &err);
        return;
    }
    if (!call_settle_runs(c, sync.id, STR("")) || !call_removal_enter(c, sync.id, &lock)) {
        return;
    }
    bool ok = !call_flag(c, "removeDataReferences") || drop_tables(c, &sync, &err);
    ok = ok && remove_rows(c, &sync, &err);
    store_lock_release(lock);
    if (!ok) {
        api_fail(c, &err);
        return;
    }
    api_none(c);
}
