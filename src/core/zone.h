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
