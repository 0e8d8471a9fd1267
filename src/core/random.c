#include "core/random.h"

#include <errno.h>
#include <sys/random.h>

void random_seed(struct random *r, uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(r->s); i++) {
        // The i-th output of splitmix64 started at `seed`; never all zero.
        r->s[i] = random_mix(seed + i * 0x9e3779b97f4a7c15U);
    }
}

void random_seed_entropy(struct random *r)
{
    uint64_t seed = 0;
    ssize_t n;
    do {
        n = getrandom(&seed, sizeof(seed), 0);
    } while (n < 0 && errno == EINTR);
    assert(n == (ssize_t)sizeof(seed));
    random_seed(r, seed);
}

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

uint64_t random_u64(struct random *r)
{
    uint64_t *s = r->s;
    uint64_t result = rotate(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t random_below(struct random *r, uint64_t n)
{
    assert(n > 0);
    // Outputs under 2^64 mod n would make small results likelier: drawn again.
    uint64_t uneven = (0 - n) % n;
    uint64_t x;
    do {
        x = random_u64(r);
    } while (x < uneven);
    return x % n;
}

double random_unit(struct random *r)
{
    return (double)(random_u64(r) >> 11) * 0x1.0p-53;
}
