// Shapes: what the API's JSON objects look like, each declared once as a table. Reading a request,
// writing an answer and the OpenAPI document all go by it.
//
// A shape lays an object out in a plain struct: one row a field, with its offset. Pure; any thread.
#pragma once

#include "core/arena.h"
#include "data/json.h"
#include "data/json_writer.h"

struct api_shape;

enum api_type {
    API_STRING,  // struct str; ptr NULL: absent
    API_INTEGER, // int64_t
    API_NUMBER,  // double
    API_BOOLEAN, // bool
    API_TIME,    // int64_t ms; written as ISO 8601 UTC with ms; 0: absent. Reads dates too
    API_STRINGS, // struct api_strings
    API_JSON,    // struct str: any JSON value as text; ptr NULL: absent
    API_OBJECT,  // pointer to a struct of `shape`; NULL: absent
    API_OBJECTS, // struct api_objects of `shape`
};
struct api_strings {
    const struct str *items;
    size_t n;
};
struct api_objects {
    const void *items; // array of structs, shape->size each
    size_t n;
};

enum {
    API_REQUIRED = 1 << 0,    // reading: must be there and not empty; writing: always written
    API_OMIT = 1 << 1,        // writing: left out when empty, 0, false or absent
    API_NULLABLE = 1 << 2,    // writing: null when absent
    API_EMPTY_UNSET = 1 << 3, // reading: "" and [] mean not set (absent)
    API_SECRET = 1 << 4,      // reading: its value is never quoted in an error
};

struct api_field {
    const char *name;
    enum api_type type;
    size_t offset;
    unsigned flags;
    const struct api_shape *shape; // API_OBJECT, API_OBJECTS
    const char *choices;           // API_STRING: "a|b|c"; NULL: any
    double min, max;               // numbers: the value; strings: characters; lists: items. Both 0:
                                   // the defaults, 0 to 1024 characters, 1000 items
    const char *format;            // OpenAPI's: "uri", "date-time"; NULL
    const char *help;              // one sentence
    const char *example;           // JSON text; NULL
    size_t given; // reading: offset + 1 of a bool that says whether it was given; 0
};
struct api_shape {
    const char *name; // in the OpenAPI document: "EltSync"
    const char *help;
    size_t size;
    const struct api_field *fields;
    size_t n_fields;
};

// Fills the struct at `ret` (zeroed first). Unknown fields are ignored. Errors: CONFIG, which name
// the field (with its path: "source_streams[2].name"), the value and the rule. Texts point into the
// document or `arena`.
bool api_shape_read(const struct api_shape *shape, struct json object, struct arena *arena,
                    void *ret, struct error *err) MUST_CHECK;
void api_shape_write(const struct api_shape *shape, const void *value, struct json_writer *w);
// The schema of the shape for OpenAPI 3.0; shapes inside are referred to by name.
void api_shape_schema(const struct api_shape *shape, struct json_writer *w);
