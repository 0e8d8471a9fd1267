#include "test_destination.h"
const struct scene FAULT_SCENES[] = {{NULL, NULL}};
