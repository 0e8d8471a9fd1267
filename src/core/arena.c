#include "core/arena.h"

#include <stdarg.h>

enum {
    ARENA_ALIGN = 16,
    ARENA_CHUNK_MIN = 1024,
    ARENA_CHUNK_MAX = 1024 * 1024,
    ARENA_KEEP_MAX = 4 * 1024 * 1024, // a reset gives chunks above this back to the system
};

struct arena_chunk {
    struct arena_chunk *next; // older
    size_t size;              // bytes of data
    size_t used;
    size_t padding; // keeps data 16-byte aligned
    char data[];
};
_Static_assert(offsetof(struct arena_chunk, data) % ARENA_ALIGN == 0, "data must stay aligned");

#if defined(SLUICE_ARENA_MALLOC) || defined(__SANITIZE_ADDRESS__)
#define ONE_MALLOC_EACH 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_MALLOC_EACH 1
#endif
#endif
#ifndef ONE_MALLOC_EACH
#define ONE_MALLOC_EACH 0
#endif

void arena_init(struct arena *a, size_t limit)
{
    assert(limit > 0);
    *a = (struct arena){.limit = limit};
}

static void free_chunks(struct arena_chunk *c)
{
    while (c) {
        struct arena_chunk *next = c->next;
        free(c);
        c = next;
    }
}

void arena_done(struct arena *a)
{
    free_chunks(a->head);
    *a = (struct arena){.limit = a->limit};
}

// Takes the largest chunk worth keeping out of the list; NULL when there is none.
static struct arena_chunk *take_keeper(struct arena *a)
{
    struct arena_chunk **best = NULL;
    for (struct arena_chunk **at = &a->head; *at; at = &(*at)->next) {
        if ((*at)->size <= ARENA_KEEP_MAX && (!best || (*at)->size > (*best)->size)) {
            best = at;
        }
    }
    if (!best || ONE_MALLOC_EACH) {
        return NULL;
    }
    struct arena_chunk *keeper = *best;
    *best = keeper->next;
    return keeper;
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *keeper = take_keeper(a);
    free_chunks(a->head);
    a->head = keeper;
    a->used = 0;
    if (keeper) {
        keeper->next = NULL;
        keeper->used = 0;
    }
}

// The bytes of a chunk that an allocation of `size` takes: the next one starts aligned.
static size_t rounded(size_t size)
{
    return (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
}

static void *new_chunk(struct arena *a, size_t size)
{
    size_t room = size;
    if (!ONE_MALLOC_EACH) {
        size_t grown = a->head ? MIN(a->head->size * 2, (size_t)ARENA_CHUNK_MAX) : ARENA_CHUNK_MIN;
        room = MAX(grown, size);
    }
    struct arena_chunk *c = malloc(sizeof(*c) + room);
    if (!c) {
        abort();
    }
    *c = (struct arena_chunk){.next = a->head, .size = room, .used = MIN(rounded(size), room)};
    a->head = c;
    return c->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
    // First, so that the rounding below cannot wrap.
    if (size > a->limit - a->used) {
        fprintf(stderr, "arena: %zu bytes asked with %zu of %zu in use\n", size, a->used, a->limit);
        abort();
    }
    a->used += size;
    struct arena_chunk *c = a->head;
    if (ONE_MALLOC_EACH || !c || size > c->size - c->used) {
        return new_chunk(a, size);
    }
    void *p = c->data + c->used;
    c->used = MIN(c->used + rounded(size), c->size);
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

char *arena_cstr(struct arena *a, struct str s)
{
    assert(s.len < SIZE_MAX);
    char *copy = arena_alloc(a, s.len + 1);
    if (s.len > 0) {
        memcpy(copy, s.ptr, s.len);
    }
    copy[s.len] = '\0';
    return copy;
}

struct str arena_dup(struct arena *a, struct str s)
{
    return (struct str){arena_cstr(a, s), s.len};
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    assert(fmt);
    va_list args;
    va_list again;
    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    assert(len >= 0);
    char *text = arena_alloc(a, (size_t)len + 1);
    vsnprintf(text, (size_t)len + 1, fmt, again);
    va_end(again);
    return (struct str){text, (size_t)len};
}
