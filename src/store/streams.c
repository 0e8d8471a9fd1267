#include "store/streams.h"

#include "data/json_writer.h"
#include "store/ids.h"
#include "store/schemas.h"
#include "store/sync_rows.h"

enum { LIST_TEXT_MAX = 8 * STREAM_LIST_BYTES_MAX }; // escapes make six bytes of one

// ---- lists of texts

static bool write_list(const struct text_list *list, const char *what, struct buf *out,
                       struct error *err)
{
    struct json_writer w;
    size_t bytes = 0;
    for (size_t i = 0; i < list->n; i++) {
        bytes += list->items[i].len;
    }
    if (list->n > STREAM_LIST_MAX || bytes > STREAM_LIST_BYTES_MAX) {
        return error_set(err, ERR_CONFIG, "%s: %zu texts of %zu bytes; at most %d of %d bytes",
                         what, list->n, bytes, STREAM_LIST_MAX, STREAM_LIST_BYTES_MAX);
    }
    buf_init(out, LIST_TEXT_MAX);
    json_writer_init(&w, out);
    json_begin_array(&w);
    for (size_t i = 0; i < list->n; i++) {
        json_put_str(&w, list->items[i]);
    }
    json_end_array(&w);
    assert(!out->overflow);
    return true;
}

static bool parse_list(struct str text, struct json_doc *doc, struct arena *arena,
                       struct text_list *ret)
{
    struct json root;
    struct json value;
    struct error ignored;
    if (!json_parse(doc, text, &root, &ignored) || json_type(root) != JSON_ARRAY) {
        return false;
    }
    *ret = (struct text_list){ARENA_ARRAY(arena, struct str, json_count(root)), 0};
    struct json_iter it = json_iter(root);
    while (json_next(&it, &value)) {
        struct str item;
        if (!json_string(value, &item)) {
            return false;
        }
        ret->items[ret->n++] = arena_dup(arena, item);
    }
    return true;
}

static struct text_list read_list(struct row *row)
{
    struct sql_value v = sql_column(row->st, row->at++);
    struct text_list list = {NULL, 0};
    if (v.type != SQL_TEXT || v.len > LIST_TEXT_MAX) {
        row->bad = true;
    } else if (!str_eq((struct str){v.ptr, v.len}, STR("[]"))) { // as most are
        struct json_doc *doc = json_doc_create();
        row->bad = !parse_list((struct str){v.ptr, v.len}, doc, row->arena, &list) || row->bad;
        json_doc_destroy(doc);
    }
    return row->bad ? (struct text_list){NULL, 0} : list;
}

bool stream_read(struct row *row, void *item, struct error *err)
{
    struct elt_stream *ret = item;
    struct elt_stream stream;
    stream.id = row_text(row);
    stream.account_id = row_text(row);
    stream.sync_id = row_text(row);
    stream.name = row_text(row);
    stream.incremental_pointer_id = row_text(row);
    stream.full_sync_always = row_bool(row);
    stream.full_sync_at_midnight = row_bool(row);
    stream.protected_from_full_sync = row_bool(row);
    stream.enabled_history_table = row_bool(row);
    stream.excluded_columns = read_list(row);
    stream.hashed_columns = read_list(row);
    stream.excluded_substreams = read_list(row);
    stream.full_refresh_ms = row_int(row);
    stream.reset_history = row_bool(row);
    stream.last_completed_ms = row_int(row);
    stream.last_full_ms = row_int(row);
    stream.last_status = row_text(row);
    stream.tables = read_list(row);
    stream.created_ms = row_int(row);
    stream.updated_ms = row_int(row);
    *ret = stream;
    return row_check(row, "stream", stream.id, err);
}

// ---- adding and changing

enum { LISTS = 3 };

