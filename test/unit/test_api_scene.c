#include "test_api_scene.h"

#include "core/buf.h"
#include "store/destinations.h"
#include "store/workspaces.h"

enum { BODY_LIMIT = 8 * 1024 * 1024, WAIT_MS = 60000 };

static const struct api_routes *const ROUTES[] = {
    &API_ROUTES_INTEGRATIONS, &API_ROUTES_SYNCS, &API_ROUTES_STREAMS,
    &API_ROUTES_RUNS,         &API_ROUTES_LATER, &API_ROUTES_REQUESTS,
};

static void put_workspace(struct scene *s)
{
    struct place *p = s->place;
    struct workspace w;
    struct error err;
    struct secret *key_text = NULL;
    must(place_put_token(p, "main", MARK, &err), &err);
    must(place_put_token(p, "other", MARK, &err), &err);
    must(workspace_prepare(p->store, &p->arena, &w, &err), &err);
    struct api_key key = {.account_id = w.id, .name = STR("test"), .scope = API_KEY_WRITE};
    must(api_key_create(p->store, &key, &p->arena, &key_text, &err), &err);
    s->key = arena_dup(&p->arena, secret_reveal(key_text));
    secret_destroy(key_text);
    s->account_id = w.id;
    s->files = arena_printf(&p->arena, "%s/files/", p->root);
    struct str url = arena_printf(&p->arena, "sqlite:%.*s", STR_ARG(s->files));
    struct secret *secret = secret_create(url);
    struct stored_destination d = {.account_id = w.id};
    must(stored_destination_set_default(p->store, p->sealing, secret, &d, &p->arena, &err), &err);
    secret_destroy(secret);
    s->destination_id = d.id;
}

struct http_client *scene_client(void)
{
    struct http_client_options c = {
        .user_agent = "test",
        .connect_timeout_ms = 5000,
        .first_byte_timeout_ms = WAIT_MS,
        .stall_timeout_ms = WAIT_MS,
        .body_limit = BODY_LIMIT,
    };
    return http_client_create(&c, clock_system());
}

struct scene *scene_open(struct place *p)
{
    return scene_open_on(p, &p->clock.clock);
}

struct scene *scene_open_on(struct place *p, const struct clock *clock)
{
    struct error err;
    struct scene *s = calloc(1, sizeof *s);
    struct api_routes *groups = ARENA_ARRAY(&p->arena, struct api_routes, ARRAY_LEN(ROUTES));
    assert_non_null(s);
    s->place = p;
    must(http_client_global_init(&err), &err);
    int64_t ahead_ms = clock_now_ms(clock_system()) - clock_now_ms(&p->clock.clock);
    virtual_clock_advance_us(&p->clock, ahead_ms * 1000); // the server's database has no other
    put_workspace(s);
    for (size_t i = 0; i < ARRAY_LEN(ROUTES); i++) {
        groups[i] = *ROUTES[i];
    }
    struct api_options options = {
        .site = {.public_url = STR("http://localhost"),
                 .account_id = s->account_id,
                 .data_directory = str_from(p->dir),
                 .store = place_options(p),
                 .time_zone = STR("UTC"),
                 .clock = clock},
        .groups = groups,
        .n_groups = ARRAY_LEN(ROUTES),
    };
    options.site.store.clock = clock;
    s->api = api_create(&options);
    struct http_server_options o = {
        .host = "127.0.0.1",
        .threads = 4,
        .max_connections = 64,
        .header_limit = 32 * 1024,
        .body_limit = 1 << 20,
        .response_limit = BODY_LIMIT,
        .idle_timeout_s = 60,
        .handle = api_handle,
        .user = s->api,
        .clock = clock_system(),
    };
    must(http_server_start(&o, &s->server, &err), &err);
    s->client = scene_client();
    return s;
}

void scene_close(struct scene *s)
{
    http_client_destroy(s->client);
    http_server_stop(s->server);
    api_destroy(s->api);
    for (size_t i = 0; i < s->n_docs; i++) {
        json_doc_destroy(s->docs[i]);
    }
    free(s);
}

// ---- calling

static enum http_method method_of(const char *name)
{
    for (int m = HTTP_GET; m <= HTTP_DELETE; m++) {
        if (strcmp(http_method_name((enum http_method)m), name) == 0) {
            return (enum http_method)m;
        }
    }
    fail_msg("no method %s", name);
    return HTTP_GET;
}

static struct http_exchange *exchange(struct scene *s, struct http_client *client,
                                      const char *method, const char *path, const char *body)
{
    char url[4096];
    struct error err;
    int n = snprintf(url, sizeof url, "http://127.0.0.1:%u%s",
                     (unsigned)http_server_port(s->server), path);
    assert_true(n > 0 && (size_t)n < sizeof url);
    struct http_header headers[] = {{STR("x-api-key"), s->key},
                                    {STR("content-type"), STR("application/json")}};
    struct http_request r = {
        .method = method_of(method),
        .url = str_from(url),
        .headers = headers,
        .n_headers = ARRAY_LEN(headers),
        .body = body ? str_from(body) : (struct str){NULL, 0},
    };
    must(http_client_start(client, &r, &err), &err);
    struct http_exchange *x = http_client_wait(client, WAIT_MS);
    assert_non_null(x);
    return x;
}

int scene_status(struct scene *s, struct http_client *client, const char *method, const char *path,
                 const char *body)
{
    struct http_exchange *x = exchange(s, client, method, path, body);
    int status = x->status;
    http_exchange_release(client, x);
    return status;
}

