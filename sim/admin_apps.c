#include "sim/admin_apps.h"

#include "sim/admin_fields.h"
#include "sim/admin_limits.h"
#include "sim/credentials.h"
#include "sim/rate.h"
#include "sim/scopes.h"
#include "sim/sim.h"

#define MAX_TIME_MS (366.0 * 86400e3)

static void write_app(struct json_writer *w, const struct app *app)
{
    json_begin_object(w);
    json_field_int(w, "id", (int64_t)app->id);
    json_field_str(w, "kind", app->kind == APP_OAUTH ? STR("oauth") : STR("private"));
    json_field_str(w, "name", app->name);
    if (app->kind == APP_OAUTH) {
        json_field_str(w, "client_id", app->client_id);
        json_key(w, STR("redirect_uris"));
        scopes_write(w, app->redirect_uris);
        json_key(w, STR("optional_scopes"));
        scopes_write(w, app->optional);
    }
    json_key(w, STR("scopes"));
    scopes_write(w, app->all_scopes ? scopes_known() : app->required);
    json_end_object(w);
}

void admin_apps_get(struct call *c)
{
    struct json_writer w = call_writer(c);
    size_t n = apps_count(c->sim->apps);
    json_begin_object(&w);
    json_key(&w, STR("apps"));
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++) {
        write_app(&w, apps_get(c->sim->apps, i));
    }
    json_end_array(&w);
    json_end_object(&w);
}

struct new_app {
    struct str kind, name, token, client_id, client_secret, redirect_uris, scopes, optional_scopes,
        tier, limit;
};

#define ROW(type_, field_, help_, ...)                                                             \
    {                                                                                              \
        .name = #field_, .type = (type_), .offset = offsetof(struct new_app, field_),              \
        .help = (help_), __VA_ARGS__                                                               \
    }
static const struct setting new_app_rows[] = {
    ROW(SET_ENUM, kind, "what tokens it has", .choices = "private|oauth"),
    ROW(SET_STR, name, "as the user sees it"),
    ROW(SET_STR, token, "of a private app", .secret = true),
    ROW(SET_STR, client_id, "of an OAuth app"),
    ROW(SET_STR, client_secret, "of an OAuth app", .secret = true),
    ROW(SET_STR, redirect_uris, "of an OAuth app"),
    ROW(SET_STR, scopes, "which it has or requires"),
    ROW(SET_STR, optional_scopes, "which an OAuth app may ask for"),
    ROW(SET_ENUM, tier, "whose burst limit it has", .choices = RATE_TIERS),
    ROW(SET_STR, limit, "its burst limit"),
};
#undef ROW

static struct str or_random(struct call *c, struct str given, const char *prefix)
{
    return given.len > 0 ? given : credential_random_uuid(c->arena, prefix);
}

static bool add_app(struct call *c, const struct new_app *in, const struct app **ret,
                    struct error *err)
{
    bool oauth = str_eq(in->kind, STR("oauth"));
    struct app app = {
        .id = SIM_OAUTH_APP_ID + apps_count(c->sim->apps),
        .kind = oauth ? APP_OAUTH : APP_PRIVATE,
        .name = in->name.len > 0 ? in->name : STR("Another app"),
        .token = oauth ? STR("") : or_random(c, in->token, "pat-na1-"),
        .client_id = oauth ? or_random(c, in->client_id, "") : STR(""),
        .client_secret = oauth ? or_random(c, in->client_secret, "") : STR(""),
        .redirect_uris =
            in->redirect_uris.len > 0 ? in->redirect_uris : c->sim->options->redirect_uris,
        .required = in->scopes.len > 0 ? in->scopes
                    : oauth            ? STR("oauth")
                                       : scopes_known(),
        .all_scopes = !oauth && in->scopes.len == 0,
        .optional = in->optional_scopes,
    };
    struct rate unused = {0};
    if (in->limit.len > 0 && !rate_parse("limit", in->limit, &unused.calls, &unused.ms, err)) {
        return false; // before the app is there
    }
    return apps_add(c->sim->apps, &app, ret, err) &&
           admin_limits_set_app(c, *ret, in->tier, in->limit, err);
}

void admin_apps_add(struct call *c)
{
    struct new_app in = {.kind = STR("private")};
    struct settings given;
    struct error err;
    const struct app *app;
    if (!call_parse_body(c)) {
        return;
    }
    if (!admin_fields_read(c, new_app_rows, ARRAY_LEN(new_app_rows), &in, &given, &err) ||
        !add_app(c, &in, &app, &err)) {
        admin_fail(c, &err);
        return;
    }
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "id", (int64_t)app->id);
    if (app->kind == APP_OAUTH) {
        json_field_str(&w, "client_id", app->client_id);
        json_field_str(&w, "client_secret", app->client_secret);
    } else {
        json_field_str(&w, "token", app->token);
    }
    json_end_object(&w);
}

// What the actions on an app say.
struct action {
    struct str app; // id or client id; the OAuth app of the command line when empty
    struct str refresh_token;
    struct str remove;
};

#define ROW(field_, help_, ...)                                                                    \
    {                                                                                              \
        .name = #field_, .type = SET_STR, .offset = offsetof(struct action, field_),               \
        .help = (help_), __VA_ARGS__                                                               \
    }
static const struct setting app_row = ROW(app, "id or client id");
static const struct setting revoke_rows[] = {
    ROW(app, "id or client id"),
    ROW(refresh_token, "the one to kill", .secret = true),
};
static const struct setting scopes_rows[] = {
    ROW(app, "id or client id"),
    ROW(remove, "scopes to take away"),
};
#undef ROW

