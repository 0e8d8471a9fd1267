// sluice serve and sluice worker: beginning, waiting, and ending in order.
#include "cli/server.h"

#include "http/client.h"
#include "store/ids.h"

#include <sys/resource.h>
#include <unistd.h>

enum { PEM_MAX = SECRET_MAX - 1, LAST_ANSWERS_MS = 2000 };

// ---- the steps of a start

static bool read_pem(const char *option, struct str path, struct secret **ret, struct error *err)
{
    return path.len == 0 || server_settings_file(option, path, PEM_MAX, ret, err);
}

static bool read_secrets(struct server *s, struct error *err)
{
    return server_settings_secret(s->settings, &s->client_secret, err) &&
           read_pem("tls-cert", s->settings->tls_cert, &s->tls_cert, err) &&
           read_pem("tls-key", s->settings->tls_key, &s->tls_key, err);
}

// Each client is a file, and each stream that runs a few more.
static bool raise_limits(struct server *s, struct error *err)
{
    struct rlimit files;
    (void)err;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
            log_line(&s->log, LOG_WARN, "the limit of open files cannot be raised");
        }
    }
    return true;
}

static bool start_requests(struct server *s, struct error *err)
{
    s->requests = requests_start(&(struct requests_options){.url = s->settings->store,
                                                            .directory = s->settings->data_dir,
                                                            .clock = s->cli->clock,
                                                            .log = &s->log,
                                                            .trace = s->settings->trace,
                                                            .existing = true});
    (void)err;
    return true;
}

static bool start_engine(struct server *s, struct error *err)
{
    struct engine_options options = {.store = server_store_options(s),
                                     .key_file = s->settings->key_file,
                                     .worker = s->id,
                                     .workers = (size_t)s->settings->workers,
                                     .schedule = true,
                                     .time_zone = s->settings->time_zone,
                                     .state_directory = s->settings->data_dir,
                                     .clock = s->cli->clock,
                                     .log = &s->log,
                                     .request_log = requests_log(s->requests)};
    return engine_start(&options, &s->engine, err);
}

static bool start_libraries(struct server *s, struct error *err)
{
    (void)s;
    return http_client_global_init(err);
}

static bool (*const STEPS[])(struct server *s, struct error *err) = {
    start_libraries,   read_secrets, raise_limits,      server_prepare,   start_requests,
    server_http_start, start_engine, server_http_ready, server_first_key,
};

static bool begin(struct server *s, struct error *err)
{
    for (size_t i = 0; i < ARRAY_LEN(STEPS); i++) {
        if (!STEPS[i](s, err)) {
            return false;
        }
    }
    return true;
}

// ---- the end

static int64_t left_ms(const struct server *s, int64_t until_ms)
{
    return MAX(0, until_ms - clock_mono_us(s->cli->clock) / 1000);
}

// Runs first: while they come to a stop, clients can still be told so.
static void end(struct server *s)
{
    int64_t until_ms = clock_mono_us(s->cli->clock) / 1000 + s->settings->drain_timeout_ms;
    struct api *api = atomic_load(&s->api);
    if (api) {
        api_drain(api);
    }
    engine_stop(s->engine, left_ms(s, until_ms));
    server_http_stop(s, MIN(LAST_ANSWERS_MS, s->settings->drain_timeout_ms));
    requests_stop(s->requests);
    sealing_close(s->sealing);
    store_lock_release(s->instance);
    store_close(s->store);
    secret_destroy(s->client_secret);
    secret_destroy(s->tls_cert);
    secret_destroy(s->tls_key);
}

// What a first connection fails for when it is not set up right.
static void announce_app(const struct server *s)
{
    if (s->client_secret) {
        printf("sluice: HubSpot leads people back to %.*s/oauth/callback: a redirect URL of the "
               "app must be the same\n",
               STR_ARG(s->public_url));
    } else {
        printf("sluice: no HubSpot app (--hubspot-client-id), so only private apps' tokens can be "
               "connected\n");
    }
}

// The first line is what whoever started it waits for.
static void announce(const struct server *s)
{
    if (s->listens) {
        printf("sluice: listening on %.*s\n", STR_ARG(s->listen_url));
    } else {
        printf("sluice: worker %.*s is ready\n", STR_ARG(s->id));
    }
    if (s->listens && !s->is_worker) {
        announce_app(s);
    }
    fflush(stdout);
}

static int serve(const struct cli *cli, struct server_command *c, bool is_worker)
{
    struct error err;
    if (!server_settings_read(c)) {
        return c->args.exit_code;
    }
    struct server s = {
        .cli = cli,
        .settings = &c->values,
        .is_worker = is_worker,
        .listens = !is_worker || settings_given(&c->args.table, "listen"),
        .id = id_make(cli->arena),
        .log = {.fd = STDERR_FILENO,
                .format = str_eq(c->values.log_format, STR("json")) ? LOG_JSON : LOG_LOGFMT,
                .clock = cli->clock},
    };
    bool known = log_level_parse(c->values.log_level, &s.log.level) &&
                 server_settings_listen(c->values.listen, &s.address, &err);
    assert(known); // both were checked with the settings
    s.signals = signals_catch_saying(
        &s.cancel, "sluice: stopping; runs end at their next commit; once more to stop at once\n");
    int code = 0;
    if (begin(&s, &err)) {
        announce(&s);
        signals_wait(s.signals, -1);
    } else {
        code = cli_fail(&err);
    }
    end(&s);
    signals_release(s.signals);
    return code;
}

int cli_serve(const struct cli *cli, int argc, char **argv)
{
    struct server_command c = {.cli = cli, .verb = "serve", .argc = argc, .argv = argv};
    return serve(cli, &c, false);
}

int cli_worker(const struct cli *cli, int argc, char **argv)
{
    struct server_command c = {.cli = cli, .verb = "worker", .argc = argc, .argv = argv};
    return serve(cli, &c, true);
}
