#include "hubspot/errors.h"

#include "data/json.h"

// Bytes of each part that are kept, and of the line that an error shows: less than
// ERROR_MESSAGE_MAX, so that "stream contacts: " and the like find room in front.
enum {
    NAME_MAX = 64,
    MESSAGE_MAX = 2000,
    ITEM_MESSAGE_MAX = 500,
    CONTEXT_MAX = 300,
    CONTEXT_KEYS_MAX = 8,
    CONTEXT_VALUES_MAX = 8,
    SCOPES_SHOWN_MAX = 300,
    TEXT_SHOWN_MAX = 200,
    LINE_MAX = 900,
    ITEMS_SHOWN_MAX = 3,
    SCOPES_MAX = 16,
    LIST_MAX = 100,
    // HubSpot's own have a few thousand bytes; to read one takes many times its size.
    BODY_READ_MAX = 1024 * 1024,
};

// `edge`: what the status means on a page of the edge's: a block that passes, not HubSpot's word.
static const struct {
    int status;
    enum error_code code, edge;
} STATUS_CODES[] = {
    {400, ERR_REQUEST, ERR_REQUEST},
    {401, ERR_CREDENTIALS, ERR_CREDENTIALS},
    {403, ERR_SCOPE, ERR_SOURCE_UNAVAILABLE},
    {404, ERR_NOT_FOUND, ERR_NOT_FOUND},
    {405, ERR_REQUEST, ERR_REQUEST},
    {409, ERR_CONFLICT, ERR_SOURCE_UNAVAILABLE},
    {413, ERR_REQUEST, ERR_REQUEST},
    {414, ERR_URL_TOO_LONG, ERR_URL_TOO_LONG},
    {415, ERR_REQUEST, ERR_REQUEST},
    {422, ERR_REQUEST, ERR_REQUEST},
    {423, ERR_LOCKED, ERR_LOCKED},
    {429, ERR_RATE_LIMITED, ERR_RATE_LIMITED},
    {477, ERR_MIGRATING, ERR_MIGRATING},
    {530, ERR_CREDENTIALS, ERR_CREDENTIALS},
};

static enum error_code code_of(int status, bool edge)
{
    for (size_t i = 0; i < ARRAY_LEN(STATUS_CODES); i++) {
        if (STATUS_CODES[i].status == status) {
            return edge ? STATUS_CODES[i].edge : STATUS_CODES[i].code;
        }
    }
    if (status >= 300 && status < 400) {
        return ERR_REDIRECT;
    }
    return status >= 400 && status < 500 ? ERR_REQUEST : ERR_SOURCE_UNAVAILABLE;
}

enum error_code hubspot_status_code(int status)
{
    return code_of(status, false);
}

static struct str get_text(struct json from, const char *key, size_t max, struct arena *arena)
{
    struct str s = {NULL, 0};
    return json_get_string(from, str_from(key), &s) ? hubspot_printable(s, max, arena) : s;
}

// ---- missing scopes

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

static bool is_scope_key(struct str key)
{
    return str_eq(key, STR("requiredGranularScopes")) || str_eq(key, STR("requiredScopes"));
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
                add_scope(&found, hubspot_printable(s, NAME_MAX, arena));
            }
        }
    }
    return join_scopes(&found, arena);
}

// ---- the parts of a body

static void add_scalar(struct buf *out, struct json v, struct arena *arena)
{
    struct str s;
    int64_t n = 0;
    if (json_string(v, &s)) {
        buf_add(out, hubspot_printable(s, CONTEXT_MAX, arena));
    } else if (json_int(v, &n)) {
        buf_add_int(out, n);
    } else {
        buf_add_cstr(out, "...");
    }
}

// {"propertyName":["amount"],"ids":["1","2"]} as "propertyName: amount; ids: 1, 2". Scopes have a
// place of their own.
static struct str context_text(struct json from, struct arena *arena)
{
    struct json context;
    struct str key;
    struct json value;
    struct buf out;
    buf_init(&out, 1 << 16);
    if (!json_get(from, STR("context"), &context)) {
        return (struct str){NULL, 0};
    }
    struct json_iter it = json_iter(context);
    for (int keys = 0; keys < CONTEXT_KEYS_MAX && json_next_field(&it, &key, &value); keys++) {
        if (is_scope_key(key)) {
            continue;
        }
        buf_add_cstr(&out, out.len > 0 ? "; " : "");
        buf_add(&out, hubspot_printable(key, NAME_MAX, arena));
        buf_add_cstr(&out, ": ");
        if (json_type(value) != JSON_ARRAY) {
            add_scalar(&out, value, arena);
            continue;
        }
        struct json_iter values = json_iter(value);
        struct json each;
        for (int n = 0; n < CONTEXT_VALUES_MAX && json_next(&values, &each); n++) {
            buf_add_cstr(&out, n > 0 ? ", " : "");
            add_scalar(&out, each, arena);
        }
    }
    struct str text = hubspot_printable(buf_str(&out), CONTEXT_MAX, arena);
    buf_done(&out);
    return text;
}

