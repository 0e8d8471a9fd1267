#include "api/followers_state.h"

#include "core/timestamp.h"
#include "store/budgets.h"
#include "store/events.h"
#include "store/run_changes.h"

enum {
    EVENTS_AT_ONCE = 200,
    ROUNDS_MAX = 50, // of events in one look
    RUNS_AT_ONCE = 1000,
    FIGURES_US = 1000 * 1000, // budgets and runs are looked at so often
    BUDGETS_MAX = 10000,
    KEYS_US = 3 * 1000 * 1000, // keys of followers are looked at so often
    LOOK_BACK_MS = 1,          // rows written in the millisecond of the last look
};

// ---- text of an event

static bool passes(struct str wanted, struct str has)
{
    return wanted.len == 0 || str_eq(wanted, has);
}

static bool wants(const struct follower *w, const struct follower_filter *of)
{
    return passes(w->filter.connection_id, of->connection_id) &&
           passes(w->filter.sync_id, of->sync_id) && passes(w->filter.stream_id, of->stream_id) &&
           passes(w->filter.run_id, of->run_id);
}

static void put_some(struct json_writer *w, const char *key, struct str s)
{
    if (s.len > 0) {
        json_field_str(w, key, s);
    }
}

static void begin_event(struct json_writer *w, struct str kind, int64_t at_ms,
                        const struct follower_filter *of)
{
    char time[TIMESTAMP_TEXT_MAX];
    json_begin_object(w);
    json_field_str(w, "kind", kind);
    if (timestamp_format(at_ms, time)) {
        json_field_str(w, "at", str_from(time));
    }
    put_some(w, "connection_id", of->connection_id);
    put_some(w, "elt_sync_id", of->sync_id);
    put_some(w, "elt_stream_id", of->stream_id);
    put_some(w, "run_id", of->run_id);
    json_key(w, STR("data"));
}

struct message {
    struct follower_filter of;
    struct str kind;
    int64_t id; // 0: none; it is not told again
    struct str json;
    struct str status, details; // of figures
};

// The lock is held. Who does not keep up is told where to go on, and ends there.
static void queue_message(struct follower *w, const struct message *m)
{
    if (w->lost) {
        return;
    }
    size_t size = m->json.len + m->kind.len + 64;
    if (w->queue.len + size > FOLLOWER_QUEUE_MAX) {
        w->lost = true;
        buf_printf(&w->queue, ": too slow; go on with Last-Event-ID: %lld\n\n",
                   (long long)w->seen_id);
        return;
    }
    if (m->id > 0) {
        buf_printf(&w->queue, "id: %lld\n", (long long)m->id);
    }
    buf_add_cstr(&w->queue, "event: ");
    buf_add(&w->queue, m->kind);
    buf_add_cstr(&w->queue, "\ndata: ");
    for (size_t i = 0; i < m->json.len; i++) { // a line end would be the end of the data
        char c = m->json.ptr[i];
        buf_add_char(&w->queue, c == '\n' || c == '\r' ? ' ' : c);
    }
    buf_add_cstr(&w->queue, "\n\n");
}

static struct message event_message(struct followers *f, const struct stored_event *e)
{
    struct message m = {
        .of = {e->connection_id, e->sync_id, e->stream_id, e->run_id},
        .kind = e->kind,
        .id = e->id,
    };
    struct buf text;
    buf_init(&text, (size_t)64 * 1024);
    struct json_writer w;
    json_writer_init(&w, &text);
    begin_event(&w, e->kind, e->at_ms, &m.of);
    json_put_raw(&w, e->data.len > 0 ? e->data : STR("{}"));
    json_end_object(&w);
    m.json = arena_dup(&f->arena, buf_str(&text));
    buf_done(&text);
    return m;
}

// ---- events

static bool read_events(struct followers *f, struct store *s, int64_t after_id,
                        struct stored_event **ret, size_t *ret_n)
{
    struct event_query q = {
        .account_id = f->api->options.site.account_id,
        .after_id = after_id,
        .max = EVENTS_AT_ONCE,
    };
    struct error err;
    if (event_list(s, &q, &f->arena, ret, ret_n, &err)) {
        *ret_n = MIN(*ret_n, (size_t)EVENTS_AT_ONCE);
        return true;
    }
    const struct log *log = f->api->options.site.log;
    if (log) {
        log_line(log, LOG_WARN, "events cannot be read", LOG_C("error", err.message));
    }
    return false;
}

