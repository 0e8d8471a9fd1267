// What reading one page costs, stage by stage: parse, walk, convert. Prints nanoseconds per record
// and per value for generated pages of 100 records, with 30 properties all filled and with 250 of
// which 60 % are null.
//
//   bench-micro [SECONDS_PER_STAGE]     0.5 by default

#include "core/buf.h"
#include "core/clock.h"
#include "core/random.h"
#include "data/convert.h"
#include "data/json_writer.h"

#include <inttypes.h>

enum { RECORDS = 100, BODY_MAX = 16 * 1024 * 1024, COLUMNS_MAX = 250 };

struct bench_page {
    size_t n_columns;
    unsigned null_percent;
    enum column_type types[COLUMNS_MAX];
    struct str names[COLUMNS_MAX];
    struct arena arena;
    struct buf body;
};

// As a portal's properties are mixed: mostly text, some numbers and stamps.
static const enum column_type MIX[] = {
    COL_TEXT, COL_TEXT, COL_TIMESTAMP, COL_TEXT, COL_DECIMAL, COL_TEXT, COL_BOOL, COL_TEXT,
    COL_TEXT, COL_DATE, COL_TEXT,      COL_TEXT, COL_TEXT,    COL_TEXT, COL_TEXT,
};

static struct str sample(enum column_type type, struct random *r, struct arena *arena)
{
    static const char *const TEXTS[] = {"marketingqualifiedlead", "Ada", "ada@example.com",
                                        "M\xc3\xbcnchen", "12 Rue de l'Universit\xc3\xa9, Paris"};
    switch (type) {
    case COL_DECIMAL:
        return arena_printf(arena, "%d.%02d", (int)random_below(r, 100000),
                            (int)random_below(r, 100));
    case COL_INT:
        return arena_printf(arena, "%d", (int)random_below(r, 1000000000));
    case COL_BOOL:
        return random_below(r, 2) ? STR("true") : STR("false");
    case COL_DATE:
        return arena_printf(arena, "20%02d-%02d-%02d", (int)random_below(r, 30),
                            (int)random_below(r, 12) + 1, (int)random_below(r, 28) + 1);
    case COL_TIMESTAMP:
        return arena_printf(arena, "2026-%02d-11T%02d:04:05.%03dZ", (int)random_below(r, 12) + 1,
                            (int)random_below(r, 24), (int)random_below(r, 1000));
    case COL_TEXT:
    case COL_FLOAT:
    case COL_TYPE_COUNT:
        break;
    }
    return str_from(TEXTS[random_below(r, ARRAY_LEN(TEXTS))]);
}

static void write_record(struct bench_page *p, struct json_writer *w, struct random *r)
{
    char id[24];
    snprintf(id, sizeof(id), "%d", (int)random_below(r, 1000000000));
    json_begin_object(w);
    json_field_str(w, "id", str_from(id));
    json_key(w, STR("properties"));
    json_begin_object(w);
    for (size_t i = 0; i < p->n_columns; i++) {
        json_key(w, p->names[i]);
        if (random_below(r, 100) < p->null_percent) {
            json_put_null(w);
        } else {
            json_put_str(w, sample(p->types[i], r, &p->arena));
        }
    }
    json_end_object(w);
    json_field_str(w, "createdAt", STR("2025-01-02T03:04:05.678Z"));
    json_field_str(w, "updatedAt", STR("2026-01-02T03:04:05.678Z"));
    json_field_bool(w, "archived", false);
    json_end_object(w);
}

static void make_page(struct bench_page *p, size_t n_columns, unsigned null_percent)
{
    *p = (struct bench_page){.n_columns = n_columns, .null_percent = null_percent};
    arena_init(&p->arena, LIMIT_PAGE_ARENA);
    buf_init(&p->body, BODY_MAX);
    struct random r;
    random_seed(&r, 7);
    for (size_t i = 0; i < n_columns; i++) {
        p->types[i] = MIX[i % ARRAY_LEN(MIX)];
        p->names[i] = arena_printf(&p->arena, "hs_%s_%zu", column_type_name(p->types[i]), i);
    }
    struct json_writer w;
    json_writer_init(&w, &p->body);
    json_begin_object(&w);
    json_key(&w, STR("results"));
    json_begin_array(&w);
    for (int i = 0; i < RECORDS; i++) {
        write_record(p, &w, &r);
    }
    json_end_array(&w);
    json_end_object(&w);
    assert(!p->body.overflow);
}

static void done_page(struct bench_page *p)
{
    buf_done(&p->body);
    arena_done(&p->arena);
}

enum stage { STAGE_PARSE, STAGE_WALK, STAGE_CONVERT, STAGE_COUNT };

// What one round uses; `sum` keeps the compiler from leaving the work out.
struct round {
    const struct bench_page *page;
    struct json_doc *doc;
    struct arena arena;
    enum stage upto;
    uint64_t sum;
};

