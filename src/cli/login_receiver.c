#include "cli/login_receiver.h"

#include "http/server.h"
#include "hubspot/oauth.h"

#include <pthread.h>

enum {
    WAIT_SLICE_MS = 50,
    TELL_WAIT_S = 120, // how long the browser waits for the exchange; longer than that may take
    DRAIN_MS = 3000,
    TEXT_MAX = 512,
    MAX_CONNECTIONS = 16,
    THREADS = 4,
    HEADER_BYTES = 32 * 1024,
    BODY_BYTES = 4096,
    RESPONSE_BYTES = 64 * 1024,
    IDLE_S = 10,
};

enum stage { STAGE_WAITING, STAGE_ANSWERED, STAGE_TOLD };

struct login_receiver {
    struct login_receiver_options options;
    struct http_server *server;
    pthread_mutex_t lock; // guards what follows
    pthread_cond_t changed;
    enum stage stage;
    struct secret *code;
    struct error failure; // of a denial
    size_t strays;
    bool good;
    char told[TEXT_MAX];
};

// ---- pages

static void add_html(struct buf *out, struct str s)
{
    static const struct {
        char c;
        const char *entity;
    } ESCAPES[] = {{'<', "&lt;"}, {'>', "&gt;"}, {'&', "&amp;"}, {'"', "&quot;"}};
    for (size_t i = 0; i < s.len; i++) {
        const char *entity = NULL;
        for (size_t k = 0; k < ARRAY_LEN(ESCAPES); k++) {
            entity = s.ptr[i] == ESCAPES[k].c ? ESCAPES[k].entity : entity;
        }
        if (entity) {
            buf_add_cstr(out, entity);
        } else {
            buf_add_char(out, s.ptr[i]);
        }
    }
}

static void page(struct http_server_response *response, int status, const char *heading,
                 struct str text)
{
    static const char HEAD[] =
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width\"><title>sluice</title><style>"
        "body{font:16px/1.5 system-ui,sans-serif;max-width:34em;margin:15vh auto;padding:0 1em;"
        "color:#222}h1{font-size:1.4em}</style></head><body><h1>";
    response->status = status;
    response->content_type = "text/html;charset=utf-8";
    buf_add_cstr(&response->body, HEAD);
    add_html(&response->body, str_from(heading));
    buf_add_cstr(&response->body, "</h1><p>");
    add_html(&response->body, text);
    buf_add_cstr(&response->body, "</p></body></html>\n");
    http_server_add_header(response, "Cache-Control", STR("no-store"));
    http_server_add_header(response, "Referrer-Policy", STR("no-referrer"));
    http_server_add_header(response, "Content-Security-Policy",
                           STR("default-src 'none'; style-src 'unsafe-inline'"));
}

// ---- the server's threads

static void refuse(struct login_receiver *r, struct http_server_response *response, int status,
                   const char *heading, struct str text)
{
    pthread_mutex_lock(&r->lock);
    r->strays++;
    pthread_mutex_unlock(&r->lock);
    page(response, status, heading, text);
}

// Takes the answer if it is the first; false: there was one before.
static bool take_answer(struct login_receiver *r, const struct oauth_callback *answer)
{
    pthread_mutex_lock(&r->lock);
    bool first = r->stage == STAGE_WAITING;
    if (first && answer->code.len > 0) {
        r->code = secret_create(answer->code);
    } else if (first) {
        error_set(&r->failure, ERR_LOGIN, "HubSpot sent back no grant: %.*s%s%.*s",
                  STR_ARG(str_sub(answer->error, 0, 64)), answer->error_description.len ? ": " : "",
                  STR_ARG(str_sub(answer->error_description, 0, 300)));
    }
    r->stage = first ? STAGE_ANSWERED : r->stage;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return first;
}

// The page comes when the exchange is over, so that it can say how that went.
static void show_outcome(struct login_receiver *r, struct http_server_response *response)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += TELL_WAIT_S;
    pthread_mutex_lock(&r->lock);
    while (r->stage != STAGE_TOLD && pthread_cond_timedwait(&r->changed, &r->lock, &until) == 0) {
    }
    bool told = r->stage == STAGE_TOLD;
    page(response, r->good ? 200 : 400, r->good ? "Connected" : "Not connected",
         told ? str_from(r->told) : STR("See the terminal for how it went."));
    pthread_mutex_unlock(&r->lock);
}

