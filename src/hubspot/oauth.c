#include "hubspot/oauth.h"

#include "data/json_writer.h"
#include "http/url.h"
#include "hubspot/printable.h"

#include <sodium.h>

enum {
    RANDOM_BYTES = 32,
    WIRE_BYTES = 64 * 1024, // three bytes for each of the longest token, and the rest
    CALLBACK_TEXT_MAX = 1024,
    MASKED_MIN = 8, // less would be found in any text
};

#define FORM "application/x-www-form-urlencoded;charset=utf-8"

// v1 takes tokens in the path, all others in the body.
static const struct {
    const char *name;
    const char *token;
    const char *introspect;
    const char *revoke;
    bool in_path;
} VERSIONS[OAUTH_VERSION_COUNT] = {
    [OAUTH_V1] = {"v1", "/oauth/v1/token", "/oauth/v1/access-tokens/", "/oauth/v1/refresh-tokens/",
                  true},
    [OAUTH_V3] = {"v3", "/oauth/v3/token", "/oauth/v3/token/introspect", "/oauth/v3/token/revoke",
                  false},
    [OAUTH_2026_03] = {"2026-03", "/oauth/2026-03/token", "/oauth/2026-03/token/introspect",
                       "/oauth/2026-03/token/revoke", false},
    [OAUTH_2026_09] = {"2026-09", "/oauth/2026-09/token", "/oauth/2026-09/token/introspect",
                       "/oauth/2026-09/token/revoke", false},
};
static const char PRIVATE_INFO_PATH[] = "/oauth/v2/private-apps/get/access-token-info";

const char *oauth_version_name(enum oauth_version v)
{
    assert((size_t)v < OAUTH_VERSION_COUNT);
    return VERSIONS[v].name;
}

bool oauth_version_parse(struct str s, enum oauth_version *ret)
{
    for (size_t i = 0; i < OAUTH_VERSION_COUNT; i++) {
        if (str_eq(s, str_from(VERSIONS[i].name))) {
            *ret = (enum oauth_version)i;
            return true;
        }
    }
    return false;
}

// ---- the person's part

void oauth_authorize_url(struct buf *out, const struct oauth_authorize *a)
{
    buf_add(out, a->page);
    url_add_query(out, STR("client_id"), a->client_id);
    url_add_query(out, STR("redirect_uri"), a->redirect_uri);
    url_add_query(out, STR("scope"), a->scopes);
    if (a->optional_scopes.len > 0) {
        url_add_query(out, STR("optional_scope"), a->optional_scopes);
    }
    url_add_query(out, STR("state"), a->state);
    if (a->challenge.len > 0) {
        url_add_query(out, STR("code_challenge"), a->challenge);
        url_add_query(out, STR("code_challenge_method"), STR("S256"));
    }
}

