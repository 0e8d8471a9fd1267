// From waiting to sent: the bearer, the budget, and what may not wait so long.
#include "core/timestamp.h"
#include "hubspot/internal.h"

enum {
    IN_FLIGHT_MAX = 8,
    IN_FLIGHT_LEAST = 2, // so that one is on its way while another is read; unless memory is short
    IN_FLIGHT_BYTES = 8 * 1024 * 1024,
};

size_t call_headers(const struct call *k, struct str authorization,
                    struct http_header ret[HUBSPOT_HEADERS_MAX])
{
    ret[0] = (struct http_header){STR("Authorization"), authorization};
    ret[1] = (struct http_header){STR("Accept"), STR("application/json")};
    ret[2] = (struct http_header){STR("Content-Type"), STR("application/json")};
    return k->has_body ? 3 : 2;
}

struct budget_ask client_ask(const struct hubspot_client *c, enum budget_class class,
                             enum repeat_class repeat)
{
    const struct clock *clock = c->account->options.clock;
    return (struct budget_ask){.member = c->member,
                               .class = class,
                               .priority = repeat == REPEAT_READ ? c->priority
                                                                 : MIN(c->priority, BUDGET_WRITE),
                               .now_us = clock_mono_us(clock),
                               .wall_ms = clock_now_ms(clock)};
}

void call_ended(struct hubspot_client *c, const struct call *k)
{
    budget_ended(c->account->budget, &k->ticket, clock_mono_us(c->account->options.clock));
}

// A call that waits is not sent again after all.
static void fail(struct hubspot_client *c, struct call *k)
{
    if (k->answer.outcome_unknown) {
        call_tell_unknown(k, k->answer.error.code);
    }
    call_list_remove(&c->waiting, k);
    call_list_add(&c->finished, k);
}

static void send(struct hubspot_client *c, struct call *k)
{
    struct hubspot *h = c->account;
    const struct endpoint *e = endpoint_info(k->endpoint);
    struct http_header headers[HUBSPOT_HEADERS_MAX];
    struct http_request request = {
        .method = e->method,
        .url = buf_str(&k->url),
        .headers = headers,
        .n_headers = call_headers(k, buf_str(&c->authorization), headers),
        .body = k->has_body ? buf_str(&k->body) : (struct str){NULL, 0},
        .tag = k,
        // libcurl sends again by itself when a kept connection turns out to be dead: never a create
        .fresh_connection = e->repeat == REPEAT_NEVER,
    };
    k->answer.tries++;
    k->sent_wall_ms = clock_now_ms(h->options.clock);
    atomic_fetch_add(&h->calls, 1);
    atomic_fetch_add(&c->calls, 1);
    if (k->answer.tries > 1) {
        atomic_fetch_add(&h->retries, 1);
    }
    call_list_remove(&c->waiting, k);
    if (!http_client_start(c->http, &request, &k->answer.error)) {
        call_ended(c, k);
        error_context(&k->answer.error, "%s", e->name);
        call_list_add(&c->finished, k);
    }
}

static void explain_day(struct hubspot_client *c, const char *until, struct error *err)
{
    struct budget_view v;
    budget_look(c->account->budget, clock_mono_us(c->account->options.clock), &v);
    if (v.daily_max < 0) {
        error_set(err, ERR_DAILY_LIMIT,
                  "HubSpot refuses more calls today; the next day begins at %s", until);
        return;
    }
    char kept[64] = "";
    if (v.daily_used < v.daily_allowed) {
        snprintf(kept, sizeof kept, ", the rest is kept for what is more urgent than %s",
                 budget_priority_name(c->priority));
    }
    error_set(err, ERR_DAILY_LIMIT,
              "%lld of the %lld daily calls that may be used (of %lld) are used%s; the next day "
              "begins at %s",
              (long long)v.daily_used, (long long)v.daily_allowed, (long long)v.daily_max, kept,
              until);
}

