// The HTTP server and what wears it down: streams, TLS, clients that drip or only connect.
#include "test_raw.h"

#include "http/client.h"
#include "http/server.h"

#include <stdatomic.h>

struct scene {
    struct http_server *server;
    uint16_t port;
    atomic_int opened, gone, asked;
    atomic_bool end;
};

static bool next(void *user, struct buf *out)
{
    struct scene *s = user;
    int n = atomic_fetch_add(&s->asked, 1);
    if (atomic_load(&s->end)) {
        buf_add_cstr(out, "the end\n");
        return false;
    }
    buf_printf(out, "%s", n == 0 ? "first\n" : "");
    return true;
}

static void gone(void *user)
{
    struct scene *s = user;
    atomic_fetch_add(&s->gone, 1);
}

static void handle(void *user, struct http_server_request *q, struct http_server_response *r)
{
    struct scene *s = user;
    assert_ptr_equal(q->server, s->server);
    if (str_starts(q->path, STR("/stream"))) {
        struct http_server_stream *stream = ARENA_NEW(q->arena, struct http_server_stream);
        int64_t idle_ms = 60000;
        (void)str_to_int64(http_server_query(q, "idle"), &idle_ms);
        *stream = (struct http_server_stream){next, gone, s, idle_ms};
        r->stream = stream;
        r->delay_ms = str_eq(q->path, STR("/stream-late")) ? 60000 : 0;
        atomic_fetch_add(&s->opened, 1);
        return;
    }
    buf_add(&r->body, str_eq(q->path, STR("/who")) ? q->address : STR("hello"));
}

static struct http_server_options options(struct scene *s)
{
    return (struct http_server_options){
        .host = "127.0.0.1",
        .threads = 2,
        .max_connections = 2048,
        .header_limit = 16 * 1024,
        .body_limit = 64 * 1024,
        .response_limit = 1 << 20,
        .idle_timeout_s = 60,
        .handle = handle,
        .user = s,
        .clock = clock_system(),
    };
}

static struct scene *start(const struct http_server_options *o)
{
    struct scene *s = o->user;
    struct error err;
    if (!http_server_start(o, &s->server, &err)) {
        fail_msg("%s", err.message);
    }
    s->port = http_server_port(s->server);
    return s;
}

static struct scene *open_plain(void)
{
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    struct http_server_options o = options(s);
    return start(&o);
}

static void finish(struct scene *s)
{
    http_server_stop(s->server);
    assert_int_equal(atomic_load(&s->gone), atomic_load(&s->opened));
    free(s);
}

static void refuse(void *user UNUSED, struct http_server_request *q, struct http_server_response *r,
                   const char *message)
{
    assert_string_equal(q->address.ptr, "127.0.0.1");
    http_server_add_header(r, "X-Refused", STR("yes"));
    r->content_type = "text/plain";
    buf_printf(&r->body, "%d: %s", r->status, message);
}

// What libmicrohttpd refuses by itself is refused in the words of the server's user, and in the
// library's only where that has none.
static void test_broken(void **state UNUSED)
{
    static const struct {
        const char *request;
        const char *says;
    } ROWS[] = {
        {"GET /\r\n\r\n", "400: The request is not well-formed HTTP/1.1"},
        {"GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
         "400: The request is not well-formed HTTP/1.1"},
        {"GET / HTTP/2.0\r\n\r\n", "505: The version of HTTP is neither 1.1 nor 1.0"},
        {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
         "400: The request is not well-formed"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
         "400: The request is not well-formed"},
        {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
         "413: The request body is larger than 65536 bytes"},
    };
    for (size_t i = 0; i < 2 * ARRAY_LEN(ROWS); i++) {
        bool own = i % 2 == 0;
        struct scene *s = calloc(1, sizeof(*s));
        assert_non_null(s);
        struct http_server_options o = options(s);
        o.refuse = own ? refuse : NULL;
        start(&o);
        struct talk t = talk_open(s->port);
        talk_send(&t, ROWS[i / 2].request, strlen(ROWS[i / 2].request));
        assert_true(talk_ends(&t, 10000));
        struct str all = buf_str(&t.in);
        assert_int_equal(str_find(all, STR("X-Refused: yes\r\n")) > 0, own);
        assert_int_equal(str_find(all, str_from(ROWS[i / 2].says)) > 0, own);
        assert_int_equal(str_find(all, STR("<html>")) > 0, !own);
        talk_close(&t);
        finish(s);
    }
}

static struct talk ask_stream(struct scene *s, const char *target)
{
    char text[256];
    struct talk t = talk_open(s->port);
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    talk_send(&t, text, strlen(text));
    return t;
}

