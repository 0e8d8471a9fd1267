// Making, changing and removing associations: in batches and of one pair.
#include "sim/batch.h"
#include "sim/endpoints.h"
#include "sim/link.h"
#include "sim/sim.h"
#include "sim/write_links.h"

enum { CREATE_MAX = 2000, ARCHIVE_MAX = 100, TYPES_MAX = 50, ERRORS_MAX = 8 * 1024 * 1024 };

// Between which types the call is.
struct ends {
    enum object_type from;
    enum object_type to;
    const struct association_pair *pair; // NULL: they cannot be associated
    bool forward;                        // `from` is the pair's a side
};

static bool read_ends(struct call *c, size_t from, size_t to, struct ends *ret)
{
    *ret = (struct ends){0};
    if (!call_object(c, from, true, &ret->from) || !call_object(c, to, true, &ret->to)) {
        return false;
    }
    ret->pair =
        association_pair_of(&c->sim->portal->associations, ret->from, ret->to, &ret->forward);
    return true;
}

// Two records, and the labels that are spoken of. Labels between records of one type have a
// direction: then `turned` says that they run from the second to the first.
struct couple {
    uint32_t from;
    uint32_t to;
    uint16_t mask;
    bool turned;
    bool undone; // too many when its turn came
};

static bool not_associable(struct call *c, const struct ends *e, struct refusal *why)
{
    refuse(c, why, 400, "VALIDATION_ERROR", "%.*s and %.*s cannot be associated",
           STR_ARG(object_info(e->from)->plural), STR_ARG(object_info(e->to)->plural));
    why->sub_category = "crm.associations.INVALID_ASSOCIATION_TYPE";
    return false;
}

// The record of an id; false: *why says that there is none, as HubSpot names the side.
static bool find_end(struct call *c, enum object_type type, struct str id, bool is_to,
                     uint32_t *ret, struct refusal *why)
{
    const struct shelf *s = &c->sim->portal->shelves[type];
    uint64_t n;
    if (!str_to_uint64(id, &n)) {
        refuse(c, why, 400, "VALIDATION_ERROR", "Invalid object ID: %.*s", STR_ARG(id));
        why->sub_category = "crm.associations.INVALID_OBJECT_IDS";
    } else if (portal_slot_of(s, n, ret) && portal_is_live(s, *ret)) {
        return true;
    } else {
        refuse(c, why, 404, "OBJECT_NOT_FOUND", "No %.*s with ID %.*s exists in portal %llu",
               STR_ARG(object_info(type)->singular), STR_ARG(id),
               (unsigned long long)c->sim->portal->options.portal_id);
        why->sub_category = is_to ? "crm.associations.TO_OBJECT_NOT_FOUND"
                                  : "crm.associations.FROM_OBJECT_NOT_FOUND";
    }
    refusal_add_context(c, why, is_to ? "toObjectId" : "fromObjectId", id);
    refusal_add_context(c, why, is_to ? "toObjectType" : "fromObjectType",
                        object_info(type)->singular);
    return false;
}

static bool find_couple(struct call *c, const struct ends *e, struct str from, struct str to,
                        struct couple *ret, struct refusal *why)
{
    if (!find_end(c, e->from, from, false, &ret->from, why) ||
        !find_end(c, e->to, to, true, &ret->to, why)) {
        return false;
    }
    if (e->from == e->to && ret->from == ret->to) {
        refuse(c, why, 400, "VALIDATION_ERROR", "A record cannot be associated with itself: %.*s",
               STR_ARG(from));
        why->sub_category = "crm.associations.INVALID_OBJECT_IDS";
        return false;
    }
    return true;
}