// Hands a page of events, behind `after_id`, to those who have seen all up to there.
static void hand_out(struct followers *f, const struct stored_event *events, size_t n,
                     int64_t after_id)
{
    struct message *messages = ARENA_ARRAY(&f->arena, struct message, n);
    for (size_t i = 0; i < n; i++) {
        messages[i] = event_message(f, &events[i]);
    }
    pthread_mutex_lock(&f->lock);
    for (struct follower *w = f->first; w; w = w->next) {
        if (w->seen_id < after_id) {
            continue;
        }
        for (size_t i = 0; i < n && !w->lost; i++) {
            if (messages[i].id <= w->seen_id) {
                continue;
            }
            if (wants(w, &messages[i].of)) {
                queue_message(w, &messages[i]);
            }
            w->seen_id = w->lost ? w->seen_id : messages[i].id;
        }
    }
    pthread_mutex_unlock(&f->lock);
}

// The least that anybody who can take more has seen; INT64_MAX: nobody is behind.
static int64_t last_behind(struct followers *f)
{
    int64_t least = INT64_MAX;
    pthread_mutex_lock(&f->lock);
    for (const struct follower *w = f->first; w; w = w->next) {
        bool has_room = w->queue.len < FOLLOWER_QUEUE_MAX / 2;
        if (!w->lost && has_room && w->seen_id < f->seen_id) {
            least = MIN(least, w->seen_id);
        }
    }
    pthread_mutex_unlock(&f->lock);
    return least;
}

// Those who came back and missed something get it a page at a time, as they take it.
static bool catch_up(struct followers *f, struct store *s)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        int64_t after_id = last_behind(f);
        struct stored_event *events;
        size_t n;
        if (after_id == INT64_MAX) {
            return false;
        }
        if (!read_events(f, s, after_id, &events, &n)) {
            return false;
        }
        hand_out(f, events, n, after_id);
        if (n == 0) { // what they have not seen is there no more
            pthread_mutex_lock(&f->lock);
            for (struct follower *w = f->first; w; w = w->next) {
                w->seen_id = w->seen_id == after_id ? f->seen_id : w->seen_id;
            }
            pthread_mutex_unlock(&f->lock);
        }
        arena_reset(&f->arena);
    }
    return true;
}

static bool hand_out_new(struct followers *f, struct store *s)
{
    for (int round = 0; round < ROUNDS_MAX; round++) {
        pthread_mutex_lock(&f->lock);
        int64_t after_id = f->seen_id;
        pthread_mutex_unlock(&f->lock);
        struct stored_event *events;
        size_t n;
        if (!read_events(f, s, after_id, &events, &n)) {
            return false;
        }
        hand_out(f, events, n, after_id);
        if (n > 0) {
            pthread_mutex_lock(&f->lock);
            f->seen_id = MAX(f->seen_id, events[n - 1].id);
            pthread_mutex_unlock(&f->lock);
        }
        arena_reset(&f->arena);
        if (n < EVENTS_AT_ONCE) {
            return false;
        }
    }
    return true;
}

// ---- figures that change all the time

static void tell_all(struct followers *f, const struct message *m)
{
    pthread_mutex_lock(&f->lock);
    for (struct follower *w = f->first; w; w = w->next) {
        // What will be said anew in a second is not worth the loss of a slow follower.
        if (wants(w, &m->of) && w->queue.len < FOLLOWER_QUEUE_MAX / 4) {
            queue_message(w, m);
        }
    }
    pthread_mutex_unlock(&f->lock);
}

struct figure {
    const char *name;
    int64_t value;
};

static void tell_figures(struct followers *f, struct message *m, int64_t at_ms,
                         const struct figure *figures, size_t n)
{
    struct buf text;
    buf_init(&text, (size_t)16 * 1024);
    struct json_writer w;
    json_writer_init(&w, &text);
    begin_event(&w, m->kind, at_ms, &m->of);
    json_begin_object(&w);
    put_some(&w, "status", m->status);
    put_some(&w, "details", m->details);
    for (size_t i = 0; i < n; i++) {
        json_field_int(&w, figures[i].name, figures[i].value);
    }
    json_end_object(&w);
    json_end_object(&w);
    m->json = buf_str(&text);
    tell_all(f, m);
    buf_done(&text);
}

static void tell_run(struct followers *f, const struct run_change *r)
{
    const struct figure figures[] = {
        {"records_synced", r->records},
        {"bytes_synced", r->bytes},
        {"calls", r->calls},
        {"rejects", r->rejects},
        {"estimated_total_count", r->estimated},
        {"retry_attempt", r->retry_attempt},
    };
    struct message m = {
        .of = {r->connection_id, r->sync_id, r->stream_id, r->run_id},
        .kind = STR("run.progress"),
        .status = str_from(run_status_name(r->status)),
        .details = r->details,
    };
    tell_figures(f, &m, r->updated_ms, figures, ARRAY_LEN(figures));
}

