#include "source/hubspot/full.h"

#include "core/limits.h"
#include "data/json_writer.h"
#include "http/url.h"

enum {
    LIST_PAGE = 100,
    URL_MAX_BYTES = 14000, // 414s are seen from 16,200; the rest is for proxies
    SPLIT_MIN_PAGES = 16,  // a shorter stretch is not worth a call more
    PAGES_PER_SPLIT = 200, // a cut may cost a call: no more than half a percent
    SPLITS_FIRST = 2,
    NEAR_US = 20000, // below this latency one range at a time keeps up
};

// ---- calls

static bool start_probe(struct source_stream *s, struct full_walk *w, struct error *err)
{
    static const struct str BODY =
        STR_INIT("{\"limit\":1,\"properties\":[\"hs_object_id\"],\"sorts\":[{"
                 "\"propertyName\":\"hs_object_id\",\"direction\":"
                 "\"DESCENDING\"}]}");
    struct hubspot_request r = {.endpoint = HUBSPOT_OBJECT_SEARCH,
                                .args.type = str_from(object_stream_of(s)->tables.info->name),
                                .body = BODY,
                                .tag = &w->probe_sent};
    w->probe_sent = true;
    return hubspot_client_start(s->client, &r, err);
}

static void build_query(struct source_stream *s, const struct full_slot *slot, struct buf *out)
{
    const struct object_stream *o = object_stream_of(s);
    buf_reset(out);
    buf_printf(out, "limit=%d&archived=false&properties=", LIST_PAGE);
    buf_add(out, o->state.wide ? STR("hs_object_id") : o->tables.query);
    if (slot->range.after[0] != '\0') {
        buf_add_cstr(out, "&after=");
        url_add_encoded(out, str_from(slot->range.after));
    }
}

static bool start_list(struct source_stream *s, struct full_slot *slot, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct full_walk *w = o->full;
    if (!o->state.wide &&
        o->tables.query.len + s->source->options.account.base_url.len + 200 > URL_MAX_BYTES) {
        o->state.wide = true;
    }
    build_query(s, slot, &w->scratch);
    struct hubspot_request r = {.endpoint = HUBSPOT_OBJECT_LIST,
                                .args.type = str_from(o->tables.info->name),
                                .query = buf_str(&w->scratch),
                                .tag = slot};
    slot->step = SLOT_LISTING;
    return hubspot_client_start(s->client, &r, err);
}

// ---- ranges

void full_advance(struct full_slot *slot, const char *after, int64_t next_id, bool last)
{
    if (last) {
        slot->step = SLOT_UNUSED;
        return;
    }
    if (after != slot->range.after) {
        memcpy(slot->range.after, after, CURSOR_MAX);
    }
    slot->range.next_id = next_id;
    slot->step = SLOT_IDLE;
}

// The state that holds when all pages given out so far are loaded.
void full_cursor(struct source_stream *s, struct page *page)
{
    struct object_stream *o = object_stream_of(s);
    o->state.n_ranges = 0;
    for (size_t i = 0; i < FULL_SLOTS; i++) {
        if (o->full->slots[i].step != SLOT_UNUSED) {
            o->state.ranges[o->state.n_ranges++] = o->full->slots[i].range;
        }
    }
    object_page_cursor(s, page);
}

static size_t active_slots(const struct full_walk *w)
{
    size_t n = 0;
    for (size_t i = 0; i < FULL_SLOTS; i++) {
        n += w->slots[i].step != SLOT_UNUSED;
    }
    return n;
}

// How many ranges keep as many calls in flight as budget and latency admit (Little's law, twice
// over so that the window's burst is used too).
static size_t wanted_slots(struct source_stream *s, const struct full_walk *w)
{
    double rate = budget_rate(hubspot_budget(s->source->account));
    double latency_s = (double)w->latency_us / 1e6;
    double wanted = 1;
    if (rate > 0) {
        wanted = 2 * rate * latency_s + 0.999;
    } else if (w->latency_us >= NEAR_US) {
        wanted = 1 + latency_s * 40;
    }
    return (size_t)MAX(1, MIN((double)FULL_SLOTS, wanted));
}

// Records that no page has given yet, as far as HubSpot's count goes.
static double all_left(const struct object_stream *o)
{
    return MAX(0.0, (double)o->source_total - (double)o->full->seen);
}

