// Which account a verb works for, and with what it signs: the token of an environment variable, or
// a connection that `sluice login` has stored.
#pragma once

#include "cli/sync_settings.h"
#include "hubspot/credential.h"
#include "store/connections.h"

// The rows of cli/connection_settings.def.
enum { PLACE_SETTINGS_N = 2 };
struct place_settings {
    struct str data_dir;
    struct str key_file;
};

struct account {
    struct credential *credential;
    struct str base_url; // of a connection: the only place its credential may be sent to
    struct connection_tokens *tokens;
    struct arena arena;
};
// Errors: CREDENTIALS, CONFIG, USAGE, STORE, KEY. The texts of the settings must outlive the
// account.
bool account_open(const struct sync_settings *settings, const struct sync_context *context,
                  struct account *ret, struct error *err) MUST_CHECK;
void account_close(struct account *a); // safe on a zeroed struct; nobody may call HubSpot any more
// sync_source_options for this account.
bool account_source_options(struct account *a, const struct sync_settings *settings,
                            const struct sync_context *context, struct source_hubspot_options *ret,
                            struct error *err) MUST_CHECK;

// sync_secret_env, as a secret.
bool account_secret_from_env(const char *option, const char *what, struct str name,
                             struct secret **ret, struct error *err) MUST_CHECK;
