#include "cli/remote.h"

#include "cli/account.h"
#include "core/limits.h"
#include "data/json_writer.h"
#include "http/url.h"
#include "hubspot/printable.h"

enum {
    CONNECT_TIMEOUT_MS = 10000,
    ANSWER_TIMEOUT_MS = 60000,
    ANSWER_MAX = 64 * 1024 * 1024,
    MESSAGE_SHOWN_MAX = 700,
    PAGE = 100,
};

struct remote {
    const struct cli *cli;
    struct str base;
    struct secret *key;
    struct http_client *client;
    struct json_doc *doc;
};

bool remote_open(const struct cli *cli, const struct remote_settings *settings, struct remote **ret,
                 struct error *err)
{
    struct http_client_options options = {
        .user_agent = "sluice/" SLUICE_VERSION,
        .connect_timeout_ms = CONNECT_TIMEOUT_MS,
        .first_byte_timeout_ms = ANSWER_TIMEOUT_MS,
        .stall_timeout_ms = ANSWER_TIMEOUT_MS,
        .body_limit = ANSWER_MAX,
    };
    struct str base;
    struct secret *key = NULL;
    if (settings->server.len == 0) {
        return error_set(err, ERR_USAGE,
                         "which server? give --server URL or set SLUICE_SERVER, for example to "
                         "http://127.0.0.1:8080");
    }
    if (!url_check_base(settings->server, &base, err)) {
        return error_context(err, "--server");
    }
    if (str_starts(settings->api_key_env, STR("slk_"))) {
        return error_set(err, ERR_USAGE,
                         "--api-key-env: the name of an environment variable is expected, not the "
                         "key itself (not shown): ps shows what stands on a command line");
    }
    if (!account_secret_from_env("--api-key-env", "API key", settings->api_key_env, &key, err)) {
        return false;
    }
    if (!http_client_global_init(err)) {
        secret_destroy(key);
        return false;
    }
    struct remote *r = calloc(1, sizeof *r);
    if (!r) {
        abort();
    }
    *r = (struct remote){.cli = cli,
                         .base = base,
                         .key = key,
                         .client = http_client_create(&options, cli->clock),
                         .doc = json_doc_create()};
    *ret = r;
    return true;
}

void remote_close(struct remote *r)
{
    if (r) {
        http_client_destroy(r->client);
        json_doc_destroy(r->doc);
        secret_destroy(r->key);
        free(r);
    }
}

// ---- errors

static bool same_name(struct str text, const char *name)
{
    return str_eq_nocase(text, str_from(name));
}

