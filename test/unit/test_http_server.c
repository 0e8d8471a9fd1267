// The HTTP server, asked by the HTTP client over loopback.
#include "check.h"

#include "http/client.h"
#include "http/server.h"

#include <stdatomic.h>

enum { BODY_LIMIT = 64 * 1024, WAIT_MS = 120000 };

struct fixture {
    struct http_server *server;
    struct http_client *client;
    atomic_int handled;
};

// Answers with what was asked, and with faults on request.
static void handle(void *user, struct http_server_request *q, struct http_server_response *r)
{
    struct fixture *f = user;
    atomic_fetch_add(&f->handled, 1);
    int64_t n;
    struct str name = http_server_query(q, "name");
    buf_printf(&r->body, "%.*s|%.*s|%.*s|%.*s|%zu|%.*s", STR_ARG(q->method), STR_ARG(q->path),
               STR_ARG(q->query), STR_ARG(name), q->body.len,
               STR_ARG(http_server_header(q, "x-test")));
    if (str_to_int64(http_server_query(q, "delay"), &n)) {
        r->delay_ms = n;
    }
    if (str_to_int64(http_server_query(q, "cut"), &n)) {
        r->wire.cut = true;
        r->wire.cut_after = (size_t)n;
    }
    if (str_to_int64(http_server_query(q, "stall"), &n)) {
        r->wire.stall_ms = n;
        r->wire.stall_after = 3;
    }
    if (str_to_int64(http_server_query(q, "promise"), &n)) {
        r->wire.promise_extra = (size_t)n;
    }
    r->wire.drop = http_server_query(q, "drop").len > 0;
    r->status = http_server_query(q, "teapot").ptr ? 418 : 200;
    http_server_add_header(r, "X-Seen", http_server_query(q, "seen"));
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error err;
    assert_true(http_client_global_init(&err));
    struct http_server_options o = {
        .host = "127.0.0.1",
        .threads = 2,
        .max_connections = 64,
        .header_limit = 32 * 1024,
        .body_limit = BODY_LIMIT,
        .response_limit = 1 << 20,
        .idle_timeout_s = 10,
        .handle = handle,
        .user = f,
        .clock = clock_system(),
    };
    assert_true(http_server_start(&o, &f->server, &err));
    assert_true(http_server_port(f->server) > 0);
    struct http_client_options c = {
        .user_agent = "test",
        .connect_timeout_ms = WAIT_MS,
        .first_byte_timeout_ms = WAIT_MS,
        .stall_timeout_ms = WAIT_MS,
        .body_limit = 1 << 20,
    };
    f->client = http_client_create(&c, clock_system());
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    http_client_destroy(f->client);
    http_server_stop(f->server);
    free(f);
    return 0;
}

static void start(struct fixture *f, enum http_method method, const char *path, struct str body)
{
    char url[256];
    struct error err;
    snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", (unsigned)http_server_port(f->server),
             path);
    struct http_header header = {STR("X-Test"), STR("yes")};
    struct http_request r = {
        .method = method,
        .url = str_from(url),
        .headers = &header,
        .n_headers = 1,
        .body = body,
    };
    assert_true(http_client_start(f->client, &r, &err));
}

static struct http_exchange *ask(struct fixture *f, const char *path)
{
    start(f, HTTP_GET, path, (struct str){NULL, 0});
    struct http_exchange *x = http_client_wait(f->client, WAIT_MS);
    assert_non_null(x);
    return x;
}

static void test_get(void **state)
{
    struct fixture *f = *state;
    struct http_exchange *x = ask(f, "/a%20b?name=x%2By+z&seen=s&teapot=");
    assert_int_equal(x->status, 418);
    check_str(buf_str(&x->body), "GET|/a%20b|name=x%2By+z&seen=s&teapot=|x+y z|0|yes");
    check_str(http_exchange_header(x, "x-seen"), "s");
    http_exchange_release(f->client, x);
}

