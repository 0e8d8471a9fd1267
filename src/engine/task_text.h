// What a run does or waits for, in words for people. Internal to the engine. Pure; any thread.
#pragma once

#include "engine/run.h"
#include "store/runs.h"

enum { TASK_TEXT_MAX = 512 };

// While it runs: "full: 12,300 of about 50,000", "incremental: 12 records; waiting for HubSpot's
// rate limit until 12:00:05Z".
struct str task_text_of(const struct stream_report *r, int64_t now_ms, char text[TASK_TEXT_MAX]);
// "12,300 records; 50,000 at HubSpot and here", when it was audited.
struct str task_text_completed(const struct stream_report *r, char text[TASK_TEXT_MAX]);
// Of a run that waits to be tried again: until when and why; empty for others.
struct str task_text_end(enum run_status status, const struct error *err, int64_t until_ms,
                         int64_t now_ms, char text[TASK_TEXT_MAX]);
