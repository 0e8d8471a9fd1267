// Where a pair stream stands, as the JSON kept beside its rows. Versioned like object_state.
#pragma once

#include "core/arena.h"
#include "core/error.h"

enum { PAIR_PARTS_MAX = 8, PAIR_STATE_VERSION = 1 };

enum pair_phase {
    PAIR_IDLE,
    PAIR_SWEEP, // every record of the side that is read from
    PAIR_FROM,  // its records written since the last pass
    PAIR_TO,    // records of the other side written since
    PAIR_PHASE_COUNT
};

struct pair_state {
    enum pair_phase phase;
    int64_t started_ms; // of the pass at hand
    int64_t swept_ms;   // start of the last complete sweep; 0: never
    size_t part;
    int64_t after_id;
    bool insert; // the sweep began with an empty table
    // Per part: rows of the object tables that were synced up to then have been dealt with
    // ("since"), or will have been when the pass at hand is complete ("next").
    int64_t from_since_ms[PAIR_PARTS_MAX], to_since_ms[PAIR_PARTS_MAX];
    int64_t from_next_ms[PAIR_PARTS_MAX], to_next_ms[PAIR_PARTS_MAX];
};

bool pair_state_parse(struct str text, struct pair_state *ret, struct error *err) MUST_CHECK;
struct str pair_state_format(const struct pair_state *s, size_t n_parts, struct arena *arena);
