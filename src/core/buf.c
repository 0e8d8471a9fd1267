#include "core/buf.h"

enum { BUF_CAP_MIN = 256 };

void buf_init(struct buf *b, size_t max)
{
    assert(max > 0 && max < SIZE_MAX / 4);
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
}

char *buf_reserve(struct buf *b, size_t n)
{
    if (b->overflow || n > b->max - b->len) {
        b->overflow = true;
        return NULL;
    }
    size_t need = b->len + n + 1; // one more for the NUL of buf_cstr
    if (need > b->cap) {
        size_t cap = MAX(need, MIN(MAX(b->cap * 2, (size_t)BUF_CAP_MIN), b->max + 1));
        char *ptr = realloc(b->ptr, cap);
        if (!ptr) {
            abort();
        }
        b->ptr = ptr;
        b->cap = cap;
    }
    return b->ptr + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
    assert(n == 0 || n < b->cap - b->len);
    b->len += n;
}

bool buf_add(struct buf *b, struct str s)
{
    char *to = buf_reserve(b, s.len);
    if (!to) {
        return false;
    }
    if (s.len > 0) {
        memcpy(to, s.ptr, s.len);
    }
    b->len += s.len;
    return true;
}

bool buf_add_char(struct buf *b, char c)
{
    return buf_add(b, (struct str){&c, 1});
}

bool buf_add_cstr(struct buf *b, const char *cstr)
{
    return buf_add(b, str_from(cstr));
}

bool buf_add_int(struct buf *b, int64_t n)
{
    char text[20];
    char *at = text + sizeof(text);
    uint64_t rest = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (n < 0) {
        *--at = '-';
    }
    return buf_add(b, (struct str){at, (size_t)(text + sizeof(text) - at)});
}

bool buf_vprintf(struct buf *b, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    assert(len >= 0);
    char *to = buf_reserve(b, (size_t)len);
    if (to) {
        vsnprintf(to, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
    return to != NULL;
}

bool buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    bool ok = buf_vprintf(b, fmt, args);
    va_end(args);
    return ok;
}

void buf_consume(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (n > 0) {
        memmove(b->ptr, b->ptr + n, b->len - n);
        b->len -= n;
    }
}

const char *buf_cstr(struct buf *b)
{
    if (!b->ptr) {
        return "";
    }
    b->ptr[b->len] = '\0';
    return b->ptr;
}
