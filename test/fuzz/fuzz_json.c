// Any bytes: parsing ends, with an error or a document whose strings are valid UTF-8. What the
// writer makes of a document parses again to the same. Repair touches only what strict parsing
// refuses.
#include "core/limits.h"
#include "data/json.h"
#include "data/json_writer.h"
#include "fuzz.h"

static void write_scalar(struct json_writer *w, struct json v)
{
    struct str s;
    int64_t n;
    double d;
    bool b;
    switch (json_type(v)) {
    case JSON_STRING:
        assert(json_string(v, &s));
        assert(fuzz_is_utf8(s));
        json_put_str(w, s);
        break;
    case JSON_INT:
        assert(json_int(v, &n));
        json_put_int(w, n);
        break;
    case JSON_UINT:
    case JSON_DOUBLE:
        assert(json_double(v, &d));
        json_put_double(w, d != 0 ? d : 0); // -0.0 is written as -0, which is the integer 0
        break;
    case JSON_BOOL:
        assert(json_bool(v, &b));
        json_put_bool(w, b);
        break;
    case JSON_NULL:
        assert(json_is_null(v));
        json_put_null(w);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        assert(false);
    }
}

static bool is_container(struct json v)
{
    return json_type(v) == JSON_ARRAY || json_type(v) == JSON_OBJECT;
}

static void begin(struct json_writer *w, bool object)
{
    if (object) {
        json_begin_object(w);
    } else {
        json_begin_array(w);
    }
}

static void end(struct json_writer *w, bool object)
{
    if (object) {
        json_end_object(w);
    } else {
        json_end_array(w);
    }
}

struct level {
    struct json_iter it;
    bool object;
    size_t expected;
    size_t seen;
};

static struct level enter(struct json v)
{
    return (struct level){
        .it = json_iter(v), .object = json_type(v) == JSON_OBJECT, .expected = json_count(v)};
}

// The next element, its key written. False at the end of the level.
static bool next(struct json_writer *w, struct level *at, struct json *ret)
{
    struct str key;
    if (at->object) {
        if (!json_next_field(&at->it, &key, ret)) {
            return false;
        }
        assert(fuzz_is_utf8(key));
        json_key(w, key);
    } else if (!json_next(&at->it, ret)) {
        return false;
    }
    at->seen++;
    return true;
}

static void write_value(struct json_writer *w, struct json root)
{
    struct level levels[LIMIT_JSON_DEPTH + 1];
    size_t depth = 0;
    if (!is_container(root)) {
        write_scalar(w, root);
        return;
    }
    levels[depth++] = enter(root);
    begin(w, levels[0].object);
    while (depth > 0) {
        struct level *at = &levels[depth - 1];
        struct json v;
        if (!next(w, at, &v)) {
            assert(at->seen == at->expected);
            end(w, at->object);
            depth--;
        } else if (is_container(v)) {
            assert(depth < ARRAY_LEN(levels));
            levels[depth] = enter(v);
            begin(w, levels[depth].object);
            depth++;
        } else {
            write_scalar(w, v);
        }
    }
}

static void write_document(struct buf *out, struct json root)
{
    struct json_writer w;
    json_writer_init(&w, out);
    write_value(&w, root);
    assert(!out->overflow);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str body = {(const char *)data, size};
    struct json_doc *doc = json_doc_create();
    struct json_doc *again = json_doc_create();
    struct buf first;
    struct buf second;
    struct json root;
    struct error err;
    size_t repairs = 0;
    buf_init(&first, LIMIT_BODY_BYTES);
    buf_init(&second, LIMIT_BODY_BYTES);

    bool strict = json_parse(doc, body, &root, &err);
    if (strict) {
        write_document(&first, root);
        assert(json_parse(again, buf_str(&first), &root, &err));
        write_document(&second, root);
        assert(str_eq(buf_str(&first), buf_str(&second)));
    }
    bool repaired = json_parse_repair(doc, body, &root, &repairs, &err);
    assert(repaired || !strict);
    if (repaired) {
        assert(strict == (repairs == 0));
        buf_reset(&second);
        write_document(&second, root);
        assert(!strict || str_eq(buf_str(&first), buf_str(&second)));
    } else {
        assert(err.code != ERR_OK && err.message[0] != '\0');
    }
    json_doc_destroy(doc);
    json_doc_destroy(again);
    buf_done(&first);
    buf_done(&second);
    return 0;
}
