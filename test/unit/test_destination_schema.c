// Tables, views and indexes: made, widened, refused; hostile names; reading back.
#include "test_destination.h"

#define T0 1700000000000

static void first_and_empty(struct world *w)
{
    struct error err;
    bool empty = false;
    struct cell cells[] = {C_INT(1), C_NULL, C_NULL, C_NULL};
    assert_true(session_apply_schema(w->session, &CONTACT, &empty, &err));
    assert_true(empty);
    empty = false;
    assert_true(session_apply_schema(w->session, &CONTACT, &empty, &err));
    assert_true(empty);
    load(w, &CONTACT, BATCH_INSERT, cells, ARRAY_LEN(cells), T0);
    assert_true(session_apply_schema(w->session, &CONTACT, &empty, &err));
    assert_false(empty);
}

static void columns_are_added(struct world *w)
{
    static const struct column MORE[] = {
        {STR_INIT("id"), COL_INT},    {STR_INIT("city"), COL_TEXT},
        {STR_INIT("name"), COL_TEXT}, {STR_INIT("won"), COL_BOOL},
        {STR_INIT("born"), COL_DATE}, {STR_INIT("rate"), COL_FLOAT},
        {STR_INIT("count"), COL_INT}, {STR_INIT("at"), COL_TIMESTAMP},
    };
    const struct table wider = {STR("contact"), MORE, ARRAY_LEN(MORE), 1};
    struct cell cells[] = {
        C_INT(1), C_TEXT("a"), C_TEXT("1.5"), C_NULL, //
        C_INT(2), C_TEXT("b"), C_NULL,        C_NULL,
    };
    struct cell more[] = {C_INT(2),
                          C_TEXT("Oslo"),
                          C_NULL,
                          C_BOOL(1),
                          C_TEXT("2000-01-01"),
                          C_FLOAT(0.5),
                          C_INT(7),
                          C_TEXT("2024-01-01T00:00:00.000Z")};
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    apply(w, &wider);
    apply(w, &wider);
    load(w, &wider, BATCH_UPSERT, more, ARRAY_LEN(more), T0);
    // What the second form does not know keeps its values.
    check_ask(w, "SELECT id, name, CAST(amount AS TEXT), city, won, count FROM contact ORDER BY id",
              "1|a|1.5|-|-|-\n2|-|-|Oslo|1|7");
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    check_ask(w, "SELECT name, city FROM contact WHERE id = 2", "b|Oslo");
    world_reopen(w); // a session that has not applied the table
    load(w, &wider, BATCH_UPSERT, more, ARRAY_LEN(more), T0);
    check_ask(w, "SELECT name, city FROM contact WHERE id = 2", "-|Oslo");
}

static void check_refused(struct world *w, const struct table *table, enum error_code code,
                          const char *part)
{
    struct error err;
    bool empty;
    assert_false(session_apply_schema(w->session, table, &empty, &err));
    assert_int_equal(err.code, code);
    check_contains(err.message, part);
    check_contains(err.message, "table '");
}

static void other_types_are_refused(struct world *w)
{
    static const struct column OTHER[] = {
        {STR_INIT("id"), COL_INT},
        {STR_INIT("added"), COL_TEXT},
        {STR_INIT("name"), COL_INT},
    };
    static const struct column OTHER_KEY[] = {{STR_INIT("name"), COL_TEXT}};
    const struct table other = {STR("contact"), OTHER, 3, 1};
    const struct table other_key = {STR("contact"), OTHER_KEY, 1, 1};
    const struct table two_keys = {STR("contact"), CONTACT.columns, 4, 2};
    const struct table no_key = {STR("contact"), CONTACT.columns, 4, 0};
    apply(w, &CONTACT);
    check_refused(w, &other, ERR_DESTINATION, "column 'name' of table 'contact' is there as");
    check_refused(w, &other_key, ERR_DESTINATION, "another primary key");
    check_refused(w, &two_keys, ERR_DESTINATION, "another primary key");
    check_refused(w, &no_key, ERR_DESTINATION, "another primary key");
    // Nothing was changed, not even the column that could have been added.
    check_ask(w, "SELECT * FROM contact", "");
    struct cell cells[] = {C_INT(1), C_NULL, C_NULL, C_NULL};
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    check_ask(w, "SELECT * FROM contact",
              w->postgres ? "1|-|-|-|2023-11-14 22:13:20+00|0"
                          : "1|-|-|-|2023-11-14T22:13:20.000Z|0");
}

