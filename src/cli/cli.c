#include "cli/cli.h"

#include "cli/api.h"
#include "cli/endpoints.h"
#include "cli/login.h"
#include "cli/remote_verbs.h"
#include "cli/server_settings.h"
#include "cli/sync_settings.h"

#include <errno.h>

static const char SYNC_NOTES[] =
    "Streams, tables and scopes are listed by: sluice streams\n"
    "\n"
    "Exit codes: 0 all streams complete; 2 usage; 3 some streams failed, the others complete;\n"
    "4 credentials; 5 destination; 6 source; 7 interrupted (run the same command again to go on);\n"
    "8 a limit of HubSpot's delays some streams (run it again after the time that is shown).\n"
    "\n"
    "Examples:\n"
    "  HUBSPOT_TOKEN=pat-... sluice sync hubspot --into sqlite:hubspot.db\n"
    "  sluice sync hubspot --into postgres://me@localhost/warehouse --streams contacts,deals\n";

static const char API_NOTES[] =
    "The endpoints, with the names between {}, are listed by: sluice endpoints\n"
    "Reads are repeated when HubSpot fails; writes only when it is certain that nothing was\n"
    "done, or that doing it twice is doing it once.\n"
    "\n"
    "Exit codes: 0 HubSpot did as asked; 2 usage; 4 credentials; 6 HubSpot refused or failed;\n"
    "8 a limit of HubSpot's is used up for now.\n"
    "\n"
    "Examples:\n"
    "  sluice api OBJECT_LIST type=contacts --query 'limit=5&properties=email'\n"
    "  sluice api OBJECT_LIST type=deals --query archived=true --all > archived.jsonl\n"
    "  sluice api OBJECT_UPDATE type=contacts id=51 --body "
    "'{\"properties\":{\"city\":\"Bonn\"}}'\n";

static const char REQUESTS_NOTES[] = "Kept are the newest 1,000 calls, of 64 MB at most, without "
                                     "tokens and other secrets, but with\n"
                                     "the data of the people that HubSpot's answers hold.\n";

static const char LOGIN_NOTES[] =
    "The app's redirect URI must be registered in HubSpot exactly as it is used here, by default\n"
    "http://localhost:8976/oauth/callback. Tokens and the client secret are kept sealed.\n"
    "\n"
    "Examples:\n"
    "  HUBSPOT_CLIENT_SECRET=... sluice login hubspot --name acme --client-id 1234-abcd\n"
    "  HUBSPOT_TOKEN=pat-... sluice login hubspot --name acme --token-env HUBSPOT_TOKEN\n"
    "  sluice sync hubspot --connection acme --into sqlite:acme.db\n";

static const char KEYS_NOTES[] =
    "With a key in SLUICE_KEY, put the new one into SLUICE_KEY_NEW (openssl rand -base64 32 makes\n"
    "one), rotate, then let SLUICE_KEY hold it. Programs that run meanwhile go on.\n"
    "When the key is lost, forget KEY gives up what it sealed; KEY is its id, which errors tell.\n";

static const char SERVER_NOTES[] =
    "With --server (or SLUICE_SERVER) the words are about a server's streams: list, available\n"
    "SYNC, add SYNC NAME,..., show ID, run ID, refresh ID, cancel-refresh ID, delete ID.\n";

static const char SYNCS_NOTES[] =
    "Example:\n"
    "  export SLUICE_SERVER=http://127.0.0.1:8080 SLUICE_API_KEY=slk_...\n"
    "  sluice syncs create --connection ID --schema hubspot --interval '0 */6 * * *'\n"
    "  sluice streams add SYNC contacts,companies,deals\n"
    "  sluice syncs enable SYNC && sluice runs --sync SYNC --follow\n";

static const char RUNS_NOTES[] =
    "Without a word: the run of each stream that is under way, or that ended last.\n"
    "\n"
    "Exit codes with --follow: 0 all complete; 3 some failed; 7 interrupted (the runs go on);\n"
    "8 a limit of HubSpot's delays what is left.\n";

static const char SERVE_NOTES[] =
    "The first start makes the data directory, the key that seals secrets, and an API key, which\n"
    "is printed once. The API: http://127.0.0.1:8080/docs. SIGTERM stops it in order.\n"
    "\n"
    "Examples:\n"
    "  sluice serve\n"
    "  sluice serve --store postgres://me@localhost/sluice --destination "
    "postgres://me@localhost/warehouse\n";

