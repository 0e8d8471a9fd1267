// Which columns and tables reach the destination, and what a change of the rules asks for.
#include "check.h"

#include "engine/columns.h"

static const struct column MAIN_COLUMNS[] = {
    {STR_INIT("id"), COL_INT},
    {STR_INIT("is_deleted"), COL_BOOL},
    {STR_INIT("property_email"), COL_TEXT},
    {STR_INIT("property_amount"), COL_DECIMAL},
    {STR_INIT("property_score"), COL_FLOAT},
    {STR_INIT("property_count"), COL_INT},
};
static const struct table MAIN = {STR_INIT("contact"), MAIN_COLUMNS, ARRAY_LEN(MAIN_COLUMNS), 1, 1};
static const struct source_column FACTS[] = {
    {{NULL, 0}, false},          {{NULL, 0}, false},         {STR_INIT("Email"), false},
    {STR_INIT("amount"), false}, {STR_INIT("score"), false}, {STR_INIT("count"), false},
};
static const struct column SUB_COLUMNS[] = {
    {STR_INIT("id"), COL_INT}, {STR_INIT("part"), COL_INT}, {STR_INIT("type"), COL_TEXT}};
static const struct table SUB = {STR_INIT("part"), SUB_COLUMNS, ARRAY_LEN(SUB_COLUMNS), 1, 0};
static const struct source_column SUB_FACTS[] = {
    {{NULL, 0}, false}, {{NULL, 0}, false}, {{NULL, 0}, true}};
static const struct column REJECT_COLUMNS[] = {
    {STR_INIT("stream"), COL_TEXT}, {STR_INIT("record_id"), COL_TEXT},
    {STR_INIT("column"), COL_TEXT}, {STR_INIT("raw_value"), COL_TEXT},
    {STR_INIT("reason"), COL_TEXT}, {STR_INIT("at"), COL_TIMESTAMP}};
static const struct table REJECT = {STR_INIT("_sluice_reject"), REJECT_COLUMNS,
                                    ARRAY_LEN(REJECT_COLUMNS), 0, 0};

struct scene {
    struct arena arena;
    struct secret *salt;
    struct error err;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    arena_init(&s->arena, 1 << 20);
    s->salt = secret_create(STR("0123456789abcdef0123456789abcdef"));
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    secret_destroy(s->salt);
    arena_done(&s->arena);
    free(s);
    return 0;
}

static struct text_list list(struct scene *s, const char *text)
{
    struct text_list l = {.items = ARENA_ARRAY(&s->arena, struct str, 8)};
    struct str rest = str_from(text);
    struct str item;
    while (str_next(&rest, ',', &item)) {
        l.items[l.n++] = item;
    }
    return l;
}

struct rules {
    const char *excluded, *hashed, *tables;
};

static struct columns *create(struct scene *s, struct rules r)
{
    struct text_list excluded = list(s, r.excluded);
    struct text_list hashed = list(s, r.hashed);
    struct text_list tables = list(s, r.tables);
    return columns_create(&(struct columns_options){&excluded, &hashed, &tables, s->salt});
}

static bool add_tables(struct scene *s, struct columns *c)
{
    return columns_add_table(c, &MAIN, FACTS, true, &s->err) &&
           columns_add_table(c, &SUB, SUB_FACTS, false, &s->err);
}

// Rules that follow on others, whose state was committed.
static struct columns *follow(struct scene *s, struct rules former, struct rules now)
{
    struct columns *before = create(s, former);
    struct str state = columns_sign(before, STR("{\"x\":1}"), &s->arena);
    struct columns *c = create(s, now);
    columns_destroy(before);
    columns_former(c, state);
    assert_true(add_tables(s, c));
    return c;
}

static const struct rules NONE = {"", "", ""};

// ---- tables

