#include "api/api.h"

#include "api/followers.h"
#include "api/frame.h"

#include <sodium.h>

enum {
    POOL_MAX = 16,
    POOL_WAIT_MS = 5000,
    OPENAPI_MAX = 8 * 1024 * 1024,
    REQUEST_ID_BYTES = 12,
};

// ---- making and unmaking

static size_t count_args(const char *path)
{
    size_t n = 0;
    for (; *path; path++) {
        n += *path == '{';
    }
    return n;
}

static void add_endpoints(struct api *a, size_t n_args)
{
    for (size_t g = 0; g < a->options.n_groups; g++) {
        const struct api_routes *group = &a->options.groups[g];
        for (size_t i = 0; i < group->n; i++) {
            const struct api_route *route = &group->rows[i];
            assert(route->handle && route->name && route->path[0] == '/');
            if (count_args(route->path) == n_args) {
                struct endpoint *e = &a->endpoints[a->n_endpoints++];
                e->route = route;
                e->n_args = n_args;
            }
        }
    }
}

static void make_endpoints(struct api *a)
{
    size_t n = 1; // for what no route answers
    for (size_t g = 0; g < a->options.n_groups; g++) {
        n += a->options.groups[g].n;
    }
    a->endpoints = calloc(n, sizeof(*a->endpoints));
    if (!a->endpoints) {
        abort();
    }
    for (size_t n_args = 0; n_args <= API_PATH_ARGS_MAX; n_args++) {
        add_endpoints(a, n_args);
    }
    a->n_endpoints++;
    assert(a->n_endpoints == n); // no path has more arguments than that
}

struct api *api_create(const struct api_options *options)
{
    struct api *a = calloc(1, sizeof(*a));
    if (!a) {
        abort();
    }
    a->options = *options;
    a->started_us = clock_mono_us(options->site.clock);
    make_endpoints(a);
    struct store_pool_options pool = {
        .store = options->site.store,
        .key_file = options->site.key_file,
        .max = POOL_MAX,
        .wait_ms = POOL_WAIT_MS,
    };
    a->pool = store_pool_create(&pool);
    a->keys = keyring_cache_create();
    a->in_progress = in_progress_create();
    buf_init(&a->openapi, OPENAPI_MAX);
    api_openapi(&a->options, &a->openapi);
    assert(!a->openapi.overflow);
    a->followers = followers_create(a);
    return a;
}

void api_destroy(struct api *a)
{
    if (!a) {
        return;
    }
    followers_destroy(a->followers);
    store_pool_destroy(a->pool);
    keyring_cache_destroy(a->keys);
    in_progress_destroy(a->in_progress);
    buf_done(&a->openapi);
    free(a->endpoints);
    free(a);
}

void api_drain(struct api *a)
{
    atomic_store(&a->draining, true);
    followers_close(a->followers);
}

size_t api_figures(const struct api *a, struct api_route_figures *ret, size_t max)
{
    size_t n = MIN(a->n_endpoints, max);
    for (size_t i = 0; i < n; i++) {
        const struct endpoint *e = &a->endpoints[i];
        ret[i] = (struct api_route_figures){.route = e->route};
        for (size_t c = 0; c < ARRAY_LEN(e->by_class); c++) {
            ret[i].by_class[c] = atomic_load_explicit(&e->by_class[c], memory_order_relaxed);
        }
        ret[i].seconds_sum = (double)atomic_load_explicit(&e->took_us, memory_order_relaxed) / 1e6;
    }
    return n;
}

// ---- other origins

static bool is_allowed(const char *const *origins, struct str origin)
{
    for (; origins && *origins; origins++) {
        if (strcmp(*origins, "*") == 0 || str_eq(str_from(*origins), origin)) {
            return true;
        }
    }
    return false;
}

static struct str join_methods(struct arena *arena, const struct matched *m)
{
    struct str text = STR("OPTIONS");
    for (size_t i = 0; m->methods[i]; i++) {
        bool get = strcmp(m->methods[i], "GET") == 0;
        text = arena_printf(arena, "%.*s, %s%s", STR_ARG(text), m->methods[i], get ? ", HEAD" : "");
    }
    return text;
}