// A list of types into mask and turned.
static bool read_types(struct call *c, const struct ends *e, struct json types, struct couple *ret,
                       struct refusal *why)
{
    if (json_type(types) != JSON_ARRAY || json_count(types) == 0 || json_count(types) > TYPES_MAX) {
        return refuse(c, why, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: there must be 1 to %d types, each with an "
                      "associationCategory and an associationTypeId",
                      TYPES_MAX);
    }
    struct json_iter it = json_iter(types);
    struct json type;
    bool directed = false;
    while (json_next(&it, &type)) {
        struct association_kind kind;
        if (!write_links_kind(c, e->from, type, &kind, why)) {
            return false;
        }
        const struct association_label *l = &kind.pair->labels[kind.label];
        bool turned = e->from == e->to && !kind.forward;
        bool counts = l->forward_id != l->reverse_id;
        if (kind.pair != e->pair || (directed && counts && turned != ret->turned)) {
            refuse(c, why, 400, "VALIDATION_ERROR",
                   "association type %d does not go from %.*s to %.*s beside the others",
                   kind.forward ? l->forward_id : l->reverse_id,
                   STR_ARG(object_info(e->from)->plural), STR_ARG(object_info(e->to)->plural));
            why->sub_category = "crm.associations.INVALID_ASSOCIATION_TYPE";
            return false;
        }
        ret->turned = counts ? turned : ret->turned;
        directed = directed || counts;
        ret->mask |= (uint16_t)(1U << kind.label);
    }
    return true;
}

// Sides of the pair.
static void sides(const struct ends *e, const struct couple *k, uint32_t *ret_a, uint32_t *ret_b)
{
    bool forward = e->forward && !k->turned;
    *ret_a = forward ? k->from : k->to;
    *ret_b = forward ? k->to : k->from;
}

static bool check_fit(struct call *c, const struct ends *e, const struct couple *k,
                      struct refusal *why)
{
    uint32_t a;
    uint32_t b;
    sides(e, k, &a, &b);
    if (!link_fits(c->sim->portal, e->pair, a, b)) {
        const struct shelf *s = &c->sim->portal->shelves[e->pair->a];
        refuse(c, why, 400, "VALIDATION_ERROR", "%.*s %llu is associated with another %.*s already",
               STR_ARG(object_info(e->pair->a)->singular), (unsigned long long)portal_id_of(s, a),
               STR_ARG(object_info(e->pair->b)->singular));
        why->sub_category = "crm.associations.LIMIT_EXCEEDED";
        return false;
    }
    return true;
}

// What admins allow is checked when the turn of a couple comes: those before it count.
static bool check_allowed(struct call *c, const struct ends *e, const struct couple *k,
                          struct refusal *why)
{
    uint32_t a;
    uint32_t b;
    const struct portal *p = c->sim->portal;
    sides(e, k, &a, &b);
    if (link_allowed(p, e->pair, a, b, k->mask == UINT16_MAX ? 0 : k->mask)) {
        return true;
    }
    unsigned long long from = (unsigned long long)portal_id_of(&p->shelves[e->from], k->from);
    unsigned long long to = (unsigned long long)portal_id_of(&p->shelves[e->to], k->to);
    refuse(c, why, 400, "VALIDATION_ERROR",
           "%.*s %llu and %.*s %llu cannot be associated: one of them would have more "
           "associations than the admins of this account allow",
           STR_ARG(object_info(e->from)->singular), from, STR_ARG(object_info(e->to)->singular),
           to);
    why->sub_category = "crm.associations.LIMIT_EXCEEDED";
    refusal_add_context(c, why, "fromObjectId", call_number(c, from));
    refusal_add_context(c, why, "toObjectId", call_number(c, to));
    return false;
}

static void set_labels(struct call *c, const struct ends *e, const struct couple *k)
{
    uint32_t a;
    uint32_t b;
    sides(e, k, &a, &b);
    link_set(c->sim->portal, e->pair, a, b, k->mask);
}

// The unlabelled association, beside labels that are there already.
static void set_default(struct call *c, const struct ends *e, const struct couple *k)
{
    struct portal *p = c->sim->portal;
    uint32_t a;
    uint32_t b;
    sides(e, k, &a, &b);
    if (associations_mask(p, e->pair, a, b) == 0) {
        link_set(p, e->pair, a, b, 1);
    }
}

