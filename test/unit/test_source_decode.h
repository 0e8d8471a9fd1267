// A page of records decoded, for the tests of decoding: from JSON text and a list of properties to
// batches whose cells can be asked for by name.
#pragma once

#include "check.h"

#include "core/limits.h"
#include "source/hubspot/decode.h"

struct scene {
    struct arena arena;
    struct virtual_clock time;
    struct object_tables tables;
    struct decoder decoder;
    struct page *page;
    struct decode_result result;
    struct error error;
};

extern const struct table REJECTS;

// `properties`: "email:text,amount:decimal", in this order. Clock: 2026-11-22T00:00:00.000Z.
void scene_init(struct scene *s, const char *object, const char *properties);
void scene_done(struct scene *s);
// Decodes the array `results` into a fresh page.
bool scene_decode(struct scene *s, struct str results, enum batch_op op, int64_t end_id);
// The same for results that must be decodable, as upserts of all ids.
void scene_page(struct scene *s, const char *results);

// The one batch for this table and operation; NULL when there is none.
const struct batch *scene_batch(const struct scene *s, const char *table, enum batch_op op);
size_t scene_rows(const struct scene *s, const char *table, enum batch_op op);
const struct cell *scene_cell(const struct batch *b, size_t row, const char *column);
// The cell holds this text; NULL: it is null.
#define check_text(b, row, column, want)                                                           \
    check_text_at((b), (row), (column), (want), __FILE__, __LINE__)
void check_text_at(const struct batch *b, size_t row, const char *column, const char *want,
                   const char *file, int line);
#define check_int(b, row, column, want)                                                            \
    check_int_at((b), (row), (column), (want), __FILE__, __LINE__)
void check_int_at(const struct batch *b, size_t row, const char *column, int64_t want,
                  const char *file, int line);
// The reject row: record id, column, raw value (NULL: none); the reason holds the text.
void check_reject(const struct scene *s, size_t row, const char *const want[3], const char *reason);
