#include "sim/query.h"

#include "core/timestamp.h"
#include "sim/batch.h"
#include "sim/sim.h"

static const char *const operator_names[OP_COUNT] = {
    [OP_LT] = "LT",
    [OP_LTE] = "LTE",
    [OP_GT] = "GT",
    [OP_GTE] = "GTE",
    [OP_EQ] = "EQ",
    [OP_NEQ] = "NEQ",
    [OP_BETWEEN] = "BETWEEN",
    [OP_IN] = "IN",
    [OP_NOT_IN] = "NOT_IN",
    [OP_HAS_PROPERTY] = "HAS_PROPERTY",
    [OP_NOT_HAS_PROPERTY] = "NOT_HAS_PROPERTY",
    [OP_CONTAINS_TOKEN] = "CONTAINS_TOKEN",
    [OP_NOT_CONTAINS_TOKEN] = "NOT_CONTAINS_TOKEN",
};

struct str query_lower(struct arena *arena, struct str s)
{
    char *text = arena_cstr(arena, s);
    for (size_t i = 0; i < s.len; i++) {
        text[i] = text[i] >= 'A' && text[i] <= 'Z' ? (char)(text[i] + 32) : text[i];
    }
    return (struct str){text, s.len};
}

bool query_time(struct str s, int64_t *ret_ms)
{
    return str_to_int64(s, ret_ms) || timestamp_parse(s, ret_ms);
}

static bool invalid(struct call *c, const char *what, struct str value)
{
    return call_error(c, 400, "VALIDATION_ERROR",
                      "There was a problem with the request: %s '%.*s'.", what, STR_ARG(value));
}

static bool is_range(enum query_operator op)
{
    return op == OP_LT || op == OP_LTE || op == OP_GT || op == OP_GTE || op == OP_BETWEEN;
}

static enum query_compare compare_for(const struct object_info *info, const struct property *p)
{
    if (p->kind == KIND_OBJECT_ID) {
        return COMPARE_ID;
    }
    if (p->kind == KIND_MODIFIED) {
        return COMPARE_MODIFIED;
    }
    if (str_eq(p->name, info->created)) {
        return COMPARE_CREATED;
    }
    switch (p->type) {
    case PROPERTY_NUMBER:
        return COMPARE_NUMBER;
    case PROPERTY_DATE:
    case PROPERTY_DATETIME:
        return COMPARE_TIME;
    case PROPERTY_ENUMERATION:
    case PROPERTY_BOOL:
        return COMPARE_OPTION;
    case PROPERTY_STRING:
    case PROPERTY_PHONE_NUMBER:
    case PROPERTY_JSON:
    case PROPERTY_COORDINATES:
    case PROPERTY_TYPE_COUNT:
        break;
    }
    return COMPARE_TEXT;
}

static bool read_operator(struct call *c, struct json v, enum query_operator *ret)
{
    struct str name = STR("");
    if (json_get_string(v, STR("operator"), &name)) {
        for (size_t i = 0; i < OP_COUNT; i++) {
            if (str_eq(name, str_from(operator_names[i]))) {
                *ret = (enum query_operator)i;
                return true;
            }
        }
    }
    return invalid(c, "unknown filter operator", name);
}

static bool scalar_text(struct call *c, struct json v, struct str *ret)
{
    int64_t n;
    if (json_string(v, ret)) {
        return true;
    }
    if (json_int(v, &n)) {
        *ret = arena_printf(c->arena, "%lld", (long long)n);
        return true;
    }
    bool b;
    if (json_bool(v, &b)) {
        *ret = b ? STR("true") : STR("false");
        return true;
    }
    return false;
}

