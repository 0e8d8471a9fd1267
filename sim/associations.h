// Associations among the records of a portal.
//
// Generated ones take no memory: a segment maps a stretch of (shuffled) records of one type onto a
// stretch of (shuffled) records of another by arithmetic that can be turned round, so both
// directions agree. Those made or removed by hand lie over them. Locked with the portal.
#pragma once

#include "sim/map.h"
#include "sim/objects.h"

struct portal;

enum { ASSOCIATION_LABELS_MAX = 6 };

// One kind of association between two object types; its bit is its index in the pair.
struct association_label {
    const char *label; // NULL: the unlabelled one
    const char *reverse_label;
    int forward_id; // type id seen from `a`
    int reverse_id; // seen from `b`
    bool user_defined;
};

struct association_pair {
    enum object_type a;
    enum object_type b;
    struct association_label labels[ASSOCIATION_LABELS_MAX];
    size_t n_labels;
};

// The pair of two types, or NULL. *ret_forward: `from` is its a side (also when both types are the
// same).
const struct association_pair *association_pair_of(enum object_type from, enum object_type to,
                                                   bool *ret_forward);
size_t association_pair_index(const struct association_pair *pair);
const struct association_pair *association_pair_at(size_t i); // NULL past the last

// A record at the other end.
struct neighbor {
    uint32_t slot;
    uint16_t mask; // bits of the pair's labels
    bool forward;  // this end is the pair's a side
    bool by_hand;
};

struct neighbors {
    struct neighbor *items; // ascending slots, live ones only
    size_t n;
    size_t cap;
};
void neighbors_done(struct neighbors *n); // a zeroed one is empty

// x -> (x * mul + add) mod n, and back.
struct shuffle {
    uint64_t n, mul, add, inverse;
};

struct segment {
    const struct association_pair *pair;
    struct shuffle shuffle_a, shuffle_b;
    uint64_t a0, a1; // shuffled positions of the a side
    uint64_t b0, b1;
    uint16_t mask;                           // every association of the segment has these bits
    uint16_t chance[ASSOCIATION_LABELS_MAX]; // and each of these by so many in a thousand
};

enum { SEGMENTS_MAX = 96 };

struct edge {
    const struct association_pair *pair;
    uint32_t a, b;
    uint16_t mask;                // 0: removed
    struct edge *next_a, *next_b; // chains of the two records
};

struct chain {
    struct edge *head;
    size_t n;
};

struct associations {
    struct segment segments[SEGMENTS_MAX];
    size_t n_segments;
    uint64_t seed;
    struct map chains; // node (type, slot) -> struct chain
    struct edge **edges;
    size_t n_edges;
    size_t cap_edges;
};

void associations_generate(struct associations *s, const struct portal *p);
void associations_forget_changes(struct associations *s);
void associations_done(struct associations *s);

// Appends nothing when there are none. `out` is emptied first and may be reused from call to call.
void associations_list(const struct portal *p, enum object_type from, uint32_t slot,
                       enum object_type to, struct neighbors *out);
// The slot of the contact's primary company; false when it has none.
bool associations_primary_company(const struct portal *p, uint32_t contact, uint32_t *ret_company);
// Sets the labels between two records (0 removes the association). `a` and `b` are sides of the
// pair.
void associations_set(struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b,
                      uint16_t mask);
// The labels between two records, 0 when they are not associated; whatever their state.
uint16_t associations_mask(const struct portal *p, const struct association_pair *pair, uint32_t a,
                           uint32_t b);
