// The stream of one object: decides which walk comes next and keeps the state between them.
#include "source/hubspot/full.h"

#include "core/timestamp.h"

enum { REGISTRY_COLUMNS = 5, ARCHIVED_MAX = 1000000 };

struct object_stream *object_stream_of(struct source_stream *s)
{
    return s->work;
}

static void set_step(struct source_stream *s)
{
    stream_set_step(s, phase_name(object_stream_of(s)->state.phase));
}

// ---- opening

struct registry_load {
    struct naming *naming;
};

static struct str cell_str(const struct cell *c)
{
    return c->kind == CELL_TEXT ? (struct str){c->ptr, c->len} : (struct str){NULL, 0};
}

static bool on_registry_row(void *user, const struct cell *cells, struct error *err)
{
    struct registry_load *load = user;
    struct naming_row row = {.object = cell_str(&cells[0]),
                             .property = cell_str(&cells[1]),
                             .column = cell_str(&cells[2])};
    if (!column_type_parse(cell_str(&cells[3]), &row.type)) {
        return error_set(err, ERR_STATE,
                         "_sluice_column: type \"%.*s\" of column %.*s is not known",
                         STR_ARG(cell_str(&cells[3])), STR_ARG(row.column));
    }
    return naming_load(load->naming, &row, err);
}

static bool open_tables(struct source_stream *s, const struct object_info *info, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    struct property_defs defs;
    if (!catalog_get(s->catalog, s->client, info->name, &defs, err)) {
        return false;
    }
    o->naming = naming_create(str_from(info->name), STR("property_"), &s->arena);
    for (size_t i = 0; i < info->n_fixed; i++) {
        naming_reserve(o->naming, str_from(info->fixed[i].name));
    }
    naming_reserve(o->naming, s->options.metadata.synced);
    if (s->options.metadata.deleted.len > 0) {
        naming_reserve(o->naming, s->options.metadata.deleted);
    }
    struct registry_load load = {o->naming};
    const struct source_lookup *lookup = s->options.lookup;
    if (!lookup->read_table(lookup->user, lookup->column_table, on_registry_row, &load, err) ||
        !object_tables_build(info, &defs, o->naming, &s->arena, &o->tables, err)) {
        return false;
    }
    stream_add_table(s, &o->tables.main);
    if (o->tables.engagement) {
        stream_add_table(s, o->tables.engagement);
    }
    if (o->tables.merges) {
        stream_add_table(s, o->tables.merges);
    }
    if (info->stage_dates) {
        stream_add_table(s, &TABLE_DEAL_STAGE);
        return stages_build(s->client, &o->tables, &s->arena, &o->stages, err);
    }
    return true;
}

static void begin_pass(struct source_stream *s, enum phase phase)
{
    struct object_stream *o = object_stream_of(s);
    o->state.phase = phase;
    o->state.started_ms = clock_now_ms(stream_clock(s));
    o->state.after_id = 0;
    o->state.n_ranges = 0;
    if (phase == PHASE_FULL) {
        o->state.ordered = true;
        o->state.wide = false;
        o->state.n_ranges = 1;
        o->state.ranges[0] = (struct id_range){.end_id = INT64_MAX};
    }
}

// Decides which pass comes first, where none is gone on with.
static void begin_first_pass(struct source_stream *s)
{
    struct object_state *st = &object_stream_of(s)->state;
    int64_t since_ms = s->options.since_ms;
    // What lies before the first load's start was never read.
    bool anew = s->options.full_refresh || st->since_ms == 0 || st->from_ms > since_ms;
    if (anew) {
        st->from_ms = since_ms;
        st->since_ms = since_ms > 0 ? since_ms : st->since_ms;
        st->refresh = s->options.full_refresh;
    }
    begin_pass(s, anew && since_ms == 0 ? PHASE_FULL : PHASE_INCREMENTAL);
}

static bool object_open(struct source_stream *s, struct error *err)
{
    struct object_stream *o = ARENA_NEW(&s->arena, struct object_stream);
    s->work = o;
    o->source_total = -1;
    buf_init(&o->archived, ARCHIVED_MAX * sizeof(int64_t));
    bool known = object_state_parse(s->options.state, &o->state, err);
    if (!known && !s->options.full_refresh) {
        return false;
    }
    if (!known) {
        o->state = (struct object_state){.ordered = true};
    }
    if (!open_tables(s, object_find(str_from(s->options.info->name)), err)) {
        return false;
    }
    o->decoder = (struct decoder){.tables = &o->tables,
                                  .stages = o->tables.info->stage_dates ? &o->stages : NULL,
                                  .reject_table = s->options.lookup->reject_table,
                                  .stream = str_from(s->options.info->name),
                                  .portal_id = s->source->portal.id,
                                  .clock = stream_clock(s)};
    bool refreshing = o->state.phase != PHASE_ARCHIVED && o->state.refresh;
    if (o->state.phase != PHASE_IDLE && (!s->options.full_refresh || refreshing)) {
        o->resumed = true;
    } else {
        begin_first_pass(s);
    }
    atomic_store(&s->floor_ms, o->state.started_ms);
    set_step(s);
    return true;
}

static void object_start(struct source_stream *s, bool empty)
{
    struct object_stream *o = object_stream_of(s);
    o->started = true;
    if (o->state.phase == PHASE_FULL && !o->resumed) {
        // A table of several streams (engagement) may hold rows of others; it is merged into by its
        // own key.
        o->state.insert = empty;
        o->state.refresh = !empty;
    }
}

// ---- walking