// Reads the body, which may be missing, and finds the app it is about.
static bool read_action(struct call *c, const struct setting *rows, size_t n, struct action *ret,
                        const struct app **ret_app)
{
    struct settings given;
    struct error err;
    if (c->request->body.len > 0 &&
        (!call_parse_body(c) ||
         (!admin_fields_read(c, rows, n, ret, &given, &err) && !admin_fail(c, &err)))) {
        return false;
    }
    struct str id = ret->app.len > 0 ? ret->app : c->sim->options->client_id;
    *ret_app = apps_by_id_or_client(c->sim->apps, id);
    if (!*ret_app) {
        error_set(&err, ERR_REQUEST, "app is '%.*s'; GET /_sim/apps lists those that there are",
                  STR_ARG(id));
        return admin_fail(c, &err);
    }
    return true;
}

static void say_ok(struct call *c)
{
    buf_add(&c->response->body, STR("{\"status\":\"ok\"}"));
}

void admin_apps_expire(struct call *c)
{
    struct action action = {0};
    const struct app *app;
    if (read_action(c, &app_row, 1, &action, &app)) {
        apps_end_access(c->sim->apps, app);
        say_ok(c);
    }
}

void admin_apps_revoke(struct call *c)
{
    struct action action = {0};
    struct error err;
    const struct app *app;
    if (!read_action(c, revoke_rows, ARRAY_LEN(revoke_rows), &action, &app)) {
        return;
    }
    if (action.refresh_token.len == 0) {
        apps_revoke_all(c->sim->apps, app);
    } else if (!apps_revoke(c->sim->apps, action.refresh_token)) {
        error_set(&err, ERR_REQUEST, "refresh_token (not shown) is unknown or revoked already");
        admin_fail(c, &err);
        return;
    }
    say_ok(c);
}

void admin_apps_uninstall(struct call *c)
{
    struct action action = {0};
    const struct app *app;
    if (read_action(c, &app_row, 1, &action, &app)) {
        apps_uninstall(c->sim->apps, app);
        say_ok(c);
    }
}

void admin_apps_scopes(struct call *c)
{
    struct action action = {0};
    const struct app *app;
    if (read_action(c, scopes_rows, ARRAY_LEN(scopes_rows), &action, &app)) {
        apps_remove_scopes(c->sim->apps, app, action.remove);
        say_ok(c);
    }
}

#define ROW(type_, field_, name_, help_, ...)                                                      \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = offsetof(struct apps_options, field_),         \
        .help = (help_), __VA_ARGS__                                                               \
    }
static const struct setting oauth_rows[] = {
    ROW(SET_MS, code_life_ms, "code_life", "of codes to come", .min = 1, .max = MAX_TIME_MS),
    ROW(SET_MS, token_life_ms, "token_life", "of tokens to come", .min = 1, .max = MAX_TIME_MS),
    ROW(SET_BOOL, rotate, "rotate", "refreshing kills the old refresh token"),
    ROW(SET_BOOL, old_errors, "old_errors", "bodies of the token endpoint as before 2026"),
    ROW(SET_BOOL, user_denies, "user_denies", "whatever button is pressed"),
    ROW(SET_BOOL, hub_gone, "hub_gone", "the token endpoint answers BAD_HUB"),
    ROW(SET_STR, lacks, "lacks", "scopes that the account cannot grant"),
    ROW(SET_STR, user, "user", "e-mail address of who consents"),
};
#undef ROW

void admin_oauth_get(struct call *c)
{
    struct apps_options o = apps_options(c->sim->apps);
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_int(&w, "code_life_ms", o.code_life_ms);
    json_field_int(&w, "token_life_ms", o.token_life_ms);
    json_field_bool(&w, "rotate", o.rotate);
    json_field_bool(&w, "old_errors", o.old_errors);
    json_field_bool(&w, "user_denies", o.user_denies);
    json_field_bool(&w, "hub_gone", o.hub_gone);
    json_key(&w, STR("lacks"));
    scopes_write(&w, o.lacks);
    json_field_str(&w, "user", o.user);
    json_end_object(&w);
}

void admin_oauth_set(struct call *c)
{
    struct apps_options o = apps_options(c->sim->apps);
    struct settings given;
    struct error err;
    if (!call_parse_body(c)) {
        return;
    }
    if (!admin_fields_read(c, oauth_rows, ARRAY_LEN(oauth_rows), &o, &given, &err)) {
        admin_fail(c, &err);
        return;
    }
    apps_set_options(c->sim->apps, &o);
    admin_oauth_get(c);
}

void admin_clock_get(struct call *c)
{
    struct json_writer w = call_writer(c);
    json_begin_object(&w);
    json_field_str(&w, "now", call_iso(c, clock_now_ms(c->sim->clock)));
    json_field_int(&w, "ahead_ms", shift_clock_ahead_ms(c->sim->shift));
    json_end_object(&w);
}

void admin_clock_advance(struct call *c)
{
    static const struct setting row = {.name = "advance",
                                       .type = SET_MS,
                                       .max = MAX_TIME_MS,
                                       .help = "how far to put the clock forward"};
    int64_t ms = -1;
    struct settings given;
    struct error err;
    if (!call_parse_body(c)) {
        return;
    }
    if (!admin_fields_read(c, &row, 1, &ms, &given, &err)) {
        admin_fail(c, &err);
        return;
    }
    if (ms < 0) {
        error_set(&err, ERR_REQUEST, "advance is missing; say how far, such as \"1h\"");
        admin_fail(c, &err);
        return;
    }
    shift_clock_advance_ms(c->sim->shift, ms);
    admin_clock_get(c);
}
