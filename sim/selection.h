// Which properties a request asks for, looked up once and kept: requests of one client repeat the
// same long list.
//
// The cache is thread-safe. A selection taken is valid until it is released and while the portal's
// definitions do not change, so it is used under the portal's lock only.
#pragma once

#include "sim/portal.h"
#include "sim/visibility.h"

struct selection {
    const struct property **items; // ascending names, without duplicates
    size_t n;
    size_t worst; // bytes that all keys and short values can need
    // private
    struct str text;
    enum object_type object;
    bool exact;
    unsigned seen;
    uint64_t schema_version;
    uint64_t used;
    int refs;
};

struct selection_cache;

struct selection_cache *selection_cache_create(void);
void selection_cache_destroy(struct selection_cache *c);
// `list`: names, comma-separated; unknown ones are ignored. With `exact`, only these; without, the
// dates and the record id come along as HubSpot adds them, and an empty list means the object's
// defaults. What the caller may not see (`seen`: SEES_*) is left out.
const struct selection *selection_take(struct selection_cache *c, const struct portal *p,
                                       enum object_type object, struct str list, bool exact,
                                       unsigned seen);
void selection_release(struct selection_cache *c, const struct selection *s); // takes NULL
