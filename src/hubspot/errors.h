// HubSpot's error answers, decoded. Source: HubSpot's error handling page; every field is optional,
// and bodies from the edge (the content delivery network before HubSpot) are HTML or plain text.
#pragma once

#include "core/arena.h"
#include "core/error.h"
#include "hubspot/endpoints.h"
#include "hubspot/printable.h"

enum { FAILURE_ITEMS_MAX = 10 };

// One of errors[]. Fields that are absent are empty.
struct hubspot_failure_item {
    struct str message;
    struct str code;         // "PROPERTY_DOESNT_EXIST"
    struct str sub_category; // rarely sent
    struct str in;           // the field or parameter concerned
    struct str context;      // "propertyName: amount; id: 1, 2"
};

// All texts are printable and of bounded length, and live in the arena that they were decoded into.
struct hubspot_failure {
    int status;
    bool edge;               // the body is a page of the edge's, not an answer of HubSpot's
    struct str category;     // "MISSING_SCOPES"; empty when absent
    struct str sub_category; // empty when absent
    struct str message; // HubSpot's own words, or the start of a text body. A JSON list of faulty
                        // values in it is written out: "amount: INVALID_LONG: x was not a ..."
    struct str context; // like an item's
    struct str correlation_id; // empty when absent
    struct str policy;         // 429: "DAILY", "TEN_SECONDLY_ROLLING", "SECONDLY"; by the
                               // message where HubSpot names none
    struct str scopes;         // 403: the scopes that are missing, ", " between
    struct hubspot_failure_item items[FAILURE_ITEMS_MAX];
    size_t n_items;   // in `items`
    size_t all_items; // in the body
};

// Decodes the body of an answer with status >= 300. Never fails: what cannot be read stays empty.
// Into `arena`.
void hubspot_failure_decode(int status, struct str body, struct arena *arena,
                            struct hubspot_failure *ret);
// The error of this failure: code by status, policy and by whose words these are; message with
// endpoint, status, category, message, missing scopes, the first items that say more than the
// message, correlationId. However long a part is, the others are still told.
bool hubspot_failure_error(const struct hubspot_failure *f, const char *what, struct error *err);
// The code for a status: from a table; 5xx and unknown ones are SOURCE_UNAVAILABLE.
enum error_code hubspot_status_code(int status);