static void base64url(const unsigned char bytes[RANDOM_BYTES], char out[OAUTH_CHALLENGE_MAX])
{
    sodium_bin2base64(out, OAUTH_CHALLENGE_MAX, bytes, RANDOM_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

void oauth_random_text(char out[OAUTH_CHALLENGE_MAX])
{
    unsigned char bytes[RANDOM_BYTES];
    int rc = sodium_init(); // may be called often, from any thread
    assert(rc >= 0);
    randombytes_buf(bytes, sizeof bytes);
    base64url(bytes, out);
    secret_wipe(bytes, sizeof bytes);
}

void oauth_challenge(struct str verifier, char out[OAUTH_CHALLENGE_MAX])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    static_assert(sizeof hash == RANDOM_BYTES, "one size of base64");
    crypto_hash_sha256(hash, (const unsigned char *)verifier.ptr, verifier.len);
    base64url(hash, out);
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool decode(struct str s, struct arena *arena, struct str *ret)
{
    char *out = arena_alloc(arena, s.len + 1);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '%') {
            int high = s.len - i > 2 ? hex_value(s.ptr[i + 1]) : -1;
            int low = s.len - i > 2 ? hex_value(s.ptr[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return false;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        out[n++] = c;
    }
    out[n] = '\0';
    *ret = (struct str){out, n};
    return true;
}

// What may stand in a code or a state: no spaces, no control characters, ASCII.
static bool is_opaque(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool bad_callback(struct error *err, const char *what)
{
    return error_set(err, ERR_LOGIN, "the callback's query is not one of HubSpot's: %s", what);
}

bool oauth_callback_decode(struct str query, struct arena *arena, struct oauth_callback *ret,
                           struct error *err)
{
    struct oauth_callback c = {0};
    const struct {
        struct str name;
        struct str *value;
        size_t max;
    } fields[] = {{STR("code"), &c.code, OAUTH_CODE_MAX},
                  {STR("state"), &c.state, CALLBACK_TEXT_MAX},
                  {STR("error"), &c.error, CALLBACK_TEXT_MAX},
                  {STR("error_description"), &c.error_description, CALLBACK_TEXT_MAX}};
    struct str part;
    while (str_next(&query, '&', &part)) {
        ptrdiff_t at = str_find_char(part, '=');
        struct str name = at < 0 ? part : str_sub(part, 0, (size_t)at);
        struct str value = at < 0 ? STR("") : str_sub(part, (size_t)at + 1, part.len);
        for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
            if (!str_eq(name, fields[i].name)) {
                continue;
            }
            if (fields[i].value->ptr) {
                return bad_callback(err, "a parameter comes twice");
            }
            if (value.len > 3 * fields[i].max || !decode(value, arena, fields[i].value) ||
                fields[i].value->len > fields[i].max) {
                return bad_callback(err, "a parameter is too long or wrongly escaped");
            }
        }
    }
    if (c.state.len == 0 || !is_opaque(c.state) || !is_opaque(c.code)) {
        return bad_callback(err, "it has no state, or one that cannot be");
    }
    if ((c.code.len > 0) == (c.error.len > 0)) {
        return bad_callback(err, "it has neither a code nor an error, or both");
    }
    // These two are shown to people; whoever made the query chose them.
    c.error = hubspot_printable(c.error, CALLBACK_TEXT_MAX, arena);
    c.error_description = hubspot_printable(c.error_description, CALLBACK_TEXT_MAX, arena);
    *ret = c;
    return true;
}

// ---- requests

void oauth_wire_init(struct oauth_wire *w)
{
    *w = (struct oauth_wire){.method = "POST"};
    buf_init(&w->url, WIRE_BYTES);
    buf_init(&w->body, WIRE_BYTES);
    (void)buf_reserve(&w->url, WIRE_BYTES); // neither grows, so no copies are left behind
    (void)buf_reserve(&w->body, WIRE_BYTES);
}

void oauth_wire_done(struct oauth_wire *w)
{
    secret_buf_done(&w->url);
    secret_buf_done(&w->body);
}

static void form_add(struct buf *body, const char *name, struct str value)
{
    if (body->len > 0) {
        buf_add_char(body, '&');
    }
    buf_add_cstr(body, name);
    buf_add_char(body, '=');
    url_add_encoded(body, value);
}

static void add_app(const struct oauth_app *app, struct buf *body)
{
    form_add(body, "client_id", app->client_id);
    form_add(body, "client_secret", secret_reveal(app->client_secret));
}

static void build_exchange(const struct oauth_app *app, const struct oauth_request *r,
                           struct oauth_wire *w)
{
    buf_add_cstr(&w->url, VERSIONS[app->version].token);
    form_add(&w->body, "grant_type", STR("authorization_code"));
    add_app(app, &w->body);
    form_add(&w->body, "redirect_uri", r->redirect_uri);
    form_add(&w->body, "code", r->code);
    if (r->verifier.len > 0) {
        form_add(&w->body, "code_verifier", r->verifier);
    }
}

static void build_refresh(const struct oauth_app *app, const struct oauth_request *r,
                          struct oauth_wire *w)
{
    buf_add_cstr(&w->url, VERSIONS[app->version].token);
    form_add(&w->body, "grant_type", STR("refresh_token"));
    add_app(app, &w->body);
    form_add(&w->body, "refresh_token", secret_reveal(r->token));
}

static void build_about_token(const struct oauth_app *app, const struct oauth_request *r,
                              struct oauth_wire *w, const char *path, const char *hint)
{
    buf_add_cstr(&w->url, path);
    if (VERSIONS[app->version].in_path) {
        url_add_encoded(&w->url, secret_reveal(r->token));
        w->content_type = NULL;
        return;
    }
    add_app(app, &w->body);
    form_add(&w->body, "token", secret_reveal(r->token));
    form_add(&w->body, "token_type_hint", str_from(hint));
}

static void build_introspect(const struct oauth_app *app, const struct oauth_request *r,
                             struct oauth_wire *w)
{
    build_about_token(app, r, w, VERSIONS[app->version].introspect, "access_token");
    w->method = w->content_type ? "POST" : "GET";
}

static void build_revoke(const struct oauth_app *app, const struct oauth_request *r,
                         struct oauth_wire *w)
{
    build_about_token(app, r, w, VERSIONS[app->version].revoke, "refresh_token");
    w->method = w->content_type ? "POST" : "DELETE";
}

static void build_private_info(const struct oauth_app *app, const struct oauth_request *r,
                               struct oauth_wire *w)
{
    (void)app;
    struct json_writer json;
    buf_add_cstr(&w->url, PRIVATE_INFO_PATH);
    w->content_type = "application/json";
    w->bearer = r->token; // HubSpot does not say whether the body is enough
    json_writer_init(&json, &w->body);
    json_begin_object(&json);
    json_field_str(&json, "tokenKey", secret_reveal(r->token));
    json_end_object(&json);
}

static void (*const BUILD[OAUTH_CALL_COUNT])(const struct oauth_app *app,
                                             const struct oauth_request *r,
                                             struct oauth_wire *w) = {
    [OAUTH_EXCHANGE] = build_exchange,         [OAUTH_REFRESH] = build_refresh,
    [OAUTH_INTROSPECT] = build_introspect,     [OAUTH_REVOKE] = build_revoke,
    [OAUTH_PRIVATE_INFO] = build_private_info,
};

bool oauth_wire_build(const struct oauth_app *app, const struct oauth_request *r,
                      struct oauth_wire *w, struct error *err)
{
    assert((size_t)r->kind < OAUTH_CALL_COUNT && (size_t)app->version < OAUTH_VERSION_COUNT);
    assert((r->kind == OAUTH_EXCHANGE) == (r->token == NULL));
    buf_reset(&w->url);
    buf_reset(&w->body);
    w->method = "POST";
    w->content_type = FORM;
    w->bearer = NULL;
    buf_add(&w->url, app->base_url);
    BUILD[r->kind](app, r, w);
    return (!w->url.overflow && !w->body.overflow) ||
           error_set(err, ERR_LIMIT, "the request is over the limit of %d bytes", WIRE_BYTES);
}

// ---- what must not be shown

// The bytes themselves, and as they stand in a form or a URL.
static void mask_plain(struct str plain, char *text, size_t len)
{
    struct buf encoded;
    plain = str_sub(plain, 0, OAUTH_TOKEN_MAX);
    buf_init(&encoded, 3 * OAUTH_TOKEN_MAX + 1);
    (void)buf_reserve(&encoded, 3 * OAUTH_TOKEN_MAX); // never grows: no copies are left behind
    url_add_encoded(&encoded, plain);
    const struct str forms[] = {buf_str(&encoded), plain};
    for (size_t i = 0; plain.len >= MASKED_MIN && i < ARRAY_LEN(forms); i++) {
        struct secret *s = secret_create(forms[i]);
        (void)secret_mask(s, text, len);
        secret_destroy(s);
    }
    secret_buf_done(&encoded);
}

struct str oauth_masked(const struct oauth_request *r, const struct oauth_app *app, struct str text,
                        struct arena *arena)
{
    size_t len = MIN(text.len, (size_t)OAUTH_ANSWER_BYTES);
    char *copy = arena_cstr(arena, str_sub(text, 0, len));
    mask_plain(r->code, copy, len);
    mask_plain(r->verifier, copy, len);
    mask_plain(secret_reveal(r->token), copy, len);
    mask_plain(secret_reveal(app->client_secret), copy, len);
    return (struct str){copy, len};
}
