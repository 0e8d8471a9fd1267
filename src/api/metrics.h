// /metrics: figures in Prometheus's text format 0.0.4. Private to the API's frame.
#pragma once

#include "api/frame.h"

// What this process knows, and what the store says; `s` NULL: it cannot be reached.
void api_metrics(struct api *a, struct store *s, struct arena *arena, struct buf *out);
