// Changing records of a portal. The caller holds the portal's lock exclusively.
#pragma once

#include "sim/portal.h"

// When a change happens, and when the search index learns of it.
struct mutate_time {
    int64_t at_ms;
    int64_t now_us;
    int64_t lag_us;
    int64_t lag_span_us; // up to so much more, another for each change
};

struct mutate {
    struct portal *portal;
    enum object_type object;
    struct mutate_time time;
    uint64_t app_id; // of the app that changes something; 0: somebody at the user interface
};

// A new live record behind all others; false when there are PORTAL_RECORDS_MAX of the type.
// Its values are made up, until mutate_blank takes them away: then it has those that are set.
bool mutate_create(const struct mutate *m, uint32_t *ret_slot) MUST_CHECK;
void mutate_blank(const struct mutate *m, uint32_t slot);
// Sets a value (ptr NULL: null), kept by reference: it must live in the portal's arena. Does not
// touch the modification date.
void mutate_set(const struct mutate *m, uint32_t slot, const struct property *p, struct str value);
// The modification date becomes at_ms.
void mutate_touch(const struct mutate *m, uint32_t slot);
void mutate_archive(const struct mutate *m, uint32_t slot); // of a live record
void mutate_restore(const struct mutate *m, uint32_t slot); // of an archived record; its date stays
void mutate_delete(const struct mutate *m, uint32_t slot);  // for good
// Merges two live records; the survivor's slot. Contacts and companies: a new record; others: the
// primary.
bool mutate_merge(const struct mutate *m, uint32_t primary, uint32_t other,
                  uint32_t *ret_survivor) MUST_CHECK;
// A copy of the text in the portal's arena; false when that is full.
bool mutate_keep(struct portal *p, struct str text, struct str *ret) MUST_CHECK;
