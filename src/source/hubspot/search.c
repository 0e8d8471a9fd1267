// The incremental walk: everything modified since the last pass, by search.
//
// Each call asks for ids above the last one, sorted by id, so no call goes past the first page, the
// 10,000 wall is never met, and any number of records may share one millisecond. There is no upper
// bound in time: what changes during the walk and is missed lies above the horizon, and the next
// pass begins below it. HubSpot does not promise how it sorts ids. When a page is not in numeric
// order, or when fewer records came than HubSpot counted, the walk starts again with narrow id
// windows, each small enough for one page, where order does not matter.
#include "source/hubspot/full.h"

#include "core/limits.h"
#include "data/json_writer.h"

enum { SEARCH_PAGE = 200, WINDOW_FIRST = 100000, OFFSET_MAX = 9800 };

struct search_walk {
    bool in_flight;
    bool by_windows;        // ids do not come in numeric order
    bool ids_only;          // search refuses so many names: it gives ids, batch read the properties
    struct full_slot slot;  // ids_only: the ids whose properties are being read
    int64_t first_after_id; // where this run's walk began
    int64_t first_total;    // how many records HubSpot counted then; -1: not asked yet
    uint64_t received;
    int64_t width;           // by_windows: ids a window
    char offset[CURSOR_MAX]; // set after an empty page that has a next link
    struct buf body;
};

static struct search_walk *walk_of(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    if (!o->search) {
        o->search = ARENA_NEW(&s->arena, struct search_walk);
        *o->search = (struct search_walk){.first_total = -1,
                                          .first_after_id = o->state.after_id,
                                          .width = WINDOW_FIRST,
                                          .ids_only = false};
        buf_init(&o->search->body, LIMIT_REQUEST_BODY);
    }
    return o->search;
}

void search_walk_close(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    if (o->search) {
        buf_done(&o->search->body);
    }
}

bool search_walk_busy(struct source_stream *s)
{
    const struct object_stream *o = object_stream_of(s);
    return o->search && o->search->in_flight;
}

static void add_filter(struct json_writer *w, struct str property, struct str op, int64_t value)
{
    char text[32];
    int n = snprintf(text, sizeof text, "%lld", (long long)value);
    json_begin_object(w);
    json_field_str(w, "propertyName", property);
    json_field_str(w, "operator", op);
    json_field_str(w, "value", (struct str){text, (size_t)n});
    json_end_object(w);
}

void search_add_window(struct json_writer *w, int64_t after_id, int64_t end_id)
{
    add_filter(w, STR("hs_object_id"), STR("GT"), after_id);
    if (end_id != INT64_MAX) {
        add_filter(w, STR("hs_object_id"), STR("LTE"), end_id);
    }
}

void search_add_order(struct json_writer *w)
{
    json_key(w, STR("sorts"));
    json_begin_array(w);
    json_begin_object(w);
    json_field_str(w, "propertyName", STR("hs_object_id"));
    json_field_str(w, "direction", STR("ASCENDING"));
    json_end_object(w);
    json_end_array(w);
}

static int64_t window_end(const struct object_stream *o)
{
    return o->search->width > INT64_MAX - o->state.after_id ? INT64_MAX
                                                            : o->state.after_id + o->search->width;
}

static void build_body(const struct object_stream *o, struct buf *out)
{
    const struct search_walk *k = o->search;
    struct json_writer w;
    buf_reset(out);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, STR("filterGroups"));
    json_begin_array(&w);
    json_begin_object(&w);
    json_key(&w, STR("filters"));
    json_begin_array(&w);
    add_filter(&w, str_from(o->tables.info->cursor_property), STR("GTE"), o->state.since_ms);
    search_add_window(&w, o->state.after_id, k->by_windows ? window_end(o) : INT64_MAX);
    json_end_array(&w);
    json_end_object(&w);
    json_end_array(&w);
    search_add_order(&w);
    json_key(&w, STR("properties"));
    json_put_raw(&w, k->ids_only ? STR("[\"hs_object_id\"]") : o->tables.json_names);
    json_field_int(&w, "limit", k->ids_only ? WIDE_IDS_MAX : SEARCH_PAGE);
    if (k->offset[0] != '\0') {
        json_field_str(&w, "after", str_from(k->offset));
    }
    json_end_object(&w);
}

static bool start(struct source_stream *s, struct search_walk *k, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    build_body(o, &k->body);
    struct hubspot_request r = {.endpoint = HUBSPOT_OBJECT_SEARCH,
                                .args.type = str_from(o->tables.info->name),
                                .body = buf_str(&k->body),
                                .tag = k};
    k->in_flight = true;
    return hubspot_client_start(s->client, &r, err);
}

static void to_windows(struct object_stream *o)
{
    struct search_walk *k = o->search;
    k->by_windows = true;
    k->offset[0] = '\0';
    o->state.after_id = k->first_after_id;
}

// The pass is complete: the next one begins a horizon before this one's start.
static void finish_pass(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    o->state.since_ms = o->state.started_ms - s->source->options.horizon_ms;
    o->state.after_id = 0;
    o->state.refresh = false;
    object_next_phase(s);
}

