#include "http/server.h"

#include "http/timers.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    REQUEST_ARENA_LIMIT = 64 * 1024 * 1024, // what a handler may allocate for one request
    LISTEN_BACKLOG = 511,
    SPARE_BODIES = 32,                  // response buffers kept for reuse
    SPARE_BODY_BYTES = 8 * 1024 * 1024, // larger ones are given back
    SPARE_EXCHANGES = 64,
    STALL_CHUNK = 16 * 1024,
    DRAIN_POLL_US = 2000,
};

// A response body on its way out, owned by libmicrohttpd's response object.
struct body {
    struct http_server *server;
    struct MHD_Connection *connection;
    struct http_server_wire wire;
    struct buf buf;
    bool stalled;
    uint64_t dripped;  // bytes that may be out already
    struct body *next; // among the spare ones
};

enum exchange_state { EXCHANGE_NEW, EXCHANGE_BODY, EXCHANGE_READY };

struct exchange {
    struct http_server *server;
    enum exchange_state state;
    bool too_large;
    struct arena arena;
    struct buf upload;
    struct http_server_request request;
    struct http_server_response response;
    struct body
        *body; // its buf is lent to response.body; NULL before the handler and after the answer
    struct exchange *next; // among the spare ones
};

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    uint16_t port;
    struct timers *timers;
    atomic_size_t open;   // requests that have arrived and are not answered to the end
    pthread_mutex_t lock; // guards the spare lists
    struct body *spare_bodies;
    size_t n_spare_bodies;
    struct exchange *spare_exchanges;
    size_t n_spare_exchanges;
};

static struct body *body_take(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    struct body *b = s->spare_bodies;
    if (b) {
        s->spare_bodies = b->next;
        s->n_spare_bodies--;
    }
    pthread_mutex_unlock(&s->lock);
    if (!b) {
        b = calloc(1, sizeof(*b));
        if (!b) {
            abort();
        }
        buf_init(&b->buf, s->options.response_limit);
    }
    b->server = s;
    b->stalled = false;
    b->dripped = 0;
    return b;
}

static void body_destroy(struct body *b)
{
    buf_done(&b->buf);
    free(b);
}

// libmicrohttpd calls this when it needs the response no more.
static void body_release(void *cls)
{
    struct body *b = cls;
    struct http_server *s = b->server;
    buf_reset(&b->buf);
    pthread_mutex_lock(&s->lock);
    bool keep = s->n_spare_bodies < SPARE_BODIES && b->buf.cap <= SPARE_BODY_BYTES;
    if (keep) {
        b->next = s->spare_bodies;
        s->spare_bodies = b;
        s->n_spare_bodies++;
    }
    pthread_mutex_unlock(&s->lock);
    if (!keep) {
        body_destroy(b);
    }
}

static struct exchange *exchange_take(struct http_server *s)
{
    pthread_mutex_lock(&s->lock);
    struct exchange *x = s->spare_exchanges;
    if (x) {
        s->spare_exchanges = x->next;
        s->n_spare_exchanges--;
    }
    pthread_mutex_unlock(&s->lock);
    if (!x) {
        x = calloc(1, sizeof(*x));
        if (!x) {
            abort();
        }
        arena_init(&x->arena, REQUEST_ARENA_LIMIT);
        buf_init(&x->upload, s->options.body_limit);
    }
    x->server = s;
    atomic_fetch_add(&s->open, 1);
    x->state = EXCHANGE_NEW;
    x->too_large = false;
    x->request = (struct http_server_request){.arena = &x->arena};
    return x;
}

static void exchange_destroy(struct exchange *x)
{
    arena_done(&x->arena);
    buf_done(&x->upload);
    free(x);
}

static void exchange_release(struct exchange *x)
{
    struct http_server *s = x->server;
    arena_reset(&x->arena);
    if (x->upload.cap > SPARE_BODY_BYTES / 8) {
        buf_done(&x->upload);
    }
    buf_reset(&x->upload);
    if (x->body) { // the connection died before the answer
        x->body->buf = x->response.body;
        body_release(x->body);
        x->body = NULL;
    }
    pthread_mutex_lock(&s->lock);
    bool keep = s->n_spare_exchanges < SPARE_EXCHANGES;
    atomic_fetch_sub(&s->open, 1);
    if (keep) {
        x->next = s->spare_exchanges;
        s->spare_exchanges = x;
        s->n_spare_exchanges++;
    }
    pthread_mutex_unlock(&s->lock);
    if (!keep) {
        exchange_destroy(x);
    }
}

