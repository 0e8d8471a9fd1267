#include "source/hubspot/pair_read.h"

#include "core/limits.h"
#include "data/json_writer.h"
#include "source/hubspot/fetch.h"

void pair_reader_init(struct pair_reader *r, struct source_stream *s, const struct table *table,
                      bool from_is_a)
{
    *r = (struct pair_reader){.stream = s, .table = table, .from_is_a = from_is_a};
    arena_init(&r->more_arena[0], LIMIT_BODY_BYTES);
    arena_init(&r->more_arena[1], LIMIT_BODY_BYTES);
    buf_init(&r->body, LIMIT_REQUEST_BODY);
}

void pair_reader_done(struct pair_reader *r)
{
    if (!r->stream) {
        return;
    }
    arena_done(&r->more_arena[0]);
    arena_done(&r->more_arena[1]);
    buf_done(&r->body);
    free(r->found);
}

bool pair_reader_busy(const struct pair_reader *r)
{
    return r->task != PAIR_TASK_NONE;
}

static void set_chunk(struct pair_reader *r, const int64_t *ids, size_t n, enum pair_task task)
{
    assert(n > 0 && n <= PAIR_IDS_MAX);
    memcpy(r->ids, ids, n * sizeof *ids);
    r->n_ids = n;
    r->n_more = 0;
    r->n_calls = 0;
    r->first = true;
    r->task = task;
}

void pair_reader_begin(struct pair_reader *r, const struct pair_part *part, const int64_t *ids,
                       size_t n, bool merge)
{
    assert(!pair_reader_busy(r));
    r->part = *part;
    r->merge = merge;
    r->last_id = ids[n - 1];
    set_chunk(r, ids, n, PAIR_TASK_FORWARD);
}

// Starts the look-up for the next part, or ends the chunk.
static void next_lookup(struct pair_reader *r)
{
    if (r->n_parts == 0) {
        r->task = PAIR_TASK_NONE;
        return;
    }
    r->part = *r->parts++;
    r->n_parts--;
    r->n_found = 0;
    r->next_found = 0;
    set_chunk(r, r->changed, r->n_changed, PAIR_TASK_LOOKUP);
}

void pair_reader_begin_reverse(struct pair_reader *r, const struct pair_part *parts, size_t n_parts,
                               const int64_t *ids, size_t n)
{
    assert(!pair_reader_busy(r) && n_parts > 0 && n <= PAIR_IDS_MAX);
    memcpy(r->changed, ids, n * sizeof *ids);
    r->n_changed = n;
    r->removed = false;
    r->merge = false;
    r->last_id = ids[n - 1];
    r->parts = parts;
    r->n_parts = n_parts;
    next_lookup(r);
}

// ---- one call

static void add_input(struct json_writer *w, int64_t id, struct str after)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%lld", (long long)id);
    json_begin_object(w);
    json_field_str(w, "id", (struct str){text, (size_t)n});
    if (after.len > 0) {
        json_field_str(w, "after", after);
    }
    json_end_object(w);
}

static void build_body(struct pair_reader *r)
{
    struct json_writer w;
    buf_reset(&r->body);
    json_writer_init(&w, &r->body);
    json_begin_object(&w);
    json_key(&w, STR("inputs"));
    json_begin_array(&w);
    if (r->n_more > 0) {
        for (size_t i = 0; i < r->n_more; i++) {
            add_input(&w, r->more[i].id, r->more[i].after);
        }
    } else {
        for (size_t i = 0; i < r->n_ids; i++) {
            add_input(&w, r->ids[i], (struct str){NULL, 0});
        }
    }
    json_end_array(&w);
    json_end_object(&w);
}

static bool result_id(struct json result, int64_t *ret_id)
{
    struct json from;
    struct json id;
    struct str text;
    if (!json_get(result, STR("from"), &from) || !json_get(from, STR("id"), &id)) {
        return false;
    }
    return json_string(id, &text) ? str_to_int64(text, ret_id) : json_int(id, ret_id);
}