static void test_body(void **state)
{
    struct fixture *f = *state;
    static char body[BODY_LIMIT + 1];
    memset(body, 'b', sizeof(body));
    start(f, HTTP_POST, "/p", (struct str){body, BODY_LIMIT});
    struct http_exchange *x = http_client_wait(f->client, WAIT_MS);
    assert_int_equal(x->status, 200);
    check_str(buf_str(&x->body), "POST|/p|||65536|yes");
    http_exchange_release(f->client, x);
    int before = atomic_load(&f->handled);
    start(f, HTTP_POST, "/p", (struct str){body, BODY_LIMIT + 1});
    x = http_client_wait(f->client, WAIT_MS);
    assert_int_equal(x->status, 413);
    http_exchange_release(f->client, x);
    assert_int_equal(atomic_load(&f->handled), before); // the handler never sees it
}

// Many delayed answers are waited for at once, by two threads.
static void test_delay(void **state)
{
    struct fixture *f = *state;
    enum { N = 60, DELAY_MS = 1000 };
    int64_t begin = clock_mono_us(clock_system());
    for (int i = 0; i < N; i++) {
        start(f, HTTP_GET, "/?delay=1000", (struct str){NULL, 0});
    }
    for (int i = 0; i < N; i++) {
        struct http_exchange *x = http_client_wait(f->client, WAIT_MS);
        assert_non_null(x);
        assert_int_equal(x->status, 200);
        http_exchange_release(f->client, x);
    }
    int64_t took_ms = (clock_mono_us(clock_system()) - begin) / 1000;
    assert_true(took_ms >= DELAY_MS && took_ms < (int64_t)N * DELAY_MS / 2);
}

static void test_wire(void **state)
{
    struct fixture *f = *state;
    static const char *const BROKEN[] = {"/?cut=0", "/?cut=5", "/?promise=7", "/?drop=1"};
    for (size_t i = 0; i < ARRAY_LEN(BROKEN); i++) {
        struct http_exchange *x = ask(f, BROKEN[i]);
        check_row(x->status == 0 && x->error.code == ERR_SOURCE_UNAVAILABLE, BROKEN[i]);
        http_exchange_release(f->client, x);
    }
    struct http_exchange *x = ask(f, "/?stall=150");
    assert_int_equal(x->status, 200);
    assert_true(x->total_us >= 150000);
    check_str(buf_str(&x->body), "GET|/|stall=150||0|yes");
    http_exchange_release(f->client, x);
}

// Stopping does not wait for what is parked.
static void test_stop_while_parked(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 5; i++) {
        start(f, HTTP_GET, "/?delay=60000", (struct str){NULL, 0});
    }
    int64_t begin = clock_mono_us(clock_system());
    while (atomic_load(&f->handled) < 5 && clock_mono_us(clock_system()) - begin < WAIT_MS * 1000) {
        http_client_wait(f->client, 10);
    }
    assert_int_equal(atomic_load(&f->handled), 5);
    begin = clock_mono_us(clock_system());
    http_server_stop(f->server);
    f->server = NULL;
    assert_true(clock_mono_us(clock_system()) - begin < WAIT_MS * 1000 / 2);
}

static void test_port_taken(void **state)
{
    struct fixture *f = *state;
    struct http_server_options o = {
        .host = "127.0.0.1",
        .port = http_server_port(f->server),
        .max_connections = 1,
        .header_limit = 4096,
        .body_limit = 1,
        .response_limit = 1,
        .handle = handle,
        .clock = clock_system(),
    };
    struct http_server *second;
    struct error err;
    assert_false(http_server_start(&o, &second, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    check_contains(err.message, "127.0.0.1");
    o.host = "no such host";
    assert_false(http_server_start(&o, &second, &err));
    check_contains(err.message, "no such host");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_get, setup, teardown),
        cmocka_unit_test_setup_teardown(test_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_delay, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wire, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stop_while_parked, setup, teardown),
        cmocka_unit_test_setup_teardown(test_port_taken, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
