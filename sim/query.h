// A search request: filter groups, free text and order, checked and ready to be asked of records.
#pragma once

#include "sim/call.h"
#include "sim/portal.h"
#include "sim/visibility.h"

enum {
    QUERY_GROUPS_MAX = 5,
    QUERY_FILTERS_MAX = 6,  // in one group
    QUERY_FILTERS_ALL = 18, // in all groups
    QUERY_WORDS_MAX = 16,
    QUERY_TEXT_MAX = 3000, // characters of a search without its list of properties
};

enum query_operator {
    OP_LT,
    OP_LTE,
    OP_GT,
    OP_GTE,
    OP_EQ,
    OP_NEQ,
    OP_BETWEEN,
    OP_IN,
    OP_NOT_IN,
    OP_HAS_PROPERTY,
    OP_NOT_HAS_PROPERTY,
    OP_CONTAINS_TOKEN,
    OP_NOT_CONTAINS_TOKEN,
    OP_COUNT
};

// How values are compared.
enum query_compare {
    COMPARE_ID,
    COMPARE_MODIFIED,
    COMPARE_CREATED,
    COMPARE_NUMBER,
    COMPARE_TIME,
    COMPARE_TEXT,   // without regard to case
    COMPARE_OPTION, // exact, any of several joined by ';'
    COMPARE_ASSOCIATED,
};

struct query_filter {
    enum query_operator op;
    enum query_compare compare;
    const struct property *property; // NULL with COMPARE_ASSOCIATED
    enum object_type associated;
    struct str *values; // lower case where case does not count
    size_t n_values;
    double low, high;          // COMPARE_NUMBER
    int64_t low_int, high_int; // ids and times (ms)
};

struct query_group {
    struct query_filter filters[QUERY_FILTERS_MAX];
    size_t n;
};

// How results sorted by record id come. HubSpot does not say; all of these have been met.
enum query_id_order {
    ID_ORDER_NUMERIC,
    ID_ORDER_TEXT,
    ID_ORDER_UNSTABLE, // another one for each request
};

struct query {
    const struct portal *portal;
    enum query_id_order id_order;
    uint64_t nonce; // of this request, with ID_ORDER_UNSTABLE
    enum object_type object;
    unsigned seen; // what the caller may see: SEES_*
    struct query_group groups[QUERY_GROUPS_MAX];
    size_t n_groups; // 0: everything
    struct str words[QUERY_WORDS_MAX];
    size_t n_words;
    const struct property *sort; // NULL: by creation
    bool descending;
};

// Reads the body; false after a 400 (or the 500 that a date filter from the epoch gets). Values
// live in the call's arena.
bool query_parse(struct call *c, enum object_type object, struct query *ret) MUST_CHECK;

// One asker: holds scratch memory. One thread.
struct query_matcher {
    const struct query *query;
    struct buf scratch;
    struct neighbors neighbors;
    int64_t now_us; // for the index lag
};
void query_matcher_init(struct query_matcher *m, const struct query *q, int64_t now_us);
void query_matcher_done(struct query_matcher *m);
// What the index sees of the slot, and whether it is there at all.
struct lag_view query_view(const struct query_matcher *m, uint32_t slot);
bool query_matches(struct query_matcher *m, uint32_t slot);
// The value of the sort property as a number that sorts like it; false when it has none. Texts with
// equal numbers may still differ.
bool query_sort_key(struct query_matcher *m, uint32_t slot, uint64_t *ret);
bool query_sort_is_text(const struct query *q);
// Compares the full texts of the sort property.
int query_compare_texts(struct query_matcher *m, uint32_t a, uint32_t b);
// ASCII lower case, in the arena.
struct str query_lower(struct arena *arena, struct str s);
// Milliseconds for a date as searches give it: ms, ISO timestamp or date.
bool query_time(struct str s, int64_t *ret_ms);
