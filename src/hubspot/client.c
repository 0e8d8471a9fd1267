#include "hubspot/client.h"

#include "core/limits.h"
#include "core/random.h"
#include "core/timestamp.h"
#include "hubspot/retry.h"

#include <unistd.h>

enum {
    IN_FLIGHT_MAX = 8,
    HEADER_NUMBER_MAX = 1000000000, // what a header may say; more is nonsense, and would overflow
    MASKED_TOKEN_MIN = 8,           // a shorter word would be found in any text
    CANCEL_SLICE_MS = 100,
    HEADERS_SENT = 3,
    CONNECT_TIMEOUT_MS = 15000,
    FIRST_BYTE_TIMEOUT_MS = 100000, // the edge gives up after 100 s itself
    STALL_TIMEOUT_MS = 60000,
    CALL_MAGIC = 0x68756273,
};

struct hubspot {
    struct hubspot_options options;
    struct str base_url; // own copies
    struct str token;
    struct buf authorization;
    struct budget *budget;
    atomic_uint_fast64_t calls, retries, refused, bytes;
};

// One request through all its tries.
struct call {
    struct hubspot_answer answer; // first: the caller's pointer is ours
    uint32_t magic;
    enum hubspot_endpoint endpoint;
    struct buf url;
    struct buf body;
    bool has_body;
    int64_t not_before_us;
    enum budget_wait held_by; // until then
    struct budget_ticket ticket;
    struct http_exchange *exchange;
    struct call *next; // waiting, finished or idle list
};

struct call_list {
    struct call *first, *last;
};

struct hubspot_client {
    struct hubspot *account;
    struct http_client *http;
    struct json_parser *parser;
    struct random random;
    int member; // of the budget
    enum budget_priority priority;
    struct call_list waiting;  // to be sent
    struct call_list finished; // to be taken
    struct call_list idle;
    size_t pending;
    atomic_int wait_why;
    atomic_int_fast64_t wait_until_wall_ms;
    atomic_uint_fast64_t calls;
};

static void list_add(struct call_list *l, struct call *c)
{
    c->next = NULL;
    if (l->last) {
        l->last->next = c;
    } else {
        l->first = c;
    }
    l->last = c;
}

static struct call *list_take(struct call_list *l)
{
    struct call *c = l->first;
    if (c) {
        l->first = c->next;
        if (!l->first) {
            l->last = NULL;
        }
        c->next = NULL;
    }
    return c;
}

static void list_remove(struct call_list *l, struct call *c)
{
    struct call *before = NULL;
    struct call *at = l->first;
    while (at != c) {
        assert(at);
        before = at;
        at = at->next;
    }
    if (before) {
        before->next = c->next;
    } else {
        l->first = c->next;
    }
    if (l->last == c) {
        l->last = before;
    }
    c->next = NULL;
}

static struct str own(struct str s)
{
    char *copy = malloc(s.len + 1);
    if (!copy) {
        abort();
    }
    memcpy(copy, s.ptr ? s.ptr : "", s.len);
    copy[s.len] = '\0';
    return (struct str){copy, s.len};
}

struct hubspot *hubspot_create(const struct hubspot_options *options)
{
    struct hubspot *h = calloc(1, sizeof *h);
    if (!h) {
        abort();
    }
    h->options = *options;
    h->base_url = own(options->base_url);
    h->token = own(options->token);
    buf_init(&h->authorization, LIMIT_HEADER_BYTES);
    buf_add_cstr(&h->authorization, "Bearer ");
    buf_add(&h->authorization, options->token);
    h->budget = budget_create(&(struct budget_options){
        .share = options->share,
        .search_per_second = options->search_per_second,
        .daily_limit = options->daily_limit,
        .seed = (uint64_t)clock_mono_us(options->clock) ^ (uint64_t)getpid(),
    });
    return h;
}

void hubspot_destroy(struct hubspot *h)
{
    if (!h) {
        return;
    }
    budget_destroy(h->budget);
    explicit_bzero(h->authorization.ptr, h->authorization.cap);
    buf_done(&h->authorization);
    explicit_bzero((char *)(uintptr_t)h->token.ptr, h->token.len);
    free((char *)(uintptr_t)h->token.ptr);
    free((char *)(uintptr_t)h->base_url.ptr);
    free(h);
}

struct budget *hubspot_budget(struct hubspot *h)
{
    return h->budget;
}

void hubspot_figures(const struct hubspot *h, struct hubspot_figures *ret)
{
    ret->calls = atomic_load(&h->calls);
    ret->retries = atomic_load(&h->retries);
    ret->refused = atomic_load(&h->refused);
    ret->bytes = atomic_load(&h->bytes);
}

