// Calls of HubSpot whose answers are JSON: asking again when a body cannot be read.
#pragma once

#include "data/json.h"
#include "hubspot/client.h"

// One call and its parsed answer in `doc`; nothing else may be pending at the client. `*ret_bytes`
// may be NULL.
bool fetch_json(struct hubspot_client *client, const struct hubspot_request *r,
                struct json_doc *doc, struct json *ret_root, size_t *ret_bytes,
                struct error *err) MUST_CHECK;

enum fetch_result {
    FETCH_OK,
    FETCH_AGAIN,  // unreadable; the call was sent again and its answer will come
    FETCH_FAILED, // err is set
};
// Parses an answer that is ok into `doc`. The answer is released except after FETCH_AGAIN, when it
// is the client's. Strings in `doc` do not depend on the answer. *ret_repairs counts bytes that had
// to be repaired; *ret_suspicious tells whether any value may hold a NUL or a repair mark.
enum fetch_result fetch_parse(struct hubspot_client *client, struct hubspot_answer *a,
                              struct json_doc *doc, struct json *ret_root, bool *ret_suspicious,
                              struct error *err);
