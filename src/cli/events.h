// The JSON events of `sluice sync --json`: one object a line on standard output. Documented in
// docs/events.md.
#pragma once

#include "engine/run.h"

void event_stream(const char *event, const struct stream_report *r, double rows_per_second,
                  int64_t now_ms);
// What a run did, over all streams.
struct run_totals {
    size_t streams, completed, failed, delayed;
    uint64_t rows, rejects, calls, retries, refused, bytes;
    int64_t took_ms;
    int exit_code;
};
void event_run(const char *event, int64_t portal_id, const struct run_totals *t, int64_t now_ms);
// An error that ended the program before or outside of any stream.
void event_error(const struct error *err, int64_t now_ms);
