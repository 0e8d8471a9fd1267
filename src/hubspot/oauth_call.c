// One exchange with an OAuth endpoint: sent, waited for, decoded, and written to the request log.
#include "http/client.h"
#include "hubspot/errors.h"
#include "hubspot/oauth.h"
#include "hubspot/printable.h"
#include "hubspot/request_log.h"
#include "hubspot/retry.h"

enum {
    CONNECT_TIMEOUT_MS = 15000,
    FIRST_BYTE_TIMEOUT_MS = 30000,
    STALL_TIMEOUT_MS = 15000,
    TOTAL_TIMEOUT_MS = 90000, // others wait for a connection's lock meanwhile
    CANCEL_SLICE_MS = 100,
    SHOWN_MAX = 200,
    HEADERS_MAX = 3,
    ARENA_BYTES = 16 * 1024 * 1024, // some copies of the largest answer
};

static const struct {
    const char *what; // for errors; must not end like the name of a secret (see request_mask)
    const char *name; // in the request log
} CALLS[OAUTH_CALL_COUNT] = {
    [OAUTH_EXCHANGE] = {"exchanging the code for tokens", "OAUTH_EXCHANGE"},
    [OAUTH_REFRESH] = {"renewing access", "OAUTH_REFRESH"},
    [OAUTH_INTROSPECT] = {"asking what the token stands for", "OAUTH_INTROSPECT"},
    [OAUTH_REVOKE] = {"revoking the grant", "OAUTH_REVOKE"},
    [OAUTH_PRIVATE_INFO] = {"asking what the token stands for", "PRIVATE_APP_INFO"},
};

struct oauth_caller {
    struct oauth_caller_options options;
    struct http_client *http;
};

struct oauth_caller *oauth_caller_create(const struct oauth_caller_options *options)
{
    struct oauth_caller *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    c->options = *options;
    c->http = http_client_create(
        &(struct http_client_options){
            .user_agent = "sluice/" SLUICE_VERSION,
            .connect_timeout_ms = CONNECT_TIMEOUT_MS,
            .first_byte_timeout_ms = FIRST_BYTE_TIMEOUT_MS,
            .stall_timeout_ms = STALL_TIMEOUT_MS,
            .total_timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : TOTAL_TIMEOUT_MS,
            .body_limit = OAUTH_ANSWER_BYTES,
        },
        options->clock);
    return c;
}

void oauth_caller_destroy(struct oauth_caller *c)
{
    if (c) {
        http_client_destroy(c->http);
        free(c);
    }
}

// One exchange from its request to its record.
struct flight {
    struct oauth_caller *caller;
    const struct oauth_app *app;
    const struct oauth_request *request;
    struct oauth_wire wire;
    struct http_exchange *x; // NULL: it was not sent, or interrupted
    int64_t started_ms;
    struct arena arena;
};

static enum http_method method_of(const char *name)
{
    static const enum http_method METHODS[] = {HTTP_GET, HTTP_DELETE};
    for (size_t i = 0; i < ARRAY_LEN(METHODS); i++) {
        if (strcmp(name, http_method_name(METHODS[i])) == 0) {
            return METHODS[i];
        }
    }
    return HTTP_POST;
}

static size_t headers_of(const struct oauth_wire *w, struct str authorization,
                         struct http_header ret[HEADERS_MAX])
{
    size_t n = 0;
    ret[n++] = (struct http_header){STR("Accept"), STR("application/json")};
    if (w->content_type) {
        ret[n++] = (struct http_header){STR("Content-Type"), str_from(w->content_type)};
    }
    if (w->bearer) {
        ret[n++] = (struct http_header){STR("Authorization"), authorization};
    }
    return n;
}

static bool start(struct flight *f, struct error *err)
{
    const struct oauth_wire *w = &f->wire;
    struct http_header headers[HEADERS_MAX];
    struct http_request request = {
        .method = method_of(w->method), .url = buf_str(&w->url), .headers = headers};
    struct buf authorization;
    buf_init(&authorization, OAUTH_TOKEN_MAX + 16);
    (void)buf_reserve(&authorization, OAUTH_TOKEN_MAX + 16); // never grows
    if (w->content_type) {
        request.body = buf_str(&w->body);
    }
    if (w->bearer) {
        buf_add_cstr(&authorization, "Bearer ");
        buf_add(&authorization, secret_reveal(w->bearer));
    }
    request.n_headers = headers_of(w, buf_str(&authorization), headers);
    bool ok = !authorization.overflow
                  ? http_client_start(f->caller->http, &request, err)
                  : error_set(err, ERR_LIMIT, "the token is over %d bytes", OAUTH_TOKEN_MAX);
    secret_buf_done(&authorization);
    return ok;
}

static bool wait_for_answer(struct flight *f, struct error *err)
{
    struct http_client *http = f->caller->http;
    while (!cancel_requested(f->caller->options.cancel)) {
        f->x = http_client_wait(http, CANCEL_SLICE_MS);
        if (f->x) {
            return true;
        }
        assert(http_client_in_flight(http) > 0); // it ends by its own timeouts
    }
    http_client_abort(http);
    f->x = http_client_wait(http, 0);
    return error_set(err, ERR_INTERRUPTED, "interrupted");
}

// ---- what the answer is

static bool is_page(const struct http_exchange *x)
{
    return x->body.len > 0 &&
           str_find(http_exchange_header(x, "content-type"), STR("text/html")) >= 0;
}

static struct str masked(struct flight *f, struct str text)
{
    return oauth_masked(f->request, f->app, text, &f->arena);
}

