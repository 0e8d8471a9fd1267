// Requests that libmicrohttpd refuses by itself: lines that are none, headers without a colon,
// chunks without a size. It answers them with pages of its own, in HTML, and has no hook for them;
// but it queues them through its public function, and among functions of one name the dynamic
// linker takes the program's. Ours stands in front: it says what the server's user has to say
// straight to the socket, and shuts that, so that the page finds a closed door. (To queue our
// answer in the page's place, or to refuse the page, would not do: for some errors in headers
// 0.9.75 sends the head twice, and reads what it has freed.) What the server itself answers goes
// past it, to the library's function. Where the library is linked so that it finds only its own
// functions, its pages stay as they are, and nothing else changes.
#include "http/server_state.h"

#include <dlfcn.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>
#include <time.h>

enum {
    ANSWER_MAX = 64 * 1024,
    UNREAD_CHUNK = 16 * 1024,
    UNREAD_CHUNKS = 64, // so many are read of what the client has sent for nothing
};

// The library's statuses that are kept; for all others the request is broken. (One is 500, for
// chunks whose first line is larger than its memory; another sends the client elsewhere.)
static const int KEPT[] = {
    MHD_HTTP_CONTENT_TOO_LARGE,
    MHD_HTTP_URI_TOO_LONG,
    MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE,
    MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED,
};

static const char BROKEN[] = "The request is not well-formed HTTP/1.1: look at its first line, "
                             "its headers, Content-Length and the sizes of its chunks";

server_queue_fn *server_library_queue(void)
{
    union { // the one way from the pointer that dlsym gives to one that can be called
        void *object;
        server_queue_fn *function;
    } found = {.object = dlsym(RTLD_NEXT, "MHD_queue_response")};
    return found.function;
}

static void write_response(const struct exchange *x, struct buf *out)
{
    const struct http_server_response *r = &x->response;
    time_t now = (time_t)(clock_now_ms(x->server->options.clock) / 1000);
    struct tm parts;
    char date[32] = "";
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Length: %zu\r\n", r->status,
               MHD_get_reason_phrase_for((unsigned)r->status), date, r->body.len);
    if (r->content_type) {
        buf_printf(out, "Content-Type: %s\r\n", r->content_type);
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        buf_printf(out, "%s: %.*s\r\n", r->headers[i].name, STR_ARG(r->headers[i].value));
    }
    buf_add(out, STR("\r\n"));
    buf_add(out, buf_str(&r->body));
}

// Whoever reads nothing gets no answer: there is room for one as long as all before it were read.
// What has come and will not be read is taken off, or closing would throw the answer away, too.
static void send_and_end(struct MHD_Connection *connection, struct str answer)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    int fd = info ? info->connect_fd : -1;
    info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    gnutls_session_t tls = info ? info->tls_session : NULL;
    if (tls) {
        (void)gnutls_record_send(tls, answer.ptr, answer.len);
        (void)gnutls_bye(tls, GNUTLS_SHUT_WR);
    } else {
        (void)send(fd, answer.ptr, answer.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    shutdown(fd, SHUT_WR);
    char unread[UNREAD_CHUNK];
    for (int i = 0; i < UNREAD_CHUNKS && recv(fd, unread, sizeof(unread), MSG_DONTWAIT) > 0; i++) {
    }
}

static void answer_broken(struct http_server *s, struct MHD_Connection *connection, int status)
{
    struct exchange *x = server_exchange_take(s, connection);
    struct buf answer;
    x->refused = MHD_HTTP_BAD_REQUEST;
    x->misframed = BROKEN;
    for (size_t i = 0; i < ARRAY_LEN(KEPT); i++) {
        if (KEPT[i] == status) {
            x->refused = status;
            x->misframed = NULL;
        }
    }
    server_run_handler(x);
    if (!x->misframed) {
        http_server_add_header(&x->response, "Connection", STR("close"));
    }
    buf_init(&answer, ANSWER_MAX);
    write_response(x, &answer);
    if (!answer.overflow) {
        send_and_end(connection, buf_str(&answer));
    }
    buf_done(&answer);
    server_exchange_release(x);
}

// Called by libmicrohttpd only.
__attribute__((visibility("default"))) enum MHD_Result
MHD_queue_response(struct MHD_Connection *connection, unsigned status,
                   struct MHD_Response *response)
{
    struct http_server *s = server_of(connection);
    server_queue_fn *queue = s ? s->queue : server_library_queue();
    enum MHD_Result queued = queue(connection, status, response);
    if (s && s->options.refuse && queued == MHD_YES) {
        answer_broken(s, connection, (int)status);
    }
    // While it is being stopped, the library says that it has queued what it has thrown away, and
    // would send nothing where it believes something.
    bool there = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS) != NULL;
    return there ? queued : MHD_NO;
}
