// What the files of the HTTP server share; private to them (server.c, server_request.c,
// server_broken.c, server_send.c, server_slow.c, server_stream.c).
#pragma once

#include "http/server.h"
#include "http/timers.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

enum {
    SPARE_BODIES = 32,                  // response buffers kept for reuse
    SPARE_BODY_BYTES = 8 * 1024 * 1024, // larger ones are given back
    SPARE_EXCHANGES = 64,
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
    int refused;           // 0, or the status that the request is refused with before its handler
    const char *misframed; // why nobody can say where the request ends; the connection is closed
                           // behind it. NULL: it is known
    struct arena arena;
    struct buf upload;
    struct http_server_request request;
    struct http_server_response response;
    struct body
        *body; // its buf is lent to response.body; NULL before the handler and after the answer
    struct exchange *next; // among the spare ones
};

// A connection, which may have to come up with its requests in time.
struct watched {
    struct http_server *server;
    int fd;
    _Atomic int64_t due_us; // 0: nothing is waited for
    struct watched *prev, *next;
};

struct stream;

// What looks at connections and streams from time to time, on a thread of its own that the first of
// them starts.
struct watch {
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t changed;
    pthread_t thread;
    bool running, closing;
    uint64_t wakes; // grows with http_server_stream_wake
    struct stream *streams;
    struct watched *connections;
};

enum { SLOW_THREADS = 8 };
struct slow {
    struct queue *queue; // of exchanges; NULL when nothing is slow
    pthread_t threads[SLOW_THREADS];
    size_t n;
};

typedef enum MHD_Result server_queue_fn(struct MHD_Connection *connection, unsigned status,
                                        struct MHD_Response *response);

struct http_server {
    struct http_server_options options;
    struct MHD_Daemon *daemon;
    server_queue_fn *queue; // libmicrohttpd's
    uint16_t port;
    char *tls_certificate, *tls_key; // NUL-terminated copies
    struct timers *timers;
    struct watch watch;
    struct slow slow;
    atomic_size_t open;   // requests that have arrived and are not answered to the end
    pthread_mutex_t lock; // guards the spare lists
    struct body *spare_bodies;
    size_t n_spare_bodies;
    struct exchange *spare_exchanges;
    size_t n_spare_exchanges;
};

// ---- server_request.c: libmicrohttpd's callbacks

void *server_on_target(void *cls, const char *target, struct MHD_Connection *connection);
enum MHD_Result server_on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload_data,
                                  size_t *upload_size, void **con_cls);
void server_on_completed(void *cls, struct MHD_Connection *connection, void **con_cls,
                         enum MHD_RequestTerminationCode code);
// One for a request of which nothing is known yet but whom it came from.
struct exchange *server_exchange_take(struct http_server *s, struct MHD_Connection *connection);
void server_exchange_release(struct exchange *x);
void server_exchange_destroy(struct exchange *x);
void server_run_handler(struct exchange *x); // fills x->response

// ---- server_broken.c

// libmicrohttpd's own MHD_queue_response; NULL when there is none.
server_queue_fn *server_library_queue(void);

// ---- server_slow.c

bool server_slow_start(struct http_server *s);
// Hands a request that is there over to a thread of its own; false when it need not or cannot be.
bool server_slow_take(struct exchange *x, struct MHD_Connection *connection);
void server_slow_close(struct http_server *s); // waits for those under way
void server_slow_done(struct http_server *s);  // once nothing comes any more

// ---- server_send.c

struct body *server_body_take(struct http_server *s);
void server_body_release(void *cls); // libmicrohttpd calls this when it needs the response no more
void server_body_destroy(struct body *b);
// Parks the connection until `due_us`; libmicrohttpd then calls us again. Ends at once when the
// server stops.
void server_park(struct http_server *s, struct MHD_Connection *connection, int64_t due_us);
enum MHD_Result server_send(struct exchange *x, struct MHD_Connection *connection);

// ---- server_stream.c

void server_watch_init(struct watch *w);
void server_watch_close(struct http_server *s); // ends streams; from here on nothing is parked
void server_watch_done(struct watch *w);
// Takes over the response's stream; NULL when there is no memory for it, it is gone then.
struct MHD_Response *server_stream_response(struct http_server *s,
                                            const struct http_server_stream *stream,
                                            struct MHD_Connection *connection);
// libmicrohttpd's: a connection is there, or over.
void server_on_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code);
struct http_server *server_of(struct MHD_Connection *connection); // NULL: not known
enum server_phase {
    SERVER_REQUEST_BEGINS, // its first line is there
    SERVER_REQUEST_IS_HERE,
    SERVER_REQUEST_IS_OVER,
};
void server_watch_phase(struct http_server *s, struct MHD_Connection *connection,
                        enum server_phase phase);