static void test_nothing_is_changed_without_rules(void **state)
{
    struct scene *s = *state;
    struct cell cells[] = {cell_int(1)};
    struct batch b = {.table = &MAIN, .n_rows = 1, .cells = cells};
    struct batch out;
    struct columns *c = create(s, NONE);
    columns_former(c, (struct str){NULL, 0});
    assert_true(add_tables(s, c));
    assert_ptr_equal(columns_table(c, &MAIN), &MAIN);
    assert_ptr_equal(columns_table(c, &SUB), &SUB);
    assert_ptr_equal(columns_table(c, &REJECT), &REJECT);
    assert_true(columns_batch(c, &b, &s->arena, &out));
    assert_ptr_equal(out.cells, cells); // not even a copy is made
    check_str(columns_sign(c, STR("{\"x\":1}"), &s->arena), "{\"x\":1}");
    assert_false(columns_need_full(c) || columns_changed(c));
    columns_destroy(c);
}

static void test_tables_without_columns(void **state)
{
    struct scene *s = *state;
    struct columns *c = create(s, (struct rules){"EMAIL,no such column", "amount,is_deleted", ""});
    assert_true(add_tables(s, c));
    const struct table *t = columns_table(c, &MAIN);
    assert_int_equal(t->n_columns, 5);
    assert_int_equal(t->n_keys, 1);
    check_str(t->columns[2].name, "property_amount");
    assert_int_equal(t->columns[2].type, COL_TEXT);
    assert_int_equal(t->deleted_mark, 0); // what is hashed repeats no mark
    assert_int_equal(t->columns[3].type, COL_FLOAT);
    columns_destroy(c);
    c = create(s, (struct rules){"", "", "part"});
    assert_true(add_tables(s, c));
    assert_null(columns_table(c, &SUB));
    columns_destroy(c);
    c = create(s, (struct rules){"", "", "contact"}); // a stream has its main table
    assert_true(add_tables(s, c));
    assert_non_null(columns_table(c, &MAIN));
    columns_destroy(c);
}

static void test_keys_are_kept(void **state)
{
    struct scene *s = *state;
    static const struct {
        struct rules rules;
        const char *part;
    } ROWS[] = {
        {{"ID", "", ""}, "excluded_columns: column \"id\" of table contact cannot be left out"},
        {{"", "id", ""}, "hashed_columns: column \"id\" of table contact cannot be hashed"},
        {{"type", "", ""},
         "excluded_columns: column \"type\" of table part cannot be left out: "
         "rows that are gone are told by it"},
    };
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct columns *c = create(s, ROWS[i].rules);
        assert_false(add_tables(s, c));
        assert_int_equal(s->err.code, ERR_CONFIG);
        check_contains(s->err.message, ROWS[i].part);
        columns_destroy(c);
    }
    struct columns *c = create(s, (struct rules){"type", "", "part"});
    assert_true(add_tables(s, c)); // of a table that is left out nothing is needed
    columns_destroy(c);
}

// ---- values

static void test_hashes(void **state)
{
    struct scene *s = *state;
    // printf '%s' 0123456789abcdef0123456789abcdefTEXT | sha256sum
    static const char *const WANT[] = {
        "4e4667d8983cfa757c10d91a1104c74ed5e7c18b93849f20c47625a9e227fbed",
        "7486462e740955e12719779a0c4dbaf953572a56c32d415a00bc0a16e70856c8",
        "cc25f2aac406a669cc505b603eafae1583ba782a71c00bdd3f1361401b208c7e",
        "bef743256b772bd6e5d1bbc6827eccab35c12465cea871b6f7d3a6c6f09bfd16",
    };
    struct cell cells[] = {
        cell_int(7),
        cell_bool(true),
        cell_text(STR("ann@example.com")),
        cell_text(STR("-12.50")),
        {.dbl = 0.5, .kind = CELL_FLOAT},
        cell_int(-3),
        cell_int(8),
        cell_bool(false),
        cell_text(STR("")),
        {.kind = CELL_NULL},
        {.kind = CELL_NULL},
        {.kind = CELL_NULL},
    };
    struct batch b = {.table = &MAIN, .op = BATCH_UPSERT, .n_rows = 2, .cells = cells};
    struct batch out;
    struct columns *c = create(s, (struct rules){"is_deleted", "email,amount,score,count", ""});
    assert_true(add_tables(s, c));
    assert_true(columns_batch(c, &b, &s->arena, &out));
    assert_ptr_equal(out.table, columns_table(c, &MAIN));
    assert_int_equal(out.table->n_columns, 5);
    assert_int_equal(out.cells[0].num, 7);
    for (size_t i = 0; i < ARRAY_LEN(WANT); i++) {
        struct cell got = out.cells[1 + i];
        assert_int_equal(got.kind, CELL_TEXT);
        check_str(((struct str){got.ptr, got.len}), WANT[i]);
        assert_int_equal(out.cells[6 + i].kind, CELL_NULL); // NULL stays NULL
    }
    assert_int_equal(out.cells[5].num, 8);
    columns_destroy(c);
}

