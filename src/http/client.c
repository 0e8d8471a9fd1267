#include "http/client.h"

#include "core/limits.h"

#include <curl/curl.h>
#include <stdatomic.h>

enum {
    IDLE_EXCHANGES_MAX = 16,
    KEPT_BODY_BYTES = 2 * 1024 * 1024, // larger ones are given back
    KEPT_REQUEST_BYTES = 256 * 1024,
    TOTAL_TIMEOUT_MS = 15 * 60 * 1000,
    MAGIC = 0x48747470,
};
static const long RECEIVE_BYTES[] = {256 * 1024, 32 * 1024}; // as usual, and thrifty

// An exchange and the libcurl handle that serves it; the handle is kept for the next request.
struct slot {
    struct http_exchange x; // first: the caller's pointer is ours
    uint32_t magic;
    struct http_client *client;
    CURL *easy;
    struct curl_slist *headers;
    struct buf url;
    struct buf body_out;
    int64_t progress_us;   // when the answer had brought enough to go on; 0 before its first byte
    size_t progress_bytes; // since then
    size_t n_header_lines; // of all heads, interim ones included
    size_t header_bytes;   // of these
    bool body_too_large, headers_too_large;
    bool head_ended;          // the last head's empty line has come
    struct slot *prev, *next; // in-flight list, or idle list (next only)
    char curl_error[CURL_ERROR_SIZE];
};

struct http_client {
    CURLM *multi;
    struct http_client_options options;
    const struct clock *clock;
    struct slot *flying;
    size_t n_flying;
    struct slot *done; // finished, not yet given out
    size_t n_done;
    struct slot *idle;
    size_t n_idle;
    atomic_bool woken; // http_client_wake since the last wait
};

static const char *const METHOD_NAMES[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};

const char *http_method_name(enum http_method m)
{
    assert((size_t)m < ARRAY_LEN(METHOD_NAMES));
    return METHOD_NAMES[m];
}

bool http_client_global_init(struct error *err)
{
    CURLcode rc = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (rc != CURLE_OK) {
        return error_set(err, ERR_INTERNAL, "libcurl: %s", curl_easy_strerror(rc));
    }
    return true;
}

static void flying_add(struct http_client *c, struct slot *s)
{
    s->prev = NULL;
    s->next = c->flying;
    if (c->flying) {
        c->flying->prev = s;
    }
    c->flying = s;
    c->n_flying++;
}

static void flying_remove(struct http_client *c, struct slot *s)
{
    if (s->prev) {
        s->prev->next = s->next;
    } else {
        assert(c->flying == s);
        c->flying = s->next;
    }
    if (s->next) {
        s->next->prev = s->prev;
    }
    s->prev = NULL;
    s->next = NULL;
    assert(c->n_flying > 0);
    c->n_flying--;
}

static void slot_destroy(struct slot *s)
{
    curl_easy_cleanup(s->easy);
    curl_slist_free_all(s->headers);
    buf_done(&s->x.body);
    buf_done(&s->x.raw_headers);
    buf_done(&s->url);
    buf_done(&s->body_out);
    s->magic = 0;
    free(s);
}

static void note_bytes(struct slot *s, size_t n)
{
    int64_t now_us = clock_mono_us(s->client->clock);
    if (s->x.first_byte_us == 0) {
        s->x.first_byte_us = now_us - s->x.sent_mono_us;
        s->progress_us = now_us;
    }
    s->progress_bytes += n;
    if (s->progress_bytes >= HTTP_PROGRESS_BYTES) {
        s->progress_us = now_us;
        s->progress_bytes = 0;
    }
}

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct slot *s = user;
    assert(s->magic == MAGIC);
    note_bytes(s, size * n);
    if (!buf_add(&s->x.body, (struct str){data, size * n})) {
        s->body_too_large = true;
        return 0; // ends the transfer
    }
    return size * n;
}