static const char WORKER_NOTES[] =
    "Workers take runs from the store that servers share with them, any number of both.\n"
    "All need the same key (SLUICE_KEY or --master-key-file).\n"
    "\n"
    "Example:\n"
    "  sluice worker --store postgres://me@db/sluice --listen 127.0.0.1:9090\n";

static const struct verb VERBS[] = {
    {"serve", "", "Run the server: REST API, scheduler and workers", SERVER_SETTINGS,
     SERVER_SETTINGS_N, SERVE_NOTES, cli_serve},
    {"worker", "--store URL", "Run streams for a server that shares its store", SERVER_SETTINGS,
     SERVER_SETTINGS_N, WORKER_NOTES, cli_worker},
    {"config", "", "Print each setting of the server, and where it came from", SERVER_SETTINGS,
     CONFIG_SETTINGS_N, NULL, cli_config},
    {"sync", "hubspot --into URL", "Load HubSpot into a database, or bring it up to date",
     SYNC_SETTINGS, SYNC_SETTINGS_N, SYNC_NOTES, cli_sync},
    {"streams", "[list|available|add|run|refresh|... ID]",
     "List the streams, their tables and the scopes they need; or a server's", STREAMS_SETTINGS,
     STREAMS_SETTINGS_N, SERVER_NOTES, cli_streams},
    {"doctor", "[--into URL]", "Check token, HubSpot and destination, one line each", SYNC_SETTINGS,
     SYNC_SETTINGS_N, NULL, cli_doctor},
    {"api", "ENDPOINT [name=value ...]", "Call one of HubSpot's endpoints and print its answer",
     API_SETTINGS, API_SETTINGS_N, API_NOTES, cli_api},
    {"endpoints", "", "List HubSpot's endpoints: path, limits, scope, announced end",
     ENDPOINTS_SETTINGS, ENDPOINTS_SETTINGS_N, NULL, cli_endpoints},
    {"requests", "[NUMBER]", "List the calls to HubSpot that failed, or show one whole",
     REQUESTS_SETTINGS, REQUESTS_SETTINGS_N, REQUESTS_NOTES, cli_requests},
    {"login", "hubspot [--name NAME] --client-id ID",
     "Connect a HubSpot account by OAuth or a token", LOGIN_SETTINGS, LOGIN_SETTINGS_N, LOGIN_NOTES,
     cli_login},
    {"logout", "hubspot [--name NAME]", "Revoke a connection's grant and forget the connection",
     LOGOUT_SETTINGS, LOGOUT_SETTINGS_N, NULL, cli_logout},
    {"connections", "[list|show|delete ID]",
     "List the connections that login has stored, or a server's", CONNECTIONS_SETTINGS,
     CONNECTIONS_SETTINGS_N, NULL, cli_connections},
    {"syncs", "list|show|create|enable|disable|delete [ID]", "Work with the syncs of a server",
     SYNCS_SETTINGS, SYNCS_SETTINGS_N, SYNCS_NOTES, cli_syncs},
    {"runs", "[list STREAM|show RUN|events RUN|cancel RUN]",
     "Show what a server's streams do, once or with --follow", RUNS_SETTINGS, RUNS_SETTINGS_N,
     RUNS_NOTES, cli_runs},
    {"keys", "rotate|forget KEY|create NAME|list|revoke ID",
     "Seal all stored secrets with a new key; make, list and revoke API keys", KEYS_SETTINGS,
     KEYS_SETTINGS_N, KEYS_NOTES, cli_keys},
    {"version", "", "Print the versions of sluice and of its libraries", NULL, 0, NULL,
     cli_version},
    {"completions", "bash|zsh|fish", "Print a completion script for a shell", NULL, 0,
     "Example:\n  sluice completions bash > ~/.local/share/bash-completion/completions/sluice\n",
     cli_completions},
};

const struct verb *verbs(size_t *ret_n)
{
    *ret_n = ARRAY_LEN(VERBS);
    return VERBS;
}

const struct verb *verb_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        if (str_eq(name, str_from(VERBS[i].name))) {
            return &VERBS[i];
        }
    }
    return NULL;
}