// By the server's word for it, else by the status: a server may know codes that we do not.
static enum error_code code_of(struct str word, int status)
{
    static const struct {
        int status;
        enum error_code code;
    } STATUSES[] = {{400, ERR_USAGE},       {401, ERR_CREDENTIALS}, {403, ERR_CREDENTIALS},
                    {404, ERR_NOT_FOUND},   {409, ERR_CONFLICT},    {413, ERR_LIMIT},
                    {429, ERR_RATE_LIMITED}};
    for (int i = 1; i < ERR_COUNT; i++) {
        if (same_name(word, error_info((enum error_code)i)->name)) {
            return (enum error_code)i;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(STATUSES); i++) {
        if (STATUSES[i].status == status) {
            return STATUSES[i].code;
        }
    }
    return status >= 500 ? ERR_SOURCE_UNAVAILABLE : ERR_REQUEST;
}

static bool refused(struct remote *r, const struct http_exchange *x, bool parsed, struct json body,
                    struct error *err)
{
    struct str word = STR("");
    struct str message = STR("");
    if (!parsed || !json_get_string(body, STR("message"), &message)) {
        return error_set(err, code_of(word, x->status),
                         "%.*s answered with HTTP %d and no error of a sluice server; is that the "
                         "address of one?",
                         STR_ARG(r->base), x->status);
    }
    (void)json_get_string(body, STR("error_code"), &word);
    struct arena *arena = r->cli->arena;
    return error_set(err, code_of(word, x->status), "%.*s (%.*s)",
                     STR_ARG(hubspot_printable(message, MESSAGE_SHOWN_MAX, arena)),
                     STR_ARG(hubspot_printable(word, 64, arena)));
}

int remote_fail(const struct error *err)
{
    fprintf(stderr, "sluice: %s\n", err->message);
    return error_info(err->code)->exit_code;
}

// ---- calls

static struct http_exchange *exchange(struct remote *r, const struct remote_call *call,
                                      struct error *err)
{
    struct buf url;
    struct http_header headers[] = {{STR("Accept"), STR("application/json")},
                                    {STR("x-api-key"), secret_reveal(r->key)},
                                    {STR("Content-Type"), STR("application/json")}};
    buf_init(&url, LIMIT_SETTINGS_VALUE);
    buf_printf(&url, "%.*s%.*s", STR_ARG(r->base), STR_ARG(call->path));
    struct http_request request = {.method = call->method,
                                   .url = buf_str(&url),
                                   .headers = headers,
                                   .n_headers = ARRAY_LEN(headers) - (call->body.ptr ? 0 : 1),
                                   .body = call->body};
    bool sent = !url.overflow && http_client_start(r->client, &request, err);
    if (url.overflow) {
        error_set(err, ERR_USAGE, "what was given is too long for an address");
    }
    buf_done(&url);
    return sent ? http_client_wait(r->client, INT32_MAX) : NULL;
}

static bool read_answer(struct remote *r, struct http_exchange *x, struct json *ret,
                        struct error *err)
{
    struct error unread;
    struct json body = {NULL, 0};
    if (x->status == 0) {
        *err = x->error;
        return error_context(err, "%.*s did not answer; does sluice serve run there",
                             STR_ARG(r->base));
    }
    struct str text = x->body.len > 0 ? buf_str(&x->body) : STR("null");
    bool parsed = json_parse(r->doc, text, &body, &unread);
    if (x->status >= 300) {
        return refused(r, x, parsed, body, err);
    }
    if (!parsed) {
        *err = unread;
        return error_context(err, "%.*s", STR_ARG(r->base));
    }
    *ret = body;
    return true;
}

bool remote_call(struct remote *r, const struct remote_call *call, struct json *ret,
                 struct error *err)
{
    struct http_exchange *x = exchange(r, call, err);
    bool ok = x && read_answer(r, x, ret, err);
    if (x) {
        http_exchange_release(r->client, x);
    }
    return ok;
}

static size_t give_items(const struct remote_walk *walk, struct json page, size_t given)
{
    struct json data;
    struct json item;
    if (!json_get(page, STR("data"), &data)) {
        return given;
    }
    struct json_iter it = json_iter(data);
    while ((walk->max == 0 || given < walk->max) && json_next(&it, &item)) {
        walk->item(walk->user, item);
        given++;
    }
    return given;
}

bool remote_list(struct remote *r, const struct remote_walk *walk, struct error *err)
{
    struct str next = STR("");
    bool more = true;
    for (size_t given = 0; more && (walk->max == 0 || given < walk->max);) {
        struct json page = {NULL, 0};
        struct buf path;
        buf_init(&path, LIMIT_SETTINGS_VALUE);
        buf_add(&path, walk->path);
        url_add_query(&path, STR("limit"), arena_printf(r->cli->arena, "%d", PAGE));
        if (next.len > 0) {
            url_add_query(&path, STR("starting_after"), next);
        }
        struct remote_call call = {.method = HTTP_GET, .path = buf_str(&path)};
        bool ok = remote_call(r, &call, &page, err);
        buf_done(&path);
        if (!ok) {
            return false;
        }
        given = give_items(walk, page, given);
        struct str cursor;
        bool has_more = false;
        more = json_get_bool(page, STR("has_more"), &has_more) && has_more &&
               json_get_string(page, STR("next_cursor"), &cursor);
        if (more && str_eq(cursor, next)) {
            return error_set(err, ERR_SOURCE_DATA, "%.*s repeats a page of its list",
                             STR_ARG(r->base));
        }
        next = more ? arena_dup(r->cli->arena, cursor) : next;
    }
    return true;
}

struct str remote_path(const char *pattern, const struct str *words, struct arena *arena)
{
    struct buf path;
    buf_init(&path, LIMIT_SETTINGS_VALUE);
    for (const char *at = pattern; *at; at++) {
        if (at[0] == '{' && at[1] == '}') {
            url_add_encoded(&path, *words++);
            at++;
        } else {
            buf_add_char(&path, *at);
        }
    }
    struct str text = arena_dup(arena, buf_str(&path));
    buf_done(&path);
    return text;
}
