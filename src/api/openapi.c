#include "api/frame.h"

// The document is made of the routes and shapes alone, so it cannot differ from what is served.

enum { SHAPES_MAX = 256 };

struct document {
    const struct api_options *options;
    struct json_writer w;
    const struct api_shape *shapes[SHAPES_MAX]; // that are referred to
    size_t n_shapes;
    const struct api_shape *lists[SHAPES_MAX]; // whose pages are referred to
    size_t n_lists;
};

static bool note(const struct api_shape **list, size_t *n, const struct api_shape *shape)
{
    for (size_t i = 0; i < *n; i++) {
        if (list[i] == shape || strcmp(list[i]->name, shape->name) == 0) {
            return false;
        }
    }
    assert(*n < SHAPES_MAX);
    list[(*n)++] = shape;
    return true;
}

// A shape and all that lie within: the list itself says what is still to be looked at.
static void note_shape(struct document *d, const struct api_shape *shape)
{
    size_t next = d->n_shapes;
    note(d->shapes, &d->n_shapes, shape);
    for (; next < d->n_shapes; next++) {
        const struct api_shape *s = d->shapes[next];
        for (size_t i = 0; i < s->n_fields; i++) {
            if (s->fields[i].shape) {
                note(d->shapes, &d->n_shapes, s->fields[i].shape);
            }
        }
    }
}

static void put_text(struct json_writer *w, const char *key, const char *text)
{
    if (text) {
        json_field_str(w, key, str_from(text));
    }
}

static void put_reference(struct json_writer *w, const char *kind, const char *prefix,
                          const char *name)
{
    char text[192];
    snprintf(text, sizeof(text), "#/components/%s/%s%s", kind, prefix, name);
    json_begin_object(w);
    json_field_str(w, "$ref", str_from(text));
    json_end_object(w);
}

// ---- parameters

static void begin_param(struct json_writer *w, const char *name, const char *in, bool required)
{
    json_begin_object(w);
    json_field_str(w, "name", str_from(name));
    json_field_str(w, "in", str_from(in));
    if (required) {
        json_field_bool(w, "required", true);
    }
}

static void put_path_params(struct document *d, const struct api_route *route)
{
    struct str rest = str_from(route->path);
    struct str segment;
    while (str_next(&rest, '/', &segment)) {
        if (segment.len < 3 || segment.ptr[0] != '{') {
            continue;
        }
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)segment.len - 2, segment.ptr + 1);
        begin_param(&d->w, name, "path", true);
        json_key(&d->w, STR("schema"));
        json_begin_object(&d->w);
        json_field_str(&d->w, "type", STR("string"));
        json_end_object(&d->w);
        json_end_object(&d->w);
    }
}

static void put_fallback(struct json_writer *w, const struct api_param *p)
{
    if (!p->fallback) {
        return;
    }
    json_key(w, STR("default"));
    if (p->type == API_STRING) {
        json_put_str(w, str_from(p->fallback));
    } else {
        json_put_raw(w, str_from(p->fallback));
    }
}

static void put_param(struct json_writer *w, const struct api_param *p, const char *in)
{
    static const char *const NAMES[] = {
        [API_STRING] = "string", [API_INTEGER] = "integer", [API_BOOLEAN] = "boolean"};
    assert(p->type < ARRAY_LEN(NAMES) && NAMES[p->type]);
    begin_param(w, p->name, in, p->required);
    put_text(w, "description", p->help);
    json_key(w, STR("schema"));
    json_begin_object(w);
    json_field_str(w, "type", str_from(NAMES[p->type]));
    if (p->type == API_INTEGER && (p->min < 0 || p->min > 0 || p->max < 0 || p->max > 0)) {
        json_field_int(w, "minimum", (int64_t)p->min);
        json_field_int(w, "maximum", (int64_t)p->max);
    }
    if (p->choices) {
        json_key(w, STR("enum"));
        json_begin_array(w);
        struct str rest = str_from(p->choices);
        struct str choice;
        while (str_next(&rest, '|', &choice)) {
            json_put_str(w, choice);
        }
        json_end_array(w);
    }
    put_fallback(w, p);
    json_end_object(w);
    json_end_object(w);
}

