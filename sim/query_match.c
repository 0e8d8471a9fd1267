// Asking records.
#include "core/limits.h"
#include "sim/generate.h"
#include "sim/query.h"

void query_matcher_init(struct query_matcher *m, const struct query *q, int64_t now_us)
{
    *m = (struct query_matcher){.query = q, .now_us = now_us};
    buf_init(&m->scratch, LIMIT_VALUE_BYTES);
}

void query_matcher_done(struct query_matcher *m)
{
    buf_done(&m->scratch);
    neighbors_done(&m->neighbors);
}

struct lag_view query_view(const struct query_matcher *m, uint32_t slot)
{
    const struct shelf *s = &m->query->portal->shelves[m->query->object];
    struct lag_view current = {portal_is_live(s, slot), s->modified_ms[slot]};
    return s->flags[slot] & RECORD_LAGGING ? lag_view(&s->lag, slot, current, m->now_us) : current;
}

static bool in_range(const struct query_filter *f, int64_t n)
{
    switch (f->op) {
    case OP_LT:
        return n < f->low_int;
    case OP_LTE:
        return n <= f->low_int;
    case OP_GT:
        return n > f->low_int;
    case OP_GTE:
        return n >= f->low_int;
    case OP_EQ:
        return n == f->low_int;
    case OP_NEQ:
        return n != f->low_int;
    case OP_BETWEEN:
        return n >= f->low_int && n <= f->high_int;
    case OP_IN:
    case OP_NOT_IN:
        for (size_t i = 0; i < f->n_values; i++) {
            int64_t v;
            bool is_time = f->compare != COMPARE_ID;
            if ((is_time ? query_time(f->values[i], &v) : str_to_int64(f->values[i], &v)) &&
                v == n) {
                return f->op == OP_IN;
            }
        }
        return f->op == OP_NOT_IN;
    case OP_HAS_PROPERTY:
        return true;
    case OP_NOT_HAS_PROPERTY:
    case OP_CONTAINS_TOKEN:
    case OP_NOT_CONTAINS_TOKEN:
    case OP_COUNT:
        break;
    }
    return false;
}

static bool number_matches(const struct query_filter *f, double n)
{
    switch ((int)f->op) {
    case OP_LT:
        return n < f->low;
    case OP_LTE:
        return n <= f->low;
    case OP_GT:
        return n > f->low;
    case OP_GTE:
        return n >= f->low;
    case OP_BETWEEN:
        return n >= f->low && n <= f->high;
    default:
        return false;
    }
}

static int compare_nocase(struct str a, struct str b)
{
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        int x = a.ptr[i] >= 'A' && a.ptr[i] <= 'Z' ? a.ptr[i] + 32 : (unsigned char)a.ptr[i];
        int y = b.ptr[i] >= 'A' && b.ptr[i] <= 'Z' ? b.ptr[i] + 32 : (unsigned char)b.ptr[i];
        if (x != y) {
            return x < y ? -1 : 1;
        }
    }
    return (a.len > b.len) - (a.len < b.len);
}

static bool has_upper(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

static bool equals(const struct query_filter *f, struct str value, struct str wanted)
{
    if (f->compare == COMPARE_NUMBER) {
        double a;
        double b;
        if (str_to_double(value, &a) && str_to_double(wanted, &b)) {
            return a >= b && a <= b;
        }
    }
    if (f->compare == COMPARE_OPTION) {
        struct str part;
        while (value.len > 0 && str_next(&value, ';', &part)) {
            if (str_eq(part, wanted)) {
                return true;
            }
        }
        return false;
    }
    // IN and NOT_IN want their values in lower case; others are never found.
    bool lists = f->op == OP_IN || f->op == OP_NOT_IN;
    return compare_nocase(value, wanted) == 0 &&
           !(lists && f->compare == COMPARE_TEXT && has_upper(wanted));
}

static bool is_word_byte(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c & 0x80) != 0;
}

