// /docs: the API's description as a page, made of the same tables as /openapi.json.
#include "web/html.h"
#include "web/pages.h"

enum { TAGS_MAX = 64, SHAPES_MAX = 256 };

// Tags and shapes in the order in which routes name them.
struct docs {
    struct html_page page;
    const struct api_options *options;
    const char *tags[TAGS_MAX];
    size_t n_tags;
    const struct api_shape *shapes[SHAPES_MAX];
    size_t n_shapes;
};

static const char *const TYPES[] = {
    [API_STRING] = "string",   [API_INTEGER] = "integer", [API_NUMBER] = "number",
    [API_BOOLEAN] = "boolean", [API_TIME] = "date-time",  [API_STRINGS] = "list of strings",
    [API_JSON] = "any JSON",   [API_OBJECT] = "object",   [API_OBJECTS] = "list",
};

// ---- what there is

static void note_tag(struct docs *d, const char *tag)
{
    for (size_t i = 0; i < d->n_tags; i++) {
        if (strcmp(d->tags[i], tag) == 0) {
            return;
        }
    }
    assert(d->n_tags < TAGS_MAX);
    d->tags[d->n_tags++] = tag;
}

static void note_shape(struct docs *d, const struct api_shape *shape)
{
    for (size_t i = 0; i < d->n_shapes; i++) {
        if (strcmp(d->shapes[i]->name, shape->name) == 0) {
            return;
        }
    }
    assert(d->n_shapes < SHAPES_MAX);
    d->shapes[d->n_shapes++] = shape;
}

static void note_route(struct docs *d, const struct api_route *r)
{
    note_tag(d, r->tag);
    if (r->body) {
        note_shape(d, r->body);
    }
    for (size_t i = 0; i < API_ANSWERS_MAX && r->answers[i].status; i++) {
        if (r->answers[i].shape) {
            note_shape(d, r->answers[i].shape);
        }
    }
}

// The n-th route that is shown; NULL behind the last.
static const struct api_route *shown_route(const struct docs *d, size_t n)
{
    for (size_t g = 0; g < d->options->n_groups; g++) {
        for (size_t i = 0; i < d->options->groups[g].n; i++) {
            const struct api_route *r = &d->options->groups[g].rows[i];
            if (!(r->flags & API_HIDDEN) && n-- == 0) {
                return r;
            }
        }
    }
    return NULL;
}

static void note_all(struct docs *d)
{
    const struct api_route *r;
    for (size_t i = 0; (r = shown_route(d, i)); i++) {
        note_route(d, r);
    }
    // Shapes inside shapes: the list itself says what is still to be looked at.
    for (size_t i = 0; i < d->n_shapes; i++) {
        for (size_t k = 0; k < d->shapes[i]->n_fields; k++) {
            if (d->shapes[i]->fields[k].shape) {
                note_shape(d, d->shapes[i]->fields[k].shape);
            }
        }
    }
}

// ---- an operation

static void add_shape_link(struct docs *d, const struct api_shape *shape)
{
    struct str name = str_from(shape->name);
    HTML(&d->page, "<a href=\"#shape-{}\">{}</a>", name, name);
}

static void add_param(struct docs *d, const char *name, const char *where, const char *help)
{
    HTML(&d->page, "<tr><td><code>{}</code></td><td>{}</td><td>{}</td></tr>\n", str_from(name),
         str_from(where), str_from(help));
}

static struct str param_help(struct docs *d, const struct api_param *p)
{
    return arena_printf(d->page.c->arena, "%s%s%s%s%s", p->help ? p->help : "",
                        p->choices ? " One of: " : "", p->choices ? p->choices : "",
                        p->fallback ? ". Without it: " : "", p->fallback ? p->fallback : "");
}

static void add_params(struct docs *d, const struct api_route *r)
{
    struct str rest = str_from(r->path);
    struct str part;
    bool any = strchr(r->path, '{') || r->query[0].name || (r->flags & (API_PAGED | API_CREATES));
    if (!any) {
        return;
    }
    HTML(&d->page, "<table><tr><th>Parameter</th><th>In</th><th>What it is</th></tr>\n");
    while (str_next(&rest, '/', &part)) {
        if (part.len > 2 && part.ptr[0] == '{') {
            char *name = arena_cstr(d->page.c->arena, str_sub(part, 1, part.len - 2));
            add_param(d, name, "path, required", "");
        }
    }
    for (size_t i = 0; i < API_QUERY_MAX && r->query[i].name; i++) {
        const struct api_param *p = &r->query[i];
        add_param(d, p->name, p->required ? "query, required" : "query", param_help(d, p).ptr);
    }
    if (r->flags & API_PAGED) {
        add_param(d, "starting_after", "query", "next_cursor of the page before.");
        add_param(d, "limit", "query", "Items of a page, 1 to 100. Without it: 10");
    }
    if (r->flags & API_CREATES) {
        add_param(d, "Idempotency-Key", "header",
                  "Any text of your own: a repeated request with it is answered like the first.");
    }
    HTML(&d->page, "</table>\n");
}

static void add_answers(struct docs *d, const struct api_route *r)
{
    HTML(&d->page, "<table><tr><th>Status</th><th>Body</th><th>When</th></tr>\n");
    for (size_t i = 0; i < API_ANSWERS_MAX && r->answers[i].status; i++) {
        const struct api_answer *a = &r->answers[i];
        struct str status = arena_printf(d->page.c->arena, "%d", a->status);
        HTML(&d->page, "<tr><td>{}</td><td>{}", status, a->list ? STR("a page of ") : STR(""));
        if (a->shape) {
            add_shape_link(d, a->shape);
        }
        HTML(&d->page, "</td><td>{}</td></tr>\n", str_from(a->help));
    }
    HTML(&d->page, "</table>\n");
}

