// What the databases alone can take, and what is left of it behind the destination interface: rows
// per second for 30 columns all filled and for 250 of which 40 % are, 10,000 rows a transaction,
// and user + system CPU of this process per row.
//
//   bench-db [--rows N] [--runs N] [POSTGRES_URL]     SQLite in a temporary folder; PostgreSQL when
//   a URL is given
//
// Raw SQLite is a prepared upsert bound by hand. Raw PostgreSQL is COPY of bytes that are encoded
// beforehand, in binary and in text form, straight into the table or into a temporary table and
// merged.

#include "core/random.h"
#include "core/timestamp.h"
#include "destination/postgres_row.h"
#include "destination/statements.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <unistd.h>

enum { BLOCK = 10000, PAGE_ROWS = 100, MAX_COLUMNS = 250, COPY_PIECE = 65536 };

struct bench {
    struct arena arena;
    struct column columns[MAX_COLUMNS];
    struct table table;
    struct cell *cells; // of one block; the ids move on from block to block
    size_t blocks;
    int runs;
    struct str postgres_url;
    struct str only;
    struct buf encoded;
};

// As a portal's properties are mixed: mostly text, some numbers and stamps.
static const enum column_type MIX[] = {
    COL_TEXT, COL_TEXT, COL_TIMESTAMP, COL_TEXT, COL_DECIMAL, COL_TEXT, COL_BOOL, COL_TEXT,
    COL_TEXT, COL_DATE, COL_TEXT,      COL_TEXT, COL_TEXT,    COL_TEXT, COL_TEXT,
};

static bool must(bool ok, const struct error *err)
{
    if (!ok) {
        (void)fprintf(stderr, "bench-db: %s\n", err->message);
        abort();
    }
    return ok;
}

static struct cell text_cell(struct str s)
{
    return (struct cell){.ptr = s.ptr, .len = (uint32_t)s.len, .kind = CELL_TEXT};
}

static struct cell sample(struct arena *a, enum column_type type, struct random *r)
{
    static const char *const TEXTS[] = {"marketingqualifiedlead", "Ada", "ada@example.com",
                                        "M\xc3\xbcnchen", "12 Rue de l'Universit\xc3\xa9, Paris"};
    switch (type) {
    case COL_DECIMAL:
        return text_cell(
            arena_printf(a, "%d.%02d", (int)random_below(r, 100000), (int)random_below(r, 100)));
    case COL_BOOL:
        return (struct cell){.num = (int64_t)random_below(r, 2), .kind = CELL_BOOL};
    case COL_DATE:
        return text_cell(arena_printf(a, "20%02d-%02d-%02d", (int)random_below(r, 30),
                                      (int)random_below(r, 12) + 1, (int)random_below(r, 28) + 1));
    case COL_TIMESTAMP:
        return text_cell(arena_printf(a, "2026-%02d-11T%02d:04:05.%03dZ",
                                      (int)random_below(r, 12) + 1, (int)random_below(r, 24),
                                      (int)random_below(r, 1000)));
    case COL_TEXT:
    case COL_INT:
    case COL_FLOAT:
    case COL_TYPE_COUNT:
    default:
        return text_cell(str_from(TEXTS[random_below(r, ARRAY_LEN(TEXTS))]));
    }
}

static void make_rows(struct bench *b, size_t n_columns, unsigned filled_percent)
{
    struct random r;
    random_seed(&r, 7);
    arena_reset(&b->arena);
    for (size_t i = 0; i < n_columns; i++) {
        b->columns[i].name = i ? arena_printf(&b->arena, "property_%zu", i) : STR("id");
        b->columns[i].type = i ? MIX[i % ARRAY_LEN(MIX)] : COL_INT;
    }
    b->table =
        (struct table){arena_printf(&b->arena, "wide_%zu", n_columns), b->columns, n_columns, 1};
    b->cells = ARENA_ARRAY(&b->arena, struct cell, BLOCK * n_columns);
    for (size_t i = 0; i < BLOCK * n_columns; i++) {
        bool filled = random_below(&r, 100) < filled_percent;
        b->cells[i] = filled ? sample(&b->arena, b->columns[i % n_columns].type, &r)
                             : (struct cell){.kind = CELL_NULL};
    }
}

static void number_rows(struct bench *b, size_t block)
{
    for (size_t row = 0; row < BLOCK; row++) {
        b->cells[row * b->table.n_columns] =
            (struct cell){.num = (int64_t)(block * BLOCK + row + 1), .kind = CELL_INT};
    }
}