static void help(FILE *out)
{
    fputs("sluice moves HubSpot data into a database you own.\n\nUsage: sluice VERB [options]\n\n",
          out);
    for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
        fprintf(out, "  %-12s %s\n", VERBS[i].name, VERBS[i].summary);
    }
    fputs("\nEvery verb answers --help. The manual: man sluice\n"
          "Start with: HUBSPOT_TOKEN=... sluice sync hubspot --into sqlite:hubspot.db\n"
          "or, for a server with a REST API: sluice serve\n",
          out);
}

void cli_help_verb(const struct verb *v, FILE *out)
{
    fprintf(out, "%s.\n\nUsage: sluice %s%s%s%s\n", v->summary, v->name, v->usage[0] ? " " : "",
            v->usage, v->n_settings > 0 ? " [options]" : "");
    if (v->n_settings > 0) {
        fputs("\nOptions (each also as SLUICE_NAME in the environment):\n", out);
        settings_help(v->settings, v->n_settings, out);
    }
    if (v->notes) {
        fprintf(out, "\n%s", v->notes);
    }
}

int cli_fail(const struct error *err)
{
    const struct error_info *info = error_info(err->code);
    fprintf(stderr, "sluice: %s\n", err->message);
    if (info->hint[0] != '\0') {
        fprintf(stderr, "  hint: %s\n", info->hint);
    }
    return info->exit_code;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            return true;
        }
    }
    return false;
}

// A word where only options are expected is a mistake, which must not look like an answer to it.
static bool check_words(const struct verb *v, const struct cli_args *args, struct error *err)
{
    struct str usage = str_from(v->usage);
    bool none = usage.len == 0 || str_starts(usage, STR("--")) || str_starts(usage, STR("[--"));
    return !none || args->n_words == 0 ||
           error_set(err, ERR_USAGE, "%s takes no words, but was given \"%.*s\"", v->name,
                     STR_ARG(str_sub(args->words[0], 0, 80)));
}

// What could not be written must not look like an empty answer. A pipe whose reader has gone is no
// mistake.
static int close_output(int code)
{
    if (fflush(stdout) == 0 || errno == EPIPE || code != 0) {
        return code;
    }
    fprintf(stderr, "sluice: standard output: %s\n", strerrordesc_np(errno));
    return error_info(ERR_INTERNAL)->exit_code;
}

bool cli_parse(const struct cli *cli, const char *verb, int argc, char **argv, void *target,
               struct cli_args *ret)
{
    const struct verb *v = verb_find(str_from(verb));
    assert(v);
    *ret = (struct cli_args){0};
    if (wants_help(argc, argv)) {
        cli_help_verb(v, stdout);
        return false;
    }
    struct settings *s = &ret->table;
    struct error err;
    if (settings_init(s, v->settings, v->n_settings, "SLUICE", target, cli->arena, &err) &&
        settings_parse_args(s, argc, argv, ret->words, CLI_WORDS_MAX, &ret->n_words, &err) &&
        check_words(v, ret, &err) && settings_check(s, &err)) {
        return true;
    }
    fprintf(stderr, "sluice %s: %s\n  hint: see sluice %s --help\n", verb, err.message, verb);
    ret->exit_code = error_info(ERR_USAGE)->exit_code;
    return false;
}

int cli_main(const struct cli *cli, int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return error_info(ERR_USAGE)->exit_code;
    }
    struct str word = str_from(argv[1]);
    if (str_eq(word, STR("--version"))) {
        word = STR("version");
    }
    if (str_eq(word, STR("--help")) || str_eq(word, STR("-h")) || str_eq(word, STR("help"))) {
        const struct verb *v = argc > 2 ? verb_find(str_from(argv[2])) : NULL;
        if (v) {
            cli_help_verb(v, stdout);
        } else {
            help(stdout);
        }
        return 0;
    }
    const struct verb *v = verb_find(word);
    if (!v) {
        fprintf(stderr, "sluice: there is no verb \"%s\"; there are", argv[1]);
        for (size_t i = 0; i < ARRAY_LEN(VERBS); i++) {
            fprintf(stderr, "%s %s", i ? "," : "", VERBS[i].name);
        }
        fputs("\n", stderr);
        return error_info(ERR_USAGE)->exit_code;
    }
    return close_output(v->run(cli, argc - 1, argv + 1));
}
