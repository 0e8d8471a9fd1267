// The settings of an ELT sync of HubSpot: one table, from which the checks, the defaults and the
// JSON Schema of GET /connections/{id}/settings come. In JSON the names have '_' for '-', and
// every value may also be given as text ("30m", "0.5"); "" and null mean not set.
//
// Pure; any thread. Errors: CONFIG, which name the field.
#pragma once

#include "core/settings.h"
#include "data/json.h"
#include "data/json_writer.h"

struct elt_settings {
    struct str time_zone; // of sync_interval and midnight; IANA name; empty: the server's
    struct str metadata_columns;
    struct str api_version;
    double share;
    int64_t search_limit;
    int64_t daily_limit;
    int64_t max_wait_ms;
    int64_t horizon_ms;
    int64_t association_sweep_ms;
    int64_t reconcile_ms;
};
// From the text of a JSON object (or null, or nothing: nothing is set). Texts into `arena`. Errors:
// CONFIG, which begin with "elt_settings"; unknown names propose the nearest one.
bool elt_settings_parse(struct str text, struct arena *arena, struct elt_settings *ret,
                        struct error *err) MUST_CHECK;
// The name, in JSON, of a setting that the tables depend on and that the two have otherwise; NULL:
// both may load into one schema. Static.
const char *elt_settings_differ(const struct elt_settings *a, const struct elt_settings *b);
// Draft-07, with title, descriptions, defaults and limits.
void elt_settings_schema(struct json_writer *w);
