#include "destination/postgres_lane.h"

#include "destination/keyset.h"
#include "destination/postgres_row.h"
#include "destination/statements.h"

enum {
    SEND_BYTES = 64 * 1024,           // of the open COPY's lane go out at once
    INTERRUPT_BYTES = 256 * 1024,     // of another lane are worth ending the open COPY
    STRAIGHT_BYTES = 2 * 1024 * 1024, // are kept for a straight COPY that may have to be undone
    MERGE_BYTES = 6 * 1024 * 1024,    // stay within the server's default temp_buffers
    MERGE_ROWS = 10000,
    LANE_MAX = 256 * 1024 * 1024, // one row may be large
};

static const char COPY_HEADER[] = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0"; // and the literal's NUL: 19
static const char COPY_TRAILER[] = {'\377', '\377'};

struct staging {
    char name[32];
    bool created;
    bool created_now; // in this transaction: a rollback takes it away
    bool used;        // holds rows that have been merged in this transaction
};

struct lane {
    struct target *target;
    enum effect effect;
    bool pending;    // something is to be merged
    bool straight;   // the rows go into the table itself
    bool collides;   // a straight COPY has met a key that was there
    struct buf rows; // encoded and not sent; a straight lane keeps the sent ones, too
    size_t sent;     // bytes of `rows` that a straight COPY has been given
    size_t n_rows;
    size_t n_bytes;
    struct keyset keys; // of the rows
    size_t scope_column;
    int64_t *scope; // values to be cleared before the merge
    size_t n_scope;
    size_t cap_scope;
    struct keyset scopes; // these and those of the rows
    struct staging whole; // staging tables: all columns, key columns
    struct staging by_key;
};

struct lanes {
    struct lane *active; // whose COPY is open
    unsigned n_lanes;    // names count up
};

struct lanes *lanes_create(void)
{
    struct lanes *l = calloc(1, sizeof(*l));
    assert(l);
    return l;
}

void lanes_destroy(struct lanes *l)
{
    assert(!l || !l->active);
    free(l);
}

static struct lanes *lanes_of(struct session *s)
{
    assert(s->driver_data);
    return s->driver_data;
}

static struct lane *lane_of(struct session *s, struct target *t)
{
    if (!t->prepared) {
        struct lane *lane = calloc(1, sizeof(*lane));
        assert(lane);
        unsigned number = ++lanes_of(s)->n_lanes;
        lane->target = t;
        buf_init(&lane->rows, LANE_MAX);
        (void)snprintf(lane->whole.name, sizeof(lane->whole.name), "sluice_rows_%u", number);
        (void)snprintf(lane->by_key.name, sizeof(lane->by_key.name), "sluice_keys_%u", number);
        t->prepared = lane;
    }
    return t->prepared;
}

static bool keys_only(const struct lane *lane)
{
    return lane->effect == EFFECT_MARK || lane->effect == EFFECT_REMOVE;
}

static struct staging *staging_of(struct lane *lane)
{
    return keys_only(lane) ? &lane->by_key : &lane->whole;
}

static void clear(struct lane *lane)
{
    if (lane->rows.cap > STRAIGHT_BYTES * 2) { // a giant row must not be paid for until the end
        buf_done(&lane->rows);
        buf_init(&lane->rows, LANE_MAX);
    }
    buf_reset(&lane->rows);
    lane->pending = false;
    lane->sent = 0;
    lane->n_rows = 0;
    lane->n_bytes = 0;
    lane->n_scope = 0;
    keyset_clear(&lane->keys);
    keyset_clear(&lane->scopes);
}

static bool run_text(struct session *s, struct buf *text, struct error *err)
{
    bool ok = text->overflow
                  ? error_set(err, ERR_LIMIT, "a statement of over %d bytes", STATEMENT_MAX)
                  : sql_exec(s->db, buf_cstr(text), err);
    buf_reset(text);
    return ok;
}

