#include "web/authorize_pages.h"

#include "api/redirect_uri.h"
#include "http/url.h"
#include "source/hubspot/source_hubspot.h"
#include "web/html.h"

bool authorize_has_app(const struct api_site *site)
{
    return site->hubspot_client_id.len > 0 && site->hubspot_client_secret != NULL;
}

static void begin(struct html_page *p, struct api_call *c, const char *title)
{
    html_begin(p, c, title);
    HTML(p, "<main><div class=\"card\"><p class=\"mark\">sluice</p>\n");
}

static void finish(struct html_page *p, int status, struct str form_targets)
{
    HTML(p, "</div></main>\n");
    html_answer(p, status, form_targets);
}

// ---- the page that asks

static void add_facts(struct html_page *p, struct visit *v)
{
    const struct bridge *b = &v->bridge;
    struct connection former;
    struct error err;
    HTML(p,
         "<dl><dt>Asked by</dt><dd><bdi>{}</bdi></dd><dt>Connection</dt><dd><bdi>{}</bdi></dd>\n",
         redirect_uri_host(b->redirect_uri), b->label);
    if (b->reauthorizes && connect_find(v->c, b->connection_id, &former, &err) &&
        former.portal_id != 0) {
        struct str id = arena_printf(v->c->arena, "%lld", (long long)former.portal_id);
        HTML(p, "<dt>HubSpot account</dt><dd>{} (choose this one again)</dd>\n", id);
    }
    HTML(p, "</dl>\n");
}

static void add_what_for(struct html_page *p, struct visit *v)
{
    size_t n = 0;
    const struct source_stream_info *all = source_hubspot_streams(&n);
    HTML(p,
         "<p>It asks to <strong>read</strong> data of your HubSpot account and to keep a copy in "
         "its own database, up to date until you or it end the connection. Nothing is changed in "
         "HubSpot.</p>\n<details><summary>Which data</summary><ul>\n");
    for (size_t i = 0; i < n; i++) {
        if (!all[i].needs[0]) {
            HTML(p, "<li>{}</li>\n", str_from(all[i].description));
        }
    }
    HTML(p, "<li>How they are associated with each other</li></ul>\n"
            "<p class=\"soft\">HubSpot calls these permissions:");
    struct str scopes = grant_default_scopes(v->c->arena);
    struct str scope;
    while (str_next(&scopes, ' ', &scope)) {
        HTML(p, " <code>{}</code>", scope);
    }
    HTML(p, "</p></details>\n");
}

// A form of this bridge, up to its own fields.
static void begin_form(struct html_page *p, struct visit *v, const char *path, struct str value)
{
    HTML(p,
         "<form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"token\" value=\"{}\">"
         "<input type=\"hidden\" name=\"form\" value=\"{}\">\n",
         visit_path(v->c, path), v->token, value);
}

static void add_token_form(struct html_page *p, struct visit *v, struct str value)
{
    begin_form(p, v, "/authorize/token", value);
    HTML(p, "<label for=\"secret\">Access token of a private app</label>"
            "<input type=\"password\" id=\"secret\" name=\"secret\" autocomplete=\"off\" "
            "spellcheck=\"false\" required aria-describedby=\"secret-hint\">"
            "<p class=\"soft\" id=\"secret-hint\">HubSpot shows it under Settings, Integrations, "
            "Private Apps. It is stored encrypted.</p>"
            "<button type=\"submit\">Connect with this token</button></form>\n");
}

void authorize_ask(struct visit *v, int status, struct str alert)
{
    struct html_page p;
    struct str value = visit_form_value(v);
    begin(&p, v->c, "Connect HubSpot");
    HTML(&p, "<h1>{} HubSpot to <bdi>{}</bdi>?</h1>\n",
         v->bridge.reauthorizes ? STR("Reconnect") : STR("Connect"),
         redirect_uri_host(v->bridge.redirect_uri));
    if (alert.len > 0) {
        HTML(&p, "<p class=\"alert\" role=\"alert\">{}</p>\n", alert);
    }
    add_facts(&p, v);
    add_what_for(&p, v);
    if (authorize_has_app(v->c->site)) {
        begin_form(&p, v, "/authorize/start", value);
        HTML(&p,
             "<button type=\"submit\">Continue to HubSpot</button></form>\n"
             "<p class=\"soft\">HubSpot asks you to sign in and to choose an account. You need "
             "to be a super admin there.</p>\n<details{}><summary>Use a private app's token "
             "instead</summary>\n",
             alert.len > 0 ? STR(" open") : STR(""));
        add_token_form(&p, v, value);
        HTML(&p, "</details>\n");
    } else {
        HTML(&p, "<p class=\"soft\">This server has no app of its own at HubSpot, so it cannot "
                 "send you there to sign in. A private app of your account does as well: create "
                 "one in HubSpot with the permissions above, and paste its token here.</p>\n");
        add_token_form(&p, v, value);
    }
    HTML(&p, "<hr>\n");
    begin_form(&p, v, "/authorize/decline", value);
    HTML(&p, "<button type=\"submit\" class=\"plain\">Decline</button></form>\n");
    finish(&p, status, visit_form_targets(v));
}

// ---- what stands in the way

static struct str again_url(struct visit *v)
{
    struct buf url;
    buf_init(&url, (size_t)16 * 1024);
    buf_add(&url, visit_path(v->c, "/authorize"));
    url_add_query(&url, STR("token"), str_sub(v->token, 0, API_KEY_TEXT_MAX));
    struct str ret = arena_dup(v->c->arena, buf_str(&url));
    buf_done(&url);
    return ret;
}

