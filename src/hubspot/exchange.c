// From an exchange to an answer: what HubSpot said about limits, what its errors mean, whether the
// call is sent again, and the record of it all.
#include "core/limits.h"
#include "core/timestamp.h"
#include "hubspot/internal.h"
#include "hubspot/retry.h"

enum {
    HEADER_NUMBER_MAX = 1000000000, // what a header may say; more is nonsense, and would overflow
    LOCATION_SHOWN_MAX = 200,
    HEADERS_TEXT_MAX = 4096,
};

static const struct str HTML = STR_INIT("text/html");

// What is found out about one exchange.
struct finding {
    struct arena arena; // of the failure's texts
    struct hubspot_failure failure;
    int64_t retry_after_ms; // -1: not said
    bool sent;              // false: certainly nothing of it left this machine
    int tries;              // this one included
    bool again;
    int64_t delay_ms;
};

static const char *name_of(const struct call *k)
{
    return endpoint_info(k->endpoint)->name;
}

static int64_t header_int(const struct http_exchange *x, const char *name)
{
    int64_t n = -1;
    bool known = str_to_int64(http_exchange_header(x, name), &n);
    return known && n >= 0 && n <= HEADER_NUMBER_MAX ? n : -1;
}

static void learn(struct hubspot_client *c, const struct call *k, const struct finding *f)
{
    const struct http_exchange *x = k->exchange;
    const struct clock *clock = c->account->options.clock;
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
                     .refused = k->answer.status == 429,
                     .policy = budget_policy_parse(f->failure.policy),
                     .retry_after_ms = f->retry_after_ms,
                 });
}

// ---- what the answer is

static void read_redirect(struct hubspot_client *c, struct call *k, struct finding *f)
{
    struct str to = arena_dup(&f->arena, http_exchange_header(k->exchange, "location"));
    credential_mask(c->account->credential, (char *)(uintptr_t)to.ptr, to.len); // our own copy
    error_set(&k->answer.error, ERR_REDIRECT,
              "%s: answered %d with a redirect to \"%.*s\", which is not followed: the token would "
              "go there",
              name_of(k), k->answer.status,
              STR_ARG(hubspot_printable(to, LOCATION_SHOWN_MAX, &f->arena)));
}

static void read_failure(struct hubspot_client *c, struct call *k, struct finding *f)
{
    struct http_exchange *x = k->exchange;
    struct hubspot_answer *a = &k->answer;
    // Some servers quote the request in their error pages.
    if (x->body.len > 0) {
        credential_mask(c->account->credential, x->body.ptr, x->body.len);
    }
    hubspot_failure_decode(x->status, a->body, &f->arena, &f->failure);
    hubspot_failure_error(&f->failure, name_of(k), &a->error);
    if (x->status < 400 && http_exchange_header(x, "location").ptr) {
        read_redirect(c, k, f);
    }
    a->error.retry_after_ms = MAX(0, f->retry_after_ms);
}

// A page of the edge's in the place of an answer, with a status that says that all is well.
static bool is_page(const struct http_exchange *x)
{
    return x->body.len > 0 &&
           str_eq_nocase(str_sub(http_exchange_header(x, "content-type"), 0, HTML.len), HTML);
}

// An answer that broke off, or was none of HTTP. What its status says is known all the same: a
// refusal is one, and a limit or a lock holds.
static void read_broken(struct call *k, struct finding *f)
{
    const struct http_exchange *x = k->exchange;
    struct hubspot_answer *a = &k->answer;
    a->error = x->error;
    if (x->head_status < 400) {
        error_context(&a->error, "%s", name_of(k));
        return;
    }
    enum error_code code = hubspot_status_code(x->head_status);
    bool said = error_info(code)->retryable || code == ERR_CREDENTIALS;
    a->status = x->head_status;
    error_set(&a->error, said ? code : ERR_SOURCE_UNAVAILABLE,
              "%s: HubSpot answered %d, and its answer broke off: %s", name_of(k), a->status,
              x->error.message);
    a->error.retry_after_ms = MAX(0, f->retry_after_ms);
}

