#include "sim/faults.h"

#include "core/random.h"
#include "sim/fault_rules.h"
#include "sim/routes.h"
#include "sim/scopes.h"
#include "sim/sim.h"

#include <pthread.h>

enum { RULES_MAX = 256, RULE_TEXTS_MAX = 64 * 1024 * 1024 };

struct faults {
    pthread_mutex_t lock;
    struct arena arena; // texts of the rules
    struct fault_rule rules[RULES_MAX];
    size_t n;
};

struct faults *faults_create(void)
{
    struct faults *f = calloc(1, sizeof(*f));
    if (!f) {
        abort();
    }
    pthread_mutex_init(&f->lock, NULL);
    arena_init(&f->arena, RULE_TEXTS_MAX);
    return f;
}

void faults_destroy(struct faults *f)
{
    if (f) {
        arena_done(&f->arena);
        pthread_mutex_destroy(&f->lock);
        free(f);
    }
}

void faults_clear(struct faults *f)
{
    pthread_mutex_lock(&f->lock);
    f->n = 0;
    arena_done(&f->arena);
    arena_init(&f->arena, RULE_TEXTS_MAX);
    pthread_mutex_unlock(&f->lock);
}

static bool add_rules(struct faults *f, struct json body, struct error *err)
{
    struct json list;
    size_t n = f->n;
    if (!json_get(body, STR("rules"), &list)) {
        if (n == RULES_MAX) {
            return error_set(err, ERR_REQUEST, "there are %d rules already; DELETE /_sim/faults",
                             RULES_MAX);
        }
        if (!fault_rule_parse(body, &f->arena, &f->rules[n], err)) {
            return false;
        }
        f->n = n + 1;
        return true;
    }
    if (json_type(list) != JSON_ARRAY) {
        return error_set(err, ERR_REQUEST, "rules must be a list of rules");
    }
    struct json_iter it = json_iter(list);
    struct json v;
    while (json_next(&it, &v)) {
        if (n == RULES_MAX) {
            return error_set(err, ERR_REQUEST, "more than %d rules; DELETE /_sim/faults first",
                             RULES_MAX);
        }
        if (!fault_rule_parse(v, &f->arena, &f->rules[n], err)) {
            return error_context(err, "rules[%zu]", n - f->n);
        }
        n++;
    }
    f->n = n;
    return true;
}

bool faults_add(struct faults *f, struct json body, struct error *err)
{
    pthread_mutex_lock(&f->lock);
    // Texts of rules live until all are cleared; a body is at most LIMIT_REQUEST_BODY.
    bool room = f->arena.used + 16 * 1024 * 1024 < RULE_TEXTS_MAX;
    bool ok = room ? add_rules(f, body, err)
                   : error_set(err, ERR_REQUEST,
                               "the texts of all rules are too large; DELETE /_sim/faults first");
    pthread_mutex_unlock(&f->lock);
    return ok;
}

size_t faults_count(struct faults *f)
{
    pthread_mutex_lock(&f->lock);
    size_t n = f->n;
    pthread_mutex_unlock(&f->lock);
    return n;
}

void faults_write(struct faults *f, struct json_writer *w)
{
    pthread_mutex_lock(&f->lock);
    json_begin_array(w);
    for (size_t i = 0; i < f->n; i++) {
        fault_rule_write(&f->rules[i], w);
    }
    json_end_array(w);
    pthread_mutex_unlock(&f->lock);
}

static bool matches(const struct fault_rule *r, const struct call *c)
{
    struct str name = str_from(route_name(route_index(c->route)));
    bool endpoint = r->endpoint.len == 0 || str_eq(name, r->endpoint) ||
                    (str_ends(r->endpoint, STR(".")) && str_starts(name, r->endpoint));
    return endpoint && (r->path.len == 0 || str_find(c->request->target, r->path) >= 0) &&
           (r->method.len == 0 || str_eq_nocase(r->method, c->request->method)) &&
           (r->object < 0 || (c->object_known && (int)c->object == r->object));
}

