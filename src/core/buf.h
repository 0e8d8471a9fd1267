// struct buf: growing bytes with a maximum given at init. The error is sticky: after an append that
// would pass the maximum, `overflow` is set, nothing more is added, and the user checks once at the
// end. One owner thread.
#pragma once

#include "core/str.h"

#include <stdarg.h>

struct buf {
    char *ptr;
    size_t len;
    size_t cap;
    size_t max;
    bool overflow;
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  // frees; b may be initialised again. Safe on a zeroed struct.
void buf_reset(struct buf *b); // empties, keeps the memory, clears `overflow`

// Appends; false (and sticky) when the maximum is passed.
bool buf_add(struct buf *b, struct str s);
bool buf_add_char(struct buf *b, char c);
bool buf_add_cstr(struct buf *b, const char *cstr);
bool buf_add_int(struct buf *b, int64_t n);
bool buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
bool buf_vprintf(struct buf *b, const char *fmt, va_list args);
// Makes room for `n` more bytes and returns where to write them, or NULL past the maximum; then
// buf_commit(n written).
char *buf_reserve(struct buf *b, size_t n);
void buf_commit(struct buf *b, size_t n);
// Drops the first n bytes.
void buf_consume(struct buf *b, size_t n);

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){b->ptr, b->len};
}
// The bytes as a C string (a NUL is kept behind them). Valid until the next change.
const char *buf_cstr(struct buf *b);
