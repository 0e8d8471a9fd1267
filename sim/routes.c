#include "sim/routes.h"

#include "sim/endpoints.h"

// name, method, legacy path, dated path, limit, function, whether it writes
static const struct route routes[] = {
    {"objects.list", "GET", "/crm/v3/objects/{}", "/crm/objects/{date}/{}", RATE_GENERAL,
     endpoint_objects_list},
    {"objects.search", "POST", "/crm/v3/objects/{}/search", "/crm/objects/{date}/{}/search",
     RATE_SEARCH, endpoint_objects_search},
    {"objects.batch_read", "POST", "/crm/v3/objects/{}/batch/read",
     "/crm/objects/{date}/{}/batch/read", RATE_GENERAL, endpoint_objects_batch_read},
    {"objects.get", "GET", "/crm/v3/objects/{}/{}", "/crm/objects/{date}/{}/{}", RATE_GENERAL,
     endpoint_objects_get},
    {"objects.create", "POST", "/crm/v3/objects/{}", "/crm/objects/{date}/{}", RATE_GENERAL,
     endpoint_objects_create, true},
    {"objects.update", "PATCH", "/crm/v3/objects/{}/{}", "/crm/objects/{date}/{}/{}", RATE_GENERAL,
     endpoint_objects_update, true},
    {"objects.archive", "DELETE", "/crm/v3/objects/{}/{}", "/crm/objects/{date}/{}/{}",
     RATE_GENERAL, endpoint_objects_archive, true},
    {"objects.merge", "POST", "/crm/v3/objects/{}/merge", "/crm/objects/{date}/{}/merge",
     RATE_GENERAL, endpoint_objects_merge, true},
    {"objects.gdpr_delete", "POST", "/crm/v3/objects/{}/gdpr-delete",
     "/crm/objects/{date}/{}/gdpr-delete", RATE_GENERAL, endpoint_objects_gdpr_delete, true},
    {"objects.batch_create", "POST", "/crm/v3/objects/{}/batch/create",
     "/crm/objects/{date}/{}/batch/create", RATE_GENERAL, endpoint_objects_batch_create, true},
    {"objects.batch_update", "POST", "/crm/v3/objects/{}/batch/update",
     "/crm/objects/{date}/{}/batch/update", RATE_GENERAL, endpoint_objects_batch_update, true},
    {"objects.batch_upsert", "POST", "/crm/v3/objects/{}/batch/upsert",
     "/crm/objects/{date}/{}/batch/upsert", RATE_GENERAL, endpoint_objects_batch_upsert, true},
    {"objects.batch_archive", "POST", "/crm/v3/objects/{}/batch/archive",
     "/crm/objects/{date}/{}/batch/archive", RATE_GENERAL, endpoint_objects_batch_archive, true},
    {"owners.list", "GET", "/crm/v3/owners", "/crm/owners/{date}", RATE_GENERAL,
     endpoint_owners_list},
    {"owners.get", "GET", "/crm/v3/owners/{}", "/crm/owners/{date}/{}", RATE_GENERAL,
     endpoint_owners_get},
    {"associations.batch_read", "POST", "/crm/v4/associations/{}/{}/batch/read",
     "/crm/associations/{date}/{}/{}/batch/read", RATE_ASSOCIATIONS,
     endpoint_associations_batch_read},
    {"associations.labels", "GET", "/crm/v4/associations/{}/{}/labels",
     "/crm/associations/{date}/{}/{}/labels", RATE_ASSOCIATIONS, endpoint_associations_labels},
    {"associations.list", "GET", "/crm/v4/objects/{}/{}/associations/{}",
     "/crm/objects/{date}/{}/{}/associations/{}", RATE_ASSOCIATIONS, endpoint_associations_list},
    {"associations.batch_create", "POST", "/crm/v4/associations/{}/{}/batch/create",
     "/crm/associations/{date}/{}/{}/batch/create", RATE_ASSOCIATIONS,
     endpoint_associations_batch_create, true},
    {"associations.batch_default", "POST", "/crm/v4/associations/{}/{}/batch/associate/default",
     "/crm/associations/{date}/{}/{}/batch/associate/default", RATE_ASSOCIATIONS,
     endpoint_associations_batch_default, true},
    {"associations.batch_archive", "POST", "/crm/v4/associations/{}/{}/batch/archive",
     "/crm/associations/{date}/{}/{}/batch/archive", RATE_ASSOCIATIONS,
     endpoint_associations_batch_archive, true},
    {"associations.labels_archive", "POST", "/crm/v4/associations/{}/{}/batch/labels/archive",
     "/crm/associations/{date}/{}/{}/batch/labels/archive", RATE_ASSOCIATIONS,
     endpoint_associations_labels_archive, true},
    {"associations.labels_create", "POST", "/crm/v4/associations/{}/{}/labels",
     "/crm/associations/{date}/{}/{}/labels", RATE_ASSOCIATIONS,
     endpoint_associations_labels_create, true},
    {"associations.labels_update", "PUT", "/crm/v4/associations/{}/{}/labels",
     "/crm/associations/{date}/{}/{}/labels", RATE_ASSOCIATIONS,
     endpoint_associations_labels_update, true},
    {"associations.labels_delete", "DELETE", "/crm/v4/associations/{}/{}/labels/{}",
     "/crm/associations/{date}/{}/{}/labels/{}", RATE_ASSOCIATIONS,
     endpoint_associations_labels_delete, true},
    {"associations.put", "PUT", "/crm/v4/objects/{}/{}/associations/{}/{}",
     "/crm/objects/{date}/{}/{}/associations/{}/{}", RATE_ASSOCIATIONS, endpoint_associations_put,
     true},
    {"associations.put_default", "PUT", "/crm/v4/objects/{}/{}/associations/default/{}/{}",
     "/crm/objects/{date}/{}/{}/associations/default/{}/{}", RATE_ASSOCIATIONS,
     endpoint_associations_put_default, true},
    {"associations.delete", "DELETE", "/crm/v4/objects/{}/{}/associations/{}/{}",
     "/crm/objects/{date}/{}/{}/associations/{}/{}", RATE_ASSOCIATIONS,
     endpoint_associations_delete, true},
    {"account.details", "GET", "/account-info/v3/details", "/account-info/{date}/details",
     RATE_GENERAL, endpoint_account_details},
    {"account.daily_usage", "GET", "/account-info/v3/api-usage/daily/private-apps",
     "/account-info/{date}/api-usage/daily/private-apps", RATE_GENERAL,
     endpoint_account_daily_usage},
    {"token.info", "POST", "/oauth/v2/private-apps/get/access-token-info", NULL, RATE_GENERAL,
     endpoint_token_info},
    {"oauth.authorize", "GET", "/oauth/authorize", NULL, RATE_GENERAL, endpoint_oauth_authorize,
     .open = true},
    {"oauth.authorize", "GET", "/oauth/{}/authorize", NULL, RATE_GENERAL, endpoint_oauth_authorize,
     .open = true},
    {"oauth.consent", "POST", "/oauth/authorize", NULL, RATE_GENERAL, endpoint_oauth_consent,
     .open = true},
    {"oauth.consent", "POST", "/oauth/{}/authorize", NULL, RATE_GENERAL, endpoint_oauth_consent,
     .open = true},
    {"oauth.token", "POST", "/oauth/v1/token", "/oauth/{date}/token", RATE_GENERAL,
     endpoint_oauth_token, .open = true},
    {"oauth.token", "POST", "/oauth/v3/token", NULL, RATE_GENERAL, endpoint_oauth_token,
     .open = true},
    {"oauth.introspect", "POST", "/oauth/v3/token/introspect", "/oauth/{date}/token/introspect",
     RATE_GENERAL, endpoint_oauth_introspect, .open = true},
    {"oauth.revoke", "POST", "/oauth/v3/token/revoke", "/oauth/{date}/token/revoke", RATE_GENERAL,
     endpoint_oauth_revoke, .open = true},
    {"oauth.access_token", "GET", "/oauth/v1/access-tokens/{}", NULL, RATE_GENERAL,
     endpoint_oauth_access_token, .open = true},
    {"oauth.refresh_token", "GET", "/oauth/v1/refresh-tokens/{}", NULL, RATE_GENERAL,
     endpoint_oauth_refresh_token, .open = true},
    {"oauth.refresh_token_delete", "DELETE", "/oauth/v1/refresh-tokens/{}", NULL, RATE_GENERAL,
     endpoint_oauth_delete_refresh_token, .open = true},
    {"appinstalls.delete", "DELETE", "/appinstalls/v3/external-install",
     "/appinstalls/{date}/external-install", RATE_GENERAL, endpoint_uninstall},
#include "sim/routes_meta.def"
};

