// struct lag: what the search index of one object type does not know yet.
//
// A change is queued with the view that the index had before it; until its time has come, searches
// use that view. Belongs to a shelf and is locked with it.
#pragma once

#include "sim/map.h"

// What a search sees of a record.
struct lag_view {
    bool visible;
    int64_t modified_ms;
};

struct lag_entry {
    uint32_t slot;
    int64_t known_us; // monotonic time at which the index catches up with this change
    struct lag_view before;
    struct lag_entry *later; // the next change of the same record
};

struct lag {
    struct lag_entry **entries; // all since the last clearing
    size_t n;
    size_t cap;
    struct map first;   // slot -> oldest entry
    struct map last;    // slot -> newest entry
    int64_t settled_us; // from then on the index knows everything
};

void lag_done(struct lag *l); // a zeroed lag is empty
void lag_add(struct lag *l, uint32_t slot, struct lag_view before, int64_t known_us);
// What the index thinks of the slot at now_us; `current` when it is up to date.
struct lag_view lag_view(const struct lag *l, uint32_t slot, struct lag_view current,
                         int64_t now_us);
