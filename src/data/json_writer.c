#include "data/json_writer.h"

#include "core/limits.h"
#include "data/json_repair.h"

#include <inttypes.h>
#include <math.h>

enum { DEPTH_MAX = 64 }; // the bits of is_object and has_items
_Static_assert((int)LIMIT_JSON_DEPTH <= (int)DEPTH_MAX, "what is read can be written");

void json_writer_init(struct json_writer *w, struct buf *out)
{
    *w = (struct json_writer){.out = out};
}

static uint64_t level_bit(const struct json_writer *w)
{
    return UINT64_C(1) << (w->depth - 1);
}

// Called before each value: writes the comma of an array element, checks that a field has its key.
static void before_value(struct json_writer *w)
{
    if (w->depth == 0) {
        return;
    }
    uint64_t bit = level_bit(w);
    if (w->is_object & bit) {
        assert(w->after_key);
        w->after_key = false;
        return;
    }
    if (w->has_items & bit) {
        buf_add_char(w->out, ',');
    }
    w->has_items |= bit;
}

static void begin(struct json_writer *w, bool object)
{
    before_value(w);
    assert(w->depth < DEPTH_MAX);
    w->depth++;
    uint64_t bit = level_bit(w);
    w->has_items &= ~bit;
    w->is_object = object ? w->is_object | bit : w->is_object & ~bit;
    buf_add_char(w->out, object ? '{' : '[');
}

static void end(struct json_writer *w, bool object)
{
    assert(w->depth > 0 && !w->after_key);
    assert(((w->is_object & level_bit(w)) != 0) == object);
    w->depth--;
    buf_add_char(w->out, object ? '}' : ']');
}

void json_begin_object(struct json_writer *w)
{
    begin(w, true);
}

void json_end_object(struct json_writer *w)
{
    end(w, true);
}

void json_begin_array(struct json_writer *w)
{
    begin(w, false);
}

void json_end_array(struct json_writer *w)
{
    end(w, false);
}

void json_key(struct json_writer *w, struct str key)
{
    assert(w->depth > 0 && (w->is_object & level_bit(w)) && !w->after_key);
    if (w->has_items & level_bit(w)) {
        buf_add_char(w->out, ',');
    }
    w->has_items |= level_bit(w);
    json_escape(w->out, key);
    buf_add_char(w->out, ':');
    w->after_key = true;
}

void json_put_str(struct json_writer *w, struct str s)
{
    before_value(w);
    json_escape(w->out, s);
}

void json_put_int(struct json_writer *w, int64_t n)
{
    before_value(w);
    buf_add_int(w->out, n);
}

void json_put_double(struct json_writer *w, double d)
{
    if (!isfinite(d)) {
        json_put_null(w);
        return;
    }
    before_value(w);
    // The shortest of three precisions that reads back as the same number.
    char text[32];
    for (int precision = 15; precision <= 17; precision++) {
        snprintf(text, sizeof(text), "%.*g", precision, d);
        if (strtod(text, NULL) == d) {
            break;
        }
    }
    buf_add_cstr(w->out, text);
}

void json_put_bool(struct json_writer *w, bool b)
{
    before_value(w);
    buf_add(w->out, b ? STR("true") : STR("false"));
}

void json_put_null(struct json_writer *w)
{
    before_value(w);
    buf_add(w->out, STR("null"));
}

void json_put_raw(struct json_writer *w, struct str json)
{
    before_value(w);
    buf_add(w->out, json);
}

static void put_number(struct json_writer *w, struct json value)
{
    int64_t n;
    uint64_t u;
    double d;
    if (json_int(value, &n)) {
        json_put_int(w, n);
    } else if (json_uint(value, &u)) {
        before_value(w);
        buf_printf(w->out, "%" PRIu64, u);
    } else {
        bool is_number = json_double(value, &d);
        assert(is_number);
        json_put_double(w, d);
    }
}

// All but containers with something in them.
static void put_single(struct json_writer *w, struct json value)
{
    struct str s;
    bool b;
    enum json_type type = json_type(value);
    if (json_string(value, &s)) {
        json_put_str(w, s);
    } else if (json_bool(value, &b)) {
        json_put_bool(w, b);
    } else if (type == JSON_NULL) {
        json_put_null(w);
    } else if (type == JSON_ARRAY || type == JSON_OBJECT) {
        json_put_raw(w, type == JSON_ARRAY ? STR("[]") : STR("{}"));
    } else {
        put_number(w, value);
    }
}

static bool has_items(struct json value)
{
    return json_count(value) > 0;
}

// Writes a container without recursion; the parser bounds its nesting.
static void put_container(struct json_writer *w, struct json container)
{
    struct json_iter stack[LIMIT_JSON_DEPTH];
    size_t depth = 1;
    stack[0] = json_iter(container);
    begin(w, stack[0].object);
    while (depth > 0) {
        struct json_iter *top = &stack[depth - 1];
        struct json value;
        struct str key = {0};
        if (top->object ? !json_next_field(top, &key, &value) : !json_next(top, &value)) {
            end(w, top->object);
            depth--;
            continue;
        }
        if (top->object) {
            json_key(w, key);
        }
        if (has_items(value)) {
            assert(depth < ARRAY_LEN(stack));
            stack[depth] = json_iter(value);
            begin(w, stack[depth++].object);
        } else {
            put_single(w, value);
        }
    }
}

void json_put(struct json_writer *w, struct json value)
{
    if (!has_items(value)) {
        put_single(w, value);
        return;
    }
    before_value(w);
    struct json_writer inner;
    json_writer_init(&inner, w->out);
    put_container(&inner, value);
}

void json_field_str(struct json_writer *w, const char *key, struct str s)
{
    json_key(w, str_from(key));
    json_put_str(w, s);
}

void json_field_int(struct json_writer *w, const char *key, int64_t n)
{
    json_key(w, str_from(key));
    json_put_int(w, n);
}

void json_field_double(struct json_writer *w, const char *key, double d)
{
    json_key(w, str_from(key));
    json_put_double(w, d);
}

void json_field_bool(struct json_writer *w, const char *key, bool b)
{
    json_key(w, str_from(key));
    json_put_bool(w, b);
}

void json_field_null(struct json_writer *w, const char *key)
{
    json_key(w, str_from(key));
    json_put_null(w);
}

static bool plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

// The escape of one ASCII character that cannot stand for itself.
static void escape_ascii(struct buf *out, unsigned char c)
{
    static const char SHORT[128] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };
    if (SHORT[c]) {
        buf_add(out, (struct str){(const char[]){'\\', SHORT[c]}, 2});
    } else {
        static const char HEX[] = "0123456789abcdef";
        buf_add(out,
                (struct str){(const char[]){'\\', 'u', '0', '0', HEX[c >> 4], HEX[c & 15]}, 6});
    }
}

void json_escape(struct buf *out, struct str s)
{
    buf_add_char(out, '"');
    while (s.len > 0) {
        size_t run = 0;
        while (run < s.len && plain((unsigned char)s.ptr[run])) {
            run++;
        }
        buf_add(out, str_sub(s, 0, run));
        s = str_sub(s, run, SIZE_MAX);
        if (s.len == 0) {
            break;
        }
        unsigned char c = (unsigned char)s.ptr[0];
        size_t len = utf8_length(s);
        if (c < 0x80) {
            escape_ascii(out, c);
        } else {
            buf_add(out, len > 0 ? str_sub(s, 0, len) : STR("\xEF\xBF\xBD"));
        }
        s = str_sub(s, MAX(len, (size_t)1), SIZE_MAX);
    }
    buf_add_char(out, '"');
}
