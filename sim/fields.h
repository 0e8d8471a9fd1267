// Reading the fields of a request's body with the answers that bad ones get, and adding to error
// answers. What is read points into the body.
#pragma once

#include "sim/call.h"

enum field_need { FIELD_OPTIONAL, FIELD_REQUIRED };

// The field as its type; one that is absent or null leaves *ret as it is. False after a 400 that
// names the field: of another type, or missing although required.
bool field_str(struct call *c, struct json v, const char *name, enum field_need need,
               struct str *ret) MUST_CHECK;
bool field_int(struct call *c, struct json v, const char *name, enum field_need need,
               int64_t *ret) MUST_CHECK;
bool field_bool(struct call *c, struct json v, const char *name, bool *ret) MUST_CHECK;
// The array; *ret_n its length, 0 when absent.
bool field_array(struct call *c, struct json v, const char *name, enum field_need need,
                 struct json *ret) MUST_CHECK;
// An array of texts as one comma list in the call's arena; texts with commas are refused.
bool field_names(struct call *c, struct json v, const char *name, struct str *ret) MUST_CHECK;
// A query parameter that is true or false; *ret stays when absent. False after a 400.
bool field_query_bool(struct call *c, const char *name, bool *ret) MUST_CHECK;
// A query parameter that is a number of at least 0; *ret stays when absent. False after a 400.
bool field_query_int(struct call *c, const char *name, int64_t *ret) MUST_CHECK;

// The body as a JSON array of 1 to `most` items; false after a 400.
bool call_parse_array(struct call *c, size_t most, struct json *ret) MUST_CHECK;

// Adds a field to the error that call_error has just written; false, like call_error.
bool refuse_with(struct call *c, const char *key, struct str value);
// "context":{"key":["value"]}
bool refuse_context(struct call *c, const char *key, struct str value);

// Whether the request came by a dated path of that version: "2026-09".
bool call_is_dated(const struct call *c, const char *date);
// A copy in the portal's arena; false after a 400 when the portal is full.
bool call_keep(struct call *c, struct str text, struct str *ret) MUST_CHECK;
// True when the portal's arena takes so many bytes more; false after a 400.
bool call_room(struct call *c, size_t bytes) MUST_CHECK;
