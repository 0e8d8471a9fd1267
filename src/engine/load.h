// The load step: pages from a source stream into a session, overlapped. Internal to the engine.
#pragma once

#include "engine/stream_run.h"

// Pages that were given and not committed yet; guarded by its lock.
struct load_open {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t pages;
    bool held;  // the last page given asked not to commit yet
    bool ended; // nothing more will be committed
};

struct load {
    const struct run_options *options;
    struct stream_job *job;
    struct source_stream *source;
    struct session *session;
    const struct columns *columns; // what of a page goes where
    void (*changed)(void *user, struct stream_job *job);
    void *user;
    struct load_open open; // filled by load_stream
};

// Extracts and loads until the stream's end. False with the first error of either side; what had
// been extracted before an error of the source is loaded and committed all the same.
bool load_stream(struct load *l, struct error *err) MUST_CHECK;
// For the extracting thread, between two pages, the last of which did not ask to be held: waits
// until all pages given so far are committed. INTERRUPTED when loading has failed: its own error is
// told.
bool load_settle(struct load *l, struct error *err) MUST_CHECK;
