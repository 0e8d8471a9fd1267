// Decoding what the OAuth endpoints answer, errors included.
#include "data/json.h"
#include "hubspot/errors.h"
#include "hubspot/oauth.h"

enum {
    EXPIRES_MAX_S = 366 * 24 * 3600,
    EXPIRES_DEFAULT_S = 1800, // what HubSpot gives
    DESCRIPTION_SHOWN_MAX = 300,
    NAME_SHOWN_MAX = 200,
    WORD_MAX = 64,
};

static bool unreadable(struct error *err, const char *why)
{
    return error_set(err, ERR_SOURCE_DATA, "HubSpot's answer cannot be read: %s", why);
}

// What may be put into a header as it is.
static bool check_token(const char *what, struct str s, struct error *err)
{
    if (s.len == 0 || s.len > OAUTH_TOKEN_MAX) {
        return error_set(err, ERR_SOURCE_DATA,
                         "HubSpot's answer cannot be read: its %s has %zu bytes, 1 to %d can be",
                         what, s.len, OAUTH_TOKEN_MAX);
    }
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f) {
            return error_set(err, ERR_SOURCE_DATA,
                             "HubSpot's answer cannot be read: its %s holds spaces or characters "
                             "that are not ASCII",
                             what);
        }
    }
    return true;
}

// How long the token lives, which may be missing (RFC 6749 only recommends it) or nonsense. Then
// the usual is assumed: an answer that is thrown away may hold the only refresh token that is good,
// and a token that ends sooner is found out by a 401.
static int64_t life_s(struct json root)
{
    int64_t s = 0;
    struct str text;
    bool said = json_get_int(root, STR("expires_in"), &s) ||
                (json_get_string(root, STR("expires_in"), &text) && str_to_int64(text, &s));
    return said && s >= 1 ? MIN(s, EXPIRES_MAX_S) : EXPIRES_DEFAULT_S;
}

static bool parse_object(struct json_doc *doc, struct str body, struct json *ret, struct error *err)
{
    if (body.len > OAUTH_ANSWER_BYTES) {
        return unreadable(err, "it is too long");
    }
    return (json_parse(doc, body, ret, err) && json_type(*ret) == JSON_OBJECT) ||
           unreadable(err, "it is no JSON object");
}

static bool read_tokens(struct json root, struct oauth_tokens *ret, struct error *err)
{
    struct str access = {NULL, 0};
    struct str refresh = {NULL, 0};
    struct str type = STR("bearer");
    int64_t portal = 0;
    (void)json_get_string(root, STR("token_type"), &type);
    if (!json_get_string(root, STR("access_token"), &access)) {
        return unreadable(err, "it holds no access_token");
    }
    if (!check_token("access_token", access, err) ||
        (json_get_string(root, STR("refresh_token"), &refresh) && refresh.len > 0 &&
         !check_token("refresh_token", refresh, err))) {
        return false;
    }
    if (!str_eq_nocase(type, STR("bearer"))) {
        return unreadable(err, "its token_type is not bearer");
    }
    if (!json_get_int(root, STR("hub_id"), &portal) || portal < 0) {
        portal = 0;
    }
    *ret = (struct oauth_tokens){.access = secret_create(access),
                                 .refresh = refresh.len > 0 ? secret_create(refresh) : NULL,
                                 .expires_in_ms = life_s(root) * 1000,
                                 .portal_id = portal};
    return true;
}

bool oauth_tokens_decode(struct str body, struct oauth_tokens *ret, struct error *err)
{
    struct json_doc *doc = json_doc_create();
    struct json root = {0};
    bool ok = parse_object(doc, body, &root, err) && read_tokens(root, ret, err);
    json_doc_destroy(doc);
    return ok;
}

void oauth_tokens_done(struct oauth_tokens *t)
{
    secret_destroy(t->access);
    secret_destroy(t->refresh);
    *t = (struct oauth_tokens){0};
}

// ---- introspection

static bool is_scope(struct str s)
{
    bool ok = s.len > 0 && s.len <= NAME_SHOWN_MAX;
    for (size_t i = 0; ok && i < s.len; i++) {
        ok = s.ptr[i] > ' ' && s.ptr[i] < 0x7f && s.ptr[i] != '"' && s.ptr[i] != '\\';
    }
    return ok;
}