static const struct api_param PAGE_PARAMS[] = {
    {.name = "limit",
     .type = API_INTEGER,
     .min = 1,
     .max = 100,
     .fallback = "10",
     .help = "How many items at most."},
    {.name = "starting_after",
     .type = API_STRING,
     .help = "next_cursor of the answer before: the list goes on behind it."},
};
static const struct api_param IDEMPOTENCY_PARAM = {
    .name = "Idempotency-Key",
    .type = API_STRING,
    .help = "Any text of your own, 1 to 255 printable ASCII characters. A request that is sent "
            "again with the same key within a day is carried out once and answered the same."};

static bool has_params(const struct api_route *route)
{
    return strchr(route->path, '{') || route->query[0].name ||
           (route->flags & (API_PAGED | API_CREATES));
}

static void put_params(struct document *d, const struct api_route *route)
{
    if (!has_params(route)) {
        return;
    }
    json_key(&d->w, STR("parameters"));
    json_begin_array(&d->w);
    put_path_params(d, route);
    for (size_t i = 0; i < API_QUERY_MAX && route->query[i].name; i++) {
        put_param(&d->w, &route->query[i], "query");
    }
    for (size_t i = 0; (route->flags & API_PAGED) && i < ARRAY_LEN(PAGE_PARAMS); i++) {
        put_param(&d->w, &PAGE_PARAMS[i], "query");
    }
    if (route->flags & API_CREATES) {
        put_param(&d->w, &IDEMPOTENCY_PARAM, "header");
    }
    json_end_array(&d->w);
}

// ---- bodies and answers

static void begin_json(struct json_writer *w)
{
    json_key(w, STR("content"));
    json_begin_object(w);
    json_key(w, STR("application/json"));
    json_begin_object(w);
    json_key(w, STR("schema"));
}

static void end_json(struct json_writer *w)
{
    json_end_object(w);
    json_end_object(w);
}

static void put_body(struct document *d, const struct api_route *route)
{
    if (!route->body || (route->flags & API_RAW_BODY)) {
        return;
    }
    json_key(&d->w, STR("requestBody"));
    json_begin_object(&d->w);
    json_field_bool(&d->w, "required", !route->body_optional);
    begin_json(&d->w);
    put_reference(&d->w, "schemas", "", route->body->name);
    end_json(&d->w);
    json_end_object(&d->w);
    note_shape(d, route->body);
}

static void put_answer(struct document *d, const struct api_answer *a)
{
    char status[16];
    snprintf(status, sizeof(status), "%d", a->status);
    json_key(&d->w, str_from(status));
    json_begin_object(&d->w);
    const char *plain = a->status < 300 ? "It is done." : "An error.";
    json_field_str(&d->w, "description", str_from(a->help ? a->help : plain));
    if (a->shape) {
        begin_json(&d->w);
        put_reference(&d->w, "schemas", a->list ? "Paged" : "", a->shape->name);
        end_json(&d->w);
        note_shape(d, a->shape);
        if (a->list) {
            note(d->lists, &d->n_lists, a->shape);
        }
    }
    if (a->media_type) {
        json_key(&d->w, STR("content"));
        json_begin_object(&d->w);
        json_key(&d->w, str_from(a->media_type));
        bool json = strcmp(a->media_type, "application/json") == 0;
        json_put_raw(&d->w, json ? STR("{\"schema\":{\"type\":\"object\"}}")
                                 : STR("{\"schema\":{\"type\":\"string\"}}"));
        json_end_object(&d->w);
    }
    json_end_object(&d->w);
}

// Errors that the frame itself gives, and what they need of the route.

static bool has_key(const struct api_route *r)
{
    return !(r->flags & API_PUBLIC);
}
static bool has_input(const struct api_route *r)
{
    return r->body || has_params(r);
}
static bool needs_scope(const struct api_route *r)
{
    return has_key(r) && (r->scope > API_KEY_READ || (r->flags & (API_CHANGES | API_ALONE)));
}
// What is not built looks for nothing.
static bool finds(const struct api_route *r)
{
    return strchr(r->path, '{') && r->answers[0].status < 500;
}
static bool has_body(const struct api_route *r)
{
    return r->body != NULL;
}
static bool is_creating(const struct api_route *r)
{
    return (r->flags & API_CREATES) != 0;
}
// Keys are looked up in it, too.
static bool uses_store(const struct api_route *r)
{
    return !(r->flags & API_NO_STORE) || has_key(r);
}

