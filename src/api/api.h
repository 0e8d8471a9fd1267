// The frame of the REST API: routes as a table, and what every request goes through before and
// after its handler.
//
// A request is matched with a route; its key is checked (constant time, throttled by address after
// repeated failures); its query and body are read by the route's tables; a handler that changes
// something runs inside one transaction of the store, which is committed with its answer when the
// status is below 400 and rolled back otherwise, so nothing is half done; an Idempotency-Key is
// kept to in that same transaction. Every answer, from whatever depth, has the error shape
// {"error_code","message"} when it is an error. Routes are also what the OpenAPI document is made
// of. Threads: handlers run on the server's threads, each with a store handle of its own.
#pragma once

#include "api/shape.h"
#include "core/log.h"
#include "http/server.h"
#include "store/api_keys.h"
#include "store/sealing.h"

struct engine;
struct api;
struct api_call;
struct api_frame;

// What the server is, for handlers. Texts live as long as the API.
struct api_site {
    struct str public_url; // without a slash at the end: what links begin with
    struct str account_id; // the workspace
    struct str data_directory;
    struct store_options store;
    struct str key_file;
    struct str time_zone;
    struct str hubspot_base_url;
    struct str hubspot_app_url;   // "https://app.hubspot.com"
    struct str hubspot_client_id; // empty: no OAuth app is set up
    const struct secret *hubspot_client_secret;
    struct str oauth_version;
    struct str oauth_optional_scopes; // empty: all that streams need are asked for as optional
    struct engine *engine;            // NULL: this process does not work
    const struct clock *clock;
    const struct log *log;
    const struct request_log *request_log; // may be NULL
};

enum { API_PATH_ARGS_MAX = 3, API_QUERY_MAX = 8, API_ANSWERS_MAX = 8 };

struct api_param {
    const char *name;
    enum api_type type; // STRING, INTEGER, BOOLEAN
    bool required;
    const char *choices;
    double min, max;
    const char *fallback; // as text
    const char *help;
};
struct api_answer {
    int status;
    const struct api_shape *shape; // NULL: no body, or described by `help` alone
    bool list;                     // in the paged envelope
    const char *help;
    const char *media_type; // of a body that is no JSON; NULL
};

enum {
    API_PUBLIC = 1 << 0,   // needs no key
    API_CHANGES = 1 << 1,  // runs in a transaction; needs scope write (or admin, see `scope`)
    API_CREATES = 1 << 2,  // honours Idempotency-Key
    API_PAGED = 1 << 3,    // takes starting_after and limit
    API_ALONE = 1 << 4,    // changes, but opens its own transactions (it waits for others)
    API_HIDDEN = 1 << 5,   // an alias for older clients: not in the OpenAPI document
    API_RAW_BODY = 1 << 6, // the handler reads http->body by itself (forms)
    API_NO_STORE = 1 << 7, // the handler needs no store: it answers when the store is gone, too
};

struct api_route {
    const char *method;
    const char *path; // "/elt_syncs/{id}/enable"
    const char *name; // operationId, and the name in metrics
    const char *tag;  // group in the document
    const char *help; // one sentence
    enum api_key_scope scope;
    unsigned flags;
    const struct api_shape *body; // NULL: none is read
    bool body_optional;
    struct api_param query[API_QUERY_MAX];
    struct api_answer answers[API_ANSWERS_MAX];
    void (*handle)(struct api_call *c);
};
struct api_routes {
    const struct api_route *rows;
    size_t n;
};

// One request on its way.
struct api_call {
    const struct api_site *site;
    const struct api_route *route;
    const struct http_server_request *http;
    struct http_server_response *response;
    struct arena *arena;
    struct store *store;
    struct sealing *sealing;
    struct api_key key; // of the caller; all empty on public routes
    struct str account_id;
    struct str args[API_PATH_ARGS_MAX]; // decoded path arguments
    const void *body;                   // of the route's body shape; NULL when there was none
    // API_PAGED:
    size_t limit;
    struct str starting_after; // empty: from the start
    struct api_frame *frame;   // the frame's own
};

// ---- what a handler reads

