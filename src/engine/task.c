#include "engine/task_pool.h"

#include "core/secret.h"
#include "core/timestamp.h"
#include "destination/destination.h"
#include "engine/plan.h"
#include "engine/run.h"
#include "engine/task_text.h"
#include "store/workspaces.h"

enum { TASK_ARENA_MAX = 16 << 20 };

struct task {
    struct task_pool *pool;
    struct task *next; // guarded by pool->lock, which is never taken while `lock` is held
    struct arena arena;
    struct run_claim claim;
    struct cancel cancel;
    atomic_bool cancelled; // for good
    struct elt_settings settings;
    struct run_plan plan;
    const struct source_stream_info *info;
    struct secret *salt;
    struct account *account;
    struct destination *destination;
    struct text_list tables;  // all that the stream has made
    bool tables_told;         // they stand in the store
    bool anew_told;           // that all is read anew since the rules for columns have changed
    char said[TASK_TEXT_MAX]; // task_progress, by its one caller
    pthread_mutex_t lock;     // guards claim.run once the task executes, and what follows
    const char *opening;      // what is waited for before the run; NULL: nothing
    struct run *run;          // while it executes
};

// ---- making

static struct text_list copy_list(struct arena *a, const struct text_list *from)
{
    struct text_list list = {.items = ARENA_ARRAY(a, struct str, from->n), .n = from->n};
    for (size_t i = 0; i < from->n; i++) {
        list.items[i] = arena_dup(a, from->items[i]);
    }
    return list;
}

// Every text of the claim is in the taker's arena.
static void copy_claim(struct arena *a, const struct run_claim *from, struct run_claim *to)
{
    *to = *from;
    struct str *texts[] = {
        &to->run.id,
        &to->run.account_id,
        &to->run.sync_id,
        &to->run.stream_id,
        &to->run.connection_id,
        &to->run.error_code,
        &to->run.error_message,
        &to->run.details,
        &to->run.worker,
        &to->stream.id,
        &to->stream.account_id,
        &to->stream.sync_id,
        &to->stream.name,
        &to->stream.incremental_pointer_id,
        &to->stream.last_status,
        &to->sync.id,
        &to->sync.account_id,
        &to->sync.connection_id,
        &to->sync.destination_id,
        &to->sync.schema_name,
        &to->sync.schema_key,
        &to->sync.sync_interval,
        &to->sync.settings,
        &to->sync.source_integration_id,
        &to->sync.destination_integration_id,
        &to->lease,
    };
    struct text_list *lists[] = {&to->stream.excluded_columns, &to->stream.hashed_columns,
                                 &to->stream.excluded_substreams, &to->stream.tables};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = arena_dup(a, *texts[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        *lists[i] = copy_list(a, lists[i]);
    }
}

struct task *task_create(struct task_pool *pool, const struct run_claim *claim)
{
    struct task *t = calloc(1, sizeof *t);
    if (!t) {
        abort();
    }
    t->pool = pool;
    arena_init(&t->arena, TASK_ARENA_MAX);
    copy_claim(&t->arena, claim, &t->claim);
    pthread_mutex_init(&t->lock, NULL);
    pthread_mutex_lock(&pool->lock);
    t->next = pool->tasks;
    pool->tasks = t;
    pthread_mutex_unlock(&pool->lock);
    return t;
}

void task_destroy(struct task *t)
{
    if (!t) {
        return;
    }
    assert(!t->run && !t->account && !t->destination);
    pthread_mutex_lock(&t->pool->lock);
    struct task **at = &t->pool->tasks;
    while (*at != t) {
        at = &(*at)->next;
    }
    *at = t->next;
    pthread_mutex_unlock(&t->pool->lock);
    secret_destroy(t->salt);
    pthread_mutex_destroy(&t->lock);
    arena_done(&t->arena);
    free(t);
}

void task_stop(struct task *t, bool cancelled)
{
    if (cancelled) {
        atomic_store(&t->cancelled, true);
    }
    cancel_request(&t->cancel);
}

// ---- short calls to the store

static bool with_store(struct task *t,
                       bool (*call)(struct task *t, struct store *s, struct sealing *sealing,
                                    struct error *err),
                       struct error *err)
{
    struct store *store = NULL;
    struct sealing *sealing = NULL;
    if (!store_pool_lend(t->pool->options.stores, &store, &sealing, err)) {
        return false;
    }
    bool ok = call(t, store, sealing, err);
    store_pool_return(t->pool->options.stores, store);
    return ok;
}

static bool write_begin(struct task *t, struct store *s, struct sealing *sealing, struct error *err)
{
    (void)sealing;
    int64_t now_ms = 0;
    if (!store_now_ms(s, &now_ms, err)) {
        return false;
    }
    pthread_mutex_lock(&t->lock);
    struct stream_run_row *run = &t->claim.run;
    run->mode = t->plan.mode;
    run->trigger = t->plan.trigger;
    run->reset_history = t->plan.reset_history;
    run->started_ms = run->started_ms > 0 ? run->started_ms : now_ms;
    struct stream_run_row row = *run;
    pthread_mutex_unlock(&t->lock);
    return stream_run_begin(s, &row, err);
}

static bool read_salt(struct task *t, struct store *s, struct sealing *sealing, struct error *err)
{
    return workspace_salt(s, sealing, t->claim.run.account_id, &t->salt, err);
}

static bool write_tables(struct task *t, struct store *s, struct sealing *sealing,
                         struct error *err)
{
    (void)sealing;
    return elt_stream_set_tables(s, t->claim.stream.id, &t->tables, err);
}

// ---- what the run asks and tells, in its thread

// What is made in the destination is written down before a row of it commits, so that it can be
// taken away again whatever happens.
static bool tell_tables(struct task *t, struct error *err)
{
    t->tables_told = t->tables_told || with_store(t, write_tables, err);
    return t->tables_told;
}

static bool on_may_commit(void *user, struct error *err)
{
    struct task *t = user;
    const struct task_pool_options *o = &t->pool->options;
    if (!o->may_commit(o->user, t->claim.lease, t->claim.run.fence)) {
        return error_set(err, ERR_LEASE_LOST,
                         "this worker may no longer work for the connection: its lease %.*s has "
                         "ended; nothing was committed since",
                         STR_ARG(t->claim.lease));
    }
    return tell_tables(t, err);
}

static bool is_in(const struct text_list *list, struct str name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (str_eq(list->items[i], name)) {
            return true;
        }
    }
    return false;
}

