#include "core/secret.h"
#include "http/server_state.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LISTEN_BACKLOG = 511, DRAIN_POLL_US = 2000 };

// TLS 1.2 and 1.3, in GnuTLS's words.
static const char TLS_PRIORITIES[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2";

static void resume(void *connection)
{
    MHD_resume_connection(connection);
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

// Room for headers: who answers what is too large in its own words needs to see a little more.
static size_t connection_memory(const struct http_server_options *o)
{
    return o->refuse ? MAX(o->header_limit * 4, (size_t)128 * 1024) : o->header_limit;
}

static struct MHD_Daemon *start_daemon(struct http_server *s, int fd)
{
    const struct http_server_options *o = &s->options;
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC;
    flags |= MHD_is_feature_supported(MHD_FEATURE_EPOLL) == MHD_YES ? MHD_USE_EPOLL : MHD_USE_POLL;
    struct MHD_OptionItem more[7];
    size_t n = 0;
#if MHD_VERSION >= 0x00097701
    // What others may read otherwise is refused: folded lines, bare line feeds, spaces in targets.
    more[n++] = (struct MHD_OptionItem){MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL};
#endif
    if (o->threads > 1) {
        more[n++] =
            (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)o->threads, NULL};
    }
    if (o->request_timeout_s > 0 || o->refuse) {
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_NOTIFY_CONNECTION,
                                            (intptr_t)server_on_connection, s};
    }
    if (s->tls_certificate) {
        flags |= MHD_USE_TLS;
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, s->tls_certificate};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls_key};
        more[n++] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0,
                                            (void *)(uintptr_t)TLS_PRIORITIES};
    }
    more[n] = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
    return MHD_start_daemon(
        flags, 0, NULL, NULL, server_on_request, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_URI_LOG_CALLBACK, server_on_target, s, MHD_OPTION_NOTIFY_COMPLETED,
        server_on_completed, s, MHD_OPTION_CONNECTION_LIMIT, o->max_connections,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, connection_memory(o), MHD_OPTION_CONNECTION_TIMEOUT,
        o->idle_timeout_s, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
}

// ---- TLS

static gnutls_datum_t datum_of(struct str s)
{
    return (gnutls_datum_t){(unsigned char *)(uintptr_t)s.ptr, (unsigned)s.len};
}

static bool refuse_tls(struct error *err, const char *what, int reason)
{
    return error_set(err, ERR_CONFIG, "%s: %s", what, gnutls_strerror(reason));
}

// Each of the two by itself first, so that the error names the one that is bad.
static bool check_tls(const struct http_server_options *o, struct error *err)
{
    gnutls_datum_t certificate = datum_of(o->tls_certificate);
    gnutls_datum_t key = datum_of(o->tls_key);
    gnutls_x509_crt_t *list = NULL;
    unsigned n = 0;
    int reason = gnutls_x509_crt_list_import2(&list, &n, &certificate, GNUTLS_X509_FMT_PEM, 0);
    if (reason < 0) {
        return refuse_tls(err, "the TLS certificate is no PEM certificate chain", reason);
    }
    for (unsigned i = 0; i < n; i++) {
        gnutls_x509_crt_deinit(list[i]);
    }
    gnutls_free(list);
    gnutls_x509_privkey_t private_key;
    reason = gnutls_x509_privkey_init(&private_key);
    if (reason >= 0) {
        reason = gnutls_x509_privkey_import(private_key, &key, GNUTLS_X509_FMT_PEM);
        gnutls_x509_privkey_deinit(private_key);
    }
    if (reason < 0) {
        return refuse_tls(err, "the TLS key is no PEM private key", reason);
    }
    gnutls_certificate_credentials_t both;
    reason = gnutls_certificate_allocate_credentials(&both);
    if (reason < 0) {
        return refuse_tls(err, "the TLS certificate cannot be used", reason);
    }
    reason = gnutls_certificate_set_x509_key_mem(both, &certificate, &key, GNUTLS_X509_FMT_PEM);
    gnutls_certificate_free_credentials(both);
    return reason >= 0 ||
           refuse_tls(err, "the TLS certificate and the TLS key do not belong together", reason);
}

static bool prepare_tls(const struct http_server_options *o, struct error *err)
{
    if (o->tls_certificate.len == 0 && o->tls_key.len == 0) {
        return true;
    }
    if (o->tls_certificate.len == 0 || o->tls_key.len == 0) {
        return error_set(err, ERR_CONFIG, "the TLS %s is missing: give both or none",
                         o->tls_key.len == 0 ? "key" : "certificate");
    }
    if (MHD_is_feature_supported(MHD_FEATURE_TLS) != MHD_YES) {
        return error_set(err, ERR_CONFIG, "this build of libmicrohttpd has no TLS");
    }
    return check_tls(o, err);
}

static char *copy_text(struct str s)
{
    if (s.len == 0) {
        return NULL;
    }
    char *copy = malloc(s.len + 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = '\0';
    return copy;
}

static void free_key(struct http_server *s)
{
    if (s->tls_key) {
        secret_wipe(s->tls_key, strlen(s->tls_key));
    }
    free(s->tls_key);
    free(s->tls_certificate);
}

// ---- life

static void server_free(struct http_server *s)
{
    timers_destroy(s->timers);
    server_watch_done(&s->watch);
    server_slow_done(s);
    free_key(s);
    while (s->spare_bodies) {
        struct body *b = s->spare_bodies;
        s->spare_bodies = b->next;
        server_body_destroy(b);
    }
    while (s->spare_exchanges) {
        struct exchange *x = s->spare_exchanges;
        s->spare_exchanges = x->next;
        server_exchange_destroy(x);
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
    if (!prepare_tls(options, err) || !open_socket(options, &fd, &port, err)) {
        return false;
    }
    struct http_server *s = calloc(1, sizeof(*s));
    if (!s) {
        abort();
    }
    s->options = *options;
    s->port = port;
    pthread_mutex_init(&s->lock, NULL);
    server_watch_init(&s->watch);
    s->tls_certificate = copy_text(options->tls_certificate);
    s->tls_key = copy_text(options->tls_key);
    s->timers = timers_create(options->clock, resume);
    s->queue = server_library_queue();
    bool ready = s->queue && server_slow_start(s);
    s->daemon = ready ? start_daemon(s, fd) : NULL;
    if (!s->daemon) {
        server_slow_close(s);
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
    server_watch_close(s);
    timers_close(s->timers); // wakes what is parked; from here on nothing is parked any more
    server_slow_close(s);
    MHD_stop_daemon(s->daemon);
    server_free(s);
}
