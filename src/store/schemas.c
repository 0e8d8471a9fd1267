#include "store/schemas.h"

#include "store/sync_rows.h"

#include <sodium.h>

enum { KEY_BYTES = 16, LOCK_NAME_MAX = 64, WORK_ARENA_MAX = 1024 * 1024 };

// ---- the key

static void hash_lower(crypto_generichash_state *state, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        unsigned char folded = (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
        crypto_generichash_update(state, &folded, 1);
    }
}

static struct str make_key(struct str url, const struct elt_sync *sync, struct arena *arena)
{
    static const unsigned char BETWEEN[1] = {0};
    crypto_generichash_state state;
    unsigned char hash[KEY_BYTES];
    char *text = arena_alloc(arena, 2 * KEY_BYTES + 1);
    crypto_generichash_init(&state, NULL, 0, sizeof hash);
    crypto_generichash_update(&state, (const unsigned char *)url.ptr, url.len);
    crypto_generichash_update(&state, BETWEEN, 1);
    hash_lower(&state, sync->one_schema ? STR("") : sync->schema_name);
    crypto_generichash_final(&state, hash, sizeof hash);
    sodium_bin2hex(text, 2 * KEY_BYTES + 1, hash, sizeof hash);
    return (struct str){text, 2 * (size_t)KEY_BYTES};
}

static bool read_one(struct row *row, void *item, struct error *err)
{
    struct str *ret = item;
    *ret = row_text(row);
    return row_check(row, "sync", STR(""), err);
}

static bool find_key(struct store *s, const struct elt_sync *sync, struct arena *arena,
                     struct str *ret, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT url_shown FROM destination WHERE id = $1");
    struct sql_value args[] = {sql_text(sync->destination_id)};
    struct str url = STR("");
    bool found = false;
    if (!rows_find(s, &(struct statement){TEXT, args, 1}, &(struct row_reader){arena, read_one},
                   &url, &found, err)) {
        return false;
    }
    *ret = make_key(url, sync, arena);
    return true;
}

// ---- who is there

// Those who ask for the same schema do so one after another, so that of several at once each sees
// what the others have made.
static bool exclude_others(struct store *s, struct str key, struct error *err)
{
    char name[LOCK_NAME_MAX];
    snprintf(name, sizeof name, "schema-%.*s", STR_ARG(key));
    return store_exclude_others(s, name, err);
}

bool elt_sync_neighbour(struct store *s, const struct elt_sync *sync, struct arena *arena,
                        struct elt_sync *ret, bool *ret_found, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " SYNC_COLUMNS " FROM elt_sync s" SYNC_JOINS
                 " WHERE s.schema_key = $1 AND s.id <> $2 ORDER BY s.created_ms, s.id LIMIT 1");
    struct sql_value args[] = {sql_text(sync->schema_key), sql_text(sync->id)};
    return exclude_others(s, sync->schema_key, err) &&
           rows_find(s, &(struct statement){TEXT, args, ARRAY_LEN(args)},
                     &(struct row_reader){arena, sync_read}, ret, ret_found, err);
}

// Those that are there agree with each other, so that one of them speaks for all.
static bool check_neighbour(const struct elt_sync *sync, const struct elt_sync *other,
                            struct error *err)
{
    if (!str_eq(sync->connection_id, other->connection_id)) {
        return error_set(
            err, ERR_CONFLICT,
            "sync %.*s loads connection %.*s into schema \"%.*s\" of this destination, "
            "and the data of connection %.*s would mix with it; choose another "
            "destination_schema_name",
            STR_ARG(other->id), STR_ARG(other->connection_id), STR_ARG(other->schema_name),
            STR_ARG(sync->connection_id));
    }
    return sync->one_schema || str_eq(sync->schema_name, other->schema_name) ||
           error_set(
               err, ERR_CONFLICT,
               "destination_schema_name is \"%.*s\", and sync %.*s loads into \"%.*s\": names "
               "that differ only in case are one schema in some databases; spell it like "
               "that to load into the same one, or choose another name",
               STR_ARG(sync->schema_name), STR_ARG(other->id), STR_ARG(other->schema_name));
}

bool schema_enter(struct store *s, struct elt_sync *sync, struct arena *arena, struct error *err)
{
    struct elt_sync other = {.one_schema = false};
    bool found = false;
    return find_key(s, sync, arena, &sync->schema_key, err) &&
           elt_sync_neighbour(s, sync, arena, &other, &found, err) &&
           (!found || check_neighbour(sync, &other, err));
}

// ---- streams

struct claim {
    struct str key;
    struct str schema_name;
    struct elt_stream owner; // id empty: nobody has it
};

static bool read_key(struct row *row, void *item, struct error *err)
{
    struct claim *ret = item;
    ret->key = row_text(row);
    ret->schema_name = row_text(row);
    return row_check(row, "sync", ret->key, err);
}

static bool find_owner(struct store *s, const struct elt_stream *stream, struct arena *arena,
                       struct claim *ret, struct error *err)
{
    static const struct str KEY =
        STR_INIT("SELECT schema_key, schema_name FROM elt_sync WHERE id = $1");
    static const struct str OWNER =
        STR_INIT("SELECT " STREAM_COLUMNS " FROM elt_stream t WHERE t.schema_key = $1 AND"
                 " t.name = $2 AND t.sync_id <> $3");
    struct sql_value sync[] = {sql_text(stream->sync_id)};
    bool found = false;
    if (!rows_find(s, &(struct statement){KEY, sync, 1}, &(struct row_reader){arena, read_key}, ret,
                   &found, err)) {
        return false;
    }
    assert(found);
    struct sql_value args[] = {sql_text(ret->key), sql_text(stream->name),
                               sql_text(stream->sync_id)};
    return exclude_others(s, ret->key, err) &&
           rows_find(s, &(struct statement){OWNER, args, ARRAY_LEN(args)},
                     &(struct row_reader){arena, stream_read}, &ret->owner, &found, err);
}

bool schema_claim(struct store *s, const struct elt_stream *stream, struct error *err)
{
    struct arena arena;
    struct claim c = {.owner = {.id = STR("")}};
    arena_init(&arena, WORK_ARENA_MAX);
    bool ok = find_owner(s, stream, &arena, &c, err) &&
              (c.owner.id.len == 0 ||
               error_set(err, ERR_CONFLICT,
                         "sync %.*s loads stream \"%.*s\" into schema \"%.*s\" already, and two "
                         "syncs must not write one table; take it out of that sync first (DELETE "
                         "/elt_streams/%.*s), or leave it there",
                         STR_ARG(c.owner.sync_id), STR_ARG(stream->name), STR_ARG(c.schema_name),
                         STR_ARG(c.owner.id)));
    arena_done(&arena);
    return ok;
}
