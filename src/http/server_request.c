#include "http/server_state.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum {
    REQUEST_ARENA_LIMIT = 64 * 1024 * 1024, // what a handler may allocate for one request
    UNREAD_BODIES = 8,                      // a body so many times too large is not even read
};

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
    x->refused = 0;
    x->misframed = NULL;
    x->request = (struct http_server_request){.arena = &x->arena, .server = s};
    x->response.stream = NULL;
    return x;
}

void server_exchange_destroy(struct exchange *x)
{
    arena_done(&x->arena);
    buf_done(&x->upload);
    free(x);
}

void server_exchange_release(struct exchange *x)
{
    struct http_server *s = x->server;
    if (x->response.stream) { // the connection died before the answer
        x->response.stream->gone(x->response.stream->user);
        x->response.stream = NULL;
    }
    arena_reset(&x->arena);
    if (x->upload.cap > SPARE_BODY_BYTES / 8) {
        buf_done(&x->upload);
    }
    buf_reset(&x->upload);
    if (x->body) { // the connection died before the answer
        x->body->buf = x->response.body;
        server_body_release(x->body);
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
        server_exchange_destroy(x);
    }
}

// Called with the request line's target before libmicrohttpd cuts it up: the only sight of the raw
// form.
void *server_on_target(void *cls, const char *target, struct MHD_Connection *connection)
{
    struct exchange *x = exchange_take(cls);
    struct http_server_request *r = &x->request;
    r->connection = connection;
    server_watch_phase(x->server, connection, SERVER_REQUEST_BEGINS);
    r->target = arena_dup(&x->arena, str_from(target));
    ptrdiff_t mark = str_find_char(r->target, '?');
    r->path = mark < 0 ? r->target : str_sub(r->target, 0, (size_t)mark);
    r->query = mark < 0 ? STR("") : str_sub(r->target, (size_t)mark + 1, r->target.len);
    return x;
}

void server_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code UNUSED)
{
    server_watch_phase(cls, connection, SERVER_REQUEST_IS_OVER);
    if (*con_cls) {
        server_exchange_release(*con_cls);
        *con_cls = NULL;
    }
}

static const struct {
    int status;
    const char *message;
} REFUSALS[] = {
    {MHD_HTTP_BAD_REQUEST, "The request target holds control characters"},
    {MHD_HTTP_CONTENT_TOO_LARGE, "The request body is larger than %zu bytes"},
    {MHD_HTTP_URI_TOO_LONG, "The request target is larger than half of %zu bytes"},
    {MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
     "The request headers are too many or larger than %zu bytes"},
    {MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED, "The version of HTTP is neither 1.1 nor 1.0"},
    {MHD_HTTP_INTERNAL_SERVER_ERROR, "The answer is larger than %zu bytes"},
};

static const char MISFRAMED[] = "The headers do not say in one way where the request ends: send "
                                "one Content-Length or Transfer-Encoding: chunked, and names of "
                                "headers without spaces";

static void refuse(struct exchange *x, int status, size_t limit)
{
    const struct http_server_options *o = &x->server->options;
    char message[192] = "";
    for (size_t i = 0; i < ARRAY_LEN(REFUSALS); i++) {
        if (REFUSALS[i].status == status) {
            snprintf(message, sizeof(message), REFUSALS[i].message, limit);
        }
    }
    if (x->misframed) {
        snprintf(message, sizeof(message), "%s", x->misframed);
    }
    buf_reset(&x->response.body);
    x->response.status = status;
    if (o->refuse) {
        o->refuse(o->user, &x->request, &x->response, message);
    } else {
        buf_printf(&x->response.body, "{\"status\":\"error\",\"message\":\"%s\"}", message);
    }
    if (x->misframed) {
        http_server_add_header(&x->response, "Connection", STR("close"));
    }
}

void server_run_handler(struct exchange *x)
{
    struct http_server *s = x->server;
    const struct http_server_options *o = &s->options;
    x->body = server_body_take(s);
    x->response = (struct http_server_response){
        .status = 200,
        .body = x->body->buf,
        .content_type = "application/json;charset=utf-8",
    };
    if (x->refused) {
        bool body = x->refused == MHD_HTTP_CONTENT_TOO_LARGE;
        refuse(x, x->refused, body ? o->body_limit : o->header_limit);
        return;
    }
    x->request.body = buf_str(&x->upload);
    o->handle(o->user, &x->request, &x->response);
    if (x->response.body.overflow) {
        refuse(x, MHD_HTTP_INTERNAL_SERVER_ERROR, o->response_limit);
    }
}

static struct str peer_address(struct exchange *x, struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *any = info ? info->client_addr : NULL;
    char *text = arena_alloc(&x->arena, INET6_ADDRSTRLEN);
    text[0] = '\0';
    if (any && any->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)any;
        inet_ntop(AF_INET, &v4->sin_addr, text, INET6_ADDRSTRLEN);
    } else if (any && any->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)any;
        inet_ntop(AF_INET6, &v6->sin6_addr, text, INET6_ADDRSTRLEN);
    }
    struct str address = str_from(text);
    struct str mapped = STR("::ffff:"); // IPv4 seen through IPv6
    return str_starts(address, mapped) && str_find_char(address, '.') > 0
               ? str_sub(address, mapped.len, address.len)
               : address;
}