static void remove_labels(struct call *c, const struct ends *e, const struct couple *k)
{
    uint32_t a;
    uint32_t b;
    sides(e, k, &a, &b);
    if (associations_mask(c->sim->portal, e->pair, a, b) != 0) {
        link_remove(c->sim->portal, e->pair, a, b, k->mask);
    }
}

static void put_label_names(struct json_writer *w, const struct ends *e, const struct couple *k)
{
    bool forward = e->forward && !k->turned;
    json_key(w, STR("labels"));
    json_begin_array(w);
    for (size_t i = 0; i < e->pair->n_labels; i++) {
        const struct association_label *l = &e->pair->labels[i];
        const char *name = forward ? l->label : l->reverse_label;
        if ((k->mask >> i & 1) && name) {
            json_put_str(w, str_from(name));
        }
    }
    json_end_array(w);
}

// {"fromObjectTypeId", "fromObjectId", "toObjectTypeId", "toObjectId", "labels"}
static void put_labels(struct call *c, struct json_writer *w, const struct ends *e,
                       const struct couple *k)
{
    const struct portal *p = c->sim->portal;
    json_begin_object(w);
    json_field_str(w, "fromObjectTypeId", object_info(e->from)->type_id);
    json_field_int(w, "fromObjectId", (int64_t)portal_id_of(&p->shelves[e->from], k->from));
    json_field_str(w, "toObjectTypeId", object_info(e->to)->type_id);
    json_field_int(w, "toObjectId", (int64_t)portal_id_of(&p->shelves[e->to], k->to));
    put_label_names(w, e, k);
    json_end_object(w);
}

static void put_id(struct call *c, struct json_writer *w, const char *name, enum object_type type,
                   uint32_t slot)
{
    json_key(w, str_from(name));
    json_begin_object(w);
    json_field_str(w, "id", call_number(c, portal_id_of(&c->sim->portal->shelves[type], slot)));
    json_end_object(w);
}

// {"from":{"id"}, "to":{"id"}, "associationSpec":{...}}
static void put_default(struct call *c, struct json_writer *w, const struct ends *e,
                        const struct couple *k, bool forward)
{
    const struct association_label *l = &e->pair->labels[0];
    json_begin_object(w);
    put_id(c, w, "from", forward ? e->from : e->to, forward ? k->from : k->to);
    put_id(c, w, "to", forward ? e->to : e->from, forward ? k->to : k->from);
    json_key(w, STR("associationSpec"));
    json_begin_object(w);
    json_field_str(w, "associationCategory", STR("HUBSPOT_DEFINED"));
    json_field_int(w, "associationTypeId", e->forward == forward ? l->forward_id : l->reverse_id);
    json_end_object(w);
    json_end_object(w);
}

// What the batch endpoints differ in.
struct batch_kind {
    size_t most;
    bool typed;   // inputs have types
    bool to_many; // "to" is a list
    int status;   // 204: no body, and records that are not there are no errors
    void (*act)(struct call *c, const struct ends *e, const struct couple *k);
    void (*put)(struct call *c, struct json_writer *w, const struct ends *e,
                const struct couple *k);
};

struct batch {
    struct call *call;
    const struct batch_kind *kind;
    struct ends ends;
    struct couple *couples;
    size_t n;
    struct buf errors; // each followed by a comma
    size_t n_errors;
};

static bool read_object_id(struct call *c, struct json v, struct str *ret)
{
    struct json id;
    return json_get(v, STR("id"), &id) && write_links_id(c, id, ret);
}