static void on_tables(void *user, size_t stream, const struct str *names, size_t n)
{
    struct task *t = user;
    const struct text_list *before = &t->claim.stream.tables;
    struct text_list all = {.items = ARENA_ARRAY(&t->arena, struct str, before->n + n)};
    (void)stream;
    for (size_t i = 0; i < before->n; i++) {
        all.items[all.n++] = before->items[i];
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_in(&all, names[i])) {
            all.items[all.n++] = arena_dup(&t->arena, names[i]);
        }
    }
    t->tables = all;
    t->tables_told = all.n == before->n;
    struct error later; // it is tried again before the first commit
    (void)!tell_tables(t, &later);
}

// The mode of the run turns out to be another than was planned.
static void on_event(void *user, struct run *run, size_t stream)
{
    struct task *t = user;
    struct stream_report r;
    struct error err;
    run_report(run, stream, &r);
    if (!(r.columns_full || r.from_nothing) || t->anew_told) {
        return;
    }
    t->anew_told = true;
    if (t->plan.mode != RUN_FULL || t->plan.trigger == TRIGGER_NONE) {
        t->plan.mode = RUN_FULL;
        t->plan.trigger = r.from_nothing ? TRIGGER_INITIAL_SYNC : TRIGGER_SCHEMA_CHANGE;
        if (!with_store(t, write_begin, &err) && t->pool->options.log) {
            log_line(t->pool->options.log, LOG_WARN, "the mode of a run could not be written",
                     LOG_S("run", t->claim.run.id), LOG_C("error", err.message));
        }
    }
}

// ---- opening

static void set_opening(struct task *t, const char *what)
{
    pthread_mutex_lock(&t->lock);
    t->opening = what;
    pthread_mutex_unlock(&t->lock);
}

