#include "sim/mutate.h"

#include "core/limits.h"
#include "core/random.h"
#include "sim/generate.h"
#include "sim/lookup.h"

enum { HISTORY_MAX = 20, RESERVED_ARENA = 16 * 1024 * 1024, ID_STEP = 8 };

static struct shelf *shelf_of(const struct mutate *m)
{
    return &m->portal->shelves[m->object];
}

bool mutate_keep(struct portal *p, struct str text, struct str *ret)
{
    if (p->arena.used + text.len + RESERVED_ARENA > PORTAL_ARENA_LIMIT) {
        return false;
    }
    *ret = arena_dup(&p->arena, text);
    return true;
}

// Call before a change that searches can see.
static void note_change(const struct mutate *m, uint32_t slot)
{
    struct shelf *s = shelf_of(m);
    m->portal->version++;
    if (m->time.lag_us + m->time.lag_span_us <= 0) {
        return;
    }
    if (m->time.now_us >= s->lag.settled_us && s->lag.n > 0) {
        lag_done(&s->lag); // the index has caught up with all of it; stale flags do no harm
    }
    struct lag_view before = {portal_is_live(s, slot), s->modified_ms[slot]};
    uint64_t more = random_mix(m->portal->version ^ (uint64_t)slot << 32);
    int64_t lag_us = m->time.lag_us + (int64_t)(more % ((uint64_t)m->time.lag_span_us + 1));
    lag_add(&s->lag, slot, before, m->time.now_us + lag_us);
    s->flags[slot] |= RECORD_LAGGING;
}

static struct overlay *overlay_for(struct shelf *s, const struct portal *p, uint32_t slot)
{
    struct overlay *o = portal_overlay(s, slot);
    if (o) {
        return o;
    }
    struct record r = portal_record(p, s->type, slot);
    o = calloc(1, sizeof(*o));
    if (!o) {
        abort();
    }
    *o = (struct overlay){
        .id = r.id, .basis = slot, .created_ms = r.created_ms, .settled_ms = r.modified_ms};
    map_put(&s->overlays, slot, o);
    s->flags[slot] |= RECORD_OVERLAY;
    return o;
}

static void grow(struct shelf *s)
{
    if (s->n < s->cap) {
        return;
    }
    s->cap = s->cap + s->cap / 4 + 1024;
    s->modified_ms = realloc(s->modified_ms, s->cap * sizeof(*s->modified_ms));
    s->flags = realloc(s->flags, s->cap);
    if (!s->modified_ms || !s->flags) {
        abort();
    }
}

bool mutate_create(const struct mutate *m, uint32_t *ret_slot)
{
    struct shelf *s = shelf_of(m);
    if (s->n >= PORTAL_RECORDS_MAX) {
        return false;
    }
    grow(s);
    struct overlay *o = calloc(1, sizeof(*o));
    if (!o) {
        abort();
    }
    uint32_t slot = s->n++;
    *o = (struct overlay){
        .id = s->next_id, .basis = slot, .created_ms = m->time.at_ms, .settled_ms = m->time.at_ms};
    s->next_id += ID_STEP;
    map_put(&s->overlays, slot, o);
    s->modified_ms[slot] = m->time.at_ms;
    // It counts as gone until the index has noted that it was not there before.
    s->flags[slot] = RECORD_OVERLAY | RECORD_GONE;
    note_change(m, slot);
    s->flags[slot] &= (uint8_t)~RECORD_GONE;
    *ret_slot = slot;
    return true;
}

void mutate_blank(const struct mutate *m, uint32_t slot)
{
    overlay_for(shelf_of(m), m->portal, slot)->blank = true;
    m->portal->version++;
}

// Keeps the history of one property short.
static void forget_oldest(struct overlay *o, const struct property *p)
{
    uint32_t n = 0;
    uint32_t oldest = 0;
    for (uint32_t i = o->n_changes; i > 0; i--) {
        if (o->changes[i - 1].property == p) {
            n++;
            oldest = i - 1;
        }
    }
    if (n >= HISTORY_MAX) {
        memmove(&o->changes[oldest], &o->changes[oldest + 1],
                (o->n_changes - oldest - 1) * sizeof(*o->changes));
        o->n_changes--;
    }
}