// Counts the match and says whether it is this one's turn.
static bool fires(struct fault_rule *r)
{
    int64_t k = ++r->matched - r->after; // 1, 2, ... behind the skipped ones
    bool turn = k > 0 && (r->nth == 0 || k == r->nth) && (r->every == 0 || k % r->every == 0) &&
                (r->times == 0 || r->fired < r->times);
    if (turn && r->rate > 0) {
        double draw =
            (double)(random_mix(r->seed + (uint64_t)k) >> 11) / (double)(UINT64_C(1) << 53);
        turn = draw < r->rate;
    }
    r->fired += turn ? 1 : 0;
    return turn;
}

static void apply_answer(const struct fault_rule *r, struct call *c, struct fault_effects *e)
{
    e->answers = true;
    e->forbid = r->action == FAULT_FORBID;
    e->html = r->action == FAULT_HTML;
    e->status = r->action == FAULT_FORBID ? 403 : r->status > 0 ? (int)r->status : 502;
    e->category = arena_dup(c->arena, r->category);
    e->message = arena_dup(c->arena, r->message);
    e->body = r->body.ptr ? arena_dup(c->arena, r->body) : (struct str){NULL, 0};
    e->retry_after_s = r->retry_after_s;
}

// Answers of the edge and of limits: the endpoint is not asked.
static void apply_refusal(const struct fault_rule *r, struct call *c, struct fault_effects *e)
{
    e->answers = true;
    e->retry_after_s = r->retry_after_s;
    if (r->action == FAULT_CLOUDFLARE) {
        e->cloudflare = fault_cloudflare(r->code);
    } else if (r->action == FAULT_RATE_LIMIT) {
        e->rate_limit = fault_policy(r->policy, &e->policy);
    } else {
        assert(r->action == FAULT_REDIRECT);
        e->url = arena_dup(c->arena, r->url);
        e->status = r->status > 0 ? (int)r->status : 302;
    }
}

// What becomes of an honest answer's body and headers on the wire.
static void apply_wire(const struct fault_rule *r, struct fault_effects *e)
{
    if (r->action == FAULT_TRICKLE) {
        e->wire.drip_ms = r->ms;
        e->wire.drip_bytes = (size_t)r->bytes;
    } else if (r->action == FAULT_SHORT_LENGTH) {
        e->wire.promise_less = (size_t)MAX(r->bytes, INT64_C(1));
    } else if (r->action == FAULT_HEADERS) {
        e->wire.extra_headers = (unsigned)MAX(r->count, INT64_C(1));
        e->wire.extra_header_bytes = (size_t)r->bytes;
    } else {
        assert(r->action == FAULT_HUGE_BODY);
        e->pad_bytes = (size_t)r->bytes;
    }
}

static void apply(const struct fault_rule *r, struct call *c, struct fault_effects *e)
{
    uint32_t count = (uint32_t)MAX(r->count, INT64_C(1));
    e->fired = true;
    switch (r->action) {
    case FAULT_STATUS:
    case FAULT_HTML:
    case FAULT_FORBID:
        apply_answer(r, c, e);
        break;
    case FAULT_DROP:
        e->wire.drop = true;
        break;
    case FAULT_CUT:
        e->wire.cut = true;
        e->wire.cut_after = (size_t)r->bytes;
        break;
    case FAULT_STALL:
        e->wire.stall_ms = r->ms;
        e->wire.stall_after = (size_t)r->bytes;
        break;
    case FAULT_DELAY:
        e->delay_ms += r->ms;
        break;
    case FAULT_TRUNCATE:
        e->truncate = true;
        e->truncate_after = (size_t)r->bytes;
        break;
    case FAULT_WRONG_LENGTH:
        e->wire.promise_extra = (size_t)MAX(r->bytes, INT64_C(1));
        break;
    case FAULT_BAD_UTF8:
    case FAULT_NUL:
    case FAULT_CONTROL:
        e->spoil = r->action == FAULT_BAD_UTF8 ? "\xff"
                   : r->action == FAULT_NUL    ? "\\u0000"
                                               : "\x01";
        e->spoil_property = arena_dup(c->arena, r->property);
        break;
    case FAULT_SHORT_PAGE:
        c->page.most = count;
        break;
    case FAULT_EMPTY_PAGE:
        c->page.empty = true;
        break;
    case FAULT_DROP_ROWS:
        c->page.drop += count;
        break;
    case FAULT_REPEAT_ROWS:
        c->page.twice += count;
        break;
    case FAULT_CLOUDFLARE:
    case FAULT_RATE_LIMIT:
    case FAULT_REDIRECT:
        apply_refusal(r, c, e);
        break;
    case FAULT_SHORT_LENGTH:
    case FAULT_TRICKLE:
    case FAULT_HUGE_BODY:
    case FAULT_HEADERS:
        apply_wire(r, e);
        break;
    case FAULT_BAD_JSON:
        e->bad_json = true;
        break;
    case FAULT_ACTIONS:
        assert(false);
    }
}