static bool refused(struct flight *f, struct error *err)
{
    const struct http_exchange *x = f->x;
    struct str to = http_exchange_header(x, "location");
    oauth_failure(f->request, f->app, x->status, buf_str(&x->body), err);
    if (x->status < 400 && to.ptr) {
        error_set(err, ERR_REDIRECT,
                  "answered %d with a redirect to \"%.*s\", which is not followed: the secrets "
                  "would go there",
                  x->status, STR_ARG(hubspot_printable(masked(f, to), SHOWN_MAX, &f->arena)));
    }
    struct str after = http_exchange_header(x, "retry-after");
    int64_t wait_ms = retry_after_ms(after, clock_now_ms(f->caller->options.clock));
    if (wait_ms > 0) {
        error_set(err, err->code, "%s; HubSpot asks to wait for %lld s", err->message,
                  (long long)(wait_ms / 1000));
        err->retry_after_ms = wait_ms;
    }
    return false;
}

// An answer with a body that may be decoded.
static bool read_answer(struct flight *f, struct error *err)
{
    const struct http_exchange *x = f->x;
    if (x->status == 0) {
        *err = x->error;
        return false;
    }
    if (x->status >= 300 || oauth_says_failure(buf_str(&x->body))) {
        return refused(f, err);
    }
    if (is_page(x)) {
        struct str text = masked(f, buf_str(&x->body));
        return error_set(err, ERR_SOURCE_DATA, "answered %d with a page of HTML: %.*s", x->status,
                         STR_ARG(hubspot_printable_page(text, SHOWN_MAX, &f->arena)));
    }
    return true;
}

static bool send(struct flight *f, struct error *err)
{
    f->started_ms = clock_now_ms(f->caller->options.clock);
    return oauth_wire_build(f->app, f->request, &f->wire, err) && start(f, err) &&
           wait_for_answer(f, err) && read_answer(f, err);
}

// ---- the record

static struct str correlation_id(struct flight *f)
{
    struct str id = http_exchange_header(f->x, "x-hubspot-correlation-id");
    struct hubspot_failure failure;
    if (id.len > 0 || f->x->status < 300) {
        return id;
    }
    hubspot_failure_decode(f->x->status, buf_str(&f->x->body), &f->arena, &failure);
    return failure.correlation_id;
}

static void record(struct flight *f, bool ok, const struct error *err)
{
    const struct oauth_caller_options *o = &f->caller->options;
    const struct http_exchange *x = f->x;
    if (!x || !o->request_log || (ok && !o->request_log->trace)) {
        return;
    }
    struct http_header headers[HEADERS_MAX];
    struct buf text;
    size_t n = headers_of(&f->wire, STR("Bearer ***"), headers);
    buf_init(&text, REQUEST_LOG_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&text, "%.*s: %.*s\n", STR_ARG(headers[i].name), STR_ARG(headers[i].value));
    }
    bool has_body = f->wire.content_type != NULL;
    struct request_record r = {
        .started_ms = f->started_ms,
        .first_byte_us = x->first_byte_us,
        .took_us = x->total_us,
        .connection = o->connection,
        .endpoint = str_from(CALLS[f->request->kind].name),
        .method = str_from(f->wire.method),
        .url = masked(f, buf_str(&f->wire.url)),
        .request_headers = buf_str(&text),
        .request_body = has_body ? masked(f, buf_str(&f->wire.body)) : (struct str){NULL, 0},
        .request_body_bytes = f->wire.body.len,
        .status = x->status,
        .response_headers = masked(f, buf_str(&x->raw_headers)),
        .response_body = masked(f, buf_str(&x->body)),
        .response_body_bytes = x->body.len,
        .tries = 1,
        .sends = x->sends,
        .failed = !ok,
        .code = ok ? ERR_OK : err->code,
        .message = ok ? STR("") : masked(f, str_from(err->message)),
        .correlation_id = correlation_id(f),
    };
    request_log_write(o->request_log, NULL, &r);
    buf_done(&text);
}

static void begin(struct flight *f)
{
    arena_init(&f->arena, ARENA_BYTES);
    oauth_wire_init(&f->wire);
}

static bool end(struct flight *f, bool ok, struct error *err)
{
    if (!ok) {
        error_context(err, "%s", CALLS[f->request->kind].what);
    }
    record(f, ok, err);
    if (f->x) {
        secret_wipe(f->x->body.ptr, f->x->body.cap);
        http_exchange_release(f->caller->http, f->x);
    }
    oauth_wire_done(&f->wire);
    arena_done(&f->arena);
    return ok;
}

// ----

bool oauth_call_tokens(struct oauth_caller *c, const struct oauth_app *app,
                       const struct oauth_request *r, struct oauth_tokens *ret, struct error *err)
{
    struct flight f = {.caller = c, .app = app, .request = r};
    assert(r->kind == OAUTH_EXCHANGE || r->kind == OAUTH_REFRESH);
    begin(&f);
    bool ok = send(&f, err) && oauth_tokens_decode(buf_str(&f.x->body), ret, err);
    return end(&f, ok, err);
}

bool oauth_call_facts(struct oauth_caller *c, const struct oauth_app *app,
                      const struct oauth_request *r, struct arena *arena, struct oauth_facts *ret,
                      struct error *err)
{
    struct flight f = {.caller = c, .app = app, .request = r};
    assert(r->kind == OAUTH_INTROSPECT || r->kind == OAUTH_PRIVATE_INFO);
    begin(&f);
    bool ok = send(&f, err) && oauth_facts_decode(r->kind, buf_str(&f.x->body), arena, ret, err);
    return end(&f, ok, err);
}

bool oauth_call_revoke(struct oauth_caller *c, const struct oauth_app *app,
                       const struct oauth_request *r, struct error *err)
{
    struct flight f = {.caller = c, .app = app, .request = r};
    assert(r->kind == OAUTH_REVOKE);
    begin(&f);
    return end(&f, send(&f, err), err);
}
