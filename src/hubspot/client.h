// A HubSpot client for one thread, over an account shared by many.
//
// `struct hubspot` is one account and credential: its budget, its base URL, its figures;
// thread-safe. Each thread that calls HubSpot has a `struct hubspot_client`. Calls are started
// without waiting and their answers taken as they come; between the two the client waits for the
// budget, repeats what may be repeated (by the endpoint's class), and gives up after LIMIT_TRIES.
// A write whose outcome is unknown is repeated only when that does no harm; the answer says so.
// A 401 is answered with a new token and one more try, once a call and outside LIMIT_TRIES.
// The token is written into the Authorization header only; no error, log line or record holds it.
#pragma once

#include "core/arena.h"
#include "core/cancel.h"
#include "core/log.h"
#include "data/json.h"
#include "hubspot/budget.h"
#include "hubspot/credential.h"
#include "hubspot/errors.h"
#include "hubspot/request_log.h"

#include <stdatomic.h>

enum { MAX_WAIT_DEFAULT_MS = 5 * 60 * 1000 };

struct hubspot_options {
    struct str base_url;           // checked by url_check_base; no slash at the end
    struct credential *credential; // what signs the calls; must outlive the account
    struct str token;              // without a credential: a token that stays as it is. Copied.
    enum api_version version;
    double share;
    int search_per_second;
    int64_t daily_limit; // configured, for accounts whose answers do not say; 0: none
    int64_t max_wait_ms; // a call that a limit holds for longer fails; 0: MAX_WAIT_DEFAULT_MS
    const struct clock *clock;
    const struct log *log;                 // retries and pauses; may be NULL
    const struct cancel *cancel;           // ends waits; may be NULL
    const struct request_log *request_log; // must outlive the account; may be NULL
    bool thrifty;          // one of hundreds in the process: memory is given back between calls
    size_t answers_bytes;  // of a stream's answers under way at once, about; 0: 8 MiB
    struct str connection; // its name in the log; empty: the credential's. Copied.
};

struct hubspot;
struct hubspot *hubspot_create(const struct hubspot_options *options);
void hubspot_destroy(struct hubspot *h); // takes NULL
struct budget *hubspot_budget(struct hubspot *h);
// From now on the budget is that of all processes which name this directory and work for this
// account at this base URL (budget_share.h). Before the first client is made, or after the last is
// gone. On an error nothing changes. `portal_id` 0, only with a static credential: not known; then
// the account that was once named here with this token, or else the budget is that of all processes
// with this token.
bool hubspot_share_budget(struct hubspot *h, struct str directory, int64_t portal_id,
                          struct error *err) MUST_CHECK;

struct hubspot_figures {
    uint64_t calls;   // sent, repeats included
    uint64_t retries; // of those, repeats
    uint64_t refused; // 429
    uint64_t bytes;   // of answers, decoded
    uint64_t renewed; // calls sent again with a new token after a 401
    uint64_t resent;  // sent twice by libcurl, over a connection that was found dead
};
void hubspot_figures(const struct hubspot *h, struct hubspot_figures *ret);

// ---- calls of one thread

struct hubspot_client;
struct hubspot_client *hubspot_client_create(struct hubspot *h);
void hubspot_client_destroy(struct hubspot_client *c); // takes NULL; drops what is under way
struct hubspot *hubspot_client_account(struct hubspot_client *c);
// How urgent this client's calls are; BUDGET_INCREMENTAL at first. Calls that change something are
// never less urgent than BUDGET_WRITE.
void hubspot_client_set_priority(struct hubspot_client *c, enum budget_priority p);
// What this client works on, for the request log; cut to 64 bytes. Copied.
void hubspot_client_set_stream(struct hubspot_client *c, struct str name);
// Ends this client's waits, like the account's own; NULL: only that one does. Outlives the client.
void hubspot_client_set_cancel(struct hubspot_client *c, const struct cancel *cancel);
// When a call of this class could go at the earliest (monotonic us).
int64_t hubspot_client_earliest_us(const struct hubspot_client *c, enum budget_class class);
// A parser for this client's answers, for the thread that owns the client. Lives as long as the
// client, or until the parsed answer is released where the account is thrifty.
struct json_parser *hubspot_client_parser(struct hubspot_client *c);

// Whether memory is short, as the account's options say.
bool hubspot_client_is_thrifty(const struct hubspot_client *c);

struct hubspot_request {
    enum hubspot_endpoint endpoint;
    struct endpoint_args args;
    struct str query; // encoded, without '?'; may be empty. Copied.
    struct str body;  // JSON; ptr NULL: none. Copied.
    void *tag;        // comes back with the answer
};

// What came of a request. Belongs to the caller until hubspot_client_release or
// hubspot_client_again.
struct hubspot_answer {
    void *tag;
    bool ok;            // status below 300: body is what was asked for (207 included)
    int status;         // 0: no answer at all
    struct error error; // when not ok
    struct str body;
    int64_t latency_us; // from sending to the first byte, last try
    int tries;
    bool outcome_unknown; // not ok, and a write that one of the tries may have carried out
};

bool hubspot_client_start(struct hubspot_client *c, const struct hubspot_request *r,
                          struct error *err) MUST_CHECK;
// Requests started whose answers have not been taken.
size_t hubspot_client_pending(const struct hubspot_client *c);
// The next answer; waits at most timeout_ms (-1: as long as anything is pending). NULL on timeout,
// when cancelled, or when nothing is pending.
struct hubspot_answer *hubspot_client_next(struct hubspot_client *c, int64_t timeout_ms);
void hubspot_client_release(struct hubspot_client *c, struct hubspot_answer *a);
// The body turned out to be unreadable (cut, not JSON): sends the request again like after a broken
// connection. When the tries are used up, returns false with `err` = why, and the answer stays the
// caller's.
bool hubspot_client_again(struct hubspot_client *c, struct hubspot_answer *a,
                          struct error *err) MUST_CHECK;
// One request and its answer, for callers with nothing else to do. NULL with `err` when cancelled
// or not ok.
struct hubspot_answer *hubspot_client_call(struct hubspot_client *c,
                                           const struct hubspot_request *r,
                                           struct error *err) MUST_CHECK;

// What the client is held up by at this moment, for a display in another thread.
struct hubspot_wait {
    enum budget_wait why; // BUDGET_GO: nothing, or an answer under way
    int64_t until_wall_ms;
    uint64_t calls; // sent by this client
};
void hubspot_client_waiting(const struct hubspot_client *c, struct hubspot_wait *ret);
