// SIGINT and SIGTERM ask a run to stop between two transactions; a second one ends the program at
// once (exit code 7), which loses nothing either. A thread waits for them, so there is no handler
// and no global.
#pragma once

#include "core/cancel.h"

struct signals;
// Blocks the signals in the calling thread and all it starts later; SIGPIPE is ignored.
struct signals *signals_catch(struct cancel *cancel);
void signals_release(struct signals *s);