void mutate_set(const struct mutate *m, uint32_t slot, const struct property *p, struct str value)
{
    struct overlay *o = overlay_for(shelf_of(m), m->portal, slot);
    m->portal->version++;
    forget_oldest(o, p);
    if (o->n_changes == o->cap_changes) {
        o->cap_changes = MAX(o->cap_changes * 2, 2U);
        o->changes = realloc(o->changes, o->cap_changes * sizeof(*o->changes));
        if (!o->changes) {
            abort();
        }
    }
    o->changes[o->n_changes++] = (struct change){p, value, m->time.at_ms, m->app_id};
    lookup_note(shelf_of(m), p, value, slot);
}

void mutate_touch(const struct mutate *m, uint32_t slot)
{
    note_change(m, slot);
    overlay_for(shelf_of(m), m->portal, slot); // remembers the date that there was
    shelf_of(m)->modified_ms[slot] = m->time.at_ms;
}

void mutate_archive(const struct mutate *m, uint32_t slot)
{
    struct shelf *s = shelf_of(m);
    assert(portal_is_live(s, slot));
    note_change(m, slot);
    overlay_for(s, m->portal, slot)->archived_ms = m->time.at_ms;
    s->flags[slot] |= RECORD_ARCHIVED;
    s->n_archived++;
}

void mutate_restore(const struct mutate *m, uint32_t slot)
{
    struct shelf *s = shelf_of(m);
    assert((s->flags[slot] & (RECORD_ARCHIVED | RECORD_GONE)) == RECORD_ARCHIVED);
    note_change(m, slot);
    s->flags[slot] &= (uint8_t)~RECORD_ARCHIVED;
    s->n_archived--;
}

void mutate_delete(const struct mutate *m, uint32_t slot)
{
    struct shelf *s = shelf_of(m);
    assert((s->flags[slot] & RECORD_GONE) == 0);
    note_change(m, slot);
    s->n_archived -= s->flags[slot] & RECORD_ARCHIVED ? 1 : 0;
    s->flags[slot] = (uint8_t)((s->flags[slot] & ~RECORD_ARCHIVED) | RECORD_GONE);
    s->n_gone++;
}

enum { PRIMARY_BIT = 2 };

// Gives the survivor what the loser is associated with. A second primary becomes an ordinary one.
static void move_associations(const struct mutate *m, uint32_t loser, uint32_t survivor,
                              bool keep_primary)
{
    struct portal *p = m->portal;
    struct neighbors list = {0};
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        bool forward;
        const struct association_pair *pair =
            association_pair_of(&p->associations, m->object, (enum object_type)t, &forward);
        if (!pair) {
            continue;
        }
        bool has_primary = association_has_primary(pair);
        associations_list(p, m->object, loser, (enum object_type)t, &list);
        for (size_t i = 0; i < list.n; i++) {
            const struct neighbor *n = &list.items[i];
            uint32_t a = n->forward ? survivor : n->slot;
            uint32_t b = n->forward ? n->slot : survivor;
            if (pair->a == pair->b && n->slot == survivor) {
                continue;
            }
            uint16_t mask =
                has_primary && !keep_primary ? n->mask & (uint16_t)~PRIMARY_BIT : n->mask;
            associations_set(p, pair, a, b, mask | associations_mask(p, pair, a, b));
        }
    }
    neighbors_done(&list);
}

static void add_merged_id(struct overlay *o, uint64_t id)
{
    o->merged_ids = realloc(o->merged_ids, (o->n_merged + 1) * sizeof(*o->merged_ids));
    if (!o->merged_ids) {
        abort();
    }
    o->merged_ids[o->n_merged++] = id;
}

// Everything that the survivor stands for, as the value of hs_merged_object_ids.
static void note_merged_ids(const struct mutate *m, uint32_t survivor)
{
    struct shelf *s = shelf_of(m);
    const struct overlay *o = portal_overlay(s, survivor);
    const struct property *p = property_find(&s->properties, STR("hs_merged_object_ids"));
    uint64_t generated[2];
    size_t n = portal_generated_merges(s, survivor, generated);
    struct buf text;
    struct str value;
    buf_init(&text, LIMIT_VALUE_BYTES);
    for (size_t i = 0; i < n + o->n_merged; i++) {
        buf_printf(&text, "%s%llu", i > 0 ? ";" : "",
                   (unsigned long long)(i < n ? generated[i] : o->merged_ids[i - n]));
    }
    if (p && mutate_keep(m->portal, buf_str(&text), &value)) {
        mutate_set(m, survivor, p, value);
    }
    buf_done(&text);
}

