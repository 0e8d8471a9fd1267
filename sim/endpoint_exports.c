// Exports: ordering, asking how far they are, fetching the file.
#include "core/limits.h"
#include "core/random.h"
#include "sim/endpoints.h"
#include "sim/export_file.h"
#include "sim/fields.h"
#include "sim/sim.h"

// The condition that an export's search has, as a search's: `property` may stand for propertyName.
static bool add_filter(struct call *c, struct json v, struct json_writer *w)
{
    struct str key;
    struct json field;
    struct json_iter it = json_iter(v);
    if (json_type(v) != JSON_OBJECT) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "publicCrmSearchRequest.filters must be objects");
    }
    json_begin_object(w);
    while (json_next_field(&it, &key, &field)) {
        json_key(w, str_eq(key, STR("property")) ? STR("propertyName") : key);
        json_put(w, field);
    }
    json_end_object(w);
    return true;
}

static bool add_sort(struct call *c, struct json search, struct json_writer *w)
{
    struct json sorts;
    struct json v;
    struct str property = STR("");
    struct str order = STR("ASC");
    if (!field_array(c, search, "sorts", FIELD_OPTIONAL, &sorts)) {
        return false;
    }
    bool there = json_get(search, STR("sorts"), &sorts) && json_count(sorts) > 0;
    if (there) {
        struct json_iter it = json_iter(sorts);
        bool ok = json_next(&it, &v);
        assert(ok);
        if (!json_string(v, &property) &&
            (!field_str(c, v, "property", FIELD_OPTIONAL, &property) ||
             !field_str(c, v, "propertyName", FIELD_OPTIONAL, &property) ||
             !field_str(c, v, "order", FIELD_OPTIONAL, &order))) {
            return false;
        }
        json_key(w, STR("sorts"));
        json_begin_array(w);
        json_begin_object(w);
        json_field_str(w, "propertyName", property);
        json_field_str(w, "direction",
                       str_starts(order, STR("DESC")) ? STR("DESCENDING") : STR("ASCENDING"));
        json_end_object(w);
        json_end_array(w);
    }
    return true;
}

static bool write_search(struct call *c, struct json search, struct buf *out)
{
    struct json filters;
    struct json v;
    struct str query = STR("");
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    if (!field_array(c, search, "filters", FIELD_OPTIONAL, &filters) ||
        !field_str(c, search, "query", FIELD_OPTIONAL, &query)) {
        return false;
    }
    if (json_get(search, STR("filters"), &filters) && json_count(filters) > 0) {
        struct json_iter it = json_iter(filters);
        json_key(&w, STR("filters"));
        json_begin_array(&w);
        while (json_next(&it, &v)) {
            if (!add_filter(c, v, &w)) {
                return false;
            }
        }
        json_end_array(&w);
    }
    if (query.len > 0) {
        json_field_str(&w, "query", query);
    }
    if (!add_sort(c, search, &w)) {
        return false;
    }
    json_end_object(&w);
    return true;
}

// The search of a VIEW as text that is kept for good; "{}" finds everything.
static bool read_search(struct call *c, struct str *ret)
{
    struct json search;
    struct buf text;
    if (!json_get(c->body, STR("publicCrmSearchRequest"), &search) ||
        json_type(search) != JSON_OBJECT) {
        *ret = STR("{}");
        return true;
    }
    buf_init(&text, LIMIT_SETTINGS_VALUE);
    bool ok = write_search(c, search, &text) && call_keep(c, buf_str(&text), ret);
    buf_done(&text);
    return ok;
}

static bool read_associated(struct call *c, struct export_order *o)
{
    struct json v;
    struct str rest = STR("");
    struct str one;
    if (json_get(c->body, STR("associatedObjectType"), &v) && json_type(v) == JSON_ARRAY) {
        if (!field_names(c, c->body, "associatedObjectType", &rest)) {
            return false;
        }
    } else if (!field_str(c, c->body, "associatedObjectType", FIELD_OPTIONAL, &rest)) {
        return false;
    }
    while (rest.len > 0 && str_next(&rest, ',', &one)) {
        if (o->n_associated == EXPORT_ASSOCIATED_MAX ||
            !portal_object(c->sim->portal, one, true, &o->associated[o->n_associated])) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "associatedObjectType must name at most %d object types; '%.*s' is "
                              "unknown or one too many",
                              EXPORT_ASSOCIATED_MAX, STR_ARG(one));
        }
        o->n_associated++;
    }
    return true;
}