// --- COPY ----------------------------------------------------------------------------------------

// An empty staging table, made once in a session and emptied by each commit.
static bool prepare_staging(struct session *s, struct lane *lane, struct buf *text,
                            struct error *err)
{
    struct staging *staging = staging_of(lane);
    if (!staging->created) {
        text_create_staging(text, s->dest, lane->target, str_from(staging->name), keys_only(lane));
        if (!run_text(s, text, err)) {
            return false;
        }
        staging->created = true;
        staging->created_now = true;
    }
    if (staging->used) {
        staging->used = false;
        buf_add_cstr(text, "TRUNCATE pg_temp.");
        sql_quote_name(text, str_from(staging->name));
        return run_text(s, text, err);
    }
    return true;
}

static bool open_copy(struct session *s, struct lane *lane, struct error *err)
{
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    bool ok = lane->straight ? sql_exec(s->db, "SAVEPOINT sluice_copy", err)
                             : prepare_staging(s, lane, &text, err);
    if (ok) {
        struct str into = lane->straight ? (struct str){0} : str_from(staging_of(lane)->name);
        text_copy(&text, s->dest, lane->target, into, keys_only(lane));
        ok = sql_copy_begin(s->db, buf_cstr(&text), err) &&
             sql_copy_data(s->db, (struct str){COPY_HEADER, sizeof(COPY_HEADER)}, err);
    }
    if (ok) {
        lanes_of(s)->active = lane;
    }
    buf_done(&text);
    return ok;
}

// Gives the server what has been collected since. The lane's COPY is open.
static bool push_rows(struct session *s, struct lane *lane, struct error *err)
{
    // In pieces, since libpq grows its buffer to the largest.
    while (lane->sent < lane->rows.len) {
        struct str piece = str_sub(buf_str(&lane->rows), lane->sent, SEND_BYTES);
        if (!sql_copy_data(s->db, piece, err)) {
            lanes_of(s)->active = NULL;
            return false;
        }
        lane->sent += piece.len;
    }
    if (!lane->straight) {
        buf_reset(&lane->rows);
        lane->sent = 0;
    }
    return true;
}

static bool end_copy(struct session *s, struct error *err)
{
    lanes_of(s)->active = NULL;
    return sql_copy_data(s->db, (struct str){COPY_TRAILER, sizeof(COPY_TRAILER)}, err) &&
           sql_copy_end(s->db, NULL, err);
}

// --- merge ---------------------------------------------------------------------------------------

static void text_merge(struct buf *b, struct session *s, struct lane *lane)
{
    struct str staging = str_from(staging_of(lane)->name);
    switch (lane->effect) {
    case EFFECT_MARK:
        text_mark_staged(b, s->dest, lane->target, staging, str_from(s->synced));
        break;
    case EFFECT_REMOVE:
        text_delete_staged(b, s->dest, lane->target, staging);
        break;
    case EFFECT_UPSERT:
    case EFFECT_INSERT:
    case EFFECT_REPLACE:
    default:
        text_merge_staged(b, s->dest, lane->target, staging);
    }
}

// The lane's COPY is closed; its rows go from the staging table into their own.
static bool merge(struct session *s, struct lane *lane, struct error *err)
{
    assert(!lanes_of(s)->active && !lane->straight);
    struct buf text;
    buf_init(&text, STATEMENT_MAX);
    bool ok = true;
    if (lane->n_scope > 0) {
        text_delete_scopes(&text, s->dest, lane->target, lane->scope_column, lane->scope,
                           lane->n_scope);
        ok = run_text(s, &text, err);
    }
    if (ok && lane->n_rows > 0) {
        text_merge(&text, s, lane);
        ok = run_text(s, &text, err);
        staging_of(lane)->used = true;
    }
    buf_done(&text);
    clear(lane);
    return ok;
}

// --- straight into the table --------------------------------------------------------------------

