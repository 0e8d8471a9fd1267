#include "sim/link.h"

enum { UNLABELLED_BIT = 1, PRIMARY_BIT = 2 };

// There is one primary company: the former one becomes an ordinary one. In all pairs that have one
// it is the b side's.
static void drop_primary(struct portal *p, const struct association_pair *pair, uint32_t a)
{
    struct neighbors list = {0};
    associations_list(p, pair->a, a, pair->b, &list);
    for (size_t i = 0; i < list.n; i++) {
        if (list.items[i].mask & PRIMARY_BIT) {
            associations_set(p, pair, a, list.items[i].slot,
                             list.items[i].mask & (uint16_t)~PRIMARY_BIT);
        }
    }
    neighbors_done(&list);
}

bool link_fits(const struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b)
{
    bool fits = true;
    struct neighbors list = {0};
    if (pair->one_b) {
        associations_list(p, pair->a, a, pair->b, &list);
    }
    for (size_t i = 0; i < list.n; i++) {
        fits = fits && list.items[i].slot == b;
    }
    neighbors_done(&list);
    return fits;
}

// Records at the other end of `from` that have the label, but for `to`.
static uint32_t count_others(const struct portal *p, const struct association_pair *pair,
                             bool forward, uint32_t from, uint32_t to, size_t label)
{
    uint32_t n = 0;
    struct neighbors list = {0};
    associations_list(p, forward ? pair->a : pair->b, from, forward ? pair->b : pair->a, &list);
    for (size_t i = 0; i < list.n; i++) {
        const struct neighbor *one = &list.items[i];
        bool same_way = one->forward == forward ||
                        pair->labels[label].forward_id == pair->labels[label].reverse_id;
        n += (one->mask >> label & 1) && one->slot != to && same_way ? 1 : 0;
    }
    neighbors_done(&list);
    return n;
}

bool link_allowed(const struct portal *p, const struct association_pair *pair, uint32_t a,
                  uint32_t b, uint16_t mask)
{
    for (size_t label = 0; label < pair->n_labels; label++) {
        for (int side = 0; side < 2; side++) {
            uint32_t from = side == 0 ? a : b;
            uint32_t most = pair->most[side][label];
            if (most > 0 && ((mask | UNLABELLED_BIT) >> label & 1) && from != UINT32_MAX &&
                count_others(p, pair, side == 0, from, side == 0 ? b : a, label) >= most) {
                return false;
            }
        }
    }
    return true;
}

void link_set(struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b,
              uint16_t mask)
{
    assert((mask & ~pair->live) == 0);
    if ((mask & PRIMARY_BIT) && association_has_primary(pair)) {
        drop_primary(p, pair, a);
    }
    associations_set(p, pair, a, b, mask | UNLABELLED_BIT);
    p->version++;
}

// Whether the association of two records of one type runs from b to a.
static bool is_turned(const struct portal *p, const struct association_pair *pair, uint32_t a,
                      uint32_t b)
{
    bool turned = false;
    struct neighbors list = {0};
    if (pair->a == pair->b) {
        associations_list(p, pair->a, a, pair->b, &list);
    }
    for (size_t i = 0; i < list.n; i++) {
        turned = turned || (list.items[i].slot == b && !list.items[i].forward);
    }
    neighbors_done(&list);
    return turned;
}

void link_remove(struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b,
                 uint16_t mask)
{
    if (is_turned(p, pair, a, b)) {
        uint32_t keep = a;
        a = b;
        b = keep;
    }
    uint16_t left = associations_mask(p, pair, a, b) & (uint16_t)~mask;
    associations_set(p, pair, a, b, mask & UNLABELLED_BIT ? 0 : left);
    p->version++;
}
