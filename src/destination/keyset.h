// A set of 64-bit numbers that tells whether one was there before. One owner thread.
#pragma once

#include "core/base.h"

struct keyset {
    uint64_t *slots; // 0 is free
    size_t size;     // a power of two
    size_t used;
};

void keyset_done(struct keyset *k); // safe on a zeroed struct, which is an empty set
void keyset_clear(struct keyset *k);
bool keyset_has(const struct keyset *k, uint64_t number);
// False when the number is in the set already.
bool keyset_add(struct keyset *k, uint64_t number);