static void read_properties(struct round *r, struct json properties, struct cell *cells)
{
    struct json_iter it = json_iter(properties);
    struct str key;
    struct json value;
    for (size_t i = 0; json_next_field(&it, &key, &value); i++) {
        const struct bench_page *p = r->page;
        if (i >= p->n_columns || !str_eq(key, p->names[i])) {
            abort(); // the writer and the reader disagree
        }
        if (r->upto == STAGE_WALK) {
            struct str text;
            r->sum += json_string(value, &text) ? text.len : 1;
            continue;
        }
        const char *reason;
        r->sum += convert_json(p->types[i], value, false, &r->arena, &cells[i], &reason);
    }
}

static void run_once(struct round *r)
{
    struct json root;
    struct json results;
    struct error err;
    if (!json_parse(r->doc, buf_str(&r->page->body), &root, &err) ||
        !json_get(root, STR("results"), &results)) {
        abort();
    }
    if (r->upto == STAGE_PARSE) {
        return;
    }
    arena_reset(&r->arena);
    struct cell *cells = ARENA_ARRAY(&r->arena, struct cell, r->page->n_columns * RECORDS);
    struct json_iter it = json_iter(results);
    struct json record;
    for (size_t row = 0; json_next(&it, &record); row++) {
        struct json properties;
        if (!json_get(record, STR("properties"), &properties)) {
            abort();
        }
        read_properties(r, properties, cells + row * r->page->n_columns);
    }
}

// Nanoseconds per record, the best of rounds until `seconds` are over.
static double measure(struct round *r, double seconds)
{
    const struct clock *clock = clock_system();
    int64_t end = clock_mono_us(clock) + (int64_t)(seconds * 1e6);
    double best = 1e18;
    int64_t now = clock_mono_us(clock);
    while (now < end) {
        enum { BATCH = 20 };
        int64_t start = now;
        for (int i = 0; i < BATCH; i++) {
            run_once(r);
        }
        now = clock_mono_us(clock);
        best = MIN(best, (double)(now - start) * 1000 / BATCH / RECORDS);
    }
    return best;
}

static void bench(size_t n_columns, unsigned null_percent, double seconds)
{
    struct bench_page page;
    make_page(&page, n_columns, null_percent);
    struct round r = {.page = &page, .doc = json_doc_create()};
    arena_init(&r.arena, LIMIT_PAGE_ARENA);
    double ns[STAGE_COUNT];
    for (int stage = 0; stage < STAGE_COUNT; stage++) {
        r.upto = (enum stage)stage;
        ns[stage] = measure(&r, seconds);
    }
    double bytes = (double)page.body.len / RECORDS;
    double values = (double)n_columns;
    printf("%zu properties, %u %% null, %.0f bytes a record\n", n_columns, null_percent, bytes);
    printf("  parse    %8.0f ns/record %6.2f GB/s\n", ns[STAGE_PARSE], bytes / ns[STAGE_PARSE]);
    printf("  walk     %8.0f ns/record %6.1f ns/value\n", ns[STAGE_WALK] - ns[STAGE_PARSE],
           (ns[STAGE_WALK] - ns[STAGE_PARSE]) / values);
    printf("  convert  %8.0f ns/record %6.1f ns/value\n", ns[STAGE_CONVERT] - ns[STAGE_WALK],
           (ns[STAGE_CONVERT] - ns[STAGE_WALK]) / values);
    printf("  together %8.0f ns/record (check %" PRIu64 ")\n", ns[STAGE_CONVERT], r.sum % 1000);
    arena_done(&r.arena);
    json_doc_destroy(r.doc);
    done_page(&page);
}

// One type alone, without JSON.
static void bench_type(enum column_type type, double seconds)
{
    enum { VALUES = 1000 };
    struct arena arena;
    arena_init(&arena, LIMIT_PAGE_ARENA);
    struct random r;
    random_seed(&r, 11);
    struct str values[VALUES];
    for (size_t i = 0; i < VALUES; i++) {
        values[i] = sample(type, &r, &arena);
    }
    const struct clock *clock = clock_system();
    int64_t start = clock_mono_us(clock);
    int64_t now = start;
    uint64_t n = 0;
    uint64_t sum = 0;
    while (now - start < (int64_t)(seconds * 1e6)) {
        for (size_t i = 0; i < VALUES; i++) {
            struct cell cell;
            const char *reason;
            sum += convert_text(type, values[i], false, &arena, &cell, &reason) + cell.len;
        }
        n += VALUES;
        now = clock_mono_us(clock);
    }
    printf("  %-10s %6.1f ns/value (check %" PRIu64 ")\n", column_type_name(type),
           (double)(now - start) * 1000 / (double)n, sum % 1000);
    arena_done(&arena);
}

int main(int argc, char **argv)
{
    double seconds = 0.5;
    if (argc > 1 && (!str_to_double(str_from(argv[1]), &seconds) || seconds <= 0)) {
        fprintf(stderr, "usage: bench-micro [SECONDS_PER_STAGE]\n");
        return 2;
    }
    bench(30, 0, seconds);
    bench(250, 60, seconds);
    printf("canonical text to cell\n");
    static const enum column_type TYPES[] = {COL_TEXT, COL_INT,  COL_DECIMAL,
                                             COL_BOOL, COL_DATE, COL_TIMESTAMP};
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        bench_type(TYPES[i], seconds / 5);
    }
    return 0;
}
