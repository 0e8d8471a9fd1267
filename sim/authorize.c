#include "sim/authorize.h"

#include "sim/sim.h"

enum { TOKEN_MAX = 1024, MINUTE_MS = 60000 };

// What HubSpot's edge takes for a token at all.
static bool well_formed(struct str token)
{
    for (size_t i = 0; i < token.len; i++) {
        char ch = token.ptr[i];
        bool fine = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                    (ch >= '0' && ch <= '9') || (ch && strchr("-._~+/=", ch));
        if (!fine) {
            return false;
        }
    }
    return token.len > 0 && token.len <= TOKEN_MAX;
}

static bool refuse_unknown(struct call *c)
{
    return call_error(c, 401, "INVALID_AUTHENTICATION",
                      "Authentication credentials not found. This API supports OAuth 2.0 "
                      "authentication and you can find "
                      "more details at "
                      "https://developers.hubspot.com/docs/methods/auth/oauth-overview");
}

static bool refuse_expired(struct call *c, int64_t expired_ms)
{
    int64_t ago_ms = clock_now_ms(c->sim->clock) - expired_ms;
    call_error(c, 401, "EXPIRED_AUTHENTICATION",
               "The OAuth token used to make this call expired %lld minute(s) ago.",
               (long long)(MAX(ago_ms, INT64_C(0)) / MINUTE_MS));
    struct buf *body = &c->response->body;
    body->len--; // reopen the object
    buf_printf(body, ",\"context\":{\"expire time\":[\"%.*s\"]}}",
               STR_ARG(call_iso(c, expired_ms)));
    return false;
}

bool authorize(struct call *c)
{
    struct str value = http_server_header(c->request, "Authorization");
    struct str scheme = STR("Bearer ");
    if (value.len == 0) {
        return refuse_unknown(c);
    }
    bool bearer = str_eq_nocase(str_sub(value, 0, scheme.len), scheme);
    struct str token = bearer ? str_sub(value, scheme.len, value.len) : STR("");
    if (c->sim->options->malformed_530 && !well_formed(token)) {
        call_html(c, 530, "Origin DNS error");
        return false;
    }
    int64_t expired_ms;
    switch (apps_authorize(c->sim->apps, token, &c->caller, &expired_ms)) {
    case TOKEN_VALID:
        return true;
    case TOKEN_EXPIRED:
        return refuse_expired(c, expired_ms);
    case TOKEN_UNKNOWN:
    default:
        return refuse_unknown(c);
    }
}
