// The stream of one pair table: associations of one kind of records with another.
//
// Associating two records changes neither's modified date, so there are two walks:
//   sweep  every record of the side that is read from: all its associations replace what the table
//   has for it dirty  the same for records that were written since, and for those that a changed
//   record of the other side is or was
//          associated with
// The sweep runs at first and then when the last one is older than the given age; in between, the
// dirty walk costs calls in proportion to what changed. Ids come from the destination, so no record
// is listed again. A row is always in the direction in which it is read: type ids differ by
// direction.
#include "source/hubspot/internal.h"
#include "source/hubspot/pair_read.h"
#include "source/hubspot/pair_state.h"

struct pair_stream {
    const struct pair_info *info;
    struct pair_part parts[PAIR_PARTS_MAX];
    size_t n_parts;
    struct table table;
    struct column columns[PAIR_COLUMNS];
    struct pair_state state;
    struct pair_reader reader;
    int64_t from_seen_ms[PAIR_PARTS_MAX]; // newest row of each side when this run began
    int64_t to_seen_ms[PAIR_PARTS_MAX];
    bool done;
};

static struct pair_stream *pair_of(struct source_stream *s)
{
    return s->work;
}

static void set_columns(struct pair_stream *p)
{
    const struct column columns[PAIR_COLUMNS] = {
        {str_from(p->info->a_column), COL_INT},
        {str_from(p->info->b_column), COL_INT},
        {STR("category"), COL_TEXT},
        {STR("type_id"), COL_INT},
        {STR("label"), COL_TEXT},
    };
    memcpy(p->columns, columns, sizeof columns);
    p->table = (struct table){str_from(p->info->table), p->columns, PAIR_COLUMNS, PAIR_KEYS, 0};
}

static void set_parts(struct pair_stream *p)
{
    for (size_t f = 0; p->info->from_objects[f]; f++) {
        for (size_t t = 0; p->info->to_objects[t]; t++) {
            assert(p->n_parts < PAIR_PARTS_MAX);
            p->parts[p->n_parts++] =
                (struct pair_part){object_find(str_from(p->info->from_objects[f])),
                                   object_find(str_from(p->info->to_objects[t]))};
        }
    }
}

// The newest synced value of an object's table.
static bool newest(struct source_stream *s, const struct object_info *object, int64_t *ret_ms,
                   struct error *err)
{
    const struct source_lookup *lookup = s->options.lookup;
    struct source_ids_query q = {.table = str_from(object->table),
                                 .id_column = str_from(object->fixed[0].name),
                                 .after_id = INT64_MAX - 1,
                                 .synced_after_ms = INT64_MIN,
                                 .max = 1};
    int64_t none = 0;
    size_t n = 0;
    if (lookup->read_ids(lookup->user, &q, &none, &n, ret_ms, err)) {
        return true;
    }
    if (err->code == ERR_NOT_FOUND) {
        error_set(err, ERR_NOT_FOUND,
                  "%s needs the table %s, which is not there yet: load the stream %s too",
                  s->options.info->name, object->table, object->name);
    }
    return false;
}

static bool pair_open(struct source_stream *s, struct error *err)
{
    struct pair_stream *p = ARENA_NEW(&s->arena, struct pair_stream);
    s->work = p;
    p->info = pair_find(str_from(s->options.info->name));
    set_columns(p);
    set_parts(p);
    bool known = pair_state_parse(s->options.state, &p->state, err);
    if (known && p->state.part >= p->n_parts) {
        known = error_set(err, ERR_STATE, "the state is of part %zu; %s has %zu", p->state.part,
                          p->info->table, p->n_parts);
    }
    if (!known && !s->options.full_refresh) {
        return false;
    }
    if (!known || (s->options.full_refresh && p->state.phase != PAIR_SWEEP)) {
        p->state = (struct pair_state){.phase = PAIR_IDLE}; // whatever was begun is swept over
    }
    for (size_t i = 0; i < p->n_parts; i++) {
        if (!newest(s, p->parts[i].from, &p->from_seen_ms[i], err) ||
            !newest(s, p->parts[i].to, &p->to_seen_ms[i], err)) {
            return false;
        }
    }
    int64_t now_ms = clock_now_ms(stream_clock(s));
    bool old = now_ms - p->state.swept_ms > s->source->options.association_sweep_ms;
    if (p->state.phase == PAIR_IDLE) {
        bool sweep = !known || s->options.full_refresh || p->state.swept_ms == 0 || old;
        p->state.phase = sweep ? PAIR_SWEEP : PAIR_FROM;
        p->state.started_ms = now_ms;
        p->state.part = 0;
        p->state.after_id = 0;
        memcpy(p->state.from_next_ms, p->from_seen_ms, sizeof p->from_seen_ms);
        memcpy(p->state.to_next_ms, p->to_seen_ms, sizeof p->to_seen_ms);
    }
    atomic_store(&s->floor_ms, p->state.started_ms);
    pair_reader_init(&p->reader, s, &p->table, p->info->from_is_a);
    stream_add_table(s, &p->table);
    stream_set_step(s, p->state.phase == PAIR_SWEEP ? "sweep" : "incremental");
    return true;
}

