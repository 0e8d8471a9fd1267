#include "check.h"

#include "core/limits.h"
#include "data/json.h"
#include "source/hubspot/source_hubspot.h"
#include "source/hubspot/stages.h"
#include "source/hubspot/tables.h"

// Names and types of an object's properties, and the tables made of them.
struct scene {
    struct arena arena;
    struct naming *naming;
    struct property_def *items;
    struct property_defs defs;
    struct object_tables tables;
    struct error error;
};

static void begin(struct scene *s, const char *object)
{
    *s = (struct scene){0};
    arena_init(&s->arena, LIMIT_PAGE_ARENA);
    s->naming = naming_create(str_from(object), STR("property_"), &s->arena);
    s->items = ARENA_ARRAY(&s->arena, struct property_def, LIMIT_PROPERTIES);
    s->defs.items = s->items;
}

static void add(struct scene *s, struct str name, enum column_type type)
{
    s->items[s->defs.n++] = (struct property_def){.name = arena_dup(&s->arena, name), .type = type};
}

static bool build(struct scene *s, const char *object)
{
    return object_tables_build(object_find(str_from(object)), &s->defs, s->naming, &s->arena,
                               &s->tables, &s->error);
}

static void done(struct scene *s)
{
    arena_done(&s->arena);
}

// ---- columns

// The columns before the properties' own, and the tables beside the main one.
static void test_layouts(void **state)
{
    (void)state;
    static const struct {
        const char *object, *table;
        const char *fixed; // "name:type,..."
        size_t deleted_mark;
        const char *merges;
        bool engagement;
    } ROWS[] = {
        {"contacts", "contact", "id:int", 0, "contact_merge_audit", false},
        {"companies", "company", "id:int,is_deleted:bool", 1, NULL, false},
        {"deals", "deal",
         "deal_id:int,deal_pipeline_id:text,deal_pipeline_stage_id:text,owner_id:int,portal_id:int,"
         "is_deleted:bool",
         5, "merged_deal", false},
        {"tickets", "ticket", "id:int", 0, NULL, false},
        {"calls", "engagement_call", "engagement_id:int,type:text", 0, NULL, true},
        {"communications", "engagement_communication", "engagement_id:int,type:text", 0, NULL,
         true},
        {"emails", "engagement_email", "engagement_id:int,type:text", 0, NULL, true},
        {"meetings", "engagement_meeting", "engagement_id:int,type:text", 0, NULL, true},
        {"notes", "engagement_note", "engagement_id:int,type:text", 0, NULL, true},
        {"tasks", "engagement_task", "engagement_id:int,type:text", 0, NULL, true},
        {"postal_mail", "engagement_postal_mail", "engagement_id:int,type:text", 0, NULL, true},
    };
    size_t n = 0;
    objects(&n);
    assert_int_equal(n, ARRAY_LEN(ROWS));
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct scene s;
        begin(&s, ROWS[i].object);
        add(&s, STR("amount"), COL_DECIMAL);
        add(&s, STR("First Name"), COL_TEXT);
        assert_true(build(&s, ROWS[i].object));
        const struct table *t = &s.tables.main;
        struct buf columns;
        buf_init(&columns, 4096);
        for (size_t k = 0; k < t->n_columns; k++) {
            buf_printf(&columns, "%s%.*s:%s", k ? "," : "", STR_ARG(t->columns[k].name),
                       column_type_name(t->columns[k].type));
        }
        char want[512];
        snprintf(want, sizeof want, "%s,property_amount:decimal,property_first_name:text",
                 ROWS[i].fixed);
        check_str(buf_str(&columns), want);
        check_str(t->name, ROWS[i].table);
        check_row(t->n_keys == 1 && t->deleted_mark == ROWS[i].deleted_mark, ROWS[i].object);
        check_row((s.tables.engagement == &TABLE_ENGAGEMENT) == ROWS[i].engagement, ROWS[i].object);
        check_row((s.tables.merges != NULL) == (ROWS[i].merges != NULL), ROWS[i].object);
        if (s.tables.merges) {
            check_str(s.tables.merges->name, ROWS[i].merges);
            assert_int_equal(s.tables.merges->n_keys, 2);
        }
        buf_done(&columns);
        done(&s);
    }
}

// Columns that copy a property know it, wherever it stands, and know when there is none.
static void test_copied_properties(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "deals");
    add(&s, STR("hubspot_owner_id"), COL_TEXT);
    add(&s, STR("hs_merged_object_ids"), COL_TEXT);
    add(&s, STR("pipeline"), COL_TEXT);
    assert_true(build(&s, "deals"));
    static const int WANT[] = {NO_COLUMN, 2, NO_COLUMN, 0, NO_COLUMN, NO_COLUMN};
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        assert_int_equal(s.tables.fixed_source[i], WANT[i]);
    }
    assert_int_equal(s.tables.merged_property, 1);
    done(&s);
    begin(&s, "deals");
    assert_true(build(&s, "deals"));
    assert_int_equal(s.tables.main.n_columns, 6);
    assert_int_equal(s.tables.merged_property, NO_COLUMN);
    assert_int_equal(object_tables_find(&s.tables, STR("pipeline")), NO_COLUMN);
    check_str(s.tables.query, "");
    check_str(s.tables.json_names, "[]");
    done(&s);
}

