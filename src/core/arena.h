// struct arena: memory for one unit of work (a request, a page, a run), freed at once.
//
// Bump allocation in chunks that double up to 1 MiB. `limit` bounds the bytes handed out; going
// past it, or out of memory, aborts: each input is limited before it reaches an arena (limits.h).
// Under AddressSanitizer (or SLUICE_ARENA_MALLOC) each allocation is a malloc of its own, so that
// overruns show. One owner thread at a time; no locks.
#pragma once

#include "core/str.h"

struct arena_chunk;
struct arena {
    struct arena_chunk *head;
    size_t used;  // bytes handed out since the last reset
    size_t limit; // most bytes ever handed out between two resets
};

void arena_init(struct arena *a, size_t limit);
void arena_done(struct arena *a); // frees all; the arena may be initialised again
// Forgets all allocations; keeps the newest (largest) chunk for reuse.
void arena_reset(struct arena *a);

// 16-byte aligned, uninitialised / zeroed. Never NULL; size 0 gives a valid pointer.
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);
// Copies; the copy is NUL-terminated behind its length.
struct str arena_dup(struct arena *a, struct str s);
char *arena_cstr(struct arena *a, struct str s);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#define ARENA_NEW(a, type)      ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (n)))