struct hubspot_client *hubspot_client_create(struct hubspot *h)
{
    struct hubspot_client *c = calloc(1, sizeof *c);
    if (!c) {
        abort();
    }
    c->account = h;
    c->parser = json_parser_create();
    c->http = http_client_create(
        &(struct http_client_options){
            .user_agent = "sluice/" SLUICE_VERSION,
            .connect_timeout_ms = CONNECT_TIMEOUT_MS,
            .first_byte_timeout_ms = FIRST_BYTE_TIMEOUT_MS,
            .stall_timeout_ms = STALL_TIMEOUT_MS,
            .body_limit = LIMIT_BODY_BYTES,
        },
        h->options.clock);
    random_seed_entropy(&c->random);
    c->member = budget_join(h->budget);
    c->priority = BUDGET_INCREMENTAL;
    return c;
}

void hubspot_client_set_priority(struct hubspot_client *c, enum budget_priority p)
{
    c->priority = p;
}

static struct budget_ask ask_for(const struct hubspot_client *c, enum budget_class class,
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

int64_t hubspot_client_earliest_us(const struct hubspot_client *c, enum budget_class class)
{
    struct budget_ask ask = ask_for(c, class, REPEAT_READ);
    return budget_earliest(c->account->budget, &ask);
}

static void call_destroy(struct hubspot_client *c, struct call *k)
{
    if (k->exchange) {
        http_exchange_release(c->http, k->exchange);
    }
    buf_done(&k->url);
    buf_done(&k->body);
    free(k);
}

static void ended(struct hubspot_client *c, const struct call *k)
{
    budget_ended(c->account->budget, &k->ticket, clock_mono_us(c->account->options.clock));
}

void hubspot_client_destroy(struct hubspot_client *c)
{
    if (!c) {
        return;
    }
    struct call_list *lists[] = {&c->waiting, &c->finished, &c->idle};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct call *k;
        while ((k = list_take(lists[i])) != NULL) {
            call_destroy(c, k);
        }
    }
    // Calls that are still in flight are known to the HTTP client only, by their tags.
    struct http_exchange *x;
    http_client_abort(c->http);
    while ((x = http_client_wait(c->http, 0)) != NULL) {
        struct call *k = x->tag;
        ended(c, k);
        http_exchange_release(c->http, x);
        call_destroy(c, k);
    }
    budget_leave(c->account->budget, c->member);
    http_client_destroy(c->http);
    json_parser_destroy(c->parser);
    free(c);
}

struct json_parser *hubspot_client_parser(struct hubspot_client *c)
{
    return c->parser;
}

struct hubspot *hubspot_client_account(struct hubspot_client *c)
{
    return c->account;
}

static struct call *call_get(struct hubspot_client *c)
{
    struct call *k = list_take(&c->idle);
    if (k) {
        return k;
    }
    k = calloc(1, sizeof *k);
    if (!k) {
        abort();
    }
    k->magic = CALL_MAGIC;
    buf_init(&k->url, LIMIT_URL_BYTES);
    buf_init(&k->body, LIMIT_REQUEST_BODY);
    return k;
}

bool hubspot_client_start(struct hubspot_client *c, const struct hubspot_request *r,
                          struct error *err)
{
    struct call *k = call_get(c);
    buf_reset(&k->url);
    buf_reset(&k->body);
    buf_add(&k->url, c->account->base_url);
    endpoint_path(&k->url, r->endpoint, c->account->options.version, &r->args);
    if (r->query.len > 0) {
        buf_add_char(&k->url, '?');
        buf_add(&k->url, r->query);
    }
    buf_add(&k->body, r->body);
    if (k->url.overflow || k->body.overflow) {
        list_add(&c->idle, k);
        return error_set(err, ERR_LIMIT, "%s: request of %zu + %zu bytes is over our limit",
                         endpoint_info(r->endpoint)->name, r->query.len, r->body.len);
    }
    k->answer = (struct hubspot_answer){.tag = r->tag};
    k->endpoint = r->endpoint;
    k->has_body = r->body.ptr != NULL;
    k->not_before_us = 0;
    list_add(&c->waiting, k);
    c->pending++;
    return true;
}

size_t hubspot_client_pending(const struct hubspot_client *c)
{
    return c->pending;
}

