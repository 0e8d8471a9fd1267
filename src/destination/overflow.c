#include "destination/overflow.h"

enum {
    ROW_MAX = 8160 - 64,   // MaxHeapTupleSize, less what a byte here and there may add up to
    HEADER = 23,           // HeapTupleHeaderData
    OUT_OF_LINE_FROM = 24, // shorter values are never moved out of line
    POINTER = 18,          // what is left of one that is
    SMALLEST_FILLED =
        24, // no value takes more than this, so fewer columns than ROW_MAX / this always fit
    REJECT_COLUMNS = 6,
    NUMBER_TEXT_MAX = 40,
};

static const struct str REASON =
    STR_INIT("the record is larger than a row of PostgreSQL can be (8 kB)");

bool overflow_possible(const struct session *s, const struct target *t)
{
    return s->dest->driver->row_in_page && t->table.n_columns > ROW_MAX / SMALLEST_FILLED &&
           !table_is_system(t->table.name);
}

static size_t aligned(size_t at, size_t to)
{
    return (at + to - 1) / to * to;
}

// Where the row ends when this cell is added behind `at`, at the smallest that PostgreSQL can make
// it.
static size_t add_cell(size_t at, enum column_type type, const struct cell *c)
{
    if (c->kind == CELL_NULL) {
        return at;
    }
    switch (type) {
    case COL_INT:
    case COL_FLOAT:
    case COL_TIMESTAMP:
        return aligned(at, 8) + 8;
    case COL_DATE:
        return aligned(at, 4) + 4;
    case COL_BOOL:
        return at + 1;
    case COL_DECIMAL:
        return at + MIN((size_t)POINTER, 3 + 2 * ((size_t)c->len / 4 + 2));
    case COL_TEXT:
    case COL_TYPE_COUNT:
    default:
        return at + (c->len + 1 > OUT_OF_LINE_FROM ? (size_t)POINTER : (size_t)c->len + 1);
    }
}

// How many of the row's first columns fit.
static size_t columns_that_fit(const struct target *t, const struct cell *row)
{
    size_t n = t->table.n_columns;
    size_t at = aligned(HEADER + (n + 2 + 7) / 8, 8);
    size_t metadata = 16 + 1; // synced and deleted, at the end
    for (size_t i = 0; i < n; i++) {
        at = add_cell(at, t->table.columns[i].type, &row[i]);
        if (aligned(at, 8) + metadata > ROW_MAX) {
            return i;
        }
    }
    return n;
}

static struct cell as_text(const struct cell *c, struct arena *arena)
{
    switch ((enum cell_kind)c->kind) {
    case CELL_INT:
        return cell_text(arena_printf(arena, "%lld", (long long)c->num));
    case CELL_BOOL:
        return cell_text(c->num ? STR("true") : STR("false"));
    case CELL_FLOAT:
        return cell_text(arena_printf(arena, "%.17g", c->dbl));
    case CELL_NULL:
    case CELL_TEXT:
    default:
        return *c;
    }
}

// Moves the row's values from column `keep` on to reject rows; returns how many.
static size_t move_values(const struct session *s, const struct target *t, struct cell *row,
                          size_t keep, struct cell *rejects, struct arena *arena)
{
    size_t n = 0;
    for (size_t i = keep; i < t->table.n_columns; i++) {
        if (row[i].kind == CELL_NULL) {
            continue;
        }
        struct cell *out = &rejects[n++ * REJECT_COLUMNS];
        out[0] = cell_text(s->stream);
        out[1] = as_text(&row[0], arena);
        out[2] = cell_text(t->table.columns[i].name);
        out[3] = as_text(&row[i], arena);
        out[4] = cell_text(REASON);
        out[5] = cell_text(str_from(s->synced));
        row[i] = (struct cell){.kind = CELL_NULL};
    }
    return n;
}

void overflow_cut(const struct session *s, const struct target *t, struct batch *batch,
                  struct arena *arena, struct batch *ret_rejects)
{
    size_t n_columns = t->table.n_columns;
    struct cell *copy = NULL;
    struct cell *rejects = NULL;
    size_t n_rejects = 0;
    size_t cap = 0;
    for (size_t r = 0; r < batch->n_rows; r++) {
        size_t keep = columns_that_fit(t, &batch->cells[r * n_columns]);
        if (keep == n_columns) {
            continue;
        }
        if (!copy) {
            copy = ARENA_ARRAY(arena, struct cell, batch->n_rows * n_columns);
            memcpy(copy, batch->cells, batch->n_rows * n_columns * sizeof *copy);
        }
        if (n_rejects + n_columns > cap) {
            size_t wanted = MAX(cap * 2, n_rejects + n_columns);
            struct cell *grown = ARENA_ARRAY(arena, struct cell, wanted * REJECT_COLUMNS);
            if (n_rejects > 0) {
                memcpy(grown, rejects, n_rejects * REJECT_COLUMNS * sizeof *grown);
            }
            rejects = grown;
            cap = wanted;
        }
        n_rejects += move_values(s, t, &copy[r * n_columns], keep,
                                 &rejects[n_rejects * REJECT_COLUMNS], arena);
    }
    batch->cells = copy ? copy : batch->cells;
    *ret_rejects = (struct batch){
        .table = &TABLE_REJECT, .op = BATCH_INSERT, .cells = rejects, .n_rows = n_rejects};
}
