#include "test_run.h"

#include "core/limits.h"

struct source {
    struct world *world;
};
struct destination {
    struct world *world;
};
struct source_stream {
    struct world *world;
    const struct plan *plan;
    struct seen *seen;
    const struct source_lookup *lookup;
    size_t next;
};
struct session {
    struct world *world;
    const struct plan *plan;
    struct seen *seen;
    bool reader;
};

static const struct column COLUMNS[] = {{STR_INIT("id"), COL_INT}};
static const struct table MAIN = {STR_INIT("paper"), COLUMNS, 1, 1, 0};
static const struct table OTHER = {STR_INIT("other"), COLUMNS, 1, 1, 0};
static const struct column SYSTEM_COLUMNS[6] = {{STR_INIT("a"), COL_TEXT}};
const struct table TABLE_COLUMN = {STR_INIT("_sluice_column"), SYSTEM_COLUMNS, 5, 3, 0};
const struct table TABLE_REJECT = {STR_INIT("_sluice_reject"), SYSTEM_COLUMNS, 6, 0, 0};
const struct table TABLE_AUDIT = {STR_INIT("_sluice_audit"), SYSTEM_COLUMNS, 6, 0, 0};

// ---- the world

static size_t find(const struct world *w, struct str name)
{
    for (size_t i = 0; i < w->n; i++) {
        if (str_eq(name, str_from(w->plans[i].info.name))) {
            return i;
        }
    }
    abort();
}

static void wrong(struct seen *seen, const char *what)
{
    seen->wrong++;
    seen->wrong_what = what;
}

// Counts the call; false with the plan's error when it is the one that fails. Lock held.
static bool counted(const struct plan *plan, struct seen *seen, enum paper_call call,
                    struct error *err)
{
    size_t n = seen->calls[call]++;
    if (plan->fail == call && n == plan->fail_at) {
        return error_set(err, plan->code, "as planned");
    }
    return true;
}

static void on_event(void *user, struct run *run, size_t stream)
{
    struct world *w = user;
    int before = atomic_fetch_add(&w->in_event, 1);
    clock_system()->sleep_us(clock_system(), 200); // long enough to meet another one
    struct stream_report r;
    run_report(run, stream, &r);
    pthread_mutex_lock(&w->lock);
    w->events++;
    w->events_together += before != 0;
    w->rows_ahead += r.rows > w->seen[stream].rows;
    w->seen_loading += r.status == STREAM_RUNNING && strcmp(r.step, "papering") == 0 &&
                       r.calls == 42 && r.estimated_total == 4242 && r.waiting_until_ms == 99 &&
                       strcmp(r.waiting_for, "ink") == 0;
    pthread_mutex_unlock(&w->lock);
    atomic_fetch_sub(&w->in_event, 1);
}

void world_init(struct world *w, const struct plan *plans, size_t n)
{
    assert_true(n <= STREAMS_MAX);
    *w = (struct world){.n = n, .parallel = 4};
    virtual_clock_init(&w->time, 1700000000000);
    pthread_mutex_init(&w->lock, NULL);
    for (size_t i = 0; i < n; i++) {
        w->plans[i] = plans[i];
        w->infos[i] = &w->plans[i].info;
    }
}

void world_run(struct world *w)
{
    struct source source = {w};
    struct destination destination = {w};
    w->run = run_create(&(struct run_options){.source = &source,
                                              .destination = &destination,
                                              .streams = w->infos,
                                              .n_streams = w->n,
                                              .full_refresh = w->full_refresh,
                                              .history = w->history,
                                              .reset_history = str_from(w->reset_history),
                                              .since_ms = w->since_ms,
                                              .parallel = w->parallel,
                                              .clock = &w->time.clock,
                                              .cancel = &w->cancel,
                                              .on_event = on_event,
                                              .user = w});
    run_execute(w->run);
    assert_int_equal(w->pages_alive, 0);
    assert_int_equal(w->streams_open, 0);
    assert_int_equal(w->events_together, 0);
    assert_int_equal(w->rows_ahead, 0);
    assert_true(w->most_open <= w->parallel);
    for (size_t i = 0; i < w->n; i++) {
        struct seen *s = &w->seen[i];
        if (s->wrong > 0) {
            fail_msg("%s: %s", w->plans[i].info.name, s->wrong_what);
        }
        assert_true(s->sessions == 0 && s->readers == 0 && !s->in_transaction);
        assert_true(world_report(w, i).rows == s->rows);
    }
}