// The next run of letters, digits and bytes beyond ASCII.
static bool next_word(struct str *rest, struct str *ret)
{
    while (rest->len > 0 && !is_word_byte(rest->ptr[0])) {
        *rest = str_sub(*rest, 1, rest->len);
    }
    size_t n = 0;
    while (n < rest->len && is_word_byte(rest->ptr[n])) {
        n++;
    }
    *ret = str_sub(*rest, 0, n);
    *rest = str_sub(*rest, n, rest->len);
    return n > 0;
}

// A token with '*' at either end matches the rest of the word there.
static bool word_matches(struct str word, struct str token)
{
    bool open_start = token.len > 0 && token.ptr[0] == '*';
    bool open_end = token.len > (open_start ? 1 : 0) && token.ptr[token.len - 1] == '*';
    struct str core =
        str_sub(token, open_start ? 1 : 0, token.len - (open_start ? 1 : 0) - (open_end ? 1 : 0));
    if (core.len > word.len || (!open_start && !open_end && core.len != word.len)) {
        return false;
    }
    size_t last = open_start ? word.len - core.len : 0;
    size_t first = open_start && !open_end ? last : 0;
    for (size_t at = first; at <= last; at++) {
        if (compare_nocase(str_sub(word, at, core.len), core) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_token(struct str value, struct str token)
{
    struct str word;
    if (word_matches(value, token)) {
        return true; // a token of several words: a whole e-mail address, or "*@example.com"
    }
    while (next_word(&value, &word)) {
        if (word_matches(word, token)) {
            return true;
        }
    }
    return false;
}

static bool value_matches(const struct query_filter *f, struct str value)
{
    int64_t ms;
    double number;
    if (f->compare == COMPARE_TIME) {
        return query_time(value, &ms) && in_range(f, ms);
    }
    if (f->compare == COMPARE_NUMBER && (f->op <= OP_GTE || f->op == OP_BETWEEN)) {
        return str_to_double(value, &number) && number_matches(f, number);
    }
    switch (f->op) {
    case OP_LT:
        return compare_nocase(value, f->values[0]) < 0;
    case OP_LTE:
        return compare_nocase(value, f->values[0]) <= 0;
    case OP_GT:
        return compare_nocase(value, f->values[0]) > 0;
    case OP_GTE:
        return compare_nocase(value, f->values[0]) >= 0;
    case OP_BETWEEN:
        return compare_nocase(value, f->values[0]) >= 0 && compare_nocase(value, f->values[1]) <= 0;
    case OP_EQ:
        return equals(f, value, f->values[0]);
    case OP_NEQ:
        return !equals(f, value, f->values[0]);
    case OP_IN:
    case OP_NOT_IN:
        for (size_t i = 0; i < f->n_values; i++) {
            if (equals(f, value, f->values[i])) {
                return f->op == OP_IN;
            }
        }
        return f->op == OP_NOT_IN;
    case OP_CONTAINS_TOKEN:
        return has_token(value, f->values[0]);
    case OP_NOT_CONTAINS_TOKEN:
        return !has_token(value, f->values[0]);
    case OP_HAS_PROPERTY:
    case OP_NOT_HAS_PROPERTY:
    case OP_COUNT:
        break;
    }
    return false;
}

// A record without the value: only what says "not" finds it.
static bool absent_matches(enum query_operator op)
{
    return op == OP_NEQ || op == OP_NOT_IN || op == OP_NOT_CONTAINS_TOKEN ||
           op == OP_NOT_HAS_PROPERTY;
}

static bool associated_matches(struct query_matcher *m, const struct query_filter *f, uint32_t slot)
{
    const struct query *q = m->query;
    associations_list(q->portal, q->object, slot, f->associated, &m->neighbors);
    if (f->op == OP_HAS_PROPERTY || f->op == OP_NOT_HAS_PROPERTY) {
        return (m->neighbors.n > 0) == (f->op == OP_HAS_PROPERTY);
    }
    const struct shelf *other = &q->portal->shelves[f->associated];
    for (size_t i = 0; i < f->n_values; i++) {
        uint64_t id;
        uint32_t wanted;
        if (!str_to_uint64(f->values[i], &id) || !portal_slot_of(other, id, &wanted)) {
            continue;
        }
        for (size_t k = 0; k < m->neighbors.n; k++) {
            if (m->neighbors.items[k].slot == wanted) {
                return true;
            }
        }
    }
    return false;
}

static bool filter_matches(struct query_matcher *m, const struct query_filter *f,
                           const struct record *r, int64_t modified_ms)
{
    switch (f->compare) {
    case COMPARE_ID:
        return in_range(f, (int64_t)r->id);
    case COMPARE_MODIFIED:
        return in_range(f, modified_ms);
    case COMPARE_CREATED:
        return in_range(f, r->created_ms);
    case COMPARE_ASSOCIATED:
        return associated_matches(m, f, r->slot);
    case COMPARE_NUMBER:
    case COMPARE_TIME:
    case COMPARE_TEXT:
    case COMPARE_OPTION:
        break;
    }
    buf_reset(&m->scratch);
    bool there = generate_value(r, f->property, &m->scratch) && m->scratch.len > 0;
    if (f->op == OP_HAS_PROPERTY) {
        return there;
    }
    return there ? f->op != OP_NOT_HAS_PROPERTY && value_matches(f, buf_str(&m->scratch))
                 : absent_matches(f->op);
}

// Dates decide most searches and need no record to be made.
static bool dates_match(const struct query_group *g, int64_t modified_ms)
{
    for (size_t i = 0; i < g->n; i++) {
        if (g->filters[i].compare == COMPARE_MODIFIED && !in_range(&g->filters[i], modified_ms)) {
            return false;
        }
    }
    return true;
}

static bool group_matches(struct query_matcher *m, const struct query_group *g, uint32_t slot,
                          int64_t modified_ms)
{
    if (!dates_match(g, modified_ms)) {
        return false;
    }
    struct record r = {0};
    for (size_t i = 0; i < g->n; i++) {
        if (g->filters[i].compare == COMPARE_MODIFIED) {
            continue;
        }
        if (!r.portal) {
            r = portal_record(m->query->portal, m->query->object, slot);
        }
        if (!filter_matches(m, &g->filters[i], &r, modified_ms)) {
            return false;
        }
    }
    return true;
}

static bool any_word_begins(struct str value, struct str begin)
{
    struct str word;
    while (next_word(&value, &word)) {
        if (compare_nocase(str_sub(word, 0, begin.len), begin) == 0) {
            return true;
        }
    }
    return false;
}

static bool text_matches(struct query_matcher *m, uint32_t slot)
{
    const struct query *q = m->query;
    struct record r = portal_record(q->portal, q->object, slot);
    buf_reset(&m->scratch);
    const struct shelf *s = &q->portal->shelves[q->object];
    struct str names = s->searched;
    struct str name;
    while (names.len > 0 && str_next(&names, ',', &name)) {
        const struct property *p = property_find(&s->properties, name);
        if (p && generate_value(&r, p, &m->scratch)) {
            buf_add_char(&m->scratch, ' ');
        }
    }
    for (size_t i = 0; i < q->n_words; i++) {
        struct str all = buf_str(&m->scratch);
        if (!any_word_begins(all, q->words[i]) && str_find(all, q->words[i]) < 0) {
            return false;
        }
    }
    return true;
}

bool query_matches(struct query_matcher *m, uint32_t slot)
{
    const struct query *q = m->query;
    struct lag_view view = query_view(m, slot);
    if (!view.visible) {
        return false;
    }
    bool any = q->n_groups == 0;
    for (size_t i = 0; i < q->n_groups && !any; i++) {
        any = group_matches(m, &q->groups[i], slot, view.modified_ms);
    }
    return any && (q->n_words == 0 || text_matches(m, slot));
}
