// The settings of `sluice sync` and `sluice doctor`: one table, from which parsing, checks, help
// and docs come.
#pragma once

#include "core/cancel.h"
#include "core/log.h"
#include "core/settings.h"
#include "destination/destination.h"
#include "source/hubspot/source_hubspot.h"

// Of those, ACCOUNT_SETTINGS_N (cli/account_settings.def) are shared with other verbs that call
// HubSpot.
enum { ACCOUNT_SETTINGS_N = 11, SYNC_SETTINGS_N = 16 + ACCOUNT_SETTINGS_N };
extern const struct setting SYNC_SETTINGS[SYNC_SETTINGS_N];

struct sync_settings {
    struct str connection;
    struct str data_dir;
    struct str key_file;
    struct str token_env;
    struct str base_url;
    struct str api_version;
    struct str into;
    struct str schema;
    struct str streams;
    bool full_refresh;
    struct str history_tables;
    bool reset_history;
    int64_t since_ms;
    double share;
    struct str metadata_columns;
    int64_t parallel;
    int64_t horizon_ms;
    int64_t association_sweep_ms;
    int64_t reconcile_ms;
    int64_t search_limit;
    int64_t daily_limit;
    int64_t max_wait_ms;
    bool trace;
    bool json;
    bool quiet;
    struct str log_level;
    bool ephemeral; // --no-progress: log lines even on a terminal
};

// The names of the metadata columns of a preset.
struct metadata_columns sync_metadata(struct str preset);
// The value of the environment variable that a setting names: a token or another secret.
// `option` and `what` are for the errors, which do not show a name that cannot be one (it may be
// the secret itself). Errors: CONFIG, CREDENTIALS.
bool sync_secret_env(const char *option, const char *what, struct str name, struct str *ret,
                     struct error *err) MUST_CHECK;
// Options of source and destination from the settings. The texts are those of the settings.
struct sync_context {
    const struct clock *clock;
    const struct log *log;
    const struct cancel *cancel;           // may be NULL
    const struct request_log *request_log; // may be NULL
};
bool sync_source_options(const struct sync_settings *s, struct str token,
                         const struct sync_context *context, struct source_hubspot_options *ret,
                         struct error *err) MUST_CHECK;
struct destination_options sync_destination_options(const struct sync_settings *s,
                                                    const struct clock *clock,
                                                    const struct cancel *cancel);