// Called with the request line's target before libmicrohttpd cuts it up: the only sight of the raw
// form.
static void *on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct exchange *x = exchange_take(cls);
    struct http_server_request *r = &x->request;
    r->connection = connection;
    r->target = arena_dup(&x->arena, str_from(target));
    ptrdiff_t mark = str_find_char(r->target, '?');
    r->path = mark < 0 ? r->target : str_sub(r->target, 0, (size_t)mark);
    r->query = mark < 0 ? STR("") : str_sub(r->target, (size_t)mark + 1, r->target.len);
    return x;
}

static void on_completed(void *cls UNUSED, struct MHD_Connection *connection UNUSED, void **con_cls,
                         enum MHD_RequestTerminationCode code UNUSED)
{
    if (*con_cls) {
        exchange_release(*con_cls);
        *con_cls = NULL;
    }
}

static void resume(void *connection)
{
    MHD_resume_connection(connection);
}

// Parks the connection until `due_us`; libmicrohttpd then calls us again. Ends at once when the
// server stops.
static void park(struct http_server *s, struct MHD_Connection *connection, int64_t due_us)
{
    MHD_suspend_connection(connection);
    timers_add(s->timers, due_us, connection);
}

// Feeds a body with faults of the wire to libmicrohttpd.
static ssize_t read_faulty(void *cls, uint64_t pos, char *to, size_t max)
{
    struct body *b = cls;
    const struct http_server_wire *w = &b->wire;
    size_t end = w->cut ? MIN(w->cut_after, b->buf.len) : b->buf.len;
    if (w->stall_ms > 0 && !b->stalled) {
        size_t stall_at = MIN(w->stall_after, end);
        if (pos >= stall_at) {
            b->stalled = true;
            int64_t now_us = clock_mono_us(b->server->options.clock);
            park(b->server, b->connection, now_us + w->stall_ms * 1000);
            return 0;
        }
        end = stall_at;
    }
    if (pos >= end) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (w->drip_ms > 0) {
        if (pos >= b->dripped) {
            b->dripped = pos + MAX(w->drip_bytes, (size_t)1);
            int64_t now_us = clock_mono_us(b->server->options.clock);
            park(b->server, b->connection, now_us + w->drip_ms * 1000);
            return 0;
        }
        end = MIN(end, (size_t)b->dripped);
    }
    size_t n = MIN(max, end - (size_t)pos);
    memcpy(to, b->buf.ptr + pos, n);
    return (ssize_t)n;
}

static bool wire_is_honest(const struct http_server_wire *w)
{
    return !w->cut && w->stall_ms == 0 && w->promise_extra == 0 && w->drip_ms == 0;
}

static struct MHD_Response *make_response(struct exchange *x, struct MHD_Connection *connection)
{
    struct body *b = x->body;
    x->body = NULL;
    b->buf = x->response.body;
    b->wire = x->response.wire;
    b->connection = connection;
    if (wire_is_honest(&b->wire)) {
        return MHD_create_response_from_buffer_with_free_callback_cls(b->buf.len, b->buf.ptr,
                                                                      body_release, b);
    }
    return MHD_create_response_from_callback(b->buf.len + b->wire.promise_extra, STALL_CHUNK,
                                             read_faulty, b, body_release);
}

// Headers that lie about the body, or that nobody asked for.
static void add_faulty_headers(struct exchange *x, struct MHD_Response *response, size_t length)
{
    const struct http_server_wire *w = &x->response.wire;
    if (w->promise_less > 0) {
        struct str text = arena_printf(&x->arena, "%zu", length - MIN(w->promise_less, length));
        MHD_set_response_options(response, MHD_RF_INSANITY_HEADER_CONTENT_LENGTH, MHD_RO_END);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_LENGTH,
                                arena_cstr(&x->arena, text));
    }
    if (w->extra_headers > 0) {
        char *value = arena_alloc(&x->arena, w->extra_header_bytes + 1);
        memset(value, 'x', w->extra_header_bytes);
        value[w->extra_header_bytes] = '\0';
        for (unsigned i = 0; i < w->extra_headers; i++) {
            MHD_add_response_header(
                response, arena_cstr(&x->arena, arena_printf(&x->arena, "X-Extra-%u", i)), value);
        }
    }
}

