#include "test_http.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

// What comes from outside has limits: sizes, times, and whom the client speaks to.

// ---- sizes

// {"results":[]} and " hello" ten times.
static const unsigned char SMALL_GZIP[] = {
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xab, 0x56, 0x2a, 0x4a,
    0x2d, 0x2e, 0xcd, 0x29, 0x29, 0x56, 0xb2, 0x8a, 0x8e, 0xad, 0x55, 0xc8, 0x48, 0xcd,
    0xc9, 0xc9, 0x27, 0x8f, 0x04, 0x00, 0x5d, 0xb3, 0x1b, 0xc7, 0x4a, 0x00, 0x00, 0x00};
// 100,000 times "0": more than BODY_LIMIT, from 133 bytes.
static const unsigned char LARGE_GZIP[133] = {
    [0] = 0x1f, 0x8b,         0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xed, 0xc1, 0x31,
    0x01,       0x00,         0x00, 0x00, 0xc2, 0xa0, 0x4a, 0xeb, 0x9f, 0xce, 0x1a, 0x1e, 0x40,
    0x01,       [121] = 0xaf, 0x06, 0x85, 0xc2, 0x4d, 0xc5, 0xa0, 0x86, 0x01, 0x00};

static struct str bytes(const unsigned char *b, size_t n)
{
    return (struct str){(const char *)b, n};
}

static void test_gzip(void **state)
{
    struct fixture *f = *state;
    const char *gzip = "Content-Encoding: gzip\r\n";
    struct str small = bytes(SMALL_GZIP, sizeof SMALL_GZIP);
    unsigned char broken[sizeof SMALL_GZIP];
    memcpy(broken, SMALL_GZIP, sizeof broken);
    memset(broken + 12, 0xff, 16);
    PLAY(f, {script_format(&f->arena, 200, gzip, small), SCRIPT_KEEP},
         {script_format(&f->arena, 200, gzip, bytes(broken, sizeof broken)), SCRIPT_KEEP},
         {script_format(&f->arena, 200, gzip, bytes(LARGE_GZIP, sizeof LARGE_GZIP)), SCRIPT_KEEP},
         {script_format(&f->arena, 200, "", STR("plain")), SCRIPT_KEEP});
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->status, 200);
    check_str(buf_str(&x->body), "{\"results\":[]} hello hello hello hello hello hello hello hello "
                                 "hello hello");
    release(f, x);
    check_contains(arena_cstr(&f->arena, script_text(f->script, 0)), "gzip");
    x = get(f, "/");
    check_failed(x, ERR_SOURCE_UNAVAILABLE, "");
    release(f, x);
    x = get(f, "/"); // the limit counts what comes out, not what comes in
    check_failed(x, ERR_LIMIT, "65536");
    assert_true(x->body.len <= BODY_LIMIT);
    release(f, x);
    x = get(f, "/");
    check_str(buf_str(&x->body), "plain");
    release(f, x);
}