static void bad_tables_are_refused(struct world *w)
{
    static const struct column TWICE[] = {
        {STR_INIT("id"), COL_INT}, {STR_INIT("name"), COL_TEXT}, {STR_INIT("NAME"), COL_TEXT}};
    static const struct column META[] = {{STR_INIT("id"), COL_INT},
                                         {STR_INIT("_sluice_synced"), COL_TEXT}};
    static const struct column UNNAMED[] = {{STR_INIT("id"), COL_INT}, {STR_INIT(""), COL_TEXT}};
    static const struct column LONG[] = {
        {STR_INIT("a23456789_123456789_123456789_123456789_123456789_123456789_1234"), COL_INT}};
    static const struct column NUL[] = {{STR_INIT("a\0b"), COL_INT}};
    const struct table tables[] = {
        {STR("t"), TWICE, 3, 1},   {STR("t"), META, 2, 1},
        {STR("t"), UNNAMED, 2, 1}, {STR("t"), LONG, 1, 1},
        {STR("t"), NUL, 1, 1},     {STR(""), CONTACT.columns, 4, 1},
        {STR("t"), LONG, 0, 0},    {STR("a\0b"), CONTACT.columns, 4, 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        check_refused(w, &tables[i], ERR_DESTINATION, "table");
    }
}

static struct table many_columns(struct world *w, const char *name, size_t n)
{
    struct column *columns = ARENA_ARRAY(&w->arena, struct column, n);
    for (size_t i = 0; i < n; i++) {
        columns[i].name = arena_printf(&w->arena, "c%zu", i);
        columns[i].type = i ? COL_TEXT : COL_INT;
    }
    return (struct table){str_from(name), columns, n, 1};
}

static void too_many_columns(struct world *w)
{
    size_t limit = w->postgres ? 1600 : 2000;
    struct table most = many_columns(w, "most", limit - 2);
    struct table over = many_columns(w, "over", limit - 1);
    struct table half = many_columns(w, "half", limit / 2);
    struct table other = many_columns(w, "half", limit / 2 + 1);
    check_refused(w, &over, ERR_DESTINATION, "'over' would have");
    apply(w, &most);
    struct cell *cells = ARENA_ARRAY(&w->arena, struct cell, most.n_columns);
    cells[0] = C_INT(1);
    cells[most.n_columns - 1] = C_TEXT("last");
    load(w, &most, BATCH_UPSERT, cells, most.n_columns, T0);
    check_ask(w, w->postgres ? "SELECT c1597 FROM most" : "SELECT c1997 FROM most", "last");
    // And when the sum of old and new ones is too much, none is added.
    apply(w, &half);
    struct column *renamed = ARENA_ARRAY(&w->arena, struct column, other.n_columns);
    memcpy(renamed, other.columns, sizeof(*renamed) * other.n_columns);
    for (size_t i = 1; i < other.n_columns; i++) {
        renamed[i].name = arena_printf(&w->arena, "d%zu", i);
    }
    other.columns = renamed;
    check_refused(w, &other, ERR_DESTINATION, "'half'");
    assert_null(strstr(ask(w, w->postgres ? "SELECT string_agg(column_name, ' ') FROM "
                                            "information_schema.columns WHERE table_name = 'half'"
                                          : "SELECT group_concat(name, ' ') FROM "
                                            "pragma_table_info('half')"),
                       "d1"));
}

static void wide_storage(struct world *w)
{
    const char *query = "SELECT relname::text, reloptions::text FROM pg_class c JOIN pg_namespace n"
                        " ON n.oid = relnamespace WHERE nspname = current_schema()"
                        " AND relname IN ('narrow', 'grown', 'born') ORDER BY 1";
    struct table narrow = many_columns(w, "narrow", 20);
    struct table young = many_columns(w, "grown", 20);
    struct table grown = many_columns(w, "grown", 80);
    struct table born = many_columns(w, "born", 80);
    apply(w, &narrow);
    apply(w, &young);
    apply(w, &grown);
    apply(w, &born);
    if (w->postgres) {
        check_ask(w, query,
                  "born|{toast_tuple_target=8160}\ngrown|{toast_tuple_target=8160}\nnarrow|-");
    }
}

static void hostile_names(struct world *w)
{
    static const char *const NAMES[] = {
        "select",
        "excluded",
        "t",
        "s",
        "a b",
        "Upper",
        "quo\"te",
        "apo'strophe",
        "semi;colon",
        "x\"; DROP TABLE contact; --",
        "$1",
        "%s%n",
        "back\\slash",
        "gr\xc3\xbc\xc3\x9f\x65",
        "123456789_123456789_123456789_123456789_123456789_123456789_123",
    };
    struct column columns[ARRAY_LEN(NAMES) + 1] = {{STR_INIT("id"), COL_INT}};
    struct cell cells[ARRAY_LEN(NAMES) + 1] = {C_INT(1)};
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        columns[i + 1] = (struct column){str_from(NAMES[i]), COL_TEXT};
        cells[i + 1] = C_TEXT(NAMES[i]);
    }
    apply(w, &CONTACT);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++) {
        const struct table table = {str_from(NAMES[i]), columns, ARRAY_LEN(columns), 1};
        const struct table keyed = {arena_printf(&w->arena, "%.50s 2", NAMES[i]), columns + 1,
                                    ARRAY_LEN(NAMES), 2};
        uint64_t count = 0;
        uint64_t swept = 0;
        apply(w, &table);
        apply(w, &table);
        load(w, &table, BATCH_INSERT, cells, ARRAY_LEN(cells), T0);
        load(w, &table, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
        load(w, &table, BATCH_DELETED, cells, ARRAY_LEN(cells), T0);
        load(w, &table, BATCH_DELETE, cells, ARRAY_LEN(cells), T0);
        apply(w, &keyed);
        load(w, &keyed, BATCH_UPSERT, cells + 1, ARRAY_LEN(NAMES), T0);
        load(w, &keyed, BATCH_UPSERT, cells + 1, ARRAY_LEN(NAMES), T0);
        assert_true(session_index_synced(w->session, &table, &err));
        assert_true(session_count(w->session, &keyed, columns[i + 1].name, str_from(NAMES[i]),
                                  &count, &err));
        assert_int_equal(count, 1);
        begin(w, T0 + 1);
        assert_true(session_sweep(w->session, &keyed, columns[i + 1].name, str_from(NAMES[i]),
                                  T0 + 1, false, &swept, &err));
        commit(w, NULL);
        assert_int_equal(swept, 1);
    }
    check_ask(w, "SELECT count(*) FROM contact", "0");
}

