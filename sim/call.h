// struct call: one API request on its way through the simulator. One thread.
#pragma once

#include "data/json.h"
#include "data/json_writer.h"
#include "http/server.h"
#include "sim/apps.h"
#include "sim/objects.h"

struct sim;
struct route;

enum { CALL_PARAMS_MAX = 5 };

// What a fault does to the records of a page while it is made; the rest of a fault acts on the
// finished answer.
struct page_fault {
    uint32_t most;  // at most so many records although more were asked for; 0: no bound
    bool empty;     // none at all, but a next page
    uint32_t drop;  // leave so many out, silently
    uint32_t twice; // repeat so many
};

struct call {
    struct sim *sim;
    struct http_server_request *request;
    struct http_server_response *response;
    struct arena *arena;
    const struct route *route;
    struct caller caller;               // whose token it is; no app where none is needed
    struct str params[CALL_PARAMS_MAX]; // what the braces of the route's pattern matched, decoded
    struct page_fault page;
    struct json_doc *doc; // the parsed body; destroyed with the call
    struct json body;
    enum object_type object; // of {type}, once call_object has found it
    bool object_known;
};

// Error answers in HubSpot's shape; always return false so that `return call_error(...)` reads
// well.
bool call_error(struct call *c, int status, const char *category, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
// The id that the answer's header has, too.
struct str call_correlation_id(const struct call *c);
// The bare form without a category.
bool call_problem(struct call *c, int status);
bool call_not_found(struct call *c);
// A body of HTML, as a proxy in front would send.
void call_html(struct call *c, int status, const char *title);

// The object type in path parameter i; false after a 400.
bool call_object(struct call *c, size_t i, bool singular, enum object_type *ret) MUST_CHECK;
// The body as a JSON object; false after a 400.
bool call_parse_body(struct call *c) MUST_CHECK;
// A query parameter that may be repeated or hold a comma list, as one comma list; empty when
// absent.
struct str call_list(struct call *c, const char *name);
bool call_flag(struct call *c, const char *name); // "true"
// A number between 1 and most; false after a 400.
bool call_limit(struct call *c, int64_t fallback, int64_t most, int64_t *ret) MUST_CHECK;
// Starts writing the response body.
struct json_writer call_writer(struct call *c);
// "2026-11-22T10:00:00.000Z" in the arena.
struct str call_iso(struct call *c, int64_t ms);
struct str call_number(struct call *c, uint64_t n);
// The id of the account that an app (NULL: the first account's) is in, and of the caller's.
int64_t app_portal_id(const struct call *c, const struct app *app);
int64_t call_portal_id(const struct call *c);
// ,"paging":{"next":{"after":...,"link":...}} appended to the response; `after` is text.
void call_add_paging(struct call *c, struct str after, bool with_link);
