// The request log in the store: what was asked of HubSpot and what came back, newest kept.
//
// Writing never fails nor waits: records go into a bounded queue, a thread of its own writes them
// in transactions of many, and what finds no room is dropped and counted. The store is opened by
// the first record, so that a run without failures leaves no file behind; where no store can be
// made, nothing is kept and that is said once.
// The table keeps the newest REQUESTS_MAX records of at most REQUESTS_BYTES_MAX together.
// Errors of the readers: STORE, STORE_BUSY, STORE_FULL; NOT_FOUND.
// Threads: requests_log's function from any; start and stop from one; the readers are the store's.
#pragma once

#include "hubspot/request_log.h"
#include "store/store.h"

enum { REQUESTS_MAX = 1000, REQUESTS_BYTES_MAX = 64 * 1024 * 1024 };

struct requests_options {
    struct str url;       // of the store, as of struct store_options
    struct str directory; // the data directory's setting, likewise
    const struct clock *clock;
    const struct log *log; // may be NULL
    bool trace;            // successes too
    bool existing;         // the store is there; none is made in its place
};

struct requests;
struct requests *requests_start(const struct requests_options *options);
// Writes what is queued, within about two seconds, and ends. Takes NULL. Nobody may log any more.
void requests_stop(struct requests *r);
const struct request_log *requests_log(struct requests *r);
uint64_t requests_dropped(struct requests *r); // so far

struct stored_request {
    int64_t id;                   // grows
    struct str code;              // "RATE_LIMITED"; "OK" when it did not fail
    struct request_record record; // `code` is not filled
};

struct requests_filter {
    size_t max;       // the newest so many
    bool failed;      // only these
    int64_t since_ms; // started then or later; 0: all
};
// Newest first, without headers and bodies. Into `arena`.
bool requests_list(struct store *s, const struct requests_filter *f, struct arena *arena,
                   struct stored_request **ret, size_t *ret_n, struct error *err) MUST_CHECK;
// One whole. Into `arena`.
bool requests_find(struct store *s, int64_t id, struct arena *arena, struct stored_request *ret,
                   struct error *err) MUST_CHECK;