// Where the walk goes from a page, whose next one is at `next` ("": there is none); false when the
// page must be thrown away and asked for otherwise.
static bool move_on(struct source_stream *s, const struct decode_result *x, struct json root,
                    const char next[CURSOR_MAX])
{
    struct object_stream *o = object_stream_of(s);
    struct search_walk *k = o->search;
    int64_t total = -1;
    bool more = next[0] != '\0';
    json_get_int(root, STR("total"), &total);
    if (k->first_total < 0) {
        k->first_total = total;
        atomic_store(&s->estimated_total, (uint64_t)MAX(0, total));
    }
    bool rises = x->ascending && (x->n_seen == 0 || x->first_id > o->state.after_id);
    if (!k->by_windows && !rises) {
        to_windows(o);
        return false;
    }
    if (k->by_windows && more) {
        k->width = MAX(1, k->width / 4);
        return false;
    }
    k->received += x->n_seen;
    k->offset[0] = '\0';
    if (k->by_windows) {
        bool was_open = window_end(o) == INT64_MAX;
        o->state.after_id = window_end(o);
        k->width =
            x->n_seen < SEARCH_PAGE / 2 && k->width < INT64_MAX / 8 ? k->width * 4 : k->width;
        if (was_open) {
            finish_pass(s);
        }
    } else if (more && x->n_seen > 0) {
        o->state.after_id = x->last_id;
    } else if (more && strtoll(next, NULL, 10) <= OFFSET_MAX) {
        memcpy(k->offset, next, CURSOR_MAX); // an empty page with a next link: follow it
    } else if (k->first_total > 0 && k->received < (uint64_t)k->first_total) {
        to_windows(o); // fewer than counted: order and filter disagree about ids
    } else {
        finish_pass(s);
    }
    return true;
}

static bool take_page(struct source_stream *s, struct json root, bool suspicious, struct page *page,
                      bool *ret_keep, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct search_walk *k = o->search;
    struct json results = {0};
    struct decode_result x;
    int64_t *ids;
    char next[CURSOR_MAX];
    bool more = false;
    *ret_keep = false;
    if (!fetch_results(root, &results, err) || !decode_ids(results, &page->arena, &ids, &x, err) ||
        !fetch_cursor(root, k->offset, next, &more, &s->empty_pages, err)) {
        return false;
    }
    size_t asked = k->ids_only ? WIDE_IDS_MAX : SEARCH_PAGE;
    if (x.n_records > asked || (k->by_windows && more && k->width == 1)) {
        return error_set(err, ERR_SOURCE_DATA,
                         "search gave %zu records%s where at most %zu were asked for", x.n_records,
                         more ? " and more" : "", k->by_windows && k->width == 1 ? 1 : asked);
    }
    if (!move_on(s, &x, root, next)) {
        return true;
    }
    if (k->ids_only && x.n_records > 0) {
        k->slot.n_ids = MIN(x.n_records, (size_t)WIDE_IDS_MAX);
        memcpy(k->slot.ids, ids, k->slot.n_ids * sizeof *ids);
        k->in_flight = true;
        return wide_start_batch(s, &k->slot, err);
    }
    struct decode_request r = {
        .results = results, .suspicious = suspicious, .op = BATCH_UPSERT, .end_id = INT64_MAX};
    *ret_keep = true;
    return k->ids_only || decode_page(&o->decoder, &r, page, &x, err);
}

// The properties of the ids that search gave.
static bool take_batch(struct source_stream *s, struct json root, bool suspicious,
                       struct page *page, struct error *err)
{
    struct decode_request r = {.suspicious = suspicious, .op = BATCH_UPSERT, .end_id = INT64_MAX};
    struct decode_result x;
    return fetch_results(root, &r.results, err) && fetch_errors(root, err) &&
           decode_page(&object_stream_of(s)->decoder, &r, page, &x, err);
}

static bool take(struct source_stream *s, struct search_walk *k, struct hubspot_answer *a,
                 struct page **ret, struct error *err)
{
    bool is_search = a->tag == k;
    k->in_flight = false;
    if (!a->ok && is_search && !k->ids_only && (a->status == 400 || a->status == 413)) {
        hubspot_client_release(s->client, a); // perhaps too many names
        k->ids_only = true;
        return true;
    }
    if (!a->ok) {
        *err = a->error;
        hubspot_client_release(s->client, a);
        return false;
    }
    struct page *page = stream_page(s);
    struct json root;
    bool suspicious = false;
    bool keep = false;
    page->bytes = a->body.len;
    enum fetch_result result = fetch_parse(s->client, a, page->doc, &root, &suspicious, err);
    bool ok = result != FETCH_FAILED;
    if (result == FETCH_AGAIN) {
        k->in_flight = true;
    } else if (result == FETCH_OK && is_search) {
        ok = take_page(s, root, suspicious, page, &keep, err);
    } else if (result == FETCH_OK) {
        ok = take_batch(s, root, suspicious, page, err);
        keep = ok;
    }
    if (ok && keep) {
        object_page_cursor(s, page);
        *ret = page;
    } else {
        page_destroy(page);
    }
    return ok;
}

bool search_walk_next(struct source_stream *s, struct page **ret, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct search_walk *k = walk_of(s);
    *ret = NULL;
    while (!*ret && (o->state.phase == PHASE_INCREMENTAL || k->in_flight)) {
        if (!k->in_flight && !start(s, k, err)) {
            return false;
        }
        struct hubspot_answer *a = hubspot_client_next(s->client, -1);
        if (!a) {
            return error_set(err, ERR_INTERRUPTED, "interrupted");
        }
        if (!take(s, k, a, ret, err)) {
            return false;
        }
    }
    return true;
}
