// The authorize page: where a bridge's authorize_url leads, and the way to HubSpot and back.
#include "web/authorize_pages.h"
#include "web/html.h"
#include "web/pages.h"

// ---- the way there

// The bridge of a link or form; answers when it cannot be used.
static bool open_visit(struct api_call *c, struct str token, struct visit *v)
{
    enum visit_state state;
    struct error err;
    if (!visit_find(c, token, v, &state, &err)) {
        authorize_failed(c, NULL, &err);
        return false;
    }
    if (state != VISIT_OPEN) {
        authorize_over(v, state);
        return false;
    }
    return true;
}

static bool open_form(struct api_call *c, struct visit *v)
{
    struct str token = visit_field(c, "token");
    if (!visit_form_is_ours(c, token)) {
        authorize_stray(c, 403, "This form was not accepted",
                        STR("It did not come from the page of this browser, or cookies are turned "
                            "off. Open the link that you were sent once more, with cookies "
                            "allowed."));
        return false;
    }
    return open_visit(c, token, v);
}

static void show(struct api_call *c)
{
    struct visit v;
    if (open_visit(c, http_server_query(c->http, "token"), &v)) {
        authorize_ask(&v, 200, STR(""));
    }
}

// With CONFLICT the bridge was ended by somebody else, or by its time, since it was looked at.
static void fail(struct visit *v, const struct error *err)
{
    struct visit now;
    enum visit_state state;
    struct error ignored;
    if (err->code == ERR_CONFLICT && visit_find(v->c, v->token, &now, &state, &ignored) &&
        state != VISIT_OPEN) {
        authorize_over(&now, state);
    } else {
        authorize_failed(v->c, v, err);
    }
}

static struct str callback_url(struct api_call *c)
{
    return arena_printf(c->arena, "%.*s/oauth/callback", STR_ARG(c->site->public_url));
}

static struct str optional_scopes(struct api_call *c)
{
    struct str asked = c->site->oauth_optional_scopes;
    return asked.len > 0
               ? asked
               : grant_missing_scopes(grant_default_scopes(c->arena), STR("oauth"), c->arena);
}

static void start(struct api_call *c)
{
    struct visit v;
    struct secret *state = NULL;
    struct secret *verifier = NULL;
    struct str url;
    struct error err;
    if (!open_form(c, &v)) {
        return;
    }
    if (!authorize_has_app(c->site)) {
        authorize_ask(&v, 409, STR("This server has no app of its own at HubSpot: paste a token."));
        return;
    }
    bool ok = bridge_begin_oauth(c->store, c->sealing, &v.bridge, &state, &verifier, &err) &&
              grant_authorize_url(
                  &(struct grant_ask){
                      .page = arena_printf(c->arena, "%.*s/oauth/authorize",
                                           STR_ARG(c->site->hubspot_app_url)),
                      .client_id = c->site->hubspot_client_id,
                      .redirect_uri = callback_url(c),
                      .scopes = STR("oauth"),
                      .optional_scopes = optional_scopes(c),
                      .state = state,
                      .verifier = verifier,
                  },
                  c->arena, &url, &err);
    if (ok) {
        visit_leave(&v, secret_reveal(state));
        html_redirect(c, url);
    } else {
        fail(&v, &err);
    }
    secret_destroy(state);
    secret_destroy(verifier);
}

static void take_token(struct api_call *c)
{
    struct visit v;
    struct connection *made = NULL;
    struct error err;
    if (!open_form(c, &v)) {
        return;
    }
    struct connect_token t = {
        .label = v.bridge.label, .token = visit_field(c, "secret"), .bridge = &v.bridge};
    if (connect_with_token(c, &t, &made, &err)) {
        html_redirect(c, visit_success_url(&v, made->name));
    } else if (err.code == ERR_CREDENTIALS || err.code == ERR_SCOPE) {
        authorize_ask(&v, 422, // another token may do
                      arena_printf(c->arena, "This token cannot be used. %s", err.message));
    } else {
        fail(&v, &err);
    }
}

static void decline(struct api_call *c)
{
    struct visit v;
    struct error err;
    if (!open_form(c, &v)) {
        return;
    }
    if (bridge_end(c->store, v.bridge.id, BRIDGE_REFUSED, v.bridge.connection_id, &err)) {
        html_redirect(c, visit_failure_url(&v, "access_denied", STR("the person declined")));
    } else {
        fail(&v, &err);
    }
}

// ---- the way back

// One walk to HubSpot that has come back.
struct walk {
    struct visit visit;
    struct oauth_callback answer;
    struct secret *verifier;
};

// A person who cancels goes back to whoever sent them, as after any OAuth: who asked waits for
// that. The bridge stays open, so that the same link may be tried again. What HubSpot refuses by
// itself is for the person to read.
static void denied(struct walk *w)
{
    struct str words =
        w->answer.error_description.len > 0 ? w->answer.error_description : w->answer.error;
    if (str_eq(w->answer.error, STR("access_denied"))) {
        html_redirect(w->visit.c, visit_failure_url(&w->visit, "access_denied", words));
        return;
    }
    struct trouble t = {
        .status = 403,
        .title = "HubSpot refused",
        .text = arena_printf(w->visit.c->arena,
                             "HubSpot says: %.*s. Nothing was stored. You can try again, with "
                             "another account if this one may not.",
                             STR_ARG(str_sub(words, 0, 300))),
        .error = "access_denied",
        .again = true};
    authorize_trouble(&w->visit, &t);
}

