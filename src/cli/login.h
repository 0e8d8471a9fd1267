// The verbs login and logout, and their settings.
#pragma once

#include "cli/account.h"
#include "cli/cli.h"
#include "engine/grant.h"

struct login_settings {
    struct place_settings place;
    struct str name;
    struct str token_env;
    struct str client_id;
    struct str client_secret_env;
    struct str scopes;
    struct str optional_scopes;
    int64_t redirect_port;
    struct str redirect_uri;
    struct str authorize_url;
    struct str base_url;
    struct str oauth_version;
    bool no_browser;
    int64_t timeout_ms;
    bool trace;
};
enum { LOGIN_SETTINGS_N = 14 + PLACE_SETTINGS_N };
extern const struct setting LOGIN_SETTINGS[LOGIN_SETTINGS_N];

struct logout_settings {
    struct place_settings place;
    struct str name;
    bool keep_grant;
    bool trace;
};
enum { LOGOUT_SETTINGS_N = 3 + PLACE_SETTINGS_N };
extern const struct setting LOGOUT_SETTINGS[LOGOUT_SETTINGS_N];

int cli_login(const struct cli *cli, int argc, char **argv);
int cli_logout(const struct cli *cli, int argc, char **argv);

// The words behind login and logout: "hubspot". Error: USAGE.
bool login_check_words(const char *verb, const struct cli_args *args, struct error *err) MUST_CHECK;

// ---- one login, in parts: login.c gets what signs, login_store.c looks at it and stores it

struct login {
    const struct cli *cli;
    struct login_settings settings;
    struct cancel cancel;
    struct arena arena;
    const struct request_log *request_log;
    struct str base_url; // checked
    struct str scopes;   // asked for
};
// What of storing can be known before anybody is asked for consent: place, rights, key.
bool login_check_place(struct login *l, struct error *err) MUST_CHECK;
// Asks HubSpot what the grant stands for, seals it, stores it, prints what was granted and what
// was not.
bool login_finish(struct login *l, struct grant *g, struct error *err) MUST_CHECK;
