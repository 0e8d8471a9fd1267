#include "api/shape.h"

#include "core/timestamp.h"

#include <math.h>

enum {
    CHARACTERS_MAX = 1024, // of a string whose field says nothing
    ITEMS_MAX = 1000,      // of a list whose field says nothing
    SHOWN_MAX = 80,        // bytes of a value that an error shows
    PATH_MAX_BYTES = 256,  // of a field's path
};

// Where in the document a value is: "source_streams[2].name" from its end to its start.
struct place {
    const struct place *up;
    const char *name; // NULL: an item of `up`
    size_t index;
};

struct reader {
    struct arena *arena;
    struct error *err;
};

static void add_place(struct buf *out, const struct place *p)
{
    // The deepest path a shape has is a few levels: an array on the stack instead of recursion.
    const struct place *chain[16];
    size_t n = 0;
    for (; p && n < ARRAY_LEN(chain); p = p->up) {
        chain[n++] = p;
    }
    while (n > 0) {
        p = chain[--n];
        if (!p->name) {
            buf_printf(out, "[%zu]", p->index);
        } else {
            buf_printf(out, "%s%s", out->len > 0 ? "." : "", p->name);
        }
    }
}

// The value as JSON, cut; "(hidden)" for secrets.
static struct str shown(struct reader *r, const struct api_field *f, struct json v)
{
    if (f->flags & API_SECRET) {
        return STR("(hidden)");
    }
    enum json_type type = json_type(v);
    if (type == JSON_ARRAY || type == JSON_OBJECT) {
        return type == JSON_ARRAY ? STR("a list") : STR("an object");
    }
    struct buf text;
    buf_init(&text, (size_t)64 * 1024);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_put(&w, v);
    size_t n = MIN(text.len, (size_t)SHOWN_MAX);
    while (n > 0 && n < text.len && ((unsigned char)text.ptr[n] & 0xc0) == 0x80) {
        n--;
    }
    struct str cut = str_sub(buf_str(&text), 0, n);
    struct str ret =
        arena_printf(r->arena, "%.*s%s", STR_ARG(cut), n < text.len || text.overflow ? "..." : "");
    buf_done(&text);
    return ret;
}

static bool refuse(struct reader *r, const struct place *at, const struct api_field *f,
                   struct json v, const char *rule)
{
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    add_place(&path, at);
    struct str value = shown(r, f, v);
    error_set(r->err, ERR_CONFIG, "%s is %.*s: it must be %s", buf_cstr(&path), STR_ARG(value),
              rule);
    buf_done(&path);
    return false;
}

static bool refuse_missing(struct reader *r, const struct place *at, const struct api_field *f)
{
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    add_place(&path, at);
    error_set(r->err, ERR_CONFIG, "%s is missing or empty: it is required%s%s", buf_cstr(&path),
              f->example ? ", for example " : "", f->example ? f->example : "");
    buf_done(&path);
    return false;
}

// ---- reading values

static bool has_limits(const struct api_field *f)
{
    return f->min < 0 || f->min > 0 || f->max < 0 || f->max > 0;
}

static bool is_choice(const char *choices, struct str s)
{
    struct str rest = str_from(choices);
    struct str choice;
    while (str_next(&rest, '|', &choice)) {
        if (str_eq(choice, s)) {
            return true;
        }
    }
    return false;
}

// Control characters other than tab and line ends are in no honest text, and NUL is in none that a
// database keeps.
static bool has_controls(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
            return true;
        }
    }
    return false;
}

static size_t count_characters(struct str s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        n += ((unsigned char)s.ptr[i] & 0xc0) != 0x80;
    }
    return n;
}

static bool read_text(struct reader *r, const struct place *at, const struct api_field *f,
                      struct json v, struct str *ret)
{
    struct str s;
    if (json_type(v) != JSON_STRING || !json_string(v, &s)) {
        return refuse(r, at, f, v, "a string");
    }
    if (has_controls(s)) {
        return refuse(r, at, f, v, "without control characters");
    }
    // The limits of a list count its items, not their characters.
    bool own = has_limits(f) && f->type == API_STRING;
    double max = own ? f->max : CHARACTERS_MAX;
    double n = (double)count_characters(s);
    if (n > max || (own && n < f->min)) {
        struct str rule =
            arena_printf(r->arena, "%.0f to %.0f characters long", own ? f->min : 0, max);
        return refuse(r, at, f, v, arena_cstr(r->arena, rule));
    }
    if (f->choices && !is_choice(f->choices, s)) {
        struct str rule = arena_printf(r->arena, "one of %s", f->choices);
        return refuse(r, at, f, v, arena_cstr(r->arena, rule));
    }
    *ret = s;
    return true;
}