struct exchange *server_exchange_take(struct http_server *s, struct MHD_Connection *connection)
{
    struct exchange *x = exchange_take(s);
    x->request.connection = connection;
    x->request.arrived_us = clock_mono_us(s->options.clock);
    x->request.address = peer_address(x, connection);
    x->request.method = x->request.target = x->request.path = x->request.query = STR("");
    return x;
}

static bool has_controls(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if ((unsigned char)s.ptr[i] < 0x20 || s.ptr[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

// ---- where a request ends

// What the headers say of it. Whoever stands in front of this server may read two statements
// otherwise than libmicrohttpd does, and then one client's body is another one's request.
struct framing {
    unsigned lengths, codings;
    bool strange; // a name that others may read as another, or a coding that is not chunked
};

static enum MHD_Result look_at_header(void *cls, enum MHD_ValueKind kind UNUSED, const char *name,
                                      const char *value)
{
    struct framing *f = cls;
    struct str n = str_from(name);
    for (size_t i = 0; i < n.len; i++) {
        f->strange = f->strange || n.ptr[i] <= ' ' || n.ptr[i] >= 0x7f;
    }
    if (str_eq_nocase(n, STR("content-length"))) {
        f->lengths++;
    } else if (str_eq_nocase(n, STR("transfer-encoding"))) {
        f->codings++;
        f->strange = f->strange || !str_eq_nocase(str_from(value), STR("chunked"));
    }
    return MHD_YES;
}

static bool is_misframed(struct MHD_Connection *connection)
{
    struct framing f = {0};
    MHD_get_connection_values(connection, MHD_HEADER_KIND, look_at_header, &f);
    return f.strange || f.lengths + f.codings > 1;
}

// What can be said before the body is there. Sizes are looked at only for who wants to say it in
// its own words: libmicrohttpd has answers of its own for all else.
static int refuse_head(struct exchange *x, struct MHD_Connection *connection)
{
    const struct http_server_options *o = &x->server->options;
    if (has_controls(x->request.target)) {
        return MHD_HTTP_BAD_REQUEST;
    }
    if (!o->refuse) {
        return 0;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (x->request.target.len > o->header_limit / 2) {
        return MHD_HTTP_URI_TOO_LONG;
    }
    return info && info->header_size > o->header_limit ? MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE
                                                       : 0;
}

// Whether the answer is a refusal that need not wait for the body.
static bool refuses_body(struct exchange *x)
{
    const struct http_server_options *o = &x->server->options;
    uint64_t length;
    if (!o->refuse || !str_to_uint64(http_server_header(&x->request, "content-length"), &length) ||
        length <= o->body_limit) {
        return false;
    }
    x->refused = x->refused ? x->refused : MHD_HTTP_CONTENT_TOO_LARGE;
    return length / UNREAD_BODIES > o->body_limit ||
           http_server_header(&x->request, "expect").len > 0;
}

static enum MHD_Result begin_request(struct exchange *x, struct MHD_Connection *connection,
                                     const char *method)
{
    x->request.method = arena_dup(&x->arena, str_from(method));
    x->request.arrived_us = clock_mono_us(x->server->options.clock);
    x->request.address = peer_address(x, connection);
    x->refused = refuse_head(x, connection);
    x->state = EXCHANGE_BODY;
    x->misframed = is_misframed(connection) ? MISFRAMED : NULL;
    if (x->misframed) {
        x->refused = MHD_HTTP_BAD_REQUEST;
    }
    if (x->misframed || refuses_body(x)) {
        x->state = EXCHANGE_READY;
        server_run_handler(x);
        return server_send(x, connection);
    }
    return MHD_YES;
}

// The signature is libmicrohttpd's. NOLINTNEXTLINE(readability-function-size)
enum MHD_Result server_on_request(void *cls, struct MHD_Connection *connection,
                                  const char *url UNUSED, const char *method,
                                  const char *version UNUSED, const char *upload_data,
                                  size_t *upload_size, void **con_cls)
{
    struct http_server *s = cls;
    struct exchange *x = *con_cls;
    if (x->state == EXCHANGE_NEW) {
        return begin_request(x, connection, method);
    }
    if (*upload_size > 0) {
        if (!buf_add(&x->upload, (struct str){upload_data, *upload_size}) && !x->refused) {
            x->refused = MHD_HTTP_CONTENT_TOO_LARGE;
        }
        *upload_size = 0;
        return MHD_YES;
    }
    if (x->state == EXCHANGE_BODY) {
        x->state = EXCHANGE_READY;
        server_watch_phase(s, connection, SERVER_REQUEST_IS_HERE);
        if (server_slow_take(x, connection)) {
            return MHD_YES;
        }
        server_run_handler(x);
        if (x->response.delay_ms > 0) {
            server_park(s, connection, x->request.arrived_us + x->response.delay_ms * 1000);
            return MHD_YES;
        }
    }
    return server_send(x, connection);
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
