// Counters of what was asked for. Thread-safe.
#pragma once

#include "data/json_writer.h"
#include "sim/objects.h"

struct stats;

struct stats *stats_create(void);
void stats_destroy(struct stats *s);
void stats_clear(struct stats *s);
// One answered request; `object` OBJECT_COUNT when it was about none.
void stats_add(struct stats *s, size_t route, int status, enum object_type object, uint64_t bytes);
void stats_add_fault(struct stats *s);
// Fields "requests" and "faults" into an open object.
void stats_write(struct stats *s, struct json_writer *w);
