// What the databases take without sluice: the rows of a loaded table, in memory beforehand, written
// once more.
//
//   run-floor sqlite FILE TABLE NEW_FILE       prepared upserts, 10,000 rows a transaction
//   run-floor postgres URL SCHEMA TABLE merge  COPY into a temporary table and one merge, 10,000
//   rows a transaction run-floor postgres URL SCHEMA TABLE copy   COPY straight into an empty table
//
// Prints `rows seconds`. Ends with 1 and a message on any error.
#include "core/arena.h"
#include "core/buf.h"
#include "core/clock.h"

#include <libpq-fe.h>
#include <sqlite3.h>

enum { ROWS_A_TRANSACTION = 10000, CHUNK_BYTES = 512 * 1024 };
static const size_t MAX_BYTES = (size_t)8 * 1024 * 1024 * 1024;

static NORETURN void die(const char *what, const char *why)
{
    fprintf(stderr, "run-floor: %s: %s\n", what, why);
    exit(1); // NOLINT(concurrency-mt-unsafe): there is one thread
}

static void report(size_t rows, int64_t from_us, const struct clock *clock)
{
    printf("%zu %.4f\n", rows, (double)(clock->mono_us(clock) - from_us) / 1e6);
}

static void sqlite_do(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
}

static sqlite3_stmt *sqlite_make(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
        die(sql, sqlite3_errmsg(db));
    }
    return st;
}

static sqlite3 *sqlite_open_file(const char *path, int flags)
{
    sqlite3 *db;
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK) {
        die(path, sqlite3_errmsg(db));
    }
    return db;
}

struct rows {
    sqlite3_value **values; // row-major
    size_t n;
    int columns;
};

static struct rows sqlite_read(sqlite3 *db, const char *sql)
{
    struct rows rows = {0};
    size_t cap = 0;
    sqlite3_stmt *st = sqlite_make(db, sql);
    rows.columns = sqlite3_column_count(st);
    while (sqlite3_step(st) == SQLITE_ROW) {
        size_t at = rows.n * (size_t)rows.columns;
        if (rows.n == cap) {
            cap = cap > 0 ? cap * 2 : 1024;
            rows.values = realloc(rows.values, cap * (size_t)rows.columns * sizeof(*rows.values));
            assert(rows.values != NULL);
        }
        for (int i = 0; i < rows.columns; i++) {
            rows.values[at + (size_t)i] = sqlite3_value_dup(sqlite3_column_value(st, i));
        }
        rows.n++;
    }
    sqlite3_finalize(st);
    return rows;
}

// INSERT ... ON CONFLICT over all columns of the table; the first is the key.
static void sqlite_upsert_sql(sqlite3 *db, const char *table, struct buf *out)
{
    struct buf sets;
    struct buf marks;
    buf_init(&sets, 1024 * 1024);
    buf_init(&marks, 64 * 1024);
    buf_printf(out, "INSERT INTO main.\"%s\" VALUES (", table);
    char *sql = sqlite3_mprintf("SELECT name FROM pragma_table_info(%Q) ORDER BY cid", table);
    sqlite3_stmt *st = sqlite_make(db, sql);
    struct str key = {NULL, 0};
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    for (int i = 0; sqlite3_step(st) == SQLITE_ROW; i++) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        buf_add_cstr(&marks, i > 0 ? ",?" : "?");
        if (i == 0) {
            key = arena_dup(&arena, str_from(name));
        } else {
            buf_printf(&sets, "%s\"%s\"=excluded.\"%s\"", i > 1 ? "," : "", name, name);
        }
    }
    buf_add(out, buf_str(&marks));
    buf_printf(out, ") ON CONFLICT (\"%.*s\") DO UPDATE SET ", STR_ARG(key));
    buf_add(out, buf_str(&sets));
    sqlite3_finalize(st);
    sqlite3_free(sql);
    arena_done(&arena);
    buf_done(&sets);
    buf_done(&marks);
}

