// What the simulator has besides records: object types, schemas, pipelines, lists, exports, forms,
// e-mail events, webhook subscriptions, property groups.
#include "check.h"

#include "core/random.h"
#include "sim/email_events.h"
#include "sim/forms.h"
#include "sim/portal.h"

static struct portal *make(uint64_t seed)
{
    struct portal_options o = {.portal_id = 77, .seed = seed, .properties = 30, .owners = 5};
    o.counts[OBJECT_CONTACTS] = 300;
    o.counts[OBJECT_DEALS] = 40;
    o.counts[OBJECT_CUSTOM_FIRST] = 20;
    o.counts[OBJECT_CUSTOM_FIRST + 1] = 10;
    o.custom_objects[0] = STR("cars");
    o.custom_objects[1] = STR("deals"); // as a standard object is called
    o.n_custom_objects = 2;
    return portal_create(&o);
}

static void test_object_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < OBJECT_COUNT; i++) {
        const struct object_info *a = object_info((enum object_type)i);
        enum object_type found = OBJECT_COUNT;
        assert_true(object_find(a->type_id, false, &found));
        assert_int_equal(found, i);
        assert_true(object_find(a->singular, true, &found));
        assert_int_equal(found, i);
        assert_true(a->scope.len > 0 && a->created.len > 0 && a->modified.len > 0);
        assert_true(a->group.len > 0 && a->id_base > 0);
        for (size_t k = 0; k < i; k++) {
            const struct object_info *b = object_info((enum object_type)k);
            assert_false(str_eq(a->type_id, b->type_id));
            assert_false(str_eq(a->plural, b->plural));
            assert_true(a->id_base != b->id_base);
        }
    }
}

static void check_object(const struct portal *p, const char *name, bool there,
                         enum object_type want)
{
    enum object_type found = OBJECT_COUNT;
    assert_true(portal_object(p, str_from(name), false, &found) == there);
    if (there) {
        assert_int_equal(found, want);
    }
}

static void test_names_of_custom_objects(void **state)
{
    (void)state;
    struct portal *p = make(3);
    enum object_type cars = OBJECT_CUSTOM_FIRST;
    enum object_type deals = OBJECT_CUSTOM_FIRST + 1;
    check_object(p, "cars", true, cars);
    check_object(p, "CARS", true, cars);
    check_object(p, "p_cars", true, cars);
    check_object(p, "p77_cars", true, cars);
    check_object(p, "p78_cars", false, cars);
    check_object(p, "2-19840301", true, cars);
    check_object(p, "2-19840315", false, cars); // a place that is not taken
    check_object(p, "deals", true, OBJECT_DEALS);
    check_object(p, "p_deals", true, deals);
    check_str(portal_object_name(p, deals), "p77_deals");
    check_str(portal_object_name(p, OBJECT_DEALS), "deals");
    portal_destroy(p);
}

static void test_schemas_take_places_for_good(void **state)
{
    (void)state;
    struct portal *p = make(3);
    struct schema *s;
    char name[16];
    for (size_t i = 2; i < OBJECT_CUSTOM_MAX; i++) {
        snprintf(name, sizeof(name), "type_%zu", i);
        assert_true(schemas_add(&p->schemas, p, str_from(name), &s));
        assert_int_equal(s->object, OBJECT_CUSTOM_FIRST + i);
        portal_open_shelf(p, s->object);
        assert_non_null(property_find(&p->shelves[s->object].properties, STR("hs_object_id")));
        assert_int_equal(portal_live_count(&p->shelves[s->object]), 0);
    }
    assert_false(schemas_add(&p->schemas, p, STR("one_more"), &s));
    s = schemas_find_any(&p->schemas, STR("type_5"));
    assert_non_null(s);
    s->state = SCHEMA_ARCHIVED;
    assert_null(schemas_find(&p->schemas, STR("type_5")));
    assert_ptr_equal(schemas_find_any(&p->schemas, STR("type_5")), s);
    s->state = SCHEMA_GONE;
    assert_null(schemas_find_any(&p->schemas, STR("type_5")));
    portal_reset(p); // back to the two of the options
    assert_int_equal(p->schemas.n, 2);
    check_object(p, "type_2", false, OBJECT_COUNT);
    portal_destroy(p);
}

