// Reading JSON: a small C face of simdjson's DOM.
//
// A document owns the parsed form of one body; values are two words that point into it and cost
// nothing. Strings are unescaped slices into the document, valid until it is parsed again or
// destroyed; they may hold NUL bytes (from \u0000). The body itself is not needed after parsing.
// The parser accepts what RFC 8259 accepts: valid UTF-8, one value, nesting up to LIMIT_JSON_DEPTH
// (an empty array or object adds no level). A number beyond 64 bits or beyond a double is read as a
// string of its text, so that no digit is lost. One owner thread per document at a time; it may be
// handed over.
#pragma once

#include "core/error.h"
#include "core/str.h"

#ifdef __cplusplus
extern "C" {
#endif

enum json_type {
    JSON_NULL,
    JSON_BOOL,
    JSON_INT,
    JSON_UINT,
    JSON_DOUBLE,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
};

struct json_doc;
struct json_parser;
struct json {
    const void *doc;
    size_t at;
};
// Walks an object or array. Opaque.
struct json_iter {
    const void *doc;
    size_t at;
    size_t end;
    bool object;
};

struct json_doc *json_doc_create(void);
void json_doc_destroy(struct json_doc *doc); // takes NULL
// What parsing needs besides the document: padded memory and indexes, twice the size of a body. A
// document makes its own when it first parses; where many documents are parsed by one thread, they
// may take turns with one parser.
struct json_parser *json_parser_create(void);
void json_parser_destroy(struct json_parser *parser); // takes NULL
// The next parse into `doc` uses this parser.
void json_doc_use(struct json_doc *doc, struct json_parser *parser);
// Copies body into padded memory and parses it. `len` at most LIMIT_BODY_BYTES. Errors: SOURCE_DATA
// for what is no JSON, LIMIT for size and nesting; the body is not quoted in them, since it may
// hold secrets.
bool json_parse(struct json_doc *doc, struct str body, struct json *ret_root,
                struct error *err) MUST_CHECK;
// Like json_parse, but a body that is invalid only by bytes inside strings (broken UTF-8, raw
// control characters, lone surrogate escapes) is repaired: each such byte or escape becomes U+FDD0,
// a noncharacter that no honest text holds, so that the caller finds the values concerned.
// *ret_repairs counts them (0: clean).
bool json_parse_repair(struct json_doc *doc, struct str body, struct json *ret_root,
                       size_t *ret_repairs, struct error *err) MUST_CHECK;
// For a document that is kept for long: gives back all memory that its values do not need, which is
// most. What was parsed last must have parsed well. Values stay valid, texts taken from them do
// not.
void json_doc_trim(struct json_doc *doc);
// How many bytes the document holds allocated (for memory accounting).
size_t json_doc_memory(const struct json_doc *doc);

enum json_type json_type(struct json v);
// The typed value; false (output untouched) when v is of another type. Integers convert between
// each other when they fit, and to double.
bool json_string(struct json v, struct str *ret);
bool json_bool(struct json v, bool *ret);
bool json_int(struct json v, int64_t *ret);
bool json_uint(struct json v, uint64_t *ret);
bool json_double(struct json v, double *ret);
bool json_is_null(struct json v);
size_t json_count(struct json v); // elements of an array or fields of an object; 0 otherwise

struct json_iter json_iter(struct json container); // an empty walk when v is no container
bool json_next(struct json_iter *it, struct json *ret_value);                            // array
bool json_next_field(struct json_iter *it, struct str *ret_key, struct json *ret_value); // object

// The field of an object; false when v is no object or has no such field. Linear.
bool json_get(struct json v, struct str key, struct json *ret);
// Shorthands: the field as a type; false when absent or of another type.
bool json_get_string(struct json v, struct str key, struct str *ret);
bool json_get_int(struct json v, struct str key, int64_t *ret);
bool json_get_bool(struct json v, struct str key, bool *ret);

#ifdef __cplusplus
}
#endif
