// A source and a destination made of paper, linked in place of the real ones, so that the engine is
// tested alone: each stream does what its plan says, and what was done to it is written down.
#pragma once

#include "check.h"

#include "engine/run.h"

#include <pthread.h>
#include <stdatomic.h>

enum { STREAMS_MAX = 8, PAGES_MAX = 24, COMMITS_MAX = 64, CURSOR_TEXT_MAX = 32 };

// What fails, the `fail_at`-th time it is called (0: the first).
enum paper_call {
    CALL_NONE,
    CALL_SESSION_OPEN,
    CALL_READ_STATE,
    CALL_STREAM_OPEN,
    CALL_SCHEMA,
    CALL_NEXT,
    CALL_BEGIN,
    CALL_WRITE,
    CALL_SWEEP,
    CALL_COMMIT,
    CALL_COUNT,
    CALL_VIEW,
    CALL_INDEX,
    CALL_HISTORY,
    CALL_FINISH,
    CALL_KINDS
};

struct paper_page {
    uint32_t rows;
    bool hold;
    bool sweep;
    bool without_cursor;
    size_t cursor_bytes; // 0: "cN" with the number of the page
    int pause_ms;        // real time that it takes to extract it
    int load_ms;         // virtual time that it takes to load it
};

// How a stream behaves.
struct plan {
    struct source_stream_info info;
    struct paper_page pages[PAGES_MAX];
    size_t n_pages;
    bool endless;     // the last page is given for ever
    size_t cancel_at; // the run is cancelled when this page (1: the first) is asked for; 0: never
    enum paper_call fail;
    size_t fail_at;
    enum error_code code;
    const char *state; // what the destination has
    bool filled;       // the table is not empty
    bool audited;
    bool asks;        // reads a table while it opens, and ids with each page
    size_t settle_at; // waits before this page (1: the first) for those before; 0: never
    int64_t floor_ms;
};

// What came of it. Guarded by the world's lock.
struct seen {
    size_t calls[CALL_KINDS];
    size_t opened_at, closed_at; // by the world's count of events; 0: never
    bool empty, full_refresh;
    int64_t since_ms;
    char state[CURSOR_TEXT_MAX]; // as the stream was opened with
    size_t sessions, readers;    // open
    size_t readers_opened;
    uint64_t rows_open; // in the transaction at hand
    bool in_transaction;
    bool last_held;
    uint64_t rows;         // committed
    uint64_t rows_settled; // the same after the wait of settle_at
    struct {
        uint64_t rows;
        char cursor[CURSOR_TEXT_MAX]; // "" when the state was left alone
        int64_t synced_ms;
    } commits[COMMITS_MAX];
    size_t n_commits;
    int64_t synced_ms;
    size_t sweeps, tables_read, ids_read, views, audits, rollbacks, histories, resets;
    int64_t audit_source, audit_destination;
    size_t wrong; // things that must never happen
    const char *wrong_what;
};

struct world {
    struct virtual_clock time;
    struct cancel cancel;
    struct plan plans[STREAMS_MAX];
    struct seen seen[STREAMS_MAX];
    const struct source_stream_info *infos[STREAMS_MAX];
    size_t n;
    size_t parallel;
    bool full_refresh;
    const bool *history; // by stream; may be NULL
    const char *reset_history;
    int64_t since_ms;
    pthread_mutex_t lock;
    size_t clock_of_events;
    size_t streams_open, most_open;
    size_t pages_alive, pages_made;
    atomic_int in_event;
    size_t events, events_together, rows_ahead, seen_loading;
    struct run *run;
};

// A world with these streams; the plans may be changed until world_run.
void world_init(struct world *w, const struct plan *plans, size_t n);
// Runs all streams; checks what must hold after every run: nothing open, no page alive.
void world_run(struct world *w);
void world_done(struct world *w);
struct stream_report world_report(struct world *w, size_t stream);
