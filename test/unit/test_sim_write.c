#include "check.h"

#include "core/limits.h"
#include "sim/admin_rules.h"
#include "sim/generate.h"
#include "sim/lifecycle.h"
#include "sim/link.h"
#include "sim/lookup.h"
#include "sim/mutate.h"
#include "sim/search.h"
#include "sim/sim.h"
#include "sim/validate.h"

#define NOW INT64_C(1790000000000)

// A portal, and a call to it as far as checking values needs one.
struct scene {
    struct portal *portal;
    struct arena arena;
    struct options options;
    struct sim sim;
    struct call call;
};

static void scene_init(struct scene *s)
{
    *s = (struct scene){.options = {.lag_min_ms = 0}};
    struct portal_options o = {.portal_id = 1, .seed = 4, .properties = 30, .owners = 5};
    o.counts[OBJECT_CONTACTS] = 400;
    o.counts[OBJECT_COMPANIES] = 80;
    o.counts[OBJECT_DEALS] = 60;
    s->portal = portal_create(&o);
    arena_init(&s->arena, 1 << 26);
    s->sim = (struct sim){.options = &s->options, .portal = s->portal, .clock = clock_system()};
    s->call = (struct call){.sim = &s->sim, .arena = &s->arena};
}

static void scene_done(struct scene *s)
{
    arena_done(&s->arena);
    portal_destroy(s->portal);
}

static struct shelf *shelf(struct scene *s, enum object_type t)
{
    return &s->portal->shelves[t];
}

static const struct property *property(struct scene *s, enum object_type t, const char *name)
{
    const struct property *p = property_find(&shelf(s, t)->properties, str_from(name));
    assert_non_null(p);
    return p;
}

static struct mutate mutate_of(struct scene *s, enum object_type t)
{
    return (struct mutate){.portal = s->portal, .object = t, .time = {.at_ms = NOW}};
}

static uint32_t create(struct scene *s, enum object_type t)
{
    struct mutate m = mutate_of(s, t);
    uint32_t slot;
    assert_true(mutate_create(&m, &slot));
    mutate_blank(&m, slot);
    return slot;
}

static void set(struct scene *s, uint32_t slot, const char *name, const char *value)
{
    struct mutate m = mutate_of(s, OBJECT_CONTACTS);
    struct str kept;
    assert_true(mutate_keep(s->portal, str_from(value), &kept));
    mutate_set(&m, slot, property(s, OBJECT_CONTACTS, name), kept);
}

static struct str value(struct scene *s, enum object_type t, uint32_t slot, const char *name)
{
    struct record r = portal_record(s->portal, t, slot);
    struct buf b;
    buf_init(&b, LIMIT_VALUE_BYTES);
    generate_value(&r, property(s, t, name), &b);
    struct str text = arena_dup(&s->arena, buf_str(&b));
    buf_done(&b);
    return text;
}

static void test_values(void **state)
{
    (void)state;
    // code NULL: taken, in the form of `want`
    static const struct {
        enum property_type type;
        const char *value, *code, *want;
    } rows[] = {
        {PROPERTY_NUMBER, "-12.5", NULL, "-12.5"},
        {PROPERTY_NUMBER, "007", NULL, "007"},
        {PROPERTY_NUMBER, "1,000", "INVALID_INTEGER", NULL},
        {PROPERTY_NUMBER, "1.000.000", "INVALID_INTEGER", NULL},
        {PROPERTY_NUMBER, " 1", "INVALID_INTEGER", NULL},
        {PROPERTY_NUMBER, "1-", "INVALID_INTEGER", NULL},
        {PROPERTY_NUMBER, "-", "INVALID_INTEGER", NULL},
        {PROPERTY_NUMBER, "1e3", "INVALID_INTEGER", NULL},
        {PROPERTY_DATE, "2024-02-29", NULL, "2024-02-29"},
        {PROPERTY_DATE, "2023-02-29", "INVALID_DATE", NULL},
        {PROPERTY_DATE, "1726185600000", NULL, "2024-09-13"},
        {PROPERTY_DATE, "-86400000", NULL, "1969-12-31"},
        {PROPERTY_DATE, "1726185600001", "INVALID_DATE", NULL},
        {PROPERTY_DATE, "-1", "INVALID_DATE", NULL},
        {PROPERTY_DATE, "2024-09-13T00:00:00Z", "INVALID_DATE", NULL},
        {PROPERTY_DATE, "9223372036800000000", "INVALID_DATE", NULL},
        {PROPERTY_DATETIME, "1726185600001", NULL, "2024-09-13T00:00:00.001Z"},
        {PROPERTY_DATETIME, "2024-09-13T02:00:00+02:00", NULL, "2024-09-13T00:00:00.000Z"},
        {PROPERTY_DATETIME, "soon", "INVALID_LONG", NULL},
        {PROPERTY_BOOL, "true", NULL, "true"},
        {PROPERTY_BOOL, "TRUE", "INVALID_OPTION", NULL},
        {PROPERTY_STRING, "anything, www.example.com", NULL, "anything, www.example.com"},
    };
    struct scene s;
    scene_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct property p = property_custom(STR("x"), rows[i].type, 0);
        struct invalids list = {0};
        struct str got;
        bool ok = validate_value(&s.call, &p, str_from(rows[i].value), &got, &list);
        check_row(ok == (rows[i].code == NULL), rows[i].value);
        if (ok) {
            check_str(got, rows[i].want);
        } else {
            check_row(list.n == 1, rows[i].value);
            check_str(str_from(list.items[0].code), rows[i].code ? rows[i].code : "taken");
        }
    }
    scene_done(&s);
}

