#include "cli/events.h"

#include "core/timestamp.h"
#include "data/json_writer.h"

enum { EVENT_MAX = 64 * 1024 };

static void begin(struct json_writer *w, struct buf *out, const char *event, int64_t now_ms)
{
    char ts[TIMESTAMP_TEXT_MAX] = "";
    timestamp_format(now_ms, ts);
    buf_init(out, EVENT_MAX);
    json_writer_init(w, out);
    json_begin_object(w);
    json_field_str(w, "event", str_from(event));
    json_field_str(w, "ts", str_from(ts));
}

static void end(struct json_writer *w, struct buf *out)
{
    json_end_object(w);
    buf_add_char(out, '\n');
    if (!out->overflow) {
        fwrite(out->ptr, 1, out->len, stdout);
        fflush(stdout);
    }
    buf_done(out);
}

static void add_time(struct json_writer *w, const char *key, int64_t ms)
{
    char text[TIMESTAMP_TEXT_MAX];
    if (ms > 0 && timestamp_format(ms, text)) {
        json_field_str(w, key, str_from(text));
    }
}

static void add_error(struct json_writer *w, const struct error *e)
{
    const struct error_info *info = error_info(e->code);
    json_key(w, STR("error"));
    json_begin_object(w);
    json_field_str(w, "code", str_from(info->name));
    json_field_str(w, "message", str_from(e->message));
    json_field_bool(w, "retryable", info->retryable);
    json_field_str(w, "hint", str_from(info->hint));
    json_end_object(w);
}

void event_stream(const char *event, const struct stream_report *r, double rows_per_second,
                  int64_t now_ms)
{
    struct buf out;
    struct json_writer w;
    begin(&w, &out, event, now_ms);
    json_field_str(&w, "stream", str_from(r->info->name));
    json_field_str(&w, "table", str_from(r->info->table));
    json_field_str(&w, "status", str_from(stream_status_name(r->status)));
    json_field_str(&w, "step", str_from(r->step));
    json_field_int(&w, "rows", (int64_t)r->rows);
    if (r->estimated_total > 0) {
        json_field_int(&w, "estimated_total", (int64_t)r->estimated_total);
    }
    json_field_int(&w, "rows_per_second", (int64_t)rows_per_second);
    json_field_int(&w, "bytes", (int64_t)r->bytes);
    json_field_int(&w, "calls", (int64_t)r->calls);
    json_field_int(&w, "set_aside", (int64_t)r->rejects);
    if (r->removed > 0) {
        json_field_int(&w, "removed", (int64_t)r->removed);
    }
    if (r->waiting_for) {
        json_field_str(&w, "waiting_for", str_from(r->waiting_for));
        add_time(&w, "waiting_until", r->waiting_until_ms);
    }
    add_time(&w, "started_at", r->started_ms);
    add_time(&w, "ended_at", r->ended_ms);
    add_time(&w, "first_commit_at", r->first_commit_ms);
    if (r->audited) {
        json_field_int(&w, "source_count", (int64_t)r->source_count);
        json_field_int(&w, "destination_count", (int64_t)r->destination_count);
    }
    add_time(&w, "delayed_until", r->delayed_until_ms);
    if (r->error.code != ERR_OK) {
        add_error(&w, &r->error);
    }
    end(&w, &out);
}

void event_run(const char *event, int64_t portal_id, const struct run_totals *t, int64_t now_ms)
{
    struct buf out;
    struct json_writer w;
    begin(&w, &out, event, now_ms);
    json_field_int(&w, "portal_id", portal_id);
    json_field_int(&w, "streams", (int64_t)t->streams);
    if (t->took_ms >= 0) {
        json_field_int(&w, "completed", (int64_t)t->completed);
        json_field_int(&w, "failed", (int64_t)t->failed);
        json_field_int(&w, "delayed", (int64_t)t->delayed);
        json_field_int(&w, "rows", (int64_t)t->rows);
        json_field_int(&w, "set_aside", (int64_t)t->rejects);
        json_field_int(&w, "calls", (int64_t)t->calls);
        json_field_int(&w, "retries", (int64_t)t->retries);
        json_field_int(&w, "refused", (int64_t)t->refused);
        json_field_int(&w, "bytes", (int64_t)t->bytes);
        json_field_int(&w, "took_ms", t->took_ms);
        json_field_int(&w, "exit_code", t->exit_code);
    }
    end(&w, &out);
}

void event_error(const struct error *err, int64_t now_ms)
{
    struct buf out;
    struct json_writer w;
    begin(&w, &out, "error", now_ms);
    add_error(&w, err);
    end(&w, &out);
}
