// sluice login hubspot: grants sluice access to an account, by OAuth or with a token.
#include "cli/login.h"

#include "cli/login_receiver.h"
#include "cli/signals.h"
#include "http/client.h"
#include "http/url.h"
#include "store/requests.h"

#include <signal.h>
#include <spawn.h>
#include <unistd.h>

enum { HTTP_PORT = 80, URL_MAX = 32 * 1024, MINUTE_MS = 60 * 1000, DAY_MS = 24 * 3600 * 1000 };

#define FIELD(f) (offsetof(struct login_settings, place) + offsetof(struct place_settings, f))
#define OWN(f)   offsetof(struct login_settings, f)

const struct setting LOGIN_SETTINGS[LOGIN_SETTINGS_N] = {
    {.name = "name",
     .type = SET_STR,
     .offset = OWN(name),
     .fallback = "hubspot",
     .arg = "NAME",
     .help = "What the connection is called: sync --connection NAME."},
    {.name = "token-env",
     .type = SET_STR,
     .offset = OWN(token_env),
     .arg = "VARIABLE",
     .help = "Instead of OAuth: the environment variable that holds a private app token or service "
             "key."},
    {.name = "client-id",
     .type = SET_STR,
     .offset = OWN(client_id),
     .arg = "ID",
     .help = "Client id of your HubSpot app."},
    {.name = "client-secret-env",
     .type = SET_STR,
     .offset = OWN(client_secret_env),
     .fallback = "HUBSPOT_CLIENT_SECRET",
     .arg = "VARIABLE",
     .help = "Environment variable that holds the app's client secret."},
    {.name = "scopes",
     .type = SET_STR,
     .offset = OWN(scopes),
     .arg = "A,B",
     .help = "Scopes to ask for, exactly those that the app requires; without it, those that all "
             "streams need."},
    {.name = "optional-scopes",
     .type = SET_STR,
     .offset = OWN(optional_scopes),
     .arg = "A,B",
     .help = "Scopes to ask for besides; HubSpot leaves out those that cannot be granted."},
    {.name = "redirect-port",
     .type = SET_INT,
     .offset = OWN(redirect_port),
     .fallback = "8976",
     .min = 1,
     .max = 65535,
     .arg = "PORT",
     .help = "Port of this machine that waits for HubSpot's answer."},
    {.name = "redirect-uri",
     .type = SET_STR,
     .offset = OWN(redirect_uri),
     .arg = "URL",
     .help = "Redirect URI as it is registered in the app; without it "
             "http://localhost:PORT/oauth/callback."},
    {.name = "authorize-url",
     .type = SET_STR,
     .offset = OWN(authorize_url),
     .fallback = "https://app.hubspot.com/oauth/authorize",
     .arg = "URL",
     .help = "HubSpot's page of consent, or a simulator's."},
    {.name = "base-url",
     .type = SET_STR,
     .offset = OWN(base_url),
     .fallback = "https://api.hubapi.com",
     .arg = "URL",
     .help = "HubSpot's API, or a simulator's."},
    {.name = "oauth-version",
     .type = SET_ENUM,
     .offset = OWN(oauth_version),
     .fallback = "2026-09",
     .choices = "2026-09|2026-03|v3|v1",
     .help = "Version of HubSpot's token endpoint; v1 stops working on 2027-02-16."},
    {.name = "no-browser",
     .type = SET_BOOL,
     .offset = OWN(no_browser),
     .help = "Only print the address, do not open it."},
    {.name = "timeout",
     .type = SET_MS,
     .offset = OWN(timeout_ms),
     .fallback = "5m",
     .min = 1000,
     .max = DAY_MS,
     .arg = "TIME",
     .help = "How long to wait for HubSpot's answer."},
    {.name = "trace",
     .type = SET_BOOL,
     .offset = OWN(trace),
     .help = "Keep every call for sluice requests, not only those that fail."},
#include "cli/connection_settings.def"
};

