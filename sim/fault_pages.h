// What the edge in front of HubSpot answers instead of HubSpot.
#pragma once

#include "sim/call.h"

struct fault_cloudflare {
    int64_t code; // Cloudflare's own, or a status from 520 on
    int status;
    const char *title; // of a page; NULL: a line of text
};

// NULL: no such code.
const struct fault_cloudflare *fault_cloudflare(int64_t code);
void fault_cloudflare_answer(struct call *c, const struct fault_cloudflare *f);
