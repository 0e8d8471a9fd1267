#include "engine/run.h"

#include "engine/stream_run.h"

enum { PARALLEL_MAX = 64 };

struct run {
    struct run_options options;
    struct stream_job *jobs;
    pthread_mutex_t lock;   // guards which job is taken
    pthread_cond_t changed; // a job has ended
    pthread_mutex_t event_lock;
};

static const char *const STATUS_NAMES[] = {
    [STREAM_WAITING] = "waiting",         [STREAM_RUNNING] = "running",
    [STREAM_COMPLETED] = "completed",     [STREAM_FAILED] = "failed",
    [STREAM_INTERRUPTED] = "interrupted", [STREAM_DELAYED] = "delayed"};

const char *stream_status_name(enum stream_status s)
{
    assert((size_t)s < ARRAY_LEN(STATUS_NAMES));
    return STATUS_NAMES[s];
}

struct run *run_create(const struct run_options *options)
{
    assert(options->n_streams > 0 && options->parallel > 0);
    struct run *r = calloc(1, sizeof *r);
    struct stream_job *jobs = calloc(options->n_streams, sizeof *jobs);
    if (!r || !jobs) {
        abort();
    }
    r->options = *options;
    r->jobs = jobs;
    for (size_t i = 0; i < options->n_streams; i++) {
        r->jobs[i].info = options->streams[i];
        r->jobs[i].index = i;
        r->jobs[i].report.info = options->streams[i];
        r->jobs[i].report.step = "waiting";
        pthread_mutex_init(&r->jobs[i].lock, NULL);
    }
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->event_lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    return r;
}

void run_destroy(struct run *r)
{
    if (!r) {
        return;
    }
    for (size_t i = 0; i < r->options.n_streams; i++) {
        pthread_mutex_destroy(&r->jobs[i].lock);
    }
    free(r->jobs);
    pthread_mutex_destroy(&r->lock);
    pthread_mutex_destroy(&r->event_lock);
    pthread_cond_destroy(&r->changed);
    free(r);
}

static enum stream_status status_of(struct stream_job *j)
{
    pthread_mutex_lock(&j->lock);
    enum stream_status s = j->report.status;
    pthread_mutex_unlock(&j->lock);
    return s;
}

static struct error report_error(struct stream_job *j)
{
    pthread_mutex_lock(&j->lock);
    struct error err = j->report.error;
    pthread_mutex_unlock(&j->lock);
    return err;
}

static void on_changed(void *user, struct stream_job *job)
{
    struct run *r = user;
    if (!r->options.on_event) {
        return;
    }
    pthread_mutex_lock(&r->event_lock);
    r->options.on_event(r->options.user, r, (size_t)(job - r->jobs));
    pthread_mutex_unlock(&r->event_lock);
}

// Ends a job without running it.
static void give_up(struct run *r, struct stream_job *j, enum stream_status status,
                    const struct error *err)
{
    pthread_mutex_lock(&j->lock);
    job_end(&j->report, status, err, clock_now_ms(r->options.clock));
    pthread_mutex_unlock(&j->lock);
    on_changed(r, j);
}

static struct stream_job *find_job(struct run *r, const char *name)
{
    for (size_t i = 0; i < r->options.n_streams; i++) {
        if (strcmp(r->jobs[i].info->name, name) == 0) {
            return &r->jobs[i];
        }
    }
    return NULL;
}

enum readiness { READY, NOT_YET, NEVER };

// A stream waits for those of its needs that are part of this run.
static enum readiness readiness(struct run *r, struct stream_job *j, struct error *err)
{
    enum readiness result = READY;
    for (size_t i = 0; i < SOURCE_NEEDS_MAX && j->info->needs[i]; i++) {
        struct stream_job *need = find_job(r, j->info->needs[i]);
        enum stream_status s = need ? status_of(need) : STREAM_COMPLETED;
        if (s == STREAM_DELAYED) {
            *err = report_error(need);
            error_context(err, "it needs the stream %s", j->info->needs[i]);
            return NEVER;
        }
        if (s == STREAM_FAILED || s == STREAM_INTERRUPTED) {
            error_set(err, ERR_NEEDS, "not run: it needs the stream %s, which %s",
                      j->info->needs[i], s == STREAM_FAILED ? "failed" : "was interrupted");
            return NEVER;
        }
        result = s == STREAM_COMPLETED ? result : NOT_YET;
    }
    return result;
}