// All that a caller does not say stays as it is.
static bool upsert(struct store *s, const struct elt_stream *t, const struct buf lists[LISTS],
                   struct arena *arena, struct elt_stream *ret, struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "INSERT INTO elt_stream (id, account_id, sync_id, name, incremental_pointer_id,"
        " full_sync_always, full_sync_at_midnight, protected_from_full_sync, excluded_columns,"
        " hashed_columns, excluded_substreams, full_refresh_ms, last_completed_ms, last_full_ms,"
        " last_status, tables, created_ms, updated_ms, schema_key, enabled_history_table,"
        " reset_history)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, 0, 0, '', '[]', $12, $12,"
        " (SELECT schema_key FROM elt_sync WHERE id = $3), $13, 0)"
        " ON CONFLICT (sync_id, name) DO UPDATE SET"
        " incremental_pointer_id = excluded.incremental_pointer_id,"
        " full_sync_always = excluded.full_sync_always,"
        " full_sync_at_midnight = excluded.full_sync_at_midnight,"
        " protected_from_full_sync = excluded.protected_from_full_sync,"
        " enabled_history_table = excluded.enabled_history_table,"
        " excluded_columns = excluded.excluded_columns,"
        " hashed_columns = excluded.hashed_columns,"
        " excluded_substreams = excluded.excluded_substreams, updated_ms = excluded.updated_ms");
    static const struct str READ = STR_INIT("SELECT " STREAM_COLUMNS " FROM elt_stream t"
                                            " WHERE t.sync_id = $1 AND t.name = $2");
    struct sql_value args[] = {
        sql_text(t->id),
        sql_text(t->account_id),
        sql_text(t->sync_id),
        sql_text(t->name),
        sql_text(t->incremental_pointer_id.ptr ? t->incremental_pointer_id : STR("")),
        sql_int(t->full_sync_always),
        sql_int(t->full_sync_at_midnight),
        sql_int(t->protected_from_full_sync),
        sql_text(buf_str(&lists[0])),
        sql_text(buf_str(&lists[1])),
        sql_text(buf_str(&lists[2])),
        sql_int(t->updated_ms),
        sql_int(t->enabled_history_table),
    };
    bool found = false;
    bool ok = rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, NULL, err) &&
              rows_find(s, &(struct statement){READ, &args[2], 2},
                        &(struct row_reader){arena, stream_read}, ret, &found, err);
    assert(!ok || found);
    return ok;
}

// A time of its own within the sync, so that streams which are added together are listed in the
// order in which they were: those of one millisecond would be in that of their ids. The sync is
// locked.
static bool place_behind(struct store *s, struct str sync_id, int64_t *at_ms, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT max(created_ms) FROM elt_stream WHERE sync_id = $1");
    struct sql_value args[] = {sql_text(sync_id)};
    int64_t last_ms = 0;
    if (!rows_number(s, &(struct statement){TEXT, args, 1}, 0, &last_ms, err)) {
        return false;
    }
    *at_ms = MAX(*at_ms, last_ms + 1);
    return true;
}

static bool put(struct store *s, struct elt_stream *stream, struct arena *arena, struct error *err)
{
    struct buf lists[LISTS] = {{0}};
    struct elt_stream t = *stream;
    bool ok = write_list(&t.excluded_columns, "excluded_columns", &lists[0], err) &&
              write_list(&t.hashed_columns, "hashed_columns", &lists[1], err) &&
              write_list(&t.excluded_substreams, "excluded_substreams", &lists[2], err) &&
              elt_sync_lock(s, t.account_id, t.sync_id, err) && store_now_ms(s, &t.updated_ms, err);
    ok = ok && schema_claim(s, &t, err) && place_behind(s, t.sync_id, &t.updated_ms, err);
    t.id = id_make(arena);
    ok = ok && upsert(s, &t, lists, arena, stream, err);
    for (size_t i = 0; i < LISTS; i++) {
        buf_done(&lists[i]);
    }
    return ok;
}

bool elt_stream_put(struct store *s, struct elt_stream *stream, struct arena *arena,
                    struct error *err)
{
    struct elt_stream made = *stream;
    if (!store_begin(s, err) || !store_end(s, put(s, &made, arena, err), err)) {
        return false;
    }
    *stream = made;
    return true;
}

bool elt_stream_mark_full(struct store *s, struct str account_id, struct str id,
                          struct full_mark mark, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("UPDATE elt_stream SET full_refresh_ms = $1, reset_history = $2,"
                 " updated_ms = $3 WHERE id = $4 AND account_id = $5");
    int64_t now_ms = 0;
    assert(mark.at_ms != 0 || !mark.reset_history);
    if (!id_check(id)) {
        return rows_missing(err, "stream", id);
    }
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(mark.at_ms), sql_int(mark.reset_history), sql_int(now_ms),
                               sql_text(id), sql_text(account_id)};
    return rows_run_one(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, "stream", id, err);
}

bool elt_stream_set_tables(struct store *s, struct str id, const struct text_list *tables,
                           struct error *err)
{
    static const struct str TEXT = STR_INIT("UPDATE elt_stream SET tables = $1 WHERE id = $2");
    struct buf list = {0};
    if (!write_list(tables, "tables", &list, err)) {
        return false;
    }
    struct sql_value args[] = {sql_text(buf_str(&list)), sql_text(id)};
    bool ok = rows_run_one(s, &(struct statement){TEXT, args, 2}, "stream", id, err);
    buf_done(&list);
    return ok;
}

// ---- looking

bool elt_stream_find(struct store *s, struct str account_id, struct str id, struct arena *arena,
                     struct elt_stream *ret, struct error *err)
{
    static const struct str TEXT = STR_INIT("SELECT " STREAM_COLUMNS " FROM elt_stream t"
                                            " WHERE t.id = $1 AND t.account_id = $2");
    struct sql_value args[] = {sql_text(id), sql_text(account_id)};
    bool found = false;
    if (!id_check(id)) {
        return rows_missing(err, "stream", id);
    }
    return rows_find(s, &(struct statement){TEXT, args, ARRAY_LEN(args)},
                     &(struct row_reader){arena, stream_read}, ret, &found, err) &&
           (found || rows_missing(err, "stream", id));
}

