#include "test_api_frame.h"

#include "data/json.h"
#include "store/ids.h"
#include "store/workspaces.h"

#include <pthread.h>

struct thing {
    struct str name;
    int64_t count;
};
static const struct api_field FIELDS[] = {
    {.name = "name",
     .type = API_STRING,
     .offset = offsetof(struct thing, name),
     .flags = API_REQUIRED,
     .max = 20,
     .help = "Its name."},
    {.name = "count", .type = API_INTEGER, .offset = offsetof(struct thing, count), .max = 9},
};
static const struct api_shape THING = {
    .name = "Thing", .size = sizeof(struct thing), .fields = FIELDS, .n_fields = 2};

// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables)
// lint: mutable: handlers have no other way to the test
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER; // lint: mutable: as above
static bool is_open;                                      // lint: mutable: as above
static int inside;                                        // lint: mutable: as above
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

void frame_gate(bool open)
{
    pthread_mutex_lock(&lock);
    is_open = open;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

int frame_inside(void)
{
    pthread_mutex_lock(&lock);
    int n = inside;
    pthread_mutex_unlock(&lock);
    return n;
}

static bool put_thing(struct api_call *c, struct str name)
{
    struct error err;
    struct str key =
        arena_printf(c->arena, "thing %.*s %.*s", STR_ARG(name), STR_ARG(id_make(c->arena)));
    if (!store_meta_set(c->store, arena_cstr(c->arena, key), name, &err)) {
        api_fail(c, &err);
        return false;
    }
    return true;
}

static void make(struct api_call *c)
{
    const struct thing *t = c->body;
    if (!put_thing(c, t->name)) {
        return;
    }
    if (str_eq(t->name, STR("bad"))) {
        api_refuse(c, 409, "conflict", "it is bad");
        api_refuse_with(c, "active_run_id", STR("r\"1"));
        return;
    }
    api_ok(c, 201, &THING, t);
}

static void make_empty(struct api_call *c)
{
    if (put_thing(c, c->body ? STR("body") : STR("none"))) {
        api_none(c);
    }
}

static void wait_at_gate(struct api_call *c)
{
    pthread_mutex_lock(&lock);
    inside++;
    while (!is_open) {
        pthread_cond_wait(&changed, &lock);
    }
    inside--;
    pthread_mutex_unlock(&lock);
    if (put_thing(c, STR("gate"))) {
        api_none(c);
    }
}

static void list(struct api_call *c)
{
    struct thing t = {STR("a"), (int64_t)c->limit};
    api_list(c, &THING, &t, 1, c->starting_after);
}

static void get(struct api_call *c)
{
    struct thing t = {c->args[0], 1};
    api_ok(c, 200, &THING, &t);
}

static void find_thing(struct api_call *c)
{
    struct thing t = {api_query(c, "color"), 2};
    api_ok(c, 200, &THING, &t);
}

static void fail_store(struct api_call *c)
{
    struct error err;
    error_set(&err, ERR_STORE_BUSY, "the store is locked");
    api_fail(c, &err);
}

static void large(struct api_call *c)
{
    while (!c->response->body.overflow) {
        buf_add_cstr(&c->response->body, "0123456789");
    }
    size_t n = c->response->body.max;
    char *text = arena_zalloc(c->arena, n + 1);
    memset(text, '1', n);
    api_json(c, 200, (struct str){text, n + 1});
}

static void get_public(struct api_call *c)
{
    api_text(c, 200, "text/plain", STR("hello"));
}

static void revoke_key(struct api_call *c)
{
    struct error err;
    if (!api_key_revoke(c->store, c->account_id, c->args[0], &err)) {
        api_fail(c, &err);
        return;
    }
    api_none(c);
}

static const struct api_route ROWS[] = {
    {.method = "POST",
     .path = "/things",
     .name = "makeThing",
     .tag = "Things",
     .help = "Makes.",
     .scope = API_KEY_WRITE,
     .flags = API_CHANGES | API_CREATES,
     .body = &THING,
     .answers = {{.status = 201, .shape = &THING}, {.status = 409}},
     .handle = make},
    {.method = "GET",
     .path = "/things",
     .name = "listThings",
     .tag = "Things",
     .help = "Lists.",
     .flags = API_PAGED,
     .answers = {{.status = 200, .shape = &THING, .list = true}},
     .handle = list},
    {.method = "GET",
     .path = "/things/{id}",
     .name = "getThing",
     .tag = "Things",
     .help = "Gets.",
     .answers = {{.status = 200, .shape = &THING}},
     .handle = get},
    {.method = "POST",
     .path = "/things/{id}/empty",
     .name = "emptyThing",
     .tag = "Things",
     .help = "Empties.",
     .flags = API_CHANGES | API_CREATES,
     .body = &THING,
     .body_optional = true,
     .answers = {{.status = 204}},
     .handle = make_empty},
    {.method = "GET",
     .path = "/things/find",
     .name = "findThing",
     .tag = "Things",
     .help = "Finds.",
     .query = {{.name = "color", .type = API_STRING, .choices = "red|green", .fallback = "red"},
               {.name = "n", .type = API_INTEGER, .min = 1, .max = 5},
               {.name = "deep", .type = API_BOOLEAN}},
     .answers = {{.status = 200, .shape = &THING}},
     .handle = find_thing},
    {.method = "POST",
     .path = "/gate",
     .name = "gate",
     .tag = "Things",
     .help = "Waits.",
     .flags = API_ALONE | API_CREATES,
     .answers = {{.status = 204}},
     .handle = wait_at_gate},
    {.method = "GET",
     .path = "/busy",
     .name = "busy",
     .tag = "Things",
     .help = "Fails.",
     .answers = {{.status = 200, .shape = &THING}},
     .handle = fail_store},
    {.method = "GET",
     .path = "/large",
     .name = "large",
     .tag = "Things",
     .help = "Is large.",
     .answers = {{.status = 200, .shape = &THING}},
     .handle = large},
    {.method = "GET",
     .path = "/public",
     .name = "public",
     .tag = "Things",
     .help = "For all.",
     .flags = API_PUBLIC | API_NO_STORE,
     .answers = {{.status = 200, .media_type = "text/plain"}},
     .handle = get_public},
    {.method = "DELETE",
     .path = "/keys/{id}",
     .name = "revoke",
     .tag = "Keys",
     .help = "Revokes.",
     .scope = API_KEY_ADMIN,
     .flags = API_CHANGES | API_HIDDEN,
     .answers = {{.status = 204}},
     .handle = revoke_key},
};

struct api_key frame_key(struct frame *f, enum api_key_scope scope, int64_t expires_ms, char *line)
{
    struct place *p = f->place;
    struct api_key key = {
        .account_id = f->account_id, .name = STR("test"), .scope = scope, .expires_ms = expires_ms};
    struct secret *text = NULL;
    struct error err;
    must(api_key_create(p->store, &key, &p->arena, &text, &err), &err);
    snprintf(line, 256, "X-Api-KEY: %.*s\r\n", STR_ARG(secret_reveal(text)));
    secret_destroy(text);
    return key;
}

static void start(struct frame *f)
{
    static const char *const ORIGINS[] = {"https://app.example", NULL};
    struct place *p = f->place;
    struct api_routes *groups = ARENA_ARRAY(&p->arena, struct api_routes, 3);
    groups[0] = (struct api_routes){ROWS, ARRAY_LEN(ROWS)};
    groups[1] = API_ROUTES_SYSTEM;
    groups[2] = API_ROUTES_EVENTS;
    struct api_options options = {
        .site = {.public_url = STR("http://localhost"),
                 .account_id = f->account_id,
                 .data_directory = str_from(p->dir),
                 .store = place_options(p),
                 .clock = &p->clock.clock},
        .groups = groups,
        .n_groups = 3,
        .cors_origins = ORIGINS,
    };
    f->api = api_create(&options);
    struct http_server_options o = {
        .host = "127.0.0.1",
        .threads = 4,
        .max_connections = 512,
        .header_limit = 16 * 1024,
        .body_limit = 64 * 1024,
        .response_limit = 1 << 20,
        .idle_timeout_s = 60,
        .handle = api_handle,
        .refuse = api_refused,
        .user = f->api,
        .clock = clock_system(),
    };
    struct error err;
    must(http_server_start(&o, &f->server, &err), &err);
    f->port = http_server_port(f->server);
}

struct frame *frame_open(void)
{
    void *place;
    place_setup(&place);
    struct frame *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    f->place = place;
    struct workspace w;
    struct error err;
    must(workspace_prepare(f->place->store, &f->place->arena, &w, &err), &err);
    f->account_id = w.id;
    struct api_key read = frame_key(f, API_KEY_READ, 0, f->read_key);
    snprintf(f->read_id, sizeof(f->read_id), "%.*s", STR_ARG(read.id));
    frame_key(f, API_KEY_WRITE, 0, f->write_key);
    frame_key(f, API_KEY_ADMIN, 0, f->admin_key);
    start(f);
    frame_gate(false);
    return f;
}

void frame_close(struct frame *f)
{
    void *place = f->place;
    http_server_stop(f->server);
    api_destroy(f->api);
    free(f);
    place_teardown(&place);
}

int frame_setup(void **state)
{
    *state = frame_open();
    return 0;
}

int frame_teardown(void **state)
{
    frame_close(*state);
    return 0;
}

static void check_error(const struct reply *r, const char *code, const char *what)
{
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct error err;
    struct str text;
    must(json_parse(doc, (struct str){r->body, r->body_len}, &root, &err), &err);
    check_row(json_get_string(root, STR("error_code"), &text), what);
    if (!str_eq(text, str_from(code))) {
        fail_msg("%s: %s, not %s", what, r->body, code);
    }
    check_row(json_get_string(root, STR("message"), &text) && text.len > 0, what);
    json_doc_destroy(doc);
}

// NOLINTNEXTLINE(readability-function-size): a row of a table, as the tests write them
void frame_expect(struct frame *f, int status, const char *code, const char *method,
                  const char *target, const char *headers, const char *body)
{
    struct reply r = raw_ask(f->port, method, target, headers, body);
    if (r.status != status) {
        fail_msg("%s %.200s: %d, not %d: %s", method, target, r.status, status, r.body);
    }
    if (code) {
        check_error(&r, code, target);
    }
    check_row(reply_has(&r, "X-Content-Type-Options: nosniff"), target);
    check_row(reply_has(&r, "Cache-Control: no-store"), target);
    reply_done(&r);
}

int64_t frame_things(struct frame *f)
{
    return place_number(f->place, "SELECT count(*) FROM meta WHERE name LIKE 'thing %'");
}