// A status line starts the headers anew (after 100 Continue); names are folded to lower case.
static size_t on_header(char *data, size_t size, size_t n, void *user)
{
    struct slot *s = user;
    assert(s->magic == MAGIC);
    note_bytes(s, size * n);
    s->header_bytes += size * n;
    if (++s->n_header_lines > LIMIT_HEADERS || s->header_bytes > LIMIT_HEADER_BYTES) {
        s->headers_too_large = true;
        return 0; // ends the transfer
    }
    struct str line = str_trim((struct str){data, size * n});
    s->head_ended = s->head_ended || line.len == 0;
    if (str_starts(line, STR("HTTP/"))) {
        buf_reset(&s->x.raw_headers);
        s->head_ended = false;
        return size * n;
    }
    ptrdiff_t colon = str_find_char(line, ':');
    bool folded = n > 0 && (data[0] == ' ' || data[0] == '\t'); // the rest of the line before
    if (colon <= 0 || folded) {
        return size * n;
    }
    for (size_t i = 0; i < (size_t)colon; i++) {
        char ch = line.ptr[i];
        buf_add_char(&s->x.raw_headers, ch >= 'A' && ch <= 'Z' ? (char)(ch + 32) : ch);
    }
    buf_add(&s->x.raw_headers, str_sub(line, (size_t)colon, line.len));
    buf_add_char(&s->x.raw_headers, '\n');
    return size * n;
}

// Called when a connection stands and the request is about to be written to it.
static int on_send(void *user, char *ip, char *local_ip, int port, int local_port)
{
    struct slot *s = user;
    assert(s->magic == MAGIC);
    (void)ip;
    (void)local_ip;
    (void)port;
    (void)local_port;
    s->x.sends++;
    return CURL_PREREQFUNC_OK;
}

struct str http_exchange_header(const struct http_exchange *x, const char *name)
{
    struct str rest = buf_str(&x->raw_headers);
    struct str line;
    struct str want = str_from(name);
    while (str_next(&rest, '\n', &line)) {
        if (line.len > want.len && line.ptr[want.len] == ':' && str_starts(line, want)) {
            return str_trim(str_sub(line, want.len + 1, line.len));
        }
    }
    return (struct str){NULL, 0};
}

// Options that are the same for every request of this client.
static void setup_handle(struct slot *s)
{
    const struct http_client_options *o = &s->client->options;
    CURL *e = s->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, s);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->curl_error);
    curl_easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
    curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, ""); // all that this libcurl decodes
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_PROXY, o->proxy ? o->proxy : "");
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)o->connect_timeout_ms);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, RECEIVE_BYTES[o->thrifty]);
    curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
    curl_easy_setopt(e, CURLOPT_PREREQFUNCTION, on_send);
    curl_easy_setopt(e, CURLOPT_PREREQDATA, s);
    if (o->ca_file) {
        curl_easy_setopt(e, CURLOPT_CAINFO, o->ca_file);
    }
}

static struct slot *slot_get(struct http_client *c)
{
    if (c->idle) {
        struct slot *s = c->idle;
        c->idle = s->next;
        c->n_idle--;
        return s;
    }
    struct slot *s = calloc(1, sizeof *s);
    if (!s) {
        abort();
    }
    s->magic = MAGIC;
    s->client = c;
    s->easy = curl_easy_init();
    if (!s->easy) {
        abort();
    }
    buf_init(&s->x.body, c->options.body_limit);
    buf_init(&s->x.raw_headers, LIMIT_HEADER_BYTES);
    buf_init(&s->url, LIMIT_URL_BYTES);
    buf_init(&s->body_out, LIMIT_REQUEST_BODY);
    setup_handle(s);
    return s;
}

// Makes the slot ready for the next request: nothing of the former one may show through.
static void slot_reset(struct slot *s)
{
    struct buf body = s->x.body;
    struct buf headers = s->x.raw_headers;
    buf_reset(&body);
    buf_reset(&headers);
    s->x = (struct http_exchange){.body = body, .raw_headers = headers};
    buf_reset(&s->url);
    buf_reset(&s->body_out);
    curl_slist_free_all(s->headers);
    s->headers = NULL;
    s->body_too_large = false;
    s->headers_too_large = false;
    s->head_ended = false;
    s->progress_us = 0;
    s->progress_bytes = 0;
    s->n_header_lines = 0;
    s->header_bytes = 0;
    s->prev = NULL;
    s->next = NULL;
    s->curl_error[0] = '\0';
}

