// Making and removing associations by hand.
#include "sim/admin_mutate.h"
#include "sim/link.h"

enum { EVERYTHING = 0xffff };

struct link {
    const struct association_pair *pair;
    bool forward; // `from` is the pair's a side
    uint16_t mask;
};

// The bit of a label given by type id (seen from `from`) or by name; 0 when there is none.
static uint16_t bit_of(const struct link *l, struct json v)
{
    struct str name;
    int64_t id;
    for (size_t i = 0; i < l->pair->n_labels; i++) {
        const struct association_label *label = &l->pair->labels[i];
        const char *text = l->forward ? label->label : label->reverse_label;
        bool by_id = json_int(v, &id) && id == (l->forward ? label->forward_id : label->reverse_id);
        bool by_name = json_string(v, &name) && text && str_eq_nocase(name, str_from(text));
        if ((by_id || by_name) && (l->pair->live >> i & 1)) {
            return (uint16_t)(1U << i);
        }
    }
    return 0;
}

static bool read_labels(struct operation *o, struct link *l, uint16_t fallback, struct error *err)
{
    struct json list;
    l->mask = fallback;
    if (!json_get(o->spec, STR("labels"), &list)) {
        return true;
    }
    l->mask = 0;
    struct json_iter it = json_iter(list);
    struct json v;
    while (json_next(&it, &v)) {
        uint16_t bit = bit_of(l, v);
        if (bit == 0) {
            return error_set(err, ERR_REQUEST,
                             "labels must be type ids or names of labels between these types; see "
                             "GET /crm/v4/associations/{from}/{to}/labels");
        }
        l->mask |= bit;
    }
    return true;
}

static void link_two(struct operation *o, const struct link *l, uint32_t from, uint32_t to,
                     bool remove)
{
    struct portal *p = o->mutate.portal;
    uint32_t a = l->forward ? from : to;
    uint32_t b = l->forward ? to : from;
    if (remove) {
        link_remove(p, l->pair, a, b, l->mask);
    } else {
        link_set(p, l->pair, a, b, l->mask);
    }
}

bool admin_associate(struct operation *o, bool remove, struct error *err)
{
    enum object_type from;
    enum object_type to;
    struct link l;
    struct picked ends[2];
    if (!admin_object(o, "from", &from, err) || !admin_object(o, "to", &to, err)) {
        return false;
    }
    l.pair = association_pair_of(&o->mutate.portal->associations, from, to, &l.forward);
    if (!l.pair) {
        return error_set(err, ERR_REQUEST, "%.*s and %.*s cannot be associated",
                         STR_ARG(object_info(from)->plural), STR_ARG(object_info(to)->plural));
    }
    struct json ids;
    if (!json_get(o->spec, STR("toIds"), &ids)) {
        return error_set(err, ERR_REQUEST,
                         "toIds is missing: ids of the other records, one for each or one for all");
    }
    if (!read_labels(o, &l, remove ? EVERYTHING : 1, err) ||
        !admin_pick(o, from, "ids", 0, &ends[0], err) ||
        !admin_pick(o, to, "toIds", 0, &ends[1], err)) {
        return false;
    }
    if (ends[1].n != 1 && ends[1].n != ends[0].n) {
        return error_set(err, ERR_REQUEST, "toIds has %zu ids; it must have 1 or %zu", ends[1].n,
                         ends[0].n);
    }
    for (size_t i = 0; i < ends[0].n; i++) {
        uint32_t other = ends[1].slots[ends[1].n == 1 ? 0 : i];
        if (from == to && ends[0].slots[i] == other) {
            return error_set(err, ERR_REQUEST, "a record cannot be associated with itself");
        }
        link_two(o, &l, ends[0].slots[i], other, remove);
    }
    o->mutate.portal->version++;
    json_field_str(o->out, "from", object_info(from)->plural);
    json_field_str(o->out, "to", object_info(to)->plural);
    json_field_int(o->out, "count", (int64_t)ends[0].n);
    return true;
}
