#include "sim/list_filter.h"

#include "core/limits.h"
#include "core/random.h"
#include "sim/query.h"
#include "sim/sim.h"

enum { ONE_IN = 7, BRANCHES_DEEP = 8 };

// How the operators of lists are called in searches; `pattern` is put around the value.
static const struct {
    const char *list;
    const char *search;
    const char *pattern;
} operators[] = {
    {"IS_EQUAL_TO", "EQ", "%.*s"},
    {"IS_NOT_EQUAL_TO", "NEQ", "%.*s"},
    {"IS_ANY_OF", "IN", NULL},
    {"IS_NONE_OF", "NOT_IN", NULL},
    {"IS_GREATER_THAN", "GT", "%.*s"},
    {"IS_GREATER_THAN_OR_EQUAL_TO", "GTE", "%.*s"},
    {"IS_LESS_THAN", "LT", "%.*s"},
    {"IS_LESS_THAN_OR_EQUAL_TO", "LTE", "%.*s"},
    {"CONTAINS", "CONTAINS_TOKEN", "*%.*s*"},
    {"STARTS_WITH", "CONTAINS_TOKEN", "%.*s*"},
    {"ENDS_WITH", "CONTAINS_TOKEN", "*%.*s"},
    {"IS_KNOWN", "HAS_PROPERTY", NULL},
    {"IS_UNKNOWN", "NOT_HAS_PROPERTY", NULL},
};

static bool value_text(struct call *c, struct json v, struct str *ret)
{
    int64_t n;
    double d;
    bool b;
    if (json_string(v, ret)) {
        return true;
    }
    if (json_int(v, &n)) {
        *ret = arena_printf(c->arena, "%lld", (long long)n);
    } else if (json_double(v, &d)) {
        *ret = arena_printf(c->arena, "%.17g", d);
    } else if (json_bool(v, &b)) {
        *ret = b ? STR("true") : STR("false");
    } else {
        return false;
    }
    return true;
}

static bool add_values(struct call *c, struct json operation, struct json_writer *w, size_t op)
{
    struct json v;
    struct json one;
    struct str text;
    bool many = operators[op].pattern == NULL;
    bool values = json_get(operation, STR("values"), &v) && json_type(v) == JSON_ARRAY;
    if (many && values) {
        struct json_iter it = json_iter(v);
        json_key(w, STR("values"));
        json_begin_array(w);
        while (json_next(&it, &one)) {
            if (!value_text(c, one, &text)) {
                return false;
            }
            json_put_str(w, text);
        }
        json_end_array(w);
        return true;
    }
    if (many) {
        return str_ends(str_from(operators[op].search), STR("HAS_PROPERTY"));
    }
    if (values) {
        struct json_iter it = json_iter(v);
        if (json_count(v) != 1 || !json_next(&it, &one)) {
            return false;
        }
    } else if (!json_get(operation, STR("value"), &one)) {
        return false;
    }
    if (!value_text(c, one, &text)) {
        return false;
    }
    json_field_str(w, "value", arena_printf(c->arena, operators[op].pattern, STR_ARG(text)));
    return true;
}

// One filter of a list as a filter of a search; false when a search could not ask this.
static bool add_filter(struct call *c, struct json filter, struct json_writer *w)
{
    struct str type = STR("");
    struct str property = STR("");
    struct str name = STR("");
    struct json operation;
    json_get_string(filter, STR("filterType"), &type);
    if (!str_eq(type, STR("PROPERTY")) || !json_get_string(filter, STR("property"), &property) ||
        !json_get(filter, STR("operation"), &operation) ||
        !json_get_string(operation, STR("operator"), &name)) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (str_eq(name, str_from(operators[i].list))) {
            json_begin_object(w);
            json_field_str(w, "propertyName", property);
            json_field_str(w, "operator", str_from(operators[i].search));
            bool ok = add_values(c, operation, w, i);
            json_end_object(w);
            return ok;
        }
    }
    return false;
}

// An AND branch as a filter group.
static bool add_group(struct call *c, struct json branch, struct json_writer *w)
{
    struct json filters;
    struct json inner;
    struct json v;
    if (json_get(branch, STR("filterBranches"), &inner) && json_count(inner) > 0) {
        return false;
    }
    if (!json_get(branch, STR("filters"), &filters) || json_count(filters) == 0) {
        return false;
    }
    json_begin_object(w);
    json_key(w, STR("filters"));
    json_begin_array(w);
    struct json_iter it = json_iter(filters);
    while (json_next(&it, &v)) {
        if (!add_filter(c, v, w)) {
            return false;
        }
    }
    json_end_array(w);
    json_end_object(w);
    return true;
}

