// The verbs that talk to a server: keys, connections, syncs, streams, runs, requests. Each has a
// few commands, rows of one table: what is called, and how the answer is shown. Without --server
// some of them work on the data directory of this machine instead.
#pragma once

#include "cli/account.h"
#include "cli/remote.h"

// All that commands take as options; each verb's table of settings has the rows it needs.
struct remote_options {
    struct remote_settings remote;
    struct str name;
    struct str scope;
    struct str expires;
    struct str connection;
    struct str schema;
    struct str interval;
    struct str destination;
    struct str start_date;
    struct str settings;
    bool drop_tables;
    struct setting_list excluded_columns;
    struct setting_list hashed_columns;
    struct str history_table;
    bool reset_history;
    bool follow;
    struct str sync;
    int64_t last;
    bool failed;
    int64_t since_ms;
    struct place_settings place; // without a server
    struct str store;
};

enum {
    KEYS_SETTINGS_N = REMOTE_SETTINGS_N + PLACE_SETTINGS_N + 4,
    CONNECTIONS_SETTINGS_N = REMOTE_SETTINGS_N + PLACE_SETTINGS_N + 1,
    SYNCS_SETTINGS_N = REMOTE_SETTINGS_N + 7,
    STREAMS_SETTINGS_N = REMOTE_SETTINGS_N + 5,
    RUNS_SETTINGS_N = REMOTE_SETTINGS_N + 3,
    REQUESTS_SETTINGS_N = REMOTE_SETTINGS_N + 5,
};
extern const struct setting KEYS_SETTINGS[KEYS_SETTINGS_N];
extern const struct setting CONNECTIONS_SETTINGS[CONNECTIONS_SETTINGS_N];
extern const struct setting SYNCS_SETTINGS[SYNCS_SETTINGS_N];
extern const struct setting STREAMS_SETTINGS[STREAMS_SETTINGS_N];
extern const struct setting RUNS_SETTINGS[RUNS_SETTINGS_N];
extern const struct setting REQUESTS_SETTINGS[REQUESTS_SETTINGS_N];

// One call of such a verb.
struct remote_verb {
    const struct cli *cli;
    const char *name; // "syncs"
    struct remote_options *options;
    const struct cli_args *args;
};
// Runs the command that the words name ("list" when there is none); returns the exit code.
int remote_verb_run(const struct remote_verb *v);

int cli_keys(const struct cli *cli, int argc, char **argv);
int cli_connections(const struct cli *cli, int argc, char **argv);
int cli_syncs(const struct cli *cli, int argc, char **argv);
int cli_runs(const struct cli *cli, int argc, char **argv);

// runs: the status of a sync's streams, or of all syncs', once or until nothing is under way.
int runs_show(const struct remote_verb *v, struct remote *r);