static void hostile_schema(struct world *w)
{
    static const struct {
        const char *name;
        bool file; // may be one
    } ROWS[] = {
        {"a\"b'c", true},   {"x\"; DROP SCHEMA public CASCADE; --", true},
        {"a b;%s", true},   {"\xc3\xbc", true},
        {"a/b", false},     {"..", false},
        {".hidden", false}, {"a..b", false},
    };
    struct error err;
    session_close(w->session);
    destination_close(w->dest);
    w->session = NULL;
    w->dest = NULL;
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        struct destination_options options = world_options(w);
        options.schema = str_from(ROWS[i].name);
        struct destination *dest = NULL;
        bool ok = destination_open(&options, &dest, &err);
        check_row(ok == (w->postgres || ROWS[i].file), ROWS[i].name);
        if (!ok) {
            assert_int_equal(err.code, ERR_CONFIG);
            check_contains(err.message, ROWS[i].name);
        }
        destination_close(dest);
    }
    if (w->postgres) {
        check_ask(w,
                  "SELECT count(*) FROM pg_namespace WHERE nspname IN ('public', "
                  "'x\"; DROP SCHEMA public CASCADE; --')",
                  "2");
    }
    struct destination_options options = world_options(w);
    struct destination *dest = NULL;
    options.schema = STR("");
    assert_false(destination_open(&options, &dest, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    options.schema = STR("a\0b");
    assert_false(destination_open(&options, &dest, &err));
    options.schema = STR("123456789_123456789_123456789_123456789_123456789_123456789_1234");
    assert_false(destination_open(&options, &dest, &err));
    assert_true(world_open(w, &err));
}

static void views(struct world *w)
{
    static const struct column OTHER[] = {{STR_INIT("id"), COL_INT}, {STR_INIT("size"), COL_INT}};
    const struct table company = {STR("company"), OTHER, 2, 1};
    const struct str tables[] = {STR("absent"), STR("company"), STR("contact")};
    const struct str columns[] = {STR("id"), STR("name"), STR("size"), STR("nowhere")};
    struct cell cells[] = {C_INT(1), C_TEXT("Ada"), C_NULL, C_NULL};
    struct cell more[] = {C_INT(5), C_INT(50)};
    struct error err;
    assert_true(session_apply_view(w->session, STR("all_of_them"), tables, 3, columns, 2, &err));
    apply(w, &CONTACT);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    for (int i = 0; i < 2; i++) {
        assert_true(
            session_apply_view(w->session, STR("all_of_them"), tables, 3, columns, 2, &err));
        check_ask(w, "SELECT * FROM all_of_them ORDER BY id", "1|Ada");
    }
    apply(w, &company);
    load(w, &company, BATCH_UPSERT, more, ARRAY_LEN(more), T0);
    assert_true(session_apply_view(w->session, STR("all_of_them"), tables, 3, columns, 4, &err));
    check_ask(w, "SELECT * FROM all_of_them ORDER BY id", "1|Ada|-|-\n5|-|50|-");
    // Fewer columns, which PostgreSQL does not replace.
    assert_true(
        session_apply_view(w->session, STR("all_of_them"), tables, 3, columns + 2, 1, &err));
    check_ask(w, "SELECT * FROM all_of_them ORDER BY 1", w->postgres ? "50\n-" : "-\n50");
    assert_false(session_apply_view(w->session, STR("contact"), tables, 3, columns, 2, &err));
    assert_int_equal(err.code, ERR_DESTINATION);
    check_contains(err.message, "contact");
    check_ask(w, "SELECT count(*) FROM contact", "1");
    // And a view is no place for rows.
    const struct table in_the_way = {STR("all_of_them"), OTHER, 2, 1};
    check_refused(w, &in_the_way, ERR_DESTINATION, "is not a table");
}

static void index_on_synced(struct world *w)
{
    const struct table longest = {
        STR("a_table_123456789_123456789_123456789_123456789_123456789_12345"), CONTACT.columns, 4,
        1};
    const struct table twin = {
        STR("a_table_123456789_123456789_123456789_123456789_123456789_12346"), CONTACT.columns, 4,
        1};
    const struct table *const tables[] = {&CONTACT, &longest, &twin};
    struct error err;
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        apply(w, tables[i]);
        assert_true(session_index_synced(w->session, tables[i], &err));
        assert_true(session_index_synced(w->session, tables[i], &err));
    }
    check_ask(w,
              w->postgres ? "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema()"
                            " AND indexname LIKE '%\\_synced'"
                          : "SELECT count(*) FROM sqlite_master WHERE type = 'index' AND name "
                            "LIKE '%_synced'",
              "3");
    if (!w->postgres) {
        check_contains(
            ask(w, "EXPLAIN QUERY PLAN SELECT * FROM contact WHERE _sluice_synced > 'x'"),
            "USING INDEX contact_");
    }
}

