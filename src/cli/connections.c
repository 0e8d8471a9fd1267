// sluice connections: what login has stored, or what a server has.
#include "cli/progress.h"
#include "cli/remote_verbs.h"
#include "data/json_writer.h"

static size_t count_words(struct str list)
{
    struct str word;
    size_t n = 0;
    while (str_next(&list, ' ', &word)) {
        n += word.len > 0;
    }
    return n;
}

static void print_json(const struct connection *c)
{
    struct buf out;
    struct json_writer w;
    buf_init(&out, 256 * 1024);
    json_writer_init(&w, &out);
    json_begin_object(&w);
    json_field_str(&w, "name", c->name);
    json_field_str(&w, "kind", str_from(connection_kind_name(c->kind)));
    json_field_str(&w, "state", str_from(connection_state_name(c->state)));
    json_field_int(&w, "portal_id", c->portal_id);
    json_field_str(&w, "client_id", c->client_id);
    json_field_str(&w, "base_url", c->base_url);
    json_field_str(&w, "user", c->user);
    json_key(&w, STR("scopes"));
    json_begin_array(&w);
    struct str rest = c->scopes;
    struct str word;
    while (str_next(&rest, ' ', &word)) {
        json_put_str(&w, word);
    }
    json_end_array(&w);
    json_field_int(&w, "issued_ms", c->issued_ms);
    json_field_int(&w, "expires_ms", c->expires_ms);
    json_field_int(&w, "created_ms", c->created_ms);
    json_field_int(&w, "updated_ms", c->updated_ms);
    json_end_object(&w);
    printf("%s\n", buf_cstr(&out));
    buf_done(&out);
}

// Of the access token; sluice renews it by itself.
static const char *expiry_text(const struct connection *c, int64_t now_ms, char out[64])
{
    char time[COUNT_TEXT_MAX];
    if (c->kind == CONNECTION_TOKEN) {
        return "never";
    }
    if (c->expires_ms <= now_ms) {
        return "renewed at need";
    }
    snprintf(out, 64, "in %s", duration_text(c->expires_ms - now_ms, time));
    return out;
}

static void print_table(const struct connection *all, size_t n, int64_t now_ms)
{
    printf("%-20s %-6s %12s %7s %-22s %s\n", "connection", "kind", "account", "scopes", "state",
           "token ends");
    for (size_t i = 0; i < n; i++) {
        char text[64];
        printf("%-20.*s %-6s %12lld %7zu %-22s %s\n", STR_ARG(all[i].name),
               connection_kind_name(all[i].kind), (long long)all[i].portal_id,
               count_words(all[i].scopes), connection_state_name(all[i].state),
               expiry_text(&all[i], now_ms, text));
    }
}

int cli_connections(const struct cli *cli, int argc, char **argv)
{
    struct remote_options s = {.last = 0};
    struct cli_args args;
    struct error err;
    struct store *store = NULL;
    struct connection *all = NULL;
    size_t n = 0;
    if (!cli_parse(cli, "connections", argc, argv, &s, &args)) {
        return args.exit_code;
    }
    if (s.remote.server.len > 0) {
        return remote_verb_run(&(struct remote_verb){cli, "connections", &s, &args});
    }
    struct store_options where = {
        .url = s.store, .directory = s.place.data_dir, .clock = cli->clock};
    bool ok = (args.n_words == 0 || error_set(&err, ERR_USAGE, "connections takes no words")) &&
              store_open(&where, &store, &err) &&
              (!store || connection_list(store, cli->arena, &all, &n, &err));
    for (size_t i = 0; ok && s.remote.json && i < n; i++) {
        print_json(&all[i]);
    }
    if (ok && !s.remote.json && n > 0) {
        print_table(all, n, clock_now_ms(cli->clock));
    } else if (ok && !s.remote.json) {
        printf("There is no connection yet. Make one: sluice login hubspot\n");
    }
    store_close(store);
    return ok ? 0 : cli_fail(&err);
}
