// What was asked of HubSpot and what came back, one record for each exchange, for somebody to look
// at later: HubSpot's messages mislead, and its support asks for what was sent.
//
// The client hands every failed exchange to a struct request_log, and with `trace` every other one
// too. A record is bounded and holds no secret: credentials are masked in headers, URL and bodies.
// It does hold the data of the people in the account.
// Threads: request_log_write from any; so `write` must bear that.
#pragma once

#include "core/buf.h"
#include "core/error.h"
#include "hubspot/credential.h"

enum { REQUEST_LOG_BODY_MAX = 64 * 1024, REQUEST_LOG_TEXT_MAX = 16 * 1024 };

struct request_record {
    int64_t started_ms;    // wall clock
    int64_t first_byte_us; // from the start; 0: none came
    int64_t took_us;
    struct str connection; // name; may be empty
    struct str stream;     // what the client works on; may be empty
    struct str endpoint;   // "OBJECT_LIST"
    struct str method;
    struct str url;
    struct str request_headers;  // "Name: value\n" lines
    struct str request_body;     // its start; ptr NULL: none
    size_t request_body_bytes;   // of all of it
    int status;                  // 0: no answer
    struct str response_headers; // "name: value\n" lines
    struct str response_body;    // its start, decoded
    size_t response_body_bytes;  // of all of it
    int tries;                   // this one included
    int sends;                   // by libcurl, see http/client.h
    bool failed;
    bool again;           // it is sent once more
    enum error_code code; // OK when it did not fail
    struct str message;   // the error's
    struct str correlation_id;
};

struct request_log {
    bool trace; // successes too
    // The texts live during the call only. Must not wait.
    void (*write)(void *user, const struct request_record *record);
    void *user;
};

// Writes the record, masked and cut, when the log wants it. `log` and `credential` may be NULL.
void request_log_write(const struct request_log *log, struct credential *credential,
                       const struct request_record *record);
// Appends the text with "***" in the place of secrets: the values of known names in JSON, forms and
// queries, headers that carry credentials, bearer tokens, private app tokens, and tokens that are
// segments of a path.
void request_mask(struct str text, struct buf *out);
