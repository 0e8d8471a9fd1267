// HubSpot's endpoints as a table: what is called, how often it may be, whether it may be repeated,
// and how long HubSpot keeps it.
#pragma once

#include "core/buf.h"
#include "core/error.h"
#include "http/client.h"

enum hubspot_endpoint {
#define X(id, method, legacy, dated, budget, repeat, page, scope, era) HUBSPOT_##id,
#include "hubspot/endpoints.def"
#undef X
    HUBSPOT_ENDPOINT_COUNT
};

// Which limits a call counts against.
enum budget_class {
    BUDGET_GENERAL,      // the app's ten-second window and the day
    BUDGET_SEARCH,       // the account's searches per second and the day
    BUDGET_ASSOCIATIONS, // those of BUDGET_GENERAL, and a window and a day of associations' own
    BUDGET_CLASS_COUNT
};
const char *budget_class_name(enum budget_class c); // "general", "search", "associations"

// What may be done when it is unknown whether a request was carried out.
enum repeat_class {
    REPEAT_READ,       // nothing changes: repeat, whatever the method
    REPEAT_IDEMPOTENT, // a write that may be repeated: twice does what once does
    REPEAT_NEVER,      // a create: verify by reading first
    REPEAT_CLASS_COUNT
};
const char *repeat_class_name(enum repeat_class c); // "read", "idempotent", "never"

enum api_version { API_LEGACY, API_2026_03, API_2026_09, API_VERSION_COUNT };

// What HubSpot has announced about the end of a path.
enum endpoint_end_kind {
    END_UNSUPPORTED, // it may go on to answer, but nobody mends it
    END_STOPS,       // it answers no more
};
const char *endpoint_end_kind_name(enum endpoint_end_kind k); // "unsupported", "stops"

struct endpoint_end {
    enum endpoint_end_kind kind;
    const char *date; // "2027-03-30"; "2027-09" where HubSpot names no day
    int64_t at_ms;    // the first instant of that day or month, UTC
};

struct endpoint {
    const char *name; // "OBJECT_LIST"
    enum http_method method;
    const char *legacy_path;
    const char *dated_path; // NULL: HubSpot has none; the legacy path serves every version
    enum budget_class budget;
    enum repeat_class repeat;
    int page_max; // most items a call takes or gives
    const char *scope;
    struct endpoint_end legacy_end;
};

const struct endpoint *endpoint_info(enum hubspot_endpoint id);
// By name, upper or lower case.
bool endpoint_find(struct str name, enum hubspot_endpoint *ret);
const char *api_version_name(enum api_version v); // "legacy", "2026-03", "2026-09"
bool api_version_parse(struct str s, enum api_version *ret);

// Appends the path in the form that serves that version, {...} unfilled but for the version.
void endpoint_template(struct buf *out, enum hubspot_endpoint id, enum api_version version);
// When that form ends, as announced. A date version is supported for 18 months.
struct endpoint_end endpoint_end(enum hubspot_endpoint id, enum api_version version);

// What fills the {...} of a path. Percent-encoded on use; nothing is owned.
struct endpoint_arg {
    struct str name; // without braces
    struct str value;
};
struct endpoint_args {
    struct str type, from, to, id;    // what most paths have
    const struct endpoint_arg *named; // all others; these win over the four above
    size_t n_named;
};
// Whether every {...} has a value that can stand in a path, and every named argument a place. USAGE
// error otherwise. Needed before endpoint_path where arguments come from outside.
bool endpoint_args_check(enum hubspot_endpoint id, const struct endpoint_args *args,
                         struct error *err) MUST_CHECK;
// Appends the path of the endpoint in that version. A missing argument is a broken invariant.
void endpoint_path(struct buf *out, enum hubspot_endpoint id, enum api_version version,
                   const struct endpoint_args *args);
