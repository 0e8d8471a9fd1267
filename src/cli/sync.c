#include "cli/account.h"
#include "cli/cli.h"
#include "cli/endpoints.h"
#include "cli/events.h"
#include "cli/progress.h"
#include "cli/signals.h"
#include "cli/sync_settings.h"
#include "core/random.h"
#include "engine/run.h"
#include "store/requests.h"

#include <unistd.h>

enum { STREAMS_MAX = 256 };

// All that one `sluice sync` holds.
struct sync {
    const struct cli *cli;
    struct sync_settings settings;
    struct log log;
    struct cancel cancel;
    struct account account;
    const struct source_stream_info *streams[STREAMS_MAX];
    size_t n_streams;
    bool history[STREAMS_MAX]; // of which the versions are kept
    char reset_name[32];
    struct requests *requests;
    struct source *source;
    struct destination *destination;
    int64_t started_ms;
};

static bool add_stream(struct sync *s, const struct source_stream_info *info, struct error *err)
{
    for (size_t i = 0; i < s->n_streams; i++) {
        if (s->streams[i] == info) {
            return true; // named twice
        }
    }
    if (s->n_streams == STREAMS_MAX) {
        return error_set(err, ERR_CONFIG, "--streams: more than %d streams", STREAMS_MAX);
    }
    s->streams[s->n_streams++] = info;
    return true;
}

static bool choose_streams(struct sync *s, struct error *err)
{
    struct str rest = s->settings.streams;
    struct str name;
    size_t n = 0;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    if (rest.len == 0) {
        for (size_t i = 0; i < n; i++) {
            s->streams[s->n_streams++] = &all[i];
        }
        return true;
    }
    while (str_next(&rest, ',', &name)) {
        name = str_trim(name);
        const struct source_stream_info *info = source_hubspot_find(name);
        if (!info) {
            return error_set(err, ERR_USAGE,
                             "--streams: there is no stream \"%.*s\"; sluice streams lists them",
                             STR_ARG(name));
        }
        if (!add_stream(s, info, err)) {
            return false;
        }
    }
    return true;
}

// Which of the chosen streams keep versions. A name that was not chosen is a mistake, too.
static bool choose_histories(struct sync *s, struct error *err)
{
    struct str rest = s->settings.history_tables;
    struct str name;
    bool all = str_eq(str_trim(rest), STR("all"));
    for (size_t i = 0; i < s->n_streams && all; i++) {
        s->history[i] = true;
    }
    while (!all && str_next(&rest, ',', &name)) {
        const struct source_stream_info *info = source_hubspot_find(str_trim(name));
        size_t at = 0;
        while (at < s->n_streams && s->streams[at] != info) {
            at++;
        }
        if (at == s->n_streams) {
            return error_set(
                err, ERR_USAGE, "--history-tables: %s \"%.*s\"; name streams of this sync, or all",
                info ? "this sync does not load" : "there is no stream", STR_ARG(str_trim(name)));
        }
        s->history[at] = true;
    }
    if (s->settings.reset_history && !s->settings.full_refresh) {
        return error_set(err, ERR_USAGE,
                         "--reset-history wipes history tables when everything is read anew: give "
                         "--full-refresh, too");
    }
    return true;
}

// Each call of this program wipes for itself, once.
static struct str name_reset(struct sync *s)
{
    if (!s->settings.reset_history) {
        return STR("");
    }
    struct random random;
    random_seed_entropy(&random);
    (void)snprintf(s->reset_name, sizeof s->reset_name, "sync %016llx",
                   (unsigned long long)random_u64(&random));
    return str_from(s->reset_name);
}

static bool check_words(const struct str *words, size_t n, struct error *err)
{
    if (n == 0) {
        return error_set(err, ERR_USAGE, "which source? write: sluice sync hubspot --into URL");
    }
    if (!str_eq(words[0], STR("hubspot"))) {
        return error_set(err, ERR_USAGE, "there is no source \"%.*s\"; there is hubspot",
                         STR_ARG(words[0]));
    }
    if (n > 1) {
        return error_set(err, ERR_USAGE, "\"%.*s\" is not expected after the source",
                         STR_ARG(words[1]));
    }
    return true;
}

