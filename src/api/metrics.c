#include "api/metrics.h"

#include "engine/engine.h"
#include "store/budgets.h"
#include "store/runs.h"

#include <unistd.h>

struct metric {
    const char *name;
    const char *type; // "counter", "gauge"
    const char *help;
};

static void begin(struct buf *out, const struct metric *m)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
}

// Whole numbers as such: a counter of billions must not lose its last digits.
static void put_number(struct buf *out, double value)
{
    if (value > -9e15 && value < 9e15 && value - (double)(int64_t)value == 0.0) { // NOLINT
        buf_printf(out, "%lld\n", (long long)value);
    } else {
        buf_printf(out, "%.9g\n", value);
    }
}

static void put(struct buf *out, const struct metric *m, double value)
{
    begin(out, m);
    buf_printf(out, "%s ", m->name);
    put_number(out, value);
}

static void put_label(struct buf *out, const char *name, struct str value)
{
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\n') {
            buf_add_cstr(out, "\\n");
        } else {
            if (c == '"' || c == '\\') {
                buf_add_char(out, '\\');
            }
            buf_add_char(out, c);
        }
    }
    buf_add_char(out, '"');
}

// ---- the API

static const struct metric REQUESTS = {"sluice_api_requests_total", "counter",
                                       "Requests to the API, by operation and class of status."};
static const struct metric SECONDS = {
    "sluice_api_request_duration_seconds", "summary",
    "Time from the headers of a request to its answer, by operation."};

static struct str route_name(const struct api_route_figures *f)
{
    return f->route ? str_from(f->route->name) : STR("none");
}

static void put_routes(struct api *a, struct arena *arena, struct buf *out)
{
    struct api_route_figures *figures =
        ARENA_ARRAY(arena, struct api_route_figures, a->n_endpoints);
    size_t n = api_figures(a, figures, a->n_endpoints);
    begin(out, &REQUESTS);
    for (size_t i = 0; i < n; i++) {
        for (size_t c = 1; c < ARRAY_LEN(figures[i].by_class); c++) {
            if (figures[i].by_class[c] > 0) {
                buf_printf(out, "%s{", REQUESTS.name);
                put_label(out, "operation", route_name(&figures[i]));
                buf_printf(out, ",status=\"%zuxx\"} %llu\n", c,
                           (unsigned long long)figures[i].by_class[c]);
            }
        }
    }
    begin(out, &SECONDS);
    for (size_t i = 0; i < n; i++) {
        uint64_t count = 0;
        for (size_t c = 0; c < ARRAY_LEN(figures[i].by_class); c++) {
            count += figures[i].by_class[c];
        }
        if (count > 0) {
            buf_printf(out, "%s_sum{", SECONDS.name);
            put_label(out, "operation", route_name(&figures[i]));
            buf_printf(out, "} %.6f\n%s_count{", figures[i].seconds_sum, SECONDS.name);
            put_label(out, "operation", route_name(&figures[i]));
            buf_printf(out, "} %llu\n", (unsigned long long)count);
        }
    }
}

// ---- the engine

static void put_engine(struct engine *e, struct buf *out)
{
    struct engine_figures f;
    engine_figures(e, &f);
    const struct {
        struct metric metric;
        double value;
    } ROWS[] = {
        {{"sluice_runs_started_total", "counter", "Stream runs started by this process."},
         (double)f.started},
        {{"sluice_runs_completed_total", "counter", "Stream runs that completed here."},
         (double)f.completed},
        {{"sluice_runs_failed_total", "counter", "Stream runs that failed here."},
         (double)f.failed},
        {{"sluice_runs_retried_total", "counter",
          "Tries of runs that failed and wait for another."},
         (double)f.retried},
        {{"sluice_runs_delayed_total", "counter", "Times that a run had to wait for a limit."},
         (double)f.delayed},
        {{"sluice_runs_reclaimed_total", "counter", "Runs taken over from workers that were gone."},
         (double)f.reclaimed},
        {{"sluice_rows_total", "counter", "Records written to destinations."}, (double)f.records},
        {{"sluice_bytes_total", "counter", "Bytes of records written to destinations."},
         (double)f.bytes},
        {{"sluice_hubspot_calls_total", "counter", "Requests sent to HubSpot."}, (double)f.calls},
        {{"sluice_hubspot_retries_total", "counter", "Requests to HubSpot that were repeated."},
         (double)f.retries},
        {{"sluice_hubspot_refused_total", "counter", "Answers 429 of HubSpot's."},
         (double)f.refused},
        {{"sluice_runs_running", "gauge", "Stream runs that run in this process now."},
         (double)f.running},
        {{"sluice_workers", "gauge", "Streams that this process can run at once."},
         (double)f.workers},
        {{"sluice_run_lateness_seconds", "gauge",
          "How much later than it could the run that was started last was started."},
         (double)f.lateness_ms / 1000},
        {{"sluice_run_lateness_max_seconds", "gauge", "The same: the most since the start."},
         (double)f.lateness_max_ms / 1000},
        {{"sluice_run_seconds_total", "counter", "Time taken by runs that ended."},
         f.run_seconds_sum},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        put(out, &ROWS[i].metric, ROWS[i].value);
    }
}

// ---- the store

static const struct metric QUEUE = {"sluice_stream_runs", "gauge",
                                    "Stream runs in the store, of all processes, by status."};
static const struct metric DUE = {"sluice_stream_runs_due", "gauge",
                                  "Stream runs that could start now."};
static const struct metric OLDEST = {"sluice_stream_run_oldest_due_seconds", "gauge",
                                     "How long the first of them could have been started."};