// How many records a range with an end still holds: its width at the density seen in it.
static double closed_left(const struct object_stream *o, const struct full_slot *slot)
{
    double width = (double)(slot->range.end_id - slot->range.next_id);
    return MIN(all_left(o), slot->density * width);
}

// The same for any range. The open one at the end holds what the others do not, since a few records
// with far greater ids (HubSpot has them) say nothing about the many.
static double records_left(const struct object_stream *o, const struct full_slot *slot)
{
    if (slot->range.end_id != INT64_MAX) {
        return closed_left(o, slot);
    }
    double left = all_left(o);
    for (size_t i = 0; i < FULL_SLOTS; i++) {
        const struct full_slot *other = &o->full->slots[i];
        if (other->step != SLOT_UNUSED && other->range.end_id != INT64_MAX) {
            left -= closed_left(o, other);
        }
    }
    return left;
}

// Where half of the records that are left lie behind, going by the density; never past the middle
// of the ids.
static int64_t middle(const struct full_walk *w, const struct full_slot *slot, double left)
{
    int64_t end = MIN(slot->range.end_id, w->max_id + 1);
    int64_t half = (end - slot->range.next_id) / 2;
    double step = left / 2 / slot->density;
    return slot->range.next_id + (step < (double)half ? (int64_t)step : half);
}

// Cuts the range that holds most in two when more calls in flight would help.
static void maybe_split(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    struct full_walk *w = o->full;
    if (!w->splittable || !o->state.ordered || w->max_id == 0 || o->source_total <= 0 ||
        w->splits >= SPLITS_FIRST + o->source_total / LIST_PAGE / PAGES_PER_SPLIT ||
        active_slots(w) >= wanted_slots(s, w)) {
        return;
    }
    struct full_slot *fullest = NULL;
    struct full_slot *unused = NULL;
    double most = 0;
    for (size_t i = 0; i < FULL_SLOTS; i++) {
        struct full_slot *slot = &w->slots[i];
        if (slot->step == SLOT_UNUSED) {
            unused = slot;
        } else if (slot->density > 0 && records_left(o, slot) > most) {
            fullest = slot;
            most = records_left(o, slot);
        }
    }
    if (!fullest || !unused || most < SPLIT_MIN_PAGES * LIST_PAGE) {
        return;
    }
    int64_t mid = middle(w, fullest, most);
    if (mid <= fullest->range.next_id) {
        return;
    }
    *unused = (struct full_slot){.step = SLOT_IDLE,
                                 .density = fullest->density,
                                 .range = {.next_id = mid, .end_id = fullest->range.end_id}};
    snprintf(unused->range.after, CURSOR_MAX, "%lld",
             (long long)(w->cursor_is_last ? mid - 1 : mid));
    fullest->range.end_id = mid;
    w->splits++;
}

// ---- answers

// What a page tells about its range.
static void note_page(struct full_walk *w, struct full_slot *slot, const struct decode_result *x)
{
    w->seen += x->n_seen;
    if (x->n_seen > 1 && x->last_id > x->first_id) {
        double density = (double)(x->n_seen - 1) / (double)(x->last_id - x->first_id);
        slot->density = slot->density > 0 ? (slot->density * 3 + density) / 4 : density;
    }
}

// Whether the cursor is the record id we take it for.
static void check_cursor(struct full_walk *w, const struct decode_result *x, const char *after)
{
    int64_t n = 0;
    if (x->n_seen == 0) {
        return;
    }
    bool number = str_to_int64(str_from(after), &n);
    if (!number || (n != x->last_id && n != x->last_id + 1)) {
        w->splittable = false;
        return;
    }
    w->cursor_is_last = n == x->last_id;
}

