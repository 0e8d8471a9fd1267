// Streams that are small and read whole in every run: owners, pipelines, property definitions. Rows
// that a run does not see are marked deleted (or removed, where a row has no life of its own).
// Internal to this folder.
#pragma once

#include "source/hubspot/fetch.h"
#include "source/hubspot/internal.h"

// A walk over a fixed list of calls; each answer is one page.
struct reference {
    int64_t started_ms;
    size_t part;            // which call comes next
    char after[CURSOR_MAX]; // cursor within the part
    bool closed;            // the closing page has been given
    bool failed;            // a part could not be read; `error` is the first such
    struct error error;
};

struct reference *reference_open(struct source_stream *s);
// The closing page, once: sweeps and the state; then NULL.
struct page *reference_close(struct source_stream *s, const struct table *const *marked,
                             size_t n_marked, const struct table *removed);
// A part that cannot be read (no scope, say) must not keep the others out: notes the error, and the
// walk goes on. False for errors that concern them all. At the end of the walk reference_end gives
// the error noted.
bool reference_skip(struct reference *r, const struct error *err);
bool reference_end(struct reference *r, struct error *err) MUST_CHECK;
// Cuts the newest batch of the page, which is of `table`, to the n rows that were filled.
void reference_keep(struct page *page, const struct table *table, size_t n);