// A key was there after all: takes the piece back and merges it.
static bool undo_straight(struct session *s, struct lane *lane, struct error *err)
{
    lane->collides = true;
    lane->straight = false;
    lane->effect = EFFECT_UPSERT;
    lane->sent = 0;
    return sql_exec(s->db, "ROLLBACK TO sluice_copy; RELEASE sluice_copy", err) &&
           open_copy(s, lane, err) && push_rows(s, lane, err) && end_copy(s, err) &&
           merge(s, lane, err);
}

// Ends the open COPY, whose ever it is. Rows of a straight one are then in their table and off the
// lane.
static bool close_copy(struct session *s, struct error *err)
{
    struct lane *lane = lanes_of(s)->active;
    if (!lane) {
        return true;
    }
    if (!lane->straight) {
        return end_copy(s, err);
    }
    if (!push_rows(s, lane, err)) {
        return false;
    }
    if (!end_copy(s, err)) {
        return sql_last_fault(s->db) == SQL_FAULT_UNIQUE && undo_straight(s, lane, err);
    }
    clear(lane);
    return sql_exec(s->db, "RELEASE sluice_copy", err);
}

static bool send_rows(struct session *s, struct lane *lane, struct error *err)
{
    if (lanes_of(s)->active != lane && (!close_copy(s, err) || !open_copy(s, lane, err))) {
        return false;
    }
    return push_rows(s, lane, err);
}

static bool flush_lane(struct session *s, struct lane *lane, struct error *err)
{
    if (!lane->pending) {
        return true;
    }
    if (lane->sent < lane->rows.len && !send_rows(s, lane, err)) {
        return false;
    }
    // A straight lane is done when its COPY is, also when that had to be undone and merged.
    return close_copy(s, err) && (!lane->pending || merge(s, lane, err));
}

bool lanes_flush(struct session *s, struct error *err)
{
    for (struct target *t = s->targets; t; t = t->next) {
        if (t->prepared && !flush_lane(s, t->prepared, err)) {
            return error_context(err, "table '%.*s'", STR_ARG(t->table.name));
        }
    }
    return true;
}

// --- rows ----------------------------------------------------------------------------------------

static bool send_if_worth(struct session *s, struct lane *lane, struct error *err)
{
    struct lanes *l = lanes_of(s);
    size_t waiting = lane->rows.len - lane->sent;
    bool mine = l->active == lane || !l->active;
    if (waiting >= (size_t)(mine ? SEND_BYTES : INTERRUPT_BYTES) && !send_rows(s, lane, err)) {
        return false;
    }
    bool full = lane->straight ? lane->rows.len >= STRAIGHT_BYTES
                               : lane->n_bytes >= MERGE_BYTES || lane->n_rows >= MERGE_ROWS;
    return !full || flush_lane(s, lane, err);
}

// Which values of the scope column the row touches, so that a later scope does not clear it.
static bool note_scope(struct lane *lane, const struct cell *cells, struct error *err)
{
    const struct cell *c = &cells[lane->scope_column];
    if (c->kind != CELL_INT) {
        return error_set(err, ERR_INTERNAL, "column '%.*s' of a replaced row holds no number",
                         STR_ARG(lane->target->table.columns[lane->scope_column].name));
    }
    (void)keyset_add(&lane->scopes, (uint64_t)c->num);
    return true;
}

static bool add_row(struct session *s, struct lane *lane, const struct row_form *form,
                    const struct cell *cells, struct error *err)
{
    uint64_t key;
    size_t before = lane->rows.len;
    if (!postgres_row(&lane->rows, form, cells, &key, err)) {
        return false;
    }
    size_t size = lane->rows.len - before;
    if (form->target->table.n_keys > 0 && !keyset_add(&lane->keys, key)) {
        // The same key again: what came before it is merged first, then the row starts afresh.
        // Without its scopes, which that merge has cleared.
        lane->rows.len = before;
        if (!flush_lane(s, lane, err) || !postgres_row(&lane->rows, form, cells, &key, err)) {
            return false;
        }
        (void)keyset_add(&lane->keys, key);
    }
    if (lane->effect == EFFECT_REPLACE && !note_scope(lane, cells, err)) {
        return false;
    }
    lane->pending = true;
    lane->n_rows++;
    lane->n_bytes += size;
    return send_if_worth(s, lane, err);
}

