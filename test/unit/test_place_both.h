// Runs tests of the store twice: on a file, and on a PostgreSQL server that is started for them,
// each test in a database of its own.
#pragma once

#include "test_place.h"
#include "test_sql_server.h"

enum place_kinds { PLACE_BOTH, PLACE_FILE_ONLY, PLACE_SERVER_ONLY };

struct place_test {
    const char *name; // NULL ends
    void (*run)(struct place *p);
    enum place_kinds on;
};
#define PLACE_TEST(fn)                                                                             \
    {                                                                                              \
#fn, fn, PLACE_BOTH                                                                        \
    }
#define PLACE_FILE_TEST(fn)                                                                        \
    {                                                                                              \
#fn, fn, PLACE_FILE_ONLY                                                                   \
    }
#define PLACE_SERVER_TEST(fn)                                                                      \
    {                                                                                              \
#fn, fn, PLACE_SERVER_ONLY                                                                 \
    }
#define PLACE_TESTS_END                                                                            \
    {                                                                                              \
        NULL, NULL, PLACE_BOTH                                                                     \
    }

// What main returns. Without PostgreSQL on the machine it fails.
int place_run_both(const char *group, const struct place_test *tests);
// Another handle of the same server that is no store's.
struct sql *place_admin(struct place *p);
