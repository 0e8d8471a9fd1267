// Lists: finding, making, changing them. Their members are in endpoint_list_members.c.
#include "core/limits.h"
#include "sim/endpoints.h"
#include "sim/list_filter.h"
#include "sim/list_write.h"
#include "sim/sim.h"

enum {
    LISTS_PAGE_DEFAULT = 20,
    LISTS_PAGE_MAX = 500,
    LISTS_WALL = 10000, // no list is found behind this offset
    NAME_MAX_BYTES = 200,
    IDS_MAX = 10000,
    LEGACY_STEP = 3, // the id in the first version of the API: this many times the id, and one
};

static const int64_t restorable_ms = INT64_C(90) * 86400000;

// What a search of lists asks for.
struct want {
    int64_t offset;
    int64_t count;
    struct str query;
    struct str ids;         // comma list; ptr NULL: all
    struct str processings; // the same
    struct str properties;
};

static bool in_comma_list(struct str list, struct str item)
{
    struct str one;
    while (list.len > 0 && str_next(&list, ',', &one)) {
        if (str_eq(one, item)) {
            return true;
        }
    }
    return false;
}

static bool contains_nocase(struct str text, struct str part)
{
    for (size_t i = 0; i + part.len <= text.len; i++) {
        if (str_eq_nocase(str_sub(text, i, part.len), part)) {
            return true;
        }
    }
    return false;
}

static bool wanted(struct call *c, const struct want *want, const struct list *l)
{
    return l->deleted_ms == 0 && contains_nocase(l->name, want->query) &&
           (!want->ids.ptr || in_comma_list(want->ids, call_number(c, l->id))) &&
           (!want->processings.ptr ||
            in_comma_list(want->processings, str_from(list_processing_name(l->processing))));
}

static bool read_want(struct call *c, struct want *want)
{
    *want = (struct want){.count = LISTS_PAGE_DEFAULT, .query = STR("")};
    if (!call_parse_body(c) || !field_int(c, c->body, "offset", FIELD_OPTIONAL, &want->offset) ||
        !field_int(c, c->body, "count", FIELD_OPTIONAL, &want->count) ||
        !field_str(c, c->body, "query", FIELD_OPTIONAL, &want->query) ||
        !field_names(c, c->body, "listIds", &want->ids) ||
        !field_names(c, c->body, "processingTypes", &want->processings) ||
        !field_names(c, c->body, "additionalProperties", &want->properties)) {
        return false;
    }
    if (want->offset < 0 || want->count < 1 || want->count > LISTS_PAGE_MAX) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "offset must be at least 0 and count from 1 to %d", LISTS_PAGE_MAX);
    }
    if (want->offset + want->count > LISTS_WALL) {
        return call_error(c, 400, "VALIDATION_ERROR", "offset and count together must not pass %d",
                          LISTS_WALL);
    }
    return true;
}

void endpoint_lists_search(struct call *c)
{
    struct lists *all = &c->sim->portal->lists;
    struct want want;
    if (!read_want(c, &want)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("lists"));
    json_begin_array(&w);
    int64_t total = 0;
    for (size_t i = 0; i < all->n; i++) {
        struct list *l = &all->items[i];
        if (wanted(c, &want, l) && total++ >= want.offset && total <= want.offset + want.count) {
            list_write_found(c, &w, l, want.properties);
        }
    }
    json_end_array(&w);
    json_field_int(&w, "offset", MIN(want.offset + want.count, MAX(total, want.offset)));
    json_field_bool(&w, "hasMore", total > want.offset + want.count);
    json_field_int(&w, "total", total);
    json_end_object(&w);
}