static bool tell_runs(struct followers *f, struct store *s)
{
    struct run_changes_query q = {
        .account_id = f->api->options.site.account_id,
        .since_ms = f->runs_since_ms,
        .max = RUNS_AT_ONCE,
    };
    struct run_change *runs;
    size_t n;
    struct error err;
    int64_t now_ms;
    if (!store_now_ms(s, &now_ms, &err) || !run_changes(s, &q, &f->arena, &runs, &n, &err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        tell_run(f, &runs[i]);
    }
    f->runs_since_ms = n == RUNS_AT_ONCE ? runs[n - 1].updated_ms + 1 : now_ms - LOOK_BACK_MS;
    return true;
}

static void tell_budget(struct followers *f, const struct budget_row *b)
{
    const struct figure figures[] = {
        {"window_max", b->window_max},
        {"window_allowed", b->window_allowed},
        {"window_used", b->window_used},
        {"window_foreign", b->window_foreign},
        {"daily_max", b->daily_max},
        {"daily_allowed", b->daily_allowed},
        {"daily_used", b->daily_used},
        {"waiting", b->waiting},
        {"calls", b->calls},
        {"refused", b->refused},
    };
    struct message m = {
        .of = {.connection_id = b->connection_id},
        .kind = STR("budget"),
        .details = b->waiting_for,
    };
    tell_figures(f, &m, b->at_ms, figures, ARRAY_LEN(figures));
}

// Whether the row was written since it was told last.
static bool is_new(struct followers *f, const struct budget_row *b)
{
    uint64_t hash = str_hash(b->connection_id);
    for (size_t i = 0; i < f->n_budgets; i++) {
        struct budget_seen *seen = &f->budgets[i];
        if (seen->connection == hash) {
            bool changed = seen->at_ms != b->at_ms;
            seen->at_ms = b->at_ms;
            return changed;
        }
    }
    if (f->n_budgets == BUDGETS_MAX) {
        f->n_budgets = 0; // connections come and go: all are told once more
    }
    f->budgets = realloc(f->budgets, (f->n_budgets + 1) * sizeof(*f->budgets));
    if (!f->budgets) {
        abort();
    }
    f->budgets[f->n_budgets++] = (struct budget_seen){hash, b->at_ms};
    return true;
}

static bool tell_budgets(struct followers *f, struct store *s)
{
    struct budget_row *rows;
    size_t n;
    struct error err;
    if (!budget_row_list(s, &f->arena, &rows, &n, &err)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (is_new(f, &rows[i])) {
            tell_budget(f, &rows[i]);
        }
    }
    return true;
}

// ---- whether they may still follow

static bool is_good(struct str key_id, const struct api_key *keys, size_t n, int64_t now_ms)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(keys[i].id, key_id)) {
            bool expired = keys[i].expires_ms != 0 && keys[i].expires_ms <= now_ms;
            return keys[i].revoked_ms == 0 && !expired;
        }
    }
    return false;
}

static void check_keys(struct followers *f, struct store *s)
{
    struct str account_id = f->api->options.site.account_id;
    struct api_key *keys = NULL;
    size_t n = 0;
    int64_t now_ms = 0;
    struct error err;
    if (!store_now_ms(s, &now_ms, &err) ||
        !api_key_list(s, account_id, &f->arena, &keys, &n, &err)) {
        return; // a store that is busy or gone answers another time
    }
    pthread_mutex_lock(&f->lock);
    for (struct follower *w = f->first; w; w = w->next) {
        if (!w->lost && !is_good(w->key_id, keys, n, now_ms)) {
            w->lost = true;
            buf_add_cstr(&w->queue, ": the API key was revoked or has expired\n\n");
        }
    }
    pthread_mutex_unlock(&f->lock);
}

static void feed_from(struct followers *f, struct store *s)
{
    int64_t now_us = clock_mono_us(f->api->options.site.clock);
    if (now_us - f->keys_us >= KEYS_US) {
        f->keys_us = now_us;
        check_keys(f, s);
    }
    bool more = hand_out_new(f, s);
    more = catch_up(f, s) || more;
    if (now_us - f->figures_us >= FIGURES_US || f->figures_us == 0) {
        f->figures_us = now_us;
        // A store that is busy or gone answers another time.
        (void)(tell_runs(f, s) && tell_budgets(f, s));
    }
    arena_reset(&f->arena);
    if (more) {
        followers_wake(f);
    }
}

void followers_feed(struct followers *f)
{
    struct store *s = NULL;
    struct error err;
    if (!store_pool_lend(f->api->pool, &s, NULL, &err)) {
        return; // requests tell that the store is gone; this asks again in a moment
    }
    feed_from(f, s);
    store_pool_return(f->api->pool, s);
    pthread_mutex_lock(&f->lock);
    bool any = false;
    for (const struct follower *w = f->first; w && !any; w = w->next) {
        any = w->queue.len > 0 || w->lost;
    }
    if (any) {
        http_server_stream_wake(f->server);
    }
    pthread_mutex_unlock(&f->lock);
}
