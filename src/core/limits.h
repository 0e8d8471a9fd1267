// Every bound in one place. A bound exists so that memory and time do not grow with what others
// send.
#pragma once

enum {
    LIMIT_BODY_BYTES = 64 * 1024 * 1024,  // a response body, after decompression
    LIMIT_HEADER_BYTES = 64 * 1024,       // all headers of one message
    LIMIT_HEADERS = 128,                  // header fields of one message
    LIMIT_URL_BYTES = 64 * 1024,          // a URL we build
    LIMIT_PAGE_ARENA = 256 * 1024 * 1024, // decoded page: cells and repaired values
    LIMIT_JSON_DEPTH = 64,                // nesting
    LIMIT_VALUE_BYTES = 16 * 1024 * 1024, // one value
    LIMIT_PROPERTIES = 20000,             // properties of one object
    LIMIT_COLUMNS_PG = 1600,              // columns of one PostgreSQL table
    LIMIT_COLUMNS_SQLITE = 2000,          // SQLite's default SQLITE_MAX_COLUMN
    LIMIT_IDENTIFIER_BYTES = 63,          // PostgreSQL's NAMEDATALEN - 1, used everywhere
    LIMIT_STATE_BYTES = 1024 * 1024,      // one stream's state
    LIMIT_SETTINGS_VALUE = 64 * 1024,     // one setting's text
    LIMIT_REQUEST_BODY = 8 * 1024 * 1024, // a body we send, or that hubsim accepts
    LIMIT_QUEUE_PAGES = 1,                // pages between extraction and loading
    LIMIT_THREAD_STACK = 512 * 1024,      // stack of a thread that moves a stream
    LIMIT_TRIES = 5,                      // tries of one request
};