static bool check_range(struct reader *r, const struct place *at, const struct api_field *f,
                        struct json v, double d)
{
    if (!has_limits(f) || (d >= f->min && d <= f->max)) {
        return true;
    }
    struct str rule = arena_printf(r->arena, "from %.15g to %.15g", f->min, f->max);
    return refuse(r, at, f, v, arena_cstr(r->arena, rule));
}

static bool read_integer(struct reader *r, const struct place *at, const struct api_field *f,
                         struct json v, int64_t *ret)
{
    int64_t n = 0;
    double d = 0;
    bool whole = json_int(v, &n);
    if (!whole && json_type(v) == JSON_DOUBLE && json_double(v, &d)) {
        whole = fabs(d) < 9007199254740992.0 && fabs(d - trunc(d)) <= 0; // 5.0 is an integer too
        n = whole ? (int64_t)d : 0;
    }
    if (!whole) {
        return refuse(r, at, f, v, "an integer");
    }
    if (!check_range(r, at, f, v, (double)n)) {
        return false;
    }
    *ret = n;
    return true;
}

static bool read_time(struct reader *r, const struct place *at, const struct api_field *f,
                      struct json v, int64_t *ret)
{
    struct str s;
    int64_t ms = 0;
    if (json_type(v) != JSON_STRING || !json_string(v, &s) || !timestamp_parse(s, &ms)) {
        return refuse(r, at, f, v,
                      "a date or time in ISO 8601, such as \"2020-01-31\" or "
                      "\"2020-01-31T12:00:00Z\"");
    }
    *ret = ms;
    return true;
}

static bool check_items(struct reader *r, const struct place *at, const struct api_field *f,
                        struct json v)
{
    if (json_type(v) != JSON_ARRAY) {
        return refuse(r, at, f, v, f->type == API_STRINGS ? "a list of strings" : "a list");
    }
    double n = (double)json_count(v);
    double min = has_limits(f) ? f->min : 0;
    double max = has_limits(f) ? f->max : ITEMS_MAX;
    if (n >= min && n <= max) {
        return true;
    }
    struct str rule = arena_printf(r->arena, "of %.0f to %.0f items, not %.0f", min, max, n);
    return refuse(r, at, f, v, arena_cstr(r->arena, rule));
}

static bool read_strings(struct reader *r, const struct place *at, const struct api_field *f,
                         struct json v, struct api_strings *ret)
{
    if (!check_items(r, at, f, v)) {
        return false;
    }
    struct str *items = ARENA_ARRAY(r->arena, struct str, json_count(v) + 1);
    struct json_iter it = json_iter(v);
    struct json item;
    size_t n = 0;
    for (; json_next(&it, &item); n++) {
        struct place here = {.up = at, .index = n};
        if (!read_text(r, &here, f, item, &items[n])) {
            return false;
        }
    }
    *ret = (struct api_strings){items, n};
    return true;
}

static bool read_json(struct reader *r, const struct place *at, const struct api_field *f,
                      struct json v, struct str *ret)
{
    bool object = f->format && strcmp(f->format, "object") == 0;
    if (object && json_type(v) != JSON_OBJECT) {
        return refuse(r, at, f, v, "an object");
    }
    struct buf text;
    buf_init(&text, (size_t)8 * 1024 * 1024);
    struct json_writer w;
    json_writer_init(&w, &text);
    json_put(&w, v);
    bool ok = !text.overflow;
    if (ok) {
        *ret = arena_dup(r->arena, buf_str(&text));
    }
    buf_done(&text);
    return ok || refuse(r, at, f, v, "less than 8 MiB");
}

