#include "cli/remote_verbs.h"

#include "cli/remote_show.h"
#include "core/limits.h"
#include "core/timestamp.h"
#include "data/json_writer.h"
#include "http/url.h"

enum { LISTED_MAX = 100000 };

typedef bool body_fn(const struct remote_verb *v, struct json_writer *w, struct error *err);

// One command: what is called, and how its answer is shown.
struct command {
    const char *verb, *word;
    const char *words; // what follows; as many as "{}" in `path`, but for those that `body` reads
    enum http_method method;
    const char *path;
    body_fn *body;                     // NULL: none
    const struct show_column *columns; // of a list; NULL: one object
    const char *done; // printed when the answer has no body; "{}" is the first word
    int (*run)(const struct remote_verb *v, struct remote *r); // instead of all that; or NULL
};

// ---- tables

static const struct show_column KEYS[] = {{"id", "id", 14},
                                          {"prefix", "prefix", 12},
                                          {"scope", "scope", 6},
                                          {"created", "created_at", 24},
                                          {"last used", "last_used_at", 24},
                                          {"revoked", "revoked_at", 24},
                                          {"name", "name", 0},
                                          {NULL, NULL, 0}};
static const struct show_column CONNECTIONS[] = {
    {"connection", "id", 20}, {"integration", "integration_id", 12}, {"account", "portal_id", 12},
    {"status", "status", 22}, {"created", "created_at", 24},         {"label", "label", 0},
    {NULL, NULL, 0}};
static const struct show_column SYNCS[] = {{"sync", "id", 14},
                                           {"status", "status", 12},
                                           {"interval", "sync_interval", 16},
                                           {"next", "next_run_at", 24},
                                           {"connection", "source_connection_id", 16},
                                           {"schema", "destination_schema_name", 0},
                                           {NULL, NULL, 0}};
static const struct show_column STREAMS[] = {{"stream", "id", 14},
                                             {"sync", "elt_sync_id", 14},
                                             {"name", "name", 22},
                                             {"always full", "full_sync_always", 12},
                                             {"history", "enabled_history_table", 8},
                                             {"created", "created_at", 0},
                                             {NULL, NULL, 0}};
static const struct show_column AVAILABLE[] = {{"name", "name", 22},
                                               {"table", "table", 28},
                                               {"missing scopes", "missing_scopes", 30},
                                               {"what", "description", 0},
                                               {NULL, NULL, 0}};
static const struct show_column RUNS[] = {{"status", "state", 10},
                                          {"mode", "operation_mode", 12},
                                          {"rows", "rows_synced", 10},
                                          {"requested", "requested_at", 24},
                                          {"finished", "finished_at", 24},
                                          {"run", "id", 0},
                                          {NULL, NULL, 0}};
static const struct show_column EVENTS[] = {
    {"at", "at", 24}, {"what", "kind", 16}, {"data", "data", 0}, {NULL, NULL, 0}};
static const struct show_column REQUESTS[] = {
    {"id", "id", 8},          {"at", "started_at", 24},
    {"status", "status", 6},  {"endpoint", "endpoint", 20},
    {"stream", "stream", 16}, {"message", "message", 0},
    {NULL, NULL, 0}};

// ---- bodies

static void put_given(struct json_writer *w, const char *name, struct str value)
{
    if (value.len > 0) {
        json_field_str(w, name, value);
    }
}

static bool key_body(const struct remote_verb *v, struct json_writer *w, struct error *err)
{
    (void)err;
    json_field_str(w, "name", v->args->words[1]);
    json_field_str(w, "scope", v->options->scope);
    put_given(w, "expires_at", v->options->expires);
    return true;
}

