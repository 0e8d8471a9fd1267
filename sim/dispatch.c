// From a request to its answer: edge, token, limits, faults, endpoint.
#include "core/random.h"
#include "sim/authorize.h"
#include "sim/endpoints.h"
#include "sim/routes.h"
#include "sim/scopes.h"
#include "sim/sim.h"

static struct str make_correlation_id(struct call *c, uint64_t sequence)
{
    uint64_t a = random_mix(sequence * 2 + 1);
    uint64_t b = random_mix(sequence * 2 + 2);
    return arena_printf(c->arena, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32),
                        (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
                        (unsigned long long)(b & 0xffffffffffff));
}

static int64_t latency_of(const struct sim *sim, uint64_t sequence)
{
    const struct options *o = sim->options;
    uint64_t span = (uint64_t)(o->latency_max_ms - o->latency_min_ms) + 1;
    return o->latency_min_ms + (int64_t)(random_mix(sequence + sim->portal->options.seed) % span);
}

// The object type in the path, for stats and faults, before the endpoint looks at it.
static void note_object(struct call *c)
{
    enum object_type object;
    bool known = c->params[0].ptr && object_find(c->params[0], true, &object);
    if (c->params[0].ptr && !known) { // perhaps a custom object by its name
        portal_read(c->sim->portal);
        known = portal_object(c->sim->portal, c->params[0], true, &object);
        portal_unlock(c->sim->portal);
    }
    if (known) {
        c->object = object;
        c->object_known = true;
    }
}

static void answer(struct call *c)
{
    struct sim *sim = c->sim;
    int status;
    c->route = route_find(c, &status);
    if (!c->route) {
        call_error(c, status, NULL,
                   status == 405 ? "HTTP 405 Method Not Allowed" : "HTTP 404 Not Found");
        return;
    }
    note_object(c);
    if (!c->route->open &&
        (!authorize(c) || !limits_admit(sim->limits, c, c->route->rate) || !scopes_permit(c))) {
        return;
    }
    struct fault_effects effects = faults_for(sim->faults, c);
    if (effects.answers) {
        faults_answer(&effects, c);
    } else {
        (c->route->writes ? portal_write : portal_read)(sim->portal);
        c->route->handle(c);
        portal_unlock(sim->portal);
    }
    if (effects.fired) {
        stats_add_fault(sim->stats);
        faults_damage(&effects, c);
    }
}

void sim_handle(void *user, struct http_server_request *request,
                struct http_server_response *response)
{
    struct sim *sim = user;
    struct call c = {.sim = sim, .request = request, .response = response, .arena = request->arena};
    if (str_starts(request->path, STR("/_sim/"))) {
        endpoint_admin(&c);
        json_doc_destroy(c.doc);
        return;
    }
    uint64_t sequence = atomic_fetch_add_explicit(&sim->sequence, 1, memory_order_relaxed);
    http_server_add_header(response, "X-HubSpot-Correlation-Id", make_correlation_id(&c, sequence));
    if (request->target.len > SIM_URL_MAX) {
        call_html(&c, 414,
                  "Request-URI Too Large"); // by the proxy in front, which knows nothing of tokens
    } else {
        answer(&c);
    }
    json_doc_destroy(c.doc);
    response->delay_ms += latency_of(sim, sequence);
    stats_add(sim->stats, route_index(c.route), response->status,
              c.object_known ? c.object : OBJECT_COUNT, response->body.len);
    log_line(sim->log, LOG_DEBUG, "request", LOG_S("method", request->method),
             LOG_S("path", request->path), LOG_I("status", response->status),
             LOG_I("bytes", response->body.len));
}
