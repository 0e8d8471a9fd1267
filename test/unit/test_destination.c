// The same scenes for every destination: tables of them in test_destination_*.c.
#include "test_destination.h"

enum { MAX_TESTS = 256, NAME_MAX_BYTES = 96 };

static const struct column CONTACT_COLUMN[] = {
    {STR_INIT("id"), COL_INT},
    {STR_INIT("name"), COL_TEXT},
    {STR_INIT("amount"), COL_DECIMAL},
    {STR_INIT("seen"), COL_TIMESTAMP},
};
const struct table CONTACT = {STR_INIT("contact"), CONTACT_COLUMN, CONTACT_COLUMNS, 1};

static const struct column PAIR_COLUMN[] = {
    {STR_INIT("contact_id"), COL_INT},
    {STR_INIT("company_id"), COL_INT},
    {STR_INIT("label"), COL_TEXT},
};
const struct table PAIR = {STR_INIT("contact_company"), PAIR_COLUMN, 3, 2};

struct destination_options world_options(struct world *w)
{
    return (struct destination_options){
        .url = str_from(w->url),
        .schema = str_from(w->schema),
        .metadata = {STR("_sluice_synced"), STR("_sluice_deleted")},
        .clock = &w->clock.clock,
        .cancel = &w->cancel,
    };
}

bool world_open(struct world *w, struct error *err)
{
    struct destination_options options = world_options(w);
    return destination_open(&options, &w->dest, err) &&
           session_open(w->dest, STR("contacts"), &w->session, err);
}

static void must(bool ok, const struct error *err)
{
    if (!ok) {
        print_error("%s: %s\n", error_info(err->code)->name, err->message);
    }
    assert_true(ok);
}

static void world_close(struct world *w)
{
    session_close(w->session);
    destination_close(w->dest);
    w->session = NULL;
    w->dest = NULL;
}

void world_reopen(struct world *w)
{
    struct error err;
    world_close(w);
    must(world_open(w, &err), &err);
}

void apply(struct world *w, const struct table *table)
{
    struct error err;
    bool empty;
    must(session_apply_schema(w->session, table, &empty, &err), &err);
}

void begin(struct world *w, int64_t synced_ms)
{
    struct error err;
    must(session_begin(w->session, synced_ms, &err), &err);
}

void commit(struct world *w, const char *state)
{
    struct error err;
    must(session_commit(w->session, str_from(state), &err), &err);
}

void write_batch(struct world *w, const struct batch *batch)
{
    struct error err;
    must(session_write(w->session, batch, &err), &err);
}

void write_cells(struct world *w, const struct table *table, enum batch_op op, struct cell *cells,
                 size_t n)
{
    struct batch batch = {.table = table, .op = op, .cells = cells, .n_rows = n / table->n_columns};
    assert_int_equal(n % table->n_columns, 0);
    write_batch(w, &batch);
}

void load(struct world *w, const struct table *table, enum batch_op op, struct cell *cells,
          size_t n, int64_t synced_ms)
{
    begin(w, synced_ms);
    write_cells(w, table, op, cells, n);
    commit(w, NULL);
}

static struct sql *look(struct world *w)
{
    struct error err;
    if (w->db) {
        return w->db;
    }
    struct str url = str_from(w->url);
    if (!w->postgres) {
        url = arena_printf(&w->arena, "%s%s.db", w->url, w->schema);
    }
    struct sql_options options = {.url = url, .clock = clock_system()};
    must(sql_open(&options, &w->db, &err), &err);
    if (w->postgres) {
        struct buf text;
        buf_init(&text, 1024);
        buf_add_cstr(&text, "SET search_path TO ");
        sql_quote_name(&text, str_from(w->schema));
        must(sql_exec(w->db, buf_cstr(&text), &err), &err);
        buf_done(&text);
    }
    return w->db;
}

static void add_value(struct buf *b, struct sql_value v)
{
    switch ((enum sql_type)v.type) {
    case SQL_INT:
        buf_add_int(b, v.num);
        break;
    case SQL_FLOAT:
        buf_printf(b, "%.17g", v.dbl);
        break;
    case SQL_TEXT:
    case SQL_BLOB:
        buf_add(b, (struct str){v.ptr, v.len});
        break;
    case SQL_NULL:
    default:
        buf_add_char(b, '-');
    }
}

