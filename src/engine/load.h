// The load step: pages from a source stream into a session, overlapped. Internal to the engine.
#pragma once

#include "engine/stream_run.h"

struct load {
    const struct run_options *options;
    struct stream_job *job;
    struct source_stream *source;
    struct session *session;
    void (*changed)(void *user, struct stream_job *job);
    void *user;
};

// Extracts and loads until the stream's end. False with the first error of either side; what had
// been extracted before an error of the source is loaded and committed all the same.
bool load_stream(struct load *l, struct error *err) MUST_CHECK;
