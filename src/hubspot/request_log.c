#include "hubspot/request_log.h"

// What is read behind the part that is kept, so that a token that begins in the part is known.
enum { TOKEN_MARGIN = 8 * 1024 };

// Names whose values are secret, in any spelling of letters. `form`: only before '=', since JSON
// uses the word for something harmless.
static const struct {
    struct str name;
    bool form;
} SECRET_NAMES[] = {
    {STR_INIT("access_token"), false},  {STR_INIT("refresh_token"), false},
    {STR_INIT("id_token"), false},      {STR_INIT("client_secret"), false},
    {STR_INIT("hapikey"), false},       {STR_INIT("code"), true},
    {STR_INIT("code_verifier"), false}, {STR_INIT("token"), false},
    {STR_INIT("tokenKey"), false},      {STR_INIT("signature"), false},
    {STR_INIT("authorization"), false}, {STR_INIT("proxy-authorization"), false},
    {STR_INIT("cookie"), false},        {STR_INIT("set-cookie"), false},
    {STR_INIT("password"), false},
};
// What stands before a secret that has no name of its own, and what ends the secret.
static const struct {
    struct str prefix;
    struct str ends;
} SECRET_PREFIXES[] = {
    {STR_INIT("bearer "), STR_INIT("\"'<>,; \t\r\n\\")},
    {STR_INIT("access-tokens/"), STR_INIT("/?&\"'<>,; \t\r\n\\")},
    {STR_INIT("refresh-tokens/"), STR_INIT("/?&\"'<>,; \t\r\n\\")},
};

static bool is_one_of(char c, struct str set)
{
    return str_find_char(set, c) >= 0;
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
}

static bool starts_nocase(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq_nocase(str_sub(s, 0, prefix.len), prefix);
}

// How many bytes from `from` on are of the set, or with `until` are not.
static size_t span(struct str s, size_t from, struct str set, bool until)
{
    size_t n = from;
    while (n < s.len && is_one_of(s.ptr[n], set) != until) {
        n++;
    }
    return n - from;
}

// A secret that begins at the start of a text: `head` bytes may be shown, `len` may not.
struct secret_span {
    size_t head, len;
};

// To the quote that closes the value. Within JSON that is itself a JSON string the quotes have
// backslashes.
static size_t quoted_length(struct str s, size_t from, char quote, bool escaped)
{
    size_t n = from;
    while (n < s.len && s.ptr[n] != quote) {
        if (s.ptr[n] == '\\' && escaped && n + 1 < s.len && s.ptr[n + 1] == quote) {
            break;
        }
        n += s.ptr[n] == '\\' && !escaped ? 2 : 1;
    }
    return MIN(n, s.len) - from;
}

// `at` begins with a name of `name` bytes: what follows is "=value", ": value", "\" : \"value\"".
static bool value_of(struct str at, size_t name, bool form, struct secret_span *ret)
{
    size_t n = name + span(at, name, STR("\"'\\ \t"), false);
    if (n >= at.len || (at.ptr[n] != '=' && (form || at.ptr[n] != ':'))) {
        return false;
    }
    bool header = n == name && at.ptr[n] == ':';
    size_t from = ++n;
    n += span(at, n, STR(" \t\\"), false);
    if (n < at.len && (at.ptr[n] == '"' || at.ptr[n] == '\'')) {
        bool escaped = n > from && at.ptr[n - 1] == '\\';
        *ret = (struct secret_span){n + 1, quoted_length(at, n + 1, at.ptr[n], escaped)};
    } else {
        struct str ends = header ? STR("\r\n\"") : STR("&\"'<>,;}]) \t\r\n\\");
        *ret = (struct secret_span){n, span(at, n, ends, true)};
    }
    return true;
}

// A private app's token: "pat-na1-" and hexadecimal groups.
static bool private_token(struct str at, struct secret_span *ret)
{
    size_t n = STR("pat-").len;
    if (!starts_nocase(at, STR("pat-")) || str_find_char(str_sub(at, n, 5), '-') <= 0) {
        return false;
    }
    while (n < at.len && is_word(at.ptr[n])) {
        n++;
    }
    *ret = (struct secret_span){STR("pat-").len, n - STR("pat-").len};
    return true;
}

static bool secret_at(struct str at, struct secret_span *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(SECRET_PREFIXES); i++) {
        struct str p = SECRET_PREFIXES[i].prefix;
        if (starts_nocase(at, p)) {
            *ret = (struct secret_span){p.len, span(at, p.len, SECRET_PREFIXES[i].ends, true)};
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(SECRET_NAMES); i++) {
        if (starts_nocase(at, SECRET_NAMES[i].name) &&
            value_of(at, SECRET_NAMES[i].name.len, SECRET_NAMES[i].form, ret)) {
            return true;
        }
    }
    return private_token(at, ret);
}

// Masks what begins within the first `limit` bytes, and stops there.
static void mask(struct str text, size_t limit, struct buf *out)
{
    size_t shown = 0; // what is before has been written
    bool in_word = false;
    for (size_t i = 0; i < MIN(text.len, limit); i++) {
        struct secret_span s = {0, 0};
        // Behind "\\n" in a JSON string a word begins, too.
        bool starts = is_word(text.ptr[i]) && (!in_word || (i >= 2 && text.ptr[i - 2] == '\\'));
        in_word = is_word(text.ptr[i]);
        if (!starts || !secret_at(str_sub(text, i, text.len), &s) || s.len == 0) {
            continue;
        }
        buf_add(out, str_sub(text, shown, i + s.head - shown));
        buf_add_cstr(out, "***");
        shown = i + s.head + s.len;
        i = shown - 1;
        in_word = false;
    }
    size_t end = MIN(text.len, limit);
    if (shown < end) {
        buf_add(out, str_sub(text, shown, end - shown));
    }
}

void request_mask(struct str text, struct buf *out)
{
    mask(text, text.len, out);
}

// The start of `text` without secrets. Into `arena`.
static struct str clean(struct str text, size_t max, struct credential *credential,
                        struct arena *arena)
{
    if (!text.ptr) {
        return text;
    }
    struct buf out;
    buf_init(&out, 2 * max);
    struct str copy = arena_dup(arena, str_sub(text, 0, max + TOKEN_MARGIN));
    if (credential) {
        credential_mask(credential, (char *)(uintptr_t)copy.ptr, copy.len); // our own copy
    }
    mask(copy, max, &out);
    struct str result = arena_dup(arena, str_sub(buf_str(&out), 0, max));
    buf_done(&out);
    return result;
}

void request_log_write(const struct request_log *log, struct credential *credential,
                       const struct request_record *record)
{
    if (!log || (!record->failed && !log->trace)) {
        return;
    }
    struct arena arena;
    struct request_record r = *record;
    struct {
        struct str *text;
        size_t max;
    } texts[] = {
        {&r.url, REQUEST_LOG_TEXT_MAX},
        {&r.request_headers, REQUEST_LOG_TEXT_MAX},
        {&r.response_headers, REQUEST_LOG_TEXT_MAX},
        {&r.request_body, REQUEST_LOG_BODY_MAX},
        {&r.response_body, REQUEST_LOG_BODY_MAX},
        {&r.message, ERROR_MESSAGE_MAX},
    };
    arena_init(&arena, 4 * 1024 * 1024);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i].text = clean(*texts[i].text, texts[i].max, credential, &arena);
    }
    log->write(log->user, &r);
    arena_done(&arena);
}
