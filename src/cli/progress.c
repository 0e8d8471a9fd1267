#include "cli/progress.h"

#include "cli/events.h"
#include "core/buf.h"

#include <pthread.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    TICK_LIVE_MS = 150,
    TICK_LINES_MS = 5000,
    TICK_JSON_MS = 2000,
    LINE_MAX_BYTES = 512,
    RATE_SPAN_MS = 3000,    // rows per second are those of the last seconds
    LEFT_MAX_S = 999999999, // whatever the source counts
};

// What is remembered of one stream between two looks.
struct seen {
    enum stream_status status;
    const char *step;
    uint64_t rows;
    int64_t at_ms;
    double rate; // rows per second
};

struct progress {
    enum progress_mode mode;
    const struct clock *clock;
    const struct log *log;
    struct run *run;
    struct seen *seen;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    pthread_t thread;
    bool running, stopping;
    size_t live_lines; // drawn last
};

const char *count_text(uint64_t n, char out[COUNT_TEXT_MAX])
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n);
    char *at = out;
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *at++ = ',';
        }
        *at++ = digits[i];
    }
    *at = '\0';
    return out;
}

const char *duration_text(int64_t ms, char out[COUNT_TEXT_MAX])
{
    ms = MAX(ms, 0); // a clock may step back
    long long s = ms / 1000;
    if (ms < 1000) {
        snprintf(out, COUNT_TEXT_MAX, "%lld ms", (long long)ms);
    } else if (s < 60) {
        snprintf(out, COUNT_TEXT_MAX, "%lld.%lld s", s, (long long)ms % 1000 / 100);
    } else if (s < 3600) {
        snprintf(out, COUNT_TEXT_MAX, "%lld min %lld s", s / 60, s % 60);
    } else {
        snprintf(out, COUNT_TEXT_MAX, "%lld h %lld min", s / 3600, s / 60 % 60);
    }
    return out;
}

struct progress *progress_create(enum progress_mode mode, const struct clock *clock,
                                 const struct log *log)
{
    struct progress *p = calloc(1, sizeof *p);
    if (!p) {
        abort();
    }
    p->mode = mode;
    p->clock = clock;
    p->log = log;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->wake, NULL);
    return p;
}

void progress_destroy(struct progress *p)
{
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->wake);
    free(p->seen);
    free(p);
}

static void update_rate(struct progress *p, struct seen *s, const struct stream_report *r)
{
    int64_t now_ms = clock_now_ms(p->clock);
    int64_t span_ms = now_ms - s->at_ms;
    if (s->at_ms == 0) {
        s->at_ms = r->started_ms ? r->started_ms : now_ms;
        s->rows = 0;
        return;
    }
    if (span_ms <= 0 || (span_ms < RATE_SPAN_MS && s->rate > 0)) {
        return;
    }
    s->rate = (double)(r->rows - s->rows) * 1000 / (double)span_ms;
    s->rows = r->rows;
    s->at_ms = now_ms;
}

// "waiting for HubSpot's rate limit, 4.2 s" or "about 2 min 3 s left", or nothing.
static void add_outlook(struct progress *p, const struct seen *s, const struct stream_report *r,
                        struct buf *line)
{
    char text[COUNT_TEXT_MAX];
    int64_t wait_ms = r->waiting_until_ms - clock_now_ms(p->clock);
    if (r->waiting_for) {
        buf_printf(line, "  waiting for %s", r->waiting_for);
        if (wait_ms >= 1000) {
            buf_printf(line, ", %s", duration_text(wait_ms, text));
        }
    }
    if (r->estimated_total > r->rows && s->rate > 0) {
        double left_s = MIN((double)(r->estimated_total - r->rows) / s->rate, LEFT_MAX_S);
        buf_printf(line, "  about %s left", duration_text((int64_t)(left_s * 1000), text));
    }
}

static void stream_line(struct progress *p, const struct seen *s, const struct stream_report *r,
                        struct buf *line)
{
    char rows[COUNT_TEXT_MAX];
    char total[COUNT_TEXT_MAX];
    char rate[COUNT_TEXT_MAX];
    buf_printf(line, "  %-24s %-11s %10s", r->info->name, r->step, count_text(r->rows, rows));
    if (r->estimated_total > 0) {
        buf_printf(line, " of %s", count_text(r->estimated_total, total));
    }
    buf_printf(line, " rows");
    if (s->rate > 0) {
        buf_printf(line, "  %s/s", count_text((uint64_t)s->rate, rate));
    }
    buf_printf(line, "  %llu calls", (unsigned long long)r->calls);
    add_outlook(p, s, r, line);
}

static void ended_line(const struct stream_report *r, struct buf *line)
{
    char rows[COUNT_TEXT_MAX];
    char took[COUNT_TEXT_MAX];
    buf_printf(line, "  %-24s %-11s %10s rows  %llu calls  %s", r->info->name,
               stream_status_name(r->status), count_text(r->rows, rows),
               (unsigned long long)r->calls,
               r->started_ms ? duration_text(r->ended_ms - r->started_ms, took) : "");
    if (r->status == STREAM_FAILED || r->status == STREAM_DELAYED) {
        buf_printf(line, "\n    %s", r->error.message);
    }
}