// Ids did not rise: ranges and the promise of new rows do not hold. Merge from now on; when the ids
// had been cut, start over in one piece (what is loaded is merged again, so nothing is lost or
// doubled).
static bool on_disorder(struct source_stream *s, struct full_slot *slot, struct page *page)
{
    struct object_stream *o = object_stream_of(s);
    struct full_walk *w = o->full;
    o->state.ordered = false;
    o->state.insert = false;
    for (size_t i = 0; i < page->n_batches; i++) {
        struct batch *b = &page->batches[i];
        if (b->op == BATCH_INSERT && b->table->n_keys > 0) {
            b->op = BATCH_UPSERT;
        }
    }
    bool cut = active_slots(w) > 1 || slot->range.end_id != INT64_MAX || w->splits > 0;
    if (!cut) {
        return false;
    }
    while (hubspot_client_pending(s->client) > 0) {
        struct hubspot_answer *a = hubspot_client_next(s->client, -1);
        if (!a) {
            break;
        }
        hubspot_client_release(s->client, a);
    }
    memset(w->slots, 0, sizeof w->slots);
    w->slots[0] = (struct full_slot){.step = SLOT_IDLE, .range.end_id = INT64_MAX};
    return true;
}

// The id of the last record without looking at the others' contents.
static int64_t last_id_of(struct json results)
{
    struct json_iter it = json_iter(results);
    struct json record;
    struct json value;
    struct str text;
    int64_t id = 0;
    while (json_next(&it, &record)) {
        if (!json_get(record, STR("id"), &value)) {
            continue;
        }
        if (json_string(value, &text)) {
            str_to_int64(text, &id);
        } else {
            json_int(value, &id);
        }
    }
    return id;
}

// A page with all properties in it.
static bool take_narrow(struct source_stream *s, struct full_slot *slot, struct json root,
                        bool suspicious, struct page *page, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct full_walk *w = o->full;
    struct id_range before = slot->range;
    struct json results = {0};
    char after[CURSOR_MAX] = "";
    bool more = false;
    if (!fetch_results(root, &results, err) ||
        !fetch_cursor(root, before.after, after, &more, &s->empty_pages, err)) {
        return false;
    }
    int64_t last_id = last_id_of(results);
    bool over = !more || last_id >= slot->range.end_id;
    // Ask for what comes next before decoding this page: the server works while we do.
    full_advance(slot, after, MAX(last_id + 1, before.next_id), over);
    if (!over && !start_list(s, slot, err)) {
        return false;
    }
    struct decode_request r = {.results = results,
                               .suspicious = suspicious,
                               .op = o->state.insert ? BATCH_INSERT : BATCH_UPSERT,
                               .end_id = before.end_id};
    struct decode_result x;
    if (!decode_page(&o->decoder, &r, page, &x, err)) {
        return false;
    }
    note_page(w, slot, &x);
    if (!over) {
        check_cursor(w, &x, after);
    }
    if (o->state.ordered && x.n_seen > 0 && (!x.ascending || x.first_id < before.next_id)) {
        on_disorder(s, slot, page);
    }
    full_cursor(s, page);
    return true;
}

// A page of ids, whose properties are read by another call.
static bool take_ids(struct source_stream *s, struct full_slot *slot, struct json root,
                     struct page *page, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct full_walk *w = o->full;
    struct json results = {0};
    struct decode_result x;
    int64_t *ids;
    bool more = false;
    if (!fetch_results(root, &results, err) || !decode_ids(results, &page->arena, &ids, &x, err) ||
        !fetch_cursor(root, slot->range.after, slot->next_after, &more, &s->empty_pages, err)) {
        return false;
    }
    if (x.n_records > WIDE_IDS_MAX) {
        return error_set(err, ERR_SOURCE_DATA, "%zu records where at most %d were asked for",
                         x.n_records, WIDE_IDS_MAX);
    }
    note_page(w, slot, &x);
    if (more) {
        check_cursor(w, &x, slot->next_after);
    }
    if (o->state.ordered && x.n_seen > 0 && (!x.ascending || x.first_id < slot->range.next_id) &&
        on_disorder(s, slot, page)) {
        return true;
    }
    slot->n_ids = 0;
    for (size_t i = 0; i < x.n_records; i++) {
        if (ids[i] < slot->range.end_id) {
            slot->ids[slot->n_ids++] = ids[i];
        }
    }
    slot->last = !more || slot->n_ids < x.n_records;
    slot->next_id = MAX(x.max_id + 1, slot->range.next_id);
    if (slot->n_ids == 0) {
        full_advance(slot, slot->next_after, slot->next_id, slot->last);
        return true;
    }
    return wide_start(s, slot, err);
}