void world_done(struct world *w)
{
    run_destroy(w->run);
    pthread_mutex_destroy(&w->lock);
}

struct stream_report world_report(struct world *w, size_t stream)
{
    struct stream_report r;
    run_report(w->run, stream, &r);
    assert_ptr_equal(r.info, w->infos[stream]);
    return r;
}

// ---- the source

static bool read_nothing(void *user, const struct cell *cells, struct error *err)
{
    (void)user;
    (void)cells;
    (void)err;
    return true;
}

bool source_stream_open(struct source *source, const struct source_stream_options *options,
                        struct source_stream **ret, struct error *err)
{
    struct world *w = source->world;
    size_t i = find(w, str_from(options->info->name));
    struct seen *seen = &w->seen[i];
    const struct plan *plan = &w->plans[i];
    pthread_mutex_lock(&w->lock);
    seen->opened_at = ++w->clock_of_events;
    seen->full_refresh = options->full_refresh;
    seen->since_ms = options->since_ms;
    snprintf(seen->state, sizeof seen->state, "%.*s", STR_ARG(options->state));
    bool ok = counted(plan, seen, CALL_STREAM_OPEN, err);
    w->streams_open += ok;
    w->most_open = MAX(w->most_open, w->streams_open);
    pthread_mutex_unlock(&w->lock);
    if (!ok) {
        return false;
    }
    struct source_stream *s = calloc(1, sizeof *s);
    *s = (struct source_stream){w, plan, seen, options->lookup, 0};
    const struct source_lookup *l = options->lookup;
    if (plan->asks && !l->read_table(l->user, l->column_table, read_nothing, NULL, err)) {
        abort();
    }
    *ret = s;
    return true;
}

void source_stream_close(struct source_stream *s)
{
    if (!s) {
        return;
    }
    pthread_mutex_lock(&s->world->lock);
    s->seen->closed_at = ++s->world->clock_of_events;
    s->world->streams_open--;
    pthread_mutex_unlock(&s->world->lock);
    free(s);
}

const struct table *const *source_stream_tables(const struct source_stream *s, size_t *ret_n)
{
    static const struct table *const TABLES[] = {&MAIN, &OTHER};
    (void)s;
    *ret_n = ARRAY_LEN(TABLES);
    return TABLES;
}

void source_stream_start(struct source_stream *s, bool empty)
{
    pthread_mutex_lock(&s->world->lock);
    s->seen->empty = empty;
    pthread_mutex_unlock(&s->world->lock);
}

static void on_release(void *user, struct page *page)
{
    struct world *w = user;
    pthread_mutex_lock(&w->lock);
    w->pages_alive--;
    pthread_mutex_unlock(&w->lock);
    page->release = NULL;
    page_destroy(page);
}

static struct page *make_page(struct source_stream *s, size_t number)
{
    const struct paper_page *p = &s->plan->pages[MIN(number, s->plan->n_pages - 1)];
    struct page *page = page_create();
    page->release = on_release;
    page->user = s->world;
    page->hold = p->hold;
    page->records = p->rows;
    page->bytes = 10;
    page->rejects = 1;
    // The size of the scope tells the other side how long loading takes.
    page->batches[page->n_batches++] =
        (struct batch){.table = &MAIN, .n_rows = p->rows, .n_scope = (size_t)p->load_ms};
    page->batches[page->n_batches++] = (struct batch){.table = &OTHER, .deleted = p->hold};
    if (p->sweep) {
        page->sweeps[page->n_sweeps++] = (struct page_sweep){.table = &MAIN, .before_ms = 5};
    }
    if (p->cursor_bytes > 0) {
        char *large = arena_alloc(&page->arena, p->cursor_bytes);
        memset(large, 'x', p->cursor_bytes);
        page->cursor = (struct str){large, p->cursor_bytes};
    } else if (!p->without_cursor) {
        page->cursor = arena_printf(&page->arena, "c%zu", number + 1);
    }
    pthread_mutex_lock(&s->world->lock);
    s->world->pages_alive++;
    s->world->pages_made++;
    pthread_mutex_unlock(&s->world->lock);
    return page;
}

