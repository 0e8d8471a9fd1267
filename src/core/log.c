#include "core/log.h"

#include "core/buf.h"
#include "core/timestamp.h"

#include <errno.h>
#include <math.h>
#include <unistd.h>

enum {
    LOG_VALUE_MAX = 4 * 1024,  // bytes shown of one value
    LOG_LINE_MAX = 256 * 1024, // bytes of one line; fields beyond are left out
    LINE_END_MAX = 2,
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

// Bytes of the UTF-8 character that s starts with; 0 when it starts with none.
static size_t character(struct str s)
{
    static const struct {
        unsigned char mask, head;
        unsigned char second_min; // shorter forms are no characters
    } FORMS[] = {{0x80, 0, 0}, {0xe0, 0xc0, 0}, {0xf0, 0xe0, 0xa0}, {0xf8, 0xf0, 0x90}};
    unsigned char head = (unsigned char)s.ptr[0];
    for (size_t len = 1; len <= ARRAY_LEN(FORMS); len++) {
        if ((head & FORMS[len - 1].mask) != FORMS[len - 1].head) {
            continue;
        }
        bool ok = len <= s.len && head != 0xc0 && head != 0xc1 && head <= 0xf4;
        for (size_t i = 1; ok && i < len; i++) {
            ok = ((unsigned char)s.ptr[i] & 0xc0) == 0x80;
        }
        unsigned char second = len > 1 && ok ? (unsigned char)s.ptr[1] : 0;
        bool low = (head == 0xe0 || head == 0xf0) && second < FORMS[len - 1].second_min;
        bool high = (head == 0xed && second > 0x9f) || (head == 0xf4 && second > 0x8f);
        return ok && !low && !high ? len : 0;
    }
    return 0;
}

// JSON must be UTF-8 whatever is logged.
static void add_json_text(struct buf *line, struct str s)
{
    buf_add_char(line, '"');
    while (s.len > 0) {
        size_t len = character(s);
        struct str at = str_sub(s, 0, len);
        unsigned char c = (unsigned char)s.ptr[0];
        if (len == 0) {
            buf_add_cstr(line, "\\ufffd");
        } else if (c == '"' || c == '\\') {
            buf_printf(line, "\\%c", c);
        } else if (c < ' ' || c == 0x7f) {
            buf_printf(line, "\\u%04x", c);
        } else {
            buf_add(line, at);
        }
        s = str_sub(s, MAX(len, 1), s.len);
    }
    buf_add_char(line, '"');
}

// The first bytes of a long value, not within a UTF-8 sequence.
static struct str shortened(struct str s)
{
    bool cut = s.len > LOG_VALUE_MAX;
    size_t len = MIN(s.len, (size_t)LOG_VALUE_MAX);
    while (cut && len > 0 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80) {
        len--;
    }
    return str_sub(s, 0, len);
}

static void add_value(struct buf *line, enum log_format format, struct str s)
{
    struct str shown = shortened(s);
    const char *more = shown.len < s.len ? "..." : "";
    if (format == LOG_JSON) {
        add_json_text(line, shown);
        if (more[0]) {
            line->len--; // the quotation mark comes after what says that there was more
            buf_printf(line, "%s\"", more);
        }
        return;
    }
    if (needs_quotes(shown)) {
        add_quoted(line, shown);
    } else {
        buf_add(line, shown);
    }
    buf_add_cstr(line, more);
}

static void add_key(struct buf *line, enum log_format format, const char *key)
{
    if (format == LOG_JSON) {
        buf_add_cstr(line, ",");
        add_json_text(line, str_from(key));
        buf_add_char(line, ':');
    } else {
        buf_printf(line, " %s=", key);
    }
}

static void add_field(struct buf *line, enum log_format format, const struct log_field *field)
{
    add_key(line, format, field->key);
    if (log_key_is_secret(str_from(field->key))) {
        buf_add_cstr(line, format == LOG_JSON ? "\"***\"" : "***");
        return;
    }
    switch (field->kind) {
    case LOG_STR:
        add_value(line, format, field->str);
        return;
    case LOG_INT:
        buf_add_int(line, field->num);
        return;
    case LOG_DOUBLE:
        if (format == LOG_JSON && !isfinite(field->dbl)) {
            buf_add_cstr(line, "null");
        } else {
            buf_printf(line, "%.6g", field->dbl);
        }
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

static void add_head(struct buf *line, const struct log *log, enum log_level level)
{
    char ts[TIMESTAMP_TEXT_MAX];
    bool timed = timestamp_format(clock_now_ms(log->clock), ts);
    if (log->format == LOG_JSON) {
        buf_printf(line, "{\"ts\":\"%s\",\"level\":\"%s\",\"msg\":", timed ? ts : "",
                   LEVELS[level]);
        return;
    }
    if (timed) {
        buf_printf(line, "ts=%s ", ts);
    }
    buf_printf(line, "level=%s msg=", LEVELS[level]);
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
    add_head(&line, log, level);
    add_value(&line, log->format, str_from(msg));
    size_t whole = line.len;
    for (size_t i = 0; i < n && fields[i].kind != LOG_END; i++) {
        add_field(&line, log->format, &fields[i]);
        // The last bytes are kept for the line's end; a field that does not fit is left out whole.
        if (line.overflow || line.len > LOG_LINE_MAX - LINE_END_MAX) {
            line.overflow = false;
            line.len = whole;
        }
        whole = line.len;
    }
    buf_add_cstr(&line, log->format == LOG_JSON ? "}\n" : "\n");
    if (log->sink) {
        log->sink(log->user, buf_str(&line));
    } else {
        write_line(log->fd, buf_str(&line));
    }
    buf_done(&line);
}
