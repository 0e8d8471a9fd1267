// The table of pairs and their type ids: what every portal has, and what was added to it.
#include "sim/associations.h"

#define PLAIN(forward, reverse)                                                                    \
    {                                                                                              \
        NULL, NULL, forward, reverse, false                                                        \
    }
#define NAMED(label, forward, reverse)                                                             \
    {                                                                                              \
        label, label, forward, reverse, false                                                      \
    }
#define USER(label, back, forward, reverse)                                                        \
    {                                                                                              \
        label, back, forward, reverse, true                                                        \
    }

#define PAIR(a_, b_, n_, ...)                                                                      \
    {                                                                                              \
        .a = OBJECT_##a_, .b = OBJECT_##b_, .labels = {__VA_ARGS__}, .n_labels = (n_)              \
    }

static const struct association_pair standard[] = {
    PAIR(CONTACTS, COMPANIES, 4, PLAIN(279, 280), NAMED("Primary", 1, 2),
         USER("Decision maker", "Decision maker", 36, 37),
         USER("Billing contact", "Bills to", 38, 39)),
    PAIR(DEALS, COMPANIES, 2, PLAIN(341, 342), NAMED("Primary", 5, 6)),
    PAIR(DEALS, CONTACTS, 2, PLAIN(3, 4), USER("Champion", "Champion", 40, 41)),
    PAIR(CONTACTS, TICKETS, 1, PLAIN(15, 16)),
    PAIR(TICKETS, COMPANIES, 2, PLAIN(339, 340), NAMED("Primary", 26, 25)),
    PAIR(DEALS, TICKETS, 1, PLAIN(27, 28)),
    PAIR(CONTACTS, CONTACTS, 2, PLAIN(449, 449), USER("Manager", "Report", 42, 43)),
    PAIR(COMPANIES, COMPANIES, 2, PLAIN(450, 450),
         {"Child Company", "Parent Company", 13, 14, false}),
    PAIR(DEALS, DEALS, 1, PLAIN(451, 451)),
    PAIR(TICKETS, TICKETS, 1, PLAIN(452, 452)),
    {.a = OBJECT_LINE_ITEMS,
     .b = OBJECT_DEALS,
     .labels = {PLAIN(20, 19)},
     .n_labels = 1,
     .one_b = true},
    PAIR(CONTACTS, CALLS, 1, PLAIN(193, 194)),
    PAIR(CONTACTS, EMAILS, 1, PLAIN(197, 198)),
    PAIR(CONTACTS, MEETINGS, 1, PLAIN(199, 200)),
    PAIR(CONTACTS, NOTES, 1, PLAIN(201, 202)),
    PAIR(CONTACTS, TASKS, 1, PLAIN(203, 204)),
    PAIR(CONTACTS, COMMUNICATIONS, 1, PLAIN(82, 81)),
    PAIR(CONTACTS, POSTAL_MAIL, 1, PLAIN(454, 453)),
    PAIR(COMPANIES, CALLS, 1, PLAIN(181, 182)),
    PAIR(COMPANIES, EMAILS, 1, PLAIN(185, 186)),
    PAIR(COMPANIES, MEETINGS, 1, PLAIN(187, 188)),
    PAIR(COMPANIES, NOTES, 1, PLAIN(189, 190)),
    PAIR(COMPANIES, TASKS, 1, PLAIN(191, 192)),
    PAIR(COMPANIES, COMMUNICATIONS, 1, PLAIN(88, 87)),
    PAIR(COMPANIES, POSTAL_MAIL, 1, PLAIN(460, 459)),
    PAIR(DEALS, CALLS, 1, PLAIN(205, 206)),
    PAIR(DEALS, EMAILS, 1, PLAIN(209, 210)),
    PAIR(DEALS, MEETINGS, 1, PLAIN(211, 212)),
    PAIR(DEALS, NOTES, 1, PLAIN(213, 214)),
    PAIR(DEALS, TASKS, 1, PLAIN(215, 216)),
    PAIR(DEALS, COMMUNICATIONS, 1, PLAIN(86, 85)),
    PAIR(DEALS, POSTAL_MAIL, 1, PLAIN(458, 457)),
    PAIR(TICKETS, CALLS, 1, PLAIN(219, 220)),
    PAIR(TICKETS, EMAILS, 1, PLAIN(223, 224)),
    PAIR(TICKETS, MEETINGS, 1, PLAIN(225, 226)),
    PAIR(TICKETS, NOTES, 1, PLAIN(227, 228)),
    PAIR(TICKETS, TASKS, 1, PLAIN(229, 230)),
    PAIR(TICKETS, COMMUNICATIONS, 1, PLAIN(84, 83)),
    PAIR(TICKETS, POSTAL_MAIL, 1, PLAIN(456, 455)),
};

enum { FIRST_OWN_TYPE_ID = 501, TEXTS_LIMIT = 1024 * 1024 };

static_assert(ARRAY_LEN(standard) < ASSOCIATION_PAIRS_MAX, "there is room for more");

static uint16_t bits(size_t n)
{
    return (uint16_t)((1U << n) - 1);
}

static struct association_pair *place(struct associations *s, const struct association_pair *pair)
{
    struct association_pair *own = &s->pairs[s->n_pairs++];
    *own = *pair;
    own->live = bits(own->n_labels);
    s->pair_of[own->a][own->b] = (uint16_t)s->n_pairs;
    s->pair_of[own->b][own->a] = (uint16_t)s->n_pairs;
    return own;
}

