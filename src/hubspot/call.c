#include "core/limits.h"
#include "hubspot/internal.h"

enum { CALL_MAGIC = 0x68756273 };

void call_list_add(struct call_list *l, struct call *k)
{
    k->next = NULL;
    if (l->last) {
        l->last->next = k;
    } else {
        l->first = k;
    }
    l->last = k;
}

struct call *call_list_take(struct call_list *l)
{
    struct call *k = l->first;
    if (k) {
        l->first = k->next;
        if (!l->first) {
            l->last = NULL;
        }
        k->next = NULL;
    }
    return k;
}

void call_list_remove(struct call_list *l, struct call *k)
{
    struct call *before = NULL;
    struct call *at = l->first;
    while (at != k) {
        assert(at);
        before = at;
        at = at->next;
    }
    if (before) {
        before->next = k->next;
    } else {
        l->first = k->next;
    }
    if (l->last == k) {
        l->last = before;
    }
    k->next = NULL;
}

static struct call *call_get(struct hubspot_client *c)
{
    struct call *k = call_list_take(&c->idle);
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

bool call_make(struct hubspot_client *c, const struct hubspot_request *r, struct call **ret,
               struct error *err)
{
    struct call *k = call_get(c);
    buf_reset(&k->url);
    buf_reset(&k->body);
    buf_add(&k->url, c->account->options.base_url);
    endpoint_path(&k->url, r->endpoint, c->account->options.version, &r->args);
    if (r->query.len > 0) {
        buf_add_char(&k->url, '?');
        buf_add(&k->url, r->query);
    }
    buf_add(&k->body, r->body);
    if (k->url.overflow || k->body.overflow) {
        call_list_add(&c->idle, k);
        return error_set(err, ERR_LIMIT, "%s: request of %zu + %zu bytes is over our limit",
                         endpoint_info(r->endpoint)->name, r->query.len, r->body.len);
    }
    k->answer = (struct hubspot_answer){.tag = r->tag};
    k->endpoint = r->endpoint;
    k->has_body = r->body.ptr != NULL;
    k->renewed = false;
    k->not_before_us = 0;
    *ret = k;
    return true;
}

struct call *call_of(struct hubspot_answer *a)
{
    struct call *k = (struct call *)a;
    assert(k->magic == CALL_MAGIC);
    return k;
}

void call_drop_exchange(struct hubspot_client *c, struct call *k)
{
    if (k->exchange) {
        http_exchange_release(c->http, k->exchange);
        k->exchange = NULL;
    }
}

void call_tell_unknown(struct call *k, enum error_code code)
{
    struct error *e = &k->answer.error;
    int64_t retry_after_ms = e->retry_after_ms;
    error_set(e, code, "%s; outcome unknown: it may have been carried out", e->message);
    e->retry_after_ms = retry_after_ms;
}

void call_destroy(struct hubspot_client *c, struct call *k)
{
    call_drop_exchange(c, k);
    buf_done(&k->url);
    buf_done(&k->body);
    k->magic = 0;
    free(k);
}
