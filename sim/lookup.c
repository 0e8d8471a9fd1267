#include "sim/lookup.h"

#include "core/limits.h"
#include "sim/generate.h"

struct search_for {
    const struct portal *portal;
    enum object_type type;
    const struct property *property;
    struct str value;
    bool archived;
    struct buf scratch;
};

static bool is_it(struct search_for *f, uint32_t slot)
{
    uint8_t flags = f->portal->shelves[f->type].flags[slot];
    if ((flags & RECORD_GONE) || ((flags & RECORD_ARCHIVED) != 0) != f->archived) {
        return false;
    }
    struct record r = portal_record(f->portal, f->type, slot);
    buf_reset(&f->scratch);
    return generate_value(&r, f->property, &f->scratch) &&
           str_eq_nocase(buf_str(&f->scratch), f->value);
}

static bool find(struct search_for *f, uint32_t *ret_slot)
{
    const struct shelf *s = &f->portal->shelves[f->type];
    uint64_t basis;
    if (generate_basis_of(f->property, f->value, &basis) && basis < s->n &&
        is_it(f, (uint32_t)basis)) {
        *ret_slot = (uint32_t)basis;
        return true;
    }
    for (size_t i = 0; i < s->overlays.cap; i++) {
        if (s->overlays.entries[i].value && is_it(f, (uint32_t)s->overlays.entries[i].key)) {
            *ret_slot = (uint32_t)s->overlays.entries[i].key;
            return true;
        }
    }
    if (f->property->kind == KIND_EMAIL || f->property->kind == KIND_UNIQUE) {
        return false; // an untouched record would have been found by its number
    }
    for (uint32_t slot = 0; slot < s->n; slot++) {
        if (is_it(f, slot)) {
            *ret_slot = slot;
            return true;
        }
    }
    return false;
}

bool lookup_by_value(const struct portal *p, enum object_type type, const struct property *property,
                     struct str value, bool archived, uint32_t *ret_slot)
{
    struct search_for f = {
        .portal = p, .type = type, .property = property, .value = value, .archived = archived};
    buf_init(&f.scratch, LIMIT_VALUE_BYTES);
    bool found = find(&f, ret_slot);
    buf_done(&f.scratch);
    return found;
}