static bool send(struct hubspot_client *c, struct call *k)
{
    const struct http_header headers[HEADERS_SENT] = {
        {STR("Authorization"), buf_str(&c->account->authorization)},
        {STR("Accept"), STR("application/json")},
        {STR("Content-Type"), STR("application/json")},
    };
    struct http_request request = {
        .method = endpoint_info(k->endpoint)->method,
        .url = buf_str(&k->url),
        .headers = headers,
        .n_headers = k->has_body ? HEADERS_SENT : HEADERS_SENT - 1,
        .body = k->has_body ? buf_str(&k->body) : (struct str){NULL, 0},
        .tag = k,
    };
    k->answer.tries++;
    atomic_fetch_add(&c->account->calls, 1);
    atomic_fetch_add(&c->calls, 1);
    if (k->answer.tries > 1) {
        atomic_fetch_add(&c->account->retries, 1);
    }
    if (!http_client_start(c->http, &request, &k->answer.error)) {
        ended(c, k);
        return false;
    }
    return true;
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
    error_set(err, ERR_DAILY_LIMIT,
              "%lld of the %lld daily calls that may be used (of %lld) are used; the next day "
              "begins at %s",
              (long long)v.daily_used, (long long)v.daily_allowed, (long long)v.daily_max, until);
}

// A call that would have to wait for the next day, or as long as a Retry-After of hours, fails
// instead, saying until when: nobody is helped by a program that hangs for hours, and what was
// loaded is kept.
static bool refuse_long_wait(struct hubspot_client *c, struct call *k, enum budget_wait why,
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
    } else {
        error_set(&k->answer.error, ERR_RATE_LIMITED,
                  "HubSpot answered 429 and asks for no more calls until %s", until);
    }
    list_remove(&c->waiting, k);
    list_add(&c->finished, k);
    return true;
}

// Sends what may be sent; returns when it is worth looking again (monotonic), INT64_MAX when
// nothing waits.
static int64_t send_waiting(struct hubspot_client *c)
{
    const struct clock *clock = c->account->options.clock;
    int64_t next_us = INT64_MAX;
    enum budget_wait why = BUDGET_GO;
    bool class_held[BUDGET_CLASS_COUNT] = {false};
    for (struct call *k = c->waiting.first, *next; k; k = next) {
        next = k->next;
        const struct endpoint *e = endpoint_info(k->endpoint);
        struct budget_ask ask = ask_for(c, e->budget, e->repeat);
        if (http_client_in_flight(c->http) >= IN_FLIGHT_MAX) {
            break;
        }
        if (k->not_before_us > ask.now_us) {
            why = next_us > k->not_before_us ? k->held_by : why;
            next_us = MIN(next_us, k->not_before_us);
            continue;
        }
        if (class_held[ask.class]) {
            continue;
        }
        int64_t until_us = ask.now_us;
        enum budget_wait w = budget_take(c->account->budget, &ask, &k->ticket, &until_us);
        if (w != BUDGET_GO && refuse_long_wait(c, k, w, until_us - ask.now_us)) {
            continue;
        }
        if (w != BUDGET_GO) {
            class_held[ask.class] = true;
            why = next_us > until_us ? w : why;
            next_us = MIN(next_us, until_us);
            continue;
        }
        list_remove(&c->waiting, k);
        if (!send(c, k)) {
            list_add(&c->finished, k);
        }
    }
    int64_t wait_us = next_us == INT64_MAX ? 0 : next_us - clock_mono_us(clock);
    atomic_store(&c->wait_until_wall_ms, clock_now_ms(clock) + wait_us / 1000);
    atomic_store(&c->wait_why, (int)why);
    return next_us;
}

static int64_t header_int(const struct http_exchange *x, const char *name)
{
    int64_t n = -1;
    bool known = str_to_int64(http_exchange_header(x, name), &n);
    return known && n >= 0 && n <= HEADER_NUMBER_MAX ? n : -1;
}

static void learn(struct hubspot_client *c, const struct call *k, const struct hubspot_failure *f)
{
    const struct http_exchange *x = k->exchange;
    const struct clock *clock = c->account->options.clock;
    int64_t retry_after_s = header_int(x, "retry-after");
    budget_learn(c->account->budget,
                 &(struct budget_answer){
                     .ticket = k->ticket,
                     .now_us = clock_mono_us(clock),
                     .wall_ms = clock_now_ms(clock),
                     .max = header_int(x, "x-hubspot-ratelimit-max"),
                     .remaining = header_int(x, "x-hubspot-ratelimit-remaining"),
                     .interval_ms = header_int(x, "x-hubspot-ratelimit-interval-milliseconds"),
                     .daily = header_int(x, "x-hubspot-ratelimit-daily"),
                     .daily_remaining = header_int(x, "x-hubspot-ratelimit-daily-remaining"),
                     .refused = x->status == 429,
                     .policy = budget_policy_parse(f->policy),
                     .retry_after_ms = retry_after_s >= 0 ? retry_after_s * 1000 : -1,
                 });
    if (x->status == 429) {
        atomic_fetch_add(&c->account->refused, 1);
    }
}