static bool sync_body(const struct remote_verb *v, struct json_writer *w, struct error *err)
{
    const struct remote_options *o = v->options;
    if (o->connection.len == 0 || o->interval.len == 0) {
        return error_set(err, ERR_USAGE,
                         "syncs create needs --connection ID (sluice connections lists them) and "
                         "--interval CRON, for example \"0 */6 * * *\"");
    }
    json_field_str(w, "connection_id", o->connection);
    json_field_str(w, "destination_schema_name", o->schema);
    json_field_str(w, "sync_interval", o->interval);
    put_given(w, "destination_id", o->destination);
    put_given(w, "start_date", o->start_date);
    if (o->settings.len > 0) {
        struct json_doc *doc = json_doc_create();
        struct json settings;
        bool ok = json_parse(doc, o->settings, &settings, err);
        if (ok) {
            json_key(w, STR("elt_settings"));
            json_put(w, settings);
        } else {
            error_context(err, "--settings");
            err->code = ERR_USAGE;
        }
        json_doc_destroy(doc);
        return ok;
    }
    return true;
}

static void put_list(struct json_writer *w, const char *name, const struct setting_list *list)
{
    if (list->n > 0) {
        json_key(w, str_from(name));
        json_begin_array(w);
        for (size_t i = 0; i < list->n; i++) {
            json_put_str(w, list->items[i]);
        }
        json_end_array(w);
    }
}

static bool streams_body(const struct remote_verb *v, struct json_writer *w, struct error *err)
{
    json_key(w, STR("source_streams"));
    json_begin_array(w);
    for (size_t i = 2; i < v->args->n_words; i++) {
        struct str rest = v->args->words[i];
        struct str name;
        while (str_next(&rest, ',', &name)) {
            json_begin_object(w);
            json_field_str(w, "name", str_trim(name));
            put_list(w, "excluded_columns", &v->options->excluded_columns);
            put_list(w, "hashed_columns", &v->options->hashed_columns);
            if (v->options->history_table.len > 0) {
                json_field_bool(w, "enabled_history_table",
                                str_eq(v->options->history_table, STR("on")));
            }
            json_end_object(w);
        }
    }
    json_end_array(w);
    return v->args->n_words > 2 ||
           error_set(err, ERR_USAGE, "which streams? write: sluice streams add SYNC NAME,NAME");
}

static bool refresh_body(const struct remote_verb *v, struct json_writer *w, struct error *err)
{
    (void)err;
    json_field_bool(w, "reset_history_table", v->options->reset_history);
    return true;
}

// ---- commands

static const struct command COMMANDS[] = {
    {"keys", "list", "", HTTP_GET, "/api_keys", .columns = KEYS},
    {"keys", "create", "NAME", HTTP_POST, "/api_keys", .body = key_body},
    {"keys", "revoke", "ID", HTTP_DELETE, "/api_keys/{}", .done = "Key {} is revoked."},
    {"connections", "list", "", HTTP_GET, "/connections", .columns = CONNECTIONS},
    {"connections", "show", "ID", HTTP_GET, "/connections/{}"},
    {"connections", "delete", "ID", HTTP_DELETE, "/connections/{}",
     .done = "Connection {} is deleted."},
    {"syncs", "list", "", HTTP_GET, "/elt_syncs", .columns = SYNCS},
    {"syncs", "show", "SYNC", HTTP_GET, "/elt_syncs/{}"},
    {"syncs", "create", "", HTTP_POST, "/elt_syncs", .body = sync_body},
    {"syncs", "enable", "SYNC", HTTP_POST, "/elt_syncs/{}/enable", .done = "Sync {} is enabled."},
    {"syncs", "disable", "SYNC", HTTP_POST, "/elt_syncs/{}/disable",
     .done = "Sync {} is disabled."},
    {"syncs", "delete", "SYNC", HTTP_DELETE, "/elt_syncs/{}", .done = "Sync {} is deleted."},
    {"streams", "list", "", HTTP_GET, "/elt_streams", .columns = STREAMS},
    {"streams", "available", "SYNC", HTTP_GET, "/elt_syncs/{}/available_source_streams",
     .columns = AVAILABLE},
    {"streams", "add", "SYNC NAME,...", HTTP_POST, "/elt_syncs/{}/source_streams",
     .body = streams_body},
    {"streams", "show", "STREAM", HTTP_GET, "/elt_streams/{}"},
    {"streams", "run", "STREAM", HTTP_POST, "/elt_streams/{}/request_run"},
    {"streams", "refresh", "STREAM", HTTP_POST, "/elt_streams/{}/request_full_refresh",
     .body = refresh_body, .done = "The next run of stream {} loads everything anew."},
    {"streams", "cancel-refresh", "STREAM", HTTP_POST, "/elt_streams/{}/cancel_full_refresh",
     .done = "The next run of stream {} is as usual."},
    {"streams", "delete", "STREAM", HTTP_DELETE, "/elt_streams/{}",
     .done = "Stream {} is deleted; its tables stay."},
    {"runs", "status", "", .run = runs_show},
    {"runs", "list", "STREAM", HTTP_GET, "/elt_stream_runs?elt_stream_id={}", .columns = RUNS},
    {"runs", "show", "RUN", HTTP_GET, "/elt_stream_runs/{}"},
    {"runs", "events", "RUN", HTTP_GET, "/elt_stream_runs/{}/events", .columns = EVENTS},
    {"runs", "cancel", "RUN", HTTP_POST, "/elt_stream_runs/{}/cancel",
     .done = "Run {} is told to end."},
    {"requests", "list", "", HTTP_GET, "/requests", .columns = REQUESTS},
    {"requests", "show", "NUMBER", HTTP_GET, "/requests/{}"},
};