bool source_stream_next(struct source_stream *s, struct page **ret, struct error *err)
{
    size_t number = s->next++;
    pthread_mutex_lock(&s->world->lock);
    bool ok = counted(s->plan, s->seen, CALL_NEXT, err);
    pthread_mutex_unlock(&s->world->lock);
    *ret = NULL;
    if (!ok) {
        return false;
    }
    if (s->plan->cancel_at == number + 1) {
        cancel_request(&s->world->cancel);
        return error_set(err, ERR_INTERRUPTED, "interrupted");
    }
    if (number >= s->plan->n_pages && !s->plan->endless) {
        return true;
    }
    int64_t id = 0;
    size_t n = 0;
    struct source_ids_query q = {.table = STR("paper"), .id_column = STR("id"), .max = 1};
    if (s->plan->asks && !s->lookup->read_ids(s->lookup->user, &q, &id, &n, NULL, err)) {
        return false;
    }
    if (s->plan->settle_at == number + 1) {
        if (!s->lookup->settle(s->lookup->user, err)) {
            return false;
        }
        pthread_mutex_lock(&s->world->lock);
        s->seen->rows_settled = s->seen->rows;
        pthread_mutex_unlock(&s->world->lock);
    }
    int pause_ms = s->plan->pages[MIN(number, s->plan->n_pages - 1)].pause_ms;
    clock_system()->sleep_us(clock_system(), pause_ms * 1000);
    *ret = make_page(s, number);
    return true;
}

void source_stream_progress(const struct source_stream *s, struct source_progress *ret)
{
    (void)s;
    *ret = (struct source_progress){.estimated_total = 4242,
                                    .waiting_for = "ink",
                                    .waiting_until_ms = 99,
                                    .calls = 42,
                                    .step = "papering"};
}

int64_t source_stream_floor_ms(const struct source_stream *s)
{
    return s->plan->floor_ms;
}

const struct source_view *source_stream_views(const struct source_stream *s, size_t *ret_n)
{
    static const struct source_view VIEWS[] = {{.name = STR_INIT("glance")}};
    (void)s;
    *ret_n = ARRAY_LEN(VIEWS);
    return VIEWS;
}

void source_stream_columns(const struct source_stream *s, const struct table *table,
                           struct source_column *ret)
{
    (void)s;
    memset(ret, 0, table->n_columns * sizeof *ret);
}

bool source_stream_part(const struct source_stream_info *info, struct str table,
                        struct source_part *ret)
{
    (void)info;
    (void)table;
    (void)ret;
    return false;
}

void source_stream_audit(struct source_stream *s, struct source_audit *ret)
{
    *ret = (struct source_audit){.known = s->plan->audited, .source_count = 77, .table = &MAIN};
}

// ---- the destination

bool session_open_run(struct destination *dest, struct str stream, const struct session_run *run,
                      struct session **ret, struct error *err)
{
    (void)run;
    struct world *w = dest->world;
    bool reader = str_ends(stream, STR("/read"));
    size_t i = find(w, reader ? str_sub(stream, 0, stream.len - 5) : stream);
    struct seen *seen = &w->seen[i];
    pthread_mutex_lock(&w->lock);
    bool ok = counted(&w->plans[i], seen, CALL_SESSION_OPEN, err);
    seen->sessions += ok && !reader;
    seen->readers += ok && reader;
    seen->readers_opened += ok && reader;
    pthread_mutex_unlock(&w->lock);
    if (ok) {
        *ret = calloc(1, sizeof **ret);
        **ret = (struct session){w, &w->plans[i], seen, reader};
    }
    return ok;
}

