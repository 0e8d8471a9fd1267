// Rows on their way from a source to a destination.
//
// A page is what one answer of the source turned into: batches for one or more tables. It owns all
// that its cells point to (arena and JSON document) and travels from the extracting to the loading
// thread; page_destroy frees it.
#pragma once

#include "core/arena.h"
#include "data/json.h"
#include "data/schema.h"

enum cell_kind {
    CELL_NULL,
    CELL_TEXT, // ptr,len: valid UTF-8 without NUL, in the canonical text of its column's type:
               //   decimal "-12.50" (plain digits), date "YYYY-MM-DD", timestamp
               //   "YYYY-MM-DDTHH:MM:SS.mmmZ"
    CELL_INT,  // num; for COL_INT
    CELL_BOOL, // num 0 or 1
    CELL_FLOAT // dbl
};
struct cell {
    union {
        const char *ptr;
        int64_t num;
        double dbl;
    };
    uint32_t len;
    uint32_t kind; // enum cell_kind
};

// Cells from plain values. An empty slice is NULL: that is how HubSpot clears a value.
static inline struct cell cell_text(struct str s)
{
    return (struct cell){
        .ptr = s.ptr, .len = (uint32_t)s.len, .kind = s.len > 0 ? CELL_TEXT : CELL_NULL};
}
static inline struct cell cell_int(int64_t n)
{
    return (struct cell){.num = n, .kind = CELL_INT};
}
static inline struct cell cell_bool(bool b)
{
    return (struct cell){.num = b, .kind = CELL_BOOL};
}

enum batch_op {
    BATCH_UPSERT, // merge on the primary key: new rows are inserted, known ones get all columns of
                  // the batch
    BATCH_INSERT, // the source asserts that no row is in the table yet (first full load of an empty
                  // table)
    BATCH_DELETED, // only key cells count: mark these rows deleted (rows that are not there stay
                   // absent)
    BATCH_DELETE,  // only key cells count: remove the rows
    BATCH_REPLACE, // first delete every row whose column `scope_column` is in `scope`, then insert
                   // the rows
};

struct batch {
    const struct table *table;
    enum batch_op op;
    bool deleted; // value of the deleted mark for upserted rows
    size_t n_rows;
    struct cell *cells;  // row-major, n_rows * table->n_columns
    size_t scope_column; // BATCH_REPLACE: index of a COL_INT column
    const int64_t *scope;
    size_t n_scope;
};

// Rows of a table that a pass over everything did not write are gone from the source.
struct page_sweep {
    const struct table *table;
    struct str scope_column, scope_value; // only rows with this text value; empty: all rows
    int64_t before_ms;                    // rows synced before this instant
    bool remove;                          // true: removed; false: marked deleted
};

enum { PAGE_MAX_BATCHES = 32, PAGE_MAX_SWEEPS = 8 };
struct page {
    struct arena arena;
    struct json_doc *doc; // NULL when the cells do not point into one
    struct batch batches[PAGE_MAX_BATCHES];
    size_t n_batches;
    struct page_sweep sweeps[PAGE_MAX_SWEEPS]; // carried out after the batches
    size_t n_sweeps;
    bool hold; // what follows belongs to it: no commit before a page of the stream without `hold`
    struct str cursor; // the stream's state once this page and all before it are loaded; ptr NULL:
                       // unchanged
    uint64_t records;  // source records in the page (for progress)
    uint64_t bytes;    // bytes received for it
    uint64_t rejects;  // values set aside
    void (*release)(void *user, struct page *page); // when set, page_destroy hands it here (reuse)
    void *user;
};

struct page *page_create(void);
void page_destroy(struct page *page); // takes NULL
