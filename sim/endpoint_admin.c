// /_sim/: sets the scene and tells what was asked for.
#include "sim/admin_apps.h"
#include "sim/admin_fields.h"
#include "sim/admin_limits.h"
#include "sim/admin_mutate.h"
#include "sim/census.h"
#include "sim/endpoints.h"
#include "sim/sim.h"

static void get_stats(struct call *c)
{
    struct sim *sim = c->sim;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "portal", sim->options->portal_id);
    json_field_int(&w, "seed", sim->options->seed);
    stats_write(sim->stats, &w);
    admin_limits_write_counts(c, &w);
    portal_read(sim->portal);
    census_write_records(sim->portal, &w);
    if (!str_eq_nocase(http_server_query(c->request, "associations"), STR("false"))) {
        census_write_associations(sim->portal, &w);
    }
    portal_unlock(sim->portal);
    json_end_object(&w);
}

// A body is optional; without one, *ret_data is false.
static bool read_reset(struct call *c, bool *ret_data)
{
    static const struct setting fields[] = {
        {.name = "data", .type = SET_BOOL, .offset = 0, .help = "forget changes of the data too"},
    };
    struct settings given;
    struct error err;
    *ret_data = false;
    if (c->request->body.len == 0) {
        return true;
    }
    return call_parse_body(c) &&
           (admin_fields_read(c, fields, ARRAY_LEN(fields), ret_data, &given, &err) ||
            admin_fail(c, &err));
}

static void post_reset(struct call *c)
{
    bool data;
    if (!read_reset(c, &data)) {
        return;
    }
    limits_clear(c->sim->limits);
    stats_clear(c->sim->stats);
    apps_clear_counts(c->sim->apps);
    faults_clear(c->sim->faults);
    if (data) {
        portal_write(c->sim->portal);
        portal_reset(c->sim->portal);
        portal_unlock(c->sim->portal);
    }
    buf_add(&c->response->body, STR("{\"status\":\"ok\"}"));
}

static void get_faults(struct call *c)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("rules"));
    faults_write(c->sim->faults, &w);
    json_end_object(&w);
}

static void post_faults(struct call *c)
{
    struct error err;
    if (!call_parse_body(c)) {
        return;
    }
    if (!faults_add(c->sim->faults, c->body, &err)) {
        admin_fail(c, &err);
        return;
    }
    get_faults(c);
}

static void delete_faults(struct call *c)
{
    faults_clear(c->sim->faults);
    get_faults(c);
}

// One operation, or {"ops":[...]} done in order; what was done before a failing one stays done.
static bool run_operations(struct call *c, struct json_writer *w, struct error *err)
{
    struct json list;
    if (!json_get(c->body, STR("ops"), &list)) {
        return admin_mutate(c, c->body, w, err);
    }
    if (json_type(list) != JSON_ARRAY) {
        return error_set(err, ERR_REQUEST, "ops must be a list of operations");
    }
    json_begin_object(w);
    json_key(w, STR("results"));
    json_begin_array(w);
    struct json_iter it = json_iter(list);
    struct json v;
    for (size_t i = 0; json_next(&it, &v); i++) {
        if (!admin_mutate(c, v, w, err)) {
            return error_context(err, "ops[%zu]", i);
        }
    }
    json_end_array(w);
    json_end_object(w);
    return true;
}

static void post_mutate(struct call *c)
{
    struct error err;
    if (!call_parse_body(c)) {
        return;
    }
    struct json_writer w = call_writer(c);
    portal_write(c->sim->portal);
    bool ok = run_operations(c, &w, &err);
    portal_unlock(c->sim->portal);
    if (!ok) {
        admin_fail(c, &err);
    }
}

static const struct {
    const char *method;
    const char *path;
    void (*run)(struct call *c);
} admin_routes[] = {
    {"GET", "/_sim/stats", get_stats},
    {"POST", "/_sim/reset", post_reset},
    {"GET", "/_sim/faults", get_faults},
    {"POST", "/_sim/faults", post_faults},
    {"DELETE", "/_sim/faults", delete_faults},
    {"POST", "/_sim/mutate", post_mutate},
    {"GET", "/_sim/apps", admin_apps_get},
    {"POST", "/_sim/apps", admin_apps_add},
    {"POST", "/_sim/apps/expire", admin_apps_expire},
    {"POST", "/_sim/apps/revoke", admin_apps_revoke},
    {"POST", "/_sim/apps/uninstall", admin_apps_uninstall},
    {"POST", "/_sim/apps/scopes", admin_apps_scopes},
    {"GET", "/_sim/limits", admin_limits_get},
    {"POST", "/_sim/limits", admin_limits_set},
    {"POST", "/_sim/foreign", admin_foreign_set},
    {"GET", "/_sim/oauth", admin_oauth_get},
    {"POST", "/_sim/oauth", admin_oauth_set},
    {"GET", "/_sim/clock", admin_clock_get},
    {"POST", "/_sim/clock", admin_clock_advance},
};

void endpoint_admin(struct call *c)
{
    bool path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(admin_routes); i++) {
        if (!str_eq(c->request->path, str_from(admin_routes[i].path))) {
            continue;
        }
        path_known = true;
        if (str_eq(c->request->method, str_from(admin_routes[i].method))) {
            admin_routes[i].run(c);
            return;
        }
    }
    call_error(
        c, path_known ? 405 : 404, NULL,
        "/_sim/ has GET stats, POST reset, GET, POST and DELETE faults, POST mutate, GET and "
        "POST apps, oauth, limits and clock, POST foreign, apps/expire, apps/revoke, "
        "apps/uninstall and apps/scopes");
}
