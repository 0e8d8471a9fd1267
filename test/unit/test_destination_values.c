#include "test_destination.h"
const struct scene VALUE_SCENES[] = {{NULL, NULL}};
