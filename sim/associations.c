#include "sim/associations.h"

#include "core/random.h"
#include "sim/portal.h"

void neighbors_done(struct neighbors *n)
{
    free(n->items);
    *n = (struct neighbors){0};
}

static void neighbors_add(struct neighbors *n, struct neighbor item)
{
    if (n->n == n->cap) {
        n->cap = MAX(n->cap * 2, (size_t)16);
        n->items = realloc(n->items, n->cap * sizeof(*n->items));
        if (!n->items) {
            abort();
        }
    }
    n->items[n->n++] = item;
}

static uint64_t shuffle(const struct shuffle *s, uint64_t x)
{
    return s->n <= 1 ? x : (x * s->mul + s->add) % s->n;
}

static uint64_t unshuffle(const struct shuffle *s, uint64_t y)
{
    return s->n <= 1 ? y : (y + s->n - s->add) % s->n * s->inverse % s->n;
}

// The positions [*lo, *hi) of `n_to` that position x of `n_from` is mapped to. The longer stretch
// is mapped onto the shorter one by rounding down; the other way round this finds all that were
// rounded to x.
static void span(uint64_t x, uint64_t n_from, uint64_t n_to, uint64_t *lo, uint64_t *hi)
{
    if (n_from >= n_to) {
        *lo = x * n_to / n_from;
        *hi = n_to > 0 ? *lo + 1 : *lo;
        return;
    }
    *lo = (x * n_to + n_from - 1) / n_from;
    *hi = ((x + 1) * n_to + n_from - 1) / n_from;
}

static uint16_t mask_of(const struct associations *s, const struct segment *g, uint64_t a,
                        uint64_t b)
{
    uint16_t mask = g->mask;
    uint64_t h = random_mix(s->seed ^ (a << 32 | b));
    for (size_t i = 0; i < ASSOCIATION_GENERATED_MAX; i++) {
        if (g->chance[i] > (h >> (10 * i)) % 1000) {
            mask |= (uint16_t)(1U << i);
        }
    }
    return mask & g->pair->live;
}

// Adds what the segment gives for a record on its a side (forward) or b side.
static void list_segment(const struct associations *s, const struct segment *g, bool forward,
                         uint32_t slot, struct neighbors *out)
{
    const struct shuffle *mine = forward ? &g->shuffle_a : &g->shuffle_b;
    const struct shuffle *other = forward ? &g->shuffle_b : &g->shuffle_a;
    uint64_t m0 = forward ? g->a0 : g->b0;
    uint64_t m1 = forward ? g->a1 : g->b1;
    uint64_t o0 = forward ? g->b0 : g->a0;
    uint64_t o1 = forward ? g->b1 : g->a1;
    if (slot >= mine->n || m1 == m0 || o1 == o0) {
        return; // made by hand, or an empty segment
    }
    uint64_t position = shuffle(mine, slot);
    if (position < m0 || position >= m1) {
        return;
    }
    uint64_t lo;
    uint64_t hi;
    span(position - m0, m1 - m0, o1 - o0, &lo, &hi);
    for (uint64_t q = lo; q < hi; q++) {
        uint64_t slot_other = unshuffle(other, o0 + q);
        uint16_t mask = forward ? mask_of(s, g, slot, slot_other) : mask_of(s, g, slot_other, slot);
        neighbors_add(out, (struct neighbor){(uint32_t)slot_other, mask, forward, false});
    }
}

static uint64_t node(enum object_type type, uint32_t slot)
{
    return (uint64_t)type << 32 | slot;
}

static void list_chain(const struct associations *s, const struct association_pair *pair,
                       enum object_type from, uint32_t slot, struct neighbors *out)
{
    const struct chain *chain = map_get(&s->chains, node(from, slot));
    const struct edge *e = chain ? chain->head : NULL;
    while (e) {
        bool forward = e->pair->a == from && e->a == slot;
        if (e->pair == pair) {
            uint16_t mask = e->mask & pair->live;
            neighbors_add(out, (struct neighbor){forward ? e->b : e->a, mask, forward, true});
        }
        e = forward ? e->next_a : e->next_b;
    }
}