static void slot_put(struct http_client *c, struct slot *s)
{
    if (c->n_idle >= (c->options.thrifty ? 1 : IDLE_EXCHANGES_MAX)) {
        slot_destroy(s);
        return;
    }
    slot_reset(s);
    if (s->x.body.cap > (c->options.thrifty ? 0 : KEPT_BODY_BYTES)) {
        buf_done(&s->x.body);
        buf_init(&s->x.body, c->options.body_limit);
    }
    if (s->body_out.cap > KEPT_REQUEST_BYTES) {
        buf_done(&s->body_out);
        buf_init(&s->body_out, LIMIT_REQUEST_BODY);
    }
    s->next = c->idle;
    c->idle = s;
    c->n_idle++;
}

struct http_client *http_client_create(const struct http_client_options *options,
                                       const struct clock *clock)
{
    struct http_client *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    c->options = *options;
    if (c->options.total_timeout_ms == 0) {
        c->options.total_timeout_ms = TOTAL_TIMEOUT_MS;
    }
    c->clock = clock;
    c->multi = curl_multi_init();
    if (!c->multi) {
        abort();
    }
    return c;
}

static void finish(struct http_client *c, struct slot *s, CURLcode rc, const char *why);

void http_client_destroy(struct http_client *c)
{
    if (!c) {
        return;
    }
    http_client_abort(c);
    for (struct slot *s = c->done, *next; s; s = next) {
        next = s->next;
        slot_destroy(s);
    }
    for (struct slot *s = c->idle, *next; s; s = next) {
        next = s->next;
        slot_destroy(s);
    }
    curl_multi_cleanup(c->multi);
    free(c);
}

static bool add_header(struct slot *s, struct str name, struct str value, struct error *err)
{
    if (str_find_char(name, '\n') >= 0 || str_find_char(value, '\n') >= 0 ||
        str_find_char(name, '\r') >= 0 || str_find_char(value, '\r') >= 0) {
        return error_set(err, ERR_INTERNAL, "header %.*s: line break in name or value",
                         STR_ARG(name));
    }
    struct buf line;
    buf_init(&line, LIMIT_HEADER_BYTES);
    buf_add(&line, name);
    buf_add_cstr(&line, value.len > 0 ? ": " : ":");
    bool ok = buf_add(&line, value);
    struct curl_slist *list = ok ? curl_slist_append(s->headers, buf_cstr(&line)) : NULL;
    buf_done(&line);
    if (!list) {
        return error_set(err, ERR_LIMIT, "header %.*s is too long", STR_ARG(name));
    }
    s->headers = list;
    return true;
}

static bool prepare(struct slot *s, const struct http_request *r, struct error *err)
{
    s->x.tag = r->tag;
    if (!buf_add(&s->url, r->url)) {
        return error_set(err, ERR_LIMIT, "URL of %zu bytes is over the limit of %d", r->url.len,
                         LIMIT_URL_BYTES);
    }
    if (!buf_add(&s->body_out, r->body)) {
        return error_set(err, ERR_LIMIT, "request body of %zu bytes is over the limit of %d",
                         r->body.len, LIMIT_REQUEST_BODY);
    }
    for (size_t i = 0; i < r->n_headers; i++) {
        if (!add_header(s, r->headers[i].name, r->headers[i].value, err)) {
            return false;
        }
    }
    if (!add_header(s, STR("Expect"), STR(""), err)) { // no 100-continue round trip
        return false;
    }
    // Without a body these say "Content-Length: 0", which servers may insist on; but no type.
    bool bodied = r->method == HTTP_POST || r->method == HTTP_PUT || r->method == HTTP_PATCH;
    if (bodied && !r->body.ptr && !add_header(s, STR("Content-Type"), STR(""), err)) {
        return false;
    }
    CURL *e = s->easy;
    curl_easy_setopt(e, CURLOPT_URL, buf_cstr(&s->url));
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, s->headers);
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, NULL);
    if (r->body.ptr || bodied) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->body_out.len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, buf_cstr(&s->body_out));
    } else {
        curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
    }
    curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, http_method_name(r->method));
    curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, r->fresh_connection ? 1L : 0L);
    return true;
}