static void handle(void *user, struct http_server_request *request,
                   struct http_server_response *response)
{
    struct login_receiver *r = user;
    struct oauth_callback answer;
    struct error err = {0};
    if (!str_eq(request->path, r->options.path)) {
        page(response, 404, "Nothing here",
             STR("sluice waits for HubSpot's answer at another path."));
        return;
    }
    if (!str_eq(request->method, STR("GET"))) {
        page(response, 405, "Not like this", STR("sluice waits for a browser sent by HubSpot."));
        return;
    }
    if (!oauth_callback_decode(request->query, request->arena, &answer, &err)) {
        refuse(r, response, 400, "This is no answer of HubSpot's", str_from(err.message));
    } else if (!secret_same_bytes(answer.state, r->options.state)) {
        refuse(r, response, 400, "This answer belongs to another login",
               STR("Its state is not the one that this login began with. Use the address that "
                   "sluice printed last, or start the login again."));
    } else if (!take_answer(r, &answer)) {
        refuse(r, response, 409, "This login has been answered already",
               STR("Start the login again if it did not work."));
    } else {
        show_outcome(r, response);
    }
}

// ---- the owner

bool login_receiver_open(const struct login_receiver_options *options, struct login_receiver **ret,
                         struct error *err)
{
    struct login_receiver *r = calloc(1, sizeof *r);
    if (!r) {
        abort();
    }
    r->options = *options;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    struct http_server_options server = {
        .host = options->host,
        .port = options->port,
        .threads = THREADS,
        .max_connections = MAX_CONNECTIONS,
        .header_limit = HEADER_BYTES,
        .body_limit = BODY_BYTES,
        .response_limit = RESPONSE_BYTES,
        .idle_timeout_s = IDLE_S,
        .handle = handle,
        .user = r,
        .clock = options->clock,
    };
    if (!http_server_start(&server, &r->server, err)) {
        login_receiver_close(r);
        return error_context(err, "waiting for HubSpot's answer (choose another port with "
                                  "--redirect-port, and register its URI in the app)");
    }
    *ret = r;
    return true;
}

bool login_receiver_wait(struct login_receiver *r, int64_t timeout_ms, struct secret **ret_code,
                         size_t *ret_strays, struct error *err)
{
    int64_t end_us = clock_mono_us(r->options.clock) + timeout_ms * 1000;
    bool ok = true;
    pthread_mutex_lock(&r->lock);
    while (ok && r->stage == STAGE_WAITING) {
        pthread_mutex_unlock(&r->lock);
        if (cancel_requested(r->options.cancel)) {
            ok = error_set(err, ERR_INTERRUPTED, "interrupted");
        } else if (clock_mono_us(r->options.clock) >= end_us) {
            ok = error_set(err, ERR_LOGIN,
                           "HubSpot's answer did not come within %lld s; when its page shows an "
                           "error instead of asking, the client id, the scopes or the redirect URI "
                           "are not exactly those of the app",
                           (long long)(timeout_ms / 1000));
        } else {
            r->options.clock->sleep_us(r->options.clock, WAIT_SLICE_MS * 1000);
        }
        pthread_mutex_lock(&r->lock);
    }
    *ret_strays = r->strays;
    if (ok && r->code) {
        *ret_code = r->code;
        r->code = NULL;
    } else if (ok) {
        *err = r->failure;
        ok = false;
    }
    pthread_mutex_unlock(&r->lock);
    return ok;
}

void login_receiver_tell(struct login_receiver *r, bool good, struct str what)
{
    pthread_mutex_lock(&r->lock);
    if (r->stage != STAGE_TOLD) {
        r->good = good;
        snprintf(r->told, sizeof r->told, "%.*s", STR_ARG(str_sub(what, 0, TEXT_MAX - 1)));
        r->stage = STAGE_TOLD;
        pthread_cond_broadcast(&r->changed);
    }
    pthread_mutex_unlock(&r->lock);
}

void login_receiver_close(struct login_receiver *r)
{
    if (!r) {
        return;
    }
    if (r->server) {
        login_receiver_tell(r, false, STR("The login was given up."));
        http_server_drain(r->server, DRAIN_MS);
        http_server_stop(r->server);
    }
    secret_destroy(r->code);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
