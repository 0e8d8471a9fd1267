// Generated data: the same from the same seed, ids that can be found again, associations that agree
// both ways.
#include "check.h"

#include "core/limits.h"
#include "core/timestamp.h"
#include "sim/generate.h"
#include "sim/lookup.h"
#include "sim/portal.h"
#include "sim/render.h"

static struct portal *make(uint64_t seed, uint32_t contacts)
{
    struct portal_options o = {.portal_id = 1, .seed = seed, .properties = 120, .owners = 12};
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        o.counts[t] = contacts / 10;
    }
    o.counts[OBJECT_CONTACTS] = contacts;
    return portal_create(&o);
}

// All records of a type as one text.
static void render_all(const struct portal *p, enum object_type type, struct buf *out)
{
    struct selection_cache *cache = selection_cache_create();
    struct buf names;
    buf_init(&names, 1 << 20);
    const struct property_set *set = &p->shelves[type].properties;
    for (size_t i = 0; i < set->n; i++) {
        buf_add(&names, set->items[i]->name);
        buf_add_char(&names, ',');
    }
    struct render how;
    const struct selection *all = selection_take(cache, p, type, buf_str(&names), false, SEES_ALL);
    assert_int_equal(all->n, set->n);
    render_init(&how, all);
    for (uint32_t slot = 0; slot < p->shelves[type].n; slot++) {
        struct record r = portal_record(p, type, slot);
        render_record(out, &r, &how);
    }
    render_done(&how);
    selection_release(cache, all);
    buf_done(&names);
    selection_cache_destroy(cache);
    assert_false(out->overflow);
}

static void test_same_seed(void **state)
{
    (void)state;
    struct portal *a = make(7, 300);
    struct portal *b = make(7, 300);
    struct portal *c = make(8, 300);
    for (size_t t = 0; t < OBJECT_COUNT; t++) {
        struct buf texts[3];
        for (size_t i = 0; i < 3; i++) {
            buf_init(&texts[i], 1 << 26);
        }
        render_all(a, (enum object_type)t, &texts[0]);
        render_all(b, (enum object_type)t, &texts[1]);
        render_all(c, (enum object_type)t, &texts[2]);
        assert_true(str_eq(buf_str(&texts[0]), buf_str(&texts[1])));
        assert_false(str_eq(buf_str(&texts[0]), buf_str(&texts[2])));
        for (size_t i = 0; i < 3; i++) {
            buf_done(&texts[i]);
        }
    }
    portal_destroy(a);
    portal_destroy(b);
    portal_destroy(c);
}

static void test_ids(void **state)
{
    (void)state;
    static const uint32_t SIZES[] = {0, 1, 2, 19, 999, 1000, 5000};
    for (size_t k = 0; k < ARRAY_LEN(SIZES); k++) {
        struct portal *p = make(k, SIZES[k]);
        const struct shelf *s = &p->shelves[OBJECT_CONTACTS];
        uint64_t last = 0;
        for (uint32_t slot = 0; slot < s->n; slot++) {
            uint64_t id = portal_id_of(s, slot);
            uint32_t found;
            assert_true(id > last);
            assert_true(portal_slot_of(s, id, &found) && found == slot);
            assert_int_equal(portal_lower_bound(s, id), slot);
            assert_int_equal(portal_lower_bound(s, last + 1), slot); // nothing lies between
            assert_int_equal(portal_lower_bound(s, id + 1), slot + 1);
            last = id;
        }
        assert_int_equal(portal_lower_bound(s, 0), 0);
        assert_int_equal(portal_lower_bound(s, UINT64_MAX), s->n);
        assert_true(SIZES[k] < 1000 ||
                    last > UINT64_C(9007199254740992)); // beyond what a double holds
        portal_destroy(p);
    }
}

static void test_dates(void **state)
{
    (void)state;
    struct portal *p = make(3, 20000);
    const struct shelf *s = &p->shelves[OBJECT_CONTACTS];
    int64_t created = 0;
    uint32_t same_created = 0;
    for (uint32_t slot = 0; slot < s->n; slot++) {
        struct record r = portal_record(p, OBJECT_CONTACTS, slot);
        assert_true(r.created_ms >= created); // in the order of ids
        assert_true(r.modified_ms >= r.created_ms && r.modified_ms <= portal_last_ms());
        assert_true(r.created_ms >= portal_first_ms());
        same_created += r.created_ms == created ? 1 : 0;
        created = r.created_ms;
    }
    assert_true(same_created > 1000); // imports
    assert_true(s->n_archived > 10);
    portal_destroy(p);
}