static void test_emails(void **state)
{
    (void)state;
    static const char *const good[] = {"a@b.co", "a.b+c@sub.example.com", "jürgen@münchen.example"};
    static const char *const bad[] = {"",         "a",        "a@b",           "@b.co",
                                      "a@.co",    "a@b..co",  "a b@c.co",      "a@b.co.",
                                      ".a@b.co",  "a.@b.co",  "a..b@c.co",     "a@b@c.co",
                                      "a@b,c.co", "<a@b.co>", "a@b.co, c@d.co"};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        check_row(validate_email(str_from(good[i])), good[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check_row(!validate_email(str_from(bad[i])), bad[i]);
    }
}

static void test_lifecycle(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    const struct property *p = property(&s, OBJECT_CONTACTS, "lifecyclestage");
    assert_true(lifecycle_is_stage(p));
    assert_true(lifecycle_allows(p, STR("lead"), STR("customer")));
    assert_true(lifecycle_allows(p, STR("lead"), STR("lead")));
    assert_false(lifecycle_allows(p, STR("customer"), STR("lead")));
    assert_true(lifecycle_allows(p, STR("customer"), STR("")));
    assert_true(lifecycle_allows(p, STR(""), STR("subscriber")));
    scene_done(&s);
}

static void test_admin_rules(void **state)
{
    (void)state;
    static const char *const bad[] = {"contacts",           "contacts.phone",
                                      "contacts.phone:",    "contacts.phone:required=1",
                                      "nobody.x:required",  "deals.amount:min",
                                      "deals.amount:min=x", ".phone:required",
                                      "contacts.:required", "deals.amount:most=1"};
    struct admin_rules rules;
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        check_row(!admin_rules_parse(str_from(bad[i]), &rules, &err), bad[i]);
        check_contains(err.message, bad[i]);
    }
    assert_true(admin_rules_parse(STR(""), &rules, &err) && rules.n == 0);
    assert_true(admin_rules_parse(STR("contacts.phone:required,deals.amount:min=0,deals.amount:max="
                                      "10,deals.dealname:length=3"),
                                  &rules, &err));
    assert_int_equal(rules.n, 4);
    static const struct {
        const char *name, *value;
        bool broken;
    } rows[] = {{"amount", "0", false}, {"amount", "-0.5", true},    {"amount", "10", false},
                {"amount", "11", true}, {"dealname", "abc", false},  {"dealname", "abcd", true},
                {"phone", "", false},   {"description", "99", false}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        const struct admin_rule *r = admin_rules_broken(
            &rules, OBJECT_DEALS, str_from(rows[i].name), str_from(rows[i].value));
        check_row((r != NULL) == rows[i].broken, rows[i].value);
    }
    assert_null(admin_rules_broken(&rules, OBJECT_CONTACTS, STR("amount"), STR("-1")));
}

static bool found(struct scene *s, const char *email, uint32_t *ret)
{
    return lookup_by_value(s->portal, OBJECT_CONTACTS, property(s, OBJECT_CONTACTS, "email"),
                           str_from(email), false, ret);
}

