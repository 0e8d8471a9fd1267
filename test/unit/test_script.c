#include "test_script.h"

#include "check.h"

#include "core/buf.h"
#include "core/clock.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 64, TEXTS_MAX = 256, REQUEST_BYTES_MAX = 4 << 20, WAIT_MAX_MS = 20000 };

struct connection {
    int fd;
    int number;
    bool stalled, drips;
    struct buf in;
};

struct script {
    script_fn *fn;
    void *user;
    const struct script_answer *answers; // script_play
    size_t n_answers;
    char url[64];
    int listener;
    int stop_pipe[2];
    pthread_t thread;
    struct connection connections[CONNECTIONS_MAX];
    size_t n_connections;
    pthread_mutex_t lock; // guards what follows
    struct buf texts[TEXTS_MAX];
    size_t requests;
    int opened;
};

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static int listen_anywhere(int *ret_port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(0);
    socklen_t len = sizeof address;
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(fd, CONNECTIONS_MAX), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int script_free_port(void)
{
    int port = 0;
    close(listen_anywhere(&port));
    return port;
}

static void drop(struct script *s, size_t i, bool reset)
{
    struct connection *c = &s->connections[i];
    if (reset) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(c->fd);
    buf_done(&c->in);
    s->connections[i] = s->connections[--s->n_connections];
}

static void send_all(int fd, struct str bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
        if (n <= 0) {
            return; // the client has had enough
        }
        bytes = str_sub(bytes, (size_t)n, bytes.len);
    }
}

// Whether a whole request is there; its parts.
static bool whole(struct str in, struct script_request *ret)
{
    ptrdiff_t end = str_find(in, STR("\r\n\r\n"));
    if (end < 0) {
        return false;
    }
    size_t head = (size_t)end + 4;
    ptrdiff_t at = str_find(str_sub(in, 0, head), STR("Content-Length: "));
    uint64_t body = 0;
    if (at >= 0) {
        struct str rest = str_sub(in, (size_t)at + 16, in.len);
        str_to_uint64(str_sub(rest, 0, (size_t)str_find_char(rest, '\r')), &body);
    }
    ret->text = str_sub(in, 0, head + body);
    ret->body = str_sub(in, head, body);
    return in.len >= head + body;
}

static void record(struct script *s, struct script_request *r)
{
    pthread_mutex_lock(&s->lock);
    r->number = s->requests++;
    if (r->number < TEXTS_MAX) {
        buf_add(&s->texts[r->number], r->text);
    }
    pthread_mutex_unlock(&s->lock);
}

// Answers what has come in whole; false when the connection is gone.
static bool answer(struct script *s, size_t i)
{
    struct connection *c = &s->connections[i];
    struct script_request r = {.connection = c->number};
    while (!c->stalled && whole(buf_str(&c->in), &r)) {
        struct script_answer a = {.after = SCRIPT_KEEP};
        record(s, &r);
        if (s->fn) {
            s->fn(s->user, &r, &a);
        } else {
            a = s->answers[MIN(r.number, s->n_answers - 1)];
        }
        send_all(c->fd, a.raw);
        if (a.after == SCRIPT_CLOSE || a.after == SCRIPT_RESET) {
            drop(s, i, a.after == SCRIPT_RESET);
            return false;
        }
        c->drips = a.after == SCRIPT_DRIP;
        c->stalled = a.after == SCRIPT_STALL || c->drips;
        buf_consume(&c->in, r.text.len);
    }
    return true;
}

static void take_connection(struct script *s)
{
    int fd = accept(s->listener, NULL, NULL);
    if (fd < 0 || s->n_connections == CONNECTIONS_MAX) {
        return;
    }
    struct connection *c = &s->connections[s->n_connections++];
    *c = (struct connection){.fd = fd};
    buf_init(&c->in, REQUEST_BYTES_MAX);
    pthread_mutex_lock(&s->lock);
    c->number = s->opened++;
    pthread_mutex_unlock(&s->lock);
}

static void take_bytes(struct script *s, size_t i)
{
    struct connection *c = &s->connections[i];
    char *to = buf_reserve(&c->in, 65536);
    ssize_t n = to ? recv(c->fd, to, 65536, 0) : 0;
    if (n <= 0) {
        drop(s, i, false);
        return;
    }
    buf_commit(&c->in, (size_t)n);
    answer(s, i);
}