static bool read_format(struct call *c, struct export_order *o)
{
    struct str format = STR("");
    struct str internal = STR("");
    struct str language = STR("");
    struct str one;
    if (!field_str(c, c->body, "format", FIELD_REQUIRED, &format) ||
        !field_str(c, c->body, "language", FIELD_OPTIONAL, &language) ||
        !field_names(c, c->body, "exportInternalValuesOptions", &internal)) {
        return false;
    }
    if (!str_eq(format, STR("CSV"))) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "format '%.*s' must be CSV; the simulator writes no XLS and no XLSX",
                          STR_ARG(format));
    }
    while (internal.len > 0 && str_next(&internal, ',', &one)) {
        o->names = o->names || str_eq(one, STR("NAMES"));
        o->values = o->values || str_eq(one, STR("VALUES"));
        if (!str_eq(one, STR("NAMES")) && !str_eq(one, STR("VALUES"))) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "exportInternalValuesOptions has '%.*s'; it must be NAMES or VALUES",
                              STR_ARG(one));
        }
    }
    return true;
}

static bool read_list_id(struct call *c, struct export_order *o)
{
    struct json v;
    struct str text = STR("");
    int64_t number;
    if (json_get(c->body, STR("listId"), &v) && json_int(v, &number) && number > 0) {
        o->list_id = (uint64_t)number;
        return true;
    }
    if (!field_str(c, c->body, "listId", FIELD_REQUIRED, &text)) {
        return false;
    }
    return str_to_uint64(text, &o->list_id) ||
           call_error(c, 400, "VALIDATION_ERROR", "listId '%.*s' is no id", STR_ARG(text));
}

static bool read_order(struct call *c, struct export_order *o)
{
    struct str object = STR("");
    if (!field_str(c, c->body, "exportType", FIELD_REQUIRED, &o->type) ||
        !field_str(c, c->body, "exportName", FIELD_REQUIRED, &o->name) ||
        !field_str(c, c->body, "objectType", FIELD_REQUIRED, &object) ||
        !field_names(c, c->body, "objectProperties", &o->properties) || !read_format(c, o) ||
        !read_associated(c, o)) {
        return false;
    }
    if (!portal_object(c->sim->portal, object, true, &o->object)) {
        return call_error(c, 400, "VALIDATION_ERROR", "objectType '%.*s' is unknown",
                          STR_ARG(object));
    }
    bool list = str_eq(o->type, STR("LIST"));
    if (!list && !str_eq(o->type, STR("VIEW"))) {
        return call_error(c, 400, "VALIDATION_ERROR", "exportType '%.*s' must be VIEW or LIST",
                          STR_ARG(o->type));
    }
    return (list ? read_list_id(c, o) : read_search(c, &o->search)) &&
           call_keep(c, o->type, &o->type) && call_keep(c, o->name, &o->name) &&
           call_keep(c, o->properties, &o->properties);
}

static struct str link_to(struct call *c, const char *rest)
{
    struct str host = http_server_header(c->request, "Host");
    return arena_printf(c->arena, "http://%.*s%s", STR_ARG(host), rest);
}

void endpoint_exports_start(struct call *c)
{
    struct exports *all = &c->sim->portal->exports;
    struct export_order order = {.properties = STR("")};
    int64_t now = clock_now_ms(c->sim->clock);
    uint32_t *slots = NULL;
    size_t n = 0;
    if (!call_parse_body(c)) {
        return;
    }
    if (exports_recent(all, now) >= EXPORTS_A_DAY) {
        call_error(c, 429, "RATE_LIMITS",
                   "You have reached the limit of %d exports in a rolling window of 24 hours",
                   EXPORTS_A_DAY);
        return;
    }
    if (!read_order(c, &order) || !export_pick(c, &order, &slots, &n)) {
        return;
    }
    free(slots);
    order.records = (uint32_t)n;
    const struct export_order *o = exports_add(all, &order, now);
    if (!o) {
        call_error(c, 400, "VALIDATION_ERROR", "There were %d exports; reset the simulated account",
                   EXPORTS_MAX);
        return;
    }
    c->response->status = 202;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "id", call_number(c, o->id));
    json_key(&w, STR("links"));
    json_begin_object(&w);
    json_field_str(&w, "status",
                   link_to(c, arena_cstr(c->arena, arena_printf(c->arena, "%.*s/tasks/%llu/status",
                                                                STR_ARG(c->request->path),
                                                                (unsigned long long)o->id))));
    json_end_object(&w);
    json_end_object(&w);
}

