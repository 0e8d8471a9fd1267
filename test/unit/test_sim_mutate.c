#include "check.h"

#include "core/limits.h"
#include "sim/generate.h"
#include "sim/mutate.h"
#include "sim/search.h"

static struct portal *make(void)
{
    struct portal_options o = {.portal_id = 1, .seed = 4, .properties = 30, .owners = 5};
    o.counts[OBJECT_CONTACTS] = 400;
    o.counts[OBJECT_COMPANIES] = 80;
    o.counts[OBJECT_DEALS] = 60;
    return portal_create(&o);
}

static struct mutate at(struct portal *p, enum object_type object, int64_t at_ms)
{
    return (struct mutate){.portal = p, .object = object, .time = {.at_ms = at_ms}};
}

static uint32_t nth_live(const struct shelf *s, uint32_t n)
{
    uint32_t slot = 0;
    for (;; slot++) {
        if (portal_is_live(s, slot) && n-- == 0) {
            return slot;
        }
    }
}

static void check_value(const struct portal *p, uint32_t slot, const char *name, const char *want)
{
    struct record r = portal_record(p, OBJECT_CONTACTS, slot);
    struct buf value;
    buf_init(&value, LIMIT_VALUE_BYTES);
    const struct property *property = property_find(&r.shelf->properties, str_from(name));
    assert_non_null(property);
    bool there = generate_value(&r, property, &value);
    assert_true(there == (want != NULL));
    if (want) {
        check_str(buf_str(&value), want);
    }
    buf_done(&value);
}

static void test_create_and_set(void **state)
{
    (void)state;
    struct portal *p = make();
    struct shelf *s = &p->shelves[OBJECT_CONTACTS];
    struct mutate m = at(p, OBJECT_CONTACTS, 1790000000000);
    uint32_t before = portal_live_count(s);
    uint32_t slot;
    uint32_t last = portal_lower_bound(s, UINT64_MAX);
    assert_true(mutate_create(&m, &slot));
    assert_int_equal(slot, last);
    assert_int_equal(portal_live_count(s), before + 1);
    assert_true(portal_id_of(s, slot) > portal_id_of(s, slot - 1));
    const struct property *name = property_find(&s->properties, STR("firstname"));
    mutate_set(&m, slot, name, STR("One"));
    mutate_set(&m, slot, name, STR("Two"));
    check_value(p, slot, "firstname", "Two");
    mutate_set(&m, slot, name, (struct str){NULL, 0});
    check_value(p, slot, "firstname", NULL);
    // An untouched record keeps its other values when one is set.
    struct record r = portal_record(p, OBJECT_CONTACTS, 3);
    mutate_set(&m, 3, name, STR("Three"));
    struct record after = portal_record(p, OBJECT_CONTACTS, 3);
    assert_true(after.id == r.id && after.created_ms == r.created_ms && after.hash == r.hash);
    assert_true(after.modified_ms == r.modified_ms);
    mutate_touch(&m, 3);
    assert_true(portal_record(p, OBJECT_CONTACTS, 3).modified_ms == 1790000000000);
    portal_reset(p);
    assert_int_equal(portal_live_count(&p->shelves[OBJECT_CONTACTS]), before);
    portal_destroy(p);
}

// The history of one property stays short, and the newest value wins.
static void test_many_changes(void **state)
{
    (void)state;
    struct portal *p = make();
    struct mutate m = at(p, OBJECT_CONTACTS, 1790000000000);
    const struct property *name =
        property_find(&p->shelves[OBJECT_CONTACTS].properties, STR("firstname"));
    static const struct str VALUES[] = {STR_INIT("a"), STR_INIT("b"), STR_INIT("c")};
    for (size_t i = 0; i < 1000; i++) {
        mutate_set(&m, 0, name, VALUES[i % 3]);
    }
    check_value(p, 0, "firstname", "a");
    assert_true(portal_overlay(&p->shelves[OBJECT_CONTACTS], 0)->n_changes <= 20);
    portal_destroy(p);
}

static void test_archive(void **state)
{
    (void)state;
    struct portal *p = make();
    struct shelf *s = &p->shelves[OBJECT_CONTACTS];
    struct mutate m = at(p, OBJECT_CONTACTS, 1790000000000);
    struct neighbors list = {0};
    uint32_t slot = nth_live(s, 5);
    uint32_t company;
    for (uint32_t n = 0; !associations_primary_company(p, slot, &company); n++) {
        slot = nth_live(s, n);
    }
    uint32_t archived = s->n_archived;
    mutate_archive(&m, slot);
    assert_int_equal(s->n_archived, archived + 1);
    associations_list(p, OBJECT_COMPANIES, company, OBJECT_CONTACTS, &list);
    for (size_t i = 0; i < list.n; i++) {
        assert_int_not_equal(list.items[i].slot, slot);
    }
    mutate_restore(&m, slot);
    assert_int_equal(s->n_archived, archived);
    uint32_t again;
    assert_true(associations_primary_company(p, slot, &again) && again == company);
    mutate_delete(&m, slot);
    uint32_t found;
    assert_false(portal_resolve(s, portal_id_of(s, slot), &found));
    neighbors_done(&list);
    portal_destroy(p);
}