// Remembers where a record's list goes on.
static bool note_more(struct pair_reader *r, struct json result, int64_t id, size_t *n,
                      struct error *err)
{
    char digits[FETCH_DIGITS_MAX];
    struct str after;
    if (!fetch_after(result, digits, &after, err)) {
        return error_context(err, "record %lld", (long long)id);
    }
    if (after.len == 0) {
        return true;
    }
    if (*n == PAIR_IDS_MAX) {
        return error_set(err, ERR_SOURCE_DATA, "more records than were asked for");
    }
    r->more[(*n)++] = (struct pair_more){id, arena_dup(&r->more_arena[r->more_side], after)};
    return true;
}

static size_t count_rows(struct json results)
{
    size_t n = 0;
    struct json_iter it = json_iter(results);
    struct json result;
    struct json to;
    struct json types;
    while (json_next(&it, &result)) {
        if (!json_get(result, STR("to"), &to)) {
            continue;
        }
        struct json_iter walk = json_iter(to);
        struct json one;
        while (json_next(&walk, &one)) {
            n += json_get(one, STR("associationTypes"), &types) ? json_count(types) : 0;
        }
    }
    return n;
}

static size_t type_rows(struct pair_reader *r, int64_t from, struct json to, struct page *page,
                        struct cell *cells)
{
    struct json types;
    struct json type;
    int64_t to_id = 0;
    size_t n = 0;
    if (!json_get_int(to, STR("toObjectId"), &to_id) ||
        !json_get(to, STR("associationTypes"), &types)) {
        return 0;
    }
    struct json_iter it = json_iter(types);
    while (json_next(&it, &type)) {
        struct cell *row = &cells[n * PAIR_COLUMNS];
        row[0] = cell_int(r->from_is_a ? from : to_id);
        row[1] = cell_int(r->from_is_a ? to_id : from);
        row[2] = cell_field(type, "category", COL_TEXT, &page->arena);
        row[3] = cell_field(type, "typeId", COL_INT, &page->arena);
        row[4] = cell_field(type, "label", COL_TEXT, &page->arena);
        n += row[2].kind == CELL_TEXT && row[3].kind == CELL_INT;
    }
    return n;
}

