#include "sim/write_links.h"

#include "sim/link.h"
#include "sim/sim.h"

bool write_links_id(struct call *c, struct json v, struct str *ret)
{
    uint64_t n;
    if (json_uint(v, &n)) {
        *ret = call_number(c, n);
        return true;
    }
    return json_string(v, ret);
}

bool write_links_kind(struct call *c, enum object_type from, struct json type,
                      struct association_kind *ret_kind, struct refusal *ret)
{
    struct str category = STR("");
    int64_t id = 0;
    json_get_string(type, STR("associationCategory"), &category);
    bool own = str_eq(category, STR("USER_DEFINED"));
    if (!json_get_int(type, STR("associationTypeId"), &id) ||
        !(own || str_eq(category, STR("HUBSPOT_DEFINED")) ||
          str_eq(category, STR("INTEGRATOR_DEFINED")) || str_eq(category, STR("WORK")))) {
        refuse(c, ret, 400, "VALIDATION_ERROR",
               "Invalid input JSON: a type needs an associationCategory (HUBSPOT_DEFINED, "
               "USER_DEFINED, INTEGRATOR_DEFINED, WORK) and an associationTypeId");
        return false;
    }
    bool known = id > 0 && id <= INT32_MAX && !str_eq(category, STR("WORK")) &&
                 !str_eq(category, STR("INTEGRATOR_DEFINED")) &&
                 association_kind_find(&c->sim->portal->associations, from, (int)id, own, ret_kind);
    if (!known) {
        refuse(c, ret, 400, "VALIDATION_ERROR",
               "%.*s association type %lld does not exist from %.*s", STR_ARG(category),
               (long long)id, STR_ARG(object_info(from)->plural));
        ret->sub_category = "crm.associations.INVALID_ASSOCIATION_TYPE";
    }
    return known;
}

// What admins allow, for the record at the other end and for the new one.
static bool allowed(const struct write *w, const struct write_link *link)
{
    const struct association_kind *kind = &link->kind;
    uint32_t own = UINT32_MAX;
    uint16_t mask = (uint16_t)(1U << kind->label);
    uint32_t most = kind->pair->most[kind->forward ? 0 : 1][kind->label];
    uint32_t n = 0;
    for (size_t i = 0; i < w->n_links; i++) {
        const struct write_link *other = &w->links[i];
        n += other->kind.pair == kind->pair && other->kind.label == kind->label &&
                     other->slot != link->slot
                 ? 1
                 : 0;
    }
    return (most == 0 || n < most) &&
           link_allowed(w->call->sim->portal, kind->pair, kind->forward ? own : link->slot,
                        kind->forward ? link->slot : own, mask);
}

static bool read_one(struct write *w, struct json item, struct refusal *ret)
{
    struct call *c = w->call;
    struct json to;
    struct json id;
    struct json types;
    struct str text = STR("");
    if (!json_get(item, STR("to"), &to) || !json_get(to, STR("id"), &id) ||
        !write_links_id(c, id, &text) || !json_get(item, STR("types"), &types) ||
        json_count(types) == 0) {
        return refuse(c, ret, 400, "VALIDATION_ERROR",
                      "Invalid input JSON: an association needs to.id and at least one of types");
    }
    struct json_iter it = json_iter(types);
    struct json type;
    while (json_next(&it, &type)) {
        struct write_link link = {0};
        if (!write_links_kind(c, w->object, type, &link.kind, ret)) {
            return false;
        }
        enum object_type other = link.kind.forward ? link.kind.pair->b : link.kind.pair->a;
        const struct shelf *s = &c->sim->portal->shelves[other];
        uint64_t n;
        if (!str_to_uint64(text, &n) || !portal_slot_of(s, n, &link.slot) ||
            !portal_is_live(s, link.slot)) {
            refuse(c, ret, 400, "VALIDATION_ERROR", "No %.*s with ID %.*s exists",
                   STR_ARG(object_info(other)->singular), STR_ARG(text));
            ret->sub_category = "crm.associations.TO_OBJECT_NOT_FOUND";
            return false;
        }
        // A new line item has no deal yet; a new deal may want a line item that has one.
        if (!link.kind.forward &&
            !link_fits(c->sim->portal, link.kind.pair, link.slot, UINT32_MAX)) {
            return refuse(c, ret, 400, "VALIDATION_ERROR",
                          "%.*s %.*s is associated with another %.*s already",
                          STR_ARG(object_info(other)->singular), STR_ARG(text),
                          STR_ARG(object_info(w->object)->singular));
        }
        if (!allowed(w, &link)) {
            return refuse(c, ret, 400, "VALIDATION_ERROR",
                          "%.*s %.*s cannot be associated: there would be more associations than "
                          "the admins of this account allow",
                          STR_ARG(object_info(other)->singular), STR_ARG(text));
        }
        w->links[w->n_links++] = link;
    }
    return true;
}

bool write_links_read(struct write *w, struct json input, struct refusal *ret)
{
    struct json list;
    if (!w->creates || !json_get(input, STR("associations"), &list)) {
        return true;
    }
    size_t n = 0;
    struct json_iter it = json_iter(list);
    struct json item;
    struct json types;
    while (json_next(&it, &item)) {
        n += json_get(item, STR("types"), &types) ? json_count(types) : 0;
    }
    w->links = ARENA_ARRAY(w->call->arena, struct write_link, n);
    it = json_iter(list);
    while (json_next(&it, &item)) {
        if (!read_one(w, item, ret)) {
            return false;
        }
    }
    return true;
}

void write_links_apply(const struct write *w)
{
    struct portal *p = w->call->sim->portal;
    for (size_t i = 0; i < w->n_links; i++) {
        const struct write_link *l = &w->links[i];
        uint32_t a = l->kind.forward ? w->slot : l->slot;
        uint32_t b = l->kind.forward ? l->slot : w->slot;
        uint16_t now = associations_mask(p, l->kind.pair, a, b);
        link_set(p, l->kind.pair, a, b, now | (uint16_t)(1U << l->kind.label));
    }
}
