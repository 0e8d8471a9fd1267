#include "test_engine.h"

#include "engine/plan.h"
#include "store/budgets.h"

struct task_pool {
    struct task_pool_options options;
    struct paper *paper;
};

struct task {
    struct task_pool *pool;
    struct arena arena;
    struct run_claim claim;
    bool told, cancelled; // guarded by the paper's lock
};

// ---- what the engine calls

struct task_pool *task_pool_create(const struct task_pool_options *options)
{
    struct task_pool *p = calloc(1, sizeof *p);
    assert_non_null(p);
    p->options = *options;
    p->paper = options->log->user;
    return p;
}

void task_pool_destroy(struct task_pool *p)
{
    free(p);
}

void task_pool_tidy(struct task_pool *p)
{
    (void)p;
}

void task_pool_budgets(struct task_pool *p, struct arena *arena, struct budget_row **ret,
                       size_t *ret_n)
{
    struct budget_row *row = ARENA_NEW(arena, struct budget_row);
    pthread_mutex_lock(&p->paper->lock);
    *row = (struct budget_row){.connection_id = STR("main"),
                               .at_ms = clock_now_ms(p->paper->clock),
                               .calls = (int64_t)p->paper->n_starts};
    pthread_mutex_unlock(&p->paper->lock);
    *ret = row;
    *ret_n = 1;
}

struct task *task_create(struct task_pool *pool, const struct run_claim *claim)
{
    struct task *t = calloc(1, sizeof *t);
    assert_non_null(t);
    arena_init(&t->arena, 1 << 20);
    t->pool = pool;
    t->claim = *claim;
    struct stream_run_row *run = &t->claim.run;
    run->id = arena_dup(&t->arena, run->id);
    run->account_id = arena_dup(&t->arena, run->account_id);
    run->sync_id = arena_dup(&t->arena, run->sync_id);
    run->stream_id = arena_dup(&t->arena, run->stream_id);
    run->connection_id = arena_dup(&t->arena, run->connection_id);
    run->worker = arena_dup(&t->arena, run->worker);
    run->error_code = run->error_message = run->details = STR("");
    t->claim.lease = arena_dup(&t->arena, claim->lease);
    t->claim.stream.id = run->stream_id;
    return t;
}

void task_destroy(struct task *t)
{
    if (t) {
        arena_done(&t->arena);
        free(t);
    }
}

void task_progress(struct task *t, struct stream_run_row *ret)
{
    *ret = t->claim.run;
    ret->records = 10;
    ret->details = STR("reading paper");
}

void task_stop(struct task *t, bool cancelled)
{
    struct paper *p = t->pool->paper;
    pthread_mutex_lock(&p->lock);
    t->told = true;
    t->cancelled = t->cancelled || cancelled;
    p->n_cancelled += cancelled;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

static void begin(struct task *t, struct stream_run_row *row)
{
    struct store *s = NULL;
    struct error err;
    struct run_plan plan = plan_run(&t->claim, STR(""), clock_now_ms(t->pool->paper->clock));
    row->mode = plan.mode;
    row->trigger = plan.trigger;
    if (store_pool_lend(t->pool->options.stores, &s, NULL, &err)) {
        (void)!stream_run_begin(s, row, &err); // lost: the end will say so too
        store_pool_return(t->pool->options.stores, s);
    }
}

static void note_start(struct paper *p, struct str stream, bool full)
{
    uint64_t id = str_hash(stream);
    for (size_t i = 0; i < p->n_running; i++) {
        p->twice = p->twice || p->running[i] == id;
    }
    assert_true(p->n_running < PAPER_RUNNING_MAX && p->n_starts < PAPER_STARTS_MAX);
    p->running[p->n_running++] = id;
    p->most_running = MAX(p->most_running, p->n_running);
    p->starts[p->n_starts++] = (struct paper_start){id, clock_now_ms(p->clock), full};
    pthread_cond_broadcast(&p->changed);
}

static void note_end(struct paper *p, struct str stream)
{
    uint64_t id = str_hash(stream);
    size_t i = 0;
    while (p->running[i] != id) {
        i++;
        assert_true(i < p->n_running);
    }
    p->running[i] = p->running[--p->n_running];
}

void task_execute(struct task *t, struct stream_run_row *ret)
{
    struct paper *p = t->pool->paper;
    struct stream_run_row row = t->claim.run;
    begin(t, &row);
    pthread_mutex_lock(&p->lock);
    note_start(p, row.stream_id, row.mode == RUN_FULL);
    while (p->hold && (!t->told || p->deaf)) {
        pthread_cond_wait(&p->changed, &p->lock);
    }
    row.records = 10;
    row.status = RUN_COMPLETED;
    if (t->told && !p->deaf) {
        row.status = t->cancelled ? RUN_FAILED : RUN_SCHEDULED;
        row.error_code = t->cancelled ? STR("cancelled") : STR("");
    } else if (p->outcome) {
        p->outcome(p, &t->claim, &row);
    }
    note_end(p, row.stream_id);
    pthread_mutex_unlock(&p->lock);
    *ret = row;
}

// ---- what the test says and asks

static void keep_line(void *user, struct str line)
{
    struct paper *p = user;
    pthread_mutex_lock(&p->lock);
    if (p->log_len + line.len < PAPER_LOG_MAX) {
        memcpy(p->log_text + p->log_len, line.ptr, line.len);
        p->log_len += line.len;
    }
    pthread_mutex_unlock(&p->lock);
}

void paper_init(struct paper *p, const struct clock *clock)
{
    *p = (struct paper){.clock = clock};
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    p->starts = calloc(PAPER_STARTS_MAX, sizeof *p->starts);
    p->log_text = calloc(1, PAPER_LOG_MAX);
    assert_true(p->starts && p->log_text);
    p->log = (struct log){.level = getenv("SLUICE_TEST_LOG") ? LOG_DEBUG : LOG_WARN,
                          .clock = clock,
                          .sink = keep_line,
                          .user = p};
}

void paper_done(struct paper *p)
{
    free(p->starts);
    free(p->log_text);
}

void paper_hold(struct paper *p, bool hold)
{
    pthread_mutex_lock(&p->lock);
    p->hold = hold;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

void paper_await_running(struct paper *p, size_t n)
{
    pthread_mutex_lock(&p->lock);
    while (p->n_running < n) {
        pthread_cond_wait(&p->changed, &p->lock);
    }
    pthread_mutex_unlock(&p->lock);
}

size_t paper_starts_of(struct paper *p, struct str stream_id)
{
    size_t n = 0;
    uint64_t id = str_hash(stream_id);
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->n_starts; i++) {
        n += p->starts[i].stream == id;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

size_t paper_log_count(struct paper *p, const char *text)
{
    size_t n = 0;
    pthread_mutex_lock(&p->lock);
    for (const char *at = p->log_text; (at = strstr(at, text)); at++) {
        n++;
    }
    pthread_mutex_unlock(&p->lock);
    return n;
}

void paper_fails(struct paper *p, const struct run_claim *claim, struct stream_run_row *ret)
{
    struct error err;
    int64_t not_before_ms = 0;
    (void)!error_set(&err, p->code, "paper burns");
    ret->status =
        plan_after(&err, claim->run.retry_attempt, 0, clock_now_ms(p->clock), &not_before_ms);
    ret->not_before_ms = not_before_ms;
    ret->retry_attempt = claim->run.retry_attempt + (ret->status == RUN_RETRYING);
    ret->error_code = str_from(error_info(p->code)->name);
    ret->error_message = STR("paper burns");
}