static void test_scope_columns_move(void **state)
{
    struct scene *s = *state;
    struct cell cells[] = {cell_int(1), cell_int(2), cell_text(STR("x"))};
    int64_t scope[] = {2};
    struct batch b = {.table = &SUB,
                      .op = BATCH_REPLACE,
                      .n_rows = 1,
                      .cells = cells,
                      .scope_column = 2,
                      .scope = scope,
                      .n_scope = 1};
    struct batch out;
    struct columns *c = create(s, (struct rules){"part", "", ""});
    assert_true(add_tables(s, c));
    assert_true(columns_batch(c, &b, &s->arena, &out));
    assert_int_equal(out.scope_column, 1);
    check_str(((struct str){out.cells[1].ptr, out.cells[1].len}), "x");
    columns_destroy(c);
    c = create(s, (struct rules){"", "", "part"});
    assert_true(add_tables(s, c));
    assert_false(columns_batch(c, &b, &s->arena, &out));
    columns_destroy(c);
}

static void test_rejects_do_not_tell(void **state)
{
    struct scene *s = *state;
    static const struct {
        const char *column;
        bool kept;
    } ROWS[] = {{"property_email", false}, {"email", false},  {"property_amount", false},
                {"property_score", true},  {"unheard", true}, {NULL, false}};
    struct cell cells[ARRAY_LEN(ROWS) * ARRAY_LEN(REJECT_COLUMNS)] = {0};
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct cell *row = &cells[i * ARRAY_LEN(REJECT_COLUMNS)];
        row[2] =
            ROWS[i].column ? cell_text(str_from(ROWS[i].column)) : (struct cell){.kind = CELL_NULL};
        row[3] = cell_text(STR("raw"));
    }
    struct batch b = {.table = &REJECT, .n_rows = ARRAY_LEN(ROWS), .cells = cells};
    struct batch out;
    struct columns *c = create(s, (struct rules){"email", "amount", ""});
    assert_true(add_tables(s, c));
    assert_true(columns_batch(c, &b, &s->arena, &out));
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        bool kept = out.cells[i * ARRAY_LEN(REJECT_COLUMNS) + 3].kind == CELL_TEXT;
        check_row(kept == ROWS[i].kept, ROWS[i].column ? ROWS[i].column : "a whole record");
    }
    columns_destroy(c);
}

// ---- changes

static const struct {
    const char *what;
    struct rules former, now;
    bool changed, full;
    const char *stale, *hidden;
} CHANGES[] = {
    {"none", {"", "", ""}, {"", "", ""}, false, false, "", ""},
    {"the same",
     {"email", "amount", "part"},
     {" Email ", "amount", "PART"},
     false,
     false,
     "property_email",
     ""},
    {"of what is not there", {"", "", ""}, {"nothing", "no_such", "none"}, false, false, "", ""},
    {"left out",
     {"", "", ""},
     {"email", "", ""},
     true,
     false,
     "property_email",
     "property_email,Email"},
    {"hashed",
     {"", "", ""},
     {"", "amount", ""},
     true,
     true,
     "property_amount",
     "property_amount,amount"},
    {"no longer hashed", {"", "amount", ""}, {"", "", ""}, true, true, "property_amount", ""},
    {"back again", {"email", "", ""}, {"", "", ""}, true, true, "", ""},
    {"hashed, then left out",
     {"", "email", ""},
     {"email", "", ""},
     true,
     false,
     "property_email",
     ""},
    {"left out, then hashed",
     {"email", "", ""},
     {"", "email", ""},
     true,
     true,
     "property_email",
     ""},
    {"a table left out", {"", "", ""}, {"", "", "part"}, true, false, "", ""},
    {"a table is back", {"", "", "part"}, {"", "", ""}, true, true, "", ""},
};

