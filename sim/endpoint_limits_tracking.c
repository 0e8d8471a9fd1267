// How much of the account's limits on data is used.
#include "sim/endpoints.h"
#include "sim/property_write.h"
#include "sim/sim.h"

enum {
    RECORDS_LIMIT = 15 * 1000 * 1000,   // of one object type
    CUSTOM_RECORDS_LIMIT = 1500 * 1000, // of all custom objects together
    CALCULATED_LIMIT = 200,
    PIPELINES_LIMIT = 100,
    CUSTOM_OBJECTS_LIMIT = 20,
    LABELS_LIMIT = 50,
};

static void write_number(struct json_writer *w, const char *key, uint64_t n)
{
    json_field_int(w, key, (int64_t)n);
}

static void write_percentage(struct json_writer *w, const char *key, uint64_t usage, uint64_t limit)
{
    json_field_double(w, key, limit > 0 ? (double)usage * 100.0 / (double)limit : 0.0);
}

static void write_type(struct call *c, struct json_writer *w, enum object_type t)
{
    const struct schema *s =
        object_is_custom(t) ? &c->sim->portal->schemas.items[t - OBJECT_CUSTOM_FIRST] : NULL;
    json_field_str(w, "objectTypeId", object_info(t)->type_id);
    json_field_str(w, "singularLabel", s ? s->singular : object_info(t)->singular);
    json_field_str(w, "pluralLabel", s ? s->plural : object_info(t)->plural);
}

// One type's usage; limit 0: the limit is on all of them together.
static void write_usage(struct call *c, struct json_writer *w, enum object_type t, uint64_t usage,
                        uint64_t limit)
{
    json_begin_object(w);
    write_type(c, w, t);
    write_number(w, "usage", usage);
    if (limit > 0) {
        write_number(w, "limit", limit);
        write_percentage(w, "percentage", usage, limit);
    }
    json_end_object(w);
}

typedef uint64_t counter(struct call *c, enum object_type t);

static uint64_t count_records(struct call *c, enum object_type t)
{
    return portal_live_count(&c->sim->portal->shelves[t]);
}

static uint64_t count_custom(struct call *c, enum object_type t)
{
    return property_count_custom(&c->sim->portal->shelves[t].properties);
}

static uint64_t count_calculated(struct call *c, enum object_type t)
{
    const struct property_set *s = &c->sim->portal->shelves[t].properties;
    uint64_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct property *p = s->items[i];
        n += !p->archived && p->calculated && !p->hubspot_defined ? 1 : 0;
    }
    return n;
}

static uint64_t count_pipelines(struct call *c, enum object_type t)
{
    const struct pipelines *s = &c->sim->portal->pipelines;
    uint64_t n = 0;
    for (size_t i = 0; i < s->n[t]; i++) {
        n += !s->lists[t][i].archived ? 1 : 0;
    }
    return n;
}

// "key":[ usage of each type that exists between the two ]; the sum.
static uint64_t write_types(struct call *c, struct json_writer *w, counter *count, uint64_t limit,
                            bool custom)
{
    uint64_t sum = 0;
    json_begin_array(w);
    for (size_t t = custom ? OBJECT_CUSTOM_FIRST : 0;
         t < (custom ? (size_t)OBJECT_COUNT : (size_t)OBJECT_CUSTOM_FIRST); t++) {
        if (c->sim->portal->shelves[t].exists) {
            uint64_t n = count(c, (enum object_type)t);
            sum += n;
            write_usage(c, w, (enum object_type)t, n, limit);
        }
    }
    json_end_array(w);
    return sum;
}

// "hubspotDefinedObjectTypes" with a limit each, "customObjectTypes" with one together.
static void write_split(struct call *c, counter *count, uint64_t limit, uint64_t custom_limit)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("hubspotDefinedObjectTypes"));
    write_types(c, &w, count, limit, false);
    json_key(&w, STR("customObjectTypes"));
    json_begin_object(&w);
    json_key(&w, STR("byObjectType"));
    uint64_t sum = write_types(c, &w, count, 0, true);
    write_number(&w, "overallLimit", custom_limit);
    write_number(&w, "overallUsage", sum);
    write_percentage(&w, "overallPercentage", sum, custom_limit);
    json_end_object(&w);
    json_end_object(&w);
}

void endpoint_limits_records(struct call *c)
{
    write_split(c, count_records, RECORDS_LIMIT, CUSTOM_RECORDS_LIMIT);
}

void endpoint_limits_pipelines(struct call *c)
{
    write_split(c, count_pipelines, PIPELINES_LIMIT, PIPELINES_LIMIT);
}

