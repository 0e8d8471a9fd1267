#include "cli/server_settings.h"

#include "cli/account.h"
#include "core/zone.h"
#include "http/url.h"
#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROW(field_, name_, type_, fallback_, arg_, help_, ...)                                     \
    {                                                                                              \
        .name = (name_), .type = (type_), .offset = offsetof(struct server_settings, field_),      \
        .fallback = (fallback_), .arg = (arg_), .help = (help_), __VA_ARGS__                       \
    }

enum {
    DRAIN_MAX_MS = 3600 * 1000,
    WORKERS_MAX = 1000,
    THREADS_MAX = 64,
    CONNECTIONS_SERVED_MAX = 100000,
    SECRET_FILE_MAX = 4096,
    PATH_SHOWN_MAX = 200,
};

const struct setting SERVER_SETTINGS[CONFIG_SETTINGS_N] = {
    ROW(config, "config", SET_STR, NULL, "FILE",
        "File of settings, one name = value a line; without it sluice.conf in the data directory "
        "or /etc/sluice/sluice.conf, where there is one.",
        .no_file = true),
    ROW(listen, "listen", SET_STR, "127.0.0.1:8080", "HOST:PORT",
        "Where the server listens; port 0 picks a free one. A worker listens only when told to."),
    ROW(data_dir, "data-dir", SET_STR, NULL, "DIR",
        "Where keys, locks, and without --store all that sluice remembers are kept; without it "
        "$XDG_DATA_HOME/sluice or ~/.local/share/sluice."),
    ROW(store, "store", SET_STR, NULL, "URL",
        "Database for what sluice remembers: sqlite:FILE or postgres://...; without it sluice.db "
        "in the data directory."),
    ROW(destination, "destination", SET_STR, NULL, "URL",
        "Where syncs load to: postgres://..., sqlite:FILE or sqlite:DIR/; without it SQLite files "
        "in data/ of the data directory."),
    ROW(public_url, "public-url", SET_STR, NULL, "URL",
        "How browsers reach the server: links and the OAuth redirect begin with it; without it "
        "the address it listens on."),
    ROW(client_id, "hubspot-client-id", SET_STR, NULL, "ID", "Client id of your HubSpot app."),
    ROW(client_secret, "hubspot-client-secret", SET_STR, NULL, "SECRET",
        "Its client secret. Better in the environment or a file: ps shows a command line.",
        .secret = true),
    ROW(client_secret_env, "hubspot-client-secret-env", SET_STR, NULL, "NAME",
        "Environment variable that holds the client secret."),
    ROW(client_secret_file, "hubspot-client-secret-file", SET_STR, NULL, "FILE",
        "File that holds the client secret."),
    ROW(optional_scopes, "hubspot-optional-scopes", SET_STR, NULL, "SCOPES",
        "Scopes that are asked for but need not be granted, with spaces between; without it all "
        "that streams need."),
    ROW(hubspot_base_url, "hubspot-base-url", SET_STR, "https://api.hubapi.com", "URL",
        "HubSpot's API, or a simulator's."),
    ROW(hubspot_app_url, "hubspot-app-url", SET_STR, "https://app.hubspot.com", "URL",
        "Where HubSpot asks its users for consent, or a simulator."),
    ROW(oauth_version, "hubspot-oauth-version", SET_ENUM, "2026-09", NULL,
        "Version of HubSpot's OAuth endpoints", .choices = "2026-09|2026-03|v3|v1"),
    ROW(key_file, "master-key-file", SET_STR, NULL, "FILE",
        "Key that seals stored secrets; without it SLUICE_KEY or the file key in the data "
        "directory, which is made at the first start.",
        .alias = "key-file"),
    ROW(tls_cert, "tls-cert", SET_STR, NULL, "FILE",
        "Certificate with its chain (PEM), for HTTPS."),
    ROW(tls_key, "tls-key", SET_STR, NULL, "FILE", "Key of the certificate (PEM)."),
    ROW(cors_origins, "cors-origin", SET_LIST, NULL, "ORIGIN",
        "Origin whose pages may call the API from a browser; may be given again; * admits all."),
    ROW(workers, "workers", SET_INT, "16", "N",
        "Streams that run at once; 0: this process only schedules and answers.", .min = 0,
        .max = WORKERS_MAX),
    ROW(threads, "threads", SET_INT, "0", "N",
        "Threads that answer requests; 0: one for each core, two at most.", .min = 0,
        .max = THREADS_MAX),
    ROW(max_connections, "max-connections", SET_INT, "4096", "N",
        "Connections of clients that are served at once.", .min = 16,
        .max = CONNECTIONS_SERVED_MAX),
    ROW(time_zone, "time-zone", SET_STR, "UTC", "ZONE",
        "Zone of cron expressions and of midnight, by its IANA name."),
    ROW(drain_timeout_ms, "drain-timeout", SET_MS, "20s", "TIME",
        "Runs and requests have so long to come to a stop after SIGTERM.", .min = 0,
        .max = DRAIN_MAX_MS),
    ROW(first_key_file, "first-key-file", SET_STR, NULL, "FILE",
        "Write the first API key here (mode 0600) instead of to standard output."),
    ROW(trace, "trace", SET_BOOL, NULL, NULL,
        "Keep every call to HubSpot in the request log, not only those that fail."),
    ROW(log_level, "log-level", SET_ENUM, "info", "LEVEL", "What is logged to standard error",
        .choices = "debug|info|warn|error|off"),
    ROW(log_format, "log-format", SET_ENUM, "logfmt", "FORMAT", "How it is logged",
        .choices = "logfmt|json"),
    ROW(json, "json", SET_BOOL, NULL, NULL, "Print one JSON array.", .no_file = true),
};

