#include "store/budgets.h"

#include "data/json_writer.h"
#include "store/rows.h"

enum { DATA_MAX = 4096, WAITING_FOR_MAX = 200 };

// What is in the object; all are whole numbers.
static const struct {
    const char *name;
    size_t offset;
} FIELDS[] = {
    {"window_max", offsetof(struct budget_row, window_max)},
    {"window_allowed", offsetof(struct budget_row, window_allowed)},
    {"window_used", offsetof(struct budget_row, window_used)},
    {"window_foreign", offsetof(struct budget_row, window_foreign)},
    {"daily_max", offsetof(struct budget_row, daily_max)},
    {"daily_allowed", offsetof(struct budget_row, daily_allowed)},
    {"daily_used", offsetof(struct budget_row, daily_used)},
    {"day_ends_ms", offsetof(struct budget_row, day_ends_ms)},
    {"waiting", offsetof(struct budget_row, waiting)},
    {"waiting_until_ms", offsetof(struct budget_row, waiting_until_ms)},
    {"calls", offsetof(struct budget_row, calls)},
    {"retries", offsetof(struct budget_row, retries)},
    {"refused", offsetof(struct budget_row, refused)},
};
static const char WAITING_FOR[] = "waiting_for";

static struct str write_data(const struct budget_row *b, struct arena *arena)
{
    struct json_writer w;
    struct buf out;
    buf_init(&out, DATA_MAX);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        json_field_int(&w, FIELDS[i].name, *(const int64_t *)((const char *)b + FIELDS[i].offset));
    }
    json_field_str(&w, WAITING_FOR, rows_clean(b->waiting_for, WAITING_FOR_MAX, arena));
    json_end_object(&w);
    assert(!out.overflow);
    struct str data = arena_dup(arena, buf_str(&out));
    buf_done(&out);
    return data;
}

// A field that a former program did not write is 0.
static bool parse_data(struct str data, struct json_doc *doc, struct arena *arena,
                       struct budget_row *ret)
{
    struct json root;
    struct error ignored;
    struct str waiting_for = STR("");
    if (!json_parse(doc, data, &root, &ignored) || json_type(root) != JSON_OBJECT) {
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(FIELDS); i++) {
        (void)json_get_int(root, str_from(FIELDS[i].name),
                           (int64_t *)((char *)ret + FIELDS[i].offset));
    }
    (void)json_get_string(root, str_from(WAITING_FOR), &waiting_for);
    ret->waiting_for = arena_dup(arena, waiting_for);
    return true;
}

static bool read_budget(struct row *row, void *item, struct error *err)
{
    struct budget_row *ret = item;
    struct budget_row b = {0};
    b.connection_id = row_text(row);
    b.at_ms = row_int(row);
    struct str data = row_text(row);
    struct json_doc *doc = json_doc_create();
    row->bad = row->bad || !parse_data(data, doc, row->arena, &b);
    json_doc_destroy(doc);
    *ret = b;
    return row_check(row, "budget", b.connection_id, err);
}

static int by_connection(const void *a, const void *b)
{
    const struct budget_row *const *x = a;
    const struct budget_row *const *y = b;
    return str_cmp((*x)->connection_id, (*y)->connection_id);
}

static bool put_one(struct store *s, const struct budget_row *b, int64_t now_ms,
                    struct arena *arena, struct error *err)
{
    static const struct str TEXT =
        STR_INIT("INSERT INTO connection_budget (connection_id, at_ms, data)"
                 " SELECT name, CAST($1 AS BIGINT), CAST($2 AS TEXT) FROM connection"
                 " WHERE name = $3"
                 " ON CONFLICT (connection_id) DO UPDATE SET at_ms = excluded.at_ms,"
                 " data = excluded.data");
    struct sql_value args[] = {sql_int(b->at_ms ? b->at_ms : now_ms),
                               sql_text(write_data(b, arena)), sql_text(b->connection_id)};
    return rows_run(s, &(struct statement){TEXT, args, ARRAY_LEN(args)}, NULL, err);
}

// In the order of their names: processes that write the same ones do not wait for each other in a
// circle.
static bool put(struct store *s, const struct budget_row *rows, size_t n, struct error *err)
{
    struct arena arena;
    int64_t now_ms = 0;
    arena_init(&arena, n * (DATA_MAX + sizeof(void *)) * 2 + 4096);
    const struct budget_row **sorted = ARENA_ARRAY(&arena, const struct budget_row *, n);
    for (size_t i = 0; i < n; i++) {
        sorted[i] = &rows[i];
    }
    qsort(sorted, n, sizeof(struct budget_row *), by_connection);
    bool ok = store_now_ms(s, &now_ms, err);
    for (size_t i = 0; ok && i < n; i++) {
        ok = put_one(s, sorted[i], now_ms, &arena, err);
    }
    arena_done(&arena);
    return ok;
}

bool budget_row_put(struct store *s, const struct budget_row *rows, size_t n, struct error *err)
{
    return n == 0 || (store_begin(s, err) && store_end(s, put(s, rows, n, err), err));
}

#define SELECT "SELECT connection_id, at_ms, data FROM connection_budget"

bool budget_row_find(struct store *s, struct str connection_id, struct arena *arena,
                     struct budget_row *ret, bool *ret_found, struct error *err)
{
    struct sql_value args[] = {sql_text(connection_id)};
    return rows_find(s, &(struct statement){STR(SELECT " WHERE connection_id = $1"), args, 1},
                     &(struct row_reader){arena, read_budget}, ret, ret_found, err);
}

bool budget_row_list(struct store *s, struct arena *arena, struct budget_row **ret, size_t *ret_n,
                     struct error *err)
{
    struct row_list list = {.arena = arena, .size = sizeof(struct budget_row), .read = read_budget};
    if (!rows_list(s, &(struct statement){STR(SELECT " ORDER BY connection_id"), NULL, 0}, &list,
                   err)) {
        return false;
    }
    *ret = list.items;
    *ret_n = list.n;
    return true;
}
