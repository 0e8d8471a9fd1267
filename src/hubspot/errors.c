#include "hubspot/errors.h"

#include "data/json.h"

enum { TEXT_SHOWN_MAX = 200, SCOPES_MAX = 16 };

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

// Text of a body that is not JSON: without tags, one line, cut.
static struct str plain_text(struct str body, struct arena *arena)
{
    char *out = arena_alloc(arena, TEXT_SHOWN_MAX + 1);
    size_t n = 0;
    bool in_tag = false;
    for (size_t i = 0; i < body.len && n < TEXT_SHOWN_MAX; i++) {
        unsigned char c = (unsigned char)body.ptr[i];
        if (c == '<' || c == '>') {
            in_tag = c == '<';
            c = ' ';
        }
        bool space = c <= ' ' || c == 0x7f;
        if (in_tag || (space && (n == 0 || out[n - 1] == ' '))) {
            continue;
        }
        out[n++] = space ? ' ' : (char)c;
    }
    out[n] = '\0';
    return str_trim((struct str){out, n});
}

// errors[].context.requiredGranularScopes[] (older: requiredScopes), each once.
static struct str missing_scopes(struct json root, struct arena *arena)
{
    struct json errors;
    if (!json_get(root, STR("errors"), &errors)) {
        return (struct str){NULL, 0};
    }
    struct buf out;
    buf_init(&out, 4096);
    struct json_iter it = json_iter(errors);
    struct json e;
    size_t n = 0;
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
        while (json_next(&names, &name) && n < SCOPES_MAX) {
            if (json_string(name, &s) && (out.len == 0 || str_find(buf_str(&out), s) < 0)) {
                buf_add(&out, n++ > 0 ? STR(", ") : STR(""));
                buf_add(&out, s);
            }
        }
    }
    struct str result = arena_dup(arena, buf_str(&out));
    buf_done(&out);
    return result;
}

static struct str get_text(struct json root, struct str key, struct arena *arena)
{
    struct str s = {NULL, 0};
    return json_get_string(root, key, &s) ? arena_dup(arena, s) : s;
}

void hubspot_failure_decode(int status, struct str body, struct arena *arena,
                            struct hubspot_failure *ret)
{
    *ret = (struct hubspot_failure){.status = status};
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct error ignored;
    if (json_parse(doc, body, &root, &ignored) && json_type(root) == JSON_OBJECT) {
        ret->category = get_text(root, STR("category"), arena);
        ret->message = get_text(root, STR("message"), arena);
        ret->correlation_id = get_text(root, STR("correlationId"), arena);
        ret->policy = get_text(root, STR("policyName"), arena);
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
        buf_printf(&text, ": %.*s", STR_ARG(str_sub(f->message, 0, TEXT_SHOWN_MAX * 2)));
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
