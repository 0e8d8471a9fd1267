#include "sim/pages.h"

#include "sim/sim.h"

static const char STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;background:#f5f8fa;color:#33475b;margin:0}"
    "main{max-width:34rem;margin:3rem auto;padding:2rem;background:#fff;border:1px solid #cbd6e2;"
    "border-radius:6px}h1{font-size:1.4rem;margin-top:0}fieldset{border:1px solid #cbd6e2;"
    "border-radius:4px;margin:1rem 0}ul{list-style:none;padding:0;margin:0}li{padding:.15rem 0}"
    "code{font-size:.9rem;overflow-wrap:anywhere}button{font:inherit;padding:.6rem 1.2rem;"
    "border-radius:4px;border:1px solid #c9400f;margin-right:.5rem;cursor:pointer}"
    "button[value=approve]{background:#c9400f;color:#fff}button[value=deny]{background:#fff;"
    "color:#b0370c}dt{font-weight:600}dd{margin:0 0 .8rem}footer{color:#516f90;font-size:.85rem;"
    "margin-top:1.5rem}";

static void escape(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        switch (text.ptr[i]) {
        case '&':
            buf_add(out, STR("&amp;"));
            break;
        case '<':
            buf_add(out, STR("&lt;"));
            break;
        case '>':
            buf_add(out, STR("&gt;"));
            break;
        case '"':
            buf_add(out, STR("&quot;"));
            break;
        case '\'':
            buf_add(out, STR("&#39;"));
            break;
        default:
            buf_add_char(out, text.ptr[i]);
        }
    }
}

static void begin(struct call *c, int status, struct str title)
{
    struct buf *out = &c->response->body;
    c->response->status = status;
    c->response->content_type = "text/html;charset=utf-8";
    http_server_add_header(c->response, "Cache-Control", STR("no-store"));
    http_server_add_header(c->response, "X-Frame-Options", STR("DENY"));
    http_server_add_header(c->response, "Referrer-Policy", STR("no-referrer"));
    http_server_add_header(c->response, "Content-Security-Policy",
                           STR("default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"));
    buf_reset(out);
    buf_add(out, STR("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                     "<title>"));
    escape(out, title);
    buf_printf(out, "</title>\n<style>%s</style>\n</head>\n<body>\n<main>\n<h1>", STYLE);
    escape(out, title);
    buf_add(out, STR("</h1>\n"));
}

static void end(struct call *c)
{
    buf_add(&c->response->body,
            STR("<footer>This is hubsim, a simulator. No real HubSpot account is touched."
                "</footer>\n</main>\n</body>\n</html>\n"));
}

// With boxes to tick when `optional`.
static void list_scopes(struct buf *out, struct str scopes, const char *legend, bool optional)
{
    struct str one;
    buf_printf(out, "<fieldset>\n<legend>%s</legend>\n<ul>\n", legend);
    while (scopes.len > 0 && str_next(&scopes, ' ', &one)) {
        buf_add(out, STR("<li>"));
        if (optional) {
            buf_add(out, STR("<label><input type=\"checkbox\" name=\"optional\" value=\""));
            escape(out, one);
            buf_add(out, STR("\" checked> "));
        }
        buf_add(out, STR("<code>"));
        escape(out, one);
        buf_add(out, optional ? STR("</code></label></li>\n") : STR("</code></li>\n"));
    }
    buf_add(out, STR("</ul>\n</fieldset>\n"));
}

void page_consent(struct call *c, const struct consent *consent, struct str form_token,
                  struct str action)
{
    struct buf *out = &c->response->body;
    struct str user = apps_options(c->sim->apps).user;
    begin(c, 200, arena_printf(c->arena, "Connect %.*s to HubSpot", STR_ARG(consent->app->name)));
    buf_printf(out, "<p>Account <strong>%lld</strong>, signed in as ",
               (long long)c->sim->options->portal_id);
    escape(out, user);
    buf_add(out, STR(".</p>\n<form method=\"post\" action=\""));
    escape(out, action);
    buf_add(out, STR("\">\n<input type=\"hidden\" name=\"form_token\" value=\""));
    escape(out, form_token);
    buf_add(out, STR("\">\n"));
    list_scopes(out, consent->required, "The app needs", false);
    if (consent->optional.len > 0) {
        list_scopes(out, consent->optional, "The app would also like", true);
    }
    buf_add(out, STR("<p>You will be sent back to <code>"));
    escape(out, consent->redirect_uri);
    buf_add(out, STR("</code>.</p>\n"
                     "<button type=\"submit\" name=\"decision\" value=\"approve\">Connect app"
                     "</button>\n<button type=\"submit\" name=\"decision\" value=\"deny\">Cancel"
                     "</button>\n</form>\n"));
    end(c);
}

void page_problem(struct call *c, int status, const char *heading, const struct page_fact *facts,
                  size_t n)
{
    struct buf *out = &c->response->body;
    begin(c, status, str_from(heading));
    buf_add(out, STR("<dl>\n"));
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "<dt>%s</dt>\n<dd>", facts[i].what);
        struct str rest = facts[i].value;
        struct str line;
        while (rest.len > 0 && str_next(&rest, '\n', &line)) {
            buf_add(out, STR("<code>"));
            escape(out, line);
            buf_add(out, STR("</code><br>"));
        }
        buf_add(out, STR("</dd>\n"));
    }
    buf_add(out, STR("</dl>\n"));
    end(c);
}
