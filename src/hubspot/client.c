#include "hubspot/client.h"

#include "core/limits.h"
#include "hubspot/internal.h"

enum {
    CANCEL_SLICE_MS = 100,
    CONNECT_TIMEOUT_MS = 15000,
    FIRST_BYTE_TIMEOUT_MS = 100000, // the edge gives up after 100 s itself
    STALL_TIMEOUT_MS = 60000,
    TOTAL_TIMEOUT_MS = 600000,
    BEARER_ROOM = 2048, // HubSpot asks to allow 512 for a token
};

struct hubspot_client *hubspot_client_create(struct hubspot *h)
{
    struct hubspot_client *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    c->account = h;
    c->http = http_client_create(
        &(struct http_client_options){
            .user_agent = "sluice/" SLUICE_VERSION,
            .connect_timeout_ms = CONNECT_TIMEOUT_MS,
            .first_byte_timeout_ms = FIRST_BYTE_TIMEOUT_MS,
            .stall_timeout_ms = STALL_TIMEOUT_MS,
            .total_timeout_ms = TOTAL_TIMEOUT_MS,
            .body_limit = LIMIT_BODY_BYTES,
            .thrifty = h->options.thrifty,
        },
        h->options.clock);
    random_seed_entropy(&c->random);
    c->member = budget_join(h->budget);
    c->priority = BUDGET_INCREMENTAL;
    buf_init(&c->authorization, LIMIT_HEADER_BYTES);
    (void)buf_reserve(&c->authorization, BEARER_ROOM);
    return c;
}

void hubspot_client_set_priority(struct hubspot_client *c, enum budget_priority p)
{
    c->priority = p;
}

void hubspot_client_set_stream(struct hubspot_client *c, struct str name)
{
    name = hubspot_cut(name, STREAM_NAME_MAX);
    memcpy(c->stream, name.len > 0 ? name.ptr : "", name.len);
    c->stream[name.len] = '\0';
}

void hubspot_client_set_cancel(struct hubspot_client *c, const struct cancel *cancel)
{
    c->cancel = cancel;
}

int64_t hubspot_client_earliest_us(const struct hubspot_client *c, enum budget_class class)
{
    struct budget_ask ask = client_ask(c, class, REPEAT_READ);
    return budget_earliest(c->account->budget, &ask);
}

// Forgets all calls whose answers have not been taken.
static void abandon(struct hubspot_client *c)
{
    struct call *k;
    while ((k = call_list_take(&c->waiting)) || (k = call_list_take(&c->finished))) {
        hubspot_client_release(c, &k->answer);
    }
    // Calls that are still in flight are known to the HTTP client only, by their tags.
    struct http_exchange *x;
    http_client_abort(c->http);
    while ((x = http_client_wait(c->http, 0)) != NULL) {
        k = call_of(x->tag);
        call_ended(c, k);
        k->exchange = x;
        hubspot_client_release(c, &k->answer);
    }
    c->pending = 0;
}

void hubspot_client_destroy(struct hubspot_client *c)
{
    if (!c) {
        return;
    }
    abandon(c);
    struct call *k;
    while ((k = call_list_take(&c->idle)) != NULL) {
        call_destroy(c, k);
    }
    budget_leave(c->account->budget, c->member);
    http_client_destroy(c->http);
    secret_buf_done(&c->authorization);
    json_parser_destroy(c->parser);
    free(c);
}

struct json_parser *hubspot_client_parser(struct hubspot_client *c)
{
    c->parser = c->parser ? c->parser : json_parser_create();
    return c->parser;
}

bool hubspot_client_is_thrifty(const struct hubspot_client *c)
{
    return c->account->options.thrifty;
}

struct hubspot *hubspot_client_account(struct hubspot_client *c)
{
    return c->account;
}

bool hubspot_client_start(struct hubspot_client *c, const struct hubspot_request *r,
                          struct error *err)
{
    struct call *k = NULL;
    if (!call_make(c, r, &k, err)) {
        return false;
    }
    call_list_add(&c->waiting, k);
    c->pending++;
    return true;
}

size_t hubspot_client_pending(const struct hubspot_client *c)
{
    return c->pending;
}

struct hubspot_answer *hubspot_client_next(struct hubspot_client *c, int64_t timeout_ms)
{
    const struct clock *clock = c->account->options.clock;
    int64_t end_us = timeout_ms < 0 ? INT64_MAX : clock_mono_us(clock) + timeout_ms * 1000;
    while (c->pending > 0) {
        struct call *k = call_list_take(&c->finished);
        if (k) {
            c->pending--;
            return &k->answer;
        }
        if (cancel_requested(c->account->options.cancel) || cancel_requested(c->cancel)) {
            return NULL;
        }
        int64_t next_us = client_send_waiting(c);
        if (c->finished.first) {
            continue;
        }
        int64_t now_us = clock_mono_us(clock);
        int64_t until_us = MIN(MIN(next_us, end_us), now_us + CANCEL_SLICE_MS * 1000);
        int64_t wait_ms = MAX(0, (until_us - now_us + 999) / 1000);
        struct http_exchange *x = NULL;
        if (http_client_in_flight(c->http) > 0) {
            x = http_client_wait(c->http, wait_ms);
        } else {
            clock->sleep_us(clock, wait_ms * 1000);
        }
        if (x) {
            client_take_exchange(c, x);
        } else if (clock_mono_us(clock) >= end_us) {
            return NULL;
        }
    }
    return NULL;
}

void hubspot_client_release(struct hubspot_client *c, struct hubspot_answer *a)
{
    struct call *k = call_of(a);
    call_drop_exchange(c, k);
    call_list_add(&c->idle, k);
    if (c->account->options.thrifty) {
        json_parser_destroy(c->parser); // several times as large as the answer
        c->parser = NULL;
    }
}

bool hubspot_client_again(struct hubspot_client *c, struct hubspot_answer *a, struct error *err)
{
    assert(a->ok);
    a->error = *err;
    if (!client_reject_body(c, call_of(a))) {
        *err = a->error;
        return false;
    }
    c->pending++;
    return true;
}

struct hubspot_answer *hubspot_client_call(struct hubspot_client *c,
                                           const struct hubspot_request *r, struct error *err)
{
    assert(c->pending == 0);
    if (!hubspot_client_start(c, r, err)) {
        return NULL;
    }
    struct hubspot_answer *a = hubspot_client_next(c, -1);
    if (!a) {
        abandon(c); // nobody will ask for it
        error_set(err, ERR_INTERRUPTED, "interrupted");
        return NULL;
    }
    if (!a->ok) {
        *err = a->error;
        hubspot_client_release(c, a);
        return NULL;
    }
    return a;
}

void hubspot_client_waiting(const struct hubspot_client *c, struct hubspot_wait *ret)
{
    ret->why = (enum budget_wait)atomic_load(&c->wait_why);
    ret->until_wall_ms = atomic_load(&c->wait_until_wall_ms);
    ret->calls = atomic_load(&c->calls);
}
