// Running searches. Results are kept for the pages that follow: an offset walks the kept order, and
// a walk by record id (sorted by id, "hs_object_id GT last") finds its place in it by binary
// search.
//
// Thread-safe; used under the portal's lock.
#pragma once

#include "sim/query.h"

enum { SEARCH_WALL = 10000, SEARCH_PAGE_MAX = 200 };

struct search_cache;

struct search_cache *search_cache_create(void);
void search_cache_destroy(struct search_cache *c);

struct search_page {
    uint32_t slots[SEARCH_PAGE_MAX];
    size_t n;
    uint64_t total;
};
struct search_want {
    uint64_t offset;
    size_t limit;
    int64_t now_us; // for the index lag
};
// The results from `offset` on, at most `limit`.
void search_run(struct search_cache *c, const struct query *q, struct arena *arena,
                const struct search_want *want, struct search_page *ret);
