#include "core/error.h"

#include <stdarg.h>

enum { ERROR_NO, ERROR_SOON, ERROR_LATER };

static const struct error_info ERRORS[ERR_COUNT] = {
#define X(name_, retry_, status_, exit_, hint_)                                                    \
    [ERR_##name_] = {                                                                              \
        #name_, ERROR_##retry_ != ERROR_NO, ERROR_##retry_ == ERROR_LATER, status_, exit_, hint_},
#include "core/errors.def"
#undef X
};

const struct error_info *error_info(enum error_code code)
{
    assert((unsigned)code < ERR_COUNT);
    return &ERRORS[code];
}

// A cut text must not end within a UTF-8 sequence.
static void drop_partial_character(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80) {
        start--;
    }
    if (start == 0 || (unsigned char)text[start - 1] < 0xc0) {
        return;
    }
    unsigned char lead = (unsigned char)text[start - 1];
    size_t want = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (len - start < want) {
        text[start - 1] = '\0';
    }
}

// Formats into `out`; the arguments may point into it.
static void format(char out[ERROR_MESSAGE_MAX], const char *fmt, va_list args)
{
    char text[ERROR_MESSAGE_MAX];
    int len = vsnprintf(text, sizeof(text), fmt, args);
    if (len >= (int)sizeof(text)) {
        drop_partial_character(text);
    }
    memcpy(out, text, strlen(text) + 1);
}

bool error_set(struct error *err, enum error_code code, const char *fmt, ...)
{
    assert(err && code != ERR_OK && (unsigned)code < ERR_COUNT);
    va_list args;
    va_start(args, fmt);
    format(err->message, fmt, args);
    va_end(args);
    err->code = code;
    err->retry_after_ms = 0;
    return false;
}

bool error_context(struct error *err, const char *fmt, ...)
{
    assert(err && err->code != ERR_OK);
    char text[ERROR_MESSAGE_MAX];
    va_list args;
    va_start(args, fmt);
    format(text, fmt, args);
    va_end(args);
    // The context leaves room for at least half of the message that it explains.
    size_t used = MIN(strlen(text), (size_t)ERROR_MESSAGE_MAX / 2);
    text[used] = '\0';
    drop_partial_character(text);
    used = strlen(text);
    text[used++] = ':';
    text[used++] = ' ';
    size_t len = strlen(err->message);
    size_t kept = MIN(len, ERROR_MESSAGE_MAX - 1 - used);
    memcpy(text + used, err->message, kept);
    text[used + kept] = '\0';
    if (kept < len) {
        drop_partial_character(text);
    }
    memcpy(err->message, text, strlen(text) + 1);
    return false;
}
