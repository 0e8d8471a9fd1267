// Asking for runs: of one stream, of syncs that are due, of what waited for a grant.
#include "store/ids.h"
#include "store/sync_rows.h"

enum {
    // Rows in one statement: each statement is a way to a server; SQLite looks each parameter up
    // among all before it.
    SHARED_AT_ONCE = 250,
    FILE_AT_ONCE = 40,
    LIST_ARENA_MAX = 256 * 1024 * 1024,
};

static const int64_t TIME_LAST_MS = INT64_C(253402300799999); // of the year 9999

// A stream that is to have a run, and where its former ones stand.
struct candidate {
    struct str stream_id, sync_id, account_id, connection_id;
    int64_t last_requested_ms; // 0: there is none
    int64_t turn;
};

static bool read_candidate(struct row *row, void *item, struct error *err)
{
    struct candidate *ret = item;
    struct candidate c = {.turn = 0};
    c.stream_id = row_text(row);
    c.sync_id = row_text(row);
    c.account_id = row_text(row);
    c.connection_id = row_text(row);
    c.last_requested_ms = row_int(row);
    *ret = c;
    return row_check(row, "stream", c.stream_id, err);
}

// ---- turns

// Which round of all connections a new run belongs to: a connection's runs are in one round each,
// and nobody's are in one that is over (max(turn) of those taken). Taken in this order, connections
// are served in turn, however many runs one of them has waiting.
struct round {
    struct str connection_id;
    int64_t next;
};

static bool read_round(struct row *row, void *item, struct error *err)
{
    struct round *ret = item;
    ret->connection_id = row_text(row);
    ret->next = row_int(row) + 1;
    return row_check(row, "queue", STR(""), err);
}

static struct round *round_of(struct round *rounds, size_t n, struct str connection_id)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(rounds[i].connection_id, connection_id)) {
            return &rounds[i];
        }
    }
    return NULL;
}

// The connections of the candidates, each once.
static struct round *rounds_of(const struct candidate *all, size_t n, struct arena *arena,
                               size_t *ret_n)
{
    struct round *rounds = ARENA_ARRAY(arena, struct round, n);
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (!round_of(rounds, k, all[i].connection_id)) {
            rounds[k++] = (struct round){all[i].connection_id, 0};
        }
    }
    *ret_n = k;
    return rounds;
}

