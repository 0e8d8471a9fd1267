// Names of made-up custom properties. Pure.
#pragma once

#include "core/arena.h"

// The i-th custom property's name and label, in the arena; unique by i. Some are longer than 63
// bytes, two begin with the same 63 bytes, two differ only by case.
void property_names_custom(struct arena *arena, size_t i, struct str *ret_name,
                           struct str *ret_label);
