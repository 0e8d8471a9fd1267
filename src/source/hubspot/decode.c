#include "source/hubspot/decode.h"

#include "core/timestamp.h"
#include "data/json_writer.h"

enum {
    REJECT_COLUMNS = 6,
    REJECTS_FIRST = 16,
    RAW_SHOWN_MAX = 65536,
    MERGE_CELLS_MAX = 4000000, // of the rows that mark losers: 64 MB, a quarter of a page's arena
};

// What is set aside in one page; grows in the page's arena.
struct rejects {
    struct cell *cells;
    size_t n, cap;
};

// Everything that decoding one page needs.
struct work {
    struct decoder *d;
    const struct decode_request *r;
    struct page *page;
    struct rejects rejects;
    struct str record_id; // of the record at hand, as text; empty when HubSpot sent a number
    int64_t id;           // the same as a number; 0: not usable
    int64_t *losers;      // ids that were merged away
    int64_t *winners;
    size_t n_merges, cap_merges;
};

// The start of a raw value, cut between characters.
static struct str shown(struct str raw)
{
    if (raw.len <= RAW_SHOWN_MAX) {
        return raw;
    }
    size_t len = RAW_SHOWN_MAX;
    while (len > 0 && ((unsigned char)raw.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return str_sub(raw, 0, len);
}

// What is no string, as JSON; as much of it as is shown.
static struct str json_text(struct json value, struct arena *arena)
{
    struct buf text;
    struct json_writer w;
    buf_init(&text, RAW_SHOWN_MAX);
    json_writer_init(&w, &text);
    json_put(&w, value);
    struct str copy = arena_dup(arena, buf_str(&text));
    buf_done(&text);
    return copy;
}

static void add_reject(struct work *w, struct str column, struct str raw, const char *reason)
{
    struct arena *arena = &w->page->arena;
    if (w->record_id.len == 0 && w->id > 0) {
        w->record_id = arena_printf(arena, "%lld", (long long)w->id);
    }
    struct rejects *x = &w->rejects;
    if (x->n == x->cap) {
        size_t cap = x->cap ? x->cap * 2 : REJECTS_FIRST;
        struct cell *grown = ARENA_ARRAY(arena, struct cell, cap * REJECT_COLUMNS);
        if (x->n > 0) {
            memcpy(grown, x->cells, x->n * REJECT_COLUMNS * sizeof *grown);
        }
        x->cells = grown;
        x->cap = cap;
    }
    char now[TIMESTAMP_TEXT_MAX];
    timestamp_format(clock_now_ms(w->d->clock), now);
    struct cell *row = &x->cells[x->n++ * REJECT_COLUMNS];
    const char *ignored = NULL;
    row[0] = cell_text(w->d->stream);
    convert_text(COL_TEXT, shown(w->record_id), true, arena, &row[1], &ignored);
    row[2] = cell_text(column);
    convert_text(COL_TEXT, shown(raw), true, arena, &row[3], &ignored);
    row[4] = cell_text(str_from(reason));
    row[5] = cell_text(arena_dup(arena, str_from(now)));
    w->page->rejects++;
}

static struct batch *add_batch(struct page *page, const struct table *table, enum batch_op op,
                               struct cell *cells, size_t n_rows)
{
    assert(page->n_batches < PAGE_MAX_BATCHES);
    struct batch *b = &page->batches[page->n_batches++];
    *b = (struct batch){.table = table, .op = op, .cells = cells, .n_rows = n_rows};
    return b;
}

static void finish_rejects(struct work *w)
{
    if (w->rejects.n > 0) {
        add_batch(w->page, w->d->reject_table, BATCH_INSERT, w->rejects.cells, w->rejects.n);
    }
}

void decode_reject(struct decoder *d, struct page *page, struct str record_id, struct str column,
                   struct str raw, const char *reason)
{
    struct work w = {.d = d, .page = page, .record_id = record_id};
    add_reject(&w, column, raw, reason);
    finish_rejects(&w);
}

static bool record_id(struct json record, struct str *ret_text, int64_t *ret_id)
{
    struct json id;
    *ret_text = (struct str){NULL, 0};
    if (!json_get(record, STR("id"), &id)) {
        return false;
    }
    if (json_string(id, ret_text)) {
        return str_to_int64(*ret_text, ret_id) && *ret_id > 0;
    }
    return json_int(id, ret_id) && *ret_id > 0;
}

// The property at this position: most often the one that stood there in the record before.
static int property_at(struct decoder *d, size_t position, struct str key)
{
    const struct object_tables *t = d->tables;
    if (position < d->n_guesses) {
        int guess = d->guesses[position];
        if (guess >= 0 && str_eq(t->properties[guess], key)) {
            return guess;
        }
    }
    int found = object_tables_find(t, key);
    if (position < GUESSES_MAX) {
        while (d->n_guesses <= position) {
            d->guesses[d->n_guesses++] = NO_COLUMN;
        }
        d->guesses[position] = (int16_t)found;
    }
    return found;
}

// Loser ids of "1;2;3"; what is no id is left to the property's own column.
static void note_merges(struct work *w, int64_t winner, struct str list)
{
    struct str one;
    while (str_next(&list, ';', &one)) {
        int64_t loser = 0;
        if (!str_to_int64(str_trim(one), &loser) || loser <= 0 || loser == winner) {
            continue;
        }
        if ((w->n_merges + 1) * w->d->tables->main.n_columns > MERGE_CELLS_MAX) {
            add_reject(w, STR("hs_merged_object_ids"), one,
                       "more merged records in one page than can be marked deleted at once");
            return;
        }
        if (w->n_merges == w->cap_merges) {
            size_t cap = w->cap_merges ? w->cap_merges * 2 : REJECTS_FIRST;
            int64_t *losers = ARENA_ARRAY(&w->page->arena, int64_t, cap);
            int64_t *winners = ARENA_ARRAY(&w->page->arena, int64_t, cap);
            if (w->n_merges > 0) {
                memcpy(losers, w->losers, w->n_merges * sizeof *losers);
                memcpy(winners, w->winners, w->n_merges * sizeof *winners);
            }
            w->losers = losers;
            w->winners = winners;
            w->cap_merges = cap;
        }
        w->losers[w->n_merges] = loser;
        w->winners[w->n_merges++] = winner;
    }
}

static void decode_value(struct work *w, int property, struct json value, struct cell *cell)
{
    const struct object_tables *t = w->d->tables;
    enum column_type type = t->types[property];
    struct str raw = {NULL, 0};
    const char *reason = NULL;
    enum convert_result result;
    if (json_string(value, &raw)) {
        result = convert_text(type, raw, w->r->suspicious, &w->page->arena, cell, &reason);
    } else {
        result = convert_json(type, value, w->r->suspicious, &w->page->arena, cell, &reason);
    }
    if (result == CONVERT_REJECT || result == CONVERT_REPAIRED) {
        const struct column *c = &t->main.columns[t->info->n_fixed + (size_t)property];
        raw = raw.ptr ? raw : json_text(value, &w->page->arena);
        add_reject(w, c->name, raw, reason);
    }
}

static void decode_properties(struct work *w, int64_t id, struct json properties, struct cell *row)
{
    const struct object_tables *t = w->d->tables;
    size_t n_fixed = t->info->n_fixed;
    struct json_iter it = json_iter(properties);
    struct str key;
    struct json value;
    for (size_t position = 0; json_next_field(&it, &key, &value); position++) {
        int property = property_at(w->d, position, key);
        if (property == NO_COLUMN || json_is_null(value)) {
            continue;
        }
        struct cell *cell = &row[n_fixed + (size_t)property];
        decode_value(w, property, value, cell);
        if (property == t->merged_property && cell->kind == CELL_TEXT) {
            note_merges(w, id, (struct str){cell->ptr, cell->len});
        }
    }
}

static void fill_fixed(struct work *w, int64_t id, struct cell *row)
{
    const struct object_tables *t = w->d->tables;
    const struct object_info *info = t->info;
    for (size_t i = 0; i < info->n_fixed; i++) {
        const struct fixed_column *f = &info->fixed[i];
        if (f->kind == FIXED_ID) {
            row[i] = cell_int(id);
        } else if (f->kind == FIXED_PORTAL) {
            row[i] = cell_int(w->d->portal_id);
        } else if (f->kind == FIXED_TYPE) {
            row[i] = cell_text(str_from(info->engagement_type));
        } else if (f->kind == FIXED_DELETED) {
            row[i] = cell_bool(false);
        } else if (t->fixed_source[i] != NO_COLUMN) {
            const struct cell *from = &row[info->n_fixed + (size_t)t->fixed_source[i]];
            const char *reason = NULL;
            if (from->kind == CELL_TEXT) {
                // What does not fit here is already kept in the property's own column.
                convert_text(f->type, (struct str){from->ptr, from->len}, false, &w->page->arena,
                             &row[i], &reason);
            }
        }
    }
}

static void note_id(struct decode_result *x, int64_t id)
{
    if (x->n_seen == 0) {
        x->first_id = id;
    } else if (id <= x->last_id) {
        x->ascending = false;
    }
    x->n_seen++;
    x->last_id = id;
    x->max_id = MAX(x->max_id, id);
}

static void add_merge_batches(struct work *w)
{
    const struct object_tables *t = w->d->tables;
    if (w->n_merges == 0) {
        return;
    }
    struct arena *arena = &w->page->arena;
    if (w->r->op != BATCH_INSERT) { // into an empty table: the losers are not listed, so not there
        struct cell *gone = ARENA_ARRAY(arena, struct cell, w->n_merges * t->main.n_columns);
        for (size_t i = 0; i < w->n_merges; i++) {
            gone[i * t->main.n_columns] = cell_int(w->losers[i]);
        }
        add_batch(w->page, &t->main, BATCH_DELETED, gone, w->n_merges);
    }
    if (!t->merges) {
        return;
    }
    size_t n_columns = t->merges->n_columns;
    struct cell *rows = ARENA_ARRAY(arena, struct cell, w->n_merges * n_columns);
    for (size_t i = 0; i < w->n_merges; i++) {
        rows[i * n_columns] = cell_int(w->winners[i]);
        rows[i * n_columns + 1] = cell_int(w->losers[i]);
        if (n_columns > 2) {
            rows[i * n_columns + 2] = cell_int(w->winners[i]); // contact_merge_audit.contact_id
        }
    }
    add_batch(w->page, t->merges, BATCH_UPSERT, rows, w->n_merges);
}

// Rows of the table of all engagements, from the rows of the kind's own table.
static void add_engagement_batch(struct work *w, const struct cell *rows, size_t n)
{
    const struct object_tables *t = w->d->tables;
    if (!t->engagement || n == 0) {
        return;
    }
    struct cell *cells =
        ARENA_ARRAY(&w->page->arena, struct cell, n * (size_t)ENGAGEMENT_TABLE_COLUMNS);
    for (size_t i = 0; i < n; i++) {
        struct cell *row = &cells[i * ENGAGEMENT_TABLE_COLUMNS];
        row[0] = rows[i * t->main.n_columns];
        row[1] = cell_int(w->d->portal_id);
        row[2] = cell_text(str_from(t->info->engagement_type));
    }
    add_batch(w->page, t->engagement, w->r->op, cells, n);
}

// Rows of deal_stage from the dates in the deals' own rows; they replace those that the deals had.
static void add_stage_batch(struct work *w, const struct cell *rows, size_t n)
{
    const struct stages *stages = w->d->stages;
    const struct object_tables *t = w->d->tables;
    struct arena *arena = &w->page->arena;
    if (!stages || n == 0) {
        return;
    }
    enum { COLUMNS = 6 };
    assert(TABLE_DEAL_STAGE.n_columns == COLUMNS);
    struct cell *cells = ARENA_ARRAY(arena, struct cell, n * stages->n * COLUMNS);
    int64_t *scope = ARENA_ARRAY(arena, int64_t, n);
    size_t n_rows = 0;
    for (size_t i = 0; i < n; i++) {
        const struct cell *row = &rows[i * t->main.n_columns];
        const struct cell *properties = &row[t->info->n_fixed];
        scope[i] = row[0].num;
        for (size_t k = 0; k < stages->n; k++) {
            const struct stage_date *s = &stages->items[k];
            if (properties[s->entered].kind != CELL_TEXT) {
                continue;
            }
            struct cell *out = &cells[n_rows++ * COLUMNS];
            out[0] = row[0];
            out[1] = cell_text(s->stage);
            out[2] = properties[s->entered];
            if (s->exited != NO_COLUMN) {
                out[3] = properties[s->exited];
            }
        }
    }
    bool fresh = w->r->op == BATCH_INSERT;
    struct batch *b =
        add_batch(w->page, &TABLE_DEAL_STAGE, fresh ? BATCH_INSERT : BATCH_REPLACE, cells, n_rows);
    b->scope = scope;
    b->n_scope = n;
}

bool decode_page(struct decoder *d, const struct decode_request *r, struct page *page,
                 struct decode_result *ret, struct error *err)
{
    if (json_type(r->results) != JSON_ARRAY) {
        return error_set(err, ERR_SOURCE_DATA, "the answer has no list of \"results\"");
    }
    const struct object_tables *t = d->tables;
    struct work w = {.d = d, .r = r, .page = page};
    struct decode_result x = {.ascending = true};
    size_t n_columns = t->main.n_columns;
    struct cell *cells = ARENA_ARRAY(&page->arena, struct cell, json_count(r->results) * n_columns);
    size_t n = 0;
    struct json_iter it = json_iter(r->results);
    struct json record;
    while (json_next(&it, &record)) {
        int64_t id = 0;
        struct json properties = {0};
        bool usable = record_id(record, &w.record_id, &id);
        w.id = usable ? id : 0;
        if (!usable || !json_get(record, STR("properties"), &properties) ||
            json_type(properties) != JSON_OBJECT) {
            add_reject(&w, (struct str){NULL, 0}, json_text(record, &page->arena),
                       "the record has no usable id or no properties");
            continue;
        }
        note_id(&x, id);
        if (id >= r->end_id && r->end_id != INT64_MAX) {
            x.reached_end = true;
            continue;
        }
        struct cell *row = &cells[n++ * n_columns];
        decode_properties(&w, id, properties, row);
        fill_fixed(&w, id, row);
    }
    x.n_records = n;
    page->records += n;
    if (n > 0) {
        add_batch(page, &t->main, r->op, cells, n);
    }
    add_engagement_batch(&w, cells, n);
    add_stage_batch(&w, cells, n);
    add_merge_batches(&w);
    finish_rejects(&w);
    *ret = x;
    return true;
}

bool decode_ids(struct json results, struct arena *arena, int64_t **ret_ids,
                struct decode_result *ret, struct error *err)
{
    if (json_type(results) != JSON_ARRAY) {
        return error_set(err, ERR_SOURCE_DATA, "the answer has no list of \"results\"");
    }
    struct decode_result x = {.ascending = true};
    int64_t *ids = ARENA_ARRAY(arena, int64_t, json_count(results) + 1);
    struct json_iter it = json_iter(results);
    struct json record;
    struct str text;
    int64_t id = 0;
    while (json_next(&it, &record)) {
        if (record_id(record, &text, &id)) {
            note_id(&x, id);
            ids[x.n_records++] = id;
        }
    }
    *ret_ids = ids;
    *ret = x;
    return true;
}
