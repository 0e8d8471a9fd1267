// The settings of a sluice server, shared by the verbs serve, worker and config: one table, from
// which options, environment, files, checks, help and docs come.
#pragma once

#include "cli/cli.h"
#include "core/secret.h"

struct server_settings {
    struct str config;
    struct str listen;
    struct str data_dir;
    struct str store;
    struct str destination;
    struct str public_url;
    struct str client_id;
    struct str client_secret; // as it was given; server_settings_secret is what holds
    struct str client_secret_env;
    struct str client_secret_file;
    struct str optional_scopes;
    struct str hubspot_base_url;
    struct str hubspot_app_url;
    struct str oauth_version;
    struct str key_file;
    struct str tls_cert;
    struct str tls_key;
    struct setting_list cors_origins;
    int64_t workers;
    int64_t threads;
    int64_t max_connections;
    struct str time_zone;
    int64_t drain_timeout_ms;
    struct str first_key_file;
    bool trace;
    struct str log_level;
    struct str log_format;
    bool json; // of sluice config
};
// The last row of those of `sluice config` is its own.
enum { SERVER_SETTINGS_N = 27, CONFIG_SETTINGS_N = SERVER_SETTINGS_N + 1 };
extern const struct setting SERVER_SETTINGS[CONFIG_SETTINGS_N];

// One call of such a verb: the arguments, and what came of them.
struct server_command {
    const struct cli *cli;
    const char *verb;
    int argc;
    char **argv; // a secret in it is overwritten
    struct server_settings values;
    struct cli_args args; // with the source of each value
};
// Reads defaults, the file, the environment and the arguments. False when the verb should end with
// args.exit_code; what is wrong has been printed.
bool server_settings_read(struct server_command *c);

struct listen_address {
    struct str host; // without brackets
    uint16_t port;
    bool loopback;
};

// What one setting alone does not show: addresses, URLs, time zone, files that belong together.
// Completes URLs, and data_dir. Errors: CONFIG, which name the setting, value and way out.
bool server_settings_check(struct server_settings *s, struct arena *arena,
                           struct error *err) MUST_CHECK;
// HOST:PORT, [IPv6]:PORT, :PORT or PORT. Errors: CONFIG.
bool server_settings_listen(struct str text, struct listen_address *ret,
                            struct error *err) MUST_CHECK;
// The app's client secret: of the file, the variable named, or the setting, in this order; *ret is
// NULL when there is none. The caller's. Errors: CONFIG, CREDENTIALS.
bool server_settings_secret(const struct server_settings *s, struct secret **ret,
                            struct error *err) MUST_CHECK;
// A whole file of at most `max` bytes as a secret, without white space at its end. `option` is for
// errors. The caller's.
bool server_settings_file(const char *option, struct str path, size_t max, struct secret **ret,
                          struct error *err) MUST_CHECK;
