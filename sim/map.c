#include "sim/map.h"

#include "core/random.h"

enum { MAP_CAP_MIN = 64 };

void map_done(struct map *m)
{
    free(m->entries);
    *m = (struct map){0};
}

// The entry of the key, or the free one where it belongs.
static struct map_entry *probe(const struct map *m, uint64_t key)
{
    size_t mask = m->cap - 1;
    size_t at = (size_t)random_mix(key) & mask;
    while (m->entries[at].value && m->entries[at].key != key) {
        at = (at + 1) & mask;
    }
    return &m->entries[at];
}

void *map_get(const struct map *m, uint64_t key)
{
    return m->cap == 0 ? NULL : probe(m, key)->value;
}

static void grow(struct map *m)
{
    struct map bigger = {.n = m->n, .cap = MAX(m->cap * 2, (size_t)MAP_CAP_MIN)};
    bigger.entries = calloc(bigger.cap, sizeof(*bigger.entries));
    if (!bigger.entries) {
        abort();
    }
    for (size_t i = 0; i < m->cap; i++) {
        if (m->entries[i].value) {
            *probe(&bigger, m->entries[i].key) = m->entries[i];
        }
    }
    free(m->entries);
    *m = bigger;
}

void map_put(struct map *m, uint64_t key, void *value)
{
    assert(value);
    if ((m->n + 1) * 2 > m->cap) {
        grow(m);
    }
    struct map_entry *e = probe(m, key);
    m->n += e->value ? 0 : 1;
    *e = (struct map_entry){key, value};
}