static void test_pipelines_and_their_options(void **state)
{
    (void)state;
    struct portal *p = make(3);
    struct pipelines *all = &p->pipelines;
    const struct property *stage =
        property_find(&p->shelves[OBJECT_DEALS].properties, STR("dealstage"));
    assert_non_null(stage);
    size_t before = stage->n_options;
    struct live_pipeline *sales = pipelines_find(all, OBJECT_DEALS, STR("default"));
    assert_non_null(sales);
    assert_null(pipelines_find(all, OBJECT_TICKETS, STR("default")));
    struct live_stage *won = pipeline_find_stage(sales, STR("closedwon"));
    assert_non_null(won);
    won->archived = true;
    pipelines_sync(p, OBJECT_DEALS);
    assert_int_equal(stage->n_options, before - 1);
    assert_null(pipeline_find_stage(sales, STR("closedwon")));
    struct live_stage *fresh = pipeline_add_stage(sales);
    assert_non_null(fresh);
    *fresh = (struct live_stage){.id = STR("new"), .label = STR("New"), .metadata = STR("{}")};
    pipelines_sync(p, OBJECT_DEALS);
    assert_int_equal(stage->n_options, before);
    sales->archived = true;
    pipelines_sync(p, OBJECT_DEALS);
    assert_int_equal(stage->n_options, before - 7);
    while (pipelines_add(all, OBJECT_DEALS, &p->arena)) {
    }
    assert_int_equal(all->n[OBJECT_DEALS], PIPELINES_MAX);
    portal_destroy(p);
}

static void check_sorted(const struct list *l)
{
    for (size_t i = 1; i < l->n_members; i++) {
        assert_true(l->members[i - 1].record_id < l->members[i].record_id);
    }
}

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

// Ascending, distinct numbers below 4000 that are (or are not) in the model.
static size_t draw(struct random *r, const bool *model, bool in, uint64_t *ids)
{
    size_t n = 0;
    for (size_t i = 0; i < 200; i++) {
        uint64_t id = random_below(r, 4000);
        if (model[id] == in) {
            ids[n++] = id;
        }
    }
    qsort(ids, n, sizeof(*ids), compare_numbers);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || ids[kept - 1] != ids[i]) {
            ids[kept++] = ids[i];
        }
    }
    return kept;
}

// Adding and removing in bulk against a plain table.
static void test_members_against_a_model(void **state)
{
    (void)state;
    struct lists lists = {.n = 0};
    struct list *l = lists_add(&lists);
    assert_non_null(l);
    static bool model[4000];
    uint64_t ids[200];
    struct random r;
    random_seed(&r, 11);
    for (int turn = 0; turn < 200; turn++) {
        bool adding = turn % 3 != 2;
        size_t n = draw(&r, model, !adding, ids);
        if (adding) {
            assert_true(list_add_members(l, ids, n, turn));
        } else {
            list_remove_members(l, ids, n);
        }
        for (size_t i = 0; i < n; i++) {
            model[ids[i]] = adding;
        }
        check_sorted(l);
        size_t in = 0;
        for (uint64_t id = 0; id < 4000; id++) {
            size_t at;
            assert_true(list_position(l, id, &at) == model[id]);
            in += model[id] ? 1 : 0;
        }
        assert_int_equal(l->n_members, in);
    }
    free(l->members);
    free(lists.items);
}

static void test_lists_of_a_portal(void **state)
{
    (void)state;
    struct portal *a = make(3);
    struct portal *b = make(3);
    assert_int_equal(a->lists.n, b->lists.n);
    size_t members = 0;
    for (size_t i = 0; i < a->lists.n; i++) {
        const struct list *x = &a->lists.items[i];
        const struct list *y = &b->lists.items[i];
        check_sorted(x);
        assert_int_equal(x->n_members, y->n_members);
        for (size_t k = 0; k < x->n_members; k++) {
            uint32_t slot;
            assert_true(x->members[k].record_id == y->members[k].record_id);
            assert_true(portal_slot_of(&a->shelves[x->object], x->members[k].record_id, &slot));
        }
        members += x->n_members;
        assert_ptr_equal(lists_find(&a->lists, x->id), x);
        assert_ptr_equal(lists_find_name(&a->lists, x->object, x->name), x);
    }
    assert_true(members > 50);
    assert_null(lists_find(&a->lists, 0));
    assert_null(lists_find(&a->lists, a->lists.n + 1));
    while (lists_add(&a->lists)) {
    }
    assert_int_equal(a->lists.n, LISTS_MAX);
    portal_destroy(a);
    portal_destroy(b);
}

static void test_exports_run_one_after_the_other(void **state)
{
    (void)state;
    struct exports s = {.n = 0};
    struct export_order order = {.records = 10000};
    const int64_t day_ms = 86400000;
    int64_t end = 0;
    for (int64_t i = 0; i < EXPORTS_A_DAY; i++) {
        const struct export_order *o = exports_add(&s, &order, 1000 + i);
        assert_non_null(o);
        assert_true(o->starts_ms >= end && o->starts_ms >= 1000 + i + EXPORT_WAIT_MS);
        assert_true(o->done_ms == o->starts_ms + EXPORT_BASE_MS + 10000 / EXPORT_PER_RECORDS);
        assert_ptr_equal(exports_find(&s, o->id), o);
        end = o->done_ms;
    }
    assert_int_equal(exports_recent(&s, 2000), EXPORTS_A_DAY);
    assert_int_equal(exports_recent(&s, 1000 + day_ms - 1), EXPORTS_A_DAY);
    assert_int_equal(exports_recent(&s, 1000 + day_ms), EXPORTS_A_DAY - 1);
    assert_int_equal(exports_recent(&s, 2000 + day_ms), 0);
    assert_null(exports_find(&s, 1));
    assert_null(exports_find(&s, s.items[s.n - 1].id + 1));
    exports_done(&s);
}

