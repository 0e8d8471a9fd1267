// From HubSpot's records to rows: one page of results to batches. The hot path of every load.
#pragma once

#include "data/convert.h"
#include "source/hubspot/stages.h"
#include "source/source.h"

enum { GUESSES_MAX = 4096 };

// Lives with its stream; remembers the order in which properties come, which hardly changes between
// records.
struct decoder {
    const struct object_tables *tables;
    const struct stages *stages; // NULL: the object has none
    const struct table *reject_table;
    struct str stream;
    int64_t portal_id;
    const struct clock *clock;
    int16_t guesses[GUESSES_MAX]; // property number at each position of the last record
    size_t n_guesses;
};

struct decode_request {
    struct json results;
    bool suspicious; // values may hold NUL or repair marks
    enum batch_op op;
    int64_t end_id; // records with this id or above are left out (INT64_MAX: none)
};

struct decode_result {
    size_t n_records; // rows made
    size_t n_seen;    // records in the answer
    int64_t first_id; // of all seen; 0 when none
    int64_t last_id;  // of all seen
    int64_t max_id;   // the greatest seen
    bool ascending;   // ids of all seen rise strictly
    bool reached_end; // a record at or above end_id was seen
};

// Fills page->batches. A record or value that cannot be used is set aside in the reject table with
// its reason; only a body that is no list of records is an error.
bool decode_page(struct decoder *d, const struct decode_request *r, struct page *page,
                 struct decode_result *ret, struct error *err) MUST_CHECK;
// The ids of a list of records, as numbers, in the page's arena.
bool decode_ids(struct json results, struct arena *arena, int64_t **ret_ids,
                struct decode_result *ret, struct error *err) MUST_CHECK;
// Adds a reject row to a page outside decode_page.
void decode_reject(struct decoder *d, struct page *page, struct str record_id, struct str column,
                   struct str raw, const char *reason);
