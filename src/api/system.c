// How the server is: for load balancers, orchestrators and Prometheus; and the API's description.
#include "api/frame.h"
#include "api/metrics.h"
#include "store/events.h"
#include "store/leases.h"

#include <unistd.h>

enum { ENGINE_SILENT_MS = 60 * 1000 }; // an engine that has not been heard of for so long hangs

struct health {
    struct str status;
    struct str version;
};
static const struct api_field HEALTH_FIELDS[] = {
    {.name = "status",
     .type = API_STRING,
     .offset = offsetof(struct health, status),
     .flags = API_REQUIRED,
     .help = "\"ok\" or \"ready\".",
     .example = "\"ok\""},
    {.name = "version",
     .type = API_STRING,
     .offset = offsetof(struct health, version),
     .flags = API_REQUIRED,
     .help = "The program's version."},
};
static const struct api_shape HEALTH = {
    .name = "Health",
    .help = "How the server is.",
    .size = sizeof(struct health),
    .fields = HEALTH_FIELDS,
    .n_fields = ARRAY_LEN(HEALTH_FIELDS),
};

static void get_health(struct api_call *c)
{
    struct health h = {STR("ok"), STR(SLUICE_VERSION)};
    api_ok(c, 200, &HEALTH, &h);
}

// The engine beats in the store; one that has stopped would let all runs wait.
static bool engine_lives(struct api_call *c, struct store *s, bool *ret, struct error *err)
{
    struct worker_row *rows;
    size_t n;
    int64_t now_ms;
    char host[256] = "";
    *ret = true;
    if (!c->site->engine) {
        return true;
    }
    if (gethostname(host, sizeof(host) - 1) != 0) {
        host[0] = '\0';
    }
    if (!store_now_ms(s, &now_ms, err) || !worker_list(s, c->arena, &rows, &n, err)) {
        return false;
    }
    bool found = false;
    int64_t seen_ms = 0;
    for (size_t i = 0; i < n; i++) {
        if (rows[i].pid == getpid() && str_eq(rows[i].host, str_from(host))) {
            found = true;
            seen_ms = MAX(seen_ms, rows[i].seen_ms);
        }
    }
    *ret = !found || now_ms - seen_ms < ENGINE_SILENT_MS;
    return true;
}

static void get_ready(struct api_call *c)
{
    if (atomic_load(&c->frame->api->draining)) {
        api_refuse(c, 503, "draining", "the server is stopping");
        return;
    }
    if (!api_need_store(c->frame)) {
        return;
    }
    struct error err;
    bool lives = true;
    int64_t last;
    // A transaction, because that is refused when the store's file is gone.
    bool ok = store_begin_read(c->store, &err);
    if (ok) {
        ok = engine_lives(c, c->store, &lives, &err) &&
             event_last(c->store, &last, &err); // any table does: the store answers questions
        ok = store_end(c->store, ok, &err);
    }
    if (!ok) {
        api_fail(c, &err);
        return;
    }
    if (!lives) {
        api_refuse(c, 503, "engine", "the engine has not been heard of for a minute");
        return;
    }
    struct health h = {STR("ready"), STR(SLUICE_VERSION)};
    api_ok(c, 200, &HEALTH, &h);
}

static void get_metrics(struct api_call *c)
{
    struct error err;
    if (!c->store && !store_pool_lend(c->frame->api->pool, &c->store, &c->sealing, &err)) {
        c->store = NULL;
    }
    struct buf text;
    buf_init(&text, (size_t)16 * 1024 * 1024);
    api_metrics(c->frame->api, c->store, c->arena, &text);
    api_text(c, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&text));
    buf_done(&text);
}

static void get_description(struct api_call *c)
{
    api_json(c, 200, buf_str(&c->frame->api->openapi));
}

static const struct api_route ROUTES[] = {
    {
        .method = "GET",
        .path = "/healthz",
        .name = "getHealth",
        .tag = "System",
        .help = "Whether the process answers. Needs no key.",
        .flags = API_PUBLIC | API_NO_STORE,
        .answers = {{.status = 200, .shape = &HEALTH, .help = "It does."}},
        .handle = get_health,
    },
    {
        .method = "GET",
        .path = "/readyz",
        .name = "getReadiness",
        .tag = "System",
        .help = "Whether the server can work: its store answers, its engine lives, and it is not "
                "stopping. Needs no key.",
        .flags = API_PUBLIC | API_NO_STORE,
        .answers = {{.status = 200, .shape = &HEALTH, .help = "It can."},
                    {.status = 503, .help = "It cannot; the code says why, and the log more."}},
        .handle = get_ready,
    },
    {
        .method = "GET",
        .path = "/metrics",
        .name = "getMetrics",
        .tag = "System",
        .help = "Figures for Prometheus. Needs a key of scope read, which Prometheus sends as "
                "bearer authorization.",
        .scope = API_KEY_READ,
        .flags = API_NO_STORE,
        .answers = {{.status = 200,
                     .media_type = "text/plain",
                     .help = "Prometheus's text format 0.0.4."}},
        .handle = get_metrics,
    },
    {
        .method = "GET",
        .path = "/openapi.json",
        .name = "getDescription",
        .tag = "System",
        .help = "This description. Needs no key.",
        .flags = API_PUBLIC | API_NO_STORE,
        .answers = {{.status = 200,
                     .media_type = "application/json",
                     .help = "An OpenAPI 3.0.3 document."}},
        .handle = get_description,
    },
};
const struct api_routes API_ROUTES_SYSTEM = {ROUTES, ARRAY_LEN(ROUTES)};