// ------------------------------------------------------------------------------------------------
// Reading

// A secret of the command line must not stay where ps shows it.
static void wipe_argument(int argc, char **argv, const char *option)
{
    size_t len = strlen(option);
    bool told = false;
    for (int i = 1; i < argc && argv[i]; i++) {
        char *value = NULL;
        if (strncmp(argv[i], option, len) == 0 && argv[i][len] == '=') {
            value = argv[i] + len + 1;
        } else if (strcmp(argv[i], option) == 0 && i + 1 < argc) {
            value = argv[i + 1];
        }
        if (value) {
            secret_wipe(value, strlen(value));
            told = true;
        }
    }
    if (told) {
        fprintf(stderr,
                "sluice: warning: %s on a command line can be seen by every user of this machine "
                "(ps) and stays in the shell's history; use %s-file, %s-env or the environment\n",
                option, option, option);
    }
}

// The file to read: the one named, else the first of the usual ones that is there.
static bool find_file(struct server_command *c, struct str *ret, struct error *err)
{
    struct str directory;
    struct arena *arena = c->cli->arena;
    *ret = c->values.config;
    if (ret->len > 0) {
        return true;
    }
    if (!store_directory(c->values.data_dir, arena, &directory, err)) {
        return false;
    }
    struct str places[] = {arena_printf(arena, "%.*s/sluice.conf", STR_ARG(directory)),
                           STR("/etc/sluice/sluice.conf")};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (access(arena_cstr(arena, places[i]), F_OK) == 0) {
            *ret = places[i];
            return true;
        }
    }
    return true;
}

static bool read_file(struct server_command *c, struct error *err)
{
    struct str path;
    return find_file(c, &path, err) &&
           (path.len == 0 || settings_read_file(&c->args.table, path, err));
}

bool server_settings_read(struct server_command *c)
{
    struct error err;
    if (!cli_parse(c->cli, c->verb, c->argc, c->argv, &c->values, &c->args)) {
        return false;
    }
    wipe_argument(c->argc, c->argv, "--hubspot-client-secret");
    if (read_file(c, &err) && server_settings_check(&c->values, c->cli->arena, &err)) {
        return true;
    }
    c->args.exit_code = cli_fail(&err);
    return false;
}

// ------------------------------------------------------------------------------------------------
// Checks

static bool is_loopback(struct str host)
{
    return str_eq(host, STR("localhost")) || str_eq(host, STR("::1")) ||
           str_starts(host, STR("127."));
}

bool server_settings_listen(struct str text, struct listen_address *ret, struct error *err)
{
    size_t colon = text.len;
    while (colon > 0 && text.ptr[colon - 1] != ':') {
        colon--;
    }
    struct str host = str_sub(text, 0, colon > 0 ? colon - 1 : 0);
    struct str port = str_sub(text, colon, text.len);
    bool brackets = host.len > 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
    if (brackets) {
        host = str_sub(host, 1, host.len - 2);
    }
    uint64_t number;
    if (!str_to_uint64(port, &number) || number > UINT16_MAX ||
        (!brackets && str_find_char(host, ':') >= 0)) {
        return error_set(err, ERR_CONFIG,
                         "--listen: \"%.*s\" is no address to listen on; write HOST:PORT, like "
                         "127.0.0.1:8080, [::1]:8080 or 0.0.0.0:8080",
                         STR_ARG(str_sub(text, 0, PATH_SHOWN_MAX)));
    }
    if (host.len == 0) {
        host = STR("127.0.0.1");
    }
    *ret = (struct listen_address){host, (uint16_t)number, is_loopback(host)};
    return true;
}

static bool check_url(const char *name, struct str *url, struct error *err)
{
    return url->len == 0 || url_check_base(*url, url, err) || error_context(err, "--%s", name);
}

