#include "test_destination.h"
const struct scene SCHEMA_SCENES[] = {{NULL, NULL}};