// Properties whose names fold to one column, and one that changed its type since the last run.
static void test_columns_are_unique_and_stable(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "tickets");
    const struct naming_row old = {STR("tickets"), STR("size"), STR("property_size"), COL_TEXT};
    assert_true(naming_load(s.naming, &old, &s.error));
    add(&s, STR("a b"), COL_TEXT);
    add(&s, STR("a_b"), COL_TEXT);
    add(&s, STR("A-B"), COL_TEXT);
    add(&s, STR("size"), COL_DECIMAL);
    assert_true(build(&s, "tickets"));
    const struct column *c = s.tables.main.columns;
    check_str(c[1].name, "property_a_b");
    assert_true(str_starts(c[2].name, STR("property_a_b_")) && c[2].name.len == 21);
    assert_true(str_starts(c[3].name, STR("property_a_b_")) && c[3].name.len == 21);
    assert_false(str_eq(c[2].name, c[3].name));
    check_str(c[4].name, "property_size__v2");
    for (int i = 0; i < 4; i++) { // and each is found by its own exact name
        assert_int_equal(object_tables_find(&s.tables, s.items[i].name), i);
    }
    done(&s);
}

// ---- look-up

static void test_find_among_many(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    struct scene s;
    begin(&s, "contacts");
    for (int i = 0; i < MANY; i++) {
        char name[64];
        int len = snprintf(name, sizeof name, "%s_property_%d", i % 2 ? "hs" : "x", i);
        add(&s, (struct str){name, (size_t)len}, (enum column_type)(i % COL_TYPE_COUNT));
    }
    assert_true(build(&s, "contacts"));
    assert_int_equal(s.tables.n_properties, MANY);
    for (int i = 0; i < MANY; i++) {
        struct str name = s.items[i].name;
        assert_int_equal(object_tables_find(&s.tables, name), i);
        assert_int_equal(s.tables.types[i], i % COL_TYPE_COUNT);
        assert_int_equal(s.tables.main.columns[1 + i].type, i % COL_TYPE_COUNT);
        // Neither a part of a name nor more than it.
        assert_int_equal(object_tables_find(&s.tables, str_sub(name, 1, name.len)), NO_COLUMN);
        struct str longer = arena_printf(&s.arena, "%.*s_", STR_ARG(name));
        assert_int_equal(object_tables_find(&s.tables, longer), NO_COLUMN);
    }
    static const struct str UNKNOWN[] = {STR_INIT(""), STR_INIT("\0"), STR_INIT("x_property_1"),
                                         STR_INIT("X_PROPERTY_0"), STR_INIT("x_property_0\0")};
    for (size_t i = 0; i < ARRAY_LEN(UNKNOWN); i++) {
        assert_int_equal(object_tables_find(&s.tables, UNKNOWN[i]), NO_COLUMN);
    }
    done(&s);
}

// ---- names as they are asked for

static void test_lists_of_names(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "contacts");
    static const struct str NAMES[] = {STR_INIT("email"), STR_INIT("a,b"), STR_INIT("caf\xc3\xa9"),
                                       STR_INIT("q\"\\&=#%"), STR_INIT("x\ny")};
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        add(&s, NAMES[i], COL_TEXT);
    }
    assert_true(build(&s, "contacts"));
    check_str(s.tables.query, "email,a%2Cb,caf%C3%A9,q%22%5C%26%3D%23%25,x%0Ay");
    // What is in the body is JSON of the same names in the same order.
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct json one;
    assert_true(json_parse(doc, s.tables.json_names, &root, &s.error));
    struct json_iter it = json_iter(root);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        struct str name = {NULL, 0};
        assert_true(json_next(&it, &one) && json_string(one, &name));
        check_slice(name, NAMES[i]);
    }
    assert_false(json_next(&it, &one));
    json_doc_destroy(doc);
    done(&s);
}

static void test_too_many_names(void **state)
{
    (void)state;
    struct scene s;
    begin(&s, "contacts");
    char name[600];
    memset(name, 'x', sizeof name);
    for (int i = 0; i < LIMIT_PROPERTIES; i++) {
        int len = snprintf(name, 8, "p%d", i);
        name[len] = 'x';
        add(&s, (struct str){name, sizeof name}, COL_TEXT);
    }
    s.tables.mask = 77;
    assert_false(build(&s, "contacts"));
    assert_int_equal(s.error.code, ERR_LIMIT);
    check_contains(s.error.message, "contacts: the names of 20000 properties do not fit a request");
    assert_int_equal(s.tables.mask, 77); // untouched
    done(&s);
}

// ---- the tables of objects, pairs and streams agree

