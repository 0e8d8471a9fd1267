// Settings of `sluice endpoints`, and which endpoints HubSpot is about to give up.
#pragma once

#include "core/clock.h"
#include "core/settings.h"
#include "hubspot/endpoints.h"

struct endpoints_settings {
    struct str api_version;
    bool json;
};

enum { ENDPOINTS_SETTINGS_N = 2 };
extern const struct setting ENDPOINTS_SETTINGS[ENDPOINTS_SETTINGS_N];

// So long before an announced end it is told.
#define ENDS_WITHIN_MS (INT64_C(180) * 24 * 3600 * 1000)

// Prints (out may be NULL) one line for each endpoint whose announced end, in that version, is past
// or less than `within_ms` away, with what to do. Returns how many there are.
size_t endpoints_ending(enum api_version version, int64_t now_ms, int64_t within_ms, FILE *out);
// For a warning once a day: how many end within ENDS_WITHIN_MS; 0 when that was already told today,
// which a file in the data directory remembers. Without a directory it is told every time.
size_t endpoints_ends_today(enum api_version version, struct str directory,
                            const struct clock *clock);