static void test_lookup(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    uint32_t a = create(&s, OBJECT_CONTACTS);
    uint32_t b = create(&s, OBJECT_CONTACTS);
    uint32_t slot;
    assert_false(found(&s, "a@x.example", &slot));
    set(&s, a, "email", "A@x.example");
    set(&s, b, "hs_additional_emails", "one@x.example;two@x.example");
    assert_true(found(&s, "a@X.example", &slot) && slot == a);
    assert_true(found(&s, "two@x.example", &slot) && slot == b);
    // What it had before leads nowhere; two records may have had one value.
    set(&s, a, "email", "new@x.example");
    assert_false(found(&s, "a@x.example", &slot));
    set(&s, b, "email", "a@x.example");
    assert_true(found(&s, "a@x.example", &slot) && slot == b);
    // Made-up values are found without having been noted.
    struct str made_up = value(&s, OBJECT_CONTACTS, 7, "email");
    assert_true(found(&s, arena_cstr(&s.arena, made_up), &slot) && slot == 7);
    const struct property *email = property(&s, OBJECT_CONTACTS, "email");
    assert_false(lookup_is_blocked(shelf(&s, OBJECT_CONTACTS), email, STR("b@x.example")));
    lookup_block(shelf(&s, OBJECT_CONTACTS), email, STR("B@x.example"));
    assert_true(lookup_is_blocked(shelf(&s, OBJECT_CONTACTS), email, STR("b@x.example")));
    portal_reset(s.portal);
    assert_false(lookup_is_blocked(shelf(&s, OBJECT_CONTACTS),
                                   property(&s, OBJECT_CONTACTS, "email"), STR("b@x.example")));
    assert_false(found(&s, "new@x.example", &slot));
    scene_done(&s);
}

// A record that was created has what was set and what HubSpot knows by itself.
static void test_blank(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    uint32_t slot = create(&s, OBJECT_CONTACTS);
    const struct property_set *set_of = &shelf(&s, OBJECT_CONTACTS)->properties;
    struct record r = portal_record(s.portal, OBJECT_CONTACTS, slot);
    struct buf b;
    buf_init(&b, LIMIT_VALUE_BYTES);
    for (size_t i = 0; i < set_of->n; i++) {
        const struct property *p = set_of->items[i];
        bool own = p->kind == KIND_OBJECT_ID || p->kind == KIND_CREATED || p->kind == KIND_MODIFIED;
        buf_reset(&b);
        check_row(generate_value(&r, p, &b) == own, arena_cstr(&s.arena, p->name));
    }
    buf_done(&b);
    scene_done(&s);
}

static size_t count_parts(struct str list)
{
    size_t n = 0;
    struct str one;
    while (list.len > 0 && str_next(&list, ';', &one)) {
        n++;
    }
    return n;
}

// Every id that was ever merged into the survivor stands in its hs_merged_object_ids, and leads to
// it; so do the addresses.
static void test_many_merges(void **state)
{
    (void)state;
    enum { MERGES = 60 };
    struct scene s;
    scene_init(&s);
    struct mutate m = mutate_of(&s, OBJECT_CONTACTS);
    uint32_t survivor = create(&s, OBJECT_CONTACTS);
    set(&s, survivor, "email", "main@x.example");
    uint64_t ids[MERGES + 1] = {portal_id_of(shelf(&s, OBJECT_CONTACTS), survivor)};
    for (size_t i = 1; i <= MERGES; i++) {
        uint32_t other = create(&s, OBJECT_CONTACTS);
        ids[i] = portal_id_of(shelf(&s, OBJECT_CONTACTS), other);
        struct str email = arena_printf(&s.arena, "m%zu@x.example", i);
        set(&s, other, "email", arena_cstr(&s.arena, email));
        set(&s, other, "city", "Ulm");
        assert_true(mutate_merge(&m, survivor, other, &survivor));
    }
    struct str list = value(&s, OBJECT_CONTACTS, survivor, "hs_merged_object_ids");
    assert_int_equal(count_parts(list), 2 * MERGES); // each survivor but the last, and each other
    for (size_t i = 0; i <= MERGES; i++) {
        uint32_t slot;
        assert_true(portal_resolve(shelf(&s, OBJECT_CONTACTS), ids[i], &slot) && slot == survivor);
        assert_true(str_find(list, arena_printf(&s.arena, "%llu", (unsigned long long)ids[i])) >=
                    0);
    }
    uint32_t slot;
    assert_true(found(&s, "m1@x.example", &slot) && slot == survivor);
    assert_true(found(&s, "main@x.example", &slot) && slot == survivor);
    check_str(value(&s, OBJECT_CONTACTS, survivor, "email"), "main@x.example");
    check_str(value(&s, OBJECT_CONTACTS, survivor, "city"), "Ulm");
    scene_done(&s);
}

