// Exports: what was ordered, and when each is done. One runs at a time, the rest waits; how far
// they are follows from the clock. Files are made when they are fetched. Locked with the portal.
#pragma once

#include "core/arena.h"
#include "sim/objects.h"

enum {
    EXPORTS_MAX = 1000, // ever
    EXPORTS_A_DAY = 30, // in any 24 hours
    EXPORT_ASSOCIATED_MAX = 4,
    EXPORT_WAIT_MS = 500,    // before it starts
    EXPORT_BASE_MS = 1000,   // that each takes, and
    EXPORT_PER_RECORDS = 50, // a millisecond for so many records
    EXPORT_URL_MS = 5 * 60 * 1000,
};

struct export_order {
    uint64_t id;
    struct str name;
    struct str type; // "VIEW" or "LIST"
    enum object_type object;
    struct str properties; // comma-separated
    enum object_type associated[EXPORT_ASSOCIATED_MAX];
    size_t n_associated;
    bool names;        // headers are internal names
    bool values;       // values are internal ones
    struct str search; // body of a search, JSON; empty: everything
    uint64_t list_id;
    uint32_t records; // when it was ordered
    int64_t ordered_ms;
    int64_t starts_ms;
    int64_t done_ms;
};

struct exports {
    struct export_order *items; // EXPORTS_MAX places
    size_t n;
};

void exports_done(struct exports *s); // a zeroed one is empty
struct export_order *exports_find(const struct exports *s, uint64_t id);
// How many were ordered in the 24 hours before.
size_t exports_recent(const struct exports *s, int64_t now_ms);
// A copy of *o with an id and its times; NULL when there were EXPORTS_MAX.
struct export_order *exports_add(struct exports *s, const struct export_order *o, int64_t now_ms);