static void decode_items(struct json root, struct arena *arena, struct hubspot_failure *ret)
{
    struct json errors;
    struct json e;
    if (!json_get(root, STR("errors"), &errors) || json_type(errors) != JSON_ARRAY) {
        return;
    }
    ret->all_items = json_count(errors);
    struct json_iter it = json_iter(errors);
    while (ret->n_items < FAILURE_ITEMS_MAX && json_next(&it, &e)) {
        if (json_type(e) != JSON_OBJECT) {
            continue;
        }
        ret->items[ret->n_items++] = (struct hubspot_failure_item){
            .message = get_text(e, "message", ITEM_MESSAGE_MAX, arena),
            .code = get_text(e, "code", NAME_MAX, arena),
            .sub_category = get_text(e, "subCategory", NAME_MAX, arena),
            .in = get_text(e, "in", NAME_MAX, arena),
            .context = context_text(e, arena),
        };
    }
}

// [{"name":"amount","error":"INVALID_LONG","message":"x was not a valid long."},...] as
// "amount: INVALID_LONG: x was not a valid long.; ...". False when it is no such list.
static bool list_text(struct str list, struct buf *out, struct arena *arena)
{
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct json e;
    struct error ignored;
    bool known = json_parse(doc, list, &root, &ignored) && json_type(root) == JSON_ARRAY;
    struct json_iter it = known ? json_iter(root) : (struct json_iter){0};
    for (size_t n = 0; known && n < LIST_MAX && json_next(&it, &e); n++) {
        const struct str parts[] = {get_text(e, "name", NAME_MAX, arena),
                                    get_text(e, "error", NAME_MAX, arena),
                                    get_text(e, "message", ITEM_MESSAGE_MAX, arena)};
        size_t told = 0;
        buf_add_cstr(out, n > 0 ? "; " : "");
        for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
            if (parts[i].len > 0) {
                buf_add_cstr(out, told++ > 0 ? ": " : "");
                buf_add(out, parts[i]);
            }
        }
        known = told > 0;
    }
    json_doc_destroy(doc);
    return known;
}

// HubSpot puts JSON into the message when values are refused: "Property values were not valid:
// [...]". That is written out; every other message is as it is.
static struct str message_text(struct str message, struct arena *arena)
{
    ptrdiff_t at = str_find(message, STR(": [{"));
    message = str_trim(message);
    struct buf out;
    buf_init(&out, 1 << 16);
    if (at > 0 && str_ends(message, STR("}]"))) {
        struct str head = str_sub(message, 0, (size_t)at + STR(": ").len);
        buf_add(&out, head);
        if (list_text(str_sub(message, head.len, message.len), &out, arena)) {
            message = buf_str(&out);
        }
    }
    struct str text = hubspot_printable(message, MESSAGE_MAX, arena);
    buf_done(&out);
    return text;
}

// Some refusals name their policy in the message only.
static struct str policy_of(struct str message)
{
    static const struct {
        struct str says, policy;
    } POLICIES[] = {{STR_INIT("daily limit"), STR_INIT("DAILY")},
                    {STR_INIT("ten_secondly_rolling limit"), STR_INIT("TEN_SECONDLY_ROLLING")},
                    {STR_INIT("secondly limit"), STR_INIT("SECONDLY")}};
    for (size_t i = 0; i < ARRAY_LEN(POLICIES); i++) {
        if (str_find(message, POLICIES[i].says) >= 0) {
            return POLICIES[i].policy;
        }
    }
    return (struct str){NULL, 0};
}

static void decode_object(struct json root, struct arena *arena, struct hubspot_failure *ret)
{
    struct str message;
    ret->category = get_text(root, "category", NAME_MAX, arena);
    ret->sub_category = get_text(root, "subCategory", NAME_MAX, arena);
    ret->correlation_id = get_text(root, "correlationId", NAME_MAX, arena);
    ret->policy = get_text(root, "policyName", NAME_MAX, arena);
    ret->context = context_text(root, arena);
    ret->scopes = missing_scopes(root, arena);
    decode_items(root, arena, ret);
    if (json_get_string(root, STR("message"), &message)) {
        ret->message = message_text(message, arena);
    }
    if (ret->status == 429 && ret->policy.len == 0) {
        ret->policy = policy_of(ret->message);
    }
}

void hubspot_failure_decode(int status, struct str body, struct arena *arena,
                            struct hubspot_failure *ret)
{
    *ret = (struct hubspot_failure){.status = status};
    struct json_doc *doc = json_doc_create();
    struct json root;
    struct error ignored;
    size_t repairs = 0;
    if (body.len <= BODY_READ_MAX && json_parse_repair(doc, body, &root, &repairs, &ignored) &&
        json_type(root) == JSON_OBJECT) {
        decode_object(root, arena, ret);
    } else {
        // What begins like JSON is HubSpot's, broken on the way.
        struct str start = str_trim(str_sub(body, 0, TEXT_SHOWN_MAX));
        ret->edge = start.len > 0 && start.ptr[0] != '{' && start.ptr[0] != '[';
        ret->message = hubspot_printable_page(body, TEXT_SHOWN_MAX, arena);
    }
    json_doc_destroy(doc);
}