// The texts of value, highValue or values, as the operator wants them.
static bool read_values(struct call *c, struct json v, struct query_filter *f)
{
    struct json value;
    if (f->op == OP_HAS_PROPERTY || f->op == OP_NOT_HAS_PROPERTY) {
        return true;
    }
    if (f->op == OP_IN || f->op == OP_NOT_IN) {
        if (!json_get(v, STR("values"), &value) || json_count(value) == 0) {
            return invalid(c, "'values' must be an array with at least one value for operator",
                           str_from(operator_names[f->op]));
        }
        f->values = ARENA_ARRAY(c->arena, struct str, json_count(value));
        struct json_iter it = json_iter(value);
        struct json item;
        while (json_next(&it, &item)) {
            if (!scalar_text(c, item, &f->values[f->n_values++])) {
                return invalid(c, "a value of the wrong type for operator",
                               str_from(operator_names[f->op]));
            }
        }
        return true;
    }
    f->n_values = f->op == OP_BETWEEN ? 2 : 1;
    f->values = ARENA_ARRAY(c->arena, struct str, f->n_values);
    if (!json_get(v, STR("value"), &value) || !scalar_text(c, value, &f->values[0])) {
        return invalid(c, "'value' is missing for operator", str_from(operator_names[f->op]));
    }
    if (f->op == OP_BETWEEN &&
        (!json_get(v, STR("highValue"), &value) || !scalar_text(c, value, &f->values[1]))) {
        return invalid(c, "'highValue' is missing for operator", str_from(operator_names[f->op]));
    }
    return true;
}

static bool convert_integers(struct call *c, struct query_filter *f)
{
    bool time = f->compare != COMPARE_ID;
    for (size_t i = 0; i < f->n_values; i++) {
        int64_t n;
        if (!(time ? query_time(f->values[i], &n) : str_to_int64(f->values[i], &n))) {
            return invalid(c, time ? "not a date:" : "not a number:", f->values[i]);
        }
        *(i == 0 ? &f->low_int : &f->high_int) = time ? n : MAX(n, INT64_C(-1)); // no id is below
        if (time && n == 0 && (f->op == OP_GT || f->op == OP_GTE)) {
            call_problem(c, 500); // what HubSpot answers to a search from the epoch
            return false;
        }
    }
    return true;
}

// Turns the values into what they are compared as.
static bool convert_values(struct call *c, struct query_filter *f)
{
    bool single = f->op != OP_IN && f->op != OP_NOT_IN;
    switch (f->compare) {
    case COMPARE_ID:
    case COMPARE_MODIFIED:
    case COMPARE_CREATED:
    case COMPARE_TIME:
        if (f->op == OP_CONTAINS_TOKEN || f->op == OP_NOT_CONTAINS_TOKEN) {
            return invalid(c, "operator does not fit the type of property", f->property->name);
        }
        return !single || convert_integers(c, f);
    case COMPARE_NUMBER:
        if (single && f->n_values > 0 && is_range(f->op) &&
            (!str_to_double(f->values[0], &f->low) ||
             (f->n_values > 1 && !str_to_double(f->values[1], &f->high)))) {
            return invalid(c, "not a number:", f->values[0]);
        }
        return true;
    case COMPARE_TEXT:
        // Values of IN and NOT_IN must come in lower case and are taken as they are.
        for (size_t i = 0; i < f->n_values && single; i++) {
            f->values[i] = query_lower(c->arena, f->values[i]);
        }
        return true;
    case COMPARE_OPTION:
    case COMPARE_ASSOCIATED:
        return true;
    }
    return true;
}

// The property as far as the caller may know of it, or NULL.
static const struct property *known_property(const struct query *q, struct str name)
{
    const struct property *p = property_find(&q->portal->shelves[q->object].properties, name);
    return p && visibility_permits(q->seen, q->object, p) ? p : NULL;
}

// "associations.company" asks for records that are associated with one; not with a custom object.
static bool read_associated(struct call *c, const struct query *q, struct str name, struct str type,
                            struct query_filter *f)
{
    f->compare = COMPARE_ASSOCIATED;
    return (portal_object(q->portal, type, true, &f->associated) &&
            !object_is_custom(f->associated) &&
            (f->op == OP_EQ || f->op == OP_IN || f->op == OP_HAS_PROPERTY ||
             f->op == OP_NOT_HAS_PROPERTY)) ||
           invalid(c, "unsupported association filter", name);
}

static bool is_unfilterable(struct str name)
{
    return str_eq(name, STR("hs_email_html")) || str_eq(name, STR("hs_body_preview_html"));
}

static bool read_filter(struct call *c, const struct query *q, struct json v,
                        struct query_filter *f)
{
    static const struct str pseudo = STR_INIT("associations.");
    struct str name;
    *f = (struct query_filter){0};
    if (!json_get_string(v, STR("propertyName"), &name)) {
        return invalid(c, "a filter has no", STR("propertyName"));
    }
    if (!read_operator(c, v, &f->op) || !read_values(c, v, f)) {
        return false;
    }
    if (str_starts(name, pseudo)) {
        return read_associated(c, q, name, str_sub(name, pseudo.len, name.len), f);
    }
    if (is_unfilterable(name)) {
        return invalid(c, "a property that cannot be filtered by:", name);
    }
    f->property = known_property(q, name);
    if (!f->property) {
        return invalid(c, "unknown property", name);
    }
    f->compare = compare_for(object_info(q->object), f->property);
    return convert_values(c, f);
}