static bool take_list(struct source_stream *s, struct full_slot *slot, struct hubspot_answer *a,
                      struct page **ret, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct full_walk *w = o->full;
    if (!a->ok && a->status == 414 && !o->state.wide) {
        hubspot_client_release(s->client, a);
        o->state.wide = true; // properties by body from here on; the same stretch is listed again
        slot->step = SLOT_IDLE;
        return true;
    }
    if (!a->ok) {
        *err = a->error;
        hubspot_client_release(s->client, a);
        return false;
    }
    w->latency_us = w->latency_us ? (w->latency_us * 7 + a->latency_us) / 8 : a->latency_us;
    bool narrow = !o->state.wide;
    struct page *page = stream_page(s);
    struct json root;
    bool suspicious = false;
    page->bytes = a->body.len;
    enum fetch_result result = fetch_parse(s->client, a, page->doc, &root, &suspicious, err);
    bool ok = result != FETCH_FAILED;
    bool keep = false;
    if (result == FETCH_OK) {
        ok = narrow ? take_narrow(s, slot, root, suspicious, page, err)
                    : take_ids(s, slot, root, page, err);
        keep = ok && narrow;
    }
    if (keep) {
        *ret = page;
    } else {
        page_destroy(page);
    }
    return ok;
}

static void take_probe(struct source_stream *s, struct hubspot_answer *a)
{
    struct object_stream *o = object_stream_of(s);
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct json results;
    struct json first;
    struct str id;
    struct error ignored; // without an answer there is no estimate and one range; nothing is lost
    if (a->ok && json_parse(doc, a->body, &root, &ignored) &&
        json_get_int(root, STR("total"), &o->source_total)) {
        atomic_store(&s->estimated_total, (uint64_t)MAX(0, o->source_total));
        struct json_iter it = {0};
        if (json_get(root, STR("results"), &results)) {
            it = json_iter(results);
        }
        if (it.doc && json_next(&it, &first) && json_get_string(first, STR("id"), &id)) {
            str_to_int64(id, &o->full->max_id);
        }
    }
    json_doc_destroy(doc);
    hubspot_client_release(s->client, a);
}

// ---- the walk

static struct full_walk *open_walk(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    struct full_walk *w = ARENA_NEW(&s->arena, struct full_walk);
    w->splittable = true;
    w->search_usable = true;
    buf_init(&w->scratch, LIMIT_REQUEST_BODY);
    assert(o->state.n_ranges <= FULL_SLOTS);
    for (size_t i = 0; i < o->state.n_ranges; i++) {
        w->slots[i] = (struct full_slot){.step = SLOT_IDLE, .range = o->state.ranges[i]};
    }
    return w;
}

void full_walk_close(struct source_stream *s)
{
    struct full_walk *w = object_stream_of(s)->full;
    if (w) {
        buf_done(&w->scratch);
    }
}

static bool start_idle(struct source_stream *s, struct full_walk *w, struct error *err)
{
    maybe_split(s);
    for (size_t i = 0; i < FULL_SLOTS; i++) {
        if (w->slots[i].step == SLOT_IDLE && !start_list(s, &w->slots[i], err)) {
            return false;
        }
    }
    return w->probe_sent || start_probe(s, w, err);
}

bool full_walk_next(struct source_stream *s, struct page **ret, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    if (!o->full) {
        o->full = open_walk(s);
    }
    struct full_walk *w = o->full;
    *ret = NULL;
    while (!*ret && active_slots(w) > 0) {
        if (!start_idle(s, w, err)) {
            return false;
        }
        struct hubspot_answer *a = hubspot_client_next(s->client, -1);
        if (!a) {
            return error_set(err, ERR_INTERRUPTED, "interrupted");
        }
        if (a->tag == &w->probe_sent) {
            take_probe(s, a);
            continue;
        }
        struct full_slot *slot = a->tag;
        bool ok = slot->step == SLOT_LISTING ? take_list(s, slot, a, ret, err)
                                             : wide_take(s, slot, a, ret, err);
        if (!ok) {
            return false;
        }
    }
    while (active_slots(w) == 0 && hubspot_client_pending(s->client) > 0) {
        struct hubspot_answer *a =
            hubspot_client_next(s->client, -1); // the probe, on a tiny object
        if (!a) {
            break;
        }
        take_probe(s, a);
    }
    return true;
}