static bool read_fields(struct reader *r, const struct place *at, const struct api_shape *shape,
                        struct json object, char *ret);

// Shapes lie within each other as deep as their tables, which have an end.
// NOLINTNEXTLINE(misc-no-recursion)
static bool read_object(struct reader *r, const struct place *at, const struct api_field *f,
                        struct json v, char *to)
{
    if (json_type(v) != JSON_OBJECT) {
        return refuse(r, at, f, v, "an object");
    }
    return read_fields(r, at, f->shape, v, to);
}

// NOLINTNEXTLINE(misc-no-recursion)
static bool read_objects(struct reader *r, const struct place *at, const struct api_field *f,
                         struct json v, struct api_objects *ret)
{
    if (!check_items(r, at, f, v)) {
        return false;
    }
    size_t size = f->shape->size;
    char *items = arena_zalloc(r->arena, (json_count(v) + 1) * size);
    struct json_iter it = json_iter(v);
    struct json item;
    size_t n = 0;
    for (; json_next(&it, &item); n++) {
        struct place here = {.up = at, .index = n};
        if (!read_object(r, &here, f, item, items + n * size)) {
            return false;
        }
    }
    *ret = (struct api_objects){items, n};
    return true;
}

// NOLINTNEXTLINE(misc-no-recursion)
static bool read_value(struct reader *r, const struct place *at, const struct api_field *f,
                       struct json v, char *to)
{
    switch (f->type) {
    case API_STRING:
        return read_text(r, at, f, v, (struct str *)(void *)to);
    case API_INTEGER:
        return read_integer(r, at, f, v, (int64_t *)(void *)to);
    case API_NUMBER: {
        double d = 0;
        if (json_type(v) == JSON_STRING || !json_double(v, &d)) {
            return refuse(r, at, f, v, "a number");
        }
        *(double *)(void *)to = d;
        return check_range(r, at, f, v, d);
    }
    case API_BOOLEAN:
        return json_bool(v, (bool *)to) || refuse(r, at, f, v, "true or false");
    case API_TIME:
        return read_time(r, at, f, v, (int64_t *)(void *)to);
    case API_STRINGS:
        return read_strings(r, at, f, v, (struct api_strings *)(void *)to);
    case API_JSON:
        return read_json(r, at, f, v, (struct str *)(void *)to);
    case API_OBJECT: {
        char *object = arena_zalloc(r->arena, f->shape->size);
        *(void **)(void *)to = object;
        return read_object(r, at, f, v, object);
    }
    case API_OBJECTS:
        return read_objects(r, at, f, v, (struct api_objects *)(void *)to);
    }
    assert(!"every type is read");
    return false;
}

static bool is_empty(struct json v)
{
    struct str s;
    if (json_type(v) == JSON_STRING && json_string(v, &s)) {
        return s.len == 0;
    }
    return json_type(v) == JSON_ARRAY && json_count(v) == 0;
}

// Null is what clients send for what they have no value for: as good as absent.
static bool is_absent(const struct api_field *f, struct json v)
{
    bool empty_counts = (f->flags & (API_EMPTY_UNSET | API_REQUIRED)) != 0;
    return json_is_null(v) || (empty_counts && is_empty(v));
}

// NOLINTNEXTLINE(misc-no-recursion)
static bool read_fields(struct reader *r, const struct place *at, const struct api_shape *shape,
                        struct json object, char *ret)
{
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct api_field *f = &shape->fields[i];
        struct place here = {.up = at, .name = f->name};
        struct json v;
        if (!json_get(object, str_from(f->name), &v) || is_absent(f, v)) {
            if (f->flags & API_REQUIRED) {
                return refuse_missing(r, &here, f);
            }
            continue;
        }
        if (!read_value(r, &here, f, v, ret + f->offset)) {
            return false;
        }
        if (f->given > 0) {
            *(bool *)(ret + f->given - 1) = true;
        }
    }
    return true;
}

bool api_shape_read(const struct api_shape *shape, struct json object, struct arena *arena,
                    void *ret, struct error *err)
{
    if (json_type(object) != JSON_OBJECT) {
        return error_set(err, ERR_CONFIG, "the body is no JSON object: it must be a %s, {...}",
                         shape->name);
    }
    memset(ret, 0, shape->size);
    struct reader r = {arena, err};
    return read_fields(&r, NULL, shape, object, ret);
}