static void too_little(struct walk *w, const struct connection *k)
{
    struct arena *arena = w->visit.c->arena;
    struct trouble t = {
        .status = 403,
        .title = "HubSpot granted too little",
        .text = STR("With these permissions nothing could be read. Nothing was stored. Try again "
                    "and leave them ticked; if HubSpot does not offer them, the account's super "
                    "admin can. Missing:"),
        .scopes = grant_missing_scopes(grant_default_scopes(arena), k->scopes, arena),
        .error = "insufficient_scope",
        .again = true};
    authorize_trouble(&w->visit, &t);
}

static void finish(struct walk *w)
{
    struct api_call *c = w->visit.c;
    const struct bridge *b = &w->visit.bridge;
    const struct api_site *site = c->site;
    struct error err;
    struct grant g = {.connection = {.name = b->reauthorizes ? b->connection_id : STR(""),
                                     .kind = CONNECTION_OAUTH,
                                     .integration_id = b->integration_id,
                                     .label = b->label,
                                     .base_url = site->hubspot_base_url,
                                     .client_id = site->hubspot_client_id,
                                     .oauth_version = site->oauth_version},
                      .client_secret = secret_copy(site->hubspot_client_secret)};
    struct secret *code = secret_create(w->answer.code);
    struct grant_context x = connect_context(c, g.connection.name);
    bool ok = grant_exchange(&x, &g, code, callback_url(c), w->verifier, &err) &&
              grant_look(&x, &g, c->arena, &err) &&
              connect_check_scopes(&g.connection, c->arena, &err) && connect_store(c, &g, b, &err);
    if (ok) {
        html_redirect(c, visit_success_url(&w->visit, g.connection.name));
    } else if (err.code == ERR_SCOPE && g.connection.scopes.len > 0) {
        too_little(w, &g.connection);
    } else {
        fail(&w->visit, &err);
    }
    secret_destroy(code);
    grant_done(&g);
}

static void stray_answer(struct api_call *c)
{
    authorize_stray(c, 400, "This answer belongs to nothing",
                    STR("It did not begin in this browser, or it has been used already. Open the "
                        "link that you were sent, and go to HubSpot from there."));
}

// Uses the state up; answers when there is nothing to go on with.
static bool take_walk(struct api_call *c, struct walk *w)
{
    struct bridge_walk walk;
    enum visit_state state;
    struct error err;
    struct str token = visit_come_back(c, w->answer.state);
    if (!token.ptr) {
        stray_answer(c);
        return false;
    }
    bool taken = bridge_take_oauth(c->store, c->sealing, w->answer.state, c->arena, &walk, &err);
    if (taken) {
        w->verifier = walk.verifier;
    }
    if (!taken || !visit_find(c, token, &w->visit, &state, &err)) {
        if (err.code == ERR_NOT_FOUND) {
            stray_answer(c);
        } else {
            authorize_failed(c, NULL, &err);
        }
        return false;
    }
    if (state != VISIT_OPEN) {
        authorize_over(&w->visit, state);
        return false;
    }
    if (!str_eq(walk.bridge.id, w->visit.bridge.id)) {
        stray_answer(c);
        return false;
    }
    return true;
}

static void come_back(struct api_call *c)
{
    struct walk w = {.verifier = NULL};
    struct store_lock *slot = NULL;
    struct error err;
    if (!oauth_callback_decode(c->http->query, c->arena, &w.answer, &err)) {
        stray_answer(c);
        return;
    }
    // Before the state is used up, so that the same answer may come again.
    if (!connect_enter(c, &slot, &err)) {
        if (err.code == ERR_STORE_BUSY) {
            authorize_wait(c);
        } else {
            authorize_failed(c, NULL, &err);
        }
        return;
    }
    if (take_walk(c, &w)) {
        if (w.answer.code.len > 0) {
            finish(&w);
        } else {
            denied(&w);
        }
    }
    connect_leave(slot);
    secret_destroy(w.verifier);
}

#define PERSON (API_PUBLIC | API_HIDDEN)

static const struct api_route ROUTES[] = {
    {.method = "GET",
     .path = "/authorize",
     .name = "authorizePage",
     .help = "Asks a person for a connection.",
     .flags = PERSON,
     .handle = show},
    {.method = "POST",
     .path = "/authorize/start",
     .name = "authorizeStart",
     .help = "Sends the browser to HubSpot.",
     .flags = PERSON | API_RAW_BODY | API_ALONE,
     .handle = start},
    {.method = "POST",
     .path = "/authorize/token",
     .name = "authorizeToken",
     .help = "Takes a private app's token.",
     .flags = PERSON | API_RAW_BODY | API_ALONE,
     .handle = take_token},
    {.method = "POST",
     .path = "/authorize/decline",
     .name = "authorizeDecline",
     .help = "Ends the bridge without a connection.",
     .flags = PERSON | API_RAW_BODY | API_ALONE,
     .handle = decline},
    {.method = "GET",
     .path = "/oauth/callback",
     .name = "oauthCallback",
     .help = "Where HubSpot sends the browser back.",
     .flags = PERSON | API_ALONE,
     .handle = come_back},
};
const struct api_routes WEB_ROUTES_AUTHORIZE = {ROUTES, ARRAY_LEN(ROUTES)};