void endpoint_lists_by_ids(struct call *c)
{
    const struct lists *all = &c->sim->portal->lists;
    struct str ids = call_list(c, "listIds");
    struct str one;
    bool filters = false;
    if (!field_query_bool(c, "includeFilters", &filters)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("lists"));
    json_begin_array(&w);
    while (ids.len > 0 && str_next(&ids, ',', &one)) {
        uint64_t id;
        struct list *l = str_to_uint64(str_trim(one), &id) ? lists_find(all, id) : NULL;
        if (l && l->deleted_ms == 0) {
            list_write(c, &w, l, filters);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

static void answer(struct call *c, const char *key, struct list *l, bool filters)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, str_from(key));
    list_write(c, &w, l, filters);
    json_end_object(&w);
}

void endpoint_lists_get(struct call *c)
{
    bool filters = false;
    struct list *l = list_in_path(c, 0);
    if (l && field_query_bool(c, "includeFilters", &filters)) {
        answer(c, "list", l, filters);
    }
}

void endpoint_lists_by_name(struct call *c)
{
    enum object_type object;
    bool filters = false;
    if (!call_object(c, 0, false, &object) || !field_query_bool(c, "includeFilters", &filters)) {
        return;
    }
    struct list *l = lists_find_name(&c->sim->portal->lists, object, c->params[1]);
    if (!l) {
        call_error(c, 404, "OBJECT_NOT_FOUND", "List does not exist with name %.*s.",
                   STR_ARG(c->params[1]));
        return;
    }
    answer(c, "list", l, filters);
}

static bool name_ok(struct call *c, enum object_type object, const struct list *self,
                    struct str name)
{
    const struct list *other = lists_find_name(&c->sim->portal->lists, object, name);
    if (name.len == 0 || name.len > NAME_MAX_BYTES) {
        return call_error(c, 400, "VALIDATION_ERROR", "name must have 1 to %d bytes",
                          NAME_MAX_BYTES);
    }
    if (other && other != self) {
        call_error(c, 400, "VALIDATION_ERROR", "List name already exists: %.*s.", STR_ARG(name));
        return refuse_with(c, "subCategory", STR("ILS.DUPLICATE_LIST_NAMES"));
    }
    return true;
}

// The filter branch of the body as text that is kept for good.
static bool read_filter(struct call *c, struct str *ret)
{
    struct json branch;
    if (!json_get(c->body, STR("filterBranch"), &branch) || json_is_null(branch)) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid input JSON: some required fields were not set: [filterBranch]");
    }
    if (!list_filter_ok(c, branch)) {
        return false;
    }
    struct buf text;
    struct json_writer w;
    buf_init(&text, LIMIT_REQUEST_BODY);
    json_writer_init(&w, &text);
    json_put(&w, branch);
    bool ok = call_keep(c, buf_str(&text), ret);
    buf_done(&text);
    return ok;
}

static bool read_list(struct call *c, struct list *l)
{
    struct str object = STR("");
    struct str processing = STR("");
    struct json branch;
    if (!field_str(c, c->body, "name", FIELD_REQUIRED, &l->name) ||
        !field_str(c, c->body, "objectTypeId", FIELD_REQUIRED, &object) ||
        !field_str(c, c->body, "processingType", FIELD_REQUIRED, &processing)) {
        return false;
    }
    if (!portal_object(c->sim->portal, object, false, &l->object)) {
        return call_error(c, 400, "VALIDATION_ERROR", "objectTypeId '%.*s' is unknown",
                          STR_ARG(object));
    }
    if (!list_processing_parse(processing, &l->processing)) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "processingType '%.*s' must be MANUAL, DYNAMIC or SNAPSHOT",
                          STR_ARG(processing));
    }
    bool filter = json_get(c->body, STR("filterBranch"), &branch) && !json_is_null(branch);
    if (filter && l->processing == LIST_MANUAL) {
        return call_error(c, 400, "VALIDATION_ERROR", "A MANUAL list cannot have a filterBranch");
    }
    if ((filter || l->processing == LIST_DYNAMIC) && !read_filter(c, &l->filter)) {
        return false;
    }
    return name_ok(c, l->object, NULL, l->name) && call_keep(c, l->name, &l->name);
}

// A snapshot takes what its filter finds once.
static void take_snapshot(struct call *c, struct list *l)
{
    if (l->processing == LIST_SNAPSHOT && l->filter.len > 0) {
        l->processing = LIST_DYNAMIC;
        list_work_out(c, l);
        l->processing = LIST_SNAPSHOT;
    }
}

