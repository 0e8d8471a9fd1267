// An HTTP/1.1 server: a thin face of libmicrohttpd with a pool of event-loop threads.
//
// The handler is called once per request, on one of the threads, when the whole body is there; it
// fills the response and returns. It may block shortly (a lock, a small query); what must wait sets
// `delay_ms` instead, which parks the connection without holding a thread. Connections are kept
// alive as HTTP/1.1 says. Every size is bounded: a request line and headers past header_limit are
// answered with 414 or 431, a body past body_limit with 413, and connections past max_connections
// wait in the kernel or are closed. Threads: start and stop from one thread; the handler must be
// thread-safe when threads > 1.
#pragma once

#include "core/arena.h"
#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"

struct http_server;
struct http_server_request;
struct http_server_response;

typedef void http_server_handler(void *user, struct http_server_request *request,
                                 struct http_server_response *response);

struct http_server_options {
    const char *host; // an address or a name of this machine: "127.0.0.1", "::1", "localhost"
    uint16_t port;    // 0: the kernel picks one, see http_server_port
    unsigned threads; // event loops; 0 counts as 1
    unsigned max_connections;
    size_t header_limit;     // bytes for request line and headers; at least 4096
    size_t body_limit;       // bytes of a request body
    size_t response_limit;   // bytes of a response body
    unsigned idle_timeout_s; // a connection without a byte for so long is closed; 0: never
    unsigned
        request_timeout_s; // headers and body must be there within so long; 0: idle timeout only
    struct str tls_certificate; // PEM, with its chain; empty: plain HTTP
    struct str tls_key;         // PEM
    http_server_handler *handle;
    // Whether the handler may have to wait for others (another server, somebody's run): it is then
    // called on one of a few threads besides the event loops. Asked for each request on those;
    // NULL: none is slow.
    bool (*is_slow)(void *user, const struct http_server_request *request);
    // Says in the user's own words that a request is refused before its handler (the status is set:
    // 400, 413, 414, 431) or its answer is (500): `message` is what happened. NULL: JSON as
    // HubSpot's. The body is not there then.
    void (*refuse)(void *user, struct http_server_request *request,
                   struct http_server_response *response, const char *message);
    void *user;
    const struct clock *clock;
};

// One request. Everything lives until the response has been handed over (the handler's return).
struct http_server_request {
    struct str method; // "GET"
    struct str target; // path and query as they came
    struct str path;   // without the query, as it came; decode segments with http_server_decode
    struct str query;  // behind the '?', as it came; may be empty
    struct str body;
    struct arena *arena; // for the handler's use; freed with the request
    int64_t arrived_us;  // monotonic: when the headers were there
    struct str address;  // of the peer, as text without the port: "127.0.0.1"
    struct http_server *server;
    void *connection; // private
};

// The value of a header, any case; ptr NULL when absent.
struct str http_server_header(const struct http_server_request *r, const char *name);
// Percent-decodes; with `plus`, '+' is a space (queries). Bad escapes stay as they are. In the
// arena.
struct str http_server_decode(struct arena *arena, struct str s, bool plus);
// The first query parameter of that name, decoded; ptr NULL when absent (an empty value has ptr
// set).
struct str http_server_query(const struct http_server_request *r, const char *name);
// Like http_server_query, as it came, without decoding.
struct str http_server_raw_query(const struct http_server_request *r, const char *name);

enum { HTTP_SERVER_HEADERS_MAX = 24 };

// A body that comes bit by bit, for as long as the client stays: server-sent events. The handler
// sets `stream` in the response; then, from a server thread, `next` appends what there is to send
// now (nothing: the connection waits, without a thread, until http_server_stream_wake or at most
// `idle_ms`) and returns false at the end. `gone` is called once, when the connection is over.
struct http_server_stream {
    bool (*next)(void *user, struct buf *out);
    void (*gone)(void *user);
    void *user;
    int64_t idle_ms;
};
// Wakes all streams of the server: each is asked for more. From any thread.
void http_server_stream_wake(struct http_server *s);

// Faults of the wire, for simulators. All zero is an honest answer. Offsets count bytes of the
// body.
struct http_server_wire {
    bool drop; // no answer at all: the connection is closed
    bool cut;  // the connection is closed after cut_after bytes
    size_t cut_after;
    int64_t stall_ms; // > 0: nothing is sent for so long once stall_after bytes are out
    size_t stall_after;
    size_t promise_extra; // Content-Length says so many more bytes than there are; then the
                          // connection is closed
    size_t promise_less;  // Content-Length says so many fewer: the rest comes uncalled; then the
                          // connection is closed
    int64_t drip_ms;      // > 0: a pause of so long before each drip_bytes bytes
    size_t drip_bytes;
    unsigned extra_headers;    // so many more headers,
    size_t extra_header_bytes; // with values as long as this
};

struct http_server_response {
    int status;      // 200 unless set
    struct buf body; // empty at first; handed over without copying, its memory is reused later
    const char *content_type; // "application/json;charset=utf-8" unless set; NULL: none
    struct {
        const char *name; // a literal, or in the request's arena
        struct str value; // in the request's arena or longer-lived
    } headers[HTTP_SERVER_HEADERS_MAX];
    size_t n_headers;
    int64_t delay_ms;                        // answer no sooner than this after arrival
    const struct http_server_stream *stream; // NULL: `body` is all. In the request's arena or
                                             // longer-lived; copied
    struct http_server_wire wire;
};

// Adds a header; asserts that there is room.
void http_server_add_header(struct http_server_response *r, const char *name, struct str value);

// Binds, listens and serves. Errors: CONFIG (host unknown, port taken or forbidden), INTERNAL.
bool http_server_start(const struct http_server_options *options, struct http_server **ret,
                       struct error *err) MUST_CHECK;
uint16_t http_server_port(const struct http_server *s);
// Waits until every request that has arrived is answered to its last byte, at most `max_ms`.
void http_server_drain(struct http_server *s, int64_t max_ms);
// Stops listening, ends delays at once, closes all connections, waits for the threads, frees. Takes
// NULL.
void http_server_stop(struct http_server *s);