static void test_forms_and_submissions(void **state)
{
    (void)state;
    struct portal *p = make(3);
    struct portal *other = make(4);
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    for (size_t i = 0; i < FORMS_N; i++) {
        struct form f = form_at(p, &arena, i);
        struct form again;
        assert_true(form_find(p, &arena, f.id, &again));
        check_str(again.id, arena_cstr(&arena, f.id));
        assert_false(form_find(other, &arena, f.id, &again));
        int64_t before = INT64_MAX;
        for (uint32_t k = 0; k < f.n_submissions; k++) {
            struct form_submission s = form_submission_at(p, &f, k);
            assert_true(s.at_ms < before && s.at_ms >= f.created_ms);
            assert_true(s.contact < p->shelves[OBJECT_CONTACTS].n_base);
            before = s.at_ms;
        }
    }
    arena_done(&arena);
    portal_destroy(p);
    portal_destroy(other);
}

static void test_email_events_in_time(void **state)
{
    (void)state;
    struct portal *p = make(3);
    uint64_t n = email_events_count(p);
    assert_int_equal(n, 300 * 2 * 4);
    int64_t before = INT64_MAX;
    for (uint64_t i = 0; i < n; i++) {
        struct email_event e = email_event_at(p, i);
        assert_true(e.created_ms < before && e.created_ms >= portal_first_ms());
        assert_true(e.sent_ms <= e.created_ms && e.sent_number >= i);
        assert_true(email_events_first_until(p, e.created_ms) == i);
        assert_true(email_events_first_until(p, e.created_ms - 1) == i + 1);
        assert_true(email_event_at(p, e.sent_number).contact == e.contact);
        assert_string_equal(email_event_at(p, e.sent_number).type, "SENT");
        before = e.created_ms;
    }
    assert_true(email_events_first_until(p, INT64_MAX) == 0);
    assert_true(email_events_first_until(p, 0) == n);
    portal_destroy(p);
}

static void test_webhook_subscriptions(void **state)
{
    (void)state;
    struct webhooks w = {.n = 0};
    struct webhook_app *a = webhooks_app(&w, 5);
    assert_non_null(a);
    assert_ptr_equal(webhooks_app(&w, 5), a);
    for (size_t i = 0; i < WEBHOOK_SUBSCRIPTIONS_MAX; i++) {
        assert_non_null(webhook_add(&w, a));
    }
    assert_null(webhook_add(&w, a));
    uint64_t id = a->items[3].id;
    a->items[3].deleted = true;
    a->n_live--;
    assert_null(webhook_find(a, id));
    const struct webhook_subscription *fresh = webhook_add(&w, a);
    assert_non_null(fresh);
    assert_true(fresh->id > id);
    assert_null(webhook_event(STR("product.associationChange")));
    assert_non_null(webhook_event(STR("product.merge")));
    assert_true(webhook_event_is_change(webhook_event(STR("deal.propertyChange"))));
    assert_false(webhook_event_is_change(webhook_event(STR("deal.creation"))));
    assert_true(webhook_event_is_generic(webhook_event(STR("object.creation"))));
    webhooks_done(&w);
}

static void test_property_groups(void **state)
{
    (void)state;
    struct portal *p = make(3);
    struct property_set *s = &p->shelves[OBJECT_CONTACTS].properties;
    for (size_t i = 0; i < s->n; i++) {
        assert_non_null(property_group_find(s, s->items[i]->group));
    }
    struct property_group *g = property_group_find(s, STR("custom_properties"));
    assert_non_null(g);
    check_str(g->label, "Custom properties");
    g->archived = true;
    assert_null(property_group_find(s, STR("custom_properties")));
    struct property fresh = property_custom(STR("another"), PROPERTY_DATE, 0);
    struct property *added = property_add(s, &fresh);
    assert_non_null(property_group_find(s, STR("custom_properties"))); // made anew
    property_remove(s, added, 5);
    assert_null(property_find(s, STR("another")));
    assert_ptr_equal(property_find_archived(s, STR("another")), added);
    while (property_group_add(s)) {
    }
    assert_int_equal(s->n_groups, PROPERTY_GROUPS_MAX);
    portal_destroy(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_object_table),
        cmocka_unit_test(test_names_of_custom_objects),
        cmocka_unit_test(test_schemas_take_places_for_good),
        cmocka_unit_test(test_pipelines_and_their_options),
        cmocka_unit_test(test_members_against_a_model),
        cmocka_unit_test(test_lists_of_a_portal),
        cmocka_unit_test(test_exports_run_one_after_the_other),
        cmocka_unit_test(test_forms_and_submissions),
        cmocka_unit_test(test_email_events_in_time),
        cmocka_unit_test(test_webhook_subscriptions),
        cmocka_unit_test(test_property_groups),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
