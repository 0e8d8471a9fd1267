// What a source offers: streams, each a walk over pages that ends with the stream's new state.
//
// The engine opens the source once a run, and each stream in a thread of its own:
//   source_stream_open  reads definitions, decides on tables and on the plan (talks to the source)
//   source_stream_start is told what the destination holds
//   source_stream_next  gives pages until the end
// A page's `cursor` is the state that holds once the page and all before it are loaded; an
// interrupted stream that is opened with that state goes on behind it, and nothing is lost or given
// twice. Threads: a source is shared; a stream has one owner thread, but source_stream_progress may
// be called from any.
#pragma once

#include "core/cancel.h"
#include "core/log.h"
#include "data/batch.h"

struct source;
struct source_stream;

enum { SOURCE_NEEDS_MAX = 12, SOURCE_TABLES_MAX = 8 };

// A stream that the source has, before anything is opened. Static.
struct source_stream_info {
    const char *name;                          // "contacts"
    const char *alias;                         // "contact"; may be NULL
    const char *table;                         // its main table
    const char *description;                   // one sentence
    const char *scope;                         // what the credential must be allowed
    const char *needs[SOURCE_NEEDS_MAX];       // streams that must be loaded before it; NULL ends
    const char *sub_tables[SOURCE_TABLES_MAX]; // tables it fills beside its main one; NULL ends
};

// How a stream reads things that only the destination knows. Called from the stream's thread.
struct source_ids_query {
    struct str table;
    struct str id_column;
    int64_t after_id;
    int64_t synced_after_ms; // INT64_MIN: all
    size_t max;
};

struct source_lookup {
    void *user;
    // As session_read_ids and session_read_table in destination.h.
    bool (*read_ids)(void *user, const struct source_ids_query *q, int64_t *ids, size_t *ret_n,
                     int64_t *ret_max_synced_ms, struct error *err);
    bool (*read_table)(void *user, const struct table *table,
                       bool (*row)(void *row_user, const struct cell *cells, struct error *err),
                       void *row_user, struct error *err);
    // Waits until all pages given so far are committed, so that what read_ids tells has them; the
    // last of them must not ask to be held. NULL: pages are committed as they are given.
    bool (*settle)(void *user, struct error *err);
    // The system tables that a stream writes to.
    const struct table *column_table;
    const struct table *reject_table;
};

struct source_stream_options {
    const struct source_stream_info *info;
    struct str state; // ptr NULL: none yet
    bool full_refresh;
    // 0: everything; else only records modified since, in a full refresh, too. A stream that began
    // later brings what it lacks.
    int64_t since_ms;
    const struct source_lookup *lookup;
    struct metadata_columns metadata;
    const struct cancel *cancel; // ends the stream's waits; may be NULL
    int64_t fresh_ms; // definitions that were read before this instant are read anew; 0: they serve
};

// What the source knows of a column beside its name and type.
struct source_column {
    struct str property; // that it holds; empty: none of the account's
    bool needed;         // the source tells rows apart by it
};

struct source_progress {
    uint64_t estimated_total; // 0: unknown
    const char *waiting_for;  // NULL: nothing in particular
    int64_t waiting_until_ms; // wall clock, 0: unknown
    uint64_t calls;
    const char *step; // "full", "incremental", "archived", ...
};

// A view over several tables that the stream wants to exist when it is done.
struct source_view {
    struct str name;
    const struct str *tables;
    size_t n_tables;
    const struct str *columns;
    size_t n_columns;
};

// How completeness can be checked after the stream: the source's own count of live records.
struct source_audit {
    bool known;
    uint64_t source_count;
    const struct table *table;
    struct str scope_column, scope_value; // empty: the whole table
};

bool source_stream_open(struct source *source, const struct source_stream_options *options,
                        struct source_stream **ret, struct error *err) MUST_CHECK;
void source_stream_close(struct source_stream *s); // takes NULL
// The tables that must exist before the first page. Valid until close.
const struct table *const *source_stream_tables(const struct source_stream *s, size_t *ret_n);
// Of a table's columns, into `ret[table->n_columns]`.
void source_stream_columns(const struct source_stream *s, const struct table *table,
                           struct source_column *ret);
// The rows of a stream in a table that other streams write to, too: those with that text.
struct source_part {
    struct str column, value;
};
// False: the stream alone writes to the table, or does not at all.
bool source_stream_part(const struct source_stream_info *info, struct str table,
                        struct source_part *ret);
// `empty`: all tables of the stream are empty in the destination.
void source_stream_start(struct source_stream *s, bool empty);
// The next page (owned by the caller); *ret is NULL when the stream is complete.
bool source_stream_next(struct source_stream *s, struct page **ret, struct error *err) MUST_CHECK;
void source_stream_progress(const struct source_stream *s, struct source_progress *ret);
// Rows of the pass at hand must not carry a synced stamp before this instant (ms), even when the
// clock steps back: what a full pass did not write is told by its stamp. May be called from any
// thread.
int64_t source_stream_floor_ms(const struct source_stream *s);
const struct source_view *source_stream_views(const struct source_stream *s, size_t *ret_n);
void source_stream_audit(struct source_stream *s, struct source_audit *ret);
