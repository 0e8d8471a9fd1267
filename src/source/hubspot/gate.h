// How many pages all accounts of a process hold at once, from the answer that is read to the rows
// that are written. Hundreds of accounts may call again at the same instant; all their answers
// would lie in memory, parsed, where a few keep every processor and database busy.
//
// The limit gives way: who has waited for long goes on, so that streams which wait for each other
// elsewhere cannot wait here for ever. Threads: any.
#pragma once

#include "core/base.h"

struct page_gate;

struct page_gate *page_gate_create(size_t max, int64_t wait_ms);
void page_gate_destroy(struct page_gate *g); // takes NULL; nobody may be inside
// True: there is a place, to be given back with page_gate_leave. False: the wait was too long.
bool page_gate_enter(struct page_gate *g) MUST_CHECK;
void page_gate_leave(struct page_gate *g);
