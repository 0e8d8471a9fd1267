// Every SQL text of the destinations is built here, with all names quoted.
//
// A text is appended to `b`, whose overflow the caller checks. `$N` parameters are numbered in the
// order of their appearance; the comment at each function lists them.
#pragma once

#include "destination/driver.h"

enum { STATEMENT_MAX = 4 * 1024 * 1024 }; // 2,000 columns with names of 63 bytes take 0.5 MiB

// "schema"."table" or "table".
void text_table(struct buf *b, const struct destination *d, struct str name);
void text_create_table(struct buf *b, const struct destination *d, const struct target *t);
// ALTER TABLE ... ADD COLUMN
void text_add_column(struct buf *b, const struct destination *d, struct str table,
                     const struct column *column);
void text_widen(struct buf *b, const struct destination *d, struct str table);
void text_is_empty(struct buf *b, const struct destination *d, struct str table); // one row if not
// The name of the index on the synced column, unquoted: after the table, at most 63 bytes.
void text_index_name(struct buf *b, const struct destination *d, struct str table);
void text_index_synced(struct buf *b, const struct destination *d, struct str table);

// $1.. = the columns, then synced and deleted as far as the target has them.
void text_upsert(struct buf *b, const struct destination *d, const struct target *t);
// $1.. = the key columns
void text_delete_row(struct buf *b, const struct destination *d, const struct target *t);
// $1 = synced, then the key columns
void text_mark_row(struct buf *b, const struct destination *d, const struct target *t);
// $1 = the value of the column
void text_delete_scope(struct buf *b, const struct destination *d, const struct target *t,
                       size_t scope_column);

// The same in bulk from a staging table (PostgreSQL). `keys_only`: it has only the key columns.
void text_create_staging(struct buf *b, const struct destination *d, const struct target *t,
                         struct str staging, bool keys_only);
void text_copy(struct buf *b, const struct destination *d, const struct target *t,
               struct str staging, bool keys_only); // staging.ptr NULL: straight into the table
void text_merge_staged(struct buf *b, const struct destination *d, const struct target *t,
                       struct str staging);
void text_delete_staged(struct buf *b, const struct destination *d, const struct target *t,
                        struct str staging);
// `synced` as text
void text_mark_staged(struct buf *b, const struct destination *d, const struct target *t,
                      struct str staging, struct str synced);
// The scope's values stand in the text.
void text_delete_scopes(struct buf *b, const struct destination *d, const struct target *t,
                        size_t scope_column, const int64_t *scope, size_t n);

// Rows with synced < $1 [and scope = $2]. Marking: $1 = the new synced, $2 = the limit [, $3 = the
// scope's value].
void text_sweep(struct buf *b, const struct destination *d, const struct target *t,
                struct str scope_column, bool remove);
// [$1 = the scope's value]
void text_count(struct buf *b, const struct destination *d, const struct target *t,
                struct str scope_column);
// $1 = after id, [$2 = synced after,] last = limit
void text_read_ids(struct buf *b, const struct destination *d, struct str table,
                   struct str id_column, bool by_synced);
void text_max_synced(struct buf *b, const struct destination *d, struct str table);
void text_read_table(struct buf *b, const struct destination *d, const struct table *table);

// history_text.c: versions of the rows of `main` whose contents are not those of their newest one
// in the history `h`. `written`: only of rows synced at $1. `empty`: the history has none, and all
// rows get theirs.
struct version_text {
    const struct target *h;
    struct str main;
    bool written;
    bool empty;
};
void text_versions(struct buf *b, const struct destination *d, const struct version_text *v);
// All rows.
void text_clear(struct buf *b, const struct destination *d, struct str table);

// Parameter `$n` of a type.
void text_param(struct buf *b, const struct destination *d, size_t n, enum column_type type);
