// The reconcile: what no modification date and no list of archived records tells. Records that were
// restored without a new date, that came back after having been archived before the first load, or
// that were deleted for good (which leaves no trace) are found in two stages: rows that are marked
// here and no longer in HubSpot's bin; then places where HubSpot counts other than we do.
//
// Search lags and may err, so both only raise suspicions: what decides is a batch read of the ids
// in question. What comes is written (and so loses its mark); what HubSpot names as not found is
// marked; anything else stays as it is.
#include "source/hubspot/reconcile.h"

#include "core/limits.h"

// ---- what is true of those

static bool has_id(const int64_t *ids, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

struct verdict {
    const struct full_slot *asked;
    const int64_t *found;
    size_t n_found;
    int64_t gone[WIDE_IDS_MAX];
    size_t n_gone;
};

static void add_gone(struct verdict *v, struct json value)
{
    struct str text;
    int64_t id = 0;
    bool read = json_string(value, &text) ? str_to_int64(text, &id) : json_int(value, &id);
    if (read && has_id(v->asked->ids, v->asked->n_ids, id) && !has_id(v->found, v->n_found, id) &&
        !has_id(v->gone, v->n_gone, id)) {
        v->gone[v->n_gone++] = id;
    }
}

// The ids that HubSpot names as not found. One that is merely absent from the answer is none.
static void read_gone(struct json root, struct verdict *v)
{
    struct json errors;
    struct json e;
    struct json context;
    struct json ids;
    struct json value;
    struct str category = {NULL, 0};
    if (!json_get(root, STR("errors"), &errors) || json_type(errors) != JSON_ARRAY) {
        return;
    }
    struct json_iter it = json_iter(errors);
    while (json_next(&it, &e)) {
        if (!json_get_string(e, STR("category"), &category) ||
            !str_eq(category, STR("OBJECT_NOT_FOUND")) || !json_get(e, STR("context"), &context) ||
            !json_get(context, STR("ids"), &ids) || json_type(ids) != JSON_ARRAY) {
            continue;
        }
        struct json_iter each = json_iter(ids);
        while (json_next(&each, &value)) {
            add_gone(v, value);
        }
    }
}

static bool read_suspects(struct source_stream *s, struct reconcile *r, struct page *page,
                          struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct full_slot *slot = &r->batch;
    slot->n_ids = MIN(r->n_suspects - r->next, (size_t)WIDE_IDS_MAX);
    memcpy(slot->ids, r->suspects + r->next, slot->n_ids * sizeof *slot->ids);
    r->next += slot->n_ids;
    struct buf body;
    buf_init(&body, LIMIT_REQUEST_BODY);
    wide_build_body(s, slot, &body);
    struct hubspot_request request = {.endpoint = HUBSPOT_OBJECT_BATCH_READ,
                                      .args.type = str_from(o->tables.info->name),
                                      .body = buf_str(&body)};
    struct json root;
    struct decode_request d = {.suspicious = true, .op = BATCH_UPSERT, .end_id = INT64_MAX};
    struct decode_result x;
    int64_t *found;
    bool ok = fetch_json(s->client, &request, page->doc, &root, &page->bytes, err) &&
              fetch_results(root, &d.results, err) && fetch_errors(root, err) &&
              decode_page(&o->decoder, &d, page, &x, err) &&
              decode_ids(d.results, &page->arena, &found, &x, err);
    buf_done(&body);
    if (!ok) {
        return false;
    }
    struct verdict v = {.asked = slot, .found = found, .n_found = x.n_records};
    read_gone(root, &v);
    for (size_t i = 0; r->of_marks && i < v.n_found; i++) {
        reconcile_marks_found(r, found[i]);
    }
    object_add_marks(s, page, v.gone, v.n_gone);
    return true;
}

// ---- the walk

static struct page *end(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    struct page *page = stream_page(s);
    o->reconcile = false;
    o->state.reconciled_ms = o->reconciling->started_ms;
    o->state.marks = (int64_t)(o->reconciling->marks.fingerprint >> 1);
    object_page_cursor(s, page);
    return page;
}

static struct reconcile *begin(struct source_stream *s)
{
    struct reconcile *r = ARENA_NEW(&s->arena, struct reconcile);
    stream_set_step(s, "reconcile");
    r->started_ms = clock_now_ms(stream_clock(s));
    return r;
}

static bool step(struct source_stream *s, struct reconcile *r, struct page **ret, struct error *err)
{
    if (r->next == r->n_suspects) {
        return r->stage == RECONCILE_MARKS ? reconcile_marks_next(s, r, err)
                                           : reconcile_counts_next(s, r, err);
    }
    struct page *page = stream_page(s);
    bool ok = read_suspects(s, r, page, err);
    if (ok) {
        *ret = page;
    } else {
        page_destroy(page);
    }
    return ok;
}

bool reconcile_walk_next(struct source_stream *s, struct page **ret, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    *ret = NULL;
    if (!o->reconciling) {
        o->reconciling = begin(s);
    }
    struct reconcile *r = o->reconciling;
    while (!*ret) {
        if (r->stage == RECONCILE_DONE) {
            *ret = end(s);
        } else if (!step(s, r, ret, err)) {
            return error_context(err, "reconcile");
        }
    }
    return true;
}