static bool value_of(const struct mutate *m, uint32_t slot, const struct property *p,
                     struct buf *out)
{
    struct record r = portal_record(m->portal, m->object, slot);
    buf_reset(out);
    return generate_value(&r, p, out) && out->len > 0;
}

// The other's e-mail addresses become further ones of the survivor.
static void inherit_emails(const struct mutate *m, uint32_t survivor, uint32_t other,
                           struct buf *scratch)
{
    const struct property_set *set = &shelf_of(m)->properties;
    const struct property *email = property_find(set, STR("email"));
    const struct property *further = property_find(set, STR("hs_additional_emails"));
    if (!email || !further || !value_of(m, survivor, email, scratch)) {
        return; // without an address of its own, the survivor takes over the other's
    }
    const struct {
        uint32_t slot;
        const struct property *property;
    } parts[] = {{survivor, further}, {other, email}, {other, further}};
    struct buf all;
    struct str value;
    buf_init(&all, LIMIT_VALUE_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (value_of(m, parts[i].slot, parts[i].property, scratch)) {
            buf_add(&all, all.len > 0 ? STR(";") : STR(""));
            buf_add(&all, buf_str(scratch));
        }
    }
    if (all.len > 0 && mutate_keep(m->portal, buf_str(&all), &value)) {
        mutate_set(m, survivor, further, value);
    }
    buf_done(&all);
}

// What the survivor has no value of, it takes over from the other.
static void inherit(const struct mutate *m, uint32_t survivor, uint32_t other)
{
    const struct property_set *set = &shelf_of(m)->properties;
    struct buf scratch;
    struct str value;
    buf_init(&scratch, LIMIT_VALUE_BYTES);
    inherit_emails(m, survivor, other, &scratch);
    for (size_t i = 0; i < set->n; i++) {
        const struct property *p = set->items[i];
        if (!p->archived && !p->read_only && p->kind > KIND_COMPANY_ID &&
            !value_of(m, survivor, p, &scratch) && value_of(m, other, p, &scratch) &&
            mutate_keep(m->portal, buf_str(&scratch), &value)) {
            mutate_set(m, survivor, p, value);
        }
    }
    buf_done(&scratch);
}

static void merge_away(const struct mutate *m, uint32_t loser, uint32_t survivor, bool keep_primary)
{
    struct shelf *s = shelf_of(m);
    move_associations(m, loser, survivor, keep_primary);
    struct overlay *gone = overlay_for(s, m->portal, loser);
    struct overlay *left = overlay_for(s, m->portal, survivor);
    gone->merged_into = survivor + 1;
    add_merged_id(left, gone->id);
    uint64_t generated[2];
    size_t n = portal_generated_merges(s, loser, generated);
    for (size_t i = 0; i < n; i++) {
        add_merged_id(left, generated[i]);
    }
    for (uint32_t i = 0; i < gone->n_merged; i++) {
        add_merged_id(left, gone->merged_ids[i]);
    }
    mutate_delete(m, loser);
}

bool mutate_merge(const struct mutate *m, uint32_t primary, uint32_t other, uint32_t *ret_survivor)
{
    struct shelf *s = shelf_of(m);
    assert(primary != other && portal_is_live(s, primary) && portal_is_live(s, other));
    if (!object_info(m->object)->merge_makes_new) {
        inherit(m, primary, other);
        merge_away(m, other, primary, false);
        note_merged_ids(m, primary);
        mutate_touch(m, primary);
        *ret_survivor = primary;
        return true;
    }
    uint32_t survivor;
    if (!mutate_create(m, &survivor)) {
        return false;
    }
    struct record from = portal_record(m->portal, m->object, primary);
    struct overlay *o = portal_overlay(s, survivor);
    o->basis = from.basis;
    o->settled_ms = from.settled_ms;
    o->blank = from.blank;
    o->created_ms = from.created_ms;
    struct mutate quiet = *m;
    for (uint32_t i = 0; from.overlay && i < from.overlay->n_changes; i++) {
        const struct change *change = &from.overlay->changes[i];
        quiet.time.at_ms = change->at_ms;
        quiet.app_id = change->app_id;
        mutate_set(&quiet, survivor, change->property, change->value);
    }
    inherit(m, survivor, other);
    merge_away(m, primary, survivor, true);
    merge_away(m, other, survivor, false);
    note_merged_ids(m, survivor);
    *ret_survivor = survivor;
    return true;
}
