// Showing a run while it goes on: live lines on a terminal, log lines elsewhere, JSON events for
// machines. A thread of its own looks at the run a few times a second; events of the run come in
// from its threads.
#pragma once

#include "core/log.h"
#include "engine/run.h"

enum progress_mode {
    PROGRESS_LIVE,  // one live line per running stream, on standard error
    PROGRESS_LINES, // a log line per running stream every few seconds, on standard error
    PROGRESS_JSON,  // one JSON object per event, on standard output
    PROGRESS_NONE,
};

struct progress;

// `log` gets the lines of PROGRESS_LINES.
struct progress *progress_create(enum progress_mode mode, const struct clock *clock,
                                 const struct log *log);
// The run's on_event; `user` is the progress.
void progress_on_event(void *user, struct run *run, size_t stream);
void progress_start(struct progress *p, struct run *run);
void progress_stop(struct progress *p); // shows what is still to be shown
void progress_destroy(struct progress *p);

// "1,234,567" into out.
enum { COUNT_TEXT_MAX = 32 };
const char *count_text(uint64_t n, char out[COUNT_TEXT_MAX]);
// "850 ms", "12.3 s", "4 min 10 s", "2 h 5 min".
const char *duration_text(int64_t ms, char out[COUNT_TEXT_MAX]);
