#include "http/server_state.h"

enum { STALL_CHUNK = 16 * 1024 };

struct body *server_body_take(struct http_server *s)
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

void server_body_destroy(struct body *b)
{
    buf_done(&b->buf);
    free(b);
}

void server_body_release(void *cls)
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
        server_body_destroy(b);
    }
}

void server_park(struct http_server *s, struct MHD_Connection *connection, int64_t due_us)
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
            server_park(b->server, b->connection, now_us + w->stall_ms * 1000);
            return 0;
        }
        end = stall_at;
    }
    if (pos >= end) {
        bool whole = w->promise_less > 0 && !w->cut;
        return whole ? MHD_CONTENT_READER_END_OF_STREAM : MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (w->drip_ms > 0) {
        if (pos >= b->dripped) {
            b->dripped = pos + MAX(w->drip_bytes, (size_t)1);
            int64_t now_us = clock_mono_us(b->server->options.clock);
            server_park(b->server, b->connection, now_us + w->drip_ms * 1000);
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
    return !w->cut && w->stall_ms == 0 && w->promise_extra == 0 && w->promise_less == 0 &&
           w->drip_ms == 0;
}

static struct MHD_Response *make_response(struct exchange *x, struct MHD_Connection *connection)
{
    struct body *b = x->body;
    x->body = NULL;
    const struct http_server_stream *stream = x->response.stream;
    x->response.stream = NULL;
    if (stream && str_eq(x->request.method, STR(MHD_HTTP_METHOD_HEAD))) {
        stream->gone(stream->user); // nothing is asked of it
        stream = NULL;
    }
    if (stream) {
        b->buf = x->response.body;
        server_body_release(b);
        return server_stream_response(x->server, stream, connection);
    }
    b->buf = x->response.body;
    b->wire = x->response.wire;
    b->connection = connection;
    if (wire_is_honest(&b->wire)) {
        return MHD_create_response_from_buffer_with_free_callback_cls(b->buf.len, b->buf.ptr,
                                                                      server_body_release, b);
    }
    // With a length that it knows, libmicrohttpd would announce that one, too.
    uint64_t length =
        b->wire.promise_less > 0 ? MHD_SIZE_UNKNOWN : b->buf.len + b->wire.promise_extra;
    return MHD_create_response_from_callback(length, STALL_CHUNK, read_faulty, b,
                                             server_body_release);
}

// Headers that lie about the body, or that nobody asked for.
static void add_faulty_headers(struct exchange *x, struct MHD_Response *response, size_t length)
{
    const struct http_server_wire *w = &x->response.wire;
    if (w->promise_less > 0) {
        struct str text = arena_printf(&x->arena, "%zu", length - MIN(w->promise_less, length));
        // Without chunks, and closed afterwards: what comes behind the length must not be taken for
        // the next answer.
        int flags = MHD_RF_INSANITY_HEADER_CONTENT_LENGTH | MHD_RF_HTTP_1_0_COMPATIBLE_STRICT;
        MHD_set_response_options(response, (enum MHD_ResponseFlags)flags, MHD_RO_END);
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

enum MHD_Result server_send(struct exchange *x, struct MHD_Connection *connection)
{
    struct http_server_response *r = &x->response;
    // libmicrohttpd throws away what is queued while it is being stopped, and asks once more.
    bool sent = x->body == NULL;
    if (r->wire.drop || sent) {
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
    enum MHD_Result result = x->server->queue(connection, (unsigned)status, response);
    MHD_destroy_response(response);
    return result;
}
