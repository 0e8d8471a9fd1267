#include "sim/search.h"

#include "core/limits.h"

enum { SEARCHES_KEPT = 6 };

// One kept result: in the order asked for, or by slot when the id range was taken out.
struct kept {
    char *key;
    size_t key_len;
    uint64_t version;
    uint64_t used;
    uint32_t *slots;
    size_t n;
    uint64_t total;
};

struct search_cache {
    pthread_mutex_t lock;
    struct kept items[SEARCHES_KEPT];
    uint64_t uses;
};

struct search_cache *search_cache_create(void)
{
    struct search_cache *c = calloc(1, sizeof(*c));
    if (!c) {
        abort();
    }
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void kept_done(struct kept *k)
{
    free(k->key);
    free(k->slots);
    *k = (struct kept){0};
}

void search_cache_destroy(struct search_cache *c)
{
    for (size_t i = 0; i < SEARCHES_KEPT; i++) {
        kept_done(&c->items[i]);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

// The ids that a walk by id asks for; everything else of the query is the same from page to page.
struct id_range {
    bool walk;         // false: not such a query, and the rest counts for nothing
    int64_t low, high; // inclusive
};

static bool by_id(const struct query *q)
{
    return q->n_groups <= 1 && !q->descending &&
           (!q->sort || (q->sort->kind == KIND_OBJECT_ID && q->id_order == ID_ORDER_NUMERIC));
}

static bool narrows(const struct query_filter *f, struct id_range *range)
{
    if (f->compare != COMPARE_ID) {
        return false;
    }
    switch ((int)f->op) {
    case OP_GT:
        range->low = MAX(range->low, f->low_int == INT64_MAX ? INT64_MAX : f->low_int + 1);
        return true;
    case OP_GTE:
        range->low = MAX(range->low, f->low_int);
        return true;
    case OP_LT:
        range->high = MIN(range->high, f->low_int - 1);
        return true;
    case OP_LTE:
        range->high = MIN(range->high, f->low_int);
        return true;
    default:
        return false;
    }
}

// Takes the id bounds out of the query's only group.
static struct id_range take_range(struct query *q)
{
    struct id_range range = {true, 0, INT64_MAX};
    if (q->n_groups == 0) {
        return range;
    }
    struct query_group *g = &q->groups[0];
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++) {
        if (!narrows(&g->filters[i], &range)) {
            g->filters[n++] = g->filters[i];
        }
    }
    g->n = n;
    return range;
}

static void add_part(struct buf *key, struct str s)
{
    buf_add_int(key, (int64_t)s.len);
    buf_add_char(key, ':');
    buf_add(key, s);
}

// Everything that decides the result, as text.
static void describe(const struct query *q, bool walk, struct buf *key)
{
    buf_printf(key, "%d,%d,%d,%llu;", (int)q->object, (int)walk, (int)q->descending,
               (unsigned long long)(q->sort ? q->nonce : 0));
    if (q->sort && !walk) {
        add_part(key, q->sort->name);
    }
    for (size_t i = 0; i < q->n_groups; i++) {
        buf_add_char(key, '(');
        for (size_t k = 0; k < q->groups[i].n; k++) {
            const struct query_filter *f = &q->groups[i].filters[k];
            buf_printf(key, "%d,%d;", (int)f->op, (int)f->associated);
            add_part(key, f->property ? f->property->name : STR("associated"));
            for (size_t v = 0; v < f->n_values; v++) {
                add_part(key, f->values[v]);
            }
        }
    }
    for (size_t i = 0; i < q->n_words; i++) {
        buf_add_char(key, '"');
        add_part(key, q->words[i]);
    }
}

struct slots {
    uint32_t *items;
    size_t n;
    size_t cap;
};

static void slots_add(struct slots *s, uint32_t slot)
{
    if (s->n == s->cap) {
        s->cap = MAX(s->cap * 2, (size_t)1024);
        s->items = realloc(s->items, s->cap * sizeof(*s->items));
        if (!s->items) {
            abort();
        }
    }
    s->items[s->n++] = slot;
}

struct sort_item {
    uint64_t key;
    uint32_t slot;
    bool missing;
};

struct sort_context {
    struct query_matcher *matcher;
    bool text;
    bool descending;
};

static int compare_items(const void *a, const void *b, void *context)
{
    const struct sort_item *x = a;
    const struct sort_item *y = b;
    const struct sort_context *ctx = context;
    if (x->missing != y->missing) {
        return x->missing ? 1 : -1; // no value: last, whatever the direction
    }
    int order = (x->key > y->key) - (x->key < y->key);
    if (order == 0 && ctx->text && !x->missing) {
        order = query_compare_texts(ctx->matcher, x->slot, y->slot);
    }
    if (order == 0) {
        return (x->slot > y->slot) - (x->slot < y->slot);
    }
    return ctx->descending ? -order : order;
}

static void sort_slots(struct query_matcher *m, struct slots *s)
{
    const struct query *q = m->query;
    struct sort_item *items = malloc((s->n + 1) * sizeof(*items));
    if (!items) {
        abort();
    }
    for (size_t i = 0; i < s->n; i++) {
        items[i] = (struct sort_item){.slot = s->items[i]};
        items[i].missing = !query_sort_key(m, s->items[i], &items[i].key);
    }
    struct sort_context ctx = {m, query_sort_is_text(q), q->descending};
    qsort_r(items, s->n, sizeof(*items), compare_items, &ctx);
    for (size_t i = 0; i < s->n; i++) {
        s->items[i] = items[i].slot;
    }
    free(items);
}

// Asks every record and sorts those that match; only as many as can be paged to are returned unless
// it is a walk.
static struct kept evaluate(const struct query *q, bool walk, int64_t now_us)
{
    struct query_matcher m;
    struct slots slots = {0};
    query_matcher_init(&m, q, now_us);
    uint32_t n = q->portal->shelves[q->object].n;
    for (uint32_t slot = 0; slot < n; slot++) {
        if (query_matches(&m, slot)) {
            slots_add(&slots, slot);
        }
    }
    if (q->sort && !walk) {
        sort_slots(&m, &slots);
    }
    query_matcher_done(&m);
    struct kept k = {.slots = slots.items, .n = slots.n, .total = slots.n};
    if (!walk) {
        k.n = MIN(k.n, (size_t)SEARCH_WALL);
    }
    return k;
}

static size_t first_at_least(const struct kept *k, uint32_t slot)
{
    size_t lo = 0;
    size_t hi = k->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (k->slots[mid] < slot) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

static void cut_page(const struct query *q, const struct kept *k, struct id_range range,
                     const struct search_want *want, struct search_page *ret)
{
    const struct shelf *s = &q->portal->shelves[q->object];
    size_t from = 0;
    size_t to = k->n;
    ret->total = k->total;
    if (range.walk) {
        from = first_at_least(k, portal_lower_bound(s, (uint64_t)MAX(range.low, INT64_C(0))));
        if (range.high < INT64_MAX) {
            uint64_t past = range.high < 0 ? 0 : (uint64_t)range.high + 1;
            to = MAX(first_at_least(k, portal_lower_bound(s, past)), from);
        }
        ret->total = to - from;
    }
    ret->n = 0;
    for (size_t i = from + (size_t)MIN(want->offset, (uint64_t)(to - from));
         i < to && ret->n < want->limit; i++) {
        ret->slots[ret->n++] = k->slots[i];
    }
}

static struct kept *find_kept(struct search_cache *c, struct str key, uint64_t version)
{
    for (size_t i = 0; i < SEARCHES_KEPT; i++) {
        struct kept *k = &c->items[i];
        if (k->key && k->version == version && str_eq((struct str){k->key, k->key_len}, key)) {
            k->used = ++c->uses;
            return k;
        }
    }
    return NULL;
}

// Takes over *k.
static void keep(struct search_cache *c, struct kept *k, struct str key, uint64_t version)
{
    struct kept *place = &c->items[0];
    for (size_t i = 1; i < SEARCHES_KEPT; i++) {
        if (c->items[i].used < place->used) {
            place = &c->items[i];
        }
    }
    kept_done(place);
    *place = *k;
    place->key = malloc(key.len + 1);
    if (!place->key) {
        abort();
    }
    memcpy(place->key, key.ptr, key.len);
    place->key_len = key.len;
    place->version = version;
    place->used = ++c->uses;
    *k = (struct kept){0};
}

void search_run(struct search_cache *c, const struct query *q, struct arena *arena,
                const struct search_want *want, struct search_page *ret)
{
    assert(want->limit <= SEARCH_PAGE_MAX);
    struct query *rest = ARENA_NEW(arena, struct query);
    *rest = *q;
    struct id_range range = {false, 0, INT64_MAX};
    if (by_id(q)) {
        range = take_range(rest);
    }
    struct buf key;
    buf_init(&key, LIMIT_REQUEST_BODY);
    describe(rest, range.walk, &key);
    // While the index lags behind, what it knows changes with time: nothing is kept then.
    bool settled = want->now_us >= q->portal->shelves[q->object].lag.settled_us;
    uint64_t version = q->portal->version;
    pthread_mutex_lock(&c->lock);
    struct kept *known = settled ? find_kept(c, buf_str(&key), version) : NULL;
    if (known) {
        cut_page(q, known, range, want, ret);
    }
    pthread_mutex_unlock(&c->lock);
    if (!known) {
        struct kept k = evaluate(rest, range.walk, want->now_us);
        cut_page(q, &k, range, want, ret);
        if (settled) {
            pthread_mutex_lock(&c->lock);
            keep(c, &k, buf_str(&key), version);
            pthread_mutex_unlock(&c->lock);
        }
        kept_done(&k);
    }
    buf_done(&key);
}
