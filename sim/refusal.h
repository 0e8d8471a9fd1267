// struct refusal: why a write, or one of a batch, is not done. Answered for the whole request, or
// as one of the errors in a mixed answer. Texts live in the call's arena. One thread.
#pragma once

#include "sim/call.h"

struct refusal {
    int status;
    const char *category;
    const char *sub_category; // NULL: none
    struct str message;
    struct str context; // fields of "context" as JSON, without its braces; empty: none
    struct str errors;  // elements of "errors" as JSON, without its brackets; empty: none
};

// Fills *ret; always false, so that `return refuse(...)` reads well.
bool refuse(struct call *c, struct refusal *ret, int status, const char *category, const char *fmt,
            ...) PRINTF_LIKE(5, 6);
// A field of context, "name":["value"], added to those already there.
void refusal_add_context(struct call *c, struct refusal *r, const char *name, struct str value);
// The answer to the whole request; false.
bool refusal_answer(struct call *c, const struct refusal *r);
// One of the errors of a batch, and a comma. `trace` is the input's objectWriteTraceId, or empty.
void refusal_write(struct buf *out, const struct refusal *r, struct str trace);
