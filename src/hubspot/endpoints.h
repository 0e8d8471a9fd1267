// HubSpot's endpoints as a table: what is called, how often it may be, whether it may be repeated.
#pragma once

#include "core/buf.h"
#include "core/error.h"
#include "http/client.h"

enum hubspot_endpoint {
#define X(id, method, legacy, dated, budget, repeat, page, scope) HUBSPOT_##id,
#include "hubspot/endpoints.def"
#undef X
    HUBSPOT_ENDPOINT_COUNT
};

// Which limits a call counts against.
enum budget_class {
    BUDGET_GENERAL, // the app's ten-second window and the day
    BUDGET_SEARCH,  // the account's searches per second and the day
    BUDGET_CLASS_COUNT
};

// What may be done when it is unknown whether a request was carried out.
enum repeat_class {
    REPEAT_READ,       // nothing changes: repeat, whatever the method
    REPEAT_IDEMPOTENT, // a write that may be repeated
    REPEAT_NEVER,      // a create: verify by reading first
};

enum api_version { API_LEGACY, API_2026_03, API_2026_09, API_VERSION_COUNT };

struct endpoint {
    const char *name; // "OBJECT_LIST"
    enum http_method method;
    const char *legacy_path;
    const char *dated_path;
    enum budget_class budget;
    enum repeat_class repeat;
    int page_max; // most items a call takes or gives
    const char *scope;
};

const struct endpoint *endpoint_info(enum hubspot_endpoint id);
const char *api_version_name(enum api_version v); // "legacy", "2026-03", "2026-09"
bool api_version_parse(struct str s, enum api_version *ret);

// What fills the {...} of a path. Percent-encoded on use.
struct endpoint_args {
    struct str type, from, to;
};
// Appends the path of the endpoint in that version.
void endpoint_path(struct buf *out, enum hubspot_endpoint id, enum api_version version,
                   const struct endpoint_args *args);