static bool prepare(struct task *t, struct error *err)
{
    const struct task_pool_options *o = &t->pool->options;
    const struct elt_stream *stream = &t->claim.stream;
    t->info = source_hubspot_find(stream->name);
    if (!t->info) {
        return error_set(err, ERR_CONFIG, "there is no stream \"%.*s\" any more; delete it",
                         STR_ARG(stream->name));
    }
    if (!elt_settings_parse(t->claim.sync.settings, &t->arena, &t->settings, err)) {
        return false;
    }
    struct str zone = t->settings.time_zone.len > 0 ? t->settings.time_zone : o->time_zone;
    t->plan = plan_run(&t->claim, zone, clock_now_ms(o->clock));
    t->tables_told = true;
    return with_store(t, write_begin, err) &&
           (stream->hashed_columns.n == 0 || with_store(t, read_salt, err));
}

static bool open_both(struct task *t, struct error *err)
{
    struct task_destination which = {.id = t->claim.sync.destination_id,
                                     .schema = t->claim.sync.schema_name,
                                     .schema_key = t->claim.sync.schema_key};
    bool known = destination_metadata(t->settings.metadata_columns, &which.metadata);
    assert(known); // the settings table admits only known presets
    set_opening(t, "opening the connection");
    if (!task_account_take(t->pool, t->claim.run.connection_id, &t->settings, &t->cancel,
                           &t->account, err)) {
        return false;
    }
    set_opening(t, "opening the destination");
    return task_destination_take(t->pool, &which, &t->cancel, &t->destination, err);
}

static void give_back(struct task *t, const struct error *failed)
{
    if (t->destination) {
        task_destination_give(t->pool, t->destination, failed);
        t->destination = NULL;
    }
    if (t->account) {
        task_account_give(t->pool, t->account, failed);
        t->account = NULL;
    }
}

// ---- running

// What was asked for in this run or what other streams of the same sync were asked for at the same
// time may share definitions; what was read before that may not be true any more.
static int64_t fresh_since(const struct task *t)
{
    return t->claim.run.requested_ms;
}

static void execute(struct task *t, struct stream_report *ret)
{
    const struct elt_stream *stream = &t->claim.stream;
    const struct columns_options columns = {.excluded = &stream->excluded_columns,
                                            .hashed = &stream->hashed_columns,
                                            .excluded_tables = &stream->excluded_substreams,
                                            .salt = t->salt};
    // Not the sync's: a stream may come from another one of the schema, whose run is not over yet.
    const struct session_fence fence = {t->claim.sync.destination_id, t->claim.run.fence};
    struct metadata_columns metadata;
    bool known = destination_metadata(t->settings.metadata_columns, &metadata);
    assert(known);
    struct run *run = run_create(&(struct run_options){
        .source = t->account->source,
        .destination = t->destination,
        .streams = &t->info,
        .n_streams = 1,
        .full_refresh = t->plan.full_refresh,
        .since_ms = t->claim.sync.start_ms,
        .parallel = 1,
        .metadata = metadata,
        .clock = t->pool->options.clock,
        .log = t->pool->options.log,
        .cancel = &t->cancel,
        .columns = &columns,
        .history = &stream->enabled_history_table,
        .reset_history = t->plan.reset_history ? t->claim.run.id : STR(""),
        .keep_incremental = stream->protected_from_full_sync && stream->last_completed_ms != 0,
        .fresh_ms = fresh_since(t),
        .fence = &fence,
        .may_commit = on_may_commit,
        .on_tables = on_tables,
        .on_event = on_event,
        .user = t,
    });
    pthread_mutex_lock(&t->lock);
    t->opening = NULL;
    t->run = run;
    pthread_mutex_unlock(&t->lock);
    run_execute(run);
    run_report(run, 0, ret);
    pthread_mutex_lock(&t->lock);
    t->run = NULL;
    pthread_mutex_unlock(&t->lock);
    run_destroy(run);
}

// ---- figures

