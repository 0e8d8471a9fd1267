#include "engine/stream_run.h"

#include "core/limits.h"
#include "core/timestamp.h"
#include "engine/load.h"

enum { AUDIT_COLUMNS = 6 };

// What a stream holds open while it runs.
struct stream_work {
    const struct run_options *options;
    struct stream_job *job;
    void (*changed)(void *user, struct stream_job *job);
    void *user;
    struct arena arena;
    struct session *session; // the loading thread's
    struct session *reader;  // the extracting thread's, opened when it first asks
    struct source_lookup lookup;
    struct source_stream *source;
    struct load *load; // while the stream is loaded
    struct columns *columns;
    struct str state;
};

static void set_step(struct stream_work *w, const char *step)
{
    pthread_mutex_lock(&w->job->lock);
    w->job->report.step = step;
    pthread_mutex_unlock(&w->job->lock);
    w->changed(w->user, w->job);
}

bool job_may_commit(const struct run_options *options, struct error *err)
{
    return !options->may_commit || options->may_commit(options->user, err);
}

static bool open_session(struct stream_work *w, struct str name, struct session **ret,
                         struct error *err)
{
    const struct run_options *o = w->options;
    struct session_run run = {.fence = o->fence, .cancel = o->cancel, .log = o->log};
    return session_open_run(o->destination, name, &run, ret, err);
}

// ---- what the source asks of the destination

static bool on_read_ids(void *user, const struct source_ids_query *q, int64_t *ids, size_t *ret_n,
                        int64_t *ret_max_synced_ms, struct error *err)
{
    struct stream_work *w = user;
    if (!w->reader) {
        struct str name = arena_printf(&w->arena, "%s/read", w->job->info->name);
        if (!open_session(w, name, &w->reader, err)) {
            return false;
        }
    }
    return session_read_ids(w->reader, q->table, q->id_column, q->after_id, q->synced_after_ms, ids,
                            q->max, ret_n, ret_max_synced_ms, err);
}

// Only while the stream opens, before there is an extracting thread.
static bool on_read_table(void *user, const struct table *table, session_row_fn *row,
                          void *row_user, struct error *err)
{
    struct stream_work *w = user;
    assert(!w->source);
    return session_read_table(w->session, table, row, row_user, err);
}

static bool on_settle(void *user, struct error *err)
{
    struct stream_work *w = user;
    assert(w->load);
    return load_settle(w->load, err);
}

// ---- the steps

static bool step_open(struct stream_work *w, struct error *err)
{
    static const struct columns_options ALL = {0};
    const struct run_options *o = w->options;
    if (!open_session(w, str_from(w->job->info->name), &w->session, err) ||
        !job_may_commit(o, err)) {
        return false;
    }
    w->columns = columns_create(o->columns ? o->columns : &ALL);
    return o->fence ? session_claim_state(w->session, &w->arena, &w->state, err)
                    : session_read_state(w->session, &w->arena, &w->state, err);
}

// Opens the stream and learns what its tables come down to.
static bool open_source(struct stream_work *w, struct str state, bool full_refresh,
                        struct error *err)
{
    struct source_stream_options o = {.info = w->job->info,
                                      .state = state,
                                      .full_refresh = full_refresh,
                                      .since_ms = w->options->since_ms,
                                      .lookup = &w->lookup,
                                      .metadata = w->options->metadata,
                                      .cancel = w->options->cancel,
                                      .fresh_ms = w->options->fresh_ms};
    size_t n = 0;
    if (!source_stream_open(w->options->source, &o, &w->source, err)) {
        return false;
    }
    const struct table *const *tables = source_stream_tables(w->source, &n);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        struct source_column *facts =
            ARENA_ARRAY(&w->arena, struct source_column, tables[i]->n_columns);
        source_stream_columns(w->source, tables[i], facts);
        ok = columns_add_table(w->columns, tables[i], facts, i == 0, err);
    }
    return ok;
}

// What was left out or hashed before can only come whole by reading everything anew, from nothing:
// a pass that had begun under the former rules is no part of it.
static bool open_anew(struct stream_work *w, struct error *err)
{
    source_stream_close(w->source);
    w->source = NULL;
    columns_restart(w->columns);
    pthread_mutex_lock(&w->job->lock);
    w->job->report.columns_full = true;
    pthread_mutex_unlock(&w->job->lock);
    return open_source(w, (struct str){NULL, 0}, true, err);
}