void association_pairs_init(struct associations *s)
{
    s->pairs = calloc(ASSOCIATION_PAIRS_MAX, sizeof(*s->pairs));
    if (!s->pairs) {
        abort();
    }
    s->next_type_id = FIRST_OWN_TYPE_ID;
    arena_init(&s->texts, TEXTS_LIMIT);
    for (size_t i = 0; i < ARRAY_LEN(standard); i++) {
        place(s, &standard[i]);
    }
}

void association_pairs_done(struct associations *s)
{
    free(s->pairs);
    s->pairs = NULL;
    s->n_pairs = 0;
    arena_done(&s->texts);
}

const struct association_pair *association_pair_of(const struct associations *s,
                                                   enum object_type from, enum object_type to,
                                                   bool *ret_forward)
{
    uint16_t at = s->pair_of[from][to];
    if (at == 0) {
        return NULL;
    }
    const struct association_pair *pair = &s->pairs[at - 1];
    *ret_forward = pair->a == from;
    return pair;
}

const struct association_pair *association_pair_at(const struct associations *s, size_t i)
{
    return i < s->n_pairs ? &s->pairs[i] : NULL;
}

const struct association_pair *association_pair_add(struct associations *s, enum object_type a,
                                                    enum object_type b)
{
    bool forward;
    const struct association_pair *known = association_pair_of(s, a, b, &forward);
    if (known || s->n_pairs == ASSOCIATION_PAIRS_MAX) {
        return known;
    }
    int reverse = a == b ? s->next_type_id : s->next_type_id + 1;
    struct association_pair pair = {
        .a = a, .b = b, .labels = {PLAIN(s->next_type_id, reverse)}, .n_labels = 1};
    s->next_type_id = reverse + 1;
    return place(s, &pair);
}

static struct association_pair *own_pair(struct associations *s,
                                         const struct association_pair *pair)
{
    assert(pair >= s->pairs && pair < s->pairs + s->n_pairs);
    return &s->pairs[pair - s->pairs];
}

// Names are small and few: a renamed label's old text stays in the arena until the portal is reset.
static void name_label(struct associations *s, struct association_label *l, struct str label,
                       struct str reverse)
{
    l->label = arena_cstr(&s->texts, label);
    l->reverse_label = reverse.ptr ? arena_cstr(&s->texts, reverse) : l->label;
}

static bool has_room(const struct associations *s, size_t len)
{
    return s->texts.used + len + 2 <= TEXTS_LIMIT / 2;
}

bool association_label_add(struct associations *s, const struct association_pair *pair,
                           struct str label, struct str reverse, size_t *ret)
{
    struct association_pair *own = own_pair(s, pair);
    if (own->n_labels == ASSOCIATION_LABELS_MAX || !has_room(s, label.len + reverse.len)) {
        return false;
    }
    struct association_label *l = &own->labels[own->n_labels];
    *l = (struct association_label){
        .forward_id = s->next_type_id, .reverse_id = s->next_type_id, .user_defined = true};
    if (own->a != own->b || reverse.ptr) {
        l->reverse_id++; // between records of one type, a label without a direction has one id
    }
    s->next_type_id = l->reverse_id + 1;
    name_label(s, l, label, reverse);
    own->live |= (uint16_t)(1U << own->n_labels);
    *ret = own->n_labels++;
    return true;
}

bool association_label_rename(struct associations *s, const struct association_pair *pair,
                              size_t label, struct str name, struct str reverse)
{
    assert(label < pair->n_labels);
    if (!has_room(s, name.len + reverse.len)) {
        return false;
    }
    name_label(s, &own_pair(s, pair)->labels[label], name, reverse);
    return true;
}

void association_label_delete(struct associations *s, const struct association_pair *pair,
                              size_t label)
{
    assert(label > 0 && label < pair->n_labels);
    own_pair(s, pair)->live &= (uint16_t) ~(1U << label);
}

bool association_kind_find(const struct associations *s, enum object_type from, int type_id,
                           bool user_defined, struct association_kind *ret)
{
    for (size_t i = 0; i < s->n_pairs; i++) {
        const struct association_pair *p = &s->pairs[i];
        for (size_t k = 0; k < p->n_labels; k++) {
            const struct association_label *l = &p->labels[k];
            bool forward = p->a == from && l->forward_id == type_id;
            bool back = p->b == from && l->reverse_id == type_id;
            if ((p->live >> k & 1) && l->user_defined == user_defined && (forward || back)) {
                *ret = (struct association_kind){p, k, forward};
                return true;
            }
        }
    }
    return false;
}

void association_limit_set(struct associations *s, const struct association_pair *pair,
                           size_t label, bool forward, uint32_t most)
{
    const struct association_label *l = &pair->labels[label];
    struct association_pair *own = own_pair(s, pair);
    own->most[forward ? 0 : 1][label] = most;
    if (l->forward_id == l->reverse_id) { // one id for both directions
        own->most[forward ? 1 : 0][label] = most;
    }
}

bool association_has_primary(const struct association_pair *pair)
{
    return pair->a != pair->b && pair->n_labels > 1 && !pair->labels[1].user_defined;
}