static size_t words_needed(const char *words)
{
    size_t n = words[0] ? 1 : 0;
    for (const char *at = words; *at; at++) {
        n += *at == ' ';
    }
    return n;
}

static bool no_command(const struct remote_verb *v, struct str word, struct error *err)
{
    struct buf all;
    buf_init(&all, 1024);
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS); i++) {
        if (strcmp(COMMANDS[i].verb, v->name) == 0) {
            buf_printf(&all, "%s%s%s%s", all.len ? ", " : "", COMMANDS[i].word,
                       COMMANDS[i].words[0] ? " " : "", COMMANDS[i].words);
        }
    }
    error_set(err, ERR_USAGE, "%s: there is no \"%.*s\"; there are: %s", v->name,
              STR_ARG(str_sub(word, 0, 80)), buf_cstr(&all));
    buf_done(&all);
    return false;
}

static bool find(const struct remote_verb *v, const struct command **ret, struct error *err)
{
    struct str word = v->args->n_words > 0 ? v->args->words[0] : STR("");
    const struct command *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(COMMANDS) && !found; i++) {
        const struct command *c = &COMMANDS[i];
        bool same = word.len == 0 || str_eq(word, str_from(c->word)); // the first is the default
        found = same && strcmp(c->verb, v->name) == 0 ? c : NULL;
    }
    if (!found) {
        return no_command(v, word, err);
    }
    size_t given = v->args->n_words > 0 ? v->args->n_words - 1 : 0;
    size_t needed = words_needed(found->words);
    if (given < needed || (given > needed && found->body != streams_body)) {
        return error_set(err, ERR_USAGE, "write: sluice %s %s%s%s", found->verb, found->word,
                         needed ? " " : "", found->words);
    }
    *ret = found;
    return true;
}

// ---- running one

struct listing {
    const struct remote_verb *v;
    const struct command *command;
    size_t n;
};

static void show_item(void *user, struct json item)
{
    struct listing *l = user;
    if (l->v->options->remote.json) {
        show_json(item);
        return;
    }
    if (l->n++ == 0) {
        show_header(l->command->columns);
    }
    show_row(l->command->columns, item, l->v->cli->arena);
}

