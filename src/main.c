// sluice: moves HubSpot data into a database its user owns.
#include "cli/cli.h"

#include "core/limits.h"

int main(int argc, char **argv)
{
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    struct cli cli = {.clock = clock_system(), .arena = &arena};
    int code = cli_main(&cli, argc, argv);
    arena_done(&arena);
    return code;
}