// Names that cannot be scopes are passed over: what HubSpot adds must not stop us. Of more than are
// kept none is: half of them would look like all of them.
static struct str read_scopes(struct json root, struct arena *arena)
{
    struct json list;
    struct json item;
    struct str name;
    struct buf out;
    size_t n = 0;
    struct str result = STR("");
    if (!json_get(root, STR("scopes"), &list)) {
        return result;
    }
    buf_init(&out, OAUTH_SCOPES_BYTES);
    struct json_iter it = json_iter(list);
    while (json_next(&it, &item)) {
        if (json_string(item, &name) && is_scope(name)) {
            buf_add(&out, n > 0 ? STR(" ") : STR(""));
            buf_add(&out, name);
            n++;
        }
    }
    if (n <= OAUTH_SCOPES_MAX && !out.overflow) {
        result = arena_dup(arena, buf_str(&out));
    }
    buf_done(&out);
    return result;
}

// Names of the fields: introspection, and the look-up of private apps.
static const struct {
    struct str portal, app;
} FIELDS[] = {{STR_INIT("hub_id"), STR_INIT("app_id")}, {STR_INIT("hubId"), STR_INIT("appId")}};

bool oauth_facts_decode(enum oauth_call_kind kind, struct str body, struct arena *arena,
                        struct oauth_facts *ret, struct error *err)
{
    size_t k = kind == OAUTH_PRIVATE_INFO;
    struct oauth_facts f = {.active = true};
    struct json_doc *doc = json_doc_create();
    struct json root = {0};
    struct str user;
    bool ok = parse_object(doc, body, &root, err);
    if (ok) {
        f.scopes = read_scopes(root, arena);
        (void)json_get_bool(root, STR("active"), &f.active);
        (void)json_get_int(root, FIELDS[k].portal, &f.portal_id);
        (void)json_get_int(root, FIELDS[k].app, &f.app_id);
        int64_t expires_s = 0;
        if (json_get_int(root, STR("expires_in"), &expires_s) && expires_s > 0 &&
            expires_s <= EXPIRES_MAX_S) {
            f.expires_in_ms = expires_s * 1000;
        }
        f.portal_id = MAX(0, f.portal_id);
        f.app_id = MAX(0, f.app_id);
        if (json_get_string(root, STR("user"), &user)) {
            f.user = hubspot_printable(user, NAME_SHOWN_MAX, arena);
        }
        *ret = f;
    }
    json_doc_destroy(doc);
    return ok;
}

// ---- errors

enum { ANY_CALL = OAUTH_CALL_COUNT };
enum advice { ADVICE_NONE, ADVICE_CLIENT_ID, ADVICE_SECRET, ADVICE_REDIRECT };

// By HubSpot's `status` first, which says more, then by RFC 6749's `error`; the first row that
// fits.
static const struct {
    const char *word;
    int call; // enum oauth_call_kind or ANY_CALL
    enum error_code code;
    enum advice advice;
    const char *says;
} CAUSES[] = {
    {"BAD_REFRESH_TOKEN", ANY_CALL, ERR_REAUTHORIZE, ADVICE_NONE,
     "HubSpot no longer accepts the refresh token, since the app was removed from the account or "
     "its access revoked"},
    {"BAD_AUTH_CODE", ANY_CALL, ERR_LOGIN, ADVICE_NONE,
     "HubSpot does not accept the code: it was used before, or too much time has passed since the "
     "consent"},
    {"BAD_REDIRECT_URI", ANY_CALL, ERR_OAUTH_APP, ADVICE_REDIRECT, "the redirect URI is not right"},
    {"BAD_CLIENT_ID", ANY_CALL, ERR_OAUTH_APP, ADVICE_CLIENT_ID, "there is no such client id"},
    {"BAD_CLIENT_SECRET", ANY_CALL, ERR_OAUTH_APP, ADVICE_SECRET, "the client secret is not right"},
    {"BAD_CODE_VERIFIER", ANY_CALL, ERR_LOGIN, ADVICE_NONE,
     "HubSpot does not accept the code's verifier (PKCE)"},
    {"BAD_GRANT_TYPE", ANY_CALL, ERR_OAUTH_APP, ADVICE_NONE,
     "HubSpot does not accept this kind of grant for the app"},
    {"BAD_SCOPES", ANY_CALL, ERR_OAUTH_APP, ADVICE_NONE,
     "the scopes are not those that the app is set up for"},
    {"BAD_HUB", ANY_CALL, ERR_REAUTHORIZE, ADVICE_NONE, "the HubSpot account is gone"},
    {"invalid_grant", OAUTH_REFRESH, ERR_REAUTHORIZE, ADVICE_NONE,
     "HubSpot no longer accepts the refresh token"},
    {"invalid_grant", OAUTH_EXCHANGE, ERR_LOGIN, ADVICE_NONE, "HubSpot does not accept the code"},
    {"invalid_client", ANY_CALL, ERR_OAUTH_APP, ADVICE_CLIENT_ID,
     "HubSpot does not know this client id with this secret"},
    {"unauthorized_client", ANY_CALL, ERR_OAUTH_APP, ADVICE_CLIENT_ID, "the app may not do this"},
    {"invalid_scope", ANY_CALL, ERR_OAUTH_APP, ADVICE_NONE,
     "the scopes are not those that the app is set up for"},
    {"unsupported_grant_type", ANY_CALL, ERR_OAUTH_APP, ADVICE_NONE,
     "HubSpot does not accept this kind of grant for the app"},
    {"access_denied", OAUTH_REFRESH, ERR_REAUTHORIZE, ADVICE_NONE, "the HubSpot account is gone"},
};