static bool step_discover(struct stream_work *w, struct error *err)
{
    w->lookup = (struct source_lookup){.user = w,
                                       .read_ids = on_read_ids,
                                       .read_table = on_read_table,
                                       .settle = on_settle,
                                       .column_table = &TABLE_COLUMN,
                                       .reject_table = &TABLE_REJECT};
    columns_former(w->columns, w->state);
    if (!open_source(w, w->state, w->options->full_refresh, err)) {
        return false;
    }
    if (columns_need_full(w->columns) && !w->options->keep_incremental && !open_anew(w, err)) {
        return false;
    }
    pthread_mutex_lock(&w->job->lock);
    w->job->report.from_nothing = w->state.len == 0;
    w->job->source = w->source;
    pthread_mutex_unlock(&w->job->lock);
    return true;
}

// What of a table must not be there. Of one that other streams write to, their rows stay.
static bool remove_from(struct stream_work *w, const struct table *t, struct error *err)
{
    struct str *names = NULL;
    struct source_part part;
    bool left_out = !columns_table(w->columns, t);
    size_t n = left_out ? 0 : columns_stale(w->columns, t, &w->arena, &names);
    if (source_stream_part(w->job->info, t->name, &part)) {
        struct destination_part ours = {
            .table = t->name, .column = part.column, .value = part.value};
        return left_out ? session_drop_part(w->session, &ours, err)
                        : session_hide_part(w->session, &ours, names, n, err);
    }
    if (left_out) {
        return session_drop_tables(w->session, &t->name, 1, err);
    }
    return n == 0 || session_drop_columns(w->session, t->name, names, n, err);
}

// Takes out of the destination what must not be there under the rules of now.
static bool remove_hidden(struct stream_work *w, struct error *err)
{
    size_t n = 0;
    struct str *names = NULL;
    const struct source_view *views = source_stream_views(w->source, &n);
    bool ok = job_may_commit(w->options, err);
    for (size_t i = 0; i < n && ok;
         i++) { // they stand on the tables; the last step makes them anew
        ok = session_drop_tables(w->session, &views[i].name, 1, err);
    }
    const struct table *const *tables = source_stream_tables(w->source, &n);
    for (size_t i = 0; i < n && ok; i++) {
        ok = remove_from(w, tables[i], err);
    }
    size_t n_hidden = columns_newly_hidden(w->columns, &w->arena, &names);
    return ok && session_forget_rejects(w->session, names, n_hidden, err);
}

// Tables and views that are there, or will be at the end.
static void tell_tables(struct stream_work *w)
{
    struct str names[2 * SOURCE_TABLES_MAX];
    size_t n_names = 0;
    size_t n = 0;
    if (!w->options->on_tables) {
        return;
    }
    const struct table *const *tables = source_stream_tables(w->source, &n);
    for (size_t i = 0; i < n; i++) {
        if (columns_table(w->columns, tables[i])) {
            names[n_names++] = tables[i]->name;
        }
    }
    const struct source_view *views = source_stream_views(w->source, &n);
    for (size_t i = 0; i < n; i++) {
        names[n_names++] = views[i].name;
    }
    w->options->on_tables(w->options->user, w->job->index, names, n_names);
}

static bool apply_table(struct stream_work *w, const struct table *from, bool *ret_empty,
                        struct error *err)
{
    const struct run_options *o = w->options;
    const struct table *table = columns_table(w->columns, from);
    struct source_part part;
    const struct history_options history = {.on = o->history && o->history[w->job->index],
                                            .shared =
                                                source_stream_part(w->job->info, from->name, &part),
                                            .reset = o->reset_history};
    *ret_empty = true;
    return !table ||
           (session_apply_schema(w->session, table, ret_empty, err) &&
            session_apply_history(w->session, table, &history, err)) ||
           error_context(err, "table %.*s", STR_ARG(table->name));
}

static bool step_plan(struct stream_work *w, struct error *err)
{
    size_t n = 0;
    bool all_empty = true;
    if (columns_changed(w->columns) && !remove_hidden(w, err)) {
        return false;
    }
    const struct table *const *tables = source_stream_tables(w->source, &n);
    for (size_t i = 0; i < n; i++) {
        bool empty = true;
        if (!apply_table(w, tables[i], &empty, err)) {
            return false;
        }
        all_empty = all_empty && empty;
    }
    tell_tables(w);
    source_stream_start(w->source, all_empty);
    return true;
}

static bool step_load(struct stream_work *w, struct error *err)
{
    struct load l = {.options = w->options,
                     .job = w->job,
                     .source = w->source,
                     .session = w->session,
                     .columns = w->columns,
                     .changed = w->changed,
                     .user = w->user};
    w->load = &l;
    bool ok = load_stream(&l, err);
    w->load = NULL;
    return ok;
}

