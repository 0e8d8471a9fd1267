// Rows that are marked deleted here and that HubSpot's archived list no longer has, although they
// were marked so lately that they could still be restored. Most are such as were deleted for good;
// those that have been restored are to lose their mark. Rows that were merged away are none of
// them.
//
// As long as the rows in question are those of the last time, which a fingerprint of their ids
// says, nothing is read anew.
#include "source/hubspot/reconcile.h"

static const int64_t RESTORABLE_MS = 91LL * 24 * 3600 * 1000; // HubSpot keeps them for 90 days

static uint64_t fingerprint(int64_t id)
{
    uint64_t x = ((uint64_t)id + 1) * 0x9e3779b97f4a7c15U;
    x = (x ^ (x >> 31)) * 0xbf58476d1ce4e5b9U;
    return x ^ (x >> 29);
}

// ---- the ids of a table

// The id at hand; false at the end.
static bool stream_peek(struct source_stream *s, struct id_stream *t, bool *ret_there, int64_t *ret,
                        struct error *err)
{
    const struct source_lookup *lookup = s->options.lookup;
    if (t->at == t->n && !t->over) {
        t->at = t->n = 0;
        if (!lookup->read_ids(lookup->user, &t->query, t->ids, &t->n, NULL, err)) {
            return false;
        }
        t->over = t->n < t->query.max;
        t->query.after_id = t->n > 0 ? t->ids[t->n - 1] : t->query.after_id;
    }
    *ret_there = t->at < t->n;
    *ret = *ret_there ? t->ids[t->at] : 0;
    return true;
}

// Whether `id` is among those that are still to come; asked of rising ids.
static bool stream_has(struct source_stream *s, struct id_stream *t, int64_t id, bool *ret,
                       struct error *err)
{
    bool there = false;
    int64_t at = 0;
    for (;;) {
        if (!stream_peek(s, t, &there, &at, err)) {
            return false;
        }
        if (!there || at >= id) {
            *ret = there && at == id;
            return true;
        }
        t->at++;
    }
}

static void stream_begin(struct id_stream *t, struct str table, struct str column, int64_t since_ms)
{
    t->at = t->n = 0;
    t->over = false;
    t->query = (struct source_ids_query){
        .table = table, .id_column = column, .synced_after_ms = since_ms, .max = ARRAY_LEN(t->ids)};
}

// ---- the rows in question

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static bool in_bin(const struct object_stream *o, int64_t id)
{
    size_t n = o->archived.len / sizeof id;
    return n > 0 && bsearch(&id, o->archived.ptr, n, sizeof id, compare_ids) != NULL;
}

static void begin_pass(struct source_stream *s, struct reconcile *r)
{
    const struct object_tables *t = &object_stream_of(s)->tables;
    struct marks *m = &r->marks;
    struct str id = t->main.columns[0].name;
    stream_begin(&m->recent, t->main.name, id, r->started_ms - RESTORABLE_MS);
    stream_begin(&m->live, t->main.name, id, INT64_MIN);
    m->has_merged = t->merges != NULL;
    if (m->has_merged) {
        stream_begin(&m->merged, t->merges->name, t->merges->columns[1].name, INT64_MIN);
    }
}

// The next row in question; *ret_there false: there is none.
static bool next_row(struct source_stream *s, struct marks *m, bool *ret_there, int64_t *ret,
                     struct error *err)
{
    const struct object_stream *o = object_stream_of(s);
    for (;;) {
        bool live = false;
        bool merged = false;
        if (!stream_peek(s, &m->recent, ret_there, ret, err)) {
            return false;
        }
        if (!*ret_there) {
            return true;
        }
        m->recent.at++;
        if (!stream_has(s, &m->live, *ret, &live, err) ||
            (m->has_merged && !stream_has(s, &m->merged, *ret, &merged, err))) {
            return false;
        }
        if (!live && !merged && !in_bin(o, *ret)) {
            return true;
        }
    }
}

static bool take_fingerprint(struct source_stream *s, struct reconcile *r, struct error *err)
{
    bool there = true;
    int64_t id = 0;
    begin_pass(s, r);
    while (next_row(s, &r->marks, &there, &id, err)) {
        if (!there) {
            return true;
        }
        r->marks.fingerprint += fingerprint(id);
    }
    return false;
}

// ---- the stage

static bool begin(struct source_stream *s, struct reconcile *r, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    const struct source_lookup *lookup = s->options.lookup;
    r->marks.begun = true;
    // Without a mark there is no row. A list that is too long to be kept leaves it to the counts.
    if (s->options.metadata.deleted.len == 0 || o->archived.overflow) {
        r->stage = RECONCILE_COUNTS;
        return true;
    }
    if (o->archived.len > 0) {
        qsort(o->archived.ptr, o->archived.len / sizeof(int64_t), sizeof(int64_t), compare_ids);
    }
    if ((lookup->settle && !lookup->settle(lookup->user, err)) || !take_fingerprint(s, r, err)) {
        return false;
    }
    if ((int64_t)(r->marks.fingerprint >> 1) == o->state.marks) {
        r->stage = RECONCILE_COUNTS;
    }
    begin_pass(s, r);
    return true;
}

bool reconcile_marks_next(struct source_stream *s, struct reconcile *r, struct error *err)
{
    bool there = true;
    int64_t id = 0;
    if (!r->marks.begun) {
        return begin(s, r, err);
    }
    r->next = r->n_suspects = 0;
    r->of_marks = true;
    while (r->n_suspects < RECONCILE_SUSPECTS && there) {
        if (!next_row(s, &r->marks, &there, &id, err)) {
            return false;
        }
        if (there) {
            r->suspects[r->n_suspects++] = id;
        }
    }
    if (!there) {
        r->stage = RECONCILE_COUNTS;
    }
    return true;
}

void reconcile_marks_found(struct reconcile *r, int64_t id)
{
    r->marks.fingerprint -= fingerprint(id);
}