// Puts the call back into the queue if its class and its tries allow; otherwise false.
static bool try_again(struct hubspot_client *c, struct call *k, bool sent)
{
    const struct clock *clock = c->account->options.clock;
    struct retry_case facts = {
        .status = k->answer.status,
        .code = k->answer.error.code,
        .repeat = endpoint_info(k->endpoint)->repeat,
        .tries = k->answer.tries,
        .sent = sent,
        .retry_after_ms = k->answer.error.retry_after_ms,
    };
    struct retry_decision decision = retry_decide(&facts, random_unit(&c->random));
    int64_t delay_ms = decision.delay_ms;
    if (decision.verdict != RETRY_AGAIN) {
        return false;
    }
    if (c->account->options.log) {
        log_line(c->account->options.log, LOG_WARN, "hubspot call is repeated",
                 LOG_C("endpoint", endpoint_info(k->endpoint)->name), LOG_I("status", facts.status),
                 LOG_I("tries", facts.tries), LOG_I("delay_ms", delay_ms),
                 LOG_C("reason", k->answer.error.message));
    }
    if (k->exchange) {
        http_exchange_release(c->http, k->exchange);
        k->exchange = NULL;
    }
    int tries = k->answer.tries;
    k->answer = (struct hubspot_answer){.tag = k->answer.tag, .tries = tries};
    k->not_before_us = clock_mono_us(clock) + delay_ms * 1000;
    k->held_by = facts.status == 429 ? BUDGET_WAIT_REFUSED : BUDGET_GO;
    list_add(&c->waiting, k);
    return true;
}

// Some servers quote the request in their error pages.
static void mask_token(const struct hubspot *h, struct buf *body)
{
    size_t from = 0; // what is before has been seen
    ptrdiff_t at = h->token.len < MASKED_TOKEN_MIN ? -1 : 0;
    while (at >= 0 && (at = str_find(str_sub(buf_str(body), from, body->len), h->token)) >= 0) {
        memset(body->ptr + from + at, '*', h->token.len);
        from += (size_t)at + h->token.len;
    }
}

static void on_exchange(struct hubspot_client *c, struct http_exchange *x)
{
    struct call *k = x->tag;
    assert(k->magic == CALL_MAGIC);
    const char *name = endpoint_info(k->endpoint)->name;
    ended(c, k);
    k->exchange = x;
    struct hubspot_answer *a = &k->answer;
    a->status = x->status;
    a->latency_us = x->first_byte_us;
    a->body = buf_str(&x->body);
    atomic_fetch_add(&c->account->bytes, x->body.len);
    if (x->status == 0) {
        a->error = x->error;
        error_context(&a->error, "%s", name);
        if (!try_again(c, k, x->sent)) {
            list_add(&c->finished, k);
        }
        return;
    }
    struct hubspot_failure f = {0};
    struct arena arena;
    arena_init(&arena, LIMIT_BODY_BYTES);
    if (x->status >= 300) {
        mask_token(c->account, &x->body);
        hubspot_failure_decode(x->status, a->body, &arena, &f);
        hubspot_failure_error(&f, name, &a->error);
        int64_t retry_after_s = header_int(x, "retry-after");
        a->error.retry_after_ms = MAX(0, retry_after_s) * 1000;
    }
    learn(c, k, &f);
    arena_done(&arena);
    a->ok = x->status < 300;
    if (a->ok || !try_again(c, k, true)) {
        list_add(&c->finished, k);
    }
}

struct hubspot_answer *hubspot_client_next(struct hubspot_client *c, int64_t timeout_ms)
{
    const struct clock *clock = c->account->options.clock;
    int64_t end_us = timeout_ms < 0 ? INT64_MAX : clock_mono_us(clock) + timeout_ms * 1000;
    while (c->pending > 0) {
        struct call *k = list_take(&c->finished);
        if (k) {
            c->pending--;
            return &k->answer;
        }
        if (cancel_requested(c->account->options.cancel)) {
            return NULL;
        }
        int64_t next_us = send_waiting(c);
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
            on_exchange(c, x);
        } else if (clock_mono_us(clock) >= end_us) {
            return NULL;
        }
    }
    return NULL;
}

void hubspot_client_release(struct hubspot_client *c, struct hubspot_answer *a)
{
    struct call *k = (struct call *)a;
    assert(k->magic == CALL_MAGIC);
    if (k->exchange) {
        http_exchange_release(c->http, k->exchange);
        k->exchange = NULL;
    }
    list_add(&c->idle, k);
}

bool hubspot_client_again(struct hubspot_client *c, struct hubspot_answer *a, struct error *err)
{
    struct call *k = (struct call *)a;
    assert(k->magic == CALL_MAGIC && a->ok);
    a->error = *err;
    if (!try_again(c, k, true)) {
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
