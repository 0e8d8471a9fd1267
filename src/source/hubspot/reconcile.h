// The reconcile of an object's table with HubSpot: internal to the files reconcile*.c.
#pragma once

#include "source/hubspot/full.h"

enum {
    RECONCILE_SUSPECTS = 1200,
    RECONCILE_CELLS = 8192, // even
    RECONCILE_READ = 10000,
    RECONCILE_SPANS = 32, // halving the cells goes 13 deep and leaves one span behind each time
};

enum reconcile_stage { RECONCILE_MARKS, RECONCILE_COUNTS, RECONCILE_DONE };

// Cells [from, to), of which HubSpot counts `total` (-1: not asked yet).
struct span {
    size_t from, to;
    int64_t total;
    bool left; // the next on the stack is the other half, whose total still counts this one
};

struct counts {
    bool counted;
    // Live rows here, cut into cells of per_cell ids: cell i is edges[i] < id <= edges[i + 1].
    int64_t edges[RECONCILE_CELLS + 1];
    size_t n_cells;
    int64_t per_cell;
    int64_t n_live;
    struct span spans[RECONCILE_SPANS];
    size_t n_spans;
    // The stretch that is being compared: after < id <= end, `width` ids at a time.
    int64_t after, end, width;
    bool left;
    int64_t ids[RECONCILE_READ];
};

// Ids of a table, ascending, read a chunk at a time.
struct id_stream {
    struct source_ids_query query;
    int64_t ids[1000];
    size_t at, n;
    bool over;
};

struct marks {
    bool begun;
    uint64_t fingerprint;    // of the rows in question
    struct id_stream recent; // rows written lately
    struct id_stream live;
    struct id_stream merged; // ids that were merged away
    bool has_merged;
};

struct reconcile {
    enum reconcile_stage stage;
    int64_t started_ms;
    // Ids of which it is to be found out whether HubSpot has them; [next, n) are still to be read.
    int64_t suspects[RECONCILE_SUSPECTS];
    size_t next, n_suspects;
    bool of_marks; // they are of the first stage
    struct full_slot batch;
    struct marks marks;
    struct counts counts;
};

// Each finds the next suspects, or moves r->stage on when there are no more.
bool reconcile_marks_next(struct source_stream *s, struct reconcile *r,
                          struct error *err) MUST_CHECK;
bool reconcile_counts_next(struct source_stream *s, struct reconcile *r,
                           struct error *err) MUST_CHECK;
// HubSpot has this one of the suspects of RECONCILE_MARKS.
void reconcile_marks_found(struct reconcile *r, int64_t id);