bool http_client_start(struct http_client *c, const struct http_request *r, struct error *err)
{
    struct slot *s = slot_get(c);
    if (!prepare(s, r, err)) {
        slot_put(c, s);
        return false;
    }
    s->x.sent_mono_us = clock_mono_us(c->clock);
    CURLMcode rc = curl_multi_add_handle(c->multi, s->easy);
    if (rc != CURLM_OK) {
        slot_put(c, s);
        return error_set(err, ERR_INTERNAL, "libcurl: %s", curl_multi_strerror(rc));
    }
    flying_add(c, s);
    return true;
}

size_t http_client_in_flight(const struct http_client *c)
{
    return c->n_flying + c->n_done;
}

// What libcurl's result means to us.
static enum error_code code_of(CURLcode rc)
{
    // Only the codes that say something special; all others are "the exchange broke off". Its time
    // for connecting is all that libcurl knows of ours; a failed handshake often is none of TLS.
    if (rc == CURLE_COULDNT_RESOLVE_HOST || rc == CURLE_COULDNT_CONNECT ||
        rc == CURLE_COULDNT_RESOLVE_PROXY || rc == CURLE_URL_MALFORMAT ||
        rc == CURLE_UNSUPPORTED_PROTOCOL || rc == CURLE_OPERATION_TIMEDOUT ||
        rc == CURLE_SSL_CONNECT_ERROR) {
        return ERR_CONNECT;
    }
    if (rc == CURLE_PEER_FAILED_VERIFICATION || rc == CURLE_SSL_CACERT_BADFILE ||
        rc == CURLE_SSL_CERTPROBLEM || rc == CURLE_SSL_CIPHER) {
        return ERR_TLS;
    }
    return ERR_SOURCE_UNAVAILABLE;
}

// libcurl has limits of its own on headers, and on the length of one line.
static bool is_limit(const struct slot *s, CURLcode rc)
{
    bool too_large = rc == CURLE_OUT_OF_MEMORY;
#if LIBCURL_VERSION_NUM >= 0x080600
    too_large = too_large || rc == CURLE_TOO_LARGE;
#endif
    return too_large || s->body_too_large || s->headers_too_large;
}

// What libcurl says may quote what came from outside: a certificate's name, a version.
static const char *explain(struct slot *s, CURLcode rc)
{
    for (char *c = s->curl_error; *c; c++) {
        *c = (unsigned char)*c < ' ' || *c == 0x7f ? '?' : *c;
    }
    return s->curl_error[0] ? s->curl_error : curl_easy_strerror(rc);
}

static void explain_limit(const struct slot *s, struct error *err)
{
    if (s->body_too_large) {
        error_set(err, ERR_LIMIT, "the answer's body is larger than the limit of %zu bytes",
                  s->client->options.body_limit);
        return;
    }
    error_set(err, ERR_LIMIT, "the answer's headers are more than the limits of %d lines, %d bytes",
              LIMIT_HEADERS, LIMIT_HEADER_BYTES);
}

static void finish(struct http_client *c, struct slot *s, CURLcode rc, const char *why)
{
    curl_multi_remove_handle(c->multi, s->easy);
    flying_remove(c, s);
    s->x.total_us = clock_mono_us(c->clock) - s->x.sent_mono_us;
    long request_bytes = 0;
    curl_easy_getinfo(s->easy, CURLINFO_REQUEST_SIZE, &request_bytes);
    s->x.sent = request_bytes > 0;
    long status = 0;
    curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status);
    s->x.head_status = status >= 200 ? (int)status : 0; // an interim one is no answer
    if (is_limit(s, rc)) {
        explain_limit(s, &s->x.error);
    } else if (why) {
        error_set(&s->x.error, ERR_SOURCE_UNAVAILABLE, "%s", why);
    } else if (rc != CURLE_OK) {
        error_set(&s->x.error, code_of(rc), "%s", explain(s, rc));
    } else if (s->x.head_status == 0) {
        error_set(&s->x.error, ERR_SOURCE_UNAVAILABLE, "answered %ld, which ends no exchange",
                  status);
    } else if (!s->head_ended) { // which libcurl takes for the end of the answer
        error_set(&s->x.error, ERR_SOURCE_UNAVAILABLE, "the connection closed within the headers");
    } else {
        s->x.status = s->x.head_status;
    }
    s->next = NULL;
    struct slot **tail = &c->done;
    while (*tail) {
        tail = &(*tail)->next;
    }
    *tail = s;
    c->n_done++;
}