static void wait_for(atomic_int *n, int at_least)
{
    for (int i = 0; i < 60000 && atomic_load(n) < at_least; i++) {
        usleep(1000);
    }
    assert_true(atomic_load(n) >= at_least);
}

static void test_stream(void **state UNUSED)
{
    struct scene *s = open_plain();
    struct talk t = ask_stream(s, "/stream");
    talk_expect(&t, "first\n");
    wait_for(&s->asked, 2); // and found nothing: it is parked
    http_server_stream_wake(s->server);
    wait_for(&s->asked, 3);
    atomic_store(&s->end, true);
    http_server_stream_wake(s->server);
    talk_expect(&t, "the end\n");
    assert_true(talk_ends(&t, 60000));
    wait_for(&s->gone, 1);
    talk_close(&t);
    finish(s);
}

// Without a wake it is asked again after idle_ms; then the server sees that the client has gone.
static void test_stream_idle(void **state UNUSED)
{
    struct scene *s = open_plain();
    struct talk t = ask_stream(s, "/stream?idle=20");
    talk_expect(&t, "first\n");
    wait_for(&s->asked, 5);
    talk_close(&t);
    wait_for(&s->gone, 1);
    struct reply r = raw_ask(s->port, "HEAD", "/stream", NULL, NULL); // never asked for anything
    reply_done(&r);
    wait_for(&s->gone, 2);
    finish(s);
}

static void test_streams_end_with_server(void **state UNUSED)
{
    struct scene *s = open_plain();
    struct talk talks[100];
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        talks[i] = ask_stream(s, i % 10 == 9 ? "/stream-late" : "/stream");
    }
    wait_for(&s->opened, ARRAY_LEN(talks));
    finish(s);
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        assert_true(talk_ends(&talks[i], 60000));
        talk_close(&talks[i]);
    }
}

// ---- handlers that wait

static bool waits(void *user UNUSED, const struct http_server_request *q)
{
    return str_starts(q->path, STR("/wait"));
}

static void handle_or_wait(void *user, struct http_server_request *q,
                           struct http_server_response *r)
{
    struct scene *s = user;
    if (waits(s, q)) {
        atomic_fetch_add(&s->opened, 1);
        while (!atomic_load(&s->end)) {
            usleep(1000);
        }
        atomic_fetch_add(&s->gone, 1);
    }
    buf_add(&r->body, q->path);
}

// However many wait for others, the one event loop goes on answering; and all are answered, also
// those that come before the end.
static void test_slow_handlers(void **state UNUSED)
{
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    struct http_server_options o = options(s);
    o.threads = 1;
    o.handle = handle_or_wait;
    o.is_slow = waits;
    start(&o);
    struct talk talks[20];
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        talks[i] = ask_stream(s, "/wait");
    }
    wait_for(&s->opened, 4);
    for (size_t i = 0; i < 50; i++) {
        struct reply r = raw_ask(s->port, "GET", "/quick", NULL, NULL);
        assert_int_equal(r.status, 200);
        assert_string_equal(r.body, "/quick");
        reply_done(&r);
    }
    assert_int_equal(atomic_load(&s->gone), 0);
    atomic_store(&s->end, true);
    for (size_t i = 0; i < ARRAY_LEN(talks); i++) {
        talk_expect(&talks[i], "/wait");
        talk_close(&talks[i]);
    }
    finish(s);
}

static void test_address(void **state UNUSED)
{
    struct scene *s = open_plain();
    struct reply r = raw_ask(s->port, "GET", "/who", NULL, NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(r.body, "127.0.0.1");
    reply_done(&r);
    r = raw_ask(s->port, "GET", "/a\x7f", NULL, NULL);
    assert_int_equal(r.status, 400);
    reply_done(&r);
    finish(s);
}

// Bytes that come one at a time do not keep a connection; a stream that lasts is not ended.
static void test_deadline(void **state UNUSED)
{
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    struct http_server_options o = options(s);
    o.request_timeout_s = 1;
    start(&o);
    struct talk stream = ask_stream(s, "/stream");
    talk_expect(&stream, "first\n");
    static const char *const STARTS[] = {
        "",
        "GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n",
    };
    struct talk slow[ARRAY_LEN(STARTS)];
    bool ended[ARRAY_LEN(STARTS)] = {false};
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        slow[i] = talk_open(s->port);
        talk_send(&slow[i], STARTS[i], strlen(STARTS[i]));
    }
    size_t n = 0;
    for (int round = 0; round < 600 && n < ARRAY_LEN(slow); round++) {
        for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
            talk_send(&slow[i], "a", i > 0);
            if (!ended[i] && talk_ends(&slow[i], 30)) {
                ended[i] = true;
                n++;
            }
        }
    }
    assert_int_equal(n, ARRAY_LEN(slow));
    for (size_t i = 0; i < ARRAY_LEN(slow); i++) {
        talk_close(&slow[i]);
    }
    assert_false(talk_ends(&stream, 10));
    talk_close(&stream);
    finish(s);
}