// Every neighbor has this record as its neighbor, with the same labels.
static size_t check_direction(const struct portal *p, enum object_type from, enum object_type to)
{
    struct neighbors list = {0};
    struct neighbors back = {0};
    size_t n = 0;
    for (uint32_t slot = 0; slot < p->shelves[from].n; slot++) {
        associations_list(p, from, slot, to, &list);
        for (size_t i = 0; i < list.n; i++) {
            assert_true(i == 0 || list.items[i - 1].slot < list.items[i].slot);
            assert_true(portal_is_live(&p->shelves[to], list.items[i].slot));
            associations_list(p, to, list.items[i].slot, from, &back);
            bool found = false;
            for (size_t k = 0; k < back.n && !found; k++) {
                found = back.items[k].slot == slot && back.items[k].mask == list.items[i].mask &&
                        back.items[k].forward != list.items[i].forward;
            }
            assert_true(found);
        }
        n += list.n;
        if (n > 4000) {
            break; // the big company makes this quadratic
        }
    }
    neighbors_done(&list);
    neighbors_done(&back);
    return n;
}

static void test_associations(void **state)
{
    (void)state;
    struct portal *p = make(5, 3000);
    for (size_t i = 0; association_pair_at(&p->associations, i); i++) {
        const struct association_pair *pair = association_pair_at(&p->associations, i);
        size_t there = check_direction(p, pair->a, pair->b);
        size_t back = check_direction(p, pair->b, pair->a);
        bool some = p->shelves[pair->a].n > 0 && p->shelves[pair->b].n > 0;
        assert_true(there == back && (there > 0) == some);
    }
    portal_destroy(p);
}

static void test_big_company(void **state)
{
    (void)state;
    struct portal *p = make(5, 20000);
    struct neighbors list = {0};
    size_t most = 0;
    for (uint32_t slot = 0; slot < p->shelves[OBJECT_COMPANIES].n; slot++) {
        associations_list(p, OBJECT_COMPANIES, slot, OBJECT_CONTACTS, &list);
        most = MAX(most, list.n);
    }
    assert_true(most > 10000);
    neighbors_done(&list);
    portal_destroy(p);
}

static void test_generated_merges(void **state)
{
    (void)state;
    struct portal *p = make(11, 4000);
    const struct shelf *s = &p->shelves[OBJECT_CONTACTS];
    size_t n = 0;
    for (uint32_t slot = 0; slot < s->n; slot++) {
        uint64_t ids[2];
        size_t merged = portal_generated_merges(s, slot, ids);
        for (size_t i = 0; i < merged; i++) {
            uint32_t found;
            assert_false(portal_slot_of(s, ids[i], &found)); // nowhere to be listed
            assert_true(portal_resolve(s, ids[i], &found) && found == slot);
            n++;
        }
    }
    assert_true(n > 3);
    uint32_t found;
    assert_false(portal_resolve(s, 1, &found));
    portal_destroy(p);
}

static void test_values(void **state)
{
    (void)state;
    struct portal *p = make(2, 2000);
    const struct shelf *s = &p->shelves[OBJECT_CONTACTS];
    struct buf value;
    buf_init(&value, LIMIT_VALUE_BYTES);
    size_t filled = 0;
    size_t asked = 0;
    for (uint32_t slot = 0; slot < 500; slot++) {
        struct record r = portal_record(p, OBJECT_CONTACTS, slot);
        for (size_t i = 0; i < s->properties.n; i++) {
            const struct property *property = s->properties.items[i];
            int64_t number;
            buf_reset(&value);
            bool there = generate_value(&r, property, &value);
            asked += property->hubspot_defined ? 0 : 1;
            filled += there && !property->hubspot_defined ? 1 : 0;
            if (there && property->type == PROPERTY_DATE) {
                assert_true(date_parse(buf_str(&value), &number));
            }
            if (there && property->type == PROPERTY_DATETIME) {
                assert_true(timestamp_parse(buf_str(&value), &number));
            }
            if (there && (property->kind == KIND_EMAIL || property->kind == KIND_UNIQUE)) {
                uint32_t found;
                assert_true(lookup_by_value(p, OBJECT_CONTACTS, property, buf_str(&value),
                                            r.archived, &found));
                assert_int_equal(found, slot);
            }
        }
    }
    double share = (double)filled / (double)asked;
    assert_true(share > 0.35 && share < 0.45);
    buf_done(&value);
    portal_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_seed),   cmocka_unit_test(test_ids),
        cmocka_unit_test(test_dates),       cmocka_unit_test(test_associations),
        cmocka_unit_test(test_big_company), cmocka_unit_test(test_generated_merges),
        cmocka_unit_test(test_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
