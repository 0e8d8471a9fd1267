#include "web/visit.h"

#include "api/redirect_uri.h"
#include "http/url.h"
#include "hubspot/oauth.h"

enum {
    COOKIE_LEN = 43, // 32 bytes in base64url
    WALK_NAME_LEN = 22,
    WALK_SECONDS = 3600,
    URL_MAX = 16 * 1024,
    PREIMAGE_MAX = 512,
};

static const struct str FORM_COOKIE = STR_INIT("sluice_form");

struct str visit_field(const struct api_call *c, const char *name)
{
    // A form is written like a query.
    struct http_server_request form = *c->http;
    form.query = c->http->body;
    return http_server_query(&form, name);
}

// ---- this server

static bool is_secure(const struct api_call *c)
{
    return str_starts(c->site->public_url, STR("https://"));
}

struct str visit_path(const struct api_call *c, const char *path)
{
    struct str url = c->site->public_url;
    ptrdiff_t scheme = str_find(url, STR("://"));
    struct str rest = str_sub(url, scheme < 0 ? 0 : (size_t)scheme + 3, url.len);
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str own = slash < 0 ? STR("") : str_sub(rest, (size_t)slash, rest.len);
    return arena_printf(c->arena, "%.*s%s", STR_ARG(own), path);
}

bool visit_find(struct api_call *c, struct str token, struct visit *ret,
                enum visit_state *ret_state, struct error *err)
{
    struct visit v = {.c = c, .token = token};
    if (!store_now_ms(c->store, &v.now_ms, err)) {
        return false;
    }
    if (!bridge_find_by_token(c->store, token, c->arena, &v.bridge, err)) {
        if (err->code != ERR_NOT_FOUND) {
            return false;
        }
        *ret_state = VISIT_UNKNOWN;
    } else if (v.bridge.status != BRIDGE_OPEN) {
        *ret_state = VISIT_USED;
    } else {
        *ret_state = v.bridge.expires_ms <= v.now_ms ? VISIT_EXPIRED : VISIT_OPEN;
    }
    *ret = v;
    return true;
}

// ---- cookies

static struct str cookie(const struct api_call *c, struct str name)
{
    struct str rest = http_server_header(c->http, "cookie");
    struct str pair;
    while (str_next(&rest, ';', &pair)) {
        pair = str_trim(pair);
        ptrdiff_t equals = str_find_char(pair, '=');
        if (equals >= 0 && str_eq(str_sub(pair, 0, (size_t)equals), name)) {
            return str_sub(pair, (size_t)equals + 1, pair.len);
        }
    }
    return (struct str){NULL, 0};
}

// Only what we give out: base64url of the right length.
static bool is_random_text(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return s.len == COOKIE_LEN;
}

static void set_cookie(struct api_call *c, struct str name, struct str value, int64_t seconds)
{
    struct str path = visit_path(c, "/");
    http_server_add_header(c->response, "Set-Cookie",
                           arena_printf(c->arena,
                                        "%.*s=%.*s; Path=%.*s; Max-Age=%lld; HttpOnly; "
                                        "SameSite=Lax%s",
                                        STR_ARG(name), STR_ARG(value), STR_ARG(path),
                                        (long long)seconds, is_secure(c) ? "; Secure" : ""));
}

// The hash of cookie and token: who does not hold the cookie cannot know it.
static struct str form_value(const struct api_call *c, struct str cookie_value, struct str token)
{
    char text[OAUTH_CHALLENGE_MAX];
    struct str both = arena_printf(c->arena, "form %.*s %.*s", STR_ARG(cookie_value),
                                   STR_ARG(str_sub(token, 0, PREIMAGE_MAX)));
    oauth_challenge(both, text);
    return arena_dup(c->arena, str_from(text));
}

struct str visit_form_value(struct visit *v)
{
    struct str value = cookie(v->c, FORM_COOKIE);
    if (!is_random_text(value)) {
        char text[OAUTH_CHALLENGE_MAX];
        oauth_random_text(text);
        value = arena_dup(v->c->arena, str_from(text));
        set_cookie(v->c, FORM_COOKIE, value, BRIDGE_LIFE_MS / 1000);
    }
    return form_value(v->c, value, v->token);
}

bool visit_form_is_ours(const struct api_call *c, struct str token)
{
    struct str value = cookie(c, FORM_COOKIE);
    struct str given = visit_field(c, "form");
    return is_random_text(value) && secret_same_bytes(given, form_value(c, value, token));
}

static struct str walk_name(const struct api_call *c, struct str state)
{
    char text[OAUTH_CHALLENGE_MAX];
    oauth_challenge(state, text);
    return arena_printf(c->arena, "sluice_walk_%.*s", WALK_NAME_LEN, text);
}

void visit_leave(struct visit *v, struct str state)
{
    set_cookie(v->c, walk_name(v->c, state), v->token, WALK_SECONDS);
}

struct str visit_come_back(struct api_call *c, struct str state)
{
    struct str name = walk_name(c, state);
    struct str token = cookie(c, name);
    if (!is_random_text(token)) {
        return (struct str){NULL, 0};
    }
    set_cookie(c, name, STR(""), 0);
    return token;
}

// ---- where it leads

static struct str finish_url(struct visit *v, struct buf *url)
{
    if (v->bridge.state.len > 0) {
        url_add_query(url, STR("state"), v->bridge.state);
    }
    assert(!url->overflow); // its parts are bounded
    struct str ret = arena_dup(v->c->arena, buf_str(url));
    buf_done(url);
    return ret;
}

static void begin_url(struct visit *v, struct buf *url)
{
    buf_init(url, URL_MAX);
    // It was checked when the bridge was made: no query, no fragment.
    buf_add(url, v->bridge.redirect_uri);
}

struct str visit_success_url(struct visit *v, struct str connection_id)
{
    struct buf url;
    begin_url(v, &url);
    url_add_query(&url, STR("connectionId"), connection_id);
    url_add_query(&url, STR("connection_id"), connection_id);
    return finish_url(v, &url);
}

struct str visit_failure_url(struct visit *v, const char *error, struct str description)
{
    struct buf url;
    begin_url(v, &url);
    url_add_query(&url, STR("error"), str_from(error));
    url_add_query(&url, STR("error_description"), str_sub(description, 0, ERROR_MESSAGE_MAX));
    return finish_url(v, &url);
}

// "https://app.hubspot.com" of "https://app.hubspot.com/x". HubSpot leads on to hosts of its own,
// by where the account is kept ("app-eu1.hubspot.com").
static struct str hubspot_origins(struct visit *v)
{
    struct str url = v->c->site->hubspot_app_url;
    struct str origin = redirect_uri_origin(url);
    bool own = str_ends(origin, STR(".hubspot.com")) && str_starts(url, STR("https://"));
    return arena_printf(v->c->arena, "%.*s%s", STR_ARG(origin),
                        own ? " https://*.hubspot.com" : "");
}

struct str visit_form_targets(struct visit *v)
{
    struct str hubspot = hubspot_origins(v);
    struct str back = redirect_uri_origin(v->bridge.redirect_uri);
    return arena_printf(v->c->arena, "%.*s %.*s", STR_ARG(hubspot), STR_ARG(back));
}