static void test_limits_of_answers(void **state)
{
    struct fixture *f = *state;
    char *large = arena_alloc(&f->arena, 4 * LIMIT_HEADER_BYTES);
    memset(large, 'x', 4 * LIMIT_HEADER_BYTES);
    struct str long_line = arena_printf(&f->arena, "X-Long: %.*s\r\n", LIMIT_HEADER_BYTES, large);
    struct str longer = // than libcurl reads
        arena_printf(&f->arena, "X-Long: %.*s\r\n", 4 * LIMIT_HEADER_BYTES, large);
    struct buf lines[2]; // as many as may be, with the status line, Content-Length and the end
    for (int k = 0; k < 2; k++) {
        buf_init(&lines[k], LIMIT_HEADER_BYTES);
        for (int i = 0; i < LIMIT_HEADERS - 3 + k; i++) {
            buf_printf(&lines[k], "X-%04d: %0100d\r\n", i, 0);
        }
    }
    struct buf interim; // heads that come to an end, one after the other
    buf_init(&interim, LIMIT_HEADER_BYTES);
    for (int i = 0; i < LIMIT_HEADERS; i++) {
        buf_add_cstr(&interim, "HTTP/1.1 100 Continue\r\n\r\n");
    }
    struct str heads =
        arena_dup(&f->arena, buf_str(&interim)); // the script may still be sending it
    buf_done(&interim);
    struct str body = {large, BODY_LIMIT};
    struct str over = {large, BODY_LIMIT + 1};
    PLAY(f, {script_format(&f->arena, 200, "", body), SCRIPT_KEEP},
         {script_format(&f->arena, 200, "", over), SCRIPT_KEEP},
         {script_format(&f->arena, 200, buf_cstr(&lines[0]), STR("x")), SCRIPT_KEEP},
         {script_format(&f->arena, 200, buf_cstr(&lines[1]), STR("x")), SCRIPT_KEEP},
         {script_format(&f->arena, 200, long_line.ptr, STR("x")), SCRIPT_KEEP},
         {script_format(&f->arena, 200, longer.ptr, STR("x")), SCRIPT_KEEP}, {heads, SCRIPT_KEEP});
    static const struct {
        const char *says; // NULL: no error
        size_t body;
    } WANT[] = {{NULL, BODY_LIMIT},
                {"body is larger than the limit of 65536 bytes", 0},
                {NULL, 1},
                {"headers are more than the limits of 128 lines, 65536 bytes", 0},
                {"headers are more than the limits", 0},
                {"headers are more than the limits", 0},
                {"headers are more than the limits", 0}};
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        struct http_exchange *x = get(f, "/");
        if (WANT[i].says) {
            check_failed(x, ERR_LIMIT, WANT[i].says);
            assert_true(x->raw_headers.len <= LIMIT_HEADER_BYTES);
        } else {
            assert_int_equal(x->status, 200);
            assert_int_equal(x->body.len, WANT[i].body);
        }
        release(f, x);
    }
    buf_done(&lines[0]);
    buf_done(&lines[1]);
}

// ---- times

static void test_stall(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("", STALL), RAW("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this", STALL),
         RAW("HTTP/1.1 200 OK\r\nContent-Le", STALL));
    use_client(f, FIRST_BYTE_MS, PATIENCE_MS);
    int64_t begun_us = clock_mono_us(clock_system());
    struct http_exchange *x = get(f, "/");
    check_failed(x, ERR_SOURCE_UNAVAILABLE, "no answer within");
    assert_true(x->sent && clock_mono_us(clock_system()) - begun_us >= FIRST_BYTE_MS * 1000);
    release(f, x);
    use_client(f, PATIENCE_MS, STALL_MS);
    for (int i = 0; i < 2; i++) {
        begun_us = clock_mono_us(clock_system());
        x = get(f, "/");
        check_failed(x, ERR_SOURCE_UNAVAILABLE, i == 0 ? "stalled" : "");
        assert_true(clock_mono_us(clock_system()) - begun_us >= STALL_MS * 1000);
        release(f, x);
    }
}

// Bytes that come one by one are no progress, in the head or in the body.
static void test_drip(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", DRIP),
         RAW("HTTP/1.1 200 OK\r\nX-Long: ", DRIP));
    use_client(f, PATIENCE_MS, STALL_MS);
    for (int i = 0; i < 2; i++) {
        int64_t begun_us = clock_mono_us(clock_system());
        struct http_exchange *x = get(f, "/");
        // Of a line that is not complete libcurl tells nothing: to us no byte has come.
        check_failed(x, ERR_SOURCE_UNAVAILABLE, "");
        int64_t took_us = clock_mono_us(clock_system()) - begun_us;
        assert_in_range(took_us, STALL_MS * 1000, PATIENCE_MS * 1000 - 1);
        release(f, x);
    }
}

