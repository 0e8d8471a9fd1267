// The listening half of a server.
#include "cli/server.h"

#include "hubspot/oauth.h"
#include "web/pages.h"

#include <sched.h>

enum {
    HEADER_LIMIT = 32 * 1024,
    BODY_LIMIT = 1024 * 1024,
    RESPONSE_LIMIT = 64 * 1024 * 1024,
    IDLE_S = 75,
    LOOPS = 2,      // on a machine with so many cores
    REQUEST_S = 30, // headers and body must be there by then
};

static const struct api_routes *const SERVER_ROUTES[] = {
    &API_ROUTES_SYSTEM,       &API_ROUTES_EVENTS,      &API_ROUTES_KEYS,
    &API_ROUTES_BRIDGES,      &API_ROUTES_CONNECTIONS, &API_ROUTES_INTEGRATIONS,
    &API_ROUTES_DESTINATIONS, &API_ROUTES_SYNCS,       &API_ROUTES_STREAMS,
    &API_ROUTES_RUNS,         &API_ROUTES_REQUESTS,    &API_ROUTES_LATER,
    &WEB_ROUTES_AUTHORIZE,    &WEB_ROUTES_DOCS,
};
// A worker only says how it is.
static const struct api_routes *const WORKER_ROUTES[] = {&API_ROUTES_SYSTEM};

static void handle(void *user, struct http_server_request *request,
                   struct http_server_response *response)
{
    struct server *s = user;
    struct api *api = atomic_load_explicit(&s->api, memory_order_acquire);
    if (api) {
        api_handle(api, request, response);
        return;
    }
    response->status = 503;
    http_server_add_header(response, "Retry-After", STR("1"));
    buf_add_cstr(&response->body,
                 "{\"error_code\":\"starting\",\"message\":\"the server is starting\"}");
}

static bool is_slow(void *user, const struct http_server_request *request)
{
    struct server *s = user;
    struct api *api = atomic_load_explicit(&s->api, memory_order_acquire);
    return api && api_is_slow(api, request);
}

// Event loops: more than cores only take turns; handlers that wait have threads of their own.
static unsigned loops(const struct server *s)
{
    cpu_set_t cores;
    bool known = sched_getaffinity(0, sizeof cores, &cores) == 0;
    unsigned most = known && CPU_COUNT(&cores) > 1 ? LOOPS : 1;
    return s->settings->threads > 0 ? (unsigned)s->settings->threads : most;
}

static struct str own_url(const struct server *s)
{
    struct str host = s->address.host;
    bool everywhere = str_eq(host, STR("0.0.0.0")) || str_eq(host, STR("::"));
    bool v6 = str_find_char(host, ':') >= 0 && !everywhere;
    return arena_printf(s->cli->arena, "%s://%s%.*s%s:%u", s->tls_cert ? "https" : "http",
                        v6 ? "[" : "", STR_ARG(everywhere ? STR("127.0.0.1") : host), v6 ? "]" : "",
                        http_server_port(s->http));
}

static void warn(const struct server *s)
{
    if (!s->address.loopback && !s->tls_cert) {
        log_line(&s->log, LOG_WARN,
                 "listening to other machines without TLS: API keys pass in the clear; give "
                 "--tls-cert and --tls-key, or put a proxy that speaks TLS in front",
                 LOG_S("listen", s->settings->listen));
    }
}

bool server_http_start(struct server *s, struct error *err)
{
    if (!s->listens) {
        return true;
    }
    warn(s);
    struct http_server_options options = {
        .host = arena_cstr(s->cli->arena, s->address.host),
        .port = s->address.port,
        .threads = loops(s),
        .max_connections = (unsigned)s->settings->max_connections,
        .header_limit = HEADER_LIMIT,
        .body_limit = BODY_LIMIT,
        .response_limit = RESPONSE_LIMIT,
        .idle_timeout_s = IDLE_S,
        .request_timeout_s = REQUEST_S,
        .tls_certificate = secret_reveal(s->tls_cert),
        .tls_key = secret_reveal(s->tls_key),
        .handle = handle,
        .is_slow = is_slow,
        .refuse = api_refused,
        .user = s,
        .clock = s->cli->clock,
    };
    if (!http_server_start(&options, &s->http, err)) {
        return error_context(err, "--listen %.*s", STR_ARG(s->settings->listen));
    }
    s->listen_url = own_url(s);
    s->public_url = s->settings->public_url.len > 0 ? s->settings->public_url : s->listen_url;
    if (!s->address.loopback && s->settings->public_url.len == 0 && !s->is_worker) {
        log_line(&s->log, LOG_WARN,
                 "links for people lead to an address that may be good on this machine alone; "
                 "--public-url says how browsers reach this server",
                 LOG_S("public_url", s->public_url));
    }
    return true;
}

// Tables are found by the linker, so the list of them is made when the program runs.
static void list_routes(struct server *s)
{
    const struct api_routes *const *from = s->is_worker ? WORKER_ROUTES : SERVER_ROUTES;
    s->n_routes = s->is_worker ? ARRAY_LEN(WORKER_ROUTES) : ARRAY_LEN(SERVER_ROUTES);
    assert(s->n_routes <= ARRAY_LEN(s->routes));
    for (size_t i = 0; i < s->n_routes; i++) {
        s->routes[i] = *from[i];
    }
}

static void list_origins(struct server *s)
{
    const struct setting_list *list = &s->settings->cors_origins;
    for (size_t i = 0; i < list->n; i++) {
        s->cors_origins[i] = arena_cstr(s->cli->arena, list->items[i]);
    }
    s->cors_origins[list->n] = NULL;
}

bool server_http_ready(struct server *s, struct error *err)
{
    if (!s->listens) {
        return true;
    }
    list_routes(s);
    list_origins(s);
    struct api_options options = {
        .site =
            {
                .public_url = s->public_url,
                .account_id = s->workspace.id,
                .data_directory = s->settings->data_dir,
                .store = server_store_options(s),
                .key_file = s->settings->key_file,
                .time_zone = s->settings->time_zone,
                .hubspot_base_url = s->settings->hubspot_base_url,
                .hubspot_app_url = s->settings->hubspot_app_url,
                .hubspot_client_id = s->settings->client_id,
                .hubspot_client_secret = s->client_secret,
                .oauth_version = s->settings->oauth_version,
                .oauth_optional_scopes = s->settings->optional_scopes,
                .engine = s->engine,
                .clock = s->cli->clock,
                .log = &s->log,
                .request_log = requests_log(s->requests),
            },
        .groups = s->routes,
        .n_groups = s->n_routes,
        .cors_origins = s->cors_origins,
    };
    struct api *api = api_create(&options);
    atomic_store_explicit(&s->api, api, memory_order_release);
    (void)err;
    return true;
}

void server_http_stop(struct server *s, int64_t drain_ms)
{
    if (s->http) {
        http_server_drain(s->http, drain_ms);
        http_server_stop(s->http);
        s->http = NULL;
    }
    api_destroy(atomic_exchange(&s->api, NULL));
}
