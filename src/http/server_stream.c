#include "http/server_state.h"

#include "core/wait.h"

#include <sys/socket.h>

enum {
    STREAM_CHUNK = 16 * 1024,
    STREAM_OUT_MAX = 4 * 1024 * 1024, // what is waiting to be sent to one client
    LOOK_MS = 500,                    // between two looks at connections
};

struct stream {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_server_stream is;
    struct buf out;
    size_t sent; // of `out`
    bool ended;
    bool parked; // guarded by the watch's lock, with due_us
    int64_t due_us;
    struct stream *prev, *next; // among the server's
};

void server_watch_init(struct watch *w)
{
    pthread_mutex_init(&w->lock, NULL);
    wait_init(&w->changed);
}

void server_watch_done(struct watch *w)
{
    assert(!w->streams && !w->connections);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
}

// The lock is held.
static void unpark(struct stream *t)
{
    if (t->parked) {
        t->parked = false;
        MHD_resume_connection(t->connection);
    }
}

static void unpark_all(struct watch *w)
{
    for (struct stream *t = w->streams; t; t = t->next) {
        unpark(t);
    }
}

void http_server_stream_wake(struct http_server *s)
{
    pthread_mutex_lock(&s->watch.lock);
    s->watch.wakes++;
    unpark_all(&s->watch);
    pthread_mutex_unlock(&s->watch.lock);
}

// ---- the thread

// Unparks what is due; how long until the next is.
static int64_t look(struct watch *w, int64_t now_us)
{
    int64_t wait_us = w->connections ? LOOK_MS * 1000 : INT64_C(3600) * 1000000;
    for (struct stream *t = w->streams; t; t = t->next) {
        if (t->parked && t->due_us <= now_us) {
            unpark(t);
        } else if (t->parked) {
            wait_us = MIN(wait_us, t->due_us - now_us);
        }
    }
    for (struct watched *c = w->connections; c; c = c->next) {
        int64_t due_us = atomic_load(&c->due_us);
        if (due_us > 0 && due_us <= now_us) {
            atomic_store(&c->due_us, 0);
            shutdown(c->fd, SHUT_RDWR); // libmicrohttpd sees its end and closes it
        }
    }
    return wait_us / 1000 + 1;
}

