// struct error: what went wrong, in one value. A fallible function returns bool (MUST_CHECK) and
// takes `struct error *err` last; on failure it fills it and leaves its other outputs untouched.
//
// Codes live in errors.def, which also says whether a code is retryable, its HTTP status, exit code
// and hint; so no caller switches on codes. Plain value; no ownership; any thread.
#pragma once

#include "core/base.h"

enum error_code {
#define X(name, retry, status, exit, hint) ERR_##name,
#include "core/errors.def"
#undef X
    ERR_COUNT
};

enum { ERROR_MESSAGE_MAX = 1024 };

struct error {
    enum error_code code;
    int64_t retry_after_ms; // 0 = not said
    char message[ERROR_MESSAGE_MAX];
};

// The row of errors.def.
struct error_info {
    const char *name; // "RATE_LIMITED"
    bool retryable;
    bool delays; // a limit that passes by itself: what needed it is delayed, not failed
    int http_status;
    int exit_code;
    const char *hint; // may be ""
};
const struct error_info *error_info(enum error_code code);

// Sets code and message and returns false, so that `return error_set(err, ...)` reads well.
bool error_set(struct error *err, enum error_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
// Puts "context: " in front of the message, keeps the code; returns false.
bool error_context(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);
