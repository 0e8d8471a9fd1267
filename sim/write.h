// Writing one record: what a create, update or upsert asks for is read and checked in full before
// anything changes, so that a batch can be refused as a whole. The caller holds the portal's lock
// exclusively; what a write points to lives in the call's arena.
#pragma once

#include "sim/mutate.h"
#include "sim/refusal.h"

struct write_value {
    const struct property *property;
    struct str value; // as it is kept; empty: cleared
};

struct write_link {
    struct association_kind kind;
    uint32_t slot; // of the record at the other end
};

struct write {
    struct call *call;
    enum object_type object;
    bool creates;
    uint32_t slot; // unless it creates; of the new record once it is done
    struct write_value *values;
    size_t n_values;
    struct write_link *links;
    size_t n_links;
    struct str names; // of all properties that were sent: a comma list
};

// The type in the path, if its records can be written; false after an answer.
bool write_object(struct call *c, enum object_type *ret) MUST_CHECK;
// Reads "properties" and "associations" of an input for the record in w->slot, or for a new one.
// `key` (NULL: none) is a unique property that gets the value `key_value` unless the input says
// otherwise. False: *ret says why.
struct write_key {
    const struct property *property;
    struct str value;
};
bool write_read(struct write *w, struct json input, const struct write_key *key,
                struct refusal *ret) MUST_CHECK;
// Whether both would give one record and another the same unique value.
bool write_collides(const struct write *w, const struct write *other, struct str *ret_value);
// Does it. False only when the portal has no more room.
bool write_apply(struct write *w, struct refusal *ret) MUST_CHECK;
// The record as the answer to a write shows it: its default properties and those that were sent.
void write_render(const struct write *w);
// What a change by this call leaves in the history.
struct mutate write_mutate(struct call *c, enum object_type object);
