// The options of the verbs that talk to a server.
#include "cli/remote_verbs.h"

#include "store/requests.h"

#define OWN(f)   offsetof(struct remote_options, f)
#define FIELD(f) (OWN(remote) + offsetof(struct remote_settings, f))
#define ROW(field_, name_, type_, arg_, help_, ...)                                                \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = OWN(field_), .arg = (arg_), .help = (help_),   \
        __VA_ARGS__                                                                                \
    }

#define STORE_ROW                                                                                  \
    ROW(store, "store", SET_STR, "URL",                                                            \
        "Without --server: the store to work on; without it sluice.db in the data directory.")

const struct setting KEYS_SETTINGS[KEYS_SETTINGS_N] = {
    ROW(scope, "scope", SET_ENUM, NULL, "What the new key may do", .choices = "read|write|admin",
        .fallback = "write"),
    ROW(expires, "expires", SET_STR, "DATE", "When the new key ends; without it, never."),
    STORE_ROW,
#include "cli/remote_settings.def"
#undef FIELD
#define FIELD(f) (OWN(place) + offsetof(struct place_settings, f))
#include "cli/connection_settings.def"
    ROW(last, "last", SET_INT, "N", "How many to list at most, newest first; 0: all.", .min = 0,
        .max = 1e6),
};

const struct setting CONNECTIONS_SETTINGS[CONNECTIONS_SETTINGS_N] = {
    STORE_ROW,
#include "cli/connection_settings.def"
#undef FIELD
#define FIELD(f) (OWN(remote) + offsetof(struct remote_settings, f))
#include "cli/remote_settings.def"
};

const struct setting SYNCS_SETTINGS[SYNCS_SETTINGS_N] = {
    ROW(connection, "connection", SET_STR, "ID", "create: the connection to load from."),
    ROW(schema, "schema", SET_STR, "NAME", "create: the schema to load into.",
        .fallback = "hubspot"),
    ROW(interval, "interval", SET_STR, "CRON",
        "create: when to run, as a cron expression: \"0 */6 * * *\", @hourly."),
    ROW(destination, "destination", SET_STR, "ID",
        "create: the destination; without it the server's default."),
    ROW(start_date, "start-date", SET_STR, "DATE", "create: only records modified since."),
    ROW(settings, "settings", SET_STR, "JSON",
        "create: settings, as GET /connections/{id}/settings describes them."),
    ROW(drop_tables, "drop-tables", SET_BOOL, NULL,
        "delete: drop the tables in the destination, too."),
#include "cli/remote_settings.def"
};

const struct setting STREAMS_SETTINGS[STREAMS_SETTINGS_N] = {
    ROW(excluded_columns, "exclude-columns", SET_LIST, "NAME,...",
        "add: columns that are not to be loaded."),
    ROW(hashed_columns, "hash-columns", SET_LIST, "NAME,...",
        "add: columns of which only hashes are loaded."),
    ROW(history_table, "history-table", SET_ENUM, NULL,
        "add: keep all versions of rows, in tables named <table>__history, or keep them no more.",
        .choices = "on|off"),
    ROW(reset_history, "reset-history", SET_BOOL, NULL,
        "refresh: wipe the history tables, too, permanently."),
    ROW(sync, "sync", SET_STR, "ID", "list: only those of this sync."),
#include "cli/remote_settings.def"
};

const struct setting RUNS_SETTINGS[RUNS_SETTINGS_N] = {
    ROW(follow, "follow", SET_BOOL, NULL, "Go on until no run is under way."),
    ROW(sync, "sync", SET_STR, "ID", "Only the streams of this sync."),
    ROW(last, "last", SET_INT, "N", "list: how many, newest first.", .fallback = "20", .min = 1,
        .max = 100000),
#include "cli/remote_settings.def"
};

const struct setting REQUESTS_SETTINGS[REQUESTS_SETTINGS_N] = {
    STORE_ROW,
    ROW(last, "last", SET_INT, "N", "How many to list, newest first.", .fallback = "20", .min = 1,
        .max = REQUESTS_MAX),
    ROW(failed, "failed", SET_BOOL, NULL,
        "Only those that failed (with sync --trace the others are kept, too)."),
    ROW(since_ms, "since", SET_DATE, "DATE",
        "Only those that were sent at this date and time (ISO 8601, UTC) or later."),
    ROW(place.data_dir, "data-dir", SET_STR, "DIR",
        "Where they are kept; without it $XDG_DATA_HOME/sluice or ~/.local/share/sluice."),
#include "cli/remote_settings.def"
};
