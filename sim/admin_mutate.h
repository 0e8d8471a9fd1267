// POST /_sim/mutate: operations described in JSON. The caller holds the portal's lock exclusively.
#pragma once

#include "core/error.h"
#include "sim/call.h"
#include "sim/mutate.h"

// Records chosen, in the call's arena.
struct picked {
    uint32_t *slots;
    size_t n;
};

// What the steps of one operation share.
struct operation {
    struct call *call;
    struct json spec;
    struct mutate mutate;
    struct picked records;   // those concerned
    struct json_writer *out; // an open object for the result
};

// Does one operation and writes what it did into the writer, as an object.
bool admin_mutate(struct call *call, struct json spec, struct json_writer *out,
                  struct error *err) MUST_CHECK;

// In admin_associate.c: {"op":"associate"|"disassociate", "from", "to", ...}
bool admin_associate(struct operation *o, bool remove, struct error *err) MUST_CHECK;
// In admin_property.c: {"op":"property", "action", "object", "name", ...}
bool admin_property(struct operation *o, struct error *err) MUST_CHECK;
// The records of {"ids":[...]} or {"count":N,"pick":...,"skip":N}; `state` RECORD_* flags they must
// have.
bool admin_pick(struct operation *o, enum object_type object, const char *ids_field, uint8_t state,
                struct picked *ret, struct error *err) MUST_CHECK;
bool admin_object(const struct operation *o, const char *field, enum object_type *ret,
                  struct error *err) MUST_CHECK;