void endpoint_lists_create(struct call *c)
{
    struct list fresh = {.id = 0};
    if (!call_parse_body(c) || !read_list(c, &fresh)) {
        return;
    }
    struct list *l = lists_add(&c->sim->portal->lists);
    if (!l) {
        call_error(c, 400, "VALIDATION_ERROR", "The account has had %d lists; no more are allowed",
                   LISTS_MAX);
        return;
    }
    fresh.id = l->id;
    fresh.version = 1;
    fresh.created_ms = clock_now_ms(c->sim->clock);
    fresh.updated_ms = fresh.created_ms;
    fresh.filters_ms = fresh.filter.len > 0 ? fresh.created_ms : 0;
    *l = fresh;
    take_snapshot(c, l);
    answer(c, "list", l, true);
}

static void touch(struct call *c, struct list *l)
{
    l->updated_ms = clock_now_ms(c->sim->clock);
    l->version++;
}

void endpoint_lists_delete(struct call *c)
{
    struct list *l = list_in_path(c, 0);
    if (l) {
        l->deleted_ms = clock_now_ms(c->sim->clock);
        c->response->status = 204;
    }
}

void endpoint_lists_restore(struct call *c)
{
    uint64_t id;
    struct list *l =
        str_to_uint64(c->params[0], &id) ? lists_find(&c->sim->portal->lists, id) : NULL;
    if (!l || (l->deleted_ms > 0 && clock_now_ms(c->sim->clock) - l->deleted_ms > restorable_ms)) {
        list_not_found(c, c->params[0]);
        return;
    }
    if (l->deleted_ms > 0 && !name_ok(c, l->object, l, l->name)) {
        return;
    }
    l->deleted_ms = 0;
    c->response->status = 204;
}

void endpoint_lists_rename(struct call *c)
{
    bool filters = false;
    struct str name = http_server_query(c->request, "listName");
    struct list *l = list_in_path(c, 0);
    if (!l || !name_ok(c, l->object, l, name) || !field_query_bool(c, "includeFilters", &filters) ||
        !call_keep(c, name, &l->name)) {
        return;
    }
    touch(c, l);
    answer(c, "updatedList", l, filters);
}

void endpoint_lists_filters(struct call *c)
{
    struct list *l = list_in_path(c, 0);
    if (!l || !call_parse_body(c)) {
        return;
    }
    if (l->processing != LIST_DYNAMIC) {
        call_error(c, 400, "VALIDATION_ERROR", "Only a DYNAMIC list has filters to change");
        return;
    }
    if (!read_filter(c, &l->filter)) {
        return;
    }
    touch(c, l);
    l->filters_ms = l->updated_ms;
    l->worked_out = 0;
    answer(c, "updatedList", l, true);
}

static uint64_t legacy_id(const struct list *l)
{
    return l->id * LEGACY_STEP + 1;
}

static const struct list *by_legacy_id(struct call *c, struct str text)
{
    uint64_t id;
    if (!str_to_uint64(text, &id) || id < 1 || (id - 1) % LEGACY_STEP != 0) {
        return NULL;
    }
    return lists_find(&c->sim->portal->lists, (id - 1) / LEGACY_STEP);
}

static void write_mapping(struct call *c, struct json_writer *w, const struct list *l)
{
    json_begin_object(w);
    json_field_str(w, "legacyListId", call_number(c, legacy_id(l)));
    json_field_str(w, "listId", call_number(c, l->id));
    json_end_object(w);
}

void endpoint_lists_map_one(struct call *c)
{
    struct str id = http_server_query(c->request, "legacyListId");
    const struct list *l = by_legacy_id(c, id);
    if (!l) {
        list_not_found(c, id);
        return;
    }
    struct json_writer w = call_writer(c);
    write_mapping(c, &w, l);
}

void endpoint_lists_map(struct call *c)
{
    struct json ids;
    struct json v;
    struct str id;
    if (!call_parse_array(c, IDS_MAX, &ids)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    for (int turn = 0; turn < 2; turn++) {
        struct json_iter it = json_iter(ids);
        json_key(&w, turn == 0 ? STR("legacyListIdsToIdsMapping") : STR("missingLegacyListIds"));
        json_begin_array(&w);
        while (json_next(&it, &v)) {
            const struct list *l = json_string(v, &id) ? by_legacy_id(c, id) : NULL;
            if (l && turn == 0) {
                write_mapping(c, &w, l);
            } else if (!l && turn == 1) {
                json_put_str(&w, json_string(v, &id) ? id : STR(""));
            }
        }
        json_end_array(&w);
    }
    json_end_object(&w);
}