// A table that holds only what was modified since some date has nothing to be compared with.
static bool reconcile_is_due(struct source_stream *s)
{
    const struct object_state *st = &object_stream_of(s)->state;
    int64_t age_ms = clock_now_ms(stream_clock(s)) - st->reconciled_ms;
    return st->whole && (age_ms < 0 || age_ms >= s->source->options.reconcile_ms);
}

void object_next_phase(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    struct object_state *st = &o->state;
    if (st->phase == PHASE_FULL) {
        st->whole = true;
        st->reconciled_ms = st->started_ms;
        st->since_ms = st->started_ms - s->source->options.horizon_ms;
        if (o->resumed) {
            o->resumed = false; // much may have changed since that pass began
            begin_pass(s, PHASE_INCREMENTAL);
        } else {
            st->phase = PHASE_IDLE;
        }
    } else if (st->phase == PHASE_INCREMENTAL) {
        st->phase = PHASE_ARCHIVED;
        o->reconcile = reconcile_is_due(s);
        memset(st->after_text, 0, CURSOR_MAX);
    } else {
        st->phase = PHASE_IDLE;
    }
    st->n_ranges = 0;
    set_step(s);
}

void object_page_cursor(struct source_stream *s, struct page *page)
{
    page->cursor = object_state_format(&object_stream_of(s)->state, &page->arena);
}

// The column registry's new rows commit with the first rows that use them.
static void add_registry_rows(struct source_stream *s, struct page *page)
{
    struct object_stream *o = object_stream_of(s);
    if (o->columns_written) {
        return;
    }
    o->columns_written = true;
    struct naming_row *rows =
        ARENA_ARRAY(&page->arena, struct naming_row, o->tables.n_properties + 1);
    size_t n = 0;
    while (n < o->tables.n_properties && naming_next_new(o->naming, &rows[n])) {
        n++;
    }
    if (n == 0) {
        return;
    }
    char now[TIMESTAMP_TEXT_MAX];
    timestamp_format(clock_now_ms(stream_clock(s)), now);
    struct str since = arena_dup(&page->arena, str_from(now));
    struct cell *cells = page_add_rows(page, s->options.lookup->column_table, BATCH_UPSERT, n);
    for (size_t i = 0; i < n; i++) {
        struct cell *row = &cells[i * REGISTRY_COLUMNS];
        row[0] = cell_text(rows[i].object);
        row[1] = cell_text(rows[i].property);
        row[2] = cell_text(rows[i].column);
        row[3] = cell_text(str_from(column_type_name(rows[i].type)));
        row[4] = cell_text(since);
    }
}

// The last page of a full pass: what the pass did not see is gone, and the state moves on.
static struct page *end_of_full(struct source_stream *s)
{
    struct object_stream *o = object_stream_of(s);
    struct page *page = stream_page(s);
    if (o->state.refresh) {
        page->sweeps[page->n_sweeps++] = (struct page_sweep){
            .table = &o->tables.main, .before_ms = o->state.started_ms, .remove = false};
        if (o->tables.engagement) {
            page->sweeps[page->n_sweeps++] =
                (struct page_sweep){.table = o->tables.engagement,
                                    .scope_column = STR("type"),
                                    .scope_value = str_from(o->tables.info->engagement_type),
                                    .before_ms = o->state.started_ms,
                                    .remove = false};
        }
    }
    object_next_phase(s);
    object_page_cursor(s, page);
    return page;
}

static bool object_next(struct source_stream *s, struct page **ret, struct error *err)
{
    struct object_stream *o = object_stream_of(s);
    assert(o->started);
    *ret = NULL;
    bool ok = true;
    if (o->state.phase == PHASE_FULL) {
        ok = full_walk_next(s, ret, err);
        if (ok && !*ret) {
            *ret = end_of_full(s);
        }
    } else if (o->state.phase == PHASE_INCREMENTAL || search_walk_busy(s)) {
        ok = search_walk_next(s, ret, err);
    }
    if (ok && !*ret && o->state.phase == PHASE_ARCHIVED) {
        ok = archived_walk_next(s, ret, err);
    }
    if (ok && !*ret && o->reconcile && o->state.phase == PHASE_IDLE) {
        ok = reconcile_walk_next(s, ret, err);
    }
    if (ok && *ret) {
        add_registry_rows(s, *ret);
    }
    return ok;
}

static void object_close(struct source_stream *s)
{
    if (s->work) {
        full_walk_close(s);
        search_walk_close(s);
        buf_done(&object_stream_of(s)->archived);
    }
}

static void object_audit(struct source_stream *s, struct source_audit *ret)
{
    struct object_stream *o = object_stream_of(s);
    *ret = (struct source_audit){.table = &o->tables.main};
    if (o->full && o->source_total >= 0) {
        ret->known = true;
        ret->source_count = (uint64_t)o->source_total;
    }
}

static void object_columns(const struct source_stream *s, const struct table *table,
                           struct source_column *ret)
{
    const struct object_stream *o = s->work;
    const struct object_tables *t = &o->tables;
    for (size_t i = 0; i < table->n_columns; i++) {
        ret[i] = (struct source_column){0};
        if (table == &t->main) {
            int at = i < t->info->n_fixed ? t->fixed_source[i] : (int)(i - t->info->n_fixed);
            ret[i].property = at == NO_COLUMN ? (struct str){NULL, 0} : t->properties[at];
        } else if (table == t->engagement) {
            ret[i].needed = str_eq(table->columns[i].name, STR("type")); // a pass sweeps by it
        }
    }
}

const struct stream_ops OBJECT_STREAM = {.open = object_open,
                                         .start = object_start,
                                         .next = object_next,
                                         .audit = object_audit,
                                         .close = object_close,
                                         .columns = object_columns};