static const struct {
    int status;
    const char *text;
    bool (*applies)(const struct api_route *route);
} FRAME_ERRORS[] = {
    {400, "Something in the request cannot be; the message names the field and the rule.",
     has_input},
    {401, "The API key is missing, unknown, revoked or expired.", has_key},
    {403, "The API key's scope is too small.", needs_scope},
    {404, "There is no such thing.", finds},
    {409, "Another request with this Idempotency-Key is being carried out.", is_creating},
    {413, "The body is larger than 1 MiB.", has_body},
    {415, "The body is not JSON.", has_body},
    {422, "The Idempotency-Key was used for another request.", is_creating},
    {429, "Too many failures from this address, or a limit of HubSpot's; see Retry-After.",
     has_key},
    {503, "The store is busy, full or gone, or the server is stopping; see Retry-After.",
     uses_store},
};

static bool declares(const struct api_route *route, int status)
{
    for (size_t i = 0; i < API_ANSWERS_MAX && route->answers[i].status; i++) {
        if (route->answers[i].status == status) {
            return true;
        }
    }
    return false;
}

static void put_answers(struct document *d, const struct api_route *route)
{
    json_key(&d->w, STR("responses"));
    json_begin_object(&d->w);
    for (size_t i = 0; i < API_ANSWERS_MAX && route->answers[i].status; i++) {
        struct api_answer a = route->answers[i];
        a.shape = a.status >= 400 && !a.shape ? &API_ERROR_SHAPE : a.shape;
        put_answer(d, &a);
    }
    for (size_t i = 0; i < ARRAY_LEN(FRAME_ERRORS); i++) {
        if (FRAME_ERRORS[i].applies(route) && !declares(route, FRAME_ERRORS[i].status)) {
            struct api_answer a = {.status = FRAME_ERRORS[i].status,
                                   .shape = &API_ERROR_SHAPE,
                                   .help = FRAME_ERRORS[i].text};
            put_answer(d, &a);
        }
    }
    json_end_object(&d->w);
}

// ---- operations

static void put_operation(struct document *d, const struct api_route *route)
{
    char method[16];
    size_t n = 0;
    for (; route->method[n] && n + 1 < sizeof(method); n++) {
        method[n] = (char)(route->method[n] | 0x20);
    }
    json_key(&d->w, (struct str){method, n});
    json_begin_object(&d->w);
    put_text(&d->w, "operationId", route->name);
    put_text(&d->w, "summary", route->help);
    if (route->tag) {
        json_key(&d->w, STR("tags"));
        json_begin_array(&d->w);
        json_put_str(&d->w, str_from(route->tag));
        json_end_array(&d->w);
    }
    if (route->flags & API_PUBLIC) {
        json_key(&d->w, STR("security"));
        json_begin_array(&d->w);
        json_end_array(&d->w);
    }
    put_params(d, route);
    put_body(d, route);
    put_answers(d, route);
    json_end_object(&d->w);
}

// The i-th route of all; NULL behind the last.
static const struct api_route *route_at(const struct api_options *o, size_t i)
{
    for (size_t g = 0; g < o->n_groups; g++) {
        if (i < o->groups[g].n) {
            return &o->groups[g].rows[i];
        }
        i -= o->groups[g].n;
    }
    return NULL;
}

static bool is_first_of_path(const struct api_options *o, const struct api_route *route)
{
    const struct api_route *r;
    for (size_t i = 0; (r = route_at(o, i)) && r != route; i++) {
        if (!(r->flags & API_HIDDEN) && strcmp(r->path, route->path) == 0) {
            return false;
        }
    }
    return true;
}

static void put_paths(struct document *d)
{
    const struct api_options *o = d->options;
    json_key(&d->w, STR("paths"));
    json_begin_object(&d->w);
    const struct api_route *route;
    for (size_t at = 0; (route = route_at(o, at)); at++) {
        if ((route->flags & API_HIDDEN) || !is_first_of_path(o, route)) {
            continue;
        }
        json_key(&d->w, str_from(route->path));
        json_begin_object(&d->w);
        const struct api_route *other;
        for (size_t i = at; (other = route_at(o, i)); i++) {
            if (!(other->flags & API_HIDDEN) && strcmp(other->path, route->path) == 0) {
                put_operation(d, other);
            }
        }
        json_end_object(&d->w);
    }
    json_end_object(&d->w);
}

