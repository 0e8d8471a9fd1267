// Rates as texts, and the tiers of accounts. Pure; any thread.
#pragma once

#include "core/error.h"
#include "core/str.h"

// "N/10s", "N/s", "N/500ms" or "off" (0 calls: no limit). The error names the option.
bool rate_parse(const char *name, struct str text, uint64_t *ret_n, int64_t *ret_ms,
                struct error *err) MUST_CHECK;

// What HubSpot sells.
struct rate_tier {
    const char *name;
    uint64_t burst; // calls of an app in 10 s
    uint64_t daily; // calls of all private apps in a day; 0: not limited
    uint64_t associations;
    uint64_t associations_daily;
};
#define RATE_TIERS "free|starter|professional|enterprise|enterprise+addon|oauth"
enum { RATE_WINDOW_MS = 10000, RATE_OAUTH = 110 };
const struct rate_tier *rate_tier(struct str name); // NULL: none of that name