// Sends what drips; false when nothing does.
static bool drip(struct script *s)
{
    bool any = false;
    for (size_t i = 0; i < s->n_connections; i++) {
        if (s->connections[i].drips) {
            send_all(s->connections[i].fd, STR("x"));
            any = true;
        }
    }
    return any;
}

static void *serve(void *user)
{
    struct script *s = user;
    for (;;) {
        struct pollfd fds[CONNECTIONS_MAX + 2] = {{s->stop_pipe[0], POLLIN, 0},
                                                  {s->listener, POLLIN, 0}};
        size_t n = s->n_connections;
        for (size_t i = 0; i < n; i++) {
            fds[i + 2] = (struct pollfd){s->connections[i].fd, POLLIN, 0};
        }
        if (poll(fds, n + 2, drip(s) ? 10 : -1) < 0) {
            continue;
        }
        if (fds[0].revents) {
            return NULL;
        }
        // From the back, since a dropped connection's place is taken by the last one.
        for (size_t i = n; i > 0; i--) {
            if (fds[i + 1].revents) {
                take_bytes(s, i - 1);
            }
        }
        if (fds[1].revents) {
            take_connection(s);
        }
    }
}

static struct script *start(script_fn *fn, void *user, const struct script_answer *answers,
                            size_t n)
{
    struct script *s = calloc(1, sizeof *s);
    assert_non_null(s);
    int port = 0;
    s->fn = fn;
    s->user = user;
    s->answers = answers;
    s->n_answers = n;
    s->listener = listen_anywhere(&port);
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%d", port);
    for (size_t i = 0; i < TEXTS_MAX; i++) {
        buf_init(&s->texts[i], REQUEST_BYTES_MAX);
    }
    pthread_mutex_init(&s->lock, NULL);
    assert_int_equal(pipe(s->stop_pipe), 0);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
    return s;
}

struct script *script_start(script_fn *fn, void *user)
{
    return start(fn, user, NULL, 0);
}

struct script *script_play(const struct script_answer *answers, size_t n)
{
    assert_true(n > 0);
    return start(NULL, NULL, answers, n);
}

void script_stop(struct script *s)
{
    assert_int_equal(write(s->stop_pipe[1], "x", 1), 1);
    pthread_join(s->thread, NULL);
    while (s->n_connections > 0) {
        drop(s, s->n_connections - 1, false);
    }
    close(s->listener);
    close(s->stop_pipe[0]);
    close(s->stop_pipe[1]);
    for (size_t i = 0; i < TEXTS_MAX; i++) {
        buf_done(&s->texts[i]);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

const char *script_url(const struct script *s)
{
    return s->url;
}

size_t script_count(struct script *s)
{
    pthread_mutex_lock(&s->lock);
    size_t n = s->requests;
    pthread_mutex_unlock(&s->lock);
    return n;
}

int script_connections(struct script *s)
{
    pthread_mutex_lock(&s->lock);
    int n = s->opened;
    pthread_mutex_unlock(&s->lock);
    return n;
}

struct str script_text(struct script *s, size_t i)
{
    assert_true(i < script_count(s) && i < TEXTS_MAX);
    pthread_mutex_lock(&s->lock);
    struct str text = buf_str(&s->texts[i]);
    pthread_mutex_unlock(&s->lock);
    return text;
}

bool script_wait(struct script *s, size_t requests)
{
    const struct clock *clock = clock_system();
    for (int ms = 0; ms < WAIT_MAX_MS && script_count(s) < requests; ms++) {
        clock->sleep_us(clock, 1000);
    }
    return script_count(s) >= requests;
}

struct str script_format(struct arena *arena, int status, const char *headers, struct str body)
{
    struct str head = arena_printf(arena, "HTTP/1.1 %d Reason\r\n%sContent-Length: %zu\r\n\r\n",
                                   status, headers, body.len);
    char *all = arena_alloc(arena, head.len + body.len);
    memcpy(all, head.ptr, head.len);
    memcpy(all + head.len, body.len > 0 ? body.ptr : "", body.len);
    return (struct str){all, head.len + body.len};
}
