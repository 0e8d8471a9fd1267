// Syncs and streams that go, with all that hangs on them. One walk: a stream's is a part of its
// sync's.
#include "store/ids.h"
#include "store/sync_rows.h"

// Of a sync, or of one of its streams.
struct removal {
    struct str sync_id;
    struct str stream_id; // empty: the whole sync
};

static bool remove_rows(struct store *s, const struct removal *r, struct error *err)
{
    // With an empty $2 of all its streams.
    static const struct str TEXTS[] = {
        STR_INIT("DELETE FROM event WHERE sync_id = $1 AND ($2 = '' OR stream_id = $2)"),
        STR_INIT("DELETE FROM stream_run WHERE stream_id IN (SELECT id FROM elt_stream"
                 " WHERE sync_id = $1 AND ($2 = '' OR id = $2))"),
        STR_INIT("DELETE FROM elt_stream WHERE sync_id = $1 AND ($2 = '' OR id = $2)"),
        STR_INIT("DELETE FROM elt_sync WHERE id = $1 AND $2 = ''"),
    };
    struct sql_value args[] = {sql_text(r->sync_id), sql_text(r->stream_id)};
    bool ok = true;
    for (size_t i = 0; ok && i < ARRAY_LEN(TEXTS); i++) {
        ok = rows_run(s, &(struct statement){TEXTS[i], args, ARRAY_LEN(args)}, NULL, err);
    }
    return ok;
}

// What is to go is locked. *ret_running > 0: it stays, and its runs have been told to end.
static bool end_and_remove(struct store *s, const struct removal *r, size_t *ret_running,
                           struct error *err)
{
    struct run_owner of = {.sync_id = r->sync_id, .stream_id = r->stream_id};
    return stream_run_cancel_all(s, &of, ret_running, err) &&
           (*ret_running > 0 || remove_rows(s, r, err));
}

static bool still_running(const char *what, struct str id, size_t n, struct error *err)
{
    return error_set(err, ERR_CONFLICT,
                     "%s %.*s has %zu runs under way; they have been told to end, try again when "
                     "they have",
                     what, STR_ARG(id), n);
}

bool elt_sync_remove(struct store *s, struct str account_id, struct str id, struct error *err)
{
    struct removal r = {.sync_id = id, .stream_id = STR("")};
    size_t running = 0;
    if (!store_begin(s, err) ||
        !store_end(s, elt_sync_lock(s, account_id, id, err) && end_and_remove(s, &r, &running, err),
                   err)) {
        return false;
    }
    return running == 0 || still_running("sync", id, running, err);
}

static bool remove_stream(struct store *s, struct str account_id, struct str id,
                          struct arena *arena, size_t *ret_running, struct error *err)
{
    struct sql_value args[] = {sql_text(id)};
    struct elt_stream stream;
    if (!streams_lock(s, "t.id = $1", args, 1, err) ||
        !elt_stream_find(s, account_id, id, arena, &stream, err)) {
        return false;
    }
    struct removal r = {.sync_id = stream.sync_id, .stream_id = id};
    return end_and_remove(s, &r, ret_running, err);
}

bool elt_stream_remove(struct store *s, struct str account_id, struct str id, struct error *err)
{
    struct arena arena;
    size_t running = 0;
    if (!id_check(id)) {
        return rows_missing(err, "stream", id);
    }
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, 16 * 1024 * 1024);
    bool ok = remove_stream(s, account_id, id, &arena, &running, err);
    arena_done(&arena);
    if (!store_end(s, ok, err)) {
        return false;
    }
    return running == 0 || still_running("stream", id, running, err);
}
