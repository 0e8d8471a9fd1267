// Writing JSON into a buf. Commas and nesting are kept by the writer; misuse (a value where a key
// must be) asserts. Invalid UTF-8 in strings is written as U+FFFD, so that the output is always
// valid JSON. One owner thread; the buf's overflow is the only error.
#pragma once

#include "core/buf.h"
#include "data/json.h"

struct json_writer {
    struct buf *out;
    uint64_t is_object; // bit per level
    uint64_t has_items; // bit per level
    int depth;
    bool after_key;
};

void json_writer_init(struct json_writer *w, struct buf *out);
void json_begin_object(struct json_writer *w);
void json_end_object(struct json_writer *w);
void json_begin_array(struct json_writer *w);
void json_end_array(struct json_writer *w);
void json_key(struct json_writer *w, struct str key);
void json_put_str(struct json_writer *w, struct str s);
void json_put_int(struct json_writer *w, int64_t n);
void json_put_double(struct json_writer *w, double d); // non-finite: null
void json_put_bool(struct json_writer *w, bool b);
void json_put_null(struct json_writer *w);
void json_put_raw(struct json_writer *w, struct str json); // already JSON; not checked
// A parsed value with all that is in it, compact. Its nesting does not count towards the writer's.
void json_put(struct json_writer *w, struct json value);
// Key and value at once.
void json_field_str(struct json_writer *w, const char *key, struct str s);
void json_field_int(struct json_writer *w, const char *key, int64_t n);
void json_field_double(struct json_writer *w, const char *key, double d);
void json_field_bool(struct json_writer *w, const char *key, bool b);
void json_field_null(struct json_writer *w, const char *key);
// "..." with escapes, appended to out without a writer.
void json_escape(struct buf *out, struct str s);
