// hubsim: a HubSpot account that exists only here.
#include "core/limits.h"
#include "http/server.h"
#include "sim/sim.h"

#include <signal.h>
#include <unistd.h>

enum {
    OPTIONS_ARENA = 1024 * 1024,
    CONNECTIONS_MAX = 1024,
    IDLE_TIMEOUT_S = 120,
    RESPONSE_MAX = 512 * 1024 * 1024, // 100 records of 1,500 properties, some of them giants
};

// From here on the signals that end the program are only taken by wait_for_end; threads inherit the
// mask.
static sigset_t block_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return set;
}

static int usage_error(const struct error *err)
{
    fprintf(stderr, "hubsim: %s\n", err->message);
    fprintf(stderr, "hubsim: %s\n", "see hubsim --help");
    return 2;
}

static void make_sim(struct sim *sim, const struct options *options, struct shift_clock *shift,
                     const struct log *log)
{
    *sim = (struct sim){
        .options = options,
        .clock = &shift->clock,
        .shift = shift,
        .log = log,
        .portal = portal_create(&options->portal),
        .selections = selection_cache_create(),
        .searches = search_cache_create(),
        .apps = apps_create(&options->apps, &shift->clock),
        .limits = limits_create(&options->limits, &shift->clock),
        .faults = faults_create(),
        .stats = stats_create(),
    };
}

static void drop_sim(struct sim *sim)
{
    stats_destroy(sim->stats);
    faults_destroy(sim->faults);
    limits_destroy(sim->limits);
    apps_destroy(sim->apps);
    search_cache_destroy(sim->searches);
    selection_cache_destroy(sim->selections);
    portal_destroy(sim->portal);
}

static bool serve(struct sim *sim, const sigset_t *signals, struct error *err)
{
    const struct options *o = sim->options;
    struct http_server_options http = {
        .host = o->host,
        .port = o->port,
        .threads = (unsigned)o->threads,
        .max_connections = CONNECTIONS_MAX,
        .header_limit = 2 * LIMIT_HEADER_BYTES,
        .body_limit = LIMIT_REQUEST_BODY,
        .response_limit = RESPONSE_MAX,
        .idle_timeout_s = IDLE_TIMEOUT_S,
        .handle = sim_handle,
        .user = sim,
        .clock = clock_system(), // delays do not run out when the simulator's clock is put forward
    };
    struct http_server *server;
    if (!http_server_start(&http, &server, err)) {
        return false;
    }
    bool v6 = strchr(o->host, ':') != NULL;
    printf("hubsim: listening on http://%s%s%s:%u (portal %lld)\n", v6 ? "[" : "", o->host,
           v6 ? "]" : "", (unsigned)http_server_port(server), (long long)o->portal_id);
    fflush(stdout);
    int signal_number = 0;
    sigwait(signals, &signal_number);
    log_line(sim->log, LOG_INFO, "stopping", LOG_I("signal", signal_number));
    http_server_stop(server);
    return true;
}

int main(int argc, char **argv)
{
    struct arena arena;
    struct options options;
    struct error err;
    arena_init(&arena, OPTIONS_ARENA);
    if (!options_parse(&options, argc, argv, &arena, &err)) {
        arena_done(&arena);
        return usage_error(&err);
    }
    if (options.help || options.version) {
        if (options.help) {
            options_help(stdout);
        } else {
            printf("hubsim %s\n", SLUICE_VERSION);
        }
        arena_done(&arena);
        return 0;
    }
    sigset_t signals = block_signals();
    struct log log = {.fd = STDERR_FILENO, .level = options.log_level, .clock = clock_system()};
    struct shift_clock shift;
    struct sim sim;
    shift_clock_init(&shift, clock_system());
    make_sim(&sim, &options, &shift, &log);
    limits_set_foreign(sim.limits, &options.foreign);
    bool ok = options_add_apps(&options, sim.apps, &err) && serve(&sim, &signals, &err);
    drop_sim(&sim);
    arena_done(&arena);
    return ok ? 0 : usage_error(&err);
}
