// The walks of an object stream. Each gives one page at a time and keeps its place in the stream's
// object_state.
#pragma once

#include "source/hubspot/internal.h"
#include "source/hubspot/state.h"

struct object_stream {
    struct object_tables tables;
    struct stages stages;
    struct decoder decoder;
    struct object_state state;
    struct naming *naming;
    bool columns_written; // new rows of the column registry have gone out with a page
    bool resumed;         // the pass was begun by an earlier run
    bool started;
    struct full_walk *full;
    struct search_walk *search;
    bool reconcile;      // due when the pass at hand is complete; then
    struct buf archived; // the ids (int64_t) that the archived list gave; overflows when it is
                         // very long
    struct reconcile *reconciling;
    int64_t source_total; // live records by search when the pass began; -1: unknown
};

struct object_stream *object_stream_of(struct source_stream *s);
void object_page_cursor(struct source_stream *s, struct page *page);

// The phase at hand is complete: sets the next one in the state.
void object_next_phase(struct source_stream *s);

// Each: *ret is NULL when the walk is over.
bool full_walk_next(struct source_stream *s, struct page **ret, struct error *err);
void full_walk_close(struct source_stream *s);
bool search_walk_next(struct source_stream *s, struct page **ret, struct error *err);
void search_walk_close(struct source_stream *s);
// True when pages are still to come although the phase is over.
bool search_walk_busy(struct source_stream *s);
bool archived_walk_next(struct source_stream *s, struct page **ret, struct error *err);
// search.c: the filters for ids above after_id up to end_id (INT64_MAX: no end), and the order by
// id.
struct json_writer;
void search_add_window(struct json_writer *w, int64_t after_id, int64_t end_id);
void search_add_order(struct json_writer *w);
// reconcile.c: finds what no date and no list of deleted records tells. Clears o->reconcile.
bool reconcile_walk_next(struct source_stream *s, struct page **ret, struct error *err);

// archived.c: marks the rows of these records deleted, in all tables of the object.
void object_add_marks(struct source_stream *s, struct page *page, const int64_t *ids, size_t n);
