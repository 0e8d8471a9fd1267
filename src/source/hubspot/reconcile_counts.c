// Where the counts differ: HubSpot's count of live records beside that of the rows here. Equal
// counts need one call. Otherwise the ids are halved, and halves are counted, until the places that
// differ are small enough to compare id by id.
#include "source/hubspot/reconcile.h"

#include "core/limits.h"
#include "data/json_writer.h"

enum {
    CELL_FIRST = 64, // ids a cell, doubled while there are more cells than fit
    COMPARE_PAGE = 200,
    COMPARE_IDS = 1000,
    // What is more in one place and less in another shows in no sum. Where there is a difference at
    // all, only parts of a sixteenth are taken for equal when their sums are.
    PARTS = 16,
};

// ---- the rows here

static bool read_live(struct source_stream *s, int64_t after, size_t max, int64_t *ids,
                      size_t *ret_n, struct error *err)
{
    const struct table *table = &object_stream_of(s)->tables.main;
    struct source_ids_query q = {.table = table->name,
                                 .id_column = table->columns[0].name,
                                 .after_id = after,
                                 .synced_after_ms = INT64_MIN,
                                 .max = max};
    const struct source_lookup *lookup = s->options.lookup;
    return lookup->read_ids(lookup->user, &q, ids, ret_n, NULL, err);
}

static void add_live(struct counts *c, int64_t id)
{
    if (++c->n_live % c->per_cell != 0) {
        return;
    }
    c->edges[c->n_cells++] = id;
    if (c->n_cells == RECONCILE_CELLS) { // every second edge goes; edges[0] is the beginning
        c->n_cells = 1;
        for (size_t i = 2; i < RECONCILE_CELLS; i += 2) {
            c->edges[c->n_cells++] = c->edges[i];
        }
        c->per_cell *= 2;
    }
}

static bool count_live(struct source_stream *s, struct counts *c, struct error *err)
{
    int64_t after = 0;
    size_t n = RECONCILE_READ;
    c->per_cell = CELL_FIRST;
    c->n_cells = 1; // of edges so far
    while (n == RECONCILE_READ) {
        if (!read_live(s, after, RECONCILE_READ, c->ids, &n, err)) {
            return false;
        }
        for (size_t i = 0; i < n; i++) {
            add_live(c, c->ids[i]);
        }
        after = n > 0 ? c->ids[n - 1] : after;
    }
    c->edges[c->n_cells] = INT64_MAX;
    return true;
}

static int64_t live_in(const struct counts *c, const struct span *span)
{
    int64_t up_to = span->to == c->n_cells ? c->n_live : (int64_t)span->to * c->per_cell;
    return up_to - (int64_t)span->from * c->per_cell;
}

// ---- what HubSpot counts

// What search is asked for: after < id <= end.
struct window {
    int64_t after, end;
    int limit;
};

struct listing {
    int64_t total;
    int64_t *ids; // in the page's arena
    struct decode_result x;
    bool more;
};

static void build_search(const struct window *asked, struct buf *out)
{
    struct json_writer w;
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, STR("filterGroups"));
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, STR("filters"));
    json_begin_array(&w);
    search_add_window(&w, asked->after, asked->end);
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    search_add_order(&w);
    json_key(&w, STR("properties"));
    json_put_raw(&w, STR("[\"hs_object_id\"]"));
    json_field_int(&w, "limit", asked->limit);
    json_end_object(&w);
}

static bool search_ids(struct source_stream *s, const struct window *asked, struct page *page,
                       struct listing *ret, struct error *err)
{
    struct buf body;
    buf_init(&body, LIMIT_REQUEST_BODY);
    build_search(asked, &body);
    struct hubspot_request request = {.endpoint = HUBSPOT_OBJECT_SEARCH,
                                      .args.type = str_from(object_stream_of(s)->tables.info->name),
                                      .body = buf_str(&body)};
    char next[CURSOR_MAX];
    struct json root;
    struct json results = {0};
    bool ok = fetch_json(s->client, &request, page->doc, &root, &page->bytes, err) &&
              fetch_results(root, &results, err) &&
              decode_ids(results, &page->arena, &ret->ids, &ret->x, err) &&
              fetch_cursor(root, "", next, &ret->more, &s->empty_pages, err);
    buf_done(&body);
    if (!ok) {
        return false;
    }
    if (!json_get_int(root, STR("total"), &ret->total) || ret->total < 0) {
        return error_set(err, ERR_SOURCE_DATA, "search does not say how many records there are");
    }
    return true;
}

// ---- where the counts differ

static void note_total(struct counts *c, bool left, int64_t total)
{
    if (left) {
        assert(c->n_spans > 0);
        c->spans[c->n_spans - 1].total -= total;
    }
}

static bool count_span(struct source_stream *s, struct counts *c, struct span *span,
                       struct error *err)
{
    const struct window asked = {c->edges[span->from], c->edges[span->to], 1};
    struct page *page = stream_page(s);
    struct listing l = {0};
    bool ok = search_ids(s, &asked, page, &l, err);
    page_destroy(page);
    if (ok) {
        span->total = l.total;
        note_total(c, span->left, l.total);
    }
    return ok;
}