// A call that would have to wait for the next day, or as long as a Retry-After of hours, fails
// instead, saying until when: nobody is helped by a program that hangs for hours, and what was
// loaded is kept.
static bool is_too_long(struct hubspot_client *c, struct call *k, enum budget_wait why,
                        int64_t wait_us)
{
    int64_t max_ms = c->account->options.max_wait_ms;
    if (wait_us < (max_ms > 0 ? max_ms : MAX_WAIT_DEFAULT_MS) * 1000) {
        return false;
    }
    char until[TIMESTAMP_TEXT_MAX] = "";
    timestamp_format(clock_now_ms(c->account->options.clock) + wait_us / 1000, until);
    if (why == BUDGET_WAIT_DAY) {
        explain_day(c, until, &k->answer.error);
    } else if (why == BUDGET_WAIT_REFUSED) {
        error_set(&k->answer.error, ERR_RATE_LIMITED,
                  "HubSpot answered 429 and asks for no more calls until %s", until);
    } else {
        error_set(&k->answer.error, ERR_RATE_LIMITED, "%s admits no more calls until %s",
                  budget_wait_name(why), until);
    }
    k->answer.error.retry_after_ms = wait_us / 1000;
    return true;
}

// What one look at the waiting calls has found out.
struct pass {
    int64_t next_us; // when it is worth looking again
    enum budget_wait why;
    bool class_held[BUDGET_CLASS_COUNT];
    enum { BEARER_UNKNOWN, BEARER_HERE, BEARER_NONE } bearer;
    uint64_t generation;
    struct error bearer_error;
};

static void hold(struct pass *p, int64_t until_us, enum budget_wait why)
{
    p->why = p->next_us > until_us ? why : p->why;
    p->next_us = MIN(p->next_us, until_us);
}

// The bearer of this pass's calls. It is asked for before the budget: to renew a token takes a
// while, and a call that has been let go is to be sent at once.
static bool need_bearer(struct hubspot_client *c, struct pass *p)
{
    if (p->bearer == BEARER_UNKNOWN) {
        buf_reset(&c->authorization);
        bool ok = credential_bearer(c->account->credential, &c->authorization, &p->generation,
                                    &p->bearer_error);
        p->bearer = ok ? BEARER_HERE : BEARER_NONE;
    }
    return p->bearer == BEARER_HERE;
}

static void look_at(struct hubspot_client *c, struct call *k, struct pass *p)
{
    const struct endpoint *e = endpoint_info(k->endpoint);
    if (p->class_held[e->budget]) {
        return;
    }
    int64_t now_us = clock_mono_us(c->account->options.clock);
    if (k->not_before_us > now_us) {
        hold(p, k->not_before_us, k->held_by);
        return;
    }
    if (!need_bearer(c, p)) {
        k->answer.error = p->bearer_error;
        error_context(&k->answer.error, "%s", e->name);
        fail(c, k);
        return;
    }
    struct budget_ask ask = client_ask(c, e->budget, e->repeat);
    int64_t until_us = ask.now_us;
    enum budget_wait w = budget_take(c->account->budget, &ask, &k->ticket, &until_us);
    if (w == BUDGET_GO) {
        k->token_generation = p->generation;
        send(c, k);
    } else if (is_too_long(c, k, w, until_us - ask.now_us)) {
        fail(c, k);
    } else {
        p->class_held[e->budget] = true;
        hold(p, until_us, w);
    }
}

// As many calls at once as their answers fit into answers_bytes: a hundred records of a thousand
// properties are five megabytes.
static size_t in_flight_max(const struct hubspot_client *c)
{
    const struct hubspot_options *o = &c->account->options;
    size_t bytes = o->answers_bytes > 0 ? o->answers_bytes : IN_FLIGHT_BYTES;
    size_t least = o->thrifty ? 1 : IN_FLIGHT_LEAST;
    return MAX(least, MIN((size_t)IN_FLIGHT_MAX, bytes / MAX(c->answer_bytes, 1)));
}

int64_t client_send_waiting(struct hubspot_client *c)
{
    const struct clock *clock = c->account->options.clock;
    struct pass p = {.next_us = INT64_MAX, .why = BUDGET_GO};
    for (struct call *k = c->waiting.first, *next; k; k = next) {
        next = k->next;
        if (http_client_in_flight(c->http) >= in_flight_max(c)) {
            break;
        }
        look_at(c, k, &p);
    }
    int64_t wait_us = p.next_us == INT64_MAX ? 0 : p.next_us - clock_mono_us(clock);
    atomic_store(&c->wait_until_wall_ms, clock_now_ms(clock) + wait_us / 1000);
    atomic_store(&c->wait_why, (int)p.why);
    return p.next_us;
}
