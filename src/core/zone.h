// Time zones by IANA name, from the machine's database (a C shim over Howard Hinnant's date
// library).
//
// Stateless, thread-safe. A name that this machine does not know is not an error of the caller's:
// the functions say so and the caller falls back to a fixed offset. The library knows changes of
// clocks until 2037; after that a zone keeps its last offset.
#pragma once

#include "core/str.h"

// The first instant (ms since 1970, UTC) of the local date after the one that `wall_ms` lies in:
// midnight, or where a change of clocks skips midnight, the instant of the change. False when the
// zone is unknown or the instant lies beyond the years 1970 to 9999.
bool zone_next_day_ms(struct str name, int64_t wall_ms, int64_t *ret_ms) MUST_CHECK;
// How far the zone's clocks are ahead of UTC at that instant. False as above.
bool zone_offset_ms(struct str name, int64_t wall_ms, int64_t *ret_ms) MUST_CHECK;

// A stretch of time in which the zone's clocks go on without a jump.
struct zone_span {
    int64_t begin_ms, end_ms; // UTC; what lies before 1970 or after 9999 is cut off
    int64_t offset_ms;        // how far the clocks are ahead of UTC
    int64_t before_ms;        // the same right before begin_ms; offset_ms when begin_ms is cut off
};
// The stretch that the instant lies in. The empty name is UTC. False as above.
bool zone_span_at(struct str name, int64_t wall_ms, struct zone_span *ret) MUST_CHECK;