// ---- components

static void put_page_schema(struct document *d, const struct api_shape *shape)
{
    char name[128];
    snprintf(name, sizeof(name), "Paged%s", shape->name);
    json_key(&d->w, str_from(name));
    json_begin_object(&d->w);
    json_field_str(&d->w, "type", STR("object"));
    json_key(&d->w, STR("required"));
    json_put_raw(&d->w, STR("[\"has_more\",\"data\"]"));
    json_key(&d->w, STR("properties"));
    json_begin_object(&d->w);
    json_key(&d->w, STR("has_more"));
    json_put_raw(&d->w, STR("{\"type\":\"boolean\",\"description\":\"Whether there is more.\"}"));
    json_key(&d->w, STR("next_cursor"));
    json_put_raw(&d->w, STR("{\"type\":\"string\",\"description\":\"The next starting_after; "
                            "absent at the end. Opaque.\"}"));
    json_key(&d->w, STR("data"));
    json_begin_object(&d->w);
    json_field_str(&d->w, "type", STR("array"));
    json_key(&d->w, STR("items"));
    put_reference(&d->w, "schemas", "", shape->name);
    json_end_object(&d->w);
    json_end_object(&d->w);
    json_end_object(&d->w);
}

static void put_components(struct document *d)
{
    json_key(&d->w, STR("components"));
    json_begin_object(&d->w);
    json_key(&d->w, STR("securitySchemes"));
    json_put_raw(&d->w, STR("{\"apiKey\":{\"type\":\"apiKey\",\"in\":\"header\",\"name\":"
                            "\"x-api-key\"}}"));
    json_key(&d->w, STR("schemas"));
    json_begin_object(&d->w);
    for (size_t i = 0; i < d->n_shapes; i++) {
        json_key(&d->w, str_from(d->shapes[i]->name));
        api_shape_schema(d->shapes[i], &d->w);
    }
    for (size_t i = 0; i < d->n_lists; i++) {
        put_page_schema(d, d->lists[i]);
    }
    json_end_object(&d->w);
    json_end_object(&d->w);
}

static void put_tags(struct document *d)
{
    const struct api_options *o = d->options;
    const char *seen[64];
    size_t n = 0;
    json_key(&d->w, STR("tags"));
    json_begin_array(&d->w);
    const struct api_route *route;
    for (size_t at = 0; (route = route_at(o, at)); at++) {
        bool known = !route->tag || (route->flags & API_HIDDEN) || n == ARRAY_LEN(seen);
        for (size_t i = 0; i < n && !known; i++) {
            known = strcmp(seen[i], route->tag) == 0;
        }
        if (!known) {
            seen[n++] = route->tag;
            json_begin_object(&d->w);
            json_field_str(&d->w, "name", str_from(route->tag));
            json_end_object(&d->w);
        }
    }
    json_end_array(&d->w);
}

void api_openapi(const struct api_options *options, struct buf *out)
{
    struct document *d = calloc(1, sizeof(*d));
    if (!d) {
        abort();
    }
    d->options = options;
    json_writer_init(&d->w, out);
    json_begin_object(&d->w);
    json_field_str(&d->w, "openapi", STR("3.0.3"));
    json_key(&d->w, STR("info"));
    json_begin_object(&d->w);
    json_field_str(&d->w, "title", STR("sluice"));
    json_field_str(&d->w, "version", STR(SLUICE_VERSION));
    json_field_str(&d->w, "description",
                   STR("Moves HubSpot data into a database that you own. Every error has the "
                       "shape Error. Times are ISO 8601 in UTC. Lists are pages: pass next_cursor "
                       "as starting_after."));
    json_end_object(&d->w);
    json_key(&d->w, STR("servers"));
    json_begin_array(&d->w);
    json_begin_object(&d->w);
    json_field_str(&d->w, "url", options->site.public_url);
    json_end_object(&d->w);
    json_end_array(&d->w);
    json_key(&d->w, STR("security"));
    json_put_raw(&d->w, STR("[{\"apiKey\":[]}]"));
    put_tags(d);
    put_paths(d);
    put_components(d);
    json_end_object(&d->w);
    free(d);
}
