#include "sim/guid.h"

#include "core/random.h"

struct str guid_make(struct arena *arena, uint64_t n)
{
    uint64_t a = random_mix(n * 2 + 1);
    uint64_t b = random_mix(n * 2 + 2);
    return arena_printf(arena, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32),
                        (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
                        (unsigned long long)(b & 0xffffffffffff));
}