// Whether the span need not be looked into.
static bool is_equal(const struct counts *c, const struct span *span, int64_t live)
{
    bool whole = span->to - span->from == c->n_cells;
    return span->total == live && (whole || span->to - span->from <= c->n_cells / PARTS);
}

// Takes the topmost span: it is equal, or small enough to be compared, or falls in two.
static bool take_span(struct source_stream *s, struct counts *c, struct error *err)
{
    struct span span = c->spans[--c->n_spans];
    int64_t live = live_in(c, &span);
    if (is_equal(c, &span, live)) {
        return true;
    }
    if (span.to - span.from == 1 || live <= COMPARE_PAGE) {
        c->after = c->edges[span.from];
        c->end = c->edges[span.to];
        c->width = INT64_MAX;
        c->left = span.left;
        return true;
    }
    if (span.total < 0 && !count_span(s, c, &span, err)) {
        return false;
    }
    if (is_equal(c, &span, live)) {
        return true;
    }
    size_t middle = span.from + (span.to - span.from) / 2;
    assert(c->n_spans + 2 <= RECONCILE_SPANS);
    c->spans[c->n_spans++] = (struct span){middle, span.to, span.total, false};
    c->spans[c->n_spans++] = (struct span){span.from, middle, -1, true};
    return true;
}

// ---- which ids differ

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

// The ids up to `up_to` that only one side has.
static void compare(struct reconcile *r, const struct listing *l, const int64_t *here,
                    size_t n_here, int64_t up_to)
{
    size_t i = 0;
    size_t k = 0;
    size_t n = l->x.n_records;
    r->next = r->n_suspects = 0;
    r->of_marks = false;
    qsort(l->ids, n, sizeof *l->ids, compare_ids);
    for (;;) {
        while (i < n && (l->ids[i] <= r->counts.after || (i > 0 && l->ids[i] == l->ids[i - 1]))) {
            i++; // not asked for, or a second time
        }
        bool theirs = i < n && l->ids[i] <= up_to;
        bool ours = k < n_here && here[k] <= up_to;
        if (!theirs && !ours) {
            return;
        }
        if (theirs && ours && l->ids[i] == here[k]) {
            i++;
            k++;
        } else if (theirs && (!ours || l->ids[i] < here[k])) {
            r->suspects[r->n_suspects++] = l->ids[i++];
        } else {
            r->suspects[r->n_suspects++] = here[k++];
        }
    }
}

// Ids that do not rise say nothing about where the next page begins; narrower windows need none.
static bool narrow(struct counts *c, int64_t stop, struct error *err)
{
    c->width = (stop - c->after) / 4;
    if (stop - c->after == 1) {
        return error_set(err, ERR_SOURCE_DATA, "search gave more than one record for the id %lld",
                         (long long)stop);
    }
    c->width = MAX(1, c->width);
    return true;
}

// A page of search beside the rows that are here.
static bool compare_next(struct source_stream *s, struct reconcile *r, struct page *page,
                         struct error *err)
{
    struct counts *c = &r->counts;
    int64_t stop = c->width < c->end - c->after ? c->after + c->width : c->end;
    const struct window asked = {c->after, stop, COMPARE_PAGE};
    struct listing l = {0};
    if (!search_ids(s, &asked, page, &l, err)) {
        return false;
    }
    if (l.x.n_records > COMPARE_PAGE) {
        return error_set(err, ERR_SOURCE_DATA,
                         "search gave %zu records where at most %d were asked for", l.x.n_records,
                         COMPARE_PAGE);
    }
    note_total(c, c->left, l.total);
    c->left = false;
    bool rises = l.x.n_seen > 0 && l.x.ascending && l.x.first_id > c->after && l.x.last_id <= stop;
    if (l.more && !rises) {
        return narrow(c, stop, err);
    }
    int64_t up_to = l.more ? l.x.last_id : stop;
    size_t n_here = 0;
    if (!read_live(s, c->after, COMPARE_IDS, c->ids, &n_here, err)) {
        return false;
    }
    if (n_here == COMPARE_IDS) { // there may be more of them below up_to: those come next time
        up_to = MIN(up_to, c->ids[n_here - 1]);
    }
    compare(r, &l, c->ids, n_here, up_to);
    c->after = up_to;
    c->width = c->width < INT64_MAX / 4 ? c->width * 4 : INT64_MAX;
    return true;
}

// ---- the stage

static bool begin(struct source_stream *s, struct counts *c, struct error *err)
{
    const struct source_lookup *lookup = s->options.lookup;
    if ((lookup->settle && !lookup->settle(lookup->user, err)) || !count_live(s, c, err)) {
        return false;
    }
    c->spans[c->n_spans++] = (struct span){0, c->n_cells, -1, false};
    c->counted = true;
    return true;
}

bool reconcile_counts_next(struct source_stream *s, struct reconcile *r, struct error *err)
{
    struct counts *c = &r->counts;
    if (!c->counted) {
        return begin(s, c, err);
    }
    if (c->after < c->end) {
        struct page *page = stream_page(s);
        bool ok = compare_next(s, r, page, err);
        page_destroy(page);
        return ok;
    }
    if (c->n_spans > 0) {
        return take_span(s, c, err);
    }
    r->stage = RECONCILE_DONE;
    return true;
}
