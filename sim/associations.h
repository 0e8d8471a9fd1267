// Associations among the records of a portal.
//
// Generated ones take no memory: a segment maps a stretch of (shuffled) records of one type onto a
// stretch of (shuffled) records of another by arithmetic that can be turned round, so both
// directions agree. Those made or removed by hand lie over them. Locked with the portal.
#pragma once

#include "core/arena.h"
#include "sim/map.h"
#include "sim/objects.h"

struct portal;

enum {
    ASSOCIATION_LABELS_MAX = 16,   // of one pair, deleted ones included: bits of a mask
    ASSOCIATION_GENERATED_MAX = 6, // labels that generated associations may have
    ASSOCIATION_PAIRS_MAX = 512,
};

// One kind of association between two object types; its bit is its index in the pair.
struct association_label {
    const char *label; // NULL: the unlabelled one
    const char *reverse_label;
    int forward_id; // type id seen from `a`
    int reverse_id; // seen from `b`
    bool user_defined;
};

// Which two types can be associated. Never moves while the portal lives, so pointers hold.
struct association_pair {
    enum object_type a;
    enum object_type b;
    struct association_label labels[ASSOCIATION_LABELS_MAX];
    size_t n_labels;
    uint16_t live; // bits of the labels that have not been deleted
    bool one_b;    // an a record is associated with one b record at most
    // What admins allow at most, by label, 0: as many as one likes. [0] b records of an a record,
    // [1] the other way round.
    uint32_t most[2][ASSOCIATION_LABELS_MAX];
};

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
    uint16_t mask;                              // every association of the segment has these bits
    uint16_t chance[ASSOCIATION_GENERATED_MAX]; // and each of these by so many in a thousand
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
    struct association_pair *pairs; // ASSOCIATION_PAIRS_MAX places
    size_t n_pairs;
    uint16_t pair_of[OBJECT_COUNT][OBJECT_COUNT]; // index + 1; 0: cannot be associated
    int next_type_id;                             // of the next label that somebody makes
    struct arena texts;                           // labels that somebody made
};

// Fills the table with the pairs that every portal has.
void association_pairs_init(struct associations *s);
void association_pairs_done(struct associations *s);
// The pair of two types, or NULL. *ret_forward: `from` is its a side (also when both types are the
// same).
const struct association_pair *association_pair_of(const struct associations *s,
                                                   enum object_type from, enum object_type to,
                                                   bool *ret_forward);
const struct association_pair *association_pair_at(const struct associations *s,
                                                   size_t i); // NULL past the last
// Lets two types be associated, with an unlabelled label of new type ids; the pair that is already
// there if there is one. NULL: there are ASSOCIATION_PAIRS_MAX.
const struct association_pair *association_pair_add(struct associations *s, enum object_type a,
                                                    enum object_type b);
// A new label of a user's own; texts are copied. Without a reverse label (ptr NULL) both directions
// have the same one. Its index in *ret; false when the pair has ASSOCIATION_LABELS_MAX.
bool association_label_add(struct associations *s, const struct association_pair *pair,
                           struct str label, struct str reverse, size_t *ret) MUST_CHECK;
// False when there is no more room for texts.
bool association_label_rename(struct associations *s, const struct association_pair *pair,
                              size_t label, struct str name, struct str reverse) MUST_CHECK;
// No association has it any more; those that had it stay.
void association_label_delete(struct associations *s, const struct association_pair *pair,
                              size_t label);
// Sets what admins allow: `most` records at the other end, seen from the a side if `forward`.
void association_limit_set(struct associations *s, const struct association_pair *pair,
                           size_t label, bool forward, uint32_t most);
// Which label a type id means among those from one type to another. *ret_forward: the record it is
// written from is the pair's a side.
struct association_kind {
    const struct association_pair *pair;
    size_t label;
    bool forward;
};
// The kind of association that starts at `from` and has this type id; false when there is none.
bool association_kind_find(const struct associations *s, enum object_type from, int type_id,
                           bool user_defined, struct association_kind *ret);
// Whether the pair knows a primary one (its label 1).
bool association_has_primary(const struct association_pair *pair);

void associations_generate(struct associations *s, const struct portal *p);
// Lets a custom object that has just been made be associated with engagements.
void associations_open_custom(struct associations *s, enum object_type custom);
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