static bool stop_at_second(void *user, const struct cell *cells, struct error *err)
{
    int *rows = user;
    assert_int_equal(cells[0].kind, CELL_INT);
    return ++*rows < 2 || error_set(err, ERR_LIMIT, "enough");
}

static void read_back(struct world *w)
{
    struct cell cells[] = {
        C_INT(30), C_TEXT("c"), C_NULL, C_NULL, //
        C_INT(10), C_TEXT("a"), C_NULL, C_NULL, //
        C_INT(20), C_TEXT("b"), C_NULL, C_NULL, //
        C_INT(40), C_TEXT("d"), C_NULL, C_NULL,
    };
    struct error err;
    int64_t ids[3] = {0};
    size_t n = 99;
    int64_t newest = 0;
    int rows = 0;
    assert_true(session_read_table(w->session, &CONTACT, stop_at_second, &rows, &err));
    assert_int_equal(rows, 0);
    assert_false(session_read_ids(w->session, STR("contact"), STR("id"), 0, INT64_MIN, ids, 3, &n,
                                  &newest, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(n, 99);
    apply(w, &CONTACT);
    assert_true(session_read_ids(w->session, STR("contact"), STR("id"), 0, INT64_MIN, ids, 3, &n,
                                 &newest, &err));
    assert_int_equal(n, 0);
    assert_true(newest == INT64_MIN);
    load(w, &CONTACT, BATCH_UPSERT, cells, ARRAY_LEN(cells), T0);
    load(w, &CONTACT, BATCH_UPSERT, cells + CONTACT_COLUMNS, CONTACT_COLUMNS, T0 + 7);
    assert_true(session_read_ids(w->session, STR("contact"), STR("id"), INT64_MIN, INT64_MIN, ids,
                                 3, &n, &newest, &err));
    assert_int_equal(n, 3);
    assert_true(ids[0] == 10 && ids[1] == 20 && ids[2] == 30);
    assert_true(newest == T0 + 7);
    assert_true(session_read_ids(w->session, STR("contact"), STR("id"), 30, INT64_MIN, ids, 3, &n,
                                 NULL, &err));
    assert_true(n == 1 && ids[0] == 40);
    assert_true(
        session_read_ids(w->session, STR("contact"), STR("id"), 0, T0, ids, 3, &n, NULL, &err));
    assert_true(n == 1 && ids[0] == 10);
    load(w, &CONTACT, BATCH_DELETED, cells, CONTACT_COLUMNS, T0);
    // Rows of an open transaction count, too.
    begin(w, T0);
    write_cells(w, &CONTACT, BATCH_DELETE, cells + CONTACT_COLUMNS, CONTACT_COLUMNS);
    assert_true(session_read_ids(w->session, STR("contact"), STR("id"), 0, INT64_MIN, ids, 3, &n,
                                 NULL, &err));
    assert_true(n == 2 && ids[0] == 20 && ids[1] == 40);
    commit(w, NULL);
    assert_false(session_read_table(w->session, &CONTACT, stop_at_second, &rows, &err));
    assert_int_equal(rows, 2);
    assert_int_equal(err.code, ERR_LIMIT);
    assert_false(session_read_ids(w->session, STR("contact"), STR("absent"), 0, INT64_MIN, ids, 3,
                                  &n, NULL, &err));
    assert_int_equal(err.code, ERR_DESTINATION);
}

static bool collect(void *user, const struct cell *cells, struct error *err)
{
    struct buf *b = user;
    (void)err;
    for (size_t i = 0; i < TABLE_COLUMN.n_columns; i++) {
        buf_add(b, (struct str){cells[i].ptr, cells[i].len});
        buf_add_char(b, i + 1 < TABLE_COLUMN.n_columns ? '|' : '\n');
    }
    return true;
}

static void system_tables(struct world *w)
{
    struct error err;
    struct cell columns[] = {
        C_TEXT("deal"),
        C_TEXT("Amount"),
        C_TEXT("property_amount"),
        C_TEXT("decimal"),
        C_TEXT("2024-01-01T00:00:00.000Z"), //
        C_TEXT("contact"),
        C_TEXT("Name"),
        C_TEXT("property_name"),
        C_TEXT("text"),
        C_TEXT("2024-01-01T00:00:00.000Z"),
    };
    struct cell reject[] = {C_TEXT("contacts"),     C_TEXT("7"),
                            C_TEXT("property_n"),   C_TEXT("abc"),
                            C_TEXT("not a number"), C_TEXT("2024-01-01T00:00:00.000Z")};
    struct cell audit[] = {C_TEXT("contacts"), C_TEXT("2024-01"),
                           C_INT(5),           C_INT(4),
                           C_INT(1),           C_TEXT("2024-01-01T00:00:00.000Z")};
    for (int i = 0; i < 2; i++) {
        begin(w, T0);
        write_cells(w, &TABLE_COLUMN, BATCH_UPSERT, columns, ARRAY_LEN(columns));
        write_cells(w, &TABLE_REJECT, i ? BATCH_UPSERT : BATCH_INSERT, reject, ARRAY_LEN(reject));
        write_cells(w, &TABLE_AUDIT, BATCH_UPSERT, audit, ARRAY_LEN(audit));
        commit(w, NULL);
    }
    check_ask(w, "SELECT count(*) FROM _sluice_column", "2");
    check_ask(w, "SELECT count(*), min(reason) FROM _sluice_reject", "2|not a number");
    check_ask(w, "SELECT count(*), max(repaired) FROM _sluice_audit", "1|1");
    struct buf b;
    buf_init(&b, 4096);
    assert_true(session_read_table(w->session, &TABLE_COLUMN, collect, &b, &err));
    check_str(buf_str(&b), "contact|Name|property_name|text|2024-01-01T00:00:00.000Z\n"
                           "deal|Amount|property_amount|decimal|2024-01-01T00:00:00.000Z\n");
    buf_done(&b);
}

static void urls(struct world *w)
{
    struct error err;
    struct destination *dest = NULL;
    struct destination_options options = world_options(w);
    check_str(destination_describe(&options, &w->arena), w->url);
    options.url = STR("postgres://me:secret@h/d");
    check_str(destination_describe(&options, &w->arena), "postgres://me:***@h/d");
    options.url = STR("mysql://me:secret@h/d");
    assert_false(destination_open(&options, &dest, &err));
    assert_int_equal(err.code, ERR_CONFIG);
    assert_null(strstr(err.message, "secret"));
    if (w->postgres) {
        return;
    }
    // A file, an existing directory without '/', a directory to be made, one that cannot be.
    char url[160];
    char dir[64];
    test_dir_create(dir);
    static const struct {
        const char *path;
        const char *file; // NULL: refused
    } ROWS[] = {
        {"/x.db", "/x.db"},   {"", "/scene.db"},  {"/new/", "/new/scene.db"},
        {"/no/where/", NULL}, {"/no/x.db", NULL},
    };
    options.schema = STR("scene");
    for (size_t i = 0; i < ARRAY_LEN(ROWS); i++) {
        char path[160];
        (void)snprintf(url, sizeof(url), "sqlite:%s%s", dir, ROWS[i].path);
        options.url = str_from(url);
        bool ok = destination_open(&options, &dest, &err);
        check_row(ok == (ROWS[i].file != NULL), ROWS[i].path);
        if (ok) {
            destination_close(dest);
            (void)snprintf(path, sizeof(path), "%s%s", dir, ROWS[i].file);
            check_row(access(path, F_OK) == 0, ROWS[i].path);
        } else {
            check_row(err.code == ERR_DESTINATION_CONNECT, ROWS[i].path);
        }
    }
    test_dir_destroy(dir);
}

const struct scene SCHEMA_SCENES[] = {
    {"a new table is empty", first_and_empty},
    {"columns are added", columns_are_added},
    {"other types are refused", other_types_are_refused},
    {"bad tables are refused", bad_tables_are_refused},
    {"too many columns", too_many_columns},
    {"wide tables are stored in line", wide_storage},
    {"hostile names", hostile_names},
    {"hostile schema", hostile_schema},
    {"views", views},
    {"index on the synced column", index_on_synced},
    {"ids and tables are read back", read_back},
    {"system tables", system_tables},
    {"URLs", urls},
    {NULL, NULL},
};
