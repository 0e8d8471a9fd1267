// The walk over every live record of an object by its list endpoint: internal to full.c and wide.c.
//
// The ids are cut into ranges that are listed side by side, as many as it takes to use up the
// budget at the latency seen: one when HubSpot is near, up to FULL_SLOTS when it is far. Cutting
// relies on the list cursor being a record id (HubSpot's object guide); the walk checks that on
// every page and goes on one page after the other when it does not hold.
#pragma once

#include "source/hubspot/fetch.h"
#include "source/hubspot/walk.h"

enum { FULL_SLOTS = RANGES_MAX, WIDE_IDS_MAX = 100 };

enum slot_step {
    SLOT_UNUSED,
    SLOT_IDLE,    // its next list call has to be started
    SLOT_LISTING, // waits for a list
    SLOT_READING, // wide: waits for the properties of `ids`
    SLOT_MENDING, // wide: waits for those that search did not have
};

struct full_slot {
    enum slot_step step;
    struct id_range range; // where the pages given out so far end
    bool by_search;        // wide: how the properties are read
    bool last;             // wide: no list call follows the ids at hand
    char next_after[CURSOR_MAX];
    int64_t next_id;
    int64_t ids[WIDE_IDS_MAX];
    size_t n_ids;
    double density; // records per id, as seen where the range is being read; 0: not known yet
};

struct full_walk {
    struct full_slot slots[FULL_SLOTS];
    bool probe_sent;
    bool splittable;     // the cursor has behaved like a record id
    bool cursor_is_last; // it is the last id listed, not the one after
    bool search_usable;  // wide: search may read properties
    int64_t max_id;      // greatest live id as search knows it; 0: unknown
    int64_t latency_us;  // running mean of a call
    uint64_t seen;       // records listed in this run
    int splits;
    struct buf scratch; // bodies and queries
};

// wide.c
// The request that reads slot->ids, over the way that slot->by_search says.
void wide_build_body(struct source_stream *s, const struct full_slot *slot, struct buf *out);
// Starts reading the properties of slot->ids over the cheaper way.
bool wide_start(struct source_stream *s, struct full_slot *slot, struct error *err) MUST_CHECK;
// The same by batch read, whatever is cheaper.
bool wide_start_batch(struct source_stream *s, struct full_slot *slot,
                      struct error *err) MUST_CHECK;
// Takes the answer to either. *ret NULL: another call had to be made first, or there was no row.
bool wide_take(struct source_stream *s, struct full_slot *slot, struct hubspot_answer *a,
               struct page **ret, struct error *err) MUST_CHECK;

// full.c
void full_advance(struct full_slot *slot, const char *after, int64_t next_id, bool last);
void full_cursor(struct source_stream *s, struct page *page);
