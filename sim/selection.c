#include "sim/selection.h"

#include "sim/generate.h"

enum { SELECTIONS_KEPT = 48 };

struct selection_cache {
    pthread_mutex_t lock;
    struct selection *items[SELECTIONS_KEPT];
    uint64_t uses;
};

struct selection_cache *selection_cache_create(void)
{
    struct selection_cache *c = calloc(1, sizeof(*c));
    if (!c) {
        abort();
    }
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void selection_destroy(struct selection *s)
{
    if (s) {
        free((void *)s->items);
        free(s);
    }
}

void selection_cache_destroy(struct selection_cache *c)
{
    for (size_t i = 0; i < SELECTIONS_KEPT; i++) {
        selection_destroy(c->items[i]);
    }
    pthread_mutex_destroy(&c->lock);
    free(c);
}

static int compare_names(const void *a, const void *b)
{
    const struct property *const *x = a;
    const struct property *const *y = b;
    return str_cmp((*x)->name, (*y)->name);
}

static void add_names(struct selection *s, const struct property_set *set, struct str list)
{
    struct str name;
    while (list.len > 0 && str_next(&list, ',', &name)) {
        const struct property *p = property_find(set, str_trim(name));
        if (p && visibility_permits(s->seen, s->object, p)) {
            s->items[s->n++] = p;
        }
    }
}

static void sort_and_measure(struct selection *s)
{
    qsort((void *)s->items, s->n, sizeof(struct property *), compare_names);
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (n == 0 || s->items[n - 1] != s->items[i]) {
            s->items[n++] = s->items[i];
            s->worst += s->items[i]->json_len + GENERATE_SHORT_MAX + 3;
        }
    }
    s->n = n;
    s->worst += TEXT_PADDING;
}

static struct selection *make(const struct portal *p, enum object_type object, struct str list,
                              bool exact, unsigned seen)
{
    const struct object_info *info = object_info(object);
    const struct property_set *set = &p->shelves[object].properties;
    size_t names = 4;
    for (size_t i = 0; i < list.len; i++) {
        names += list.ptr[i] == ',' ? 1 : 0;
    }
    struct selection *s = calloc(1, sizeof(*s) + list.len);
    const struct property **items = calloc(names + 16, sizeof(struct property *));
    if (!s || !items) {
        abort();
    }
    char *text = (char *)(s + 1);
    if (list.len > 0) {
        memcpy(text, list.ptr, list.len);
    }
    *s = (struct selection){.items = items,
                            .text = {text, list.len},
                            .object = object,
                            .exact = exact,
                            .seen = seen,
                            .schema_version = p->schema_version};
    add_names(s, set, list.len > 0 || exact ? list : info->defaults);
    if (!exact) {
        add_names(s, set, info->created);
        add_names(s, set, info->modified);
        add_names(s, set, STR("hs_object_id"));
    }
    sort_and_measure(s);
    return s;
}

static bool fits(const struct selection *s, const struct portal *p, enum object_type object,
                 struct str list, bool exact, unsigned seen)
{
    return s && s->object == object && s->exact == exact && s->seen == seen &&
           s->schema_version == p->schema_version && str_eq(s->text, list);
}

// The place for one more: a free one, else the one unused for longest that nobody holds; -1 when
// all are held.
static int victim(const struct selection_cache *c)
{
    int best = -1;
    for (int i = 0; i < SELECTIONS_KEPT; i++) {
        const struct selection *s = c->items[i];
        if (!s) {
            return i;
        }
        if (s->refs == 0 && (best < 0 || s->used < c->items[best]->used)) {
            best = i;
        }
    }
    return best;
}

const struct selection *selection_take(struct selection_cache *c, const struct portal *p,
                                       enum object_type object, struct str list, bool exact,
                                       unsigned seen)
{
    pthread_mutex_lock(&c->lock);
    struct selection *found = NULL;
    for (size_t i = 0; i < SELECTIONS_KEPT && !found; i++) {
        found = fits(c->items[i], p, object, list, exact, seen) ? c->items[i] : NULL;
    }
    if (!found) {
        found = make(p, object, list, exact, seen);
        int at = victim(c);
        if (at >= 0) {
            selection_destroy(c->items[at]);
            c->items[at] = found;
        } else {
            found->used = UINT64_MAX; // not kept; freed by its release
        }
    }
    found->refs++;
    if (found->used != UINT64_MAX) {
        found->used = ++c->uses;
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void selection_release(struct selection_cache *c, const struct selection *s)
{
    if (!s) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    struct selection *own = NULL;
    for (size_t i = 0; i < SELECTIONS_KEPT && !own; i++) {
        own = c->items[i] == s ? c->items[i] : NULL;
    }
    if (own) {
        own->refs--;
    }
    pthread_mutex_unlock(&c->lock);
    if (!own) {
        free((void *)s->items);
        free((void *)(uintptr_t)s);
    }
}