static bool write_audit(struct stream_work *w, const struct source_audit *a, uint64_t count,
                        struct error *err)
{
    char now[TIMESTAMP_TEXT_MAX];
    int64_t now_ms = clock_now_ms(w->options->clock);
    timestamp_format(now_ms, now);
    struct cell cells[AUDIT_COLUMNS] = {
        {.ptr = w->job->info->name, .len = (uint32_t)strlen(w->job->info->name), .kind = CELL_TEXT},
        {.ptr = "all", .len = 3, .kind = CELL_TEXT},
        {.num = (int64_t)a->source_count, .kind = CELL_INT},
        {.num = (int64_t)count, .kind = CELL_INT},
        {.num = 0, .kind = CELL_INT},
        {.ptr = now, .len = (uint32_t)strlen(now), .kind = CELL_TEXT},
    };
    struct batch b = {.table = &TABLE_AUDIT, .op = BATCH_UPSERT, .n_rows = 1, .cells = cells};
    if (session_begin(w->session, now_ms, err) && session_write(w->session, &b, err) &&
        job_may_commit(w->options, err)) {
        return session_commit(w->session, (struct str){NULL, 0}, err);
    }
    session_rollback(w->session);
    return false;
}

// Compares what the source counts with what is here, after a full pass.
static bool step_audit(struct stream_work *w, struct error *err)
{
    struct source_audit a;
    uint64_t count = 0;
    source_stream_audit(w->source, &a);
    if (!a.known) {
        return true;
    }
    const struct table *table = columns_table(w->columns, a.table);
    assert(table); // a main table is never left out
    if (!session_count(w->session, table, a.scope_column, a.scope_value, &count, err) ||
        !write_audit(w, &a, count, err)) {
        return false;
    }
    pthread_mutex_lock(&w->job->lock);
    w->job->report.audited = true;
    w->job->report.source_count = a.source_count;
    w->job->report.destination_count = count;
    pthread_mutex_unlock(&w->job->lock);
    return true;
}

static bool step_close(struct stream_work *w, struct error *err)
{
    size_t n = 0;
    if (!job_may_commit(w->options, err) || !session_finish_history(w->session, err)) {
        return false;
    }
    const struct source_view *views = source_stream_views(w->source, &n);
    for (size_t i = 0; i < n; i++) {
        if (!session_apply_view(w->session, views[i].name, views[i].tables, views[i].n_tables,
                                views[i].columns, views[i].n_columns, err)) {
            return error_context(err, "view %.*s", STR_ARG(views[i].name));
        }
    }
    const struct table *const *tables = source_stream_tables(w->source, &n);
    return n == 0 || session_index_synced(w->session, columns_table(w->columns, tables[0]), err);
}

static const struct {
    const char *name;
    bool (*run)(struct stream_work *w, struct error *err);
} STEPS[] = {
    {"open", step_open}, {"discover", step_discover}, {"plan", step_plan},
    {"load", step_load}, {"audit", step_audit},       {"close", step_close},
};

enum stream_status job_status_for(const struct error *err)
{
    if (err->code == ERR_INTERRUPTED) {
        return STREAM_INTERRUPTED;
    }
    return error_info(err->code)->delays ? STREAM_DELAYED : STREAM_FAILED;
}

void job_end(struct stream_report *r, enum stream_status status, const struct error *err,
             int64_t now_ms)
{
    r->status = status;
    r->error = *err;
    bool until = status == STREAM_DELAYED && err->retry_after_ms > 0;
    r->delayed_until_ms = until ? now_ms + err->retry_after_ms : 0;
}

static void finish(struct stream_work *w, bool ok, const struct error *err)
{
    pthread_mutex_lock(&w->job->lock);
    struct stream_report *r = &w->job->report;
    if (w->job->source) {
        struct source_progress p;
        source_stream_progress(w->job->source, &p);
        r->calls = p.calls;
        r->estimated_total = p.estimated_total;
        w->job->source = NULL;
    }
    r->ended_ms = clock_now_ms(w->options->clock);
    r->waiting_for = NULL;
    if (ok) {
        r->status = STREAM_COMPLETED;
        r->step = "done";
    } else {
        job_end(r, job_status_for(err), err, r->ended_ms);
    }
    pthread_mutex_unlock(&w->job->lock);
    w->changed(w->user, w->job);
}

void stream_run(const struct run_options *options, struct stream_job *job,
                void (*changed)(void *user, struct stream_job *job), void *user)
{
    struct stream_work w = {.options = options, .job = job, .changed = changed, .user = user};
    struct error err = {0};
    bool ok = true;
    arena_init(&w.arena, LIMIT_PAGE_ARENA);
    for (size_t i = 0; ok && i < ARRAY_LEN(STEPS); i++) {
        set_step(&w, STEPS[i].name);
        ok = STEPS[i].run(&w, &err);
    }
    finish(&w, ok, &err);
    source_stream_close(w.source);
    session_close(w.reader);
    session_close(w.session);
    columns_destroy(w.columns);
    arena_done(&w.arena);
}
