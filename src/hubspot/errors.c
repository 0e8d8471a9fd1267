#include "hubspot/errors.h"

#include "data/json.h"
#include "data/json_repair.h"

// Bytes of each part that an error shows: together less than ERROR_MESSAGE_MAX, so that no part,
// however long, crowds out another.
enum {
    NAME_SHOWN_MAX = 64,
    MESSAGE_SHOWN_MAX = 400,
    SCOPES_SHOWN_MAX = 300,
    TEXT_SHOWN_MAX = 200,
    TEXT_READ_MAX = 16384, // of a body that is not JSON
    SCOPES_MAX = 16,
};

static const struct {
    int status;
    enum error_code code;
} STATUS_CODES[] = {
    {400, ERR_REQUEST},   {401, ERR_CREDENTIALS}, {403, ERR_SCOPE},   {404, ERR_NOT_FOUND},
    {405, ERR_REQUEST},   {409, ERR_CONFLICT},    {413, ERR_REQUEST}, {414, ERR_URL_TOO_LONG},
    {415, ERR_REQUEST},   {422, ERR_REQUEST},     {423, ERR_LOCKED},  {429, ERR_RATE_LIMITED},
    {477, ERR_MIGRATING}, {530, ERR_CREDENTIALS},
};

enum error_code hubspot_status_code(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(STATUS_CODES); i++) {
        if (STATUS_CODES[i].status == status) {
            return STATUS_CODES[i].code;
        }
    }
    return status >= 400 && status < 500 ? ERR_REQUEST : ERR_SOURCE_UNAVAILABLE;
}

// Whether the character at the start of `s`, `len` bytes of UTF-8, is shown as it is.
static bool is_printable(struct str s, size_t len)
{
    unsigned char first = (unsigned char)s.ptr[0];
    bool c1 = len == 2 && first == 0xc2 && (unsigned char)s.ptr[1] < 0xa0;
    return len > 0 && first > ' ' && first != 0x7f && !c1;
}

struct str hubspot_printable(struct str s, size_t max, struct arena *arena)
{
    char *out = arena_alloc(arena, max + 1);
    size_t n = 0;
    for (size_t i = 0, len = 0; i < s.len; i += MAX(1, len)) {
        struct str rest = str_sub(s, i, s.len);
        len = utf8_length(rest);
        if (is_printable(rest, len)) {
            if (n + len > max) {
                break;
            }
            memcpy(out + n, rest.ptr, len);
            n += len;
        } else if (n > 0 && n < max && out[n - 1] != ' ') {
            out[n++] = ' ';
        }
    }
    out[n] = '\0';
    return str_trim((struct str){out, n});
}

// Text of a body that is not JSON, without tags.
static struct str plain_text(struct str body, struct arena *arena)
{
    body = arena_dup(arena, str_sub(body, 0, TEXT_READ_MAX));
    char *text = (char *)(uintptr_t)body.ptr; // our own copy
    bool in_tag = false;
    for (size_t i = 0; i < body.len; i++) {
        bool bracket = text[i] == '<' || text[i] == '>';
        in_tag = bracket ? text[i] == '<' : in_tag;
        text[i] = bracket || in_tag ? ' ' : text[i];
    }
    return hubspot_printable(body, TEXT_SHOWN_MAX, arena);
}

// Scopes that are named so far.
struct scopes {
    struct str names[SCOPES_MAX];
    size_t n;
    bool more; // than fit
};

static void add_scope(struct scopes *x, struct str name)
{
    for (size_t i = 0; i < x->n; i++) {
        if (str_eq(x->names[i], name)) {
            return;
        }
    }
    if (x->n == SCOPES_MAX) {
        x->more = true;
        return;
    }
    x->names[x->n++] = name;
}

static struct str join_scopes(const struct scopes *x, struct arena *arena)
{
    struct buf out;
    buf_init(&out, SCOPES_SHOWN_MAX);
    size_t shown = 0;
    while (shown < x->n && out.len + x->names[shown].len + STR(", , ...").len <= SCOPES_SHOWN_MAX) {
        buf_add(&out, shown > 0 ? STR(", ") : STR(""));
        buf_add(&out, x->names[shown++]);
    }
    if (x->more || shown < x->n) {
        buf_add(&out, STR(", ..."));
    }
    struct str result = arena_dup(arena, buf_str(&out));
    buf_done(&out);
    return result;
}

// errors[].context.requiredGranularScopes[] (older: requiredScopes), each once.
static struct str missing_scopes(struct json root, struct arena *arena)
{
    struct json errors;
    struct json e;
    struct scopes found = {.n = 0};
    if (!json_get(root, STR("errors"), &errors)) {
        return (struct str){NULL, 0};
    }
    struct json_iter it = json_iter(errors);
    while (json_next(&it, &e)) {
        struct json context;
        struct json scopes;
        if (!json_get(e, STR("context"), &context) ||
            (!json_get(context, STR("requiredGranularScopes"), &scopes) &&
             !json_get(context, STR("requiredScopes"), &scopes))) {
            continue;
        }
        struct json_iter names = json_iter(scopes);
        struct json name;
        struct str s;
        while (json_next(&names, &name) && !found.more) {
            if (json_string(name, &s)) {
                add_scope(&found, hubspot_printable(s, NAME_SHOWN_MAX, arena));
            }
        }
    }
    return join_scopes(&found, arena);
}

static struct str get_text(struct json root, struct str key, size_t max, struct arena *arena)
{
    struct str s = {NULL, 0};
    return json_get_string(root, key, &s) ? hubspot_printable(s, max, arena) : s;
}

void hubspot_failure_decode(int status, struct str body, struct arena *arena,
                            struct hubspot_failure *ret)
{
    *ret = (struct hubspot_failure){.status = status};
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct error ignored;
    if (json_parse(doc, body, &root, &ignored) && json_type(root) == JSON_OBJECT) {
        ret->category = get_text(root, STR("category"), NAME_SHOWN_MAX, arena);
        ret->message = get_text(root, STR("message"), MESSAGE_SHOWN_MAX, arena);
        ret->correlation_id = get_text(root, STR("correlationId"), NAME_SHOWN_MAX, arena);
        ret->policy = get_text(root, STR("policyName"), NAME_SHOWN_MAX, arena);
        ret->scopes = missing_scopes(root, arena);
    } else {
        ret->message = plain_text(body, arena);
    }
    json_doc_destroy(doc);
}

bool hubspot_failure_error(const struct hubspot_failure *f, const char *what, struct error *err)
{
    struct buf text;
    buf_init(&text, ERROR_MESSAGE_MAX);
    buf_printf(&text, "%s: HubSpot answered %d", what, f->status);
    if (f->category.len > 0) {
        buf_printf(&text, " %.*s", STR_ARG(f->category));
    }
    if (f->message.len > 0) {
        buf_printf(&text, ": %.*s", STR_ARG(f->message));
    }
    if (f->scopes.len > 0) {
        buf_printf(&text, " (missing scopes: %.*s)", STR_ARG(f->scopes));
    }
    if (f->correlation_id.len > 0) {
        buf_printf(&text, " (correlationId %.*s)", STR_ARG(f->correlation_id));
    }
    enum error_code code = hubspot_status_code(f->status);
    if (code == ERR_RATE_LIMITED && str_eq(f->policy, STR("DAILY"))) {
        code = ERR_DAILY_LIMIT;
    }
    error_set(err, code, "%s", buf_cstr(&text));
    buf_done(&text);
    return false;
}