static void pair_start(struct source_stream *s, bool empty)
{
    struct pair_stream *p = pair_of(s);
    if (p->state.phase == PAIR_SWEEP && p->state.after_id == 0 && p->state.part == 0) {
        p->state.insert = empty;
    }
}

// The next ids of the walk at hand; n 0 when the part is through.
static bool next_ids(struct source_stream *s, int64_t *ids, size_t *ret_n, struct error *err)
{
    struct pair_stream *p = pair_of(s);
    const struct pair_part *part = &p->parts[p->state.part];
    bool from_to = p->state.phase == PAIR_TO;
    const struct object_info *object = from_to ? part->to : part->from;
    const int64_t *since = from_to ? p->state.to_since_ms : p->state.from_since_ms;
    struct source_ids_query q = {
        .table = str_from(object->table),
        .id_column = str_from(object->fixed[0].name),
        .after_id = p->state.after_id,
        .synced_after_ms = p->state.phase == PAIR_SWEEP ? INT64_MIN : since[p->state.part],
        .max = PAIR_IDS_MAX,
    };
    const struct source_lookup *lookup = s->options.lookup;
    return lookup->read_ids(lookup->user, &q, ids, ret_n, NULL, err);
}

// The pass is complete when all parts of all its phases are through.
static void next_part(struct source_stream *s)
{
    struct pair_stream *p = pair_of(s);
    struct pair_state *st = &p->state;
    st->after_id = 0;
    // All parts have the other side in common, so that is walked once.
    if (++st->part < (st->phase == PAIR_TO ? 1 : p->n_parts)) {
        return;
    }
    st->part = 0;
    if (st->phase == PAIR_FROM) {
        st->phase = PAIR_TO;
        return;
    }
    if (st->phase == PAIR_SWEEP) {
        st->swept_ms = st->started_ms;
    }
    memcpy(st->from_since_ms, st->from_next_ms, sizeof st->from_next_ms);
    memcpy(st->to_since_ms, st->to_next_ms, sizeof st->to_next_ms);
    st->phase = PAIR_IDLE;
    p->done = true;
}

static void set_cursor(struct source_stream *s, struct page *page)
{
    page->cursor = pair_state_format(&pair_of(s)->state, pair_of(s)->n_parts, &page->arena);
}

// Closing page of the pass: after a sweep, rows whose record is gone are removed.
static struct page *closing_page(struct source_stream *s, bool swept)
{
    struct pair_stream *p = pair_of(s);
    struct page *page = stream_page(s);
    if (swept && !p->state.insert) {
        page->sweeps[page->n_sweeps++] = (struct page_sweep){
            .table = &p->table, .before_ms = p->state.started_ms, .remove = true};
    }
    set_cursor(s, page);
    return page;
}

// Starts reading the chunk of ids at hand.
static void begin_chunk(struct source_stream *s, const int64_t *ids, size_t n)
{
    struct pair_stream *p = pair_of(s);
    const struct pair_part *part = &p->parts[p->state.part];
    if (p->state.phase == PAIR_TO) {
        pair_reader_begin_reverse(&p->reader, p->parts, p->n_parts, ids, n);
    } else {
        pair_reader_begin(&p->reader, part, ids, n,
                          p->state.insert && p->state.phase == PAIR_SWEEP);
    }
}

static bool pair_next(struct source_stream *s, struct page **ret, struct error *err)
{
    struct pair_stream *p = pair_of(s);
    *ret = NULL;
    while (!*ret && !p->done) {
        if (pair_reader_busy(&p->reader)) {
            if (!pair_reader_next(&p->reader, ret, err)) {
                return error_context(err, "associations of %s with %s",
                                     p->parts[p->state.part].from->name,
                                     p->parts[p->state.part].to->name);
            }
            if (*ret && !pair_reader_busy(&p->reader)) {
                p->state.after_id = p->reader.last_id;
                set_cursor(s, *ret);
            }
            continue;
        }
        int64_t ids[PAIR_IDS_MAX];
        size_t n = 0;
        if (!next_ids(s, ids, &n, err)) {
            return false;
        }
        if (n > 0) {
            begin_chunk(s, ids, n);
        } else {
            bool swept = p->state.phase == PAIR_SWEEP;
            next_part(s);
            *ret = p->done ? closing_page(s, swept) : NULL;
        }
    }
    return true;
}

static void pair_close(struct source_stream *s)
{
    if (s->work) {
        pair_reader_done(&pair_of(s)->reader);
    }
}

const struct stream_ops PAIR_STREAM = {
    .open = pair_open, .start = pair_start, .next = pair_next, .close = pair_close};