void authorize_trouble(struct visit *v, const struct trouble *t)
{
    struct html_page p;
    begin(&p, v->c, t->title);
    HTML(&p, "<h1>{}</h1>\n<p role=\"alert\">{}</p>\n", str_from(t->title), t->text);
    struct str rest = t->scopes;
    struct str scope;
    if (rest.len > 0) {
        HTML(&p, "<ul>");
        while (str_next(&rest, ' ', &scope)) {
            HTML(&p, "<li><code>{}</code></li>", scope);
        }
        HTML(&p, "</ul>\n");
    }
    if (t->again) {
        HTML(&p, "<a class=\"button\" href=\"{}\">Try again</a>\n", again_url(v));
    }
    if (t->error) {
        HTML(&p, "<a class=\"button plain\" href=\"{}\">Back to <bdi>{}</bdi></a>\n",
             visit_failure_url(v, t->error, str_from(t->title)),
             redirect_uri_host(v->bridge.redirect_uri));
    }
    finish(&p, t->status, STR(""));
}

void authorize_wait(struct api_call *c)
{
    struct html_page p;
    http_server_add_header(c->response, "Refresh", STR("3"));
    http_server_add_header(c->response, "Retry-After", STR("3"));
    begin(&p, c, "One moment");
    HTML(&p, "<h1>One moment</h1>\n<p role=\"status\">Others are connecting their accounts right "
             "now. This page tries again by itself every three seconds.</p>\n");
    finish(&p, 503, STR(""));
}

void authorize_stray(struct api_call *c, int status, const char *title, struct str text)
{
    struct html_page p;
    begin(&p, c, title);
    HTML(&p, "<h1>{}</h1>\n<p role=\"alert\">{}</p>\n", str_from(title), text);
    finish(&p, status, STR(""));
}

void authorize_over(struct visit *v, enum visit_state state)
{
    static const char NEW_LINK[] = "Ask whoever sent you here for a new link.";
    struct trouble t = {.status = 410};
    assert(state != VISIT_OPEN && state < VISIT_STATES);
    if (state == VISIT_UNKNOWN) {
        authorize_stray(v->c, 404, "This link is not known",
                        arena_printf(v->c->arena,
                                     "It may have been cut off on its way: open it whole. %s",
                                     NEW_LINK));
        return;
    }
    if (state == VISIT_EXPIRED) {
        t.title = "This link has expired";
        t.text = arena_printf(v->c->arena, "Links like this one are good for a day. %s", NEW_LINK);
        t.error = "expired";
    } else {
        bool refused = v->bridge.status == BRIDGE_REFUSED;
        t.title = "This link has been used";
        t.text = arena_printf(v->c->arena, "%s. A link works once. %s",
                              refused ? "Somebody has declined" : "The connection was made",
                              refused ? NEW_LINK : "There is nothing left to do here.");
        t.error = refused ? "access_denied" : NULL;
    }
    authorize_trouble(v, &t);
}

// What may be said to a person about an error: HubSpot's refusals are theirs to read, what is wrong
// with this server is for its log.
static const struct saying {
    enum error_code code;
    int status;
    const char *title;
    const char *error;
    bool again;
    bool told; // the error's own message
} SAYINGS[] = {
    {ERR_SCOPE, 403, "HubSpot granted too little", "insufficient_scope", true, true},
    {ERR_ACCOUNT_CHANGED, 409, "That is another HubSpot account", "wrong_account", true, true},
    {ERR_NOT_FOUND, 404, "The connection is gone", "not_found", false, true},
    {ERR_CREDENTIALS, 422, "HubSpot does not accept this", "access_denied", true, true},
    {ERR_REAUTHORIZE, 422, "HubSpot does not accept this", "access_denied", true, true},
    {ERR_LOGIN, 422, "HubSpot does not accept this", "access_denied", true, true},
    {ERR_OAUTH_APP, 502, "This server's HubSpot app is set up wrongly", "server_error", true, true},
    {ERR_SOURCE_UNAVAILABLE, 502, "HubSpot does not answer", "temporarily_unavailable", true, true},
    {ERR_SOURCE_DATA, 502, "HubSpot does not answer", "temporarily_unavailable", true, true},
    {ERR_CONNECT, 502, "HubSpot cannot be reached", "temporarily_unavailable", true, false},
    {ERR_TLS, 502, "HubSpot cannot be reached", "temporarily_unavailable", true, false},
    {ERR_RATE_LIMITED, 503, "HubSpot is busy", "temporarily_unavailable", true, true},
    {ERR_STORE_BUSY, 503, "This server is busy", "temporarily_unavailable", true, false},
};
static const struct saying OTHERWISE = {ERR_INTERNAL,   500,  "This server has a problem",
                                        "server_error", true, false};

static const struct saying *saying_of(enum error_code code)
{
    for (size_t i = 0; i < ARRAY_LEN(SAYINGS); i++) {
        if (SAYINGS[i].code == code) {
            return &SAYINGS[i];
        }
    }
    return &OTHERWISE;
}

void authorize_failed(struct api_call *c, struct visit *v, const struct error *err)
{
    const struct saying *s = saying_of(err->code);
    struct str text =
        s->told ? str_from(err->message)
                : STR("Nothing was stored. Wait a moment and try again; if it stays so, tell "
                      "whoever sent you here.");
    if (s->status >= 500 && c->site->log) {
        log_line(c->site->log, LOG_WARN, "a connection could not be authorized",
                 LOG_C("error", err->message));
    }
    if (s->status == 503) {
        http_server_add_header(c->response, "Retry-After", STR("5"));
    }
    if (!v) {
        authorize_stray(c, s->status, s->title, text);
        return;
    }
    struct trouble t = {
        .status = s->status, .title = s->title, .text = text, .error = s->error, .again = s->again};
    authorize_trouble(v, &t);
}