static void read_answer(struct hubspot_client *c, struct call *k, struct finding *f)
{
    struct http_exchange *x = k->exchange;
    struct hubspot_answer *a = &k->answer;
    a->status = x->status;
    a->latency_us = x->first_byte_us;
    a->body = buf_str(&x->body);
    f->sent = x->sent;
    f->retry_after_ms = -1;
    if (x->head_status >= 300) {
        f->retry_after_ms = retry_after_ms(http_exchange_header(x, "retry-after"),
                                           clock_now_ms(c->account->options.clock));
    }
    if (x->status == 0) {
        read_broken(k, f);
        return;
    }
    if (x->status < 300) {
        a->ok = !is_page(x);
        a->outcome_unknown = a->outcome_unknown && !a->ok;
        if (!a->ok) {
            credential_mask(c->account->credential, x->body.ptr, x->body.len);
            struct str text = hubspot_printable_page(a->body, LOCATION_SHOWN_MAX, &f->arena);
            error_set(&a->error, ERR_SOURCE_DATA, "%s: answered %d with a page of HTML: %.*s",
                      name_of(k), x->status, STR_ARG(text));
        }
        return;
    }
    read_failure(c, k, f);
}

// ---- what is to be done

// Says why a call that might have been repeated is not.
static void explain(const struct hubspot_client *c, struct call *k, enum retry_verdict verdict)
{
    struct hubspot_answer *a = &k->answer;
    char until[TIMESTAMP_TEXT_MAX] = "";
    if (verdict == RETRY_LATER &&
        timestamp_format(clock_now_ms(c->account->options.clock) + a->error.retry_after_ms,
                         until)) {
        int64_t retry_after = a->error.retry_after_ms;
        error_set(&a->error, a->error.code, "%s; HubSpot asks to come back at %s", a->error.message,
                  until);
        a->error.retry_after_ms = retry_after;
    }
    if (a->outcome_unknown) {
        call_tell_unknown(k, verdict == RETRY_UNKNOWN ? ERR_OUTCOME_UNKNOWN : a->error.code);
    }
}

// A new token and once more, at most once a call. True when there is a new one.
static bool renew(struct hubspot_client *c, struct call *k)
{
    struct error err;
    if (k->answer.status != 401 || k->renewed) {
        return false;
    }
    if (!credential_refused(c->account->credential, k->token_generation, &err)) {
        // Of a token that nobody can renew HubSpot says more than we.
        if (err.code != ERR_CREDENTIALS) {
            k->answer.error = err;
            error_context(&k->answer.error, "%s", name_of(k));
        }
        return false;
    }
    k->renewed = true;
    k->answer.tries--; // the try was not the request's fault
    atomic_fetch_add(&c->account->renewed, 1);
    return true;
}

static void decide(struct hubspot_client *c, struct call *k, struct finding *f)
{
    struct hubspot_answer *a = &k->answer;
    struct retry_case facts = {
        .status = a->status,
        .code = a->error.code,
        .repeat = endpoint_info(k->endpoint)->repeat,
        .tries = a->tries,
        .sent = f->sent,
        .retry_after_ms = MAX(0, f->retry_after_ms),
    };
    f->again = renew(c, k);
    if (f->again) {
        return;
    }
    struct retry_decision d = retry_decide(&facts, random_unit(&c->random));
    a->outcome_unknown = a->outcome_unknown || d.unknown;
    f->again = d.verdict == RETRY_AGAIN;
    f->delay_ms = d.delay_ms;
    if (!f->again) {
        explain(c, k, d.verdict);
    }
}

