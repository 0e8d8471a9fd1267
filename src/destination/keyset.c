#include "destination/keyset.h"

#include "core/random.h"

enum { KEYSET_MIN = 256 };

void keyset_done(struct keyset *k)
{
    free(k->slots);
    *k = (struct keyset){0};
}

void keyset_clear(struct keyset *k)
{
    if (k->used > 0) {
        memset(k->slots, 0, k->size * sizeof(*k->slots));
        k->used = 0;
    }
}

static uint64_t nonzero(uint64_t number)
{
    number = random_mix(number);
    return number ? number : 1;
}

// The slot that holds `mixed`, or the free one where it belongs.
static size_t slot_of(const struct keyset *k, uint64_t mixed)
{
    size_t at = (size_t)mixed & (k->size - 1);
    while (k->slots[at] && k->slots[at] != mixed) {
        at = (at + 1) & (k->size - 1);
    }
    return at;
}

static void grow(struct keyset *k)
{
    struct keyset bigger = {.size = k->size ? k->size * 2 : KEYSET_MIN, .used = k->used};
    bigger.slots = calloc(bigger.size, sizeof(*bigger.slots));
    assert(bigger.slots);
    for (size_t i = 0; i < k->size; i++) {
        if (k->slots[i]) {
            bigger.slots[slot_of(&bigger, k->slots[i])] = k->slots[i];
        }
    }
    free(k->slots);
    *k = bigger;
}

bool keyset_has(const struct keyset *k, uint64_t number)
{
    return k->used > 0 && k->slots[slot_of(k, nonzero(number))] != 0;
}

bool keyset_add(struct keyset *k, uint64_t number)
{
    if (k->used * 2 >= k->size) {
        grow(k);
    }
    uint64_t mixed = nonzero(number);
    size_t at = slot_of(k, mixed);
    if (k->slots[at]) {
        return false;
    }
    k->slots[at] = mixed;
    k->used++;
    return true;
}
