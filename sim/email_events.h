// Events of marketing e-mails: made up from the seed, nothing is stored. Pure; the portal is
// locked.
#pragma once

#include "sim/portal.h"

struct email_event {
    uint64_t number;
    int64_t created_ms;
    const char *type; // "SENT", ...
    uint32_t contact; // slot of the recipient
    uint64_t campaign;
    uint64_t sent_number; // the event that sent the e-mail; its own number when it is that
    int64_t sent_ms;
};

uint64_t email_events_count(const struct portal *p);
// The i-th, the newest first; i < count. Times never rise.
struct email_event email_event_at(const struct portal *p, uint64_t i);
// The first event that is not newer than the time; count when all are.
uint64_t email_events_first_until(const struct portal *p, int64_t at_ms);
