// sluice: moves HubSpot data into a database its user owns.
#include "cli/cli.h"

#include "core/limits.h"

#ifdef __GLIBC__
#include <malloc.h>

// Few arenas, and large blocks given back when they are freed: memory must not grow with the number
// of threads or with the largest page ever seen.
static void bound_malloc(void)
{
    mallopt(M_ARENA_MAX, 2);                // NOLINT(concurrency-mt-unsafe): no thread yet
    mallopt(M_MMAP_THRESHOLD, 128 * 1024);  // NOLINT(concurrency-mt-unsafe): no thread yet
    mallopt(M_TRIM_THRESHOLD, 1024 * 1024); // NOLINT(concurrency-mt-unsafe): no thread yet
}
#else
static void bound_malloc(void)
{
}
#endif

int main(int argc, char **argv)
{
    struct arena arena;
    bound_malloc();
    arena_init(&arena, LIMIT_BODY_BYTES);
    struct cli cli = {.clock = clock_system(), .arena = &arena};
    int code = cli_main(&cli, argc, argv);
    arena_done(&arena);
    return code;
}