// What options add to the path.
static struct str query_of(const struct remote_verb *v, const struct command *c, struct str path)
{
    const struct remote_options *o = v->options;
    char since[TIMESTAMP_TEXT_MAX];
    struct buf all;
    buf_init(&all, LIMIT_SETTINGS_VALUE);
    buf_add(&all, path);
    if (o->drop_tables && c->method == HTTP_DELETE) {
        url_add_query(&all, STR("removeDataReferences"), STR("true"));
    }
    if (o->sync.len > 0 && c->columns == STREAMS) {
        url_add_query(&all, STR("elt_sync_id"), o->sync);
    }
    if (o->failed && c->columns == REQUESTS) {
        url_add_query(&all, STR("failed"), STR("true"));
    }
    if (o->since_ms != 0 && c->columns == REQUESTS && timestamp_format(o->since_ms, since)) {
        url_add_query(&all, STR("since"), str_from(since));
    }
    struct str text = arena_dup(v->cli->arena, buf_str(&all));
    buf_done(&all);
    return text;
}

static bool list(const struct remote_verb *v, const struct command *c, struct remote *r,
                 struct error *err)
{
    struct str path = query_of(v, c, remote_path(c->path, &v->args->words[1], v->cli->arena));
    struct listing l = {.v = v, .command = c};
    struct remote_walk walk = {.path = path,
                               .max = v->options->last > 0 ? (size_t)v->options->last : LISTED_MAX,
                               .item = show_item,
                               .user = &l};
    if (!remote_list(r, &walk, err)) {
        return false;
    }
    if (l.n == 0 && !v->options->remote.json) {
        printf("There is none.\n");
    }
    return true;
}

static void say(const char *done, struct str word)
{
    struct str all = str_from(done);
    size_t at = (size_t)MAX(str_find(all, STR("{}")), 0);
    printf("%.*s%.*s%s\n", (int)at, done, STR_ARG(word), done + at + 2);
}

static bool call(const struct remote_verb *v, const struct command *c, struct remote *r,
                 struct error *err)
{
    struct remote_call request = {.method = c->method};
    struct buf body;
    struct json_writer w;
    struct json answer;
    buf_init(&body, LIMIT_BODY_BYTES);
    request.path = query_of(v, c, remote_path(c->path, &v->args->words[1], v->cli->arena));
    json_writer_init(&w, &body);
    bool ok = true;
    if (c->body) {
        json_begin_object(&w);
        ok = c->body(v, &w, err);
        if (ok) {
            json_end_object(&w);
            request.body = buf_str(&body);
        }
    }
    ok = ok && remote_call(r, &request, &answer, err);
    buf_done(&body);
    if (!ok) {
        return false;
    }
    if (v->options->remote.json && !json_is_null(answer)) {
        show_json(answer);
    } else if (!json_is_null(answer)) {
        show_object(answer, v->cli->arena);
    } else if (c->done && !v->options->remote.json) {
        say(c->done, v->args->words[1]);
    }
    return true;
}

int remote_verb_run(const struct remote_verb *v)
{
    const struct command *c = NULL;
    struct remote *r = NULL;
    struct error err;
    if (!find(v, &c, &err) || !remote_open(v->cli, &v->options->remote, &r, &err)) {
        return remote_fail(&err);
    }
    int code = 0;
    assert(c);
    if (c->run) {
        code = c->run(v, r);
    } else if (!(c->columns ? list(v, c, r, &err) : call(v, c, r, &err))) {
        code = remote_fail(&err);
    }
    remote_close(r);
    return code;
}

int cli_syncs(const struct cli *cli, int argc, char **argv)
{
    struct remote_options o = {.last = 0};
    struct cli_args args;
    if (!cli_parse(cli, "syncs", argc, argv, &o, &args)) {
        return args.exit_code;
    }
    return remote_verb_run(&(struct remote_verb){cli, "syncs", &o, &args});
}

int cli_runs(const struct cli *cli, int argc, char **argv)
{
    struct remote_options o = {.last = 0};
    struct cli_args args;
    if (!cli_parse(cli, "runs", argc, argv, &o, &args)) {
        return args.exit_code;
    }
    return remote_verb_run(&(struct remote_verb){cli, "runs", &o, &args});
}
