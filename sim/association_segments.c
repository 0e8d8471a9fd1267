// Which stretches of which records are associated, and the shuffles that scatter them.
#include "core/random.h"
#include "sim/portal.h"

enum { BIG_COMPANY_CONTACTS = 10500, BIG_COMPANY_FROM = 20000 };

#define PER 1000 // stretches are in thousandths of the records

// a and b stretches, bits that all have, then chances of further bits.
struct segment_row {
    enum object_type a, b;
    uint16_t a0, a1, b0, b1;
    uint16_t mask;
    uint16_t chance[ASSOCIATION_LABELS_MAX];
    uint64_t
        lane; // shuffles of other lanes differ, so that a record may have more than one neighbor
};

#define ON(a_, b_) OBJECT_##a_, OBJECT_##b_
static const struct segment_row rows[] = {
    {ON(CONTACTS, COMPANIES), 0, 600, 0, PER, 3, {0, 0, 120, 40}, 0},
    {ON(CONTACTS, COMPANIES), 600, 850, 0, 100, 3, {0, 0, 60, 30}, 0},
    {ON(CONTACTS, COMPANIES), 0, 60, 200, 900, 1, {0, 0, 100, 200}, 1},
    {ON(DEALS, COMPANIES), 0, 900, 0, PER, 3, {0}, 0},
    {ON(DEALS, COMPANIES), 0, 40, 0, 300, 1, {0}, 1},
    {ON(DEALS, CONTACTS), 0, 900, 0, PER, 1, {0, 150}, 0},
    {ON(DEALS, CONTACTS), 0, 450, 0, 500, 1, {0}, 1},
    {ON(CONTACTS, TICKETS), 0, 60, 0, 900, 1, {0}, 0},
    {ON(TICKETS, COMPANIES), 0, 700, 0, 500, 3, {0}, 0},
    {ON(DEALS, TICKETS), 0, 80, 0, 100, 1, {0}, 0},
    {ON(CONTACTS, CONTACTS), 0, 50, 100, 120, 3, {0}, 0},
    {ON(CONTACTS, CONTACTS), 200, 210, 300, 310, 1, {0}, 0},
    {ON(COMPANIES, COMPANIES), 0, 30, 100, 250, 3, {0}, 0},
    {ON(COMPANIES, COMPANIES), 500, 510, 600, 610, 1, {0}, 0},
    {ON(DEALS, DEALS), 0, 10, 500, 510, 1, {0}, 0},
    {ON(LINE_ITEMS, DEALS), 0, 900, 0, PER, 1, {0}, 0},
    {ON(TICKETS, TICKETS), 0, 10, 500, 510, 1, {0}, 0},
};

// How much of each engagement type hangs on each record type.
static const struct {
    enum object_type to;
    uint16_t share; // of the engagements
    uint16_t reach; // of the records
} engagement_rows[] = {
    {OBJECT_CONTACTS, 960, 400},
    {OBJECT_COMPANIES, 600, 500},
    {OBJECT_DEALS, 300, 600},
    {OBJECT_TICKETS, 120, 700},
};