static_assert(ARRAY_LEN(routes) < ROUTES_MAX, "the last place counts unknown paths");

size_t route_index(const struct route *r)
{
    if (!r) {
        return ROUTES_MAX - 1;
    }
    size_t i = (size_t)(r - routes);
    while (i > 0 && strcmp(routes[i - 1].name, routes[i].name) == 0) {
        i--; // two paths of one endpoint count as one
    }
    return i;
}

const char *route_name(size_t index)
{
    return index < ARRAY_LEN(routes) ? routes[index].name : "unknown";
}

bool route_name_known(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (str_eq(name, str_from(routes[i].name))) {
            return true;
        }
    }
    return false;
}

static bool is_date(struct str s)
{
    return str_eq(s, STR("2026-03")) || str_eq(s, STR("2026-09"));
}

// Matches a path segment by segment; the parameters come out as they stand in the path.
static bool match(const char *pattern, struct str path, struct str *params)
{
    struct str want_rest = str_from(pattern);
    struct str rest = path;
    struct str want;
    struct str have;
    size_t n = 0;
    while (want_rest.len > 0) {
        if (!str_next(&want_rest, '/', &want) || rest.len == 0 || !str_next(&rest, '/', &have)) {
            return false;
        }
        if (str_eq(want, STR("{}"))) {
            if (have.len == 0) {
                return false;
            }
            params[n++] = have;
        } else if (!(str_eq(want, STR("{date}")) ? is_date(have) : str_eq(want, have))) {
            return false;
        }
    }
    return rest.len == 0;
}