static bool check_zone(struct str zone, struct error *err)
{
    int64_t ms;
    return zone.len == 0 || zone_offset_ms(zone, 0, &ms) ||
           error_set(err, ERR_CONFIG,
                     "--time-zone: \"%.*s\" is no time zone that this machine knows; write an IANA "
                     "name like Europe/Berlin (Debian: apt-get install tzdata)",
                     STR_ARG(str_sub(zone, 0, PATH_SHOWN_MAX)));
}

static bool check_origins(const struct setting_list *list, struct error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        struct str o = list->items[i];
        bool schemed = str_starts(o, STR("https://")) || str_starts(o, STR("http://"));
        struct str rest = str_sub(o, str_starts(o, STR("https://")) ? 8 : 7, o.len);
        bool plain = str_find_char(rest, '/') < 0 && str_find_char(rest, ' ') < 0 && rest.len > 0;
        if (!str_eq(o, STR("*")) && !(schemed && plain)) {
            return error_set(err, ERR_CONFIG,
                             "--cors-origin: \"%.*s\" is no origin; write one like "
                             "https://app.example.com, without a path, or *",
                             STR_ARG(str_sub(o, 0, PATH_SHOWN_MAX)));
        }
    }
    return true;
}

static bool check_store(struct str url, struct error *err)
{
    static const char *const FORMS[] = {"sqlite:", "postgres://", "postgresql://"};
    for (size_t i = 0; i < ARRAY_LEN(FORMS); i++) {
        if (str_starts(url, str_from(FORMS[i]))) {
            return true;
        }
    }
    // It is not shown: it may hold a password.
    return url.len == 0 ||
           error_set(err, ERR_CONFIG,
                     "--store: write sqlite:FILE, postgres://... or postgresql://..., or leave it "
                     "out for sluice.db in the data directory");
}

bool server_settings_check(struct server_settings *s, struct arena *arena, struct error *err)
{
    struct listen_address address;
    if ((s->tls_cert.len > 0) != (s->tls_key.len > 0)) {
        return error_set(err, ERR_CONFIG,
                         "--tls-cert and --tls-key go together; --tls-%s is missing",
                         s->tls_cert.len > 0 ? "key" : "cert");
    }
    return server_settings_listen(s->listen, &address, err) && check_store(s->store, err) &&
           check_url("public-url", &s->public_url, err) &&
           check_url("hubspot-base-url", &s->hubspot_base_url, err) &&
           check_url("hubspot-app-url", &s->hubspot_app_url, err) &&
           check_zone(s->time_zone, err) && check_origins(&s->cors_origins, err) &&
           store_directory(s->data_dir, arena, &s->data_dir, err);
}

// ------------------------------------------------------------------------------------------------
// Secrets

bool server_settings_file(const char *option, struct str path, size_t max, struct secret **ret,
                          struct error *err)
{
    char name[PATH_MAX];
    struct buf text;
    int n = snprintf(name, sizeof name, "%.*s", STR_ARG(path));
    int fd = n > 0 && (size_t)n < sizeof name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0) {
        return error_set(err, ERR_CONFIG, "--%s: %.*s cannot be read: %s", option,
                         STR_ARG(str_sub(path, 0, PATH_SHOWN_MAX)), strerrordesc_np(errno));
    }
    buf_init(&text, max + 1);
    char *to = buf_reserve(&text, max + 1);
    assert(to);
    ssize_t got = 0;
    while ((got = read(fd, to, max + 1 - text.len)) > 0) {
        buf_commit(&text, (size_t)got);
        to += got;
    }
    close(fd);
    struct str content = str_trim(buf_str(&text));
    bool ok = got == 0 && content.len > 0 && text.len <= max;
    if (ok) {
        *ret = secret_create(content);
    } else {
        error_set(err, ERR_CONFIG, "--%s: %s %s", option, name,
                  got < 0          ? "cannot be read"
                  : text.len > max ? "is too long"
                                   : "is empty");
    }
    secret_buf_done(&text);
    return ok;
}

bool server_settings_secret(const struct server_settings *s, struct secret **ret, struct error *err)
{
    *ret = NULL;
    if (s->client_secret_file.len > 0) {
        return server_settings_file("hubspot-client-secret-file", s->client_secret_file,
                                    SECRET_FILE_MAX, ret, err);
    }
    if (s->client_secret_env.len > 0) {
        return account_secret_from_env("--hubspot-client-secret-env", "client secret",
                                       s->client_secret_env, ret, err);
    }
    if (s->client_secret.len > 0) {
        *ret = secret_create(s->client_secret);
    }
    if (s->client_id.len > 0 && !*ret) {
        return error_set(err, ERR_CONFIG,
                         "--hubspot-client-id is given, but no client secret: set "
                         "SLUICE_HUBSPOT_CLIENT_SECRET, or give --hubspot-client-secret-file FILE");
    }
    return true;
}