static void test_labels(void **state)
{
    (void)state;
    struct scene s;
    scene_init(&s);
    struct associations *all = &s.portal->associations;
    bool forward;
    const struct association_pair *pair =
        association_pair_of(all, OBJECT_CONTACTS, OBJECT_COMPANIES, &forward);
    uint32_t a = create(&s, OBJECT_CONTACTS);
    uint32_t b = create(&s, OBJECT_COMPANIES);
    size_t label;
    assert_true(association_label_add(all, pair, STR("Fan"), STR("Idol"), &label));
    struct association_kind kind;
    int id = pair->labels[label].forward_id;
    assert_true(association_kind_find(all, OBJECT_CONTACTS, id, true, &kind));
    assert_true(kind.pair == pair && kind.label == label && kind.forward);
    assert_false(association_kind_find(all, OBJECT_CONTACTS, id, false, &kind));
    assert_false(association_kind_find(all, OBJECT_COMPANIES, id, true, &kind));
    assert_true(association_kind_find(all, OBJECT_COMPANIES, id + 1, true, &kind) && !kind.forward);
    link_set(s.portal, pair, a, b, (uint16_t)(1U << label));
    assert_int_equal(associations_mask(s.portal, pair, a, b), 1 | 1U << label);
    association_label_delete(all, pair, label);
    assert_int_equal(associations_mask(s.portal, pair, a, b), 1);
    assert_false(association_kind_find(all, OBJECT_CONTACTS, id, true, &kind));
    while (pair->n_labels < ASSOCIATION_LABELS_MAX) {
        assert_true(association_label_add(all, pair, STR("x"), STR("y"), &label));
    }
    assert_false(association_label_add(all, pair, STR("x"), STR("y"), &label));
    // A pair that nobody has yet.
    assert_null(association_pair_of(all, OBJECT_NOTES, OBJECT_CALLS, &forward));
    const struct association_pair *made = association_pair_add(all, OBJECT_NOTES, OBJECT_CALLS);
    assert_true(association_pair_of(all, OBJECT_CALLS, OBJECT_NOTES, &forward) == made && !forward);
    assert_true(association_pair_add(all, OBJECT_CALLS, OBJECT_NOTES) == made);
    scene_done(&s);
}

static void test_link(void **state)
{
    (void)state;
    enum { PRIMARY = 2, MANAGER = 2 };
    struct scene s;
    scene_init(&s);
    struct associations *all = &s.portal->associations;
    bool forward;
    const struct association_pair *pair =
        association_pair_of(all, OBJECT_CONTACTS, OBJECT_COMPANIES, &forward);
    uint32_t a = create(&s, OBJECT_CONTACTS);
    uint32_t x = create(&s, OBJECT_COMPANIES);
    uint32_t y = create(&s, OBJECT_COMPANIES);
    link_set(s.portal, pair, a, x, PRIMARY);
    assert_int_equal(associations_mask(s.portal, pair, a, x), 3);
    link_set(s.portal, pair, a, y, PRIMARY);
    assert_int_equal(associations_mask(s.portal, pair, a, x), 1);
    assert_int_equal(associations_mask(s.portal, pair, a, y), 3);
    link_remove(s.portal, pair, a, y, PRIMARY);
    assert_int_equal(associations_mask(s.portal, pair, a, y), 1);
    link_remove(s.portal, pair, a, y, 1);
    assert_int_equal(associations_mask(s.portal, pair, a, y), 0);
    // Between records of one type the last one to be set says in which direction labels read.
    const struct association_pair *same =
        association_pair_of(all, OBJECT_CONTACTS, OBJECT_CONTACTS, &forward);
    uint32_t b = create(&s, OBJECT_CONTACTS);
    struct neighbors list = {0};
    link_set(s.portal, same, a, b, MANAGER);
    link_set(s.portal, same, b, a, MANAGER);
    associations_list(s.portal, OBJECT_CONTACTS, b, OBJECT_CONTACTS, &list);
    assert_true(list.n == 1 && list.items[0].slot == a && list.items[0].forward);
    link_remove(s.portal, same, a, b, MANAGER);
    associations_list(s.portal, OBJECT_CONTACTS, b, OBJECT_CONTACTS, &list);
    assert_true(list.n == 1 && list.items[0].mask == 1 && list.items[0].forward);
    neighbors_done(&list);
    scene_done(&s);
}

