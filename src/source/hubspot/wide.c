// Objects with more property names than a URL can hold: ids come by list, properties by requests
// with the names in the body. Batch read takes them from the general budget; search (ids IN a list)
// from its own, which is otherwise idle in a full load. The search index may lag: what it lacks is
// read by batch, so the list alone decides what exists.
#include "source/hubspot/full.h"

#include "core/limits.h"
#include "data/json_writer.h"

static void add_ids(struct json_writer *w, const struct full_slot *slot, bool as_inputs)
{
    json_begin_array(w);
    for (size_t i = 0; i < slot->n_ids; i++) {
        char text[32];
        int n = snprintf(text, sizeof text, "%lld", (long long)slot->ids[i]);
        struct str id = {text, (size_t)n};
        if (as_inputs) {
            json_begin_object(w);
            json_key(w, STR("id"));
            json_put_str(w, id);
            json_end_object(w);
        } else {
            json_put_str(w, id);
        }
    }
    json_end_array(w);
}

void wide_build_body(struct source_stream *s, const struct full_slot *slot, struct buf *out)
{
    struct object_stream *o = object_stream_of(s);
    struct json_writer w;
    buf_reset(out);
    json_writer_init(&w, out);
    json_begin_object(&w);
    json_key(&w, STR("properties"));
    json_put_raw(&w, o->tables.json_names);
    if (slot->by_search) {
        json_field_int(&w, "limit", WIDE_IDS_MAX);
        json_key(&w, STR("filterGroups"));
        json_begin_array(&w);
        json_begin_object(&w);
        json_key(&w, STR("filters"));
        json_begin_array(&w);
        json_begin_object(&w);
        json_field_str(&w, "propertyName", STR("hs_object_id"));
        json_field_str(&w, "operator", STR("IN"));
        json_key(&w, STR("values"));
        add_ids(&w, slot, false);
        json_end_object(&w);
        json_end_array(&w);
        json_end_object(&w);
        json_end_array(&w);
    } else {
        json_key(&w, STR("inputs"));
        add_ids(&w, slot, true);
    }
    json_end_object(&w);
}

static bool start_read(struct source_stream *s, struct full_slot *slot, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct buf body;
    buf_init(&body, LIMIT_REQUEST_BODY);
    wide_build_body(s, slot, &body);
    struct hubspot_request r = {
        .endpoint = slot->by_search ? HUBSPOT_OBJECT_SEARCH : HUBSPOT_OBJECT_BATCH_READ,
        .args.type = str_from(o->tables.info->name),
        .body = buf_str(&body),
        .tag = slot,
    };
    bool ok = hubspot_client_start(s->client, &r, err);
    buf_done(&body);
    return ok;
}

// Search when it can go at once and the general budget cannot spare a call as easily.
static bool search_is_cheaper(struct source_stream *s, const struct full_walk *w)
{
    if (!w->search_usable) {
        return false;
    }
    struct budget_view view;
    budget_look(hubspot_budget(s->source->account), clock_mono_us(stream_clock(s)), &view);
    if (view.window_max < 0) {
        return false; // the general budget is not limited
    }
    return hubspot_client_earliest_us(s->client, BUDGET_SEARCH) <=
           hubspot_client_earliest_us(s->client, BUDGET_GENERAL);
}

bool wide_start(struct source_stream *s, struct full_slot *slot, struct error *err)
{
    slot->by_search = search_is_cheaper(s, object_stream_of(s)->full);
    slot->step = SLOT_READING;
    return start_read(s, slot, err);
}

bool wide_start_batch(struct source_stream *s, struct full_slot *slot, struct error *err)
{
    slot->by_search = false;
    slot->step = SLOT_READING;
    return start_read(s, slot, err);
}

// Keeps in slot->ids those that are not among the results; returns how many.
static size_t keep_missing(struct full_slot *slot, const int64_t *found, size_t n_found)
{
    size_t n = 0;
    for (size_t i = 0; i < slot->n_ids; i++) {
        bool there = false;
        for (size_t k = 0; k < n_found && !there; k++) {
            there = found[k] == slot->ids[i];
        }
        if (!there) {
            slot->ids[n++] = slot->ids[i];
        }
    }
    slot->n_ids = n;
    return n;
}

static bool take_results(struct source_stream *s, struct full_slot *slot, struct json root,
                         bool suspicious, struct page *page, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct json results = {0};
    if (!fetch_results(root, &results, err) || !fetch_errors(root, err)) {
        return false;
    }
    // Merged, not inserted: a stretch may go out in two pages, of which a crash may keep only the
    // first.
    struct decode_request r = {
        .results = results, .suspicious = suspicious, .op = BATCH_UPSERT, .end_id = INT64_MAX};
    struct decode_result x;
    int64_t *found;
    if (!decode_page(&o->decoder, &r, page, &x, err) ||
        !decode_ids(results, &page->arena, &found, &x, err)) {
        return false;
    }
    if (slot->by_search && keep_missing(slot, found, x.n_records) > 0) {
        slot->by_search = false;
        slot->step = SLOT_MENDING; // the place in the list moves on with the page that completes it
        return start_read(s, slot, err);
    }
    full_advance(slot, slot->next_after, slot->next_id, slot->last);
    full_cursor(s, page);
    return true;
}

bool wide_take(struct source_stream *s, struct full_slot *slot, struct hubspot_answer *a,
               struct page **ret, struct error *err)
{
    assert(slot->step == SLOT_READING || slot->step == SLOT_MENDING);
    if (!a->ok && slot->by_search) {
        // Too many names for search, or search is out of order: batch read does not depend on it.
        hubspot_client_release(s->client, a);
        object_stream_of(s)->full->search_usable = false;
        slot->by_search = false;
        return start_read(s, slot, err);
    }
    if (!a->ok) {
        *err = a->error;
        hubspot_client_release(s->client, a);
        return false;
    }
    struct page *page = stream_page(s);
    struct json root;
    bool suspicious = false;
    page->bytes = a->body.len;
    enum fetch_result result = fetch_parse(s->client, a, page->doc, &root, &suspicious, err);
    bool ok = result == FETCH_AGAIN ||
              (result == FETCH_OK && take_results(s, slot, root, suspicious, page, err));
    if (ok && result == FETCH_OK) {
        *ret = page;
    } else {
        page_destroy(page);
    }
    return ok;
}