static int compare_neighbors(const void *a, const void *b)
{
    const struct neighbor *x = a;
    const struct neighbor *y = b;
    if (x->slot != y->slot) {
        return x->slot < y->slot ? -1 : 1;
    }
    return (int)y->by_hand - (int)x->by_hand; // what was set by hand comes first and wins
}

// Sorts, joins what is there twice, drops what is removed or not live.
static void tidy(const struct shelf *to, struct neighbors *out)
{
    bool sorted = true;
    for (size_t i = 1; i < out->n && sorted; i++) {
        sorted = compare_neighbors(&out->items[i - 1], &out->items[i]) < 0;
    }
    if (!sorted) {
        qsort(out->items, out->n, sizeof(*out->items), compare_neighbors);
    }
    size_t n = 0;
    for (size_t i = 0; i < out->n;) {
        struct neighbor joined = out->items[i];
        for (i++; i < out->n && out->items[i].slot == joined.slot; i++) {
            joined.mask |= joined.by_hand ? 0 : out->items[i].mask;
        }
        if (joined.mask != 0 && portal_is_live(to, joined.slot)) {
            out->items[n++] = joined;
        }
    }
    out->n = n;
}

static void list_raw(const struct portal *p, const struct association_pair *pair,
                     enum object_type from, uint32_t slot, struct neighbors *out)
{
    const struct associations *s = &p->associations;
    out->n = 0;
    for (size_t i = 0; i < s->n_segments; i++) {
        const struct segment *g = &s->segments[i];
        if (g->pair != pair) {
            continue;
        }
        if (pair->a == from) {
            list_segment(s, g, true, slot, out);
        }
        if (pair->b == from) {
            list_segment(s, g, false, slot, out);
        }
    }
    if (s->n_edges > 0) {
        list_chain(s, pair, from, slot, out);
    }
}

void associations_list(const struct portal *p, enum object_type from, uint32_t slot,
                       enum object_type to, struct neighbors *out)
{
    out->n = 0;
    bool forward;
    const struct association_pair *pair = association_pair_of(&p->associations, from, to, &forward);
    if (!pair || !portal_is_live(&p->shelves[from], slot)) {
        return;
    }
    list_raw(p, pair, from, slot, out);
    if (out->n > 0) {
        tidy(&p->shelves[to], out);
    }
}

enum { PRIMARY_BIT = 2 };

bool associations_primary_company(const struct portal *p, uint32_t contact, uint32_t *ret_company)
{
    const struct associations *s = &p->associations;
    const struct shelf *companies = &p->shelves[OBJECT_COMPANIES];
    if (s->n_edges > 0 && map_get(&s->chains, node(OBJECT_CONTACTS, contact))) {
        struct neighbors list = {0};
        associations_list(p, OBJECT_CONTACTS, contact, OBJECT_COMPANIES, &list);
        bool found = false;
        for (size_t i = 0; i < list.n && !found; i++) {
            found = (list.items[i].mask & PRIMARY_BIT) != 0;
            *ret_company = list.items[i].slot;
        }
        neighbors_done(&list);
        return found;
    }
    // The same without building a list: this is part of every contact that is rendered.
    for (size_t i = 0; i < s->n_segments; i++) {
        const struct segment *g = &s->segments[i];
        if (g->pair->a != OBJECT_CONTACTS || g->pair->b != OBJECT_COMPANIES ||
            !(g->mask & PRIMARY_BIT) || contact >= g->shuffle_a.n || g->b1 == g->b0) {
            continue;
        }
        uint64_t position = shuffle(&g->shuffle_a, contact);
        if (position >= g->a0 && position < g->a1) {
            uint64_t q = (position - g->a0) * (g->b1 - g->b0) / (g->a1 - g->a0);
            *ret_company = (uint32_t)unshuffle(&g->shuffle_b, g->b0 + q);
            return portal_is_live(companies, *ret_company);
        }
    }
    return false;
}