// ---- the line

// "INVALID_LONG in amount: x was not a valid long. (propertyName: amount)"
static void add_item(struct buf *out, const struct hubspot_failure_item *e)
{
    const struct {
        const char *before;
        struct str text;
        const char *after;
    } parts[] = {{"", e->code, ""},
                 {"", e->sub_category, ""},
                 {"in ", e->in, ""},
                 {"", e->message, ""},
                 {"(", e->context, ")"}};
    for (size_t i = 0, told = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i].text.len > 0) {
            buf_printf(out, "%s%s%.*s%s", told++ > 0 ? " " : "", parts[i].before,
                       STR_ARG(parts[i].text), parts[i].after);
        }
    }
}

static bool is_told(const struct hubspot_failure *f, struct str text)
{
    return text.len == 0 || str_find(f->message, text) >= 0;
}

// The first items that say what the message does not.
static void add_items(struct buf *out, const struct hubspot_failure *f)
{
    size_t shown = 0;
    for (size_t i = 0; i < f->n_items && shown < ITEMS_SHOWN_MAX; i++) {
        const struct hubspot_failure_item *e = &f->items[i];
        bool empty = e->code.len + e->in.len + e->message.len + e->context.len == 0;
        bool repeats = is_told(f, e->message) && is_told(f, e->code) && is_told(f, e->in);
        // Of a missing scope all is said by the scopes themselves.
        if (empty || f->scopes.len > 0 || (repeats && (e->code.len > 0 || e->context.len == 0))) {
            continue;
        }
        buf_add_cstr(out, shown++ > 0 ? "; " : "");
        add_item(out, e);
    }
    if (shown > 0 && f->all_items > ITEMS_SHOWN_MAX) {
        buf_printf(out, "; %zu in all", f->all_items);
    }
}

// The status says too little: each limit of calls has its own, and of a record with too many old
// identities HubSpot says 414 as well.
static enum error_code code_of_failure(const struct hubspot_failure *f)
{
    enum error_code code = code_of(f->status, f->edge);
    if (code == ERR_RATE_LIMITED && str_eq(f->policy, STR("DAILY"))) {
        return ERR_DAILY_LIMIT;
    }
    bool own_words = !f->edge && f->category.len + f->message.len > 0;
    bool of_url = str_find(f->message, STR("URI")) >= 0 || str_find(f->message, STR("URL")) >= 0;
    return code == ERR_URL_TOO_LONG && own_words && !of_url ? ERR_REQUEST : code;
}

bool hubspot_failure_error(const struct hubspot_failure *f, const char *what, struct error *err)
{
    struct buf text;
    struct buf tail; // what must not be crowded out, and stands behind
    struct buf items;
    buf_init(&text, ERROR_MESSAGE_MAX);
    buf_init(&tail, ERROR_MESSAGE_MAX);
    buf_init(&items, 1 << 16);
    bool by_edge = code_of(f->status, f->edge) != code_of(f->status, false);
    buf_printf(&text, "%s: HubSpot%s answered %d", what, by_edge ? "'s edge" : "", f->status);
    if (f->category.len > 0) {
        buf_printf(&text, " %.*s", STR_ARG(f->category));
    }
    if (f->sub_category.len > 0) {
        buf_printf(&text, "/%.*s", STR_ARG(f->sub_category));
    }
    if (f->scopes.len > 0) {
        buf_printf(&tail, " (missing scopes: %.*s)", STR_ARG(f->scopes));
    }
    if (f->correlation_id.len > 0) {
        buf_printf(&tail, " (correlationId %.*s)", STR_ARG(f->correlation_id));
    }
    add_items(&items, f);
    if (items.len == 0 && f->scopes.len == 0) {
        buf_add(&items, f->context);
    }
    size_t free = LINE_MAX - MIN(LINE_MAX, text.len + tail.len + STR(":  []").len);
    size_t for_message = items.len > 0 ? free - MIN(items.len, free / 2) : free;
    struct str message = hubspot_cut(f->message, for_message);
    if (message.len > 0) {
        buf_printf(&text, ": %.*s", STR_ARG(message));
    }
    struct str more = hubspot_cut(buf_str(&items), free - message.len);
    if (more.len > 0) {
        buf_printf(&text, " [%.*s]", STR_ARG(more));
    }
    buf_add(&text, buf_str(&tail));
    error_set(err, code_of_failure(f), "%s", buf_cstr(&text));
    buf_done(&items);
    buf_done(&tail);
    buf_done(&text);
    return false;
}
