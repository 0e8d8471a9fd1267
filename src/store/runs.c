#include "store/runs.h"

#include "core/timestamp.h"
#include "data/json_writer.h"
#include "store/ids.h"
#include "store/sync_rows.h"

#include <sodium.h>

enum {
    RUN_ID_BYTES = 64, // of the text inside
    RUN_ID_MAX = 96,
    TOLD_MESSAGE_MAX = 400, // of an error's text in an event; a character may become six
    TOLD_DETAILS_MAX = 150,
};

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
