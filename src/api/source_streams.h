// HubSpot's streams as clients of the API speak of them: names in any case and number, the tables
// beside the main one, and which columns are keys. Static data; no I/O; any thread.
#pragma once

#include "api/shape.h"
#include "core/arena.h"
#include "source/source.h"

// By its name, its singular, or the name of its main table; case and white space around it do not
// matter. NULL when there is none.
const struct source_stream_info *source_stream_named(struct str name);
// The name that is most like a mistyped one; empty when none is near.
struct str source_stream_nearest(struct str name);
// Tables that the stream fills beside its main one. Into `arena`.
struct api_strings source_stream_sub_tables(const struct source_stream_info *info,
                                            struct arena *arena);
// Whether a column of that name is part of the key of one of its tables (case does not matter).
bool source_stream_is_key(const struct source_stream_info *info, struct str column);
// Whether that is a name of the property by which the stream finds what has changed:
// "lastmodifieddate", "hs_lastmodifieddate", or "updated_at" for either. False for streams that are
// read whole in every run.
bool source_stream_is_cursor(const struct source_stream_info *info, struct str name);
// The stream's own cursor property; empty for streams that are read whole.
struct str source_stream_cursor(const struct source_stream_info *info);
// The scopes that it needs, with a space between; each once. Into `arena`.
struct str source_stream_scopes(const struct source_stream_info *info, struct arena *arena);
// Whether clients propose it to their users unasked.
bool source_stream_is_preselected(const struct source_stream_info *info);
