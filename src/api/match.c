#include "api/frame.h"
#include "data/json_repair.h"

bool api_is_plain(struct str s)
{
    while (s.len > 0) {
        size_t n = utf8_length(s);
        unsigned char first = (unsigned char)s.ptr[0];
        if (n == 0 || first < 0x20 || first == 0x7f) {
            return false;
        }
        s = str_sub(s, n, s.len);
    }
    return true;
}

struct path {
    struct str segments[API_SEGMENTS_MAX];
    size_t n;
};

// False when no route can have so many segments, or one that is empty.
static bool cut_path(struct str text, struct path *ret)
{
    if (text.len == 0 || text.ptr[0] != '/') {
        return false;
    }
    struct str rest = str_sub(text, 1, text.len);
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '/') {
        rest.len--;
    }
    struct str segment;
    ret->n = 0;
    while (rest.len > 0 && str_next(&rest, '/', &segment)) {
        if (segment.len == 0 || ret->n == ARRAY_LEN(ret->segments)) {
            return false;
        }
        ret->segments[ret->n++] = segment;
    }
    return true;
}

static bool is_arg(struct str segment)
{
    return segment.len > 0 && segment.ptr[0] == '{';
}

static bool fits(const char *pattern, const struct path *path)
{
    struct path want;
    bool ok = cut_path(str_from(pattern), &want);
    assert(ok);
    if (!ok || want.n != path->n) {
        return false;
    }
    for (size_t i = 0; i < want.n; i++) {
        if (!is_arg(want.segments[i]) && !str_eq(want.segments[i], path->segments[i])) {
            return false;
        }
    }
    return true;
}

static void take_args(const struct http_server_request *q, const char *pattern,
                      const struct path *path, struct matched *ret)
{
    struct path want;
    size_t n = 0;
    if (!cut_path(str_from(pattern), &want)) {
        return;
    }
    for (size_t i = 0; i < want.n; i++) {
        if (is_arg(want.segments[i])) {
            assert(n < API_PATH_ARGS_MAX);
            ret->args[n++] = http_server_decode(q->arena, path->segments[i], false);
        }
    }
}

static void add_method(struct matched *m, const char *method)
{
    size_t i = 0;
    for (; m->methods[i]; i++) {
        if (strcmp(m->methods[i], method) == 0) {
            return;
        }
    }
    if (i + 1 < ARRAY_LEN(m->methods)) {
        m->methods[i] = method;
    }
}

void api_match(struct api *a, const struct http_server_request *q, struct matched *ret)
{
    *ret = (struct matched){.endpoint = NULL};
    struct path path = {.n = 0};
    if (!cut_path(q->path, &path)) {
        return;
    }
    struct str method = str_eq(q->method, STR("HEAD")) ? STR("GET") : q->method;
    size_t n_args = SIZE_MAX;
    for (size_t i = 0; i + 1 < a->n_endpoints; i++) {
        struct endpoint *e = &a->endpoints[i];
        // Names win over arguments: what fits with fewer is the path that is meant.
        if (e->n_args > n_args || !fits(e->route->path, &path)) {
            continue;
        }
        n_args = e->n_args;
        add_method(ret, e->route->method);
        if (!ret->endpoint && str_eq(method, str_from(e->route->method))) {
            ret->endpoint = e;
            take_args(q, e->route->path, &path, ret);
        }
    }
}
