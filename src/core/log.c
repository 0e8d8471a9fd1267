#include "core/log.h"

#include "core/buf.h"
#include "core/timestamp.h"

#include <errno.h>
#include <unistd.h>

enum {
    LOG_VALUE_MAX = 4 * 1024,  // bytes shown of one value
    LOG_LINE_MAX = 256 * 1024, // bytes of one line; fields beyond are left out
};

static const char *const LEVELS[] = {
    [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn",
    [LOG_ERROR] = "error", [LOG_OFF] = "off",
};

bool log_level_parse(struct str s, enum log_level *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(LEVELS); i++) {
        if (str_eq_nocase(s, str_from(LEVELS[i]))) {
            *ret = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c)
{
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool contains_nocase(struct str s, struct str needle)
{
    for (size_t i = 0; i + needle.len <= s.len; i++) {
        if (str_eq_nocase(str_sub(s, i, needle.len), needle)) {
            return true;
        }
    }
    return false;
}

// Whether a word starts at s[i]: behind what is no letter, or at the capital of "apiKey" and
// "HTTPKey".
static bool word_starts(struct str s, size_t i)
{
    if (i == 0 || !is_letter(s.ptr[i - 1])) {
        return true;
    }
    bool lower_follows = i + 1 < s.len && is_letter(s.ptr[i + 1]) && !is_upper(s.ptr[i + 1]);
    return is_upper(s.ptr[i]) && (!is_upper(s.ptr[i - 1]) || lower_follows);
}

// Whether `word` stands alone in s, as in "api_key", "apiKey", "x-key-2"; not as in "monkey".
static bool has_word(struct str s, struct str word)
{
    for (size_t i = 0; i + word.len <= s.len; i++) {
        size_t end = i + word.len;
        bool ends = end == s.len || !is_letter(s.ptr[end]) || word_starts(s, end);
        if (ends && word_starts(s, i) && str_eq_nocase(str_sub(s, i, word.len), word)) {
            return true;
        }
    }
    return false;
}

bool log_key_is_secret(struct str key)
{
    static const char *const PARTS[] = {"token",         "secret", "password",  "passwd",
                                        "authorization", "apikey", "credential"};
    for (size_t i = 0; i < ARRAY_LEN(PARTS); i++) {
        if (contains_nocase(key, str_from(PARTS[i]))) {
            return true;
        }
    }
    return has_word(key, STR("key")) || has_word(key, STR("keys"));
}

static bool needs_quotes(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f) {
            return true;
        }
    }
    return s.len == 0;
}

static void add_quoted(struct buf *line, struct str s)
{
    buf_add_char(line, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c == '"' || c == '\\') {
            buf_add_char(line, '\\');
            buf_add_char(line, (char)c);
        } else if (c == '\n') {
            buf_add_cstr(line, "\\n");
        } else if (c == '\r') {
            buf_add_cstr(line, "\\r");
        } else if (c == '\t') {
            buf_add_cstr(line, "\\t");
        } else if (c < ' ' || c == 0x7f) {
            buf_printf(line, "\\u%04x", c); // nothing reaches a terminal as a control sequence
        } else {
            buf_add_char(line, (char)c);
        }
    }
    buf_add_char(line, '"');
}

static void add_value(struct buf *line, struct str s)
{
    bool cut = s.len > LOG_VALUE_MAX;
    size_t len = MIN(s.len, (size_t)LOG_VALUE_MAX);
    // Not within a UTF-8 sequence.
    while (cut && len > 0 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    s = str_sub(s, 0, len);
    if (needs_quotes(s)) {
        add_quoted(line, s);
    } else {
        buf_add(line, s);
    }
    if (cut) {
        buf_add_cstr(line, "...");
    }
}

static void add_field(struct buf *line, const struct log_field *field)
{
    assert(field->key && field->key[0]);
    buf_add_char(line, ' ');
    buf_add_cstr(line, field->key);
    buf_add_char(line, '=');
    if (log_key_is_secret(str_from(field->key))) {
        buf_add_cstr(line, "***");
        return;
    }
    switch (field->kind) {
    case LOG_STR:
        add_value(line, field->str);
        return;
    case LOG_INT:
        buf_add_int(line, field->num);
        return;
    case LOG_DOUBLE:
        buf_printf(line, "%.6g", field->dbl);
        return;
    case LOG_END:
        break;
    }
    assert(false); // a field has a kind
}

// One write, so that lines of threads and processes do not mix; the rest of a short write follows.
static void write_line(int fd, struct str line)
{
    while (line.len > 0) {
        ssize_t n = write(fd, line.ptr, line.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return; // a log that cannot be written must not stop the work
        }
        line = str_sub(line, (size_t)n, SIZE_MAX);
    }
}

void log_write(const struct log *log, enum log_level level, const char *msg,
               const struct log_field *fields, size_t n)
{
    assert(level < LOG_OFF);
    if (!log || level < log->level) {
        return;
    }
    struct buf line;
    buf_init(&line, LOG_LINE_MAX);
    char ts[TIMESTAMP_TEXT_MAX];
    if (timestamp_format(clock_now_ms(log->clock), ts)) {
        buf_printf(&line, "ts=%s ", ts);
    }
    buf_printf(&line, "level=%s msg=", LEVELS[level]);
    add_value(&line, str_from(msg));
    size_t whole = line.len;
    for (size_t i = 0; i < n && fields[i].kind != LOG_END; i++) {
        add_field(&line, &fields[i]);
        // The last byte is kept for the line's end; a field that does not fit is left out whole.
        if (line.overflow || line.len >= LOG_LINE_MAX) {
            line.overflow = false;
            line.len = whole;
        }
        whole = line.len;
    }
    buf_add_char(&line, '\n');
    if (log->sink) {
        log->sink(log->user, buf_str(&line));
    } else {
        write_line(log->fd, buf_str(&line));
    }
    buf_done(&line);
}
