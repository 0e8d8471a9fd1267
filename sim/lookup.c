#include "sim/lookup.h"

#include "core/limits.h"
#include "core/random.h"
#include "sim/generate.h"

// One of the records that have or had a value of this hash.
struct holder {
    uint32_t slot;
    struct holder *next;
};

static const struct str further_emails = STR_INIT("hs_additional_emails");

// Without regard to case, as comparing is.
static uint64_t key_of(const struct property *property, struct str value)
{
    uint64_t h = (uint64_t)(uintptr_t)property;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        unsigned char lower = (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
        h = (h ^ lower) * UINT64_C(0x100000001b3);
    }
    return random_mix(h);
}

static void note_one(struct map *uniques, uint64_t key, uint32_t slot)
{
    struct holder *first = map_get(uniques, key);
    for (const struct holder *h = first; h; h = h->next) {
        if (h->slot == slot) {
            return;
        }
    }
    struct holder *own = calloc(1, sizeof(*own));
    if (!own) {
        abort();
    }
    *own = (struct holder){slot, first};
    map_put(uniques, key, own);
}

void lookup_note(struct shelf *s, const struct property *property, struct str value, uint32_t slot)
{
    if (value.len == 0) {
        return;
    }
    if (property->unique) {
        note_one(&s->uniques, key_of(property, value), slot);
        return;
    }
    const struct property *email = property_find(&s->properties, STR("email"));
    struct str rest = value;
    struct str one;
    while (email && str_eq(property->name, further_emails) && rest.len > 0 &&
           str_next(&rest, ';', &one)) {
        note_one(&s->uniques, key_of(email, one), slot);
    }
}

void lookup_block(struct shelf *s, const struct property *email, struct str address)
{
    map_put(&s->blocked, key_of(email, address), s); // only that there is something counts
}

bool lookup_is_blocked(const struct shelf *s, const struct property *email, struct str address)
{
    return map_get(&s->blocked, key_of(email, address)) != NULL;
}

void lookup_forget(struct map *uniques)
{
    for (size_t i = 0; i < uniques->cap; i++) {
        struct holder *h = uniques->entries[i].value;
        while (h) {
            struct holder *next = h->next;
            free(h);
            h = next;
        }
    }
    map_done(uniques);
}

struct search_for {
    const struct portal *portal;
    enum object_type type;
    const struct property *property;
    struct str value;
    bool archived;
    struct buf scratch;
};

static bool is_further_email(struct search_for *f, const struct record *r)
{
    const struct property *p = property_find(&r->shelf->properties, further_emails);
    if (f->property->kind != KIND_EMAIL || !p) {
        return false;
    }
    buf_reset(&f->scratch);
    if (!generate_value(r, p, &f->scratch)) {
        return false;
    }
    struct str rest = buf_str(&f->scratch);
    struct str one;
    while (rest.len > 0 && str_next(&rest, ';', &one)) {
        if (str_eq_nocase(one, f->value)) {
            return true;
        }
    }
    return false;
}

static bool is_it(struct search_for *f, uint32_t slot)
{
    uint8_t flags = f->portal->shelves[f->type].flags[slot];
    if ((flags & RECORD_GONE) || ((flags & RECORD_ARCHIVED) != 0) != f->archived) {
        return false;
    }
    struct record r = portal_record(f->portal, f->type, slot);
    buf_reset(&f->scratch);
    bool same = generate_value(&r, f->property, &f->scratch) &&
                str_eq_nocase(buf_str(&f->scratch), f->value);
    return same || is_further_email(f, &r);
}

// The record that this one was merged into, and so on; itself when it was not.
static uint32_t survivor_of(const struct shelf *s, uint32_t slot)
{
    const struct overlay *o = portal_overlay(s, slot);
    while (o && o->merged_into > 0) {
        slot = o->merged_into - 1;
        o = portal_overlay(s, slot);
    }
    return slot;
}

static bool find_noted(struct search_for *f, uint32_t *ret_slot)
{
    const struct shelf *s = &f->portal->shelves[f->type];
    for (const struct holder *h = map_get(&s->uniques, key_of(f->property, f->value)); h;
         h = h->next) {
        uint32_t slot = survivor_of(s, h->slot);
        if (is_it(f, slot)) {
            *ret_slot = slot;
            return true;
        }
    }
    return false;
}

static bool find(struct search_for *f, uint32_t *ret_slot)
{
    const struct shelf *s = &f->portal->shelves[f->type];
    uint64_t basis;
    if (generate_basis_of(f->property, f->value, &basis) && basis < s->n) {
        uint32_t slot = survivor_of(s, (uint32_t)basis);
        if (is_it(f, slot)) {
            *ret_slot = slot;
            return true;
        }
    }
    if (find_noted(f, ret_slot)) {
        return true;
    }
    if (f->property->kind == KIND_EMAIL || f->property->kind == KIND_UNIQUE ||
        f->property->fill == 0) {
        return false; // a made-up one would have been found by its number
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
    bool found = value.len > 0 && find(&f, ret_slot);
    buf_done(&f.scratch);
    return found;
}