static void test_changes(void **state)
{
    struct scene *s = *state;
    for (size_t i = 0; i < ARRAY_LEN(CHANGES); i++) {
        struct columns *c = follow(s, CHANGES[i].former, CHANGES[i].now);
        struct str *names = NULL;
        struct text_list stale = list(s, CHANGES[i].stale);
        struct text_list hidden = list(s, CHANGES[i].hidden);
        check_row(columns_changed(c) == CHANGES[i].changed, CHANGES[i].what);
        check_row(columns_need_full(c) == CHANGES[i].full, CHANGES[i].what);
        check_row(columns_stale(c, &MAIN, &s->arena, &names) == stale.n, CHANGES[i].what);
        check_row(stale.n == 0 || str_eq(names[0], stale.items[0]), CHANGES[i].what);
        check_row(columns_newly_hidden(c, &s->arena, &names) == hidden.n, CHANGES[i].what);
        for (size_t h = 0; h < hidden.n; h++) {
            check_str(names[h], arena_cstr(&s->arena, hidden.items[h]));
        }
        columns_destroy(c);
    }
}

static void test_another_salt_is_a_change(void **state)
{
    struct scene *s = *state;
    struct columns *before = create(s, (struct rules){"", "email", ""});
    struct str signed_state = columns_sign(before, STR("{\"x\":1}"), &s->arena);
    columns_destroy(before);
    secret_destroy(s->salt);
    s->salt = secret_create(STR("another salt, as after a lost store"));
    struct columns *c = create(s, (struct rules){"", "email", ""});
    columns_former(c, signed_state);
    assert_true(add_tables(s, c));
    assert_true(columns_changed(c) && columns_need_full(c));
    columns_destroy(c);
}

// A stream that has no state is loaded whole anyway; what may stand in its tables is still stale.
static void test_without_a_state(void **state)
{
    struct scene *s = *state;
    struct str *names = NULL;
    struct columns *c = create(s, (struct rules){"", "email", ""});
    columns_former(c, (struct str){NULL, 0});
    assert_true(add_tables(s, c));
    assert_false(columns_need_full(c));
    assert_true(columns_changed(c));
    assert_int_equal(columns_stale(c, &MAIN, &s->arena, &names), 1);
    columns_restart(c);
    assert_true(add_tables(s, c));
    assert_int_equal(columns_stale(c, &MAIN, &s->arena, &names), 1);
    columns_destroy(c);
}

// The state stays what the source reads, with the rules in front; garbage in it is no rule.
static void test_signed_states(void **state)
{
    struct scene *s = *state;
    struct columns *c = create(s, (struct rules){"b,a", "c", "d"});
    struct str text = columns_sign(c, STR("{\"x\":1}"), &s->arena);
    assert_true(str_starts(text, STR("{\"columns\":{\"excluded\":[\"a\",\"b\"],\"hashed\":[\"c\"],"
                                     "\"tables\":[\"d\"],\"salt\":\"")));
    assert_true(str_ends(text, STR("\"},\"x\":1}")));
    assert_null(columns_sign(c, (struct str){NULL, 0}, &s->arena).ptr);
    columns_destroy(c);
    static const char *const GARBAGE[] = {"{\"columns\":7,\"x\":1}",
                                          "{\"columns\":{\"excluded\":\"email\"}}",
                                          "{\"columns\":{\"excluded\":[1,null,{}]}}", "no json"};
    for (size_t i = 0; i < ARRAY_LEN(GARBAGE); i++) {
        c = create(s, NONE);
        columns_former(c, str_from(GARBAGE[i]));
        assert_true(add_tables(s, c));
        check_row(!columns_changed(c), GARBAGE[i]);
        columns_destroy(c);
    }
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_is_changed_without_rules),
        TEST(test_tables_without_columns),
        TEST(test_keys_are_kept),
        TEST(test_hashes),
        TEST(test_scope_columns_move),
        TEST(test_rejects_do_not_tell),
        TEST(test_changes),
        TEST(test_another_salt_is_a_change),
        TEST(test_without_a_state),
        TEST(test_signed_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