static bool overlaps(const struct lane *lane, const struct batch *batch)
{
    for (size_t i = 0; i < batch->n_scope; i++) {
        if (keyset_has(&lane->scopes, (uint64_t)batch->scope[i])) {
            return true;
        }
    }
    return false;
}

// The batch's scopes are cleared with those collected before, unless rows collected before would
// be, too.
static bool add_scopes(struct session *s, struct lane *lane, const struct batch *batch,
                       struct error *err)
{
    if ((lane->scope_column != batch->scope_column || overlaps(lane, batch)) &&
        !flush_lane(s, lane, err)) {
        return false;
    }
    lane->scope_column = batch->scope_column;
    if (lane->n_scope + batch->n_scope > lane->cap_scope) {
        lane->cap_scope = (lane->n_scope + batch->n_scope) * 2;
        lane->scope = realloc(lane->scope, lane->cap_scope * sizeof(*lane->scope));
        assert(lane->scope);
    }
    for (size_t i = 0; i < batch->n_scope; i++) {
        lane->scope[lane->n_scope++] = batch->scope[i];
        (void)keyset_add(&lane->scopes, (uint64_t)batch->scope[i]);
        lane->pending = true;
    }
    return true;
}

bool lanes_write(struct session *s, struct target *t, const struct batch *batch, struct error *err)
{
    struct lane *lane = lane_of(s, t);
    enum effect effect = batch_effect(t, batch);
    if (effect == EFFECT_INSERT && lane->collides) {
        effect = EFFECT_UPSERT;
    }
    if (effect != lane->effect && !flush_lane(s, lane, err)) {
        return false;
    }
    lane->effect = effect;
    // Without a key there is nothing to merge on.
    lane->straight = effect == EFFECT_INSERT || (effect == EFFECT_UPSERT && t->table.n_keys == 0);
    if (effect == EFFECT_REPLACE && !add_scopes(s, lane, batch, err)) {
        return false;
    }
    const struct row_form form = {
        .target = t,
        .keys_only = keys_only(lane),
        .synced = postgres_timestamp(s->synced_ms),
        .deleted = batch->deleted,
    };
    for (size_t row = 0; row < batch->n_rows; row++) {
        if (!add_row(s, lane, &form, batch->cells + row * t->table.n_columns, err)) {
            return error_context(err, "row %zu", row + 1);
        }
    }
    return true;
}

// --- ends ----------------------------------------------------------------------------------------

static void staging_ended(struct staging *staging, bool committed)
{
    if (!committed && staging->created_now) {
        staging->created = false;
    }
    staging->created_now = false;
    staging->used = false;
}

void lanes_ended(struct session *s, bool committed)
{
    lanes_of(s)->active = NULL;
    for (struct target *t = s->targets; t; t = t->next) {
        struct lane *lane = t->prepared;
        if (lane) {
            assert(!committed || !lane->pending);
            clear(lane);
            staging_ended(&lane->whole, committed);
            staging_ended(&lane->by_key, committed);
        }
    }
}

void lanes_forget(struct session *s, struct target *t)
{
    struct lane *lane = t->prepared;
    if (!lane) {
        return;
    }
    assert(!lane->pending && lanes_of(s)->active != lane);
    buf_done(&lane->rows);
    keyset_done(&lane->keys);
    keyset_done(&lane->scopes);
    free(lane->scope);
    free(lane);
    t->prepared = NULL;
}
