// The labels that there are between two types, and those of a user's own.
#include "sim/endpoints.h"
#include "sim/sim.h"

enum { LABEL_MAX = 50 };

struct labelled {
    enum object_type from;
    enum object_type to;
    const struct association_pair *pair;
    bool forward;
};

static bool read_labelled(struct call *c, struct labelled *ret)
{
    *ret = (struct labelled){0};
    if (!call_object(c, 0, true, &ret->from) || !call_object(c, 1, true, &ret->to)) {
        return false;
    }
    ret->pair =
        association_pair_of(&c->sim->portal->associations, ret->from, ret->to, &ret->forward);
    return true;
}

static void put_label(struct json_writer *w, const struct association_label *l, bool forward)
{
    const char *label = forward ? l->label : l->reverse_label;
    json_begin_object(w);
    json_field_str(w, "category", l->user_defined ? STR("USER_DEFINED") : STR("HUBSPOT_DEFINED"));
    json_field_int(w, "typeId", forward ? l->forward_id : l->reverse_id);
    if (label) {
        json_field_str(w, "label", str_from(label));
    } else {
        json_field_null(w, "label");
    }
    json_end_object(w);
}

// A label between records of one type may have two names, one for each direction.
static bool has_two_names(const struct labelled *e, const struct association_label *l)
{
    return e->from == e->to && l->forward_id != l->reverse_id;
}

void endpoint_associations_labels(struct call *c)
{
    struct labelled e;
    if (!read_labelled(c, &e)) {
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (size_t i = 0; e.pair && i < e.pair->n_labels; i++) {
        if (!(e.pair->live >> i & 1)) {
            continue;
        }
        put_label(&w, &e.pair->labels[i], e.forward);
        if (has_two_names(&e, &e.pair->labels[i])) {
            put_label(&w, &e.pair->labels[i], !e.forward);
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

// A label's text; empty when absent and not required.
static bool read_text(struct call *c, const char *field, bool required, struct str *ret)
{
    *ret = (struct str){NULL, 0};
    bool there = json_get_string(c->body, str_from(field), ret) && ret->len > 0;
    if (!there && !required) {
        *ret = (struct str){NULL, 0};
        return true;
    }
    if (!there || ret->len > LABEL_MAX) {
        return call_error(c, 400, "VALIDATION_ERROR",
                          "Invalid input JSON: '%s' must be a text of 1 to %d bytes", field,
                          LABEL_MAX);
    }
    return true;
}

static bool check_associable(struct call *c, const struct labelled *e)
{
    return e->pair ||
           call_error(c, 400, "VALIDATION_ERROR", "%.*s and %.*s cannot be associated",
                      STR_ARG(object_info(e->from)->plural), STR_ARG(object_info(e->to)->plural));
}

static bool is_taken(const struct labelled *e, struct str label)
{
    for (size_t i = 0; i < e->pair->n_labels; i++) {
        const struct association_label *l = &e->pair->labels[i];
        const char *text = e->forward ? l->label : l->reverse_label;
        if ((e->pair->live >> i & 1) && text && str_eq_nocase(str_from(text), label)) {
            return true;
        }
    }
    return false;
}

void endpoint_associations_labels_create(struct call *c)
{
    struct labelled e;
    struct str name;
    struct str label;
    struct str inverse;
    size_t at;
    if (!read_labelled(c, &e) || !call_parse_body(c) || !check_associable(c, &e) ||
        !read_text(c, "name", true, &name) || !read_text(c, "label", true, &label) ||
        !read_text(c, "inverseLabel", false, &inverse)) {
        return;
    }
    if (is_taken(&e, label)) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "There is a label \"%.*s\" already from %.*s to %.*s", STR_ARG(label),
                   STR_ARG(object_info(e.from)->plural), STR_ARG(object_info(e.to)->plural));
        return;
    }
    struct associations *s = &c->sim->portal->associations;
    struct str back = inverse.ptr || e.from == e.to ? inverse : label;
    bool swapped = !e.forward && back.ptr;
    if (!association_label_add(s, e.pair, swapped ? back : label, swapped ? label : back, &at)) {
        call_error(c, 400, "VALIDATION_ERROR",
                   "There are too many labels from %.*s to %.*s: at most %d, deleted ones included",
                   STR_ARG(object_info(e.from)->plural), STR_ARG(object_info(e.to)->plural),
                   ASSOCIATION_LABELS_MAX);
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    put_label(&w, &e.pair->labels[at], e.forward);
    if (e.from != e.to || has_two_names(&e, &e.pair->labels[at])) {
        put_label(&w, &e.pair->labels[at], !e.forward);
    }
    json_end_array(&w);
    json_end_object(&w);
}

// The user's own label with that type id, seen from `from`; false after an answer.
static bool find_own(struct call *c, const struct labelled *e, int64_t id,
                     struct association_kind *ret)
{
    bool known =
        id > 0 && id <= INT32_MAX && e->pair &&
        association_kind_find(&c->sim->portal->associations, e->from, (int)id, true, ret) &&
        ret->pair == e->pair;
    if (!known) {
        call_error(c, 404, "OBJECT_NOT_FOUND",
                   "There is no label of your own with type id %lld from %.*s to %.*s",
                   (long long)id, STR_ARG(object_info(e->from)->plural),
                   STR_ARG(object_info(e->to)->plural));
    }
    return known;
}

void endpoint_associations_labels_update(struct call *c)
{
    struct labelled e;
    struct str label;
    struct str inverse;
    int64_t id = 0;
    struct association_kind kind = {0};
    if (!read_labelled(c, &e) || !call_parse_body(c) || !read_text(c, "label", true, &label) ||
        !read_text(c, "inverseLabel", false, &inverse)) {
        return;
    }
    json_get_int(c->body, STR("associationTypeId"), &id);
    if (!find_own(c, &e, id, &kind)) {
        return;
    }
    const struct association_label *l = &kind.pair->labels[kind.label];
    const char *other = kind.forward ? l->reverse_label : l->label;
    struct str back = inverse.ptr ? inverse : str_from(other);
    if (!association_label_rename(&c->sim->portal->associations, kind.pair, kind.label,
                                  kind.forward ? label : back, kind.forward ? back : label)) {
        call_error(c, 400, "VALIDATION_ERROR", "There is no more room for labels");
        return;
    }
    c->response->status = 204;
}

void endpoint_associations_labels_delete(struct call *c)
{
    struct labelled e;
    struct association_kind kind = {0};
    int64_t id = 0;
    if (!read_labelled(c, &e)) {
        return;
    }
    str_to_int64(c->params[2], &id);
    if (!find_own(c, &e, id, &kind)) {
        return;
    }
    association_label_delete(&c->sim->portal->associations, kind.pair, kind.label);
    c->sim->portal->version++;
    c->response->status = 204;
}