// What the run had before it was interrupted or retried counts too.
static void add_figures(const struct task *t, const struct stream_report *r,
                        struct stream_run_row *row)
{
    const struct stream_run_row *before = &t->claim.run;
    row->records = before->records + (int64_t)r->rows;
    row->bytes = before->bytes + (int64_t)r->bytes;
    row->calls = before->calls + (int64_t)r->calls;
    row->rejects = before->rejects + (int64_t)r->rejects;
    row->estimated = r->estimated_total > 0 ? (int64_t)r->estimated_total : before->estimated;
    row->resumable = before->resumable || r->resumable;
}

void task_progress(struct task *t, struct stream_run_row *ret)
{
    struct stream_report r = {0};
    pthread_mutex_lock(&t->lock);
    *ret = t->claim.run;
    bool running = t->run != NULL;
    const char *opening = t->opening;
    if (running) {
        run_report(t->run, 0, &r);
    }
    pthread_mutex_unlock(&t->lock);
    if (running) {
        add_figures(t, &r, ret);
        ret->details = task_text_of(&r, clock_now_ms(t->pool->options.clock), t->said);
    } else {
        ret->details = str_from(opening ? opening : "");
    }
}

struct task_waits task_pool_waits(struct task_pool *p, struct str connection)
{
    struct task_waits w = {0};
    pthread_mutex_lock(&p->lock);
    for (struct task *t = p->tasks; t; t = t->next) {
        struct stream_report r = {0};
        if (!str_eq(t->claim.run.connection_id, connection)) {
            continue;
        }
        pthread_mutex_lock(&t->lock);
        if (t->run) {
            run_report(t->run, 0, &r);
        }
        pthread_mutex_unlock(&t->lock);
        if (r.waiting_for) {
            w.waiting++;
            w.waiting_for = r.waiting_for;
            w.waiting_until_ms = MAX(w.waiting_until_ms, r.waiting_until_ms);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return w;
}

// ---- how it ends

static void set_error(struct task *t, const struct error *err, struct stream_run_row *row)
{
    const char *name = error_info(err->code)->name;
    char *code = arena_cstr(&t->arena, str_from(name));
    for (char *c = code; *c; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    row->error_code = str_from(code);
    row->error_message = arena_dup(&t->arena, str_from(err->message));
}

static void end_cancelled(struct stream_run_row *row)
{
    row->status = RUN_FAILED;
    row->error_code = STR("cancelled");
    row->error_message = STR("cancelled on request; what was loaded is kept");
}

static void end_failed(struct task *t, const struct error *err, int64_t delayed_until_ms,
                       struct stream_run_row *row)
{
    int64_t now_ms = clock_now_ms(t->pool->options.clock);
    bool stopped = cancel_requested(&t->cancel) && err->code == ERR_INTERRUPTED;
    if (stopped && atomic_load(&t->cancelled)) {
        end_cancelled(row);
        return;
    }
    if (stopped || err->code == ERR_LEASE_LOST) {
        row->status = RUN_SCHEDULED;
        row->details = STR("waits for a worker to go on with it");
        return;
    }
    row->status =
        plan_after(err, row->retry_attempt, delayed_until_ms, now_ms, &row->not_before_ms);
    set_error(t, err, row);
    char *text = arena_alloc(&t->arena, TASK_TEXT_MAX);
    row->details = task_text_end(row->status, err, row->not_before_ms, now_ms, text);
    row->retry_attempt += row->status == RUN_RETRYING;
}

void task_execute(struct task *t, struct stream_run_row *ret)
{
    struct stream_report r = {0};
    struct error err = {0};
    bool ok = prepare(t, &err) && open_both(t, &err);
    if (ok) {
        execute(t, &r);
        err = r.error;
        ok = r.status == STREAM_COMPLETED;
    }
    give_back(t, ok ? NULL : &err);
    struct stream_run_row row = t->claim.run;
    add_figures(t, &r, &row);
    row.not_before_ms = 0;
    row.error_code = row.error_message = row.details = STR("");
    if (ok) {
        char *text = arena_alloc(&t->arena, TASK_TEXT_MAX);
        row.status = RUN_COMPLETED;
        row.details = task_text_completed(&r, text);
    } else {
        end_failed(t, &err, r.delayed_until_ms, &row);
    }
    *ret = row;
}