static double cpu_seconds(void)
{
    struct rusage u;
    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

struct stopwatch {
    double wall;
    double cpu;
    double wall_sum;
    double cpu_sum;
};

static void start(struct stopwatch *w)
{
    w->wall = (double)clock_mono_us(clock_system()) / 1e6;
    w->cpu = cpu_seconds();
}

static void stop(struct stopwatch *w)
{
    w->wall_sum += (double)clock_mono_us(clock_system()) / 1e6 - w->wall;
    w->cpu_sum += cpu_seconds() - w->cpu;
}

// --- one measurement each, timed around what the database is given -------------------------------

struct place {
    struct destination *dest;
    struct session *session;
};

static struct place open_place(struct bench *b, struct str url)
{
    struct error err;
    struct place p = {0};
    bool empty;
    struct destination_options options = {
        .url = url,
        .schema = STR("bench"),
        .metadata = {STR("_sluice_synced"), STR("_sluice_deleted")},
        .clock = clock_system(),
    };
    must(destination_open(&options, &p.dest, &err), &err);
    must(session_open(p.dest, STR("bench"), &p.session, &err), &err);
    must(session_apply_schema(p.session, &b->table, &empty, &err), &err);
    return p;
}

static void close_place(struct place *p)
{
    session_close(p->session);
    destination_close(p->dest);
}

static void through_interface(struct bench *b, struct place *p, enum batch_op op,
                              struct stopwatch *watch)
{
    struct error err;
    for (size_t block = 0; block < b->blocks; block++) {
        number_rows(b, block);
        start(watch);
        must(session_begin(p->session, 1700000000000, &err), &err);
        for (size_t row = 0; row < BLOCK; row += PAGE_ROWS) {
            struct batch batch = {.table = &b->table,
                                  .op = op,
                                  .n_rows = PAGE_ROWS,
                                  .cells = b->cells + row * b->table.n_columns};
            must(session_write(p->session, &batch, &err), &err);
        }
        must(session_commit(p->session, STR("{\"cursor\":1}"), &err), &err);
        stop(watch);
    }
}

static void bind_cell(sqlite3_stmt *st, int at, const struct cell *c)
{
    switch ((enum cell_kind)c->kind) {
    case CELL_TEXT:
        (void)sqlite3_bind_text(st, at, c->ptr, (int)c->len, SQLITE_STATIC);
        break;
    case CELL_INT:
    case CELL_BOOL:
        (void)sqlite3_bind_int64(st, at, c->num);
        break;
    case CELL_FLOAT:
        (void)sqlite3_bind_double(st, at, c->dbl);
        break;
    case CELL_NULL:
    default:
        (void)sqlite3_bind_null(st, at);
    }
}

static void raw_sqlite(struct bench *b, struct place *p, enum batch_op op, struct stopwatch *watch)
{
    (void)op;
    struct error err;
    struct target *t = NULL;
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    must(target_get(p->session, &b->table, &t, &err), &err);
    text_upsert(&text, p->dest, t);
    const char *path = p->dest->sql_url.ptr + sizeof("sqlite:") - 1;
    bool ok =
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == 0 &&
        sqlite3_exec(db, "PRAGMA synchronous=NORMAL; PRAGMA cache_size=-2048", 0, 0, 0) == 0 &&
        sqlite3_prepare_v2(db, buf_cstr(&text), -1, &st, NULL) == 0;
    size_t n = b->table.n_columns;
    for (size_t block = 0; block < b->blocks && ok; block++) {
        number_rows(b, block);
        start(watch);
        ok = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == 0;
        for (size_t row = 0; row < BLOCK && ok; row++) {
            for (size_t i = 0; i < n; i++) {
                bind_cell(st, (int)i + 1, &b->cells[row * n + i]);
            }
            (void)sqlite3_bind_text(st, (int)n + 1, "2023-11-14T22:13:20.000Z", 24, SQLITE_STATIC);
            (void)sqlite3_bind_int(st, (int)n + 2, 0);
            ok = sqlite3_step(st) == SQLITE_DONE && sqlite3_reset(st) == SQLITE_OK;
        }
        ok = ok && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == 0;
        stop(watch);
    }
    (void)error_set(&err, ERR_DESTINATION, "%s", sqlite3_errmsg(db));
    must(ok, &err);
    sqlite3_finalize(st);
    sqlite3_close(db);
    buf_done(&text);
}

static void encode_binary(struct bench *b, const struct target *t)
{
    static const char HEADER[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0";
    struct error err;
    struct row_form form = {.target = t};
    uint64_t key;
    buf_add(&b->encoded, (struct str){HEADER, sizeof(HEADER)});
    for (size_t row = 0; row < BLOCK; row++) {
        must(postgres_row(&b->encoded, &form, b->cells + row * t->table.n_columns, &key, &err),
             &err);
    }
    buf_add(&b->encoded, (struct str){"\377\377", 2});
}

static void encode_text(struct bench *b, const struct target *t)
{
    size_t n = t->table.n_columns;
    for (size_t i = 0; i < BLOCK * n; i++) {
        const struct cell *c = &b->cells[i]; // no sample holds what would have to be escaped
        if (c->kind == CELL_NULL) {
            buf_add_cstr(&b->encoded, "\\N");
        } else if (c->kind == CELL_TEXT) {
            buf_add(&b->encoded, (struct str){c->ptr, c->len});
        } else {
            buf_add_int(&b->encoded, c->num);
        }
        buf_add_cstr(&b->encoded, (i + 1) % n ? "\t" : "\t2023-11-14T22:13:20.000Z\tf\n");
    }
}

static void send_copy(struct bench *b, struct sql *db, struct buf *text)
{
    struct error err;
    must(sql_copy_begin(db, buf_cstr(text), &err), &err);
    for (size_t at = 0; at < b->encoded.len; at += COPY_PIECE) {
        must(sql_copy_data(db, str_sub(buf_str(&b->encoded), at, COPY_PIECE), &err), &err);
    }
    must(sql_copy_end(db, NULL, &err), &err);
}

static void raw_postgres(struct bench *b, struct place *p, bool straight, bool binary,
                         struct stopwatch *watch)
{
    struct error err;
    struct target *t = NULL;
    struct sql *db = p->session->db;
    const struct str staging = STR("bench_rows");
    struct buf copy;
    struct buf merge;
    buf_init(&copy, STATEMENT_MAX);
    buf_init(&merge, STATEMENT_MAX);
    must(target_get(p->session, &b->table, &t, &err), &err);
    text_create_staging(&copy, p->dest, t, staging, false);
    must(sql_exec(db, buf_cstr(&copy), &err), &err);
    buf_reset(&copy);
    text_copy(&copy, p->dest, t, straight ? (struct str){0} : staging, false);
    copy.len = binary ? copy.len : copy.len - strlen(" (FORMAT binary)");
    text_merge_staged(&merge, p->dest, t, staging);
    for (size_t block = 0; block < b->blocks; block++) {
        number_rows(b, block);
        buf_reset(&b->encoded);
        if (binary) {
            encode_binary(b, t);
        } else {
            encode_text(b, t);
        }
        start(watch);
        must(sql_begin(db, &err), &err);
        send_copy(b, db, &copy);
        must(straight || sql_exec(db, buf_cstr(&merge), &err), &err);
        must(sql_commit(db, &err), &err);
        stop(watch);
    }
    must(sql_exec(db, "DROP TABLE pg_temp.bench_rows", &err), &err);
    buf_done(&copy);
    buf_done(&merge);
}

static void raw_merge_binary(struct bench *b, struct place *p, enum batch_op op,
                             struct stopwatch *w)
{
    (void)op;
    raw_postgres(b, p, false, true, w);
}

static void raw_merge_text(struct bench *b, struct place *p, enum batch_op op, struct stopwatch *w)
{
    (void)op;
    raw_postgres(b, p, false, false, w);
}

static void raw_straight_binary(struct bench *b, struct place *p, enum batch_op op,
                                struct stopwatch *w)
{
    (void)op;
    raw_postgres(b, p, true, true, w);
}

static void raw_straight_text(struct bench *b, struct place *p, enum batch_op op,
                              struct stopwatch *w)
{
    (void)op;
    raw_postgres(b, p, true, false, w);
}

// --- the table of measurements -------------------------------------------------------------------

typedef void measure_fn(struct bench *b, struct place *p, enum batch_op op,
                        struct stopwatch *watch);
static const struct measurement {
    const char *name;
    bool postgres;
    bool is_floor; // what the following ones are compared with
    enum batch_op op;
    measure_fn *fn;
} MEASUREMENTS[] = {
    {"sqlite raw upsert", false, true, BATCH_UPSERT, raw_sqlite},
    {"sqlite destination upsert", false, false, BATCH_UPSERT, through_interface},
    {"sqlite destination insert", false, false, BATCH_INSERT, through_interface},
    {"postgres raw merge, text", true, false, BATCH_UPSERT, raw_merge_text},
    {"postgres raw merge, binary", true, true, BATCH_UPSERT, raw_merge_binary},
    {"postgres destination upsert", true, false, BATCH_UPSERT, through_interface},
    {"postgres raw copy, text", true, false, BATCH_INSERT, raw_straight_text},
    {"postgres raw copy, binary", true, true, BATCH_INSERT, raw_straight_binary},
    {"postgres destination insert", true, false, BATCH_INSERT, through_interface},
};

static void empty_database(struct bench *b, struct str url, bool postgres)
{
    struct error err;
    struct sql *db = NULL;
    struct sql_options options = {.url = url, .clock = clock_system()};
    if (postgres) {
        must(sql_open(&options, &db, &err), &err);
        must(sql_exec(db, "DROP SCHEMA IF EXISTS bench CASCADE; CHECKPOINT", &err), &err);
        sql_close(db);
        return;
    }
    static const char *const SUFFIXES[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(SUFFIXES); i++) {
        (void)unlink(arena_printf(&b->arena, "%s/bench.db%s", url.ptr + 7, SUFFIXES[i]).ptr);
    }
}

// Rows per second of the best of some runs, since a shared machine only ever makes it slower.
static double measure(struct bench *b, const struct measurement *m, struct str url,
                      double *ret_cpu_us)
{
    double best = 0;
    double rows = (double)(b->blocks * BLOCK);
    for (int i = 0; i < b->runs; i++) {
        struct stopwatch watch = {0};
        empty_database(b, url, m->postgres);
        struct place p = open_place(b, url);
        m->fn(b, &p, m->op, &watch);
        close_place(&p);
        if (rows / watch.wall_sum > best) {
            best = rows / watch.wall_sum;
            *ret_cpu_us = watch.cpu_sum / rows * 1e6;
        }
    }
    empty_database(b, url, m->postgres);
    return best;
}

static void measure_all(struct bench *b, struct str sqlite_url)
{
    double base = 0;
    for (size_t i = 0; i < ARRAY_LEN(MEASUREMENTS); i++) {
        const struct measurement *m = &MEASUREMENTS[i];
        if ((m->postgres && b->postgres_url.len == 0) || str_find(str_from(m->name), b->only) < 0) {
            continue;
        }
        double cpu_us = 0;
        double rate = measure(b, m, m->postgres ? b->postgres_url : sqlite_url, &cpu_us);
        base = m->is_floor ? rate : base;
        bool compared = base > 0 && m->fn == through_interface;
        printf("%-28s %4zu columns %10.0f rows/s %8.2f us CPU/row", m->name, b->table.n_columns,
               rate, cpu_us);
        if (compared) {
            printf("   %.2f of raw", rate / base);
        }
        printf("\n");
        (void)fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    static const struct {
        size_t columns;
        unsigned filled;
        size_t share; // of the rows asked for
    } SHAPES[] = {{30, 100, 1}, {250, 40, 4}};
    struct bench b = {.runs = 3};
    int64_t rows = 200000;
    int64_t runs = 3;
    for (int i = 1; i < argc; i++) {
        int64_t *number = strcmp(argv[i], "--rows") == 0   ? &rows
                          : strcmp(argv[i], "--runs") == 0 ? &runs
                                                           : NULL;
        bool only = strcmp(argv[i], "--only") == 0;
        if (str_starts(str_from(argv[i]), STR("postgres"))) {
            b.postgres_url = str_from(argv[i]);
        } else if ((!number && !only) || ++i == argc ||
                   (number && !str_to_int64(str_from(argv[i]), number))) {
            (void)fprintf(stderr, "bench-db [--rows N] [--runs N] [--only NAME] [POSTGRES_URL]\n");
            return 2;
        } else if (only) {
            b.only = str_from(argv[i]);
        }
    }
    char dir[] = "/tmp/sluice-bench-XXXXXX";
    if (!mkdtemp(dir)) {
        perror(dir);
        return 1;
    }
    arena_init(&b.arena, (size_t)1 << 30);
    buf_init(&b.encoded, (size_t)1 << 30);
    b.runs = (int)MAX(runs, 1);
    for (size_t i = 0; i < ARRAY_LEN(SHAPES); i++) {
        char url[64];
        b.blocks = MAX((size_t)rows / SHAPES[i].share / BLOCK, (size_t)1);
        make_rows(&b, SHAPES[i].columns, SHAPES[i].filled);
        (void)snprintf(url, sizeof(url), "sqlite:%s", dir);
        measure_all(&b, str_from(url));
    }
    buf_done(&b.encoded);
    arena_done(&b.arena);
    (void)rmdir(dir);
    return 0;
}