void session_close(struct session *s)
{
    if (s) {
        session_rollback(s);
        pthread_mutex_lock(&s->world->lock);
        s->seen->sessions -= !s->reader;
        s->seen->readers -= s->reader;
        pthread_mutex_unlock(&s->world->lock);
        free(s);
    }
}

static bool call(struct session *s, enum paper_call call, struct error *err)
{
    pthread_mutex_lock(&s->world->lock);
    bool ok = counted(s->plan, s->seen, call, err);
    pthread_mutex_unlock(&s->world->lock);
    return ok;
}

bool session_read_state(struct session *s, struct arena *arena, struct str *ret, struct error *err)
{
    *ret = s->plan->state ? arena_dup(arena, str_from(s->plan->state)) : (struct str){NULL, 0};
    return call(s, CALL_READ_STATE, err);
}

bool session_claim_state(struct session *s, struct arena *arena, struct str *ret, struct error *err)
{
    return session_read_state(s, arena, ret, err);
}

// No test of the engine on paper has rules for columns: nothing is ever taken away.
bool session_drop_columns(struct session *s, struct str table, const struct str *columns, size_t n,
                          struct error *err)
{
    (void)s;
    (void)columns;
    return error_set(err, ERR_INTERNAL, "%zu columns of %.*s taken away", n, STR_ARG(table));
}

bool session_drop_tables(struct session *s, const struct str *names, size_t n, struct error *err)
{
    (void)s;
    return error_set(err, ERR_INTERNAL, "%zu tables taken away, %.*s", n, STR_ARG(names[0]));
}

bool session_hide_part(struct session *s, const struct destination_part *part,
                       const struct str *columns, size_t n, struct error *err)
{
    (void)s;
    (void)columns;
    return error_set(err, ERR_INTERNAL, "%zu columns of a part hidden in %.*s", n,
                     STR_ARG(part->table));
}

bool session_drop_part(struct session *s, const struct destination_part *part, struct error *err)
{
    (void)s;
    return error_set(err, ERR_INTERNAL, "a part of %.*s taken away", STR_ARG(part->table));
}

bool session_forget_rejects(struct session *s, const struct str *columns, size_t n,
                            struct error *err)
{
    (void)s;
    (void)columns;
    return error_set(err, ERR_INTERNAL, "values of %zu columns forgotten", n);
}