static void collect_finished(struct http_client *c)
{
    int left = 0;
    CURLMsg *msg;
    while ((msg = curl_multi_info_read(c->multi, &left)) != NULL) {
        if (msg->msg != CURLMSG_DONE) {
            continue;
        }
        CURLcode rc = msg->data.result;
        struct slot *s = NULL;
        curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&s);
        assert(s && s->magic == MAGIC);
        finish(c, s, rc, NULL);
    }
}

// When this exchange has waited too long, in our monotonic time.
static int64_t deadline_us(const struct http_client *c, const struct slot *s)
{
    int64_t end_us = s->x.sent_mono_us + c->options.total_timeout_ms * 1000;
    if (s->x.first_byte_us == 0) {
        return MIN(end_us,
                   s->x.sent_mono_us +
                       (c->options.connect_timeout_ms + c->options.first_byte_timeout_ms) * 1000);
    }
    return MIN(end_us, s->progress_us + c->options.stall_timeout_ms * 1000);
}

static void expire(struct http_client *c, int64_t now_us)
{
    for (struct slot *s = c->flying, *next; s; s = next) {
        next = s->next;
        if (now_us < deadline_us(c, s)) {
            continue;
        }
        char why[128];
        bool begun = s->x.first_byte_us != 0;
        bool over = now_us >= s->x.sent_mono_us + c->options.total_timeout_ms * 1000;
        int64_t ms = over    ? c->options.total_timeout_ms
                     : begun ? c->options.stall_timeout_ms
                             : c->options.connect_timeout_ms + c->options.first_byte_timeout_ms;
        snprintf(why, sizeof why,
                 over    ? "the answer was not complete within %lld s"
                 : begun ? "the answer stalled for %lld s"
                         : "no answer within %lld s",
                 (long long)(ms / 1000));
        finish(c, s, CURLE_OK, why);
    }
}

static struct http_exchange *take_done(struct http_client *c)
{
    struct slot *s = c->done;
    if (!s) {
        return NULL;
    }
    c->done = s->next;
    s->next = NULL;
    c->n_done--;
    return &s->x;
}

struct http_exchange *http_client_wait(struct http_client *c, int64_t timeout_ms)
{
    int64_t end_us = clock_mono_us(c->clock) + timeout_ms * 1000;
    for (;;) {
        if (c->done) {
            return take_done(c);
        }
        int running = 0;
        curl_multi_perform(c->multi, &running);
        collect_finished(c);
        int64_t now_us = clock_mono_us(c->clock);
        expire(c, now_us);
        if (c->done) {
            return take_done(c);
        }
        if (now_us >= end_us || c->n_flying == 0 || atomic_exchange(&c->woken, false)) {
            return NULL;
        }
        int64_t until_us = end_us;
        for (const struct slot *s = c->flying; s; s = s->next) {
            until_us = MIN(until_us, deadline_us(c, s));
        }
        int64_t wait_ms = MAX(1, (until_us - now_us + 999) / 1000);
        curl_multi_poll(c->multi, NULL, 0, (int)MIN(wait_ms, 60000), NULL);
    }
}

void http_client_wake(struct http_client *c)
{
    atomic_store(&c->woken, true);
    curl_multi_wakeup(c->multi);
}

void http_client_abort(struct http_client *c)
{
    while (c->flying) {
        finish(c, c->flying, CURLE_OK, "abandoned");
    }
}

void http_exchange_release(struct http_client *c, struct http_exchange *x)
{
    struct slot *s = (struct slot *)x;
    assert(s->magic == MAGIC && s->client == c);
    slot_put(c, s);
}