// Commas and white space to single spaces.
static struct str scope_list(struct str text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool between = c == ',' || c == ' ' || c == '\t' || c == '\n';
        if (!between) {
            out[n++] = c;
        } else if (n > 0 && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    out[n] = '\0';
    return str_trim((struct str){out, n});
}

bool login_check_words(const char *verb, const struct cli_args *args, struct error *err)
{
    if (args->n_words != 1 || !str_eq(args->words[0], STR("hubspot"))) {
        return error_set(err, ERR_USAGE, "which source? write: sluice %s hubspot", verb);
    }
    return true;
}

// ---- the way of OAuth

struct redirect {
    struct str uri;
    struct str path;
    const char *host; // to listen at
    uint16_t port;
    bool here; // the URI leads to host and port by itself
};

// From "http://localhost:8976/oauth/callback": where to listen. Behind any other host there must be
// something that passes requests on to --redirect-port of this machine.
static bool read_redirect(const struct login *l, struct arena *arena, struct redirect *ret,
                          struct error *err)
{
    const struct login_settings *s = &l->settings;
    struct redirect r = {.host = "127.0.0.1", .port = (uint16_t)s->redirect_port};
    r.uri = s->redirect_uri.len > 0
                ? s->redirect_uri
                : arena_printf(arena, "http://localhost:%u/oauth/callback", (unsigned)r.port);
    bool http = str_starts(r.uri, STR("http://"));
    bool https = str_starts(r.uri, STR("https://"));
    struct str rest = str_sub(r.uri, https ? STR("https://").len : STR("http://").len, r.uri.len);
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str host = slash < 0 ? rest : str_sub(rest, 0, (size_t)slash);
    r.path = slash < 0 ? STR("/") : str_sub(rest, (size_t)slash, rest.len);
    if ((!http && !https) || host.len == 0 || str_find_char(r.uri, '#') >= 0 ||
        str_find_char(r.uri, '?') >= 0 || str_find_char(r.uri, ' ') >= 0) {
        return error_set(err, ERR_CONFIG,
                         "--redirect-uri: \"%.*s\" is not an http or https URL without query and "
                         "fragment",
                         STR_ARG(str_sub(r.uri, 0, 200)));
    }
    static const struct {
        struct str prefix;
        const char *listen;
    } LOCAL[] = {{STR_INIT("localhost:"), "127.0.0.1"},
                 {STR_INIT("127.0.0.1:"), "127.0.0.1"},
                 {STR_INIT("[::1]:"), "::1"}};
    for (size_t i = 0; i < ARRAY_LEN(LOCAL); i++) {
        struct str alone = str_sub(LOCAL[i].prefix, 0, LOCAL[i].prefix.len - 1);
        uint64_t port = HTTP_PORT;
        if (!http || (!str_eq(host, alone) && !str_starts(host, LOCAL[i].prefix))) {
            continue;
        }
        if (host.len > alone.len &&
            (!str_to_uint64(str_sub(host, LOCAL[i].prefix.len, host.len), &port) || port < 1 ||
             port > 65535)) {
            return error_set(err, ERR_CONFIG,
                             "--redirect-uri: \"%.*s\": its port is not 1 to 65535",
                             STR_ARG(str_sub(r.uri, 0, 200)));
        }
        r.host = LOCAL[i].listen;
        r.port = (uint16_t)port;
        r.here = true;
    }
    *ret = r;
    return true;
}

// It is opened by a browser, and a query of our own is added to it.
static bool check_authorize_url(const struct login *l, struct error *err)
{
    struct str url = l->settings.authorize_url;
    bool ok = (str_starts(url, STR("https://")) || str_starts(url, STR("http://"))) &&
              str_find_char(url, '?') < 0 && str_find_char(url, '#') < 0 &&
              str_find_char(url, ' ') < 0;
    return ok ||
           error_set(err, ERR_CONFIG,
                     "--authorize-url: \"%.*s\" is not an http or https URL without query and "
                     "fragment",
                     STR_ARG(str_sub(url, 0, 200)));
}

static bool is_variable(const char *entry, struct str name)
{
    return name.len > 0 && str_starts(str_from(entry), name) && entry[name.len] == '=';
}

// A browser and what it starts need not know the app's secret nor our keys. To be freed; the texts
// are the environment's.
static char **environment_without_secrets(const struct login *l)
{
    size_t n = 0;
    while (environ[n]) {
        n++;
    }
    char **copy = calloc(n + 1, sizeof *copy);
    if (!copy) {
        abort();
    }
    const struct str secret[] = {l->settings.client_secret_env, l->settings.token_env,
                                 STR("HUBSPOT_TOKEN"), STR("SLUICE_KEY"), STR("SLUICE_KEY_NEW")};
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool hidden = false;
        for (size_t k = 0; k < ARRAY_LEN(secret); k++) {
            hidden = hidden || is_variable(environ[i], secret[k]);
        }
        if (!hidden) {
            copy[kept++] = environ[i];
        }
    }
    return copy;
}