// ---- writing

static void put_time(struct json_writer *w, int64_t ms)
{
    char text[TIMESTAMP_TEXT_MAX];
    if (timestamp_format(ms, text)) {
        json_put_str(w, str_from(text));
    } else {
        json_put_null(w);
    }
}

// Whether there is no value, and whether it is one that API_OMIT leaves out.
static void look(const struct api_field *f, const char *at, bool *ret_absent, bool *ret_empty)
{
    bool absent = false;
    bool empty = false;
    switch (f->type) {
    case API_STRING:
    case API_JSON: {
        const struct str *s = (const void *)at;
        absent = !s->ptr;
        empty = s->len == 0;
        break;
    }
    case API_INTEGER:
        empty = *(const int64_t *)(const void *)at == 0;
        break;
    case API_NUMBER:
        empty = fabs(*(const double *)(const void *)at) <= 0;
        break;
    case API_BOOLEAN:
        empty = !*(const bool *)at;
        break;
    case API_TIME:
        absent = *(const int64_t *)(const void *)at == 0;
        break;
    case API_STRINGS:
        empty = ((const struct api_strings *)(const void *)at)->n == 0;
        break;
    case API_OBJECT:
        absent = !*(void *const *)(const void *)at;
        break;
    case API_OBJECTS:
        empty = ((const struct api_objects *)(const void *)at)->n == 0;
        break;
    }
    *ret_absent = absent;
    *ret_empty = absent || empty;
}

static void write_strings(const struct api_strings *list, struct json_writer *w)
{
    json_begin_array(w);
    for (size_t i = 0; i < list->n; i++) {
        json_put_str(w, list->items[i]);
    }
    json_end_array(w);
}

// NOLINTNEXTLINE(misc-no-recursion)
static void write_objects(const struct api_shape *shape, const struct api_objects *list,
                          struct json_writer *w)
{
    json_begin_array(w);
    for (size_t i = 0; i < list->n; i++) {
        api_shape_write(shape, (const char *)list->items + i * shape->size, w);
    }
    json_end_array(w);
}

// NOLINTNEXTLINE(misc-no-recursion)
static void write_value(const struct api_field *f, const char *at, struct json_writer *w)
{
    switch (f->type) {
    case API_STRING:
        json_put_str(w, *(const struct str *)(const void *)at);
        return;
    case API_JSON:
        json_put_raw(w, *(const struct str *)(const void *)at);
        return;
    case API_INTEGER:
        json_put_int(w, *(const int64_t *)(const void *)at);
        return;
    case API_NUMBER:
        json_put_double(w, *(const double *)(const void *)at);
        return;
    case API_BOOLEAN:
        json_put_bool(w, *(const bool *)at);
        return;
    case API_TIME:
        put_time(w, *(const int64_t *)(const void *)at);
        return;
    case API_STRINGS:
        write_strings((const void *)at, w);
        return;
    case API_OBJECT:
        api_shape_write(f->shape, *(void *const *)(const void *)at, w);
        return;
    case API_OBJECTS:
        write_objects(f->shape, (const void *)at, w);
        return;
    }
}

// NOLINTNEXTLINE(misc-no-recursion)
void api_shape_write(const struct api_shape *shape, const void *value, struct json_writer *w)
{
    json_begin_object(w);
    for (size_t i = 0; i < shape->n_fields; i++) {
        const struct api_field *f = &shape->fields[i];
        const char *at = (const char *)value + f->offset;
        bool absent;
        bool empty;
        look(f, at, &absent, &empty);
        bool has_form = f->type != API_OBJECT && f->type != API_JSON && f->type != API_TIME;
        if (empty && (f->flags & API_OMIT)) {
            continue;
        }
        if (absent && !(f->flags & (API_NULLABLE | API_REQUIRED))) {
            continue;
        }
        json_key(w, str_from(f->name));
        if (absent && ((f->flags & API_NULLABLE) || !has_form)) {
            json_put_null(w);
        } else {
            write_value(f, at, w);
        }
    }
    json_end_object(w);
}