static enum MHD_Result send_response(struct exchange *x, struct MHD_Connection *connection)
{
    struct http_server_response *r = &x->response;
    if (r->wire.drop) {
        return MHD_NO;
    }
    int status = r->status;
    size_t length = r->body.len;
    struct MHD_Response *response = make_response(x, connection);
    if (!response) {
        return MHD_NO;
    }
    if (r->content_type) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        MHD_add_response_header(response, r->headers[i].name,
                                arena_cstr(&x->arena, r->headers[i].value));
    }
    add_faulty_headers(x, response, length);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}

static void run_handler(struct exchange *x)
{
    struct http_server *s = x->server;
    x->body = body_take(s);
    x->response = (struct http_server_response){
        .status = 200,
        .body = x->body->buf,
        .content_type = "application/json;charset=utf-8",
    };
    if (x->too_large) {
        x->response.status = MHD_HTTP_CONTENT_TOO_LARGE;
        buf_printf(
            &x->response.body,
            "{\"status\":\"error\",\"message\":\"The request body is larger than %zu bytes\"}",
            s->options.body_limit);
        return;
    }
    x->request.body = buf_str(&x->upload);
    s->options.handle(s->options.user, &x->request, &x->response);
    if (x->response.body.overflow) {
        buf_reset(&x->response.body);
        x->response.status = MHD_HTTP_INTERNAL_SERVER_ERROR;
        buf_printf(&x->response.body,
                   "{\"status\":\"error\",\"message\":\"The answer is larger than %zu bytes\"}",
                   s->options.response_limit);
    }
}

// The signature is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size)
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection,
                                  const char *url UNUSED, const char *method,
                                  const char *version UNUSED, const char *upload_data,
                                  size_t *upload_size, void **con_cls)
{
    struct http_server *s = cls;
    struct exchange *x = *con_cls;
    if (x->state == EXCHANGE_NEW) {
        x->request.method = arena_dup(&x->arena, str_from(method));
        x->request.arrived_us = clock_mono_us(s->options.clock);
        x->state = EXCHANGE_BODY;
        return MHD_YES;
    }
    if (*upload_size > 0) {
        x->too_large =
            !buf_add(&x->upload, (struct str){upload_data, *upload_size}) || x->too_large;
        *upload_size = 0;
        return MHD_YES;
    }
    if (x->state == EXCHANGE_BODY) {
        x->state = EXCHANGE_READY;
        run_handler(x);
        if (x->response.delay_ms > 0) {
            park(s, connection, x->request.arrived_us + x->response.delay_ms * 1000);
            return MHD_YES;
        }
    }
    return send_response(x, connection);
}

struct str http_server_header(const struct http_server_request *r, const char *name)
{
    return str_from(MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name));
}

