// Settings of `sluice api`: one call to HubSpot, for a look or a script.
#pragma once

#include "cli/sync_settings.h"

struct api_settings {
    struct sync_settings account; // of these only the rows of cli/account_settings.def, and
                                  // json and log_level
    struct str query;
    struct str body;
    bool all;
    int64_t max;
};

enum { API_SETTINGS_N = ACCOUNT_SETTINGS_N + 6 };
extern const struct setting API_SETTINGS[API_SETTINGS_N];