const char *ask(struct world *w, const char *query)
{
    struct error err;
    struct sql_stmt *st = NULL;
    bool row = true;
    struct buf b;
    buf_init(&b, 64U << 20);
    must(sql_prepare(look(w), str_from(query), &st, &err), &err);
    must(sql_query(st, NULL, 0, &err), &err);
    for (size_t n = 0;; n++) {
        must(sql_next(st, &row, &err), &err);
        if (!row) {
            break;
        }
        buf_add_cstr(&b, n > 0 ? "\n" : "");
        for (size_t i = 0; i < sql_column_count(st); i++) {
            buf_add_cstr(&b, i > 0 ? "|" : "");
            add_value(&b, sql_column(st, i));
        }
    }
    sql_finalize(st);
    const char *answer = arena_cstr(&w->arena, buf_str(&b));
    buf_done(&b);
    return answer;
}

const char *state_of(struct world *w)
{
    struct error err;
    struct str state;
    must(session_read_state(w->session, &w->arena, &state, &err), &err);
    return arena_cstr(&w->arena, state);
}

static int set_up(void **state)
{
    struct world *w = *state;
    struct error err;
    arena_init(&w->arena, 256U << 20);
    virtual_clock_init(&w->clock, 1700000000000);
    w->cancel = (struct cancel){0};
    if (!w->postgres) {
        test_dir_create(w->dir);
        (void)snprintf(w->url, sizeof(w->url), "sqlite:%s/", w->dir);
    }
    must(world_open(w, &err), &err);
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    sql_close(w->db);
    w->db = NULL;
    world_close(w);
    arena_done(&w->arena);
    if (!w->postgres) {
        test_dir_destroy(w->dir);
    }
    return 0;
}

struct test {
    struct world world; // first: the state of a test is its world
    const struct scene *scene;
    char name[NAME_MAX_BYTES];
};

static void run_scene(void **state)
{
    struct test *test = *state;
    test->scene->run(&test->world);
}

struct tests {
    struct test rows[MAX_TESTS];
    struct CMUnitTest units[MAX_TESTS];
    size_t n;
};

static void add_scenes(struct tests *tests, const struct scene *scenes, struct test_server *server)
{
    for (; scenes->name; scenes++) {
        assert_true(tests->n < MAX_TESTS);
        struct test *test = &tests->rows[tests->n];
        test->scene = scenes;
        test->world.postgres = server != NULL;
        test->world.server = server;
        (void)snprintf(test->world.schema, sizeof(test->world.schema), "scene_%zu", tests->n);
        if (server) {
            (void)test_server_url(server, test->world.url);
        }
        (void)snprintf(test->name, sizeof(test->name), "%s: %s", server ? "postgres" : "sqlite",
                       scenes->name);
        tests->units[tests->n++] = (struct CMUnitTest){.name = test->name,
                                                       .test_func = run_scene,
                                                       .setup_func = set_up,
                                                       .teardown_func = tear_down,
                                                       .initial_state = test};
    }
}

int main(void)
{
    static const struct scene *const SCENES[] = {
        ROW_SCENES,     VALUE_SCENES,   SCHEMA_SCENES,       FAULT_SCENES,
        REMOVAL_SCENES, HISTORY_SCENES, HISTORY_LIFE_SCENES, PART_SCENES};
    struct test_server server = {0};
    struct tests *tests = calloc(1, sizeof(*tests));
    assert_non_null(tests);
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(SCENES); i++) {
        add_scenes(tests, SCENES[i], NULL);
    }
    bool have_server = test_server_create(&server);
    for (size_t i = 0; i < ARRAY_LEN(SCENES) && have_server; i++) {
        add_scenes(tests, SCENES[i], &server);
    }
    int failed = _cmocka_run_group_tests("destination", tests->units, tests->n, NULL, NULL);
    if (have_server) {
        test_server_destroy(&server);
    }
    free(tests);
    return failed + (have_server ? 0 : 1);
}