static void add_operation(struct docs *d, const struct api_route *r)
{
    struct str scope = (r->flags & API_PUBLIC)
                           ? STR("Needs no API key.")
                           : arena_printf(d->page.c->arena, "Needs an API key with scope %s.",
                                          api_key_scope_name(r->scope));
    HTML(&d->page,
         "<section class=\"card op\" id=\"{}\"><h3><span class=\"method\">{}</span>"
         "<code>{}</code></h3><p>{}</p><p class=\"soft\">{}</p>\n",
         str_from(r->name), str_from(r->method), str_from(r->path), str_from(r->help), scope);
    add_params(d, r);
    if (r->body) {
        HTML(&d->page, "<p>Body{}: ", r->body_optional ? STR(" (may be left out)") : STR(""));
        add_shape_link(d, r->body);
        HTML(&d->page, "</p>\n");
    }
    add_answers(d, r);
    HTML(&d->page, "</section>\n");
}

// ---- a shape

static void add_field(struct docs *d, const struct api_field *f)
{
    struct arena *arena = d->page.c->arena;
    HTML(&d->page, "<tr><td><code>{}</code></td><td>{}{}", str_from(f->name),
         str_from(TYPES[f->type]), f->shape ? STR(" of ") : STR(""));
    if (f->shape) {
        add_shape_link(d, f->shape);
    }
    HTML(&d->page, "{}{}</td><td>{}{}{}</td></tr>\n",
         (f->flags & API_REQUIRED) ? STR(", always") : STR(""),
         (f->flags & API_NULLABLE) ? STR(", or null") : STR(""), str_from(f->help),
         f->choices ? arena_printf(arena, " One of: %s.", f->choices) : STR(""),
         f->example ? arena_printf(arena, " Example: %s", f->example) : STR(""));
}

static void add_shape(struct docs *d, const struct api_shape *shape)
{
    HTML(&d->page,
         "<section class=\"card op\" id=\"shape-{}\"><h3>{}</h3><p>{}</p><table><tr><th>Field</th>"
         "<th>Type</th><th>What it is</th></tr>\n",
         str_from(shape->name), str_from(shape->name), str_from(shape->help));
    for (size_t i = 0; i < shape->n_fields; i++) {
        add_field(d, &shape->fields[i]);
    }
    HTML(&d->page, "</table></section>\n");
}

// ---- the page

// Whether there is something to call: a family of operations that are yet to come has 501 alone.
static struct str tag_note(const struct docs *d, const char *tag)
{
    const struct api_route *r;
    for (size_t i = 0; (r = shown_route(d, i)); i++) {
        if (strcmp(r->tag, tag) == 0 && r->answers[0].status != 501) {
            return STR("");
        }
    }
    return STR(" (not built yet)");
}

static void add_links(struct docs *d, const char *tag)
{
    const struct api_route *r;
    for (size_t i = 0; (r = shown_route(d, i)); i++) {
        if (strcmp(r->tag, tag) == 0) {
            HTML(&d->page, "<li><a href=\"#{}\">{} {}</a></li>\n", str_from(r->name),
                 str_from(r->method), str_from(r->path));
        }
    }
}

static void add_contents(struct docs *d)
{
    HTML(&d->page, "<nav aria-label=\"Operations\">\n");
    for (size_t t = 0; t < d->n_tags; t++) {
        HTML(&d->page, "<section><p>{}{}</p><ul>\n", str_from(d->tags[t]), tag_note(d, d->tags[t]));
        add_links(d, d->tags[t]);
        HTML(&d->page, "</ul></section>\n");
    }
    HTML(&d->page, "</nav>\n");
}

static void show_docs(struct api_call *c)
{
    struct docs *d = ARENA_NEW(c->arena, struct docs);
    const struct api_route *r;
    d->options = api_options_of(c);
    note_all(d);
    html_begin(&d->page, c, "sluice API");
    HTML(&d->page,
         "<main class=\"wide\"><h1>sluice API</h1><p>At <code>{}</code>, with your API key in the "
         "header <code>x-api-key</code>. The same for programs: <a href=\"openapi.json\">"
         "openapi.json</a>.</p>\n",
         c->site->public_url);
    add_contents(d);
    for (size_t t = 0; t < d->n_tags; t++) {
        HTML(&d->page, "<h2>{}{}</h2>\n", str_from(d->tags[t]), tag_note(d, d->tags[t]));
        for (size_t i = 0; (r = shown_route(d, i)); i++) {
            if (strcmp(r->tag, d->tags[t]) == 0) {
                add_operation(d, r);
            }
        }
    }
    HTML(&d->page, "<h2>Shapes</h2>\n");
    for (size_t i = 0; i < d->n_shapes; i++) {
        add_shape(d, d->shapes[i]);
    }
    HTML(&d->page, "</main>\n");
    html_answer(&d->page, 200, STR(""));
}

// Where people come who open the address that the server prints. Relative: a proxy may have put
// a path in front.
static void show_door(struct api_call *c)
{
    html_redirect(c, STR("docs"));
}

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/",
     .name = "frontDoor",
     .help = "Leads people to the description.",
     .flags = API_PUBLIC | API_HIDDEN | API_NO_STORE,
     .handle = show_door},
    {.method = "GET",
     .path = "/docs",
     .name = "docsPage",
     .help = "This description, for people.",
     .flags = API_PUBLIC | API_HIDDEN | API_NO_STORE,
     .handle = show_docs},
};
const struct api_routes WEB_ROUTES_DOCS = {ROUTES, ARRAY_LEN(ROUTES)};
