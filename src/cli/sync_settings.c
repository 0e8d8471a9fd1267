#include "cli/sync_settings.h"

#include "http/url.h"

enum { TOKEN_MAX = 4096, HOUR_MS = 3600 * 1000, DAY_MS = 24 * HOUR_MS };

#define FIELD(f) offsetof(struct sync_settings, f)

const struct setting SYNC_SETTINGS[SYNC_SETTINGS_N] = {
    {.name = "into",
     .type = SET_STR,
     .offset = FIELD(into),
     .arg = "URL",
     .help = "Where to: sqlite:FILE, sqlite:DIR/ (DIR/<schema>.db) or "
             "postgres://USER:PASSWORD@HOST/DB."},
    {.name = "schema",
     .type = SET_STR,
     .offset = FIELD(schema),
     .fallback = "hubspot",
     .arg = "NAME",
     .help = "Schema that holds the tables (for sqlite:DIR/ the name of the file)."},
    {.name = "streams",
     .type = SET_STR,
     .offset = FIELD(streams),
     .arg = "A,B",
     .help = "Only these streams; without it, all."},
    {.name = "full-refresh",
     .type = SET_BOOL,
     .offset = FIELD(full_refresh),
     .help = "Read everything anew; rows that are gone from HubSpot are marked deleted."},
    {.name = "history-tables",
     .type = SET_STR,
     .offset = FIELD(history_tables),
     .arg = "A,B|all",
     .help = "Keep all versions of these streams' rows, in tables named <table>__history."},
    {.name = "reset-history",
     .type = SET_BOOL,
     .offset = FIELD(reset_history),
     .help = "With --full-refresh: wipe the history tables, permanently; they begin anew."},
    {.name = "since",
     .type = SET_DATE,
     .offset = FIELD(since_ms),
     .arg = "DATE",
     .help = "Only records modified since this date; a later run with an earlier one or none "
             "brings the older ones."},
#include "cli/account_settings.def"
    {.name = "parallel",
     .type = SET_INT,
     .offset = FIELD(parallel),
     .fallback = "4",
     .min = 1,
     .max = 32,
     .arg = "N",
     .help = "Streams at once."},
    {.name = "horizon",
     .type = SET_MS,
     .offset = FIELD(horizon_ms),
     .fallback = "1h",
     .min = 0,
     .max = 7.0 * (double)DAY_MS,
     .arg = "TIME",
     .help =
         "How long HubSpot's search may lag behind; each run reads again what changed since then."},
    {.name = "association-sweep",
     .type = SET_MS,
     .offset = FIELD(association_sweep_ms),
     .fallback = "24h",
     .min = 0,
     .max = 365.0 * (double)DAY_MS,
     .arg = "TIME",
     .help = "Read all associations anew when the last time is longer ago than this."},
    {.name = "reconcile",
     .type = SET_MS,
     .offset = FIELD(reconcile_ms),
     .fallback = "24h",
     .min = 0,
     .max = 365.0 * (double)DAY_MS,
     .arg = "TIME",
     .help = "Compare the records here with HubSpot's count when the last time is longer ago."},
    {.name = "metadata-columns",
     .type = SET_ENUM,
     .offset = FIELD(metadata_columns),
     .fallback = "sluice",
     .choices = "sluice|weld|fivetran",
     .help = "Names of the columns that say when a row was synced and whether it is deleted."},
    {.name = "json",
     .type = SET_BOOL,
     .offset = FIELD(json),
     .help = "Print one JSON object per event on standard output."},
    {.name = "quiet", .type = SET_BOOL, .offset = FIELD(quiet), .help = "Print errors only."},
    {.name = "no-progress",
     .type = SET_BOOL,
     .offset = FIELD(ephemeral),
     .help = "Log lines instead of live ones, on a terminal too."},
    {.name = "log-level",
     .type = SET_ENUM,
     .offset = FIELD(log_level),
     .fallback = "warn",
     .choices = "debug|info|warn|error|off",
     .help = "What is logged on standard error besides progress."},
};

struct metadata_columns sync_metadata(struct str preset)
{
    struct metadata_columns columns = {{NULL, 0}, {NULL, 0}};
    bool known = destination_metadata(preset, &columns);
    assert(known); // the settings table admits only known presets
    return columns;
}

// What names an environment variable in every shell. A token, put here by mistake, is no such name.
static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return false;
        }
    }
    return s.len > 0;
}

bool sync_secret_env(const char *option, const char *what, struct str setting, struct str *ret,
                     struct error *err)
{
    char name[256];
    if (setting.len >= sizeof name || !is_name(setting)) {
        return error_set(err, ERR_CONFIG,
                         "%s: the name of an environment variable that holds the %s is "
                         "needed, not the %s",
                         option, what, what);
    }
    memcpy(name, setting.ptr, setting.len);
    name[setting.len] = '\0';
    // Nothing in this program changes the environment.
    const char *value = getenv(name); // NOLINT(concurrency-mt-unsafe)
    struct str text = str_trim(str_from(value));
    if (text.len == 0) {
        return error_set(err, ERR_CREDENTIALS, "no %s: the environment variable %s is %s", what,
                         name, value ? "empty" : "not set");
    }
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c <= ' ' || c >= 0x7f || text.len > TOKEN_MAX) {
            return error_set(err, ERR_CREDENTIALS,
                             "the value of %s cannot be a %s: it holds spaces or characters "
                             "that are not ASCII, or is longer than %d bytes",
                             name, what, TOKEN_MAX);
        }
    }
    *ret = text;
    return true;
}

bool sync_source_options(const struct sync_settings *s, struct str token,
                         const struct sync_context *context, struct source_hubspot_options *ret,
                         struct error *err)
{
    struct source_hubspot_options o = {
        .account = {.token = token,
                    .share = s->share,
                    .search_per_second = (int)s->search_limit,
                    .daily_limit = s->daily_limit,
                    .max_wait_ms = s->max_wait_ms,
                    .clock = context->clock,
                    .log = context->log,
                    .cancel = context->cancel,
                    .request_log = context->request_log},
        .horizon_ms = s->horizon_ms,
        .association_sweep_ms = s->association_sweep_ms,
        .reconcile_ms = s->reconcile_ms,
    };
    if (!url_check_base(s->base_url, &o.account.base_url, err)) {
        return error_context(err, "--base-url");
    }
    bool known = api_version_parse(s->api_version, &o.account.version);
    assert(known); // the settings table admits only known versions
    *ret = o;
    return true;
}

struct destination_options sync_destination_options(const struct sync_settings *s,
                                                    const struct clock *clock,
                                                    const struct cancel *cancel)
{
    return (struct destination_options){.url = s->into,
                                        .schema = s->schema,
                                        .metadata = sync_metadata(s->metadata_columns),
                                        .clock = clock,
                                        .cancel = cancel};
}