// Once a day: what of the chosen version HubSpot has announced to end soon.
static void warn_of_ends(struct sync *s, struct str directory)
{
    enum api_version version = API_LEGACY;
    bool known = api_version_parse(s->settings.api_version, &version);
    assert(known); // the settings table admits only known versions
    int n = (int)endpoints_ends_today(version, directory, s->cli->clock);
    if (n > 0) {
        log_line(&s->log, LOG_WARN, "HubSpot has announced the end of calls that are in use",
                 LOG_I("endpoints", n), LOG_C("see", "sluice doctor"));
    }
}

static bool open_all(struct sync *s, struct error *err)
{
    struct source_hubspot_options source;
    struct sync_context context = {s->cli->clock, &s->log, &s->cancel, requests_log(s->requests)};
    struct destination_options destination =
        sync_destination_options(&s->settings, s->cli->clock, &s->cancel);
    if (s->settings.into.len == 0) {
        return error_set(err, ERR_USAGE,
                         "--into is missing: sqlite:FILE, sqlite:DIR/ or postgres://...");
    }
    if (!destination_url_check(s->settings.into, err) || !choose_streams(s, err) ||
        !choose_histories(s, err) || !account_open(&s->settings, &context, &s->account, err) ||
        !account_source_options(&s->account, &s->settings, &context, &source, err)) {
        return false;
    }
    warn_of_ends(s, source.state_directory);
    return destination_open(&destination, &s->destination, err) &&
           source_hubspot_open(&source, &s->source, err);
}

static enum progress_mode progress_mode(const struct sync_settings *s)
{
    if (s->json) {
        return PROGRESS_JSON;
    }
    if (s->quiet) {
        return PROGRESS_NONE;
    }
    const char *term = getenv("TERM"); // NOLINT(concurrency-mt-unsafe): nobody changes it
    bool live = isatty(STDERR_FILENO) && !s->ephemeral && term && strcmp(term, "dumb") != 0;
    return live ? PROGRESS_LIVE : PROGRESS_LINES;
}

static void add_up(struct sync *s, struct run *run, struct run_totals *t)
{
    struct hubspot_figures f;
    hubspot_figures(source_hubspot_account(s->source), &f);
    *t = (struct run_totals){.streams = run_streams(run),
                             .calls = f.calls,
                             .retries = f.retries,
                             .refused = f.refused,
                             .bytes = f.bytes,
                             .took_ms = clock_now_ms(s->cli->clock) - s->started_ms,
                             .exit_code = run_exit_code(run)};
    for (size_t i = 0; i < t->streams; i++) {
        struct stream_report r;
        run_report(run, i, &r);
        t->rows += r.rows;
        t->rejects += r.rejects;
        t->completed += r.status == STREAM_COMPLETED;
        t->failed += r.status == STREAM_FAILED;
        t->delayed += r.status == STREAM_DELAYED;
    }
}

static void print_row(const struct stream_report *r)
{
    char rows[COUNT_TEXT_MAX];
    char aside[COUNT_TEXT_MAX];
    char took[COUNT_TEXT_MAX] = "";
    char check[64] = "";
    if (r->started_ms && r->ended_ms) {
        duration_text(r->ended_ms - r->started_ms, took);
    }
    if (r->audited && r->source_count == r->destination_count) {
        snprintf(check, sizeof check, "counts agree");
    } else if (r->audited) {
        snprintf(check, sizeof check, "HubSpot counts %llu, here are %llu",
                 (unsigned long long)r->source_count, (unsigned long long)r->destination_count);
    }
    printf("%-24s %-11s %12s %9s %7llu %12s  %s\n", r->info->name, stream_status_name(r->status),
           count_text(r->rows, rows), r->rejects ? count_text(r->rejects, aside) : "",
           (unsigned long long)r->calls, took, check);
}

static void print_summary(struct sync *s, struct run *run, const struct run_totals *t)
{
    char rows[COUNT_TEXT_MAX];
    char took[COUNT_TEXT_MAX];
    struct destination_options d = sync_destination_options(&s->settings, s->cli->clock, NULL);
    struct str where = destination_describe(&d, s->cli->arena);
    printf("\n%-24s %-11s %12s %9s %7s %12s\n", "stream", "status", "rows", "set aside", "calls",
           "time");
    for (size_t i = 0; i < t->streams; i++) {
        struct stream_report r;
        run_report(run, i, &r);
        print_row(&r);
    }
    printf("\n%s rows in %s with %llu calls (%llu repeated, %llu refused with 429), into %.*s\n",
           count_text(t->rows, rows), duration_text(t->took_ms, took), (unsigned long long)t->calls,
           (unsigned long long)t->retries, (unsigned long long)t->refused, STR_ARG(where));
    if (t->rejects > 0) {
        printf("%llu values were set aside with their reasons in the table _sluice_reject\n",
               (unsigned long long)t->rejects);
    }
    fflush(stdout);
}