// Takes the first job that is ready, and ends those before it that will never be. Lock held.
static struct stream_job *look(struct run *r, bool *ret_waiting, bool *ret_ended)
{
    for (size_t i = 0; i < r->options.n_streams; i++) {
        struct stream_job *j = &r->jobs[i];
        struct error err;
        if (status_of(j) != STREAM_WAITING) {
            continue;
        }
        if (cancel_requested(r->options.cancel)) {
            error_set(&err, ERR_INTERRUPTED, "interrupted before it began");
            give_up(r, j, STREAM_INTERRUPTED, &err);
            continue;
        }
        enum readiness ready = readiness(r, j, &err);
        if (ready == NEVER) {
            give_up(r, j, job_status_for(&err), &err);
            *ret_ended = true;
        } else if (ready == NOT_YET) {
            *ret_waiting = true;
        } else {
            pthread_mutex_lock(&j->lock);
            j->report.status = STREAM_RUNNING;
            j->report.started_ms = clock_now_ms(r->options.clock);
            pthread_mutex_unlock(&j->lock);
            return j;
        }
    }
    return NULL;
}

// The next job to run. NULL when there is none left; waits while those left need others that still
// run.
static struct stream_job *take_job(struct run *r)
{
    struct stream_job *j = NULL;
    bool waiting = true;
    pthread_mutex_lock(&r->lock);
    while (!j && waiting) {
        bool ended = false;
        waiting = false;
        j = look(r, &waiting, &ended);
        if (!j && ended) {
            // Others may need what was just ended, those that stand before it too.
            pthread_cond_broadcast(&r->changed);
        } else if (!j && waiting) {
            pthread_cond_wait(&r->changed, &r->lock);
        }
    }
    pthread_mutex_unlock(&r->lock);
    return j;
}

static void *worker_main(void *user)
{
    struct run *r = user;
    struct stream_job *j;
    while ((j = take_job(r)) != NULL) {
        stream_run(&r->options, j, on_changed, r);
        pthread_mutex_lock(&r->lock);
        pthread_cond_broadcast(&r->changed);
        pthread_mutex_unlock(&r->lock);
    }
    return NULL;
}

void run_execute(struct run *r)
{
    pthread_t threads[PARALLEL_MAX];
    size_t wanted = MIN(MIN(r->options.parallel, r->options.n_streams), (size_t)PARALLEL_MAX);
    size_t n = 0;
    // The calling thread is a worker too, so the run goes on even where no thread can be had.
    while (n + 1 < wanted && pthread_create(&threads[n], NULL, worker_main, r) == 0) {
        n++;
    }
    worker_main(r);
    for (size_t i = 0; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
}

size_t run_streams(const struct run *r)
{
    return r->options.n_streams;
}

void run_report(struct run *r, size_t stream, struct stream_report *ret)
{
    assert(stream < r->options.n_streams);
    struct stream_job *j = &r->jobs[stream];
    pthread_mutex_lock(&j->lock);
    *ret = j->report;
    if (j->source) {
        struct source_progress p;
        source_stream_progress(j->source, &p);
        ret->calls = p.calls;
        ret->estimated_total = p.estimated_total;
        ret->waiting_for = p.waiting_for;
        ret->waiting_until_ms = p.waiting_until_ms;
        if (strcmp(ret->step, "load") == 0) {
            ret->step = p.step;
        }
    }
    pthread_mutex_unlock(&j->lock);
}

int run_exit_code(struct run *r)
{
    size_t failed = 0;
    int first = 0;
    int delayed = 0;
    for (size_t i = 0; i < r->options.n_streams; i++) {
        struct stream_report s;
        run_report(r, i, &s);
        if (s.status == STREAM_INTERRUPTED) {
            return error_info(ERR_INTERRUPTED)->exit_code;
        }
        if (s.status == STREAM_DELAYED) {
            delayed = error_info(s.error.code)->exit_code;
        }
        if (s.status == STREAM_FAILED) {
            failed++;
            first = first ? first : error_info(s.error.code)->exit_code;
        }
    }
    if (failed == 0) {
        return delayed;
    }
    return failed < r->options.n_streams ? 3 : first;
}