static void sqlite_write(sqlite3 *db, const struct rows *rows, const char *sql)
{
    sqlite3_stmt *st = sqlite_make(db, sql);
    for (size_t r = 0; r < rows->n; r++) {
        if (r % ROWS_A_TRANSACTION == 0) {
            sqlite_do(db, r > 0 ? "COMMIT; BEGIN IMMEDIATE" : "BEGIN IMMEDIATE");
        }
        for (int i = 0; i < rows->columns; i++) {
            sqlite3_bind_value(st, i + 1, rows->values[r * (size_t)rows->columns + (size_t)i]);
        }
        if (sqlite3_step(st) != SQLITE_DONE) {
            die("upsert", sqlite3_errmsg(db));
        }
        sqlite3_reset(st);
    }
    sqlite_do(db, "COMMIT");
    sqlite3_finalize(st);
}

static void floor_sqlite(const char *from, const char *table, const char *to)
{
    sqlite3 *source = sqlite_open_file(from, SQLITE_OPEN_READONLY);
    sqlite3 *db = sqlite_open_file(to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
    char *ddl_sql =
        sqlite3_mprintf("SELECT sql FROM sqlite_schema WHERE type = 'table' AND name = %Q", table);
    char *read_sql = sqlite3_mprintf("SELECT * FROM \"%w\"", table);
    struct buf upsert;
    buf_init(&upsert, 4 * 1024 * 1024);

    sqlite3_stmt *ddl = sqlite_make(source, ddl_sql);
    if (sqlite3_step(ddl) != SQLITE_ROW) {
        die(table, "no such table");
    }
    sqlite_do(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
    sqlite_do(db, (const char *)sqlite3_column_text(ddl, 0));
    sqlite3_finalize(ddl);
    sqlite_upsert_sql(source, table, &upsert);
    struct rows rows = sqlite_read(source, read_sql);

    int64_t begin = clock_system()->mono_us(clock_system());
    sqlite_write(db, &rows, buf_cstr(&upsert));
    report(rows.n, begin, clock_system());
    sqlite3_free(ddl_sql);
    sqlite3_free(read_sql);
    buf_done(&upsert);
    sqlite3_close(source);
    sqlite3_close(db);
}

static PGresult *pg_do(PGconn *pg, const char *sql, ExecStatusType wanted)
{
    PGresult *result = PQexec(pg, sql);
    if (PQresultStatus(result) != wanted) {
        die(sql, PQerrorMessage(pg));
    }
    return result;
}

static void pg_command(PGconn *pg, const char *sql)
{
    PQclear(pg_do(pg, sql, PGRES_COMMAND_OK));
}

// The table as COPY's text.
struct copy_text {
    struct buf text;
    size_t rows;
};

static void pg_read(PGconn *pg, const char *sql, struct copy_text *ret)
{
    char *line;
    int len;
    buf_init(&ret->text, MAX_BYTES);
    ret->rows = 0;
    PQclear(pg_do(pg, sql, PGRES_COPY_OUT));
    while ((len = PQgetCopyData(pg, &line, 0)) > 0) {
        buf_add(&ret->text, (struct str){line, (size_t)len});
        ret->rows++;
        PQfreemem(line);
    }
    PQclear(PQgetResult(pg));
    assert(!ret->text.overflow);
}

static void pg_copy_in(PGconn *pg, const char *sql, struct str text)
{
    PQclear(pg_do(pg, sql, PGRES_COPY_IN));
    while (text.len > 0) {
        struct str chunk = str_sub(text, 0, CHUNK_BYTES);
        if (PQputCopyData(pg, chunk.ptr, (int)chunk.len) != 1) {
            die(sql, PQerrorMessage(pg));
        }
        text = str_sub(text, chunk.len, text.len);
    }
    if (PQputCopyEnd(pg, NULL) != 1) {
        die(sql, PQerrorMessage(pg));
    }
    PGresult *result = PQgetResult(pg);
    if (PQresultStatus(result) != PGRES_COMMAND_OK) {
        die(sql, PQerrorMessage(pg));
    }
    PQclear(result);
    PQclear(PQgetResult(pg));
}

// The first `rows` lines of *rest.
static struct str take_rows(struct str *rest, size_t rows)
{
    const char *at = rest->ptr;
    const char *end = rest->ptr + rest->len;
    for (size_t i = 0; i < rows && at < end; i++) {
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    }
    struct str taken = {rest->ptr, (size_t)(at - rest->ptr)};
    *rest = (struct str){at, (size_t)(end - at)};
    return taken;
}

// The SET list of the merge; the key is the first column.
static char *pg_merge_sql(PGconn *pg, struct arena *arena)
{
    PGresult *sets = pg_do(
        pg,
        "SELECT format('INSERT INTO floor.t SELECT * FROM batch ON CONFLICT (%I) DO UPDATE SET %s',"
        " max(attname::text) FILTER (WHERE attnum = 1),"
        " string_agg(format('%I = excluded.%I', attname, attname), ', ') FILTER (WHERE attnum > 1))"
        " FROM pg_attribute WHERE attrelid = 'floor.t'::regclass AND attnum > 0",
        PGRES_TUPLES_OK);
    char *sql = arena_cstr(arena, str_from(PQgetvalue(sets, 0, 0)));
    PQclear(sets);
    return sql;
}

static void floor_postgres(const char *url, const char *schema, const char *table, bool merge)
{
    PGconn *pg = PQconnectdb(url);
    struct copy_text copy;
    struct arena arena;
    arena_init(&arena, 16 * 1024 * 1024);
    if (PQstatus(pg) != CONNECTION_OK) {
        die(url, PQerrorMessage(pg));
    }
    pg_command(pg, "SET client_min_messages = warning");
    pg_command(pg, "DROP SCHEMA IF EXISTS floor CASCADE");
    pg_command(pg, "CREATE SCHEMA floor");
    char *like = arena_cstr(&arena, arena_printf(&arena,
                                                 "CREATE TABLE floor.t (LIKE \"%s\".\"%s\" "
                                                 "INCLUDING ALL) WITH (toast_tuple_target = 8160)",
                                                 schema, table));
    pg_command(pg, like);
    pg_command(pg, "CREATE TEMPORARY TABLE batch (LIKE floor.t) WITH (toast_tuple_target = 8160)");
    char *merge_sql = pg_merge_sql(pg, &arena);
    char *read =
        arena_cstr(&arena, arena_printf(&arena, "COPY \"%s\".\"%s\" TO STDOUT", schema, table));
    pg_read(pg, read, &copy);

    struct str rest = buf_str(&copy.text);
    int64_t begin = clock_system()->mono_us(clock_system());
    while (rest.len > 0) {
        struct str chunk =
            merge ? take_rows(&rest, ROWS_A_TRANSACTION) : take_rows(&rest, copy.rows);
        pg_command(pg, "BEGIN");
        if (merge) {
            pg_command(pg, "TRUNCATE batch");
            pg_copy_in(pg, "COPY batch FROM STDIN", chunk);
            pg_command(pg, merge_sql);
        } else {
            pg_copy_in(pg, "COPY floor.t FROM STDIN", chunk);
        }
        pg_command(pg, "COMMIT");
    }
    report(copy.rows, begin, clock_system());
    pg_command(pg, "DROP SCHEMA floor CASCADE");
    buf_done(&copy.text);
    arena_done(&arena);
    PQfinish(pg);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "sqlite") == 0) {
        floor_sqlite(argv[2], argv[3], argv[4]);
    } else if (argc == 6 && strcmp(argv[1], "postgres") == 0) {
        floor_postgres(argv[2], argv[3], argv[4], strcmp(argv[5], "merge") == 0);
    } else {
        die("usage", "run-floor sqlite FILE TABLE NEW_FILE | postgres URL SCHEMA TABLE merge|copy");
    }
    return 0;
}