static bool list_streams(struct store *s, const struct statement *st, struct arena *arena,
                         struct elt_stream **ret, size_t *ret_n, struct error *err)
{
    struct row_list list = {.arena = arena, .size = sizeof(struct elt_stream), .read = stream_read};
    if (!rows_list(s, st, &list, err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}

bool elt_stream_list(struct store *s, const struct page_query *q, struct arena *arena,
                     struct elt_stream **ret, size_t *ret_n, struct error *err)
{
#define LIST_HEAD                                                                                  \
    "SELECT " STREAM_COLUMNS " FROM elt_stream t WHERE t.account_id = $1 AND"                      \
    " (t.created_ms, t.id) < ($2, $3)"
#define LIST_ORDER " ORDER BY t.created_ms DESC, t.id DESC LIMIT "
    static const struct str ALL = STR_INIT(LIST_HEAD LIST_ORDER "$4");
    static const struct str OF_ONE = STR_INIT(LIST_HEAD " AND t.sync_id = $4" LIST_ORDER "$5");
    if (!rows_check_place(&q->after, err)) {
        return false;
    }
    bool start = q->after.id.len == 0;
    struct sql_value args[5] = {sql_text(q->account_id),
                                sql_int(start ? INT64_MAX : q->after.at_ms),
                                sql_text(start ? STR("") : q->after.id)};
    size_t n = 3;
    if (q->owner_id.len > 0) {
        args[n++] = sql_text(q->owner_id);
    }
    args[n++] = sql_int((int64_t)q->max + 1);
    struct statement st = {q->owner_id.len > 0 ? OF_ONE : ALL, args, n};
    return list_streams(s, &st, arena, ret, ret_n, err);
}

bool elt_stream_of_sync(struct store *s, struct str sync_id, struct arena *arena,
                        struct elt_stream **ret, size_t *ret_n, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " STREAM_COLUMNS " FROM elt_stream t WHERE t.sync_id = $1"
                 " ORDER BY t.created_ms, t.id");
    struct sql_value args[] = {sql_text(sync_id)};
    return list_streams(s, &(struct statement){TEXT, args, 1}, arena, ret, ret_n, err);
}

bool elt_stream_of_syncs(struct store *s, const struct elt_sync *syncs, size_t n_syncs,
                         struct arena *arena, struct stream_list *ret, struct error *err)
{
    struct stream_list list = {NULL, 0};
    if (n_syncs == 0) {
        *ret = list;
        return true;
    }
    struct sql_value *args = ARENA_ARRAY(arena, struct sql_value, n_syncs);
    for (size_t i = 0; i < n_syncs; i++) {
        args[i] = sql_text(syncs[i].id);
    }
    struct str text = arena_printf(arena,
                                   "SELECT " STREAM_COLUMNS " FROM elt_stream t WHERE t.sync_id IN"
                                   " (%.*s) ORDER BY t.sync_id, t.created_ms, t.id",
                                   STR_ARG(rows_params(1, n_syncs, arena)));
    struct statement st = {text, args, n_syncs};
    if (!list_streams(s, &st, arena, &list.items, &list.n, err)) {
        return false;
    }
    *ret = list;
    return true;
}

bool elt_stream_of_neighbours(struct store *s, const struct elt_sync *sync, struct arena *arena,
                              struct stream_list *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT " STREAM_COLUMNS " FROM elt_stream t WHERE t.schema_key = $1 AND"
                 " t.sync_id <> $2 ORDER BY t.created_ms, t.id");
    struct sql_value args[] = {sql_text(sync->schema_key), sql_text(sync->id)};
    struct stream_list list = {NULL, 0};
    if (!list_streams(s, &(struct statement){TEXT, args, 2}, arena, &list.items, &list.n, err)) {
        return false;
    }
    *ret = list;
    return true;
}

// ---- locking

static bool read_found(struct row *row, void *item, struct error *err)
{
    *(int64_t *)item = row_int(row);
    return row_check(row, "stream", STR(""), err);
}

bool streams_lock(struct store *s, const char *where, const struct sql_value *args, size_t n,
                  struct error *err)
{
    struct arena arena;
    if (!store_is_shared(s)) {
        return true; // nobody else writes
    }
    arena_init(&arena, 16 * 1024 * 1024);
    struct row_list found = {.arena = &arena, .size = sizeof(int64_t), .read = read_found};
    struct statement st = {arena_printf(&arena,
                                        "SELECT 1 FROM elt_stream t WHERE %s"
                                        " ORDER BY t.created_ms, t.id FOR UPDATE",
                                        where),
                           args, n};
    bool ok = rows_list(s, &st, &found, err);
    arena_done(&arena);
    return ok;
}