// Who only connects keeps nobody out.
static void test_idle_connections(void **state UNUSED)
{
    struct scene *s = open_plain();
    static struct talk idle[1000];
    for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
        idle[i] = talk_open(s->port);
    }
    struct reply r = raw_ask(s->port, "GET", "/", NULL, NULL);
    assert_int_equal(r.status, 200);
    reply_done(&r);
    for (size_t i = 0; i < ARRAY_LEN(idle); i++) {
        talk_close(&idle[i]);
    }
    finish(s);
}

// ---- TLS

static struct str read_whole(const char *path, struct arena *arena)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    char *text = arena_alloc(arena, 16384);
    size_t n = fread(text, 1, 16384, f);
    fclose(f);
    return (struct str){text, n};
}

static bool try_tls(struct str certificate, struct str key, struct error *err)
{
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    struct http_server_options o = options(s);
    o.tls_certificate = certificate;
    o.tls_key = key;
    bool ok = http_server_start(&o, &s->server, err);
    if (ok) {
        http_server_stop(s->server);
    }
    free(s);
    return ok;
}

static void make_certificate(const char *dir, const char *name)
{
    char command[512];
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
             "/CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout %s/%s.key "
             "-out %s/%s.crt 2>/dev/null",
             dir, name, dir, name);
    assert_int_equal(system(command), 0);
}

static void ask_over_tls(const struct http_server_options *o, const char *ca_file)
{
    struct scene *s = start(o);
    struct http_client_options c = {.user_agent = "test",
                                    .connect_timeout_ms = 20000,
                                    .first_byte_timeout_ms = 20000,
                                    .stall_timeout_ms = 20000,
                                    .body_limit = 1 << 20,
                                    .ca_file = ca_file};
    struct http_client *client = http_client_create(&c, clock_system());
    char url[128];
    struct error err;
    snprintf(url, sizeof(url), "https://localhost:%u/", (unsigned)s->port);
    struct http_request r = {.method = HTTP_GET, .url = str_from(url)};
    assert_true(http_client_start(client, &r, &err));
    struct http_exchange *x = http_client_wait(client, 60000);
    assert_non_null(x);
    if (x->status != 200) {
        fail_msg("%s", x->error.message);
    }
    check_str(buf_str(&x->body), "hello");
    http_exchange_release(client, x);
    http_client_destroy(client);
    finish(s);
}

static void test_tls(void **state UNUSED)
{
    char dir[] = "/tmp/sluice-tls-XXXXXX";
    char path[128];
    struct arena arena;
    struct error err;
    assert_non_null(mkdtemp(dir));
    assert_true(http_client_global_init(&err));
    arena_init(&arena, 1 << 20);
    make_certificate(dir, "a");
    make_certificate(dir, "b");
    snprintf(path, sizeof(path), "%s/a.key", dir);
    struct str key = read_whole(path, &arena);
    snprintf(path, sizeof(path), "%s/b.key", dir);
    struct str other = read_whole(path, &arena);
    snprintf(path, sizeof(path), "%s/a.crt", dir);
    struct str certificate = read_whole(path, &arena);
    const struct {
        struct str certificate, key;
        const char *says;
    } ROWS[] = {
        {certificate, {NULL, 0}, "TLS key is missing"},
        {{NULL, 0}, key, "TLS certificate is missing"},
        {STR("nonsense"), key, "TLS certificate is no PEM certificate"},
        {certificate, STR("nonsense"), "TLS key is no PEM private key"},
        {certificate, other, "do not belong together"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        assert_false(try_tls(ROWS[i].certificate, ROWS[i].key, &err));
        assert_int_equal(err.code, ERR_CONFIG);
        check_contains(err.message, ROWS[i].says);
    }
    struct scene *s = calloc(1, sizeof(*s));
    assert_non_null(s);
    struct http_server_options o = options(s);
    o.tls_certificate = certificate;
    o.tls_key = key;
    ask_over_tls(&o, path);
    arena_done(&arena);
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_stream_idle),
        cmocka_unit_test(test_streams_end_with_server),
        cmocka_unit_test(test_slow_handlers),
        cmocka_unit_test(test_address),
        cmocka_unit_test(test_deadline),
        cmocka_unit_test(test_idle_connections),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_tls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
