// Reading the associations of a chunk of records with batch read, following each record's own
// paging.
//
// A chunk comes out as one or more pages, all but the last with `hold`, so that they commit
// together: first all rows of the chunk's records are replaced, then more rows are added.
#pragma once

#include "source/hubspot/internal.h"

enum {
    PAIR_IDS_MAX = 1000,
    PAIR_COLUMNS = 5,
    PAIR_KEYS = 4,
    PAIR_FOUND_MAX = 4000000,
    PAIR_CALLS_MAX = 20000
};

enum pair_task {
    PAIR_TASK_NONE,
    PAIR_TASK_FORWARD, // reads the chunk's own associations
    PAIR_TASK_LOOKUP,  // reverse: finds the records that the changed ones are associated with
    PAIR_TASK_FOUND,   // reverse: reads the associations of those, chunk by chunk
};

// A record whose list of associations goes on.
struct pair_more {
    int64_t id;
    struct str after;
};

struct pair_reader {
    struct source_stream *stream;
    const struct table *table;
    bool from_is_a;
    struct pair_part part;         // the one that is being read
    const struct pair_part *parts; // reverse: those that are still to come
    size_t n_parts;
    enum pair_task task;
    int64_t ids[PAIR_IDS_MAX]; // of the chunk at hand
    size_t n_ids;
    int64_t last_id;               // the greatest of the chunk that was begun
    int n_calls;                   // made for the chunk at hand
    bool first;                    // the next page replaces the chunk's rows
    int64_t changed[PAIR_IDS_MAX]; // reverse: the changed records of the other side
    size_t n_changed;
    bool removed; // reverse: their rows have been removed
    bool merge;   // an empty table: nothing to replace
    struct pair_more more[PAIR_IDS_MAX];
    size_t n_more;
    struct arena more_arena[2]; // texts of `more`, old and new
    int more_side;
    int64_t *found; // sorted, unique ids of the side that is read from
    size_t n_found, cap_found, next_found;
    struct buf body;
};

void pair_reader_init(struct pair_reader *r, struct source_stream *s, const struct table *table,
                      bool from_is_a);
void pair_reader_done(struct pair_reader *r);
bool pair_reader_busy(const struct pair_reader *r);
// Begins a chunk of records of part->from. `merge`: the table holds nothing of them.
void pair_reader_begin(struct pair_reader *r, const struct pair_part *part, const int64_t *ids,
                       size_t n, bool merge);
// Begins a chunk of changed records of the side that is not read from, which all parts have in
// common. Their rows go, of whatever part, and come back with the records of each part that they
// are associated with. `parts` must outlive the chunk.
void pair_reader_begin_reverse(struct pair_reader *r, const struct pair_part *parts, size_t n_parts,
                               const int64_t *ids, size_t n);
// One call; *ret may stay NULL. The chunk is through when pair_reader_busy is false.
bool pair_reader_next(struct pair_reader *r, struct page **ret, struct error *err) MUST_CHECK;