static uint64_t gcd(uint64_t a, uint64_t b)
{
    while (b > 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

// The inverse of a modulo n by the extended Euclidean algorithm; a and n are coprime and below
// 2^32.
static uint64_t inverse(uint64_t a, uint64_t n)
{
    int64_t t = 0;
    int64_t next_t = 1;
    int64_t r = (int64_t)n;
    int64_t next_r = (int64_t)a;
    while (next_r != 0) {
        int64_t q = r / next_r;
        int64_t keep = t - q * next_t;
        t = next_t;
        next_t = keep;
        keep = r - q * next_r;
        r = next_r;
        next_r = keep;
    }
    return (uint64_t)(t < 0 ? t + (int64_t)n : t);
}

static struct shuffle make_shuffle(uint64_t n, uint64_t seed)
{
    if (n <= 1) {
        return (struct shuffle){.n = n, .mul = 0, .add = 0, .inverse = 0};
    }
    uint64_t h = random_mix(seed);
    // Near the golden ratio the images of neighbors lie far apart.
    uint64_t mul = (n * 618 / 1000 + h % 64) % n;
    mul = MAX(mul, (uint64_t)1);
    while (gcd(mul, n) != 1) {
        mul = mul + 1 < n ? mul + 1 : 1;
    }
    return (struct shuffle){.n = n, .mul = mul, .add = (h >> 32) % n, .inverse = inverse(mul, n)};
}

static struct segment *add_segment(struct associations *s, const struct portal *p,
                                   enum object_type a, enum object_type b, uint64_t lane)
{
    assert(s->n_segments < SEGMENTS_MAX);
    struct segment *g = &s->segments[s->n_segments++];
    bool forward = false;
    *g = (struct segment){.pair = association_pair_of(s, a, b, &forward)};
    assert(g->pair && forward);
    uint64_t seed = random_mix(s->seed ^ ((uint64_t)a << 8 | (uint64_t)b)) + lane;
    g->shuffle_a = make_shuffle(p->shelves[a].n_base, seed);
    // Within one type both ends must be counted in the same order, so that the stretches stay
    // apart.
    g->shuffle_b = a == b ? g->shuffle_a : make_shuffle(p->shelves[b].n_base, seed + 0x10000);
    return g;
}

static void add_row(struct associations *s, const struct portal *p, const struct segment_row *row)
{
    uint64_t n_a = p->shelves[row->a].n_base;
    uint64_t n_b = p->shelves[row->b].n_base;
    struct segment *g = add_segment(s, p, row->a, row->b, row->lane);
    g->a0 = n_a * row->a0 / PER;
    g->a1 = n_a * row->a1 / PER;
    g->b0 = n_b * row->b0 / PER;
    g->b1 = n_b * row->b1 / PER;
    g->mask = row->mask;
    memcpy(g->chance, row->chance, sizeof(g->chance));
    if (row->a == row->b) {
        return;
    }
    if (g->b0 == g->b1) { // few records: better all of them than none
        g->b0 = 0;
        g->b1 = n_b;
    }
    // No more on the b side than on the a side: then each a record has one neighbor, and one
    // primary.
    g->b1 = MIN(g->b1, g->b0 + (g->a1 - g->a0));
}

// One company that everybody works for: more contacts than one page of anything holds.
static void add_big_company(struct associations *s, const struct portal *p)
{
    if (p->shelves[OBJECT_CONTACTS].n_base < BIG_COMPANY_FROM ||
        p->shelves[OBJECT_COMPANIES].n_base == 0) {
        return;
    }
    struct segment *g = add_segment(s, p, OBJECT_CONTACTS, OBJECT_COMPANIES, 2);
    g->a1 = BIG_COMPANY_CONTACTS;
    g->b1 = 1;
    g->mask = 1;
    g->chance[3] = 5;
}

// Engagements are the b side of their pairs; fewer records than engagements, so that each hangs on
// one record.
static void add_engagements(struct associations *s, const struct portal *p,
                            enum object_type engagement)
{
    for (size_t i = 0; i < ARRAY_LEN(engagement_rows); i++) {
        enum object_type to = engagement_rows[i].to;
        uint64_t n_a = p->shelves[to].n_base;
        uint64_t n_b = p->shelves[engagement].n_base;
        struct segment *g = add_segment(s, p, to, engagement, 0);
        g->b1 = n_b * engagement_rows[i].share / PER;
        g->a1 = MIN(g->b1, MIN(n_a, n_a * engagement_rows[i].reach / PER + 1));
        g->mask = 1;
    }
}

// Custom objects hang on contacts and companies, as engagements do; they can be associated with the
// other main types and with engagements, but are not from the start.
static void add_custom_object(struct associations *s, const struct portal *p,
                              enum object_type custom)
{
    for (size_t i = 0; i < ARRAY_LEN(engagement_rows); i++) {
        enum object_type to = engagement_rows[i].to;
        if (!association_pair_add(s, to, custom) || to > OBJECT_COMPANIES) {
            continue;
        }
        uint64_t n_a = p->shelves[to].n_base;
        uint64_t n_b = p->shelves[custom].n_base;
        struct segment *g = add_segment(s, p, to, custom, 0);
        g->b1 = n_b * engagement_rows[i].share / PER;
        g->a1 = MIN(g->b1, MIN(n_a, n_a * engagement_rows[i].reach / PER + 1));
        g->mask = 1;
    }
    associations_open_custom(s, custom);
}

void associations_open_custom(struct associations *s, enum object_type custom)
{
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        if (object_info((enum object_type)t)->engagement) {
            association_pair_add(s, custom, (enum object_type)t);
        }
    }
}

void associations_generate(struct associations *s, const struct portal *p)
{
    *s = (struct associations){.seed = random_mix(p->options.seed ^ 0x6173736f63)};
    association_pairs_init(s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        add_row(s, p, &rows[i]);
    }
    add_big_company(s, p);
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        if (object_info((enum object_type)t)->engagement) {
            add_engagements(s, p, (enum object_type)t);
        }
    }
    for (size_t i = 0; i < p->options.n_custom_objects; i++) {
        add_custom_object(s, p, (enum object_type)(OBJECT_CUSTOM_FIRST + i));
    }
}