static size_t terminal_columns(void)
{
    struct winsize size;
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// One write: what has ended goes above, what runs is drawn anew below it. Lock held.
static void draw(struct progress *p)
{
    struct buf out;
    buf_init(&out, 256 * 1024);
    if (p->live_lines > 0) {
        buf_printf(&out, "\033[%zuA\033[J", p->live_lines);
    }
    size_t columns = terminal_columns();
    size_t waiting = 0;
    size_t live = 0;
    struct buf block;
    buf_init(&block, 64 * 1024);
    for (size_t i = 0; i < run_streams(p->run); i++) {
        struct stream_report r;
        struct seen *s = &p->seen[i];
        struct buf line;
        run_report(p->run, i, &r);
        buf_init(&line, 4 * LINE_MAX_BYTES);
        bool ended = r.status != STREAM_WAITING && r.status != STREAM_RUNNING;
        if (ended && s->status != r.status) {
            ended_line(&r, &line);
            buf_add(&out, buf_str(&line));
            buf_add_char(&out, '\n');
        } else if (r.status == STREAM_RUNNING) {
            update_rate(p, s, &r);
            stream_line(p, s, &r, &line);
            buf_add(&block, str_sub(buf_str(&line), 0, columns - 1));
            buf_add_char(&block, '\n');
            live++;
        }
        waiting += r.status == STREAM_WAITING;
        s->status = r.status;
        buf_done(&line);
    }
    buf_add(&out, buf_str(&block));
    if (live > 0 && waiting > 0) {
        buf_printf(&out, "  %zu more streams to come\n", waiting);
        live++;
    }
    p->live_lines = live;
    ssize_t ignored = write(STDERR_FILENO, out.ptr ? out.ptr : "", out.len);
    (void)ignored; // a terminal that is gone is no reason to stop
    buf_done(&block);
    buf_done(&out);
}

static void log_stream(struct progress *p, size_t i, bool only_running)
{
    struct stream_report r;
    struct seen *s = &p->seen[i];
    run_report(p->run, i, &r);
    if (only_running && r.status != STREAM_RUNNING) {
        return;
    }
    update_rate(p, s, &r);
    enum log_level level = r.status == STREAM_FAILED ? LOG_ERROR : LOG_INFO;
    if (r.error.code != ERR_OK) {
        log_line(p->log, level, "stream", LOG_C("stream", r.info->name),
                 LOG_C("status", stream_status_name(r.status)), LOG_I("rows", r.rows),
                 LOG_I("calls", r.calls), LOG_C("error", r.error.message),
                 LOG_C("hint", error_info(r.error.code)->hint));
        return;
    }
    log_line(p->log, level, "stream", LOG_C("stream", r.info->name),
             LOG_C("status", stream_status_name(r.status)), LOG_C("step", r.step),
             LOG_I("rows", r.rows), LOG_I("of", r.estimated_total), LOG_I("rows_per_s", s->rate),
             LOG_I("calls", r.calls), LOG_I("set_aside", r.rejects),
             LOG_C("waiting_for", r.waiting_for ? r.waiting_for : ""));
}

static void show_all(struct progress *p)
{
    if (p->mode == PROGRESS_LIVE) {
        draw(p);
        return;
    }
    for (size_t i = 0; i < run_streams(p->run); i++) {
        struct stream_report r;
        run_report(p->run, i, &r);
        if (p->mode == PROGRESS_LINES) {
            log_stream(p, i, true);
        } else if (p->mode == PROGRESS_JSON && r.status == STREAM_RUNNING) {
            update_rate(p, &p->seen[i], &r);
            event_stream("progress", &r, p->seen[i].rate, clock_now_ms(p->clock));
        }
    }
}

void progress_on_event(void *user, struct run *run, size_t stream)
{
    struct progress *p = user;
    struct stream_report r;
    pthread_mutex_lock(&p->lock);
    if (p->run == run && p->mode != PROGRESS_LIVE && p->mode != PROGRESS_NONE) {
        run_report(run, stream, &r);
        struct seen *s = &p->seen[stream];
        bool news = r.status != s->status;
        bool step = p->mode == PROGRESS_JSON && r.step != s->step;
        s->status = r.status;
        s->step = r.step;
        if (news && p->mode == PROGRESS_LINES) {
            log_stream(p, stream, false);
        } else if (news || step) {
            event_stream("stream", &r, s->rate, clock_now_ms(p->clock));
        }
    }
    pthread_mutex_unlock(&p->lock);
}

static void *show_main(void *user)
{
    static const int TICKS[] = {[PROGRESS_LIVE] = TICK_LIVE_MS,
                                [PROGRESS_LINES] = TICK_LINES_MS,
                                [PROGRESS_JSON] = TICK_JSON_MS,
                                [PROGRESS_NONE] = TICK_LINES_MS};
    struct progress *p = user;
    pthread_mutex_lock(&p->lock);
    while (!p->stopping) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        long long ns = until.tv_nsec + TICKS[p->mode] * 1000000LL;
        until.tv_sec += ns / 1000000000;
        until.tv_nsec = ns % 1000000000;
        int rc = pthread_cond_timedwait(&p->wake, &p->lock, &until);
        if (rc != 0 && !p->stopping) {
            show_all(p);
        }
    }
    pthread_mutex_unlock(&p->lock);
    return NULL;
}

void progress_start(struct progress *p, struct run *run)
{
    pthread_mutex_lock(&p->lock);
    p->run = run;
    p->seen = calloc(run_streams(run), sizeof *p->seen);
    if (!p->seen) {
        abort();
    }
    p->running = p->mode != PROGRESS_NONE && pthread_create(&p->thread, NULL, show_main, p) == 0;
    pthread_mutex_unlock(&p->lock);
}

void progress_stop(struct progress *p)
{
    pthread_mutex_lock(&p->lock);
    p->stopping = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    if (p->running) {
        pthread_join(p->thread, NULL);
    }
    if (p->mode == PROGRESS_LIVE) {
        draw(p);
    }
    p->run = NULL;
}
