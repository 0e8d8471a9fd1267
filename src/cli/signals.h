// SIGINT and SIGTERM ask a run to stop between two transactions; a second one ends the program at
// once (exit code 7), which loses nothing either. A thread waits for them, so there is no handler
// and no global.
#pragma once

#include "core/base.h"
#include "core/cancel.h"

struct signals;
// Blocks the signals in the calling thread and all it starts later; SIGPIPE is ignored.
struct signals *signals_catch(struct cancel *cancel);
// The same; `message` is what the first signal prints to standard error.
struct signals *signals_catch_saying(struct cancel *cancel, const char *message);
// Waits for the first signal, or at most `max_ms` (negative: for ever); true when it has come.
bool signals_wait(struct signals *s, int64_t max_ms);
void signals_release(struct signals *s);
