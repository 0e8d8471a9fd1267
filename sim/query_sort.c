// The order of search results.
#include "core/random.h"
#include "sim/generate.h"
#include "sim/query.h"

bool query_sort_is_text(const struct query *q)
{
    if (q->sort && q->sort->kind == KIND_OBJECT_ID) {
        return q->id_order == ID_ORDER_TEXT;
    }
    return q->sort && q->sort->kind != KIND_MODIFIED && q->sort->kind != KIND_CREATED &&
           q->sort->type != PROPERTY_NUMBER && q->sort->type != PROPERTY_DATE &&
           q->sort->type != PROPERTY_DATETIME;
}

// Maps numbers to unsigned ones in the same order.
static uint64_t ordered(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof(bits));
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static uint64_t text_prefix(struct str s)
{
    uint64_t key = 0;
    for (size_t i = 0; i < 8; i++) {
        unsigned char c = i < s.len ? (unsigned char)s.ptr[i] : 0;
        key = key << 8 | (c >= 'A' && c <= 'Z' ? c + 32U : c);
    }
    return key;
}

bool query_sort_key(struct query_matcher *m, uint32_t slot, uint64_t *ret)
{
    const struct query *q = m->query;
    struct record r = portal_record(q->portal, q->object, slot);
    if (q->sort->kind == KIND_OBJECT_ID && q->id_order != ID_ORDER_TEXT) {
        *ret = q->id_order == ID_ORDER_UNSTABLE ? random_mix(r.id ^ random_mix(q->nonce)) : r.id;
        return true;
    }
    if (q->sort->kind == KIND_MODIFIED || q->sort->kind == KIND_CREATED) {
        *ret = (uint64_t)(q->sort->kind == KIND_MODIFIED ? query_view(m, slot).modified_ms
                                                         : r.created_ms);
        return true;
    }
    buf_reset(&m->scratch);
    if (!generate_value(&r, q->sort, &m->scratch) || m->scratch.len == 0) {
        return false;
    }
    struct str value = buf_str(&m->scratch);
    double d;
    int64_t ms;
    if (query_sort_is_text(q)) {
        *ret = text_prefix(value);
        return true;
    }
    if (q->sort->type == PROPERTY_NUMBER) {
        if (!str_to_double(value, &d)) {
            return false;
        }
        *ret = ordered(d);
        return true;
    }
    if (!query_time(value, &ms)) {
        return false;
    }
    *ret = (uint64_t)ms ^ UINT64_C(1) << 63;
    return true;
}

int query_compare_texts(struct query_matcher *m, uint32_t a, uint32_t b)
{
    const struct query *q = m->query;
    struct record x = portal_record(q->portal, q->object, a);
    struct record y = portal_record(q->portal, q->object, b);
    buf_reset(&m->scratch);
    bool has_x = generate_value(&x, q->sort, &m->scratch);
    size_t split = m->scratch.len;
    bool has_y = generate_value(&y, q->sort, &m->scratch);
    struct str all = buf_str(&m->scratch);
    if (!has_x || !has_y) {
        return (int)has_y - (int)has_x;
    }
    return strncasecmp(all.ptr, all.ptr + split, MIN(split, all.len - split));
}
