// ELT streams: which tables a sync loads, and how.
//
// Lists of texts are JSON arrays in the table and struct text_list here. Errors, threads and
// transactions as in syncs.h.
#pragma once

#include "store/syncs.h"

enum { STREAM_LIST_MAX = 2000, STREAM_LIST_BYTES_MAX = 256 * 1024 };

struct text_list {
    struct str *items;
    size_t n;
};

struct elt_stream {
    struct str id;
    struct str account_id;
    struct str sync_id;
    struct str name; // the source's own: "contacts"
    struct str incremental_pointer_id;
    bool full_sync_always;
    bool full_sync_at_midnight;
    bool protected_from_full_sync;
    bool enabled_history_table; // versions of its rows are kept
    struct text_list excluded_columns;
    struct text_list hashed_columns;
    struct text_list excluded_substreams;
    int64_t full_refresh_ms;   // when somebody asked for one; 0: nobody did
    bool reset_history;        // histories are wiped then, too
    int64_t last_completed_ms; // 0: never
    int64_t last_full_ms;
    struct str last_status;  // "completed", "failed"; empty: none has ended
    struct text_list tables; // that it has made in the destination
    int64_t created_ms, updated_ms;
};

struct stream_list {
    struct elt_stream *items;
    size_t n;
};

// Adds the stream to its sync, or changes the one of that name: all flags and lists are as given.
// Fills id and times. CONFLICT when another sync that loads into the same schema has it: of several
// that add it at once, one wins.
bool elt_stream_put(struct store *s, struct elt_stream *stream, struct arena *arena,
                    struct error *err) MUST_CHECK;
bool elt_stream_find(struct store *s, struct str account_id, struct str id, struct arena *arena,
                     struct elt_stream *ret, struct error *err) MUST_CHECK;
// Newest first. *ret_n may be q->max + 1: there is more.
bool elt_stream_list(struct store *s, const struct page_query *q, struct arena *arena,
                     struct elt_stream **ret, size_t *ret_n, struct error *err) MUST_CHECK;
// All of one sync, in the order in which they were added.
bool elt_stream_of_sync(struct store *s, struct str sync_id, struct arena *arena,
                        struct elt_stream **ret, size_t *ret_n, struct error *err) MUST_CHECK;
// The same of several: those of one sync follow each other.
bool elt_stream_of_syncs(struct store *s, const struct elt_sync *syncs, size_t n_syncs,
                         struct arena *arena, struct stream_list *ret,
                         struct error *err) MUST_CHECK;
// Those of the other syncs that load into the same schema, oldest first.
bool elt_stream_of_neighbours(struct store *s, const struct elt_sync *sync, struct arena *arena,
                              struct stream_list *ret, struct error *err) MUST_CHECK;
// With its runs and events. CONFLICT while one is running, as elt_sync_remove.
bool elt_stream_remove(struct store *s, struct str account_id, struct str id,
                       struct error *err) MUST_CHECK;
// Marks the next run as full, or takes the mark off (at_ms 0). What was asked for last counts.
struct full_mark {
    int64_t at_ms;
    bool reset_history; // wipe the histories, too
};
bool elt_stream_mark_full(struct store *s, struct str account_id, struct str id,
                          struct full_mark mark, struct error *err) MUST_CHECK;
// The tables that it has made, all of them.
bool elt_stream_set_tables(struct store *s, struct str id, const struct text_list *tables,
                           struct error *err) MUST_CHECK;