static bool find_rounds(struct store *s, struct round *rounds, size_t n, struct arena *arena,
                        struct error *err)
{
    struct sql_value *args = ARENA_ARRAY(arena, struct sql_value, n);
    for (size_t i = 0; i < n; i++) {
        args[i] = sql_text(rounds[i].connection_id);
    }
    struct row_list found = {.arena = arena, .size = sizeof(struct round), .read = read_round};
    struct statement last = {
        arena_printf(arena,
                     "SELECT c.name, COALESCE((SELECT max(r.turn) FROM stream_run r"
                     " WHERE r.connection_id = c.name), -1) FROM connection c"
                     " WHERE c.name IN (%.*s)",
                     STR_ARG(rows_params(1, n, arena))),
        args, n};
    struct statement over = {STR("SELECT max(turn) FROM stream_run WHERE taken = 1"), NULL, 0};
    int64_t over_turn = 0;
    if (!rows_list(s, &last, &found, err) || !rows_number(s, &over, 0, &over_turn, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct round *mine = round_of(found.items, found.n, rounds[i].connection_id);
        rounds[i].next = MAX(over_turn, mine ? mine->next : 0);
    }
    return true;
}

static bool give_turns(struct store *s, struct candidate *all, size_t n, struct arena *arena,
                       struct error *err)
{
    size_t n_rounds = 0;
    struct round *rounds = rounds_of(all, n, arena, &n_rounds);
    if (!find_rounds(s, rounds, n_rounds, arena, err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct round *mine = round_of(rounds, n_rounds, all[i].connection_id);
        assert(mine);
        all[i].turn = mine->next++;
    }
    return true;
}

// ---- writing

// What the runs of one call have in common.
struct request {
    struct arena *arena;
    int64_t now_ms;
    int64_t not_before_ms; // 0: at once
    bool by_user;
};

// The streams are locked and have no active run. `ids` are filled.
static bool insert_runs(struct store *s, const struct request *q, const struct candidate *streams,
                        size_t n, struct str *ids, struct error *err)
{
    enum { COLUMNS = 12 };
    struct sql_value *args = ARENA_ARRAY(q->arena, struct sql_value, n * COLUMNS);
    for (size_t i = 0; i < n; i++) {
        int64_t requested_ms = MAX(q->now_ms, streams[i].last_requested_ms + 1);
        if (requested_ms <= 0 || requested_ms > TIME_LAST_MS) {
            return error_set(err, ERR_STORE, "store: the clock says %lld ms since 1970; set it",
                             (long long)requested_ms);
        }
        ids[i] = run_id_make(streams[i].stream_id, requested_ms, q->arena);
        struct sql_value row[COLUMNS] = {
            sql_text(ids[i]),
            sql_text(streams[i].account_id),
            sql_text(streams[i].sync_id),
            sql_text(streams[i].stream_id),
            sql_text(streams[i].connection_id),
            sql_text(str_from(run_status_stored(RUN_SCHEDULED))),
            sql_int(1),
            sql_int(requested_ms),
            sql_int(q->not_before_ms ? q->not_before_ms : q->now_ms),
            sql_int(q->by_user),
            sql_int(streams[i].turn),
            sql_int(q->now_ms),
        };
        memcpy(&args[i * COLUMNS], row, sizeof row);
    }
    struct rows_insertion in = {
        .head = "INSERT INTO stream_run (id, account_id, sync_id, stream_id, connection_id, status,"
                " active, requested_ms, not_before_ms, by_user, turn, updated_ms)",
        .tail = "",
        .args = args,
        .columns = COLUMNS,
        .n = n,
    };
    return rows_insert(s, &in, NULL, err);
}

static bool tell_all(struct store *s, const struct request *q, const struct candidate *streams,
                     size_t n, const struct str *ids, struct error *err)
{
    struct stored_event *events = ARENA_ARRAY(q->arena, struct stored_event, n);
    for (size_t i = 0; i < n; i++) {
        events[i] = (struct stored_event){
            .account_id = streams[i].account_id,
            .kind = STR("run.scheduled"),
            .connection_id = streams[i].connection_id,
            .sync_id = streams[i].sync_id,
            .stream_id = streams[i].stream_id,
            .run_id = ids[i],
            .data = q->by_user ? STR("{\"status\":\"SCHEDULED\",\"by_user\":true}")
                               : STR("{\"status\":\"SCHEDULED\",\"by_user\":false}")};
    }
    return events_add(s, events, n, err);
}

// All runs before all events, since locks are taken in that order.
static bool add_runs(struct store *s, struct request *q, struct candidate *streams, size_t n,
                     struct str *ids, struct error *err)
{
    size_t most = store_is_shared(s) ? SHARED_AT_ONCE : FILE_AT_ONCE;
    bool ok = store_now_ms(s, &q->now_ms, err) && give_turns(s, streams, n, q->arena, err);
    for (size_t at = 0; ok && at < n; at += most) {
        size_t some = MIN(n - at, most);
        ok = insert_runs(s, q, streams + at, some, ids + at, err);
    }
    for (size_t at = 0; ok && at < n; at += most) {
        size_t some = MIN(n - at, most);
        ok = tell_all(s, q, streams + at, some, ids + at, err);
    }
    return ok;
}

// ---- many streams

// Which streams t.
struct choice {
    const char *where;
    const struct sql_value *args;
    size_t n;
};

static bool request_many(struct store *s, const struct choice *which, struct arena *arena,
                         size_t *ret_n, struct error *err)
{
    struct row_list streams = {
        .arena = arena, .size = sizeof(struct candidate), .read = read_candidate};
    struct request q = {.arena = arena};
    struct statement st = {
        arena_printf(arena,
                     "SELECT t.id, y.id, y.account_id, y.connection_id,"
                     " COALESCE((SELECT max(x.requested_ms) FROM stream_run x"
                     " WHERE x.stream_id = t.id), 0)"
                     " FROM elt_stream t JOIN elt_sync y ON y.id = t.sync_id WHERE %s AND"
                     " NOT EXISTS (SELECT 1 FROM stream_run a WHERE a.stream_id = t.id"
                     " AND a.active = 1) ORDER BY y.next_due_ms, y.id, t.created_ms, t.id",
                     which->where),
        which->args, which->n};
    if (!streams_lock(s, which->where, which->args, which->n, err) ||
        !rows_list(s, &st, &streams, err)) {
        return false;
    }
    *ret_n = streams.n;
    struct str *ids = ARENA_ARRAY(arena, struct str, streams.n);
    return streams.n == 0 || add_runs(s, &q, streams.items, streams.n, ids, err);
}

bool stream_run_request_due(struct store *s, const struct elt_sync *syncs, size_t n, size_t *ret_n,
                            struct error *err)
{
    struct arena arena;
    size_t found = 0;
    if (n == 0) {
        *ret_n = 0;
        return true;
    }
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, LIST_ARENA_MAX);
    struct sql_value *args = ARENA_ARRAY(&arena, struct sql_value, n);
    for (size_t i = 0; i < n; i++) {
        args[i] = sql_text(syncs[i].id);
    }
    struct str where =
        arena_printf(&arena, "t.sync_id IN (%.*s)", STR_ARG(rows_params(1, n, &arena)));
    struct choice which = {arena_cstr(&arena, where), args, n};
    bool ok = request_many(s, &which, &arena, &found, err);
    arena_done(&arena);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret_n = found;
    return true;
}

bool stream_run_request_all(struct store *s, const struct elt_sync *sync, size_t *ret_n,
                            struct error *err)
{
    return stream_run_request_due(s, sync, 1, ret_n, err);
}

// ---- what waited for a grant

// What a run fails with that another grant may mend.
static const enum error_code GRANT_MENDS[] = {ERR_REAUTHORIZE, ERR_CREDENTIALS, ERR_SCOPE,
                                              ERR_ACCOUNT_CHANGED, ERR_OAUTH_APP};
enum { GRANT_ARGS = 1 + ARRAY_LEN(GRANT_MENDS) };

static bool read_found(struct row *row, void *item, struct error *err)
{
    *(int64_t *)item = row_int(row);
    return row_check(row, "sync", STR(""), err);
}

// Syncs first, so that neither the scheduler nor who changes them is in the middle of it.
static bool lock_failing(struct store *s, const struct sql_value *connection, struct arena *arena,
                         struct error *err)
{
    struct row_list found = {.arena = arena, .size = sizeof(int64_t), .read = read_found};
    struct statement st = {STR("SELECT 1 FROM elt_sync y WHERE y.connection_id = $1 AND"
                               " y.enabled = 1 AND EXISTS (SELECT 1 FROM elt_stream f WHERE"
                               " f.sync_id = y.id AND f.last_status = 'failed') ORDER BY y.id"
                               " FOR UPDATE"),
                           connection, 1};
    return !store_is_shared(s) || rows_list(s, &st, &found, err);
}

// Runs that would try again later for such a reason, or wait for a limit, which may be another one.
static bool bring_forward(struct store *s, const struct sql_value *args, struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "UPDATE stream_run SET not_before_ms = $1 WHERE connection_id = $2 AND active = 1 AND"
        " not_before_ms > $1 AND (status = 'delayed' OR (status = 'retrying' AND"
        " upper(error_code) IN ($3, $4, $5, $6, $7)))");
    struct sql_value all[1 + GRANT_ARGS];
    int64_t now_ms = 0;
    static_assert(GRANT_ARGS == 6, "the parameters of the statements here");
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    all[0] = sql_int(now_ms);
    memcpy(&all[1], args, GRANT_ARGS * sizeof *all);
    return rows_run(s, &(struct statement){TEXT, all, ARRAY_LEN(all)}, NULL, err);
}