static void test_merge(void **state)
{
    (void)state;
    struct portal *p = make();
    struct shelf *s = &p->shelves[OBJECT_CONTACTS];
    struct mutate m = at(p, OBJECT_CONTACTS, 1790000000000);
    uint32_t a = nth_live(s, 10);
    uint32_t b = nth_live(s, 11);
    uint32_t c = nth_live(s, 12);
    uint64_t ids[] = {portal_id_of(s, a), portal_id_of(s, b), portal_id_of(s, c)};
    uint32_t live = portal_live_count(s);
    uint32_t first;
    uint32_t second;
    assert_true(mutate_merge(&m, a, b, &first));
    assert_true(mutate_merge(&m, first, c, &second));
    assert_int_equal(portal_live_count(s), live - 2);
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        uint32_t found;
        assert_true(portal_resolve(s, ids[i], &found) && found == second);
    }
    // Deals keep the primary's id.
    struct mutate deals = at(p, OBJECT_DEALS, 1790000000000);
    uint32_t primary = nth_live(&p->shelves[OBJECT_DEALS], 0);
    uint32_t other = nth_live(&p->shelves[OBJECT_DEALS], 1);
    assert_true(mutate_merge(&deals, primary, other, &first));
    assert_int_equal(first, primary);
    assert_true(p->shelves[OBJECT_DEALS].modified_ms[primary] == 1790000000000);
    portal_destroy(p);
}

static void test_associate(void **state)
{
    (void)state;
    struct portal *p = make();
    bool forward;
    const struct association_pair *pair =
        association_pair_of(&p->associations, OBJECT_COMPANIES, OBJECT_CONTACTS, &forward);
    assert_false(forward); // contacts are its a side
    uint32_t contact = nth_live(&p->shelves[OBJECT_CONTACTS], 7);
    uint32_t company = nth_live(&p->shelves[OBJECT_COMPANIES], 9);
    uint16_t before = associations_mask(p, pair, contact, company);
    assert_int_equal(before, 0);
    associations_set(p, pair, contact, company, 5);
    assert_int_equal(associations_mask(p, pair, contact, company), 5);
    associations_set(p, pair, contact, company, 1);
    assert_int_equal(associations_mask(p, pair, contact, company), 1);
    associations_set(p, pair, contact, company, 0);
    struct neighbors list = {0};
    associations_list(p, OBJECT_CONTACTS, contact, OBJECT_COMPANIES, &list);
    for (size_t i = 0; i < list.n; i++) {
        assert_int_not_equal(list.items[i].slot, company);
    }
    // A generated one can be removed too.
    associations_list(p, OBJECT_COMPANIES, company, OBJECT_CONTACTS, &list);
    assert_true(list.n > 0);
    uint32_t generated = list.items[0].slot;
    size_t n = list.n;
    associations_set(p, pair, generated, company, 0);
    associations_list(p, OBJECT_COMPANIES, company, OBJECT_CONTACTS, &list);
    assert_int_equal(list.n, n - 1);
    associations_list(p, OBJECT_CONTACTS, generated, OBJECT_COMPANIES, &list);
    for (size_t i = 0; i < list.n; i++) {
        assert_int_not_equal(list.items[i].slot, company);
    }
    neighbors_done(&list);
    portal_destroy(p);
}

// A walk by id finds the same through kept results, after a change, and with the index lagging.
static void test_search(void **state)
{
    (void)state;
    struct portal *p = make();
    struct shelf *s = &p->shelves[OBJECT_CONTACTS];
    struct search_cache *cache = search_cache_create();
    struct arena arena;
    arena_init(&arena, 1 << 24);
    struct query q = {.portal = p, .object = OBJECT_CONTACTS, .n_groups = 1};
    q.groups[0].n = 1;
    q.groups[0].filters[0] = (struct query_filter){
        .op = OP_GT,
        .compare = COMPARE_ID,
        .property = property_find(&s->properties, STR("hs_object_id")),
    };
    struct search_page page;
    struct search_want want = {.limit = 50};
    uint32_t seen = 0;
    do {
        search_run(cache, &q, &arena, &want, &page);
        assert_int_equal(page.total, portal_live_count(s) - seen);
        seen += (uint32_t)page.n;
        if (page.n > 0) {
            q.groups[0].filters[0].low_int = (int64_t)portal_id_of(s, page.slots[page.n - 1]);
        }
    } while (page.n > 0);
    assert_int_equal(seen, portal_live_count(s));
    struct mutate m = at(p, OBJECT_CONTACTS, 1790000000000);
    m.time.now_us = 1000;
    m.time.lag_us = 500;
    mutate_archive(&m, nth_live(s, 0));
    q.groups[0].filters[0].low_int = 0;
    want.now_us = 1499;
    search_run(cache, &q, &arena, &want, &page);
    assert_int_equal(page.total, seen);
    want.now_us = 1500;
    search_run(cache, &q, &arena, &want, &page);
    assert_int_equal(page.total, seen - 1);
    arena_done(&arena);
    search_cache_destroy(cache);
    portal_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_create_and_set), cmocka_unit_test(test_many_changes),
        cmocka_unit_test(test_archive),        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_associate),      cmocka_unit_test(test_search),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