static void *watch_run(void *arg)
{
    struct http_server *s = arg;
    struct watch *w = &s->watch;
    pthread_mutex_lock(&w->lock);
    while (!w->closing) {
        wait_at_most(&w->changed, &w->lock, 1000 * look(w, clock_mono_us(s->options.clock)));
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

// The lock is held.
static void need_thread(struct http_server *s)
{
    struct watch *w = &s->watch;
    if (!w->running && !w->closing) {
        w->running = true;
        if (pthread_create(&w->thread, NULL, watch_run, s) != 0) {
            abort();
        }
    }
}

void server_watch_close(struct http_server *s)
{
    struct watch *w = &s->watch;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    unpark_all(w);
    bool running = w->running;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (running) {
        pthread_join(w->thread, NULL);
    }
}

// ---- streams

static ssize_t take(struct stream *t, char *to, size_t max)
{
    size_t n = MIN(max, t->out.len - t->sent);
    memcpy(to, t->out.ptr + t->sent, n);
    t->sent += n;
    if (t->sent == t->out.len) {
        buf_reset(&t->out);
        t->sent = 0;
    }
    return (ssize_t)n;
}

// Parks the connection, unless somebody has woken the streams since `wakes`.
static bool park_stream(struct stream *t, uint64_t wakes)
{
    struct http_server *s = t->server;
    struct watch *w = &s->watch;
    pthread_mutex_lock(&w->lock);
    bool park = w->wakes == wakes && !w->closing;
    if (park) {
        MHD_suspend_connection(t->connection);
        t->parked = true;
        t->due_us = clock_mono_us(s->options.clock) + MAX(t->is.idle_ms, 1) * 1000;
        need_thread(s);
        pthread_cond_signal(&w->changed);
    }
    pthread_mutex_unlock(&w->lock);
    return park;
}

// libmicrohttpd looks at the socket of a connection that sends nothing only when it writes.
static bool client_is_gone(struct stream *t)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(t->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    return info && recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static ssize_t read_stream(void *cls, uint64_t pos UNUSED, char *to, size_t max)
{
    struct stream *t = cls;
    struct watch *w = &t->server->watch;
    while (true) {
        if (t->out.len > t->sent) {
            return take(t, to, max);
        }
        pthread_mutex_lock(&w->lock);
        uint64_t wakes = w->wakes;
        bool closing = w->closing;
        pthread_mutex_unlock(&w->lock);
        if (t->ended || closing) {
            return MHD_CONTENT_READER_END_OF_STREAM;
        }
        t->ended = !t->is.next(t->is.user, &t->out) || t->out.overflow;
        if (t->out.len > 0 || t->ended) {
            continue;
        }
        if (client_is_gone(t)) {
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (park_stream(t, wakes)) {
            return 0;
        }
    }
}

static void free_stream(void *cls)
{
    struct stream *t = cls;
    struct watch *w = &t->server->watch;
    pthread_mutex_lock(&w->lock);
    *(t->prev ? &t->prev->next : &w->streams) = t->next;
    if (t->next) {
        t->next->prev = t->prev;
    }
    pthread_mutex_unlock(&w->lock);
    t->is.gone(t->is.user);
    buf_done(&t->out);
    free(t);
}

struct MHD_Response *server_stream_response(struct http_server *s,
                                            const struct http_server_stream *stream,
                                            struct MHD_Connection *connection)
{
    struct stream *t = calloc(1, sizeof(*t));
    if (!t) {
        abort();
    }
    t->server = s;
    t->connection = connection;
    t->is = *stream;
    buf_init(&t->out, STREAM_OUT_MAX);
    struct watch *w = &s->watch;
    pthread_mutex_lock(&w->lock);
    t->next = w->streams;
    if (t->next) {
        t->next->prev = t;
    }
    w->streams = t;
    pthread_mutex_unlock(&w->lock);
    struct MHD_Response *response = MHD_create_response_from_callback(
        MHD_SIZE_UNKNOWN, STREAM_CHUNK, read_stream, t, free_stream);
    if (!response) {
        free_stream(t);
        return NULL;
    }
    // Its end is the connection's, so that clients behind proxies see it.
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    return response;
}

// ---- connections that have to come up with their requests

void server_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_server *s = cls;
    struct watch *w = &s->watch;
    struct watched *c = *socket_context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (c) {
            pthread_mutex_lock(&w->lock);
            *(c->prev ? &c->prev->next : &w->connections) = c->next;
            if (c->next) {
                c->next->prev = c->prev;
            }
            pthread_mutex_unlock(&w->lock);
            free(c);
            *socket_context = NULL;
        }
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    c = info ? calloc(1, sizeof(*c)) : NULL;
    if (!c) {
        return;
    }
    int64_t wait_us = (int64_t)s->options.request_timeout_s * 1000000;
    c->server = s;
    c->fd = info->connect_fd;
    atomic_store(&c->due_us, wait_us > 0 ? clock_mono_us(s->options.clock) + wait_us : 0);
    pthread_mutex_lock(&w->lock);
    c->next = w->connections;
    if (c->next) {
        c->next->prev = c;
    }
    w->connections = c;
    if (wait_us > 0) {
        need_thread(s);
        if (!c->next) {
            pthread_cond_signal(&w->changed); // the first: looks begin
        }
    }
    pthread_mutex_unlock(&w->lock);
    *socket_context = c;
}

static struct watched *watched_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

struct http_server *server_of(struct MHD_Connection *connection)
{
    const struct watched *c = watched_of(connection);
    return c ? c->server : NULL;
}

void server_watch_phase(struct http_server *s, struct MHD_Connection *connection,
                        enum server_phase phase)
{
    struct watched *c = s->options.request_timeout_s > 0 ? watched_of(connection) : NULL;
    if (!c) {
        return;
    }
    int64_t wait_s = s->options.request_timeout_s;
    if (phase == SERVER_REQUEST_IS_OVER) { // the next may begin as late as an idle one may last
        wait_s = s->options.idle_timeout_s > 0 ? wait_s + s->options.idle_timeout_s : 0;
    }
    bool none = phase == SERVER_REQUEST_IS_HERE || wait_s == 0;
    atomic_store(&c->due_us, none ? 0 : clock_mono_us(s->options.clock) + wait_s * 1000000);
}