bool session_apply_schema(struct session *s, const struct table *table, bool *ret_empty,
                          struct error *err)
{
    *ret_empty = table == &OTHER || !s->plan->filled;
    return call(s, CALL_SCHEMA, err);
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool session_apply_view(struct session *s, struct str name, const struct str *tables,
                        size_t n_tables, const struct str *columns, size_t n_columns,
                        struct error *err)
{
    (void)tables;
    (void)n_tables;
    (void)columns;
    (void)n_columns;
    s->seen->views += str_eq(name, STR("glance"));
    return call(s, CALL_VIEW, err);
}

bool session_apply_history(struct session *s, const struct table *table,
                           const struct history_options *options, struct error *err)
{
    if (s->seen->in_transaction || s->reader) {
        wrong(s->seen, "a history within a transaction, or by the reader");
    }
    s->seen->histories += options->on;
    s->seen->resets += str_eq(options->reset, STR("run 7")) && table != NULL;
    return call(s, CALL_HISTORY, err);
}

bool session_finish_history(struct session *s, struct error *err)
{
    if (s->seen->sessions == 0 || s->seen->in_transaction) {
        wrong(s->seen, "histories finished within a transaction");
    }
    return call(s, CALL_FINISH, err);
}

bool session_index_synced(struct session *s, const struct table *table, struct error *err)
{
    if (table != &MAIN) {
        wrong(s->seen, "index on another table");
    }
    return call(s, CALL_INDEX, err);
}

bool session_begin(struct session *s, int64_t synced_ms, struct error *err)
{
    if (s->seen->in_transaction || s->reader) {
        wrong(s->seen, "begin within a transaction, or by the reader");
    }
    bool ok = call(s, CALL_BEGIN, err);
    s->seen->in_transaction = ok;
    s->seen->rows_open = 0;
    s->seen->synced_ms = synced_ms;
    return ok;
}

bool session_write(struct session *s, const struct batch *batch, struct error *err)
{
    struct seen *seen = s->seen;
    if (!seen->in_transaction) {
        wrong(seen, "write outside a transaction");
    }
    if (batch->table == &TABLE_AUDIT) {
        seen->audits++;
        seen->audit_source = batch->cells[2].num;
        seen->audit_destination = batch->cells[3].num;
    } else if (batch->table == &MAIN) {
        seen->rows_open += batch->n_rows;
        virtual_clock_advance_us(&s->world->time, (int64_t)batch->n_scope * 1000);
    } else {
        seen->last_held = batch->deleted;
    }
    return call(s, CALL_WRITE, err);
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool session_sweep(struct session *s, const struct table *table, struct str scope_column,
                   struct str scope_value, int64_t synced_before_ms, bool remove,
                   uint64_t *ret_rows, struct error *err)
{
    if (table != &MAIN || scope_column.len + scope_value.len > 0 || synced_before_ms != 5 ||
        remove) {
        wrong(s->seen, "another sweep");
    }
    s->seen->sweeps++;
    *ret_rows = 3;
    return call(s, CALL_SWEEP, err);
}

bool session_commit(struct session *s, struct str state, struct error *err)
{
    struct seen *seen = s->seen;
    if (!seen->in_transaction || seen->last_held) {
        wrong(seen, "commit outside a transaction, or within a group of pages");
    }
    seen->in_transaction = false;
    if (!call(s, CALL_COMMIT, err)) {
        seen->rollbacks++;
        return false;
    }
    pthread_mutex_lock(&s->world->lock);
    if (seen->n_commits < COMMITS_MAX) {
        size_t n = seen->n_commits++;
        seen->commits[n].rows = seen->rows_open;
        seen->commits[n].synced_ms = seen->synced_ms;
        snprintf(seen->commits[n].cursor, CURSOR_TEXT_MAX, "%.*s", STR_ARG(state));
    }
    seen->rows += seen->rows_open;
    pthread_mutex_unlock(&s->world->lock);
    return true;
}

void session_rollback(struct session *s)
{
    if (!s->reader && s->seen->in_transaction) {
        s->seen->in_transaction = false;
        s->seen->rollbacks++;
    }
}

bool session_count(struct session *s, const struct table *table, struct str scope_column,
                   struct str scope_value, uint64_t *ret, struct error *err)
{
    (void)scope_column;
    (void)scope_value;
    *ret = table == &MAIN ? 76 : 0;
    return call(s, CALL_COUNT, err);
}

// NOLINTNEXTLINE(readability-function-size): the contract's own list of parameters
bool session_read_ids(struct session *s, struct str table, struct str id_column, int64_t after_id,
                      int64_t synced_after_ms, int64_t *ids, size_t max, size_t *ret_n,
                      int64_t *ret_max_synced_ms, struct error *err)
{
    (void)after_id;
    (void)synced_after_ms;
    (void)ids;
    (void)ret_max_synced_ms;
    (void)err;
    if (!s->reader || !str_eq(table, STR("paper")) || !str_eq(id_column, STR("id")) || max != 1) {
        wrong(s->seen, "ids are not read by the reader");
    }
    s->seen->ids_read++;
    *ret_n = 0;
    return true;
}

bool session_read_table(struct session *s, const struct table *table, session_row_fn *fn,
                        void *user, struct error *err)
{
    (void)fn;
    (void)user;
    (void)err;
    if (s->reader || table != &TABLE_COLUMN) {
        wrong(s->seen, "another table is read");
    }
    s->seen->tables_read++;
    return true;
}