static void repeat(struct hubspot_client *c, struct call *k, int64_t delay_ms)
{
    const struct clock *clock = c->account->options.clock;
    struct hubspot_answer *a = &k->answer;
    if (c->account->options.log) {
        enum budget_class class = endpoint_info(k->endpoint)->budget;
        int64_t held_us = hubspot_client_earliest_us(c, class) - clock_mono_us(clock);
        log_line(c->account->options.log, LOG_WARN, "hubspot call is repeated",
                 LOG_C("endpoint", name_of(k)), LOG_I("status", a->status),
                 LOG_I("tries", a->tries), LOG_I("delay_ms", MAX(delay_ms, held_us / 1000)),
                 LOG_C("reason", a->error.message));
    }
    k->held_by = a->status == 429 ? BUDGET_WAIT_REFUSED : BUDGET_WAIT_RETRY;
    k->not_before_us = clock_mono_us(clock) + delay_ms * 1000;
    call_drop_exchange(c, k);
    k->answer = (struct hubspot_answer){
        .tag = a->tag, .tries = a->tries, .outcome_unknown = a->outcome_unknown};
    call_list_add(&c->waiting, k);
}

// ---- the record

static void record(struct hubspot_client *c, const struct call *k, const struct finding *f)
{
    const struct hubspot_options *o = &c->account->options;
    const struct http_exchange *x = k->exchange;
    const struct hubspot_answer *a = &k->answer;
    if (!o->request_log || (a->ok && !o->request_log->trace)) {
        return;
    }
    struct http_header headers[HUBSPOT_HEADERS_MAX];
    size_t n = call_headers(k, STR("Bearer ***"), headers);
    struct buf text;
    buf_init(&text, HEADERS_TEXT_MAX);
    for (size_t i = 0; i < n; i++) {
        buf_printf(&text, "%.*s: %.*s\n", STR_ARG(headers[i].name), STR_ARG(headers[i].value));
    }
    struct str id = f->failure.correlation_id;
    struct request_record r = {
        .started_ms = k->sent_wall_ms,
        .first_byte_us = x->first_byte_us,
        .took_us = x->total_us,
        .connection = o->connection,
        .stream = str_from(c->stream),
        .endpoint = str_from(name_of(k)),
        .method = str_from(http_method_name(endpoint_info(k->endpoint)->method)),
        .url = buf_str(&k->url),
        .request_headers = buf_str(&text),
        .request_body = k->has_body ? buf_str(&k->body) : (struct str){NULL, 0},
        .request_body_bytes = k->body.len,
        .status = a->status,
        .response_headers = buf_str(&x->raw_headers),
        .response_body = buf_str(&x->body),
        .response_body_bytes = x->body.len,
        .tries = f->tries,
        .sends = x->sends,
        .failed = !a->ok,
        .again = f->again,
        .code = a->error.code,
        .message = str_from(a->error.message),
        .correlation_id = id.len > 0 ? id : http_exchange_header(x, "x-hubspot-correlation-id"),
    };
    request_log_write(o->request_log, c->account->credential, &r);
    buf_done(&text);
}

// ----

void client_take_exchange(struct hubspot_client *c, struct http_exchange *x)
{
    struct call *k = call_of(x->tag);
    struct finding f = {.tries = k->answer.tries};
    call_ended(c, k);
    k->exchange = x;
    atomic_fetch_add(&c->account->bytes, x->body.len);
    c->answer_bytes = MAX(x->body.len, c->answer_bytes - c->answer_bytes / 8);
    atomic_fetch_add(&c->account->resent, x->sends > 1 ? 1 : 0);
    arena_init(&f.arena, 4 * (size_t)LIMIT_BODY_BYTES);
    read_answer(c, k, &f);
    atomic_fetch_add(&c->account->refused, k->answer.status == 429 ? 1 : 0);
    if (k->answer.status != 0) {
        learn(c, k, &f);
    }
    if (!k->answer.ok) {
        // What the decoding brought to light: an escaped token is one.
        struct error *e = &k->answer.error;
        credential_mask(c->account->credential, e->message, strlen(e->message));
        decide(c, k, &f);
    }
    record(c, k, &f);
    arena_done(&f.arena);
    if (f.again) {
        repeat(c, k, f.delay_ms);
    } else {
        call_list_add(&c->finished, k);
    }
}

bool client_reject_body(struct hubspot_client *c, struct call *k)
{
    struct finding f = {.sent = true, .tries = k->answer.tries, .retry_after_ms = -1};
    k->answer.ok = false;
    decide(c, k, &f);
    record(c, k, &f);
    if (f.again) {
        repeat(c, k, f.delay_ms);
    }
    return f.again;
}
