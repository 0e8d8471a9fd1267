// Settings of `sluice endpoints`, and which endpoints HubSpot is about to give up.
#pragma once

#include "core/settings.h"
#include "hubspot/endpoints.h"

struct endpoints_settings {
    struct str api_version;
    bool json;
};

enum { ENDPOINTS_SETTINGS_N = 2 };
extern const struct setting ENDPOINTS_SETTINGS[ENDPOINTS_SETTINGS_N];

// Prints one line for each endpoint whose announced end, in that version, is past or less than
// `within_ms` away, with what to do. Returns how many there are.
size_t endpoints_ending(enum api_version version, int64_t now_ms, int64_t within_ms, FILE *out);
