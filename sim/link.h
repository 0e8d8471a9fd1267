// Making and removing associations by their rules. The caller holds the portal's lock exclusively.
#pragma once

#include "sim/portal.h"

// Whether the two may be associated: a line item belongs to one deal.
bool link_fits(const struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b);
// Whether the two may have these labels, as far as admins allow: false when one of them would have
// more records with a label at the other end. A record that is not there yet is UINT32_MAX.
bool link_allowed(const struct portal *p, const struct association_pair *pair, uint32_t a,
                  uint32_t b, uint16_t mask);
// The association of two records has exactly these labels and the unlabelled one from now on. A
// primary one takes the place of the one before. `a` and `b` are sides of the pair.
void link_set(struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b,
              uint16_t mask);
// Takes labels away; without the unlabelled one nothing stays.
void link_remove(struct portal *p, const struct association_pair *pair, uint32_t a, uint32_t b,
                 uint16_t mask);
