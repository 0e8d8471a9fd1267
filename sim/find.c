#include "sim/find.h"

#include "sim/lookup.h"
#include "sim/sim.h"

bool find_property(struct call *c, enum object_type object, struct str name,
                   const struct property **ret, struct refusal *ret_why)
{
    *ret = NULL;
    if (name.len == 0 || str_eq(name, STR("hs_object_id"))) {
        return true;
    }
    const struct property *p = property_find(&c->sim->portal->shelves[object].properties, name);
    if (!p || !p->unique) {
        return refuse(c, ret_why, 400, "VALIDATION_ERROR",
                      "Property \"%.*s\" is not a unique property of %.*s", STR_ARG(name),
                      STR_ARG(object_info(object)->plural));
    }
    *ret = p;
    return true;
}

bool find_record(const struct portal *p, enum object_type object, const struct find_by *by,
                 struct str id, uint32_t *ret_slot)
{
    const struct shelf *s = &p->shelves[object];
    if (by->property) {
        return lookup_by_value(p, object, by->property, id, by->archived, ret_slot);
    }
    uint64_t n;
    uint32_t slot;
    if (!str_to_uint64(id, &n) ||
        !(by->merged ? portal_resolve(s, n, &slot) : portal_slot_of(s, n, &slot))) {
        return false;
    }
    uint8_t wanted = by->archived ? RECORD_ARCHIVED : 0;
    if ((s->flags[slot] & (RECORD_ARCHIVED | RECORD_GONE)) != wanted) {
        return false;
    }
    *ret_slot = slot;
    return true;
}