static void test_objects(void **state)
{
    (void)state;
    size_t n = 0;
    const struct object_info *all = objects(&n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(object_find(str_from(all[i].name)), &all[i]);
        assert_ptr_equal(object_find(str_from(all[i].alias)), &all[i]);
        check_row(all[i].fixed[0].kind == FIXED_ID && all[i].fixed[0].type == COL_INT, all[i].name);
        const struct source_stream_info *stream = source_hubspot_find(str_from(all[i].name));
        check_row(stream && strcmp(stream->table, all[i].table) == 0, all[i].name);
    }
    check_str(str_from(object_find(STR("contacts"))->cursor_property), "lastmodifieddate");
    assert_null(object_find(STR("")));
    assert_null(object_find(STR("contact ")));
    assert_null(object_find(STR("Contacts")));
}

static void check_needed(const struct source_stream_info *stream, const char *object)
{
    for (size_t i = 0; i < SOURCE_NEEDS_MAX && stream->needs[i]; i++) {
        if (strcmp(stream->needs[i], object) == 0) {
            return;
        }
    }
    fail_msg("%s does not need %s", stream->name, object);
}

// A pair's stream needs the streams of all its objects: their tables give the ids.
static void test_pairs(void **state)
{
    (void)state;
    size_t n = 0;
    const struct pair_info *all = pairs(&n);
    for (size_t i = 0; i < n; i++) {
        const struct source_stream_info *stream = source_hubspot_find(str_from(all[i].table));
        check_row(stream && strcmp(stream->name, all[i].table) == 0, all[i].table);
        check_row(pair_find(str_from(all[i].table)) == &all[i], all[i].table);
        check_row(strcmp(all[i].a_column, all[i].b_column) != 0, all[i].table);
        check_row(all[i].from_objects[0] && all[i].to_objects[0], all[i].table);
        for (size_t k = 0; all[i].from_objects[k]; k++) {
            assert_non_null(object_find(str_from(all[i].from_objects[k])));
            check_needed(stream, all[i].from_objects[k]);
        }
        for (size_t k = 0; all[i].to_objects[k]; k++) {
            assert_non_null(object_find(str_from(all[i].to_objects[k])));
            check_needed(stream, all[i].to_objects[k]);
        }
    }
    assert_null(pair_find(STR("contact")));
}

// Names and aliases are unique, and nothing needs what comes behind it: so no run waits for ever.
static void test_streams(void **state)
{
    (void)state;
    size_t n = 0;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(source_hubspot_find(str_from(all[i].name)), &all[i]);
        check_row(!all[i].alias || source_hubspot_find(str_from(all[i].alias)) == &all[i],
                  all[i].name);
        check_row(all[i].description[0] && all[i].scope[0] && all[i].table[0], all[i].name);
        for (size_t k = 0; k < SOURCE_NEEDS_MAX && all[i].needs[k]; k++) {
            const struct source_stream_info *need = source_hubspot_find(str_from(all[i].needs[k]));
            check_row(need && need < &all[i], all[i].name);
            check_row(need && strcmp(need->name, all[i].needs[k]) == 0, all[i].name);
        }
    }
    assert_null(source_hubspot_find(STR("")));
    assert_null(source_hubspot_find(STR("hubspot")));
}

// ---- stages of deals

static void test_stage_ids(void **state)
{
    (void)state;
    static const struct str IDS[] = {STR_INIT("appointmentscheduled"),
                                     STR_INIT("closedwon"),
                                     STR_INIT("A1-B2"),
                                     STR_INIT("1024"),
                                     STR_INIT("c 3!"),
                                     STR_INIT("Same"),
                                     STR_INIT("same")};
    static const struct {
        const char *suffix, *want; // NULL: none
    } ROWS[] = {
        {"closedwon", "closedwon"},
        {"closedwon_77", "closedwon"},
        {"a1_b2", "A1-B2"},
        {"a1_b2_9", "A1-B2"},
        {"1024", "1024"},
        {"c3", "c 3!"},
        {"appointmentsch_12", "appointmentscheduled"}, // cut before the number
        {"appointmentsch", NULL},
        {"same", NULL}, // two could be meant
        {"nothing", NULL},
        {"", NULL},
        {"_5", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct str got = stages_match(str_from(ROWS[i].suffix), IDS, ARRAY_LEN(IDS));
        check_str(got, ROWS[i].want ? ROWS[i].want : "");
    }
    assert_int_equal(stages_match(STR("closedwon"), NULL, 0).len, 0);
}

int main(void)
{
    const struct CMUnitTest TESTS[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_copied_properties),
        cmocka_unit_test(test_columns_are_unique_and_stable),
        cmocka_unit_test(test_find_among_many),
        cmocka_unit_test(test_lists_of_names),
        cmocka_unit_test(test_too_many_names),
        cmocka_unit_test(test_objects),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_stage_ids),
    };
    return cmocka_run_group_tests(TESTS, NULL, NULL);
}