// One pair of an input. A record that is not there is an error of its own; anything else stops the
// batch.
static bool add_couple(struct batch *b, struct json input, struct str from, struct json to,
                       struct refusal *why)
{
    struct call *c = b->call;
    struct couple k = {.mask = b->kind->typed ? 0 : (uint16_t)UINT16_MAX};
    struct json types;
    struct str to_id;
    if (!read_object_id(c, to, &to_id)) {
        return refuse(c, why, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: every input needs from.id and to.id");
    }
    if (b->kind->typed &&
        (!json_get(input, STR("types"), &types) || !read_types(c, &b->ends, types, &k, why))) {
        return json_get(input, STR("types"), &types)
                   ? false
                   : refuse(c, why, 400, "VALIDATION_ERROR",
                            "Invalid input JSON: every input needs 'types'");
    }
    struct refusal own;
    bool found = find_couple(c, &b->ends, from, to_id, &k, &own);
    if (found && (!b->kind->put || check_fit(c, &b->ends, &k, &own))) {
        b->couples[b->n++] = k;
        return true;
    }
    if (own.status == 400) {
        *why = own;
        return false;
    }
    refusal_write(&b->errors, &own, STR(""));
    b->n_errors++;
    return true;
}

static bool read_input(struct batch *b, struct json input, struct refusal *why)
{
    struct json from;
    struct json to;
    struct str from_id;
    if (!json_get(input, STR("from"), &from) || !read_object_id(b->call, from, &from_id) ||
        !json_get(input, STR("to"), &to)) {
        return refuse(b->call, why, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: every input needs from.id and to.id");
    }
    if (!b->kind->to_many) {
        return add_couple(b, input, from_id, to, why);
    }
    if (json_type(to) != JSON_ARRAY) {
        return refuse(b->call, why, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: 'to' must be an array of objects with an id");
    }
    struct json_iter it = json_iter(to);
    struct json one;
    while (json_next(&it, &one)) {
        if (!add_couple(b, input, from_id, one, why)) {
            return false;
        }
    }
    return true;
}

static bool read_inputs(struct batch *b, struct json inputs, struct refusal *why)
{
    size_t n = 0;
    struct json_iter it = json_iter(inputs);
    struct json input;
    struct json to;
    while (json_next(&it, &input)) {
        n += json_get(input, STR("to"), &to) ? MAX(json_count(to), (size_t)1) : 1;
    }
    b->couples = ARENA_ARRAY(b->call->arena, struct couple, n + 1);
    it = json_iter(inputs);
    while (json_next(&it, &input)) {
        if (!read_input(b, input, why)) {
            return false;
        }
    }
    return true;
}

// 2026-09 answers removals with a body where the older versions answer 204.
static bool has_body(const struct batch *b)
{
    return b->kind->status != 204 || str_find(b->call->request->path, STR("/2026-09/")) >= 0;
}

static void answer_batch(struct batch *b)
{
    struct call *c = b->call;
    struct buf *out = &c->response->body;
    if (!has_body(b)) {
        c->response->status = 204;
        return;
    }
    batch_begin(c);
    struct json_writer w;
    size_t empty = out->len;
    for (size_t i = 0; b->kind->put && i < b->n; i++) {
        if (!b->couples[i].undone) {
            json_writer_init(&w, out);
            buf_add(out, out->len > empty ? STR(",") : STR(""));
            b->kind->put(c, &w, &b->ends, &b->couples[i]);
        }
    }
    buf_add_char(out, ']');
    c->response->status = b->kind->status == 204 ? 200 : b->kind->status;
    if (b->n_errors > 0 && b->kind->put) {
        buf_printf(out, ",\"numErrors\":%zu,\"errors\":[", b->n_errors);
        buf_add(out, str_sub(buf_str(&b->errors), 0, b->errors.len - 1));
        buf_add_char(out, ']');
        c->response->status = 207;
    }
    buf_add_char(out, '}');
}

static void act(struct batch *b, struct couple *k)
{
    struct refusal why;
    if (!b->kind->put || check_allowed(b->call, &b->ends, k, &why)) {
        b->kind->act(b->call, &b->ends, k);
        return;
    }
    k->undone = true;
    refusal_write(&b->errors, &why, STR(""));
    b->n_errors++;
}

static void run_batch(struct call *c, const struct batch_kind *kind)
{
    struct batch b = {.call = c, .kind = kind};
    struct json inputs;
    struct refusal why;
    if (!read_ends(c, 0, 1, &b.ends) || !call_parse_body(c) ||
        !batch_inputs(c, kind->most, &inputs)) {
        return;
    }
    buf_init(&b.errors, ERRORS_MAX);
    if ((b.ends.pair || not_associable(c, &b.ends, &why)) && read_inputs(&b, inputs, &why)) {
        for (size_t i = 0; i < b.n; i++) {
            act(&b, &b.couples[i]);
        }
        answer_batch(&b);
    } else {
        refusal_answer(c, &why);
    }
    buf_done(&b.errors);
}

// An association is answered once for each direction.
static void put_both_defaults(struct call *c, struct json_writer *w, const struct ends *e,
                              const struct couple *k)
{
    put_default(c, w, e, k, true);
    buf_add_char(w->out, ',');
    struct json_writer back;
    json_writer_init(&back, w->out);
    put_default(c, &back, e, k, false);
}

void endpoint_associations_batch_create(struct call *c)
{
    static const struct batch_kind kind = {CREATE_MAX, true, false, 201, set_labels, put_labels};
    run_batch(c, &kind);
}

void endpoint_associations_batch_default(struct call *c)
{
    static const struct batch_kind kind = {CREATE_MAX, false,       false,
                                           200,        set_default, put_both_defaults};
    run_batch(c, &kind);
}

void endpoint_associations_batch_archive(struct call *c)
{
    static const struct batch_kind kind = {ARCHIVE_MAX, false, true, 204, remove_labels, NULL};
    run_batch(c, &kind);
}

void endpoint_associations_labels_archive(struct call *c)
{
    static const struct batch_kind kind = {ARCHIVE_MAX, true, false, 204, remove_labels, NULL};
    run_batch(c, &kind);
}

// The two records in the path; false after an answer.
static bool read_path(struct call *c, size_t to_object, struct ends *e, struct couple *k)
{
    struct refusal why;
    if (!read_ends(c, 0, to_object, e)) {
        return false;
    }
    if ((!e->pair && !not_associable(c, e, &why)) ||
        !find_couple(c, e, c->params[1], c->params[to_object + 1], k, &why)) {
        return refusal_answer(c, &why);
    }
    return true;
}

// The body of such a request is a list, not an object.
static bool parse_types(struct call *c, struct json *ret)
{
    struct error err;
    assert(!c->doc);
    c->doc = json_doc_create();
    return (json_parse(c->doc, c->request->body, ret, &err) && json_type(*ret) == JSON_ARRAY) ||
           call_error(c, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: the body must be a JSON array of association types");
}

// PUT of a list of types on a pair.
void endpoint_associations_put(struct call *c)
{
    struct ends e;
    struct couple k = {0};
    struct refusal why;
    struct json body;
    if (!parse_types(c, &body) || !read_path(c, 2, &e, &k)) {
        return;
    }
    if (!read_types(c, &e, body, &k, &why) || !check_fit(c, &e, &k, &why) ||
        !check_allowed(c, &e, &k, &why)) {
        refusal_answer(c, &why);
        return;
    }
    set_labels(c, &e, &k);
    struct json_writer w = call_writer(c);
    put_labels(c, &w, &e, &k);
    c->response->status = 201;
}

void endpoint_associations_put_default(struct call *c)
{
    struct ends e;
    struct couple k = {0};
    struct refusal why;
    if (!read_path(c, 2, &e, &k)) {
        return;
    }
    if (!check_fit(c, &e, &k, &why) || !check_allowed(c, &e, &k, &why)) {
        refusal_answer(c, &why);
        return;
    }
    set_default(c, &e, &k);
    batch_begin(c);
    struct json_writer w;
    json_writer_init(&w, &c->response->body);
    put_both_defaults(c, &w, &e, &k);
    buf_add(&c->response->body, STR("]}"));
}

void endpoint_associations_delete(struct call *c)
{
    struct ends e;
    struct couple k = {.mask = UINT16_MAX};
    if (read_path(c, 2, &e, &k)) {
        remove_labels(c, &e, &k);
        c->response->status = 204;
    }
}
