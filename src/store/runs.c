#include "store/runs.h"

#include "core/timestamp.h"
#include "data/json_writer.h"
#include "store/ids.h"
#include "store/sync_rows.h"

#include <sodium.h>

enum {
    RUN_ID_BYTES = 64, // of the text inside
    RUN_ID_MAX = 96,
    REQUESTS_A_STATEMENT = 50,
    LIST_ARENA_MAX = 256 * 1024 * 1024,
    TOLD_MESSAGE_MAX = 400, // of an error's text in an event; a character may become six
    TOLD_DETAILS_MAX = 150,
};

static const int64_t TIME_LAST_MS = INT64_C(253402300799999); // of the year 9999
static const char *const STATUS_NAMES[RUN_STATUS_COUNT] = {"SCHEDULED", "RUNNING",   "RETRYING",
                                                           "DELAYED",   "COMPLETED", "FAILED"};
static const char *const STORED[RUN_STATUS_COUNT] = {"scheduled", "running",   "retrying",
                                                     "delayed",   "completed", "failed"};
static const char *const MODE_NAMES[RUN_MODE_COUNT] = {"", "FULL", "INCREMENTAL"};
static const char *const TRIGGER_NAMES[TRIGGER_COUNT] = {
    "NONE",          "INITIAL_SYNC", "ALWAYS_FULL", "MIDNIGHT", "USER",
    "SCHEMA_CHANGE", "LOOKBACK",     "MIGRATION",   "ERROR"};

const char *run_status_name(enum run_status s)
{
    assert((size_t)s < RUN_STATUS_COUNT);
    return STATUS_NAMES[s];
}

const char *run_status_stored(enum run_status s)
{
    assert((size_t)s < RUN_STATUS_COUNT);
    return STORED[s];
}

enum run_status run_read_status(struct row *row)
{
    return (enum run_status)row_name(row, STORED, RUN_STATUS_COUNT);
}

const char *run_mode_name(enum run_mode m)
{
    assert((size_t)m < RUN_MODE_COUNT);
    return MODE_NAMES[m];
}

const char *run_trigger_name(enum run_trigger t)
{
    assert((size_t)t < TRIGGER_COUNT);
    return TRIGGER_NAMES[t];
}

