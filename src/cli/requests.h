// The settings of `sluice requests`.
#pragma once

#include "core/settings.h"

enum { REQUESTS_SETTINGS_N = 5 };
extern const struct setting REQUESTS_SETTINGS[REQUESTS_SETTINGS_N];