// All types in one list, and how much it is together.
static void write_overall(struct call *c, counter *count, uint64_t each, uint64_t together)
{
    struct json_writer w = call_writer(c);
    uint64_t sum = 0;
    json_begin_object(&w);
    json_key(&w, STR("byObjectType"));
    json_begin_array(&w);
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        if (c->sim->portal->shelves[t].exists) {
            uint64_t n = count(c, (enum object_type)t);
            sum += n;
            write_usage(c, &w, (enum object_type)t, n, each);
        }
    }
    json_end_array(&w);
    write_number(&w, "overallLimit", together);
    write_number(&w, "overallUsage", sum);
    write_percentage(&w, "overallPercentage", sum, together);
    json_end_object(&w);
}

void endpoint_limits_properties(struct call *c)
{
    write_overall(c, count_custom, CUSTOM_PROPERTIES_MAX, CUSTOM_PROPERTIES_ALL);
}

void endpoint_limits_calculated(struct call *c)
{
    write_overall(c, count_calculated, 0, CALCULATED_LIMIT);
}

void endpoint_limits_object_types(struct call *c)
{
    const struct schemas *s = &c->sim->portal->schemas;
    uint64_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        n += s->items[i].state == SCHEMA_LIVE ? 1 : 0;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    write_number(&w, "limit", CUSTOM_OBJECTS_LIMIT);
    write_number(&w, "usage", n);
    write_percentage(&w, "percentage", n, CUSTOM_OBJECTS_LIMIT);
    json_end_object(&w);
}

// A query parameter that names a type; *ret stays OBJECT_COUNT when absent.
static bool query_type(struct call *c, const char *name, enum object_type *ret)
{
    struct str text = http_server_query(c->request, name);
    *ret = OBJECT_COUNT;
    return text.len == 0 || portal_object(c->sim->portal, text, true, ret) ||
           call_error(c, 400, "VALIDATION_ERROR", "%s '%.*s' is unknown", name, STR_ARG(text));
}

static uint64_t count_labels(const struct association_pair *pair)
{
    uint64_t n = 0;
    for (size_t i = 0; i < pair->n_labels; i++) {
        n += pair->labels[i].user_defined && pair->live >> i & 1 ? 1 : 0;
    }
    return n;
}

static void write_labels(struct json_writer *w, const struct association_pair *pair, bool forward)
{
    json_key(w, STR("allLabels"));
    json_begin_array(w);
    for (size_t i = 0; i < pair->n_labels; i++) {
        const struct association_label *l = &pair->labels[i];
        if (l->user_defined && pair->live >> i & 1) {
            json_put_str(w, str_from(forward ? l->label : l->reverse_label));
        }
    }
    json_end_array(w);
}

static void write_label_usage(struct call *c, struct json_writer *w,
                              const struct association_pair *pair, bool forward)
{
    enum object_type from = forward ? pair->a : pair->b;
    enum object_type to = forward ? pair->b : pair->a;
    uint64_t n = count_labels(pair);
    json_begin_object(w);
    json_key(w, STR("fromObjectType"));
    json_begin_object(w);
    write_type(c, w, from);
    json_end_object(w);
    json_key(w, STR("toObjectType"));
    json_begin_object(w);
    write_type(c, w, to);
    json_end_object(w);
    write_labels(w, pair, forward);
    write_number(w, "limit", LABELS_LIMIT);
    write_number(w, "usage", n);
    write_percentage(w, "percentage", n, LABELS_LIMIT);
    json_end_object(w);
}

void endpoint_limits_labels(struct call *c)
{
    const struct associations *all = &c->sim->portal->associations;
    enum object_type from;
    enum object_type to;
    if (!query_type(c, "fromObjectTypeId", &from) || !query_type(c, "toObjectTypeId", &to)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; association_pair_at(all, i); i++) {
        const struct association_pair *pair = association_pair_at(all, i);
        for (int turn = 0; turn < (pair->a == pair->b ? 1 : 2); turn++) {
            enum object_type a = turn == 0 ? pair->a : pair->b;
            enum object_type b = turn == 0 ? pair->b : pair->a;
            if ((from == OBJECT_COUNT || from == a) && (to == OBJECT_COUNT || to == b)) {
                write_label_usage(c, &w, pair, turn == 0);
            }
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

// No record is near the limit of its associations, since the simulator sets none.
void endpoint_limits_associations(struct call *c)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    json_end_array(&w);
    json_end_object(&w);
}
