// A pool of pages: a page keeps its arena and JSON document for the next answer, so that steady
// work allocates nothing. Thread-safe: pages are taken by streams and come back from the loading
// threads (page_destroy). Must outlive its pages.
#pragma once

#include "data/batch.h"
#include "source/hubspot/gate.h"

enum { PAGE_POOL_MAX = 32 };
struct page_pool;

// Keeps at most so many idle ones. `gate` may be NULL; it is shared with other pools and outlives
// them.
struct page_pool *page_pool_create(size_t keep, struct page_gate *gate);
void page_pool_destroy(struct page_pool *p); // takes NULL
// An empty page with a document. Waits at the gate.
struct page *page_pool_take(struct page_pool *p);