// Most patterns differ from a path before their first brace, and there are many of them.
static bool may_match(const char *pattern, struct str path)
{
    size_t i = 0;
    while (pattern[i] && pattern[i] != '{' && i < path.len && pattern[i] == path.ptr[i]) {
        i++;
    }
    return pattern[i] == '\0' || pattern[i] == '{';
}

static bool fits(const struct route *r, struct str path, struct str *params)
{
    return (r->legacy && may_match(r->legacy, path) && match(r->legacy, path, params)) ||
           (r->dated && may_match(r->dated, path) && match(r->dated, path, params));
}

const struct route *route_find(struct call *call, int *ret_status)
{
    struct str path = call->request->path;
    if (path.len > 1 && path.ptr[path.len - 1] == '/') {
        path.len--; // "/crm/v3/owners/" is served too
    }
    *ret_status = 404;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        struct str params[CALL_PARAMS_MAX] = {{NULL, 0}};
        if (!fits(&routes[i], path, params)) {
            continue;
        }
        if (!str_eq(call->request->method, str_from(routes[i].method))) {
            *ret_status = 405;
            continue;
        }
        for (size_t k = 0; k < CALL_PARAMS_MAX && params[k].ptr; k++) {
            call->params[k] = http_server_decode(call->arena, params[k], false);
        }
        *ret_status = 200;
        return &routes[i];
    }
    return NULL;
}