// A query parameter of the route's table; its fallback when absent (ptr NULL without one).
struct str api_query(const struct api_call *c, const char *name);
// Cursors: opaque text of a place; base64url inside. False when it is none: the answer is then a
// 400 that names starting_after.
struct page_place;
bool api_cursor_read(struct api_call *c, struct page_place *ret) MUST_CHECK;
struct str api_cursor_make(struct api_call *c, const struct page_place *p);

// ---- what a handler answers; exactly one of these, last

void api_ok(struct api_call *c, int status, const struct api_shape *shape, const void *value);
void api_none(struct api_call *c); // 204
// {"has_more","next_cursor"?,"data":[...]} of n structs; next ptr NULL: there is no more.
void api_list(struct api_call *c, const struct api_shape *shape, const void *items, size_t n,
              struct str next);
// A JSON text as it is.
void api_json(struct api_call *c, int status, struct str json);
// A text that is no JSON; `type` is a literal: "text/plain". Copied.
void api_text(struct api_call *c, int status, const char *type, struct str text);
// 200, then server-sent events, see http/server.h.
void api_stream(struct api_call *c, struct http_server_stream stream);
// Status and error_code from the error's code (errors.def), message and hint. What HubSpot refuses
// (errors.def's 401 and 403) is 422: 401 and 403 speak of the caller's own key alone. A store that
// does not answer is 503. 5xx are logged.
void api_fail(struct api_call *c, const struct error *err);
// error_code of an error: its name in errors.def, in lower case.
struct str api_error_name(struct arena *arena, enum error_code code);
// {"error_code": code, "message": ...}
void api_refuse(struct api_call *c, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
// 404 with "not_found": "there is no <what> <id>".
void api_missing(struct api_call *c, const char *what, struct str id);
// Adds a field to the answer that was just made by api_refuse.
void api_refuse_with(struct api_call *c, const char *name, struct str value);
// Once the transaction is committed: wake the engine.
void api_wake(struct api_call *c);

extern const struct api_shape API_ERROR_SHAPE;

// ---- the server's side

struct api_options {
    struct api_site site;
    const struct api_routes *groups; // all tables of routes
    size_t n_groups;
    const char *const *cors_origins; // NULL-terminated; "*" admits all
};
struct api *api_create(const struct api_options *options);
void api_destroy(struct api *a); // takes NULL; after the server has stopped
// The http_server_handler; `user` is the struct api.
void api_handle(void *user, struct http_server_request *request,
                struct http_server_response *response);
// The `is_slow` of http_server_options: what changes something may have to wait for a lock of the
// store, or for HubSpot.
bool api_is_slow(void *user, const struct http_server_request *request);
// The `refuse` of http_server_options: what the server refuses by itself has the error shape too.
// `user` is not looked at.
void api_refused(void *user, struct http_server_request *request,
                 struct http_server_response *response, const char *message);
// What the server that this call came to was made of: for pages that describe it.
const struct api_options *api_options_of(const struct api_call *c);
// The OpenAPI 3.0 document of all routes that are not hidden.
void api_openapi(const struct api_options *options, struct buf *out);
// From here on requests are answered 503 with Retry-After, and event streams end.
void api_drain(struct api *a);

// Requests by route and status, for /metrics.
struct api_route_figures {
    const struct api_route *route;
    uint64_t by_class[6]; // of 1xx to 5xx at [1] to [5]
    double seconds_sum;
};
size_t api_figures(const struct api *a, struct api_route_figures *ret, size_t max);

// Tables of routes, one a file.
extern const struct api_routes API_ROUTES_SYSTEM;       // healthz readyz metrics openapi.json
extern const struct api_routes API_ROUTES_EVENTS;       // events
extern const struct api_routes API_ROUTES_KEYS;         // api_keys
extern const struct api_routes API_ROUTES_BRIDGES;      // connection_bridges
extern const struct api_routes API_ROUTES_CONNECTIONS;  // connections
extern const struct api_routes API_ROUTES_INTEGRATIONS; // integrations
extern const struct api_routes API_ROUTES_DESTINATIONS; // destinations
extern const struct api_routes API_ROUTES_SYNCS;        // elt_syncs
extern const struct api_routes API_ROUTES_STREAMS;      // elt_streams
extern const struct api_routes API_ROUTES_RUNS;         // elt_stream_runs
extern const struct api_routes API_ROUTES_REQUESTS;     // requests
extern const struct api_routes API_ROUTES_LATER;        // 501: families that are not built yet
