// Calls of HubSpot whose answers are JSON: asking again when a body cannot be read.
#pragma once

#include "data/json.h"
#include "hubspot/client.h"
#include "source/hubspot/state.h"

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

// The list of "results" of an answer; SOURCE_DATA when there is none: what is not an empty list
// must not be taken for one.
bool fetch_results(struct json root, struct json *ret, struct error *err) MUST_CHECK;
// The "errors" of a batch read. "None" and "unknown" are different: only an answer that says that a
// record is gone, or has no associations, counts as none; SOURCE_DATA for any other.
bool fetch_errors(struct json root, struct error *err) MUST_CHECK;
// "paging.next.after" of `v`, whose absence alone ends a list: *ret is then empty. SOURCE_DATA when
// the list goes on but does not say from where. A number is made text in `digits`.
enum { FETCH_DIGITS_MAX = 32 };
bool fetch_after(struct json v, char digits[FETCH_DIGITS_MAX], struct str *ret,
                 struct error *err) MUST_CHECK;
// The same as a cursor that fits the state; *ret_more tells whether there is a next page.
// SOURCE_DATA also when the next page is `current` again, which would never end. `out` may be
// `current`; it is cleared when there is no next page.
// `empty_pages` counts empty pages in a row that lead to themselves, of which a few are followed.
bool fetch_cursor(struct json root, const char *current, char out[CURSOR_MAX], bool *ret_more,
                  int *empty_pages, struct error *err) MUST_CHECK;
