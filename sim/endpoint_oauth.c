// The authorize page: an app asks, the user consents or not, the browser is sent back.
#include "http/url.h"
#include "sim/apps.h"
#include "sim/endpoints.h"
#include "sim/form.h"
#include "sim/pages.h"
#include "sim/scopes.h"
#include "sim/sim.h"

enum { STATE_MAX = 4096, SCOPES_MAX = 8192, CHALLENGE_MIN = 43, CHALLENGE_MAX = 128 };

static bool problem(struct call *c, const char *heading, const char *what, struct str value)
{
    page_problem(c, 400, heading, &(struct page_fact){what, value}, 1);
    return false;
}

static bool read_app(struct call *c, struct consent *ret)
{
    struct str id = http_server_query(c->request, "client_id");
    if (id.len == 0) {
        return problem(c, "The address lacks client_id", "What to do",
                       STR("Add client_id, the id of the app, to the address."));
    }
    ret->app = apps_by_client(c->sim->apps, id);
    return ret->app || problem(c, "No app has this client id", "client_id", id);
}

static bool read_redirect(struct call *c, struct consent *ret)
{
    struct str uri = http_server_query(c->request, "redirect_uri");
    if (uri.len == 0) {
        return problem(c, "The address lacks redirect_uri", "What to do",
                       STR("Add redirect_uri, where the user is sent back to, to the address."));
    }
    if (!apps_redirect_registered(ret->app, uri)) {
        char *lines = arena_cstr(c->arena, ret->app->redirect_uris);
        for (char *p = lines; *p; p++) {
            *p = *p == ' ' ? '\n' : *p;
        }
        const struct page_fact facts[] = {
            {"redirect_uri in the address", uri},
            {"Registered for the app (each byte counts; * stands for a port)", str_from(lines)},
        };
        page_problem(c, 400, "The redirect URI is not one of those registered for the app", facts,
                     ARRAY_LEN(facts));
        return false;
    }
    ret->redirect_uri = uri;
    return true;
}

static bool read_scopes(struct call *c, struct consent *ret)
{
    struct str lacks = apps_options(c->sim->apps).lacks;
    struct str asked = scopes_normal(c->arena, http_server_query(c->request, "scope"));
    struct str more = scopes_normal(c->arena, http_server_query(c->request, "optional_scope"));
    if (asked.len == 0) {
        return problem(c, "The address lacks scope", "Required scopes of the app",
                       ret->app->required);
    }
    if (asked.len + more.len > SCOPES_MAX) {
        return problem(c, "The lists of scopes are too long", "What to do",
                       STR("Ask for fewer scopes."));
    }
    struct str missing = scopes_without(c->arena, ret->app->required, asked);
    if (missing.len > 0) {
        return problem(c, "The address lacks required scopes of the app", "Missing in scope",
                       missing);
    }
    struct str own = scopes_join(c->arena, ret->app->required, ret->app->optional);
    struct str foreign = scopes_without(c->arena, asked, own);
    if (foreign.len > 0) {
        return problem(c, "The app is not set up for these scopes", "In scope, not in the app",
                       foreign);
    }
    struct str ungrantable = scopes_common(c->arena, asked, lacks);
    if (ungrantable.len > 0) {
        return problem(c, "The account cannot grant these scopes", "In scope", ungrantable);
    }
    // Of optional ones, what cannot be granted is left out without a word, as HubSpot does.
    more = scopes_without(c->arena, scopes_common(c->arena, more, own), lacks);
    ret->required = asked;
    ret->optional = scopes_without(c->arena, more, asked);
    return true;
}

static bool read_challenge(struct call *c, struct consent *ret)
{
    struct str method = http_server_query(c->request, "code_challenge_method");
    ret->challenge = http_server_query(c->request, "code_challenge");
    ret->s256 = str_eq(method, STR("S256"));
    ret->state = http_server_query(c->request, "state");
    if (method.len > 0 && !ret->s256 && !str_eq(method, STR("plain"))) {
        return problem(c, "code_challenge_method must be S256 or plain", "It is", method);
    }
    bool given = ret->challenge.ptr != NULL;
    if ((given || method.len > 0) &&
        (ret->challenge.len < CHALLENGE_MIN || ret->challenge.len > CHALLENGE_MAX)) {
        return problem(c, "code_challenge must have 43 to 128 characters", "It is", ret->challenge);
    }
    return ret->state.len <= STATE_MAX ||
           problem(c, "state is too long", "What to do", STR("Use at most 4096 bytes."));
}

static bool read_portal(struct call *c)
{
    struct str portal = c->params[0];
    int64_t id;
    return !portal.ptr || (str_to_int64(portal, &id) && id == c->sim->options->portal_id) ||
           problem(c, "There is no such account here", "Account", portal);
}

void endpoint_oauth_authorize(struct call *c)
{
    struct consent consent = {0};
    if (!read_portal(c) || !read_app(c, &consent) || !read_redirect(c, &consent) ||
        !read_scopes(c, &consent) || !read_challenge(c, &consent)) {
        return;
    }
    struct str form_token = apps_ask(c->sim->apps, &consent, c->arena);
    if (form_token.len == 0) {
        page_problem(c, 503, "Too many users were asked; restart hubsim", NULL, 0);
        return;
    }
    page_consent(c, &consent, form_token, c->request->path);
}

// 302 to where the app waits.
static void send_back(struct call *c, const struct consent *consent, const char *name,
                      struct str value, const char *description)
{
    struct buf url;
    buf_init(&url, 64 * 1024);
    buf_add(&url, consent->redirect_uri);
    url_add_query(&url, str_from(name), value);
    if (description) {
        url_add_query(&url, STR("error_description"), str_from(description));
    }
    if (consent->state.len > 0) {
        url_add_query(&url, STR("state"), consent->state);
    }
    c->response->status = 302;
    c->response->content_type = NULL;
    http_server_add_header(c->response, "Location", arena_dup(c->arena, buf_str(&url)));
    http_server_add_header(c->response, "Cache-Control", STR("no-store"));
    buf_done(&url);
}

void endpoint_oauth_consent(struct call *c)
{
    struct consent consent;
    struct str decision = form_field(c, "decision");
    bool approves = str_eq(decision, STR("approve"));
    if (!read_portal(c)) {
        return;
    }
    if (!form_given(c) || (!approves && !str_eq(decision, STR("deny")))) {
        problem(c, "The form must be sent with the button that was pressed", "decision", decision);
        return;
    }
    struct str token = form_field(c, "form_token");
    if (!apps_take_consent(c->sim->apps, token, &consent)) {
        problem(c, "This form was sent before, or is too old", "What to do",
                STR("Start again in the app that you want to connect."));
        return;
    }
    if (!approves || apps_options(c->sim->apps).user_denies) {
        apps_deny(c->sim->apps, consent.app);
        send_back(c, &consent, "error", STR("access_denied"), "The user denied the app access");
        return;
    }
    struct str ticked = scopes_common(c->arena, consent.optional, form_fields(c, "optional"));
    struct str scopes = scopes_join(c->arena, consent.required, ticked);
    send_back(c, &consent, "code", apps_grant(c->sim->apps, &consent, scopes, c->arena), NULL);
}