// Ids of all contacts as a search sorted by record id gives them.
static void search_ids(struct scene *s, enum query_id_order order, uint64_t nonce, uint64_t *ret,
                       size_t n)
{
    struct search_cache *cache = search_cache_create();
    struct query q = {.portal = s->portal,
                      .object = OBJECT_CONTACTS,
                      .id_order = order,
                      .nonce = nonce,
                      .sort = property(s, OBJECT_CONTACTS, "hs_object_id")};
    struct search_page page;
    size_t got = 0;
    do {
        struct search_want want = {.offset = got, .limit = SEARCH_PAGE_MAX};
        search_run(cache, &q, &s->arena, &want, &page);
        for (size_t i = 0; i < page.n; i++) {
            assert_true(got < n);
            ret[got++] = portal_id_of(shelf(s, OBJECT_CONTACTS), page.slots[i]);
        }
    } while (page.n > 0);
    assert_int_equal(got, n);
    search_cache_destroy(cache);
}

static int compare_numbers(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return (*x > *y) - (*x < *y);
}

static void test_id_orders(void **state)
{
    (void)state;
    struct scene s;
    struct portal_options o = {.portal_id = 1, .seed = 4, .properties = 30, .owners = 5};
    o.counts[OBJECT_CONTACTS] = 8000; // ids of five and of six digits, and three beyond 2^53
    scene_init(&s);
    portal_destroy(s.portal);
    s.portal = portal_create(&o);
    size_t n = portal_live_count(shelf(&s, OBJECT_CONTACTS));
    uint64_t *ids = ARENA_ARRAY(&s.arena, uint64_t, n);
    uint64_t *other = ARENA_ARRAY(&s.arena, uint64_t, n);
    search_ids(&s, ID_ORDER_NUMERIC, 0, ids, n);
    for (size_t i = 1; i < n; i++) {
        assert_true(ids[i - 1] < ids[i]);
    }
    search_ids(&s, ID_ORDER_TEXT, 0, other, n);
    char before[32] = "";
    for (size_t i = 0; i < n; i++) {
        char text[32];
        snprintf(text, sizeof(text), "%llu", (unsigned long long)other[i]);
        assert_true(strcmp(before, text) < 0);
        memcpy(before, text, sizeof(before));
    }
    assert_true(memcmp(ids, other, n * sizeof(*ids)) != 0);
    uint64_t *third = ARENA_ARRAY(&s.arena, uint64_t, n);
    search_ids(&s, ID_ORDER_UNSTABLE, 1, other, n);
    search_ids(&s, ID_ORDER_UNSTABLE, 2, third, n);
    assert_true(memcmp(other, third, n * sizeof(*ids)) != 0);
    qsort(third, n, sizeof(*third), compare_numbers);
    assert_memory_equal(third, ids, n * sizeof(*ids)); // all of them, in whatever order
    scene_done(&s);
}

// With a range of lags, what was changed later may be found earlier.
static void test_unordered_lag(void **state)
{
    (void)state;
    enum { CHANGES = 40, LAG = 100, SPAN = 1000 };
    struct scene s;
    scene_init(&s);
    struct mutate m = mutate_of(&s, OBJECT_CONTACTS);
    m.time.lag_us = LAG;
    m.time.lag_span_us = SPAN;
    struct shelf *contacts = shelf(&s, OBJECT_CONTACTS);
    uint32_t slots[CHANGES];
    for (size_t i = 0; i < CHANGES; i++) {
        m.time.now_us = (int64_t)i;
        assert_true(mutate_create(&m, &slots[i]));
    }
    struct query q = {.portal = s.portal, .object = OBJECT_CONTACTS};
    struct query_matcher matcher;
    query_matcher_init(&matcher, &q, CHANGES + SPAN / 2);
    bool missed = false;
    bool out_of_order = false;
    for (size_t i = 0; i < CHANGES; i++) {
        bool seen = query_view(&matcher, slots[i]).visible;
        out_of_order = out_of_order || (seen && missed);
        missed = missed || !seen;
    }
    assert_true(missed && out_of_order);
    matcher.now_us = LAG - 1;
    assert_false(query_view(&matcher, slots[0]).visible);
    matcher.now_us = contacts->lag.settled_us;
    assert_true(contacts->lag.settled_us <= CHANGES + LAG + SPAN);
    for (size_t i = 0; i < CHANGES; i++) {
        assert_true(query_view(&matcher, slots[i]).visible);
    }
    query_matcher_done(&matcher);
    scene_done(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),        cmocka_unit_test(test_emails),
        cmocka_unit_test(test_lifecycle),     cmocka_unit_test(test_admin_rules),
        cmocka_unit_test(test_lookup),        cmocka_unit_test(test_blank),
        cmocka_unit_test(test_many_merges),   cmocka_unit_test(test_labels),
        cmocka_unit_test(test_link),          cmocka_unit_test(test_id_orders),
        cmocka_unit_test(test_unordered_lag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