bool stream_run_request_granted(struct store *s, struct str connection_id, size_t *ret_n,
                                struct error *err)
{
    struct arena arena;
    size_t n = 0;
    struct sql_value args[GRANT_ARGS] = {sql_text(connection_id)};
    for (size_t i = 0; i < ARRAY_LEN(GRANT_MENDS); i++) {
        args[1 + i] = sql_text(str_from(error_info(GRANT_MENDS[i])->name));
    }
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, LIST_ARENA_MAX);
    struct choice which = {
        "t.last_status = 'failed' AND t.sync_id IN (SELECT w.id FROM elt_sync w WHERE"
        " w.connection_id = $1 AND w.enabled = 1) AND EXISTS (SELECT 1 FROM stream_run r WHERE"
        " r.stream_id = t.id AND upper(r.error_code) IN ($2, $3, $4, $5, $6) AND r.requested_ms ="
        " (SELECT max(l.requested_ms) FROM stream_run l WHERE l.stream_id = t.id))",
        args, GRANT_ARGS};
    bool ok = lock_failing(s, args, &arena, err) && request_many(s, &which, &arena, &n, err) &&
              bring_forward(s, args, err);
    arena_done(&arena);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret_n = n;
    return true;
}

// ---- one stream

// What must be known of a stream before a run of it is made.
struct wanted {
    struct candidate stream;
    struct str active_id;
};

