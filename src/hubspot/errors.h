// HubSpot's error answers, decoded. Source: HubSpot's error handling page; every field is optional,
// and bodies from the edge are HTML or plain text.
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "hubspot/endpoints.h"

struct hubspot_failure {
    int status;
    struct str category;       // "MISSING_SCOPES"; empty when absent
    struct str message;        // HubSpot's own words, or the start of a text body
    struct str correlation_id; // empty when absent
    struct str policy;         // 429: "DAILY", "TEN_SECONDLY_ROLLING", "SECONDLY"
    struct str scopes;         // 403: the scopes that are missing, ", " between
};

// One line that is safe to show on a terminal: control characters and what is no UTF-8 become a
// space, spaces do not follow each other, at most `max` bytes. Into `arena`.
struct str hubspot_printable(struct str s, size_t max, struct arena *arena);
// Decodes the body of an answer with status >= 400. Never fails: what cannot be read stays empty.
// All texts are printable and of bounded length. Into `arena`.
void hubspot_failure_decode(int status, struct str body, struct arena *arena,
                            struct hubspot_failure *ret);
// The error of this failure: code by status, message with endpoint, status, category, message,
// correlationId.
bool hubspot_failure_error(const struct hubspot_failure *f, const char *what, struct error *err);
// The code for a status: from a table; 5xx and unknown ones are SOURCE_UNAVAILABLE.
enum error_code hubspot_status_code(int status);
