// What the files of this folder share; nobody else includes it.
#pragma once

#include "source/hubspot/catalog.h"
#include "source/hubspot/decode.h"
#include "source/hubspot/objects.h"
#include "source/hubspot/pages.h"
#include "source/hubspot/source_hubspot.h"

#include <pthread.h>
#include <stdatomic.h>

struct source {
    struct source_hubspot_options options;
    struct hubspot *account;
    pthread_mutex_t lock; // guards which catalog is the present one
    struct catalog *catalog;
    struct page_pool *pages;
    struct arena arena;
    struct source_hubspot_portal portal;
};

// One kind of stream: how it opens, walks and counts.
struct stream_ops {
    bool (*open)(struct source_stream *s, struct error *err);
    void (*start)(struct source_stream *s, bool empty); // may be NULL
    bool (*next)(struct source_stream *s, struct page **ret, struct error *err);
    void (*audit)(struct source_stream *s, struct source_audit *ret); // may be NULL
    void (*close)(struct source_stream *s);                           // may be NULL
    // See source_stream_columns; NULL: of no column more is known than its name.
    void (*columns)(const struct source_stream *s, const struct table *table,
                    struct source_column *ret);
};
extern const struct stream_ops OBJECT_STREAM;
extern const struct stream_ops OWNERS_STREAM;
extern const struct stream_ops PIPELINES_STREAM;
extern const struct stream_ops PROPERTIES_STREAM;
extern const struct stream_ops PAIR_STREAM;

struct source_stream {
    const struct stream_ops *ops;
    struct source *source;
    struct source_stream_options options; // texts copied into the arena
    struct hubspot_client *client;
    struct catalog *catalog;
    struct arena arena; // lives as long as the stream
    const struct table *tables[SOURCE_TABLES_MAX];
    size_t n_tables;
    struct source_view views[2];
    size_t n_views;
    void *work;      // of the kind of stream; in the arena
    int empty_pages; // see fetch_cursor
    atomic_uint_fast64_t estimated_total;
    _Atomic(const char *) step;
    atomic_int_fast64_t floor_ms; // see source_stream_floor_ms
};

static inline const struct clock *stream_clock(const struct source_stream *s)
{
    return s->source->options.account.clock;
}
// What the stream is doing from now on, for displays; its calls become as urgent as that.
void stream_set_step(struct source_stream *s, const char *step);
void stream_add_table(struct source_stream *s, const struct table *table);
struct page *stream_page(struct source_stream *s);
// Adds a batch for `n_rows` zeroed rows and returns their cells.
struct cell *page_add_rows(struct page *page, const struct table *table, enum batch_op op,
                           size_t n_rows);
// A cell from a JSON field: NULL when absent; a value that does not fit its type is NULL.
struct cell cell_field(struct json object, const char *key, enum column_type type,
                       struct arena *arena);
