// Reading and writing rows of the store's tables. Internal to the room.
//
// A struct row stands on one row and is read column by column, from left to right, so that readers
// of several tables can take turns with one row. What cannot be read marks the row as bad; who
// reads it looks once at the end (row_check). Texts are copied into the arena.
#pragma once

#include "store/store.h"

struct row {
    struct sql_stmt *st;
    struct arena *arena;
    size_t at;
    bool nullable; // NULL is 0 and the empty text: an outer join found nothing
    bool bad;
};
int64_t row_int(struct row *r);
bool row_bool(struct row *r); // 0 or 1
struct str row_text(struct row *r);
// A text that must be one of the names.
int row_name(struct row *r, const char *const *names, size_t n);
// False when the row could not be read: STORE, with what it is.
bool row_check(const struct row *r, const char *what, struct str id, struct error *err) MUST_CHECK;

struct statement {
    struct str text;
    const struct sql_value *args;
    size_t n_args;
};
// Runs it; *ret_changed may be NULL.
bool rows_run(struct store *s, const struct statement *st, uint64_t *ret_changed,
              struct error *err) MUST_CHECK;
// The same, and NOT_FOUND when it changed nothing: "there is no <what> <id>".
bool rows_run_one(struct store *s, const struct statement *st, const char *what, struct str id,
                  struct error *err) MUST_CHECK;
// Fills err with NOT_FOUND; returns false.
bool rows_missing(struct error *err, const char *what, struct str id);
// One number; `fallback` when there is no row or it is NULL.
bool rows_number(struct store *s, const struct statement *st, int64_t fallback, int64_t *ret,
                 struct error *err) MUST_CHECK;

// What a query found: `n` items of `size` bytes each, in the arena.
struct row_list {
    struct arena *arena;
    size_t size;
    bool (*read)(struct row *row, void *item, struct error *err);
    void *items;
    size_t n;
};
bool rows_list(struct store *s, const struct statement *st, struct row_list *list,
               struct error *err) MUST_CHECK;
// The first row into `item`; *ret_found false when there is none.
struct row_reader {
    struct arena *arena;
    bool (*read)(struct row *row, void *item, struct error *err);
};
bool rows_find(struct store *s, const struct statement *st, const struct row_reader *reader,
               void *item, bool *ret_found, struct error *err) MUST_CHECK;

// Inserts n rows of `columns` values each; `head` is "INSERT INTO x (...)", `tail` what follows.
struct rows_insertion {
    const char *head;
    const char *tail;
    const struct sql_value *args;
    size_t columns;
    size_t n;
};
bool rows_insert(struct store *s, const struct rows_insertion *in, uint64_t *ret_changed,
                 struct error *err) MUST_CHECK;
// "$3,$4,$5": n parameters from `first` on.
struct str rows_params(size_t first, size_t n, struct arena *arena);

// For statements that read what they are going to change: " FOR UPDATE" where others may write at
// the same time. The order in which locks are taken is the same everywhere: sync, its streams
// (oldest first), runs, leases, events.
const char *rows_lock(const struct store *s);
// A text for a column, at most `max` bytes: what no database would take is replaced.
struct str rows_clean(struct str text, size_t max, struct arena *arena);
// Whether a page of a list may begin there; CONFIG when the place is none.
struct page_place;
bool rows_check_place(const struct page_place *p, struct error *err) MUST_CHECK;
