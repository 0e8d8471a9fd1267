// Which syncs and streams load into one schema of one destination: syncs may share it, streams may
// not. Internal to the room.
//
// What they have in common is a key: a hash of the destination's URL, as it is shown, and of the
// schema's name in lower case, since names differ in case only on paper. Where all names are one
// schema (a single file) it is of the URL alone. Errors: CONFLICT and the store's. In a
// transaction: what is decided here stays so until its end.
#pragma once

#include "store/streams.h"

// Fills sync->schema_key and looks at who loads into the schema already. Its destination is there.
bool schema_enter(struct store *s, struct elt_sync *sync, struct arena *arena,
                  struct error *err) MUST_CHECK;
// The stream is in no other sync of the schema of its sync, which is there.
bool schema_claim(struct store *s, const struct elt_stream *stream, struct error *err) MUST_CHECK;
