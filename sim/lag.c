#include "sim/lag.h"

void lag_done(struct lag *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->entries[i]);
    }
    free(l->entries);
    map_done(&l->first);
    map_done(&l->last);
    *l = (struct lag){0};
}

void lag_add(struct lag *l, uint32_t slot, struct lag_view before, int64_t known_us)
{
    if (l->n == l->cap) {
        l->cap = MAX(l->cap * 2, (size_t)64);
        l->entries = realloc(l->entries, l->cap * sizeof(struct lag_entry *));
        if (!l->entries) {
            abort();
        }
    }
    struct lag_entry *e = calloc(1, sizeof(*e));
    if (!e) {
        abort();
    }
    *e = (struct lag_entry){.slot = slot, .known_us = known_us, .before = before};
    l->entries[l->n++] = e;
    struct lag_entry *last = map_get(&l->last, slot);
    if (last) {
        last->later = e;
    } else {
        map_put(&l->first, slot, e);
    }
    map_put(&l->last, slot, e);
    l->settled_us = MAX(l->settled_us, known_us);
}

struct lag_view lag_view(const struct lag *l, uint32_t slot, struct lag_view current,
                         int64_t now_us)
{
    for (const struct lag_entry *e = map_get(&l->first, slot); e; e = e->later) {
        if (e->known_us > now_us) {
            return e->before;
        }
    }
    return current;
}
