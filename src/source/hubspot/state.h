// Where an object stream stands, as the JSON that is kept beside its rows. The format carries a
// version: a later sluice reads what an earlier one wrote, and refuses what it does not know rather
// than reading everything anew unasked.
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "data/json.h"

enum { STATE_VERSION = 1, RANGES_MAX = 8, CURSOR_MAX = 200 };

enum phase {
    PHASE_IDLE,        // complete up to since_ms; the next run is incremental
    PHASE_FULL,        // reading everything by list
    PHASE_INCREMENTAL, // reading what was modified since since_ms by search
    PHASE_ARCHIVED,    // reading the ids of archived records
    PHASE_COUNT
};
const char *phase_name(enum phase p);

// A stretch of record ids that is being listed: from cursor `after` (empty: the beginning) to below
// `end`.
struct id_range {
    char after[CURSOR_MAX]; // HubSpot's own cursor text
    int64_t
        next_id;    // the same as a number: no id below it is left in the range; 0 at the beginning
    int64_t end_id; // INT64_MAX: open
};

struct object_state {
    enum phase phase;
    int64_t started_ms; // when the current pass began
    int64_t since_ms;   // everything modified before is in the destination
    bool insert;        // full pass into an empty table: no row can be there already
    bool refresh; // the pass was asked for as a full refresh and goes on where it was cut off;
                  // rows that a full pass does not see are marked deleted
    bool wide;    // too many properties for a URL
    bool ordered; // ids have come in ascending order so far
    struct id_range ranges[RANGES_MAX]; // full
    size_t n_ranges;
    int64_t from_ms;             // only what was modified since is here; 0: everything, or not told
    bool whole;                  // a full pass is behind it: every live record should be here
    int64_t reconciled_ms;       // when the records here were compared with HubSpot's; 0: never
    int64_t marks;               // which marked rows were looked into then: a fingerprint
    int64_t after_id;            // incremental: keyset
    char after_text[CURSOR_MAX]; // archived: HubSpot's cursor
};

// What all states have in common: `text` parsed into `doc`, and its version checked. STATE errors.
bool state_open(struct json_doc *doc, struct str text, int version, struct json *ret_root,
                struct error *err) MUST_CHECK;
// The error for a state that lacks something; returns false.
bool state_unreadable(struct error *err);
// Reads a state; ret->phase is PHASE_IDLE with since_ms 0 for none. STATE error when it cannot be
// understood.
bool object_state_parse(struct str text, struct object_state *ret, struct error *err) MUST_CHECK;
struct str object_state_format(const struct object_state *s, struct arena *arena);
