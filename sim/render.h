// Records as JSON, straight into the response. Reads the portal under its lock.
#pragma once

#include "sim/selection.h"

enum { INLINE_ASSOCIATIONS_MAX = 100 }; // per record and type in a list answer

struct render {
    const struct selection *properties;
    const struct selection *history; // NULL: no propertiesWithHistory
    enum object_type associations[OBJECT_COUNT];
    size_t n_associations;
    struct neighbors neighbors; // scratch; neighbors_done at the end
    struct buf scratch;         // buf_done at the end
    bool omit_nulls;            // leave properties without a value out instead of writing null
};

void render_init(struct render *how, const struct selection *properties);
void render_done(struct render *how);
// {"id":...,"properties":{...},...}
void render_record(struct buf *out, const struct record *r, struct render *how);
// "..." with a timestamp, or a decimal number as a string.
void render_iso(struct buf *out, int64_t ms);
void render_id(struct buf *out, uint64_t id);
