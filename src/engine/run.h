// A run: some streams of a source into a destination, several at once.
//
// Each stream goes through named steps (open, discover, plan, load, audit, close); in `load` one
// thread extracts pages while another loads the former ones, with a bounded queue between them. A
// stream that fails does not stop the others; streams that need it are not run. Rows and state
// commit together, so a run that is interrupted or killed is gone on with by the next. Threads:
// run_execute blocks; run_report may be called from any thread meanwhile. Events come one at a
// time, from the threads of the run.
#pragma once

#include "core/cancel.h"
#include "core/log.h"
#include "destination/destination.h"
#include "engine/columns.h"
#include "source/source.h"

struct run;

enum stream_status {
    STREAM_WAITING,
    STREAM_RUNNING,
    STREAM_COMPLETED,
    STREAM_FAILED,
    STREAM_INTERRUPTED, // stopped on request, between two transactions
    STREAM_DELAYED,     // a limit of the source's is spent; what was loaded is kept
    STREAM_STATUS_COUNT
};
const char *stream_status_name(enum stream_status s); // "waiting", "running", ...

struct run_options {
    struct source *source;
    struct destination *destination;
    const struct source_stream_info *const *streams;
    size_t n_streams;
    bool full_refresh;
    int64_t since_ms; // 0: everything
    size_t parallel;  // streams at once
    struct metadata_columns metadata;
    const struct clock *clock;
    const struct log *log; // may be NULL
    struct cancel *cancel;
    const struct columns_options *columns; // NULL: everything is loaded as it is
    const bool *history; // by stream: versions of its rows are kept; NULL: of none
    // A text that names the wiping of histories at the beginning of a full pass, which is done once
    // for each text: that of the run. Empty: none.
    struct str reset_history;
    bool keep_incremental; // no full pass when the rules for columns change
    int64_t fresh_ms;      // definitions read before this instant are read anew; 0: they serve
    // Which of several runs of a stream this is; NULL: nobody counts. What a former one still
    // commits is refused.
    const struct session_fence *fence;
    // Asked in the stream's thread before everything that is committed; false stops the stream with
    // the error. May be NULL.
    bool (*may_commit)(void *user, struct error *err);
    // Tables and views of the stream that are in the destination, before the first row. May be
    // NULL.
    void (*on_tables)(void *user, size_t stream, const struct str *names, size_t n);
    // Something worth telling happened to stream i; may be NULL.
    void (*on_event)(void *user, struct run *run, size_t stream);
    void *user;
};

struct stream_report {
    const struct source_stream_info *info;
    enum stream_status status;
    const char *step;        // "discover", "full", "incremental", ...; static
    const char *waiting_for; // NULL: nothing in particular; static
    int64_t waiting_until_ms;
    uint64_t rows;  // records loaded and committed
    uint64_t bytes; // received
    uint64_t calls;
    uint64_t rejects;             // values set aside
    uint64_t removed;             // rows that a full pass did not see
    uint64_t estimated_total;     // 0: unknown
    int64_t started_ms, ended_ms; // wall clock; 0: not yet
    int64_t first_commit_ms;      // of this stream; 0: none
    bool resumable;    // a state of this pass has been committed: the next run goes on from it
    bool columns_full; // all is read anew since the rules for columns have changed
    bool from_nothing; // all is read since the destination holds no state of the stream
    bool audited;
    uint64_t source_count, destination_count; // when audited
    int64_t delayed_until_ms;                 // DELAYED, wall clock; 0: not known
    struct error error;                       // FAILED, INTERRUPTED, DELAYED
};

struct run *run_create(const struct run_options *options);
void run_destroy(struct run *r); // takes NULL; not while executing
// Runs all streams; returns when every one has ended.
void run_execute(struct run *r);
size_t run_streams(const struct run *r);
void run_report(struct run *r, size_t stream, struct stream_report *ret);
// The exit code for how it went (see errors.def): 0 all complete, 3 some failed and others not, 7
// interrupted, 8 some delayed and none failed, else that of the first failure.
int run_exit_code(struct run *r);
