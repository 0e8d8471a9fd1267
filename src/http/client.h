// An HTTP client for one thread: many requests in flight over kept-alive connections (libcurl
// multi).
//
// HTTP/2 where the server offers it, gzip/br/zstd decoded, no redirects followed, no proxy but the
// one set in the settings, TLS verified. Every size and time is bounded. A request that got any
// HTTP status is a success here; what the status means is the caller's business. Threads: one
// owner; http_client_wake may be called from any thread.
//
// A connection that was kept alive may turn out to be dead when the next request is written to it.
// libcurl then sends the request again over a new one, which is counted in `sends`. A request that
// must not be carried out twice asks for `fresh_connection`: of such a one libcurl knows that
// nobody was there before, and it is sent once.
#pragma once

#include "core/buf.h"
#include "core/clock.h"
#include "core/error.h"

struct http_client;

struct http_client_options {
    const char *user_agent;
    int64_t connect_timeout_ms;    // name look-up, TCP and TLS
    int64_t first_byte_timeout_ms; // from the request being sent to the first byte of the answer
    int64_t stall_timeout_ms;      // in which an answer must bring HTTP_PROGRESS_BYTES more
    int64_t total_timeout_ms;      // from start to end; 0: 15 minutes
    size_t body_limit;             // decoded bytes of one answer
    const char *ca_file;           // NULL: the system's
    const char *proxy;             // NULL: none, whatever the environment says
    bool thrifty; // one of hundreds in the process: buffers are small, and none is kept for later
};

// Fewer bytes within the stall time-out are no progress: a server that drips keeps nobody waiting.
enum { HTTP_PROGRESS_BYTES = 1024 };

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };
const char *http_method_name(enum http_method m);

struct http_header {
    struct str name;
    struct str value;
};

struct http_request {
    enum http_method method;
    struct str url;
    const struct http_header *headers;
    size_t n_headers;
    struct str body; // ptr NULL: none; a POST, PUT or PATCH then says that its length is 0. Copied.
    void *tag;       // returned with the exchange
    bool fresh_connection;
};

// One finished request. Belongs to the caller until http_exchange_release.
struct http_exchange {
    void *tag;
    int status;         // 0: no answer, or not a whole one; then `error` says why
    int head_status;    // of the head that came, even when the rest did not; 0: none
    struct error error; // CONNECT, TLS, SOURCE_UNAVAILABLE (cut, timeout), LIMIT
    struct buf body;
    struct buf raw_headers; // "name: value\n" lines, names in lower case
    int64_t sent_mono_us;   // when it was handed to libcurl
    int64_t total_us;
    int64_t first_byte_us;
    bool sent; // false: certainly not a byte of the request left this machine
    int sends; // how often libcurl began to send it: 2 after a connection was found dead
};
// The value of a response header (name in lower case), trimmed; ptr NULL when absent.
struct str http_exchange_header(const struct http_exchange *x, const char *name);

struct http_client *http_client_create(const struct http_client_options *options,
                                       const struct clock *clock);
void http_client_destroy(struct http_client *c); // takes NULL; drops what is in flight
bool http_client_start(struct http_client *c, const struct http_request *r,
                       struct error *err) MUST_CHECK;
// Requests whose exchanges have not been given out yet.
size_t http_client_in_flight(const struct http_client *c);
// The next finished exchange, waiting at most timeout_ms (0: only looks); NULL when none is done by
// then, nothing is in flight, or the client was woken.
struct http_exchange *http_client_wait(struct http_client *c, int64_t timeout_ms);
void http_client_wake(struct http_client *c);
// Ends everything in flight; the exchanges come out of http_client_wait as failed.
void http_client_abort(struct http_client *c);
void http_exchange_release(struct http_client *c, struct http_exchange *x);
// Once per process, before any thread (libcurl's global state).
bool http_client_global_init(struct error *err) MUST_CHECK;
