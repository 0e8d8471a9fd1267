// How many records admins allow at the other end of associations, by type and direction.
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/fields.h"
#include "sim/sim.h"

enum { INPUTS_MAX = 100, MOST_MAX = 50000 };

static void put_kind(struct json_writer *w, const struct association_label *l, bool forward)
{
    json_field_str(w, "category", l->user_defined ? STR("USER_DEFINED") : STR("HUBSPOT_DEFINED"));
    json_field_int(w, "typeId", forward ? l->forward_id : l->reverse_id);
}

static void put_limit(struct json_writer *w, const struct association_kind *kind)
{
    const struct association_label *l = &kind->pair->labels[kind->label];
    const char *label = kind->forward ? l->label : l->reverse_label;
    json_begin_object(w);
    put_kind(w, l, kind->forward);
    json_field_int(w, "userEnforcedMaxToObjectIds",
                   kind->pair->most[kind->forward ? 0 : 1][kind->label]);
    if (label) {
        json_field_str(w, "label", str_from(label));
    }
    json_end_object(w);
}

static void put_limits(struct json_writer *w, const struct association_pair *pair, bool forward)
{
    for (size_t i = 0; i < pair->n_labels; i++) {
        const struct association_kind kind = {pair, i, forward};
        if ((pair->live >> i & 1) && pair->most[forward ? 0 : 1][i] > 0) {
            put_limit(w, &kind);
        }
    }
}

// Limits of one pair of types, in the direction of the path; with types that are the same, both.
static void put_pair(struct json_writer *w, const struct association_pair *pair, bool forward)
{
    put_limits(w, pair, forward);
    for (size_t i = 0; pair->a == pair->b && i < pair->n_labels; i++) {
        const struct association_kind back = {pair, i, !forward};
        bool own = pair->labels[i].forward_id != pair->labels[i].reverse_id;
        if (own && (pair->live >> i & 1) && pair->most[forward ? 1 : 0][i] > 0) {
            put_limit(w, &back);
        }
    }
}

static struct json_writer begin(struct call *c)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    return w;
}

static void end(struct json_writer *w)
{
    json_end_array(w);
    json_end_object(w);
}

void endpoint_association_limits_all(struct call *c)
{
    const struct association_pair *pair;
    struct json_writer w = begin(c);
    for (size_t i = 0; (pair = association_pair_at(&c->sim->portal->associations, i)); i++) {
        put_pair(&w, pair, true);
        if (pair->a != pair->b) {
            put_pair(&w, pair, false);
        }
    }
    end(&w);
}

// The pair of the types in the path; false after an answer.
static bool read_pair(struct call *c, enum object_type *ret_from,
                      const struct association_pair **ret, bool *ret_forward)
{
    enum object_type to;
    if (!call_object(c, 0, true, ret_from) || !call_object(c, 1, true, &to)) {
        return false;
    }
    *ret = association_pair_of(&c->sim->portal->associations, *ret_from, to, ret_forward);
    return *ret ||
           call_error(c, 400, "VALIDATION_ERROR", "%.*s and %.*s cannot be associated",
                      STR_ARG(object_info(*ret_from)->plural), STR_ARG(object_info(to)->plural));
}

void endpoint_association_limits_get(struct call *c)
{
    enum object_type from;
    const struct association_pair *pair;
    bool forward;
    if (!read_pair(c, &from, &pair, &forward)) {
        return;
    }
    struct json_writer w = begin(c);
    put_pair(&w, pair, forward);
    end(&w);
}

struct limit_input {
    struct association_kind kind;
    uint32_t most;
};

static bool read_input(struct call *c, enum object_type from, const struct association_pair *pair,
                       struct json input, bool sets, struct limit_input *ret)
{
    struct str category = STR("");
    int64_t id = 0;
    int64_t most = 0;
    if (!field_str(c, input, "category", FIELD_REQUIRED, &category) ||
        !field_int(c, input, "typeId", FIELD_REQUIRED, &id) ||
        (sets && !field_int(c, input, "maxToObjectIds", FIELD_REQUIRED, &most))) {
        return false;
    }
    bool known = id > 0 && id <= INT32_MAX &&
                 association_kind_find(&c->sim->portal->associations, from, (int)id,
                                       str_eq(category, STR("USER_DEFINED")), &ret->kind) &&
                 ret->kind.pair == pair;
    if (!known) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "%.*s association type %lld does not exist between these types",
                          STR_ARG(category), (long long)id);
    }
    if (sets && (most < 1 || most > MOST_MAX)) {
        return call_error(c, 400, "VALIDATION_ERROR", "maxToObjectIds is %lld; it must be 1 to %d",
                          (long long)most, MOST_MAX);
    }
    ret->most = (uint32_t)most;
    return true;
}

// All inputs, or none after an answer.
static bool read_inputs(struct call *c, bool sets, struct limit_input **ret, size_t *ret_n)
{
    enum object_type from;
    const struct association_pair *pair;
    bool forward;
    struct json inputs;
    if (!read_pair(c, &from, &pair, &forward) || !call_parse_body(c) ||
        !batch_inputs(c, INPUTS_MAX, &inputs)) {
        return false;
    }
    *ret = ARENA_ARRAY(c->arena, struct limit_input, json_count(inputs) + 1);
    *ret_n = 0;
    struct json_iter it = json_iter(inputs);
    struct json input;
    while (json_next(&it, &input)) {
        if (!read_input(c, from, pair, input, sets, &(*ret)[*ret_n])) {
            return false;
        }
        *ret_n += 1;
    }
    return true;
}

static void apply(struct call *c, const struct limit_input *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct association_kind *kind = &list[i].kind;
        association_limit_set(&c->sim->portal->associations, kind->pair, kind->label, kind->forward,
                              list[i].most);
    }
}

static void set(struct call *c, int status)
{
    struct limit_input *list;
    size_t n;
    if (!read_inputs(c, true, &list, &n)) {
        return;
    }
    apply(c, list, n);
    batch_begin(c);
    struct buf *out = &c->response->body;
    for (size_t i = 0; i < n; i++) {
        struct json_writer w;
        buf_add(out, i > 0 ? STR(",") : STR(""));
        json_writer_init(&w, out);
        put_limit(&w, &list[i].kind);
    }
    buf_add(out, STR("]}"));
    c->response->status = status;
}

void endpoint_association_limits_create(struct call *c)
{
    set(c, 201);
}

void endpoint_association_limits_update(struct call *c)
{
    set(c, 200);
}

void endpoint_association_limits_purge(struct call *c)
{
    struct limit_input *list;
    size_t n;
    if (read_inputs(c, false, &list, &n)) {
        apply(c, list, n);
        c->response->status = 204;
    }
}