static void add_origin(struct api_frame *f, const struct matched *m)
{
    const char *const *origins = f->api->options.cors_origins;
    if (!origins || !*origins) {
        return;
    }
    http_server_add_header(f->call.response, "Vary", STR("Origin"));
    struct str origin = http_server_header(f->call.http, "origin");
    if (origin.len == 0 || !is_allowed(origins, origin)) {
        return;
    }
    api_header(&f->call, "Access-Control-Allow-Origin", origin);
    api_header(&f->call, "Access-Control-Expose-Headers",
               STR("Retry-After, X-Request-Id, Idempotency-Replayed"));
    if (str_eq(f->call.http->method, STR("OPTIONS"))) {
        api_header(&f->call, "Access-Control-Allow-Methods", join_methods(f->call.arena, m));
        api_header(&f->call, "Access-Control-Allow-Headers",
                   STR("x-api-key, content-type, idempotency-key, authorization, last-event-id"));
        api_header(&f->call, "Access-Control-Max-Age", STR("600"));
    }
}

// ---- a request

static struct str make_request_id(struct arena *arena)
{
    unsigned char bytes[REQUEST_ID_BYTES];
    randombytes_buf(bytes, sizeof(bytes));
    return api_base64_make(arena, (struct str){(const char *)bytes, sizeof(bytes)});
}

static void refuse_unmatched(struct api_frame *f, const struct matched *m)
{
    struct str method = str_sub(f->call.http->method, 0, 16);
    if (!m->methods[0]) {
        struct str path = str_sub(f->call.http->path, 0, 200);
        api_refuse(&f->call, 404, "not_found",
                   "there is no such operation: %.*s %.*s; /docs shows what there is",
                   STR_ARG(method), STR_ARG(path));
        return;
    }
    struct str allow = join_methods(f->call.arena, m);
    if (str_eq(f->call.http->method, STR("OPTIONS"))) {
        api_none(&f->call);
    } else {
        api_refuse(&f->call, 405, "method_not_allowed", "%.*s is not possible here: %.*s",
                   STR_ARG(method), STR_ARG(allow));
    }
    api_header(&f->call, "Allow", allow);
}

static bool is_draining(struct api_frame *f, const struct api_route *route)
{
    unsigned always = API_PUBLIC | API_NO_STORE; // health must be told to the end
    return atomic_load(&f->api->draining) && (route->flags & always) != always;
}

static void answer(struct api_frame *f, const struct matched *m)
{
    if (!m->endpoint) {
        refuse_unmatched(f, m);
        return;
    }
    f->endpoint = m->endpoint;
    f->call.route = m->endpoint->route;
    memcpy(f->call.args, m->args, sizeof(m->args));
    if (is_draining(f, f->call.route)) {
        api_refuse(&f->call, 503, "draining",
                   "the server is stopping: send the request again in a moment");
        api_header(&f->call, "Retry-After", STR("5"));
        return;
    }
    api_carry_out(f);
}

static void finish(struct api_frame *f, const struct matched *m)
{
    struct api_call *c = &f->call;
    if (c->response->body.overflow) {
        api_unanswer(f);
        api_refuse(c, 500, "internal", "the answer is too large: ask for fewer with limit");
    }
    api_header(c, "X-Content-Type-Options", STR("nosniff"));
    api_header(c, "Cache-Control", STR("no-store"));
    api_header(c, "X-Request-Id", f->request_id);
    add_origin(f, m);
    int64_t took_us = clock_mono_us(c->site->clock) - c->http->arrived_us;
    int status = c->response->status;
    size_t class = (size_t)MAX(MIN(status / 100, 5), 1);
    atomic_fetch_add_explicit(&f->endpoint->by_class[class], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&f->endpoint->took_us, (uint64_t)MAX(took_us, 0),
                              memory_order_relaxed);
    const struct log *log = c->site->log;
    if (log && log->level <= LOG_DEBUG) {
        log_line(log, LOG_DEBUG, "request", LOG_S("request", f->request_id),
                 LOG_S("method", c->http->method), LOG_S("path", c->http->path),
                 LOG_I("status", status), LOG_I("took_us", took_us),
                 LOG_S("address", c->http->address), LOG_S("caller", c->key.prefix));
    }
}

bool api_is_slow(void *user, const struct http_server_request *request)
{
    struct matched m;
    api_match(user, request, &m);
    return m.endpoint && (m.endpoint->route->flags & (API_ALONE | API_CHANGES));
}

void api_handle(void *user, struct http_server_request *request,
                struct http_server_response *response)
{
    struct api *a = user;
    struct api_frame f = {
        .api = a,
        .endpoint = &a->endpoints[a->n_endpoints - 1],
        .request_id = make_request_id(request->arena),
        .call =
            {
                .site = &a->options.site,
                .http = request,
                .response = response,
                .arena = request->arena,
                .account_id = a->options.site.account_id,
            },
    };
    f.call.frame = &f;
    struct matched m;
    api_match(a, request, &m);
    answer(&f, &m);
    finish(&f, &m);
    if (f.changed) {
        followers_wake(a->followers);
    }
}
