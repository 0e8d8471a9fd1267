// Inside the client: an account, its clients, and the way of one call through sending (send.c),
// its exchange (exchange.c) and back (client.c). Only for these files and account.c, call.c.
#pragma once

#include "core/random.h"
#include "hubspot/client.h"

struct hubspot {
    struct hubspot_options options; // with our own copies of the texts
    struct credential *credential;
    bool owns_credential;
    struct budget_options budget_options;
    struct budget *budget;
    atomic_uint_fast64_t calls, retries, refused, bytes, renewed, resent;
};

// One request through all its tries.
struct call {
    struct hubspot_answer answer; // first: the caller's pointer is ours
    uint32_t magic;
    enum hubspot_endpoint endpoint;
    struct buf url;
    struct buf body;
    bool has_body;
    bool renewed; // a 401 was answered with a new token once
    uint64_t token_generation;
    int64_t not_before_us;
    enum budget_wait held_by; // until then
    struct budget_ticket ticket;
    int64_t sent_wall_ms;
    struct http_exchange *exchange;
    struct call *next; // waiting, finished or idle list
};

struct call_list {
    struct call *first, *last;
};

enum { STREAM_NAME_MAX = 64 };

struct hubspot_client {
    struct hubspot *account;
    struct http_client *http;
    struct json_parser *parser;
    struct random random;
    int member; // of the budget
    enum budget_priority priority;
    const struct cancel *cancel;      // may be NULL
    char stream[STREAM_NAME_MAX + 1]; // for the request log
    struct buf authorization;         // of the calls that are sent now
    struct call_list waiting;         // to be sent
    struct call_list finished;        // to be taken
    struct call_list idle;
    size_t pending;
    size_t answer_bytes; // what an answer is like: the largest of late, forgotten by and by
    atomic_int wait_why;
    atomic_int_fast64_t wait_until_wall_ms;
    atomic_uint_fast64_t calls;
};

// ---- call.c

void call_list_add(struct call_list *l, struct call *k);
struct call *call_list_take(struct call_list *l); // NULL when empty
void call_list_remove(struct call_list *l, struct call *k);
// A call that is ready to be sent. From the idle ones or new.
bool call_make(struct hubspot_client *c, const struct hubspot_request *r, struct call **ret,
               struct error *err) MUST_CHECK;
struct call *call_of(struct hubspot_answer *a);
void call_drop_exchange(struct hubspot_client *c, struct call *k);
void call_destroy(struct hubspot_client *c, struct call *k);
// Adds to the error of a write that failed in the end what one of its tries may have done. The code
// becomes `code`; the time to come back stays.
void call_tell_unknown(struct call *k, enum error_code code);

// ---- send.c

enum { HUBSPOT_HEADERS_MAX = 3 };
// The headers of a call besides those that libcurl adds.
size_t call_headers(const struct call *k, struct str authorization,
                    struct http_header ret[HUBSPOT_HEADERS_MAX]);
// What a call of this class asks of the budget now.
struct budget_ask client_ask(const struct hubspot_client *c, enum budget_class class,
                             enum repeat_class repeat);
// Sends what may be sent; returns when it is worth looking again (monotonic), INT64_MAX when
// nothing waits.
int64_t client_send_waiting(struct hubspot_client *c);
// The budget's slot of a call is given back.
void call_ended(struct hubspot_client *c, const struct call *k);

// ---- exchange.c

// An exchange has ended: its call is finished or waits to be sent again.
void client_take_exchange(struct hubspot_client *c, struct http_exchange *x);
// The body of an answer that looked good could not be read: `k->answer.error` says why. True: it
// waits to be sent again.
bool client_reject_body(struct hubspot_client *c, struct call *k);