struct str run_id_make(struct str stream_id, int64_t requested_ms, struct arena *arena)
{
    char time[TIMESTAMP_TEXT_MAX];
    char id[RUN_ID_MAX];
    assert(id_check(stream_id));
    bool ok = timestamp_format(requested_ms, time);
    assert(ok); // the store's clock is checked where runs are requested
    struct str text = arena_printf(arena, "%.*s|%s", STR_ARG(stream_id), time);
    sodium_bin2base64(id, sizeof id, (const unsigned char *)text.ptr, text.len,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    return arena_dup(arena, str_from(id));
}

bool run_id_parse(struct str id, struct arena *arena, struct str *ret_stream_id,
                  int64_t *ret_requested_ms)
{
    char text[RUN_ID_BYTES];
    size_t len = 0;
    int64_t ms = 0;
    if (sodium_base642bin((unsigned char *)text, sizeof text, id.ptr ? id.ptr : "", id.len, NULL,
                          &len, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return false;
    }
    struct str all = {text, len};
    struct str stream_id = str_sub(all, 0, ID_LEN);
    if (!id_check(stream_id) || len <= ID_LEN || text[ID_LEN] != '|' ||
        !timestamp_parse(str_sub(all, ID_LEN + 1, len), &ms)) {
        return false;
    }
    // One run has one id: other ways to write the same time, or the same bits, are none.
    if (!str_eq(run_id_make(stream_id, ms, arena), id)) {
        return false;
    }
    *ret_stream_id = arena_dup(arena, stream_id);
    *ret_requested_ms = ms;
    return true;
}

bool run_read(struct row *row, void *item, struct error *err)
{
    struct stream_run_row *ret = item;
    struct stream_run_row r;
    r.id = row_text(row);
    r.account_id = row_text(row);
    r.sync_id = row_text(row);
    r.stream_id = row_text(row);
    r.connection_id = row_text(row);
    r.status = run_read_status(row);
    r.requested_ms = row_int(row);
    r.not_before_ms = row_int(row);
    r.started_ms = row_int(row);
    r.finished_ms = row_int(row);
    r.mode = (enum run_mode)row_name(row, MODE_NAMES, RUN_MODE_COUNT);
    r.trigger = (enum run_trigger)row_name(row, TRIGGER_NAMES, TRIGGER_COUNT);
    r.by_user = row_bool(row);
    r.resumable = row_bool(row);
    r.reset_history = row_bool(row);
    r.records = row_int(row);
    r.bytes = row_int(row);
    r.calls = row_int(row);
    r.rejects = row_int(row);
    r.estimated = row_int(row);
    r.retry_attempt = row_int(row);
    r.error_code = row_text(row);
    r.error_message = row_text(row);
    r.details = row_text(row);
    r.cancel = row_bool(row);
    r.worker = row_text(row);
    r.fence = row_int(row);
    r.updated_ms = row_int(row);
    *ret = r;
    return row_check(row, "run", r.id, err);
}

// ---- what is told of a run

static void write_told(struct json_writer *w, const struct stream_run_row *r, struct arena *arena)
{
    char time[TIMESTAMP_TEXT_MAX];
    json_begin_object(w);
    json_field_str(w, "status", str_from(run_status_name(r->status)));
    if (r->mode != RUN_MODE_NONE) {
        json_field_str(w, "mode", str_from(run_mode_name(r->mode)));
        json_field_str(w, "trigger", str_from(run_trigger_name(r->trigger)));
    }
    if (r->started_ms > 0) {
        json_field_int(w, "records", r->records);
        json_field_int(w, "bytes", r->bytes);
        json_field_int(w, "calls", r->calls);
        json_field_int(w, "rejects", r->rejects);
    }
    if (r->retry_attempt > 0) {
        json_field_int(w, "retry_attempt", r->retry_attempt);
    }
    bool waits = r->status == RUN_RETRYING || r->status == RUN_DELAYED;
    if (waits && timestamp_format(r->not_before_ms, time)) {
        json_field_str(w, "not_before", str_from(time));
    }
    if (r->error_code.len > 0) {
        json_field_str(w, "error_code", rows_clean(r->error_code, 64, arena));
        json_field_str(w, "error_message", rows_clean(r->error_message, TOLD_MESSAGE_MAX, arena));
    }
    if (r->details.len > 0) {
        json_field_str(w, "details", rows_clean(r->details, TOLD_DETAILS_MAX, arena));
    }
    json_end_object(w);
}

bool run_tell(struct store *s, const char *kind, const struct stream_run_row *r, struct error *err)
{
    struct json_writer w;
    struct arena arena;
    struct buf data;
    arena_init(&arena, 64 * 1024);
    buf_init(&data, EVENT_DATA_MAX);
    json_writer_init(&w, &data);
    write_told(&w, r, &arena);
    assert(!data.overflow);
    struct stored_event e = {.account_id = r->account_id,
                             .kind = str_from(kind),
                             .connection_id = r->connection_id,
                             .sync_id = r->sync_id,
                             .stream_id = r->stream_id,
                             .run_id = r->id,
                             .data = buf_str(&data)};
    bool ok = event_add(s, &e, err);
    buf_done(&data);
    arena_done(&arena);
    return ok;
}

// ---- asking for runs

// Which round of all connections a new run belongs to: a connection's runs are in one round each,
// and nobody's are in one that is over. Taken in this order, connections are served in turn,
// however many runs one of them has waiting.
struct round {
    int64_t over; // the last one that was taken of any connection
    int64_t last; // of this connection
};

static bool read_round(struct row *row, void *item, struct error *err)
{
    struct round *ret = item;
    ret->over = row_int(row);
    ret->last = row_int(row);
    return row_check(row, "queue", STR(""), err);
}

static bool next_turn(struct store *s, struct str connection_id, int64_t *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT COALESCE((SELECT max(turn) FROM stream_run WHERE taken = 1), 0),"
                 " COALESCE((SELECT max(turn) FROM stream_run WHERE connection_id = $1), -1)");
    struct sql_value args[] = {sql_text(connection_id)};
    struct round round = {0, 0};
    bool found = false;
    if (!rows_find(s, &(struct statement){TEXT, args, 1}, &(struct row_reader){NULL, read_round},
                   &round, &found, err)) {
        return false;
    }
    *ret = MAX(round.over, round.last + 1);
    return true;
}

// A stream that is to have a run, and where its former ones stand.
struct candidate {
    struct str stream_id;
    int64_t last_requested_ms; // 0: there is none
};

static bool read_candidate(struct row *row, void *item, struct error *err)
{
    struct candidate *ret = item;
    ret->stream_id = row_text(row);
    ret->last_requested_ms = row_int(row);
    return row_check(row, "stream", ret->stream_id, err);
}

// What the runs of one call have in common.
struct request {
    struct arena *arena;
    struct str account_id, sync_id, connection_id;
    int64_t now_ms, not_before_ms, turn;
    bool by_user;
};

// The streams are locked and have no active run. `ids` are filled.
static bool insert_runs(struct store *s, const struct request *q, const struct candidate *streams,
                        size_t n, struct str *ids, struct error *err)
{
    enum { COLUMNS = 12 };
    struct sql_value args[REQUESTS_A_STATEMENT * COLUMNS];
    assert(n <= REQUESTS_A_STATEMENT);
    for (size_t i = 0; i < n; i++) {
        int64_t requested_ms = MAX(q->now_ms, streams[i].last_requested_ms + 1);
        if (requested_ms <= 0 || requested_ms > TIME_LAST_MS) {
            return error_set(err, ERR_STORE, "store: the clock says %lld ms since 1970; set it",
                             (long long)requested_ms);
        }
        ids[i] = run_id_make(streams[i].stream_id, requested_ms, q->arena);
        struct sql_value row[COLUMNS] = {
            sql_text(ids[i]),
            sql_text(q->account_id),
            sql_text(q->sync_id),
            sql_text(streams[i].stream_id),
            sql_text(q->connection_id),
            sql_text(str_from(STORED[RUN_SCHEDULED])),
            sql_int(1),
            sql_int(requested_ms),
            sql_int(q->not_before_ms),
            sql_int(q->by_user),
            sql_int(q->turn + (int64_t)i),
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

// The runs and what is told of them, some at a time.
static bool add_runs(struct store *s, struct request *q, const struct candidate *streams, size_t n,
                     struct str *ids, struct error *err)
{
    struct stored_event events[REQUESTS_A_STATEMENT];
    bool ok = true;
    for (size_t at = 0; ok && at < n; at += REQUESTS_A_STATEMENT) {
        size_t some = MIN(n - at, REQUESTS_A_STATEMENT);
        ok = insert_runs(s, q, streams + at, some, ids + at, err);
        for (size_t i = 0; i < some; i++) {
            events[i] = (struct stored_event){
                .account_id = q->account_id,
                .kind = STR("run.scheduled"),
                .connection_id = q->connection_id,
                .sync_id = q->sync_id,
                .stream_id = streams[at + i].stream_id,
                .run_id = ids[at + i],
                .data = q->by_user ? STR("{\"status\":\"SCHEDULED\",\"by_user\":true}")
                                   : STR("{\"status\":\"SCHEDULED\",\"by_user\":false}")};
        }
        ok = ok && events_add(s, events, some, err);
        q->turn += (int64_t)some;
    }
    return ok;
}

static bool request_all(struct store *s, const struct elt_sync *sync, struct arena *arena,
                        size_t *ret_n, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT t.id, COALESCE((SELECT max(x.requested_ms) FROM stream_run x"
                 " WHERE x.stream_id = t.id), 0) FROM elt_stream t WHERE t.sync_id = $1 AND"
                 " NOT EXISTS (SELECT 1 FROM stream_run a WHERE a.stream_id = t.id"
                 " AND a.active = 1) ORDER BY t.created_ms, t.id");
    struct sql_value args[] = {sql_text(sync->id)};
    struct row_list streams = {
        .arena = arena, .size = sizeof(struct candidate), .read = read_candidate};
    struct request q = {.arena = arena,
                        .account_id = sync->account_id,
                        .sync_id = sync->id,
                        .connection_id = sync->connection_id};
    if (!streams_lock(s, "t.sync_id = $1", args, 1, err) ||
        !rows_list(s, &(struct statement){TEXT, args, 1}, &streams, err)) {
        return false;
    }
    *ret_n = streams.n;
    if (streams.n == 0) {
        return true;
    }
    if (!store_now_ms(s, &q.now_ms, err) || !next_turn(s, sync->connection_id, &q.turn, err)) {
        return false;
    }
    q.not_before_ms = q.now_ms;
    struct str *ids = ARENA_ARRAY(arena, struct str, streams.n);
    return add_runs(s, &q, streams.items, streams.n, ids, err);
}

bool stream_run_request_all(struct store *s, const struct elt_sync *sync, size_t *ret_n,
                            struct error *err)
{
    struct arena arena;
    size_t n = 0;
    if (!store_begin(s, err)) {
        return false;
    }
    arena_init(&arena, LIST_ARENA_MAX);
    bool ok = request_all(s, sync, &arena, &n, err);
    arena_done(&arena);
    if (!store_end(s, ok, err)) {
        return false;
    }
    *ret_n = n;
    return true;
}

// What must be known of a stream before a run of it is made.
struct wanted {
    struct str sync_id, connection_id, active_id;
    int64_t last_requested_ms;
};

static bool read_wanted(struct row *row, void *item, struct error *err)
{
    struct wanted *ret = item;
    ret->sync_id = row_text(row);
    ret->connection_id = row_text(row);
    ret->active_id = row_text(row);
    ret->last_requested_ms = row_int(row);
    return row_check(row, "stream", STR(""), err);
}

static bool find_wanted(struct store *s, struct str account_id, struct str stream_id,
                        struct arena *arena, struct wanted *ret, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("SELECT t.sync_id, s.connection_id, COALESCE((SELECT a.id FROM stream_run a"
                 " WHERE a.stream_id = t.id AND a.active = 1), ''),"
                 " COALESCE((SELECT max(x.requested_ms) FROM stream_run x"
                 " WHERE x.stream_id = t.id), 0)"
                 " FROM elt_stream t JOIN elt_sync s ON s.id = t.sync_id"
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
    struct request q = {.arena = arena, .account_id = wish->account_id, .by_user = wish->by_user};
    if (!find_wanted(s, wish->account_id, wish->stream_id, arena, &w, err)) {
        return false;
    }
    *ret_made = w.active_id.len == 0;
    *ret_id = w.active_id;
    if (!*ret_made) {
        return true;
    }
    if (!store_now_ms(s, &q.now_ms, err) || !next_turn(s, w.connection_id, &q.turn, err)) {
        return false;
    }
    q.sync_id = w.sync_id;
    q.connection_id = w.connection_id;
    q.not_before_ms = wish->not_before_ms ? wish->not_before_ms : q.now_ms;
    struct candidate stream = {wish->stream_id, w.last_requested_ms};
    return add_runs(s, &q, &stream, 1, ret_id, err);
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

bool stream_run_bring_forward(struct store *s, int64_t latest_ms, int64_t soon_ms,
                              struct error *err)
{
    static const struct str TEXT = STR_INIT(
        "UPDATE stream_run SET not_before_ms = $1 WHERE active = 1 AND "
        "((status IN ('retrying', 'delayed') AND not_before_ms > $2) OR "
        "(status = 'scheduled' AND not_before_ms <= requested_ms AND not_before_ms > $3))");
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    struct sql_value args[] = {sql_int(now_ms), sql_int(latest_ms), sql_int(soon_ms)};
    return rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, NULL, err);
}
