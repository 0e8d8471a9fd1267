// A small seeded generator (xoshiro256**), for jitter, test data and sampling; never for secrets.
// One owner thread.
#pragma once

#include "core/base.h"

struct random {
    uint64_t s[4];
};

void random_seed(struct random *r, uint64_t seed);
void random_seed_entropy(struct random *r); // from the kernel
uint64_t random_u64(struct random *r);
uint64_t random_below(struct random *r, uint64_t n); // 0..n-1, n > 0
double random_unit(struct random *r);                // [0, 1)
// A good 64-bit mix of x: the same input gives the same output everywhere (splitmix64).
static inline uint64_t random_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
    return x ^ (x >> 31);
}
