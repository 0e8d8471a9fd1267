#include "sim/lists.h"

#include "core/random.h"
#include "sim/portal.h"

static const char *const processing_names[LIST_PROCESSING_COUNT] = {"MANUAL", "DYNAMIC",
                                                                    "SNAPSHOT"};

const char *list_processing_name(enum list_processing p)
{
    assert(p < LIST_PROCESSING_COUNT);
    return processing_names[p];
}

bool list_processing_parse(struct str name, enum list_processing *ret)
{
    for (size_t i = 0; i < LIST_PROCESSING_COUNT; i++) {
        if (str_eq(name, str_from(processing_names[i]))) {
            *ret = (enum list_processing)i;
            return true;
        }
    }
    return false;
}

#define WHERE(property, operation)                                                                 \
    STR_INIT(                                                                                      \
        "{\"filterBranchType\":\"OR\",\"filterBranchOperator\":\"OR\",\"filters\":[],"             \
        "\"filterBranches\":[{\"filterBranchType\":\"AND\",\"filterBranchOperator\":\"AND\","      \
        "\"filterBranches\":[],\"filters\":[{\"filterType\":\"PROPERTY\",\"property\":\"" property \
        "\",\"operation\":{" operation "}}]}]}")

// What every portal starts with. Those with a share hold about one in so many records, at most as
// many as one call could have added.
static const struct {
    struct str name;
    enum object_type object;
    enum list_processing processing;
    uint64_t one_in;
    struct str filter;
} starts[] = {
    {STR_INIT("Customers"), OBJECT_CONTACTS, LIST_DYNAMIC, 0,
     WHERE("lifecyclestage", "\"operationType\":\"ENUMERATION\",\"operator\":\"IS_ANY_OF\","
                             "\"values\":[\"customer\",\"evangelist\"]")},
    {STR_INIT("Newsletter recipients"), OBJECT_CONTACTS, LIST_MANUAL, 5, {NULL, 0}},
    {STR_INIT("Trade fair Köln 2025"), OBJECT_CONTACTS, LIST_SNAPSHOT, 40, {NULL, 0}},
    {STR_INIT("Target accounts"), OBJECT_COMPANIES, LIST_MANUAL, 10, {NULL, 0}},
    {STR_INIT("Large deals"), OBJECT_DEALS, LIST_DYNAMIC, 0,
     WHERE("amount", "\"operationType\":\"NUMBER\",\"operator\":\"IS_GREATER_THAN\","
                     "\"value\":100000")},
    {STR_INIT("Nobody yet"), OBJECT_CONTACTS, LIST_MANUAL, 0, {NULL, 0}},
};

static void fill(struct list *l, const struct shelf *s, uint64_t one_in)
{
    for (uint32_t slot = 0; slot < s->n_base && l->n_members < LIST_CHANGE_MAX; slot++) {
        uint64_t h = random_mix(s->salt ^ (l->id << 32 | slot));
        if (h % one_in != 0) {
            continue;
        }
        int64_t at = portal_first_ms() +
                     (int64_t)((h >> 20) % (uint64_t)(portal_last_ms() - portal_first_ms()));
        if (!list_append(l, portal_id_of(s, slot), at)) {
            return;
        }
    }
}

void lists_generate(struct lists *s, const struct portal *p)
{
    *s = (struct lists){.n = 0};
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct list *l = lists_add(s);
        assert(l);
        l->name = starts[i].name;
        l->object = starts[i].object;
        l->processing = starts[i].processing;
        l->filter = starts[i].filter;
        l->created_ms = portal_first_ms() + (int64_t)i * 86400000;
        l->updated_ms = l->created_ms;
        l->filters_ms = l->filter.len > 0 ? l->created_ms : 0;
        if (starts[i].one_in > 0) {
            fill(l, &p->shelves[l->object], starts[i].one_in);
        }
    }
}

void lists_done(struct lists *s)
{
    for (size_t i = 0; i < s->n; i++) {
        free(s->items[i].members);
    }
    free(s->items);
    pthread_mutex_destroy(&s->lock);
    *s = (struct lists){.n = 0};
}

struct list *lists_find(const struct lists *s, uint64_t id)
{
    return id > 0 && id <= s->n ? &s->items[id - 1] : NULL;
}

struct list *lists_find_name(const struct lists *s, enum object_type object, struct str name)
{
    for (size_t i = 0; i < s->n; i++) {
        struct list *l = &s->items[i];
        if (l->deleted_ms == 0 && l->object == object && str_eq_nocase(l->name, name)) {
            return l;
        }
    }
    return NULL;
}

struct list *lists_add(struct lists *s)
{
    if (!s->items) {
        s->items = calloc(LISTS_MAX, sizeof(*s->items));
        if (!s->items) {
            abort();
        }
    }
    if (s->n == LISTS_MAX) {
        return NULL;
    }
    struct list *l = &s->items[s->n++];
    l->id = s->n;
    l->version = 1;
    return l;
}

bool list_position(const struct list *l, uint64_t record_id, size_t *ret)
{
    size_t lo = 0;
    size_t hi = l->n_members;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (l->members[mid].record_id < record_id) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    *ret = lo;
    return lo < l->n_members && l->members[lo].record_id == record_id;
}

static void make_room(struct list *l, size_t n)
{
    if (l->n_members + n > l->cap_members) {
        l->cap_members = MAX(l->cap_members * 2, l->n_members + n + 16);
        l->members = realloc(l->members, l->cap_members * sizeof(*l->members));
        if (!l->members) {
            abort();
        }
    }
}

bool list_append(struct list *l, uint64_t record_id, int64_t at_ms)
{
    assert(l->n_members == 0 || l->members[l->n_members - 1].record_id < record_id);
    if (l->n_members == LIST_MEMBERS_MAX) {
        return false;
    }
    make_room(l, 1);
    l->members[l->n_members++] = (struct list_member){record_id, at_ms};
    return true;
}

bool list_add_members(struct list *l, const uint64_t *ids, size_t n, int64_t at_ms)
{
    if (l->n_members + n > LIST_MEMBERS_MAX) {
        return false;
    }
    make_room(l, n);
    size_t to = l->n_members + n;
    size_t from = l->n_members;
    while (n > 0) { // from the back, so that nothing is moved twice
        if (from > 0 && l->members[from - 1].record_id > ids[n - 1]) {
            l->members[--to] = l->members[--from];
        } else {
            l->members[--to] = (struct list_member){ids[--n], at_ms};
            l->n_members++;
        }
    }
    return true;
}

void list_remove_members(struct list *l, const uint64_t *ids, size_t n)
{
    size_t kept = 0;
    size_t next = 0;
    for (size_t i = 0; i < l->n_members; i++) {
        while (next < n && ids[next] < l->members[i].record_id) {
            next++;
        }
        if (next == n || ids[next] != l->members[i].record_id) {
            l->members[kept++] = l->members[i];
        }
    }
    l->n_members = kept;
}

void list_clear(struct list *l)
{
    l->n_members = 0;
}