static void add_advice(struct buf *text, enum advice advice, const struct oauth_request *r,
                       const struct oauth_app *app)
{
    switch (advice) {
    case ADVICE_NONE:
        break;
    case ADVICE_CLIENT_ID:
        buf_printf(text, "; the client id sent was %.*s",
                   STR_ARG(str_sub(app->client_id, 0, NAME_SHOWN_MAX)));
        break;
    case ADVICE_SECRET:
        buf_printf(text, "; copy the one that belongs to client id %.*s anew from the app",
                   STR_ARG(str_sub(app->client_id, 0, NAME_SHOWN_MAX)));
        break;
    case ADVICE_REDIRECT:
        buf_printf(text,
                   "; the redirect URI sent was %.*s: register exactly this one, byte for byte, "
                   "in the app's settings",
                   STR_ARG(str_sub(r->redirect_uri, 0, NAME_SHOWN_MAX)));
        break;
    }
}

static struct str word(struct json root, const char *key)
{
    struct str s = {NULL, 0};
    return json_get_string(root, str_from(key), &s) && s.len <= WORD_MAX ? s : STR("");
}

static int cause_of(int call, struct str status, struct str error)
{
    const struct str words[] = {status, error};
    for (size_t w = 0; w < ARRAY_LEN(words); w++) {
        for (size_t i = 0; i < ARRAY_LEN(CAUSES); i++) {
            if (str_eq(words[w], str_from(CAUSES[i].word)) &&
                (CAUSES[i].call == ANY_CALL || CAUSES[i].call == call)) {
                return (int)i;
            }
        }
    }
    return -1;
}

bool oauth_says_failure(struct str body)
{
    struct json root = {0};
    struct json token;
    struct error ignored;
    struct json_doc *doc = json_doc_create();
    bool says = parse_object(doc, body, &root, &ignored) &&
                !json_get(root, STR("access_token"), &token) &&
                (word(root, "error").len > 0 || str_eq(word(root, "status"), STR("error")) ||
                 cause_of(ANY_CALL, word(root, "status"), STR("")) >= 0);
    json_doc_destroy(doc);
    return says;
}

bool oauth_failure(const struct oauth_request *r, const struct oauth_app *app, int status,
                   struct str body, struct error *err)
{
    struct arena arena;
    struct json root = {0};
    struct error ignored;
    struct hubspot_failure f;
    struct buf text;
    struct str description = {NULL, 0};
    int cause = -1;
    arena_init(&arena, 8 * OAUTH_ANSWER_BYTES);
    buf_init(&text, ERROR_MESSAGE_MAX);
    struct json_doc *doc = json_doc_create();
    body = oauth_masked(r, app, body, &arena);
    if (parse_object(doc, body, &root, &ignored)) {
        cause = cause_of((int)r->kind, word(root, "status"), word(root, "error"));
        if (!json_get_string(root, STR("error_description"), &description)) {
            (void)json_get_string(root, STR("message"), &description);
        }
    }
    if (cause >= 0 && status < 500) {
        buf_add_cstr(&text, CAUSES[cause].says);
        add_advice(&text, CAUSES[cause].advice, r, app);
        buf_printf(&text, " (HubSpot answered %d %s: %.*s)", status, CAUSES[cause].word,
                   STR_ARG(hubspot_printable(description, DESCRIPTION_SHOWN_MAX, &arena)));
        error_set(err, CAUSES[cause].code, "%s", buf_cstr(&text));
    } else {
        hubspot_failure_decode(status, body, &arena, &f);
        hubspot_failure_error(&f, "OAuth", err);
    }
    json_doc_destroy(doc);
    buf_done(&text);
    arena_done(&arena);
    return false;
}