void http_server_add_header(struct http_server_response *r, const char *name, struct str value)
{
    assert(r->n_headers < HTTP_SERVER_HEADERS_MAX);
    r->headers[r->n_headers].name = name;
    r->headers[r->n_headers].value = value;
    r->n_headers++;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

struct str http_server_decode(struct arena *arena, struct str s, bool plus)
{
    char *out = arena_alloc(arena, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%' && i + 2 < s.len && hex_digit(s.ptr[i + 1]) >= 0 &&
            hex_digit(s.ptr[i + 2]) >= 0) {
            c = (char)(hex_digit(s.ptr[i + 1]) * 16 + hex_digit(s.ptr[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return (struct str){out, n};
}

struct str http_server_raw_query(const struct http_server_request *r, const char *name)
{
    struct str rest = r->query;
    struct str field;
    struct str wanted = str_from(name);
    while (rest.len > 0 && str_next(&rest, '&', &field)) {
        if (str_starts(field, wanted) &&
            (field.len == wanted.len || field.ptr[wanted.len] == '=')) {
            size_t skip = MIN(wanted.len + 1, field.len);
            return (struct str){field.ptr + skip, field.len - skip};
        }
    }
    return (struct str){NULL, 0};
}

struct str http_server_query(const struct http_server_request *r, const char *name)
{
    struct str raw = http_server_raw_query(r, name);
    return raw.ptr ? http_server_decode(r->arena, raw, true) : raw;
}

static bool listen_at(int fd, const struct addrinfo *at)
{
    int on = 1;
    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
           bind(fd, at->ai_addr, at->ai_addrlen) == 0 && listen(fd, LISTEN_BACKLOG) == 0;
}

static uint16_t bound_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t len = sizeof(address);
    if (getsockname(fd, &address.any, &len) != 0) {
        return 0;
    }
    bool v6 = address.any.sa_family == AF_INET6;
    return ntohs(v6 ? address.v6.sin6_port : address.v4.sin_port);
}

// A listening socket, and the port it got.
static bool open_socket(const struct http_server_options *o, int *ret_fd, uint16_t *ret_port,
                        struct error *err)
{
    char service[8];
    snprintf(service, sizeof(service), "%u", (unsigned)o->port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *list = NULL;
    int failure = getaddrinfo(o->host, service, &hints, &list);
    if (failure != 0) {
        return error_set(err, ERR_CONFIG, "cannot listen on %s: %s", o->host,
                         gai_strerror(failure));
    }
    int fd = -1;
    int reason = 0;
    for (struct addrinfo *at = list; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, at->ai_protocol);
        if (fd < 0 || !listen_at(fd, at)) {
            reason = errno;
            if (fd >= 0) {
                close(fd);
            }
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0) {
        char text[128];
        return error_set(err, ERR_CONFIG, "cannot listen on %s port %u: %s", o->host,
                         (unsigned)o->port, strerror_r(reason, text, sizeof(text)));
    }
    *ret_fd = fd;
    *ret_port = bound_port(fd);
    return true;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
    const struct http_server_options *o = &s->options;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    flags |= MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES ? MHD_USE_EPOLL : MHD_USE_POLL;
    struct MHD_OptionItem more[] = {
        {MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    if (o->threads <= 1) {
        more[0].option = MHD_OPTION_END;
    }
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
                            MHD_OPTION_URI_LOG_CALLBACK, on_target, s, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, s, MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->header_limit,
                            MHD_OPTION_CONNECTION_TIMEOUT, o->idle_timeout_s, MHD_OPTION_ARRAY,
                            more, MHD_OPTION_END);
}

static void server_free(struct http_server *s)
{
    timers_destroy(s->timers);
    while (s->spare_bodies) {
        struct body *b = s->spare_bodies;
        s->spare_bodies = b->next;
        body_destroy(b);
    }
    while (s->spare_exchanges) {
        struct exchange *x = s->spare_exchanges;
        s->spare_exchanges = x->next;
        exchange_destroy(x);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

bool http_server_start(const struct http_server_options *options, struct http_server **ret,
                       struct error *err)
{
    assert(options->handle && options->clock && options->host);
    assert(options->header_limit >= 4096 && options->max_connections > 0);
    int fd = -1;
    uint16_t port = 0;
    if (!open_socket(options, &fd, &port, err)) {
        return false;
    }
    struct http_server *s = calloc(1, sizeof(*s));
    if (!s) {
        abort();
    }
    s->options = *options;
    s->port = port;
    pthread_mutex_init(&s->lock, NULL);
    s->timers = timers_create(options->clock, resume);
    s->daemon = start_daemon(s, fd);
    if (!s->daemon) {
        close(fd);
        server_free(s);
        return error_set(err, ERR_INTERNAL, "cannot start the HTTP server on %s port %u",
                         options->host, (unsigned)port);
    }
    *ret = s;
    return true;
}

uint16_t http_server_port(const struct http_server *s)
{
    return s->port;
}

void http_server_drain(struct http_server *s, int64_t max_ms)
{
    const struct clock *clock = s->options.clock;
    int64_t end_us = clock_mono_us(clock) + max_ms * 1000;
    while (atomic_load(&s->open) > 0 && clock_mono_us(clock) < end_us) {
        clock->sleep_us(clock, DRAIN_POLL_US);
    }
}

void http_server_stop(struct http_server *s)
{
    if (!s) {
        return;
    }
    timers_close(s->timers); // wakes what is parked; from here on nothing is parked any more
    MHD_stop_daemon(s->daemon);
    server_free(s);
}