// The failures once more, where they are not overlooked.
static void print_failures(struct run *run, const struct run_totals *t)
{
    fflush(stdout);
    for (size_t i = 0; i < t->streams; i++) {
        struct stream_report r;
        run_report(run, i, &r);
        if (r.status == STREAM_FAILED || r.status == STREAM_DELAYED) {
            const char *hint = error_info(r.error.code)->hint;
            fprintf(stderr, "sluice: stream %s %s: %s\n", r.info->name,
                    r.status == STREAM_FAILED ? "failed" : "is delayed", r.error.message);
            if (hint[0] != '\0') {
                fprintf(stderr, "  hint: %s\n", hint);
            }
        }
    }
    if (t->exit_code == error_info(ERR_INTERRUPTED)->exit_code) {
        fprintf(stderr, "sluice: interrupted; all that was loaded is kept. %s\n",
                error_info(ERR_INTERRUPTED)->hint);
    }
}

static int execute(struct sync *s)
{
    enum progress_mode mode = progress_mode(&s->settings);
    struct log lines = s->log;
    lines.level = LOG_INFO;
    struct progress *progress = progress_create(mode, s->cli->clock, &lines);
    struct run *run = run_create(&(struct run_options){
        .source = s->source,
        .destination = s->destination,
        .streams = s->streams,
        .n_streams = s->n_streams,
        .full_refresh = s->settings.full_refresh,
        .history = s->history,
        .reset_history = name_reset(s),
        .since_ms = s->settings.since_ms,
        .parallel = (size_t)s->settings.parallel,
        .metadata = sync_metadata(s->settings.metadata_columns),
        .clock = s->cli->clock,
        .log = &s->log,
        .cancel = &s->cancel,
        .on_event = progress_on_event,
        .user = progress,
    });
    struct run_totals t = {.streams = s->n_streams, .took_ms = -1};
    int64_t portal = source_hubspot_portal(s->source).id;
    if (mode == PROGRESS_JSON) {
        event_run("run_started", portal, &t, clock_now_ms(s->cli->clock));
    }
    progress_start(progress, run);
    run_execute(run);
    progress_stop(progress);
    add_up(s, run, &t);
    if (mode == PROGRESS_JSON) {
        event_run("run_completed", portal, &t, clock_now_ms(s->cli->clock));
    } else if (mode != PROGRESS_NONE) {
        print_summary(s, run, &t);
    }
    print_failures(run, &t);
    run_destroy(run);
    progress_destroy(progress);
    return t.exit_code;
}

int cli_sync(const struct cli *cli, int argc, char **argv)
{
    struct sync s = {.cli = cli, .log = {.fd = STDERR_FILENO, .clock = cli->clock}};
    struct cli_args args;
    struct error err;
    if (!cli_parse(cli, "sync", argc, argv, &s.settings, &args)) {
        return args.exit_code;
    }
    int code = 0;
    bool known = log_level_parse(s.settings.log_level, &s.log.level);
    assert(known); // the settings table admits only known levels
    if (s.settings.quiet) {
        s.log.level = MAX(s.log.level, LOG_ERROR);
    }
    struct signals *signals = signals_catch(&s.cancel);
    s.started_ms = clock_now_ms(cli->clock);
    s.requests = requests_start(&(struct requests_options){.directory = s.settings.data_dir,
                                                           .clock = cli->clock,
                                                           .log = &s.log,
                                                           .trace = s.settings.trace});
    if (check_words(args.words, args.n_words, &err) && http_client_global_init(&err) &&
        open_all(&s, &err)) {
        code = execute(&s);
    } else {
        if (s.settings.json) {
            event_error(&err, clock_now_ms(cli->clock));
        }
        code = cli_fail(&err);
    }
    source_close(s.source);
    account_close(&s.account);
    requests_stop(s.requests);
    destination_close(s.destination);
    signals_release(signals);
    return code;
}