// The root OR branch as the body of a search.
static bool translate(struct call *c, struct json root, struct buf *out)
{
    struct json branches;
    struct json v;
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, STR("filterGroups"));
    json_begin_array(&w);
    if (!json_get(root, STR("filterBranches"), &branches) || json_count(branches) == 0) {
        return false;
    }
    struct json_iter it = json_iter(branches);
    while (json_next(&it, &v)) {
        if (!add_group(c, v, &w)) {
            return false;
        }
    }
    json_end_array(&w);
    json_end_object(&w);
    return true;
}

// Parses the search in a call of its own, whose answer nobody sees.
static bool make_query(struct call *c, struct str body, enum object_type object,
                       struct json_doc *doc, struct query *ret)
{
    struct error err;
    struct http_server_request request = *c->request;
    struct http_server_response response = {.status = 200};
    struct call inner = *c;
    inner.request = &request;
    inner.response = &response;
    request.body = body;
    buf_init(&response.body, LIMIT_SETTINGS_VALUE);
    bool ok = json_parse(doc, body, &inner.body, &err) && query_parse(&inner, object, ret);
    buf_done(&response.body);
    return ok;
}

static bool parse_filter(struct call *c, const struct list *l, struct json_doc *docs[2],
                         struct query *ret)
{
    struct error err;
    struct json root;
    struct buf body;
    buf_init(&body, LIMIT_SETTINGS_VALUE);
    bool ok = l->filter.len > 0 && json_parse(docs[0], l->filter, &root, &err) &&
              translate(c, root, &body) && !body.overflow &&
              make_query(c, buf_str(&body), l->object, docs[1], ret);
    buf_done(&body);
    return ok;
}

static void collect(const struct portal *p, struct list *l, struct query_matcher *m)
{
    const struct shelf *s = &p->shelves[l->object];
    list_clear(l);
    for (uint32_t slot = 0; slot < s->n; slot++) {
        if (!portal_is_live(s, slot)) {
            continue;
        }
        bool in = m ? query_matches(m, slot)
                    : random_mix(s->salt ^ str_hash(l->filter) ^ slot) % ONE_IN == 0;
        if (in &&
            !list_append(l, portal_id_of(s, slot), MAX(l->filters_ms, s->modified_ms[slot]))) {
            return;
        }
    }
}

void list_work_out(struct call *c, struct list *l)
{
    const struct portal *p = c->sim->portal;
    if (l->processing != LIST_DYNAMIC) {
        return;
    }
    pthread_mutex_lock(&c->sim->portal->lists.lock);
    if (l->worked_out != p->version + 1) {
        struct json_doc *docs[2] = {json_doc_create(), json_doc_create()};
        struct query *q = ARENA_NEW(c->arena, struct query);
        struct query_matcher m;
        if (parse_filter(c, l, docs, q)) {
            query_matcher_init(&m, q, clock_mono_us(c->sim->clock));
            collect(p, l, &m);
            query_matcher_done(&m);
        } else {
            collect(p, l, NULL);
        }
        l->worked_out = p->version + 1;
        json_doc_destroy(docs[0]);
        json_doc_destroy(docs[1]);
    }
    pthread_mutex_unlock(&c->sim->portal->lists.lock);
}

static bool bad_branch(struct call *c, const char *why)
{
    return call_error(c, 400, "VALIDATION_ERROR", "filterBranch is not valid: %s", why);
}

bool list_filter_ok(struct call *c, struct json branch)
{
    struct str type = STR("");
    struct json inner;
    if (json_type(branch) != JSON_OBJECT ||
        !json_get_string(branch, STR("filterBranchType"), &type)) {
        return bad_branch(c, "it must be an object with a filterBranchType");
    }
    if (!str_eq(type, STR("OR"))) {
        return bad_branch(c, "the root must be of filterBranchType OR");
    }
    if (!json_get(branch, STR("filterBranches"), &inner) || json_type(inner) != JSON_ARRAY) {
        return bad_branch(c, "the root must have filterBranches");
    }
    struct json_iter it = json_iter(inner);
    struct json v;
    while (json_next(&it, &v)) {
        if (!json_get_string(v, STR("filterBranchType"), &type) || !str_eq(type, STR("AND"))) {
            return bad_branch(c, "the branches of the root must be of filterBranchType AND");
        }
    }
    return true;
}