struct answer scene_call(struct scene *s, const char *method, const char *path, const char *body)
{
    struct http_exchange *x = exchange(s, s->client, method, path, body);
    struct arena *arena = &s->place->arena;
    struct answer a = {
        .status = x->status,
        .body = arena_dup(arena, buf_str(&x->body)),
        .retry_after = arena_dup(arena, http_exchange_header(x, "retry-after")),
    };
    struct error err;
    if (a.status == 0) {
        fail_msg("%s %s: %s", method, path, x->error.message);
    }
    http_exchange_release(s->client, x);
    if (a.body.len > 0) {
        assert_true(s->n_docs < SCENE_ANSWERS_MAX);
        struct json_doc *doc = json_doc_create();
        s->docs[s->n_docs++] = doc;
        must(json_parse(doc, a.body, &a.root, &err), &err);
    }
    if (a.status >= 400) {
        struct str text;
        check_row(json_get_string(a.root, STR("error_code"), &text) && text.len > 0, a.body.ptr);
        check_row(json_get_string(a.root, STR("message"), &text) && text.len > 0, a.body.ptr);
    }
    return a;
}

struct json scene_expect(struct scene *s, int status, const char *method, const char *path,
                         const char *body)
{
    struct answer a = scene_call(s, method, path, body);
    if (a.status != status) {
        fail_msg("%s %s %s: %d %s, not %d", method, path, body ? body : "", a.status,
                 a.body.len > 0 ? a.body.ptr : "", status);
    }
    assert_int_equal(a.body.len == 0, status == 204);
    return a.root;
}

void scene_refused(struct scene *s, int status, const char *method, const char *path,
                   const char *body, const char *says)
{
    struct json root = scene_expect(s, status, method, path, body);
    check_contains(field_text(s, root, "message"), says);
}

const char *scene_text(struct scene *s, const char *fmt, ...)
{
    struct buf b;
    va_list args;
    buf_init(&b, 1 << 20);
    va_start(args, fmt);
    assert_true(buf_vprintf(&b, fmt, args));
    va_end(args);
    const char *text = arena_dup(&s->place->arena, buf_str(&b)).ptr;
    buf_done(&b);
    return text;
}

// ---- looking at answers

struct json field(struct json v, const char *name)
{
    struct json f;
    check_row(json_get(v, str_from(name), &f), name);
    return f;
}

bool has_field(struct json v, const char *name)
{
    struct json f;
    return json_get(v, str_from(name), &f);
}

const char *field_text(struct scene *s, struct json v, const char *name)
{
    struct str text;
    check_row(json_get_string(v, str_from(name), &text), name);
    return arena_dup(&s->place->arena, text).ptr;
}

int64_t field_int(struct json v, const char *name)
{
    int64_t n = -1;
    check_row(json_get_int(v, str_from(name), &n), name);
    return n;
}

bool field_bool(struct json v, const char *name)
{
    bool b = false;
    check_row(json_get_bool(v, str_from(name), &b), name);
    return b;
}

struct json item(struct json list, size_t n)
{
    struct json_iter it = json_iter(list);
    struct json v;
    for (size_t i = 0; json_next(&it, &v); i++) {
        if (i == n) {
            return v;
        }
    }
    fail_msg("the list has no item %zu", n);
    return list;
}

struct json item_named(struct scene *s, struct json list, const char *name)
{
    for (size_t i = 0; i < json_count(list); i++) {
        if (strcmp(field_text(s, item(list, i), "name"), name) == 0) {
            return item(list, i);
        }
    }
    fail_msg("the list has no item named %s", name);
    return list;
}

// ---- things to look at

const char *scene_sync(struct scene *s, const char *schema)
{
    struct json sync =
        scene_expect(s, 201, "POST", "/elt_syncs",
                     scene_text(s,
                                "{\"connection_id\":\"main\",\"destination_schema_name\":\"%s\","
                                "\"sync_interval\":\"0 */6 * * *\"}",
                                schema));
    return field_text(s, sync, "id");
}

const char *scene_stream(struct scene *s, const char *sync_id, const char *name)
{
    struct json all =
        field(scene_expect(s, 201, "POST", scene_text(s, "/elt_syncs/%s/source_streams", sync_id),
                           scene_text(s, "{\"source_streams\":[{\"name\":\"%s\"}]}", name)),
              "source_streams");
    return field_text(s, item_named(s, all, name), "id");
}

struct stream_run_row scene_begin_run(struct scene *s)
{
    struct place *p = s->place;
    struct run_claim *claims = NULL;
    size_t n = 0;
    struct error err;
    struct run_take take = {.worker = STR("worker-1"), .max = 10};
    must(stream_run_take(p->store, &take, &p->arena, &claims, &n, &err), &err);
    assert_int_equal(n, 1);
    struct stream_run_row run = claims[0].run;
    run.mode = RUN_FULL;
    run.trigger = TRIGGER_INITIAL_SYNC;
    must(stream_run_begin(p->store, &run, &err), &err);
    return run;
}

void scene_end_run(struct scene *s, struct stream_run_row *run, enum run_status status)
{
    struct place *p = s->place;
    struct error err;
    run->status = status;
    run->records = 42;
    run->bytes = 4200;
    run->estimated = 50;
    run->calls = 3;
    run->details = STR("done");
    if (status == RUN_FAILED) {
        run->error_code = STR("source_unavailable");
        run->error_message = STR("HubSpot was away");
    }
    must(stream_run_end(p->store, run, &err), &err);
}
