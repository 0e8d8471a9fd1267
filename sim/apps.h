// The apps that may call the account, and what was granted to them.
//
// A private app has one token that does not run out. An OAuth app has a client id and a secret; its
// user consents on a page, the app turns the code into a pair of tokens, and refreshes them. Apps
// are never taken away, so pointers to them and texts of grants stay good. Thread-safe: looking up
// the token of a call takes a shared lock and one step in a hash table.
#pragma once

#include "core/arena.h"
#include "core/clock.h"
#include "core/error.h"

struct apps;

enum { APPS_MAX = 1152, ACCOUNTS_MAX = 1024 };
enum app_kind { APP_PRIVATE, APP_OAUTH };

struct app {
    uint32_t index; // 0, 1, ... in the order of adding
    uint64_t id;
    uint32_t account; // whose records and limits: 0 the account, 1, 2, ... further ones like it
    enum app_kind kind;
    struct str name;
    struct str token;         // private
    bool all_scopes;          // private: whatever there is
    struct str client_id;     // OAuth, as the three below
    struct str client_secret; //
    struct str redirect_uris; // separated by spaces; the port of one may be '*'
    struct str required;      // scopes; of a private app: those it has
    struct str optional;
};

// How tokens and users behave; may be changed at any time.
struct apps_options {
    int64_t code_life_ms;
    int64_t token_life_ms;
    bool rotate;      // refreshing gives a new refresh token and kills the old one
    bool old_errors;  // bodies of the token endpoint as before 2026
    bool user_denies; // whatever button is pressed
    bool hub_gone;    // the account is gone: BAD_HUB
    struct str lacks; // scopes that the account cannot grant
    struct str user;  // e-mail address
    int64_t user_id;
};

// Who makes a call.
struct caller {
    const struct app *app;
    struct str scopes;
    bool all_scopes;
    int64_t user_id;
};

enum token_state { TOKEN_UNKNOWN, TOKEN_EXPIRED, TOKEN_VALID };

// What is known of a token, for introspection.
struct token_info {
    const struct app *app;
    bool refresh; // otherwise an access token
    struct str scopes;
    int64_t user_id;
    int64_t expires_in_s;
};

// What the user is asked on a consent page. Texts borrowed.
struct consent {
    const struct app *app;
    struct str redirect_uri;
    struct str required;
    struct str optional;
    struct str state;
    struct str challenge; // empty: no PKCE
    bool s256;
};

// Why the token endpoint refuses; a table in oauth_errors.c has the bodies.
enum oauth_refusal {
    OAUTH_FINE,
    OAUTH_BAD_GRANT_TYPE,
    OAUTH_BAD_CLIENT_ID,
    OAUTH_BAD_CLIENT_SECRET,
    OAUTH_BAD_AUTH_CODE,
    OAUTH_BAD_REDIRECT_URI,
    OAUTH_BAD_CODE_VERIFIER,
    OAUTH_BAD_REFRESH_TOKEN,
    OAUTH_BAD_SCOPES,
    OAUTH_BAD_HUB,
    OAUTH_REFUSALS
};

// Texts in the arena that the caller gave.
struct token_pair {
    struct str access_token;
    struct str refresh_token; // empty: none
    struct str scopes;
    int64_t expires_in_s;
    int64_t user_id;
};

struct app_counts {
    uint64_t consents, denials, exchanges, refreshes, refused; // refused: by the token endpoint
};

struct apps *apps_create(const struct apps_options *options, const struct clock *clock);
void apps_destroy(struct apps *a);
// Copies the texts. Errors: REQUEST (full; client id or token taken; no redirect URI that one could
// register).
bool apps_add(struct apps *a, const struct app *app, const struct app **ret,
              struct error *err) MUST_CHECK;
size_t apps_count(struct apps *a);
const struct app *apps_get(struct apps *a, size_t index);
const struct app *apps_by_client(struct apps *a, struct str client_id);        // NULL: none
const struct app *apps_by_id_or_client(struct apps *a, struct str id);         // NULL: none
bool apps_redirect_registered(const struct app *app, struct str redirect_uri); // byte for byte
struct apps_options apps_options(struct apps *a);
void apps_set_options(struct apps *a, const struct apps_options *options); // copies the texts
struct app_counts apps_counts(struct apps *a, const struct app *app);
void apps_clear_counts(struct apps *a);

// *ret is set unless the token is unknown; *ret_expired_ms (wall clock) when it has expired.
enum token_state apps_authorize(struct apps *a, struct str token, struct caller *ret,
                                int64_t *ret_expired_ms);

// The one-time token of a consent form, or an empty text when too many were asked already.
struct str apps_ask(struct apps *a, const struct consent *consent, struct arena *arena);
// Takes the answer to a consent form back; false when it is unknown, used or older than an hour.
bool apps_take_consent(struct apps *a, struct str form_token, struct consent *ret) MUST_CHECK;
void apps_deny(struct apps *a, const struct app *app);
// The code for what the user granted.
struct str apps_grant(struct apps *a, const struct consent *consent, struct str scopes,
                      struct arena *arena);

struct exchange {
    const struct app *app;
    struct str code;
    struct str redirect_uri;
    struct str verifier; // ptr NULL: none
};
enum oauth_refusal apps_exchange(struct apps *a, const struct exchange *x, struct arena *arena,
                                 struct token_pair *ret) MUST_CHECK;
enum oauth_refusal apps_refresh(struct apps *a, const struct app *app, struct str refresh_token,
                                struct arena *arena, struct token_pair *ret) MUST_CHECK;
// A token for the app itself, of no account.
enum oauth_refusal apps_client_token(struct apps *a, const struct app *app, struct str scopes,
                                     struct arena *arena, struct token_pair *ret) MUST_CHECK;
void apps_count_refused(struct apps *a, const struct app *app);
// False: no such token, or none that is alive.
bool apps_token_info(struct apps *a, struct str token, struct token_info *ret);
// Kills a refresh token; false when there is none.
bool apps_revoke(struct apps *a, struct str refresh_token);

// Ends all grants of an app: codes and tokens die.
void apps_uninstall(struct apps *a, const struct app *app);
void apps_end_access(struct apps *a, const struct app *app); // its access tokens expire now
void apps_revoke_all(struct apps *a, const struct app *app); // its refresh tokens die
// Takes scopes away from whatever was granted to an app.
void apps_remove_scopes(struct apps *a, const struct app *app, struct str scopes);