static bool read_group(struct call *c, struct query *q, struct json filters, size_t *total)
{
    if (q->n_groups == QUERY_GROUPS_MAX) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Too many filter groups: at most %d are allowed", QUERY_GROUPS_MAX);
    }
    struct query_group *g = &q->groups[q->n_groups++];
    g->n = 0;
    struct json_iter it = json_iter(filters);
    struct json v;
    while (json_next(&it, &v)) {
        if (g->n == QUERY_FILTERS_MAX || *total == QUERY_FILTERS_ALL) {
            return call_error(c, 400, "VALIDATION_ERROR",
                              "Too many filters: at most %d in a group and %d in total are allowed",
                              QUERY_FILTERS_MAX, QUERY_FILTERS_ALL);
        }
        if (!read_filter(c, q, v, &g->filters[g->n])) {
            return false;
        }
        g->n++;
        *total += 1;
    }
    return true;
}

static bool read_groups(struct call *c, struct query *q)
{
    struct json groups;
    struct json filters;
    size_t total = 0;
    if (json_get(c->body, STR("filterGroups"), &groups)) {
        struct json_iter it = json_iter(groups);
        struct json v;
        while (json_next(&it, &v)) {
            if (json_get(v, STR("filters"), &filters) && !read_group(c, q, filters, &total)) {
                return false;
            }
        }
    }
    // Filters beside the groups are taken too.
    return !json_get(c->body, STR("filters"), &filters) || json_count(filters) == 0 ||
           read_group(c, q, filters, &total);
}

static bool read_sort(struct call *c, struct query *q)
{
    struct json sorts;
    struct json_iter it;
    struct json v;
    if (!json_get(c->body, STR("sorts"), &sorts) || json_count(sorts) == 0) {
        return true;
    }
    if (json_count(sorts) > 1) {
        return call_error(c, 400, "VALIDATION_ERROR", "Only one sort is allowed");
    }
    it = json_iter(sorts);
    struct str name;
    struct str direction = STR("ASCENDING");
    if (!json_next(&it, &v)) {
        return true;
    }
    bool short_form = json_string(v, &name); // "createdate", or "-createdate": the last first
    if (!short_form && !json_get_string(v, STR("propertyName"), &name)) {
        return invalid(c, "a sort has no", STR("propertyName"));
    }
    if (short_form && str_starts(name, STR("-"))) {
        name = str_sub(name, 1, name.len);
        direction = STR("DESCENDING");
    }
    json_get_string(v, STR("direction"), &direction);
    q->descending = str_eq(direction, STR("DESCENDING"));
    q->sort = known_property(q, name);
    return q->sort || invalid(c, "unknown property", name);
}

static bool read_words(struct call *c, struct query *q)
{
    struct str text;
    struct str word;
    if (!json_get_string(c->body, STR("query"), &text)) {
        return true;
    }
    text = query_lower(c->arena, text);
    while (text.len > 0 && str_next(&text, ' ', &word) && q->n_words < QUERY_WORDS_MAX) {
        if (word.len > 0) {
            q->words[q->n_words++] = word;
        }
    }
    return true;
}

bool query_parse(struct call *c, enum object_type object, struct query *ret)
{
    struct query *q = ret;
    *q = (struct query){.portal = c->sim->portal, .object = object};
    q->seen = visibility_of(c, object);
    q->id_order = c->sim->options->id_order;
    q->nonce = q->id_order == ID_ORDER_UNSTABLE ? atomic_load(&c->sim->sequence) : 0;
    struct json properties;
    size_t listed = 0;
    if (json_get(c->body, STR("properties"), &properties)) {
        listed = batch_names(c, properties).len + 3 * json_count(properties);
    }
    if (c->request->body.len > listed + QUERY_TEXT_MAX) {
        return call_error(
            c, 400, "VALIDATION_ERROR",
            "The search is too long: at most %d characters are allowed beside its properties",
            QUERY_TEXT_MAX);
    }
    return read_groups(c, q) && read_sort(c, q) && read_words(c, q);
}
