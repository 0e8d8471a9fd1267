// One stream of a run, step by step. Internal to the engine.
#pragma once

#include "engine/run.h"

#include <pthread.h>
#include <stdatomic.h>

// The part of a stream's report that its threads write and others read.
struct stream_job {
    const struct source_stream_info *info;
    size_t index;         // among the run's streams
    pthread_mutex_t lock; // guards `report` and `source`
    struct stream_report report;
    struct source_stream *source; // while it is open; for its progress
};

// Whether the run may go on to change the destination.
bool job_may_commit(const struct run_options *options, struct error *err) MUST_CHECK;

// Runs the stream to its end and fills the report.
void stream_run(const struct run_options *options, struct stream_job *job,
                void (*changed)(void *user, struct stream_job *job), void *user);

// How a stream that met this error ends: INTERRUPTED, DELAYED or FAILED.
enum stream_status job_status_for(const struct error *err);
// Fills the end of a report that is not COMPLETED. The job's lock is held.
void job_end(struct stream_report *r, enum stream_status status, const struct error *err,
             int64_t now_ms);