static bool read_wanted(struct row *row, void *item, struct error *err)
{
    struct wanted *ret = item;
    bool ok = read_candidate(row, &ret->stream, err);
    ret->active_id = ok ? row_text(row) : STR("");
    return ok && row_check(row, "stream", STR(""), err);
}

static bool find_wanted(struct store *s, struct str account_id, struct str stream_id,
                        struct arena *arena, struct wanted *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT t.id, t.sync_id, t.account_id, y.connection_id,"
                 " COALESCE((SELECT max(x.requested_ms) FROM stream_run x"
                 " WHERE x.stream_id = t.id), 0),"
                 " COALESCE((SELECT a.id FROM stream_run a"
                 " WHERE a.stream_id = t.id AND a.active = 1), '')"
                 " FROM elt_stream t JOIN elt_sync y ON y.id = t.sync_id"
                 " WHERE t.id = $1 AND t.account_id = $2");
    struct sql_value args[] = {sql_text(stream_id), sql_text(account_id)};
    bool found = false;
    return streams_lock(s, "t.id = $1", args, 1, err) &&
           rows_find(s, &(struct statement){TEXT, args, 2},
                     &(struct row_reader){arena, read_wanted}, ret, &found, err) &&
           (found || rows_missing(err, "stream", stream_id));
}

static bool request(struct store *s, const struct run_wish *wish, struct arena *arena,
                    struct str *ret_id, bool *ret_made, struct error *err)
{
    struct wanted w;
    struct request q = {
        .arena = arena, .not_before_ms = wish->not_before_ms, .by_user = wish->by_user};
    if (!find_wanted(s, wish->account_id, wish->stream_id, arena, &w, err)) {
        return false;
    }
    *ret_made = w.active_id.len == 0;
    *ret_id = w.active_id;
    return !*ret_made || add_runs(s, &q, &w.stream, 1, ret_id, err);
}

bool stream_run_request(struct store *s, const struct run_wish *wish, struct arena *arena,
                        struct stream_run_row *ret, bool *ret_made, struct error *err)
{
    struct str id = {NULL, 0};
    struct stream_run_row run;
    bool made = false;
    if (!id_check(wish->stream_id)) {
        return rows_missing(err, "stream", wish->stream_id);
    }
    if (!store_begin(s, err)) {
        return false;
    }
    bool ok = request(s, wish, arena, &id, &made, err) &&
              stream_run_find(s, wish->account_id, id, arena, &run, err);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret = run;
    *ret_made = made;
    return true;
}
