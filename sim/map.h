// struct map: 64-bit keys to pointers, open addressing. Grows; nothing is ever taken out one by
// one. Borrows what it points to. One writer, or many readers.
#pragma once

#include "core/base.h"

struct map_entry {
    uint64_t key;
    void *value; // NULL: free
};

struct map {
    struct map_entry *entries;
    size_t n;
    size_t cap; // a power of two, or 0
};

void map_done(struct map *m); // frees the table; a zeroed map is an empty one
void *map_get(const struct map *m, uint64_t key);
void map_put(struct map *m, uint64_t key, void *value); // value not NULL; replaces