// Rows of a forward answer; keeps in `more` the records whose lists go on.
static void take_rows(struct pair_reader *r, struct json results, struct page *page)
{
    size_t total = count_rows(results);
    bool replace = r->first && !r->merge;
    struct cell *cells =
        page_add_rows(page, r->table, replace ? BATCH_REPLACE : BATCH_UPSERT, total);
    struct batch *b = &page->batches[page->n_batches - 1];
    if (replace) {
        int64_t *scope = ARENA_ARRAY(&page->arena, int64_t, r->n_ids);
        memcpy(scope, r->ids, r->n_ids * sizeof *scope);
        b->scope = scope;
        b->n_scope = r->n_ids;
        b->scope_column = r->from_is_a ? 0 : 1;
    }
    size_t n = 0;
    struct json_iter it = json_iter(results);
    struct json result;
    while (json_next(&it, &result)) {
        int64_t from = 0;
        struct json to;
        if (!result_id(result, &from) || !json_get(result, STR("to"), &to)) {
            continue;
        }
        struct json_iter walk = json_iter(to);
        struct json one;
        while (json_next(&walk, &one)) {
            n += type_rows(r, from, one, page, &cells[n * PAIR_COLUMNS]);
        }
    }
    assert(n <= total);
    b->n_rows = n;
    page->records += n;
    r->first = false;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void sort_found(struct pair_reader *r)
{
    if (r->n_found == 0) {
        return;
    }
    qsort(r->found, r->n_found, sizeof *r->found, compare_ids);
    size_t n = 1;
    for (size_t i = 1; i < r->n_found; i++) {
        if (r->found[i] != r->found[n - 1]) {
            r->found[n++] = r->found[i];
        }
    }
    r->n_found = n;
}

static bool add_found(struct pair_reader *r, int64_t id, struct error *err)
{
    if (r->n_found == r->cap_found) {
        sort_found(r);
    }
    if (r->n_found > r->cap_found / 2 || r->cap_found == 0) {
        size_t cap = r->cap_found ? r->cap_found * 2 : PAIR_IDS_MAX;
        if (cap > PAIR_FOUND_MAX) {
            return error_set(err, ERR_LIMIT,
                             "%d changed records are associated with more than %d others; "
                             "use --full-refresh for this stream",
                             PAIR_IDS_MAX, PAIR_FOUND_MAX);
        }
        r->found = realloc(r->found, cap * sizeof *r->found);
        if (!r->found) {
            abort();
        }
        r->cap_found = cap;
    }
    r->found[r->n_found++] = id;
    return true;
}

static bool take_found(struct pair_reader *r, struct json results, struct error *err)
{
    struct json_iter it = json_iter(results);
    struct json result;
    while (json_next(&it, &result)) {
        struct json to;
        struct json one;
        int64_t id = 0;
        if (!json_get(result, STR("to"), &to)) {
            continue;
        }
        struct json_iter walk = json_iter(to);
        while (json_next(&walk, &one)) {
            if (json_get_int(one, STR("toObjectId"), &id) && !add_found(r, id, err)) {
                return false;
            }
        }
    }
    return true;
}

static bool take_more(struct pair_reader *r, struct json results, struct error *err)
{
    struct json_iter it = json_iter(results);
    struct json result;
    int64_t id = 0;
    size_t n = 0;
    r->more_side ^= 1; // the old texts are not needed once their call has been answered
    arena_reset(&r->more_arena[r->more_side]);
    while (json_next(&it, &result)) {
        if (result_id(result, &id) && !note_more(r, result, id, &n, err)) {
            return false;
        }
    }
    r->n_more = n;
    return true;
}

// The rows of changed records of the other side go, and come back with the records they are
// associated with.
static void add_reverse_removal(struct pair_reader *r, struct page *page)
{
    if (r->removed) {
        return;
    }
    r->removed = true;
    page_add_rows(page, r->table, BATCH_REPLACE, 0);
    struct batch *b = &page->batches[page->n_batches - 1];
    int64_t *scope = ARENA_ARRAY(&page->arena, int64_t, r->n_changed);
    memcpy(scope, r->changed, r->n_changed * sizeof *scope);
    b->scope = scope;
    b->n_scope = r->n_changed;
    b->scope_column = r->from_is_a ? 1 : 0;
}

// The next chunk of found records, the next part, or the end.
static void next_found(struct pair_reader *r)
{
    size_t left = r->n_found - r->next_found;
    if (left == 0) {
        next_lookup(r);
        return;
    }
    size_t n = MIN(left, (size_t)PAIR_IDS_MAX);
    set_chunk(r, &r->found[r->next_found], n, PAIR_TASK_FOUND);
    r->next_found += n;
}

static bool call(struct pair_reader *r, struct page *page, struct json *ret_results,
                 struct error *err)
{
    bool reverse = r->task == PAIR_TASK_LOOKUP;
    struct json root;
    build_body(r);
    struct hubspot_request request = {
        .endpoint = HUBSPOT_ASSOC_BATCH_READ,
        .args.from = str_from(reverse ? r->part.to->name : r->part.from->name),
        .args.to = str_from(reverse ? r->part.from->name : r->part.to->name),
        .body = buf_str(&r->body),
    };
    return fetch_json(r->stream->client, &request, page->doc, &root, &page->bytes, err) &&
           fetch_errors(root, err) && fetch_results(root, ret_results, err);
}

bool pair_reader_next(struct pair_reader *r, struct page **ret, struct error *err)
{
    assert(pair_reader_busy(r));
    struct page *page = stream_page(r->stream);
    struct json results;
    bool lookup = r->task == PAIR_TASK_LOOKUP;
    if (++r->n_calls > PAIR_CALLS_MAX) {
        page_destroy(page);
        return error_set(err, ERR_SOURCE_DATA, "the lists of %zu records do not end after %d calls",
                         r->n_ids, PAIR_CALLS_MAX);
    }
    if (!call(r, page, &results, err) || (lookup && !take_found(r, results, err)) ||
        !take_more(r, results, err)) {
        page_destroy(page);
        return false;
    }
    if (!lookup) {
        take_rows(r, results, page);
    }
    if (r->n_more > 0) {
        page->hold = true; // the same chunk goes on
    } else if (lookup) {
        sort_found(r);
        add_reverse_removal(r, page);
        next_found(r);
        page->hold = pair_reader_busy(r);
    } else if (r->task == PAIR_TASK_FOUND) {
        next_found(r);
        page->hold = pair_reader_busy(r);
    } else {
        r->task = PAIR_TASK_NONE;
    }
    *ret = page;
    return true;
}