// However steadily it comes, an answer has an end.
static void test_total_time(void **state)
{
    struct fixture *f = *state;
    struct http_client *c =
        http_client_create(&(struct http_client_options){.user_agent = "t",
                                                         .connect_timeout_ms = PATIENCE_MS,
                                                         .first_byte_timeout_ms = PATIENCE_MS,
                                                         .stall_timeout_ms = PATIENCE_MS,
                                                         .total_timeout_ms = 1000,
                                                         .body_limit = BODY_LIMIT},
                           clock_system());
    struct error err = {0};
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", DRIP));
    assert_true(http_client_start(c, &(struct http_request){.url = url_of(f, "/")}, &err));
    struct http_exchange *x = http_client_wait(c, WAIT_MS);
    assert_non_null(x);
    check_failed(x, ERR_SOURCE_UNAVAILABLE, "not complete within");
    http_exchange_release(c, x);
    http_client_destroy(c);
}

// ---- connections found dead

// A server closes a connection that was kept alive just when the next request is written to it.
static void test_dead_connection(void **state)
{
    struct fixture *f = *state;
    const struct script_answer ok = RAW("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", KEEP);
    const struct script_answer cut = RAW("", CLOSE);
    PLAY(f, ok, cut, ok, ok, cut, ok, ok);
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->sends, 1);
    release(f, x);
    x = get(f, "/"); // libcurl goes on by itself, and we know it
    assert_int_equal(x->status, 200);
    assert_int_equal(x->sends, 2);
    release(f, x);
    assert_int_equal(script_count(f->script), 3);
    // What must not be done twice goes over a connection of its own...
    int connections = script_connections(f->script);
    struct http_request create = {
        .method = HTTP_POST, .url = url_of(f, "/"), .body = STR("{}"), .fresh_connection = true};
    start(f, &create);
    x = finished(f);
    assert_int_equal(x->status, 200);
    assert_int_equal(x->sends, 1);
    release(f, x);
    assert_int_equal(script_connections(f->script), connections + 1);
    start(f, &create);
    x = finished(f); // ...so that when it is cut, it has been sent once
    check_failed(x, ERR_SOURCE_UNAVAILABLE, "");
    assert_true(x->sent && x->sends == 1);
    release(f, x);
    assert_int_equal(script_count(f->script), 5);
    x = get(f, "/"); // and other requests use old connections again
    assert_int_equal(x->status, 200);
    release(f, x);
    assert_int_equal(script_connections(f->script), connections + 2);
}

// ---- TLS

enum { TLS_TRIES = 6000 };

// A TLS server on a loopback port: openssl's, with a certificate for "localhost" signed by itself.
struct tls_server {
    struct str url, other_name, folder, certificate;
    pid_t pid;
};

static pid_t shell(struct str command)
{
    char name[] = "sh";
    char flag[] = "-c";
    char *text = strndup(command.ptr, command.len);
    char *const argv[] = {name, flag, text, NULL};
    pid_t pid = 0;
    assert_int_equal(posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ), 0);
    free(text);
    return pid;
}

static void tls_start(struct fixture *f, struct tls_server *ret)
{
    char folder[] = "/tmp/sluice-tls-XXXXXX";
    int port = script_free_port();
    int status = -1;
    assert_non_null(mkdtemp(folder));
    pid_t pid = shell(arena_printf(
        &f->arena,
        "cd %s && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes "
        "-keyout key.pem -out cert.pem -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost 2>log || cat log",
        folder));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    ret->pid = shell(arena_printf(
        &f->arena,
        "cd %s && exec openssl s_server -quiet -www -accept %d -key key.pem -cert cert.pem 2>log",
        folder, port));
    ret->url = arena_printf(&f->arena, "https://localhost:%d/", port);
    ret->other_name = arena_printf(&f->arena, "https://127.0.0.1:%d/", port);
    ret->folder = arena_printf(&f->arena, "%s", folder);
    ret->certificate = arena_printf(&f->arena, "%s/cert.pem", folder);
}

static void tls_stop(struct fixture *f, struct tls_server *s)
{
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    static const char *const FILES[] = {"cert.pem", "key.pem", "log"};
    for (size_t i = 0; i < ARRAY_LEN(FILES); i++) {
        unlink(arena_printf(&f->arena, "%s/%s", s->folder.ptr, FILES[i]).ptr);
    }
    assert_int_equal(rmdir(s->folder.ptr), 0);
}

