#include "web/html.h"

#include "data/json_repair.h"

enum { HTML_MAX = 4 * 1024 * 1024 };

// Both themes by the browser's own; every pair of colours has a contrast of at least 4.5 to 1.
static const char STYLE[] =
    ":root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--text:#1d2430;--soft:#566070;"
    "--line:#d5dae1;--accent:#1a56c4;--on:#fff;--bad:#a31621;--badbg:#fdecec;--code:#eef1f5}"
    "@media(prefers-color-scheme:dark){:root{--bg:#12161c;--card:#1c222b;--text:#e8ecf2;"
    "--soft:#a5b0bf;--line:#364050;--accent:#8ab4ff;--on:#0c1726;--bad:#ff9c9c;--badbg:#3a1d20;"
    "--code:#252d38}}"
    "*{box-sizing:border-box}"
    "body{margin:0;background:var(--bg);color:var(--text);"
    "font:16px/1.55 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}"
    "main{max-width:34rem;margin:0 auto;padding:3rem 1rem}"
    "main.wide{max-width:60rem}"
    ".card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:2rem;"
    "box-shadow:0 1px 3px rgba(0,0,0,.06)}"
    ".mark{font-weight:700;letter-spacing:.02em;color:var(--soft);margin:0 0 1rem}"
    "h1{font-size:1.5rem;line-height:1.25;margin:0 0 1rem}"
    "h2{font-size:1.1rem;margin:1.75rem 0 .5rem}"
    "p{margin:.75rem 0}bdi,code{overflow-wrap:anywhere}"
    "code{background:var(--code);border-radius:4px;padding:.1em .35em;font-size:.92em}"
    ".soft{color:var(--soft);font-size:.94rem}"
    "dl{display:grid;grid-template-columns:max-content 1fr;gap:.35rem 1rem;margin:1rem 0}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}"
    "ul{padding-left:1.2rem}details{margin:1rem 0}summary{cursor:pointer}"
    "form{margin:1rem 0 0}label{display:block;font-weight:600;margin-bottom:.35rem}"
    "input[type=password]{width:100%;padding:.6rem .75rem;font:inherit;color:inherit;"
    "background:var(--bg);border:1px solid var(--soft);border-radius:8px}"
    "button,a.button{display:block;width:100%;padding:.7rem 1rem;margin-top:.75rem;font:inherit;"
    "font-weight:600;text-align:center;text-decoration:none;border-radius:8px;cursor:pointer;"
    "border:1px solid var(--accent);background:var(--accent);color:var(--on)}"
    "button.plain,a.plain{background:transparent;color:var(--text);border-color:var(--line)}"
    "a{color:var(--accent)}"
    ":focus-visible{outline:3px solid var(--accent);outline-offset:2px}"
    ".alert{background:var(--badbg);color:var(--bad);border:1px solid var(--bad);"
    "border-radius:8px;padding:.75rem 1rem;margin:0 0 1rem;overflow-wrap:anywhere}"
    "hr{border:0;border-top:1px solid var(--line);margin:1.75rem 0}"
    "table{width:100%;border-collapse:collapse;font-size:.94rem;margin:.5rem 0}"
    "th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;"
    "border-bottom:1px solid var(--line)}"
    "td:last-child{width:100%;overflow-wrap:anywhere}td code{overflow-wrap:normal}"
    "td:not(:last-child){white-space:nowrap}"
    "section.op{margin:1.25rem 0;padding:1.25rem;overflow-x:auto}"
    "nav{columns:2 16rem}nav section{break-inside:avoid;margin-bottom:1rem}"
    "nav p{font-weight:600;margin:0}nav ul{margin:.25rem 0}nav a{overflow-wrap:anywhere}"
    ".method{font-weight:700;margin-right:.5rem}"
    "@media(max-width:30rem){main{padding:1rem .5rem}.card{padding:1.25rem}"
    "dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}"
    "td:not(:last-child){white-space:normal;font-size:.88rem}}";

void html_escape(struct buf *out, struct str text)
{
    static const struct {
        char c;
        const char *entity;
    } ENTITIES[] = {
        {'&', "&amp;"}, {'<', "&lt;"}, {'>', "&gt;"}, {'"', "&quot;"}, {'\'', "&#39;"},
    };
    while (text.len > 0) {
        size_t n = utf8_length(text);
        unsigned char first = (unsigned char)text.ptr[0];
        bool control = (first < 0x20 && first != '\n' && first != '\t') || first == 0x7f;
        const char *instead = n == 0 || control ? "\xef\xbf\xbd" : NULL;
        for (size_t i = 0; i < ARRAY_LEN(ENTITIES) && !instead; i++) {
            instead = ENTITIES[i].c == text.ptr[0] ? ENTITIES[i].entity : NULL;
        }
        n = MAX(n, (size_t)1);
        if (instead) {
            buf_add_cstr(out, instead);
        } else {
            buf_add(out, str_sub(text, 0, n));
        }
        text = str_sub(text, n, text.len);
    }
}

void html_add(struct html_page *p, const char *markup, const struct str *texts, size_t n)
{
    struct str rest = str_from(markup);
    for (size_t i = 0; i < n; i++) {
        ptrdiff_t at = str_find(rest, STR("{}"));
        assert(at >= 0);
        buf_add(&p->out, str_sub(rest, 0, (size_t)at));
        html_escape(&p->out, texts[i]);
        rest = str_sub(rest, (size_t)at + 2, rest.len);
    }
    assert(str_find(rest, STR("{}")) < 0);
    buf_add(&p->out, rest);
}

void html_begin(struct html_page *p, struct api_call *c, const char *title)
{
    p->c = c;
    buf_init(&p->out, HTML_MAX);
    oauth_random_text(p->nonce);
    HTML(p,
         "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
         "<meta name=\"robots\" content=\"noindex\"><title>{}</title><style nonce=\"{}\">",
         str_from(title), str_from(p->nonce));
    buf_add_cstr(&p->out, STYLE); // not HTML(): rules hold empty braces
    HTML(p, "</style></head><body>\n");
}

static void add_headers(struct api_call *c)
{
    static const struct {
        const char *name;
        struct str value;
    } HEADERS[] = {
        {"Cache-Control", STR_INIT("no-store")},
        {"Referrer-Policy", STR_INIT("no-referrer")},
        {"X-Content-Type-Options", STR_INIT("nosniff")},
        {"X-Frame-Options", STR_INIT("DENY")},
    };
    for (size_t i = 0; i < ARRAY_LEN(HEADERS); i++) {
        http_server_add_header(c->response, HEADERS[i].name, HEADERS[i].value);
    }
}

void html_answer(struct html_page *p, int status, struct str form_targets)
{
    struct api_call *c = p->c;
    HTML(p, "</body></html>\n");
    assert(!p->out.overflow);
    api_json(c, status, buf_str(&p->out));
    c->response->content_type = "text/html;charset=utf-8";
    buf_done(&p->out);
    add_headers(c);
    struct str policy = arena_printf(
        c->arena,
        "default-src 'none'; style-src 'nonce-%s'; form-action 'self'%s%.*s; base-uri 'none'; "
        "frame-ancestors 'none'",
        p->nonce, form_targets.len > 0 ? " " : "", STR_ARG(form_targets));
    http_server_add_header(c->response, "Content-Security-Policy", policy);
}

void html_redirect(struct api_call *c, struct str url)
{
    api_json(c, 303, STR(""));
    c->response->content_type = NULL;
    add_headers(c);
    http_server_add_header(c->response, "Location", url);
}