static bool put_runs(struct store *s, struct buf *out, struct error *err)
{
    struct run_figures f;
    int64_t now_ms;
    if (!stream_run_figures(s, &f, err) || !store_now_ms(s, &now_ms, err)) {
        return false;
    }
    begin(out, &QUEUE);
    for (int i = 0; i < RUN_STATUS_COUNT; i++) {
        buf_printf(out, "%s{status=\"%s\"} %lld\n", QUEUE.name, run_status_name((enum run_status)i),
                   (long long)f.by_status[i]);
    }
    put(out, &DUE, (double)f.due);
    put(out, &OLDEST, f.oldest_due_ms > 0 ? (double)MAX(now_ms - f.oldest_due_ms, 0) / 1000 : 0);
    return true;
}

// What the limits of each connection's account are, as the worker that serves it saw them last.
static const struct {
    struct metric metric;
    size_t offset;
    bool unknown; // -1 is "not known": left out
} BUDGETS[] = {
#define BUDGET(field, name, type, unknown, help)                                                   \
    {                                                                                              \
        {"sluice_hubspot_" name, (type), (help)}, offsetof(struct budget_row, field), (unknown)    \
    }
    BUDGET(window_max, "window_limit", "gauge", true, "Calls that the account's window admits."),
    BUDGET(window_allowed, "window_allowed", "gauge", true, "sluice's share of them."),
    BUDGET(window_used, "window_used", "gauge", true, "Calls in the window by sluice."),
    BUDGET(window_foreign, "window_foreign", "gauge", true, "Calls in the window by others."),
    BUDGET(daily_max, "daily_limit", "gauge", true, "Calls that the account's day admits."),
    BUDGET(daily_allowed, "daily_allowed", "gauge", true, "sluice's share of them."),
    BUDGET(daily_used, "daily_used", "gauge", true, "Calls of the day so far, by all."),
    BUDGET(waiting, "waiting", "gauge", false, "Streams that wait for a limit."),
    BUDGET(calls, "connection_calls", "gauge", false, "Calls since the connection was opened."),
    BUDGET(retries, "connection_retries", "gauge", false, "Calls of them that were repeated."),
    BUDGET(refused, "connection_refused", "gauge", false, "Calls of them answered with 429."),
#undef BUDGET
};
static const struct metric LEFT = {"sluice_hubspot_daily_left", "gauge",
                                   "What is left of sluice's share of the day."};

static void put_budget(struct buf *out, const char *name, const struct budget_row *row,
                       int64_t value)
{
    buf_printf(out, "%s{", name);
    put_label(out, "connection", row->connection_id);
    buf_printf(out, "} %lld\n", (long long)value);
}

static bool put_budgets(struct store *s, struct arena *arena, struct buf *out, struct error *err)
{
    struct budget_row *rows;
    size_t n;
    if (!budget_row_list(s, arena, &rows, &n, err)) {
        return false;
    }
    for (size_t m = 0; m < ARRAY_LEN(BUDGETS); m++) {
        begin(out, &BUDGETS[m].metric);
        for (size_t i = 0; i < n; i++) {
            const char *at = (const char *)&rows[i] + BUDGETS[m].offset;
            int64_t value = *(const int64_t *)(const void *)at;
            if (value >= 0 || !BUDGETS[m].unknown) {
                put_budget(out, BUDGETS[m].metric.name, &rows[i], value);
            }
        }
    }
    begin(out, &LEFT);
    for (size_t i = 0; i < n; i++) {
        if (rows[i].daily_allowed >= 0 && rows[i].daily_used >= 0) {
            put_budget(out, LEFT.name, &rows[i],
                       MAX(rows[i].daily_allowed - rows[i].daily_used, 0));
        }
    }
    return true;
}

// ---- the process

static int64_t resident_bytes(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[128] = "";
    if (file) {
        if (!fgets(line, sizeof(line), file)) {
            line[0] = '\0';
        }
        fclose(file);
    }
    struct str rest = str_trim(str_from(line));
    struct str field;
    int64_t pages = 0;
    bool ok =
        str_next(&rest, ' ', &field) && str_next(&rest, ' ', &field) && str_to_int64(field, &pages);
    return ok ? pages * sysconf(_SC_PAGESIZE) : 0;
}

static const struct metric BUILD = {"sluice_build_info", "gauge", "The program's version."};
static const struct metric UPTIME = {"sluice_uptime_seconds", "gauge",
                                     "How long the process has served."};
static const struct metric RESIDENT = {"process_resident_memory_bytes", "gauge",
                                       "Resident memory."};
static const struct metric STORE_UP = {"sluice_store_up", "gauge",
                                       "Whether the store answers: 1 or 0."};

static void put_process(struct api *a, struct buf *out)
{
    begin(out, &BUILD);
    buf_printf(out, "%s{version=\"%s\"} 1\n", BUILD.name, SLUICE_VERSION);
    int64_t now_us = clock_mono_us(a->options.site.clock);
    put(out, &UPTIME, (double)(now_us - a->started_us) / 1e6);
    put(out, &RESIDENT, (double)resident_bytes());
}

void api_metrics(struct api *a, struct store *s, struct arena *arena, struct buf *out)
{
    put_process(a, out);
    put_routes(a, arena, out);
    if (a->options.site.engine) {
        put_engine(a->options.site.engine, out);
    }
    struct error err;
    size_t before = out->len;
    bool up = s && put_runs(s, out, &err) && put_budgets(s, arena, out, &err);
    if (!up) {
        out->len = before; // half of it would be worse than none
    }
    put(out, &STORE_UP, up);
}