// One GET; repeated while nobody listens yet.
static struct http_exchange *get_tls(struct http_client *c, struct str url)
{
    struct error err = {0};
    struct http_exchange *x = NULL;
    for (int i = 0; i < TLS_TRIES; i++) {
        assert_true(http_client_start(c, &(struct http_request){.url = url}, &err));
        x = http_client_wait(c, WAIT_MS);
        assert_non_null(x);
        if (x->error.code != ERR_CONNECT) {
            break;
        }
        http_exchange_release(c, x);
        clock_system()->sleep_us(clock_system(), 10000);
    }
    return x;
}

static void test_tls_is_verified(void **state)
{
    struct fixture *f = *state;
    struct tls_server s = {.pid = 0};
    tls_start(f, &s);
    struct http_client_options o = {.user_agent = "t",
                                    .connect_timeout_ms = PATIENCE_MS,
                                    .first_byte_timeout_ms = PATIENCE_MS,
                                    .stall_timeout_ms = PATIENCE_MS,
                                    .body_limit = BODY_LIMIT};
    const struct {
        struct str url;
        const char *ca_file;
        enum error_code code;
    } rows[] = {
        {s.url, NULL, ERR_TLS}, // signed by nobody whom this machine knows
        {s.url, s.certificate.ptr, ERR_OK},
        {s.other_name, s.certificate.ptr, ERR_TLS}, // a certificate for another name
        {s.url, "/nonexistent.pem", ERR_TLS},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        o.ca_file = rows[i].ca_file;
        struct http_client *c = http_client_create(&o, clock_system());
        struct http_exchange *x = get_tls(c, rows[i].url);
        assert_non_null(x);
        assert_int_equal(x->error.code, rows[i].code);
        assert_true((x->status == 200) == (rows[i].code == ERR_OK));
        assert_true(x->sent == (rows[i].code == ERR_OK)); // not a byte, no token, to a stranger
        http_exchange_release(c, x);
        http_client_destroy(c);
    }
    tls_stop(f, &s);
}

// A server that speaks no TLS is no reason to speak without it.
static void test_tls_is_not_given_up(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", CLOSE));
    use_client(f, 10 * FIRST_BYTE_MS, PATIENCE_MS);
    struct str url = url_of(f, "/");
    url = arena_printf(&f->arena, "https%.*s", STR_ARG(str_sub(url, 4, url.len)));
    start(f, &(struct http_request){.url = url});
    struct http_exchange *x = finished(f);
    assert_int_equal(x->status, 0);
    assert_int_equal(x->error.code, ERR_CONNECT); // look at the URL, not at HubSpot
    assert_false(x->sent);
    release(f, x);
}

static void test_environment_is_ignored(void **state)
{
    struct fixture *f = *state;
    PLAY(f, RAW("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", KEEP));
    char *proxy =
        arena_cstr(&f->arena, arena_printf(&f->arena, "http://127.0.0.1:%d", script_free_port()));
    assert_int_equal(setenv("http_proxy", proxy, 1),
                     0);                                // NOLINT(concurrency-mt-unsafe): one thread
    assert_int_equal(setenv("ALL_PROXY", proxy, 1), 0); // NOLINT(concurrency-mt-unsafe): one thread
    struct http_exchange *x = get(f, "/");
    assert_int_equal(x->status, 200);
    release(f, x);
    assert_int_equal(unsetenv("http_proxy"), 0);
    assert_int_equal(unsetenv("ALL_PROXY"), 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        TEST(test_gzip),
        TEST(test_limits_of_answers),
        TEST(test_stall),
        TEST(test_drip),
        TEST(test_total_time),
        TEST(test_dead_connection),
        TEST(test_tls_is_verified),
        TEST(test_tls_is_not_given_up),
        TEST(test_environment_is_ignored),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