struct fault_effects faults_for(struct faults *f, struct call *call)
{
    struct fault_effects e = {0};
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n; i++) {
        struct fault_rule *r = &f->rules[i];
        if (matches(r, call) && fires(r)) {
            apply(r, call, &e);
        }
    }
    pthread_mutex_unlock(&f->lock);
    return e;
}

void faults_answer(const struct fault_effects *e, struct call *call)
{
    assert(e->answers);
    if (e->cloudflare) {
        fault_cloudflare_answer(call, e->cloudflare);
    } else if (e->rate_limit) {
        limits_refuse(call->sim->limits, call, e->policy);
    } else if (e->url.ptr) {
        call->response->status = e->status;
        call->response->content_type = NULL;
        http_server_add_header(call->response, "Location", e->url);
    } else if (e->html) {
        call_html(call, e->status,
                  e->message.len > 0 ? arena_cstr(call->arena, e->message) : "Bad Gateway");
    } else if (e->body.ptr) {
        call->response->status = e->status;
        buf_add(&call->response->body, e->body);
    } else if (e->forbid) {
        scopes_refuse(call);
    } else {
        const char *category = e->category.len > 0 ? arena_cstr(call->arena, e->category) : NULL;
        call_error(call, e->status, category, "%.*s",
                   STR_ARG(e->message.len > 0 ? e->message
                                              : STR("There was a problem with the request.")));
    }
    if (e->retry_after_s > 0) {
        http_server_add_header(call->response, "Retry-After",
                               call_number(call, (uint64_t)e->retry_after_s));
    }
}

// Where to insert into the answer: behind the first character of a text value. -1: nowhere.
static ptrdiff_t place_to_spoil(struct str body, struct str property, struct arena *arena)
{
    struct str key =
        property.len > 0 ? arena_printf(arena, "\"%.*s\":\"", STR_ARG(property)) : STR("\":\"");
    ptrdiff_t properties = str_find(body, STR("\"properties\":{"));
    size_t from = properties < 0 ? 0 : (size_t)properties;
    ptrdiff_t at = str_find(str_sub(body, from, body.len), key);
    return at < 0 ? -1 : (ptrdiff_t)from + at + (ptrdiff_t)key.len;
}

static void spoil(const struct fault_effects *e, struct call *call)
{
    struct buf *body = &call->response->body;
    ptrdiff_t at = place_to_spoil(buf_str(body), e->spoil_property, call->arena);
    size_t n = strlen(e->spoil);
    if (at < 0 || !buf_reserve(body, n)) {
        return;
    }
    memmove(body->ptr + at + n, body->ptr + at, body->len - (size_t)at);
    memcpy(body->ptr + at, e->spoil, n);
    body->len += n;
}

// White space behind the value: JSON still, only more of it.
static void pad(struct call *call, size_t bytes)
{
    char *to = buf_reserve(&call->response->body, bytes);
    if (to) {
        memset(to, ' ', bytes);
        buf_commit(&call->response->body, bytes);
    }
}

void faults_damage(const struct fault_effects *e, struct call *call)
{
    if (e->spoil) {
        spoil(e, call);
    }
    if (e->pad_bytes > 0) {
        pad(call, e->pad_bytes);
    }
    if (e->bad_json && call->response->body.len > 0) {
        call->response->body.ptr[call->response->body.len - 1] = ',';
    }
    if (e->truncate) {
        call->response->body.len = MIN(call->response->body.len, e->truncate_after);
    }
    call->response->wire = e->wire;
    call->response->delay_ms += e->delay_ms;
}