// On a desktop's terminal only, and only when there is something to open it with.
static void open_browser(const struct login *l, const char *url)
{
    // Nothing in this program changes the environment.
    bool desktop = getenv("DISPLAY") || getenv("WAYLAND_DISPLAY"); // NOLINT(concurrency-mt-unsafe)
    if (l->settings.no_browser || !desktop || !isatty(STDOUT_FILENO)) {
        return;
    }
    char program[] = "xdg-open";
    char *address = strdup(url);
    char *argv[] = {program, address, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    char **environment = environment_without_secrets(l);
    sigset_t none;
    pid_t pid;
    sigemptyset(&none);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", 0, 0);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", 1, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", 1, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK); // ours are blocked
    posix_spawnattr_setsigmask(&attributes, &none);
    // Not being able to costs nothing: the address has been printed.
    (void)posix_spawnp(&pid, program, &files, &attributes, argv, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    free(environment);
    free(address);
}

static bool show_address(struct login *l, const struct redirect *redirect, const char *state,
                         const char *verifier, struct error *err)
{
    char challenge[OAUTH_CHALLENGE_MAX];
    struct buf url;
    oauth_challenge(str_from(verifier), challenge);
    buf_init(&url, URL_MAX);
    oauth_authorize_url(&url,
                        &(struct oauth_authorize){
                            .page = l->settings.authorize_url,
                            .client_id = l->settings.client_id,
                            .redirect_uri = redirect->uri,
                            .scopes = l->scopes,
                            .optional_scopes = scope_list(l->settings.optional_scopes, &l->arena),
                            .state = str_from(state),
                            .challenge = str_from(challenge),
                        });
    bool ok = !url.overflow || error_set(err, ERR_CONFIG,
                                         "the address of consent is over the limit of %d bytes; "
                                         "ask for fewer scopes",
                                         URL_MAX);
    if (ok) {
        printf("Open this address in a browser and choose the account:\n\n    %s\n\n"
               "Waiting for HubSpot's answer at %.*s\n",
               buf_cstr(&url), STR_ARG(redirect->uri));
        if (!redirect->here) {
            printf("What comes there must be passed on to http://%s:%u%.*s\n", redirect->host,
                   (unsigned)redirect->port, STR_ARG(redirect->path));
        }
        fflush(stdout);
        open_browser(l, buf_cstr(&url));
    }
    buf_done(&url);
    return ok;
}

static bool exchange(struct login *l, struct grant *g, const struct redirect *redirect,
                     const struct secret *code, const char *verifier, struct error *err)
{
    struct grant_context x = {.base_url = l->base_url,
                              .clock = l->cli->clock,
                              .cancel = &l->cancel,
                              .request_log = l->request_log,
                              .name = l->settings.name};
    struct secret *proof = secret_create(str_from(verifier));
    bool ok = grant_exchange(&x, g, code, redirect->uri, proof, err);
    secret_destroy(proof);
    return ok;
}

static bool dance(struct login *l, struct grant *g, struct login_receiver *receiver,
                  const struct redirect *redirect, const char *verifier, struct error *err)
{
    struct secret *code = NULL;
    size_t strays = 0;
    bool ok = login_receiver_wait(receiver, l->settings.timeout_ms, &code, &strays, err);
    if (strays > 0) {
        fprintf(stderr,
                "sluice: %zu answers were refused: they did not belong to this login (another "
                "state, or not HubSpot's)\n",
                strays);
    }
    ok = ok && exchange(l, g, redirect, code, verifier, err) && login_finish(l, g, err);
    secret_destroy(code);
    if (ok) {
        login_receiver_tell(receiver, true,
                            STR("sluice may now use this HubSpot account. You can close this "
                                "window."));
    } else {
        login_receiver_tell(receiver, false, str_from(err->message));
    }
    return ok;
}

static bool login_oauth(struct login *l, struct grant *g, struct error *err)
{
    char state[OAUTH_CHALLENGE_MAX];
    char verifier[OAUTH_CHALLENGE_MAX];
    struct redirect redirect = {.port = 0};
    struct login_receiver *receiver = NULL;
    if (l->settings.client_id.len == 0) {
        return error_set(err, ERR_USAGE,
                         "--client-id is missing: the client id of your HubSpot app (or give "
                         "--token-env for a private app token or service key)");
    }
    if (l->settings.client_id.len > CLIENT_ID_MAX) {
        return error_set(err, ERR_CONFIG, "--client-id: %zu bytes are over the limit of %d",
                         l->settings.client_id.len, CLIENT_ID_MAX);
    }
    if (!account_secret_from_env("--client-secret-env", "client secret",
                                 l->settings.client_secret_env, &g->client_secret, err)) {
        // A hint to the app, not to tokens.
        err->code = err->code == ERR_CREDENTIALS ? ERR_OAUTH_APP : err->code;
        return false;
    }
    if (!read_redirect(l, &l->arena, &redirect, err) || !check_authorize_url(l, err)) {
        return false;
    }
    g->connection.kind = CONNECTION_OAUTH;
    g->connection.client_id = l->settings.client_id;
    g->connection.oauth_version = l->settings.oauth_version;
    l->scopes = l->settings.scopes.len > 0 ? scope_list(l->settings.scopes, &l->arena)
                                           : grant_default_scopes(&l->arena);
    oauth_random_text(state);
    oauth_random_text(verifier);
    struct login_receiver_options options = {.host = redirect.host,
                                             .port = redirect.port,
                                             .path = redirect.path,
                                             .state = str_from(state),
                                             .clock = l->cli->clock,
                                             .cancel = &l->cancel};
    bool ok = login_receiver_open(&options, &receiver, err) &&
              show_address(l, &redirect, state, verifier, err) &&
              dance(l, g, receiver, &redirect, verifier, err);
    login_receiver_close(receiver);
    secret_wipe(verifier, sizeof verifier);
    return ok;
}

// ---- the way of tokens

static bool login_token(struct login *l, struct grant *g, struct error *err)
{
    g->connection.kind = CONNECTION_TOKEN;
    return account_secret_from_env("--token-env", "token", l->settings.token_env, &g->token, err) &&
           login_finish(l, g, err);
}

int cli_login(const struct cli *cli, int argc, char **argv)
{
    struct login l = {.cli = cli};
    struct grant g = {0};
    struct cli_args args;
    struct error err;
    if (!cli_parse(cli, "login", argc, argv, &l.settings, &args)) {
        return args.exit_code;
    }
    struct signals *signals = signals_catch(&l.cancel);
    arena_init(&l.arena, 16 * 1024 * 1024);
    struct requests *requests = requests_start(&(struct requests_options){
        .directory = l.settings.place.data_dir, .clock = cli->clock, .trace = l.settings.trace});
    l.request_log = requests_log(requests);
    bool ok = login_check_words("login", &args, &err) &&
              store_check_name("--name", l.settings.name, &err) && http_client_global_init(&err) &&
              (url_check_base(l.settings.base_url, &l.base_url, &err) ||
               error_context(&err, "--base-url")) &&
              login_check_place(&l, &err);
    if (ok) {
        g.connection.name = l.settings.name;
        g.connection.base_url = l.base_url;
        // A variable for sync in the environment does not keep an app from being used.
        bool token = l.settings.token_env.len > 0 && l.settings.client_id.len == 0;
        ok = token ? login_token(&l, &g, &err) : login_oauth(&l, &g, &err);
    }
    grant_done(&g);
    requests_stop(requests);
    arena_done(&l.arena);
    signals_release(signals);
    return ok ? 0 : cli_fail(&err);
}