static struct chain *chain_for(struct associations *s, uint64_t key)
{
    struct chain *chain = map_get(&s->chains, key);
    if (!chain) {
        chain = calloc(1, sizeof(*chain));
        if (!chain) {
            abort();
        }
        map_put(&s->chains, key, chain);
    }
    return chain;
}

// The edge between the two records, walking the shorter of their chains; in a pair of one type, in
// either order.
static struct edge *find_edge(struct associations *s, const struct association_pair *pair,
                              uint32_t a, uint32_t b)
{
    const struct chain *of_a = map_get(&s->chains, node(pair->a, a));
    const struct chain *of_b = map_get(&s->chains, node(pair->b, b));
    if (!of_a || !of_b) {
        return NULL;
    }
    bool walk_a = of_a->n <= of_b->n;
    enum object_type type = walk_a ? pair->a : pair->b;
    uint32_t slot = walk_a ? a : b;
    struct edge *e = walk_a ? of_a->head : of_b->head;
    while (e) {
        bool same = e->a == a && e->b == b;
        bool turned = pair->a == pair->b && e->a == b && e->b == a;
        if (e->pair == pair && (same || turned)) {
            return e;
        }
        e = e->pair->a == type && e->a == slot ? e->next_a : e->next_b;
    }
    return NULL;
}

void associations_set(struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b,
                      uint16_t mask)
{
    struct associations *s = &p->associations;
    assert(pair->a != pair->b || a != b);
    struct edge *e = find_edge(s, pair, a, b);
    if (e) {
        if (e->a != a) { // turned round: labels read the other way from now on
            struct edge turned = {pair, a, b, mask, e->next_b, e->next_a};
            *e = turned;
        }
        e->mask = mask;
        return;
    }
    e = calloc(1, sizeof(*e));
    if (!e) {
        abort();
    }
    struct chain *of_a = chain_for(s, node(pair->a, a));
    struct chain *of_b = chain_for(s, node(pair->b, b));
    *e = (struct edge){
        .pair = pair, .a = a, .b = b, .mask = mask, .next_a = of_a->head, .next_b = of_b->head};
    of_a->head = e;
    of_a->n++;
    of_b->head = e;
    of_b->n++;
    if (s->n_edges == s->cap_edges) {
        s->cap_edges = MAX(s->cap_edges * 2, (size_t)64);
        s->edges = realloc(s->edges, s->cap_edges * sizeof(struct edge *));
        if (!s->edges) {
            abort();
        }
    }
    s->edges[s->n_edges++] = e;
}

uint16_t associations_mask(const struct portal *p, const struct association_pair *pair, uint32_t a,
                           uint32_t b)
{
    struct neighbors list = {0};
    list_raw(p, pair, pair->a, a, &list);
    uint16_t by_hand = 0;
    uint16_t generated = 0;
    bool set_by_hand = false;
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].slot == b) {
            set_by_hand = set_by_hand || list.items[i].by_hand;
            by_hand |= list.items[i].by_hand ? list.items[i].mask : 0;
            generated |= list.items[i].by_hand ? 0 : list.items[i].mask;
        }
    }
    neighbors_done(&list);
    return set_by_hand ? by_hand : generated;
}

void associations_forget_changes(struct associations *s)
{
    for (size_t i = 0; i < s->n_edges; i++) {
        free(s->edges[i]);
    }
    free(s->edges);
    for (size_t i = 0; i < s->chains.cap; i++) {
        free(s->chains.entries[i].value);
    }
    map_done(&s->chains);
    s->edges = NULL;
    s->n_edges = 0;
    s->cap_edges = 0;
}

void associations_done(struct associations *s)
{
    associations_forget_changes(s);
    association_pairs_done(s);
}