static const struct export_order *order_in_path(struct call *c)
{
    uint64_t id;
    const struct export_order *o =
        str_to_uint64(c->params[0], &id) ? exports_find(&c->sim->portal->exports, id) : NULL;
    if (!o) {
        call_not_found(c);
    }
    return o;
}

// What makes the address of a file good until a time, and nobody guesses.
static uint64_t seal(const struct call *c, uint64_t id, int64_t until_ms)
{
    return random_mix(random_mix(c->sim->portal->options.seed ^ id << 20) ^ (uint64_t)until_ms);
}

static void write_result(struct call *c, struct json_writer *w, const struct export_order *o)
{
    int64_t until = clock_now_ms(c->sim->clock) + EXPORT_URL_MS;
    struct str path =
        arena_printf(c->arena, "/export-files/%llu-%lld-%016llx.csv", (unsigned long long)o->id,
                     (long long)until, (unsigned long long)seal(c, o->id, until));
    json_field_str(w, "result", link_to(c, path.ptr));
}

void endpoint_exports_status(struct call *c)
{
    int64_t now = clock_now_ms(c->sim->clock);
    const struct export_order *o = order_in_path(c);
    if (!o) {
        return;
    }
    bool done = now >= o->done_ms;
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "status",
                   done ? STR("COMPLETE")
                        : (now >= o->starts_ms ? STR("PROCESSING") : STR("PENDING")));
    if (done) {
        write_result(c, &w, o);
    }
    json_field_str(&w, "requestedAt", call_iso(c, o->ordered_ms));
    json_field_str(&w, "startedAt", call_iso(c, MIN(now, o->starts_ms)));
    json_field_str(&w, "completedAt", call_iso(c, MIN(now, o->done_ms)));
    json_end_object(&w);
}

void endpoint_exports_get(struct call *c)
{
    int64_t now = clock_now_ms(c->sim->clock);
    const struct export_order *o = order_in_path(c);
    if (!o) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "id", call_number(c, o->id));
    json_field_str(&w, "exportState",
                   now >= o->done_ms ? STR("DONE")
                                     : (now >= o->starts_ms ? STR("PROCESSING") : STR("ENQUEUED")));
    json_field_str(&w, "exportType", o->type);
    json_field_str(&w, "exportName", o->name);
    json_field_str(&w, "objectType", object_info(o->object)->upper);
    json_key(&w, STR("objectProperties"));
    json_begin_array(&w);
    struct str rest = o->properties;
    struct str name;
    while (rest.len > 0 && str_next(&rest, ',', &name)) {
        json_put_str(&w, name);
    }
    json_end_array(&w);
    json_field_int(&w, "recordCount", o->records);
    json_field_str(&w, "createdAt", call_iso(c, o->ordered_ms));
    json_field_str(&w, "updatedAt", call_iso(c, MIN(MAX(now, o->ordered_ms), o->done_ms)));
    json_end_object(&w);
}

static bool parse_file_name(struct str name, uint64_t *ret_id, int64_t *ret_until, struct str *ret)
{
    struct str id;
    struct str until;
    if (!str_ends(name, STR(".csv"))) {
        return false;
    }
    name = str_sub(name, 0, name.len - 4);
    if (!str_next(&name, '-', &id) || !str_next(&name, '-', &until)) {
        return false;
    }
    *ret = name;
    return str_to_uint64(id, ret_id) && str_to_int64(until, ret_until);
}

void endpoint_exports_file(struct call *c)
{
    uint64_t id;
    int64_t until;
    struct str given;
    uint32_t *slots;
    size_t n;
    const struct export_order *o = NULL;
    if (parse_file_name(c->params[0], &id, &until, &given) &&
        str_eq(given, arena_printf(c->arena, "%016llx", (unsigned long long)seal(c, id, until)))) {
        o = exports_find(&c->sim->portal->exports, id);
    }
    if (!o || clock_now_ms(c->sim->clock) > until) {
        call_html(c, 403, o ? "Request has expired" : "Access denied");
        return;
    }
    if (!export_pick(c, o, &slots, &n)) {
        return; // its list was deleted since
    }
    c->response->content_type = "text/csv;charset=utf-8";
    export_write(c, o, slots, n, &c->response->body);
    free(slots);
}
